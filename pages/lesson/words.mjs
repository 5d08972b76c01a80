// What the page says about a step, in sentences.

import { count, plural } from '../../command/lib/numbers.js';
import { unlisted, whyFree } from '../../command/lib/step-text.js';

const bytes = (size) => plural(size, 'byte');
/** What `number` bytes are, or one is. */
const be = (number) => (number === 1 ? 'is' : 'are');
const sentence = (text) =>
  `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;

/** The bytes of a request, with the bytes that its block takes if these are more: `header` of them are before the block. */
function asked(size, block, header = 0) {
  if (size === block) return bytes(size);
  const whys = [size + header !== block && 'rounded up', header > 0 && 'with its header'];
  return `${bytes(size)} (${count(block)} ${whys.filter(Boolean).join(' and ')})`;
}

/** What a malloc has got. */
function placed({ call, address, block, hole }, { isGiven, header }) {
  const { name, size } = call;
  const taken = asked(size, block, header);
  if (!isGiven) return `${name} gets ${taken} at address ${address}.`;
  const rest = hole.size - block;
  const of =
    hole.size === hole.of
      ? `the hole of ${count(hole.of)}`
      : `the ${bytes(hole.size)} that ${be(hole.size)} left of the hole of ${count(hole.of)}`;
  return `${taken} ${be(size)} cut off the front of ${of}; ${count(rest)} ${be(rest)} left.`;
}

/** Which address a get was about, and where that is. */
function found({ call, address, offset }, { isHeap }) {
  const what = call.base === undefined ? 'The address' : call.text.slice(4, -1);
  if (isHeap) return `${what} is ${address}: “Where is a byte?” below takes it apart.`;
  const where = offset === 0 ? 'the first address' : `${bytes(offset)} after the first address`;
  return call.base === undefined
    ? `The address ${address} is ${where}.`
    : `${what} is ${address}, ${where}.`;
}

/** What came of a step. */
export function outcome(step, run) {
  const { call, result, address, joined, message, largest, need } = step;
  switch (result) {
    case 'placed':
      return placed(step, run);
    case 'refused':
      if (message !== undefined) return sentence(message);
      return `No hole is large enough for ${asked(call.size, need, run.header)}, so the request must wait. The largest hole has ${count(largest)}.`;
    case 'freed':
      return `The block at ${address}, ${bytes(joined.size)}, is free again. ${sentence(whyFree(joined))}`;
    case 'found':
      return found(step, run);
    case 'nothing':
      return `The malloc of ${call.base} was refused, so there is no block to ${call.kind === 'get' ? 'look up' : 'free'}.`;
    default:
      return `MeMS refuses this: ${message.replace(/\.$/, '')}.`;
  }
}

/** What was mapped for a malloc: a main block, or more of the last one. */
export function mapped({ before, after }) {
  return after.length > before.length ? 'a new main block' : 'the last main block grows';
}

/** How a malloc that looks at no list of holes has found its place; what was mapped for one that does. */
export function search(step, policy) {
  const { call, looked, appended, hole, need, result } = step;
  if (looked === undefined) {
    if (result === 'refused') return '';
    const said = unlisted({ policy, size: call.size, placement: { hole, need, appended } });
    return sentence(said);
  }
  const none = looked.number === 0 ? 'There is no hole' : 'None is large enough';
  if (appended > 0) return `${none}, so ${bytes(appended)} are mapped: ${mapped(step)}.`;
  return looked.isTaken ? '' : `${none}.`;
}

export { be, bytes, sentence };
