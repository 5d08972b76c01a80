// Timing in turns: every round runs each contender once, so that a change of the machine's speed affects all of them, and ratios
// are taken within rounds.

'use strict';

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of the distances from the median: a spread that one disturbed round does not move. */
function deviation(values) {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle)));
}

/**
 * Measures contenders `{ name, run }`, where run() returns nanoseconds an operation. A contender whose run returns
 * undefined has given up and is left out from then on.
 *
 * Returns a row for each: `{ name, ns, spread, ratio }`, the ratio to the first contender.
 */
async function inTurns(contenders, rounds, progress = () => {}) {
  const times = new Map(contenders.map(({ name }) => [name, []]));
  const out = new Set();
  for (let round = -1; round < rounds; round++) {
    for (const { name, run } of contenders) {
      if (out.has(name)) continue;
      const ns = await run();
      if (ns === undefined) out.add(name);
      // The first round warms up: after it code is compiled, and memory is mapped.
      else if (round >= 0) times.get(name).push(ns);
      progress();
    }
  }
  const first = times.get(contenders[0].name);
  return contenders.map(({ name }) => {
    const own = times.get(name);
    if (out.has(name)) return { name, ns: null, spread: null, ratio: null };
    const ratios = own.map((ns, round) => ns / first[round]);
    return { name, ns: median(own), spread: deviation(own), ratio: median(ratios) };
  });
}

/** Nanoseconds that a function takes. */
function time(action) {
  const begun = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - begun);
}

/**
 * Nanoseconds of processor time that a function takes, of all threads of the process, so with the work of the garbage collector. It
 * is exact to a microsecond, and does not contain the time in which other programs had the processor. Windows counts processor time
 * in steps of 16 milliseconds, so there it is the time that passes.
 */
function processorTime(action) {
  if (process.platform === 'win32') return time(action);
  const begun = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) * 1000;
}

module.exports = { deviation, inTurns, median, processorTime, time };
