// Works an exercise out: requests for given holes, or a program of calls, by one policy.
//
// An exercise is { holes, calls, base }: the sizes of the holes, and calls as { kind: 'malloc', size, name } or { kind: 'free',
// name }. Costs O(calls * holes).

'use strict';

const { Failure } = require('./failure.js');
const { openMemory } = require('./memory.js');
const { parseSize } = require('./numbers.js');

/** A program as options write it, `+10,+5,-0` or `+A10,-A`: a malloc, or a free of the block with that number or name. */
function parseCalls(text) {
  let mallocs = 0;
  const live = new Set();
  return text.split(',').map((word) => {
    const [, sign, letter, number] = /^\s*([+-])([A-Za-z]?)(\d*)\S*\s*$/.exec(word) ?? [];
    const isMalloc = sign === '+' && number !== '';
    if (!isMalloc && (sign !== '-' || (letter === '') === (number === ''))) {
      throw new Failure(
        `"${word}" is no call: write +10 for malloc(10), and -0 to free its block.`,
      );
    }
    const name = letter || (isMalloc ? String(mallocs) : number);
    if (isMalloc) {
      mallocs += 1;
      live.add(name);
      return { kind: 'malloc', name, size: parseSize(number) };
    }
    if (!live.delete(name)) throw new Failure(`"${word}" frees a block that is not allocated.`);
    return { kind: 'free', name };
  });
}

/** How many holes are looked at in the order of the list, until the one that is taken is known. */
function lookedAt(policy, holes, taken, rover) {
  if (policy === 'best-fit' || policy === 'worst-fit' || taken < 0) return holes.length;
  if (policy !== 'next-fit') return taken + 1;
  const first = holes.findIndex(({ start, size }) => start + size > rover);
  return first < 0 ? taken + 1 : ((taken - first + holes.length) % holes.length) + 1;
}

/**
 * The steps of an exercise by `policy`, with `rules` of the memory. A step is the call with `address` (null if it must wait), `hole`
 * (what was taken: its partition and its size), `lookedAt`, and `holes` and `left` after it.
 */
function work({ holes: sizes, calls, base }, { policy, ...rules }) {
  const memory = openMemory({ ...rules, policy, holes: sizes, base });
  const starts = sizes.map(
    (_, at) => base + sizes.slice(0, at).reduce((sum, each) => sum + each + 1, 0),
  );
  const partitionOf = (address) => starts.findLastIndex((start) => start <= address);
  const blocks = new Map();
  let rover = Number.POSITIVE_INFINITY;
  const header = rules.header ?? 0;
  const steps = calls.map((call) => {
    if (call.kind === 'free') {
      const address = blocks.get(call.name);
      blocks.delete(call.name);
      // A block that was refused has nothing to free.
      if (address !== undefined) memory.free(address);
      return { ...call, address: address ?? null, holes: memory.holes() };
    }
    const before = memory.holes();
    const address = memory.malloc(call.size);
    if (address === null) {
      const largest = Math.max(0, ...before.map(({ size }) => size));
      const looked = lookedAt(policy, before, -1, rover);
      return { ...call, address, largest, lookedAt: looked, holes: before };
    }
    blocks.set(call.name, address);
    const from = address - header;
    const taken = before.findIndex(({ start, size }) => start <= from && from < start + size);
    const partition = partitionOf(from);
    const hole = { partition, size: before[taken].size, of: sizes[partition] };
    const looked = lookedAt(policy, before, taken, rover);
    rover = from + memory.blockSize(address);
    const block = memory.blockSize(address);
    return { ...call, address, block, hole, lookedAt: looked, holes: memory.holes() };
  });
  for (const step of steps) {
    step.left = sizes.map((_, at) => {
      const inside = step.holes.filter(({ start }) => partitionOf(start) === at);
      return inside.reduce((total, { size }) => total + size, 0);
    });
  }
  memory.close();
  return steps;
}

/** What a step has taken, as the exercises write it: '500', '500>288' for the rest of an earlier hole, '-'. */
function answer({ address, hole }) {
  if (address === null) return '-';
  return hole.size === hole.of ? `${hole.of}` : `${hole.of}>${hole.size}`;
}

module.exports = { answer, parseCalls, work };
