'use strict';

// 200 rounds of init, 10,000 blocks and finish in one process leave its memory where the first
// rounds left it: neither pages nor bookkeeping nor mappings leak.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROUNDS = 200;
const BLOCKS = 10_000;
/** The first rounds warm the process up: code is compiled, the JS heap finds its size. */
const WARM_UP = 40;
/** One round's bookkeeping is 1 MiB and its pages 5 MiB: a leak of either would be 160 times that. */
const SLACK = 12 * 2 ** 20;
/** An emulator grows as well, by the code that it translates: by 13 MiB. */
const EMULATED_SLACK = 48 * 2 ** 20;

function rounds({ root, touch }) {
  const { readFileSync } = require('node:fs');
  const mems = require(root);
  const binding = require(`${root}/binding.js`);
  const { isEmulated, rss } = require(`${root}/__test__/helpers/rss.js`);
  const { quietly } = require(`${root}/__test__/helpers/console.js`);
  const maps = () => {
    try {
      return readFileSync('/proc/self/maps', 'latin1').split('\n').length;
    } catch {
      return 0;
    }
  };
  const measure = () => {
    global.gc();
    return { rss: rss(), maps: maps() };
  };
  const round = () => {
    mems.init();
    for (let i = 0; i < BLOCKS; i++) mems.malloc((i % 1000) + 1);
    if (touch) {
      const { buffer, offset } = binding.bufferSpan(0, 1000n, 0, true);
      const { mapped } = mems.stats().bytes;
      new Uint8Array(buffer, offset, mapped).fill(1);
      // The buffer's memory can move into one that MeMS does not know of: the mapping has to stay.
      kept = buffer instanceof ArrayBuffer && typeof buffer.transfer === 'function';
    }
    quietly(mems.finish);
  };
  let begun;
  let kept = false;
  let done = 0;
  // One turn of the event loop for each round: finalizers of buffers run between turns.
  (function next() {
    round();
    if (++done === WARM_UP) begun = measure();
    if (done < ROUNDS) {
      if (touch) global.gc();
      return setImmediate(next);
    }
    const ended = measure();
    const grown = { rss: ended.rss - begun.rss, maps: ended.maps - begun.maps };
    console.log(JSON.stringify({ ...grown, kept, emulated: isEmulated() }));
  })();
}

function growth(touch) {
  const root = path.join(__dirname, '..', '..');
  const constants = `const [BLOCKS, ROUNDS, WARM_UP] = [${BLOCKS}, ${ROUNDS}, ${WARM_UP}];`;
  const program = `${constants} (${rounds})(${JSON.stringify({ root, touch })})`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

for (const [title, touch] of [
  ['of bookkeeping', false],
  ['with every page touched through a buffer', true],
]) {
  test(`${ROUNDS} rounds ${title} leave no memory behind`, (t) => {
    const { rss, maps, kept, emulated } = growth(touch);
    const mappings = kept ? ROUNDS - WARM_UP : 0;
    t.diagnostic(`RSS grew by ${(rss / 2 ** 20).toFixed(1)} MiB, mappings by ${maps}`);
    assert.ok(rss < (emulated ? EMULATED_SLACK : SLACK), `RSS grew by ${rss} bytes`);
    assert.ok(maps < mappings + ROUNDS / 4, `${maps} mappings more than after the first rounds`);
  });
}

test('a thousand ended heaps leave the process its address space, though their buffers live on', {
  skip: process.platform !== 'linux' && 'Linux tells',
}, () => {
  // All in one turn: no buffer can be released meanwhile.
  const program = `
    const { readFileSync } = require('node:fs');
    const mems = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
    const { quietly } = require(${JSON.stringify(path.join(__dirname, '..', 'helpers', 'console.js'))});
    const kept = [];
    const terabytes = () => /VmSize:\\s*(\\d+)/.exec(readFileSync('/proc/self/status'))[1] / 2 ** 30;
    const before = terabytes();
    for (let i = 0; i < 500; i++) {
      mems.init();
      kept.push(mems.buffer(mems.malloc(100)).fill(1));
      quietly(mems.finish);
      const heap = new mems.Heap();
      kept.push(heap.buffer(heap.malloc(100)).fill(1));
      heap.close();
    }
    for (const buffer of kept) if (buffer.fill(2)[99] !== 2) throw new Error('not there');
    console.log(terabytes() - before);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(stderr, '');
  // A megabyte each; the regions themselves were up to a terabyte long.
  assert.ok(Number(stdout) < 0.1, `${stdout} TiB`);
});
