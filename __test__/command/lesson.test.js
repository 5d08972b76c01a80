'use strict';

// mems lesson: the exercises of textbooks with their published results, the model for what MeMS has no option for, and questions
// without solutions.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');
const textbook = require('../../command/textbook.json');
const { pagePath } = require('../../command/library.js');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');

/** What a step of a result has taken, as textbook.json writes it. */
const answer = ({ address, hole }) => {
  if (address === null) return '-';
  return hole.size === hole.of ? `${hole.of}` : `${hole.of}>${hole.size}`;
};

describe('mems lesson works out as textbooks do', SKIP, () => {
  for (const { name, slug, answers, left = {}, source } of textbook.tables) {
    test(`${name}, ${slug}`, async () => {
      const result = await json(['lesson', name]);
      assert.equal(result.by, 'library');
      assert.equal(result.exercise.source, source);
      for (const { policy, steps } of result.results) {
        assert.deepEqual(steps.map(answer), answers[policy], policy);
        if (left[policy]) assert.deepEqual(steps.at(-1).left, left[policy], policy);
      }
      assert.deepEqual(
        result.results.map(({ policy }) => policy).sort(),
        Object.keys(answers).sort(),
      );
      const { stdout, status } = await mems(['lesson', slug, '--policy', 'all']);
      assert.equal(status, 0);
      assert.ok(stdout.replace(/\s+/g, ' ').includes(source.replace(/\s+/g, ' ')), stdout);
      // The table of the text has the same results, a column a policy.
      const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
      const head = rows.findIndex(([word]) => word === 'request');
      const policies = rows[head].slice(1);
      const shown = rows.slice(
        head + 1,
        head + 1 + textbook.tables.find((each) => each.name === name).requests.length,
      );
      for (const [at, policy] of policies.entries()) {
        assert.deepEqual(
          shown.map((row) => row[at + 1]),
          answers[policy],
          policy,
        );
      }
    });
  }

  test(`${textbook.program.name}, ${textbook.program.slug}`, async () => {
    const { results } = await json(['lesson', textbook.program.slug]);
    for (const [policy, expected] of Object.entries(textbook.program.addresses)) {
      const { steps } = results.find((each) => each.policy === policy);
      const addresses = steps.filter(({ call }) => call === 'malloc').map(({ address }) => address);
      assert.deepEqual(addresses.slice(-expected.length), expected, policy);
    }
  });

  for (const { name, slug, calls } of textbook.buddy) {
    test(`${name}, ${slug}`, async () => {
      const { results } = await json(['lesson', name]);
      assert.deepEqual(
        results.map(({ policy }) => policy),
        ['buddy'],
      );
      const { steps } = results[0];
      const blocks = new Map();
      let holes = [{ start: 0, size: 1024 }];
      for (const [at, call] of calls.entries()) {
        const step = steps[at];
        const [, sign, block, , rest] = /^([+-])([A-Z])(\d*) ?(.*)$/.exec(call);
        assert.deepEqual([step.call, step.block], [sign === '+' ? 'malloc' : 'free', block]);
        const free = (list) => list.reduce((total, { size }) => total + size, 0);
        if (sign === '+') {
          const [place, waste] = rest.split(' waste ');
          const size = free(holes) - free(step.holes);
          blocks.set(block, size - step.size);
          assert.equal(`${step.address}/${size}`, place, call);
          const wasted = [...blocks.values()].reduce((total, each) => total + each, 0);
          if (waste !== undefined) assert.equal(wasted, Number(waste), call);
        } else {
          blocks.delete(block);
          const shown = step.holes.map(({ start, size }) => `${size}@${start}`).sort();
          if (rest !== '') assert.deepEqual(shown, rest.split(' ').sort(), call);
        }
        holes = step.holes;
      }
    });
  }
});

describe('mems lesson takes exercises of one’s own', SKIP, () => {
  test('holes and requests, by one policy, step by step', async () => {
    const args = ['--holes', '100,500,200,300,600', '--requests', '212,417,112,426'];
    const { stdout, status } = await mems(['lesson', ...args, '--policy', 'first-fit']);
    assert.equal(status, 0);
    assert.match(stdout, /^212\n {2}hole 500 → 288 left {3}looked at 2\n/m);
    assert.match(stdout, /^112\n {2}hole 288, the rest of 500 → 176 left {3}looked at 2\n/m);
    assert.match(stdout, /^426\n {2}must wait: the largest hole has 300 bytes {3}looked at 5\n/m);
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80),
      stdout,
    );
  });

  test('the buddy system searches no list', async () => {
    const { stdout } = await mems(['lesson', 'B2']);
    assert.doesNotMatch(stdout, /looked at/);
    assert.match(
      stdout,
      /^buddy rounds the request up to a power of two and takes the smallest hole/m,
    );
    const { results } = await json(['lesson', 'B2']);
    assert.equal(
      results[0].steps.some((step) => 'lookedAt' in step),
      false,
    );
  });

  test('a rule is true for the order of the list', async () => {
    const args = ['lesson', '--calls', '+10,+10,-0,+5', '--policy', 'first-fit', '--order'];
    const { stdout } = await mems([...args, 'back']);
    assert.match(stdout, /^first-fit takes the first hole of the list that is large enough\.$/m);
    assert.match(stdout, /^Freed holes go to the back of the list\.$/m);
    const sized = await mems([...args, 'size-down']);
    assert.match(sized.stdout, /^The list of holes is sorted by size, the largest first\.$/m);
  });

  test('a request that must wait says how much it takes, if that is more', async () => {
    const calls = '+10,+5,+30,+5,+20,+5,-0,-2,-4,+15,+8,+22';
    const args = ['lesson', '--calls', calls, '--header', '4', '--policy', 'first-fit'];
    const { stdout } = await mems(args);
    assert.match(stdout, /^ {2}must wait for 26 bytes: the largest hole has 24 bytes /m);
    const one = await mems(['lesson', '--calls', '+9,+2', '--size', '10', '--policy', 'best-fit']);
    assert.match(one.stdout, /^ {2}must wait: the largest hole has 1 byte {3}/m);
  });

  test('a header, rounding, orders and holes that stay apart are the model’s, and the output says so', async () => {
    const program = ['lesson', '--calls', '+10,+10,+10,-0,-1,+20', '--size', '60'];
    const last = async (...flags) => {
      const { by, results } = await json([...program, ...flags]);
      return [by, ...results.map(({ steps }) => steps.at(-1).address)];
    };
    // Joined, the first two blocks make room for the third request; apart they do not.
    assert.deepEqual(await last('--policy', 'first-fit'), ['library', 1000]);
    assert.deepEqual(await last('--policy', 'first-fit', '--no-coalescing'), ['model', 1030]);
    assert.deepEqual(await last('--policy', 'first-fit', '--header', '4'), ['model', 1004]);
    assert.deepEqual(await last('--policy', 'first-fit', '--align', '16'), ['model', 1000]);
    // The largest node comes first in the list, then the smallest.
    assert.deepEqual(
      await last('--policy', 'first-fit', '--order', 'size-down', '--no-coalescing'),
      ['model', 1030],
    );
    assert.deepEqual(await last('--order', 'back', '--no-coalescing'), ['model', 1030, 1030, 1030]);
    const { stdout } = await mems([...program, '--header', '4', '--no-coalescing']);
    assert.match(
      stdout.replaceAll('\n', ' '),
      /Worked out by a model of a free list, not by the library: MeMS has no headers, no way/,
    );
  });

  test('the list keeps the order that is asked for', async () => {
    // Frees of 10 bytes at 1000 and 20 at 1015, beside 60 at the end.
    const program = ['lesson', '--calls', '+10,+5,+20,+5,-0,-2', '--size', '100'];
    const starts = async (order) => {
      const { results } = await json([
        ...program,
        '--policy',
        'best-fit',
        '--order',
        order,
        '--no-coalescing',
      ]);
      return results[0].steps.at(-1).holes.map(({ start }) => start);
    };
    assert.deepEqual(await starts('address'), [1000, 1015, 1040]);
    assert.deepEqual(await starts('size'), [1000, 1015, 1040]);
    assert.deepEqual(await starts('size-down'), [1040, 1015, 1000]);
    assert.deepEqual(await starts('front'), [1015, 1000, 1040]);
    assert.deepEqual(await starts('back'), [1040, 1000, 1015]);
  });

  test('a seed repeats a random exercise, in which the policies differ', async () => {
    const first = await json(['lesson', 'random', '--seed', '7']);
    assert.deepEqual(await json(['lesson', '--seed', '7']), first);
    assert.notDeepEqual(
      (await json(['lesson', '--seed', '8'])).exercise.holes,
      first.exercise.holes,
    );
    const answers = first.results.map(({ steps }) => steps.map(answer).join());
    assert.equal(new Set(answers).size, answers.length);
    const program = [
      'lesson',
      'random-calls',
      '--seed',
      '1',
      '--operations',
      '30',
      '--share',
      '70%',
    ];
    assert.equal((await json(program)).exercise.calls.length, 30);
    assert.deepEqual(await json(program), await json(program));
  });

  test('--ask prints no answers into a pipe', async () => {
    const { stdout, status } = await mems(['lesson', 'T1', '--ask']);
    assert.equal(status, 0);
    assert.match(stdout, /requests {2}212 {2}417 {2}112 {2}426/);
    assert.doesNotMatch(stdout, /288|176|left by/);
    assert.equal((await json(['lesson', 'T1', '--ask'])).results, undefined);
  });

  test('what cannot be worked out is refused in a line that says what to do', async () => {
    const refused = async (args, pattern) => {
      const { status, stdout, stderr } = await mems(['lesson', ...args]);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, pattern);
      assert.match(stderr, /^mems: [^\n]+\n$/);
    };
    await refused([], /mems lesson --list/);
    await refused(['silbershatz-five'], /did you mean silberschatz-five\?/);
    await refused(['T1', '--policy', 'bestfit'], /did you mean best-fit\?/);
    await refused(['T1', '--policy', 'segregated'], /size classes/);
    await refused(['T1', '--policy', 'buddy'], /power of two/);
    await refused(['T1', '--polcy', 'best-fit'], /Did you mean --policy\?/);
    await refused(
      ['T1', '--policy', 'next-fit', '--header', '8'],
      /the model that has knows only first-fit/,
    );
    await refused(['T1', '--holes', '1,2', '--requests', '1'], /leave the name/);
    await refused(['--holes', '1,2'], /give both/);
    await refused(['--holes', '1,x', '--requests', '1'], /"x" is no size/);
    await refused(['--holes', '0', '--requests', '1'], /"0" is no size/);
    await refused(['--holes', '2G', '--requests', '1'], /more than 1 GiB/);
    await refused(['--calls', '+5,-1'], /"-1" frees a block that is not allocated/);
    await refused(['--calls', '5'], /"5" is no call/);
    await refused(['T1', 'T2'], /one argument too many/);
    await refused(['T1', '--order', 'adress'], /did you mean address\?/);
    await refused(['--calls', ''], /"" is no call/);
    await refused(['T1', '--seed', '5'], /--seed belongs to random exercises/);
    await refused(['--calls', '+5', '--share', '50%'], /--share belongs to random-calls/);
    await refused(['random', '--operations', '5'], /--operations belongs to random-calls/);
    await refused(['T1', '--size', '50'], /--size belongs to exercises in one memory/);
  });
});

describe('mems lesson --page', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = path.join(folder, 'page.html');
  const isBuilt = existsSync(pagePath('lesson.html'));

  test('writes the page, once, or says how it is built', async () => {
    const args = ['lesson', 'T1', '--policy', 'best-fit', '--ask', '--page', '-o', file];
    const { status, stderr } = await mems(args);
    if (!isBuilt) {
      assert.equal(status, 2);
      assert.match(
        stderr,
        /^mems: the lesson page has not been built in this checkout: run npm run build:pages[^\n]+\n$/,
      );
      return assert.equal(existsSync(file), false);
    }
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(
      readFileSync(file, 'utf8'),
      /<meta name="mems-lesson" content="1&amp;memory=100,500,200,300,600&amp;ask&amp;run=malloc\(212\);malloc\(417\);malloc\(112\);malloc\(426\)&amp;policy=best-fit">/,
    );
    const again = await mems(args);
    assert.deepEqual([again.status, /replace it with -f/.test(again.stderr)], [2, true]);
    const { page, link } = await json([...args, '-f', '--header', '4', '--policy', 'first-fit']);
    assert.equal(page, file);
    assert.match(link, /^1&memory=100,500,200,300,600&ask&header=4&run=.*&policy=first-fit$/);
    const { stdout } = await mems(['lesson', '--page', '-o', '-']);
    assert.match(stdout, /^<!doctype html>.*<meta name="mems-lesson" content="">.*<\/html>\s*$/s);
  });

  test('a folder is no file, with -f or without', async () => {
    for (const more of [[], ['-f']]) {
      const { status, stderr } = await mems(['lesson', '--page', '-o', folder, ...more]);
      assert.deepEqual([status, stderr], [2, `mems: cannot write ${folder}: it is a folder.\n`]);
    }
  });

  test('a random exercise on a page can be made again', { skip: !isBuilt }, async () => {
    const args = ['lesson', 'random', '--page', '-f', '-o', file];
    const { stdout } = await mems(args);
    const [, seed] = /^Seed (\d+): --seed \1 writes the same again\.$/m.exec(stdout);
    const [one, other] = [await json([...args, '--seed', seed]), readFileSync(file, 'utf8')];
    assert.equal(one.seed, Number(seed));
    await mems([...args, '--seed', seed]);
    assert.equal(readFileSync(file, 'utf8'), other);
    assert.equal('seed' in (await json(['lesson', 'T1', '--page', '-f', '-o', file])), false);
  });

  test('what cannot be written is refused in a line', async () => {
    const refused = async (args, pattern) => {
      const { status, stdout, stderr } = await mems(['lesson', ...args]);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, pattern);
      assert.match(stderr, /^mems: [^\n]+\n$/);
    };
    await refused(['--page'], /name the file to write/);
    await refused(['T1', '-o', file], /--output belongs to --page/);
    await refused(['T1', '-f'], /--force belongs to --page/);
    await refused(['--page', '-o', file, '--policy', 'best-fit'], /--policy is about an exercise/);
    await refused(
      ['--page', '-o', file, '--no-coalescing'],
      /--no-coalescing is about an exercise/,
    );
    await refused(['--page', '-o', '-', '--json'], /--json needs -o with a file/);
    await refused(['T1', '--page', '-o', file, '--policy', 'buddy'], /power of two/);
    await refused(['T99', '--page', '-o', file], /no exercise "T99"/);
    await refused(
      ['random-calls', '--operations', '300', '--page', '-o', file],
      /at most 256 calls/,
    );
    await refused(['--page', '--list', '-o', file], /leave one out/);
    const many = Array(65).fill(10).join(',');
    await refused(
      ['--holes', many, '--requests', '5', '--page', '-o', file],
      /at most 64 holes, and these are 65/,
    );
  });
});
