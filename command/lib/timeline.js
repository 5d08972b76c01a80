// A program and its heap at any of its operations, forward and back.
//
// A heap cannot be taken back, nor copied. So where a moment is wanted that lies before the heap, another heap replays from the
// nearest keyframe before: a heap that was left at an operation, or a new one. The moments just before are kept as well, so that many
// steps back take one replay. Addresses of all operations are found as a program is opened, by one replay. Memory: 9 bytes an
// operation, KEYFRAMES heaps, MOMENTS moments of some 40 kB.

'use strict';

const { setImmediate: turn } = require('node:timers/promises');
const { KIND } = require('./recordings.js');
const { Layout, freed, placement, stateOf } = require('./moment.js');
const { Player } = require('./player.js');

/** Heaps that are left at operations, at most, and the shares of the program after which the first are left. */
const KEYFRAMES = 6;
const SHARES = [0.25, 0.5, 0.75];
/** Programs of fewer operations are replayed in no time. */
const LONG = 1 << 16;
/** Moments that are kept, and how many before one that is wanted are made with it. */
const MOMENTS = 512;
const BEHIND = 64;
/** Milliseconds that the moments before one may take, besides as long as the replay to them: about how many operations a millisecond has. */
const BATCH = 250;
const PER_MILLISECOND = 2000;
/** Bytes for which holes may be unusable, after an operation that asks for none. */
const USUAL = 1024;
/** Operations between two turns of the event loop. */
const TURN = 1 << 14;

class Timeline {
  #keyframes = [];
  #moments = new Map();
  /** Milliseconds that a moment takes. */
  #cost = 20;

  constructor(program, open, policy) {
    Object.assign(this, { program, open, policy });
    /** By event: the address of its block, and whether the heap has refused it. */
    this.addresses = new Float64Array(program.events);
    this.refused = new Uint8Array(program.events);
    /** Whether the recording has other addresses. */
    this.isMoved = false;
  }

  /** Opens a program: `source` is where it is from; see Player for `policy` and `limit`. Shows a bar. */
  static async open(source, program, { policy, limit }, context) {
    const is = policy ?? source.options?.policy ?? 'first-fit';
    const timeline = new Timeline(program, () => new Player(source, { policy, limit }), is);
    try {
      await timeline.#replayAll(source, context);
    } catch (error) {
      timeline.close();
      throw error;
    }
    return timeline;
  }

  async #replayAll(source, context) {
    const { program } = this;
    const { events } = program;
    const stops = [...(events < LONG ? [] : SHARES.map((share) => Math.floor(share * events)))];
    const total = stops.reduce((sum, stop) => sum + stop, events);
    const bar = events < LONG ? undefined : context.progress(total, `${source.name}, replay`);
    let done = 0;
    try {
      for (const stop of [events, ...stops]) {
        const player = this.open();
        this.#keyframes.push(player);
        while (player.at < stop) {
          const from = player.at;
          const to = Math.min(stop, from + TURN);
          while (player.at < to) this.#play(player);
          done += to - from;
          bar?.update(done);
          await turn();
        }
      }
    } finally {
      bar?.stop();
    }
  }

  /** Plays the next event, and keeps its address. */
  #play(player) {
    const { program, addresses, refused } = this;
    const { at } = player;
    const address = player.play(program, at);
    addresses[at] = address;
    const is = program.kind[at];
    const isNew = is === KIND.malloc || is === KIND.realloc;
    refused[at] = isNew && address === 0 ? 1 : 0;
    const isPlaced = isNew || is === KIND.block;
    if (isPlaced && (program.address?.[at] ?? address) !== address) this.isMoved = true;
    return address;
  }

  get operations() {
    return this.program.operations;
  }

  /** Whether an event is a request that was refused, when it was recorded or now. */
  isRefused(at) {
    const is = this.program.kind[at];
    return is === KIND.refusedMalloc || is === KIND.refusedRealloc || this.refused[at] === 1;
  }

  /** The heap to replay from: the keyframe that is nearest, and not after the event. */
  #playerFor(at) {
    const before = this.#keyframes.filter((player) => player.at <= at);
    let player = before.sort((a, b) => b.at - a.at)[0];
    if (player === undefined) {
      player = this.open();
      this.#keyframes.push(player);
    }
    if (this.#keyframes.length > KEYFRAMES) this.#forget(player);
    return player;
  }

  /** Closes a keyframe: of those that are near each other, the one that saves least. */
  #forget(kept) {
    const ordered = [...this.#keyframes].sort((a, b) => a.at - b.at);
    const gain = (player, index) => player.at - (ordered[index - 1]?.at ?? 0);
    const candidates = ordered
      .map((player, index) => ({ player, saves: gain(player, index) }))
      .filter(({ player }) => player !== kept);
    const { player } = candidates.sort((a, b) => a.saves - b.saves)[0];
    this.#keyframes.splice(this.#keyframes.indexOf(player), 1);
    player.close();
  }

  /** Whether moment() returns at once. */
  isKept(operation) {
    return this.#moments.has(operation);
  }

  /** The heap after an operation; 0 is the beginning. */
  moment(operation) {
    const kept = this.#moments.get(operation);
    if (kept !== undefined) return kept;
    const { initial } = this.program;
    const event = initial + operation;
    // A heap that is one behind is a step forward. Any other moment is reached with those before it.
    const isNext = this.#keyframes.some((player) => player.at === event - 1);
    const isFar = (player) => (player.at <= event ? event - player.at : event);
    const replay = Math.min(event, ...this.#keyframes.map(isFar)) / PER_MILLISECOND;
    const room = Math.round((BATCH + replay) / this.#cost);
    const behind = Math.max(2, Math.min(BEHIND, room));
    const first = isNext ? event - 1 : Math.max(initial, event - behind);
    const player = this.#playerFor(operation === 0 ? initial : first);
    while (player.at < Math.min(first, event)) this.#play(player);
    let layout = new Layout(player.heap);
    if (player.at === initial) this.#remember(0, { state: this.#stateOf(player, layout) });
    const begun = performance.now();
    while (player.at < event) {
      const made = this.#next(player, layout);
      layout = made.layout;
      this.#remember(player.at - initial, made.moment);
    }
    if (event > first) this.#cost = (performance.now() - begun) / (event - first);
    return this.#moments.get(operation);
  }

  #remember(operation, moment) {
    this.#moments.delete(operation);
    this.#moments.set(operation, moment);
    if (this.#moments.size > MOMENTS) this.#moments.delete(this.#moments.keys().next().value);
  }

  /** Plays an event. Returns the moment after it: its state, and what the event has done. `before` is the layout before it. */
  #next(player, before) {
    const { program, policy } = this;
    const { at } = player;
    const { kind, block, size } = program;
    const [is, id] = [kind[at], block[at]];
    const asks = is === KIND.malloc || is === KIND.refusedMalloc || is === KIND.realloc;
    const from = is === KIND.realloc ? player.addressOf(id) : 0;
    const number = asks && from === 0 ? this.#lookedAt(player, at) : undefined;
    const address = this.#play(player);
    const layout = new Layout(player.heap, before.count + 2);
    const event = { kind: is, id, size: size[at], address, from, isRefused: this.isRefused(at) };
    if (is === KIND.mark) event.text = program.textOf(at);
    if (is === KIND.malloc || is === KIND.refusedMalloc || is === KIND.realloc) {
      const { alignment } = player;
      const wanted = { address, size: size[at], policy, number, alignment };
      event.placement = placement(before, layout, wanted);
    } else if (is === KIND.free && address !== 0) event.freed = freed(before, layout, address);
    const touched = address === 0 ? undefined : address;
    return { layout, moment: { event, state: this.#stateOf(player, layout, touched, event) } };
  }

  /** The state of a heap, with the names of blocks that are drawn, and how much of what is free a request cannot use. */
  #stateOf(player, layout, touched, { placement: asked, size } = {}) {
    const state = stateOf(layout, touched);
    player.nameAll((state.all ?? []).flatMap(({ segments }) => segments));
    player.nameAll(state.focus?.segments ?? []);
    const bytes = asked === undefined ? USUAL : size;
    const share = state.total.holes === 0 ? 0 : player.heap.unusable(bytes);
    return { ...state, unusable: { size: bytes, share } };
  }

  #lookedAt({ heap, alignment: usual }, at) {
    const { size, alignment } = this.program;
    const isAligned = alignment !== undefined && alignment[at] > usual;
    try {
      return isAligned
        ? heap.lookedAt(size[at], { alignment: alignment[at] })
        : heap.lookedAt(size[at]);
    } catch {
      // A size that no heap can have.
      return undefined;
    }
  }

  close() {
    for (const player of this.#keyframes) player.close();
    this.#keyframes = [];
  }
}

module.exports = { Timeline };
