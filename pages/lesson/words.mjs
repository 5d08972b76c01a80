// What the page says about a step, in sentences.

import { count } from '../../command/lib/numbers.js';
import { plural, unlisted, whyFree } from '../../command/lib/step-text.js';

const bytes = (size) => plural(size, 'byte');
const sentence = (text) =>
  `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;

/** What a malloc has got. */
function placed({ call, address, block, hole }, { isGiven }) {
  const rounded = block === call.size ? '' : `, rounded up to ${count(block)}`;
  if (!isGiven) return `${call.name} gets ${bytes(call.size)}${rounded} at address ${address}.`;
  const of =
    hole.size === hole.of
      ? `the hole of ${count(hole.of)}`
      : `the ${count(hole.size)} bytes that are left of the hole of ${count(hole.of)}`;
  return `${bytes(call.size)}${rounded} are cut off the front of ${of}; ${count(hole.size - block)} are left.`;
}

/** What came of a step. */
export function outcome(step, run) {
  const { call, result, address, joined, message, largest } = step;
  switch (result) {
    case 'placed':
      return placed(step, run);
    case 'refused':
      if (message !== undefined) return sentence(message);
      return `No hole is large enough for ${bytes(call.size)}, so the request must wait. The largest hole has ${count(largest)}.`;
    case 'freed':
      return `The block at ${address}, ${bytes(joined.size)}, is free again. ${sentence(whyFree(joined))}`;
    case 'found':
      return `${call.base === undefined ? 'The address' : call.text.slice(4, -1)} is ${address}: “Where is a byte?” below takes it apart.`;
    case 'nothing':
      return `The malloc of ${call.base} was refused, so there is no block to ${call.kind === 'get' ? 'look up' : 'free'}.`;
    default:
      return `MeMS refuses this: ${message.replace(/\.$/, '')}.`;
  }
}

/** How a malloc that looks at no list of holes has found its place; what was mapped for one that does. */
export function search({ call, looked, appended, hole, need, result }, policy) {
  if (looked === undefined) {
    if (result === 'refused') return '';
    const said = unlisted({ policy, size: call.size, placement: { hole, need, appended } });
    return sentence(said);
  }
  const none = looked.number === 0 ? 'There is no hole' : 'None is large enough';
  if (appended > 0) return `${none}, so ${bytes(appended)} are mapped: a new main block.`;
  return looked.isTaken ? '' : `${none}.`;
}

export { bytes, sentence };
