// What the colour of a block says: its size, how long it lives, what becomes of it, or which place in the program has allocated it.
//
// A scale returns a value for each block; a scale of kinds returns the number of a colour.

import { NEVER, NONE, OPERATION } from './history.mjs';

/** Powers of two between which sizes are coloured: 8 bytes and 1 MiB. */
const SIZES = [3, 20];

/** What becomes of a block. */
export const FATES = ['freed', 'never freed', 'resized'];
/** The most sites that have a colour of their own. */
export const SITES = 7;

const within = (value, [low, high]) => Math.min(1, Math.max(0, (value - low) / (high - low)));

/** The number of a block's fate. */
export function fateOf({ blocks, kinds }, block) {
  const death = blocks.death[block];
  if (death === NEVER) return 1;
  return kinds[death - 1] === OPERATION.realloc ? 2 : 0;
}

/** The sites with the most bytes, of all blocks that were made: the numbers of stacks. */
export function topSites({ blocks }) {
  const bytes = new Map();
  for (let at = 0; at < blocks.count; at++) {
    const site = blocks.site[at];
    bytes.set(site, (bytes.get(site) ?? 0) + blocks.size[at]);
  }
  bytes.delete(0);
  return [...bytes].sort(([, a], [, b]) => b - a).map(([site]) => site);
}

/** The value of a size on the scale of sizes. */
export const sizeValue = (size) => within(Math.log2(size), SIZES);

const SCALES = {
  size:
    ({ blocks }) =>
    (at) =>
      sizeValue(blocks.size[at]),
  age: ({ blocks, operations }) => {
    const most = Math.max(1, Math.log2(operations + 1));
    return (at) => Math.log2(Math.min(blocks.death[at], operations + 1) - blocks.birth[at]) / most;
  },
  fate: (history) => (at) => fateOf(history, at),
  site: (history) => {
    const colours = new Map(topSites(history).map((site, at) => [site, Math.min(at, SITES)]));
    return (at) => colours.get(history.blocks.site[at]) ?? SITES;
  },
};

/** Whether a scale is one of kinds. */
export const isOfKinds = (scale) => scale === 'fate' || scale === 'site';

/** The value of each block by a scale: from 0 to 1, or the number of a kind. */
export function valuesOf(history, scale) {
  const values = new Float32Array(history.blocks.count);
  const value = SCALES[scale](history);
  for (let at = 0; at < values.length; at++) values[at] = value(at);
  return values;
}

/** The first block of those that a realloc has made of each other, to the last. */
export function lives({ blocks, kinds, what }, block) {
  const all = [block];
  while (blocks.previous[all[0]] !== NONE) all.unshift(blocks.previous[all[0]]);
  for (;;) {
    const death = blocks.death[all[all.length - 1]];
    if (death === NEVER || kinds[death - 1] !== OPERATION.realloc) return all;
    all.push(what[death - 1]);
  }
}
