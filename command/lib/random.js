// Random exercises that a seed repeats: holes with requests, or a program of calls.

'use strict';

/** Numbers from 0 to 1 that a seed repeats: a multiplicative generator of Weyl steps, mixed. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

const whole = (random, least, most) => least + Math.floor(random() * (most - least + 1));

/** Five holes and four requests. */
function holesAndRequests(random) {
  const holes = Array.from({ length: 5 }, () => 10 * whole(random, 5, 60));
  const largest = Math.max(...holes);
  const requests = Array.from({ length: 4 }, () => whole(random, 20, Math.floor(largest * 0.9)));
  return { holes, requests };
}

/**
 * A program of `operations` calls: a malloc of 1 to `largest` bytes with this probability, or a free of some block. A malloc that
 * would be refused is written as well, so that what it leaves can be seen.
 */
function program(random, { operations, largest, share }) {
  const live = [];
  let mallocs = 0;
  return Array.from({ length: operations }, () => {
    if (live.length === 0 || random() < share) {
      live.push(mallocs);
      mallocs += 1;
      return `+${whole(random, 1, largest)}`;
    }
    return `-${live.splice(whole(random, 0, live.length - 1), 1)[0]}`;
  }).join(',');
}

module.exports = { generator, holesAndRequests, program };
