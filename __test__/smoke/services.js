// The smoke checks of what running services use: metrics, messages and snapshots.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { readMetrics, valuesOf } = require('../helpers/metrics.js');
const { api, assertCode } = require('./api.js');

const MIB = 2 ** 20;

/** The module of channels; undefined in Node 14 before 14.17. */
function channels() {
  try {
    return require('diagnostics_channel');
  } catch (_) {
    return undefined;
  }
}

function metricsAreNumbersOfStats() {
  const { Heap, malloc, metrics, stats } = api();
  malloc(5000);
  const values = valuesOf(metrics());
  assert.strictEqual(values.mems_mapped_bytes, stats().bytes.mapped);
  assert.strictEqual(values.mems_live_bytes + values.mems_hole_bytes, values.mems_mapped_bytes);
  assert.strictEqual(values.mems_grows_total, 1);
  const heap = new Heap({ maxSize: MIB });
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => heap.malloc(2 * MIB));
  const read = readMetrics(Heap.metrics({ 'a "b"': heap, default: 0 }, { unusable: [100] }));
  const failed = read.find(({ name }) => name === 'mems_failed_mallocs_total');
  assert.deepStrictEqual(failed.samples, [
    { labels: { heap: 'a "b"' }, value: 1 },
    { labels: { heap: 'default' }, value: 0 },
  ]);
  heap.close();
}

function messagesArePublished() {
  const module = channels();
  if (module === undefined) return;
  const { Heap } = api();
  const found = [];
  const names = ['heap:create', 'grow', 'trim', 'out-of-memory', 'heap:close'];
  const listen = (message, name) => found.push([name, message.count]);
  const all = names.map((name) => module.channel(`mems:${name}`));
  for (const channel of all) channel.subscribe(listen);
  const heap = new Heap({ maxSize: 4 * MIB });
  heap.free(heap.malloc(2 * MIB));
  heap.trim();
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => heap.malloc(8 * MIB));
  heap.close();
  for (const channel of all) channel.unsubscribe(listen);
  new Heap().close();
  assert.deepStrictEqual(found, [
    ['mems:heap:create', undefined],
    ['mems:grow', 1],
    // Freed pages are given back, and what is left by trim().
    ['mems:trim', 1],
    ['mems:trim', 1],
    ['mems:out-of-memory', 1],
    ['mems:heap:close', undefined],
  ]);
}

/** Calls with a new folder for snapshots. */
async function inFolder(body) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-smoke-'));
  const { env } = process;
  env.MEMS_SNAPSHOT_FOLDER = folder;
  try {
    await body(folder);
  } finally {
    delete env.MEMS_SNAPSHOT_FOLDER;
    for (const file of fs.readdirSync(folder)) fs.unlinkSync(path.join(folder, file));
    fs.rmdirSync(folder);
  }
}

const NAME = /^Mems\.\d{8}\.\d{6}\.\d+\.\d+\.\d{3}\.\d+\.mems$/;

function refusedRequestsLeaveSnapshots() {
  return inFolder((folder) => {
    const { Heap } = api();
    const heap = new Heap({ maxSize: MIB, snapshotNearLimit: 1 });
    assertCode('ERR_MEMS_OUT_OF_MEMORY', () => heap.malloc(2 * MIB));
    assertCode('ERR_MEMS_OUT_OF_MEMORY', () => heap.malloc(2 * MIB));
    heap.close();
    const files = fs.readdirSync(folder);
    assert.ok(files.length === 1 && NAME.test(files[0]), String(files));
  });
}

function signalsWriteSnapshots() {
  if (process.platform === 'win32') return undefined;
  return inFolder(async (folder) => {
    const stop = api().snapshotOnSignal('SIGUSR2', folder);
    process.kill(process.pid, 'SIGUSR2');
    const end = Date.now() + 60_000;
    while (fs.readdirSync(folder).length === 0) {
      assert.ok(Date.now() < end, 'no file is written');
      await new Promise((done) => setTimeout(done, 5));
    }
    stop();
    assert.strictEqual(process.listenerCount('SIGUSR2'), 0);
    for (const file of fs.readdirSync(folder)) assert.ok(NAME.test(file), file);
  });
}

module.exports = {
  metricsAreNumbersOfStats,
  messagesArePublished,
  refusedRequestsLeaveSnapshots,
  signalsWriteSnapshots,
};
