'use strict';

// mems report without a browser: the file that it writes, what is in it and what is not, and what it refuses. __test__/pages has the rest.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');
const { program, traceText } = require('../helpers/traces.js');

/** What a page carries: its head, and its parts unpacked. `page` is the code of pages. */
function contents(page, html) {
  const [, packed] = /<script type="text\/plain" id="data">([\w+/=]*)<\/script>/.exec(html);
  const { head, parts } = page.splitParts(
    new Uint8Array(gunzipSync(Buffer.from(packed, 'base64'))),
  );
  return { head, parts, histories: parts.slice(0, head.windows.length).map(page.unpack) };
}

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
    return { ...contents(page, fs.readFileSync(file('out.html'), 'utf8')), stdout };
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
    assert.equal(contents(page, stdout).head.operations, CALLS.length);
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
    const [affected, wrong] = late.notes;
    assert.match(
      affected,
      /since it began with blocks there\. So at every operation the number of/,
    );
    assert.match(
      wrong,
      /^At the end the heap itself has other numbers than this page: .*; holes: /,
    );
  });

  test('shows what is whole of a damaged recording, whose heap has grown in what is missing', async () => {
    for (const policy of ['first-fit', 'buddy', 'segregated']) {
      const heap = new Heap({ policy });
      heap.record(file('damaged.mems'));
      for (let call = 0; call < 150_000; call++) heap.malloc(1 + (call % 300));
      heap.stopRecording();
      heap.close();
      const bytes = fs.readFileSync(file('damaged.mems'));
      // In the second chunk of three.
      bytes[Math.floor(bytes.length * 0.6)] ^= 5;
      fs.writeFileSync(file('damaged.mems'), bytes);
      const { head, histories } = await made('damaged.mems', '--partial', '--policy', 'none');
      assert.match(
        head.notes[0],
        /^[\d,]+ operations are missing: .* or that part of the file is damaged\.$/,
      );
      const [history] = histories;
      const { mapped, live, holeBytes } = new page.Layout(history).go(history.operations);
      assert.ok(mapped > 0 && live > 0);
      assert.ok(live + holeBytes <= mapped, `${policy}: ${live} and ${holeBytes} of ${mapped}`);
    }
  });

  test('says which numbers may be wrong all the time, also if they are right at the end', async () => {
    const heap = new Heap({ policy: 'segregated' });
    const fill = () => Array.from({ length: 500 }, (_, at) => heap.malloc(1 + ((at * 7) % 800)));
    const before = fill();
    heap.record(file('begun.mems'));
    const blocks = fill();
    for (const block of [...before, ...blocks]) heap.free(block);
    heap.trim();
    heap.stopRecording();
    heap.close();
    const isSaid = /since it began with blocks there\. So at every operation/;
    const { head } = await made('begun.mems', '--policy', 'none');
    assert.match(head.notes.join(' '), isSaid);
    const bytes = fs.readFileSync(file('begun.mems'));
    fs.writeFileSync(file('begun-cut.mems'), bytes.subarray(0, -4));
    const { head: cut } = await made('begun-cut.mems', '--partial', '--policy', 'none');
    assert.match(cut.notes.join(' '), isSaid);
    const hardened = new Heap({ hardened: true });
    hardened.record(file('hardened.mems'));
    hardened.free(hardened.malloc(100));
    hardened.stopRecording();
    hardened.close();
    const { head: guarded } = await made('hardened.mems', '--policy', 'none');
    assert.match(guarded.notes[0], /^The heap is hardened: .* So at every operation live bytes/);
  });

  test('has a curve of live bytes that begins with the blocks that were there', async () => {
    const heap = new Heap();
    const blocks = Array.from({ length: 1000 }, () => heap.malloc(1024));
    heap.record(file('shrinks.mems'));
    for (const block of blocks.slice(0, 900)) heap.free(block);
    for (let at = 0; at < 300; at++) heap.malloc(64);
    const { live } = heap.stats().bytes;
    heap.stopRecording();
    heap.close();
    const { head } = await made('shrinks.mems', '--policy', 'none', '--detail', '100');
    assert.deepEqual([head.summary.live[0], head.summary.live.at(-1)], [1000 * 1024, live]);
  });

  test('shows no folder of any frame', () => {
    const { withoutFolders } = require('../../command/lib/stack-text.js');
    const frames = {
      'at f (/home/u/app.js:1:2)': 'at f (app.js:1:2)',
      'at /home/u/app.js:1:2': 'at app.js:1:2',
      'at async /home/u/app.js:1:2': 'at async app.js:1:2',
      'at async f (file:///home/u/app.mjs:1:2)': 'at async f (app.mjs:1:2)',
      'at f (C:\\Program Files (x86)\\u\\app.js:1:2)': 'at f (app.js:1:2)',
      'at C:\\u\\app.js:1:2': 'at app.js:1:2',
      'at /home/u (old)/app.js:1:2': 'at app.js:1:2',
      'at /home/u (old)/a (1)/app.js:1:2': 'at app.js:1:2',
      'at f (/home/u (old)/app.js:1:2)': 'at f (app.js:1:2)',
      'at T.f [as g] (/home/(u)/app.js:1:2)': 'at T.f [as g] (app.js:1:2)',
      'at eval (eval at f (/home/u/app.js:1:2), <anonymous>:1:1)':
        'at eval (eval at f (app.js:1:2), <anonymous>:1:1)',
      'at node:internal/main/run:1:2': 'at node:internal/main/run:1:2',
      'at f (node:internal/main/run:1:2)': 'at f (node:internal/main/run:1:2)',
      'at async Promise.all (index 0)': 'at async Promise.all (index 0)',
    };
    const lines = (texts) => texts.map((text) => `    ${text}`).join('\n');
    assert.equal(withoutFolders(lines(Object.keys(frames))), lines(Object.values(frames)));
  });

  test('has windows of a program that is too long', async () => {
    const args = ['report', file('app.rep'), '-o', file('out.html'), '-f', '--policy', 'none'];
    const { stdout } = await mems([...args, '--detail', '100']);
    const output = await json([...args, '--detail', '100']);
    assert.ok(output.windows.length > 0);
    const { head, histories } = contents(page, fs.readFileSync(file('out.html'), 'utf8'));
    assert.deepEqual(head.windows, output.windows);
    // The page has that beside its notes.
    assert.deepEqual([head.notes, output.notes], [[], [head.leftOut]]);
    assert.match(stdout.replaceAll('\n', ' '), /too many for one page\. \d+ of them are here, /);
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

  test('counts one thing as one', async () => {
    fs.writeFileSync(file('one.rep'), traceText(['a 0 100']));
    const { head, stdout } = await made('one.rep');
    assert.match(stdout.replaceAll('\n', ' '), /out\.html: 1 operation, /);
    assert.match(JSON.stringify(head.facts), /100 B asked for, in 1 block"/);
    const { head: windows } = await made('app.rep', '--policy', 'none', '--detail', '1');
    assert.match(windows.leftOut, /\. 1 of them is here, /);
  });

  test('shows a policy that is named twice once', async () => {
    const { head } = await made('app.rep', '--policy', 'best-fit,buddy,best-fit');
    assert.deepEqual(
      head.policies.map(({ policy }) => policy),
      ['best-fit', 'buddy'],
    );
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

  test('a limit refuses blocks that were there at the beginning, as mems replay does', async () => {
    for (const policy of ['first-fit', 'buddy', 'segregated']) {
      const heap = new Heap({ policy });
      const before = Array.from({ length: 200 }, () => heap.malloc(5000));
      heap.record(file('began.mems'));
      // What was refused can be freed, and resized: that is a malloc then.
      heap.free(before[199]);
      before[198] = heap.realloc(before[198], 6000);
      before[197] = heap.realloc(before[197], 10);
      for (let at = 0; at < 50; at++) heap.malloc(100);
      for (const block of before.slice(150, 199)) heap.free(block);
      heap.stopRecording();
      heap.snapshot(file('snap.mems'));
      heap.close();
      for (const name of ['began.mems', 'snap.mems']) {
        const args = [file(name), '--policy', 'all', '--limit', '64K'];
        const { results } = (await json(['replay', ...args])).files[0];
        const output = await json(['report', ...args, '-o', file('out.html'), '-f']);
        const { head } = contents(page, fs.readFileSync(file('out.html'), 'utf8'));
        assert.equal(output.policies.length, results.length);
        output.policies.forEach((each, at) => {
          // The heap that was recorded had no limit.
          const isOwn = each.policy === policy;
          const { refused, mapped, holes } = results[at];
          assert.equal(each.refused, isOwn ? 0 : refused, `${name}: ${each.policy}`);
          assert.equal(head.policies[at].refused, each.refused);
          if (isOwn) return;
          assert.ok(refused > 100 && each.mapped <= 64 << 10, each.policy);
          // Slots in caches are holes of a heap that is not recorded.
          if (each.policy === 'segregated') return;
          assert.deepEqual([each.mapped, each.holes], [mapped, holes], `${name}: ${each.policy}`);
        });
      }
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

  test('has the numbers of stats(), also of a hardened heap', options, async () => {
    const page = await import('../../pages/report/command.mjs');
    for (const policy of ['first-fit', 'buddy', 'segregated']) {
      const heap = new Heap({ policy, hardened: true });
      const blocks = Array.from({ length: 300 }, (_, at) => heap.malloc(1 + ((at * 37) % 900)));
      for (const block of blocks.slice(0, 150)) heap.free(block);
      const { bytes, counts, fragmentation } = heap.stats();
      const unusable = heap.unusable(1024);
      await heap.report(file('hardened.html'));
      heap.close();
      const { head, histories } = contents(page, fs.readFileSync(file('hardened.html'), 'utf8'));
      const numbers = new page.Layout(histories[0]).go(0);
      const { external, internal, unusable1K } = page.fractions(numbers);
      const { mapped, live, requested, holeBytes, largest, blocks: number, holes } = numbers;
      assert.deepEqual(
        { mapped, live, requested, holeBytes, largest, number, holes, external, internal },
        {
          mapped: bytes.mapped,
          live: bytes.live,
          requested: bytes.requested,
          holeBytes: bytes.holes,
          largest: bytes.largestHole,
          number: counts.live,
          holes: counts.holes,
          external: fragmentation.external,
          internal: fragmentation.internal,
        },
        policy,
      );
      assert.equal(unusable1K, unusable, policy);
      assert.match(head.notes.join(), /^Drawn as holes, .*: 150 blocks of .* in quarantine\.$/);
    }
    fs.rmSync(file('hardened.html'));
  });

  test('publishes nothing about heaps, since it makes none', options, async () => {
    const names = ['mems:heap:create', 'mems:heap:close', 'mems:grow'];
    const heard = [];
    const onMessage = (_, name) => heard.push(name);
    for (const policy of ['first-fit', 'buddy', 'segregated']) {
      const [empty, heap] = [new Heap({ policy }), new Heap({ policy })];
      heap.malloc(100);
      for (const name of names) subscribe(name, onMessage);
      await empty.report(file('quiet.html'));
      await heap.report(file('quiet.html'));
      for (const name of names) unsubscribe(name, onMessage);
      empty.close();
      heap.close();
    }
    assert.deepEqual(heard, []);
    fs.rmSync(file('quiet.html'));
  });

  test('refuses what it cannot do with a code', options, async () => {
    const heap = new Heap();
    for (const wrong of [undefined, 5, {}, 'a\0b']) {
      await assert.rejects(heap.report(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    await assert.rejects(heap.report(file('nowhere/heap.html')), {
      code: 'ERR_MEMS_RECORDING',
      message: /its folder does not exist/,
    });
    if (process.platform !== 'win32') {
      await assert.rejects(heap.report(file('n'.repeat(256))), {
        code: 'ERR_MEMS_RECORDING',
        message: /cannot write .*: its name is too long/,
      });
      assert.deepEqual(fs.readdirSync(folder), ['heap.html']);
    }
    heap.close();
  });

  test('refuses with a code where there is no temporary folder', options, async () => {
    const heap = new Heap();
    const names = ['TMPDIR', 'TMP', 'TEMP'];
    const were = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = file('nowhere');
    try {
      await assert.rejects(heap.report(file('live.html')), {
        code: 'ERR_MEMS_RECORDING',
        message: /^The report was not written: cannot write .*nowhere.*: its folder does not exist/,
      });
    } finally {
      names.forEach((name, at) => {
        if (were[at] === undefined) delete process.env[name];
        else process.env[name] = were[at];
      });
      heap.close();
    }
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
