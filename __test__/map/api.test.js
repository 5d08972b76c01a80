'use strict';

// Maps as JavaScript sees them: in heap files and in heaps in memory, in threads and in processes.

const { after, afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const v8 = require('node:v8');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const util = require('node:util');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-map-'));
const open = [];
let count = 0;

function inFile(options) {
  const heap = Heap.open(path.join(folder, `${++count}.mems`), options);
  open.push(heap);
  return heap;
}

function inMemory(options) {
  const heap = new Heap(options);
  open.push(heap);
  return heap;
}

afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
});
after(() => remove(folder));

const code = (value) => ({ code: value });

for (const [kind, made] of [
  ['in a heap file', inFile],
  ['in memory', inMemory],
]) {
  describe(`a map ${kind}`, () => {
    test('gets what was set, by strings and by bytes', () => {
      const map = made().map('pages');
      assert.equal(map.get('a'), undefined);
      assert.equal(map.set('a', Buffer.from('one')), map);
      assert.deepEqual(map.get('a'), Buffer.from('one'));
      assert.deepEqual(map.get(Buffer.from('a')), Buffer.from('one'));
      map.set(new Uint8Array([0, 255]), new Uint8Array([7]));
      assert.deepEqual(map.get(Buffer.from([0, 255])), Buffer.from([7]));
      map.set('é😀', 'text');
      assert.equal(map.get('é😀').toString(), 'text');
      map.set('', Buffer.alloc(0));
      assert.deepEqual(map.get(''), Buffer.alloc(0));
      assert.equal(map.has('a'), true);
      assert.equal(map.has('b'), false);
      assert.equal(map.size, 4);
      assert.deepEqual([...map.keys()].map(String).sort(), ['', '\0\ufffd', 'a', 'é😀']);
    });

    test('copies values: what is returned is the caller’s own', () => {
      const map = made().map('pages');
      const value = Buffer.from('one');
      map.set('a', value);
      value.fill(0);
      const first = map.get('a');
      first.fill(1);
      assert.deepEqual(map.get('a'), Buffer.from('one'));
    });

    test('encodes', () => {
      const heap = made();
      const date = new Date(5);
      const rows = [
        ['string', 'text é', 'other'],
        ['json', { a: [1, null, 'x'] }, 5],
        ['v8', new Map([[1, date]]), undefined],
      ];
      for (const [encoding, value, other] of rows) {
        const map = heap.map('mixed', { encoding });
        map.set(encoding, value);
        assert.deepEqual(map.get(encoding), value);
        map.set('other', other);
        assert.deepEqual(map.get('other'), other);
      }
      // A value says how it is encoded. Only a reader with 'v8' lets V8 read what may be forged.
      const all = heap.map('mixed', { encoding: 'v8' });
      const safe = heap.map('mixed', { encoding: 'json' });
      for (const [encoding, value] of rows) {
        assert.deepEqual(all.get(encoding), value);
        const read = encoding === 'v8' ? v8.serialize(value) : value;
        assert.deepEqual(safe.get(encoding), read);
        assert.deepEqual(new Map(safe).get(encoding), read);
      }
      const own = heap.map('own', {
        encoding: {
          encode: (text) => Buffer.from(text).reverse(),
          decode: (bytes) => Buffer.from(bytes).reverse().toString(),
        },
      });
      own.set('a', 'abc');
      assert.equal(own.get('a'), 'abc');
      assert.equal(heap.map('own').get('a').toString(), 'cba');
      assert.throws(() => heap.map('x', { encoding: 'xml' }), code('ERR_INVALID_ARG_TYPE'));
      assert.throws(
        () => heap.map('x', { encoding: 'string' }).set('a', 5),
        code('ERR_INVALID_ARG_TYPE'),
      );
      assert.throws(
        () => heap.map('x', { encoding: 'json' }).set('a', undefined),
        code('ERR_INVALID_ARG_TYPE'),
      );
    });

    test('gets long values, and values into arrays', () => {
      const map = made().map('pages');
      const long = Buffer.alloc(300_000, 'abc');
      map.set('long', long);
      assert.deepEqual(map.get('long'), long);
      const into = new Uint8Array(4);
      map.set('short', Buffer.from([1, 2, 3]));
      assert.equal(map.getInto('short', into), 3);
      assert.deepEqual([...into], [1, 2, 3, 0]);
      assert.equal(map.getInto('long', into), 300_000);
      assert.deepEqual([...into], [1, 2, 3, 0], 'what has no room is not copied');
      assert.equal(map.getInto('none', into), -1);
      const other = vm.runInNewContext('new Uint8Array(3)');
      assert.equal(map.getInto('short', other), 3);
      assert.deepEqual([...other], [1, 2, 3], 'an array of another realm');
      for (const wrong of [
        undefined,
        null,
        'text',
        [0],
        new Int8Array(8),
        new DataView(new ArrayBuffer(8)),
        Object.create(into),
      ])
        assert.throws(() => map.getInto('short', wrong), code('ERR_INVALID_ARG_TYPE'));
    });

    test('counts', () => {
      const map = made().map('counts', { encoding: 'string' });
      assert.equal(map.increment('a'), 1n);
      assert.equal(map.increment('a', -3), -2n);
      assert.equal(map.increment('a', 2n ** 62n), 2n ** 62n - 2n);
      assert.equal(map.get('a'), 2n ** 62n - 2n);
      assert.throws(() => map.increment('a', 2n ** 62n + 2n), code('ERR_OUT_OF_RANGE'));
      map.set('b', 'text');
      assert.throws(() => map.increment('a', 2n ** 62n + 2n), RangeError);
      assert.throws(() => map.increment('b'), code('ERR_MEMS_NOT_A_COUNTER'));
      assert.throws(() => map.increment('a', 0.5), code('ERR_INVALID_ARG_TYPE'));
      assert.deepEqual([...map].sort(), [
        ['a', 2n ** 62n - 2n],
        ['b', 'text'],
      ]);
    });

    test('compares and sets', () => {
      const map = made().map('pages', { encoding: 'json' });
      assert.equal(map.compareAndSet('a', { x: 1 }, { x: 2 }), false);
      assert.equal(map.compareAndSet('a', undefined, { x: 1 }), true);
      assert.equal(map.compareAndSet('a', undefined, { x: 3 }), false);
      assert.equal(map.compareAndSet('a', { x: 1 }, { x: 2 }), true);
      assert.deepEqual(map.get('a'), { x: 2 });
    });

    test('forgets', () => {
      const map = made().map('pages', { encoding: 'string' });
      for (let i = 0; i < 2000; i++) map.set(`${i}`, `${i}`);
      assert.equal(map.delete('7'), true);
      assert.equal(map.delete('7'), false);
      assert.equal(map.size, 1999);
      assert.equal(new Set(map.keys()).size, 1999);
      map.clear();
      assert.equal(map.size, 0);
      assert.deepEqual([...map.values()], []);
    });

    test('lets entries expire', () => {
      const map = made().map('pages', { encoding: 'string', ttl: 3_600_000 });
      map.set('hour', 'a');
      map.set('gone', 'b', { ttl: 1 });
      map.set('ever', 'c', { ttl: Number.POSITIVE_INFINITY });
      const until = Date.now() + 2;
      while (Date.now() < until);
      assert.equal(map.get('gone'), undefined);
      assert.equal(map.has('gone'), false);
      assert.deepEqual([...map.keys()].sort(), ['ever', 'hour']);
      assert.throws(() => map.set('a', 'b', { ttl: -1 }), code('ERR_INVALID_ARG_TYPE'));
    });

    test('stays within its limits', () => {
      const heap = made();
      const map = heap.map('pages', { maxBytes: 100_000, maxEntries: 300, shards: 4 });
      for (let i = 0; i < 3000; i++) {
        map.set(`${i}`, Buffer.alloc(i % 1000));
        const { bytes, entries } = map.stats();
        assert.ok(bytes <= 100_000 && entries <= 300);
      }
      const { evictions, maxBytes, maxEntries, entries } = map.stats();
      assert.deepEqual([maxBytes, maxEntries], [100_000, 300]);
      assert.equal(evictions, 3000 - entries);
      assert.throws(() => map.set('large', Buffer.alloc(200_000)), code('ERR_MEMS_TOO_LARGE'));
      // Limits are the map's: a program that opens it with others changes them for all.
      heap.map('pages', { maxEntries: Number.POSITIVE_INFINITY });
      assert.equal(map.stats().maxEntries, Number.POSITIVE_INFINITY);
    });

    test('stays within its limit as its table grows, also for a value that it has no room for', () => {
      const map = made().map('pages', { maxBytes: 980, shards: 1 });
      for (let i = 0; i < 6; i++) map.set(`${i}`, Buffer.alloc(79));
      assert.throws(() => map.set('large', Buffer.alloc(700)), code('ERR_MEMS_TOO_LARGE'));
      assert.ok(map.stats().bytes <= 980);
    });

    test('refuses what is no key, name or option', () => {
      const heap = made();
      const map = heap.map('pages');
      for (const key of [5, null, undefined, {}, 5n, Symbol('a')])
        assert.throws(() => map.get(key), code('ERR_INVALID_ARG_TYPE'));
      assert.throws(() => map.set('a', 5), code('ERR_INVALID_ARG_TYPE'));
      for (const encoding of ['binary', 'string', 'json']) {
        const encoded = heap.map('pages', { encoding });
        for (const [name, ...values] of [
          ['expected', Symbol('a'), 'a'],
          ['value', 'a', Symbol('a')],
        ]) {
          assert.throws(() => encoded.compareAndSet('a', ...values), {
            code: 'ERR_INVALID_ARG_TYPE',
            message: new RegExp(`^The "${name}" argument must be`),
          });
        }
      }
      assert.throws(() => map.compareAndSet('a', null, 'a'), { message: /^The "expected"/ });
      assert.throws(() => map.set('a'.repeat(65_536), ''), code('ERR_MEMS_KEY_TOO_LONG'));
      map.set('a'.repeat(65_535), 'long');
      assert.equal(map.get('a'.repeat(65_535)).toString(), 'long');
      assert.throws(() => heap.map(''), code('ERR_MEMS_MAP_NAME'));
      assert.throws(() => heap.map('x'.repeat(47)), code('ERR_MEMS_MAP_NAME'));
      assert.throws(() => heap.map('a\0b'), code('ERR_INVALID_ARG_TYPE'));
      assert.throws(() => heap.map('a', { max: 5 }), code('ERR_INVALID_ARG_VALUE'));
      assert.throws(() => heap.map('a', { shards: 3 }), code('ERR_INVALID_ARG_TYPE'));
      assert.throws(() => heap.map('a', { maxBytes: -1 }), code('ERR_MEMS_INVALID_SIZE'));
      assert.throws(() => map.set('a', '', { TTL: 5 }), code('ERR_INVALID_ARG_VALUE'));
      assert.deepEqual(heap.maps, ['pages']);
    });

    test('makes a value once for all that fetch it', async () => {
      const map = made().map('pages', { encoding: 'string' });
      let made_ = 0;
      const make = async (key) => {
        made_++;
        await new Promise(setImmediate);
        return `page ${key}`;
      };
      const values = await Promise.all(Array.from({ length: 10 }, () => map.fetch('a', make)));
      assert.deepEqual(new Set(values), new Set(['page a']));
      assert.equal(await map.fetch('a', make), 'page a');
      assert.equal(made_, 1);
      await assert.rejects(
        map.fetch('b', () => {
          throw new Error('no');
        }),
        { message: 'no' },
      );
      assert.equal(await map.fetch('b', make), 'page b');
      assert.equal(await map.fetch('c', () => undefined), undefined);
      assert.equal(map.has('c'), false);
      for (const lease of [-1, '1s', Number.NaN])
        await assert.rejects(map.fetch('c', make, { lease }), code('ERR_INVALID_ARG_TYPE'));
      assert.equal(await map.fetch('c', make, { lease: Number.POSITIVE_INFINITY }), 'page c');
      // Another object of the map, as another thread has one, waits for the first.
      let end;
      const slow = map.fetch('d', () => new Promise((resolve) => (end = resolve)));
      const other = open.at(-1).map('pages', { encoding: 'json' });
      const waiting = other.fetch('d', () => assert.fail('it is being made'));
      await new Promise((resolve) => setTimeout(resolve, 5));
      end('page d');
      assert.deepEqual(await Promise.all([slow, waiting]), ['page d', 'page d']);
    });

    test('begins a counter anew when its time is over', () => {
      const map = made().map('rates', { ttl: 1 });
      const begun = Date.now();
      assert.equal(map.increment('for ever'), 1n);
      assert.equal(map.increment('a', 2, { ttl: 5 }), 2n);
      // Later calls do not lengthen it.
      for (let sum = 2n; sum > 1n; ) sum = map.increment('a', 1, { ttl: 5 });
      assert.ok(Date.now() >= begun + 5);
      assert.equal(map.increment('for ever'), 2n);
      assert.throws(() => map.increment('a', 1, { TTL: 5 }), code('ERR_INVALID_ARG_VALUE'));
    });

    test('lets what has expired go before a table grows', () => {
      const map = made().map('short', {});
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 1000; i++) map.set(`${round} ${i}`, 'x', { ttl: 1 });
        for (const end = Date.now() + 2; Date.now() < end; );
      }
      const { entries, bytes, expirations } = map.stats();
      assert.ok(entries < 6000, `${entries} entries`);
      assert.equal(expirations, 40_000 - entries);
      assert.ok(bytes < 1 << 20, `${bytes} bytes`);
    });

    test('has room for entries below every limit of bytes', () => {
      for (const maxBytes of [1000, 5000, 17_000, 20_000, 32_768, 300_000]) {
        const map = made().map('small', { maxBytes });
        for (let i = 0; i < 3000; i++) map.set(`key ${i}`, Buffer.alloc(i % 200));
        const { bytes, entries, shards } = map.stats();
        assert.ok(bytes <= maxBytes && entries > 0, `${bytes} bytes, ${entries} entries`);
        assert.ok(128 * shards <= Math.max(128, maxBytes / 8), `${shards} shards`);
      }
    });

    test('fetches a value for which there is no room', async () => {
      const map = made().map('small', { maxBytes: 5000 });
      const value = await map.fetch('a', () => Buffer.alloc(10_000, 1));
      assert.deepEqual(value, Buffer.alloc(10_000, 1));
      assert.equal(map.has('a'), false);
      assert.equal(map.stats().unkept, 1);
      // Nobody waits for it.
      assert.deepEqual(await map.fetch('a', () => Buffer.from('short')), Buffer.from('short'));
      assert.equal(map.stats().unkept, 1);
    });

    test('is shown with what it has', () => {
      const map = made().map('pages', { maxEntries: 5 });
      map.set('a', 'b');
      assert.match(
        util.inspect(map),
        /^SharedMap \{\n? +name: 'pages',\s+entries: 1,\s+bytes: \d+,\s+maxBytes: Infinity,\s+maxEntries: 5\s+\}$/,
      );
      assert.equal(util.inspect([[[map]]], { depth: 2 }), '[ [ [ [SharedMap] ] ] ]');
      assert.equal(util.inspect(Object.create(map)), '[SharedMap]');
      open.pop().close();
      assert.equal(util.inspect(map), 'SharedMap { closed: true }');
    });

    test('fetches undefined, by a key that changes, and without a value where one is wrong', async () => {
      const map = made().map('pages', { encoding: 'v8' });
      map.set('undefined', undefined);
      assert.equal(await map.fetch('undefined', () => assert.fail('there is a value')), undefined);
      const key = Buffer.from('before');
      const value = map.fetch(key, async (kept) => `${kept}`, { lease: 3_600_000 });
      key.fill('x');
      assert.equal(await value, 'before');
      assert.deepEqual([...map.keys()].map(String).sort(), ['before', 'undefined']);
      map.delete('before');
      assert.equal(await map.fetch('before', () => 'after'), 'after');
      // What is wrong is said whether there is a value or not.
      await assert.rejects(map.fetch('before', 'page'), code('ERR_INVALID_ARG_TYPE'));
      await assert.rejects(
        map.fetch('before', () => 'page', { TTL: 5 }),
        code('ERR_INVALID_ARG_VALUE'),
      );
      const heap = open.pop();
      const failed = map.fetch('late', () => {
        heap.close();
        throw new Error('no');
      });
      await assert.rejects(failed, { message: 'no' });
    });

    test('of a heap that has ended is never another’s', () => {
      const heap = made();
      const old = heap.map('old', { encoding: 'string' });
      old.set('a', 'old');
      open.pop();
      heap.close();
      const other = made().map('other', { encoding: 'string' });
      other.set('a', 'other');
      assert.throws(() => old.get('a'), code('ERR_MEMS_CLOSED'));
      assert.throws(() => old.set('a', 'old'), code('ERR_MEMS_CLOSED'));
      assert.equal(other.get('a'), 'other');
    });

    test('ends with its heap', () => {
      const heap = made();
      const map = heap.map('pages');
      map.set('a', 'b');
      open.pop();
      heap.close();
      for (const call of [
        () => map.get('a'),
        () => map.set('a', 'b'),
        () => map.size,
        () => [...map],
      ])
        assert.throws(call, (error) => /^ERR_MEMS_/.test(error.code));
    });

    test('keeps checksums', () => {
      const map = made().map('pages', { checksum: true });
      map.set('a', Buffer.alloc(100, 5));
      assert.deepEqual(map.get('a'), Buffer.alloc(100, 5));
    });
  });
}

test('threads share a map in memory', async () => {
  const heap = inMemory();
  const map = heap.map('shared', { encoding: 'json' });
  map.set('here', 1);
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Heap } = require(${JSON.stringify(ROOT)});
    const map = Heap.attach(workerData).map('shared', { encoding: 'json' });
    map.set('there', [map.get('here')]);
    for (let i = 0; i < 1000; i++) map.increment('count');
    parentPort.postMessage('done');`;
  const workers = Array.from(
    { length: 3 },
    () => new Worker(program, { eval: true, workerData: heap.id }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  assert.deepEqual(map.get('there'), [1]);
  assert.equal(map.get('count'), 3000n);
});

test('processes share a map in a file, and it survives them', async () => {
  const heap = inFile();
  const map = heap.map('shared', { encoding: 'json' });
  const program = path.join(folder, 'child.js');
  fs.writeFileSync(
    program,
    `const { Heap } = require(${JSON.stringify(ROOT)});
    const map = Heap.open(process.argv[2]).map('shared', { encoding: 'json' });
    for (let i = 0; i < 1000; i++) { map.increment('count'); map.set('from ' + process.pid + ' ' + i, { i }); }
    map.fetch('page', () => process.pid).then((made) => process.send(made, () => process.kill(process.pid, 'SIGKILL')));`,
  );
  const children = Array.from({ length: 3 }, () => fork(program, [heap.path]));
  const made = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]));
  const ended = ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null;
  await Promise.all(children.map((child) => ended(child) || once(child, 'exit')));
  assert.equal(new Set(made).size, 1);
  assert.equal(map.get('page'), made[0]);
  assert.equal(map.get('count'), 3000n);
  assert.equal(map.size, 3002);
  for (const [key, value] of map)
    if (key.startsWith('from')) assert.equal(key.split(' ')[2], `${value.i}`);
});

test('a process that is killed while it makes a value is followed by another', async () => {
  const heap = inFile();
  const map = heap.map('pages', { encoding: 'string' });
  const program =
    `const map = require(${JSON.stringify(ROOT)}).Heap.open(${JSON.stringify(heap.path)}).map('pages', { encoding: 'string' });` +
    `map.fetch('a', () => process.kill(process.pid, 'SIGKILL'), { lease: 3_600_000 });`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', program]);
  // On Windows a process that kills itself has the code 1, as one that throws has, which prints why.
  const killed = process.platform === 'win32' ? [1, null] : [null, 'SIGKILL'];
  assert.deepEqual([status, signal, String(stderr)], [...killed, '']);
  assert.equal(await map.fetch('a', () => 'page'), 'page');
});

test('a heap that is open for reading only reads maps, and makes none', () => {
  const heap = inFile();
  heap.map('pages').set('a', 'b');
  const reader = Heap.open(heap.path, { readOnly: true });
  open.push(reader);
  const map = reader.map('pages');
  assert.equal(map.get('a').toString(), 'b');
  heap.map('pages').set('a', 'c'.repeat(5_000_000));
  assert.equal(map.get('a').length, 5_000_000);
  assert.throws(() => map.set('a', 'b'), code('ERR_MEMS_READ_ONLY'));
  assert.throws(() => reader.map('others'), code('ERR_MEMS_READ_ONLY'));
});

test('a heap that is closed lets go of its file, though maps of it are left', () => {
  const heap = Heap.open(path.join(folder, `${++count}.mems`));
  const file = heap.path;
  const map = heap.map('pages');
  map.set('a', 'b');
  assert.equal(map.get('a').toString(), 'b');
  heap.close();
  if (process.platform === 'linux') {
    const leadsTo = (name) => fs.readlinkSync(`/proc/self/fd/${name}`);
    // The descriptor by which the list is read is closed by now.
    const names = fs
      .readdirSync('/proc/self/fd')
      .filter((name) => fs.existsSync(`/proc/self/fd/${name}`));
    assert.ok(!names.map(leadsTo).includes(file));
  }
  // Windows refuses this as long as the file is mapped.
  fs.rmSync(file);
  for (const call of [() => map.get('a'), () => map.set('a', 'b'), () => map.size, () => [...map]])
    assert.throws(call, code('ERR_MEMS_CLOSED'));
});
