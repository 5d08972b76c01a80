'use strict';

// Exercises on placement from textbooks, with the published results: with the heap through its public API, in a memory of only 4096
// bytes, and with the model. command/textbook.json names the source of each, and how the results were checked.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { buddy, program, tables } = require('../../command/textbook.json');
const { Model, PAGE } = require('../helpers/model.js');

const FIRST = 1000;

/** One page to place blocks in, to the byte, and no other page. */
const MEMORY = { minBlockSize: PAGE, maxSize: PAGE, growingBlocks: false, joinEmptyBlocks: false };

/** The two that must agree, as functions that make a memory with one policy. */
const MEMORIES = {
  'the heap': (policy) => {
    const heap = new Heap({ policy, ...MEMORY, alignment: 1, autoTrim: false });
    const largestHole = () => heap.stats().bytes.largestHole;
    return {
      malloc(size) {
        try {
          return Number(heap.malloc(size));
        } catch (error) {
          assert.equal(error.available, largestHole());
          throw error;
        }
      },
      free: (address) => heap.free(BigInt(address)),
      chains: () => [...heap.chains()].map(({ segments }) => [...segments].map(plain)),
      waste: () => heap.stats().bytes.live - heap.stats().bytes.requested,
      end: () => {
        heap.verify();
        heap.close();
      },
    };
  },
  'the model': (policy) => {
    const model = new Model({ policy, ...MEMORY });
    return {
      malloc: (size) => model.take(size),
      free: (address) => model.free(BigInt(address)),
      chains: () => model.chains().map(({ segments }) => segments.map(plain)),
      waste: () => model.liveBytes - model.requestedBytes,
      end: () => {},
    };
  },
};

/** A segment of either as { live, start, size }, in numbers. */
const plain = ({ kind, live = kind === 'live', start, size }) => ({
  live,
  start: Number(start),
  size,
});

const holesOf = (memory) => memory.chains().flatMap((main) => main.filter(({ live }) => !live));

/** The address of a block, or '-' if there is no room; then nothing may have changed, and the error names the largest hole. */
function ask(memory, size) {
  const before = memory.chains();
  try {
    return memory.malloc(size);
  } catch (error) {
    assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
    assert.deepEqual(memory.chains(), before);
    return '-';
  }
}

/** Makes these holes in a memory, with a wall behind each and nothing else free. Returns their addresses. */
function partition(memory, sizes) {
  const starts = sizes.map((size) => {
    const start = memory.malloc(size);
    memory.malloc(1);
    return start;
  });
  memory.malloc(holesOf(memory)[0].size);
  for (const start of starts) memory.free(start);
  assert.deepEqual(
    holesOf(memory).map(({ size }) => size),
    sizes,
  );
  return starts;
}

for (const [name, open] of Object.entries(MEMORIES)) {
  describe(`${name} places blocks as textbooks say`, () => {
    for (const { name: row, source, holes, requests, answers, left } of tables) {
      for (const [policy, expected] of Object.entries(answers)) {
        test(`${row} by ${policy}: ${source}`, () => {
          const memory = open(policy);
          const starts = partition(memory, holes);
          const taken = requests.map((size) => {
            const before = holesOf(memory);
            const address = ask(memory, size);
            if (address === '-') {
              assert.ok(before.every((hole) => hole.size < size));
              return '-';
            }
            const at = starts.findLastIndex((start) => start <= address);
            const hole = before.find(({ start }) => start === address);
            return hole.size === holes[at] ? `${holes[at]}` : `${holes[at]}>${hole.size}`;
          });
          assert.deepEqual(taken, expected);
          if (left?.[policy]) {
            const rests = starts.map((start, at) => {
              const inside = ({ start: hole }) => hole >= start && hole < start + holes[at];
              return holesOf(memory).find(inside)?.size ?? 0;
            });
            assert.deepEqual(rests, left[policy]);
          }
          memory.end();
        });
      }
    }

    for (const [policy, expected] of Object.entries(program.addresses)) {
      test(`${program.name} by ${policy}: ${program.source}`, () => {
        const memory = open(policy);
        partition(memory, [program.size]);
        const blocks = [];
        for (const call of program.calls) {
          if (call[0] === '+') blocks.push(ask(memory, Number(call.slice(1))));
          else memory.free(blocks[call.slice(1)]);
        }
        const last = blocks.slice(-expected.length).map((it) => (it === '-' ? null : it));
        assert.deepEqual(last, expected);
        memory.end();
      });
    }

    for (const { name: row, source, calls } of buddy) {
      test(`${row} by buddy: ${source}`, () => {
        const memory = open('buddy');
        const unit = PAGE / 1024;
        const blocks = new Map();
        const inUnits = ({ start, size }) => [(start - FIRST) / unit, size / unit];
        for (const call of calls) {
          const [, sign, block, size, rest] = /^([+-])([A-Z])(\d*) ?(.*)$/.exec(call);
          if (sign === '+') {
            const start = memory.malloc(size * unit);
            blocks.set(block, start);
            const [place, waste] = rest.split(' waste ');
            const segment = memory.chains()[0].find((each) => each.start === start);
            assert.equal(inUnits(segment).join('/'), place, call);
            if (waste !== undefined) assert.equal(memory.waste(), waste * unit);
            continue;
          }
          memory.free(blocks.get(block));
          if (rest === '') continue;
          const free = holesOf(memory).map((hole) => {
            const [offset, units] = inUnits(hole);
            return `${units}@${offset}`;
          });
          assert.deepEqual(free.sort(), rest.split(' ').sort(), call);
        }
        memory.end();
      });
    }
  });
}
