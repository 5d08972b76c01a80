// What mems step says about an operation: its call, what came of it, which holes were looked at and why each was refused.

'use strict';

const { count, plural } = require('./numbers.js');
const { KIND } = require('./kinds.js');

const sizeOf = (size) => `${count(size)} B`;
const holeOf = ({ start, size }) => `H ${start} (${sizeOf(size)})`;

// A name that is part of it may be anything, and a terminal obeys control characters.
const quoted = (text) => `"${text.replace(/\p{Cc}/gu, '?')}"`;

/** An operation as the list of operations has it. `address` is left out if it is 0. */
function listed(program, at, address, glyphs) {
  const { kind, block, size } = program;
  const gives = address === 0 ? '' : `  ${glyphs.gives} ${address}`;
  switch (kind[at]) {
    case KIND.malloc:
      return `malloc ${count(size[at])}${gives}`;
    case KIND.free:
      return block[at] > 0xffff_fff0 ? 'free of an unknown block' : `free block ${block[at]}`;
    case KIND.realloc:
      return `realloc block ${block[at]} to ${count(size[at])}${gives}`;
    case KIND.refusedMalloc:
      return `malloc ${count(size[at])}, refused`;
    case KIND.refusedRealloc:
      return `realloc to ${count(size[at])}, refused`;
    case KIND.grow:
      return `grow by ${count(size[at])}`;
    case KIND.trim:
      return 'trim';
    default:
      return `mark ${quoted(program.textOf(at))}`;
  }
}

/** The call of an event. */
function call({ kind, id, size, text }) {
  switch (kind) {
    case KIND.malloc:
    case KIND.refusedMalloc:
      return `malloc(${count(size)})`;
    case KIND.free:
      return `free(block ${id})`;
    case KIND.realloc:
      return `realloc(block ${id}, ${count(size)})`;
    case KIND.refusedRealloc:
      return `realloc(${count(size)})`;
    case KIND.grow:
      return 'grow';
    case KIND.trim:
      return 'trim';
    default:
      return `mark ${quoted(text)}`;
  }
}

/** What came of an event. */
function outcome(event, { gives }) {
  const { kind, id, size, address, from, isRefused, freed } = event;
  if (isRefused) return 'refused: no hole fits, and the heap can map no more';
  switch (kind) {
    case KIND.malloc:
      return `${gives} block ${id} at ${address}`;
    case KIND.realloc:
      if (from === 0) return `${gives} block ${id} at ${address}`;
      return address === from ? `in place at ${address}` : `moved from ${from} to ${address}`;
    case KIND.free:
      return freed === undefined ? 'nothing is known of it' : `${address}, ${sizeOf(freed.size)}`;
    case KIND.grow:
      return `${sizeOf(size)} of main block are appended, for the next request`;
    case KIND.trim:
      return 'free pages are given back to the system';
    default:
      return '';
  }
}

/** Some of the holes that were looked at, as { words, left }: `left` is how many are not named. */
function named({ holes, number }, most, paint) {
  const at = Math.max(
    0,
    holes.findIndex(({ isTaken }) => isTaken),
  );
  const from = Math.max(0, Math.min(at - most + 2, holes.length - most));
  const shown = holes.slice(from, from + most);
  const words = shown.map((hole) => {
    const text = `${holeOf(hole)} ${hole.why}`;
    return hole.isTaken ? paint.bold(text) : text;
  });
  return { words, left: number - shown.length };
}

/** How a policy without a list has found its place. */
function unlisted({ policy, size, placement: { hole, need, appended } }) {
  const rounded = need === size ? '' : `rounded up to ${sizeOf(need)}: `;
  if (hole === undefined && appended > 0) {
    return `${rounded}no hole fits, so ${sizeOf(appended)} are mapped`;
  }
  if (hole === undefined) {
    return `${rounded}no slot of that size is free, so spans without blocks are given back for it`;
  }
  if (policy === 'buddy') {
    const halved = Math.max(0, Math.round(Math.log2(hole.size / need)));
    const times = halved === 0 ? 'which is just that' : `halved ${plural(halved, 'time')}`;
    return `${rounded}takes ${holeOf(hole)}, ${times}`;
  }
  const is = hole.size === need ? 'a free slot of that size' : 'cut off from it';
  return `${rounded}takes ${holeOf(hole)}, ${is}`;
}

/** Why a block is where it is, as one text. `most` is how many holes it names. */
function why(event, policy, most, paint) {
  const { kind, placement, freed, from, address } = event;
  if (freed !== undefined) return whyFree(freed);
  if (placement === undefined) return '';
  if (from !== 0) {
    const { appended } = placement;
    return appended > 0 ? `${sizeOf(appended)} are mapped` : '';
  }
  const { looked, appended } = placement;
  if (looked === undefined) {
    return address === 0 || kind === KIND.refusedMalloc
      ? ''
      : unlisted({ policy, size: event.size, placement });
  }
  const { words, left } = named(looked, most, paint);
  const grown = appended > 0 ? `, so ${sizeOf(appended)} are mapped` : '';
  const all = looked.number === 0 ? 'there is no hole' : '';
  if (words.length === 0) return `${all}${grown}`;
  const more = left > 0 ? `${plural(looked.number, 'hole')}, of which ` : '';
  const end = looked.isTaken ? '' : `; none fits${grown}`;
  return `looked at ${more}${words.join(', ')}${end}`;
}

function whyFree({ isGone, isBefore, isAfter, hole }) {
  if (isGone) return 'its main block is given back';
  const sides = [isBefore && 'before', isAfter && 'after'].filter(Boolean);
  if (sides.length === 0) return 'it becomes a hole of its own';
  const holes = sides.length === 2 ? 'the holes before and after it' : `the hole ${sides[0]} it`;
  return `it joins ${holes}: ${holeOf(hole)}`;
}

module.exports = { call, holeOf, listed, outcome, sizeOf, unlisted, why, whyFree };
