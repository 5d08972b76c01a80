'use strict';

// Short programs for each policy, with the addresses that the model gives: the cases that the model shares with Rust, where
// __test__/rust/cases.rs runs them on the heap and on its own model. `npm run cases` writes them into fixtures/cases.json.
//
// A call is `+size@address`, `+size@-` where memory is refused, or `-address`.

const { Model, PAGE } = require('./model.js');
const { POLICIES } = require('./policies.js');
const { Numbers } = require('./random.js');

const CALLS = 80;

/** Options of programs: the original's, those of a roomy heap, and a memory of a few pages. */
const OPTIONS = [
  {},
  { alignment: 16, minBlockSize: 16 * PAGE, growingBlocks: true },
  { maxSize: 4 * PAGE },
];
/** Two main blocks of powers of two are no buddies, which is why that policy joins none. */
const JOINING = { joinEmptyBlocks: true, minBlockSize: 2 * PAGE };

function makeCase(policy, options, number) {
  const model = new Model({ policy, ...options });
  const random = new Numbers(number);
  const live = [];
  const calls = [];
  while (calls.length < CALLS) {
    if (live.length > 0 && random.chance(0.4)) {
      const address = random.take(live);
      model.release(address);
      calls.push(`-${address}`);
      continue;
    }
    const size = random.int(1, random.pick([40, 400, 3000, 3 * PAGE]));
    let address = '-';
    try {
      address = model.take(size);
      live.push(address);
    } catch (error) {
      if (error.code !== 'ERR_MEMS_OUT_OF_MEMORY') throw error;
    }
    calls.push(`+${size}@${address}`);
  }
  return { policy, options, calls: calls.join(' '), lines: model.statsText().join('\n') };
}

/** All cases, the same at each call. */
function makeCases() {
  return Object.keys(POLICIES).flatMap((policy, first) => {
    const all = policy === 'buddy' ? OPTIONS : [...OPTIONS, JOINING];
    return all.map((options, second) => makeCase(policy, options, 10 * first + second));
  });
}

/** The text of the fixture. */
const casesText = () => `${JSON.stringify({ cases: makeCases() }, null, 2)}\n`;

module.exports = { casesText };
