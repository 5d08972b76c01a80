// The fields of the page that say what memory there is: read into a lesson, and filled from one.

import { ORDERS } from '../../command/lib/free-list.js';
import {
  BASE,
  parseBase,
  parseHoles,
  SETTINGS,
  SWITCHES,
} from '../../command/lib/lesson-values.js';
import { byId, make } from '../lib/dom.mjs';

/** How the id of a heap's field begins, if exercises have a field for the setting as well. */
const OF_HEAP = 'heap-';

/** The fields of some settings: a field for each part of a lesson that has the setting. */
const fieldsOf = (settings) => {
  return Object.entries(settings).flatMap(([name, { parts, ...setting }]) =>
    parts.map((part) => {
      const id = part === 'options' && parts.length > 1 ? OF_HEAP + name : name;
      return { id, part, ...setting };
    }),
  );
};
/** Fields with a value, of which an empty one and the usual one are left out, and those that are checked or not. */
const FIELDS = fieldsOf(SETTINGS);
const CHECKS = fieldsOf(SWITCHES);

/** The kind of a lesson's memory, as its field has it. */
export function kindOf({ memory }) {
  if (memory === undefined) return 'heap';
  return memory.holes.length === 1 ? 'one' : 'holes';
}

export function prepare() {
  byId('order').append(...ORDERS.map((name) => make('option', {}, name)));
}

/** Fills the fields from a lesson. */
export function show(lesson) {
  const kind = kindOf(lesson);
  byId('memory').value = kind;
  byId('sizes-name').textContent = kind === 'one' ? 'Its size' : 'Sizes of the holes';
  for (const field of document.querySelectorAll('[data-for]')) {
    field.hidden = (field.dataset.for === 'heap') !== (kind === 'heap');
  }
  byId('sizes').value = lesson.memory?.holes.join(',') ?? '';
  byId('base').value = lesson.memory?.base ?? '';
  // What was wrong with a field is gone with its text.
  byId('wrong').textContent = '';
  for (const { id, part, as, usual } of FIELDS) {
    byId(id).value = lesson[part]?.[as] ?? usual ?? '';
  }
  for (const { id, part, as, value } of CHECKS) byId(id).checked = lesson[part]?.[as] === value;
}

/** Reads the fields. Returns { memory, options, rules }; throws a sentence. */
export function read() {
  const kind = byId('memory').value;
  const lesson = { memory: undefined, options: {}, rules: {} };
  if (kind !== 'heap') {
    const sizes = byId('sizes').value.trim() || (kind === 'one' ? '1024' : '100,500,200,300,600');
    const all = parseHoles(sizes);
    const base = parseBase(byId('base').value.trim() || `${BASE}`);
    lesson.memory = { holes: kind === 'one' ? all.slice(0, 1) : all, base };
  }
  const chosen = kind === 'heap' ? 'options' : 'rules';
  for (const { id, part, as, usual = '', read: parse } of FIELDS) {
    const text = byId(id).value.trim();
    if (part === chosen && text !== '' && text !== usual) lesson[part][as] = parse(text);
  }
  for (const { id, part, as, value } of CHECKS) {
    if (part === chosen && byId(id).checked) lesson[part][as] = value;
  }
  return lesson;
}
