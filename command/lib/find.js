// What `/` finds in a program: an address, id:7, size>4096, oom, mark:text. The search begins after an operation and continues at the
// first one when it has reached the last.

'use strict';

const { KIND } = require('./recordings.js');
const { parseSize } = require('./numbers.js');

const COMPARE = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
};
const HINT = 'write an address, id:7, size>4096, oom or mark:text';

const asks = (kind) => {
  return [KIND.malloc, KIND.realloc, KIND.refusedMalloc, KIND.refusedRealloc].includes(kind);
};
const hasBlock = (kind) => kind > KIND.block && kind <= KIND.refusedRealloc;

/** Whether the block that an event is about has `address` in it. The size of a freed block is in `sizes`. */
function atAddress(address) {
  const sizes = new Map();
  return ({ program, addresses }, at) => {
    const [is, id] = [program.kind[at], program.block[at]];
    if (is < KIND.block || is > KIND.realloc) return false;
    if (is !== KIND.free) sizes.set(id, program.size[at]);
    const start = addresses[at];
    return start !== 0 && start <= address && address < start + Math.max(1, sizes.get(id) ?? 1);
  };
}

/** A test of an event, `matches(timeline, at)`, for what was typed; throws an Error whose message is what to write instead. */
function parse(text) {
  const word = text.trim();
  if (/^\d+n?$/.test(word)) return atAddress(Number.parseInt(word, 10));
  if (/^0x[\da-f]+$/i.test(word)) return atAddress(Number(word));
  if (word === 'oom') return (timeline, at) => timeline.isRefused(at);
  const [, id] = /^id:\s*(\d+)$/.exec(word) ?? [];
  if (id !== undefined) {
    return ({ program }, at) => hasBlock(program.kind[at]) && program.block[at] === Number(id);
  }
  const [, mark] = /^mark:(.*)$/.exec(word) ?? [];
  if (mark !== undefined) {
    const lower = mark.trim().toLowerCase();
    return ({ program }, at) => {
      return program.kind[at] === KIND.mark && program.textOf(at).toLowerCase().includes(lower);
    };
  }
  const [, sign, size] = /^size\s*([<>]=?|=)\s*(.+)$/.exec(word) ?? [];
  if (sign !== undefined) {
    const bound = parseSize(size);
    const holds = COMPARE[sign];
    return ({ program }, at) => asks(program.kind[at]) && holds(program.size[at], bound);
  }
  throw new Error(HINT);
}

/**
 * The next operation after `from` that `text` describes; undefined if there is none. An address is looked for from the first operation
 * on, since the size of a block is known from its malloc. O(n) for n operations.
 */
function find(text, timeline, from) {
  const matches = parse(text);
  const { program } = timeline;
  let first;
  for (let at = 0; at < program.events; at++) {
    const operation = at - program.initial + 1;
    if (!matches(timeline, at) || operation < 1) continue;
    if (operation > from) return operation;
    first ??= operation;
  }
  return first;
}

module.exports = { HINT, find };
