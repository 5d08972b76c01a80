'use strict';

// The sentences below a table of policies: each rule applies where it should, and not just beside it.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { SKIP } = require('../helpers/command.js');

/** Facts about policies, each { policy: [mapped, nanoseconds, more] }. */
function facts(policies, more = {}) {
  const results = Object.entries(policies).map(([policy, [mapped, nanoseconds = 50, other]]) => ({
    policy,
    mapped,
    nanoseconds,
    refused: 0,
    mainBlocks: 4400,
    holeBytes: 100,
    unusable: 0,
    ...other,
  }));
  const calls = { malloc: 1, free: 1, realloc: 1 };
  return { results, operations: 100_000, calls, unusableFor: 1024, ...more };
}

describe('advice', SKIP, () => {
  const within = (...args) => require('../../command/lib/advice.js').advise(facts(...args));
  const advise = within;

  test('says that there is no difference below 3 %', () => {
    const sentence = 'No difference worth a change: all map within 3% of each other.';
    assert.deepEqual(advise({ 'first-fit': [1000], 'best-fit': [1030] }), [sentence]);
    assert.notDeepEqual(advise({ 'best-fit': [1000], 'first-fit': [1031] }), [sentence]);
  });

  test('names those that are near the least', () => {
    const others = { 'best-fit': [1000], buddy: [1200] };
    assert.deepEqual(advise({ ...others, 'first-fit': [1030] }), [
      'best-fit maps least, and first-fit within 3% of it: no difference worth a change.',
    ]);
    assert.deepEqual(advise({ ...others, 'first-fit': [1031] }), [
      'best-fit maps least: 3% less than first-fit.',
    ]);
    assert.deepEqual(
      advise({ buddy: [1200], 'first-fit': [1000], 'best-fit': [1020], 'next-fit': [1010] }),
      [
        'first-fit maps least, and next-fit and best-fit within 3% of it: no difference worth a change.',
      ],
    );
  });

  test('names the least, and how much less it maps', () => {
    assert.deepEqual(advise({ 'first-fit': [1000], 'best-fit': [1200], buddy: [1300] }), [
      'first-fit maps least: 17% less than best-fit.',
    ]);
  });

  test('names a policy that is much quicker, if it maps little more', () => {
    const quick = (mapped, nanoseconds, more) => {
      return advise({ 'best-fit': [1000, 60], segregated: [mapped, nanoseconds] }, more).slice(1);
    };
    const taken =
      'segregated maps 10% more than best-fit and is 3.0 times as quick: take it unless memory is what you lack.';
    assert.deepEqual(quick(1100, 20), [taken]);
    assert.deepEqual(quick(1100, 41), []);
    assert.deepEqual(quick(1151, 20), []);
    assert.deepEqual(quick(1020, 20), ['segregated is 3.0 times as quick as best-fit: take it.']);
    // A short trace says nothing about time.
    assert.deepEqual(quick(1100, 20, { operations: 9_999 }), []);
  });

  test('warns of a policy that maps much more than all others, and says why', () => {
    const warn = (policy, mapped, more) =>
      advise({ 'best-fit': [1000], buddy: [1200], [policy]: [mapped] }, more).slice(1);
    assert.deepEqual(warn('worst-fit', 1500), [
      'worst-fit maps 1.5 times as much as best-fit: it cuts up the large holes that growing arrays need, and maps anew 4,400 times.',
    ]);
    assert.match(
      warn('worst-fit', 1500, { calls: { realloc: 0 } })[0],
      /holes that large requests need/,
    );
    assert.match(
      warn('next-fit', 12_000)[0],
      /^next-fit maps 12 times as much as best-fit: it leaves rests/,
    );
    assert.deepEqual(warn('worst-fit', 1499), []);
    // If another is about as wasteful, the policy is not the reason.
    assert.deepEqual(
      advise({ 'best-fit': [1000], buddy: [1400], 'worst-fit': [1600] }).slice(1),
      [],
    );
    for (const policy of ['first-fit', 'segregated', 'buddy']) {
      const [, sentence] = advise({ 'best-fit': [1000], 'next-fit': [1100], [policy]: [2000] });
      assert.match(
        sentence,
        new RegExp(`^${policy} maps 2\\.0 times as much as best-fit: [^.]+\\.$`),
      );
    }
    assert.match(
      advise({ 'first-fit': [1000], 'best-fit': [2000], buddy: [1200] })[1],
      /too small to use\.$/,
    );
  });

  test('says that the system had no memory, if there was no limit', () => {
    const some = { refused: 2, firstRefused: 5 };
    assert.deepEqual(advise({ buddy: [900, 50, some] }), [
      'The system had no memory for 2 requests.',
    ]);
  });

  test('says which policies serve all requests within a limit', () => {
    const advise = (policies) => within(policies, { limit: 1000 });
    const some = { refused: 7, firstRefused: 1234 };
    assert.deepEqual(advise({ 'first-fit': [1000], buddy: [900, 50, some] }), [
      'Within the limit only first-fit serves every request.',
    ]);
    assert.equal(
      advise({ 'first-fit': [1000], 'best-fit': [1000], buddy: [900, 50, some] })[0],
      'Within the limit only first-fit and best-fit serve every request.',
    );
    assert.deepEqual(
      advise({ 'first-fit': [1000, 50, some], buddy: [900, 50, { ...some, refused: 9 }] }),
      ['The limit is too low for every policy: first-fit refuses the fewest requests, 7.'],
    );
    assert.deepEqual(advise({ buddy: [900, 50, some] }), [
      'The limit is too low for buddy: the first request is refused at operation 1,234.',
    ]);
  });

  test('says how much of what is free cannot be used', () => {
    assert.deepEqual(advise({ 'first-fit': [1000, 50, { unusable: 0.72 }] }), [
      'Of the free bytes of first-fit, 72% are in holes too small for 1K.',
    ]);
    assert.deepEqual(advise({ 'first-fit': [1000, 50, { unusable: 0.49 }] }), []);
  });
});
