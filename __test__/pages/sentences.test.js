'use strict';

// What the lesson page says about a step is true: each test is a link to a lesson, with what the page says about its calls.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { parse } = require('../../command/lib/calls.js');
const { read } = require('../../command/lib/link.js');
const { SKIP } = require('../helpers/command.js');
const { pageModule } = require('../helpers/lesson-page.js');

/** The exercise T12 with a header of four bytes. */
const HEADERS =
  '1&memory=100&header=4&run=p0=malloc(10);p1=malloc(5);p2=malloc(30);p3=malloc(5);p4=malloc(20);p5=malloc(5);free(p0);free(p2);free(p4);p6=malloc(15);p7=malloc(8);p8=malloc(22)&policy=first-fit';

describe('sentences of the lesson page', SKIP, () => {
  let run;
  let question;
  let words;
  before(async () => {
    ({ run } = await pageModule('run.mjs'));
    question = await pageModule('question.mjs');
    words = await pageModule('words.mjs');
  });

  /** Opens a link. Returns its lesson, and for each call the step with all that is drawn, and what is said about it. */
  function open(link) {
    const lesson = read(link);
    const { calls, mistakes } = parse(lesson.run);
    assert.deepEqual(mistakes, []);
    const ran = run(lesson, calls, lesson.policy);
    const steps = calls.map((_, at) => ran.moment(at + 1));
    const said = steps.map((step) => words.outcome(step, ran));
    return { lesson, steps, said, last: steps.at(-1) };
  }

  const whys = ({ looked }) => looked.holes.map(({ start, why }) => `${start} ${why}`);

  test('a header is part of what a request needs', () => {
    const { said, last } = open(HEADERS);
    assert.deepEqual(said.slice(-2), [
      'p7 gets 8 bytes (12 with its header) at address 1004.',
      'No hole is large enough for 22 bytes (26 with its header), so the request must wait. The largest hole has 24.',
    ]);
    assert.equal(last.need, 26);
    assert.deepEqual(
      last.looked.holes.map(({ why }) => why),
      Array(4).fill('too small'),
    );
    const { judge, choices } = question;
    const { lesson } = open(HEADERS);
    const { pick } = choices(last, lesson).find(({ size }) => size === 24);
    assert.match(
      judge(last, pick, { policy: 'first-fit', lesson }).says,
      /^Not quite: H 1066 \(24 B\) is too small: 26 bytes are needed\./,
    );
  });

  test('rounding is part of it too', () => {
    const aligned = open('1&memory=20&align=16&run=a=malloc(1);b=malloc(3)&policy=best-fit');
    assert.deepEqual(aligned.said, [
      'a gets 1 byte (16 rounded up) at address 1000.',
      'No hole is large enough for 3 bytes (16 rounded up), so the request must wait. The largest hole has 4.',
    ]);
    const both = open('1&memory=60&align=8&header=4&run=a=malloc(10)&policy=first-fit');
    assert.deepEqual(both.said, [
      'a gets 10 bytes (20 rounded up and with its header) at address 1004.',
    ]);
    const buddy = open('1&memory=1024@0&run=a=malloc(600);b=malloc(513)&policy=buddy');
    assert.match(buddy.said[1], /^No hole is large enough for 513 bytes \(1,024 rounded up\)/);
  });

  test('first fit on a list by another order takes the first of the list', () => {
    const link =
      '1&memory=100&order=back&run=a=malloc(10);b=malloc(10);free(a);c=malloc(5)&policy=first-fit';
    const { lesson, last } = open(link);
    const all = question.choices(last, lesson);
    // The choices are in the order of the list, which the page prints.
    assert.deepEqual(
      all.map(({ pick, letter }) => [pick, letter]),
      [
        ['1020', 'A'],
        ['1000', 'B'],
        ['wait', undefined],
      ],
    );
    assert.deepEqual(last.listBefore, [
      { start: 1020, size: 80 },
      { start: 1000, size: 10 },
    ]);
    assert.equal(last.listAfter[0].start, 1025);
    const says = (pick) => question.judge(last, pick, { policy: 'first-fit', lesson }).says;
    const rule = 'First-fit takes the first hole of the list that is large enough.';
    assert.equal(says('1020'), `Right. ${rule}`);
    assert.equal(
      says('1000'),
      `Not quite: H 1000 (10 B) is large enough, but first-fit takes H 1020 (80 B). ${rule}`,
    );
    assert.equal(open(link.replace('&order=back', '')).last.listBefore, undefined);
  });

  test('of several holes of one size, best and worst fit take the first', () => {
    const link = '1&memory=100,200,100&run=malloc(90)&policy=best-fit';
    assert.deepEqual(whys(open(link).last), [
      '1000 fits: the smallest that does',
      '1101 not the smallest',
      '1302 as small, but later',
    ]);
    assert.deepEqual(
      whys(open('1&memory=200,100,200&run=malloc(90)&policy=worst-fit').last).slice(1),
      ['1201 not the largest', '1302 as large, but later'],
    );
    const heap =
      '1&run=a=malloc(90);malloc(10);c=malloc(90);malloc(10);free(a);free(c);malloc(80)&policy=best-fit';
    assert.deepEqual(whys(open(heap).last), [
      '1000 fits: the smallest that does',
      '1100 as small, but later',
      '1200 not the smallest',
    ]);
    const pages = '1&run=a=malloc(4096);b=malloc(4096);free(a);free(b);malloc(9)&policy=worst-fit';
    assert.deepEqual(whys(open(pages).last), [
      '1000 fits: the largest',
      '5096 as large, but later',
    ]);
  });

  test('a main block that grows is no new one', () => {
    const { steps, last, lesson } = open(
      '1&join&run=a=malloc(4096);free(a);b=malloc(6000)&policy=first-fit',
    );
    assert.equal(
      words.search(steps[0], 'first-fit'),
      'There is no hole, so 4,096 bytes are mapped: a new main block.',
    );
    assert.equal(last.after.length, last.before.length);
    assert.equal(
      words.search(last, 'first-fit'),
      'None is large enough, so 4,096 bytes are mapped: the last main block grows.',
    );
    assert.match(
      question.judge(last, 'wait', { policy: 'first-fit', lesson }).says,
      /so more is mapped: the last main block grows\.$/,
    );
  });

  test('spans that are given back are not said to be mapped', () => {
    const { last } = open(
      '1&max=8192&join&run=v0=malloc(248);free(v0);v1=malloc(1244);free(v1);v2=malloc(3417)&policy=segregated',
    );
    assert.equal(last.appended, 0);
    assert.match(
      words.search(last, 'segregated'),
      /: no slot of that size is free, so spans without blocks are given back for it\.$/,
    );
  });

  test('a block alone in its memory becomes a hole, but not between blocks', () => {
    const { said } = open('1&memory=10&run=a=malloc(10);free(a)&policy=first-fit');
    assert.equal(
      said[1],
      'The block at 1000, 10 bytes, is free again. It becomes a hole of its own.',
    );
  });

  test('get in an exercise says where the byte is, as there is nothing more to see', () => {
    const { said } = open(
      '1&memory=100&run=a=malloc(10);get(a+5);get(a);get(1001)&policy=first-fit',
    );
    assert.deepEqual(said.slice(1), [
      'a + 5 is 1005, 5 bytes after the first address.',
      'a is 1000, the first address.',
      'The address 1001 is 1 byte after the first address.',
    ]);
  });

  test('a malloc that the library refuses has no block', () => {
    const { said } = open('1&run=a=malloc(0);free(a);get(a+1)&policy=first-fit');
    assert.deepEqual(said.slice(1), [
      'The malloc of a was refused, so there is no block to free.',
      'The malloc of a was refused, so there is no block to look up.',
    ]);
  });

  test('a name whose malloc was refused is taken, and free makes it free', () => {
    const { mistakes } = parse('a=malloc(200);a=malloc(10)');
    assert.deepEqual(
      mistakes.map(({ message }) => message),
      ['the name a is taken: write free(a) first, or take another name.'],
    );
    const { said } = open('1&memory=100&run=a=malloc(200);free(a);a=malloc(10)&policy=first-fit');
    assert.equal(said[2], 'a gets 10 bytes at address 1000.');
  });

  test('a heap of more than 1 GiB cannot be worked out', () => {
    const { calls } = parse('a=malloc(5)');
    for (const options of [{ maxSize: 2 ** 42 }, { minBlockSize: 2 ** 31 }]) {
      const { refusal } = run({ options, rules: {} }, calls, 'first-fit');
      assert.match(refusal, /a heap of a lesson has at most 1 GiB/);
    }
  });

  test('an exercise with other rules is not said to be that of its source', async () => {
    const { aboutOf, known } = await pageModule('lessons.mjs');
    const about = (link) => {
      const lesson = read(link);
      return aboutOf(known(lesson), lesson);
    };
    assert.equal(about(HEADERS), 'The calls of T12, with rules of your own.');
    assert.match(about(HEADERS.replace('header=4', 'header=0')), /^Arpaci-Dusseau, .* -H 0 /);
    assert.equal(about('1&memory=7&run=malloc(1)'), 'An exercise of your own.');
    assert.equal(about('1&run=malloc(1)'), 'A program of your own.');
  });

  test('blocks that can be freed are those that are live, however they were freed', async () => {
    const { liveBlocks } = await pageModule('run.mjs');
    const live = (link, hidden = Number.POSITIVE_INFINITY) => {
      return Object.fromEntries(liveBlocks(open(link).steps, hidden));
    };
    const link = '1&run=a=malloc(10);b=malloc(20);free(1000);free(b+1)&policy=first-fit';
    assert.deepEqual(live(link), { b: 20 });
    // What is hidden may have been refused: its block is there until a free names it.
    const refused = '1&memory=10&run=a=malloc(20);b=malloc(20);free(b)&policy=first-fit';
    assert.deepEqual(live(refused), {});
    assert.deepEqual(live(refused, 0), { a: 20 });
  });

  test('one byte is one', () => {
    const { said } = open('1&memory=10,20&run=malloc(9);malloc(1)&policy=first-fit');
    assert.deepEqual(said, [
      '9 bytes are cut off the front of the hole of 10; 1 is left.',
      '1 byte is cut off the front of the 1 byte that is left of the hole of 10; 0 are left.',
    ]);
  });

  test('to be refused is always a choice, and a heap without a main block asks nothing', () => {
    const { steps, lesson } = open(
      '1&run=a=malloc(5000);b=malloc(5000);c=malloc(10)&policy=first-fit',
    );
    assert.deepEqual(
      steps.map((step) => question.isQuestion(step, 'first-fit')),
      [false, true, true],
    );
    for (const step of steps) {
      const picks = question.choices(step, lesson).map(({ pick }) => pick);
      assert.deepEqual(picks.slice(-2), ['map', 'wait']);
    }
    const full = open('1&memory=10&run=a=malloc(10);b=malloc(1)&policy=first-fit');
    assert.deepEqual(
      full.steps.map((step) => question.isQuestion(step, 'first-fit')),
      [true, false],
    );
  });
});
