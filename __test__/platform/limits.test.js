'use strict';

// A system that refuses memory: under a limit on address space (ulimit -v) MeMS reserves less, uses
// further regions, and throws ERR_MEMS_OUT_OF_MEMORY with what was requested and what is there.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const MIB = 2 ** 20;

/** Runs a program's text in a Node process that may use `kib` KiB of address space. */
function limited(kib, body) {
  const program = `
    const assert = require('node:assert/strict');
    const mems = require(${JSON.stringify(root)});
    const { bytes, isFilled } = require(${JSON.stringify(path.join(__dirname, '..', 'helpers', 'memory.js'))});
    const MIB = 2 ** 20;
    const ROOT = ${JSON.stringify(root)};
    (${body})();
    console.log('done');
  `;
  const command = `ulimit -v ${kib} && exec "$0" "$@"`;
  // glibc reserves 128 MiB when a thread of the engine first allocates, and returns half of them: under a limit that would
  // change what is available between two calls of a test, at a moment that nobody chooses.
  const env = { ...process.env, MALLOC_ARENA_MAX: '1' };
  const result = spawnSync('sh', ['-c', command, process.execPath, '-e', program], {
    encoding: 'utf8',
    env,
  });
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
  assert.match(result.stdout, /done\n$/);
}

// Node's own reservations (code range, pointer cages) must fit as well.
const LIMIT_KIB = 4 * MIB;

const options = { skip: process.platform !== 'linux' && 'ulimit -v binds on Linux only' };

test('a limit on address space leaves room for the rest of the process', options, () => {
  limited(LIMIT_KIB, () => {
    mems.init();
    mems.malloc(1);
    // 256 MiB of ordinary buffers still fit beside the heap.
    const others = Array.from({ length: 4 }, () => Buffer.alloc(64 * MIB, 1));
    assert.equal(others[3].at(-1), 1);
  });
});

test('a front makes views of blocks in every region', options, () => {
  limited(LIMIT_KIB, () => {
    const heap = new mems.Heap({ policy: 'segregated' });
    const blocks = [];
    // Blocks of another region have another distance from their physical addresses. The first of them have states in the front.
    const distances = new Set();
    for (let others = 0; others < 100; others += Number(distances.size > 1)) {
      const address = heap.malloc(32_000);
      distances.add(heap.get(address) - address);
      assert.equal(heap.get(address + 1n), heap.get(address) + 1n);
      heap.view(address, Float64Array, 1)[0] = blocks.length;
      blocks.push(address);
    }
    // What stands for no address is none in a heap of several regions either.
    for (const wild of [0n, 5n, 8n, 24n, 999n, blocks[0] + 1n]) {
      assert.equal(heap.owns(wild), wild > 1000n);
      for (const call of [() => heap.realloc(wild, 1), () => heap.free(wild)])
        assert.throws(call, {
          code: wild > 1000n ? 'ERR_MEMS_NOT_BLOCK_START' : 'ERR_MEMS_OUT_OF_RANGE',
        });
    }
    const { read } = require(`${ROOT}/binding.js`);
    const number = new Float64Array(1);
    // The addon's own copy of the bytes. (Reading the id ends the front.)
    for (const [expected, address] of blocks.entries()) {
      read(heap.id, address, new Uint8Array(number.buffer));
      assert.equal(number[0], expected);
    }
    heap.verify();
    heap.close();
  });
});

test('the heap grows over several regions until the limit, and every byte stays', options, () => {
  limited(LIMIT_KIB, () => {
    mems.init();
    const size = 32 * MIB;
    const live = [];
    let refused;
    while (refused === undefined) {
      try {
        live.push(mems.malloc(size));
        bytes(live.at(-1), 4096).fill(live.length);
      } catch (error) {
        refused = error;
      }
    }
    assert.equal(refused.code, 'ERR_MEMS_OUT_OF_MEMORY');
    assert.equal(refused.size, size);
    assert.ok(refused.available < size);
    assert.ok(live.length * size > 512 * MIB, `only ${live.length} blocks`);

    // Two regions show as a jump in the physical addresses of virtual neighbours.
    const jumps = live.filter(
      (address, i) => i > 0 && mems.get(address) - mems.get(live[i - 1]) !== BigInt(size),
    );
    assert.ok(jumps.length > 0, 'all blocks lie in one region');
    for (const [i, address] of live.entries()) assert.ok(isFilled(bytes(address, 4096), i + 1));
    mems.verify();
  });
});

// A loop that takes all it can get must leave the engine what it needs to continue: V8 ends the process
// where it gets no address space. The sizes make few large regions, and many small ones.
for (const kib of [LIMIT_KIB / 2, LIMIT_KIB]) {
  for (const size of [4096, 100_000, MIB, 100 * MIB]) {
    test(`taking all of ${kib} KiB in blocks of ${size} leaves JavaScript room`, options, () => {
      limited(
        kib,
        `() => {
          mems.init();
          assert.throws(() => { for (;;) mems.malloc(${size}); }, { code: 'ERR_MEMS_OUT_OF_MEMORY' });
          const objects = Array.from({ length: 500_000 }, (_, i) => ({ i }));
          assert.equal(objects.at(-1).i, 499_999);
          mems.verify();
        }`,
      );
    });
  }
}

test('taking the whole address space leaves JavaScript room', options, () => {
  limited('unlimited', () => {
    mems.init();
    let refused = 0;
    for (let size = 2 ** 46; size >= MIB; ) {
      try {
        mems.malloc(size);
      } catch (error) {
        assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
        refused++;
        size /= 2;
      }
    }
    assert.ok(refused > 20);
    const objects = Array.from({ length: 500_000 }, (_, i) => ({ i }));
    assert.equal(objects.at(-1).i, 499_999);
    mems.verify();
  });
});

/** A gigabyte's worth of work of the engine in small: objects, WebAssembly with its guard regions, a worker. */
const GO_ON = `
  const objects = Array.from({ length: 500_000 }, (_, i) => ({ i }));
  assert.equal(objects.at(-1).i, 499_999);
  const wasm = Array.from({ length: 10 }, () => new WebAssembly.Memory({ initial: 1, maximum: 10 }));
  assert.equal(wasm.at(-1).buffer.byteLength, 65_536);
  const { Worker } = require('node:worker_threads');
  new Worker('', { eval: true }).on('exit', (code) => assert.equal(code, 0));
`;

// Each heap once reserved 64 GiB, so that some two thousand took all that a process has, and V8 ended it.
test(
  'thousands of heaps with a block each leave JavaScript, WebAssembly and workers room',
  options,
  () => {
    limited(
      'unlimited',
      `() => {
      const heaps = [];
      for (let i = 0; i < 6000; i++) {
        const heap = new mems.Heap();
        const address = heap.malloc(64);
        heaps.push({ heap, address, view: i % 20 === 0 ? heap.view(address).fill(i % 251) : undefined });
      }
      heaps.forEach(({ heap, address, view }, i) => {
        if (view) assert.deepEqual(heap.read(address), Buffer.alloc(64, i % 251));
      });
      ${GO_ON}
    }`,
    );
  },
);

for (const kib of [1.5 * MIB, LIMIT_KIB]) {
  test(`heaps until one is refused under ${kib} KiB leave JavaScript room`, options, () => {
    limited(
      kib,
      `() => {
        const heaps = [];
        assert.throws(
          () => {
            for (;;) {
              const heap = new mems.Heap();
              heaps.push(heap);
              heap.malloc(8);
            }
          },
          { code: 'ERR_MEMS_OUT_OF_MEMORY', size: 8 },
        );
        assert.ok(heaps.length > 300, heaps.length + ' heaps');
        // What one heap gives back another can use.
        for (const heap of heaps.splice(0, 10)) heap.close();
        new mems.Heap().malloc(8);
        const objects = Array.from({ length: 500_000 }, (_, i) => ({ i }));
        assert.equal(objects.at(-1).i, 499_999);
      }`,
    );
  });
}

test('a heap reserves no more than its maxSize', options, () => {
  limited('unlimited', () => {
    const reserved = () => {
      const status = require('node:fs').readFileSync('/proc/self/status', 'latin1');
      return Number(/VmSize:\s+(\d+)/.exec(status)[1]) / 1024;
    };
    const before = reserved();
    const heaps = Array.from({ length: 1000 }, () => new mems.Heap({ maxSize: MIB }));
    for (const heap of heaps) heap.malloc(MIB / 2);
    // A megabyte each, and what is in front of it; the C library reserves 64 or 128 for a thread now and then.
    assert.ok(reserved() - before < 1000 * 1.5, `${reserved() - before} MiB`);
    for (const heap of heaps) heap.malloc(MIB / 4);
    assert.throws(() => heaps[0].malloc(MIB / 2), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
  });
});

test('as many heaps can be open as is documented, and no more', options, () => {
  limited('unlimited', () => {
    const heaps = Array.from({ length: 32_768 }, () => new mems.Heap());
    assert.throws(() => new mems.Heap(), {
      code: 'ERR_MEMS_OUT_OF_MEMORY',
      message: /^There are 32768 open heaps/,
    });
    heaps.pop().close();
    heaps.push(new mems.Heap());
    heaps.at(-1).malloc(8);
    mems.init();
    mems.malloc(8);
  });
});

test('an option that no block can meet is named in the refusal', options, () => {
  limited('unlimited', () => {
    mems.init({ minBlockSize: 2 ** 50 });
    assert.throws(() => mems.malloc(1), {
      code: 'ERR_MEMS_OUT_OF_MEMORY',
      message: /size of 1 needs a new main block of 1125899906842624 bytes/,
      available: 0,
    });
  });
});

test(
  'a refused malloc changes nothing, and what the error says is available can be allocated',
  options,
  () => {
    limited(LIMIT_KIB, () => {
      mems.init();
      const first = mems.malloc(100);
      const before = mems.stats();
      let error;
      try {
        mems.malloc(64 * 1024 * MIB);
      } catch (thrown) {
        error = thrown;
      }
      assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
      assert.equal(error.size, 64 * 1024 * MIB);
      assert.match(error.message, new RegExp(String(error.size)));
      assert.match(error.message, new RegExp(String(error.available)));
      // That it was refused is counted.
      before.events.outOfMemory += 1;
      assert.deepEqual(mems.stats(), before);
      mems.verify();
      // Node itself moves by some MiB between the two calls.
      const large = mems.malloc(error.available - 64 * MIB);
      assert.equal(large, 5096n);
      mems.free(large);
      mems.free(first);
      mems.verify();
    });
  },
);

test('a request that is refused takes nothing from other threads meanwhile', options, () => {
  limited(20 * MIB, () => {
    const { Worker } = require('node:worker_threads');
    // The engine asks the system for memory again and again, and ends the process where it gets none.
    const text = 'for (;;) new ArrayBuffer(2 ** 26)';
    const worker = new Worker(text, { eval: true });
    mems.init();
    mems.malloc(8);
    const end = Date.now() + 3000;
    while (Date.now() < end) {
      assert.throws(() => mems.malloc(2 ** 40), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    }
    worker.unref();
    console.log('done');
    process.exit(0);
  });
});
