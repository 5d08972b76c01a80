// A window of a history: the operations from one moment to another, as a history of its own that begins with the blocks that are
// there. What they were before, and what becomes of those that are there at its end, is beside it (pages/report/edges.mjs).

'use strict';

const { KIND } = require('./kinds.js');

/** What lasts for a time, as it is in a window. */
function during(columns, from, to, never) {
  const names = Object.keys(columns);
  const kept = Object.fromEntries(names.map((name) => [name, []]));
  for (let at = 0; at < columns.from.length; at++) {
    const end = columns.to?.[at] ?? never;
    if (end <= from || columns.from[at] > to) continue;
    for (const name of names) kept[name].push(columns[name][at]);
  }
  kept.from = kept.from.map((moment) => Math.max(0, moment - from));
  if (kept.to) kept.to = kept.to.map((end) => (end > to ? never : end - from));
  return kept;
}

/** The operations of `history` after the moment `from`, up to `to`. `page` is the code of pages. */
function slice(history, from, to, { NEVER, NONE, Column, edgesOf }) {
  const { kinds, what, blocks, refused, meta } = history;
  const { birth, death, previous } = blocks;
  // By number: the number in the window, and one more.
  const numbers = new Uint32Array(blocks.count);
  const kept = new Column(Uint32Array);
  let initial = 0;
  for (let at = 0; at < blocks.count && birth[at] <= to; at++) {
    if (death[at] <= from) continue;
    if (birth[at] <= from) initial += 1;
    kept.push(at);
    numbers[at] = kept.length;
  }
  const pick = (values) => values.constructor.from(kept.array, (at) => values[at]);
  const columns = Object.fromEntries(
    Object.entries(blocks)
      .filter(([name]) => name !== 'count')
      .map(([name, values]) => [name, pick(values)]),
  );
  columns.birth = columns.birth.map((moment) => Math.max(0, moment - from));
  columns.death = columns.death.map((moment) => (moment > to ? NEVER : moment - from));
  columns.previous = Uint32Array.from(kept.array, (at) => {
    return birth[at] <= from || previous[at] === NONE ? NONE : numbers[previous[at]] - 1;
  });
  const [marks, sizes] = [[], []];
  const parts = Uint32Array.from({ length: to - from }, (_, at) => {
    const [is, which] = [kinds[from + at], what[from + at]];
    if (is === KIND.mark) return marks.push(meta.marks[which]) - 1;
    if (is === KIND.refusedMalloc || is === KIND.refusedRealloc) {
      return sizes.push(refused[which]) - 1;
    }
    return which === NONE || is > KIND.realloc ? NONE : numbers[which] - 1;
  });
  return {
    ...history,
    meta: { ...meta, marks, offset: from, total: history.operations },
    edges: edgesOf(history, from, to, kept.array),
    initial,
    operations: to - from,
    kinds: kinds.subarray(from, to),
    what: parts,
    blocks: { ...columns, count: kept.length },
    mains: during(history.mains, from, to, NEVER),
    borders: during(history.borders, from, to, NEVER),
    spans: during(history.spans, from, to, NEVER),
    refused: sizes,
    clock: history.clock?.slice(
      Math.floor(from / meta.clockStep),
      Math.ceil(to / meta.clockStep) + 1,
    ),
  };
}

module.exports = { slice };
