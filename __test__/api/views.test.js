'use strict';

// Buffers and views over blocks, and copies in and out: they show the block's own bytes and nothing else.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { ARRAY_TYPES, TYPES } = require('../helpers/types.js');

const { malloc, free, get, buffer, view, read, write, fill, copy, compare } = mems;

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

describe('buffer', () => {
  test('is over the block itself, as long as the requested size', () => {
    const p = malloc(100);
    const bytes = buffer(p);
    assert.ok(Buffer.isBuffer(bytes));
    assert.equal(bytes.length, 100);
    bytes.fill(7);
    assert.ok(view(p).every((byte) => byte === 7));
    assert.equal(read(p).compare(bytes), 0);
    assert.equal(malloc(1), p + 100n, 'nothing was allocated for it');
  });

  test('begins anywhere inside the block, and ends there', () => {
    const p = malloc(100);
    buffer(p).set([1, 2, 3], 50);
    assert.deepEqual([...buffer(p + 50n, 3)], [1, 2, 3]);
    assert.equal(buffer(p + 99n).length, 1);
    assert.equal(buffer(p + 60n).length, 40);
    assert.equal(buffer(p, 0).length, 0);
    assert.equal(buffer(p, 10n).length, 10);
  });

  test('never reaches past the block', () => {
    const p = malloc(100);
    malloc(100);
    assertRefused(() => buffer(p, 101), 'ERR_MEMS_OUT_OF_BLOCK', '101', '1000', '100');
    assertRefused(() => buffer(p + 60n, 41), 'ERR_MEMS_OUT_OF_BLOCK', '41', '1060', '40');
    assertRefused(() => buffer(p, -1), 'ERR_MEMS_INVALID_SIZE', '-1');
    assertRefused(() => buffer(p, 1.5), 'ERR_MEMS_INVALID_SIZE', '1.5');
    assertRefused(() => buffer(p, 2 ** 53), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => buffer(p, '1'), 'ERR_INVALID_ARG_TYPE', 'length');
  });

  test('is refused where get() is', () => {
    const p = malloc(100);
    free(p);
    assertRefused(() => buffer(p), 'ERR_MEMS_NOT_ALLOCATED', '1000');
    assertRefused(() => buffer(9000n), 'ERR_MEMS_OUT_OF_RANGE', '9000');
    assertRefused(() => buffer(-1n), 'ERR_MEMS_OUT_OF_RANGE', '-1');
    assertRefused(() => buffer(1000), 'ERR_INVALID_ARG_TYPE', 'address');
  });

  test('shares its memory with every other over the same block', () => {
    const p = malloc(4096 * 3);
    const [a, b] = [buffer(p), buffer(p + 4096n)];
    b[0] = 9;
    assert.equal(a[4096], 9);
    assert.equal(a.buffer, b.buffer, 'one buffer a region, not one a block');
  });

  test('shows the same bytes as others over the block, however far the heap has grown since', () => {
    const heap = new mems.Heap();
    const blocks = [18, 20, 22, 24, 26, 28, 30, 31].map((bits) => {
      const size = 2 ** bits;
      const bytes = heap.buffer(heap.malloc(size));
      bytes[0] = bits;
      bytes[size - 1] = bits;
      return { bytes, bits, size };
    });
    let at = 1000n;
    for (const { bytes, bits, size } of blocks) {
      const again = heap.buffer(at);
      assert.deepEqual([again[0], again[size - 1], again.length], [bits, bits, size]);
      again[1] = 100;
      assert.equal(bytes[1], 100);
      at += BigInt(size);
    }
    heap.close();
    for (const { bytes, size } of blocks) assert.deepEqual([bytes[1], bytes[size - 1]], [0, 0]);
  });

  test('is as long as a block of more than 2 GiB', () => {
    const size = 2 ** 31 + 4096;
    const p = malloc(size);
    for (const from of [0, 1, 4096, 4097, 5000]) {
      assert.equal(buffer(p + BigInt(from)).length, size - from);
      assert.equal(view(p + BigInt(from * 8), Float64Array).length, size / 8 - from);
    }
    const end = p + BigInt(size);
    buffer(end - 8n).writeDoubleLE(1.5);
    assert.equal(view(p, Float64Array).at(-1), 1.5);
    assert.equal(view(p, Float64Array, size / 8).at(-1), 1.5);
    assertRefused(() => view(p, Float64Array, size / 8 + 1), 'ERR_MEMS_OUT_OF_BLOCK');
  });

  test('of a small heap is copied in no time where the runtime copies it', () => {
    // A shared buffer is not copied at all; of another, the whole buffer span is.
    const copy = structuredClone(buffer(malloc(100)).fill(3));
    assert.equal(copy.length, 100);
    assert.equal(copy[99], 3);
    assert.ok(copy.buffer.byteLength <= (1 << 20) + (64 << 10));
  });

  test('of a freed block shows what is there, of a finished heap zeros', () => {
    const p = malloc(100);
    const stale = buffer(p).fill(5);
    free(p);
    assert.equal(buffer(malloc(100)).fill(6)[0], 6);
    assert.equal(stale[0], 6);
    finishQuietly(mems);
    assert.equal(stale[0], 0);
    stale.fill(1);
    mems.init();
    const fresh = buffer(malloc(100));
    assert.ok(fresh.every((byte) => byte === 0));
    fresh.fill(8);
    assert.equal(stale[0], 1, 'another heap has other memory');
  });
});

describe('view', () => {
  for (const Type of ARRAY_TYPES) {
    test(`gives a ${Type.name} of the whole block or a part`, () => {
      const width = Type.BYTES_PER_ELEMENT;
      const p = malloc(10 * width + width - 1, { alignment: width });
      const all = view(p, Type);
      assert.ok(all instanceof Type);
      assert.equal(all.length, 10, 'whole elements only');
      const one = width === 8 && Type !== Float64Array ? 1n : 1;
      all.fill(one);
      assert.deepEqual(view(p + BigInt(8 * width), Type, 2), new Type(2).fill(one));
      assertRefused(() => view(p, Type, 11 + width), 'ERR_MEMS_OUT_OF_BLOCK');
      if (width > 1)
        assertRefused(() => view(p + 1n, Type), 'ERR_MEMS_MISALIGNED', `${p + 1n}`, Type.name);
    });
  }

  test('gives a DataView, a Buffer, and by default a Uint8Array', () => {
    const p = malloc(20);
    view(p + 1n, DataView).setFloat64(3, 1.5);
    assert.equal(view(p, DataView, 12).getFloat64(4), 1.5);
    assert.equal(view(p, DataView).byteLength, 20);
    assert.ok(Buffer.isBuffer(view(p, Buffer, 5)));
    assert.equal(view(p).constructor, Uint8Array);
  });

  test('refuses values that are not types of views', () => {
    const p = malloc(8);
    for (const type of [Array, ArrayBuffer, {}, 'Uint8Array', null, 8, { BYTES_PER_ELEMENT: 1 }]) {
      assertRefused(() => view(p, type), 'ERR_INVALID_ARG_TYPE', 'Type');
      assertRefused(() => mems.mallocAs(type, 1), 'ERR_INVALID_ARG_TYPE', 'Type');
    }
  });

  test('mallocAs returns an aligned block with its view', () => {
    malloc(3);
    for (const Type of TYPES) {
      const { address, view: made } = mems.mallocAs(Type, 5);
      assert.ok(made instanceof Type);
      assert.equal(get(address) % BigInt(Type.BYTES_PER_ELEMENT ?? 1), 0n);
      assert.equal(mems.usableSize(address), made.byteLength);
      malloc(1);
    }
    assertRefused(() => mems.mallocAs(Uint8Array, 0), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => mems.mallocAs(Float64Array, 2 ** 52), 'ERR_MEMS_INVALID_SIZE');
  });
});

describe('read and write', () => {
  test('copy', () => {
    const p = malloc(10);
    const bytes = Uint8Array.from([1, 2, 3]);
    assert.equal(write(p + 2n, bytes), 3);
    bytes.fill(0);
    const copied = read(p + 2n, 3);
    assert.deepEqual([...copied], [1, 2, 3]);
    copied.fill(9);
    assert.deepEqual([...read(p + 2n, 3)], [1, 2, 3]);
    assert.equal(read(p).length, 10);
    assert.equal(read(p, 0).length, 0);
  });

  test('write takes any view, and strings as UTF-8', () => {
    const p = malloc(64, { alignment: 8 });
    assert.equal(write(p, new Float64Array([1.5, 2.5]).subarray(1)), 8);
    assert.equal(view(p, Float64Array)[0], 2.5);
    assert.equal(write(p, new DataView(Uint8Array.of(9, 8, 7).buffer, 1)), 2);
    assert.deepEqual([...read(p, 2)], [8, 7]);
    assert.equal(write(p, 'häß'), 5);
    assert.equal(read(p, 5).toString(), 'häß');
    assert.equal(write(p, new Uint8Array(new SharedArrayBuffer(3))), 3);
    assert.equal(write(p + 32n, view(p, Uint8Array, 5)), 5, 'from the heap itself');
    for (const other of [[1], 8, null, undefined, new ArrayBuffer(8)]) {
      assertRefused(() => write(p, other), 'ERR_INVALID_ARG_TYPE', 'bytes');
    }
  });

  test('stay inside the block', () => {
    const p = malloc(10);
    malloc(10);
    assertRefused(() => write(p + 8n, 'abc'), 'ERR_MEMS_OUT_OF_BLOCK', '3', '1008');
    assert.deepEqual([...read(p)], new Array(10).fill(0), 'nothing was written');
    assertRefused(() => read(p, 11), 'ERR_MEMS_OUT_OF_BLOCK');
    assertRefused(() => read(p, 2 ** 50), 'ERR_MEMS_OUT_OF_BLOCK');
    assertRefused(() => read(5000n, 1), 'ERR_MEMS_NOT_ALLOCATED');
  });
});

describe('fill, copy and compare', () => {
  test('fill a block or a part of it', () => {
    const p = malloc(10);
    fill(p, 255);
    fill(p + 2n, 1, 3);
    assert.deepEqual([...read(p)], [255, 255, 1, 1, 1, 255, 255, 255, 255, 255]);
    fill(p + 9n, 0);
    assert.equal(read(p)[9], 0);
    assertRefused(() => fill(p, 0, 11), 'ERR_MEMS_OUT_OF_BLOCK');
    for (const byte of [256, -1, 0.5, NaN, '1', undefined]) {
      assertRefused(() => fill(p, byte), 'ERR_INVALID_ARG_TYPE', 'byte');
    }
  });

  test('copy from block to block, and over itself', () => {
    const [a, b] = [malloc(8), malloc(8)];
    write(a, '12345678');
    copy(b + 2n, a, 6);
    assert.equal(read(b).toString('latin1'), '\0\x00123456');
    copy(a + 1n, a, 7);
    assert.equal(read(a).toString(), '11234567');
    copy(a, a + 1n, 7n);
    assert.equal(read(a).toString(), '12345677');
    copy(a, b, 0);
    assertRefused(() => copy(a, b + 4n, 5), 'ERR_MEMS_OUT_OF_BLOCK', '1012');
    assertRefused(() => copy(a + 4n, b, 5), 'ERR_MEMS_OUT_OF_BLOCK', '1004');
    assertRefused(() => copy(a, b), 'ERR_INVALID_ARG_TYPE', 'length');
  });

  test('compare as unsigned bytes', () => {
    const [a, b] = [malloc(4), malloc(4)];
    write(a, Uint8Array.of(1, 2, 200, 4));
    write(b, Uint8Array.of(1, 2, 100, 9));
    assert.equal(compare(a, b, 2), 0);
    assert.equal(compare(a, b, 4), 1);
    assert.equal(compare(b, a, 4), -1);
    assert.equal(compare(a, b, 0), 0);
    assertRefused(() => compare(a, b, 5), 'ERR_MEMS_OUT_OF_BLOCK');
  });
});
