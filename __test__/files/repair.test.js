'use strict';

// Heap.verify and Heap.repair: what is damaged is found, nothing is written but by a repair, and a repair keeps what is sound.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { Random, reproducible } = require('../helpers/random.js');
const { crc32 } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-repair-'));
after(() => remove(folder));

/** Offsets in a file, in bytes, as src/heap/ledger/layout.rs has them. */
const AT = {
  states: 512,
  lock: 1024,
  sequence: 1088,
  intent: 1152,
  counters: 1280,
  count: 1536,
  generations: 4096,
  roots: 32768,
  table: 131072,
  header: 262144,
};
const STATE = 64;
const ENTRY = 32;
const COPY = 128;

/** How many files with random damages are repaired. */
const REPAIRS = Number(process.env.MEMS_REPAIRS ?? 150);

let files = 0;
const newPath = () => path.join(folder, `${++files}.heap`);

/** A file with some blocks in two extents, each of which is a root and holds its own name. Returns its path. */
function newFile() {
  const [made, file] = [newPath(), newPath()];
  const heap = Heap.open(made);
  for (const [name, size] of [
    ['small', 100],
    ['gone', 5000],
    ['large', 2 ** 21],
    ['last', 40],
  ]) {
    const address = heap.malloc(size);
    heap.write(address, name);
    heap.roots.set(name, address);
  }
  heap.free(heap.roots.get('gone'));
  heap.roots.delete('gone');
  heap.close();
  // Windows writes no file anew that views of this process show.
  fs.copyFileSync(made, file);
  return file;
}

/** Asserts that a file can be used, and has the blocks of these roots with what `newFile` has written there. */
function assertWell(file, names, missing = []) {
  const report = Heap.verify(file, { deep: true });
  assert.deepEqual(report.problems, []);
  assert.equal(report.sound, true);
  const heap = Heap.open(file);
  for (const name of names)
    assert.equal(heap.read(heap.roots.get(name), name.length).toString(), name);
  for (const name of missing) assert.equal(heap.roots.get(name), undefined);
  heap.verify();
  heap.free(heap.malloc(100_000));
  heap.verify();
  heap.close();
}

/** Changes the bytes of a file by a function. */
function change(file, by) {
  const bytes = fs.readFileSync(file);
  const changed = by(bytes);
  fs.writeFileSync(file, Buffer.isBuffer(changed) ? changed : bytes);
}

/** Says in both states that the file was open in another run of the system. */
function losePower(bytes) {
  for (const [number, generation] of [7n, 8n].entries()) {
    const at = AT.states + STATE * number;
    bytes.fill(0x55, at, at + 16);
    bytes.writeBigUInt64LE(0n, at + 16);
    bytes.writeBigUInt64LE(generation, at + 24);
    bytes.writeBigUInt64LE(BigInt(crc32(bytes.subarray(at, at + 32))), at + 32);
  }
}

/** The offset of the counters in force. */
const countersOf = (bytes) => AT.counters + COPY * Number(bytes.readBigUInt64LE(AT.sequence) % 2n);

describe('Heap.verify', () => {
  test('reports what is in a file, offline and beside a process', () => {
    const file = newFile();
    const heap = Heap.open(file);
    const beside = Heap.verify(file);
    assert.deepEqual(
      beside.processes.map(({ slot, pid }) => ({ slot, pid })),
      [{ slot: 0, pid: process.pid }],
    );
    assert.ok(beside.processes[0].since <= new Date());
    assert.equal(beside.clean, false);
    assert.equal(beside.uuid, heap.uuid);
    const { bytes, counts } = heap.stats();
    assert.equal(beside.bytes.mapped, bytes.mapped);
    assert.equal(beside.bytes.live, bytes.live);
    assert.equal(beside.bytes.holes, bytes.holes);
    assert.equal(beside.bytes.largestHole, bytes.largestHole);
    assert.equal(beside.bytes.metadata, bytes.metadata);
    assert.deepEqual(beside.counts, { live: counts.live, holes: counts.holes });
    assert.deepEqual(
      beside.extents.map(({ address, bytes: length }) => [address, length]),
      [...heap.chains()].map((block) => [block.start, block.size]),
    );
    assert.deepEqual(
      beside.roots.map(({ name, address, live }) => [name, address, live]),
      [...heap.roots].map(([name, address]) => [name, address, true]),
    );
    heap.close();
    for (const deep of [false, true]) {
      const report = Heap.verify(file, { deep });
      const { path: where, sound, problems, notes, clean, processes, layout } = report;
      assert.deepEqual(
        { where, sound, problems, notes, clean, processes, layout },
        {
          where: file,
          sound: true,
          problems: [],
          notes: [],
          clean: true,
          processes: [],
          layout: 1,
        },
      );
    }
    assert.equal(Heap.verify(file, { addresses: 'number' }).extents[0].address, 1000);
  });

  test('takes options that it knows', () => {
    const file = newFile();
    for (const [options, code] of [
      [{ depp: true }, 'ERR_INVALID_ARG_VALUE'],
      [{ deep: 1 }, 'ERR_INVALID_ARG_TYPE'],
      [7, 'ERR_INVALID_ARG_TYPE'],
    ])
      assert.throws(() => Heap.verify(file, options), { code });
    assert.throws(() => Heap.repair(file, { into: 7 }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => Heap.repair(7), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('refuses what is no heap file, and leaves it', () => {
    const file = newPath();
    for (const call of [Heap.verify, Heap.repair]) {
      assert.throws(() => call(file), { code: 'ERR_MEMS_FILE' });
      assert.equal(fs.existsSync(file), false);
    }
    for (const text of ['', 'MeMSHeap', 'x'.repeat(300_000)]) {
      fs.writeFileSync(file, text);
      for (const call of [Heap.verify, Heap.repair]) {
        assert.throws(() => call(file), { code: 'ERR_MEMS_NOT_A_HEAP_FILE' });
        assert.equal(fs.readFileSync(file, 'utf8'), text);
      }
    }
  });

  test('sees a root whose block was freed, which is the program’s matter', () => {
    const file = newFile();
    const heap = Heap.open(file);
    heap.free(heap.roots.get('small'));
    heap.close();
    const { sound, roots } = Heap.verify(file, { deep: true });
    assert.equal(sound, true);
    assert.deepEqual(
      roots.map(({ name, live }) => [name, live]),
      [
        ['small', false],
        ['large', true],
        ['last', true],
      ].sort(
        ([a], [b]) => roots.findIndex((r) => r.name === a) - roots.findIndex((r) => r.name === b),
      ),
    );
    assert.match(Heap.repair(file).notes.join(), /the root 'small' was dropped/);
    assertWell(file, ['large', 'last'], ['small']);
  });
});

/** Damages: what changes a file, what is found only by a walk, what `verify` says, what `repair` says, and the roots that are lost. */
const DAMAGES = {
  'a live count': {
    by: (bytes) => bytes.writeBigUInt64LE(17n, countersOf(bytes) + 24),
    found: /17 live bytes are counted, which cannot be/,
  },
  'a plausible count': {
    by: (bytes) => {
      const at = countersOf(bytes) + 24;
      bytes.writeBigUInt64LE(bytes.readBigUInt64LE(at) + 16n, at);
    },
    deep: true,
    found: /bytes in live blocks are counted, and/,
  },
  'the largest hole of an extent': {
    by: (bytes) => bytes.writeUInt32LE(1, 65536),
    found: /the largest hole of extent 0 is said to be 1 units/,
  },
  'the bytes that were ever allocated': {
    by: (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, countersOf(bytes) + 96),
    found: /18446744073709551615 bytes ever allocated are counted, which cannot be/,
    says: /the totals of calls and the high-water marks were made anew/,
  },
  'the number of frees': {
    by: (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, countersOf(bytes) + 72),
    found: /4 mallocs, 18446744073709551615 frees and \d+ live bytes are counted, which cannot be/,
    says: /the totals of calls and the high-water marks were made anew/,
  },
  'the number of times that the heap has grown': {
    by: (bytes) => bytes.writeBigUInt64LE(1n, countersOf(bytes) + 88),
    found: /the heap is counted to have grown 1 times, and has 2 extents/,
    says: /the totals of calls and the high-water marks were made anew/,
  },
  'a high-water mark': {
    by: (bytes) => bytes.writeBigUInt64LE(2n ** 63n, countersOf(bytes) + 32),
    found: /the high-water mark of live bytes is 9223372036854775808, which cannot be/,
    says: /the totals of calls and the high-water marks were made anew/,
  },
  'a row': {
    by: (bytes) => {
      // Behind the planes: 16 bytes for each KiB of an extent of 1 MiB.
      bytes.writeUInt32LE(12, AT.header + 16 * 1024 + 4 * 900);
    },
    deep: true,
    found: /in extent 0: /,
  },
  'a start inside a block': {
    by: (bytes) => bytes.writeUInt8(bytes[AT.header] | 2, AT.header),
    deep: true,
    found: /a block starts at unit 1, inside the one from 0/,
    says: /1 starts or ends were removed that belonged to no block/,
  },
  'both states': {
    by: (bytes) => bytes.fill(0x11, AT.states, AT.states + 2 * STATE),
    code: 'ERR_MEMS_FILE_CORRUPT',
    found: /both of its states are damaged/,
  },
  'a loss of power': {
    by: losePower,
    code: 'ERR_MEMS_NEEDS_RECOVERY',
    found: /it was open when the system stopped/,
  },
  'the number of extents': {
    by: (bytes) => bytes.writeBigUInt64LE(0n, AT.count),
    found: /bytes in 2 extents are counted, and 0 in 0 are there/,
    says: /0 extents were counted, and 2 are there/,
  },
  'an impossible number of extents': {
    by: (bytes) => bytes.writeBigUInt64LE(1n << 40n, AT.count),
    code: 'ERR_MEMS_FILE_CORRUPT',
    found: /it is said to have 1099511627776 extents/,
    says: /2 of 1099511627776 extents were kept/,
  },
  'the first entry of the table': {
    by: (bytes) => bytes.fill(0xff, AT.table, AT.table + 8),
    code: 'ERR_MEMS_FILE_CORRUPT',
    found: /entry 0 of its table of extents is damaged/,
    says: /entry 0 of the table of extents was made anew, from those around it/,
  },
  'the last entry of the table': {
    by: (bytes) => bytes.fill(0xff, AT.table + ENTRY, AT.table + ENTRY + 8),
    code: 'ERR_MEMS_FILE_CORRUPT',
    found: /entry 1 of its table of extents is damaged/,
    says: /1 of 2 extents were kept, since the entries .*: the blocks in the others are lost/,
    lost: ['large'],
  },
  'a file that is cut': {
    by: (bytes) => bytes.subarray(0, bytes.length - 65536),
    code: 'ERR_MEMS_FILE_CORRUPT',
    found: /it is shorter than its extents/,
    says: /1 of 2 extents were kept, since the file ends before the others do/,
    lost: ['large'],
  },
  'the length of a root’s name': {
    by: (bytes) => bytes.writeBigUInt64LE(48n, AT.roots + 8),
    found: /1 of its roots have names of impossible lengths/,
    lost: ['small'],
  },
  'the lock': {
    by: (bytes) => bytes.writeBigUInt64LE(0xffff_ffff_ffffn, AT.lock),
    notes: /a dead process's lock will be recovered by the next process/,
  },
  'an operation of no kind': {
    by: (bytes) => {
      bytes.writeBigUInt64LE(bytes.readBigUInt64LE(AT.sequence) + 1n, AT.intent);
      bytes.writeBigUInt64LE(77n, AT.intent + 8);
    },
    found: /an operation of the unknown kind 77 is said to be under way/,
    says: /an operation that a process had not finished was dropped/,
  },
};

const ALL = ['small', 'large', 'last'];

describe('counters', () => {
  /** How many words the counters have. */
  const WORDS = 13;
  const VALUES = [
    () => 0n,
    (value) => value - 1n,
    (value) => value + 1n,
    (value) => value ^ (1n << 40n),
    () => 2n ** 62n + 1n,
    () => 2n ** 63n,
    () => 2n ** 64n - 1n,
  ];

  test('that are said to be sound satisfy what heap.verify() checks, and are so after a repair', () => {
    const original = fs.readFileSync(newFile());
    const counters = countersOf(original);
    let damaged = 0;
    for (let word = 0; word < WORDS; word++) {
      for (const value of VALUES) {
        const bytes = Buffer.from(original);
        const at = counters + 8 * word;
        const now = BigInt.asUintN(64, value(bytes.readBigUInt64LE(at)));
        bytes.writeBigUInt64LE(now, at);
        const [file, what] = [newPath(), `counter ${word} is ${now}`];
        fs.writeFileSync(file, bytes);
        const { sound } = Heap.verify(file, { deep: true });
        if (!sound) {
          damaged++;
          assert.equal(Heap.repair(file).sound, true, what);
        }
        const heap = Heap.open(file);
        heap.verify();
        heap.free(heap.malloc(100));
        heap.verify();
        const { bytes: of, totals, counts } = heap.stats();
        assert.equal(totals.malloc - totals.free, counts.live, what);
        assert.ok(totals.allocatedBytes >= of.live && totals.allocatedBytes <= 2 ** 63, what);
        heap.close();
        fs.rmSync(file);
      }
    }
    assert.ok(damaged >= (WORDS * VALUES.length) / 2, `${damaged} were found`);
  });

  test('that cannot be are made anew from the blocks that are there', () => {
    for (const word of [9, 12]) {
      const file = newFile();
      change(file, (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, countersOf(bytes) + 8 * word));
      Heap.repair(file);
      const heap = Heap.open(file);
      const { bytes, counts, totals } = heap.stats();
      assert.deepEqual(
        { malloc: totals.malloc, free: totals.free, allocatedBytes: totals.allocatedBytes },
        { malloc: counts.live, free: 0, allocatedBytes: bytes.live },
      );
      heap.close();
    }
  });

  test('that are damaged are the error of a damaged file in an open heap', () => {
    const file = newFile();
    change(file, (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, countersOf(bytes) + 96));
    const heap = Heap.open(file);
    assert.throws(() => heap.verify(), {
      code: 'ERR_MEMS_FILE_CORRUPT',
      message: /bytes ever allocated are counted, which cannot be.*Heap\.repair/s,
    });
    heap.close();
  });
});

describe('damage', () => {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    const { by, code, deep = false, found, notes, says, lost = [] } = damage;
    const kept = ALL.filter((name) => !lost.includes(name));

    test(`${what}: is found, nothing is written, and a repair mends it`, () => {
      const file = newFile();
      change(file, by);
      const before = fs.readFileSync(file);
      fs.chmodSync(file, 0o400);
      if (deep) assert.equal(Heap.verify(file).sound, true);
      const report = Heap.verify(file, { deep: true });
      if (found) assert.match(report.problems.join('\n'), found);
      assert.equal(report.sound, found === undefined);
      if (notes) assert.match(report.notes.join('\n'), notes);
      assert.ok(fs.readFileSync(file).equals(before), 'verify has written');
      // Into another file first, which leaves this one as it is.
      const other = newPath();
      const copied = Heap.repair(file, { into: other });
      assert.ok(fs.readFileSync(file).equals(before), 'a repair into another file has written');
      assert.notEqual(copied.uuid, report.uuid);
      assert.equal(copied.path, other);
      assertWell(other, kept, lost);
      fs.chmodSync(file, 0o600);
      if (code) assert.throws(() => Heap.open(file), { code });
      if (code) assert.ok(Heap.verify(file, { deep: true }).problems.length > 0);
      const mended = Heap.repair(file);
      assert.equal(mended.uuid, report.uuid);
      assert.equal(mended.sound, true);
      for (const each of [mended, copied]) {
        if (found) assert.match(each.notes.join('\n'), new RegExp(`found that .*${found.source}`));
        if (says) assert.match(each.notes.join('\n'), says);
        for (const name of lost.filter((one) => one !== 'small'))
          assert.match(each.notes.join('\n'), new RegExp(`the root '${name}' was dropped`));
      }
      assertWell(file, kept, lost);
      assert.deepEqual(Heap.repair(file).notes, ['nothing was damaged']);
    });
  }

  test('of the constant part cannot be repaired', () => {
    const file = newFile();
    change(file, (bytes) => bytes.fill(1, 30, 31));
    for (const call of [() => Heap.verify(file), () => Heap.repair(file)])
      assert.throws(call, { code: 'ERR_MEMS_FILE_CORRUPT', message: /the constant part/ });
    const other = newPath();
    assert.throws(() => Heap.repair(file, { into: other }), { code: 'ERR_MEMS_FILE_CORRUPT' });
    assert.equal(fs.existsSync(other), false);
  });

  test('of any bytes is an error, or found, or harmless, and a repair makes the file sound', (t) =>
    reproducible(t, async () => {
      const random = new Random();
      const original = fs.readFileSync(newFile());
      const places = [
        [0, 64],
        [AT.states, 4096],
        [AT.generations, 4200],
        [AT.roots, AT.roots + 512],
        [65536, 65552],
        [AT.table, AT.table + 96],
        [AT.header, AT.header + 16 * 1024 + 8192],
      ];
      const coded = { code: /^ERR_MEMS_/ };
      for (let round = 0; round < REPAIRS; round++) {
        const file = newPath();
        const bytes = Buffer.from(original);
        for (let damage = random.int(1, 4); damage > 0; damage--) {
          const [from, to] = places[random.int(0, places.length - 1)];
          bytes[random.int(from, to - 1)] ^= 1 << random.int(0, 7);
        }
        fs.writeFileSync(file, bytes);
        const calls = [
          () => Heap.verify(file),
          () => Heap.verify(file, { deep: true }),
          () => Heap.repair(file, { into: `${file}.new` }),
        ];
        for (const call of calls) {
          try {
            call();
          } catch (error) {
            assert.match(error.code, coded.code, error.stack);
          }
        }
        assert.ok(fs.readFileSync(file).equals(bytes));
        if (fs.existsSync(`${file}.new`)) assertWell(`${file}.new`, []);
        let report;
        try {
          report = Heap.repair(file);
        } catch (error) {
          assert.match(error.code, /^ERR_MEMS_(NOT_A_HEAP_FILE|FILE_VERSION|FILE_CORRUPT)$/);
        }
        if (report) assertWell(file, []);
        fs.rmSync(file);
        fs.rmSync(`${file}.new`, { force: true });
      }
    }));
});

/** A process that changes the heap of a file without pause, and says when it has begun. */
async function writer(file) {
  const code = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    const heap = Heap.open(${JSON.stringify(file)});
    const live = [];
    const turn = (i) => {
      if (live.length < 500) live.push(heap.malloc(16 + (i * 37) % 3000));
      else heap.free(live.splice((i * 7) % live.length, 1)[0]);
    };
    let i = 0;
    for (; i < 1000; i++) turn(i);
    process.stdout.write('begun');
    for (;;) turn(i++);`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

describe('other processes', () => {
  test('work while a file is verified, and keep it from being repaired', async () => {
    const file = newFile();
    const other = await writer(file);
    try {
      for (let look = 0; look < 20; look++) {
        let report;
        try {
          report = Heap.verify(file, { deep: look % 2 === 1 });
        } catch (error) {
          // A writer that never rests leaves no time for a look: that is said.
          assert.equal(error.code, 'ERR_MEMS_FILE_IN_USE', error.stack);
          assert.match(error.message, new RegExp(`process ${other.pid}, and changes all the time`));
          continue;
        }
        assert.deepEqual(report.problems, []);
        assert.deepEqual(
          report.processes.map(({ pid }) => pid),
          [other.pid],
        );
      }
      const copy = newPath();
      for (const options of [undefined, { into: copy }])
        assert.throws(() => Heap.repair(file, options), {
          code: 'ERR_MEMS_FILE_IN_USE',
          message: new RegExp(`process ${other.pid}`),
        });
      assert.equal(fs.existsSync(copy), false);
    } finally {
      await other.kill();
    }
    assertWell(file, ALL);
  });

  test('that are killed leave what is sound: as it is, in a copy, and mended', async () => {
    for (let round = 0; round < 6; round++) {
      const file = newFile();
      await (await writer(file)).kill();
      const before = fs.readFileSync(file);
      const report = Heap.verify(file, { deep: true });
      assert.deepEqual(report.problems, []);
      assert.ok(fs.readFileSync(file).equals(before), 'verify has written');
      const copy = newPath();
      const copied = Heap.repair(file, { into: copy });
      assert.deepEqual(copied.counts, report.counts);
      assertWell(copy, ALL);
      assert.deepEqual(Heap.repair(file).counts, report.counts);
      assertWell(file, ALL);
    }
  });

  test('are not needed: this one may not have the file open either, nor another be there', () => {
    const file = newFile();
    const heap = Heap.open(file);
    assert.throws(() => Heap.repair(file), { code: 'ERR_MEMS_FILE_IN_USE' });
    heap.close();
    assert.throws(() => Heap.repair(file, { into: file }), { code: 'ERR_MEMS_FILE' });
    assertWell(file, ALL);
  });
});

test('a copy leaves out the extents behind the last block', () => {
  const file = newFile();
  const heap = Heap.open(file);
  heap.free(heap.roots.get('large'));
  heap.roots.delete('large');
  heap.close();
  const copy = newPath();
  const { notes, extents } = Heap.repair(file, { into: copy });
  assert.match(notes.join(), /1 extents at the end have no blocks, and were left out/);
  assert.equal(extents.length, 1);
  assert.ok(fs.statSync(copy).size < fs.statSync(file).size);
  assertWell(copy, ['small', 'last']);
});

describe('a heap in a file', () => {
  test('is not recorded, and shown in snapshots and reports', async () => {
    const file = newFile();
    const heap = Heap.open(file);
    const recording = path.join(folder, 'heap.mems');
    fs.writeFileSync(recording, 'kept');
    assert.throws(() => heap.record(recording), {
      code: 'ERR_MEMS_RECORDING',
      message: /other processes change it/,
    });
    assert.equal(fs.readFileSync(recording, 'utf8'), 'kept');
    for (const call of [() => heap.stopRecording(), () => heap.mark('here')])
      assert.throws(call, { code: 'ERR_MEMS_RECORDING', message: /not being recorded/ });
    assert.ok(heap.snapshot(recording) > 0);
    assert.equal(heap.trim(), 0);
    if (Number(process.versions.node.split('.')[0]) >= 20) {
      const { Recording } = require('../../command/lib/recordings.js');
      const { stats } = new Recording(fs.readFileSync(recording));
      assert.equal(stats.counts.live, heap.stats().counts.live);
      const page = path.join(folder, 'heap.html');
      await heap.report(page);
      assert.match(fs.readFileSync(page, 'utf8'), /<html/);
    }
    heap.verify();
    heap.close();
  });

  test('that is open for reading only is never changed', () => {
    const file = newFile();
    const before = fs.readFileSync(file);
    for (const zeroOnFree of [false, true]) {
      const heap = Heap.open(file, { readOnly: true, zeroOnFree });
      const address = heap.roots.get('small');
      for (const call of [
        () => heap.malloc(8),
        () => heap.malloc(8, { alignment: 4096 }),
        () => heap.malloc(8, { into: address }),
        () => heap.calloc(2, 8),
        () => heap.mallocMany([8, 8]),
        () => heap.realloc(address, 8),
        () => heap.realloc(address, 80_000_000),
        () => heap.free(address),
        () => heap.free({ from: address }),
        () => heap.freeMany([address]),
        () => heap.replace(address, 0),
        () => heap.roots.set('other', address),
        () => heap.roots.delete('small'),
      ])
        assert.throws(call, { code: 'ERR_MEMS_READ_ONLY' }, call);
      assert.equal(heap.read(address, 5).toString(), 'small');
      assert.equal(heap.stats().counts.live, 3);
      heap.verify();
      heap.close();
    }
    assert.ok(fs.readFileSync(file).equals(before));
  });

  test('has no options of other heaps', () => {
    const file = newFile();
    for (const name of ['hardened', 'trackAllocations', 'lockMemory', 'policy', 'alignment'])
      assert.throws(() => Heap.open(file, { [name]: true }), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});
