// What the process of one contender does: it opens a store, fills it, and makes calls in rounds.

'use strict';

const { Buffer } = require('node:buffer');
const { mkdirSync } = require('node:fs');
const path = require('node:path');
const { CALLS, CONTENDERS } = require('./contenders/index.js');
const { Draw, keysOf, textOf } = require('./data.js');

/** Calls of a round. */
const ROUND = 1000;

let store;
let value;
let draws;
/** The function of each call that the contender has, and what it returns for one key. */
let rounds;

const clock = () => process.hrtime.bigint();

/** A round of calls that return at once: each call has a loop of its own, for which V8 compiles it. */
function synchronous(call, inTransaction) {
  const all = (keys) => {
    let sum = 0;
    for (let i = 0; i < keys.length; i++) sum += call(keys[i], value);
    return sum;
  };
  if (!inTransaction) return all;
  return (keys) => {
    let sum;
    store.transaction(() => {
      sum = all(keys);
    });
    return sum;
  };
}

/** A round of calls that return promises. */
function asynchronous(call, atOnce) {
  return async (keys) => {
    let sum = 0;
    if (atOnce === 1) {
      for (const key of keys) sum += await call(key, value);
      return sum;
    }
    for (let from = 0; from < keys.length; from += atOnce) {
      const under = keys.slice(from, from + atOnce).map((key) => call(key, value));
      for (const length of await Promise.all(under)) sum += length;
    }
    return sum;
  };
}

function roundOf(call) {
  const own = store.calls?.[call];
  if (own !== undefined) return synchronous(own, store.transactions?.includes(call));
  const later = store.asynchronous?.[call];
  return later && asynchronous(later, store.atOnce);
}

/** Opens and fills the store of a contender, and returns the names of its calls. */
async function open({ contender, folder, keys: count, bytes, hot }) {
  const own = path.join(folder, contender.replace(/\W+/g, '-'));
  mkdirSync(own);
  store = await CONTENDERS[contender].load().open(own, bytes);
  const text = textOf(bytes);
  value = { bytes: Buffer.from(text), text };
  const keys = keysOf(count);
  draws = Object.fromEntries(
    Object.entries({ all: undefined, hot }).map(([name, hot]) => [name, new Draw(keys, hot)]),
  );
  const fill = () => {
    let last;
    for (const key of keys) last = store.put(key, value);
    return last;
  };
  if (store.transaction) store.transaction(fill);
  else await fill();
  rounds = Object.fromEntries(CALLS.map((call) => [call, roundOf(call)]));
  return CALLS.filter((call) => rounds[call] !== undefined);
}

/** Nanoseconds a call of each of some rounds of calls of one name. */
async function measure({ call, draw, count }) {
  const times = [];
  const expected = ROUND * (call === 'has' ? 1 : value.bytes.length);
  for (let i = 0; i < count; i++) {
    const keys = draws[draw].next(ROUND);
    const begun = clock();
    let sum = rounds[call](keys);
    if (typeof sum !== 'number') sum = await sum;
    times.push(Number(clock() - begun) / ROUND);
    if (sum !== expected) throw new Error(`${call} found ${sum}, not ${expected}`);
  }
  return times;
}

/** How many keys the calls of each draw have reached; checked. */
function drawn() {
  return Object.fromEntries(Object.entries(draws).map(([name, draw]) => [name, draw.check()]));
}

async function close() {
  await store.close();
}

// A connection to a server would keep this process running when the bench has ended by an error.
process.once('disconnect', () => process.exit());

module.exports = { tasks: { open, measure, drawn, close } };
