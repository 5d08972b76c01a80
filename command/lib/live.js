// The page of a live heap, as Heap.report() of the library writes it: what is in the heap now, without a history.
//
// The blocks are those of a snapshot, all of one moment, and the numbers those of stats(): a hardened heap counts what guards its blocks
// and its quarantine, which a snapshot does not have. A snapshot does not say where free slots of size classes begin and end, so the
// chains are read right after it; what other threads have changed meanwhile may be seen there.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { checkOutput, systemFailure, writeOutput } = require('./files.js');
const { Failure } = require('./failure.js');
const { bytes: sizeText, plural } = require('./numbers.js');
const { openOperations } = require('./operations.js');
const { makePage } = require('./page.js');

/** Nothing is printed. */
const SILENT = { progress: () => ({ update() {}, stop() {} }), warn() {} };
const NEVER = 0xffff_ffff;

/** Powers of two by which holes are counted, as a page's layout does it. */
const POWERS = 54;

/** The numbers of a page, from the statistics of a heap and the sizes of its holes. */
function numbersOf({ bytes, counts }, holes) {
  const [powers, powerBytes] = [new Array(POWERS).fill(0), new Array(POWERS).fill(0)];
  for (const size of holes) {
    const power = Math.floor(Math.log2(size));
    powers[power] += 1;
    powerBytes[power] += size;
  }
  return {
    mapped: bytes.mapped,
    live: bytes.live,
    requested: bytes.requested,
    blocks: counts.live,
    mainBlocks: counts.mainBlocks,
    holes: counts.holes,
    holeBytes: bytes.holes,
    largest: bytes.largestHole,
    powers,
    powerBytes,
  };
}

/** What a page has to say about blocks that are freed, and cannot be allocated yet. */
function quarantineOf({ bytes, counts }) {
  if (counts.quarantined === 0) return [];
  const blocks = plural(counts.quarantined, 'block');
  return [
    `Drawn as holes, and not counted as such in the numbers, which are those of stats(): ${blocks} of ${sizeText(bytes.quarantined)} in quarantine.`,
  ];
}

/**
 * What the chains of a heap say: the sizes of live blocks by their address, where main blocks begin, and holes that touch another, as
 * spans of one slot. With the statistics as well.
 */
function walk(heap) {
  const sizes = new Map();
  const holes = [];
  const borders = { at: [], from: [], to: [] };
  const spans = { start: [], end: [], slot: [], from: [], to: [] };
  for (const main of heap.chains()) {
    borders.at.push(Number(main.start));
    let before;
    for (const { kind, start, size } of main.segments) {
      const at = Number(start);
      if (kind === 'live') sizes.set(at, size);
      else holes.push(size);
      if (kind === 'hole' && before === 'hole') {
        spans.start.push(at);
        spans.end.push(at + size);
        spans.slot.push(size);
      }
      before = kind;
    }
  }
  for (const { from, to, start, at = start } of [borders, spans]) {
    for (let each = 0; each < at.length; each++) {
      from.push(0);
      to.push(NEVER);
    }
  }
  const stats = heap.stats();
  return { sizes, borders, spans, numbers: numbersOf(stats, holes), notes: quarantineOf(stats) };
}

/** Gives a history what the chains say. */
function refine(history, { sizes, borders, spans, numbers }) {
  Object.assign(history, { borders, spans });
  history.meta.numbers = numbers;
  const { address, size } = history.blocks;
  for (let at = 0; at < address.length; at++) size[at] = sizes.get(address[at]) ?? size[at];
}

/** Makes a temporary folder, and returns its path. */
function makeFolder() {
  const name = path.join(os.tmpdir(), 'mems-report-');
  try {
    return fs.mkdtempSync(name);
  } catch (error) {
    throw systemFailure(error, name, 'write');
  }
}

/** Writes a page of what is in `heap` now to `to`; a file that is there is replaced. Resolves to the length of the page in bytes. */
async function reportHeap(heap, to) {
  let folder;
  try {
    checkOutput(to, true);
    folder = makeFolder();
    const snapshot = path.join(folder, 'heap.mems');
    // Both before anything is waited for, so that this thread changes nothing in between.
    heap.snapshot(snapshot);
    const now = walk(heap);
    const source = await openOperations(snapshot, {});
    source.name = path.basename(to).replace(/\.html?$/i, '');
    const options = { refine: (history) => refine(history, now), notes: now.notes };
    const { html } = await makePage(source, options, SILENT);
    await writeOutput(to, true, (append) => append(html));
    return Buffer.byteLength(html);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw Object.assign(new Error(`The report was not written: ${error.message}`), {
      code: 'ERR_MEMS_RECORDING',
    });
  } finally {
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { reportHeap };
