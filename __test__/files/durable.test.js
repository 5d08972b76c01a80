'use strict';

// Heap files that survive a power failure: what a sync is, and what comes back. A power failure is made by hand: the processes are killed,
// and the file's state is made one of another run of the system, so that the next who opens it does what it does after a reboot. (What a
// disk may have written of the rest is simulated in src/heap/ledger/power_tests.rs.)

const { after, afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { codeOf } = require('../helpers/error-code.js');
const { change, stopSystem } = require('../helpers/power.js');
const { Random, seed } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const CHECKED = path.join(ROOT, 'target', 'test-addon');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-durable-'));
const open = [];
let files = 0;

/** Offsets in a file, in bytes, as src/heap/ledger/layout.rs has them. */
const AT = {
  needed: 12,
  finished: 8 * 218,
  records: 86016,
  roots: 94208,
  header: 262144,
};
const RECORD = 4096;

after(() => remove(folder));
afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
});

const newPath = () => path.join(folder, `${++files}.mems`);

/** Opens a file, a new one by default; it is closed when the test ends. */
function opened(options, file = newPath()) {
  const heap = Heap.open(file, options);
  open.push(heap);
  return heap;
}

/** Runs a program in a process that is killed at its end; `Heap`, `file` and the addon `binding` are there. */
function killed(file, program, options = {}) {
  const text = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    const binding = require(${JSON.stringify(path.join(ROOT, 'binding.js'))});
    const file = ${JSON.stringify(file)};
    (async () => {
      const result = await (async () => { ${program} })();
      process.stdout.write(JSON.stringify(result ?? null), () => process.kill(process.pid, 'SIGKILL'));
    })();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', text], {
    encoding: 'utf8',
    ...options,
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** Runs a program as `killed` does, with the addon that is built for tests. */
const killedInTest = (file, program) =>
  killed(file, program, {
    env: {
      ...process.env,
      MEMS_LIBRARY_PATH: path.join(
        CHECKED,
        fs.readdirSync(CHECKED).find((name) => name.endsWith('.node')),
      ),
    },
  });

/** What a program finds in a heap: roots, and the text of each root's block. */
const contents = (heap) =>
  Object.fromEntries(
    [...heap.roots].map(([name, address]) => [
      name,
      heap.read(address, 20).toString().replace(/\0*$/, ''),
    ]),
  );

const FILL = `
  const heap = Heap.open(file, { durable: true });
  const make = (name, text = name) => {
    const address = heap.malloc(100);
    heap.write(address, text);
    heap.roots.set(name, address);
    return address;
  };
`;

describe('a sync', () => {
  test('has a number, one higher each time, in both forms', async () => {
    const heap = opened({ durable: true });
    assert.deepEqual(heap.syncSync(), { generation: 1 });
    heap.malloc(100);
    assert.deepEqual(await heap.sync(), { generation: 2 });
    // Those who ask while one is under way get the next together, which has what was there when they asked.
    const several = await Promise.all([heap.sync(), heap.sync(), heap.sync()]);
    assert.deepEqual(
      several.map(({ generation }) => generation),
      [3, 4, 4],
    );
    assert.deepEqual(await heap.sync(), { generation: 5 });
    heap.verify();
  });

  test('is what a full heap is told of, since what is freed waits for one', () => {
    const heap = opened({ durable: true, maxSize: 2 << 20 });
    const blocks = [];
    const fill = () => {
      for (;;) blocks.push(heap.malloc(10_000));
    };
    assert.throws(fill, { code: 'ERR_MEMS_OUT_OF_MEMORY', message: /call sync\(\)/ });
    heap.freeMany(blocks.splice(0));
    assert.throws(fill, { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    assert.equal(blocks.length, 0);
    heap.syncSync();
    assert.throws(fill, { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    assert.ok(blocks.length > 150);
  });

  test('is what comes back, with blocks, contents and roots, and nothing of what came later', () => {
    const file = newPath();
    killed(
      file,
      `${FILL}
      make('kept');
      make('freed later');
      make('moved later');
      heap.syncSync();
      make('made later');
      heap.free(heap.roots.get('freed later'));
      heap.roots.delete('freed later');
      const moved = heap.realloc(heap.roots.get('moved later'), 3e6);
      heap.roots.set('moved later', moved);
      heap.write(moved, 'other contents');
      for (let i = 0; i < 1000; i++) heap.write(heap.malloc(100), 'whatever');`,
    );
    stopSystem(file);
    const heap = opened({}, file);
    assert.deepEqual(contents(heap), {
      kept: 'kept',
      'freed later': 'freed later',
      'moved later': 'moved later',
    });
    heap.verify();
    assert.equal(heap.stats().counts.live, 3);
    assert.equal(heap.stats().counts.mainBlocks, 1);
    // The heap grows where the later extent was.
    heap.calloc(3e6, 1);
    assert.deepEqual(heap.syncSync(), { generation: 2 });
    heap.close();
    assert.equal(Heap.verify(file, { deep: true }).sound, true);
  });

  test('lets freed blocks be used again, and not before', () => {
    const heap = opened({ durable: true });
    const first = heap.malloc(64);
    heap.malloc(64);
    heap.free(first);
    assert.equal(
      codeOf(() => heap.free(first)),
      'ERR_MEMS_NOT_ALLOCATED',
    );
    assert.equal(heap.owns(first), false);
    const second = heap.malloc(64);
    assert.notEqual(second, first);
    heap.syncSync();
    assert.equal(heap.malloc(64), first);
    // The tail of a block that gets shorter waits as well.
    const large = heap.malloc(1024);
    assert.equal(heap.realloc(large, 512), large);
    assert.equal(heap.malloc(256), large + 1024n);
    heap.syncSync();
    assert.equal(heap.malloc(256), large + 512n);
    heap.verify();
  });

  test('of an empty heap, and of one that was never synced, brings back nothing', () => {
    const file = newPath();
    killed(file, `${FILL} make('lost');`);
    stopSystem(file);
    const heap = opened({}, file);
    assert.deepEqual(contents(heap), {});
    assert.equal(heap.stats().counts.live, 0);
    heap.verify();
  });

  test('is done by the last close', () => {
    const file = newPath();
    const heap = Heap.open(file, { durable: true });
    heap.roots.set('a', heap.malloc(100));
    heap.write(heap.roots.get('a'), 'closed');
    heap.close();
    killed(
      file,
      `const heap = Heap.open(file); heap.roots.delete('a'); heap.malloc(50); return null;`,
    );
    stopSystem(file);
    assert.deepEqual(contents(opened({}, file)), { a: 'closed' });
  });

  test('is done every so often in a thread', async (t) => {
    const file = newPath();
    const other = fork(path.join(__dirname, 'holder.js'), [
      file,
      JSON.stringify({ durable: true, syncEvery: 1 }),
    ]);
    t.after(() => other.kill('SIGKILL'));
    await once(other, 'message');
    const heap = opened({}, file);
    const address = heap.malloc(100);
    heap.write(address, 'seen');
    heap.roots.set('seen', address);
    const generation = () => fs.readFileSync(file).readBigUInt64LE(AT.records);
    const before = generation();
    // Two more of an even number: one has begun after the block was there.
    // Only a thread that never syncs takes so long.
    const end = Date.now() + 60_000;
    while (generation() < before + 4n) {
      assert.ok(Date.now() < end, 'there was no sync within a minute');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const copy = newPath();
    other.kill('SIGKILL');
    await once(other, 'exit');
    fs.copyFileSync(file, copy);
    stopSystem(copy);
    assert.deepEqual(contents(opened({}, copy)), { seen: 'seen' });
  });

  test('that is under way when the heap is closed ends one way or the other', async () => {
    for (let round = 0; round < 20; round++) {
      const file = newPath();
      const heap = Heap.open(file, { durable: true });
      heap.roots.set('a', heap.malloc(100));
      const syncs = [heap.sync(), heap.sync()];
      heap.close();
      for (const { status, reason } of await Promise.allSettled(syncs)) {
        if (status === 'rejected') assert.equal(reason.code, 'ERR_MEMS_CLOSED');
      }
      const { sound, clean } = Heap.verify(file, { deep: true });
      assert.deepEqual({ sound, clean }, { sound: true, clean: true });
    }
  });

  test('of two processes that work at once is one after the other, and what both did comes back', async () => {
    const file = newPath();
    const program = `
      const { Heap } = require(${JSON.stringify(ROOT)});
      const heap = Heap.open(process.argv[2], { durable: true });
      const own = [];
      (async () => {
        const numbers = [];
        for (let i = 0; i < 30; i++) {
          for (let j = 0; j < 50; j++) own.push(heap.malloc(16 + (i * j) % 500));
          for (let j = 0; j < 30; j++) heap.free(own.splice((i * 7 + j) % own.length, 1)[0]);
          numbers.push((i % 2 ? heap.syncSync() : await heap.sync()).generation);
        }
        process.send({ numbers, blocks: own.length });
        process.disconnect();
      })();`;
    const script = path.join(folder, 'worker.js');
    fs.writeFileSync(script, program);
    const workers = [0, 1].map(() => fork(script, [file]));
    const exits = workers.map((worker) => once(worker, 'exit'));
    const said = await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(exits);
    const numbers = said.flatMap(([{ numbers }]) => numbers);
    assert.equal(new Set(numbers).size, 60, 'no number comes twice');
    stopSystem(file);
    const heap = opened({}, file);
    heap.verify();
    assert.equal(
      heap.stats().counts.live,
      said.reduce((sum, [{ blocks }]) => sum + blocks, 0),
    );
  });

  test('a process that is killed in the middle of one leaves the one before, or it', (t) => {
    t.diagnostic(`MEMS_SEED=${seed}`);
    const random = new Random(1);
    for (let round = 0; round < 10; round++) {
      const file = newPath();
      killed(
        file,
        `${FILL}
        make('kept');
        heap.syncSync();
        for (let i = 0; i < 20000; i++) heap.malloc(1000);
        heap.sync().catch(() => {});
        const end = process.hrtime.bigint() + ${random.int(0, 6_000_000)}n;
        while (process.hrtime.bigint() < end);`,
      );
      const { sound, counts } = Heap.verify(file, { deep: true });
      assert.ok(sound);
      assert.equal(counts.live, 20001);
      const copy = newPath();
      fs.copyFileSync(file, copy);
      stopSystem(copy);
      const heap = opened({}, copy);
      heap.verify();
      assert.ok([1, 20001].includes(heap.stats().counts.live));
      assert.equal(heap.read(heap.roots.get('kept'), 4).toString(), 'kept');
      // The file itself was in no power failure: the next sync is whole.
      const survivor = opened({}, file);
      survivor.syncSync();
      survivor.verify();
    }
  });
});

/** Asserts that both copies of a heap come back after power failures: that of each of the next syncs. */
function assertSurvives(file, before) {
  const expected = { ...before };
  for (const name of ['later 1', 'later 2', 'later 3']) {
    killed(
      file,
      `${FILL} make('${name}'); heap.syncSync(); heap.roots.delete('${name}'); heap.malloc(30);`,
    );
    stopSystem(file);
    expected[name] = name;
    const heap = Heap.open(file);
    assert.deepEqual(contents(heap), expected);
    heap.verify();
    heap.close();
  }
  killed(
    file,
    `${FILL} for (const name of ['a 1', 'a 2', 'a 3']) { make(name); heap.syncSync(); }`,
  );
  stopSystem(file);
  const names = Object.keys(contents(opened({}, file)));
  assert.deepEqual(names.slice(-3), ['a 1', 'a 2', 'a 3']);
}

describe('onPowerLoss', () => {
  /** A file with blocks, some of them after its last sync, that was open when the system stopped. */
  function stopped(durable) {
    const file = newPath();
    const fill = durable ? FILL : FILL.replace('durable: true', '');
    killed(file, `${fill} make('early'); ${durable ? 'heap.syncSync();' : ''} make('late');`);
    stopSystem(file);
    return file;
  }

  test('restores durable heaps by default, and refuses others', () => {
    assert.deepEqual(contents(opened({}, stopped(true))), { early: 'early' });
    assert.deepEqual(contents(opened({ onPowerLoss: 'restore' }, stopped(true))), {
      early: 'early',
    });
    for (const options of [{}, { onPowerLoss: 'refuse' }, { onPowerLoss: 'restore' }]) {
      const file = stopped(false);
      const before = fs.readFileSync(file);
      assert.throws(() => Heap.open(file, options), {
        code: 'ERR_MEMS_NEEDS_RECOVERY',
        message: /^(?!.*last sync).*Open it for writing with onPowerLoss: 'salvage'/,
      });
      // What differs is the process slot that was taken.
      assert.ok(fs.readFileSync(file).subarray(0, 4096).equals(before.subarray(0, 4096)));
    }
    const file = stopped(true);
    for (const options of [{ onPowerLoss: 'refuse' }, { readOnly: true }]) {
      assert.throws(() => Heap.open(file, options), {
        code: 'ERR_MEMS_NEEDS_RECOVERY',
        // What loses the last sync is named after what brings it back.
        message: /Open it for writing, .* to bring back its last sync\. .*'salvage'/,
      });
    }
    assert.deepEqual(contents(opened({}, file)), { early: 'early' });
    assert.deepEqual(contents(opened({ readOnly: true }, file)), { early: 'early' });
  });

  for (const durable of [false, true]) {
    const kind = durable ? 'a durable heap' : 'another heap';

    test(`'reset' empties ${kind}`, () => {
      const file = stopped(durable);
      const heap = Heap.open(file, { onPowerLoss: 'reset' });
      assert.deepEqual(contents(heap), {});
      assert.deepEqual([heap.stats().counts.live, heap.stats().bytes.mapped], [0, 0]);
      heap.roots.set('new', heap.calloc(100, 1));
      heap.verify();
      heap.close();
      const again = Heap.open(file);
      assert.deepEqual(contents(again), { new: '' });
      again.close();
      if (durable) assertSurvives(file, { new: '' });
    });

    test(`'salvage' keeps what is found of ${kind}`, () => {
      const file = stopped(durable);
      // An end without a start, in the first granule of the first extent.
      const bits = Buffer.alloc(8);
      bits.writeBigUInt64LE(fs.readFileSync(file).readBigUInt64LE(AT.header + 8) | (1n << 60n));
      change(file, AT.header + 8, bits);
      const heap = Heap.open(file, { onPowerLoss: 'salvage' });
      assert.deepEqual(contents(heap), { early: 'early', late: 'late' });
      heap.verify();
      heap.close();
      assert.equal(Heap.verify(file, { deep: true }).sound, true);
      if (durable) assertSurvives(file, { early: 'early', late: 'late' });
    });
  }

  test('goes back to the sync before if the record of one that has not finished is torn, and says what is damaged', () => {
    const file = newPath();
    killed(
      file,
      `${FILL} make('first'); heap.syncSync(); make('second'); heap.syncSync(); make('third');`,
    );
    stopSystem(file);
    const damaged = (...slots) => {
      const copy = newPath();
      fs.copyFileSync(file, copy);
      for (const slot of slots) change(copy, AT.records + RECORD * slot + 8, Buffer.from([77]));
      return copy;
    };
    const unfinished = (copy) => {
      change(copy, AT.finished, Buffer.from([1]));
      return copy;
    };
    const names = (copy) => Object.keys(contents(opened({}, copy)));
    for (const made of [(copy) => copy, unfinished]) {
      assert.deepEqual(names(made(damaged())), ['first', 'second']);
      assert.deepEqual(names(made(damaged(1))), ['first', 'second']);
    }
    assert.deepEqual(names(unfinished(damaged(0))), ['first']);
    // Blocks of the sync before may have been used again since the last has finished.
    const last = damaged(0);
    assert.equal(Heap.verify(last).sound, false);
    assert.equal(
      codeOf(() => Heap.open(last)),
      'ERR_MEMS_FILE_CORRUPT',
    );
    const all = ['first', 'second', 'third'];
    const kept = opened({ onPowerLoss: 'salvage' }, last);
    assert.deepEqual(Object.keys(contents(kept)), all);
    kept.close();
    assert.equal(Heap.verify(last).sound, true);
    stopSystem(last);
    assert.deepEqual(names(last), all);
    const both = damaged(0, 1);
    assert.equal(Heap.verify(both).sound, false);
    assert.equal(
      codeOf(() => Heap.open(both)),
      'ERR_MEMS_FILE_CORRUPT',
    );
    assert.deepEqual(Object.keys(contents(opened({ onPowerLoss: 'salvage' }, both))), [
      'first',
      'second',
      'third',
    ]);
    // Where a record is whole, its copy was: blocks of the sync before may have been used again. Here the roots of the second one are changed.
    const changed = damaged();
    change(changed, AT.roots + 1, Buffer.from([1]));
    for (let time = 0; time < 2; time++)
      assert.equal(
        codeOf(() => Heap.open(changed)),
        'ERR_MEMS_FILE_CORRUPT',
      );
    const heap = opened({ onPowerLoss: 'salvage' }, changed);
    assert.deepEqual(Object.keys(contents(heap)), ['first', 'second', 'third']);
    assert.deepEqual(heap.syncSync(), { generation: 4 });
  });

  test('comes back again after each power failure, the same until there is another sync', () => {
    const file = newPath();
    killed(file, `${FILL} make('a'); heap.syncSync(); make('b');`);
    for (let time = 0; time < 3; time++) {
      stopSystem(file);
      const found = killed(
        file,
        `${FILL} const names = [...heap.roots].map(([name]) => name); make('later'); heap.free(heap.roots.get('a')); return names;`,
      );
      assert.deepEqual(found, ['a']);
    }
    stopSystem(file);
    assert.deepEqual(contents(opened({}, file)), { a: 'a' });
  });
});

describe('refused are', () => {
  test('syncs of heaps that do not survive power failures, and of others that are in no file', async () => {
    const plain = opened();
    assert.equal(
      codeOf(() => plain.syncSync()),
      'ERR_MEMS_NOT_DURABLE',
    );
    await assert.rejects(plain.sync(), { code: 'ERR_MEMS_NOT_DURABLE', message: /durable: true/ });
    const memory = new Heap();
    open.push(memory);
    await assert.rejects(memory.sync(), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(
      codeOf(() => memory.syncSync()),
      'ERR_INVALID_ARG_VALUE',
    );
  });

  test('a durable heap in a file that is not', () => {
    const plain = opened();
    plain.close();
    for (const options of [{ durable: true }, { syncEvery: 100 }]) {
      assert.equal(
        codeOf(() => Heap.open(plain.path, options)),
        'ERR_MEMS_CLOSED',
      );
    }
    const file = newPath();
    Heap.open(file).close();
    for (const options of [{ durable: true }, { syncEvery: 100 }]) {
      assert.equal(
        codeOf(() => Heap.open(file, options)),
        'ERR_MEMS_NOT_DURABLE',
      );
    }
    const durable = newPath();
    Heap.open(durable, { durable: true }).close();
    opened({}, durable).syncSync();
    assert.equal(
      codeOf(() => Heap.open(durable, { zeroOnFree: true })),
      'ERR_MEMS_FILE',
    );
  });

  test('options that do not go together, which make no file', () => {
    for (const [options, code, message] of [
      [{ syncEvery: 100 }, 'ERR_MEMS_NOT_DURABLE', /\d\.mems is not created.* durable: true/],
      [{ durable: true, zeroOnFree: true }, 'ERR_MEMS_FILE', /is not created.* zeroOnFree/],
    ]) {
      const file = newPath();
      assert.throws(() => Heap.open(file, options), { code, message });
      assert.equal(fs.existsSync(file), false);
      opened({ durable: true, syncEvery: 100 }, file).syncSync();
    }
  });

  test('a file that was made another way, in words that say how to have a durable one', () => {
    const { path: file } = opened();
    assert.throws(() => Heap.open(file, { durable: true }), {
      code: 'ERR_MEMS_NOT_DURABLE',
      message: /chosen when a file is made: .* make a new file, and copy the data/,
    });
  });

  test('values that options cannot have', () => {
    for (const [options, code] of [
      [{ durable: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [{ durable: true, syncEvery: 0 }, 'ERR_MEMS_INVALID_SIZE'],
      [{ durable: true, syncEvery: 'often' }, 'ERR_INVALID_ARG_TYPE'],
      [{ onPowerLoss: 'panic' }, 'ERR_INVALID_ARG_TYPE'],
    ]) {
      const file = newPath();
      assert.equal(
        codeOf(() => Heap.open(file, options)),
        code,
        JSON.stringify(options),
      );
      assert.equal(fs.existsSync(file), false);
    }
  });

  test('syncs of a heap that is open for reading only', async () => {
    const file = newPath();
    Heap.open(file, { durable: true }).close();
    const heap = opened({ readOnly: true }, file);
    assert.equal(
      codeOf(() => heap.syncSync()),
      'ERR_MEMS_READ_ONLY',
    );
    await assert.rejects(heap.sync(), { code: 'ERR_MEMS_READ_ONLY' });
  });
});

describe('a disk that fails', () => {
  // The system's number of the error, on Windows that of ERROR_IO_DEVICE.
  const EIO = process.platform === 'win32' ? 1117 : os.constants.errno.EIO;

  test('fails this sync and all later ones, in all processes, until the file is opened anew', () => {
    const file = newPath();
    const heap = opened({ durable: true }, file);
    heap.roots.set('a', heap.malloc(100));
    heap.syncSync();
    const failed = killedInTest(
      file,
      `const heap = Heap.open(file);
      heap.malloc(50);
      binding.failNextFlush(${EIO});
      const said = await heap.sync().catch(({ code, cause }) => [code, cause.code, cause.errno]);
      let again;
      try { heap.syncSync(); } catch ({ code, cause }) { again = [code, cause.code, cause.errno]; }
      return [said, again];`,
    );
    const error = { code: 'ERR_MEMS_SYNC_FAILED' };
    const said = [error.code, 'EIO', -EIO];
    assert.deepEqual(failed, [said, said]);
    assert.throws(() => heap.syncSync(), error);
    // Not the last who has it open: it stays as it is.
    assert.equal(
      killed(
        file,
        `const heap = Heap.open(file); try { heap.syncSync(); } catch (error) { return error.code; }`,
      ),
      error.code,
    );
    // No close says that it is clean.
    heap.close();
    assert.equal(Heap.verify(file).clean, false);
    // A process that has the file alone writes all of it again, and returns to the last sync.
    const again = opened({}, file);
    assert.deepEqual(again.syncSync(), { generation: 2 });
    assert.equal(again.stats().counts.live, 1);
    again.verify();
    again.close();
    assert.equal(Heap.verify(file).clean, true);
  });

  test('again as the file is opened is not forgotten before all of it has been written', () => {
    const file = newPath();
    const fails = (call) =>
      `binding.failNextFlush(${EIO}); try { ${call} } catch (error) { return error.code; }`;
    const error = 'ERR_MEMS_SYNC_FAILED';
    const first = `${FILL} make('a'); heap.syncSync(); make('b'); ${fails('heap.syncSync();')}`;
    assert.equal(killedInTest(file, first), error);
    // The first flush is that of the pages that are written again.
    for (let i = 0; i < 2; i++) {
      assert.equal(killedInTest(file, fails('Heap.open(file);')), error);
      assert.match(Heap.verify(file).notes.join(), /could not be written to the disk/);
    }
    const heap = opened({}, file);
    assert.deepEqual(contents(heap), { a: 'a' });
    assert.deepEqual(heap.syncSync(), { generation: 2 });
  });

  test('brings back the sync before it after a power failure, and can be synced again', () => {
    const file = newPath();
    killedInTest(
      file,
      `${FILL} make('a'); heap.syncSync(); make('b');
      binding.failNextFlush(${EIO});
      try { heap.syncSync(); } catch {}`,
    );
    stopSystem(file);
    const heap = opened({}, file);
    assert.deepEqual(contents(heap), { a: 'a' });
    assert.deepEqual(heap.syncSync(), { generation: 2 });
  });

  test('and fails as the file is closed leaves it open, whatever kind it is', () => {
    for (const durable of [false, true]) {
      const file = newPath();
      killedInTest(
        file,
        `const heap = Heap.open(file, { durable: ${durable} });
        heap.roots.set('a', heap.malloc(100));
        binding.failNextFlush(${EIO});
        heap.close();`,
      );
      assert.equal(Heap.verify(file).clean, false);
      // The next close has to write everything.
      const heap = Heap.open(file);
      heap.close();
      assert.equal(Heap.verify(file).clean, true);
    }
  });
});

describe('the file', () => {
  test('says that it needs a version that knows syncs', () => {
    const file = newPath();
    Heap.open(file, { durable: true }).close();
    assert.equal(fs.readFileSync(file).readUInt32LE(AT.needed), 1);
    assert.equal(Heap.verify(file).durable, true);
    const plain = newPath();
    Heap.open(plain).close();
    assert.equal(fs.readFileSync(plain).readUInt32LE(AT.needed), 0);
    assert.equal(Heap.verify(plain).durable, false);
  });

  test('is looked at after a power failure without being changed', () => {
    const file = newPath();
    killed(file, `${FILL} make('a'); heap.syncSync(); make('b');`);
    stopSystem(file);
    const before = fs.readFileSync(file);
    const { sound, clean, notes } = Heap.verify(file, { deep: true });
    assert.deepEqual({ sound, clean }, { sound: true, clean: false });
    assert.match(notes.join(), /brings back sync 1/);
    assert.ok(fs.readFileSync(file).equals(before));
  });

  test('can be repaired, in place and into another, and survives power failures afterwards', () => {
    const file = newPath();
    killed(file, `${FILL} make('a'); heap.syncSync(); make('b');`);
    const other = newPath();
    for (const [from, into] of [
      [file, other],
      [file, undefined],
    ]) {
      const report = Heap.repair(from, { into });
      assert.ok(report.sound);
      const made = into ?? from;
      assertSurvives(made, { a: 'a', b: 'b' });
    }
  });
});

test('random work, syncs and power failures: what comes back is the last sync', (t) => {
  t.diagnostic(`MEMS_SEED=${seed}`);
  const random = new Random(2);
  const file = newPath();
  let expected = {};
  for (let round = 0; round < 15; round++) {
    const [steps, number] = [random.int(0, 400), random.int(1, 2 ** 31 - 2)];
    const result = killed(
      file,
      `const heap = Heap.open(file, { durable: true });
      let seed = ${number};
      const below = (end) => { seed = (seed * 48271) % 2147483647; return seed % end; };
      const found = Object.fromEntries([...heap.roots].map(([name, address]) => [name, heap.read(address, 8).toString()]));
      const now = { ...found };
      let synced = { ...found };
      for (let i = 0; i < ${steps}; i++) {
        const name = 'r' + below(40);
        if (name in now) { heap.free(heap.roots.get(name)); heap.roots.delete(name); delete now[name]; }
        else {
          const text = String(below(1e8)).padEnd(8);
          const address = heap.malloc(8 + below(3000));
          heap.write(address, text);
          heap.roots.set(name, address);
          now[name] = text;
        }
        if (below(50) === 0) { heap.syncSync(); synced = { ...now }; }
      }
      heap.verify();
      return { found, synced };`,
    );
    assert.deepEqual(result.found, expected);
    expected = result.synced;
    stopSystem(file);
  }
});
