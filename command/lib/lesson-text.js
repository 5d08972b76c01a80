// Exercises as text: the question, the steps of one policy with pictures, and a table of several policies.

'use strict';

const { blockName } = require('./calls.js');
const { answer } = require('./exercise.js');
const { plural } = require('./numbers.js');
const picture = require('./picture.js');
const { table, wrap } = require('./text.js');

/** A space at which no line ends. */
const NO_BREAK = '\u00a0';

const wordOf = ({ kind, name, size }, isProgram) => {
  if (kind === 'free') return `free(${blockName(name)})`;
  return isProgram ? `${blockName(name)} = malloc(${size})` : `${size}`;
};

/** How a random exercise is made again; `does` is what the command does with it. */
const seedLine = (seed, does) => `Seed ${seed}: --seed ${seed} ${does} the same again.`;

/** The lines that say what is asked, and nothing of the results. */
function question(
  { name, slug, title, source, seed, holes, calls, isProgram, base },
  context,
  notes,
) {
  const { width, paint } = context;
  const head = [name, slug].filter(Boolean).join(' ');
  const text = (line, indent = '') => wrap(line, width, indent);
  return [
    ...(head ? text(paint.bold(`${head}${title ? `: ${title}` : ''}`)) : []),
    ...(source ? text(source) : []),
    ...(seed === undefined ? [] : text(seedLine(seed, 'asks'))),
    ...(head || source || seed !== undefined ? [''] : []),
    ...(isProgram
      ? text(`memory    ${holes[0]} at ${base}`, ' '.repeat(10))
      : text(`holes     ${holes.join('  ')}`, ' '.repeat(10))),
    ...(isProgram
      ? text(
          `calls     ${calls.map((call) => wordOf(call, true).replaceAll(' ', NO_BREAK)).join(', ')}`,
          ' '.repeat(10),
        ).map((line) => line.replaceAll(NO_BREAK, ' '))
      : text(`requests  ${calls.map(({ size }) => size).join('  ')}`, ' '.repeat(10))),
    ...notes.flatMap((note) => text(note)),
  ];
}

/** The result of a malloc, in words. */
function outcome({ address, hole, largest, need, block, size }, isProgram, { glyphs }) {
  if (address === null) {
    const needed = need === size ? '' : ` for ${need} bytes`;
    return `must wait${needed}: the largest hole has ${plural(largest, 'byte')}`;
  }
  const rounded = block === size ? '' : `, ${block} bytes`;
  if (isProgram) return `${address}${rounded}`;
  const rest = hole.size === hole.of ? '' : `, the rest of ${hole.of}`;
  return `hole ${hole.size}${rest}${rounded} ${glyphs.gives} ${hole.size - block} left`;
}

/** The memory after a step, as segments: its holes, and what is in use between them. */
function segmentsOf(blocks, holes) {
  const inUse = [...blocks].map(([start, { size, name }]) => ({ kind: 'live', start, size, name }));
  const free = holes.map((hole) => ({ kind: 'hole', ...hole }));
  return [...inUse, ...free].sort((a, b) => a.start - b.start);
}

const holesText = (holes) => {
  return holes.length === 0
    ? 'none'
    : holes.map(({ start, size }) => `${start}:${size}`).join('  ');
};

/** The lines of each step, by one policy. Returns a list of [question, lines]: what is asked, and what happens. */
function story({ isProgram }, steps, context, header = 0) {
  const blocks = new Map();
  const names = new Map();
  return steps.map((step) => {
    const { kind, name, address, size, block, holes } = step;
    if (kind === 'free') {
      blocks.delete(names.get(name));
    } else if (address !== null) {
      const start = address - header;
      names.set(name, start);
      blocks.set(start, { size: block, name: isProgram ? blockName(name) : String(size) });
    }
    const looked = step.lookedAt === undefined ? '' : `   looked at ${step.lookedAt}`;
    const happens = kind === 'free' ? [] : [`${outcome(step, isProgram, context)}${looked}`];
    const left = isProgram ? holesText(holes) : step.left.join('  ');
    const segments = segmentsOf(blocks, holes);
    return [
      context.paint.bold(wordOf(step, isProgram)),
      [
        ...happens.flatMap((line) => wrap(`  ${line}`, context.width, '    ')),
        `  ${picture.bar(segments, context, context.width - 3)}`,
        ...wrap(`  ${isProgram ? 'holes' : 'left'}  ${left}`, context.width, '    '),
      ],
    ];
  });
}

/** A table of several policies: what each request gets. `results` are `{ policy, steps }`. */
function comparison({ isProgram, calls }, results, context) {
  const cell = (step) => {
    if (step.kind === 'free') return '';
    if (!isProgram) return answer(step);
    return step.address === null ? '-' : String(step.address);
  };
  const columns = [
    {
      title: isProgram ? 'call' : 'request',
      align: isProgram ? 'left' : 'right',
      is: (at) => wordOf(calls[at], isProgram),
    },
    ...results.map(({ policy, steps }) => ({ title: policy, is: (at) => cell(steps[at]) })),
  ];
  const rows = calls.map((_, at) => at);
  const all = results.flatMap(({ steps }) => steps);
  const rest = isProgram ? undefined : all.find((step) => answer(step).includes('>'));
  const notes = [
    rest &&
      `${answer(rest)}: the rest, ${plural(rest.hole.size, 'byte')}, of the hole of ${rest.hole.of}.`,
    all.some(({ kind, address }) => kind === 'malloc' && address === null) &&
      '-: no hole is large enough, so the request must wait.',
  ].filter(Boolean);
  return [
    ...table(columns, rows, context),
    '',
    ...results.flatMap(({ policy, steps }) => {
      const last = steps.at(-1);
      const left = isProgram ? holesText(last.holes) : last.left.join('  ');
      return wrap(`left by ${policy.padEnd(10)}  ${left}`, context.width, ' '.repeat(20));
    }),
    ...(notes.length > 0 ? ['', ...notes.flatMap((note) => wrap(note, context.width))] : []),
  ];
}

module.exports = { comparison, question, seedLine, story };
