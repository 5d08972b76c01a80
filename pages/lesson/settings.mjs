// The fields of the page that say what memory there is: read into a lesson, and filled from one.

import { ORDERS } from '../../command/lib/free-list.js';
import {
  BASE,
  parseAlign,
  parseBase,
  parseHeader,
  parseHeapSize,
  parseHoles,
} from '../../command/lib/lesson-values.js';
import { byId, make } from '../lib/dom.mjs';

/** Fields with a value: where each is in a lesson, and how it is read. An empty one is left out. */
const FIELDS = [
  ['header', 'rules', 'header', parseHeader],
  ['align', 'rules', 'alignment', parseAlign],
  ['order', 'rules', 'order', (text) => text],
  ['alignment', 'options', 'alignment', Number],
  ['min', 'options', 'minBlockSize', parseHeapSize],
  ['max', 'options', 'maxSize', parseHeapSize],
];
const CHECKS = [
  ['apart', 'rules', 'coalesce', false],
  ['grow', 'options', 'growingBlocks', true],
  ['join', 'options', 'joinEmptyBlocks', true],
];

/** The kind of a lesson's memory, as its field has it. */
export function kindOf({ memory }) {
  if (memory === undefined) return 'heap';
  return memory.holes.length === 1 ? 'one' : 'holes';
}

export function prepare() {
  byId('order').append(
    make('option', { value: '' }, 'address'),
    ...ORDERS.slice(1).map((name) => make('option', {}, name)),
  );
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
  for (const [id, place, name] of FIELDS) byId(id).value = lesson[place]?.[name] ?? '';
  for (const [id, place, name, value] of CHECKS) byId(id).checked = lesson[place]?.[name] === value;
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
  const place = kind === 'heap' ? 'options' : 'rules';
  for (const [id, of, name, parse] of FIELDS) {
    const text = byId(id).value.trim();
    if (of === place && text !== '') lesson[of][name] = parse(text);
  }
  for (const [id, of, name, value] of CHECKS) {
    if (of === place && byId(id).checked) lesson[of][name] = value;
  }
  return lesson;
}
