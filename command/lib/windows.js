// Which operations of a program are in a page that cannot have all: windows round the peak, growth and refused requests.

'use strict';

const { KIND } = require('./kinds.js');

/** The most windows. */
const MOST = 8;

/** The moments that are worth looking at, the most important first, as [moment, why]. */
function points({ history, peak }, { operationsOf }) {
  const { kinds, mains } = history;
  const refused = operationsOf(kinds, [KIND.refusedMalloc, KIND.refusedRealloc]);
  const grows = Array.from(mains.from, (moment, at) => ({ moment, size: mains.size[at] }))
    .filter(({ moment }) => moment > 0)
    .sort((a, b) => b.size - a.size || a.moment - b.moment);
  const all = [[peak, 'the peak']];
  if (refused.length > 0) {
    all.push(
      [refused[0], 'the first refused request'],
      [refused.at(-1), 'the last refused request'],
    );
  }
  return [...all, ...grows.map(({ moment }) => [moment, 'the heap grows'])];
}

/** The first of these points, without those that are in the windows of others. */
function apart(all, most) {
  const chosen = [];
  for (const point of all) {
    if (chosen.length === MOST) break;
    const isNear = chosen.some(([moment]) => Math.abs(moment - point[0]) < most / MOST);
    if (!isNear) chosen.push(point);
  }
  return chosen;
}

/** Windows of at most `most` operations together, in order, as { from, to, why }. */
function chooseWindows(found, most, page) {
  const { operations } = found.history;
  // Each window has an operation, at least.
  const chosen = apart(points(found, page), most).slice(0, most);
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
  const merged = [];
  for (const each of windows.sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || each.from >= last.to) merged.push(each);
    else {
      last.to = Math.max(last.to, each.to);
      if (!last.why.includes(each.why)) last.why += `, ${each.why}`;
    }
  }
  return merged;
}

module.exports = { chooseWindows };
