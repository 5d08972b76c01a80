// Fronts: malloc and free without leaving JavaScript.
//
// A front is memory that the addon reaches as well (src/heap/segregated/front.rs lays it out). It has a stack of free slots for
// each size class. Beside it there is a byte for each 16 bytes of the heap's addresses, its state: whether a block starts there, of
// which class, and how many of its bytes were not asked for (src/heap/segregated/states.rs). So malloc() takes a slot off a stack,
// and free() looks at one byte and puts the slot back; only an empty or full stack takes a call of the addon.
//
// A heap is private at first: nobody but its thread knows it. When its id is read, the front ends, and each thread that uses the heap
// gets a shared front of its own. The stacks are the thread's own still, but the states are not: a shared front frees a block by
// compare-exchange, so that of two threads that free it at once one has the slot (src/heap/segregated/fronts.rs argues why that is
// all that is needed).
//
// A front returns undefined or false for what it does not know: no size, no address, a block of another kind, one that another thread
// is freeing. The addon knows all cases, and throws.

'use strict';

const binding = require('../binding.js');
const { bigOf, bigOfNumber, keepBig, unitOfBig, unitOfNumber } = require('./addresses.js');
const { callWith, fillFront, flushFront } = require('./calls.js');
const {
  CLASSES,
  CLASS_OF,
  CLASS_OF_STATE,
  HIGH,
  LOW,
  MIDDLE,
  MOST,
  PADDING_IN,
  QUICK,
  SIZES,
  SIZE_AT,
  WIDE,
  WIDER,
  readClasses,
} = require('./states.js');

// What is at which index of the words, which have 32 bits. As doubles and whole numbers of 64 bits, they have half the index.
const MALLOCS = 0;
const STATES = 3;
const RESTING = 4;
const BUSY = 7;
const PADDING = 8;
const COUNT = 10;
const MORE = 11;
const ALLOCATED = 12;
const TOPS = 64;
const LIMITS = 128;
const STACKS = 192;
/** Words of a stack, a power of two: stacks begin at multiples of it. */
const PLACES = 64;

/** The unit of the heap's first address. An address of a slot is 16 times its unit, and 8. */
const STEP = 62;

/** Bytes before the states, and where in them is the first unit whose memory is not in the heap's first region. */
const LEAD = 16_384;
const ELSEWHERE = 16_256;
/** Where the state of the unit 0 would be. */
const FIRST_STATE = LEAD - STEP;

/** What a block adds to the word COUNT, beside its units: 2^21, which is more than the units of 1023 blocks. */
const CALL = 2_097_152;

/**
 * 1023 calls of malloc, after which their number, their units and the padding are carried from whole numbers of 32 bits to doubles. A
 * call changes the padding by less than 2^15, and until a stack is full, and a call of the addon adds all up, at most as many more blocks are freed
 * than allocated as all stacks have places: less than 2^31 in sum.
 */
const FULL = 1023 * CALL;

/** Calls after which a heap gets a front: making a front takes longer than they do. */
const CALLS_BEFORE = 128;

/** Frees of blocks beyond the states that are shown, after which more of them are shown. */
const FREES_BEFORE = 128;

/** Whether other processors see plain stores in their order, and so the state of a block after its padding. */
const STORES_ARE_ORDERED = process.arch === 'x64';

/** Whether there are atomic operations on such memory: Node 14 has none. */
const CAN_SHARE = canCompare();

/** Stands for the memory of a front that is not made: all stacks are empty, and there are no states. */
const NO_WORDS = new Int32Array(STACKS + PLACES * CLASSES);
const NO_NUMBERS = new Float64Array(7);
const NO_STATES = new Uint8Array(0);
const NO_TABLE = new DataView(new ArrayBuffer(LEAD));

function canCompare() {
  try {
    return Atomics.compareExchange(new Uint8Array(new ArrayBuffer(8)), 1, 0, 1) === 0;
  } catch (_) {
    return false;
  }
}

class Front {
  /** The front of a heap, which is shared unless the heap is new. `asNumber`: it returns numbers. */
  constructor(heap, asNumber, isNew) {
    this.heap = heap;
    this.asNumber = asNumber;
    /** Whether other threads may use the heap. */
    this.isShared = !isNew;
    /** Whether the heap's id has been read by way of this object. */
    this.isPublished = false;
    /** How often the heap was called before there was a front. */
    this.calls = this.isShared && !CAN_SHARE ? Number.POSITIVE_INFINITY : 0;
    /** Frees of blocks beyond the states that are shown. */
    this.missed = 0;
    if (SIZES[0] === 0) readClasses();
    this.reset();
  }

  /** Drops the memory. */
  reset() {
    this.number = 0;
    this.words = NO_WORDS;
    this.numbers = NO_NUMBERS;
    this.states = NO_STATES;
    // The words and the states in one, where the first unit's state is in it, and how many states can be read with what follows.
    this.table = NO_TABLE;
    this.shown = 0;
    this.distance = 0;
  }

  /** Ends the front for good. */
  end() {
    this.calls = Number.POSITIVE_INFINITY;
    this.reset();
  }

  /** Drops a front that has ended, which has no limits. */
  dropEnded() {
    const isResting = this.words[RESTING] !== 0;
    this.end();
    // The default heap may be another one by now, and a heap that is recorded has fronts again when it is not. Else a newer object of
    // the heap in this thread has the front.
    if (isResting || this.heap === 0) this.calls = 0;
  }

  /** Gives other threads access to the heap. If it was private, its front ends, and a shared one begins later. */
  publish() {
    if (this.isPublished) return;
    try {
      binding.publish(this.heap);
    } catch (_) {
      // The id of a heap that has ended, or that a panic has poisoned, may still be read.
    }
    this.isPublished = true;
    if (this.isShared) return;
    this.isShared = true;
    this.reset();
    this.calls = CAN_SHARE ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Makes a block of `size` bytes. Returns its unit, or 0: the addon knows more. */
  take(size) {
    if (typeof size !== 'number') return 0;
    // What follows is computed with whole numbers, even if sizes are doubles to the compiler.
    const bytes = size | 0;
    if (bytes !== size || bytes > MOST || bytes < 1) return 0;
    const number = CLASS_OF[(bytes + 15) >>> 4];
    let top = this.words[TOPS + number];
    if ((top & (PLACES - 1)) === 0) {
      top = this.fill(number);
      if ((top & (PLACES - 1)) === 0) return 0;
    }
    if (this.isShared === true) return this.takeShared(bytes, number, top);
    const { words, states } = this;
    if (words[COUNT] >= FULL) this.carry();
    // No call comes between the next writes: a thread that is stopped has taken the block or not.
    const place = (top - 1) | 0;
    const slot = SIZES[number];
    words[COUNT] += CALL + (slot >>> 4);
    words[TOPS + number] = place;
    const unit = words[place];
    const padding = slot - bytes;
    if (number === 0) states[unit] = bytes;
    else {
      states[unit + 1] = 0x80 | padding;
      if (number >= WIDE) {
        states[unit + 2] = 0x80 | (padding >> 7);
        if (number >= WIDER) states[unit + 3] = 0x80 | (padding >> 14);
      }
      states[unit] = number + 16;
    }
    words[MORE] += padding;
    return unit;
  }

  /** Adds what is counted in whole numbers of 32 bits, which are quicker, to what is counted in doubles. */
  carry() {
    const { words, numbers } = this;
    numbers[MALLOCS] += words[COUNT] >>> 21;
    numbers[ALLOCATED / 2] += 16 * (words[COUNT] & (CALL - 1));
    numbers[PADDING / 2] += words[MORE];
    words[COUNT] = 0;
    words[MORE] = 0;
  }

  /** `take` of a shared front, whose stack of the class is not empty: it ends at `top`. */
  takeShared(size, number, top) {
    const { words, numbers, states } = this;
    // Another thread may have ended the heap: no front has limits then.
    if (words[LIMITS + number] === 0) return 0;
    // No call comes between the next writes, so that a thread that is stopped has taken the block or not. Other threads that look
    // on find BUSY (src/heap/segregated/front.rs).
    words[BUSY] = 1;
    numbers[MALLOCS]++;
    const slot = SIZES[number];
    numbers[ALLOCATED / 2] += slot;
    words[TOPS + number] = top - 1;
    const unit = words[top - 1];
    const padding = slot - size;
    numbers[PADDING / 2] += padding;
    if (number > 0) {
      states[unit + 1] = 0x80 | padding;
      if (number >= WIDE) {
        states[unit + 2] = 0x80 | (padding >> 7);
        if (number >= WIDER) states[unit + 3] = 0x80 | (padding >> 14);
      }
    }
    const state = number === 0 ? size : number + 16;
    if (STORES_ARE_ORDERED) states[unit] = state;
    else Atomics.store(states, unit, state);
    words[BUSY] = 0;
    return unit;
  }

  /** Frees the block that starts at `unit`, a whole number. Returns where in the words its slot is now, or 0: the addon knows more. */
  give(unit) {
    const { states } = this;
    const state = states[unit];
    if (!(state > 0 && state < QUICK)) return 0;
    const number = CLASS_OF_STATE[state];
    let top = this.words[TOPS + number];
    if (top >= this.words[LIMITS + number]) {
      top = this.flush(number);
      // The stack is still full where another object of the heap has ended the front, which has no limits then.
      if (top >= this.words[LIMITS + number]) return 0;
    }
    if (this.isShared === true) return this.giveShared(unit, state, top);
    const { words } = this;
    let padding = 16 - state;
    if (number > 0) {
      padding = states[unit + 1] & 0x7f;
      if (number >= WIDE) padding |= this.wide(unit, number);
    }
    states[unit] = 0;
    words[MORE] -= padding;
    words[top] = unit;
    words[TOPS + number] = top + 1;
    return top;
  }

  /** `give` of a shared front, which has room for one more slot at `top`. `state`: the block's, as it was just now. */
  giveShared(unit, state, top) {
    const { words, numbers, states } = this;
    const number = CLASS_OF_STATE[state];
    words[BUSY] = 1;
    if (Atomics.compareExchange(states, unit, state, 0) !== state) {
      // Another thread was quicker.
      words[BUSY] = 0;
      return 0;
    }
    // No call comes from here on, since a thread may be stopped in one, and the slot would be lost. The padding is that of the
    // block that this thread has won, and not that of one that was there before.
    let padding = 16 - state;
    if (number > 0) {
      padding = states[unit + 1] & LOW;
      if (number >= WIDE) {
        padding |= (states[unit + 2] & LOW) << 7;
        if (number >= WIDER) padding |= (states[unit + 3] & LOW) << 14;
      }
    }
    numbers[PADDING / 2] -= padding;
    words[top] = unit;
    words[TOPS + number] = top + 1;
    words[BUSY] = 0;
    return top;
  }

  /** The higher bits of the padding of a block that starts at `unit`, of a class that has such. */
  wide(unit, number) {
    const { states } = this;
    const middle = (states[unit + 2] & 0x7f) << 7;
    return number < WIDER ? middle : middle | ((states[unit + 3] & 0x7f) << 14);
  }

  /** The address of a new block of `size` bytes; undefined: the addon knows more. */
  malloc(size) {
    const unit = this.take(size);
    if (unit === 0) return undefined;
    return this.asNumber === true ? 16 * unit + 8 : bigOf(unit);
  }

  /** Frees the block that starts at `address`. Returns whether it did; if not, the addon knows more. */
  free(address) {
    const unit = this.unitOf(address);
    if (unit === 0) return false;
    if (this.give(unit) === 0) return this.isShared ? this.freeMissed(unit, address) : false;
    if (this.asNumber === false) keepBig(unit, address);
    return true;
  }

  /** Frees a block whose state is not shown, if it is by now: in a thread that only frees, or where others have made the heap longer. */
  freeMissed(unit, address) {
    if (this.states === NO_STATES) return this.begin() && this.free(address);
    if (unit < this.states.length || ++this.missed < FREES_BEFORE) return false;
    this.missed = 0;
    const before = this.states.length;
    return this.map() && this.states.length > before && this.free(address);
  }

  /** The unit of an address that a slot can have, or of one below the first; else 0. */
  unitOf(address) {
    return typeof address === 'number' ? unitOfNumber(address) : unitOfBig(address);
  }

  /**
   * The bytes that were asked for of the block that starts at `unit`, in the first of the heap's regions; -1: the addon knows more.
   */
  sizeAt(unit) {
    const { table } = this;
    // In a DataView, one look at the array serves for the word and the bytes; all processors that MeMS runs on are little-endian.
    if (unit >= this.shown || unit >= table.getUint32(ELSEWHERE, true)) return -1;
    // The state, and the bytes that padding may take.
    const bytes = table.getInt32(FIRST_STATE + unit, true);
    const padding = bytes & PADDING_IN[bytes & 0xff];
    const low = ((padding >>> 8) & LOW) | ((padding >>> 9) & MIDDLE);
    return SIZE_AT[bytes & 0xff] - (low | ((padding >>> 10) & HIGH));
  }

  /** Whether an address is in the first of the heap's regions, as far as the front knows. */
  isNear(address) {
    const unit = this.unitOf(address);
    return unit > 0 && unit < this.table.getUint32(ELSEWHERE, true);
  }

  /** Whether there is no front yet, but there may be one later. */
  mayBegin() {
    return this.states === NO_STATES && this.calls !== Number.POSITIVE_INFINITY;
  }

  /** Whether there is a front. A call that it would have made quicker asks, and counts as one of those that a heap gets a front for. */
  isThere() {
    if (this.states === NO_STATES) return this.calls !== Number.POSITIVE_INFINITY && this.begin();
    if (this.words[LIMITS] !== 0) return true;
    this.dropEnded();
    return false;
  }

  /** The bytes of the slot of a block that starts at `address`; 0: the addon knows more. */
  usableSize(address) {
    return this.usableAt(this.unitOf(address));
  }

  /** The bytes of the slot of a block that starts at `unit`; 0: the addon knows more. */
  usableAt(unit) {
    const { states } = this;
    // The last states that are shown, and other regions, are left to the addon; and all of a heap that has ended.
    if (unit >= this.shown || unit >= this.table.getUint32(ELSEWHERE, true)) return 0;
    const state = states[unit];
    return state > 0 && state < QUICK ? SIZES[CLASS_OF_STATE[state]] : 0;
  }

  /** The physical address of a block that starts at `address`; undefined: the addon knows more. */
  get(address) {
    const unit = this.unitOf(address);
    const { table } = this;
    if (unit >= this.shown || unit >= table.getUint32(ELSEWHERE, true)) return undefined;
    const state = table.getUint8(FIRST_STATE + unit);
    if (state === 0 || state >= QUICK) return undefined;
    const physical = 16 * unit + 8 + this.distance;
    // The addon says what is wrong with one that no number can be.
    if (physical > Number.MAX_SAFE_INTEGER) return undefined;
    return this.asNumber ? physical : bigOfNumber(physical);
  }

  /** Gives the block that starts at `address` the size `size` in its slot. Returns whether it has: else the addon knows more. */
  resize(address, size) {
    if (typeof size !== 'number') return false;
    const bytes = size | 0;
    if (bytes !== size || bytes < 1) return false;
    const unit = this.unitOf(address);
    const { words, numbers, states } = this;
    // Where other threads may free the block meanwhile, the addon claims it first.
    if (this.isShared) return false;
    const state = states[unit];
    if (!(state > 0 && state < QUICK)) return false;
    const number = CLASS_OF_STATE[state];
    const padding = SIZES[number] - bytes;
    if (padding < 0) return false;
    // A front that has ended has no limits.
    if (words[LIMITS + number] === 0) return false;
    if (number === 0) {
      numbers[PADDING / 2] += state - bytes;
      states[unit] = bytes;
      return true;
    }
    let before = states[unit + 1] & 0x7f;
    if (number >= WIDE) before |= this.wide(unit, number);
    // No call comes between the next writes, so that a thread that is stopped leaves all of them or none.
    states[unit + 1] = 0x80 | padding;
    if (number >= WIDE) {
      states[unit + 2] = 0x80 | (padding >> 7);
      if (number >= WIDER) states[unit + 3] = 0x80 | (padding >> 14);
    }
    numbers[PADDING / 2] += padding - before;
    return true;
  }

  /** Has the addon put slots of a class on their stack, which is empty. Returns its top: it may still be empty. */
  fill(number) {
    if (this.states === NO_STATES && !this.begin()) return 0;
    callWith(fillFront, this.heap, 64 * this.number + number);
    const { words } = this;
    if (words[LIMITS + number] === 0) {
      this.dropEnded();
      return 0;
    }
    const top = words[TOPS + number];
    if (words[STATES] >>> 0 <= this.states.length || this.mapMore()) return top;
    binding.endFront(this.heap);
    this.end();
    return 0;
  }

  /** Has more states shown, of slots that are on a stack already. Returns whether they are: else nobody may take these slots. */
  mapMore() {
    const { words } = this;
    this.words = NO_WORDS;
    // This may throw, where the engine has no room on its own stack: there is no front then, until there is a new one.
    if (!this.map()) return false;
    this.words = words;
    return true;
  }

  /** Has the addon take the older half of the slots of a class off their stack, which is full. Returns its top. */
  flush(number) {
    callWith(flushFront, this.heap, 64 * this.number + number);
    return this.words[TOPS + number];
  }

  /** Makes the front when the heap has been called often enough. Returns whether it has. */
  begin() {
    if (this.calls++ < CALLS_BEFORE || this.calls === Number.POSITIVE_INFINITY) return false;
    if (!this.map() || (this.isShared && !CAN_SHARE)) {
      this.end();
      if (binding.isRecording(this.heap)) this.calls = 0;
      return false;
    }
    return true;
  }

  /** Makes the arrays over the memory, as long as the heap is by now. Returns whether there is such memory. */
  map() {
    const memory = memoryOf(this.heap, this.number);
    if (memory === null) return false;
    const { number, isShared, words, wordsStart, states, statesStart, length, distance } = memory;
    // Another object of the heap may have published it.
    if (isShared) this.isShared = true;
    this.distance = Number(distance);
    if (number !== this.number) {
      this.number = number;
      this.words = new Int32Array(words, wordsStart, NO_WORDS.length);
      this.numbers = new Float64Array(words, wordsStart, 7);
    }
    // No state is shown that the addon does not reach by atomic operations.
    this.states = new Uint8Array(states, statesStart - STEP, length);
    this.table = new DataView(states, statesStart - LEAD, length + FIRST_STATE);
    this.shown = this.states.length - 3;
    return true;
  }
}

/** The memory of a heap's front, which is made if its number is 0; null if it has none, or the runtime can show none. */
function memoryOf(heap, number) {
  try {
    return binding.front(heap, number);
  } catch (_) {
    // No buffer over native memory, or no more of them. The addon does without.
    return null;
  }
}

module.exports = { Front };
