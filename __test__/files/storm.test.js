'use strict';

// A short form of `npm run test:files`: processes that share a heap file are killed in the middle of their calls, for a minute.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { runProgram } = require('../helpers/program.js');
const { seed } = require('../helpers/random.js');
const { settleLimbo } = require('../storm/check.js');

const SECONDS = Number(process.env.MEMS_STORM_SECONDS ?? 60);

test('whichever processes are killed, every block is there and belongs to one owner', async (t) => {
  t.diagnostic(`MEMS_SEED=${seed}`);
  const told = { seed, seconds: SECONDS, processes: [2, 4] };
  const { output, ...sums } = await runProgram('storm/main.js', told);
  t.diagnostic(JSON.stringify(sums));
  assert.ok(sums.kills > 0, output);
});

test('a block that may be of a cut resize or of another cut call is left to the one that has no other', () => {
  const limbo = [
    { kind: 'resize', serial: 1n, sizes: [32, 320], least: 20 },
    { kind: 'malloc', serial: 2n, sizes: [32], least: 32 },
  ];
  const serials = new Map([[1000, 1n]]);
  const table = {
    limbo: () => limbo,
    holds: (address, _, serial) => serials.get(address) === serial,
  };
  const blocks = [
    [1000, 32],
    [1032, 32],
    [1064, 320],
  ];
  assert.deepEqual(settleLimbo([table], new Map(blocks)), [1000, 1032, 1064]);
  // No operation explains a second block of the size that the resize began with.
  const others = new Map([...blocks.slice(0, 2), [1064, 32]]);
  assert.throws(() => settleLimbo([table], others), /blocks have no owner: \[\[1064,32\]\]/);
});
