// The page: its state, and what its controls do to it. All that is drawn is drawn anew from the state after each change.
//
// The state is a lesson (command/lib/link.js), the text of its program, and how many calls were made (`at`). The address of the page
// always has all of it. While the page asks, what a malloc does is hidden until one has picked a hole; `picks` are the picks, by all
// that decides about the question, so that a change of the program asks only about what it has changed.

import { parse } from '../../command/lib/calls.js';
import * as link from '../../command/lib/link.js';
import { notesOf } from '../../command/lib/notes.js';
import { RULES } from '../../command/lib/rules.js';
import { byId, element, fill } from './dom.mjs';
import { bars, chains } from './draw.mjs';
import { POLICIES, start } from './heap.mjs';
import { known, LESSONS, randomLesson, spaced } from './lessons.mjs';
import {
  comparison,
  lookedAt,
  marksOf,
  numbers,
  scrolled,
  states,
  translation,
} from './panels.mjs';
import { choices, isQuestion, judge, letter } from './question.mjs';
import { run } from './run.mjs';
import * as settings from './settings.mjs';
import { kindOf } from './settings.mjs';
import { outcome, sentence } from './words.mjs';

const RANDOM = 'random';
const OWN = 'own';

const state = { lesson: LESSONS[0].lesson, text: '', at: 0, picks: new Map(), byte: '' };
/** What the last draw has found out: the calls, and what each policy has made of them. */
let drawn = { calls: [], mistakes: [], runs: [], chosen: undefined };

/** The policies that are compared. Size classes and the buddy system do not have every exercise: then they are left out. */
function runAll({ lesson, text }) {
  const { calls, mistakes } = parse(text);
  const all = POLICIES.map((policy) => run(lesson, calls, policy));
  const chosen = all.find(({ policy }) => policy === lesson.policy);
  return { calls, mistakes, chosen, runs: all.filter(({ refusal }) => refusal === undefined) };
}

/** All that decides about the question of a step. */
function questionKey(number) {
  const { memory, options, rules, policy } = state.lesson;
  const calls = drawn.calls.slice(0, number + 1).map(({ text }) => text);
  return JSON.stringify([memory, options, rules, policy, calls]);
}

/** The number of the first step that asks and has no pick yet; Infinity if there is none. */
function firstOpen() {
  if (!state.lesson.ask) return Number.POSITIVE_INFINITY;
  const open = drawn.chosen.steps.findIndex(
    (step, number) =>
      isQuestion(step, state.lesson.policy) && !state.picks.has(questionKey(number)),
  );
  return open < 0 ? Number.POSITIVE_INFINITY : open;
}

function moveTo(at) {
  state.at = at;
  draw();
}

function pick(number, choice) {
  state.picks.set(questionKey(number), choice);
  draw();
  // The verdict is read out, and the keyboard continues with the next step.
  byId(state.at < drawn.calls.length ? 'next' : 'back').focus();
}

/** How many questions were answered, and how many of them rightly. */
function score() {
  const { lesson } = state;
  const asked = drawn.chosen.steps.flatMap((step, number) => {
    const choice = isQuestion(step, lesson.policy)
      ? state.picks.get(questionKey(number))
      : undefined;
    return choice === undefined ? [] : [judge(step, choice, { policy: lesson.policy, lesson })];
  });
  return asked.length === 0
    ? ''
    : `${asked.filter(({ isRight }) => isRight).length} of ${asked.length} right so far.`;
}

function drawQuestion(step, number) {
  const all = choices(step, state.lesson);
  const form = element(
    'form',
    {
      onsubmit: (event) => {
        event.preventDefault();
        const picked = new FormData(form).get('hole');
        if (picked !== null) pick(number, picked);
      },
    },
    element(
      'fieldset',
      {},
      element('legend', {}, `Which hole does ${step.call.text} take by ${state.lesson.policy}?`),
      all.map((each) =>
        element(
          'label',
          {},
          element('input', {
            type: 'radio',
            name: 'hole',
            value: each.pick,
            required: true,
            'data-key': `pick${each.pick}`,
          }),
          each.letter === undefined ? each.says : `${each.letter}: ${each.says}`,
        ),
      ),
      element('button', { class: 'primary' }, 'Check'),
    ),
  );
  fill('question', form);
}

function drawVerdict(step, number) {
  const choice = state.lesson.ask ? state.picks.get(questionKey(number)) : undefined;
  if (choice === undefined) return fill('question');
  const { policy } = state.lesson;
  const { isRight, says } = judge(step, choice, { policy, lesson: state.lesson });
  return fill(
    'question',
    element('p', { class: `verdict${isRight ? ' right' : ''}` }, `${says} ${score()}`),
  );
}

function drawMemory() {
  const { lesson, at } = state;
  const { chosen, calls } = drawn;
  const isHeap = lesson.memory === undefined;
  const onpick = (address) => {
    state.byte = String(address);
    byId('byte').value = state.byte;
    drawByte();
  };
  const after = (mains, title) => [
    element('h3', {}, title),
    bars(mains, {}, isHeap),
    chains(mains, { onpick, isHeap }),
    mains.length > 0 && numbers(mains),
  ];
  if (at === 0) {
    fill(
      'said',
      calls.length === 0
        ? 'There is no call yet: write one, or add a malloc.'
        : 'Nothing is called yet. Press Next.',
    );
    for (const id of ['question', 'before', 'looked']) fill(id);
    fill('after', after(chosen.initial.mains, 'At the beginning'));
    return;
  }
  const number = at - 1;
  const step = chosen.steps[number];
  const isHidden = number >= firstOpen();
  const title = [element('b', {}, `Call ${at}: `), element('code', {}, step.call.text), '. '];
  if (isHidden) {
    const names = new Map(
      choices(step, lesson)
        .filter((each) => each.letter)
        .map((each) => [each.start, each.letter]),
    );
    fill('said', title, 'Where will it be?');
    drawQuestion(step, number);
    const onhole = (choice) => pick(number, choice);
    fill(
      'before',
      element('h3', {}, 'Before the call'),
      bars(step.before, { marks: names, onpick: onhole }, isHeap),
    );
    fill('looked');
    fill('after');
    return;
  }
  fill('said', title, outcome(step, chosen));
  drawVerdict(step, number);
  const isMalloc = step.call.kind === 'malloc' && step.result !== 'error';
  const isChange = isMalloc || step.result === 'freed';
  const taken =
    step.result === 'freed' ? step.address - (lesson.rules?.header ?? 0) : step.hole?.start;
  fill(
    'before',
    isChange && step.before.length > 0
      ? [
          element('h3', {}, 'Before the call'),
          bars(step.before, { marks: marksOf(step), taken }, isHeap),
        ]
      : [],
  );
  fill('looked', isMalloc ? lookedAt(step, lesson.policy) : []);
  const block =
    step.result === 'placed'
      ? step.address - (lesson.rules?.header ?? 0)
      : step.joined?.hole?.start;
  fill(
    'after',
    element('h3', {}, isChange ? 'After the call' : 'The memory'),
    bars(step.after, { taken: block }, isHeap),
    after(step.after).slice(2),
  );
}

/** The address that the field names, from the blocks of the steps so far. */
function byteAddress(text, steps) {
  const [, name, number, sign, more] =
    /^\s*(?:([A-Za-z_]\w*)|(\d+)n?)\s*(?:([+-])\s*(\d+))?\s*$/.exec(text) ?? [];
  if (name === undefined && number === undefined)
    throw new Error(`“${text}” is no address: write a number or a block, as in a + 10.`);
  const made = steps.findLast(({ call }) => call.kind === 'malloc' && call.name === name);
  if (name !== undefined && !(made?.result === 'placed'))
    throw new Error(`There is no block ${name} here.`);
  return (made?.address ?? Number(number)) + Number(`${sign ?? '+'}${more ?? 0}`);
}

/** How many bytes after the first an address is: as get() of a heap that has made the calls so far. */
function drawByte() {
  const { lesson, at } = state;
  const isHeap = lesson.memory === undefined;
  byId('byte-section').hidden = !isHeap;
  if (!isHeap || drawn.chosen.refusal) return;
  const shown = Math.min(at, firstOpen());
  const steps = drawn.chosen.steps.slice(0, shown);
  const last = steps.findLast(({ result }) => result === 'placed' || result === 'found');
  const text = state.byte || (last === undefined ? '' : String(last.address));
  if (document.activeElement !== byId('byte')) byId('byte').value = text;
  if (text === '') return void fill('found', element('p', {}, 'There is no block yet.'));
  try {
    const address = byteAddress(text, steps);
    const asked = [
      ...drawn.calls.slice(0, shown),
      { kind: 'get', base: undefined, offset: address, text: '' },
    ];
    const { offset, message, after } = run(lesson, asked, lesson.policy).steps.at(-1);
    fill(
      'found',
      message === undefined
        ? translation(address, offset, after)
        : element('p', {}, sentence(message)),
    );
  } catch (error) {
    fill('found', element('p', {}, error.message));
  }
}

function drawPolicies() {
  const { lesson, at } = state;
  const isHeap = lesson.memory === undefined;
  const hidden = firstOpen();
  const { policy } = lesson;
  const shown = Math.min(at, hidden);
  const table = comparison(drawn.runs, { at, hidden, policy, onstep: moveTo });
  fill(
    'comparison',
    drawn.calls.length === 0
      ? 'There is no call yet.'
      : scrolled('What each call gets by each policy', table),
  );
  const cells = drawn.runs.flatMap(({ steps }) =>
    steps.slice(0, hidden).map(({ cell }) => cell ?? ''),
  );
  const rest = cells.find((cell) => cell.includes('>'));
  const says = [
    rest &&
      `${rest} is the rest, ${rest.split('>')[1]} bytes, of the hole of ${rest.split('>')[0]}.`,
    cells.includes('-') && '- is a request that no hole is large enough for.',
    isHeap && 'segregated rounds sizes up, and has slots instead of holes.',
  ];
  fill('legend', says.filter(Boolean).join(' '));
  fill('states', states(drawn.runs, { at: shown, policy, isHeap }));
}

function drawControls() {
  const { lesson, text, at } = state;
  const { calls, mistakes, chosen } = drawn;
  byId('policy').value = lesson.policy;
  byId('ask').checked = lesson.ask === true;
  const found = known({ ...lesson, run: text });
  byId('exercise').value = found?.id ?? OWN;
  fill('about', found?.about ?? 'An exercise of your own.');
  const unasked =
    lesson.ask &&
    lesson.policy === 'segregated' &&
    'There is no hole to choose, so nothing is asked.';
  const notes = [sentence(RULES[lesson.policy]), ...notesOf(lesson.rules ?? {}), unasked];
  fill('rule', notes.filter(Boolean).join(' '));
  const walls = kindOf(lesson) === 'holes' ? ' A thick line is a wall between two holes.' : '';
  fill(
    'key',
    `Hatched: a hole (H), free. Coloured: a block in use (P). 1000:1099 are its first and last address (SVA and EVA).${walls}`,
  );
  fill(
    'mistakes',
    mistakes.map(({ line, message }) =>
      element('li', { class: 'mistake' }, `Line ${line}: ${message}`),
    ),
  );
  byId('step').max = calls.length;
  byId('step').value = at;
  byId('step').setAttribute(
    'aria-valuetext',
    at === 0 ? 'the beginning' : `after call ${at}, ${calls[at - 1].text}`,
  );
  fill('where', `${at} of ${calls.length} calls`);
  byId('back').disabled = at === 0;
  byId('next').disabled = at >= calls.length || at > firstOpen();
  const live = new Map();
  for (const { call, result } of chosen.steps ?? []) {
    if (result === 'placed') live.set(call.name, true);
    if (result === 'freed' && call.base !== undefined) live.delete(call.base);
  }
  const block = byId('block');
  const before = block.value;
  block.replaceChildren(...[...live.keys()].map((name) => element('option', {}, name)));
  if (live.has(before)) block.value = before;
  byId('add-free').querySelector('button').disabled = live.size === 0;
}

function drawLink() {
  const { lesson, text, at } = state;
  const step = at < drawn.calls.length ? at : undefined;
  const fragment = link.write({ ...lesson, run: text, step });
  try {
    history.replaceState(null, '', `#${fragment}`);
  } catch {
    // A browser that has had too many changes at once, or forbids them for files: the field below has the link.
  }
  byId('link').value = `${location.href.split('#')[0]}#${fragment}`;
}

function draw() {
  drawn = runAll(state);
  const { chosen, calls } = drawn;
  const refusal = chosen.refusal;
  byId('wrong').textContent = '';
  if (refusal !== undefined) {
    drawn.chosen = { ...chosen, steps: [], initial: { mains: [], lines: [] } };
    state.at = 0;
  }
  state.at = Math.max(0, Math.min(state.at, calls.length, firstOpen() + 1));
  drawControls();
  if (refusal === undefined) drawMemory();
  else {
    for (const id of ['question', 'before', 'looked', 'after']) fill(id);
    fill('said', `By ${state.lesson.policy} this cannot be worked out: ${refusal}`);
  }
  drawByte();
  drawPolicies();
  const isHeap = state.lesson.memory === undefined;
  byId('stats-section').hidden = !isHeap;
  const shown = Math.min(state.at, firstOpen());
  const lines = shown === 0 ? drawn.chosen.initial.lines : drawn.chosen.steps[shown - 1].lines;
  fill('stats', scrolled('What printStats() prints', element('pre', {}, lines.join('\n'))));
  drawLink();
}

/** Shows a lesson, from its beginning or after the step that it names. */
function show(lesson) {
  const { run: text = '', step, ...rest } = lesson;
  state.lesson = { policy: 'first-fit', ...rest };
  state.text = spaced(text);
  state.at = step ?? (state.lesson.ask ? 1 : parse(state.text).calls.length);
  state.byte = '';
  byId('program').value = state.text;
  settings.show(state.lesson);
  draw();
}

/** Reads the lesson of a link; a link that cannot be read is a sentence, and the page as it begins. */
function showLink(fragment) {
  const notice = byId('notice');
  notice.hidden = true;
  try {
    show(link.read(fragment));
  } catch (error) {
    notice.textContent = `This link cannot be opened: ${error.message}`;
    notice.hidden = false;
    show({ ...LESSONS[0].lesson, step: 0 });
  }
}

function append(line) {
  const text = byId('program').value.trimEnd();
  byId('program').value = text === '' ? line : `${text}\n${line}`;
  edited();
  moveTo(drawn.calls.length);
}

/** Takes the program as it was typed, and shows the call of the line that is being typed. */
function edited() {
  const area = byId('program');
  state.text = area.value;
  const line = area.value.slice(0, area.selectionStart).split('\n').length;
  const { calls } = parse(state.text);
  const before = calls.findLastIndex((call) => call.line <= line);
  state.at = document.activeElement === area ? before + 1 : calls.length;
  draw();
}

/** A name for a new block: the first letter that no call has used. */
function freshName() {
  const used = new Set(drawn.calls.map(({ name }) => name));
  for (let at = 0; ; at++) {
    const name = letter(at).toLowerCase();
    if (!used.has(name)) return name;
  }
}

function changedSettings() {
  try {
    Object.assign(state.lesson, settings.read());
    settings.show(state.lesson);
    draw();
  } catch (error) {
    byId('wrong').textContent = sentence(error.message);
  }
}

function listen() {
  const on = (id, event, call) => byId(id).addEventListener(event, call);
  on('exercise', 'change', ({ target }) => {
    byId('notice').hidden = true;
    const chosen = LESSONS.find(({ id }) => id === target.value);
    const { ask } = state.lesson;
    const lesson =
      target.value === RANDOM ? randomLesson() : (chosen?.lesson ?? { ...state.lesson, run: '' });
    show({ ...lesson, ask, step: ask ? 1 : 0 });
  });
  on('policy', 'change', ({ target }) => {
    state.lesson = { ...state.lesson, policy: target.value };
    draw();
  });
  on('ask', 'change', ({ target }) => {
    state.lesson = { ...state.lesson, ask: target.checked || undefined };
    state.picks.clear();
    if (target.checked) state.at = 1;
    draw();
  });
  on('settings', 'change', changedSettings);
  on('program', 'input', edited);
  on('add-malloc', 'submit', (event) => {
    event.preventDefault();
    append(`${freshName()} = malloc(${byId('size').value.trim()})`);
  });
  on('add-free', 'submit', (event) => {
    event.preventDefault();
    append(`free(${byId('block').value})`);
  });
  on('back', 'click', () => moveTo(state.at - 1));
  on('next', 'click', () => moveTo(state.at + 1));
  on('step', 'input', ({ target }) => moveTo(Number(target.value)));
  on('byte', 'input', ({ target }) => {
    state.byte = target.value;
    drawByte();
  });
  on('copy', 'click', async ({ target }) => {
    const field = byId('link');
    try {
      await navigator.clipboard.writeText(field.value);
      target.textContent = 'Copied';
    } catch {
      field.select();
      target.textContent = 'Selected below';
    }
    setTimeout(() => {
      target.textContent = 'Copy link';
    }, 2000);
  });
  window.addEventListener('hashchange', () => showLink(location.hash.slice(1)));
}

function prepare() {
  settings.prepare();
  const option = (value, text) => element('option', { value }, text);
  byId('exercise').append(
    option(OWN, 'one’s own'),
    ...LESSONS.map(({ id, name }) => option(id, name)),
    option(RANDOM, 'a random one'),
  );
  byId('policy').append(...POLICIES.map((name) => option(name, name)));
  listen();
  const given = document.querySelector('meta[name="mems-lesson"]').content;
  const fragment = location.hash.slice(1) || given;
  if (fragment) showLink(fragment);
  else show({ ...LESSONS[0].lesson, step: 1 });
}

/** The bytes of the module, which the page has as base64 of gzip. */
async function core() {
  const bytes = Uint8Array.from(atob(byId('core').textContent), (one) => one.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

function fail(error) {
  const notice = byId('notice');
  notice.textContent =
    error.code === 'ERR_MEMS_INTERNAL'
      ? error.message
      : `This page needs a newer browser, or has a bug: ${error.message}`;
  notice.hidden = false;
}

window.addEventListener('error', ({ error }) => error && fail(error));
core().then(start).then(prepare).catch(fail);
