'use strict';

// printStats of large heaps, and of heaps that change while they are printed.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { finishQuietly } = require('../helpers/capture.js');
const { capture, withLog } = require('../helpers/console.js');

test('a text longer than the JavaScript heap is printed whole', () => {
  // Some 60 MB, in lines of a main block each.
  const program = `
    const mems = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
    mems.init();
    for (let i = 0; i < 20; i++) mems.mallocMany(new Uint8Array(100_000).fill(1));
    const { withLog } = require(${JSON.stringify(path.join(__dirname, '..', 'helpers', 'console.js'))});
    const seen = { lines: 0, blocks: 0 };
    const log = (line) => {
      seen.lines += 1;
      seen.blocks += line.split('<P>').length - 1;
    };
    withLog(log, mems.printStats);
    console.log(JSON.stringify(seen));`;
  const args = ['--max-old-space-size=32', '-e', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.deepEqual([status, stderr.slice(0, 500)], [0, '']);
  // 489 main blocks of 4096 bytes, a line before and four after.
  assert.deepEqual(JSON.parse(stdout), { lines: 494, blocks: 2_000_000 });
});

test('all lines are of the moment of the call', () => {
  mems.init();
  const blocks = [3000, 5000, 7000].map((size) => mems.malloc(size));
  const before = capture(() => mems.printStats());
  const lines = [];
  const log = (line) => {
    lines.push(line);
    if (blocks.length > 0) mems.free(blocks.pop());
  };
  withLog(log, mems.printStats);
  assert.deepEqual(lines, before);
  assert.equal(mems.stats().counts.live, 0);
  finishQuietly(mems);
});

test('an error of console.log ends the printing and is passed on', () => {
  mems.init();
  const log = () => {
    throw new Error('no more');
  };
  assert.throws(() => withLog(log, mems.printStats), { message: 'no more' });
  assert.equal(capture(() => mems.printStats()).length, 5);
  finishQuietly(mems);
});
