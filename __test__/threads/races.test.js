'use strict';

// A short form of `npm run soak -- --races`: threads that free, resize and close the same things at once, on the Node that runs the tests.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readdirSync } = require('node:fs');
const path = require('node:path');
const { seed } = require('../helpers/random.js');

const PROGRAM = path.join(__dirname, '..', 'races', 'main.js');
const CHECKED = path.join(__dirname, '..', '..', 'target', 'test-addon');

function races(t, rounds, env = {}) {
  t.diagnostic(`MEMS_SEED=${seed}`);
  // 0 seconds: the rounds alone count.
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, seed, 0, rounds].map(String),
    { encoding: 'utf8', env: { ...process.env, ...env } },
  );
  const report = `MEMS_SEED=${seed}\n${stdout}${stderr}`;
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' }, report);
  assert.match(stdout, /^done /m, report);
}

test('of threads that do what only one of them can, one does', (t) => {
  races(t, Number(process.env.MEMS_RACES ?? 2));
});

test('the same with verify() after each call that takes the lock', (t) => {
  const file = readdirSync(CHECKED).find((name) => name.endsWith('.node'));
  races(t, 1, { MEMS_LIBRARY_PATH: path.join(CHECKED, file), MEMS_RACES_PART: '20' });
});
