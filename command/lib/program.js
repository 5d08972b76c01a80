// All events of a trace or a recording in memory, so that any of them can be reached: some 20 bytes an operation of a trace, 40 of a
// recording.
//
// Operations are numbered from 1. Before the first are the `initial` events of a recording: main blocks and blocks that were there when it
// began.

'use strict';

const { KIND } = require('./recordings.js');
const { readAll } = require('./replay-file.js');

const COLUMNS = {
  kind: Uint8Array,
  block: Uint32Array,
  size: Float64Array,
  address: Float64Array,
  alignment: Float64Array,
};

class Program {
  kind = new Uint8Array(0);
  block = new Uint32Array(0);
  size = new Float64Array(0);
  /** Undefined for a trace. */
  address = undefined;
  alignment = undefined;
  initial = 0;
  events = 0;
  texts = [];
  #room = 0;

  /** Reads a source to its end, and shows a bar. */
  static async read(source, context) {
    const program = new Program();
    await readAll(source, context, (some) => program.add(some));
    return program;
  }

  /** Adds a chunk to the end. */
  add(chunk) {
    const { count, kind, size, texts = [] } = chunk;
    if (this.events + count > this.#room) this.#grow(chunk, Math.ceil(1.5 * (this.events + count)));
    for (const name of Object.keys(COLUMNS)) {
      if (chunk[name] !== undefined) this[name].set(chunk[name].subarray(0, count), this.events);
    }
    for (let at = 0; at < count; at++) {
      if (kind[at] <= KIND.block) this.initial += 1;
      if (kind[at] !== KIND.mark) continue;
      this.size[this.events + at] = this.texts.length;
      this.texts.push(texts[size[at]]);
    }
    this.events += count;
  }

  /** Makes room for events. The columns are those of `chunk`: traces have fewer. */
  #grow(chunk, room) {
    this.#room = room;
    for (const [name, Column] of Object.entries(COLUMNS)) {
      if (chunk[name] === undefined) continue;
      const longer = new Column(room);
      if (this[name] !== undefined) longer.set(this[name]);
      this[name] = longer;
    }
  }

  /** How many operations there are. */
  get operations() {
    return this.events - this.initial;
  }

  /** The event of an operation. */
  index(operation) {
    return this.initial + operation - 1;
  }

  /** The text of the mark that the event `at` is. */
  textOf(at) {
    return this.texts[this.size[at]];
  }
}

module.exports = { Program };
