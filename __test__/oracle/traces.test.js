'use strict';

// The main job on real input: the recorded traces of bench/traces through the public API, every
// address compared with a naive first fit, every block filled with bytes that are all compared
// before it is freed or moved: an overlap, a lost page or a wrong neighbour shows.

const { after, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { FREE, REALLOC, readTrace, traceNames } = require('../../bench/trace.js');
const { finishQuietly, quietly } = require('../helpers/capture.js');
const { Model } = require('../helpers/model.js');
const { bytes, forget, isFilled } = require('../helpers/memory.js');

/** How much of each trace is replayed: all but redis and node are shorter. `npm run test:long` replays all. */
const OPERATIONS = Number(process.env.MEMS_TRACE_OPERATIONS ?? 500_000);

after(() => finishQuietly(mems));

/** Replays the beginning of a trace; returns the naive model and the live blocks at the end. */
function replay({ kind, slot, size, count }) {
  const model = new Model();
  const live = new Map();

  const allocate = (step, length) => {
    const address = mems.malloc(length);
    assert.equal(address, BigInt(model.take(length)), `malloc(${length}) at operation ${step}`);
    const fill = (step % 255) + 1;
    bytes(address, length).fill(fill);
    return { address, length, fill };
  };
  const release = (step, block) => {
    const view = bytes(block.address, block.length);
    assert.ok(isFilled(view, block.fill), `${block.address} was overwritten before ${step}`);
    mems.free(block.address);
    model.release(Number(block.address));
  };

  for (let step = 0; step < count; step++) {
    const old = live.get(slot[step]);
    if (kind[step] === FREE) {
      release(step, old);
      live.delete(slot[step]);
      continue;
    }
    live.set(slot[step], allocate(step, size[step]));
    if (kind[step] === REALLOC) release(step, old);
  }
  return { model, live };
}

for (const name of traceNames()) {
  test(`${name} gives the addresses of a naive first fit and loses no byte`, (t) => {
    const trace = readTrace(name);
    const count = Math.min(trace.count, OPERATIONS);
    mems.init();
    const { model, live } = replay({ ...trace, count });
    mems.verify();
    const { bytes: sizes, counts, totals } = mems.stats();
    assert.equal(sizes.mapped, model.mappedBytes());
    assert.equal(counts.mainBlocks, model.mains.length);
    assert.equal(counts.holes, model.holes.starts.length);
    assert.equal(counts.live, live.size);
    assert.equal(totals.malloc - totals.free, live.size);
    assert.equal(sizes.live + sizes.holes, sizes.mapped);
    for (const { address, length, fill } of live.values()) {
      assert.ok(isFilled(bytes(address, length), fill), `${address} was overwritten`);
    }
    t.diagnostic(`${count} operations, ${counts.pages} pages, ${counts.holes} holes`);
    quietly(() => mems.finish());
    forget();
  });
}
