// The history of a heap, for a page (pages/report/history.mjs says what that is), from the operations of a source.
//
// A recording has the addresses. A heap like the one that was recorded replays it beside that, for what a recording does not say: how
// large slots are, and where spans of them begin and end. As soon as the two differ, and where the recording began with blocks there,
// the rules of the library have to do; `inferred` says so. A trace is replayed, and so is a recording with another policy.
//
// Costs: some 300 ns an operation, and 30 bytes for each besides 45 for a block.

'use strict';

const { binding } = require('../library.js');
const { Player } = require('./player.js');
const { NO_BLOCK } = require('./recorded.js');
const { KIND } = require('./recordings.js');
const { FIRST, MainBlocks, NEVER, Spans } = require('./terrain.js');

const PAGE = 4096;
/** The largest slot of a size class. */
const MOST_SLOT = 32 << 10;
const SLOT_UNIT = 16;
const NONE = 0xffff_ffff;
/** Operations between two times that are kept: between two for which a recording reads the clock. */
const CLOCK_STEP = 64;

/** The options of the heap that a trace is replayed on, as far as sizes depend on them. */
const ALIGNMENTS = { segregated: 16 };

/** How a heap rounds sizes up, as pages/report/pack.mjs has it. */
function roundingOf(policy, alignment) {
  if (policy === 'buddy') return { power: alignment };
  if (policy === 'segregated') return { unit: PAGE, rungs: [...binding.sizeClasses()] };
  return { unit: alignment };
}

/** Bytes of a block by the rules of the library, for heaps that cannot be asked. */
class Rules {
  #classes = binding.sizeClasses();
  #slots = new Map();

  constructor(policy, alignment) {
    Object.assign(this, { policy, alignment });
  }

  sizeOf(size, alignment) {
    if (this.policy === 'segregated') return this.#slot(size, Math.max(SLOT_UNIT, alignment));
    if (this.policy === 'buddy') {
      return 2 ** Math.ceil(Math.log2(Math.max(size, alignment, this.alignment)));
    }
    return Math.ceil(size / this.alignment) * this.alignment;
  }

  /** The slot of the smallest size class whose slots are as large and aligned, or whole pages. */
  #slot(size, alignment) {
    if (size > MOST_SLOT || alignment > PAGE) return Math.ceil(size / PAGE) * PAGE;
    const key = size * 2 * PAGE + alignment;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#classes.find((each) => each >= size && each % alignment === 0);
      this.#slots.set(key, slot);
    }
    return slot;
  }
}

class HistoryBuilder {
  operations = 0;
  initial = 0;
  /** How many blocks that were there when a recording began the heap that replays has refused: no operations. */
  #refusedBefore = 0;
  /** Why not everything is what the heap itself has said; undefined if it is. */
  inferred = undefined;
  /** Opens the heap that replays, which takes the first call: a snapshot has none. */
  #open;
  #player;
  #spans;
  #mains;
  #rules;
  #isRecorded;
  // By id: one more than the number of its block; 0 if there is none.
  #blocks = new Uint32Array(1024);
  #refused = [];
  #marks = [];
  // Microseconds since the recording began, of one operation in CLOCK_STEP.
  #clock = [];
  #hasStacks;
  #live = 0;

  /** `source` is where operations are from, `policy` what it is replayed with; undefined for a recording as it is. */
  constructor({ Column }, source, { policy, limit } = {}) {
    const own =
      source.kind === 'recording' && (policy ?? source.options.policy) === source.options.policy;
    this.#isRecorded = own;
    this.policy = policy ?? source.options?.policy ?? 'first-fit';
    this.options = own ? source.options : {};
    const recorded = source.options?.alignment ?? 1;
    this.alignment = own ? recorded : (ALIGNMENTS[this.policy] ?? recorded);
    this.#rules = new Rules(this.policy, this.alignment);
    this.#mains = new MainBlocks({
      joins: source.options?.joinEmptyBlocks === true && this.policy !== 'buddy',
      isOne: this.policy === 'segregated',
    });
    // The recorded heap had the limit of its own options.
    const replayed = own ? {} : { policy: this.policy, limit };
    this.#open = () => new Player(source, replayed);
    this.#hasStacks = own && source.recording.stacks;
    this.kinds = new Column(Uint8Array);
    this.what = new Column(Uint32Array);
    this.columns = {
      address: new Column(Float64Array),
      size: new Column(Float64Array),
      asked: new Column(Float64Array),
      birth: new Column(Uint32Array),
      death: new Column(Uint32Array),
      previous: new Column(Uint32Array),
      ...(this.#hasStacks ? { site: new Column(Uint32Array) } : {}),
    };
  }

  /** The heap that replays; undefined if the rules have to do. */
  get #replaying() {
    if (this.#player === undefined && this.inferred === undefined) {
      this.#player = this.#open();
      if (this.policy === 'segregated') this.#spans = new Spans(this.#player.heap);
    }
    return this.#player;
  }

  /** Closes the heap that replays: from now on the rules have to do. `why` says what it cannot follow. */
  #infer(why) {
    this.inferred ??= why;
    this.#player?.close();
    this.#player = undefined;
    this.#spans = undefined;
  }

  /** Enters the events of a chunk. */
  add(chunk) {
    for (let at = 0; at < chunk.count; at++) this.#one(chunk, at);
  }

  #one(chunk, at) {
    const is = chunk.kind[at];
    if (is <= KIND.block) {
      this.#began(chunk, at);
      return;
    }
    this.operations += 1;
    if (chunk.time !== undefined && (this.operations - 1) % CLOCK_STEP === 0) {
      this.#clock.push(Math.round(chunk.time[at] / 1000));
    }
    const before = this.#numberOf(chunk.block[at]);
    const address = this.#play(chunk, at);
    const what = this.#enter(is, chunk, at, { before, address });
    this.kinds.push(what.kind);
    this.what.push(what.number);
  }

  /** The number of the block with an id; NONE if there is none. */
  #numberOf(id) {
    return id === NO_BLOCK || id >= this.#blocks.length ? NONE : (this.#blocks[id] - 1) >>> 0;
  }

  /** Plays an event on the heap that replays. Returns the address that the event has, in the recording if there is one. */
  #play(chunk, at) {
    const is = chunk.kind[at];
    const played = this.#replaying?.play(chunk, at);
    if (!this.#isRecorded) return played;
    if (is !== KIND.malloc && is !== KIND.realloc) return chunk.from[at];
    const address = chunk.address[at];
    if (played !== undefined && played !== address)
      this.#infer('its calls return other addresses when they are replayed');
    return address;
  }

  /** What was there when the recording began. */
  #began(chunk, at) {
    if (this.#isRecorded) this.#infer('it began with blocks there');
    if (chunk.kind[at] === KIND.main) {
      if (this.#isRecorded) this.#mains.grow(chunk.size[at], 0, true);
      return;
    }
    const address = this.#isRecorded ? chunk.address[at] : this.#replaying.play(chunk, at);
    if (address === 0) {
      this.#refusedBefore += 1;
      return;
    }
    this.initial += 1;
    this.#make(chunk, at, { address, moment: 0 });
  }

  /** Enters an operation; returns its kind and its number among the things of that kind. */
  #enter(is, chunk, at, { before, address }) {
    const moment = this.operations;
    if (is === KIND.free) {
      if (before === NONE) return { kind: is, number: NONE };
      this.#end(before, chunk.block[at], moment);
      this.#spans?.free(this.columns.address.values[before], moment);
      return { kind: is, number: before };
    }
    if (is === KIND.malloc || is === KIND.realloc) {
      if (address === 0) {
        const refused = is === KIND.malloc ? KIND.refusedMalloc : KIND.refusedRealloc;
        return this.#refuse(refused, chunk.size[at]);
      }
      if (before !== NONE) {
        const resized = this.#make(chunk, at, { address, moment, previous: before });
        return { kind: KIND.realloc, number: resized };
      }
      return { kind: KIND.malloc, number: this.#make(chunk, at, { address, moment }) };
    }
    if (is === KIND.refusedMalloc || is === KIND.refusedRealloc) {
      // What another heap has refused says nothing about this one, so nobody asks it.
      if (!this.#isRecorded) return { kind: KIND.free, number: NONE };
      return this.#refuse(is, chunk.size[at]);
    }
    if (is === KIND.grow && this.#isRecorded) this.#mains.grow(chunk.size[at], moment);
    if (is === KIND.trim) this.#spans?.look(moment);
    if (is === KIND.mark)
      return { kind: is, number: this.#marks.push(chunk.texts[chunk.size[at]]) - 1 };
    return { kind: is, number: NONE };
  }

  #refuse(kind, size) {
    // A heap gives empty spans back before it refuses.
    this.#spans?.look(this.operations);
    return { kind, number: this.#refused.push(size) - 1 };
  }

  /** Ends a block. */
  #end(number, id, moment) {
    const { address, size, death } = this.columns;
    death.values[number] = moment;
    this.#blocks[id] = 0;
    this.#live -= size.values[number];
    this.#mains.count(address.values[number], -1, moment);
  }

  /** Begins a block: the one of an event, in place of the block `previous` if there is one. Returns its number. */
  #make(chunk, at, { address, moment, previous = NONE }) {
    const { columns } = this;
    const id = chunk.block[at];
    const asked = chunk.size[at];
    const isMoved = previous === NONE || columns.address.values[previous] !== address;
    const isNew = this.#spans !== undefined && isMoved && this.#spans.take(address, moment);
    const size = this.#sizeOf(chunk, at, { address, previous, isMoved });
    // Room for an aligned block is looked for with what alignment may cost, so that a heap can grow for a block below its old end.
    const mayGrow = isNew || (chunk.alignment?.[at] ?? 1) > this.alignment;
    if (!this.#isRecorded) this.#growTo(address + size, mayGrow, moment);
    else this.#growAtLeastTo(address + size, moment);
    // A block that moves is there twice for a while, so that what is empty then decides.
    this.#mains.count(address, 1, moment);
    if (previous !== NONE) this.#end(previous, id, moment);
    if (isMoved && previous !== NONE) this.#spans?.free(columns.address.values[previous], moment);
    const number = columns.address.length;
    columns.address.push(address);
    columns.size.push(size);
    columns.asked.push(asked);
    columns.birth.push(moment);
    columns.death.push(NEVER);
    columns.previous.push(previous);
    columns.site?.push(chunk.stack[at] || (previous === NONE ? 0 : columns.site.values[previous]));
    this.#live += size;
    if (id !== NO_BLOCK && id >= this.#blocks.length) {
      const longer = new Uint32Array(2 * id);
      longer.set(this.#blocks);
      this.#blocks = longer;
    }
    if (id !== NO_BLOCK) this.#blocks[id] = number + 1;
    return number;
  }

  /** Bytes of a block. */
  #sizeOf({ size, alignment }, at, { address, previous, isMoved }) {
    // In place, the buddy system forgets that a block was aligned.
    const aligned = isMoved ? (alignment?.[at] ?? 1) : 1;
    const isAsked = this.policy === 'segregated' || this.policy === 'buddy';
    if (isAsked && this.#player !== undefined) return this.#player.heap.usableSize(address);
    if (this.policy !== 'segregated') return this.#rules.sizeOf(size[at], aligned);
    // A slot stays as large as it is.
    const was = isMoved ? 0 : this.columns.size.values[previous];
    if (was >= size[at] && was <= MOST_SLOT) return was;
    return was > MOST_SLOT
      ? Math.ceil(size[at] / PAGE) * PAGE
      : this.#rules.sizeOf(size[at], aligned);
  }

  /** Notes that a recorded heap has grown, if a block is behind its end: among the operations that are missing it has. */
  #growAtLeastTo(end, moment) {
    const missing = end - FIRST - this.#mains.mapped;
    if (missing > 0) this.#mains.grow(Math.ceil(missing / PAGE) * PAGE, moment);
  }

  /** Notes that the heap that replays has grown, if `end` of a block is behind what is known, or if it may have grown anyway. */
  #growTo(end, mayGrow, moment) {
    if (end <= FIRST + this.#mains.mapped && !mayGrow) return;
    const { mapped } = this.#player.heap.stats().bytes;
    if (mapped > this.#mains.mapped) this.#mains.grow(mapped - this.#mains.mapped, moment);
  }

  /** The statistics of the heap that replays. */
  stats() {
    return this.#player?.heap.stats();
  }

  /** The history. `meta` is what else the page is to know. */
  finish(meta) {
    const blocks = Object.fromEntries(
      Object.entries(this.columns).map(([name, column]) => [name, column.array]),
    );
    blocks.count = blocks.address.length;
    return {
      meta: { ...meta, policy: this.policy, marks: this.#marks, clockStep: CLOCK_STEP },
      initial: this.initial,
      operations: this.operations,
      kinds: this.kinds.array,
      what: this.what.array,
      blocks,
      mains: this.#mains.mains,
      borders: this.#mains.borders,
      spans: this.#spans?.columns ?? { start: [], end: [], slot: [], from: [], to: [] },
      refused: this.#refused,
      refusedBefore: this.#refusedBefore,
      clock: this.#clock.length > 0 ? this.#clock : undefined,
      rounding: roundingOf(this.policy, this.alignment),
    };
  }

  close() {
    this.#player?.close();
  }
}

module.exports = { HistoryBuilder };
