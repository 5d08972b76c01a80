// mems step: a program in the terminal, forward and back, an operation at a time.

'use strict';

const { Readable } = require('node:stream');
const { Failure, STATUS } = require('./lib/failure.js');
const { HINT, find } = require('./lib/find.js');
const { parseSize } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { Program } = require('./lib/program.js');
const { KIND } = require('./lib/recordings.js');
const { open, parsePolicy } = require('./lib/replay-file.js');
const { Screen } = require('./lib/screen.js');
const { frame } = require('./lib/step-view.js');
const { Timeline } = require('./lib/timeline.js');
const { Trace } = require('./lib/trace.js');
const { POLICIES } = require('./library.js');

const PAGE = 100;
/** The calls of `mems demo`. */
const DEMO = ['a 0 1000', 'a 1 500', 'f 0', 'a 2 200'];

/** How many operations a key moves, from `operation` of `last`. */
const MOVES = {
  left: () => -1,
  right: () => 1,
  pageup: () => -PAGE,
  pagedown: () => PAGE,
  home: (operation) => -operation,
  end: (operation, last) => last - operation,
};

function demo() {
  const source = new Trace('demo', 'demo', Readable.from([Buffer.from(`${DEMO.join('\n')}\n`)]));
  source.operations = () => source;
  return source;
}

/** What is shown, and what keys do to it. */
class Stepper {
  operation = 0;
  view = 'chains';
  /** What is typed after `/`; undefined if nothing is. */
  prompt = undefined;
  message = '';
  isHidden = false;
  lastFound = undefined;

  constructor(timeline, { name, policy, note, asks }) {
    Object.assign(this, { timeline, name, policy, note, asks });
  }

  lines(size, context) {
    const { timeline, operation, isHidden } = this;
    const moment = timeline.moment(operation);
    const shown = isHidden ? timeline.moment(operation - 1) : moment;
    return frame({ ...this, moment, shown, hidden: isHidden }, size, context);
  }

  moveTo(operation) {
    const { timeline, asks } = this;
    const before = this.operation;
    this.operation = Math.max(0, Math.min(timeline.operations, operation));
    if (this.operation === before) {
      this.message = before === 0 ? 'This is the beginning.' : 'This is the last operation.';
      return;
    }
    const { program } = timeline;
    const is = this.operation > before ? program.kind[program.index(this.operation)] : undefined;
    this.isHidden = asks && (is === KIND.malloc || is === KIND.refusedMalloc);
  }

  search(text) {
    try {
      const found = find(text, this.timeline, this.operation);
      this.lastFound = text;
      if (found === undefined) this.message = `There is no ${text}.`;
      else if (found !== this.operation) this.moveTo(found);
      else this.message = 'There is no other.';
    } catch (error) {
      this.message = error instanceof Failure ? error.message : `${error.message}.`;
    }
  }

  typed(name, text) {
    if (name === 'escape' || (name === 'backspace' && this.prompt === '')) this.prompt = undefined;
    else if (name === 'backspace') this.prompt = this.prompt.slice(0, -1);
    else if (name === 'return' || name === 'enter') {
      const sought = this.prompt;
      this.prompt = undefined;
      if (sought !== '') this.search(sought);
    } else if (/^[^\p{Cc}]+$/u.test(text)) this.prompt += text;
  }

  /** Does what a key is for. Returns the exit status if that ends the command. */
  press(name, text) {
    if (name === 'ctrl-c') return STATUS.interrupted;
    this.message = '';
    if (this.prompt !== undefined) return this.typed(name, text);
    if (name === 'q') return STATUS.done;
    if (this.isHidden) {
      this.isHidden = false;
      return undefined;
    }
    if (MOVES[name]) {
      this.moveTo(this.operation + MOVES[name](this.operation, this.timeline.operations));
    } else if (text === '/') this.prompt = '';
    else if (text === 'n') {
      if (this.lastFound === undefined) this.message = `First press /: ${HINT}.`;
      else this.search(this.lastFound);
    } else if (text === 'm') this.toggle('map');
    else if (text === 'h') this.toggle('holes');
    else if (text === '?') this.toggle('help');
    else if (name === 'escape') this.view = 'chains';
    return undefined;
  }

  toggle(view) {
    this.view = this.view === view ? 'chains' : view;
  }
}

/** What the lines below the header warn of. */
function noteOf(source, timeline, policy) {
  if (source.kind !== 'recording' || !timeline.isMoved) return undefined;
  const other = policy !== undefined && policy !== source.options.policy;
  const why = other
    ? 'with another policy'
    : 'since it began with blocks there, or lacks operations';
  return `addresses are not those of the recording, ${why}`;
}

async function run(context, [file], { policy, ask, demo: isDemo, limit, partial }) {
  if ((isDemo === true) === (file !== undefined)) {
    throw new Failure(
      'name a trace or a recording, as in mems step app.mems, or try mems step --demo.',
    );
  }
  const { stdin, stdout, isTerminal, isDumb } = context;
  const isPiped = file === '-';
  if (!isTerminal || isDumb || !(isPiped || stdin?.isTTY)) {
    throw new Failure(
      `step needs a terminal: elsewhere mems replay --json ${file ?? 'FILE'} prints what a program leads to.`,
    );
  }
  const source = isDemo ? demo() : await open(file, { partial }, context);
  const program = await Program.read(source, context);
  // A trace names no policy.
  const own = source.kind === 'recording' ? policy : (policy ?? 'first-fit');
  const timeline = await Timeline.open(source, program, { policy: own, limit }, context);
  try {
    const about = { name: source.name, policy: timeline.policy, asks: ask === true };
    const stepper = new Stepper(timeline, {
      ...about,
      note: noteOf(source, timeline, policy),
    });
    const screen = new Screen({ stdin, stdout }, isPiped);
    const draw = () => {
      const text = stepper.lines(screen.size, context);
      screen.draw(context.ascii ? text.map((line) => line.replace(/\P{ASCII}/gu, '?')) : text);
    };
    return await screen.show((name, text) => stepper.press(name, text), draw);
  } finally {
    timeline.close();
  }
}

module.exports = {
  name: 'step',
  summary: 'a program in the terminal, forward and back',
  usage: 'FILE [options]',
  description: [
    'Shows the heap after each operation of FILE, a trace or a recording, or of standard input for -: which holes were looked at and why each was refused, the chain around the block, what is live and what is in holes. Left and right step back and forward; ? lists the other keys.',
    '/ finds the next operation on an address, as in 5096, or on a block, id:7; requests of a size, size>4096; requests that were refused, oom; marks of the program, mark:text.',
    'A recording is replayed on a heap with the options of the one that was recorded, a trace as mems replay does it. step needs a terminal.',
  ],
  most: 1,
  json: false,
  options: [
    ['--demo', 'the calls of mems demo'],
    ['--ask', 'hide where a block goes until a key is pressed'],
    [
      '--policy <name>',
      `${POLICIES.join(', ')}; by default that of the recording, and first-fit for a trace`,
      parsePolicy,
    ],
    ['--limit <size>', 'the most bytes that the heap can map, as in 64M', parseSize],
    PARTIAL,
  ],
  status: { 0: 'The command was ended by q.' },
  // Where examples are tested there is no terminal.
  examples: [
    { run: 'mems step --demo', says: 'Begin here.', status: 2 },
    { run: 'mems step app.mems', says: 'Walk through a recording.', status: 2 },
    {
      run: 'mems step app.rep.gz --policy best-fit --ask',
      says: 'Say where each block will go before you see it.',
      status: 2,
    },
  ],
  run,
};
