// What the colour of a block says: its size, how long it lives, what becomes of it, or which place in the program has allocated it.
//
// A scale returns a value for each block; a scale of kinds returns the number of a colour.

import { ageOf, fateOf } from './edges.mjs';

/** Powers of two between which sizes are coloured: 8 bytes and 1 MiB. */
const SIZES = [3, 20];

/** The most sites that have a colour of their own. */
export const SITES = 7;

const within = (value, [low, high]) => Math.min(1, Math.max(0, (value - low) / (high - low)));

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
  age: (history) => {
    const most = Math.max(1, Math.log2((history.meta.total ?? history.operations) + 1));
    return (at) => Math.log2(ageOf(history, at)) / most;
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
