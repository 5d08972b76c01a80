// The question of a malloc: which hole will it take? What one can pick, whether that is right, and why not.

import { count } from '../../command/lib/numbers.js';
import { ruleOf } from '../../command/lib/rules.js';
import { be, bytes, mapped, sentence } from './words.mjs';

/** What one picks where no hole fits. */
const MAP = 'map';
const WAIT = 'wait';

/** Letters of holes: A to Z, then AA, AB and so on. */
export function letter(at) {
  const last = String.fromCharCode(65 + (at % 26));
  return at < 26 ? last : letter(Math.floor(at / 26) - 1) + last;
}

/** Whether a step is a question. Size classes have no holes to choose from, and memory without any leaves nothing to choose. */
export const isQuestion = ({ result, isChoice }, policy) => {
  return isChoice && policy !== 'segregated' && (result === 'placed' || result === 'refused');
};

/** The choices of a question, each with what it is called, in words: the holes in the order of their list, and that there is none. */
export function choices({ before, listBefore }, { memory }) {
  const byAddress = before.flatMap(({ segments }) => segments);
  const holes = listBefore ?? byAddress.filter(({ kind }) => kind === 'hole');
  const none = memory
    ? [{ pick: WAIT, says: 'None of them: it must wait' }]
    : [
        { pick: MAP, says: 'None of them: the heap grows' },
        { pick: WAIT, says: 'None of them: it is refused' },
      ];
  return [
    ...holes.map(({ start, size }, at) => ({
      pick: String(start),
      start,
      letter: letter(at),
      says: `H ${start}:${start + size - 1}, ${bytes(size)}`,
      size,
    })),
    ...none,
  ];
}

/** The pick that is right. */
export function truth({ result, hole }) {
  if (result === 'refused') return WAIT;
  return hole === undefined ? MAP : String(hole.start);
}

const called = ({ start, size }) => `H ${start} (${count(size)} B)`;

/** Why a hole was not the one. */
function whyNot(picked, { call, need, hole, looked }, policy) {
  if (picked.size < need) {
    return `${called(picked)} is too small: ${bytes(need)} ${be(need)} needed`;
  }
  const entry = looked?.holes.find(({ start }) => start === picked.start);
  const because = entry === undefined || looked === undefined ? '' : ` (it is ${entry.why})`;
  return hole === undefined
    ? `malloc(${call.size}) does not take it`
    : `${called(picked)} is large enough${because}, but ${policy} takes ${called(hole)}`;
}

/** Whether a pick is right, and why: { isRight, says }. */
export function judge(step, pick, { policy, lesson }) {
  const right = truth(step);
  const rule = sentence(ruleOf(policy, lesson.rules?.order));
  if (pick === right) {
    const none = step.looked?.number === 0 ? 'There is no hole yet.' : 'No hole is large enough.';
    return { isRight: true, says: `Right. ${step.hole === undefined ? none : rule}` };
  }
  const picked = choices(step, lesson).find((each) => each.pick === pick);
  if (picked.size !== undefined) {
    return { isRight: false, says: `Not quite: ${whyNot(picked, step, policy)}. ${rule}` };
  }
  if (step.hole !== undefined) {
    const fits = `${called(step.hole)} is large enough`;
    return { isRight: false, says: `Not quite: ${fits}. ${rule}` };
  }
  const says =
    right === MAP
      ? `the heap may grow, so more is mapped: ${mapped(step)}`
      : 'the memory cannot grow so far';
  return { isRight: false, says: `Not quite: no hole is large enough, and ${says}.` };
}
