// The page: its controls, and what they do to its state.

import { parse } from '../../command/lib/calls.js';
import * as link from '../../command/lib/link.js';
import { embeddedBytes } from '../lib/data.mjs';
import { byId, make } from '../lib/dom.mjs';
import { drawByte } from './byte.mjs';
import { OWN } from './controls.mjs';
import { POLICIES, start } from './heap.mjs';
import { known, LESSONS, randomLesson } from './lessons.mjs';
import { letter } from './question.mjs';
import * as settings from './settings.mjs';
import { State } from './state.mjs';
import { draw } from './view.mjs';
import { sentence } from './words.mjs';

const RANDOM = 'random';
/** Milliseconds for which a button says what it has done. */
const SAID = 2000;

let state;
/** The last lesson of one's own that an exercise has taken the place of. */
let own;
/** The text of the last random exercise, which is kept as one's own only if it was changed. */
let drawn;

const act = {
  moveTo(at) {
    state.at = at;
    draw(state, act);
    // A control that cannot be used any more gives the focus to one that can.
    if (document.activeElement?.disabled) {
      const others = [byId('question').querySelector('input'), byId('next'), byId('back')];
      others.find((each) => each !== null && !each.disabled).focus();
    }
  },

  pick(number, choice) {
    state.pick(number, choice);
    draw(state, act);
    // The keyboard continues with the next step.
    byId(state.at < state.calls.length ? 'next' : 'back').focus();
  },

  pickByte(address) {
    state.byte = String(address);
    byId('byte').value = state.byte;
    drawByte(state);
  },
};

function show(lesson) {
  state.open(lesson);
  byId('program').value = state.text;
  settings.show(state.lesson);
  draw(state, act);
}

/** Shows the lesson of a link. One that cannot be read is a sentence, and the page as it begins. */
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

/** Takes the program as it was typed, and shows the call of the line that is being typed. */
function edited() {
  const area = byId('program');
  state.text = area.value;
  const { calls } = parse(state.text);
  const line = area.value.slice(0, area.selectionStart).split('\n').length;
  const before = calls.findLastIndex((call) => call.line <= line);
  state.at = document.activeElement === area ? before + 1 : calls.length;
  draw(state, act);
}

function append(line) {
  const area = byId('program');
  const text = area.value.trimEnd();
  area.value = text === '' ? line : `${text}\n${line}`;
  edited();
}

/** A name for a new block: the first letter that no call has used. */
function freshName() {
  const used = new Set(state.calls.map(({ name }) => name));
  for (let at = 0; ; at++) {
    const name = letter(at).toLowerCase();
    if (!used.has(name)) return name;
  }
}

function chooseExercise(id) {
  byId('notice').hidden = true;
  const lesson = { ...state.lesson, run: state.text };
  const { ask } = lesson;
  if (known(lesson) === undefined && lesson.run !== drawn) own = lesson;
  const found = LESSONS.find((each) => each.id === id)?.lesson ?? own ?? { ...lesson, run: '' };
  show({ ...(id === RANDOM ? randomLesson() : found), ask, step: ask ? 1 : 0 });
  if (id === RANDOM) drawn = state.text;
}

function chooseSettings() {
  try {
    state.lesson = { ...state.lesson, ...settings.read() };
    settings.show(state.lesson);
    draw(state, act);
  } catch (error) {
    byId('wrong').textContent = sentence(error.message);
  }
}

async function copy({ target }) {
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
  }, SAID);
}

function listen() {
  const on = (id, event, call) => byId(id).addEventListener(event, call);
  on('exercise', 'change', ({ target }) => chooseExercise(target.value));
  on('policy', 'change', ({ target }) => {
    state.lesson = { ...state.lesson, policy: target.value };
    draw(state, act);
  });
  on('ask', 'change', ({ target }) => {
    state.lesson = { ...state.lesson, ask: target.checked || undefined };
    state.forgetPicks();
    act.moveTo(target.checked ? 1 : state.at);
  });
  on('settings', 'change', chooseSettings);
  on('program', 'input', edited);
  on('add-malloc', 'submit', (event) => {
    event.preventDefault();
    append(`${freshName()} = malloc(${byId('size').value.trim()})`);
  });
  on('add-free', 'submit', (event) => {
    event.preventDefault();
    append(`free(${byId('block').value})`);
  });
  on('back', 'click', () => act.moveTo(state.at - 1));
  on('next', 'click', () => act.moveTo(state.at + 1));
  on('step', 'input', ({ target }) => act.moveTo(Number(target.value)));
  on('byte', 'input', ({ target }) => {
    state.byte = target.value;
    drawByte(state);
  });
  on('copy', 'click', copy);
  window.addEventListener('hashchange', () => showLink(location.hash.slice(1)));
}

function prepare() {
  state = new State();
  settings.prepare();
  const option = (value, text) => make('option', { value }, text);
  byId('exercise').append(
    option(OWN, 'your own'),
    ...LESSONS.map(({ id, name }) => option(id, name)),
    option(RANDOM, 'a random one'),
  );
  byId('policy').append(...POLICIES.map((name) => option(name, name)));
  listen();
  // The lesson that the page was written with, unless its address has another.
  const given = document.querySelector('meta[name="mems-lesson"]').content;
  const fragment = location.hash.slice(1) || given;
  if (fragment) showLink(fragment);
  else show({ ...LESSONS[0].lesson, step: 1 });
}

function fail(error) {
  const isKnown = error.code === 'ERR_MEMS_INTERNAL';
  const notice = byId('notice');
  notice.textContent = isKnown
    ? error.message
    : `This page needs a newer browser, or has a bug: ${error.message}`;
  notice.hidden = false;
}

async function begin() {
  await start(await embeddedBytes('core'));
  prepare();
}

window.addEventListener('error', ({ error }) => error && fail(error));
begin().catch(fail);
