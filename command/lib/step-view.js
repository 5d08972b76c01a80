// The screen of mems step, as lines: pure, so that tests compare them as text. Every line fits into the columns, and there are no more
// lines than rows: what is largest, the chains and the list of operations, takes what is left.

'use strict';

const picture = require('./picture.js');
const { count, percent, plural, shortSize } = require('./numbers.js');
const { columnsOf, wrap } = require('./text.js');
const { call, holeOf, listed, outcome, sizeOf, why } = require('./step-text.js');

/** Fewer columns than these have no room for sentences. */
const NARROW = 60;
const LEVELS = { unicode: '░▒▓█', ascii: '.:+#' };
const KEYS = [
  ' ←/→ step  PgUp/PgDn 100  Home/End  / find  m map  h holes  ? help  q quit ',
  ' ←/→ step  / find  m map  h holes  ? help  q quit ',
  ' ←/→ step  / find  ? help  q quit ',
  ' ? help  q quit ',
];
const HELP = [
  ['left, right', 'an operation back or forward'],
  ['PgUp, PgDn', '100 operations'],
  ['Home, End', 'the beginning, the last operation'],
  ['/', 'find the next: an address, id:7, size>4096, oom, mark:text'],
  ['n', 'find the same again'],
  ['m', 'the map of the whole heap, and back'],
  ['h', 'the holes that were looked at, or the largest, and back'],
  ['?', 'this list, and back'],
  ['q, Ctrl-C', 'quit'],
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters.
const SEQUENCE = /\u001b\[[\d;]*m/y;

/** The first `columns` columns of a text, with all of its colours. */
function clip(text, columns) {
  if (columnsOf(text) <= columns) return text;
  let [clipped, width] = ['', 0];
  for (let at = 0; at < text.length; ) {
    SEQUENCE.lastIndex = at;
    const [sequence] = SEQUENCE.exec(text) ?? [];
    if (sequence !== undefined) clipped += sequence;
    else if (width++ < columns) clipped += text[at];
    at += sequence?.length ?? 1;
  }
  return clipped;
}

/** A map of some cells, `rows` rows of `columns` columns: how much of a column is live. */
function map(cells, columns, rows, { ascii, paint }) {
  const levels = ascii ? LEVELS.ascii : LEVELS.unicode;
  const scale = cells.length / (columns * rows);
  return Array.from({ length: rows }, (_, row) => {
    let line = '';
    for (let column = 0; column < columns; column++) {
      const from = Math.floor((row * columns + column) * scale);
      const to = Math.max(from + 1, Math.floor((row * columns + column + 1) * scale));
      let sum = 0;
      for (let cell = from; cell < to; cell++) sum += cells[cell];
      const share = sum / (to - from);
      // Live is where all is, and hole where nothing is.
      line += levels[share <= 0.02 ? 0 : share >= 0.98 ? 3 : share < 0.5 ? 1 : 2];
    }
    return paint.green(line);
  });
}

/** A line with a mark below the column of `address` in a bar. */
function marker(address, [start, end], columns, indent) {
  if (address === undefined || end <= start) return [];
  const column = Math.min(columns - 1, Math.floor(((address - start) * columns) / (end - start)));
  return [`${indent}${' '.repeat(column)}^`];
}

const mainLine = ({ start, size, blocks, holes, largest }, { width }) => {
  if (width < NARROW) return `MAIN ${start}..${start + size - 1}  ${blocks} P, ${holes} H`;
  const free = holes === 0 ? 'no hole' : `${plural(holes, 'hole')}, largest ${sizeOf(largest)}`;
  return `MAIN ${start}..${start + size - 1}  ${plural(blocks, 'block')}, ${free}`;
};

/** As much of a chain around the segment that was touched as has room in `rows`. */
function chainAround({ segments, touchedAt, first, count: all }, rows, context) {
  let lines = [];
  for (let near = 1; near <= 32; near++) {
    const from = Math.max(0, touchedAt - near);
    const to = Math.min(segments.length, touchedAt + near + 1);
    const next = picture.chain(
      segments.slice(from, to),
      { ...context, width: context.width - 3 },
      '  ',
    );
    if (next.length > rows) break;
    lines = next;
    if (first + from > 0) lines[0] = lines[0].replace(/^ {2}/, '..');
    if (first + to < all) lines = [...lines.slice(0, -1), `${lines.at(-1)} ..`];
  }
  return lines;
}

/** A heap that is too large to draw: the main block that was touched, its neighbours a line each, the rest as a map. */
function largeChains({ focus, mainBlocks, segments, touched, cells, range }, rows, context) {
  const columns = context.width - 2;
  const before = focus.before ? [mainLine(focus.before, context)] : [];
  const after = focus.after ? [mainLine(focus.after, context)] : [];
  const rest =
    mainBlocks === 1
      ? []
      : [
          `all ${plural(mainBlocks, 'main block')}, ${plural(segments, 'segment')}`,
          ...map(cells, columns, 1, context).map((line) => ` ${line}`),
          ...marker(touched, range, columns, ' '),
        ];
  const isWide = focus.count === focus.segments.length && focus.count * 2 <= columns;
  const bar = isWide
    ? [` ${picture.bar(focus.segments, context, columns)}`]
    : [
        ...map(focus.cells, columns, 1, context).map((line) => ` ${line}`),
        ...marker(touched, [focus.start, focus.start + focus.size], columns, ' '),
      ];
  const own = [mainLine(focus.summary, context), ...bar];
  // What explains most comes first, if there is not room for all.
  const room = Math.max(0, rows - own.length);
  const chain = chainAround(focus, Math.max(1, Math.min(4, room - 5)), context);
  let left = room - chain.length;
  const some = (lines) => {
    if (lines.length > left) return [];
    left -= lines.length;
    return lines;
  };
  const [above, below, all] = [some(before), some(after), some(rest)];
  return [...above, ...own, ...chain, ...below, ...all];
}

/** The chains of a state, in `rows` rows at most. */
function chains(state, rows, context) {
  if (state.mainBlocks === 0) return ['nothing is mapped'];
  if (state.all !== undefined) {
    const lines = state.all.flatMap((main) => picture.mainBlock(main, context));
    if (lines.length <= rows) return lines;
  }
  return largeChains(state, rows, context);
}

/** Two bars, live bytes and holes as shares of what is mapped, and numbers. */
function bars({ total, mainBlocks, unusable }, context) {
  const { glyphs, paint, width } = context;
  const { live, blocks, holes, holeBytes, largest, mapped } = total;
  const isNarrow = width < NARROW;
  const columns = isNarrow ? 10 : 20;
  const bar = (bytes, color) => {
    const filled = mapped === 0 ? 0 : Math.round((columns * bytes) / mapped);
    return color(glyphs.bar.repeat(filled)) + glyphs.rest.repeat(columns - filled);
  };
  const external = holeBytes === 0 ? 0 : 1 - largest / holeBytes;
  if (isNarrow) {
    return [
      `live  ${bar(live, paint.green)}  ${sizeOf(live)} in ${count(blocks)}`,
      `holes ${bar(holeBytes, paint.yellow)}  ${sizeOf(holeBytes)} in ${count(holes)}`,
      `mapped ${sizeOf(mapped)}  external ${percent(external)}`,
    ];
  }
  const indent = ' '.repeat(8);
  const main = `${plural(mainBlocks, 'main block')}, ${sizeOf(mapped)}`;
  const lost =
    unusable === undefined
      ? ''
      : `, unusable for ${unusable.size % 1024 === 0 ? shortSize(unusable.size) : sizeOf(unusable.size)} ${percent(unusable.share)}`;
  return [
    ...wrap(
      `live  ${bar(live, paint.green)}  ${sizeOf(live)} in ${plural(blocks, 'block')}, of ${main}`,
      width,
      indent,
    ),
    ...wrap(
      `holes ${bar(holeBytes, paint.yellow)}  ${sizeOf(holeBytes)} in ${count(holes)}, largest ${sizeOf(largest)}, external ${percent(external)}${lost}`,
      width,
      indent,
    ),
  ];
}

/** The operations around the one that is shown. */
function operations({ timeline, operation, hidden }, rows, { glyphs, paint }) {
  const { program, addresses } = timeline;
  const last = program.operations;
  const first = Math.max(0, Math.min(operation - (rows >> 1), last - rows + 1));
  const digits = String(last).length;
  return Array.from({ length: Math.min(rows, last + 1) }, (_, row) => {
    const number = first + row;
    const isHere = number === operation;
    const at = program.index(number);
    const isKnown = number > 0 && (number < operation || (isHere && !hidden));
    const address = isKnown && program.kind[at] !== 3 ? addresses[at] : 0;
    const is = number === 0 ? 'the beginning' : listed(program, at, address, glyphs);
    const line = `${isHere ? glyphs.at : ' '} ${String(number).padStart(digits)}  ${is}`;
    if (isHere) return paint.bold(line);
    return number > 0 && timeline.isRefused(at) ? paint.red(line) : line;
  });
}

/** The holes that were looked at; for an operation that has looked at none, the largest. */
function holesView({ shown, moment, hidden }, rows, { paint, width }) {
  const looked = hidden ? undefined : moment.event?.placement?.looked;
  const { total, largestHoles } = shown.state;
  const list = looked?.holes ?? largestHoles;
  const title = looked
    ? `${plural(looked.number, 'hole')} looked at, in order`
    : `${plural(total.holes, 'hole')}, the largest first`;
  const taken = Math.max(
    0,
    list.findIndex(({ isTaken }) => isTaken),
  );
  const room = Math.max(1, rows - 2);
  const from = Math.max(0, Math.min(taken - (room >> 1), list.length - room));
  const lines = list.slice(from, from + room).map((hole, at) => {
    const number = String((looked?.before ?? 0) + from + at + 1).padStart(6);
    const text = `${number}  ${holeOf(hole)}  ${hole.why ?? ''}`.trimEnd();
    return hole.isTaken ? paint.bold(text) : text;
  });
  const more = (looked?.number ?? total.holes) - lines.length;
  return [title, ...lines, ...(more > 0 ? [paint.dim(`        ${count(more)} more`)] : [])].map(
    (line) => clip(line, width),
  );
}

function mapView({ state }, rows, context) {
  if (state.mainBlocks === 0) return ['nothing is mapped'];
  const { cells, range, touched } = state;
  const columns = context.width - 2;
  const height = Math.max(1, Math.min(rows - 2, Math.floor(cells.length / columns)));
  const part = (touched ?? range[0]) - range[0];
  const row = Math.floor((part * height) / (range[1] - range[0]));
  const lines = map(cells, columns, height, context).map((line, at) => {
    return touched !== undefined && at === row ? `${context.glyphs.at}${line}` : ` ${line}`;
  });
  return [`${range[0]}..${range[1] - 1}, ${plural(state.mainBlocks, 'main block')}`, ...lines];
}

function helpView({ paint, width }) {
  return HELP.flatMap(([keys, text]) => {
    return wrap(`${keys.padEnd(13)}${text}`, width, ' '.repeat(13)).map((line, at) => {
      return at === 0 ? paint.bold(line.slice(0, 13)) + line.slice(13) : line;
    });
  });
}

/** What was asked and what came of it: the call, and why the block is where it is. */
function answer({ moment, hidden, policy, operation, timeline }, rows, context) {
  const { paint, width, glyphs } = context;
  const { event } = moment;
  if (event === undefined) {
    const { initial } = timeline.program;
    const is = initial > 0 ? 'what was there when the recording began' : 'the beginning';
    return [operation === 0 ? is : ''];
  }
  const asked = paint.bold(call(event));
  if (hidden) {
    return [...wrap(`${asked}  where will it go?`, width), '  any key shows it'];
  }
  const end = outcome(event, glyphs);
  const head = wrap(`${asked}  ${event.isRefused ? paint.red(end) : end}`.trimEnd(), width, '  ');
  const room = Math.max(1, rows - head.length);
  for (let most = 12; most >= 1; most--) {
    const text = why(event, policy, most, { bold: (part) => part });
    if (text === '') return head;
    const lines = wrap(`  ${text}`, width, '  ');
    if (lines.length > room && most > 1) continue;
    return [...head, ...lines.slice(0, room).map((line) => paint.dim(line))];
  }
  return head;
}

function header({ name, policy, operation, timeline }, { paint, width }) {
  const end = `operation ${count(operation)} of ${count(timeline.operations)}`;
  const long = `${paint.bold('mems step')}  ${name}   ${policy}   ${end}`;
  if (columnsOf(long) <= width) return long;
  return clip(`${name}  ${policy}  ${count(operation)}/${count(timeline.operations)}`, width);
}

function footer({ prompt, message }, { paint, width, ascii }) {
  if (prompt !== undefined) return clip(`/${prompt}_`, width);
  if (message) return clip(paint.yellow(message), width);
  const text = KEYS.find((keys) => keys.length <= width) ?? KEYS.at(-1);
  return paint.inverse(clip(ascii ? text.replace('←/→', '</>') : text, width));
}

/**
 * The lines of the screen. `model` is { name, policy, timeline, operation, moment, shown, hidden, view, prompt, message, note }: `shown`
 * is the moment whose heap is drawn, that before the operation as long as its result is hidden.
 */
function frame(model, { columns, rows }, { glyphs, paint, hasColors, ascii }) {
  const context = { glyphs, paint, hasColors, ascii, width: columns };
  const isRoomy = rows >= 20;
  const gap = isRoomy ? [''] : [];
  const { view, shown } = model;
  const note = model.note ? wrap(model.note, columns).slice(0, isRoomy ? 4 : 2) : [];
  const top = [header(model, context), ...note, ...gap];
  const bottom = [footer(model, context)];
  const body = [];
  const left = () => rows - top.length - body.length - bottom.length;
  if (view === 'help') body.push(...helpView(context));
  else {
    body.push(...answer(model, isRoomy ? 4 : 2, context), ...gap);
    if (view === 'map') body.push(...mapView(shown, left(), context));
    else if (view === 'holes') body.push(...holesView(model, left(), context));
    else {
      const numbers = [...gap, ...bars(shown.state, context), ...gap];
      const least = isRoomy ? 3 : 2;
      const room = Math.max(3, left() - numbers.length - least);
      body.push(...chains(shown.state, room, context).slice(0, room), ...numbers);
      body.push(...operations(model, Math.max(1, Math.min(left(), 11)), context));
    }
  }
  const lines = [...top, ...body].slice(0, Math.max(1, rows - 1));
  while (lines.length < rows - 1) lines.push('');
  return [...lines, ...bottom].map((line) => clip(line, columns));
}

module.exports = { clip, frame };
