'use strict';

// Diagnostics channels: which messages are published, when and where; and that subscribers cannot do harm.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { AsyncLocalStorage } = require('node:async_hooks');
const diagnostics = require('node:diagnostics_channel');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const binding = require('../../binding.js');
const mems = require('../../index.js');
const { newLook, newlyUnusable } = require('../../lib/fragmentation.js');
const { watches } = require('../../lib/watches.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { frontOf } = require('../helpers/fronts.js');
const { inWorker } = require('../helpers/workers.js');

const { channel } = diagnostics;
const { Heap } = mems;
const MIB = 2 ** 20;
const ROOT = path.join(__dirname, '..', '..');

/** What each test does at its end. */
const ends = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
  finishQuietly(mems);
});

/** Subscribes for the length of the test. */
function subscribe(name, subscriber) {
  const of = channel(`mems:${name}`);
  of.subscribe(subscriber);
  ends.push(() => of.unsubscribe(subscriber));
  return () => of.unsubscribe(subscriber);
}

/** The messages of channels, as they come: pairs of the channel's name and the message. */
function listen(...names) {
  const messages = [];
  for (const name of names) subscribe(name, (message) => messages.push([name, message]));
  return messages;
}

/** The messages so far, which are taken out of the list. */
const taken = (messages) => messages.splice(0).map(([, message]) => message);

function open(options) {
  const heap = new Heap(options);
  ends.push(() => heap.close());
  return heap;
}

/** What all messages about a heap have. */
function assertDescribes(message, heap) {
  assert.equal(message.heap, heap.id);
  assert.equal(message.policy, Heap.list().find(({ id }) => id === heap.id).options.policy);
  const { mapped, live, holes, largestHole } = heap.stats().bytes;
  assert.deepEqual(message.bytes, { mapped, live, holes, largestHole });
}

describe('growth is published by the call that makes it', () => {
  const calls = {
    malloc: (heap) => heap.malloc(MIB),
    'malloc of a BigInt': (heap) => heap.malloc(BigInt(MIB)),
    'malloc with an alignment': (heap) => heap.malloc(MIB, { alignment: 64 }),
    calloc: (heap) => heap.calloc(2, MIB),
    realloc: (heap) => heap.realloc(heap.malloc(100), MIB),
    allocate: (heap) => heap.allocate(MIB),
    mallocAs: (heap) => heap.mallocAs(Float64Array, MIB),
  };
  for (const [name, call] of Object.entries(calls)) {
    test(name, () => {
      for (const options of [
        {},
        { policy: 'first-fit' },
        { hardened: true },
        { trackAllocations: true },
      ]) {
        const heap = open(options);
        heap.malloc(8);
        const messages = listen('grow');
        const before = heap.stats().bytes.mapped;
        call(heap);
        const found = taken(messages);
        assert.equal(found.length, 1, JSON.stringify(options));
        assertDescribes(found[0], heap);
        assert.equal(found[0].count, 1);
        assert.equal(found[0].size, heap.stats().bytes.mapped - before);
      }
    });
  }

  test('a batch, which may grow more than once', () => {
    mems.init();
    const messages = listen('grow');
    mems.mallocMany([4096, 4096, 8192]);
    assert.deepEqual(
      taken(messages).map(({ heap, size, count }) => ({ heap, size, count })),
      [{ heap: 0, size: 8192, count: 3 }],
    );
  });

  test('none that was undone', () => {
    mems.init({ maxSize: 16_384 });
    const messages = listen('grow', 'out-of-memory');
    assertRefused(() => mems.mallocMany([4096, 4096, 16_384]), 'ERR_MEMS_OUT_OF_MEMORY');
    assert.deepEqual(
      messages.map(([name]) => name),
      ['out-of-memory'],
    );
  });
});

describe('pages that are given back are published', () => {
  test('by trim()', () => {
    const heap = open({ autoTrim: false });
    heap.free(heap.malloc(8 * MIB));
    const messages = listen('trim');
    const bytes = heap.trim();
    const [message, ...others] = taken(messages);
    assert.deepEqual(others, []);
    assertDescribes(message, heap);
    assert.deepEqual([message.size, message.count], [bytes, 1]);
  });

  test('not by trim() where there are none', () => {
    const heap = open();
    const messages = listen('trim');
    assert.equal(heap.trim(), 0);
    assert.deepEqual([messages, heap.stats().events.trim], [[], 0]);
  });

  test('by free(), with autoTrim', () => {
    for (const policy of ['segregated', 'first-fit']) {
      const heap = open({ policy });
      const block = heap.malloc(8 * MIB);
      const messages = listen('trim');
      heap.free(block);
      const [message, ...others] = taken(messages);
      assert.deepEqual(others, []);
      assert.ok(message.size >= 8 * MIB - 4096, String(message.size));
    }
  });

  test('after a call that is made without the addon, at the next turn', async () => {
    const heap = open();
    const blocks = Array.from({ length: 20_000 }, () => heap.malloc(4096));
    assert.ok(frontOf(heap).isThere());
    const messages = listen('trim');
    let before = 0;
    for (const block of blocks) {
      heap.free(block);
      before = Math.max(before, messages.length);
    }
    assert.equal(before, 0, 'nothing comes in the middle of a call');
    const trims = heap.stats().events.trim;
    assert.ok(trims > 0, 'the heap has given pages back');
    await new Promise(setImmediate);
    assert.equal(
      taken(messages).reduce((sum, { count }) => sum + count, 0),
      trims,
    );
  });

  test('before the heap is closed in the same turn', () => {
    const heap = new Heap();
    const blocks = Array.from({ length: 20_000 }, () => heap.malloc(4096));
    const messages = listen('trim', 'heap:close');
    for (const block of blocks) heap.free(block);
    assert.deepEqual(messages, []);
    heap.close();
    assert.deepEqual(
      messages.map(([name]) => name),
      ['trim', 'heap:close'],
    );
  });
});

describe('a request that is refused is published before the call throws', () => {
  const calls = {
    malloc: (heap) => heap.malloc(MIB),
    'malloc of a BigInt': (heap) => heap.malloc(BigInt(MIB)),
    calloc: (heap) => heap.calloc(2, MIB / 2),
    realloc: (heap) => heap.realloc(heap.malloc(100), MIB),
    allocate: (heap) => heap.allocate(MIB),
  };
  for (const [name, call] of Object.entries(calls)) {
    test(name, () => {
      for (const options of [{}, { policy: 'buddy' }, { hardened: true }]) {
        const heap = open({ maxSize: MIB / 2, ...options });
        heap.malloc(8);
        const messages = listen('out-of-memory');
        const error = assertRefused(() => call(heap), 'ERR_MEMS_OUT_OF_MEMORY');
        const [message, ...others] = taken(messages);
        assert.deepEqual(others, []);
        assertDescribes(message, heap);
        assert.deepEqual(
          [message.size, message.available, message.count],
          [error.size, error.available, 1],
        );
      }
    });
  }
});

describe('a subscriber', () => {
  test('hears of nothing that came before it, and of nothing once it has unsubscribed', () => {
    const heap = open();
    heap.malloc(MIB);
    const messages = [];
    const unsubscribe = subscribe('grow', (message) => messages.push(message));
    heap.stats();
    assert.deepEqual(messages, []);
    heap.malloc(MIB);
    assert.equal(messages.length, 1);
    unsubscribe();
    heap.malloc(MIB);
    subscribe('grow', (message) => messages.push(message));
    heap.stats();
    heap.malloc(16 * MIB);
    assert.deepEqual(
      messages.map(({ count }) => count),
      [1, 1],
    );
  });

  test('hears when it reads statistics of what other threads have done', async () => {
    const heap = open({ maxSize: 64 * MIB });
    const messages = listen('grow', 'trim', 'out-of-memory');
    await inWorker(({ Heap: Theirs }, id) => {
      const same = Theirs.attach(id);
      same.free(same.malloc(2 ** 24));
      same.trim();
      try {
        same.malloc(2 ** 30);
      } catch (_) {}
    }, heap.id);
    assert.deepEqual(messages, []);
    const { events } = heap.stats();
    const counts = Object.fromEntries(messages.splice(0).map(([name, { count }]) => [name, count]));
    assert.deepEqual(counts, {
      grow: events.grow,
      trim: events.trim,
      'out-of-memory': events.outOfMemory,
    });
    heap.metrics();
    assert.deepEqual(messages, [], 'each event is published once');
  });

  test('in a worker hears of the calls there', async () => {
    const counts = await inWorker(({ Heap: Theirs }) => {
      const found = [];
      require('node:diagnostics_channel')
        .channel('mems:grow')
        .subscribe(({ count }) => found.push(count));
      const heap = new Theirs();
      heap.malloc(2 ** 20);
      heap.malloc(2 ** 20);
      heap.close();
      return found;
    });
    assert.deepEqual(counts, [1, 1]);
  });

  test('may allocate, and does not hear itself meanwhile', () => {
    const heap = open({ policy: 'first-fit' });
    const own = [];
    const counts = [];
    subscribe('grow', ({ count }) => {
      counts.push(count);
      own.push(heap.malloc(MIB), heap.malloc(8));
    });
    const block = heap.malloc(MIB);
    heap.write(block, 'theirs');
    assert.equal(heap.read(block, 6).toString(), 'theirs');
    assert.equal(new Set([block, ...own]).size, 3);
    heap.verify();
    assert.deepEqual(counts, [1]);
    const { grow } = heap.stats().events;
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      grow,
      'what it has done itself comes later',
    );
  });

  test('may be refused memory, and is not called for that', () => {
    const heap = open({ maxSize: MIB });
    let calls = 0;
    subscribe('out-of-memory', () => {
      calls += 1;
      assertRefused(() => heap.malloc(2 * MIB), 'ERR_MEMS_OUT_OF_MEMORY');
    });
    assertRefused(() => heap.malloc(2 * MIB), 'ERR_MEMS_OUT_OF_MEMORY');
    assert.equal(calls, 1);
  });

  test('hears of nothing that came before it, though another one is to hear of it still', async () => {
    const heap = open();
    heap.malloc(8);
    const first = listen('grow');
    await inWorker(({ Heap: Theirs }, id) => Theirs.attach(id).malloc(2 ** 20), heap.id);
    assert.deepEqual(first, []);
    const second = listen('grow');
    assert.equal(taken(first).length, 1);
    heap.malloc(8 * MIB);
    assert.deepEqual([first.length, taken(second).map(({ count }) => count)], [1, [1]]);
  });

  test('may close the heap', () => {
    for (const call of [(heap) => heap.malloc(MIB), (heap) => heap.calloc(1, MIB)]) {
      const heap = new Heap();
      const unsubscribe = subscribe('grow', () => heap.close());
      assert.equal(typeof call(heap), 'bigint');
      unsubscribe();
      assertRefused(() => heap.malloc(8), 'ERR_MEMS_CLOSED');
    }
  });

  test('that throws harms no call', () => {
    const program = `
      const { channel } = require('node:diagnostics_channel');
      const mems = require(${JSON.stringify(ROOT)});
      const errors = [];
      process.on('uncaughtException', (error) => errors.push(error.message));
      channel('mems:grow').subscribe(() => { throw new Error('mine'); });
      const heap = new mems.Heap();
      heap.malloc(2 ** 20);
      heap.verify();
      setImmediate(() => console.log(errors.join(), heap.stats().counts.live));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    assert.deepEqual([stdout, stderr], ['mine 1\n', '']);
  });

  test('may have come before MeMS', () => {
    const program = `
      const found = [];
      require('node:diagnostics_channel')
        .channel('mems:grow')
        .subscribe(({ count }) => found.push(count));
      const mems = require(${JSON.stringify(ROOT)});
      new mems.Heap().malloc(8);
      console.log(found.join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    assert.deepEqual([stdout, stderr], ['1\n', '']);
  });

  test('may come by the name of a channel, or by a store', () => {
    const ways = [
      (hear) => {
        diagnostics.subscribe('mems:grow', hear);
        return () => diagnostics.unsubscribe('mems:grow', hear);
      },
      (hear) => {
        const [of, store] = [channel('mems:grow'), new AsyncLocalStorage()];
        of.bindStore(store);
        of.subscribe(hear);
        return () => of.unsubscribe(hear) && of.unbindStore(store);
      },
    ];
    // Node 18 has the first since 18.7, and the second since 18.19.
    for (const way of ways.filter((_, at) => at === 0 || channel('mems:grow').bindStore)) {
      const heap = open();
      const counts = [];
      const unsubscribe = way(({ count }) => counts.push(count));
      heap.malloc(8);
      unsubscribe();
      heap.malloc(MIB);
      assert.deepEqual(counts, [1]);
    }
  });
});

test('where the runtime has no diagnostics channels, all else works', () => {
  const program = `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name === 'diagnostics_channel') throw new Error('there is none');
      return load(name, ...rest);
    };
    const mems = require(${JSON.stringify(ROOT)});
    const heap = new mems.Heap({ maxSize: 2 ** 20, warnUnusable: { size: 64, share: 0.1 } });
    heap.malloc(100_000);
    try { heap.malloc(2 ** 21); } catch (error) { console.log(error.code); }
    heap.trim();
    console.log(/mems_failed_mallocs_total{.*} 1/.test(heap.metrics()));
    heap.close();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.deepEqual([stdout, stderr], ['ERR_MEMS_OUT_OF_MEMORY\ntrue\n', '']);
});

describe('fragmentation', () => {
  test('is published once the share is passed, and again only after it has fallen', () => {
    // Main blocks are as long as a request of whole pages, and no hole reaches over two of them.
    const heap = open({
      policy: 'first-fit',
      alignment: 1,
      minBlockSize: 4096,
      growingBlocks: false,
      joinEmptyBlocks: false,
      autoTrim: false,
      warnUnusable: { size: 1000, share: 0.5 },
    });
    const messages = listen('fragmentation');
    /** Allocates blocks of which three of four become holes. Returns the others. */
    const cutUp = () => {
      // All of them fit into one main block.
      heap.free(heap.malloc(409_600));
      const blocks = Array.from({ length: 4000 }, () => heap.malloc(100));
      heap.freeMany(blocks.filter((_, at) => at % 4 !== 0));
      return blocks.filter((_, at) => at % 4 === 0);
    };
    /** Makes the heap longer by more than a sixteenth: no hole is large enough. */
    const grow = () => {
      const { mapped, largestHole } = heap.stats().bytes;
      heap.malloc(Math.ceil(Math.max(mapped / 12, largestHole + 1)));
    };
    const kept = cutUp();
    assert.deepEqual(taken(messages), [], 'the heap has not grown since');
    grow();
    const [message, ...others] = taken(messages);
    assert.deepEqual(others, []);
    assertDescribes(message, heap);
    assert.deepEqual([message.size, message.share], [1000, 0.5]);
    assert.equal(message.unusable, heap.unusable(1000));
    assert.ok(message.unusable >= 0.5);
    grow();
    grow();
    assert.deepEqual(taken(messages), [], 'it is still passed');
    heap.freeMany(kept);
    grow();
    assert.deepEqual(taken(messages), [], 'it has fallen');
    cutUp();
    grow();
    assert.equal(taken(messages).length, 1);
  });

  /** Calls with a share that is found of a heap, and returns whether that is published. */
  function isPublished(look, state, share = 1, isRefused = false) {
    const { unusable } = binding;
    binding.unusable = () => share;
    try {
      return newlyUnusable(1, look, { refused: 0, ...state }, isRefused) !== undefined;
    } finally {
      binding.unusable = unusable;
    }
  }

  test('has fallen when the share is below nine tenths of what was passed', () => {
    const look = newLook({ size: 8, share: 0.5 });
    const passed = [0.49, 0.6, 0.7, 0.46, 0.6, 0.44, 0.49, 0.5].map((share, at) =>
      isPublished(look, { mapped: 1000 * 2 ** at, holes: 1000 * 2 ** at }, share),
    );
    assert.deepEqual(passed, [false, true, false, false, false, false, false, true]);
  });

  test('has fallen when holes are below nine tenths of a quarter', () => {
    const look = newLook({ size: 8, share: 0.5 });
    const passed = [249, 250, 226, 250, 224, 249, 250].map((part, at) =>
      isPublished(look, { mapped: 1000 * 2 ** at, holes: part * 2 ** at }),
    );
    assert.deepEqual(passed, [false, true, false, false, false, false, true]);
  });

  test('of a heap that refuses requests is looked at for one in sixteen', () => {
    const look = newLook({ size: 100, share: 0.5 });
    const state = { mapped: 1000, holes: 500, refused: 500 };
    assert.ok(!isPublished(look, { ...state, refused: 501 }, 1, true), 'more than is free');
    assert.ok(!isPublished(look, { ...state, holes: 99 }, 1, true), 'less than a block');
    assert.ok(!isPublished(look, state, 0.1, true));
    for (let i = 1; i < 16; i++) assert.ok(!isPublished(look, state, 1, true), String(i));
    assert.ok(isPublished(look, state, 1, true));
  });

  test('is not published of a heap that only allocates', () => {
    const messages = listen('fragmentation');
    for (const policy of ['segregated', 'first-fit', 'buddy']) {
      const heap = open({ policy, warnUnusable: { size: 65_536, share: 0.5 } });
      // Sizes of many classes, of which each has slots that wait.
      for (let i = 0; i < 5000; i++) heap.malloc(1 + ((i * 7919) % 9999));
      assert.deepEqual(messages, [], policy);
    }
  });

  test('is published of a heap at its limit', () => {
    const heap = open({
      policy: 'first-fit',
      maxSize: MIB,
      autoTrim: false,
      warnUnusable: { size: 65_536, share: 0.5 },
    });
    const messages = listen('fragmentation');
    const blocks = [];
    assertRefused(() => {
      for (;;) blocks.push(heap.malloc(100));
    }, 'ERR_MEMS_OUT_OF_MEMORY');
    assert.deepEqual(messages, []);
    heap.freeMany(blocks.filter((_, at) => at % 2 === 1));
    for (let i = 0; i < 40; i++) assertRefused(() => heap.malloc(65_536), 'ERR_MEMS_OUT_OF_MEMORY');
    assert.equal(messages.length, 1);
  });

  /** A heap of which half is in small holes. */
  function torn(options) {
    const heap = open({ policy: 'first-fit', autoTrim: false, ...options });
    const blocks = Array.from({ length: 4000 }, () => heap.malloc(100));
    heap.freeMany(blocks.filter((_, at) => at % 2 === 1));
    return heap;
  }

  test('is watched for as the last object says', () => {
    const heap = torn();
    const messages = listen('fragmentation');
    heap.malloc(50_000);
    assert.deepEqual(messages, []);
    Heap.attach(heap.id, { warnUnusable: { size: 1000, share: 0.5 } });
    heap.malloc(50_000);
    assert.deepEqual(
      taken(messages).map(({ size, share }) => [size, share]),
      [[1000, 0.5]],
    );
    Heap.attach(heap.id, { warnUnusable: { size: 2000, share: 0.4 } });
    Heap.attach(heap.id, { snapshotNearLimit: 0 });
    heap.malloc(50_000);
    assert.deepEqual(
      taken(messages).map(({ size, share }) => [size, share]),
      [[2000, 0.4]],
    );
  });

  test('that nobody has subscribed to is published to the first who does', () => {
    const heap = torn({ warnUnusable: { size: 1000, share: 0.5 } });
    heap.malloc(50_000);
    const messages = listen('fragmentation');
    heap.malloc(50_000);
    assert.equal(messages.length, 1);
  });

  test('that nobody has subscribed to is not looked for', (t) => {
    const looks = t.mock.method(binding, 'heapState').mock;
    const grow = (heap) => {
      const before = looks.callCount();
      for (let block = 0; block < 5; block++) heap.malloc(50_000);
      return looks.callCount() - before;
    };
    const heap = open({ policy: 'first-fit', warnUnusable: { size: 1000, share: 0.5 } });
    // A subscriber of an earlier test may have been heard of once more.
    heap.malloc(50_000);
    assert.equal(grow(heap), 0);
    const unsubscribe = subscribe('fragmentation', () => {});
    assert.ok(grow(heap) > 0);
    unsubscribe();
    heap.malloc(50_000);
    assert.equal(grow(heap), 0);
    subscribe('fragmentation', () => {});
    assert.ok(grow(heap) > 0);
  });

  test('is watched for no longer than there is the heap', () => {
    const before = watches.size;
    const heap = new Heap({ warnUnusable: { size: 1000, share: 0.5 } });
    assert.equal(watches.size, before + 1);
    heap.close();
    assert.equal(watches.size, before);
    for (let i = 0; i < 500; i++) {
      // As another thread closes it, of which this one does not hear.
      binding.close(new Heap({ warnUnusable: { size: 1000, share: 0.5 } }).id);
    }
    assert.ok(watches.size <= 130, String(watches.size));
  });

  test('is an option with a size and a share', () => {
    const wrong = [
      [1, 'ERR_INVALID_ARG_TYPE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
      [{}, 'ERR_INVALID_ARG_TYPE', 'size'],
      [{ size: 1 }, 'ERR_INVALID_ARG_TYPE', 'share'],
      [{ size: '1', share: 1 }, 'ERR_INVALID_ARG_TYPE', 'size'],
      [{ size: 0, share: 1 }, 'ERR_MEMS_INVALID_SIZE', 0],
      [{ size: 1, share: 0 }, 'ERR_INVALID_ARG_VALUE', 'share'],
      [{ size: 1, share: 1.01 }, 'ERR_INVALID_ARG_VALUE', 1.01],
      [{ size: 1, share: NaN }, 'ERR_INVALID_ARG_VALUE'],
      [{ size: 1, share: 1, shrae: 1 }, 'ERR_INVALID_ARG_VALUE', 'shrae'],
    ];
    const before = Heap.list().length;
    for (const [warnUnusable, code, ...mentions] of wrong)
      assertRefused(() => new Heap({ warnUnusable }), code, ...mentions);
    assert.equal(Heap.list().length, before, 'no heap was made');
    assertRefused(
      () => mems.init({ warnUnusable: { size: 1, share: 1 } }),
      'ERR_INVALID_ARG_VALUE',
    );
  });
});

describe('several copies of the package in a thread', () => {
  const LOAD = `
    const path = require('node:path');
    const root = ${JSON.stringify(ROOT)};
    /** Another copy of the JavaScript, which has the same addon. */
    const load = () => {
      for (const file of Object.keys(require.cache))
        if (file.startsWith(root + path.sep) && !file.endsWith('.node')) delete require.cache[file];
      return require(root);
    };`;

  /** What a program prints that begins with \`LOAD\`. */
  function printed(program, ...args) {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', LOAD + program, ...args], {
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    return stdout;
  }

  test('attend to their own watches, and publish once', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-events-'));
    const program = `
      process.env.MEMS_SNAPSHOT_FOLDER = process.argv[1];
      const heap = new (load().Heap)({ maxSize: 2 ** 20, snapshotNearLimit: 1 });
      load();
      let messages = 0;
      require('node:diagnostics_channel').channel('mems:out-of-memory').subscribe(() => messages++);
      try { heap.malloc(2 ** 21); } catch (error) {}
      console.log(messages);`;
    assert.equal(printed(program, folder), '1\n');
    assert.equal(fs.readdirSync(folder).length, 1);
    fs.rmSync(folder, { recursive: true });
  });

  test('with addons of their own are all heard', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-copy-'));
    for (const name of fs.readdirSync(ROOT)) {
      if (/^(index\.js|binding\.js|package\.json|mems\..*\.node)$/.test(name))
        fs.copyFileSync(path.join(ROOT, name), path.join(folder, name));
    }
    fs.mkdirSync(path.join(folder, 'lib'));
    for (const name of fs.readdirSync(path.join(ROOT, 'lib')))
      fs.copyFileSync(path.join(ROOT, 'lib', name), path.join(folder, 'lib', name));
    const program = `
      const copies = [load(), require(process.argv[1]), load()];
      const counts = [];
      const { channel } = require('node:diagnostics_channel');
      for (let i = 0; i < 2; i++) {
        const hear = ({ count }) => counts.push(count);
        channel('mems:grow').subscribe(hear);
        for (const { Heap } of copies) new Heap().malloc(8);
        channel('mems:grow').unsubscribe(hear);
        console.log(counts.splice(0).join());
      }`;
    assert.equal(printed(program, folder), '1,1,1\n1,1,1\n');
    fs.rmSync(folder, { recursive: true });
  });
});

test('a channel has a method of its own only where the runtime has it', () => {
  const program = `
    const { Channel, channel } = require('node:diagnostics_channel');
    delete Object.getPrototypeOf(channel('x')).bindStore;
    require(${JSON.stringify(ROOT)});
    console.log(channel('mems:grow').bindStore, Object.keys(channel('mems:grow')).join());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.match(stdout, /^undefined /);
  assert.doesNotMatch(stdout, /mems:/);
});

describe('heaps that begin and end', () => {
  test('of one’s own', () => {
    const messages = listen('heap:create', 'heap:close');
    const heap = new Heap({ maxSize: MIB });
    heap.malloc(100);
    const { id } = heap;
    const [entry] = Heap.list().filter((each) => each.id === id);
    const { mapped, live, holes, largestHole } = heap.stats().bytes;
    Heap.attach(id);
    heap.close();
    heap.close();
    const policy = 'segregated';
    assert.deepEqual(messages, [
      ['heap:create', { heap: id, policy, options: entry.options }],
      ['heap:close', { heap: id, policy, bytes: { mapped, live, holes, largestHole } }],
    ]);
  });

  test('of the process', () => {
    const messages = listen('heap:create', 'heap:close');
    mems.init();
    mems.init();
    finishQuietly(mems);
    finishQuietly(mems);
    assert.deepEqual(
      messages.map(([name, { heap, policy }]) => [name, heap, policy]),
      [
        ['heap:create', 0, 'first-fit'],
        ['heap:close', 0, 'first-fit'],
      ],
    );
  });
});

test('a disk that ends a recording is published, without a call of stopRecording()', {
  skip: process.platform !== 'linux',
}, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-events-'));
  const program = `
    const mems = require(${JSON.stringify(ROOT)});
    const heap = new mems.Heap();
    const { channel } = require('node:diagnostics_channel');
    channel('mems:record:error').subscribe(({ heap: id, path, error }) => {
      console.log(id === heap.id, path, error.code, error.message);
      clearInterval(running);
    });
    heap.record('full.mems');
    let state = 1;
    // A file may have 8 blocks of 512 bytes.
    const running = setInterval(() => {
      for (let i = 0; i < 50_000; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        heap.free(heap.malloc(1 + (state % 9999)));
      }
    }, 1);`;
  const { status, stdout } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 8; exec "$0" -e "$1"', process.execPath, program],
    { cwd: folder, encoding: 'utf8', timeout: 60_000 },
  );
  fs.rmSync(folder, { recursive: true });
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^true full\.mems ERR_MEMS_RECORDING The file full\.mems cannot be written: .*\n$/,
  );
});
