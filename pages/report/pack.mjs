// A part of a history as bytes, and back: parts (pages/lib/data.mjs), which are columns of varints in the order of the head's `columns`,
// each with its name and how many numbers it has.
//
// A free is written as how many blocks were made since the one that it frees, so that a reader needs no table of addresses: 1.5 million
// operations take some 100 ms. An address is written as the distance from where the last block of its size was, which compresses well;
// a size as the request, and the heap's rounding is a rule, with a list of the blocks that it does not hold for.

import { joinParts, splitParts } from '../lib/data.mjs';
import { EDGES, rowsOf } from './edges.mjs';
import { NEVER, NONE, OPERATION, powerFrom } from './history.mjs';
import { readVarints, unzigzag, Varints, zigzag } from './varints.mjs';

/** The kind that a realloc in place has in a packed history, and only there. */
const RESIZE = 10;
/** Sizes whose last address is remembered. */
const SIZES = 4096;
/** The lists that a history has beside its blocks, with the names of their columns. There may be thousands of rows, so differences are packed. */
const LISTS = {
  mains: ['start', 'size', 'from'],
  borders: ['at', 'from', 'to'],
  spans: ['start', 'end', 'slot', 'from', 'to'],
};

/**
 * The bytes of a block for which `size` bytes were asked, by a rule: a multiple of `unit`; a power of two that is no less than `power`; or
 * the next of `rungs`, and beyond these a multiple of `unit`.
 */
export function roundUp(size, { unit = 1, power, rungs }) {
  if (power !== undefined) return Math.max(power, powerFrom(size));
  if (rungs !== undefined && size <= rungs[rungs.length - 1]) {
    let low = 0;
    let high = rungs.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rungs[middle] < size) low = middle + 1;
      else high = middle;
    }
    return rungs[low];
  }
  return Math.ceil(size / unit) * unit;
}

const sizeKey = (size) => (size / 8) & (SIZES - 1);
/** Where the next block of a size is expected: where the last one was made or freed. */
const lastPlaces = () => new Float64Array(SIZES);

/** Varints by the name of their column. */
class Columns {
  all = new Map();

  of(name) {
    let column = this.all.get(name);
    if (column === undefined) {
      column = new Varints();
      this.all.set(name, column);
    }
    return column;
  }

  list(name, values) {
    const column = this.of(name);
    let last = 0;
    for (const value of values) {
      column.push(zigzag(value - last));
      last = value;
    }
  }

  /** Returns all columns as bytes, behind a head. */
  bytes(head) {
    const columns = [...this.all].map(([name, { count }]) => [name, count]);
    const parts = [...this.all.values()].map(({ bytes }) => bytes);
    return joinParts({ ...head, columns }, parts);
  }
}

/** Packs a history. Blocks are in the order in which they were made. */
export function pack(history) {
  const { meta, initial, operations, kinds, what, blocks, refused, clock, rounding } = history;
  const { address, size, asked, previous, site } = blocks;
  const columns = new Columns();
  const [kind, sizes, places, freed] = ['kind', 'asked', 'address', 'freed'].map((name) =>
    columns.of(name),
  );
  const last = lastPlaces();
  let made = 0;
  const make = (isPlaced) => {
    const at = made++;
    sizes.push(asked[at]);
    const key = sizeKey(asked[at]);
    if (isPlaced) places.push(zigzag(address[at] - last[key]));
    last[key] = address[at];
    if (size[at] !== roundUp(asked[at], rounding)) columns.of('odd').push(at);
    if (site !== undefined) columns.of('site').push(site[at]);
  };
  const free = (at) => {
    freed.push(made - 1 - at);
    last[sizeKey(asked[at])] = address[at];
  };
  for (let at = 0; at < initial; at++) make(true);
  for (let at = 0; at < operations; at++) {
    const is = kinds[at];
    if (is === OPERATION.free) {
      // A free of a block that was never seen.
      kind.push(what[at] === NONE ? 0 : is);
      if (what[at] !== NONE) free(what[at]);
    } else if (is === OPERATION.realloc) {
      const from = previous[what[at]];
      const isMoved = address[from] !== address[what[at]];
      kind.push(isMoved ? is : RESIZE);
      free(from);
      make(isMoved);
    } else {
      kind.push(is);
      if (is === OPERATION.malloc) make(true);
    }
  }
  if (columns.all.has('odd')) {
    const odd = [...readVarints(columns.of('odd').bytes, columns.of('odd').count)];
    columns.all.delete('odd');
    columns.list('odd', odd);
    for (const at of odd) columns.of('oddSize').push(size[at]);
  }
  for (const [list, names] of Object.entries(LISTS)) {
    for (const name of names) columns.list(`${list}.${name}`, history[list]?.[name] ?? []);
  }
  for (const each of refused) columns.of('refused').push(each);
  for (const [name, values] of Object.entries(history.edges ?? {})) {
    for (const each of values) columns.of(`edges.${name}`).push(each);
  }
  if (clock !== undefined) columns.list('clock', clock);
  return columns.bytes({ meta, initial, operations, count: made, rounding });
}

/** Makes the arrays of a history's blocks, of types as small as their largest numbers allow. */
function blockColumns(count, isLarge) {
  const Numbers = isLarge ? Float64Array : Uint32Array;
  return {
    count,
    address: new Numbers(count),
    size: new Numbers(count),
    asked: new Numbers(count),
    birth: new Uint32Array(count),
    death: new Uint32Array(count).fill(NEVER),
    previous: new Uint32Array(count).fill(NONE),
  };
}

/** Unpacks what pack() has returned. */
export function unpack(bytes) {
  const { head, parts } = splitParts(bytes);
  const { meta, initial, operations, count, rounding } = head;
  const read = new Map();
  head.columns.forEach(([name, numbers], at) => {
    // Kinds are below 128, so each is the byte that it is packed as.
    read.set(name, name === 'kind' ? parts[at] : readVarints(parts[at], numbers));
  });
  const column = (name) => read.get(name) ?? new Float64Array(0);
  const list = (name) => {
    let last = 0;
    return column(name).map((value) => {
      last += unzigzag(value);
      return last;
    });
  };
  const mains = { start: list('mains.start'), size: list('mains.size'), from: list('mains.from') };
  const end = mains.start.reduce((most, start, at) => Math.max(most, start + mains.size[at]), 0);
  const blocks = blockColumns(count, end >= 2 ** 32);
  if (read.has('site')) blocks.site = Uint32Array.from(column('site'));
  const history = { meta, initial, operations, rounding, mains, blocks };
  unpackOperations(history, { kind: read.get('kind') ?? new Uint8Array(0), column });
  const odd = list('odd');
  odd.forEach((at, index) => {
    blocks.size[at] = column('oddSize')[index];
  });
  for (const [name, columns] of Object.entries(LISTS)) {
    history[name] ??= Object.fromEntries(columns.map((each) => [each, list(`${name}.${each}`)]));
  }
  history.refused = column('refused');
  if (meta.total !== undefined) {
    history.edges = Object.fromEntries(EDGES.map((name) => [name, column(`edges.${name}`)]));
    history.edges.row = rowsOf(blocks.death);
  }
  history.clock = read.has('clock') ? list('clock') : undefined;
  return history;
}

/** Fills the columns of blocks and operations. */
function unpackOperations(history, { kind, column }) {
  const { initial, operations, blocks, rounding } = history;
  const { address, size, asked, birth, death, previous } = blocks;
  const [sizes, places, freed] = ['asked', 'address', 'freed'].map(column);
  const kinds = new Uint8Array(operations);
  const what = new Uint32Array(operations).fill(NONE);
  const last = lastPlaces();
  const rounded = new Map();
  let [made, placed, gone, refused, marks] = [0, 0, 0, 0, 0];
  const make = (operation) => {
    const is = sizes[made];
    asked[made] = is;
    let whole = rounded.get(is);
    if (whole === undefined) {
      whole = roundUp(is, rounding);
      rounded.set(is, whole);
    }
    size[made] = whole;
    birth[made] = operation;
    return made++;
  };
  const place = (at) => {
    const key = sizeKey(asked[at]);
    last[key] += unzigzag(places[placed++]);
    address[at] = last[key];
  };
  const free = (operation) => {
    const at = made - 1 - freed[gone++];
    death[at] = operation;
    last[sizeKey(asked[at])] = address[at];
    return at;
  };
  while (made < initial) place(make(0));
  for (let at = 0; at < operations; at++) {
    const is = kind[at];
    kinds[at] = is === RESIZE ? OPERATION.realloc : is === 0 ? OPERATION.free : is;
    if (is === OPERATION.malloc) {
      what[at] = make(at + 1);
      place(what[at]);
    } else if (is === OPERATION.free) {
      what[at] = free(at + 1);
    } else if (is === OPERATION.realloc || is === RESIZE) {
      const from = free(at + 1);
      const now = make(at + 1);
      what[at] = now;
      previous[now] = from;
      if (is === RESIZE) {
        address[now] = address[from];
        last[sizeKey(asked[now])] = address[now];
      } else place(now);
    } else if (is === OPERATION.refusedMalloc || is === OPERATION.refusedRealloc) {
      what[at] = refused++;
    } else if (is === OPERATION.mark) what[at] = marks++;
  }
  Object.assign(history, { kinds, what });
}
