'use strict';

// The cases that the model shares with Rust are up to date with the model, and the heap gives the same results.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { capture } = require('../helpers/capture.js');
const { casesText } = require('../helpers/cases.js');
const { PAGE } = require('../helpers/policies.js');

const FILE = path.join(__dirname, '..', 'fixtures', 'cases.json');
const text = readFileSync(FILE, 'utf8').replaceAll('\r', '');
/** The model's options unless a case names others: those of init(). */
const DEFAULTS = {
  alignment: 1,
  minBlockSize: PAGE,
  growingBlocks: false,
  joinEmptyBlocks: false,
  autoTrim: false,
};

test('the cases are what the model gives; after a change of its rules: npm run cases', () => {
  assert.equal(text, casesText());
});

describe('the heap does as the model in the case of', () => {
  for (const { policy, options, calls, lines } of JSON.parse(text).cases) {
    test(`${policy} ${JSON.stringify(options)}`, () => {
      const heap = new Heap({ ...DEFAULTS, policy, ...options });
      for (const call of calls.split(' ')) {
        const [, sign, number, address] = /^([+-])(\d+)@?(.*)$/.exec(call);
        if (sign === '-') heap.free(BigInt(number));
        else if (address === '-') {
          const code = 'ERR_MEMS_OUT_OF_MEMORY';
          assert.throws(() => heap.malloc(Number(number)), { code }, call);
        } else assert.equal(String(heap.malloc(Number(number))), address, call);
      }
      assert.deepEqual(
        capture(() => heap.printStats()),
        lines.split('\n'),
      );
      heap.verify();
      heap.close();
    });
  }
});
