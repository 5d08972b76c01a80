// Calls of maps beside those of their peers: each contender in a process of its own, in turns, so that a change of the machine's speed
// affects all of them, and ratios are taken within turns.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.js';

const require = createRequire(import.meta.url);
const { alone } = require('../lib/alone.js');
const { available, CONTENDERS } = require('./contenders/index.js');
const TASKS = fileURLToPath(new URL('tasks.js', import.meta.url));

/** What was aimed at: a call of MeMS takes at most `most` times as long as one of a peer, for all calls where none is named. */
export const BARS = [
  { call: 'getInto', peer: 'lmdb-js', theirs: 'get', most: 0.45 },
  { call: 'get', peer: 'lmdb-js', theirs: 'get', most: 0.6 },
  { call: 'set', peer: 'lmdb-js', theirs: 'set', most: 0.4 },
  { call: 'get', peer: 'lru-cache', theirs: 'get', most: 4 },
  ...['get', 'get a string', 'has', 'set'].map((call) => {
    return { call, peer: 'Redis', theirs: call, most: 0.05 };
  }),
];

export const OURS = 'MeMS map';

/** Stores that are filled once, and the draws of keys that are measured on each. */
const stores = (quick) => [
  { keys: quick ? 20_000 : 100_000, bytes: 100, hot: quick ? 680 : 3400, draws: ['all', 'hot'] },
  { keys: quick ? 2000 : 20_000, bytes: 10_000, hot: undefined, draws: ['all'] },
];

/** A row `{ contender, call, best, ns }` for each call: the best and the median round in nanoseconds a call. */
function rowsOf(turns) {
  return [...turns].map(([, { contender, call, times }]) => {
    const all = times.flat();
    return { contender, call, best: Math.min(...all), ns: median(all) };
  });
}

/** For each bar the median over the turns of what MeMS takes in a turn by what the peer takes in it. */
function ratiosOf(turns) {
  const of = (contender, call) => turns.get(`${contender}\n${call}`)?.times.map(median);
  return BARS.flatMap((bar) => {
    const [own, theirs] = [of(OURS, bar.call), of(bar.peer, bar.theirs)];
    if (own === undefined || theirs === undefined) return [];
    return [{ ...bar, ratio: median(own.map((ns, turn) => ns / theirs[turn])) }];
  });
}

/**
 * The calls of a turn: each is the first as often as the others, since the first one pays for what other contenders have put into the
 * processor's caches.
 */
function rotated(calls, turn) {
  const first = (turn + calls.length) % calls.length;
  return [...calls.slice(first), ...calls.slice(0, first)];
}

/** Measures one store with all its draws: `{ keys, bytes, draw, drawn, rows, ratios }` for each. */
async function measureStore(store, { quick, folder, progress, names }) {
  const children = [];
  for (const contender of names) {
    progress(`filling ${contender}: ${store.keys} keys of ${store.bytes} bytes`);
    const child = alone(TASKS);
    const calls = await child.call('open', { ...store, contender, folder });
    children.push({ contender, child, calls });
  }
  const turns = new Map(store.draws.map((draw) => [draw, new Map()]));
  const [count, rounds] = quick ? [3, 10] : [12, 15];
  // The first turn warms up.
  for (let turn = -1; turn < count; turn++) {
    for (const [draw, own] of turns) {
      progress(`${store.bytes} bytes, ${draw} keys, turn ${turn + 1} of ${count}`);
      for (const { contender, child, calls } of children) {
        for (const call of rotated(calls, turn)) {
          const slow = CONTENDERS[contender].slow;
          const times = await child.call('measure', { call, draw, count: slow ? 2 : rounds });
          const name = `${contender}\n${call}`;
          if (!own.has(name)) own.set(name, { contender, call, times: [] });
          if (turn >= 0) own.get(name).times.push(times);
        }
      }
    }
  }
  const reached = await children[0].child.call('drawn');
  for (const { child } of children) {
    await child.call('close');
    child.end();
  }
  return [...turns].map(([draw, own]) => {
    const { keys, bytes } = store;
    return { keys, bytes, draw, drawn: reached[draw], rows: rowsOf(own), ratios: ratiosOf(own) };
  });
}

export async function measureCalls(options) {
  const { present: names, absent } = available();
  const measured = [];
  for (const [at, store] of stores(options.quick).entries()) {
    const folder = options.newFolder(`calls-${at}`);
    measured.push(...(await measureStore(store, { ...options, folder, names })));
    options.remove(folder);
  }
  return { calls: measured, absent };
}
