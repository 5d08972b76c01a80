// mems demo: the example of the README, call by call, with the chains after each.

'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { parseWhole } = require('./lib/numbers.js');
const picture = require('./lib/picture.js');
const { wrap } = require('./lib/text.js');
const mems = require('./library.js');

const INDENT = '     ';
/** Milliseconds between two steps on a terminal, at the speed 1. */
const PAUSE = 1600;

const bytesOf = (page) => `page base + (${page} - 1000)`;

/** The calls, in order. `call(state)` makes one and returns its result; `says` is what there is to see. */
const STEPS = [
  {
    title: 'init()',
    call: () => mems.init(),
    says: 'nothing is mapped yet',
  },
  {
    title: 'malloc(1000)',
    call: (names) => name(names, mems.malloc(1000)),
    says: 'no hole fits: one page is mapped, 1000 bytes are cut off its front',
  },
  {
    title: 'get(1000n)',
    call: () => mems.get(1000n),
    says: bytesOf(1000),
  },
  {
    title: 'malloc(500)',
    call: (names) => name(names, mems.malloc(500)),
    says: 'the hole fits: its first 500 bytes become a block',
  },
  {
    title: 'free(1000n)',
    call(names) {
      mems.free(1000n);
      names.delete(1000);
    },
    says: 'the block becomes a hole; holes side by side would join, but P1 is between these',
  },
  {
    title: 'malloc(200)',
    call: (names) => name(names, mems.malloc(200)),
    says: 'first fit: the lowest hole that is large enough, so addresses are used again',
  },
  {
    title: 'finish()',
    call(names) {
      names.clear();
      mems.finish();
    },
    says: '1 page back to the system',
  },
];

/** Names the block at `address`, P and its number, and returns the address. */
function name(names, address) {
  names.made = (names.made ?? 0) + 1;
  names.set(Number(address), `P${names.made - 1}`);
  return address;
}

/** What the physical address of a run is, in text: other in each, so that it is only shown in part. */
const shown = (result, title) => {
  if (result === undefined) return '';
  return title.startsWith('get') ? `${String(result).slice(0, 6)}...` : `${result}n`;
};

/** Runs a call without the text that finish() prints. */
function quietly(call) {
  const { log } = console;
  console.log = () => {};
  try {
    return call();
  } finally {
    console.log = log;
  }
}

function lines({ title, says }, result, at, context) {
  const { glyphs, paint } = context;
  const value = shown(result, title);
  const gives = value === '' ? '' : `  ${glyphs.gives} ${value}`;
  const head = `${at + 1}/${STEPS.length}  ${paint.bold(title.padEnd(14))}${gives}`;
  const start = `${at + 1}/${STEPS.length}  ${title.padEnd(14)}${gives}`.padEnd(36).length;
  const pad = ' '.repeat(start - `${at + 1}/${STEPS.length}  ${title.padEnd(14)}${gives}`.length);
  if (context.width < start + 24) return [head, ...wrap(INDENT + says, context.width, INDENT)];
  return wrap(`${head}${pad}${says}`, context.width, ' '.repeat(start));
}

async function run(context, _args, { speed }) {
  const names = new Map();
  const results = [];
  const pause = context.isTerminal && !context.json && speed > 0 ? PAUSE / speed : 0;
  for (const [at, step] of STEPS.entries()) {
    const result = quietly(() => step.call(names));
    const isLast = at === STEPS.length - 1;
    const chains = isLast ? [] : picture.read(mems.chains(), names);
    results.push({
      call: step.title,
      says: step.says,
      result: result === undefined ? null : Number(result),
      mainBlocks: chains,
    });
    if (context.json) continue;
    context.print(...lines(step, result, at, context));
    for (const main of chains) context.print(...picture.mainBlock(main, context, INDENT));
    if (!isLast) await sleep(pause);
  }
  if (context.json) return context.printJson('demo', { steps: results });
  context.print(
    '',
    ...wrap('Try: mems lesson --list   the exercises of textbooks', context.width, INDENT),
  );
}

module.exports = {
  name: 'demo',
  summary: 'a heap, call by call, with its chains',
  usage: '[options]',
  description: [
    'Makes the calls of the example in the README, and a few more, on a heap with the options of init(), and draws the main block after each: blocks (P) and holes (H), to scale, with their first and last addresses.',
    'On a terminal there is a pause after each call.',
  ],
  options: [
    [
      '--speed <n>',
      'how quick the pauses are: 2 is twice as quick, 0 has none',
      parseWhole(0, 100),
      1,
    ],
  ],
  status: { 0: 'The calls were made.' },
  examples: [
    { run: 'mems demo', says: 'See what malloc and free do.' },
    { run: 'mems demo --speed 0 --ascii', says: 'All at once, for a text that is kept.' },
  ],
  run,
};
