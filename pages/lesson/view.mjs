// Draws the page from its state: all of it, after each change. `act` has what controls that are drawn do: moveTo(at), pick(number,
// choice), pickByte(address).

import { byId, fill, make } from '../lib/dom.mjs';
import { drawByte } from './byte.mjs';
import { drawControls, drawLink } from './controls.mjs';
import { bars, chains } from './draw.mjs';
import { comparison, listed, lookedAt, marksOf, numbers, scrolled, states } from './panels.mjs';
import { choices } from './question.mjs';
import { bytes, outcome } from './words.mjs';

function drawQuestion(step, state, act) {
  const number = state.at - 1;
  const choice = (each) => {
    const about = { type: 'radio', name: 'hole', value: each.pick, required: true };
    const says = each.letter === undefined ? each.says : `${each.letter}: ${each.says}`;
    return make('label', {}, make('input', { ...about, 'data-key': each.pick }), says);
  };
  const onsubmit = (event) => {
    event.preventDefault();
    act.pick(number, new FormData(form).get('hole'));
  };
  const legend = `Which hole does ${step.call.text} take by ${state.lesson.policy}?`;
  const form = make(
    'form',
    { onsubmit },
    make(
      'fieldset',
      {},
      make('legend', {}, legend),
      choices(step, state.lesson).map(choice),
      make('button', { className: 'primary' }, 'Check'),
    ),
  );
  fill('question', form);
}

/** The memory as bars, chains and numbers. */
function memory(title, { after: mains, listAfter }, about, state, act) {
  const { isHeap } = state;
  return [
    make('h3', {}, title),
    bars(mains, about, isHeap),
    listed(listAfter),
    chains(mains, { onpick: act.pickByte, isHeap }),
    mains.length > 0 && numbers(mains),
  ];
}

/** What is said about a pick, and how many were right. */
function drawVerdict(state) {
  const verdict = state.verdict(state.at - 1);
  byId('verdict').className = verdict?.isRight ? 'right' : '';
  fill('verdict', verdict && `${verdict.says} ${state.score()}`);
}

function drawBeginning(state, act) {
  const none = 'There is no call yet: write one, or add a malloc.';
  fill('said', state.calls.length === 0 ? none : 'Nothing is called yet. Press Next.');
  for (const id of ['verdict', 'question', 'before', 'looked']) fill(id);
  fill('after', memory('At the beginning', state.chosen.moment(0), {}, state, act));
}

function drawMemory(state, act) {
  const { lesson, at, chosen, isHeap } = state;
  if (at === 0) return drawBeginning(state, act);
  const step = chosen.moment(at);
  const before = (about) => {
    return [
      make('h3', {}, 'Before the call'),
      bars(step.before, about, isHeap),
      listed(step.listBefore),
    ];
  };
  const title = [make('b', {}, `Call ${at}: `), make('code', {}, step.call.text), '. '];
  if (at > state.firstOpen()) {
    const lettered = choices(step, lesson).filter((each) => each.letter !== undefined);
    const marks = new Map(lettered.map((each) => [each.start, each.letter]));
    fill('said', title, 'Where will it be?');
    fill('verdict');
    drawQuestion(step, state, act);
    fill('before', before({ marks, onpick: (choice) => act.pick(at - 1, choice) }));
    fill('looked');
    fill('after');
    return;
  }
  fill('said', title, outcome(step, chosen));
  fill('question');
  drawVerdict(state);
  const isMalloc = step.call.kind === 'malloc' && step.result !== 'error';
  const isChange = isMalloc || step.result === 'freed';
  // A block with a header begins there.
  const start = step.address - (lesson.rules?.header ?? 0);
  const taken = step.result === 'freed' ? start : step.hole?.start;
  const hasBefore = isChange && step.before.length > 0;
  fill('before', hasBefore ? before({ marks: marksOf(step), taken }) : []);
  fill('looked', isMalloc ? lookedAt(step, lesson.policy) : []);
  const made = step.result === 'placed' ? start : step.joined?.hole?.start;
  const now = isChange ? 'After the call' : 'The memory';
  fill('after', memory(now, step, { taken: made }, state, act));
}

function drawPolicies(state, act) {
  const { at, runs, isHeap, shown, calls } = state;
  const { policy } = state.lesson;
  const hidden = state.firstOpen();
  const title = 'What each call gets by each policy';
  const about = { at, hidden, policy, order: state.lesson.rules?.order, onstep: act.moveTo };
  const none = calls.length === 0 ? 'There is no call yet.' : 'No policy can have this memory.';
  const has = calls.length > 0 && runs.length > 0;
  fill('comparison', has ? scrolled(title, comparison(runs, about)) : none);
  const cells = runs.flatMap(({ steps }) => steps.slice(0, hidden).map(({ cell }) => cell ?? ''));
  const rest = cells.find((cell) => cell.includes('>'));
  const [of, left] = rest?.split('>') ?? [];
  const says = [
    rest && `${rest} is the rest, ${bytes(Number(left))}, of the hole of ${of}.`,
    cells.includes('-') && '- is a request that no hole is large enough for.',
    isHeap && 'buddy and segregated round sizes up; segregated has slots instead of holes.',
  ];
  fill('legend', says.filter(Boolean).join(' '));
  fill('states', states(runs, { at: shown, policy, isHeap }));
}

/** Draws all. */
export function draw(state, act) {
  state.work();
  const { chosen, isHeap } = state;
  drawControls(state);
  if (chosen.refusal === undefined) drawMemory(state, act);
  else {
    for (const id of ['verdict', 'question', 'before', 'looked', 'after']) fill(id);
    fill('said', `By ${chosen.policy} this cannot be worked out: ${chosen.refusal}`);
  }
  drawByte(state);
  drawPolicies(state, act);
  byId('stats-section').hidden = !isHeap || chosen.refusal !== undefined;
  if (!byId('stats-section').hidden) {
    const lines = make('pre', {}, chosen.moment(state.shown).lines.join('\n'));
    fill('stats', scrolled('The lines of printStats()', lines));
  }
  drawLink(state);
}
