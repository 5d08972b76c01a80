'use strict';

// mems step: what each key shows, that back is where forward has been, and that the terminal is given back.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { Screen } = require('../../command/lib/screen.js');
const { environment, mems, SKIP, START, temporaryFolder } = require('../helpers/command.js');
const { Random, reproducible } = require('../helpers/random.js');
const { KEY, Terminal } = require('../helpers/terminal.js');
const { program, traceText, writeInputs } = require('../helpers/traces.js');

const POLICIES = ['first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'];
/** The operations of the picture in the design: a block that the first hole is too small for. */
const LESSON = [
  'a 0 1000',
  'a 1 500',
  'a 2 250',
  'f 1',
  'a 3 200',
  'a 4 400',
  'f 0',
  'f 3',
  'f 2',
  'f 4',
];

describe('mems step', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);

  before(() => {
    writeInputs(folder);
    fs.writeFileSync(file('lesson-1.trace'), traceText(LESSON));
    fs.writeFileSync(file('long.rep'), traceText(program(1000, 300)));
  });

  async function open(args, { size, env } = {}) {
    const terminal = new Terminal(size);
    await terminal.start(['step', ...args], { NO_COLOR: '1', ...env });
    return terminal;
  }

  async function quit(terminal, key = 'q') {
    terminal.stdin.write(key);
    const status = await terminal.ended;
    assert.ok(terminal.isRestored);
    return status;
  }

  test('shows the call, why the block is there, the chain and the numbers', async () => {
    const terminal = await open([file('lesson-1.trace')]);
    const lines = await terminal.press(...Array(6).fill(KEY.right));
    assert.deepEqual(lines.slice(0, 8), [
      'mems step  lesson-1   first-fit   operation 6 of 10',
      '',
      'malloc(400)  → block 4 at 2750',
      '  looked at H 2200 (300 B) too small, H 2750 (2,346 B) fits',
      '',
      'MAIN 1000..5095',
      lines[6],
      ' P0 1000:1999 ↔ P3 2000:2199 ↔ H 2200:2499 ↔ P2 2500:2749 ↔ P4 2750:3149 ↔ H 3150:5095',
    ]);
    assert.match(lines[6], /^\|P0 +\|P3 *\|░+\|P2 *\|P4 +\|░+\|$/);
    assert.match(lines[9], /^live {2}█+░+ {2}1,850 B in 4 blocks, of 1 main block, 4,096 B$/);
    assert.match(
      lines[10],
      /^holes █+░+ {2}2,246 B in 2, largest 1,946 B, external 13%, unusable for 400 B 13%$/,
    );
    assert.ok(lines.includes('▶  6  malloc 400  → 2750'));
    assert.ok(lines.includes('   7  free block 0'));
    assert.match(lines.at(-1), /^ ←\/→ step .* q quit $/);
    assert.equal(lines.length, 24);
    assert.equal(await quit(terminal), 0);
  });

  test('erases no letter of a line that fills its row', () => {
    const stdout = { columns: 10, rows: 3 };
    const drawn = (...lines) => {
      stdout.write = (text) => {
        stdout.text = text.replaceAll('\u001b', '<ESC>');
      };
      new Screen({ stdout }, false).draw(lines);
      return stdout.text;
    };
    const full = '0123456789';
    // Where nothing wraps, a terminal keeps its cursor on the last column of such a line.
    const ends = '<ESC>[K\r\n';
    assert.equal(drawn(full, 'short', full), `<ESC>[H${full}\r\nshort${ends}${full}`);
    assert.equal(drawn(full, full, 'short'), `<ESC>[H${full}\r\n${full}\r\nshort<ESC>[K<ESC>[J`);
  });

  test('says what a free has joined', async () => {
    const terminal = await open([file('lesson-1.trace')]);
    const says = async (...keys) => (await terminal.press(...keys)).slice(2, 4);
    await terminal.press(...Array(6).fill(KEY.right));
    assert.deepEqual(await says(KEY.right), [
      'free(block 0)  1000, 1,000 B',
      '  it becomes a hole of its own',
    ]);
    assert.deepEqual(await says(KEY.right), [
      'free(block 3)  2000, 200 B',
      '  it joins the holes before and after it: H 1000 (1,500 B)',
    ]);
    assert.deepEqual(await says(KEY.right), [
      'free(block 2)  2500, 250 B',
      '  it joins the hole before it: H 1000 (1,750 B)',
    ]);
    await quit(terminal);
  });

  test('names why holes were refused by each policy', async () => {
    const expected = {
      // The block before was placed behind block 2, since the search continues where the last one ended.
      'next-fit': /^looked at H 2950 \(2,146 B\) fits$/,
      'best-fit': /H 2200 \(300 B\) too small, H 2750 \(2,346 B\) fits: the smallest that does$/,
      'worst-fit':
        /^looked at H 2000 \(500 B\) not the largest, H 2950 \(2,146 B\) fits: the largest$/,
      buddy:
        /^rounded up to 512 B: takes H \d+ \([\d,]+ B\), (halved \d times?|which is just that)$/,
      segregated: /^rounded up to \d+ B: takes H \d+ \([\d,]+ B\), |no hole fits, so/,
    };
    for (const [policy, pattern] of Object.entries(expected)) {
      const terminal = await open([file('lesson-1.trace'), '--policy', policy]);
      const lines = await terminal.press(...Array(6).fill(KEY.right));
      const text = lines.slice(3, lines.indexOf('', 3)).map((line) => line.trim());
      assert.match(text.join(' '), pattern, policy);
      await quit(terminal);
    }
  });

  test('is the same back as forward, at every operation, with every policy', async () => {
    for (const policy of POLICIES) {
      const terminal = await open([file('long.rep'), '--policy', policy]);
      const forward = [terminal.lines.join('\n')];
      for (let at = 0; at < 300; at++) {
        forward.push((await terminal.press(KEY.right)).join('\n'));
      }
      await terminal.press(KEY.end, KEY.pageUp, KEY.pageUp, KEY.home);
      await terminal.press(KEY.pageDown, KEY.pageDown, KEY.pageDown);
      for (let at = 299; at >= 0; at--) {
        assert.equal((await terminal.press(KEY.left)).join('\n'), forward[at], `${policy} ${at}`);
      }
      await quit(terminal);
    }
  });

  test('draws what the library has, at random operations', (t) =>
    reproducible(t, async () => {
      const random = new Random();
      const { open: openFile } = require('../../command/lib/replay-file.js');
      const { Context } = require('../../command/lib/context.js');
      const { Program } = require('../../command/lib/program.js');
      const { Timeline } = require('../../command/lib/timeline.js');
      const context = new Context({}, { stderr: {}, stdout: {}, env: {} });
      const source = await openFile(file('long.rep'), {}, context);
      const all = await Program.read(source, context);
      const timeline = await Timeline.open(source, all, {}, context);
      for (let round = 0; round < 40; round++) {
        const operation = random.int(0, all.operations);
        const { state } = timeline.moment(operation);
        const options = { alignment: 1, minBlockSize: 4096, growingBlocks: false };
        const own = { ...options, joinEmptyBlocks: false, autoTrim: false, policy: 'first-fit' };
        const heap = new Heap({ ...own, addresses: 'number' });
        const blocks = [];
        for (let at = 0; at < operation; at++) {
          const [is, id, size] = [all.kind[at], all.block[at], all.size[at]];
          if (is === 3) heap.free(blocks[id]);
          else blocks[id] = is === 2 ? heap.malloc(size) : heap.realloc(blocks[id], size);
        }
        const { bytes, counts } = heap.stats();
        const { total } = state;
        assert.deepEqual(
          [total.live, total.blocks, total.holes, total.holeBytes, total.largest, total.mapped],
          [bytes.live, counts.live, counts.holes, bytes.holes, bytes.largestHole, bytes.mapped],
        );
        assert.equal(state.mainBlocks, counts.mainBlocks);
        assert.equal(
          state.unusable.share,
          state.total.holes === 0 ? 0 : heap.unusable(state.unusable.size),
        );
        heap.close();
      }
      timeline.close();
    }));

  test('finds addresses, blocks, sizes, refusals and marks', async () => {
    const terminal = await open([file('lesson-1.trace'), '--limit', '4096']);
    const at = (lines) =>
      lines
        .find((line) => /^[▶>]/.test(line))
        .replace(/^▶ +/, '')
        .trim();
    const search = async (text) => terminal.press('/', ...text, KEY.enter);
    assert.equal(at(await search('id:3')), '5  malloc 200  → 2000');
    assert.equal(at(await terminal.press('n')), '8  free block 3');
    assert.equal(at(await terminal.press('n')), '5  malloc 200  → 2000');
    assert.equal(at(await search('size>=1000')), '1  malloc 1,000  → 1000');
    assert.equal(at(await search('2800')), '6  malloc 400  → 2750');
    const typing = await terminal.press('/', 'x', 'y', KEY.backspace);
    assert.equal(typing.at(-1), '/x_');
    assert.match((await terminal.press(KEY.enter)).at(-1), /^write an address, id:7, /);
    assert.match((await search('oom')).at(-1), /^There is no oom\./);
    assert.match((await search('size>many')).at(-1), /^"many" is no size/);
    await quit(terminal);
  });

  test('shows requests that are refused', async () => {
    fs.writeFileSync(file('full.rep'), traceText(['a 0 3000', 'a 1 2000', 'a 2 1000', 'f 1']));
    const terminal = await open([file('full.rep'), '--limit', '4K']);
    const lines = await terminal.press('/', ...'oom', KEY.enter);
    assert.match(lines[2], /^malloc\(2,000\) {2}refused: /);
    assert.equal(lines[3], '  looked at H 4000 (1,096 B) too small; none fits');
    await quit(terminal);
  });

  test('has a map, the holes, and help, and every size of terminal', async () => {
    const terminal = await open([file('long.rep')]);
    await terminal.press(KEY.end);
    assert.match((await terminal.press('m'))[5], /^1000\.\.\d+, \d+ main blocks?$/);
    assert.match((await terminal.press('h'))[5], /^\d+ holes?, the largest first$/);
    assert.ok((await terminal.press('?')).includes('q, Ctrl-C    quit'));
    await terminal.press('?');
    for (const view of ['', 'm', 'h', '?']) {
      if (view) await terminal.press(view);
      for (const [columns, rows] of [
        [40, 24],
        [20, 5],
        [100, 12],
        [200, 60],
        [7, 2],
        [30, 10],
      ]) {
        const lines = await terminal.resize(columns, rows);
        assert.equal(lines.length, rows, `${columns}x${rows} ${view}`);
        for (const line of lines)
          assert.ok([...line].length <= columns, `${columns}x${rows}: ${line}`);
      }
      if (view) await terminal.press(view);
    }
    await quit(terminal);
  });

  test('draws a large heap around the block', async () => {
    const calls = Array.from({ length: 600 }, (_, at) => `a ${at} ${20 + ((at * 37) % 90)}`);
    for (let at = 0; at < 600; at += 3) calls.push(`f ${at}`);
    fs.writeFileSync(file('large.rep'), traceText(calls));
    const terminal = await open([file('large.rep')]);
    const lines = await terminal.press(KEY.end, ...Array(100).fill(KEY.left));
    const mains = lines.filter((line) => line.startsWith('MAIN '));
    assert.equal(mains.length, 3);
    assert.match(mains[1], /^MAIN \d+\.\.\d+ {2}\d+ blocks, \d+ holes, largest \d+ B$/);
    const all = lines.findIndex((line) => /^all \d+ main blocks, \d+ segments$/.test(line));
    assert.ok(all > 0);
    assert.match(lines[all + 1], /^ [░▒▓█]+$/);
    assert.match(lines[all + 2], /^ +\^$/);
    await quit(terminal);
  });

  test('hides the answer with --ask until a key is pressed', async () => {
    const terminal = await open([file('lesson-1.trace'), '--ask']);
    const lines = await terminal.press(...Array(10).fill(KEY.right));
    assert.equal(lines[2], 'malloc(400)  where will it go?');
    assert.ok(!lines.join('\n').includes('2750:3149'));
    assert.ok(lines.includes('▶  6  malloc 400'));
    assert.equal((await terminal.press(' '))[2], 'malloc(400)  → block 4 at 2750');
    // A step back asks nothing.
    assert.equal((await terminal.press(KEY.left))[2], 'malloc(200)  → block 3 at 2000');
    await quit(terminal);
  });

  test('walks through the example', async () => {
    const terminal = await open(['--demo']);
    const lines = await terminal.press(KEY.end);
    assert.equal(lines[0], 'mems step  demo   first-fit   operation 4 of 4');
    assert.ok(lines.includes(' P2 1000:1199 ↔ H 1200:1999 ↔ P1 2000:2499 ↔ H 2500:5095'));
    await quit(terminal);
  });

  test('prints ASCII, colours or none', async () => {
    const drawn = async (args, env) => {
      const terminal = await open([file('lesson-1.trace'), ...args], { env });
      await terminal.press(KEY.end, 'm', 'm', 'h', '?');
      await quit(terminal);
      return terminal.stdout.text;
    };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is just that.
    assert.match(await drawn(['--ascii']), /^[\x00-\x7f]*$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters.
    const colours = /\u001b\[\d+m/;
    assert.doesNotMatch(await drawn([]), colours);
    assert.match(await drawn([], { NO_COLOR: '' }), colours);
  });

  test('gives the terminal back at every end', async () => {
    assert.equal(await quit(await open(['--demo']), KEY.ctrlC), 130);
    const gone = await open(['--demo']);
    gone.stdin.end();
    assert.equal(await gone.ended, 0);
    assert.ok(gone.isRestored);
    const broken = await open(['--demo']);
    // What a bug is for the terminal.
    Object.defineProperty(broken.stdout, 'columns', {
      get() {
        throw new Error('of its own');
      },
    });
    broken.stdin.write(KEY.right);
    assert.equal(await broken.ended, 70);
    assert.ok(broken.isRestored);
    assert.match(broken.stderr.text, /bug in mems/);
  });

  test('draws once for keys that come at once', async () => {
    const terminal = await open([file('long.rep')]);
    const { length } = terminal.stdout.text.split('\u001b[J');
    const lines = await terminal.press(KEY.right.repeat(20) + KEY.left);
    assert.match(lines[0], /operation 19 of/);
    assert.equal(terminal.stdout.text.split('\u001b[J').length, length + 1);
    await quit(terminal);
  });

  test('takes a terminal', async () => {
    const { status, stderr, stdout } = await mems(['step', file('lesson-1.trace')]);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(
      stderr,
      /^mems: step needs a terminal: .*mems replay --json .*lesson-1\.trace.*\n$/,
    );
    for (const args of [[], ['--demo', 'app.rep']]) {
      assert.match((await mems(['step', ...args])).stderr, /^mems: name a trace or a recording/);
    }
    const ran = spawnSync(process.execPath, [START, 'step', '--demo'], { env: environment() });
    assert.equal(ran.status, 2);
  });

  test('replays a recording with its own options', async () => {
    for (const policy of POLICIES) {
      const heap = new Heap({ policy, maxSize: 1 << 20 });
      heap.record(file('own.mems'));
      heap.mark('begin');
      const blocks = [100, 5000, 300].map((size) => heap.malloc(size));
      heap.free(blocks[1]);
      assert.throws(() => heap.malloc(1 << 21));
      heap.mark('end');
      const last = heap.malloc(64);
      heap.stopRecording();
      heap.close();
      const terminal = await open([file('own.mems')]);
      const lines = await terminal.press(KEY.end);
      assert.match(lines[0], new RegExp(`^mems step {2}own {3}${policy} `));
      assert.equal(lines[2], `malloc(64)  → block 1 at ${last}`, policy);
      assert.doesNotMatch(lines[1], /addresses/);
      assert.equal((await terminal.press('/', ...'mark:begin', KEY.enter))[2], 'mark "begin"');
      assert.match(
        (await terminal.press('/', ...'oom', KEY.enter))[2],
        /^malloc\(2,097,152\) {2}refused/,
      );
      await quit(terminal);
      const other = await open([
        file('own.mems'),
        '--policy',
        policy === 'buddy' ? 'first-fit' : 'buddy',
      ]);
      assert.match(
        (await other.press(KEY.end))[1],
        /^$|^addresses are not those of the recording, with another policy/,
      );
      await quit(other);
    }
  });

  test('says where addresses are not those of the recording', async () => {
    const heap = new Heap({ policy: 'first-fit' });
    const [first] = [heap.malloc(100), heap.malloc(50)];
    heap.free(first);
    heap.snapshot(file('snapshot.mems'));
    heap.close();
    const terminal = await open([file('snapshot.mems')]);
    assert.match(terminal.lines[0], /operation 0 of 0$/);
    assert.match(
      terminal.lines[1],
      /^addresses are not those of the recording, since it began with/,
    );
    assert.ok(terminal.lines.includes('what was there when the recording began'));
    assert.equal((await terminal.press(KEY.right)).at(-1), 'This is the beginning.');
    const note =
      'addresses are not those of the recording, since it began with blocks there, or lacks operations';
    for (const [columns, rows, most] of [
      [80, 24, 2],
      [80, 10, 2],
      [40, 24, 3],
      [30, 20, 4],
    ]) {
      const lines = await terminal.resize(columns, rows);
      assert.equal(lines.length, rows);
      assert.equal(lines.slice(1, 1 + most).join(' '), note, `${columns}x${rows}`);
    }
    // Where there are few rows, the heap has more of them than the note.
    const few = await terminal.resize(30, 10);
    assert.equal(few[3], 'what was there when the recording began'.slice(0, 30));
    await quit(terminal);
  });
});
