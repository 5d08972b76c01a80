// The resources of the process, and how much they may grow.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const fs = require('fs');
const { rss } = require('../helpers/rss.js');

/** How much they may grow from a quarter of the run to its end: far more than noise, far less than a leak. */
const MOST_GROWTH = { rss: 512 * 2 ** 20, mappings: 3000 };

const collect = typeof Bun !== 'undefined' ? () => Bun.gc(true) : () => global.gc?.();

function measure() {
  let mappings = 0;
  try {
    mappings = fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length;
  } catch {
    // Only Linux shows it.
  }
  return { rss: rss(), mappings };
}

/** Compares what was measured after a quarter of the run with what is at the end. */
function checkGrowth(before, after) {
  for (const [name, most] of Object.entries(MOST_GROWTH)) {
    const growth = after[name] - before[name];
    if (growth > most) throw new Error(`${name} grew from ${before[name]} to ${after[name]}`);
  }
}

module.exports = { checkGrowth, collect, measure };
