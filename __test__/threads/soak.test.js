'use strict';

// A short form of `npm run soak`: some steps of its random program on the Node that runs the tests. Whatever it does to blocks,
// heaps, views and workers, the process lives and every invariant holds.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readdirSync } = require('node:fs');
const path = require('node:path');
const { seed } = require('../helpers/random.js');

const PROGRAM = path.join(__dirname, '..', 'soak', 'main.js');
const CHECKED = path.join(__dirname, '..', '..', 'target', 'test-addon');

const STEPS = Number(process.env.MEMS_SOAK_STEPS ?? 15_000);

function soak(t, steps, env = {}) {
  t.diagnostic(`MEMS_SEED=${seed}`);
  // 0 seconds: the steps alone count.
  const args = ['--expose-gc', PROGRAM, seed, 0, steps].map(String);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const report = `MEMS_SEED=${seed}\n${stdout}${stderr}`;
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' }, report);
  assert.match(stdout, /^done /m, report);
}

test('a random program with stale views, jobs in flight and dying workers leaves all whole', (t) => {
  soak(t, STEPS);
});

test('the same with verify() after every operation', (t) => {
  const file = readdirSync(CHECKED).find((name) => name.endsWith('.node'));
  soak(t, STEPS / 5, { MEMS_LIBRARY_PATH: path.join(CHECKED, file) });
});
