// Reads the recorded allocation traces of bench/traces (format: the README there).

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');

const FOLDER = path.join(__dirname, 'traces');

/** The operations of a trace. A realloc is the kind REALLOC with the new size; a free has size 0. */
const MALLOC = 0;
const REALLOC = 1;
const FREE = 2;

const KINDS = { a: MALLOC, r: REALLOC, f: FREE };

/** The traces that a quick benchmark replays, and one that is no recording: see `smallBlocks`. */
const QUICK = ['gcc-cc1', 'sqlite3'];
const SMALL_BLOCKS = '24-byte blocks';

/** The names of all recorded traces, sorted. */
function traceNames() {
  return fs
    .readdirSync(FOLDER)
    .filter((file) => file.endsWith('.rep.gz'))
    .map((file) => file.slice(0, -'.rep.gz'.length))
    .sort();
}

/** A trace as three columns: kind, slot and size of each operation. */
function readTrace(name) {
  if (name === SMALL_BLOCKS) return smallBlocks();
  const text = zlib
    .gunzipSync(fs.readFileSync(path.join(FOLDER, `${name}.rep.gz`)))
    .toString('latin1');
  const lines = text.split('\n');
  const slots = Number(lines[1]);
  const count = Number(lines[2]);
  const trace = {
    name,
    slots,
    count,
    kind: new Uint8Array(count),
    slot: new Uint32Array(count),
    size: new Float64Array(count),
  };
  for (let i = 0; i < count; i++) {
    const [kind, slot, size] = lines[i + 4].split(' ');
    trace.kind[i] = KINDS[kind];
    trace.slot[i] = Number(slot);
    trace.size[i] = kind === 'f' ? 0 : Math.max(1, Number(size));
  }
  return trace;
}

/**
 * A trace of only 24-byte blocks, of which a random one is replaced again and again: the smallest objects of which programs have
 * many. With them a first-fit heap is slowest, compared with others.
 */
function smallBlocks() {
  const [slots, replaced] = [50_000, 100_000];
  const count = slots + 2 * replaced;
  const trace = { name: SMALL_BLOCKS, slots, count };
  Object.assign(trace, { kind: new Uint8Array(count), slot: new Uint32Array(count) });
  trace.size = new Float64Array(count).fill(24);
  let state = 1;
  for (let i = 0; i < count; i++) {
    if (i < slots) trace.slot[i] = i;
    else if ((i - slots) % 2 === 1) trace.slot[i] = trace.slot[i - 1];
    else {
      // The generator of Park and Miller: each run has the same trace.
      state = (state * 48_271) % 2_147_483_647;
      trace.slot[i] = state % slots;
      trace.kind[i] = FREE;
      trace.size[i] = 0;
    }
  }
  return trace;
}

/** Runs operations `from`..`to` of a trace on a heap. `live` holds the block in each slot. */
function replay({ kind, slot, size }, live, from, to, heap) {
  for (let i = from; i < to; i++) {
    const at = slot[i];
    if (kind[i] === MALLOC) live[at] = heap.malloc(size[i]);
    else if (kind[i] === REALLOC) live[at] = heap.realloc(live[at], size[i]);
    else {
      heap.free(live[at]);
      live[at] = undefined;
    }
  }
}

module.exports = {
  QUICK,
  SMALL_BLOCKS,
  replay,
  MALLOC,
  REALLOC,
  FREE,
  traceNames,
  readTrace,
};
