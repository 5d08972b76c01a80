'use strict';

// Damages heap files with maps for some time: first each byte of the maps, their tables and their entries, then anything in the file at
// random. Arguments, as JSON: { seed, seconds, folder }. Prints a line now and then, and `done` with the sums.

const fs = require('node:fs');
const path = require('node:path');
const { Numbers } = require('../helpers/random.js');
const { BATCH, Torn } = require('./run.js');

const given = { seed: 1, seconds: 20, folder: '/tmp', ...JSON.parse(process.argv[2] ?? '{}') };

async function main() {
  const random = new Numbers(given.seed);
  console.log(`seed ${given.seed} in ${given.folder}`);
  const folder = fs.mkdtempSync(path.join(given.folder, 'mems-map-fuzz-'));
  const torn = new Torn(folder);
  const end = Date.now() + 1000 * given.seconds;
  const all = torn.all(random, ['map', 'table', 'entry']);
  let said = Date.now();
  while (Date.now() < end) {
    const batch = [];
    while (batch.length < BATCH) {
      const next = all.next();
      batch.push(next.done ? torn.harm(random) : next.value);
    }
    await torn.try(batch);
    if (Date.now() - said < 60_000) continue;
    said = Date.now();
    console.log(`${torn.harms} damages`);
  }
  console.log(`done ${JSON.stringify({ damages: torn.harms, ...torn.codes })}`);
  fs.rmSync(folder, { recursive: true });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
