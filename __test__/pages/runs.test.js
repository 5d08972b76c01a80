'use strict';

// What the lesson page shows of a program, with the addon in the place of the page's allocator: the exercises of textbooks as
// `mems lesson` works them out, the holes that were looked at, and questions.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { parse } = require('../../command/lib/calls.js');
const { EXERCISES } = require('../../command/lib/exercises.js');
const { lessonOf } = require('../../command/lib/link.js');
const { POLICIES } = require('../../command/library.js');
const { json, SKIP } = require('../helpers/command.js');
const { pageModule } = require('../helpers/lesson-page.js');
const { check, fc } = require('../helpers/property.js');

describe('the lesson page', SKIP, () => {
  let run;
  let question;
  let words;
  before(async () => {
    ({ run } = await pageModule('run.mjs'));
    question = await pageModule('question.mjs');
    words = await pageModule('words.mjs');
  });

  /** Runs a program. Its steps are those with all that is drawn, which are the same as those without. */
  const go = (lesson, text, policy = 'first-fit') => {
    const { calls, mistakes } = parse(text);
    assert.deepEqual(mistakes, []);
    const ran = run({ options: {}, rules: {}, ...lesson }, calls, policy);
    if (ran.refusal !== undefined) return ran;
    const steps = ran.steps.map((_, at) => ran.moment(at + 1));
    const short = ({ call, result, address, cell, message }) => [
      call,
      result,
      address,
      cell,
      message,
    ];
    assert.deepEqual(steps.map(short), ran.steps.map(short));
    const { isGiven } = ran;
    return { steps, isGiven };
  };

  for (const exercise of EXERCISES) {
    test(`${exercise.name} is worked out as by mems lesson`, async () => {
      const { results } = await json(['lesson', exercise.name]);
      const { run: text, ...lesson } = lessonOf(exercise);
      for (const { policy, steps } of results) {
        const ran = go(lesson, text, policy);
        for (const [at, step] of ran.steps.entries()) {
          const wanted = steps[at];
          const where = `${policy}, call ${at + 1}`;
          assert.equal(step.call.kind, wanted.call, where);
          if (wanted.call === 'malloc') {
            assert.equal(step.address, wanted.address, where);
            assert.equal(step.number, wanted.lookedAt, where);
            if (step.looked) assert.equal(step.looked.number, wanted.lookedAt, where);
            const hole = wanted.hole && [wanted.hole.size, wanted.hole.of];
            assert.deepEqual(step.hole && [step.hole.size, step.hole.of], hole, where);
          }
          const holes = step.after.flatMap(({ segments }) =>
            segments.filter(({ kind }) => kind === 'hole'),
          );
          assert.deepEqual(
            holes.map(({ start, size }) => ({ start, size })),
            wanted.holes,
            where,
          );
        }
      }
    });
  }

  test('holes are looked at in order, and each is refused or taken for a reason', () => {
    const memory = { holes: [100, 500, 200, 300, 600], base: 1000 };
    const looked = (policy) => {
      const { steps } = go({ memory }, 'malloc(212);malloc(150)', policy);
      return steps[1].looked.holes.map(({ size, why }) => `${size} ${why}`);
    };
    assert.deepEqual(looked('first-fit'), ['100 too small', '288 fits']);
    assert.deepEqual(looked('next-fit'), ['288 fits']);
    assert.deepEqual(looked('best-fit'), [
      '100 too small',
      '500 not the smallest',
      '200 fits: the smallest that does',
      '88 too small',
      '600 not the smallest',
    ]);
    assert.deepEqual(looked('worst-fit').slice(-2), ['300 not the largest', '388 not the largest']);
    const { steps } = go({ memory }, 'malloc(601)');
    assert.deepEqual(
      steps[0].looked.holes.map(({ why }) => why),
      Array(5).fill('too small'),
    );
    assert.equal(
      words.outcome(steps[0], { isGiven: true }),
      'No hole is large enough for 601 bytes, so the request must wait. The largest hole has 600.',
    );
  });

  test('a heap that grows: main blocks, what free joins, and the library’s own sentences', () => {
    const text =
      'a=malloc(1000);b=malloc(500);free(a);c=malloc(5000);free(b+1);free(a);free(b);get(c+1);malloc(0)';
    const ran = go({}, text);
    const says = ran.steps.map((step) => words.outcome(step, ran));
    assert.deepEqual(says.slice(0, 7), [
      'a gets 1,000 bytes at address 1000.',
      'b gets 500 bytes at address 2000.',
      'The block at 1000, 1,000 bytes, is free again. It becomes a hole of its own.',
      'c gets 5,000 bytes at address 5096.',
      "MeMS refuses this: 2001 is inside the block 2000..2499. Pass the block's start, 2000.",
      'MeMS refuses this: 1000 is not allocated. It is in the hole 1000..1999, which was freed or never allocated.',
      'The block at 2000, 500 bytes, is free again. It joins the holes before and after it: H 1000 (4,096 B).',
    ]);
    assert.match(
      says[8],
      /^MeMS refuses this: A size must be a whole number of bytes from 1 to 9007199254740991\. Received 0\.$/,
    );
    assert.equal(
      words.search(ran.steps[0], 'first-fit'),
      'There is no hole, so 4,096 bytes are mapped: a new main block.',
    );
    assert.equal(
      words.search(ran.steps[3], 'first-fit'),
      'None is large enough, so 8,192 bytes are mapped: a new main block.',
    );
    assert.deepEqual(
      ran.steps[3].after.map(({ start, size }) => [start, size]),
      [
        [1000, 4096],
        [5096, 8192],
      ],
    );
    assert.deepEqual(
      ran.steps[3].after[1].segments.map(({ kind, name }) => [kind, name]),
      [
        ['live', 'c'],
        ['hole', undefined],
      ],
    );
    const limited = go({ options: { maxSize: 4096 } }, 'malloc(4000);malloc(200);free(p1)');
    assert.deepEqual(
      limited.steps.map(({ result }) => result),
      ['placed', 'refused', 'nothing'],
    );
    assert.match(
      words.outcome(limited.steps[1], limited),
      /^Out of memory: a size of 200 needs 4096 more bytes/,
    );
    assert.match(words.outcome(limited.steps[2], limited), /^The malloc of p1 was refused/);
  });

  test('a policy that cannot have an exercise says why', () => {
    const { refusal } = go({ memory: { holes: [100, 200], base: 1000 } }, 'malloc(1)', 'buddy');
    assert.match(refusal, /one memory of a power of two/);
    assert.match(
      go({ options: { alignment: 1 } }, 'malloc(1)', 'segregated').refusal,
      /multiples of 16 bytes/,
    );
    const model = go(
      { memory: { holes: [60], base: 1000 }, rules: { header: 4 } },
      'a=malloc(10);free(a);get(a)',
    );
    assert.deepEqual(
      model.steps.map(({ result, address }) => [result, address]),
      [
        ['placed', 1004],
        ['freed', 1004],
        ['error', undefined],
      ],
    );
  });

  test('questions: every choice but one is wrong, and says why', () => {
    const { judge, choices, truth } = question;
    const memory = { holes: [100, 500, 200, 300, 600], base: 1000 };
    for (const policy of ['first-fit', 'next-fit', 'best-fit', 'worst-fit']) {
      const lesson = { memory, options: {}, rules: {} };
      const { steps } = go(lesson, 'malloc(212);malloc(417);malloc(112);malloc(426)', policy);
      for (const step of steps) {
        const all = choices(step, lesson);
        const verdicts = all.map(({ pick }) => judge(step, pick, { policy, lesson }));
        assert.deepEqual(
          all.filter((_, at) => verdicts[at].isRight).map(({ pick }) => pick),
          [truth(step)],
        );
        for (const { isRight, says } of verdicts)
          assert.match(says, isRight ? /^Right\. / : /^Not quite: .+\.$/);
      }
    }
    const lesson = { memory, options: {}, rules: {} };
    const [step] = go(lesson, 'malloc(150)', 'best-fit').steps;
    const says = (pick) => judge(step, pick, { policy: 'best-fit', lesson }).says;
    assert.match(says('1000'), /^Not quite: H 1000 \(100 B\) is too small: 150 bytes are needed\./);
    assert.match(
      says('1101'),
      /is large enough \(it is not the smallest\), but best-fit takes H 1602 \(200 B\)\./,
    );
    assert.match(says('wait'), /^Not quite: H 1602 \(200 B\) is large enough\./);
    const heap = { options: { maxSize: 8192 }, rules: {} };
    const ran = go(heap, 'a=malloc(4096);b=malloc(5000)');
    assert.deepEqual(
      ran.steps.map((each) => truth(each)),
      ['map', 'wait'],
    );
    assert.deepEqual(
      choices(ran.steps[1], heap).map(({ pick }) => pick),
      ['map', 'wait'],
    );
    assert.equal(
      judge(ran.steps[0], 'map', { policy: 'first-fit', lesson: heap }).says,
      'Right. There is no hole yet.',
    );
    assert.deepEqual([0, 25, 26, 52, 701, 702].map(question.letter), [
      'A',
      'Z',
      'AA',
      'BA',
      'ZZ',
      'AAA',
    ]);
    assert.equal(question.isQuestion(ran.steps[0], 'segregated'), false);
  });

  test('random programs: every step is a sentence, and every question has one right choice', (t) => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(0, 1.5, 5000, 2 ** 40));
    const offset = fc.constantFrom('', '+1', '-1', '+1000');
    const call = fc.oneof(
      fc.tuple(name, size).map(([block, bytes]) => `${block}=malloc(${bytes})`),
      size.map((bytes) => `malloc(${bytes})`),
      name.map((block) => `free(${block})`),
      fc
        .tuple(fc.constantFrom('free', 'get'), name, offset)
        .map(([kind, block, more]) => `${kind}(${block}${more})`),
      fc
        .tuple(fc.constantFrom('free', 'get'), fc.constantFrom(0, 999, 1000, 1100, 9999))
        .map(([kind, at]) => `${kind}(${at})`),
    );
    const memory = fc.oneof(
      fc.constantFrom(undefined, { holes: [1024], base: 0 }, { holes: [64], base: 1000 }),
      fc
        .array(fc.integer({ min: 1, max: 400 }), { minLength: 2, maxLength: 5 })
        .map((holes) => ({ holes, base: 1000 })),
    );
    const rules = fc.constantFrom(
      {},
      {},
      { header: 4 },
      { alignment: 8 },
      { coalesce: false, order: 'front' },
    );
    const program = fc.record({ memory, rules, calls: fc.array(call, { maxLength: 25 }) });
    const holds = ({ calls: texts, ...given }) => {
      // Lines that are no calls are left out, as on the page.
      const { calls } = parse(texts.join('\n'));
      for (const policy of POLICIES) {
        const lesson = { options: {}, ...given };
        const ran = run(lesson, calls, policy);
        if (ran.refusal !== undefined) {
          assert.notEqual(given.memory, undefined, ran.refusal);
          continue;
        }
        for (const at of calls.keys()) {
          const step = ran.moment(at + 1);
          assert.equal(step.result, ran.steps[at].result);
          assert.match(words.outcome(step, ran), /^\S.*\.$/);
          if (step.call.kind === 'malloc' && step.result !== 'error') {
            assert.match(words.search(step, policy), /^(?:[A-Z].*\.)?$/);
          }
          if (given.memory && step.result === 'placed') assert.equal(step.block, step.need);
          if (given.memory && step.result === 'refused') {
            const holes = step.before.flatMap(({ segments }) => segments);
            const large = holes.filter(({ kind, size: of }) => kind === 'hole' && of >= step.need);
            assert.deepEqual(large, []);
          }
          const bytes = step.after.reduce((sum, main) => sum + main.size, 0);
          const parts = step.after
            .flatMap(({ segments }) => segments)
            .reduce((sum, each) => sum + each.size, 0);
          assert.equal(parts, bytes);
          if (!question.isQuestion(step, policy)) continue;
          const picks = question.choices(step, lesson).map(({ pick }) => pick);
          const right = picks.filter(
            (pick) => question.judge(step, pick, { policy, lesson }).isRight,
          );
          assert.deepEqual(right, [question.truth(step)]);
        }
      }
    };
    check(t, program, holds, {
      runs: 200,
      show: ({ memory: of, rules: by, calls }) => JSON.stringify([of, by, calls]),
    });
  });
});
