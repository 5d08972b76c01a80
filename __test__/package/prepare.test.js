'use strict';

// What npm runs in a clone after `npm install`: it must not fail if nothing can be built.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const SCRIPT = path.join(__dirname, '..', '..', 'scripts', 'prepare.mjs');

function prepare(changes) {
  const env = { ...process.env };
  // Windows calls it Path.
  for (const name of Object.keys(env)) if (/^(path|MEMS_PREPARE)$/i.test(name)) delete env[name];
  const options = { env: { ...env, ...changes }, encoding: 'utf8' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], options);
  return { status, stdout, stderr };
}

test('without Cargo it says so and succeeds', () => {
  const { status, stdout, stderr } = prepare({ PATH: path.join(__dirname, 'nowhere') });
  assert.deepEqual([status, stdout], [0, '']);
  assert.match(stderr, /^The addon was not built: building needs Cargo\..*rustup\.rs.*\n$/);
});

test('it can be turned off', () => {
  const off = prepare({ PATH: process.env.PATH, MEMS_PREPARE: 'no' });
  assert.deepEqual(off, { status: 0, stdout: '', stderr: '' });
});
