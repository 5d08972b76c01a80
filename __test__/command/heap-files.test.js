'use strict';

// The command with heap files: what is in them, whether they are sound, and mending them.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');
const { stopSystem } = require('../helpers/power.js');

describe('heap files', SKIP, () => {
  const folder = temporaryFolder(after);
  let files = 0;

  /** A heap file with two roots, one of which stands for no block. Returns its path. */
  function newFile() {
    const file = path.join(folder, `${++files}.heap`);
    const heap = Heap.open(file);
    heap.roots.set('pages', heap.malloc(1000));
    heap.roots.set('gone\n', heap.malloc(2 ** 21));
    heap.free(heap.roots.get('gone\n'));
    heap.close();
    return file;
  }

  /** Overwrites bytes of a file. */
  function damage(file, at, bytes) {
    const handle = fs.openSync(file, 'r+');
    fs.writeSync(handle, Buffer.from(bytes), 0, bytes.length, at);
    fs.closeSync(handle);
  }

  /** Both states, and the first byte of the uuid. */
  const [STATES, UUID] = [512, 24];
  const words = (text) => text.replace(/\s+/g, ' ');

  test('inspect prints what is in one, and who has it open', async () => {
    const file = newFile();
    const heap = Heap.open(file);
    const { status, stdout, stderr } = await mems(['inspect', file, '--width', '300']);
    heap.close();
    assert.deepEqual([status, stderr], [0, '']);
    const [{ uuid }] = [Heap.verify(file)];
    for (const line of [
      `${file}   heap file   sound`,
      `  file       ${uuid}   layout 1   not closed`,
      '  memory     4.00 MiB mapped in 2 extents   1,008 B live in 1 block   4.00 MiB in 2 holes   largest 3.00 MiB   bookkeeping 384.00 KiB',
      '  root       pages at 1,000',
      '  root       gone? at 1,049,576   no live block starts there',
    ])
      assert.ok(stdout.split('\n').includes(line), `${line}\n${stdout}`);
    assert.match(stdout, new RegExp(`^  process    ${process.pid}   slot 0   since 20`, 'm'));
  });

  test('inspect and verify print the same as JSON, with addresses that are numbers', async () => {
    const file = newFile();
    for (const args of [['inspect'], ['verify'], ['verify', '--deep']]) {
      const printed = await json([args[0], file, ...args.slice(1)]);
      const { path: _, sound, ...report } = Heap.verify(file, { addresses: 'number' });
      assert.deepEqual(printed, {
        schema: 1,
        command: args[0],
        file,
        kind: 'heap-file',
        ok: sound,
        ...JSON.parse(JSON.stringify(report)),
      });
    }
  });

  test('inspect, verify and repair tell a damaged file by their status, and only repair writes', async () => {
    const file = newFile();
    damage(file, STATES, new Uint8Array(128));
    const before = fs.readFileSync(file);
    for (const args of [['inspect'], ['verify'], ['verify', '--deep']]) {
      const { status, stdout, stderr } = await mems([args[0], file, ...args.slice(1)]);
      assert.deepEqual([status, stderr], [1, '']);
      assert.match(words(stdout), /heap file damaged/);
      assert.match(words(stdout), /Damaged: both of its states are damaged\. Next: mems repair /);
      assert.equal((await json([args[0], file, ...args.slice(1)])).ok, false);
    }
    const copy = path.join(folder, 'copy.heap');
    const copied = await mems(['repair', file, '--into', copy]);
    assert.deepEqual([copied.status, copied.stderr], [0, '']);
    assert.ok(fs.readFileSync(file).equals(before));
    assert.match(words(copied.stdout), /copy\.heap heap file sound/);
    assert.match(words(copied.stdout), /1 extents at the end have no blocks, and were left out/);
    const { status, stdout, stderr } = await mems(['repair', file]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(words(stdout), /Note: found that both of its states are damaged\./);
    assert.match(words(stdout), /Note: the root 'gone\?' was dropped, since no live block starts/);
    for (const each of [file, copy])
      assert.equal((await mems(['verify', each, '--deep'])).status, 0);
  });

  test('a durable file that was open when the system stopped is shown as opening it finds it', async () => {
    const [made, file] = ['made.heap', 'stopped.heap'].map((name) => path.join(folder, name));
    const heap = Heap.open(made, { durable: true });
    heap.roots.set('synced', heap.malloc(1000));
    heap.map('pages').set('synced', 'yes');
    heap.syncSync();
    heap.roots.set('late', heap.malloc(2 ** 21));
    fs.copyFileSync(made, file);
    heap.close();
    stopSystem(file);
    for (const args of [['inspect'], ['verify'], ['verify', '--deep']]) {
      const { status, stdout } = await mems([args[0], file, ...args.slice(1), '--width', '300']);
      assert.equal(status, 0);
      assert.match(stdout, /^ {2}memory {5}1\.00 MiB mapped in 1 extent {3}.* live in 4 blocks/m);
      assert.match(stdout, /^ {2}root {7}synced at 1,000$/m);
      assert.match(stdout, /^ {2}map {8}pages {3}1 entry {3}/m);
      assert.match(
        stdout,
        /^ {2}Note: it was open when the system stopped: opening it for writing brings back sync 1,/m,
      );
      assert.doesNotMatch(stdout, /late/);
    }
  });

  test('what cannot be read is a failure, and what cannot be repaired too', async () => {
    const file = newFile();
    damage(file, UUID, [1, 2]);
    for (const command of ['inspect', 'verify', 'repair']) {
      const { status, stdout, stderr } = await mems([command, file]);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, /^mems: .* is damaged: the constant part of its header is damaged/);
    }
    const newer = newFile();
    damage(newer, 8, [2]);
    const heap = newFile();
    const open = Heap.open(heap);
    const text = path.join(folder, 'text');
    fs.writeFileSync(text, 'some text');
    const there = newFile();
    for (const [args, said] of [
      [['inspect', newer], /has the layout 2, and this version of MeMS reads the layout 1/],
      [['repair', heap], new RegExp(`is in use by process ${process.pid}`)],
      [['repair', heap, '--into', path.join(folder, 'other.heap')], /is in use by/],
      [['repair', there, '--into', heap], /is not created, since there is something already/],
      [['repair', text], /is no heap file, and nothing else is repaired/],
      [['repair', path.join(folder, 'missing')], /there is no such file/],
      [['repair', folder], /it is a folder/],
      [['replay', there], /is a heap file, which has no operations/],
      [['verify', there, '--policy', 'best-fit'], /is a heap file, for which there is no --policy/],
      [['inspect', there, '--partial'], /is a heap file, for which there is no --partial/],
      [['repair'], /name a heap file/],
      [['verify', path.join(folder, 'missing.heap')], /there is no such file/],
    ]) {
      const { status, stdout, stderr } = await mems(args);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, said);
      assert.doesNotMatch(stderr, /a bug/);
    }
    open.close();
  });
});
