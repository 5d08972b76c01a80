'use strict';

// mems demo: the addresses of the README's example, drawn.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const printed = require('../fixtures/seed.json');
const { json, mems, SKIP } = require('../helpers/command.js');

describe('mems demo', SKIP, () => {
  test('shows the chains of the example in the README', async () => {
    const { steps } = await json(['demo']);
    const [init, first] = steps;
    assert.deepEqual([init.call, init.mainBlocks], ['init()', []]);
    assert.deepEqual([first.call, first.result], ['malloc(1000)', 1000]);
    // As printStats prints the one main block of the example.
    const [{ start, size, segments }] = first.mainBlocks;
    const chain = segments.map(({ kind, start: from, size: bytes }) => {
      return `<${kind === 'live' ? 'P' : 'H'}>[SVA:${from}:EVA:${from + bytes - 1}]`;
    });
    const line = `MAIN[${start}:${start + size - 1}] -> ${[...chain, '<NULL>'].join(' <-> ')}`;
    assert.ok(printed.one.includes(line), `${line} is not in ${printed.one}`);
    assert.equal(steps.at(-1).call, 'finish()');
  });

  test('prints each call, and its bar to scale', async () => {
    const { stdout, status } = await mems(['demo']);
    assert.equal(status, 0);
    assert.match(stdout, /^1\/7 {2}init\(\) +nothing is mapped yet$/m);
    const bar =
      /^2\/7.*\n.*\n {5}MAIN 1000\.\.5095\n {5}(\|P0 +)(\|░+\|)\n {6}P0 1000:1999 ↔ H 2000:5095$/m.exec(
        stdout,
      );
    assert.ok(bar, stdout);
    const share = bar[1].length / (bar[1].length + bar[2].length);
    assert.ok(Math.abs(share - 1000 / 4096) < 0.02, String(share));
  });
});
