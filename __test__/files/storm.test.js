'use strict';

// A short form of `npm run test:files`: processes that share a heap file are killed in the middle of their calls, for a minute.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { runProgram } = require('../helpers/program.js');
const { seed } = require('../helpers/random.js');

const SECONDS = Number(process.env.MEMS_STORM_SECONDS ?? 60);

test('whichever processes are killed, every block is there and belongs to one owner', async (t) => {
  t.diagnostic(`MEMS_SEED=${seed}`);
  const told = { seed, seconds: SECONDS, processes: [2, 4] };
  const { output, ...sums } = await runProgram('storm/main.js', told);
  t.diagnostic(JSON.stringify(sums));
  assert.ok(sums.kills > 0, output);
});
