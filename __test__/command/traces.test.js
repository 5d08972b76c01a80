'use strict';

// mems inspect, compare and verify, on traces whose contents are counted another way.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { FREE, MALLOC, readTrace } = require('../../bench/trace.js');
const { json, mems, SKIP, temporaryFolder } = require('../helpers/command.js');
const { program, traceText } = require('../helpers/traces.js');

const TRACES = path.join(__dirname, '..', '..', 'bench', 'traces');

describe('commands on traces', SKIP, () => {
  const folder = temporaryFolder(after);
  const write = (name, calls) => {
    const file = path.join(folder, name);
    writeFileSync(file, traceText(calls));
    return file;
  };

  test('inspect counts what is in a trace', async () => {
    const found = await json(['inspect', path.join(TRACES, 'python-default.rep.gz')]);
    const { kind, slot, size, count } = readTrace('python-default');
    const born = new Map();
    const now = new Map();
    const [sizes, lifetimes] = [[], []];
    let [live, most] = [0, 0];
    for (let at = 0; at < count; at++) {
      live += size[at] - (now.get(slot[at]) ?? 0);
      most = Math.max(most, live);
      now.set(slot[at], size[at]);
      if (kind[at] === MALLOC) {
        sizes.push(size[at]);
        born.set(slot[at], at);
      } else if (kind[at] === FREE) {
        lifetimes.push(at - born.get(slot[at]));
        born.delete(slot[at]);
        now.delete(slot[at]);
      }
    }
    for (const list of [sizes, lifetimes]) list.sort((a, b) => a - b);
    const at = (list, share) => list[Math.ceil(share * list.length) - 1];
    const times = new Map();
    for (const each of sizes) times.set(each, (times.get(each) ?? 0) + 1);
    const { most: often, different, ...quantiles } = found.sizes;
    assert.deepEqual(quantiles, {
      median: at(sizes, 0.5),
      p90: at(sizes, 0.9),
      p99: at(sizes, 0.99),
      largest: sizes.at(-1),
    });
    assert.equal(different, times.size);
    const top = [...times]
      .map(([each, how]) => [how, each])
      .sort(([a], [b]) => b - a)
      .slice(0, 3);
    assert.deepEqual(
      often.map(({ size: each, times: how }) => [how, each]),
      top,
    );
    assert.deepEqual(found.lifetimes, {
      median: at(lifetimes, 0.5),
      p90: at(lifetimes, 0.9),
      p99: at(lifetimes, 0.99),
      longest: lifetimes.at(-1),
      temporary: lifetimes.filter((each) => each <= 10).length / sizes.length,
    });
    const bytes = [...now.values()].reduce((sum, each) => sum + each, 0);
    assert.deepEqual(found.neverFreed, { blocks: born.size, bytes });
    assert.equal(found.peak.bytes, most);
    assert.deepEqual(
      [found.calls.malloc, found.calls.free, found.operations],
      [sizes.length, lifetimes.length, count],
    );
  });

  test('inspect prints facts that are not broken, and what comes next', async () => {
    const file = write('short.rep', ['a 0 1000', 'a 1 24', 'f 1', 'a 1 24', 'r 0 2000']);
    const { stdout, status } = await mems(['inspect', file]);
    assert.equal(status, 0);
    assert.match(stdout, /^short {3}text trace, no addresses {3}5 operations\n/);
    assert.match(
      stdout,
      /^ {2}calls {6}malloc 3 {3}free 1 {3}realloc 1 {3}never freed 2 \(1\.98 KiB\)$/m,
    );
    assert.match(stdout, /^ {2}peak {7}1\.98 KiB in 2 blocks {3}at operation 5$/m);
    assert.match(
      stdout,
      /^ {2}sizes {6}median 24 {3}90% 1,000 {3}99% 1,000 {3}largest 1,000\n {13}most: 24 B \(67%\), 1,000 B \(33%\)$/m,
    );
    assert.match(
      stdout,
      /^ {2}lifetimes {2}median 1 operation {3}90% 1 {3}temporary \(10 or fewer\) 33%$/m,
    );
    assert.ok(
      stdout.endsWith(`Next: mems replay ${file}\n`) || stdout.includes('\nNext: mems replay\n'),
      stdout,
    );
    const nothing = write('nothing.rep', []);
    assert.equal((await mems(['inspect', nothing])).status, 0);
    assert.equal((await json(['inspect', nothing])).sizes.median, 0);
  });

  test('compare shows what has changed, and fails over a bound', async () => {
    const a = write('small.rep', program(200, 200));
    const b = write('large.rep', program(200, 900));
    const { measures, policy } = await json(['compare', a, b]);
    assert.equal(policy, 'first-fit');
    const of = (name) => measures.find((each) => each.name === name);
    const [first, second] = await Promise.all(
      [a, b].map(async (file) => (await json(['replay', file, '--policy', 'first-fit'])).files[0]),
    );
    assert.deepEqual([of('peak').a, of('peak').b], [first.peak.bytes, second.peak.bytes]);
    assert.deepEqual(
      [of('mapped').a, of('mapped').b],
      [first.results[0].mapped, second.results[0].mapped],
    );
    assert.equal(of('peak').change, second.peak.bytes / first.peak.bytes - 1);
    assert.equal(of('operations').change, 0);
    const over = await mems(['compare', a, b, '--fail-over', '5%']);
    assert.equal(over.status, 1);
    assert.match(over.stdout, /^peak is \d+\.\d% more, and --fail-over is 5\.0%\.$/m);
    // Less is never over, and neither is what is just at the bound.
    assert.equal((await mems(['compare', b, a, '--fail-over', '0'])).status, 0);
    assert.equal((await mems(['compare', a, a, '--fail-over', '0'])).status, 0);
    assert.equal((await mems(['compare', a, b, '--fail-over', '1000'])).status, 0);
    assert.equal(
      (await json(['compare', a, b, '--fail-over', '5'])).measures.find(
        ({ name }) => name === 'peak',
      ).over,
      true,
    );
  });

  test('compare takes two policies of one trace', async () => {
    const file = write('one.rep', program(200, 900));
    const { a, b, file: named } = await json(['compare', file, '--policy', 'first-fit,buddy']);
    assert.deepEqual([a, b, named], ['first-fit', 'buddy', file]);
    for (const args of [
      [file],
      [file, file, file],
      [file, file, '--policy', 'all'],
      ['-', '-'],
      [],
    ]) {
      const { status, stderr } = await mems(['compare', ...args]);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, /^mems: [^\n]+\n$/);
    }
  });

  test('verify replays with every invariant checked', async () => {
    const file = write('fine.rep', program(200, 900));
    const { stdout, status } = await mems(['verify', file, '--policy', 'all']);
    assert.equal(status, 0);
    assert.match(stdout, /^fine: whole\. \d+ operations/);
    assert.equal(stdout.match(/: every\sinvariant\sholds/g).length, 6);
    assert.equal((await json(['verify', file])).ok, true);
  });

  test('one thing is counted as one', async () => {
    const one = write('single.rep', ['a 0 100']);
    const printed = async (name, ...args) => {
      const { stdout } = await mems([name, one, ...args]);
      return stdout.replaceAll('\n', ' ');
    };
    const verified = await printed('verify');
    assert.match(verified, /^single: whole\. 1 operation, each/);
    assert.match(verified, /, 1 block and 1 hole at the end/);
    assert.match(
      await printed('replay'),
      /^single: 1 operation, peak 100 B live in 1 block policy/,
    );
    const csv = path.join(folder, 'single.csv');
    assert.match(
      await printed('export', '--format', 'csv', '-o', csv),
      /single\.csv: 1\s+operation\./,
    );
  });

  test('compare writes from ten times as much on how many times it is', async () => {
    const few = write('few.rep', ['a 0 1000']);
    const nine = write('nine.rep', ['a 0 9000']);
    const many = write('many.rep', ['a 0 991000']);
    const compared = async (other, ...args) => {
      const { stdout } = await mems(['compare', few, other, ...args]);
      return stdout.replaceAll('\n', ' ');
    };
    assert.match(await compared(nine), /peak .* \+800\.0% /);
    const factor = await compared(many, '--fail-over', '5%');
    assert.match(factor, /peak +1,?000 B +967\.77 KiB +991x /);
    assert.match(factor, /peak is 991 times as much, and --fail-over is 5\.0%\./);
  });

  test('verify names what is wrong with a file, and with a heap', async (t) => {
    const cut = path.join(folder, 'cut.rep');
    writeFileSync(cut, traceText(program(50, 90)).slice(0, 300));
    const { status, stdout, stderr } = await mems(['verify', cut]);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /is cut off|is no operation/);
    // No heap of the library is corrupt, so one is made to say so.
    const { Heap } = require('@sambhav-gautam/osmemoryallocator');
    t.mock.method(Heap.prototype, 'verify', () => {
      throw Object.assign(new Error('two holes are neighbours'), { code: 'ERR_MEMS_CORRUPT' });
    });
    const file = write('corrupt.rep', program(20, 90));
    const wrong = await mems(['verify', file]);
    assert.equal(wrong.status, 1);
    assert.match(
      wrong.stdout.replaceAll('\n', ' '),
      /an invariant of the heap does not hold: two holes are neighbours/,
    );
    assert.deepEqual((await json(['verify', file])).ok, false);
  });
});
