// What `trackAllocations` costs: node bench/stacks.js [folder of another build]...
//
// A call of malloc or free in such a heap, where the stack has been seen before, against the least that it could take: the
// engine's own capture of as many frames. Runs on any runtime that loads MeMS, as it was last built.

'use strict';

const vm = require('node:vm');
const path = require('node:path');
const { deviation, median, time } = require('./lib/measure.js');

/** How many calls are timed at once, and how often: few at once, so that some are timed while no other program runs. */
const CALLS = 200;
const ROUNDS = 200;
/** Frames of the program, and frames of MeMS down to the one that captures. */
const FRAMES = 10;
const OWN = 3;

const CAPTURE = 'the capture alone';

/** What an engine has to do to capture a stack: call sites, or text if another realm of the engine has no call sites. */
function capture() {
  const Other = vm.runInNewContext('Error');
  Other.prepareStackTrace = (_, sites) => sites;
  Other.stackTraceLimit = FRAMES + OWN;
  if (typeof new Other().stack?.[0]?.getPosition?.() === 'number') return () => new Other().stack;
  return () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = FRAMES + OWN;
    const holder = {};
    Error.captureStackTrace(holder);
    const { stack } = holder;
    Error.stackTraceLimit = stackTraceLimit;
    return stack;
  };
}

/** Calls a function under `depth` more frames. */
const nested = (depth, call) => (depth === 0 ? call() : [nested(depth - 1, call)]);

function contenders() {
  const captured = capture();
  const under = (depth) => (depth === 2 ? captured().length : under(depth - 1) + 0);
  const all = {
    [CAPTURE]: () => {
      under(OWN);
      under(OWN);
    },
  };
  const folders = [
    path.join(__dirname, '..'),
    ...process.argv.slice(2).map((to) => path.resolve(to)),
  ];
  for (const folder of folders) {
    const { Heap } = require(folder);
    const heap = new Heap({ trackAllocations: true });
    heap.malloc(64);
    all[folder === folders[0] ? 'malloc or free' : folder] = () => heap.free(heap.malloc(64));
  }
  return all;
}

const all = contenders();
for (const [title, depth] of Object.entries({ shallow: 0, deep: 30 })) {
  const times = Object.fromEntries(Object.keys(all).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, pair] of Object.entries(all)) {
      const run = () => {
        for (let i = 0; i < CALLS; i++) pair();
      };
      nested(depth, () => times[name].push(time(run) / CALLS / 2));
    }
  }
  const floor = times[CAPTURE];
  for (const [name, own] of Object.entries(times)) {
    // The first half warms up.
    const later = own.slice(ROUNDS / 2);
    const ratios = own.map((ns, round) => ns / floor[round]).slice(ROUNDS / 2);
    const us = (median(later) / 1000).toFixed(2).padStart(6);
    const ratio = `${median(ratios).toFixed(2)} ± ${deviation(ratios).toFixed(2)}`;
    console.log(`${title} stack, ${name}: ${us} us a call, ${ratio} times the capture`);
  }
}
