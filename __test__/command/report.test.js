'use strict';

// mems report without a browser: the file that it writes, what is in it and what is not, and what it refuses. __test__/pages has the rest.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');
const { program, traceText } = require('../helpers/traces.js');

describe('mems report', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);
  const CALLS = program(300, 2000);
  let page;

  before(async () => {
    page = await import('../../pages/report/command.mjs');
    fs.writeFileSync(file('app.rep'), traceText(CALLS));
    const heap = new Heap({ policy: 'best-fit' });
    heap.record(file('app.mems'), { stacks: true });
    const blocks = [100, 200, 300].map((size) => heap.malloc(size));
    heap.mark('</script><script>alert(1)</script>');
    heap.free(blocks[1]);
    heap.stopRecording();
    heap.close();
  });

  /** What a page carries: its head, and its parts unpacked. */
  function contents(html) {
    const [, packed] = /<script type="text\/plain" id="data">([\w+/=]*)<\/script>/.exec(html);
    const { head, parts } = page.splitParts(
      new Uint8Array(gunzipSync(Buffer.from(packed, 'base64'))),
    );
    return { head, parts, histories: parts.slice(0, head.windows.length).map(page.unpack) };
  }

  async function made(name, ...args) {
    const { status, stdout, stderr } = await mems([
      'report',
      file(name),
      '-o',
      file('out.html'),
      '-f',
      ...args,
    ]);
    assert.deepEqual([status, args.includes('--partial') ? '' : stderr], [0, '']);
    return { ...contents(fs.readFileSync(file('out.html'), 'utf8')), stdout };
  }

  test('writes a page of a trace, with the policies that are named', async () => {
    const { head, histories, stdout } = await made('app.rep', '--policy', 'worst-fit,buddy');
    assert.match(stdout, /out\.html: [\d,]+ operations, [\d.]+ KiB\./);
    assert.deepEqual([head.name, head.operations, head.notes], ['app', CALLS.length, []]);
    assert.deepEqual(
      head.policies.map(({ policy, isMain }) => [policy, isMain]),
      [
        ['worst-fit', true],
        ['buddy', false],
      ],
    );
    const [history] = histories;
    assert.deepEqual([history.meta.policy, history.operations], ['worst-fit', CALLS.length]);
    const mallocs = CALLS.filter((call) => !call.startsWith('f')).length;
    assert.equal(history.blocks.count, mallocs);
  });

  test('writes a page of a recording with its own policy, marks and sites', async () => {
    const { head, histories } = await made('app.mems', '--policy', 'none');
    assert.deepEqual(head.policies, []);
    const [{ meta, blocks }] = histories;
    assert.deepEqual(
      [meta.policy, meta.marks],
      ['best-fit', ['</script><script>alert(1)</script>']],
    );
    assert.equal(new Set(blocks.site).size, 1);
    assert.match(meta.stacks[blocks.site[0]], /report\.test\.js:\d+/);
  });

  test('shows folders only if that is asked for', async () => {
    const stackOf = async (...args) => {
      const { histories } = await made('app.mems', '--policy', 'none', ...args);
      const [{ meta, blocks }] = histories;
      return meta.stacks[blocks.site[0]];
    };
    const here = path.basename(path.dirname(__filename));
    assert.doesNotMatch(await stackOf(), new RegExp(`${here}[\\\\/]`));
    assert.match(await stackOf('--paths'), new RegExp(`${here}[\\\\/]report\\.test\\.js`));
  });

  test('has nothing of a file as HTML, and fetches nothing', async () => {
    const strange = process.platform === 'win32' ? 'x & y.rep' : '<b>&"x.rep';
    fs.writeFileSync(file(strange), traceText(CALLS));
    await made(strange);
    const html = fs.readFileSync(file('out.html'), 'utf8');
    const [, title] = /<title>(.*)<\/title>/.exec(html);
    assert.match(title, /^[^<>"]* – MeMS report$/);
    assert.doesNotMatch(html, /alert\(1\)|<b>&"x/);
    // One script that runs, and the data.
    assert.equal(html.match(/<\/script>/g).length, 2);
    assert.doesNotMatch(html, /\b(?:src|href)=["']?https?:/);
    assert.match(html, /default-src 'none'/);
  });

  test('replaces no page unless that is asked for, and leaves nothing behind', async () => {
    fs.writeFileSync(file('kept.html'), 'kept');
    const { status, stderr } = await mems(['report', file('app.rep'), '-o', file('kept.html')]);
    assert.equal(status, 2);
    assert.match(stderr, /kept\.html is there already/);
    assert.equal(fs.readFileSync(file('kept.html'), 'utf8'), 'kept');
    fs.writeFileSync(file('broken.rep'), 'a 0 100\nf 1\n');
    const broken = await mems(['report', file('broken.rep'), '-o', file('broken.html')]);
    assert.equal(broken.status, 2);
    const nowhere = await mems([
      'report',
      file('app.rep'),
      '-o',
      file('nowhere/x.html'),
      '--policy',
      'none',
    ]);
    assert.equal(nowhere.status, 2);
    assert.match(nowhere.stderr, /its folder does not exist/);
    assert.deepEqual(
      fs.readdirSync(folder).filter((name) => /broken\.html|partial/.test(name)),
      [],
    );
  });

  test('writes to standard output, and says what is missing', async () => {
    const { status, stdout } = await mems([
      'report',
      file('app.rep'),
      '-o',
      '-',
      '--policy',
      'none',
    ]);
    assert.equal(status, 0);
    assert.equal(contents(stdout).head.operations, CALLS.length);
    const wrong = async (...args) => (await mems(['report', ...args])).stderr;
    assert.match(await wrong(file('app.rep')), /name a file and a page/);
    assert.match(await wrong(file('app.rep'), '-o', '-', '--json'), /--json needs -o FILE/);
    assert.match(
      await wrong(file('app.rep'), '-o', file('x.html'), '--policy', 'best'),
      /did you mean best-fit/,
    );
    const terminal = { stdout: { isTTY: true, columns: 80 } };
    const { stderr } = await mems(['report', file('app.rep'), '-o', '-'], terminal);
    assert.match(stderr, /no text for a terminal/);
  });

  test('says on the page what a recording lacks', async () => {
    const bytes = fs.readFileSync(file('app.mems'));
    fs.writeFileSync(file('cut.mems'), bytes.subarray(0, -4));
    const { head } = await made('cut.mems', '--partial', '--policy', 'none');
    assert.deepEqual(head.notes, ['The recording was cut off: this is its beginning.']);
    const heap = new Heap({ policy: 'segregated' });
    const blocks = Array.from({ length: 300 }, (_, at) => heap.malloc(at + 1));
    for (const block of blocks.slice(0, 100)) heap.free(block);
    heap.record(file('late.mems'));
    heap.malloc(10);
    heap.stopRecording();
    heap.close();
    const { head: late } = await made('late.mems', '--policy', 'none');
    assert.match(
      late.notes.join(' '),
      /has other numbers than this page\. .*; holes: .*it began with blocks there\./,
    );
  });

  test('has windows of a program that is too long', async () => {
    const output = await json([
      'report',
      file('app.rep'),
      '-o',
      file('out.html'),
      '-f',
      '--policy',
      'none',
      '--detail',
      '100',
    ]);
    assert.ok(output.windows.length > 0);
    const { head, histories } = contents(fs.readFileSync(file('out.html'), 'utf8'));
    assert.deepEqual(head.windows, output.windows);
    assert.match(
      head.leftOut,
      new RegExp(`has ${CALLS.length.toLocaleString('en-US')} operations`),
    );
    histories.forEach(({ operations, meta }, at) => {
      const { from, to } = head.windows[at];
      assert.deepEqual([operations, meta.offset], [to - from, from]);
    });
    assert.equal(head.summary.moments.at(-1), CALLS.length);
    assert.equal(Math.max(...head.summary.mapped), head.summary.mapped.at(-1));
  });

  test('a limit refuses requests, in the small pictures as well', async () => {
    const { head } = await made('app.rep', '--limit', '8K', '--policy', 'first-fit,worst-fit');
    for (const { policy, refused, mapped } of head.policies) {
      assert.ok(refused > 0 && mapped <= 8192, policy);
    }
  });

  test('a limit is for replays, and not for the heap that was recorded', async () => {
    const heap = new Heap({ policy: 'segregated' });
    heap.record(file('large.mems'));
    for (let at = 0; at < 100; at++) heap.malloc(1 + 50 * at);
    const { bytes } = heap.stats();
    heap.stopRecording();
    heap.close();
    const policies = ['--policy', 'segregated,first-fit'];
    const { head } = await made('large.mems', '--limit', '64K', ...policies);
    const [own, other] = head.policies;
    assert.deepEqual([own.refused, own.mapped, head.notes], [0, bytes.mapped, []]);
    assert.ok(other.refused > 0 && other.mapped <= 64 << 10);
    const args = ['report', file('large.mems'), '-o', file('out.html'), '-f', '--limit', '100'];
    for (const policy of ['none', 'segregated', 'first-fit']) {
      const { status, stderr } = await mems([...args, '--policy', policy]);
      assert.equal(status, 2);
      assert.match(stderr, /the limit is less than a page/);
    }
  });
});

describe('Heap.report()', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = (name) => path.join(folder, name);
  const isBuilt = fs.existsSync(path.join(__dirname, '..', '..', 'bin', 'main.js'));
  const options = { skip: !isBuilt && 'takes npm run build' };

  test('writes a page, replaces one, and changes nothing', options, async () => {
    const heap = new Heap({ policy: 'first-fit' });
    const block = heap.malloc(1000);
    const before = heap.stats();
    const bytes = await heap.report(file('heap.html'));
    assert.equal(fs.statSync(file('heap.html')).size, bytes);
    assert.deepEqual(heap.stats(), before);
    heap.free(block);
    await heap.report(new URL(`file://${file('heap.html')}`));
    assert.deepEqual(fs.readdirSync(folder), ['heap.html']);
    heap.close();
    await assert.rejects(heap.report(file('closed.html')), { code: 'ERR_MEMS_CLOSED' });
  });

  test('refuses what it cannot do with a code', options, async () => {
    const heap = new Heap();
    for (const wrong of [undefined, 5, {}]) {
      await assert.rejects(heap.report(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    await assert.rejects(heap.report(file('nowhere/heap.html')), {
      code: 'ERR_MEMS_RECORDING',
      message: /its folder does not exist/,
    });
    heap.close();
  });

  test('says what to do on an old Node.js', async () => {
    const { node } = process.versions;
    const heap = new Heap();
    Object.defineProperty(process.versions, 'node', { value: '18.20.4', configurable: true });
    try {
      await assert.rejects(heap.report(file('old.html')), {
        code: 'ERR_MEMS_UNSUPPORTED',
        message: /takes Node\.js 20 or newer.*snapshot\(path\).*mems report/,
      });
    } finally {
      Object.defineProperty(process.versions, 'node', { value: node });
      heap.close();
    }
  });
});
