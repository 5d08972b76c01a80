'use strict';

// mems replay: numbers that are the library's own, traces as they come, and what is wrong with those that are broken.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn: start } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { gunzipSync, gzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { FREE, MALLOC, readTrace } = require('../../bench/trace.js');
const {
  environment,
  json,
  mems,
  SKIP,
  spawn,
  START,
  temporaryFolder,
} = require('../helpers/command.js');
const { Random, reproducible } = require('../helpers/random.js');
const { program, traceText } = require('../helpers/traces.js');

const TRACES = path.join(__dirname, '..', '..', 'bench', 'traces');
/** Where every instruction is translated, recorded programs take minutes. */
const SLOW =
  process.env.MEMS_TRACE_OPERATIONS !== undefined && 'recorded programs are cut short here';
const POLICIES = ['first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'];

describe('mems replay', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);
  const write = (name, bytes) => {
    writeFileSync(file(name), bytes);
    return file(name);
  };

  test('prints what the library says after the same calls', async () => {
    const sqlite = path.join(TRACES, 'sqlite3.rep.gz');
    const { files } = await json(['replay', sqlite, '--policy', 'first-fit,best-fit']);
    const [{ name, operations, results, calls }] = files;
    const trace = readTrace('sqlite3');
    assert.deepEqual([name, operations], ['sqlite3', trace.count]);
    assert.equal(calls.malloc, trace.kind.filter((kind) => kind === MALLOC).length);
    for (const result of results) {
      const heap = new Heap({
        policy: result.policy,
        alignment: 1,
        minBlockSize: 4096,
        growingBlocks: false,
        joinEmptyBlocks: false,
        autoTrim: false,
      });
      const live = [];
      for (let at = 0; at < trace.count; at++) {
        const slot = trace.slot[at];
        if (trace.kind[at] === MALLOC) live[slot] = heap.malloc(trace.size[at]);
        else if (trace.kind[at] === FREE) heap.free(live[slot]);
        else live[slot] = heap.realloc(live[slot], trace.size[at]);
      }
      const { bytes, counts, peak } = heap.stats();
      assert.equal(result.mapped, bytes.mapped);
      assert.equal(result.holes, counts.holes);
      assert.equal(result.largestHole, bytes.largestHole);
      assert.equal(result.unusable, heap.unusable(1024));
      // Blocks have the sizes that were asked for, so that the heap's peak is the program's.
      assert.equal(files[0].peak.bytes, peak.live);
      assert.equal(result.perPeak, bytes.mapped / peak.live);
      heap.close();
    }
  });

  test('reads text and gzip, from files and a pipe, with and without a head, and all agree', async () => {
    const text = traceText(program(200, 300));
    const headless = text.split('\n').slice(4).join('\n');
    const args = ['--policy', 'first-fit,buddy', '--json'];
    const measured = ({ stdout }) => {
      const [{ operations, peak, results }] = JSON.parse(stdout).files;
      return { operations, peak, results: results.map(({ nanoseconds, ...rest }) => rest) };
    };
    const expected = measured(await mems(['replay', write('plain.rep', text), ...args]));
    assert.equal(expected.operations, program(200, 300).length);
    const others = {
      'packed.rep.gz': gzipSync(text),
      'windows.txt': text.replaceAll('\n', '\r\n'),
      'headless.trace': `# by hand\n\n${headless}`,
      'no-end.rep': text.trimEnd(),
      'two-members.gz': Buffer.concat([gzipSync(text.slice(0, 99)), gzipSync(text.slice(99))]),
    };
    for (const [name, bytes] of Object.entries(others)) {
      assert.deepEqual(
        measured(await mems(['replay', write(name, bytes), ...args])),
        expected,
        name,
      );
    }
    assert.deepEqual(measured(spawn(['replay', '-', ...args], { input: text })), expected);
    assert.deepEqual(
      measured(spawn(['replay', '-', ...args], { input: gzipSync(text) })),
      expected,
    );
  });

  test('a table names every policy, the one that maps least first', async () => {
    const trace = write('table.rep', traceText(program(400, 900)));
    const { stdout, stderr, status } = await mems(['replay', trace]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^table: 892 operations, peak [\d.]+ KiB live in \d+ blocks\n/);
    const lines = stdout.split('\n');
    assert.match(lines[1], /^policy +mapped +\/peak +holes +unusable for 1K +looked at +ns\/call$/);
    const rows = lines.slice(2, 8).map((line) => line.trim().split(/ {2,}/));
    assert.deepEqual(rows.map(([policy]) => policy).sort(), [...POLICIES].sort());
    const perPeak = rows.map((row) => Number(row[2]));
    assert.deepEqual(
      perPeak,
      perPeak.toSorted((a, b) => a - b),
    );
    const narrow = await mems(['replay', trace, '--width', '40']);
    assert.ok(narrow.stdout.split('\n').every((line) => line.length <= 40));
    assert.match(narrow.stdout, /^first-fit\n {2}mapped {11}[\d.]+ KiB\n/m);
  });

  test('a policy that is named twice is replayed once', async () => {
    const trace = write('twice.rep', 'a 0 100\n');
    const { files } = await json(['replay', trace, '--policy', 'buddy,first-fit,buddy']);
    assert.deepEqual(
      files[0].results.map(({ policy }) => policy),
      ['buddy', 'first-fit'],
    );
    const { status } = await mems(['compare', trace, '--policy', 'buddy,buddy']);
    assert.equal(status, 2);
  });

  test('a limit refuses what does not fit; --strict makes that the exit status', async () => {
    const trace = write(
      'limit.rep',
      traceText(['a 0 3000', 'a 1 2000', 'f 1', 'a 1 100', 'r 0 5000', 'r 0 2500', 'f 0']),
    );
    const run = (...more) => mems(['replay', trace, '--policy', 'first-fit', ...more]);
    const { files, limit } = await json([
      'replay',
      trace,
      '--policy',
      'first-fit',
      '--limit',
      '4K',
    ]);
    assert.equal(limit, 4096);
    // 2000 bytes do not fit behind 3000, and 5000 nowhere: their free and what follows are still done.
    const [{ refused, firstRefused, mapped, liveBlocks }] = files[0].results;
    assert.deepEqual([refused, firstRefused, mapped, liveBlocks], [2, 2, 4096, 1]);
    assert.equal((await run('--limit', '4K')).status, 0);
    assert.match((await run('--limit', '4K')).stdout, /refused\n.* 2\n/);
    assert.equal((await run('--limit', '4K', '--strict')).status, 1);
    assert.equal((await run('--limit', '64K', '--strict')).status, 0);
    assert.equal((await run('--strict')).status, 2);
    assert.equal((await run('--limit', '1K')).status, 2);
  });

  test('a broken trace is refused in a line that says where, with nothing of a table', async () => {
    const text = traceText(program(50, 100));
    const packed = gzipSync(text);
    const damaged = Buffer.from(packed);
    damaged[Math.floor(packed.length / 2)] ^= 0x55;
    const inputs = [
      ['empty.rep', '', /is empty\.$/],
      ['head.rep', '0\n5\n', /ends in its head: it is cut off\.$/],
      [
        'short.rep',
        text.slice(0, text.lastIndexOf('f')),
        /has \d+ operations, and its head names \d+: it is cut off\.$/,
      ],
      ['long.rep', `${text}f 1\n`, /its head names \d+: its head is wrong\.$/],
      [
        'word.rep',
        `${text.slice(0, 40)}x 1 2\n`,
        /line \d+: .* is no operation: write "a ID SIZE"/,
      ],
      ['size.rep', 'a 0\n', /line 1: "a 0" is no operation/],
      ['huge.rep', 'a 0 99999999999999999999\n', /line 1: .*too large for a size/],
      ['id.rep', 'a 99999999 1\n', /line 1: the id 99999999 is too large/],
      ['twice.rep', 'a 0 1\na 0 1\n', /line 2: block 0 is allocated already\.$/],
      ['stray.rep', 'a 0 1\nf 1\n', /line 2: block 1 is not allocated\.$/],
      ['grow.rep', 'r 0 1\n', /line 1: block 0 is not allocated\.$/],
      ['picture.png', Buffer.from('\x89PNG\r\n\x1a\n0000'), /is neither a trace nor a recording/],
      ['noise.bin', Buffer.alloc(9000, 0x61), /is longer than a line of a trace/],
      ['cut.rep.gz', packed.subarray(0, packed.length - 20), /is cut off: copy it anew\.$/],
      ['damaged.rep.gz', damaged, /is damaged: |is no operation|is cut off/],
      ['late.rep.gz', Buffer.concat([packed, Buffer.from('trailing')]), undefined],
    ];
    for (const [name, bytes, pattern] of inputs) {
      const { status, stdout, stderr } = await mems(['replay', write(name, bytes)]);
      if (pattern === undefined) continue;
      assert.deepEqual([status, stdout], [2, ''], `${name}: ${stderr}`);
      assert.match(stderr, /^mems: [^\n]+\n$/, name);
      assert.match(stderr.trimEnd(), pattern);
    }
    const absent = await mems(['replay', file('absent.rep')]);
    assert.match(absent.stderr, /^mems: cannot read .*absent\.rep: there is no such file\.\n$/);
    assert.match((await mems(['replay', folder])).stderr, /it is a folder\.\n$/);
    assert.match((await mems(['replay'])).stderr, /name a trace/);
    assert.match((await mems(['replay', '-', '-'])).stderr, /give - once/);
    // No heap is left open.
    assert.deepEqual(
      Heap.list().filter(({ id }) => id !== 0),
      [],
    );
  });

  test('whatever the bytes are, a trace is replayed or refused with a sentence', (t) =>
    reproducible(t, async () => {
      const random = new Random();
      const text = Buffer.from(traceText(program(20, 100)));
      for (let run = 0; run < 300; run++) {
        const bytes = Buffer.from(random.int(0, 1) ? text : text.subarray(text.indexOf('a')));
        for (let n = random.int(1, 3); n > 0; n--) {
          bytes[random.int(0, bytes.length - 1)] = random.pick(
            [...'0159arf \n#xé'].map((letter) => letter.charCodeAt(0)),
          );
        }
        const cut = bytes.subarray(
          0,
          random.int(0, 3) ? bytes.length : random.int(0, bytes.length),
        );
        const { status, stderr } = await mems([
          'replay',
          write('random.rep', cut),
          '--policy',
          'first-fit',
          '--limit',
          '1G',
        ]);
        if (status === 0) continue;
        assert.equal(status, 2, stderr);
        assert.match(stderr, /^mems: [^\n]+\n$/);
      }
    }));

  test('what the system refuses without a limit is counted as well', async () => {
    const trace = write('enormous.rep', traceText(['a 0 9007199254740991', 'a 1 100', 'f 0']));
    const { stdout } = await mems(['replay', trace, '--policy', 'first-fit']);
    // Where the time is long, the table is written the other way.
    assert.match(stdout, /refused(\n.* | +)1\nThe system had no memory for a request\.\n/);
    const nothing = write('nothing.rep', traceText([]));
    assert.equal((await mems(['replay', nothing])).status, 0);
  });

  test('control characters in a name are not printed', async () => {
    const { stderr } = await mems(['replay', 'a\u001b[31mb.rep']);
    assert.equal(stderr, 'mems: cannot read a?[31mb.rep: there is no such file.\n');
  });

  test('a bar is drawn on a terminal only, beside the result, and removed', async () => {
    const args = ['replay', path.join(TRACES, 'python-default.rep.gz'), '--policy', 'segregated'];
    const terminal = { isTTY: true, columns: 80 };
    const { stdout, stderr } = await mems(args, { stderr: terminal });
    assert.match(stderr, /python-default {2}[█░]+ \d+% {2}\d+s left/);
    // The cursor is shown again, and the line is empty.
    assert.ok(stderr.lastIndexOf('\u001b[?25h') > stderr.lastIndexOf('\u001b[?25l'));
    assert.match(stdout, /^python-default: 246,280 operations/);
    assert.ok(!stdout.includes('█') && !stdout.includes('\u001b'));
    assert.match((await mems(args, { stderr: { isTTY: true, columns: 40 } })).stderr, /[█░]+ \d+%/);
    assert.match((await mems([...args, '--ascii'], { stderr: terminal })).stderr, /#+\.* \d+%/);
    assert.equal((await mems(args)).stderr, '');
    assert.equal((await mems(args, { stderr: terminal, env: { TERM: 'dumb' } })).stderr, '');
  });

  test('a million operations take less than 300 MB', {
    skip: SLOW,
  }, () => {
    const args = ['replay', path.join(TRACES, 'node.rep.gz'), '--policy', 'first-fit'];
    const report = 'process.on("exit", () => console.error(process.resourceUsage().maxRSS))';
    const loader = write('report.cjs', report);
    const { stdout, stderr } = spawn(args, { env: { NODE_OPTIONS: `--require ${loader}` } });
    assert.match(stdout, /^node: 981,323 operations/);
    assert.ok(Number(stderr) < 300_000, `${stderr} kB`);
  });

  test('an error ends it, although what writes into its pipe still runs', async () => {
    for (const text of ['a 0 1\nf 1\n', 'no trace\n']) {
      const child = start(process.execPath, [START, 'replay', '-'], { env: environment() });
      child.stdin.on('error', () => {});
      // Standard input stays open.
      child.stdin.write(text);
      const [code] = await new Promise((resolve) => child.on('exit', (...how) => resolve(how)));
      assert.equal(code, 2);
    }
  });

  test('Ctrl-C ends it with 130', {
    skip: process.platform === 'win32' && 'has no signals',
  }, async () => {
    const trace = gunzipSync(readFileSync(path.join(TRACES, 'sqlite3.rep.gz')))
      .toString()
      .split('\n')
      .slice(4);
    const child = start(process.execPath, [START, 'replay', '-'], { env: environment() });
    let printed = '';
    child.stdout.on('data', (part) => {
      printed += part;
    });
    child.stdin.on('error', () => {});
    // Standard input stays open, so that the command is still reading when the signal comes.
    child.stdin.write(`${trace.slice(0, 100_000).join('\n')}\n`, () => child.kill('SIGINT'));
    const [code, signal] = await new Promise((resolve) =>
      child.on('exit', (...how) => resolve(how)),
    );
    assert.deepEqual([code, signal, printed], [130, null, '']);
  });
});
