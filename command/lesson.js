// mems lesson: exercises on placement, from textbooks, of one's own, or random.

'use strict';

const { onEnd } = require('./lib/cleanup.js');
const { work } = require('./lib/exercise.js');
const {
  COMPARED,
  EXERCISES,
  RANDOM,
  drawn,
  fromCalls,
  fromHoles,
  pick,
} = require('./lib/exercises.js');
const { Failure, STATUS, unknown } = require('./lib/failure.js');
const { ORDERS } = require('./lib/free-list.js');
const { nextKey } = require('./lib/keys.js');
const { isBuilt, writePage } = require('./lib/lesson-page.js');
const { BASE, parseAlign, parseBase, parseHeader } = require('./lib/lesson-values.js');
const text = require('./lib/lesson-text.js');
const { beyondLibrary, LISTED } = require('./lib/memory.js');
const { notesOf } = require('./lib/notes.js');
const { parseSize, parseSizes, parsePercent, parseWhole } = require('./lib/numbers.js');
const { ruleOf } = require('./lib/rules.js');
const { table, wrap } = require('./lib/text.js');

const POLICIES = [...COMPARED, 'buddy'];

/** The exercise that the arguments name. */
function chosen([name], options) {
  const { holes, requests, calls, size, base, seed } = options;
  if (calls !== undefined && (holes || requests))
    throw new Failure('--calls has a memory of its own: leave --holes and --requests out.');
  const given = calls ?? holes ?? requests;
  if (given !== undefined && name)
    throw new Failure(`${name} has its own holes and requests: leave the name or the options out.`);
  if (calls !== undefined) return fromCalls(size ?? 100, calls, {}, base);
  if (holes || requests) {
    if (!holes || !requests)
      throw new Failure('--holes and --requests belong together: give both.');
    return { ...fromHoles(holes, requests), base: base ?? BASE };
  }
  if (RANDOM.some((each) => each.name === name)) return drawn(name, options);
  if (name === undefined && seed !== undefined) return drawn('random', options);
  if (name === undefined)
    throw new Failure(
      'name an exercise, as in mems lesson silberschatz-five: mems lesson --list has all.',
    );
  const found = EXERCISES.find((each) =>
    [each.name.toLowerCase(), each.slug].includes(name.toLowerCase()),
  );
  const names = [...EXERCISES, ...RANDOM].flatMap((each) => [each.name, each.slug].filter(Boolean));
  if (!found) throw unknown('exercise', name, names, 'mems lesson --list has all.');
  return {
    ...found,
    base: base ?? found.base,
    holes: size && found.isProgram ? [size] : found.holes,
  };
}

const DRAWN_PROGRAM = ['random-calls', ({ isDrawnProgram }) => isDrawnProgram];
/** Options that only some exercises have: which, in words, and whether an exercise is one of them. */
const ONLY = {
  seed: ['random exercises', ({ seed }) => seed !== undefined],
  operations: DRAWN_PROGRAM,
  largest: DRAWN_PROGRAM,
  share: DRAWN_PROGRAM,
  size: ['exercises in one memory, as those of --calls', ({ isProgram }) => isProgram],
};

/** Refuses options that would change nothing. */
function refuseIdle(exercise, options) {
  for (const [option, [which, isOne]] of Object.entries(ONLY)) {
    if (options[option] !== undefined && !isOne(exercise))
      throw new Failure(`--${option} belongs to ${which}: leave it out.`);
  }
}

/** The policies to work an exercise out with. */
function policiesFor(exercise, { policy }, rules) {
  if (policy === undefined || policy === 'all') {
    if (exercise.policies.includes('buddy')) return exercise.policies;
    return beyondLibrary(rules).length > 0 ? LISTED : exercise.policies;
  }
  if (!POLICIES.includes(policy)) {
    if (policy !== 'segregated') throw unknown('policy', policy, [...POLICIES, 'all']);
  }
  return [policy];
}

function rulesOf({ header, align, order, coalescing }) {
  if (order !== undefined && !ORDERS.includes(order)) throw unknown('order', order, ORDERS);
  return {
    header: header ?? 0,
    alignment: align ?? 1,
    order: order ?? 'address',
    coalesce: coalescing,
  };
}

/** Rules without those that are as in MeMS. */
function plainly({ header, alignment, order, coalesce }) {
  return {
    header: header === 0 ? undefined : header,
    alignment: alignment === 1 ? undefined : alignment,
    order: order === 'address' ? undefined : order,
    coalesce: coalesce ? undefined : false,
  };
}

function list(context) {
  const all = [...EXERCISES, ...RANDOM];
  if (context.json) {
    return context.printJson('lesson', {
      lessons: all.map((each) => ({ ...pick(each), slug: each.slug ?? each.name })),
    });
  }
  const columns = [
    { title: 'exercise', align: 'left', is: ({ name, slug }) => slug ?? name },
    { title: 'or', align: 'left', is: ({ name, slug }) => (slug ? name : '') },
    { title: 'about', align: 'left', is: ({ title }) => title },
  ];
  context.print(...table(columns, all, context));
}

/** A step as JSON has it. */
function jsonStep({ kind, name, size, address, hole, lookedAt, largest, left, holes }, isProgram) {
  if (kind === 'free') return { call: 'free', block: name, holes };
  const taken = hole && { size: hole.size, of: hole.of, partition: hole.partition };
  const answered = { address, ...(taken ? { hole: taken } : { largestHole: largest }), lookedAt };
  return { call: 'malloc', block: name, size, ...answered, ...(isProgram ? {} : { left }), holes };
}

/** Asks step by step on a terminal, or all at once where there is no key to press. */
async function ask(context, exercise, results, rules) {
  const key = async (says) => {
    context.stdout.write(context.paint.dim(`${says} (any key; q ends)`));
    const clear = () => context.stdout.write('\r\u001b[K');
    const forget = onEnd(clear);
    const pressed = await nextKey(context.stdin);
    forget();
    clear();
    return pressed !== 'q';
  };
  if (results.length > 1) {
    if (await key('Where does each request go?'))
      context.print(...text.comparison(exercise, results, context));
    return;
  }
  for (const [question, lines] of text.story(exercise, results[0].steps, context, rules.header)) {
    context.print(question);
    if (!(await key('Where does it go, and what is left?'))) return;
    context.print(...lines);
  }
}

/** The options that say what an exercise is. */
const NAMING = ['holes', 'requests', 'calls', 'size', 'seed', 'operations', 'largest', 'share'];
/** The options that say how it is worked out. */
const WORKING = ['base', 'policy', 'header', 'align', 'order', 'ask'];

/** Writes the page; with an exercise if the arguments name one, which is worked out before, so that what cannot be is refused. */
async function writeLesson(context, args, options) {
  const { output, force, ask } = options;
  if (output === undefined)
    throw new Failure('name the file to write, as in mems lesson --page -o lesson.html.');
  if (output === '-' && context.json)
    throw new Failure('--json needs -o with a file: standard output is the page.');
  const isNamed = args.length > 0 || NAMING.some((name) => options[name] !== undefined);
  const idle = WORKING.find((name) => options[name] !== undefined);
  if (!isNamed && (idle || !options.coalescing))
    throw new Failure(`--${idle ?? 'no-coalescing'} is about an exercise: name one for the page.`);
  let exercise;
  let lesson;
  if (isNamed) {
    exercise = chosen(args, options);
    refuseIdle(exercise, options);
    const rules = rulesOf(options);
    const [first] = policiesFor(exercise, options, rules);
    work(exercise, { policy: first, ...rules });
    lesson = { policy: first, ask, rules: plainly(rules) };
  }
  const link = await writePage(context, exercise, lesson, { output, force });
  if (output === '-') return;
  const { seed } = exercise ?? {};
  if (context.json) {
    const about = { ...(link ? { link } : {}), ...(seed === undefined ? {} : { seed }) };
    return context.printJson('lesson', { page: output, ...about });
  }
  context.print(...wrap(`${output}: open it in a browser.`, context.width));
  if (seed !== undefined) context.print(...wrap(text.seedLine(seed, 'writes'), context.width));
}

async function run(context, args, options) {
  if (options.list && options.page)
    throw new Failure('--list prints the exercises, and --page writes a page: leave one out.');
  if (options.list) return list(context);
  if (options.page) return writeLesson(context, args, options);
  const idle = ['output', 'force'].find((name) => options[name] !== undefined);
  if (idle) throw new Failure(`--${idle} belongs to --page: leave it out.`);
  const exercise = chosen(args, options);
  refuseIdle(exercise, options);
  const rules = rulesOf(options);
  const policies = policiesFor(exercise, options, rules);
  const results = policies.map((policy) => ({
    policy,
    steps: work(exercise, { policy, ...rules }),
  }));
  const isModel = beyondLibrary(rules).length > 0;
  if (context.json) {
    const { isProgram, holes, calls, name, base } = exercise;
    return context.printJson('lesson', {
      exercise: {
        ...(name === undefined ? {} : pick(exercise)),
        ...(exercise.seed === undefined ? {} : { seed: exercise.seed }),
        holes,
        ...(isProgram
          ? { calls: calls.map(({ kind, name: block, size }) => ({ call: kind, block, size })) }
          : { requests: calls.map(({ size }) => size) }),
        base,
      },
      rules,
      by: isModel ? 'model' : 'library',
      ...(options.ask
        ? {}
        : {
            results: results.map(({ policy, steps }) => ({
              policy,
              steps: steps.map((step) => jsonStep(step, isProgram)),
            })),
          }),
    });
  }
  context.print(...text.question(exercise, context, notesOf(rules)), '');
  if (results.length === 1) {
    context.print(...wrap(ruleOf(policies[0], rules.order), context.width), '');
  }
  if (options.ask) {
    if (context.isTerminal && context.stdin.isTTY) return ask(context, exercise, results, rules);
    if (results.length > 1) context.print(`By each policy: ${policies.join(', ')}.`);
    const asked =
      'Which hole does each request take, and what is left? Without --ask the answers follow.';
    return context.print(...wrap(asked, context.width));
  }
  if (results.length > 1) return context.print(...text.comparison(exercise, results, context));
  const story = text.story(exercise, results[0].steps, context, rules.header);
  for (const [question, lines] of story) context.print(question, ...lines);
}

/** The status of examples that write the page: in a checkout, they cannot before it is built. */
const WRITTEN = isBuilt() ? STATUS.done : STATUS.cannot;

module.exports = {
  name: 'lesson',
  summary: 'exercises on placement, from textbooks or of your own',
  usage: '[NAME] [options]',
  description: [
    'Works an exercise out: which hole each request takes by each policy, and what is left. NAME is one of mems lesson --list; or give holes and requests, or calls, of your own. With one policy each step is drawn.',
    'The memory is a heap of MeMS that cannot grow, so that the answers are those of the library. For headers, other orders of the list and holes that are not coalesced there is a small model of a free list instead, and the output says so. It follows malloc.py, which goes with the book Operating Systems: Three Easy Pieces.',
    'With --page, a page for a browser is written instead: one HTML file that works without network, in which one writes programs of malloc and free, steps through them and through all exercises, and is asked.',
    'Partitions are variable: what is left of a hole can be used again. An answer such as 500>288 is the rest, 288 bytes, of the hole of 500; - means that the request must wait.',
  ],
  most: 1,
  options: [
    ['--list', 'the exercises by name'],
    ['--holes <sizes>', 'the holes, lowest address first, as in 100,500,200', parseSizes],
    ['--requests <sizes>', 'what is asked for, one after the other', parseSizes],
    [
      '--calls <calls>',
      'a program in one memory: +10 is malloc(10), -0 frees the block of the first malloc; or with letters, +A10,-A',
    ],
    [
      '--size <size>',
      'the bytes of the memory for --calls and random-calls, 100 by default; or of a textbook program',
      parseSize,
    ],
    ['--base <address>', `the first address; ${BASE} by default`, parseBase],
    ['--policy <name>', `${POLICIES.join(', ')}, or all, the default`],
    ['--header <bytes>', 'bytes before each block, which it takes as well', parseHeader],
    ['--align <bytes>', 'round sizes up to a multiple of this', parseAlign],
    [
      '--order <order>',
      `the order of the list of holes: ${ORDERS.join(', ')}. With front and back, holes stay where free puts them`,
    ],
    ['--no-coalescing', 'leave neighbouring holes apart'],
    [
      '--seed <n>',
      'a random exercise, the same for the same number; with random-calls a program',
      parseWhole(0, 2 ** 32 - 1),
    ],
    ['--operations <n>', 'how many calls random-calls makes; 10 by default', parseWhole(1, 10_000)],
    ['--largest <size>', 'the largest request of random-calls; 10 bytes by default', parseSize],
    ['--share <percent>', 'how many of its calls are malloc; 50% by default', parsePercent],
    [
      '--ask',
      'hide the answers until a key is pressed; in a pipe, print the questions only; with --page, ask which hole',
    ],
    ['--page', 'write the lesson page, with the exercise if one is named'],
    ['-o, --output <file>', 'the file for the page, or - for standard output'],
    ['-f, --force', 'replace that file if it is there'],
  ],
  status: {
    0: 'The exercise was worked out, even if requests must wait; or the page was written.',
  },
  examples: [
    { run: 'mems lesson --list', says: 'The exercises by name.' },
    { run: 'mems lesson silberschatz-five', says: 'A classic by each policy.' },
    {
      run: 'mems lesson T1 --policy best-fit',
      says: 'A classic by one policy, step by step, with pictures.',
    },
    {
      run: 'mems lesson --holes 100,500,200,300,600 --requests 212,417,112,426 --policy first-fit',
      says: 'An exercise of your own.',
    },
    {
      run: 'mems lesson --calls +10,+5,+30,-0,-2,+15 --size 100 --header 4 --no-coalescing --policy first-fit',
      says: 'What headers cost, and what coalescing is for.',
    },
    {
      run: 'mems lesson random --seed 7 --ask',
      says: 'A question for an examination, without the answer.',
    },
    { run: 'mems lesson random --seed 7', says: 'The answer.' },
    { run: 'mems lesson stallings-buddy', says: 'The buddy system, step by step.' },
    { run: 'mems lesson --page -o lesson.html', says: 'A page for a class.', status: WRITTEN },
    {
      run: 'mems lesson T1 --policy best-fit --ask --page -o T1.html',
      says: 'A page that asks where each block will go.',
      status: WRITTEN,
    },
  ],
  run,
};
