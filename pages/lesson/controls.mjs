// Draws the controls of the page from its state, and the sentences beside them: what they are set to, and the link that has all of it.

import * as link from '../../command/lib/link.js';
import { notesOf } from '../../command/lib/notes.js';
import { ruleOf } from '../../command/lib/rules.js';
import { byId, fill, make } from '../lib/dom.mjs';
import { aboutOf, known } from './lessons.mjs';
import { liveBlocks } from './run.mjs';
import { kindOf } from './settings.mjs';
import { bytes, sentence } from './words.mjs';

/** What the field of exercises has for a program that is none of them. */
export const OWN = 'own';

/** Draws the controls for a lesson, its program and its steps. */
export function drawControls(state) {
  const { lesson, text, at, calls, mistakes, chosen } = state;
  byId('policy').value = lesson.policy;
  byId('ask').checked = lesson.ask === true;
  const found = known({ ...lesson, run: text });
  byId('exercise').value = found?.id ?? OWN;
  fill('about', aboutOf(found, lesson));
  fill('rule', sentence(ruleOf(lesson.policy, lesson.rules?.order)));
  const isUnasked = lesson.ask && lesson.policy === 'segregated';
  const unasked = isUnasked && 'There is no hole to choose from, so nothing is asked.';
  fill('notes', [...notesOf(lesson.rules ?? {}), unasked].filter(Boolean).join(' '));
  const walls = kindOf(lesson) === 'holes' ? ' A thick line is a wall between two holes.' : '';
  const says = 'Hatched: a hole (H), free. Coloured: a block in use (P).';
  fill('key', `${says} 1000:1099 are its first and last address (SVA and EVA).${walls}`);
  const mistake = ({ line, message }) => {
    return make('li', { className: 'mistake' }, `Line ${line}: ${message}`);
  };
  fill('mistakes', mistakes.map(mistake));
  // A call that is being typed is a mistake for a while, and is not read out.
  byId('program').setAttribute('aria-invalid', String(mistakes.length > 0));
  const where = at === 0 ? 'the beginning' : `after call ${at}, ${calls[at - 1].text}`;
  byId('step').max = calls.length;
  byId('step').value = at;
  byId('step').setAttribute('aria-valuetext', where);
  fill('where', `${at} of ${calls.length} calls`);
  byId('back').disabled = at === 0;
  byId('next').disabled = at >= calls.length || at > state.firstOpen();
  drawBlocks(chosen.steps ?? [], state.firstOpen());
}

/** The field of blocks that can be freed after the last call. */
function drawBlocks(steps, hidden) {
  const live = liveBlocks(steps, hidden);
  const block = byId('block');
  const before = block.value;
  const option = ([name, size]) => make('option', { value: name }, `${name}, ${bytes(size)}`);
  block.replaceChildren(...[...live].map(option));
  if (live.has(before)) block.value = before;
  byId('add-free').querySelector('button').disabled = live.size === 0;
}

/** Draws the link to what is shown, which becomes the address of the page as well. */
export function drawLink({ lesson, text, at, calls }) {
  const step = at < calls.length ? at : undefined;
  const fragment = link.write({ ...lesson, run: text, step });
  byId('copy').disabled = fragment.length > link.LONGEST;
  if (fragment.length > link.LONGEST) {
    byId('link').value = 'The program is too long for a link.';
    return;
  }
  try {
    history.replaceState(null, '', `#${fragment}`);
  } catch {
    // A browser that has had too many changes at once, or forbids them for files: the field has the link.
  }
  byId('link').value = `${location.href.split('#')[0]}#${fragment}`;
}
