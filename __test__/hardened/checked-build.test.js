'use strict';

// The addon as built for tests: it runs verify() after every operation and has a function that
// panics with the heap locked. (npm test builds it; npm run build:tests does so alone.)

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readdirSync } = require('node:fs');
const path = require('node:path');
const { unmapped } = require('../fixtures/seed.json');

const PROGRAMS = process.env.MEMS_CHECKED_PROGRAMS ?? '10';
const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'target', 'test-addon');
const addon = path.join(
  folder,
  readdirSync(folder).find((file) => file.endsWith('.node')),
);

function node(args, env = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      MEMS_LIBRARY_PATH: addon,
      ...env,
    },
  });
  return { stdout, stderr, status };
}

test('the oracle agrees with verify() running after every operation', () => {
  const oracle = path.join(__dirname, '..', 'oracle', 'oracle.test.js');
  const { status, stdout } = node(['--test', oracle], { MEMS_PROGRAMS: PROGRAMS });
  assert.equal(status, 0, stdout);
});

test('each policy agrees with verify() running after every operation', () => {
  const policies = path.join(__dirname, '..', 'oracle', 'policies.test.js');
  const env = { MEMS_PROGRAMS: PROGRAMS, MEMS_TRACE_OPERATIONS: '500' };
  const { status, stdout } = node(['--test', policies], env);
  assert.equal(status, 0, stdout);
});

test('random calls of the raw exports find each heap sound after every operation', () => {
  const file = path.join(__dirname, '..', 'api', 'raw-exports.test.js');
  const { status, stdout } = node(['--test', file], { MEMS_RAW_CALLS: '2000' });
  assert.equal(status, 0, stdout);
});

test('calls share the runtime’s memory where it allows no buffers over the addon’s', () => {
  const program = `
    const assert = require('node:assert/strict');
    const binding = require(${JSON.stringify(path.join(root, 'binding.js'))});
    binding.refuseBuffers();
    const mems = require(${JSON.stringify(root)});
    const heap = new mems.Heap();
    const address = heap.malloc(100);
    heap.write(address, 'hello');
    assert.equal(heap.read(address, 5).toString(), 'hello');
    heap.free(address);
    const { memory, malloc } = binding.makeCalls();
    new Float64Array(memory).set([heap.id, 8]);
    malloc();
    assert.equal(heap.stats().counts.live, 1);
    const moved = structuredClone(memory, { transfer: [memory] });
    assert.throws(malloc, { code: 'ERR_MEMS_INTERNAL' });
    assert.equal(new Float64Array(moved)[1], 8);
    assert.equal(heap.stats().counts.live, 1);
    heap.verify();
  `;
  assert.deepEqual(node(['-e', program]), { stdout: '', stderr: '', status: 0 });
});

test('a panic becomes an exception, and finish() and init() give a sound heap again', () => {
  const program = `
    const assert = require('node:assert/strict');
    const mems = require(${JSON.stringify(root)});
    const { panicWithTheHeapLocked } = require(${JSON.stringify(path.join(root, 'binding.js'))});
    mems.init();
    mems.malloc(8);
    assert.throws(panicWithTheHeapLocked, {
      name: 'Error', code: 'ERR_MEMS_INTERNAL', message: /a panic on purpose/,
    });
    for (const call of [() => mems.malloc(8), () => mems.get(1000n), () => mems.free(1000n),
      () => mems.init(), mems.stats, mems.verify, mems.printStats]) {
      assert.throws(call, { code: 'ERR_MEMS_INTERNAL', message: /finish\\(\\)/ });
    }
    mems.finish();
    mems.init();
    assert.equal(mems.malloc(8), 1000n);
    mems.verify();
    mems.finish();
  `;
  const end = `${unmapped}\n`;
  assert.deepEqual(node(['-e', program]), { stdout: end + end, stderr: '', status: 0 });
});

test('where the runtime allows no buffers, copies still work and views say why they do not', () => {
  const program = `
    const assert = require('node:assert/strict');
    const mems = require(${JSON.stringify(root)});
    require(${JSON.stringify(path.join(root, 'binding.js'))}).refuseBuffers();
    const heap = new mems.Heap();
    const p = heap.malloc(100);
    for (const call of [() => heap.buffer(p), () => heap.view(p, Float64Array), () => heap.allocate(8).view]) {
      assert.throws(call, { code: 'ERR_MEMS_UNSUPPORTED', message: /read\\(\\)/ });
    }
    assert.equal(heap.write(p, 'hello'), 5);
    assert.equal(heap.read(p, 5).toString(), 'hello');
    assert.equal(heap.read(p).length, 100);
    assert.throws(() => heap.read(p, 2 ** 50), { code: 'ERR_MEMS_OUT_OF_BLOCK' });
    heap.copy(p + 50n, p, 5);
    assert.equal(heap.compare(p, p + 50n, 5), 0);
    heap.verify();
    heap.close();
  `;
  assert.deepEqual(node(['-e', program]), { stdout: '', stderr: '', status: 0 });
});
