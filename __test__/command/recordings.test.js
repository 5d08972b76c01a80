'use strict';

// The command with recordings: what is in them, that they replay address for address, and what becomes of broken ones.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { json, mems, SKIP, spawn, temporaryFolder } = require('../helpers/command.js');
const { Random, reproducible } = require('../helpers/random.js');
const { inWorker } = require('../helpers/workers.js');

const POLICIES = ['first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'];

describe('recordings', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);

  /** Calls of every kind that a recording has, at random. Returns the blocks that are left. */
  function work(heap, random, calls) {
    const live = [];
    for (let call = 0; call < calls; call++) {
      const size = random.int(1, random.int(1, 3) === 1 ? 20_000 : 300);
      const choice = random.int(0, 9);
      try {
        if (live.length === 0 || choice < 5) live.push(heap.malloc(size));
        else if (choice < 6) live.push(heap.malloc(size, { alignment: 2 ** random.int(0, 9) }));
        else if (choice < 7) {
          const at = random.int(0, live.length - 1);
          live[at] = heap.realloc(live[at], size);
        } else if (call % 50 === 0) heap.trim();
        else if (call % 50 === 1) heap.freeMany(live.splice(-3));
        else heap.free(live.splice(random.int(0, live.length - 1), 1)[0]);
      } catch (error) {
        if (error.code !== 'ERR_MEMS_OUT_OF_MEMORY') throw error;
      }
    }
    return live;
  }

  /** Records random calls on a heap with these options. Returns the file, and the heap's statistics. */
  function record(name, options, random, calls = 2000) {
    const heap = new Heap(options);
    heap.record(file(name));
    heap.mark('begin');
    work(heap, random, calls);
    heap.mark('end');
    const stats = heap.stats();
    heap.stopRecording();
    heap.close();
    return { name: file(name), stats };
  }

  test('replay address for address, with every policy and the same statistics', (t) =>
    reproducible(t, async () => {
      const random = new Random();
      for (const policy of POLICIES) {
        for (const more of [{}, { maxSize: 1 << 18 }, { hardened: true }, { autoTrim: false }]) {
          const what = `${policy} ${JSON.stringify(more)}`;
          const { name } = record('random.mems', { policy, ...more }, random);
          const { stdout, stderr, status } = await mems(['verify', name]);
          assert.deepEqual([status, stderr], [0, ''], `${what}: ${stdout}`);
          assert.match(stdout, /^random: every checksum is right\. [\d,]+ operations\.\n/);
          assert.match(
            stdout.replaceAll('\n', ' '),
            /all [\d,]+ calls return the same, the statistics at the end are the same/,
            what,
          );
        }
      }
    }));

  test('replay maps as much as the heap that was recorded, with its policy', async () => {
    for (const options of [{ policy: 'first-fit' }, { policy: 'best-fit', growingBlocks: false }]) {
      const heap = new Heap(options);
      heap.record(file('grows.mems'));
      for (let round = 0; round < 5; round++) {
        let block = heap.malloc(1000);
        for (let size = 2000; size <= 200_000; size += 2000) block = heap.realloc(block, size);
        heap.free(block);
      }
      const { mapped } = heap.stats().peak;
      heap.stopRecording();
      heap.close();
      const { files } = await json(['replay', file('grows.mems'), '--policy', options.policy]);
      assert.equal(files[0].results[0].mapped, mapped, JSON.stringify(options));
    }
  });

  test('replay with the threads that have made them', async () => {
    for (const policy of POLICIES) {
      const heap = new Heap({ policy });
      heap.record(file('threads.mems'));
      const body = ({ Heap: Other }, id) => {
        const other = Other.attach(id);
        const live = [];
        for (let i = 0; i < 2000; i++) {
          if (i % 400 === 0) other.trim();
          if (i % 3 < 2) live.push(other.malloc(1 + ((i * 37) % 500)));
          else other.free(live.splice((i * 7) % live.length, 1)[0]);
        }
        return live.length;
      };
      await Promise.all([1, 2, 3].map(() => inWorker(body, heap.id)));
      heap.stopRecording();
      heap.close();
      assert.equal((await json(['verify', file('threads.mems')])).compared >= 6000, true);
      const { recording } = await json(['inspect', file('threads.mems')]);
      assert.equal(recording.threads, 3);
    }
  });

  test('inspect prints which heap it was, and what its program has done', (t) =>
    reproducible(t, async () => {
      const { name, stats } = record(
        'app.mems',
        { policy: 'buddy', maxSize: 1 << 20 },
        new Random(),
        5000,
      );
      const found = await json(['inspect', name]);
      assert.deepEqual([found.name, found.kind], ['app', 'recording']);
      const { recording, calls } = found;
      assert.deepEqual([calls.malloc, calls.free], [stats.totals.malloc, stats.totals.free]);
      assert.equal(found.neverFreed.blocks, stats.counts.live);
      assert.equal(found.neverFreed.bytes, stats.bytes.requested);
      assert.deepEqual(
        recording.marks.map(({ text }) => text),
        ['begin', 'end'],
      );
      assert.deepEqual(
        [recording.marks[0].operation, recording.marks[1].operation],
        [1, found.operations],
      );
      assert.equal(recording.events.grown, stats.bytes.mapped);
      assert.deepEqual([recording.options.policy, recording.options.maxSize], ['buddy', 1 << 20]);
      assert.deepEqual([recording.missing, recording.isCutOff, recording.threads], [0, false, 1]);
      assert.equal(recording.version, require('../../package.json').version);
      const { stdout } = await mems(['inspect', name]);
      assert.match(
        stdout,
        /^app {3}recording {3}[\d,]+ operations\n {2}heap {7}buddy {3}alignment 16 {3}mems /,
      );
      assert.match(stdout, /^ {2}marks {6}"begin" at 1 {3}"end" at [\d,]+$/m);
      assert.ok(
        stdout
          .split('\n')
          .slice(0, -2)
          .every((line) => line.length <= 80),
        stdout,
      );
    }));

  test('inspect names sites without folders, and whole stacks as JSON', async () => {
    const heap = new Heap();
    heap.record(file('sites.mems'), { stacks: true });
    for (let at = 0; at < 3; at++) heap.malloc(100);
    heap.stopRecording();
    heap.close();
    const { stdout } = await mems(['inspect', file('sites.mems')]);
    assert.match(stdout, /^ {2}site {7}300 B in 3 mallocs\s+\S.*recordings\.test\.js:\d+/m);
    assert.doesNotMatch(stdout, /[\\/]recordings\.test\.js/);
    const { recording } = await json(['inspect', file('sites.mems')]);
    assert.match(recording.sites[0].stack, /[\\/]recordings\.test\.js:\d+/);
  });

  test('inspect prints of a snapshot what the heap is made of', async () => {
    const heap = new Heap({ policy: 'first-fit', maxSize: 4096, alignment: 1 });
    const blocks = Array.from({ length: 4 }, () => heap.malloc(1000));
    heap.free(blocks[1]);
    heap.snapshot(file('now.mems'));
    heap.close();
    const { stdout } = await mems(['inspect', file('now.mems')]);
    assert.match(stdout, /^now {3}snapshot\n/);
    assert.ok(
      stdout.includes(
        '  memory     4.00 KiB mapped in 1 main block   2.93 KiB live in 3 blocks\n' +
          '             1.07 KiB in 2 holes   largest 1,000 B   external fragmentation 9%\n' +
          '  sizes      median 1,000   90% 1,000   99% 1,000   largest 1,000\n' +
          '             most: 1,000 B (100%)\n',
      ),
      stdout,
    );
    assert.ok(stdout.endsWith(`Next: mems report ${file('now.mems')} -o page.html\n`), stdout);
    assert.doesNotMatch(stdout, /calls|peak|never freed/);
  });

  test('replay and compare take them, also gzipped and from a pipe', (t) =>
    reproducible(t, async () => {
      const { name, stats } = record('app.mems', { policy: 'first-fit' }, new Random());
      const args = ['--policy', 'best-fit,segregated', '--json'];
      const plain = ({ stdout }) => {
        const [{ recorded, operations, results }] = JSON.parse(stdout).files;
        return { recorded, operations, results: results.map(({ nanoseconds, ...rest }) => rest) };
      };
      const expected = plain(await mems(['replay', name, ...args]));
      assert.deepEqual(expected.recorded, { policy: 'first-fit', mapped: stats.bytes.mapped });
      for (const { liveBlocks } of expected.results) assert.equal(liveBlocks, stats.counts.live);
      fs.writeFileSync(file('packed.mems.gz'), gzipSync(fs.readFileSync(name)));
      assert.deepEqual(plain(await mems(['replay', file('packed.mems.gz'), ...args])), expected);
      assert.deepEqual(
        plain(spawn(['replay', '-', ...args], { input: fs.readFileSync(name) })),
        expected,
      );
      const { measures } = await json([
        'compare',
        name,
        file('packed.mems.gz'),
        '--fail-over',
        '0',
      ]);
      assert.ok(
        measures.filter(({ name: each }) => each !== 'ns/call').every(({ change }) => change === 0),
      );
    }));

  test('of a heap that was in use begin with its blocks, and are not compared', async () => {
    const heap = new Heap({ policy: 'first-fit' });
    const [first] = [heap.malloc(5000), heap.malloc(100)];
    heap.record(file('late.mems'));
    heap.free(first);
    heap.malloc(10);
    heap.stopRecording();
    heap.snapshot(file('snapshot.mems'));
    heap.close();
    const { recording, neverFreed, calls } = await json(['inspect', file('late.mems')]);
    assert.deepEqual([recording.initial.blocks, recording.initial.bytes >= 5100], [2, true]);
    assert.deepEqual([calls.malloc, calls.free, neverFreed.blocks], [1, 1, 2]);
    const { stdout, status } = await mems(['verify', file('late.mems')]);
    assert.equal(status, 0);
    assert.match(stdout, /The calls are not compared, since it began with main blocks there\./);
    const snapshot = await json(['inspect', file('snapshot.mems')]);
    assert.deepEqual([snapshot.operations, snapshot.recording.initial.blocks], [0, 2]);
    const [{ results }] = (await json(['replay', file('snapshot.mems')])).files;
    assert.ok(results.every(({ liveBlocks }) => liveBlocks === 2));
  });

  test('that were made by another heap are found out', async () => {
    const heap = new Heap({ policy: 'best-fit' });
    heap.record(file('other.mems'));
    const blocks = [3000, 10, 500, 10].map((size) => heap.malloc(size));
    heap.free(blocks[0]);
    heap.free(blocks[2]);
    heap.malloc(400);
    heap.stopRecording();
    heap.close();
    // As if first fit had placed the blocks: its header is as long as that of best fit with one letter less.
    const bytes = fs.readFileSync(file('other.mems'));
    const { crc32 } = require('node:zlib');
    if (crc32 === undefined) return;
    const length = bytes.readUInt32LE(10);
    const header = JSON.parse(bytes.toString('utf8', 18, 18 + length));
    header.options.policy = 'first-fit';
    const text = Buffer.from(JSON.stringify(header));
    const start = Buffer.from(bytes.subarray(0, 18));
    start.writeUInt32LE(text.length, 10);
    start.writeUInt32LE(crc32(Buffer.concat([start.subarray(8, 14), text])), 14);
    fs.writeFileSync(file('other.mems'), Buffer.concat([start, text, bytes.subarray(18 + length)]));
    const { status, stdout } = await mems(['verify', file('other.mems')]);
    assert.equal(status, 1);
    assert.match(
      stdout.replaceAll('\n', ' '),
      /operation \d+, malloc\(400\), returned \d+ when it was recorded, and now 1000\./,
    );
    assert.equal((await json(['verify', file('other.mems')])).ok, false);
  });

  describe('that are broken', () => {
    let whole;
    before(() => {
      const heap = new Heap({ policy: 'first-fit' });
      heap.record(file('small.mems'), { clock: false });
      const block = heap.malloc(100);
      heap.malloc(200);
      heap.free(block);
      heap.stopRecording();
      heap.close();
      whole = fs.readFileSync(file('small.mems'));
    });

    const refused = ({ status, stdout, stderr }, what) => {
      assert.deepEqual([status, stdout], [2, ''], `${what}: ${stderr}`);
      assert.match(stderr, /^mems: [^\n]+\n$/, what);
    };

    test('by a cut at any byte are refused with a sentence, or read with --partial as far as they are whole', async () => {
      const cut = file('cut.mems');
      for (let length = 0; length < whole.length; length++) {
        fs.writeFileSync(cut, whole.subarray(0, length));
        refused(await mems([length % 16 === 0 ? 'verify' : 'inspect', cut]), `${length} bytes`);
        const part = await mems(['inspect', cut, '--partial', '--json']);
        // Nothing before the first whole chunk of events can be read.
        if (part.status === 2) {
          refused(part, `${length} bytes, with --partial`);
          continue;
        }
        const { operations, recording } = JSON.parse(part.stdout);
        assert.equal(recording.isCutOff, true);
        assert.match(
          part.stderr,
          /^mems: cut: it was cut off, so what follows is its beginning\.\n$/,
        );
        assert.ok(operations === 4, `${operations} operations of ${length} bytes`);
      }
    });

    test('by a flipped bit in any byte are refused with a sentence', async () => {
      const flipped = file('flipped.mems');
      for (let at = 0; at < whole.length; at++) {
        const bytes = Buffer.from(whole);
        bytes[at] ^= 1 << (at % 8);
        fs.writeFileSync(flipped, bytes);
        refused(await mems(['verify', flipped]), `byte ${at}`);
      }
    });

    test('or of a newer format are refused with a sentence that says so', async () => {
      const bytes = Buffer.from(whole);
      bytes.writeUInt16LE(2, 6);
      fs.writeFileSync(file('newer.mems'), bytes);
      for (const more of [[], ['--partial']]) {
        const result = await mems(['inspect', file('newer.mems'), ...more]);
        refused(result, 'newer');
        assert.match(result.stderr, /newer\.mems: .*format 2/);
      }
    });
  });
});
