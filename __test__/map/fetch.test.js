'use strict';

// map.fetch() if the maker of a value does not finish: the process is killed, the thread is terminated, make() throws, or the lease is
// over. Others take over, one at a time, and none waits for ever.

const { after, afterEach, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Heap } = require('../..');
const { liveBlocks, mapsOf } = require('../helpers/map-blocks.js');
const { remove } = require('../helpers/remove.js');

const PROGRAM = path.join(__dirname, 'fetcher.js');
/** A lease that is not over before the test. */
const LONG = 3_600_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-fetch-'));
const heaps = [];
const children = [];
let count = 0;

afterEach(async () => {
  const ended = children.splice(0).map((child) => {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    child.kill('SIGKILL');
    return once(child, 'exit');
  });
  await Promise.all(ended);
  for (const heap of heaps.splice(0)) heap.close();
});
after(() => remove(folder));

function open() {
  const heap = Heap.open(path.join(folder, `${++count}.mems`), { addresses: 'number' });
  heaps.push(heap);
  return { heap, map: heap.map('pages', { encoding: 'json' }) };
}

/** A process that fetches what it is told to, and sends a message when it begins to make a value, and one with the value. */
async function fetcher(heap) {
  const child = fork(PROGRAM, [heap.path]);
  children.push(child);
  const told = [];
  const waiting = [];
  child.on('message', (message) => {
    told.push(message);
    for (const look of waiting.splice(0)) look();
  });
  child.hasTold = async (wanted) => {
    for (;;) {
      const at = told.findIndex((message) => wanted in message);
      if (at >= 0) return told.splice(at, 1)[0][wanted];
      await new Promise((resolve) => waiting.push(resolve));
    }
  };
  await child.hasTold('ready');
  return child;
}

/** Checks that the heap has no other blocks than the map's. */
function checkBlocks({ heap, map }) {
  map.delete('nobody’s');
  heap.verify();
  const live = liveBlocks(heap);
  const [{ blocks, problems, counted }] = mapsOf(heap, live);
  assert.deepEqual(problems, []);
  assert.equal(blocks.length, live.size);
  return counted.leases;
}

test('of processes that wait for one that is killed, one makes the value', async () => {
  const { heap, map } = open();
  const [first, ...others] = await Promise.all(Array.from({ length: 4 }, () => fetcher(heap)));
  first.send({ key: 'a', lease: LONG });
  await first.hasTold('makes');
  for (const other of others) other.send({ key: 'a', lease: LONG });
  await Promise.all(others.map((other) => other.hasTold('asked')));
  /** Those that make the value, in the order in which they have begun. */
  const makers = [];
  const next = (among) =>
    Promise.race(among.map((other) => other.makes)).then(() => {
      assert.equal(makers.length, 1, 'one makes the value');
      return makers.pop();
    });
  for (const other of others) other.makes = other.hasTold('makes').then(() => makers.push(other));
  first.kill('SIGKILL');
  const second = await next(others);
  // The process that has taken over is killed as well.
  second.kill('SIGKILL');
  const rest = others.filter((other) => other !== second);
  const third = await next(rest);
  third.send({ end: 'page' });
  const values = await Promise.all(rest.map((other) => other.hasTold('value')));
  assert.deepEqual(values, ['page', 'page']);
  assert.deepEqual(makers, []);
  assert.equal(map.get('a'), 'page');
  assert.equal(checkBlocks({ heap, map }), 0);
});

test('a process of which a key is asked gives it to all that ask it at the same moment', async () => {
  const { heap, map } = open();
  const child = await fetcher(heap);
  child.send({ key: 'a', lease: LONG });
  await child.hasTold('makes');
  const values = Promise.all(
    Array.from({ length: 5 }, () => map.fetch('a', () => assert.fail('another makes it'))),
  );
  child.send({ end: 'page' });
  assert.deepEqual(new Set(await values), new Set(['page']));
});

for (const [kind, make] of [
  ['of a heap file', open],
  [
    'in memory',
    () => {
      const heap = new Heap({ addresses: 'number' });
      heaps.push(heap);
      return { heap, map: heap.map('pages', { encoding: 'json' }) };
    },
  ],
]) {
  test(`a thread that is terminated gives its leases back, in a map ${kind}`, async () => {
    const { heap, map } = make();
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { Heap } = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
      const map = Heap.attach(workerData).map('pages', { encoding: 'json' });
      map.fetch('a', () => { parentPort.postMessage('makes'); return new Promise(() => setInterval(() => {}, 1000)); }, { lease: ${LONG} });`;
    const worker = new Worker(program, { eval: true, workerData: heap.id });
    await once(worker, 'message');
    let made = 0;
    const values = [1, 2].map(() =>
      heap.map('pages', { encoding: 'json' }).fetch('a', () => {
        made++;
        return 'page';
      }),
    );
    await new Promise(setImmediate);
    assert.equal(made, 0);
    await worker.terminate();
    assert.deepEqual(await Promise.all(values), ['page', 'page']);
    assert.equal(made, 1);
    assert.equal(map.get('a'), 'page');
  });
}

test('when make() throws, the next makes the value, and only its own caller hears of it', async () => {
  const { heap, map } = open();
  const child = await fetcher(heap);
  child.send({ key: 'a', lease: LONG });
  await child.hasTold('makes');
  const value = map.fetch('a', () => 'other page');
  child.send({ fail: 'no' });
  assert.equal(await child.hasTold('error'), 'no');
  assert.equal(await value, 'other page');
  // An error at once, and a value that cannot be encoded.
  for (const fails of [
    () => {
      throw new Error('no');
    },
    () => Promise.reject(new Error('no')),
    () => 5n,
  ])
    await assert.rejects(map.fetch('b', fails));
  assert.equal(await map.fetch('b', () => 'page'), 'page');
  assert.equal(checkBlocks({ heap, map }), 0);
});

test('a lease that is over is another’s, and the one that comes first sets its value', async () => {
  const { heap, map } = open();
  const child = await fetcher(heap);
  child.send({ key: 'a', lease: 1 });
  await child.hasTold('makes');
  assert.equal(await map.fetch('a', () => 'quick', { lease: LONG }), 'quick');
  child.send({ end: 'late' });
  assert.equal(await child.hasTold('value'), 'late');
  assert.equal(map.get('a'), 'quick');
  for (const [key, last] of Object.entries({ b: { fail: 'no' }, c: { end: 'theirs' } })) {
    child.send({ key, lease: 1 });
    await child.hasTold('makes');
    let end;
    const mine = map.fetch(key, () => new Promise((resolve) => (end = resolve)), { lease: LONG });
    while (end === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    child.send(last);
    // One that comes too late and has nothing leaves the lease of the other.
    if (last.fail) assert.equal(await child.hasTold('error'), last.fail);
    else assert.equal(await child.hasTold('value'), last.end);
    const other = heap.map('pages', { encoding: 'json' });
    const others = other.fetch(key, () => assert.fail('made twice'));
    end('mine');
    assert.deepEqual(await Promise.all([mine, others]), ['mine', last.end ?? 'mine']);
  }
  assert.equal(map.get('c'), 'theirs');
  assert.equal(map.stats().unkept, 1);
  assert.equal(checkBlocks({ heap, map }), 0);
});

test('what was made of a key that has been set or removed meanwhile is not kept', async () => {
  const { heap, map } = open();
  const child = await fetcher(heap);
  const changes = {
    undefined: [() => map.delete('a'), () => map.clear()],
    newer: [() => map.set('a', 'newer'), () => map.compareAndSet('a', undefined, 'newer')],
  };
  for (const [left, change] of Object.entries(changes).flatMap(([left, all]) =>
    all.map((change) => [left, change]),
  )) {
    child.send({ key: 'a', lease: LONG });
    await child.hasTold('makes');
    change();
    child.send({ end: 'page' });
    assert.equal(await child.hasTold('value'), 'page');
    assert.equal(String(map.get('a')), left, String(change));
    map.delete('a');
  }
  // Nor if another has begun to make it since.
  child.send({ key: 'a', lease: LONG });
  await child.hasTold('makes');
  map.delete('a');
  const since = await map.fetch('a', async () => {
    child.send({ end: 'page' });
    assert.equal(await child.hasTold('value'), 'page');
    assert.equal(map.get('a'), undefined);
    return 'since';
  });
  assert.equal(since, 'since');
  assert.equal(map.get('a'), 'since');
  assert.equal(checkBlocks({ heap, map }), 0);
});
