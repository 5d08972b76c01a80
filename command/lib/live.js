// The page of a live heap, as Heap.report() of the library writes it: what is in the heap now, without a history.
//
// The blocks are those of a snapshot, all of one moment. A snapshot does not say where free slots of size classes begin and end, so the
// chains are read right after it; what other threads have changed meanwhile may be seen there.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { writeOutput } = require('./files.js');
const { Failure } = require('./failure.js');
const { openOperations } = require('./operations.js');
const { makePage } = require('./page.js');

/** Nothing is printed. */
const SILENT = { progress: () => ({ update() {}, stop() {} }), warn() {} };
const NEVER = 0xffff_ffff;

/** The sizes of live blocks by their address, where main blocks begin, and holes that touch another, as spans of one slot. */
function walk(heap) {
  const sizes = new Map();
  const borders = { at: [], from: [], to: [] };
  const spans = { start: [], end: [], slot: [], from: [], to: [] };
  for (const main of heap.chains()) {
    borders.at.push(Number(main.start));
    let before;
    for (const { kind, start, size } of main.segments) {
      const at = Number(start);
      if (kind === 'live') sizes.set(at, size);
      else if (before === 'hole') {
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
  return { sizes, borders, spans };
}

/** Has a history what the chains say. */
function refine(history, { sizes, borders, spans }) {
  Object.assign(history, { borders, spans });
  const { address, size } = history.blocks;
  for (let at = 0; at < address.length; at++) size[at] = sizes.get(address[at]) ?? size[at];
}

/** Writes a page of what is in `heap` now to `to`; a file that is there is replaced. Resolves to the length of the page in bytes. */
async function reportHeap(heap, to) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-report-'));
  try {
    const snapshot = path.join(folder, 'heap.mems');
    // Both before anything is waited for, so that this thread changes nothing in between.
    heap.snapshot(snapshot);
    const now = walk(heap);
    const source = await openOperations(snapshot, {});
    source.name = path.basename(to).replace(/\.html?$/i, '');
    const { html } = await makePage(source, { refine: (history) => refine(history, now) }, SILENT);
    await writeOutput(to, true, (append) => append(html));
    return Buffer.byteLength(html);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw Object.assign(new Error(`The report was not written: ${error.message}`), {
      code: 'ERR_MEMS_RECORDING',
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { reportHeap };
