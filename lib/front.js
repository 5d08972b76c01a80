// Fronts: malloc and free of a heap that only its thread knows, without leaving JavaScript.
//
// A front is memory that the addon reaches as well (src/heap/segregated/front.rs lays it out). It has a stack of free slots for
// each size class, and a byte for each 16 bytes of the heap's addresses, its state: whether a block starts there, of which class,
// and how many of its bytes were not asked for (src/heap/segregated/states.rs). So malloc() takes a slot off a stack, and free()
// looks at one byte and puts the slot back; only an empty or full stack takes a call of the addon.
//
// Nobody else uses the heap meanwhile: Heap ends the front when the heap's id is read, and the addon takes the lock at each call
// from then on. A front returns undefined or false for what it does not know: no size, no address, a block of another kind. The
// addon knows all cases, and throws.

'use strict';

const binding = require('../binding.js');
const { callWith, fillFront, flushFront } = require('./calls.js');

// What is at which index of the words, which have 32 bits. As doubles and whole numbers of 64 bits, they have half the index.
const MALLOCS = 0;
const PADDING = 2;
const STATES = 3;
const ADDRESS = 4;
const ELSEWHERE = 6;
const TOPS = 64;
const LIMITS = 128;
const STACKS = 192;
/** Words of a stack, a power of two: stacks begin at multiples of it. */
const PLACES = 64;

/** The unit of the heap's first address. An address of a slot is 16 times its unit, and 8. */
const STEP = 62;

/** The largest size that a front has slots for, and the classes that there are up to it. */
const MOST = 32_768;
const CLASSES = 54;
/** The first classes of which padding takes two bytes, and three. */
const WIDE = 8;
const WIDER = 50;
/** States of slots that a front frees are below this. */
const QUICK = 70;

/** Calls after which a heap gets a front: making a front takes longer than they do. */
const CALLS_BEFORE = 128;

/** Codes of errors of heaps that have ended. */
const ENDED = new Set(['ERR_MEMS_CLOSED', 'ERR_MEMS_NOT_INITIALIZED']);

/** The most that padding may have changed by. */
const FAR = 2 ** 30;

/** Bytes of a slot of each class, and the class of each number of units; filled when there is the first heap. */
const SIZES = new Int32Array(CLASSES);
const CLASS_OF = new Uint8Array(MOST / 16 + 1);
/** The class of each state. */
const CLASS_OF_STATE = new Uint8Array(QUICK);

/** Stands for the memory of a front that is not made: all stacks are empty, and there are no states. */
const NO_WORDS = new Int32Array(STACKS + PLACES * CLASSES);
const NO_NUMBERS = new Float64Array(1);
const NO_ADDRESSES = new BigUint64Array(3);
const NO_STATES = new Uint8Array(0);
const NO_TABLE = new DataView(new ArrayBuffer(4 * STACKS));

/** The largest unit that a number of 31 bits can be. */
const MOST_UNIT = 2 ** 31 - 1;

/**
 * An address as a whole number of 64 bits, and its halves. Arrays that are constants, over memory outside of the JavaScript heap,
 * are reached without a look at the arrays.
 */
const WHOLE = new BigUint64Array(new ArrayBuffer(8));
const { asUintN } = BigInt;
const HALVES = new Int32Array(WHOLE.buffer);

/**
 * For each state, the bytes of a block without padding, -1 if the addon knows more, and which bits of four bytes that begin with
 * the state are padding: seven of each byte that padding takes.
 */
const SIZE_AT = new Int32Array(256).fill(-1);
const PADDING_IN = new Int32Array(256);
/** The bits of padding that its first byte has, its second and its third. */
const LOW = 0x7f;
const MIDDLE = LOW << 7;
const HIGH = LOW << 14;

function readClasses() {
  binding.sizeClasses().forEach((size, number) => {
    if (number < CLASSES) SIZES[number] = size;
  });
  for (let unit = 1, number = 0; unit < CLASS_OF.length; unit++) {
    if (16 * unit > SIZES[number]) number++;
    CLASS_OF[unit] = number;
  }
  for (let state = 1; state <= 16; state++) SIZE_AT[state] = state;
  for (let state = 17; state < QUICK; state++) {
    const number = state - 16;
    CLASS_OF_STATE[state] = number;
    SIZE_AT[state] = SIZES[number];
    PADDING_IN[state] = number < WIDE ? 0x7f00 : number < WIDER ? 0x7f7f00 : 0x7f7f7f00;
  }
}

class Front {
  /** The front of a heap. One that is not new may be known to others and gets no memory. `asNumber`: it returns numbers. */
  constructor(heap, asNumber, isNew) {
    this.heap = heap;
    this.asNumber = asNumber;
    this.calls = isNew ? 0 : Number.POSITIVE_INFINITY;
    /** Whether other threads may use the heap. */
    this.isPublished = false;
    if (SIZES[0] === 0) readClasses();
    /** The address objects of slots, as they were freed, by their places in the words. */
    this.objects = undefined;
    this.reset();
  }

  /** Drops the memory. */
  reset() {
    this.words = NO_WORDS;
    this.numbers = NO_NUMBERS;
    this.addresses = NO_ADDRESSES;
    this.states = NO_STATES;
    // The words and the states in one, where the first unit's state is in it, and how many states can be read with what follows.
    this.table = NO_TABLE;
    this.lead = 0;
    this.shown = 0;
    this.objects = undefined;
    this.distance = 0n;
  }

  /** Ends the front for good. Only the heap's thread knows the heap still. */
  end() {
    this.calls = Number.POSITIVE_INFINITY;
    this.reset();
  }

  /** Gives other threads access to the heap, which ends its front for good. */
  publish() {
    if (this.isPublished) return;
    try {
      binding.publish(this.heap);
    } catch (error) {
      // The id of a heap that has ended may still be read.
      if (!ENDED.has(error.code)) throw error;
    }
    this.isPublished = true;
    this.end();
  }

  /** Makes a block of `size` bytes. Returns its unit, or 0: the addon knows more. */
  take(size) {
    if (typeof size !== 'number' || size >>> 0 !== size || size > MOST || size === 0) return 0;
    const number = CLASS_OF[(size + 15) >>> 4];
    let top = this.words[TOPS + number];
    if ((top & (PLACES - 1)) === 0) {
      top = this.fill(number);
      if ((top & (PLACES - 1)) === 0) return 0;
    }
    top--;
    const { words, states } = this;
    // No call comes between the next writes: a thread that is stopped has taken the block or not.
    words[TOPS + number] = top;
    const unit = words[top];
    if (number === 0) {
      states[unit] = size;
      words[PADDING] += 16 - size;
    } else {
      const padding = SIZES[number] - size;
      states[unit + 1] = 0x80 | padding;
      if (number >= WIDE) {
        states[unit + 2] = 0x80 | (padding >> 7);
        if (number >= WIDER) states[unit + 3] = 0x80 | (padding >> 14);
      }
      states[unit] = number + 16;
      words[PADDING] += padding;
    }
    this.numbers[MALLOCS]++;
    return unit;
  }

  /** Frees the block that starts at `unit`, a whole number. Returns where in the words its slot is now, or 0: the addon knows more. */
  give(unit) {
    const { states } = this;
    const state = states[unit];
    if (!(state > 0 && state < QUICK)) return 0;
    const number = CLASS_OF_STATE[state];
    let top = this.words[TOPS + number];
    if (top === this.words[LIMITS + number]) {
      top = this.flush(number);
      // The stack is still full where another object of the heap has ended the front.
      if (top === this.words[LIMITS + number]) return 0;
    }
    const { words } = this;
    let padding = 16 - state;
    if (number > 0) {
      padding = states[unit + 1] & 0x7f;
      if (number >= WIDE) padding |= this.wide(unit, number);
    }
    states[unit] = 0;
    words[PADDING] -= padding;
    words[top] = unit;
    words[TOPS + number] = top + 1;
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
    if (this.asNumber) return 16 * unit + 8;
    // An address that was freed is an object already, and is returned again.
    const object = this.objects[this.words[TOPS + CLASS_OF[(size + 15) >>> 4]]];
    if (object !== undefined) return object;
    const { words, addresses } = this;
    words[ADDRESS] = (unit << 4) | 8;
    words[ADDRESS + 1] = unit >>> 28;
    return addresses[ADDRESS / 2];
  }

  /** Frees the block that starts at `address`. Returns whether it did; if not, the addon knows more. */
  free(address) {
    const unit = this.unitOf(address);
    if (unit === 0) return false;
    const place = this.give(unit);
    if (place === 0) return false;
    if (!this.asNumber) this.objects[place] = typeof address === 'bigint' ? address : undefined;
    return true;
  }

  /** The unit of an address that a slot can have; else 0. */
  unitOf(address) {
    if (typeof address !== 'number') return unitOfBig(address);
    const unit = (address - 8) / 16;
    // Without a sign and a fraction it is the same number only if it has neither.
    return (unit & MOST_UNIT) === unit ? unit : 0;
  }

  /**
   * The bytes that were asked for of the block that starts at `unit`, in the first of the heap's regions; -1: the addon knows more.
   */
  sizeAt(unit) {
    const { table } = this;
    // In a DataView, one look at the array serves for the word and the bytes; all processors that MeMS runs on are little-endian.
    if (unit >= this.shown || unit >= table.getUint32(4 * ELSEWHERE, true)) return -1;
    // The state, and the bytes that padding may take.
    const bytes = table.getInt32(this.lead + unit, true);
    const padding = bytes & PADDING_IN[bytes & 0xff];
    const low = ((padding >>> 8) & LOW) | ((padding >>> 9) & MIDDLE);
    return SIZE_AT[bytes & 0xff] - (low | ((padding >>> 10) & HIGH));
  }

  /** Whether an address is in the first of the heap's regions, as far as the front knows. */
  isNear(address) {
    const unit = this.unitOf(address);
    return unit > 0 && unit < this.words[ELSEWHERE];
  }

  /** Whether there is no front yet, but there may be one later. */
  mayBegin() {
    return this.states === NO_STATES && this.calls !== Number.POSITIVE_INFINITY;
  }

  /** Whether there is a front. A call that it would have made quicker asks, and counts as one of those that a heap gets a front for. */
  isThere() {
    if (this.states !== NO_STATES) return true;
    return this.calls !== Number.POSITIVE_INFINITY && this.begin();
  }

  /** The bytes of the slot of a block that starts at `address`; 0: the addon knows more. */
  usableSize(address) {
    return this.usableAt(this.unitOf(address));
  }

  /** The bytes of the slot of a block that starts at `unit`; 0: the addon knows more. */
  usableAt(unit) {
    const { states } = this;
    if (unit >= states.length) return 0;
    const state = states[unit];
    return state > 0 && state < QUICK ? SIZES[CLASS_OF_STATE[state]] : 0;
  }

  /** The physical address of a block that starts at `address`; undefined: the addon knows more. */
  get(address) {
    const unit = this.unitOf(address);
    const { table } = this;
    if (unit >= this.shown || unit >= table.getUint32(4 * ELSEWHERE, true)) return undefined;
    const state = table.getUint8(this.lead + unit);
    if (state === 0 || state >= QUICK) return undefined;
    // The compiler has to know the kind of what is added.
    if (this.asNumber)
      return typeof address === 'number' ? physicalOf(address, this.distance) : undefined;
    return typeof address === 'bigint' ? address + this.distance : undefined;
  }

  /** Gives the block that starts at `address` the size `size` in its slot. Returns whether it has: else the addon knows more. */
  resize(address, size) {
    if (typeof size !== 'number' || size >>> 0 !== size || size === 0) return false;
    const unit = this.unitOf(address);
    const { words, states } = this;
    const state = states[unit];
    if (!(state > 0 && state < QUICK)) return false;
    const number = CLASS_OF_STATE[state];
    const padding = SIZES[number] - size;
    // The addon adds up what has become much, so that the word holds it, and does all where the front has ended.
    if (padding < 0 || Math.abs(words[PADDING]) > FAR) return false;
    if ((words[LIMITS + number] & (PLACES - 1)) === 0) return false;
    if (number === 0) {
      words[PADDING] += state - size;
      states[unit] = size;
      return true;
    }
    let before = states[unit + 1] & 0x7f;
    // No call comes between the next writes, so that a thread that is stopped leaves all of them or none.
    if (number >= WIDE) before |= this.wide(unit, number);
    states[unit + 1] = 0x80 | padding;
    if (number >= WIDE) {
      states[unit + 2] = 0x80 | (padding >> 7);
      if (number >= WIDER) states[unit + 3] = 0x80 | (padding >> 14);
    }
    words[PADDING] += padding - before;
    return true;
  }

  /** Has the addon put slots of a class on their stack, which is empty. Returns its top: it may still be empty. */
  fill(number) {
    if (this.states === NO_STATES && !this.begin()) return 0;
    callWith(fillFront, this.heap, number);
    const { words, objects } = this;
    const top = words[TOPS + number];
    for (let place = STACKS + PLACES * number; place < top; place++) objects[place] = undefined;
    if (words[STATES] >>> 0 <= this.states.length || this.map()) return top;
    // Slots whose states cannot be shown would be handed out without one.
    this.publish();
    return 0;
  }

  /** Has the addon take the older half of the slots of a class off their stack, which is full. Returns its top. */
  flush(number) {
    const { words, objects } = this;
    const before = words[TOPS + number];
    callWith(flushFront, this.heap, number);
    const top = words[TOPS + number];
    if (top < before) {
      for (let place = STACKS + PLACES * number; place < top; place++)
        objects[place] = objects[place + before - top];
    }
    return top;
  }

  /** Makes the front when the heap has been called often enough. Returns whether it has. */
  begin() {
    if (this.calls++ < CALLS_BEFORE || this.calls === Number.POSITIVE_INFINITY) return false;
    if (!this.map()) {
      this.end();
      return false;
    }
    this.objects = new Array(STACKS + PLACES * CLASSES).fill(undefined);
    return true;
  }

  /** Makes the arrays over the memory, as long as the heap is by now. Returns whether there is such memory. */
  map() {
    const memory = memoryOf(this.heap);
    if (memory === null) return false;
    const { buffer, start, lead, length, distance } = memory;
    // In the kind of the addresses that the heap returns.
    this.distance = this.asNumber ? Number(distance) : distance;
    this.words = new Int32Array(buffer, start, NO_WORDS.length);
    this.numbers = new Float64Array(buffer, start, 1);
    this.addresses = new BigUint64Array(buffer, start, 3);
    this.states = new Uint8Array(buffer, start + lead - STEP, length - lead + STEP);
    this.table = new DataView(buffer, start, length);
    this.lead = lead - STEP;
    this.shown = this.states.length - 3;
    return true;
  }
}

/** `Front.unitOf` for what is no number. */
function unitOfBig(address) {
  if (typeof address !== 'bigint' || asUintN(35, address) !== address) return 0;
  WHOLE[0] = address;
  const low = HALVES[0];
  return (low & 15) === 8 ? (low >>> 4) | (HALVES[1] << 28) : 0;
}

/** The physical address of a block, as a number. The addon says what is wrong with one that no number can be. */
function physicalOf(address, distance) {
  const physical = address + distance;
  return physical > Number.MAX_SAFE_INTEGER ? undefined : physical;
}

/** The memory of a heap's front; null if it has none, or the runtime can show none. */
function memoryOf(heap) {
  try {
    return binding.front(heap);
  } catch (_) {
    // No buffer over native memory, or no more of them. The addon does without.
    return null;
  }
}

module.exports = { Front };
