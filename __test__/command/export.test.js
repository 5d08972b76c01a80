'use strict';

// mems export: each format read again by something else, and outputs that are whole or not there.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');
const { program, traceText } = require('../helpers/traces.js');

describe('mems export', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);
  const CALLS = program(300, 300);
  let stats;

  before(() => {
    fs.writeFileSync(file('app.rep'), traceText(CALLS));
    const heap = new Heap({ policy: 'first-fit', alignment: 1 });
    heap.record(file('app.mems'), { stacks: true });
    heap.mark('begin');
    const first = heap.malloc(1000);
    heap.malloc(500);
    heap.free(first);
    heap.malloc(200);
    heap.mark('"end", <b>');
    stats = heap.stats();
    heap.stopRecording();
    heap.close();
  });

  async function exported(name, format, ...more) {
    const { status, stdout, stderr } = await mems([
      'export',
      file(name),
      '--format',
      format,
      ...more,
    ]);
    assert.deepEqual([status, stderr], [0, ''], stderr);
    return stdout;
  }

  /** The rows of a table, as objects. */
  function rows(text) {
    const [names, ...lines] = text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    return lines.map((cells) => {
      assert.equal(cells.length, names.length);
      return Object.fromEntries(cells.map((cell, at) => [names[at], cell]));
    });
  }

  test('svg shows each policy, as high as what it maps, and blocks where they are', async () => {
    const { decode } = await import('fast-png');
    // Half of all operations a block of half a page is there, and then nothing.
    const calls = ['a 0 2048', ...Array.from({ length: 49 }, (_, at) => `${'af'[at % 2]} 1 16`)];
    const after = ['f 0', 'f 1', ...Array.from({ length: 98 }, (_, at) => `${'af'[at % 2]} 2 16`)];
    const lines = [...calls, ...after].map((line) => (line[0] === 'f' ? line.slice(0, 3) : line));
    const name = '<half>.rep';
    fs.writeFileSync(file(name), `0\n3\n${lines.length}\n1\n${lines.join('\n')}\n`);
    const text = await exported(name, 'svg', '--policy', 'worst-fit,first-fit');
    assert.deepEqual(
      [...text.matchAll(/font-weight="bold"[^>]*>([^<]*)</g)].map(([, words]) => words),
      [`&lt;half&gt;: ${lines.length} operations, peak 2.02 KiB`, 'worst-fit', 'first-fit'],
    );
    const pictures = [...text.matchAll(/base64,([^"]+)"/g)].map(([, code]) => {
      return decode(Buffer.from(code, 'base64'));
    });
    assert.equal(pictures.length, 2);
    const [{ data, width, height, channels }] = pictures;
    const colour = (x, y) => {
      const at = channels * (Math.floor(y * height) * width + Math.floor(x * width));
      return [...data.subarray(at, at + 3)].join(' ');
    };
    const hole = '255 255 255';
    assert.notEqual(colour(0.2, 0.2), hole);
    assert.equal(colour(0.2, 0.8), hole);
    assert.equal(colour(0.6, 0.2), hole);
  });

  test('only svg shows several policies', async () => {
    const { status, stderr } = await mems([
      'export',
      file('app.rep'),
      '--format',
      'csv',
      '--policy',
      'all',
    ]);
    assert.equal(status, 2);
    assert.match(stderr, /^mems: name one policy: only svg shows several, and not csv\.\n$/);
  });

  test('csv has each operation with its address, and what is live after it', async () => {
    const text = await exported('app.rep', 'csv');
    assert.equal(text.split('\n')[0], 'number,kind,address,size,block,live,mapped');
    const table = rows(text);
    assert.equal(table.length, CALLS.length);
    const own = { alignment: 1, minBlockSize: 4096, growingBlocks: false, joinEmptyBlocks: false };
    const heap = new Heap({ ...own, autoTrim: false, policy: 'first-fit', addresses: 'number' });
    const blocks = [];
    for (const [at, call] of CALLS.entries()) {
      const [kind, id, size] = call.split(' ');
      const row = table[at];
      let address = blocks[id];
      if (kind === 'f') heap.free(address);
      else {
        address = kind === 'a' ? heap.malloc(Number(size)) : heap.realloc(address, Number(size));
        blocks[id] = address;
      }
      const { bytes } = heap.stats();
      assert.deepEqual(row, {
        number: String(at + 1),
        kind: { a: 'malloc', r: 'realloc', f: 'free' }[kind],
        address: String(address),
        size: size ?? '',
        block: id,
        live: String(bytes.live),
        mapped: String(bytes.mapped),
      });
    }
    heap.close();
  });

  test('csv of a recording has its own addresses, growth and marks', async () => {
    const table = rows(await exported('app.mems', 'csv'));
    assert.deepEqual(
      table.map(({ kind, address, size }) => [kind, address, size].join(' ')),
      [
        'mark  ',
        'grow 1000 65536',
        'malloc 1000 1000',
        'malloc 2000 500',
        'free 1000 ',
        'malloc 1000 200',
        'mark  ',
      ],
    );
    const { live, mapped } = table.at(-1);
    assert.deepEqual([Number(live), Number(mapped)], [stats.bytes.live, stats.bytes.mapped]);
  });

  test('trace is the trace that was read, and replays as the recording', async () => {
    assert.equal(await exported('app.rep', 'trace'), traceText(CALLS));
    const text = await exported('app.mems', 'trace');
    assert.equal(text, '0\n2\n4\n1\na 0 1000\na 1 500\nf 0\na 0 200\n');
  });

  test('trace-event is JSON with counters and instants', async () => {
    for (const name of ['app.rep', 'app.mems']) {
      const { traceEvents } = JSON.parse(await exported(name, 'trace-event'));
      const counters = traceEvents.filter(({ ph }) => ph === 'C');
      for (const { ts, args, pid } of counters) {
        assert.ok(ts >= 0 && args.bytes >= 0 && pid === 1);
      }
      const times = counters.map(({ ts }) => ts);
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
      );
      const last = rows(await exported(name, 'csv')).at(-1);
      for (const which of ['live', 'mapped']) {
        const values = counters.filter((each) => each.name === `${which} bytes`);
        assert.equal(values.at(-1).args.bytes, Number(last[which]));
      }
      const marks = traceEvents.filter(({ ph }) => ph === 'i').map((each) => each.name);
      assert.deepEqual(marks, name === 'app.rep' ? [] : ['begin', '"end", <b>']);
    }
  });

  /** A profile, decoded by another library: [the frames of each sample, its values]. */
  function decoded(bytes) {
    const { Profile } = require('pprof-format');
    const profile = Profile.decode(gunzipSync(bytes));
    const text = (index) => profile.stringTable.strings[Number(index)];
    const byId = (list) => new Map(list.map((each) => [Number(each.id), each]));
    const [locations, functions] = [byId(profile.location), byId(profile.function)];
    assert.deepEqual(
      profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
      ['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'],
    );
    assert.equal(text(profile.defaultSampleType), 'inuse_space');
    return profile.sample.map(({ locationId, value }) => ({
      frames: locationId.map((id) => {
        const [line] = locations.get(Number(id)).line;
        const { name, filename } = functions.get(Number(line.functionId));
        return { name: text(name), file: text(filename), line: Number(line.line) };
      }),
      values: value.map(Number),
    }));
  }

  test('pprof counts what is allocated and in use, by stack or by size', async () => {
    await exported('app.rep', 'pprof', '-o', file('app.pb.gz'));
    const bySize = decoded(fs.readFileSync(file('app.pb.gz')));
    const sums = [0, 1, 2, 3].map((at) => bySize.reduce((sum, { values }) => sum + values[at], 0));
    const table = rows(await exported('app.rep', 'csv'));
    // What is resized is no new block, and counts with what it has grown by.
    const sizes = new Map();
    let space = 0;
    for (const call of CALLS) {
      const [kind, id, size] = call.split(' ');
      if (kind !== 'f') space += Math.max(0, Number(size) - (kind === 'r' ? sizes.get(id) : 0));
      sizes.set(id, Number(size));
    }
    assert.equal(sums[0], table.filter(({ kind }) => kind === 'malloc').length);
    assert.equal(sums[1], space);
    assert.equal(
      sums[2],
      CALLS.filter((call) => call.startsWith('a')).length -
        CALLS.filter((call) => call.startsWith('f')).length,
    );
    assert.equal(sums[3], Number(table.at(-1).live));
    for (const { frames } of bySize) assert.match(frames[0].name, /^blocks of \d+ to \d+ bytes$/);

    await exported('app.mems', 'pprof', '-o', file('stacks.pb.gz'));
    const byStack = decoded(fs.readFileSync(file('stacks.pb.gz')));
    assert.deepEqual(
      byStack.map(({ values }) => values).sort((a, b) => a[1] - b[1]),
      [
        [1, 200, 1, 200],
        [1, 500, 1, 500],
        [1, 1000, 0, 0],
      ],
    );
    for (const { frames } of byStack) {
      assert.equal(frames[0].file.endsWith('export.test.js'), true, JSON.stringify(frames[0]));
      assert.ok(frames[0].line > 20);
    }
  });

  test('pprof leaves a block that is resized in place with the stack of its malloc', async () => {
    const heap = new Heap({ policy: 'first-fit' });
    heap.record(file('grown.mems'), { stacks: true });
    let block;
    (function owner() {
      block = heap.malloc(1000);
    })();
    for (let size = 2000; size <= 50_000; size += 1000) block = heap.realloc(block, size);
    for (let size = 40_000; size >= 20_000; size -= 10_000) block = heap.realloc(block, size);
    const { malloc } = heap.stats().totals;
    heap.stopRecording();
    heap.close();
    await exported('grown.mems', 'pprof', '-o', file('grown.pb.gz'));
    const all = decoded(fs.readFileSync(file('grown.pb.gz')));
    const sum = (at) => all.reduce((total, { values }) => total + values[at], 0);
    assert.deepEqual([sum(0), sum(2), sum(3)], [malloc, 1, 20_000]);
    for (const { frames } of all) assert.ok(frames[0].file.endsWith('export.test.js'));
    // The main block is a page: only the first steps have to move.
    assert.ok(malloc < 20, `${malloc} mallocs`);
  });

  test('writes a file only where there is none, or with -f', async () => {
    const args = ['export', file('app.rep'), '--format', 'csv', '-o', file('out.csv')];
    const { status, stdout } = await mems(args);
    assert.deepEqual([status, /out\.csv: \d+ operations\.\n$/.test(stdout)], [0, true]);
    assert.equal(fs.readFileSync(file('out.csv'), 'utf8'), await exported('app.rep', 'csv'));
    const again = await mems(args);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /out\.csv is there already/);
    assert.equal((await mems([...args, '-f'])).status, 0);
    assert.equal((await json([...args, '-f'])).operations, CALLS.length);
    fs.writeFileSync(file('broken.rep'), 'a 0 100\nf 1\n');
    const broken = await mems([
      'export',
      file('broken.rep'),
      '--format',
      'csv',
      '-o',
      file('b.csv'),
    ]);
    assert.equal(broken.status, 2);
    assert.deepEqual(
      fs.readdirSync(folder).filter((name) => name.includes('b.csv')),
      [],
    );
  });

  test('says what is missing', async () => {
    const wrong = async (...args) => {
      const { status, stderr } = await mems(['export', ...args]);
      assert.equal(status, 2);
      return stderr;
    };
    assert.match(await wrong(file('app.rep')), /name a file and a format/);
    assert.match(await wrong(file('app.rep'), '--format', 'prof'), /did you mean pprof\?/);
    assert.match(await wrong(file('app.rep'), '--format', 'csv', '--json'), /--json needs -o/);
    const terminal = { stdout: { isTTY: true, columns: 80 } };
    const { stderr } = await mems(['export', file('app.rep'), '--format', 'pprof'], terminal);
    assert.match(stderr, /no text for a terminal/);
  });
});
