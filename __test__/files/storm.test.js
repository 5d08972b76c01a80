'use strict';

// A short form of `npm run test:files`: processes that share a heap file are killed in the middle of their calls, for a minute.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { seed } = require('../helpers/random.js');

const PROGRAM = path.join(__dirname, '..', 'storm', 'main.js');
const SECONDS = Number(process.env.MEMS_STORM_SECONDS ?? 60);

test('whichever processes are killed, every block is there and belongs to one owner', async (t) => {
  t.diagnostic(`MEMS_SEED=${seed}`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-storm-'));
  const child = spawn(process.execPath, [
    PROGRAM,
    JSON.stringify({ seed, seconds: SECONDS, folder, processes: [2, 4] }),
  ]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  const [status, signal] = await once(child, 'close');
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, output);
  const [, sums] = /^done (.*)$/m.exec(output);
  t.diagnostic(sums);
  assert.ok(JSON.parse(sums).kills > 0, output);
  fs.rmSync(folder, { recursive: true });
});
