'use strict';

// examples/list.mjs continues where it was killed, and its list is whole each time: the example checks that itself when it begins.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { Random, seed } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');

const LIST = path.join(__dirname, '..', '..', 'examples', 'list.mjs');
const KILLS = 8;

/** Runs the example until it ends. Returns the number of items and the last number, as it begins and as it ends. */
function run(file, items) {
  const { stdout, stderr } = spawnSync(process.execPath, [LIST, file, String(items)], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const lines = stdout.matchAll(/^(\d+) items, the last is (\d+)$/gm);
  return [...lines].map(([, count, last]) => [Number(count), Number(last)]);
}

test('a list in a heap file survives kills', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mems-list-'));
  let heap;
  t.after(() => {
    heap?.close();
    return remove(folder);
  });
  const file = path.join(folder, 'list.mems');
  assert.deepEqual(run(file, 300), [
    [0, 0],
    [200, 300],
  ]);
  let before = 300;
  t.diagnostic(`MEMS_SEED=${seed}`);
  const random = new Random();
  heap = Heap.open(file);
  for (let kill = 0; kill < KILLS; kill++) {
    const end = heap.stats().totals.malloc + 1 + random.int(0, 5000);
    const child = spawn(process.execPath, [LIST, file, '1000000000'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exit = once(child, 'exit');
    while (heap.stats().totals.malloc < end) {
      assert.equal(child.exitCode, null);
      await turn();
    }
    child.kill('SIGKILL');
    await exit;
    const [[count, last]] = run(file, 0);
    assert.ok(
      last >= before && count >= 1,
      `MEMS_SEED=${seed}: ${count} items, the last is ${last}`,
    );
    before = last;
  }
  // Each of them has allocated an item at least, the last of which may not be in the list.
  assert.ok(before + 1 >= 300 + KILLS, `MEMS_SEED=${seed}`);
});
