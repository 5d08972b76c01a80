'use strict';

// The command with the maps of heap files: which there are, and their keys and values, beside processes that use them.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { stopSystem } = require('../helpers/power.js');
const { json, mems, SKIP, spawn: run, temporaryFolder } = require('../helpers/command.js');

const ROOT = path.join(__dirname, '..', '..');

describe('maps of heap files', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = path.join(folder, 'cache.heap');
  const date = new Date(5);

  before(() => {
    const heap = Heap.open(file);
    const pages = heap.map('pages', { encoding: 'string', maxBytes: 2 ** 20, shards: 1 });
    pages.set('/home', '<h1>Home\u001b[31m</h1>\n\tend').set('/news', 'news').set('/new', 'é');
    pages.increment('visits', -3);
    pages.increment('many', 2n ** 60n);
    heap.map('pages', { encoding: 'json' }).set('json', { a: [1, null], 'é\u009b': '\u007f' });
    heap.map('pages', { encoding: 'v8' }).set('v8', new Map([['when', date]]));
    const bytes = heap.map('pages');
    bytes.set('bytes', Buffer.from(Array.from({ length: 40 }, (_, at) => at + 20)));
    bytes
      .set(Buffer.from([0xff, 0]), 'no text')
      .set('a\u001b[2J\nb', 'odd')
      .set('empty', '');
    const codec = { encode: (text) => text, decode: (text) => text };
    heap.map('pages', { encoding: codec }).set('own', 'abc');
    heap.map('odd\u001b[2J', { maxEntries: 10 }).set('a', 'b');
    heap.close();
  });

  const lines = async (args) => {
    const { status, stdout, stderr } = await mems(['map', file, ...args]);
    assert.deepEqual([status, stderr], [0, ''], args.join(' '));
    return stdout.trimEnd().split('\n');
  };

  test('are listed, with their limits', async () => {
    const [titles, ...rows] = await lines([]);
    assert.match(titles, /^map +entries +bytes +most entries +most bytes$/);
    assert.match(rows[0], /^pages +12 +[\d.]+ (KiB|B) +none +1\.00 MiB$/);
    assert.match(rows[1], /^odd\?\[2J +1 +[\d.]+ KiB +10 +none$/);
    const { maps, ...rest } = await json(['map', file]);
    assert.deepEqual(rest, { schema: 1, command: 'map', file });
    const { maxBytes, maxEntries, shards, ...pages } = maps[0];
    assert.deepEqual([pages.name, pages.ok, pages.entries], ['pages', true, 12]);
    assert.deepEqual([maxBytes, maxEntries, shards], [2 ** 20, null, 1]);
    assert.equal(maps[1].name, 'odd\u001b[2J');
    const inspected = await mems(['inspect', file, '--width', '200']);
    assert.match(
      inspected.stdout,
      /^ {2}map {8}pages {3}12 entries {3}[\d.]+ (KiB|B) of at most 1\.00 MiB$/m,
    );
    assert.match(inspected.stdout, /^ {2}map {8}odd\?\[2J {3}1 of at most 10 entries/m);
    assert.doesNotMatch(inspected.stdout, /^ {2}root/m);
  });

  test('say what they count', async () => {
    const said = await lines(['pages']);
    assert.deepEqual(said, await lines(['pages', 'stats']));
    assert.equal(said[0], `pages   map of ${file}`);
    assert.equal(said[1], '  entries    12   most none');
    assert.match(said[2], /^ {2}memory {5}[\d.]+ (KiB|B) {3}most 1\.00 MiB$/);
    assert.equal(said[3], '  removed    0 evicted   0 expired');
    assert.match(said[4], /^ {2}tables {5}1 shard {3}\d+ slots$/);
    const { map, stats } = await json(['map', file, 'pages']);
    assert.deepEqual(
      [map, stats.entries, stats.maxEntries, stats.hits],
      ['pages', 12, null, undefined],
    );
  });

  test('list their keys, some of them, and those that are no text', async () => {
    const all = await lines(['pages', 'keys']);
    assert.deepEqual(all.sort(), [
      '/home',
      '/new',
      '/news',
      '0xff00',
      'a?[2J?b',
      'bytes',
      'empty',
      'json',
      'many',
      'own',
      'v8',
      'visits',
    ]);
    assert.deepEqual((await lines(['pages', 'keys', '--prefix', '/n'])).sort(), ['/new', '/news']);
    const some = await mems(['map', file, 'pages', 'keys', '--limit', '3']);
    assert.equal(some.stdout.split('\n').length, 4);
    assert.match(some.stderr, /there are more keys/);
    const exact = await mems(['map', file, 'pages', 'keys', '--prefix', '/', '--limit', '3']);
    assert.equal(exact.stderr, '');
    const { keys, more } = await json(['map', file, 'pages', 'keys']);
    assert.equal(more, false);
    const named = keys.map(({ key, keyHex }) => key ?? `0x${keyHex}`);
    assert.ok(named.includes('a\u001b[2J\nb') && named.includes('0xff00') && named.length === 12);
    assert.equal((await json(['map', file, 'pages', 'keys', '--limit', '2'])).more, true);
  });

  test('print values by their own encodings, and never what a terminal obeys', async () => {
    const get = (...args) => lines(['pages', 'get', ...args]);
    assert.deepEqual(await get('/home'), ['<h1>Home?[31m</h1>', '\tend']);
    assert.deepEqual(await get('visits'), ['-3']);
    assert.deepEqual(await get('many'), [`${2n ** 60n}`]);
    assert.deepEqual(JSON.parse((await get('json')).join('\n')), { a: [1, null], 'é?': '?' });
    assert.deepEqual(await get('v8', '--v8'), [`Map(1) { 'when' => ${date.toISOString()} }`]);
    assert.match((await get('v8'))[0], /^00000000 {2}ff 0f 3b /, 'only if it is asked for');
    assert.deepEqual(await get('own'), [
      '00000000  61 62 63                                         |abc|',
    ]);
    assert.deepEqual(await get('bytes'), [
      '00000000  14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20 21 22 23  |............ !"#|',
      "00000010  24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33  |$%&'()*+,-./0123|",
      '00000020  34 35 36 37 38 39 3a 3b                          |456789:;|',
    ]);
    for (const line of await get('bytes', '--width', '40')) assert.ok(line.length <= 40, line);
    assert.deepEqual(await get('0xff00', '--hex'), await get('FF00', '--hex'));
    assert.match((await get('ff00', '--hex'))[0], /no text/);
    assert.deepEqual(await mems(['map', file, 'pages', 'get', 'empty']), {
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  test('print values as JSON', async () => {
    const get = async (...args) => {
      const {
        schema,
        command,
        file: read,
        map,
        ...rest
      } = await json(['map', file, 'pages', 'get', ...args]);
      assert.deepEqual([schema, command, read, map], [1, 'map', file, 'pages']);
      return rest;
    };
    const found = { found: true };
    assert.deepEqual(await get('/new'), {
      key: '/new',
      ...found,
      encoding: 'string',
      bytes: 2,
      value: 'é',
    });
    assert.deepEqual((await get('json')).value, { a: [1, null], 'é\u009b': '\u007f' });
    assert.equal((await get('visits')).value, -3);
    assert.equal((await get('many')).value, `${2n ** 60n}`);
    assert.match((await get('v8', '--v8')).text, /^Map\(1\)/);
    assert.match((await get('v8')).hex, /^ff0f3b/);
    assert.deepEqual(await get('own'), {
      key: 'own',
      ...found,
      encoding: 'other',
      bytes: 3,
      hex: '616263',
    });
    assert.deepEqual((await get('ff00', '--hex')).keyHex, 'ff00');
    const { status, stdout } = await mems(['map', file, 'pages', 'get', 'none', '--json']);
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).found, false);
  });

  test('write the bytes of a value', () => {
    const { status, stdout } = run(['map', file, 'pages', 'get', '/home', '--raw']);
    assert.deepEqual([status, stdout], [0, '<h1>Home\u001b[31m</h1>\n\tend']);
  });

  test('what is not there, and what cannot be', async () => {
    const missing = await mems(['map', file, 'pages', 'get', 'no\u001b']);
    assert.deepEqual([missing.status, missing.stdout], [1, '']);
    assert.match(missing.stderr, /pages has no value for no\?\.\n/);
    const none = path.join(folder, 'none.heap');
    Heap.open(none).close();
    assert.match((await mems(['map', none])).stdout, /none\.heap has no maps\.\n/);
    assert.deepEqual((await json(['map', none])).maps, []);
    const text = path.join(folder, 'text');
    fs.writeFileSync(text, 'some text');
    for (const [args, said] of [
      [[], /name a heap file, as in mems map app\.heap\./],
      [[text], /is no heap file, so it has no maps/],
      [[path.join(folder, 'missing')], /there is no such file/],
      [[folder], /it is a folder/],
      [[none, 'pages'], /has no maps/],
      [[file, 'page'], /there is no map "page": did you mean pages\?/],
      [[file, 'pages', 'kes'], /there is no view of a map "kes": did you mean keys\?/],
      [[file, 'pages', 'keys', 'a'], /"a" is one argument too many/],
      [[file, 'pages', 'get'], /name a key/],
      [[file, 'pages', 'get', 'a', 'b'], /"b" is one argument too many/],
      [[file, 'pages', 'get', 'a', '--raw', '--json'], /exclude each other/],
      [[file, 'pages', 'get', 'xyz', '--hex'], /"xyz" is no key as hexadecimal digits/],
      [[file, 'pages', 'keys', '--limit', '0'], /write a whole number from 1/],
    ]) {
      const { status, stdout, stderr } = await mems(['map', ...args]);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, said);
    }
  });

  test('a map that is damaged is a no, and does not hide the others', async () => {
    const damaged = path.join(folder, 'damaged.heap');
    const bytes = fs.readFileSync(file);
    bytes[bytes.indexOf('MEMSMAP')] = 0;
    fs.writeFileSync(damaged, bytes);
    const { status, stdout } = await mems(['map', damaged]);
    assert.equal(status, 1);
    assert.match(stdout, /^pages +damaged/m);
    assert.match(stdout, /^odd\?\[2J +1 /m);
    const get = await mems(['map', damaged, 'pages', 'get', '/home']);
    assert.deepEqual([get.status, get.stdout], [1, '']);
    assert.match(get.stderr, /is damaged: the map at \d+ is none/);
    const { maps, ok } = await json(['verify', damaged]);
    assert.deepEqual([ok, maps.map(({ sound }) => sound)], [false, [false, true]]);
    const shown = await mems(['inspect', damaged, '--width', '200']);
    assert.match(shown.stdout, /^ {2}map {8}pages {3}.* {3}damaged$/m);
    assert.match(shown.stdout, /Damaged: the map 'pages': what is at \d+ is no map\./);
    const broken = path.join(folder, 'broken.heap');
    const heap = Heap.open(broken);
    heap.map('pages', { encoding: 'json' }).set('a', ['to be broken']);
    heap.close();
    const content = fs.readFileSync(broken);
    content[content.indexOf('["to be') + 1] = 0;
    fs.writeFileSync(broken, content);
    const read = await mems(['map', broken, 'pages', 'get', 'a']);
    assert.equal(read.status, 1);
    assert.match(
      read.stderr,
      /the value is no json, as its entry says: .*; --raw prints its bytes/s,
    );
    assert.equal((await mems(['map', broken, 'pages', 'get', 'a', '--raw'])).status, 0);
  });

  test('nothing is written, and nobody waits: beside a process that changes maps, and after one that has died with the lock', async () => {
    const shared = path.join(folder, 'shared.heap');
    const program = `
      const map = require(${JSON.stringify(ROOT)}).Heap.open(${JSON.stringify(shared)}).map('pages', { encoding: 'string', maxEntries: 500 });
      map.set('here', 'x');
      process.stdout.write('begun');
      for (let i = 0; ; i++) { map.set('key ' + (i % 1000), 'v'.repeat(i % 3000)); map.peek('here') === undefined && map.set('here', 'x'); }`;
    const child = spawn(process.execPath, ['-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    const look = async () => {
      for (const args of [[], ['pages'], ['pages', 'keys'], ['pages', 'keys', '--json']]) {
        const { status, stderr } = await mems(['map', shared, ...args]);
        assert.deepEqual([status, stderr], [0, ''], args.join(' '));
      }
    };
    try {
      for (let round = 0; round < 5; round++) await look();
    } finally {
      child.kill('SIGKILL');
      await exit;
    }
    const bytes = fs.readFileSync(shared);
    // As a process leaves the lock that dies in the middle of a change: the first slot is its own, in the first generation.
    bytes.writeBigUInt64LE((bytes.readBigUInt64LE(4096) << 16n) | 1n, 1024);
    fs.writeFileSync(shared, bytes);
    await look();
    assert.ok(fs.readFileSync(shared).equals(bytes), 'looking has written');
  });

  test('of a file that was open when the system stopped are not read, and what to do is said for a shell', async () => {
    for (const durable of [true, false]) {
      const stopped = path.join(folder, `stopped-${durable}.heap`);
      const heap = Heap.open(stopped, { durable });
      heap.map('pages').set('a', 'b');
      heap.close();
      stopSystem(stopped);
      const { status, stdout, stderr } = await mems(['map', stopped]);
      assert.deepEqual([status, stdout], [2, '']);
      const said = stderr.replace(/\s+/g, ' ');
      assert.doesNotMatch(said, /onPowerLoss|readOnly|Heap\./);
      assert.match(said, /was open when the system stopped/);
      assert.match(said, new RegExp(`mems repair ${stopped}`));
      assert.equal(/opens it for writing brings back its last sync/.test(said), durable, said);
    }
  });
});
