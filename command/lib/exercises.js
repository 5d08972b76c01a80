// The exercises that there are: those of textbooks, of one's own, and random ones.
//
// An exercise is { name, slug, title, source, holes, calls, isProgram, base, policies }: lib/exercise.js works it out. One of holes and
// requests is no program; a program is in one memory, and has names for its blocks.

'use strict';

const { answer, parseCalls, work } = require('./exercise.js');
const { BASE } = require('./lesson-values.js');
const random = require('./random.js');
const textbook = require('../textbook.json');

/** The policies that an exercise is worked out by if none is chosen. */
const COMPARED = ['first-fit', 'next-fit', 'best-fit', 'worst-fit'];
/** Random exercises are drawn anew until policies differ, at most this often. */
const DRAWS = 200;

/** A buddy exercise's calls without its results: '+A100 0/128' is '+A100'. */
const plainCalls = (calls) => calls.map((call) => call.split(' ')[0]).join(',');

/** The exercises of textbooks, each as { name, slug, title, source, holes, calls, isProgram, base, policies }. */
const EXERCISES = [
  ...textbook.tables.map(({ holes, requests, ...about }) => fromHoles(holes, requests, about)),
  fromCalls(textbook.program.size, textbook.program.calls.join(','), textbook.program),
  ...textbook.buddy.map((each) => ({
    ...fromCalls(1024, plainCalls(each.calls), each, 0),
    policies: ['buddy'],
  })),
];

const RANDOM = [
  { name: 'random', title: 'five holes and four requests; --seed repeats one', source: 'random' },
  {
    name: 'random-calls',
    title: 'a program of malloc and free, as malloc.py makes',
    source: 'random',
  },
];

function pick({ name, slug, title, source }) {
  return { name, slug, title, source };
}

function fromHoles(holes, requests, about = {}) {
  const calls = requests.map((size, at) => ({ kind: 'malloc', name: String(at), size }));
  return { ...pick(about), holes, calls, isProgram: false, base: BASE, policies: COMPARED };
}

function fromCalls(size, calls, about = {}, base = BASE) {
  const parsed = parseCalls(calls);
  return {
    ...pick(about),
    holes: [size],
    calls: parsed,
    isProgram: true,
    base,
    policies: COMPARED,
  };
}

/** A random exercise. One in which no two policies differ teaches little, so another is drawn. */
function drawn(name, options) {
  const seed = options.seed ?? Math.floor(Math.random() * 1_000_000);
  const next = random.generator(seed);
  const about = { seed, title: name };
  if (name === 'random-calls') {
    const { operations = 10, largest = 10, share = 0.5 } = options;
    const program = random.program(next, { operations, largest, share });
    return {
      ...fromCalls(options.size ?? 100, program, {}, options.base),
      isDrawnProgram: true,
      ...about,
    };
  }
  let exercise;
  for (let draw = 0; draw < DRAWS; draw++) {
    const { holes, requests } = random.holesAndRequests(next);
    exercise = fromHoles(holes, requests);
    const answers = COMPARED.map((policy) => work(exercise, { policy }).map(answer).join());
    if (new Set(answers).size === COMPARED.length) break;
  }
  return { ...exercise, base: options.base ?? BASE, ...about };
}

module.exports = { COMPARED, EXERCISES, RANDOM, drawn, fromCalls, fromHoles, pick };
