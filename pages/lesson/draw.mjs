// Main blocks as the page draws them: a bar to scale, and the chain of segments as the original prints it.

import { Layout } from '../../command/lib/moment.js';
import { count } from '../../command/lib/numbers.js';
import { make } from '../lib/dom.mjs';

/** Colours of blocks, which keep theirs. */
const COLOURS = 5;
/** Segments of a bar that are drawn each by itself, and cells of a bar of more. */
const MANY = 200;
/** Segments of a chain that are written. */
const LINKS = 60;

const labelOf = ({ kind, name, slots }) => {
  if (slots !== undefined) return `${count(slots)} H`;
  return kind === 'hole' ? 'H' : (name ?? 'P');
};
const sizeOf = ({ size, slots, each }) => {
  return slots === undefined ? `${count(size)} B` : `${count(slots)} of ${count(each)} B`;
};

/** Holes of one size, side by side, that are drawn as one. */
const SLOTS = 4;

/** Segments with runs of equal holes as one, { slots, each }: the free slots of a size class are shown so. */
function collapsed(segments) {
  const runs = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    const first = last?.[0];
    const isSame = first?.kind === 'hole' && segment.kind === 'hole' && segment.size === first.size;
    if (isSame) last.push(segment);
    else runs.push([segment]);
  }
  return runs.flatMap((run) => {
    if (run.length < SLOTS) return run;
    const [{ kind, start, size: each }] = run;
    return [{ kind, start, size: each * run.length, slots: run.length, each }];
  });
}

/** A bar of many segments: a cell is a block or a hole, whatever most of its bytes are. */
function denseBar(segments) {
  // A wall is no block.
  const parts = segments.map((each) => ({ ...each, kind: each.kind === 'live' ? 'live' : 'hole' }));
  const layout = new Layout({ chains: () => [{ segments: parts }] }, parts.length);
  const cells = [...layout.coverage(0, parts.length, MANY)].map((share) =>
    make('span', { className: `segment ${share < 0.5 ? 'hole' : 'live'}` }),
  );
  return make(
    'div',
    { className: 'bar dense', 'aria-hidden': 'true', title: `${count(segments.length)} segments` },
    cells,
  );
}

/** The width of a segment, which is its size, and the colour of a block. */
function styleOf({ kind, size, number = 0 }) {
  if (kind === 'wall') return undefined;
  const colour = kind === 'live' ? `;background:var(--colour${number % COLOURS})` : '';
  return `flex-grow:${size}${colour}`;
}

/** A bar of segments. `marks` are texts for holes by their address, `taken` the address of the segment to point at. */
export function bar(all, { marks = new Map(), taken, onpick } = {}) {
  // Holes that are pointed at are drawn each by itself.
  const segments = marks.size > 0 ? all : collapsed(all);
  if (segments.length > MANY) return denseBar(segments);
  const parts = segments.map((segment) => {
    const { kind, start, size } = segment;
    const mark = marks.get(start);
    const classes = [
      'segment',
      kind,
      start === taken && 'taken',
      onpick && kind === 'hole' && 'pickable',
    ];
    const text = kind === 'wall' ? '' : (mark ?? labelOf(segment));
    return make(
      'span',
      {
        className: classes.filter(Boolean).join(' '),
        style: styleOf(segment),
        title:
          kind === 'wall'
            ? 'wall'
            : `${labelOf(segment)} ${start}:${start + size - 1}, ${sizeOf(segment)}`,
        onclick: onpick && kind === 'hole' ? () => onpick(String(start)) : undefined,
      },
      text,
    );
  });
  return make('div', { className: 'bar', 'aria-hidden': 'true' }, parts);
}

/** The bars of main blocks, each with its name and addresses. */
export function bars(mains, about, isHeap) {
  if (mains.length === 0) {
    return [
      make('p', { className: 'empty' }, 'Nothing is mapped yet: the heap has no main block.'),
    ];
  }
  return mains.map(({ start, size, segments }) => {
    const name = `${isHeap ? 'MAIN' : 'memory'} ${start}..${start + size - 1}`;
    return make(
      'div',
      { className: 'main' },
      make('div', { className: 'name' }, name),
      bar(segments, about),
    );
  });
}

/** The chains: the main chain, and for each main block its sub-chain. `onpick` is called with the address of a segment. */
export function chains(mains, { onpick, isHeap }) {
  const link = (segment) => {
    const { kind, start, size, name } = segment;
    const isHole = kind === 'hole';
    const text = [
      make('b', {}, isHole ? 'H' : `P${name === undefined ? '' : ` ${name}`}`),
      make('span', {}, `${start}:${start + size - 1}`),
      make('small', {}, sizeOf(segment)),
    ];
    const about = { className: `link ${kind}`, 'data-key': `link${start}` };
    if (!isHeap) return make('li', {}, make('span', about, text));
    return make(
      'li',
      {},
      make('button', { ...about, type: 'button', onclick: () => onpick(start) }, text),
    );
  };
  return mains.map(({ start, size, segments }) => {
    const shown = collapsed(segments).filter(({ kind }) => kind !== 'wall');
    const title = isHeap ? `MAIN[${start}:${start + size - 1}]` : 'memory';
    return make(
      'div',
      { className: 'chain' },
      isHeap && make('span', { className: 'head' }, title),
      make('ol', { 'aria-label': `segments of ${title}` }, shown.slice(0, LINKS).map(link)),
      shown.length > LINKS && `and ${count(shown.length - LINKS)} more`,
    );
  });
}
