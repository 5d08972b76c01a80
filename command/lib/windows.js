// Which operations of a program are in a page that cannot have all: windows round the peak, growth and refused requests.

'use strict';

/** The most windows, and how many of them are about growth. */
const MOST = 8;
const GROWS = 4;

/** The moments that are worth looking at, the most important first, as [moment, why]. */
function points({ history, peak }, { OPERATION, operationsOf }) {
  const { kinds, mains } = history;
  const refused = operationsOf(kinds, [OPERATION.refusedMalloc, OPERATION.refusedRealloc]);
  const grows = Array.from(mains.from, (moment, at) => ({ moment, size: mains.size[at] }))
    .filter(({ moment }) => moment > 0)
    .sort((a, b) => b.size - a.size || b.moment - a.moment)
    .slice(0, GROWS);
  const all = [[peak, 'the peak']];
  if (refused.length > 0) {
    all.push(
      [refused[0], 'the first refused request'],
      [refused.at(-1), 'the last refused request'],
    );
  }
  return [...all, ...grows.map(({ moment }) => [moment, 'the heap grows'])];
}

/** Windows of at most `most` operations together, in order, as { from, to, why }. */
function chooseWindows(found, most, page) {
  const { operations } = found.history;
  const chosen = points(found, page).slice(0, MOST);
  const length = Math.max(1, Math.floor(most / chosen.length));
  const windows = [];
  for (const [moment, why] of chosen) {
    const from = Math.max(0, Math.min(operations - length, Math.round(moment - length / 2)));
    const to = Math.min(operations, from + length);
    const other = windows.find((each) => from < each.to && each.from < to);
    if (other === undefined) {
      windows.push({ from, to, why });
      continue;
    }
    other.from = Math.min(other.from, from);
    other.to = Math.max(other.to, to);
    if (!other.why.includes(why)) other.why += `, ${why}`;
  }
  // Windows that have grown may touch now.
  const apart = [];
  for (const each of windows.sort((a, b) => a.from - b.from)) {
    const last = apart.at(-1);
    if (last === undefined || each.from >= last.to) apart.push(each);
    else {
      last.to = Math.max(last.to, each.to);
      if (!last.why.includes(each.why)) last.why += `, ${each.why}`;
    }
  }
  return apart;
}

module.exports = { chooseWindows };
