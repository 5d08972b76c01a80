// What a table of policies means, in sentences. Each rule is a function of the results that returns a sentence, or nothing if the rule
// does not apply; the first that applies of each group is printed.
//
// Results are those of lib/replay.js, one a policy. Times are measured on a busy machine, so that only large differences count.

'use strict';

const { count, percent, shortSize } = require('./numbers.js');

/** Differences of mapped bytes below this share are not worth a change. */
const SAME = 0.03;
/** How many times as quick something must be to be called quicker. */
const QUICKER = 1.5;
/** How much more the quickest may map, to be advised for being quick. */
const BEARABLE = 1.15;
/** How many times as much as the least a policy must map, to be warned of. */
const WASTEFUL = 1.5;
/** How many times as much as the second worst it must map as well: if all are wasteful, the program is the reason. */
const ALONE = 1.2;
/** The share of unusable hole bytes from which on it is worth a sentence. */
const SCATTERED = 0.5;
/** Fewer operations than this are too few for their time to mean anything. */
const TIMED = 10_000;

const least = (results, field) => results.reduce((a, b) => (b[field] < a[field] ? b : a));
/** What others are compared with: first fit, the default of init(), if it is near the least; otherwise the least. */
function reference(serving) {
  const best = least(serving, 'mapped');
  const first = serving.find(({ policy }) => policy === 'first-fit');
  return first && first.mapped <= (1 + SAME) * best.mapped ? first : best;
}
const times = (ratio) => (ratio >= 10 ? String(Math.round(ratio)) : ratio.toFixed(1));
const listed = (names) => {
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
};

const RULES = {
  /** Which policies serve all requests within the limit. */
  refusals: [
    function noMemory({ results, limit }) {
      const best = least(results, 'refused');
      if (limit !== undefined || best.refused === 0) return undefined;
      const requests = best.refused === 1 ? 'a request' : `${count(best.refused)} requests`;
      return `The system had no memory for ${requests}.`;
    },
    function someServeAll({ results }) {
      const serving = results.filter(({ refused }) => refused === 0);
      if (serving.length === 0 || serving.length === results.length) return undefined;
      const names = serving.map(({ policy }) => policy);
      return `Within the limit only ${listed(names)} ${names.length === 1 ? 'serves' : 'serve'} every request.`;
    },
    function noneServesAll({ results }) {
      const best = least(results, 'refused');
      if (best.refused === 0) return undefined;
      if (results.length === 1) {
        return `The limit is too low for ${best.policy}: the first request is refused at operation ${count(best.firstRefused)}.`;
      }
      return `The limit is too low for every policy: ${best.policy} refuses the fewest requests, ${count(best.refused)}.`;
    },
  ],
  /** Which policy maps least. Policies that refuse requests map less for no good reason, so they do not count. */
  memory: [
    function onePolicy({ serving }) {
      return serving.length < 2 ? '' : undefined;
    },
    function noDifference({ serving }) {
      const most = Math.max(...serving.map(({ mapped }) => mapped));
      if (most > (1 + SAME) * least(serving, 'mapped').mapped) return undefined;
      return 'No difference worth a change: all map within 3% of each other.';
    },
    function othersNearLeast({ serving }) {
      const best = least(serving, 'mapped');
      const near = serving
        .filter((each) => each !== best && each.mapped <= (1 + SAME) * best.mapped)
        .sort((a, b) => a.mapped - b.mapped)
        .map(({ policy }) => policy);
      if (near.length === 0) return undefined;
      return `${best.policy} maps least, and ${listed(near)} within 3% of it: no difference worth a change.`;
    },
    function leastMapped({ serving }) {
      const best = least(serving, 'mapped');
      const second = least(
        serving.filter((each) => each !== best),
        'mapped',
      );
      return `${best.policy} maps least: ${percent(1 - best.mapped / second.mapped)} less than ${second.policy}.`;
    },
  ],
  /** Which policy is so much quicker that it is worth some memory. */
  speed: [
    function quickAndNear({ serving, operations }) {
      if (serving.length < 2 || operations < TIMED) return undefined;
      const [usual, quick] = [reference(serving), least(serving, 'nanoseconds')];
      if (usual.nanoseconds < QUICKER * quick.nanoseconds) return undefined;
      if (quick.mapped > BEARABLE * usual.mapped) return undefined;
      const ratio = times(usual.nanoseconds / quick.nanoseconds);
      const more = quick.mapped / usual.mapped - 1;
      const isMore = more > SAME;
      const maps = isMore ? `maps ${percent(more)} more than ${usual.policy} and ` : '';
      const but = isMore ? ' unless memory is what you lack' : '';
      return `${quick.policy} ${maps}is ${ratio} times as quick${isMore ? '' : ` as ${usual.policy}`}: take it${but}.`;
    },
  ],
  /** Which policy not to take, and why. */
  warning: [
    function wastesMost({ serving, calls }) {
      if (serving.length < 2) return undefined;
      const best = least(serving, 'mapped');
      const [worst, second] = serving.toSorted((a, b) => b.mapped - a.mapped);
      const isWasteful = worst.mapped >= WASTEFUL * best.mapped;
      if (!isWasteful || worst.mapped < ALONE * second.mapped) return undefined;
      const grown = calls.realloc > 0 ? 'that growing arrays need' : 'that large requests need';
      const why = {
        'worst-fit': `it cuts up the large holes ${grown}, and maps anew ${count(worst.mainBlocks)} times`,
        'next-fit': 'it leaves rests of holes all over the heap',
        'first-fit': 'small blocks at low addresses cut up its holes',
        'best-fit': 'the rests that it leaves are too small to use',
        buddy: 'it rounds every size up to a power of two',
        segregated: 'each size class has pages of its own, which few blocks of other sizes can use',
      }[worst.policy];
      return `${worst.policy} maps ${times(worst.mapped / best.mapped)} times as much as ${best.policy}: ${why}.`;
    },
  ],
  /** What is free and cannot be used. */
  holes: [
    function scattered({ serving, unusableFor }) {
      if (serving.length === 0) return undefined;
      const chosen = reference(serving);
      if (chosen.holeBytes === 0 || chosen.unusable < SCATTERED) return undefined;
      return `Of the free bytes of ${chosen.policy}, ${percent(chosen.unusable)} are in holes too small for ${shortSize(unusableFor)}.`;
    },
  ],
};

/** The sentences for what was replayed: { results, operations, calls, unusableFor, limit }. */
function advise(replayed) {
  const facts = { ...replayed, serving: replayed.results.filter(({ refused }) => refused === 0) };
  return Object.values(RULES).flatMap((rules) => {
    for (const rule of rules) {
      const sentence = rule(facts);
      if (sentence !== undefined) return sentence === '' ? [] : [sentence];
    }
    return [];
  });
}

module.exports = { advise, RULES };
