// Replays a recording on a heap with the options of the one that was recorded, and compares: each address, each refusal, and the
// statistics at the end.
//
// The replaying heap is recorded as well, into a file that is removed, since a heap that is recorded makes each call natively: with
// segregated fit, addresses are those of a recorded heap only then. A recording that began with blocks there, or that lacks
// operations, is not compared: the order in which the blocks were allocated is not known.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../library.js');
const { onEnd } = require('./cleanup.js');
const { count } = require('./numbers.js');
const { KIND } = require('./recordings.js');

/** The options that decide about addresses. Others, such as zeroing, take time and change nothing here. */
const DECIDING = [
  'policy',
  'alignment',
  'minBlockSize',
  'maxSize',
  'growingBlocks',
  'joinEmptyBlocks',
  'autoTrim',
  'hardened',
];
/**
 * Statistics that differ between heaps which have done the same: bookkeeping depends on who has asked what, and events are counted from
 * before the recording.
 */
const INCIDENTAL = ['metadata', 'resident', 'grow', 'trim', 'outOfMemory'];

const deciding = (options) => {
  return Object.fromEntries(
    DECIDING.filter((name) => name in options).map((name) => [name, options[name]]),
  );
};

class ExactReplay {
  /** What differs first, as a sentence; undefined if nothing does. */
  wrong = undefined;
  compared = 0;
  operations = 0;

  constructor(options) {
    this.heap = new Heap({ ...deciding(options), addresses: 'number' });
    this.alignment = options.alignment ?? 1;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-verify-'));
    this.forget = onEnd(() => fs.rmSync(this.folder, { recursive: true, force: true }));
    this.heap.record(path.join(this.folder, 'replay.mems'), { clock: false });
  }

  run(chunk) {
    const { count: length } = chunk;
    for (let at = 0; at < length && this.wrong === undefined; at++) {
      if (chunk.kind[at] > KIND.block) this.operations += 1;
      this.one(chunk, at);
    }
    if (this.wrong === undefined) this.heap.verify();
  }

  /** Makes the call that an event was, and compares. */
  one({ kind, address, size, from, alignment }, at) {
    const { heap } = this;
    const options = alignment[at] > this.alignment ? { alignment: alignment[at] } : undefined;
    switch (kind[at]) {
      case KIND.malloc:
        return this.expect(address[at], `malloc(${size[at]})`, () =>
          heap.malloc(size[at], options),
        );
      case KIND.refusedMalloc:
        return this.expect(undefined, `malloc(${size[at]})`, () => heap.malloc(size[at], options));
      case KIND.realloc:
        return this.expect(address[at], `realloc(${from[at]}, ${size[at]})`, () => {
          return heap.realloc(from[at], size[at], options);
        });
      case KIND.refusedRealloc:
        return this.expect(undefined, `realloc(${from[at]}, ${size[at]})`, () =>
          heap.realloc(from[at], size[at]),
        );
      case KIND.trim:
        // What waits in caches of segregated fit returns to its spans, so addresses depend on it.
        heap.trim();
        return;
      case KIND.free:
        return this.expect(undefined, `free(${from[at]})`, () => heap.free(from[at]), false);
    }
  }

  /** Calls, and notes if the result is not `address`, or not a refusal where `address` is undefined and `isRefused`. */
  expect(address, call, make, isRefused = address === undefined) {
    this.compared += 1;
    let result;
    try {
      result = make();
      if (result === address && !isRefused) return;
    } catch (error) {
      if (isRefused && error.code === 'ERR_MEMS_OUT_OF_MEMORY') return;
      if (!/^ERR_MEMS_/.test(error.code ?? '')) throw error;
      result = error.code;
    }
    const was = isRefused ? 'was refused' : `returned ${address ?? 'nothing'}`;
    this.wrong = `operation ${count(this.operations)}, ${call}, ${was} when it was recorded, and now ${result}`;
  }

  /** Compares the statistics with those at the end of the recording. */
  finish(recorded) {
    if (this.wrong !== undefined || recorded === undefined) return;
    const now = this.heap.stats();
    for (const [group, values] of Object.entries(recorded)) {
      for (const [name, was] of Object.entries(values)) {
        const is = now[group]?.[name];
        if (is === was || is === undefined || INCIDENTAL.includes(name)) continue;
        this.wrong = `${group}.${name} was ${was} at the end of the recording, and is ${is}`;
        return;
      }
    }
  }

  close() {
    this.heap.close();
    this.forget();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { ExactReplay, deciding };
