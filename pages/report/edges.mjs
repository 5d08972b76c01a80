// What lies beyond a window of a program: when the blocks that are there at its start were made, and what becomes of those that are there
// at its end. A history of a whole program has no `edges`, and then its columns say all.
//
// Blocks at the start are the first of a window, so that their number is their row. `row` has the row of each block that is there at the
// end. Moments are those of the window, so that what happened before is below 0.

import { NEVER, NONE, OPERATION } from './history.mjs';

/** Columns of the blocks at the start of a window: how many operations before it each, and the first of its reallocs, was made. */
const START = ['before', 'madeBefore', 'resizedBefore'];
/** Columns of the blocks at the end: after how many operations each, and the last that realloc makes of it, is gone; 0 if never. */
const END = ['after', 'goneAfter', 'resizedAfter', 'fate'];
export const EDGES = [...START, ...END];

/** What becomes of a block. */
export const FATES = ['freed', 'never freed', 'resized'];

const isRealloc = ({ kinds }, death) => death !== NEVER && kinds[death - 1] === OPERATION.realloc;

/** The number of a block's fate, of those of FATES. */
export function fateOf(history, block) {
  const { blocks, edges } = history;
  const death = blocks.death[block];
  if (death !== NEVER) return isRealloc(history, death) ? 2 : 0;
  return edges === undefined ? 1 : edges.fate[edges.row[block]];
}

/** The first block of those that a realloc has made of each other, to the last. */
export function lives(history, block) {
  const { blocks, what } = history;
  const all = [block];
  while (blocks.previous[all[all.length - 1]] !== NONE) {
    all.push(blocks.previous[all[all.length - 1]]);
  }
  all.reverse();
  for (;;) {
    const death = blocks.death[all[all.length - 1]];
    if (!isRealloc(history, death)) return all;
    all.push(what[death - 1]);
  }
}

/** The columns of `edges` for a window from one moment to another, of the blocks `kept` of a whole history. */
export function edgesOf(history, from, to, kept) {
  const { birth, death } = history.blocks;
  const edges = Object.fromEntries(EDGES.map((name) => [name, []]));
  for (const block of kept) {
    if (birth[block] > from && death[block] <= to) continue;
    const all = lives(history, block);
    const at = all.indexOf(block);
    if (birth[block] <= from) {
      edges.before.push(from - birth[block]);
      edges.madeBefore.push(from - birth[all[0]]);
      edges.resizedBefore.push(at);
    }
    if (death[block] > to) {
      const gone = death[all[all.length - 1]];
      edges.after.push(death[block] === NEVER ? 0 : death[block] - to);
      edges.goneAfter.push(gone === NEVER ? 0 : gone - to);
      edges.resizedAfter.push(all.length - 1 - at);
      edges.fate.push(fateOf(history, block));
    }
  }
  return edges;
}

/** The row of each block that is there at the end. */
export function rowsOf(death) {
  const row = new Uint32Array(death.length);
  let rows = 0;
  for (let at = 0; at < death.length; at++) if (death[at] === NEVER) row[at] = rows++;
  return row;
}

/** The last moment of the whole program. */
export const lastMoment = ({ meta, operations }) => (meta.total ?? operations) - (meta.offset ?? 0);

/** For how many operations a block is there, up to the end of the program if it is never freed or resized. */
export function ageOf(history, block) {
  const { blocks, edges, initial, operations } = history;
  const birth = edges !== undefined && block < initial ? -edges.before[block] : blocks.birth[block];
  let death = blocks.death[block];
  if (death === NEVER && edges !== undefined) {
    const after = edges.after[edges.row[block]];
    if (after > 0) death = operations + after;
  }
  return Math.min(death, lastMoment(history) + 1) - birth;
}

/** When the first of the blocks `all` (see lives()) was made, when the last is freed, NEVER if it is not, and how often it is resized. */
export function spanOf(history, all) {
  const { blocks, edges, initial, operations } = history;
  const [first, last] = [all[0], all[all.length - 1]];
  const is = { made: blocks.birth[first], gone: blocks.death[last], resized: all.length - 1 };
  if (edges === undefined) return is;
  if (first < initial) {
    is.made = -edges.madeBefore[first];
    is.resized += edges.resizedBefore[first];
  }
  if (is.gone === NEVER) {
    const row = edges.row[last];
    if (edges.goneAfter[row] > 0) is.gone = operations + edges.goneAfter[row];
    is.resized += edges.resizedAfter[row];
  }
  return is;
}
