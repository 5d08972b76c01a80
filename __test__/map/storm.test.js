'use strict';

// Short forms of `npm run test:files` with --map and --soak: processes that share a map are killed in the middle of their calls, and
// processes evict from one map as quickly as they can.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { runProgram } = require('../helpers/program.js');
const { seed } = require('../helpers/random.js');

const SECONDS = Number(process.env.MEMS_STORM_SECONDS ?? 12);

const signals = {
  skip: process.platform === 'win32' && 'a killed process may hold its locks for a while',
};

test(
  'whichever processes are killed, a map has what was set, and no block is lost',
  signals,
  async (t) => {
    t.diagnostic(`MEMS_SEED=${seed}`);
    const told = { subject: 'map-storm', seed, seconds: SECONDS, processes: [2, 4] };
    const { output, ...sums } = await runProgram('storm/main.js', told);
    t.diagnostic(JSON.stringify(sums));
    assert.ok(sums.kills > 0, output);
  },
);

test('a map from which processes evict all the time never has more bytes than it may', async (t) => {
  t.diagnostic(`MEMS_SEED=${seed}`);
  const { output, ...sums } = await runProgram('map-storm/soak.js', { seed, seconds: 3 });
  t.diagnostic(JSON.stringify(sums));
  assert.ok(sums.evictions > 0, output);
});
