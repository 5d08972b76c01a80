// Pictures of memory in text: a main block as a bar to scale, and its chain of segments.
//
//   MAIN 1000..5095
//   |P0              |░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░|
//    P0 1000:1999 ↔ H 2000:5095
//
// A segment is { kind: 'live' or 'hole', start, size, name? }. Every segment is at least a column wide as long as the columns
// suffice; then a column shows whether most of its bytes are live. Costs O(segments + columns).

'use strict';

const { wrap } = require('./text.js');

const COLORS = ['green', 'magenta', 'yellow', 'blue', 'cyan'];

const nameOf = ({ kind, name }) => (kind === 'hole' ? 'H' : (name ?? 'P'));

/** Gives each segment its columns: in proportion to its size, and at least one. Returns the last column of each, exclusive. */
function share(sizes, columns) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const spare = columns - sizes.length;
  let before = 0;
  return sizes.map((size, at) => {
    before += size;
    return at + 1 + Math.round((spare * before) / total);
  });
}

/** A bar in which each segment has its own columns, and its name where there is room. */
function wideBar(segments, columns, { glyphs, paint, hasColors }) {
  const ends = share(
    segments.map(({ size }) => size),
    columns,
  );
  let from = 0;
  let blocks = 0;
  const parts = segments.map((segment, at) => {
    const width = ends[at] - from;
    from = ends[at];
    if (segment.kind === 'hole') {
      // Colours separate a hole from a block, and not from another hole.
      const isApart = hasColors && segments[at - 1]?.kind !== 'hole';
      const wall = isApart ? '' : '|';
      return paint.dim(wall + glyphs.hole.repeat(width - wall.length));
    }
    const name = nameOf(segment);
    const wall = hasColors ? '' : '|';
    const label = name.length + wall.length <= width ? wall + name : wall;
    const text = label.padEnd(width);
    const color = COLORS[blocks++ % COLORS.length];
    return hasColors ? paint.inverse(paint[color](text)) : text;
  });
  return `${parts.join('')}${hasColors ? '' : '|'}`;
}

/** A bar of more segments than columns: a column is # or a block's glyph if most of its bytes are live. */
function denseBar(segments, columns, { glyphs, paint }) {
  const [first, last] = [segments[0], segments.at(-1)];
  const length = last.start + last.size - first.start;
  const live = new Float64Array(columns);
  for (const { kind, start, size } of segments) {
    if (kind === 'hole') continue;
    const [from, to] = [start - first.start, start - first.start + size].map((at) => {
      return (at * columns) / length;
    });
    for (let column = Math.floor(from); column < Math.min(columns, to); column++) {
      live[column] += Math.min(to, column + 1) - Math.max(from, column);
    }
  }
  return [...live].map((part) => (part >= 0.5 ? paint.green(glyphs.bar) : glyphs.hole)).join('');
}

/** The bar of a main block's segments. */
function bar(segments, context, columns) {
  // Each segment takes a wall and a column of its own.
  const isWide = segments.length * 2 <= columns;
  return isWide ? wideBar(segments, columns - 1, context) : denseBar(segments, columns, context);
}

/** The chain of a main block's segments, as printStats has it but shorter, wrapped. */
function chain(segments, { glyphs, paint, width }, indent) {
  const links = segments.map((segment) => {
    const { kind, start, size } = segment;
    const name = kind === 'hole' ? paint.dim('H') : paint.bold(nameOf(segment));
    // A no-break space inside of a link.
    return `${name}\u00a0${start}:${start + size - 1}`;
  });
  const text = links.join(` ${glyphs.between}\u00a0`);
  return wrap(indent + text, width, indent).map((line) => line.replaceAll('\u00a0', ' '));
}

/** The lines of a main block: `{ start, size, segments }`, addresses as numbers. */
function mainBlock({ start, size, segments }, context, indent = '') {
  return [
    `${indent}MAIN ${start}..${start + size - 1}`,
    `${indent}${bar(segments, context, context.width - indent.length - 1)}`,
    ...chain(segments, context, `${indent} `),
  ];
}

/** The main blocks of a heap that `chains()` has, as numbers. `names` are the names of live blocks, by their address. */
function read(chains, names = new Map()) {
  return [...chains].map(({ start, size, segments }) => ({
    start: Number(start),
    size,
    segments: [...segments].map((segment) => {
      const at = Number(segment.start);
      return { kind: segment.kind, start: at, size: segment.size, name: names.get(at) };
    }),
  }));
}

module.exports = { bar, chain, mainBlock, read };
