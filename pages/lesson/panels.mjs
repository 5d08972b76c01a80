// The panels of the page beside the memory itself: the holes that were looked at, the policies side by side, tables.

import { count, bytes as inUnits, percent } from '../../command/lib/numbers.js';
import { ruleOf } from '../../command/lib/rules.js';
import { make } from '../lib/dom.mjs';
import { bar } from './draw.mjs';
import { totals } from './run.mjs';
import { bytes, search } from './words.mjs';

/** Something that may be wider than the page, and scrolls then, by keys as well. */
export function scrolled(label, content) {
  return make(
    'div',
    { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': label },
    content,
  );
}

/** The head of a table with these titles of columns. */
export const head = (titles) => {
  return make(
    'thead',
    {},
    make(
      'tr',
      {},
      titles.map((title) => make('th', { scope: 'col' }, title)),
    ),
  );
};

/** Marks for the holes of a bar that a search has looked at, in its order. */
export function marksOf({ looked }) {
  const holes = looked?.holes ?? [];
  return new Map(
    holes.map(({ start, isTaken }, at) => [
      start,
      `${looked.before + at + 1} ${isTaken ? '✓' : '✗'}`,
    ]),
  );
}

/** The holes that a malloc looked at, each with why it was refused or taken. */
export function lookedAt(step, policy) {
  const { looked } = step;
  const said = search(step, policy);
  const words = said ? [make('p', {}, said)] : [];
  if (looked === undefined || looked.number === 0) return words;
  const left = looked.number - looked.holes.length;
  const items = looked.holes.map(({ start, size, why, isTaken }) =>
    make(
      'li',
      { className: isTaken ? 'taken' : 'refused' },
      make('b', {}, `${isTaken ? '✓' : '✗'} H ${start}`),
      ` ${bytes(size)}: ${why}`,
    ),
  );
  return [
    make('h3', {}, `Holes looked at: ${count(looked.number)}`),
    make('ol', { start: looked.before + 1 }, items),
    left > 0 && make('p', {}, `${count(left)} more are not shown.`),
    ...words,
  ];
}

/** The list of holes of an exercise, if it is not in order of address. */
export function listed(list) {
  if (list === undefined) return [];
  const holes = list.map(({ start, size }) => `H ${start} (${count(size)} B)`).join(', ');
  return [make('p', {}, `The list of holes, as it is searched: ${holes || 'none'}.`)];
}

/** Numbers of a memory, as a list of terms. */
export function numbers(mains) {
  const { mapped, live, blocks, holes, holeBytes, largest } = totals(mains);
  const outside = holeBytes === 0 ? 0 : 1 - largest / holeBytes;
  const rows = [
    [
      'in use',
      `${bytes(live)} in ${count(blocks)} ${blocks === 1 ? 'block' : 'blocks'}, of ${count(mapped)}`,
    ],
    ['free', `${bytes(holeBytes)} in ${count(holes)} ${holes === 1 ? 'hole' : 'holes'}`],
    ['largest hole', bytes(largest)],
    [
      'external fragmentation',
      `${percent(outside)}: the share of what is free outside of the largest hole`,
    ],
  ];
  return make(
    'dl',
    {},
    rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
  );
}

/** The table of all policies: what each call has got. `at` is how many calls were made, `hidden` from which on nothing is shown. */
export function comparison(runs, { at, hidden, policy, order, onstep }) {
  const [{ steps }] = runs;
  const head = make(
    'tr',
    {},
    make('th', { scope: 'col' }, 'call'),
    runs.map((each) =>
      make(
        'th',
        {
          scope: 'col',
          className: each.policy === policy ? 'chosen' : undefined,
          title: ruleOf(each.policy, order),
        },
        each.policy,
      ),
    ),
  );
  const rows = steps.map(({ call }, number) => {
    const isNow = number + 1 === at;
    const name = make(
      'button',
      {
        type: 'button',
        'data-key': `row${number}`,
        'aria-current': isNow ? 'step' : undefined,
        onclick: () => onstep(number + 1),
      },
      call.text,
    );
    const cells = runs.map((each) => {
      const text = number >= hidden ? '?' : (each.steps[number].cell ?? '');
      const isError = number < hidden && each.steps[number].result === 'error';
      return make(
        'td',
        { className: each.policy === policy ? 'chosen' : undefined },
        isError ? 'error' : text,
      );
    });
    return make(
      'tr',
      { className: isNow ? 'now' : undefined },
      make('th', { scope: 'row' }, name),
      cells,
    );
  });
  return make(
    'table',
    {},
    make(
      'caption',
      {},
      runs[0].isGiven ? 'The hole that each request takes' : 'The address that each call returns',
    ),
    make('thead', {}, head),
    make('tbody', {}, rows),
  );
}

/** What each policy has made of the calls so far. */
export function states(runs, { at, policy, isHeap }) {
  return runs.map((each) => {
    const mains = each.moment(at).after;
    const { mapped, holes, largest } = totals(mains);
    const refused = each.steps.slice(0, at).filter(({ result }) => result === 'refused').length;
    const words = [
      isHeap && `${inUnits(mapped)} mapped`,
      `${count(holes)} ${holes === 1 ? 'hole' : 'holes'}, the largest ${bytes(largest)}`,
      refused > 0 && `${refused} refused`,
    ];
    return make(
      'div',
      { className: `state${each.policy === policy ? ' chosen' : ''}` },
      make('h3', {}, each.policy),
      make('p', {}, words.filter(Boolean).join('; ')),
      mains.map(({ segments }) => bar(segments)),
    );
  });
}
