'use strict';

// Heap files as JavaScript sees them: options, words and roots, errors, several objects, threads and processes on one file.

const { after, afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { Worker } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { codeOf } = require('../helpers/error-code.js');
const { capture } = require('../helpers/capture.js');
const { change: overwrite, crc32 } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');

const UNIX = process.platform !== 'win32';
const ROOT = path.join(__dirname, '..', '..');
const MIB = 1 << 20;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-files-'));
const open = [];
let count = 0;

/** A path of nothing yet, and that of the last file. */
const lastPath = () => path.join(folder, `${count}.mems`);
const newPath = () => path.join(folder, `${++count}.mems`);

/** Opens a file, a new one by default; it is closed when the test ends. */
function opened(options, file = newPath()) {
  const heap = Heap.open(file, options);
  open.push(heap);
  return heap;
}

afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
});
after(() => remove(folder));

/** Runs a program in another process; `Heap` is there, and `file`. Returns what the program returns. */
function elsewhere(file, program, options = {}) {
  const text =
    `const { Heap } = require(${JSON.stringify(ROOT)}); const file = ${JSON.stringify(file)};` +
    `const result = (() => { ${program} })();` +
    `process.stdout.write(JSON.stringify(result ?? null), () => process.kill(process.pid, 'SIGKILL'));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', text], {
    encoding: 'utf8',
    ...options,
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** A process that has a file open until `end()`. */
async function holder(file, options = {}) {
  const child = fork(path.join(__dirname, 'holder.js'), [file, JSON.stringify(options)]);
  await once(child, 'message');
  const end = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { pid: child.pid, end };
}

/** The words of a heap's block, as BigInts. */
const wordsOf = (heap, address) => heap.view(address, BigUint64Array);

/** A file with one block, closed cleanly. */
function made() {
  const heap = Heap.open(newPath());
  heap.roots.set('block', heap.malloc(100));
  const file = heap.path;
  heap.close();
  return file;
}

describe('opening', () => {
  test('makes a file that is found again after a close, with its blocks and roots', () => {
    const first = opened();
    const { path: file, uuid } = first;
    const address = first.malloc(100);
    assert.equal(address, 1000n);
    first.write(address, 'hello');
    first.roots.set('greeting', address);
    first.close();
    assert.equal(
      codeOf(() => first.malloc(8)),
      'ERR_MEMS_CLOSED',
    );
    first.close();

    const again = opened({ create: false }, file);
    assert.equal(again.uuid, uuid);
    assert.match(uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(again.roots.get('greeting'), address);
    assert.equal(again.read(address, 5).toString(), 'hello');
    again.verify();
  });

  test('finds what a process has left that was killed', () => {
    const file = newPath();
    const address = elsewhere(
      file,
      `const heap = Heap.open(file);
       const address = heap.malloc(5000);
       heap.write(address + 4990n, 'still here');
       heap.roots.set('it', address);
       return Number(address);`,
    );
    const heap = opened({}, file);
    assert.equal(heap.roots.get('it'), BigInt(address));
    assert.equal(heap.read(address + 4990, 10).toString(), 'still here');
    assert.equal(heap.processes.length, 1);
    heap.verify();
  });

  test('takes a file: URL', () => {
    const file = newPath();
    assert.equal(opened({}, pathToFileURL(file)).path, file);
  });

  test('makes an instance of a subclass', () => {
    class Own extends Heap {
      first() {
        return this.malloc(8);
      }
    }
    const heap = Own.open(newPath());
    open.push(heap);
    assert.ok(heap instanceof Own);
    assert.equal(heap.first(), 1000n);
  });

  test('returns addresses as numbers where that is asked for', () => {
    const heap = opened({ addresses: 'number' });
    const address = heap.malloc(8);
    assert.equal(address, 1000);
    heap.roots.set('a', address);
    assert.equal(heap.roots.get('a'), 1000);
    assert.deepEqual([...heap.roots], [['a', 1000]]);
    assert.equal(heap.malloc(8, { into: address }), 1016);
  });

  test('in one process is the same heap, until all have closed it', () => {
    const first = opened();
    const second = opened({}, first.path);
    assert.equal(second.id, first.id);
    assert.equal(first.processes.length, 1);
    const address = first.malloc(8);
    first.close();
    first.close();
    assert.equal(
      codeOf(() => first.usableSize(address)),
      'ERR_MEMS_CLOSED',
    );
    assert.equal(
      codeOf(() => first.roots.get('a')),
      'ERR_MEMS_CLOSED',
    );
    assert.ok(second.owns(address));
    second.malloc(8);
    second.close();
    assert.equal(
      codeOf(() => second.malloc(8)),
      'ERR_MEMS_CLOSED',
    );
  });

  test('gives a new file the mode that is asked for', { skip: !UNIX }, () => {
    const modeOf = (heap) => fs.statSync(heap.path).mode & 0o777;
    assert.equal(modeOf(opened()), 0o600);
    assert.equal(modeOf(opened({ mode: 0o640 })), 0o640 & ~process.umask());
  });

  test('is listed, and ends with its views showing zeros, or on Windows the file', () => {
    const heap = opened();
    const file = heap.path;
    const address = heap.malloc(8);
    const view = heap.view(address);
    view.fill(7);
    assert.ok(Heap.list().some(({ id }) => id === heap.id));
    heap.close();
    const [shown, found] = UNIX ? [0, 7] : [7, 9];
    assert.ok(view.every((byte) => byte === shown));
    view.fill(9);
    assert.equal(opened({}, file).read(address)[0], found);
  });
});

describe('options that are refused', () => {
  for (const [options, code] of [
    [{ hardened: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ trackAllocations: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: 'first-fit' }, 'ERR_INVALID_ARG_VALUE'],
    [{ create: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxSize: 0 }, 'ERR_MEMS_INVALID_SIZE'],
    [{ maxSize: 4095 }, 'ERR_MEMS_INVALID_SIZE'],
    [{ maxSize: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ mode: 0o1000 }, 'ERR_INVALID_ARG_TYPE'],
    [{ mode: -1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ lockTimeout: -1 }, 'ERR_MEMS_INVALID_SIZE'],
    [{ addresses: 'text' }, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ]) {
    test(JSON.stringify(options), () => {
      const file = newPath();
      assert.equal(
        codeOf(() => Heap.open(file, options)),
        code,
      );
      assert.ok(!fs.existsSync(file));
    });
  }

  for (const file of [undefined, 5, 'a\0b', {}]) {
    test(`a path ${JSON.stringify(file) ?? 'undefined'}`, () => {
      assert.equal(
        codeOf(() => Heap.open(file)),
        'ERR_INVALID_ARG_TYPE',
      );
    });
  }
});

describe('files that are refused', () => {
  test('one that is not there, with create: false or for reading', () => {
    const file = newPath();
    for (const options of [{ create: false }, { readOnly: true }]) {
      assert.equal(
        codeOf(() => Heap.open(file, options)),
        'ERR_MEMS_FILE',
      );
    }
    assert.equal(
      codeOf(() => Heap.open(path.join(file, 'below'))),
      'ERR_MEMS_FILE',
    );
    assert.ok(!fs.existsSync(file));
  });

  test('a folder', () => {
    assert.equal(
      codeOf(() => Heap.open(folder)),
      'ERR_MEMS_FILE',
    );
  });

  test('a symbolic link, unless it is to be followed', { skip: !UNIX }, () => {
    const heap = opened();
    const link = newPath();
    fs.symlinkSync(heap.path, link);
    assert.equal(
      codeOf(() => Heap.open(link)),
      'ERR_MEMS_FILE',
    );
    assert.equal(opened({ followSymlinks: true }, link).id, heap.id);
  });

  test('one that is no heap file', () => {
    for (const bytes of [0, 100, 4096]) {
      const file = newPath();
      fs.writeFileSync(file, Buffer.alloc(bytes, 7));
      assert.equal(
        codeOf(() => Heap.open(file)),
        'ERR_MEMS_NOT_A_HEAP_FILE',
      );
      assert.ok(fs.readFileSync(file).equals(Buffer.alloc(bytes, 7)));
    }
  });

  test('one of a newer layout, or with features that are not known', () => {
    for (const offset of [8, 12]) {
      const file = made();
      overwrite(file, offset, Buffer.from([9]));
      assert.equal(
        codeOf(() => Heap.open(file)),
        'ERR_MEMS_FILE_VERSION',
      );
    }
  });

  test('one that is damaged', () => {
    const damages = {
      uuid: (file) => overwrite(file, 24, Buffer.from([1, 2, 3])),
      states: (file) => overwrite(file, 512, Buffer.alloc(128, 5)),
      extents: (file) => overwrite(file, 8 * 16_384, Buffer.alloc(32, 5)),
      header: (file) => fs.truncateSync(file, 5000),
      length: (file) => fs.truncateSync(file, 300_000),
    };
    for (const [name, damage] of Object.entries(damages)) {
      const file = made();
      damage(file);
      assert.equal(
        codeOf(() => Heap.open(file)),
        'ERR_MEMS_FILE_CORRUPT',
        name,
      );
    }
  });

  test('one that was open when the system stopped', () => {
    const file = made();
    const state = Buffer.alloc(40);
    state.fill(0xab, 0, 16);
    state.writeBigUInt64LE(9n, 24);
    state.writeUInt32LE(crc32(state.subarray(0, 32)), 32);
    overwrite(file, 512 + 64, state);
    const before = fs.readFileSync(file);
    assert.throws(() => Heap.open(file), {
      code: 'ERR_MEMS_NEEDS_RECOVERY',
      message: /when the system stopped/,
    });
    assert.equal(
      codeOf(() => Heap.open(file, { readOnly: true })),
      'ERR_MEMS_NEEDS_RECOVERY',
    );
    assert.ok(fs.readFileSync(file).subarray(0, 4096).equals(before.subarray(0, 4096)));
    // Closed cleanly in another run of the system, it is sound.
    state.writeBigUInt64LE(1n, 16);
    state.writeUInt32LE(crc32(state.subarray(0, 32)), 32);
    overwrite(file, 512 + 64, state);
    opened({}, file).verify();
  });

  test('one that another process has for itself', async () => {
    const file = made();
    const other = await holder(file, { exclusive: true });
    const refused = { code: 'ERR_MEMS_FILE_IN_USE', message: new RegExp(`process ${other.pid}`) };
    assert.throws(() => Heap.open(file), refused);
    await other.end();
    opened({}, file);
  });

  test('one that others have, for a process that wants it for itself', async () => {
    const file = made();
    const other = await holder(file);
    assert.equal(
      codeOf(() => Heap.open(file, { exclusive: true })),
      'ERR_MEMS_FILE_IN_USE',
    );
    await other.end();
    const heap = opened({ exclusive: true }, file);
    heap.free(heap.malloc(8));
  });
});

describe('a heap for reading only', () => {
  test('reads, and refuses what would change it', () => {
    const file = made();
    const heap = opened({ readOnly: true }, file);
    const address = heap.roots.get('block');
    assert.equal(heap.blockOf(address).size, 112);
    heap.verify();
    for (const call of [
      () => heap.malloc(8),
      () => heap.calloc(1, 8),
      () => heap.malloc(8, { into: address }),
      () => heap.free(address),
      () => heap.free({ from: address }),
      () => heap.realloc(address, 8),
      () => heap.realloc(address, 5000),
      () => heap.replace(address, 0n),
      () => heap.mallocMany([8]),
      () => heap.freeMany([address]),
      () => heap.roots.set('a', address),
      () => heap.roots.delete('block'),
      () => heap.write(address, 'no'),
      () => heap.fill(address, 1),
      () => heap.copy(address, address, 8),
    ]) {
      assert.equal(codeOf(call), 'ERR_MEMS_READ_ONLY', String(call));
    }
    assert.deepEqual(heap.processes, []);
    heap.verify();
  });

  test('sees what a process that writes does meanwhile', () => {
    const writer = opened();
    const reader = opened({ readOnly: true }, writer.path);
    assert.notEqual(reader.id, writer.id);
    const address = writer.malloc(4 * MIB);
    writer.write(address, 'new');
    writer.roots.set('new', address);
    assert.equal(reader.read(reader.roots.get('new'), 3).toString(), 'new');
    assert.equal(reader.stats().counts.live, 1);
  });
});

describe('words', () => {
  test('get the address of a block, and give it back', () => {
    const heap = opened();
    const word = heap.calloc(2, 8);
    const block = heap.malloc(100, { into: word + 8n });
    assert.deepEqual([...wordsOf(heap, word)], [0n, block]);
    heap.free({ from: word + 8n });
    assert.ok(!heap.owns(block));
    assert.deepEqual([...wordsOf(heap, word)], [0n, 0n]);
    assert.equal(heap.stats().counts.live, 1);
    heap.verify();
  });

  test('get an aligned block in a new extent', () => {
    const heap = opened();
    const word = heap.calloc(1, 8);
    const block = heap.malloc(3 * MIB, { into: word, alignment: 1 << 16 });
    assert.equal(heap.get(block) % 65_536n, 0n);
    assert.equal(wordsOf(heap, word)[0], block);
  });

  test('are replaced, and the old block is freed', () => {
    const heap = opened();
    const word = heap.calloc(1, 8);
    const old = heap.malloc(100, { into: word });
    const next = heap.malloc(200);
    heap.replace(word, next);
    assert.deepEqual([heap.owns(old), wordsOf(heap, word)[0]], [false, next]);
    heap.replace(word, 0);
    assert.deepEqual([heap.owns(next), wordsOf(heap, word)[0]], [false, 0n]);
    heap.replace(word, 0n);
    heap.verify();
  });

  test('that are none are refused, and nothing has changed', () => {
    const heap = opened();
    const word = heap.calloc(2, 8);
    const block = heap.malloc(100);
    wordsOf(heap, word)[1] = word;
    const refused = [
      [() => heap.malloc(8, { into: word + 1n }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.malloc(8, { into: 8n }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.malloc(8, { into: block + 112n }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.malloc(8, { into: 'word' }), 'ERR_INVALID_ARG_TYPE'],
      [() => heap.malloc(8, { into: word, alignment: 3 }), 'ERR_MEMS_INVALID_ALIGNMENT'],
      [() => heap.malloc(8, { into: word, alignment: '8' }), 'ERR_INVALID_ARG_TYPE'],
      [() => heap.malloc(8, { into: word, wrong: 1 }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.malloc(0, { into: word }), 'ERR_MEMS_INVALID_SIZE'],
      [() => heap.free({ from: word }), 'ERR_MEMS_NOT_ALLOCATED'],
      [() => heap.free({ from: word + 4n }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.free({ from: word + 8n }), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.free({ from: undefined }), 'ERR_INVALID_ARG_TYPE'],
      [() => heap.replace(word, block + 16n), 'ERR_MEMS_NOT_BLOCK_START'],
      [() => heap.replace(word + 2n, block), 'ERR_INVALID_ARG_VALUE'],
      [() => heap.replace(word, undefined), 'ERR_INVALID_ARG_TYPE'],
    ];
    const before = heap.stats();
    for (const [call, code] of refused) assert.equal(codeOf(call), code, String(call));
    assert.deepEqual(heap.stats(), before);
    assert.deepEqual([...wordsOf(heap, word)], [0n, word]);
    heap.verify();
  });

  test('are for heaps in files only, and no word is no option', () => {
    const heap = new Heap();
    const address = heap.malloc(8, { into: undefined });
    for (const call of [
      () => heap.malloc(8, { into: address }),
      () => heap.free({ from: address }),
      () => heap.replace(address, 0n),
      () => heap.roots,
      () => heap.path,
      () => heap.uuid,
      () => heap.processes,
    ]) {
      assert.equal(codeOf(call), 'ERR_INVALID_ARG_VALUE', String(call));
    }
    heap.close();
    const filed = opened();
    assert.equal(filed.malloc(8, { into: undefined, alignment: undefined }), 1000n);
  });
});

describe('roots', () => {
  test('are set, changed, listed and deleted', () => {
    const heap = opened();
    const [a, b] = heap.mallocMany([8, 8]);
    heap.roots.set('één', a);
    heap.roots.set('two', b);
    heap.roots.set('één', b);
    assert.deepEqual(
      [...heap.roots],
      [
        ['één', b],
        ['two', b],
      ],
    );
    assert.equal(heap.roots.delete('één'), true);
    assert.equal(heap.roots.delete('één'), false);
    assert.equal(heap.roots.get('één'), undefined);
    assert.equal(heap.roots, heap.roots);
  });

  test('have names of 1 to 47 bytes, and are at most 256', () => {
    const heap = opened();
    const block = heap.malloc(8);
    const refused = [
      ['', 'ERR_MEMS_ROOT_NAME'],
      ['a'.repeat(48), 'ERR_MEMS_ROOT_NAME'],
      ['é'.repeat(24), 'ERR_MEMS_ROOT_NAME'],
      ['a\0', 'ERR_INVALID_ARG_TYPE'],
      [5, 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [name, code] of refused)
      assert.equal(
        codeOf(() => heap.roots.set(name, block)),
        code,
      );
    for (let i = 0; i < 256; i++) heap.roots.set(`${i}`.padEnd(47, '.'), block);
    assert.equal([...heap.roots].length, 256);
    const refusal = (message) => ({ code: 'ERR_MEMS_TOO_MANY_ROOTS', message });
    const mixed = refusal(/has 256 roots and maps.* Delete a root/);
    assert.throws(() => heap.roots.set('one more', block), mixed);
    const live = heap.stats().counts.live;
    assert.throws(() => heap.map('one more'), mixed);
    assert.equal(heap.stats().counts.live, live);
    heap.roots.set('7'.padEnd(47, '.'), block);
    heap.roots.delete('9'.padEnd(47, '.'));
    heap.roots.set('one more', block);
    assert.equal(heap.roots.get('one more'), block);
    const full = opened();
    for (let i = 0; i < 256; i++) full.map(`${i}`, { shards: 1 });
    const named = full.malloc(8);
    const maps = refusal(/has 256 roots and maps.*, all of them maps, which stay/);
    assert.throws(() => full.roots.set('one more', named), maps);
    assert.throws(() => full.map('one more'), maps);
  });

  test('are of blocks', () => {
    const heap = opened();
    const block = heap.malloc(100);
    assert.equal(
      codeOf(() => heap.roots.set('a', block + 16n)),
      'ERR_MEMS_NOT_BLOCK_START',
    );
    assert.equal(
      codeOf(() => heap.roots.set('a', 5n)),
      'ERR_MEMS_OUT_OF_RANGE',
    );
    assert.equal(
      codeOf(() => heap.roots.set('a')),
      'ERR_INVALID_ARG_TYPE',
    );
    assert.deepEqual([...heap.roots], []);
  });
});

describe('blocks', () => {
  test('have sizes of whole units of 16 bytes', () => {
    const heap = opened();
    const sizes = [1, 15, 16, 17, 100].map((size) => heap.blockOf(heap.malloc(size)).size);
    assert.deepEqual(sizes, [16, 16, 16, 32, 112]);
  });

  test('are aligned up to 2 MiB', () => {
    const heap = opened();
    for (let alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
      for (const address of [heap.malloc(40, { alignment }), heap.alignedAlloc(alignment, 40)]) {
        assert.equal(heap.get(address) % BigInt(Math.max(alignment, 16)), 0n, String(alignment));
      }
    }
    assert.equal(
      codeOf(() => heap.malloc(8, { alignment: 4 * MIB })),
      'ERR_MEMS_INVALID_ALIGNMENT',
    );
    heap.verify();
  });

  test('are resized in place, and moved where there is no room', () => {
    const heap = opened();
    const block = heap.malloc(1000);
    heap.write(block, 'kept');
    assert.equal(heap.realloc(block, 5000), block);
    assert.equal(heap.realloc(block, 100), block);
    assert.equal(heap.usableSize(block), 112);
    heap.malloc(100);
    const moved = heap.realloc(block, 3 * MIB);
    assert.notEqual(moved, block);
    assert.ok(!heap.owns(block));
    assert.equal(heap.read(moved, 4).toString(), 'kept');
    heap.verify();
  });

  test('of calloc are zero, also in memory that is used again', () => {
    const heap = opened();
    const old = heap.malloc(5000);
    heap.fill(old, 0xff);
    heap.free(old);
    const again = heap.calloc(50, 100);
    assert.equal(again, old);
    assert.ok(heap.view(again).every((byte) => byte === 0));
  });

  test('are cleared as they are freed, with zeroOnFree', () => {
    const heap = opened({ zeroOnFree: true });
    const [word, plain, noted] = heap.mallocMany([8, 64, 64]);
    heap.fill(plain, 0xff);
    heap.fill(noted, 0xff);
    wordsOf(heap, word)[0] = noted;
    const [first, second] = [plain, noted].map((address) => heap.view(address));
    heap.free(plain);
    heap.free({ from: word });
    assert.ok([...first, ...second].every((byte) => byte === 0));
  });

  test('are viewed, read, written and copied in several extents', () => {
    const heap = opened();
    const blocks = Array.from({ length: 12 }, () => heap.malloc(700_000));
    assert.ok([...heap.chains()].length > 1);
    for (const [i, block] of blocks.entries()) {
      heap.fill(block, i + 1);
      heap.write(block + 699_990n, 'the end');
      assert.equal(heap.view(block, Uint32Array).length, heap.usableSize(block) / 4);
    }
    heap.copy(blocks[11], blocks[0], 699_000);
    assert.equal(heap.compare(blocks[11], blocks[0], 699_000), 0);
    assert.equal(heap.compare(blocks[10], blocks[0], 10), 1);
    for (const block of blocks) {
      assert.equal(heap.read(block + 699_990n, 7).toString(), 'the end');
      assert.equal(heap.buffer(block).readUInt8(5), heap.view(block)[5]);
      assert.equal(heap.blockOf(block + 5n).address, block);
    }
    const outside = blocks[0] + 700_100n;
    assert.equal(
      codeOf(() => heap.view(blocks[0], Uint8Array, 700_100)),
      'ERR_MEMS_OUT_OF_BLOCK',
    );
    assert.equal(heap.blockOf(outside - 200n).address, blocks[0]);
    heap.freeMany(blocks);
    heap.verify();
  });

  test('are allocated and freed many at a time, or none', () => {
    const heap = opened({ maxSize: 4 * MIB });
    const many = heap.mallocMany([100, 200n, 3000]);
    assert.equal(heap.stats().counts.live, 3);
    assert.equal(
      codeOf(() => heap.mallocMany([100, 8 * MIB])),
      'ERR_MEMS_OUT_OF_MEMORY',
    );
    assert.equal(
      codeOf(() => heap.freeMany([many[0], many[0]])),
      'ERR_MEMS_NOT_ALLOCATED',
    );
    assert.equal(heap.stats().counts.live, 3);
    heap.freeMany(many);
    assert.equal(heap.stats().counts.live, 0);
    heap.verify();
  });

  test('are objects of allocate(), and views of mallocAs()', () => {
    const heap = opened();
    const block = heap.allocate(100);
    block.view.write('text');
    assert.equal(heap.read(block.address, 4).toString(), 'text');
    block.free();
    const { address, view } = heap.mallocAs(Float64Array, 10);
    view.fill(0.5);
    assert.equal(heap.view(address, Float64Array, 1)[0], 0.5);
  });

  test('take no more than maxSize, and those that are there stay', () => {
    const heap = opened({ maxSize: 2 * MIB });
    const block = heap.malloc(1_500_000);
    const before = fs.statSync(heap.path).size;
    assert.throws(
      () => heap.malloc(MIB),
      ({ code, size, available }) => {
        return code === 'ERR_MEMS_OUT_OF_MEMORY' && size === MIB && available < MIB;
      },
    );
    assert.equal(fs.statSync(heap.path).size, before);
    heap.free(block);
    heap.close();
    const again = opened({ maxSize: 4096 }, lastPath());
    again.malloc(MIB);
    assert.equal(
      codeOf(() => again.malloc(MIB)),
      'ERR_MEMS_OUT_OF_MEMORY',
    );
  });

  test('of a disk without room are refused, and the heap goes on', { skip: !UNIX }, () => {
    const file = newPath();
    const program = `
      const { Heap } = require(${JSON.stringify(ROOT)});
      process.on('SIGXFSZ', () => {});
      const heap = Heap.open(${JSON.stringify(file)});
      const block = heap.malloc(100_000);
      try { heap.malloc(16 << 20); } catch (error) { console.log(error.code); }
      heap.free(block);
      heap.verify();
      console.log(heap.stats().counts.live);`;
    const args = ['-c', 'ulimit -f 4096 && exec "$0" -e "$1"', process.execPath, program];
    const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(stdout, 'ERR_MEMS_OUT_OF_SPACE\n0\n');
  });
});

describe('what the heap says of itself', () => {
  test('adds up', () => {
    const heap = opened();
    const [a, b] = heap.mallocMany([100, 2 * MIB]);
    heap.free(a);
    const { bytes, counts, totals, events } = heap.stats();
    assert.deepEqual([bytes.live, counts.live, totals.malloc, totals.free], [2 * MIB, 1, 2, 1]);
    assert.equal(bytes.holes + bytes.live, bytes.mapped);
    assert.equal(counts.mainBlocks, [...heap.chains()].length);
    assert.equal(events.grow, counts.mainBlocks);
    assert.equal(heap.trim(), 0);
    const segments = [...heap.chains()].flatMap((main) => [...main.segments]);
    assert.equal(segments.length, counts.live + counts.holes);
    assert.equal(segments.find(({ start }) => start === b).size, 2 * MIB);
    assert.match(heap.metrics({ name: 'file' }), /^mems_live_blocks\{heap="file"\} 1$/m);
    const { live } = heap.stats().bytes;
    heap.close();
    assert.equal(opened({}, lastPath()).stats().bytes.live, live);
  });

  test('is printed', () => {
    const heap = opened();
    heap.malloc(100);
    const lines = capture(() => heap.printStats());
    assert.equal(lines[0], 'MeMS Stats:');
    assert.equal(
      lines[1],
      'MAIN[1000:1049575] -> <P>[SVA:1000:EVA:1111] <-> <H>[SVA:1112:EVA:1049575] <-> <NULL>',
    );
  });
});

describe('several threads and processes', () => {
  test('a worker attaches by id, or opens the file, and both are the same heap', async () => {
    const heap = opened();
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { Heap } = require(workerData.root);
       const attached = Heap.attach(workerData.id);
       const opened = Heap.open(workerData.file);
       const address = attached.malloc(100);
       attached.write(address, 'from the worker');
       opened.roots.set('theirs', address);
       parentPort.postMessage([attached.path === workerData.file, opened.id === attached.id, attached.roots.get('theirs')]);
       opened.close();`,
      { eval: true, workerData: { root: ROOT, id: heap.id, file: heap.path } },
    );
    const exit = once(worker, 'exit');
    const [[isPath, isSame, address]] = await once(worker, 'message');
    await exit;
    assert.deepEqual([isPath, isSame], [true, true]);
    assert.equal(heap.roots.get('theirs'), address);
    assert.equal(heap.read(address, 15).toString(), 'from the worker');
  });

  test('another process sees blocks and roots, adds extents, and frees blocks', () => {
    const heap = opened();
    const block = heap.malloc(100);
    heap.write(block, 'ours');
    heap.roots.set('ours', block);
    const [text, processes, theirs] = elsewhere(
      heap.path,
      `const heap = Heap.open(file);
       const block = heap.roots.get('ours');
       const text = heap.read(block, 4).toString();
       const theirs = heap.malloc(9 << 20);
       heap.write(theirs, 'theirs');
       heap.roots.set('theirs', theirs);
       heap.free(block);
       return [text, heap.processes.length, Number(theirs)];`,
    );
    assert.deepEqual([text, processes], ['ours', 2]);
    // Without the file's lock: the extent is one that this process has not met.
    assert.equal(heap.read(theirs, 6).toString(), 'theirs');
    assert.equal(heap.roots.get('theirs'), BigInt(theirs));
    assert.equal(
      codeOf(() => heap.free(block)),
      'ERR_MEMS_NOT_ALLOCATED',
    );
    assert.equal(heap.processes.length, 1);
    heap.verify();
  });

  test('processes are listed while they live', async () => {
    const heap = opened();
    const other = await holder(heap.path);
    const { processes } = heap;
    assert.deepEqual(
      processes.map(({ slot, pid }) => [slot, pid]),
      [
        [0, process.pid],
        [1, other.pid],
      ],
    );
    for (const { since } of processes) assert.ok(since instanceof Date && since <= Date.now());
    await other.end();
    assert.equal(heap.processes.length, 1);
  });

  test('a lock that a living process keeps is waited for, and one of a dead process taken', async () => {
    const heap = opened({ lockTimeout: 50 });
    const block = heap.malloc(8);
    const other = await holder(heap.path);
    // The lock as the process in slot 1 holds it: the slot's generation, and its number and 1.
    const generation = fs.readFileSync(heap.path).readBigUInt64LE(8 * (512 + 1));
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE((generation << 16n) | 2n);
    overwrite(heap.path, 1024, word);
    assert.throws(() => heap.malloc(8), {
      code: 'ERR_MEMS_LOCK_TIMEOUT',
      message: new RegExp(`process ${other.pid} \\(slot 1\\)`),
    });
    // Looking at live blocks takes no lock.
    assert.equal(heap.usableSize(block), 16);
    assert.equal(heap.roots.get('none'), undefined);
    const reader = Heap.open(heap.path, { readOnly: true, lockTimeout: 50 });
    assert.throws(() => reader.verify(), { message: /The process is alive: it may be stopped$/ });
    await other.end();
    // The next process in the slot is none that holds the lock.
    const next = await holder(heap.path);
    for (const [held, said] of [
      [(generation << 16n) | 2n, /a process that had the slot 1 .* The process is dead/],
      [0xffffn, /nobody that is known .* open the file for writing/],
    ]) {
      word.writeBigUInt64LE(held);
      overwrite(heap.path, 1024, word);
      assert.throws(() => reader.verify(), { code: 'ERR_MEMS_LOCK_TIMEOUT', message: said });
    }
    assert.equal(heap.malloc(8), block + 16n);
    reader.verify();
    reader.close();
    await next.end();
    heap.verify();
  });

  test('a file that is cut reads as zeros, and is lost', { skip: !UNIX }, () => {
    const calls = {
      malloc: ({ heap }) => heap.malloc(64),
      calloc: ({ heap }) => heap.calloc(1, 64),
      mallocMany: ({ heap }) => heap.mallocMany([16, 16]),
      realloc: ({ heap, block }) => heap.realloc(block, 200_000),
      free: ({ heap, block }) => heap.free(block),
      view: ({ heap, block }) => heap.view(block),
      owns: ({ heap, block }) => heap.owns(block),
      read: ({ heap, block }) => heap.read(block, 5),
      verify: ({ heap }) => heap.verify(),
      set: ({ map }) => map.set('other', 'value'),
      replaced: ({ map }) => map.set('key', 'other'),
      get: ({ map }) => map.get('key'),
      has: ({ map }) => map.has('key'),
      delete: ({ map }) => map.delete('key'),
      increment: ({ map }) => map.increment('count'),
      compareAndSet: ({ map }) => map.compareAndSet('key', undefined, 'other'),
      keys: ({ map }) => [...map.keys()],
      map: ({ heap }) => heap.map('other'),
    };
    // What begins with the zeros is the first to meet them.
    for (const [name, call] of Object.entries(calls)) {
      for (const length of [262_144, 1000]) {
        const heap = opened();
        const map = heap.map('map');
        map.set('key', 'value');
        map.increment('count', 5);
        const block = heap.malloc(100_000);
        heap.fill(block, 7);
        const view = heap.view(block);
        fs.truncateSync(heap.path, length);
        assert.equal(
          codeOf(() => call({ heap, map, block })),
          'ERR_MEMS_FILE_LOST',
          `${name}, cut to ${length}`,
        );
        assert.equal(view[50_000], 0);
        for (const [other, again] of Object.entries(calls)) {
          const code = codeOf(() => again({ heap, map, block }));
          assert.equal(code, 'ERR_MEMS_FILE_LOST', `${other} after ${name}, cut to ${length}`);
        }
        assert.equal(
          codeOf(() => heap.roots.get('none')),
          'ERR_MEMS_FILE_LOST',
        );
        heap.close();
        const opens = codeOf(() => Heap.open(lastPath()));
        assert.equal(opens, 'ERR_MEMS_FILE_CORRUPT');
      }
    }
  });

  test('a sync of a file that is cut fails, also where nobody has looked since', {
    skip: !UNIX,
  }, () => {
    for (const less of [4096, 1_000_000]) {
      const heap = opened({ durable: true });
      heap.malloc(100);
      heap.syncSync();
      fs.truncateSync(heap.path, fs.statSync(heap.path).size - less);
      assert.equal(
        codeOf(() => heap.syncSync()),
        'ERR_MEMS_FILE_LOST',
      );
      heap.close();
    }
  });

  test('a file that is removed stays open, and its path is free', { skip: !UNIX }, () => {
    const heap = opened();
    const file = heap.path;
    const block = heap.malloc(100);
    fs.unlinkSync(file);
    const other = opened({}, file);
    assert.notEqual(other.uuid, heap.uuid);
    assert.ok(heap.owns(block) && !other.owns(block));
  });
});

test('a module imports Heap by name, and opens a file', () => {
  const file = newPath();
  const program = `import { Heap } from '@sambhav-gautam/osmemoryallocator';
    const heap = Heap.open(${JSON.stringify(file)});
    console.log(heap.malloc(8) === 1000n, typeof heap.roots.get);
    heap.close();`;
  const args = ['--input-type=module', '-e', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(stdout, 'true function\n');
});
