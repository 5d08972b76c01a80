'use strict';

// The programs that one types on the lesson page, and the links that have them: both are read again as they were written, and what
// cannot be read is a sentence.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { MOST, parse, programOf } = require('../../command/lib/calls.js');
const { EXERCISES } = require('../../command/lib/exercises.js');
const link = require('../../command/lib/link.js');
const { SKIP } = require('../helpers/command.js');
const { check, fc } = require('../helpers/property.js');

const texts = (text) => parse(text).calls.map((call) => call.text);
/** Calls without the lines that they are on: a link has each on its own. */
const callsOf = (text) => parse(text).calls.map(({ line, ...call }) => call);

describe('programs', SKIP, () => {
  test('a call a line, or several with semicolons; comments; sizes with units; addresses', () => {
    const text = `a = malloc(100)  # the first
      const b=malloc( 4K );free(a);   // and one more
    malloc(1.5M)
    get(b + 10); get(1000n); free(p2)`;
    const { calls, mistakes } = parse(text);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(
      calls.map(({ kind, name, size, base, offset, line }) => [
        kind,
        name ?? base,
        size ?? offset,
        line,
      ]),
      [
        ['malloc', 'a', 100, 1],
        ['malloc', 'b', 4096, 2],
        ['free', 'a', 0, 2],
        ['malloc', 'p2', 1.5 * 2 ** 20, 3],
        ['get', 'b', 10, 4],
        ['get', undefined, 1000, 4],
        ['free', 'p2', 0, 4],
      ],
    );
    assert.deepEqual(texts('x=malloc(2);free(x-1);get(x+0);malloc(3)'), [
      'x = malloc(2)',
      'free(x - 1)',
      'get(x)',
      'malloc(3)',
    ]);
  });

  test('a mistake names its line and what to write; the other lines are calls', () => {
    const wrong = [
      ['free(a)', /there is no block a yet: allocate it first, a = malloc\(100\)/],
      ['a = malloc(1)\na = malloc(2)', /the name a is taken: write free\(a\) first/],
      ['malloc()', /malloc takes a size in bytes/],
      ['malloc(ten)', /"ten" is no size: write bytes, as in 4096/],
      ['free()', /free takes an address/],
      ['get(<b>)', /"<b>" is no address: write a number or a block/],
      ['print("x")', /"print\("x"\)" is no call: write a = malloc\(100\), free\(a\)/],
    ];
    for (const [text, message] of wrong) {
      const { calls, mistakes } = parse(`b = malloc(7)\n\n${text}\nfree(b)`);
      assert.equal(mistakes.length, 1, text);
      assert.equal(mistakes[0].line, 2 + text.split('\n').length, text);
      assert.match(mistakes[0].message, message);
      assert.deepEqual([calls[0].text, calls.at(-1).text], ['b = malloc(7)', 'free(b)']);
    }
    // A name is free again after free, and what no heap takes is a call: the library says why.
    assert.deepEqual(parse('a=malloc(0);free(a);free(a);a=malloc(-5);get(9)').mistakes, []);
    const long = 'malloc(1)\n'.repeat(MOST + 1);
    assert.deepEqual(parse(long).calls.length, MOST);
    assert.match(parse(long).mistakes[0].message, /at most 256 calls/);
  });

  test('the programs of all exercises are read as the exercises are', () => {
    for (const exercise of EXERCISES) {
      const { calls, mistakes } = parse(programOf(exercise));
      assert.deepEqual(mistakes, [], exercise.name);
      const kinds = calls.map(({ kind, size }) => [kind, size]);
      assert.deepEqual(
        kinds,
        exercise.calls.map(({ kind, size }) => [kind, size]),
        exercise.name,
      );
    }
  });
});

const size = fc.integer({ min: 1, max: 9999 });
const maybe = (arbitrary) => fc.option(arbitrary, { nil: undefined });
const line = fc.oneof(
  fc.constantFrom(
    'a = malloc(1)',
    'free(a)',
    ' const b  =  malloc( 4K ) ',
    'get(a + 10); free(b)',
    'x y',
    '',
    ';;',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 12 }).map((text) => `# ${text}`),
  size.map((bytes) => `malloc(${bytes})`),
);
const common = {
  policy: fc.constantFrom('first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'),
  run: fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n')),
  step: maybe(fc.integer({ min: 0, max: 300 })),
  ask: maybe(fc.constant(true)),
};
const heap = fc.record({
  ...common,
  options: fc.record(
    {
      alignment: fc.constantFrom(1, 16),
      minBlockSize: size,
      maxSize: size,
      growingBlocks: fc.constant(true),
      joinEmptyBlocks: fc.constant(true),
    },
    { requiredKeys: [] },
  ),
  rules: fc.constant({}),
});
const exercise = fc.record({
  ...common,
  memory: fc.record({
    holes: fc.array(size, { minLength: 1, maxLength: 6 }),
    base: fc.integer({ min: 0, max: 2 ** 40 }),
  }),
  options: fc.constant({}),
  rules: fc.record(
    {
      header: fc.integer({ min: 1, max: 64 }),
      alignment: fc.integer({ min: 2, max: 64 }),
      order: fc.constantFrom('size', 'size-down', 'front', 'back'),
      coalesce: fc.constant(false),
    },
    { requiredKeys: [] },
  ),
});

describe('links', SKIP, () => {
  test('a lesson is the same after it was a link', (t) => {
    check(
      t,
      fc.oneof(heap, exercise),
      (lesson) => {
        const text = link.write(lesson);
        // What an address may have behind its #, and nothing that ends it in a text.
        assert.match(text, /^1&[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*$/);
        assert.match(text, /&policy=[a-z-]+$/);
        const { run, ...rest } = link.read(text);
        const { run: was, ...others } = JSON.parse(JSON.stringify(lesson));
        assert.deepEqual(JSON.parse(JSON.stringify(rest)), others);
        assert.deepEqual(callsOf(run), callsOf(was), text);
        assert.equal(parse(run).mistakes.length, parse(was).mistakes.length, text);
        // A second time nothing changes.
        assert.equal(link.write({ ...rest, run }), text);
      },
      { runs: 1000 },
    );
  });

  test('the order of addresses is what a lesson has without one', () => {
    const words = '1&memory=100,500&run=malloc(90)&policy=first-fit';
    for (const named of ['order=address', 'order=back&order=address']) {
      assert.equal(link.write(link.read(`${words}&${named}`)), words);
    }
    assert.equal(link.read(`${words}&order=address&order=back`).rules.order, 'back');
  });

  test('comments are as they were typed', () => {
    const comments = ['# 100% %3B; %253B & %', '// a;b & %3b;', '#;', '# %;%3B'];
    const run = comments.map((comment, at) => `x${at}=malloc(${at + 1})${comment}`).join('\n');
    const text = link.write({ options: {}, run, policy: 'first-fit' });
    assert.equal(link.read(text).run, run, text);
    // What is no call is kept as well.
    const wrong = link.write({ options: {}, run: 'malloc(%3B)', policy: 'first-fit' });
    assert.equal(link.read(wrong).run, 'malloc(%3B)');
  });

  test('links can be read by people', () => {
    const lesson = { memory: { holes: [100, 500], base: 1000 }, policy: 'best-fit', ask: true };
    const run = 'a = malloc(90)\nmalloc(450)\nfree(a + 1)';
    assert.equal(
      link.write({ ...lesson, run }),
      '1&memory=100,500&ask&run=a=malloc(90);malloc(450);free(a+1)&policy=best-fit',
    );
    for (const each of EXERCISES) {
      const { memory, policy } = link.read(link.write(link.lessonOf(each)));
      assert.deepEqual(
        [memory.holes, memory.base, policy],
        [each.holes, each.base, each.policies[0]],
      );
    }
  });

  test('a heap of more than 1 GiB and more than 64 holes are refused', () => {
    for (const word of ['max=4T', 'min=4T', 'max=1073741825']) {
      assert.throws(
        () => link.read(`1&${word}&run=malloc(1)`),
        /a heap of a lesson has at most 1 GiB/,
      );
    }
    assert.equal(link.read('1&max=1G&min=1G').options.maxSize, 2 ** 30);
    const holes = (count) => Array(count).fill(1).join(',');
    assert.equal(link.read(`1&memory=${holes(64)}`).memory.holes.length, 64);
    assert.throws(() => link.read(`1&memory=${holes(65)}`), /at most 64 holes, and these are 65/);
  });

  test('a link that cannot be read is a sentence, whatever it has', (t) => {
    const wrong = [
      ['', /begins with #1/],
      ['install', /begins with #1/],
      ['2&run=malloc(1)', /newer version/],
      ['1&polcy=best-fit', /"polcy=best-fit" is nothing that this page knows/],
      ['1&policy=best-fi', /did you mean best-fit\?/],
      ['1&policy=constructor', /no policy "constructor"/],
      ['1&__proto__=1', /nothing that this page knows/],
      ['1&memory=100,x', /"x" is no size/],
      ['1&memory=', /"" is no size/],
      ['1&memory=1@2@3', /no list of holes/],
      ['1&run=%E0%A4', /damaged, or was cut off/],
      ['1&step=-1', /write a whole number from 0/],
      ['1&ask=yes', /nothing that this page knows/],
      [`1&run=${'malloc(1);'.repeat(3000)}`, /too long/],
    ];
    for (const [text, message] of wrong) assert.throws(() => link.read(text), { message }, text);
    const any = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `1&${text}`),
      fc
        .constantFrom('memory', 'run', 'policy', 'step', 'min', 'align')
        .chain((name) => fc.string().map((text) => `1&${name}=${text}`)),
    );
    check(
      t,
      any,
      (text) => {
        try {
          link.read(text);
        } catch (error) {
          assert.equal(error.constructor.name, 'Failure', error.stack);
        }
      },
      { runs: 2000, stream: 1 },
    );
  });
});
