// Where a byte is: an address that one writes, taken apart into page and offset, and the pages of the heap.

import { parseAddress } from '../../command/lib/calls.js';
import { count } from '../../command/lib/numbers.js';
import { byId, fill, make } from '../lib/dom.mjs';
import { head, scrolled } from './panels.mjs';
import { sentence } from './words.mjs';

const PAGE = 4096;
/** The first address of every heap. */
const FIRST = 1000;
/** Where the first page is in memory, made up: only a system knows. */
const PLACE = 0x7f00_0000_0000;

/** Where a byte is: its address taken apart, and the pages of the heap. `found` is how many bytes after the first it is. */
function translation(address, found, mains) {
  const offset = found % PAGE;
  const page = (found - offset) / PAGE;
  const place = PLACE + page * PAGE;
  const last = mains.at(-1);
  const pages = (last.start + last.size - FIRST) / PAGE;
  const sums = [
    [`virtual address`, `${address}`],
    [`minus ${FIRST}, the first address`, `${found}`],
    [`divided by ${PAGE}, the size of a page`, `page ${page}, offset ${offset}`],
    [`page ${page} is in memory at`, `${place}`],
    [`plus the offset: the physical address`, `${place + offset}`],
  ];
  const first = Math.max(0, page - 3);
  const shown = Array.from({ length: Math.min(pages - first, 7) }, (_, at) => first + at);
  const rows = shown.map((number) =>
    make(
      'tr',
      { className: number === page ? 'now' : undefined },
      make('th', { scope: 'row' }, `${number}`),
      make('td', {}, `${FIRST + number * PAGE}..${FIRST + (number + 1) * PAGE - 1}`),
      make('td', {}, `${PLACE + number * PAGE}`),
    ),
  );
  return [
    make(
      'dl',
      { className: 'sum' },
      sums.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
    ),
    scrolled(
      'The pages of the heap',
      make(
        'table',
        {},
        make(
          'caption',
          {},
          `The pages of the heap${shown.length < pages ? `, ${shown.length} of ${count(pages)}` : ''}`,
        ),
        head(['page', 'virtual addresses', 'physical address']),
        make('tbody', {}, rows),
      ),
    ),
  ];
}

/** The address that the field names, from the blocks of the steps so far. */
function byteAddress(text, steps) {
  const { base, offset } = parseAddress(text);
  const made = steps.findLast(({ call }) => call.kind === 'malloc' && call.name === base);
  if (base !== undefined && made?.result !== 'placed')
    throw new Error(`There is no block ${base} here.`);
  return (made?.address ?? 0) + offset;
}

/** Where a byte is: what get() returns on a heap that has made the calls so far. */
export function drawByte(state) {
  const { isHeap, shown, chosen } = state;
  byId('byte-section').hidden = !isHeap || chosen.refusal !== undefined;
  if (byId('byte-section').hidden) return;
  const steps = chosen.steps.slice(0, shown);
  const last = steps.findLast(({ result }) => result === 'placed' || result === 'found');
  const text = state.byte || (last === undefined ? '' : String(last.address));
  const field = byId('byte');
  if (document.activeElement !== field) field.value = text;
  if (text === '') {
    fill('found', make('p', {}, 'There is no block yet.'));
    return;
  }
  try {
    const address = byteAddress(text, steps);
    const { offset, message } = state.ask(address);
    const { after } = chosen.moment(shown);
    const is = message === undefined ? translation(address, offset, after) : sentence(message);
    fill('found', is);
  } catch (error) {
    fill('found', make('p', {}, error.message));
  }
}
