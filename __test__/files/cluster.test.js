'use strict';

// A cluster whose workers share a heap file: its primary kills workers in the middle of their calls, and forks new ones in their place,
// which continue with what the dead ones had.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const cluster = require('node:cluster');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { inspect } = require('node:util');
const { setTimeout: later } = require('node:timers/promises');
const { Heap } = require('../..');
const { Random, seed } = require('../helpers/random.js');
const { Shelf } = require('./cluster-worker.js');

const WORKERS = 3;
const KILLS = Number(process.env.MEMS_CLUSTER_KILLS ?? 30);

/** All live blocks: their addresses. */
function liveBlocks(heap) {
  const addresses = [];
  for (const { segments } of heap.chains()) {
    for (const { kind, start } of segments) if (kind === 'live') addresses.push(start);
  }
  return addresses;
}

const options = {
  skip: process.platform === 'win32' && 'a killed process may hold its locks for a while',
};

test(
  'workers of a cluster are killed and forked anew, and no block is lost or left',
  options,
  async (t) => {
    t.diagnostic(`MEMS_SEED=${seed}`);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-cluster-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'shared.mems');
    const heap = Heap.open(file, { addresses: 'number' });
    t.after(() => heap.close());
    heap.roots.set('stop', heap.calloc(1, 16));
    const stop = heap.view(heap.roots.get('stop'), Uint32Array, 1);
    for (let shelf = 0; shelf < WORKERS; shelf++) Shelf.make(heap, shelf);
    cluster.setupPrimary({ exec: path.join(__dirname, 'cluster-worker.js') });
    let left = KILLS;
    let settled = 0;

    /** Lets workers have a shelf, one after the other, until there have been enough kills. */
    async function keep(shelf) {
      const random = new Random(shelf);
      for (;;) {
        const worker = cluster.fork({
          MEMS_CLUSTER_FILE: file,
          MEMS_CLUSTER_SHELF: shelf,
          MEMS_CLUSTER_SEED: random.int(0, 2 ** 31),
        });
        const exit = once(worker, 'exit');
        const begun = await Promise.race([once(worker, 'message'), exit]);
        assert.equal(typeof begun[0], 'object', `a worker ends as it begins: ${begun}`);
        if (begun[0].settled) settled++;
        await later(random.int(0, 25));
        if (left-- <= 0) {
          stop[0] = 1;
          assert.deepEqual(await exit, [0, null]);
          return;
        }
        worker.process.kill('SIGKILL');
        assert.deepEqual(await exit, [null, 'SIGKILL']);
        // Here the primary is the next who uses the heap, or it is any worker.
        if (random.chance(0.5)) heap.free(heap.malloc(100));
      }
    }

    await Promise.all(Array.from({ length: WORKERS }, (_, shelf) => keep(shelf)));
    heap.verify();
    const expected = [heap.roots.get('stop')];
    for (let number = 0; number < WORKERS; number++) {
      const shelf = new Shelf(heap, number);
      assert.equal(shelf.settle(), false, 'a worker that is told to stop leaves nothing');
      expected.push(shelf.address, ...shelf.check());
    }
    const ascending = (a, b) => a - b;
    assert.deepEqual(liveBlocks(heap), expected.sort(ascending));
    assert.equal(heap.stats().counts.live, expected.length);
    assert.equal(heap.processes.length, 1);
    const report = Heap.verify(file);
    assert.equal(report.sound, true, inspect(report));
    const { malloc } = heap.stats().totals;
    t.diagnostic(`${KILLS} kills, ${malloc} blocks allocated, ${settled} drafts settled`);
    assert.ok(malloc > KILLS);
  },
);
