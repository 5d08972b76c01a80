// All that a page computes of a history, as requests and replies that can be posted: pictures, moments, searches. It runs in a worker,
// or where there is none on the page's own thread; it knows nothing of the page.

import { SITES, topSites, valuesOf } from './colours.mjs';
import { ageOf, FATES, fateOf, lastMoment, lives, spanOf } from './edges.mjs';
import { FIRST_ADDRESS, lowerBound, NEVER, NONE, OPERATION, operationsOf } from './history.mjs';
import { fractions, Layout } from './layout.mjs';
import { unpack } from './pack.mjs';
import { Painter } from './picture.mjs';

/** Operations between two sums that are kept of what is live. */
const KEYFRAME = 4096;
/** Operations that `n` and `p` go to. */
const EVENTS = [OPERATION.mark, OPERATION.grow, OPERATION.refusedMalloc, OPERATION.refusedRealloc];

export class Engine {
  #history;
  #layout;
  #painter = new Painter();
  #values = new Map();
  #live;
  #events;

  /** Opens a packed history. Returns what the page shows of it as a whole. */
  open({ bytes }) {
    const history = unpack(bytes);
    this.#history = history;
    this.#layout = new Layout(history);
    this.#values.clear();
    this.#live = this.#keyframes();
    this.#events = operationsOf(history.kinds, EVENTS);
    const { meta, operations, mains, kinds, blocks } = history;
    const growth = Array.from(mains.from);
    return {
      meta,
      operations,
      end: FIRST_ADDRESS + this.#layout.mapped(NEVER),
      blocks: blocks.count,
      // Growth of a trace is no operation of its own.
      grows: growth.filter((from) => from > 0),
      trims: [...operationsOf(kinds, [OPERATION.trim])],
      marks: [...operationsOf(kinds, [OPERATION.mark])],
      refused: [...operationsOf(kinds, [OPERATION.refusedMalloc, OPERATION.refusedRealloc])],
      sites: blocks.site === undefined ? undefined : this.#siteNames(),
    };
  }

  /** The texts of the sites that have a colour, the one with the most bytes first. */
  #siteNames() {
    const { meta } = this.#history;
    return topSites(this.#history)
      .slice(0, SITES)
      .map((site) => meta.stacks[site] ?? '');
  }

  #scale(scale) {
    let values = this.#values.get(scale);
    if (values === undefined) {
      values = valuesOf(this.#history, scale);
      this.#values.set(scale, values);
    }
    return values;
  }

  /** By how much an operation changes what is live. */
  #change(at) {
    const { kinds, what, blocks } = this.#history;
    const is = kinds[at];
    if (what[at] === NONE) return 0;
    if (is === OPERATION.malloc) return blocks.size[what[at]];
    if (is === OPERATION.free) return -blocks.size[what[at]];
    if (is !== OPERATION.realloc) return 0;
    return blocks.size[what[at]] - blocks.size[blocks.previous[what[at]]];
  }

  #keyframes() {
    const { operations, initial, blocks } = this.#history;
    const live = new Float64Array(Math.floor(operations / KEYFRAME) + 1);
    let sum = 0;
    for (let at = 0; at < initial; at++) sum += blocks.size[at];
    for (let at = 0; at < operations; at++) {
      if (at % KEYFRAME === 0) live[at / KEYFRAME] = sum;
      sum += this.#change(at);
    }
    if (operations % KEYFRAME === 0) live[operations / KEYFRAME] = sum;
    return live;
  }

  /** Blocks over time, as pixels. */
  picture(request) {
    const pixels = this.#painter.history(this.#history, this.#scale(request.scale), request);
    return { pixels };
  }

  /** Live and mapped bytes between two moments, in `parts` parts: the most of each. */
  series({ t0, t1, parts }) {
    const { operations, mains } = this.#history;
    const [first, last] = [Math.max(0, Math.floor(t0)), Math.min(operations, Math.ceil(t1))];
    const begin = Math.floor(first / KEYFRAME) * KEYFRAME;
    let live = this.#live[begin / KEYFRAME];
    let [mapped, grown] = [0, 0];
    const moments = new Float64Array(parts);
    const [lives, maps] = [new Float64Array(parts), new Float64Array(parts)];
    for (let part = 0; part < parts; part++) {
      moments[part] = first + ((last - first) * part) / Math.max(1, parts - 1);
    }
    for (let moment = begin; moment <= last; moment++) {
      if (moment > begin) live += this.#change(moment - 1);
      while (grown < mains.from.length && mains.from[grown] <= moment)
        mapped += mains.size[grown++];
      if (moment < first) continue;
      const part = Math.round(((moment - first) / Math.max(1, last - first)) * (parts - 1));
      if (live > lives[part]) lives[part] = live;
      if (mapped > maps[part]) maps[part] = mapped;
    }
    // Parts between two operations have what is there after the first.
    for (let part = 1; part < parts; part++) {
      if (last - first >= parts) break;
      if (maps[part] === 0) [lives[part], maps[part]] = [lives[part - 1], maps[part - 1]];
    }
    return { moments, live: lives, mapped: maps };
  }

  /** How much of what is free is unusable, at the first of some moments: as many as take `milliseconds`, and one at least. */
  unusable({ moments, milliseconds }) {
    const end = performance.now() + milliseconds;
    const found = [];
    for (const moment of moments) {
      found.push(fractions(this.#layout.go(moment)));
      if (performance.now() >= end) break;
    }
    return found;
  }

  /**
   * All that the page shows of a moment. `focus` is an address, by default that of the operation, `near` how
   * many segments of its chain are shown on each side, `map` the size of the picture.
   */
  moment({ moment, focus, near, map, scale, theme }) {
    const numbers = this.#layout.go(moment);
    const operation = this.#operation(moment);
    const place = focus ?? operation.address ?? FIRST_ADDRESS;
    const picture =
      map && this.#painter.map(this.#layout, this.#scale(scale), { ...map, scale, theme });
    return {
      moment,
      numbers: { ...numbers, ...fractions(numbers) },
      operation,
      chain: this.#chain(place, near),
      map: picture && { ...map, ...picture, mains: this.#layout.mains.slice(0, 5000) },
      end: this.#layout.end,
      seconds: this.#seconds(moment),
    };
  }

  /**
   * Seconds since the recording began, as [from, to]: the operation before a moment was about between these. `to` is undefined behind
   * the last time that the history has; without times, or before the first operation, all is.
   */
  #seconds(moment) {
    const { clock, meta } = this.#history;
    const { clockStep, offset = 0 } = meta;
    const at = offset + moment - 1;
    if (clock === undefined || at < 0) return undefined;
    // The clock of a window begins with the step that its first operation is in.
    const before = Math.max(0, Math.floor(at / clockStep) - Math.floor(offset / clockStep));
    const after = at % clockStep === 0 ? before : before + 1;
    return [before, after].map((step) => (step < clock.length ? clock[step] / 1e6 : undefined));
  }

  /** What the operation before a moment has done. */
  #operation(moment) {
    const { kinds, what, blocks, refused, meta } = this.#history;
    if (moment === 0) return { kind: 0 };
    const at = moment - 1;
    const [kind, which] = [kinds[at], what[at]];
    if (kind === OPERATION.mark) return { kind, text: meta.marks[which] };
    if (kind === OPERATION.refusedMalloc || kind === OPERATION.refusedRealloc) {
      return { kind, asked: refused[which] };
    }
    if (kind === OPERATION.grow) {
      const { start, size, from } = this.#history.mains;
      const main = lowerBound(from, moment);
      return { kind, address: start[main], asked: size[main] };
    }
    if (kind > OPERATION.realloc || which === NONE) return { kind };
    const previous = blocks.previous[which];
    const from = kind === OPERATION.realloc ? blocks.address[previous] : undefined;
    const was = kind === OPERATION.realloc ? blocks.asked[previous] : undefined;
    return {
      kind,
      block: which,
      address: blocks.address[which],
      asked: blocks.asked[which],
      from,
      was,
    };
  }

  /** The main block that holds an address, near that. */
  #chain(address, near) {
    const layout = this.#layout;
    const { segments, mains } = layout;
    if (mains.length === 0) return undefined;
    const main = layout.mainAt(Math.min(address, layout.end - 1));
    const middle = Math.max(main.first, Math.min(main.last - 1, segments.at(address)));
    const from = Math.max(main.first, Math.min(middle - near, main.last - 2 * near));
    const to = Math.min(main.last, from + 2 * near);
    const shown = Array.from({ length: to - from }, (_, at) => {
      const segment = from + at;
      const { start, size, block } = segments;
      return {
        start: start[segment],
        size: size[segment],
        block: block[segment] === NONE ? undefined : block[segment],
        isFocus: segment === middle,
      };
    });
    const { number, start, end } = main;
    return {
      number,
      of: mains.length,
      start,
      end,
      before: from - main.first,
      after: main.last - to,
      shown,
    };
  }

  /** The block that covers most of a rectangle of time and addresses. */
  pick({ view }) {
    const { t0, t1, a0, a1 } = view;
    const { count, birth, death, address, size } = this.#history.blocks;
    let [best, found] = [0, undefined];
    for (let at = 0; at < count && birth[at] < t1; at++) {
      if (death[at] <= t0 || address[at] >= a1 || address[at] + size[at] <= a0) continue;
      const time = Math.min(death[at], t1) - Math.max(birth[at], t0);
      const bytes = Math.min(address[at] + size[at], a1) - Math.max(address[at], a0);
      if (time * bytes <= best) continue;
      best = time * bytes;
      found = at;
    }
    return found === undefined ? undefined : this.block({ block: found });
  }

  /** What there is to say about a block, and about those that realloc has made of it. */
  block({ block }) {
    const history = this.#history;
    const { blocks, meta, operations } = history;
    const all = lives(history, block);
    const { made, gone, resized } = spanOf(history, all);
    const end = Math.min(gone, lastMoment(history) + 1);
    const rectangles = all.map((at) => ({
      address: blocks.address[at],
      size: blocks.size[at],
      birth: blocks.birth[at],
      death: Math.min(blocks.death[at], operations + 1),
    }));
    return {
      block,
      address: blocks.address[block],
      size: blocks.size[block],
      asked: blocks.asked[block],
      made,
      isFirst: made + (meta.offset ?? 0) === 0,
      birth: blocks.birth[block],
      last: Math.min(blocks.death[block] - 1, operations),
      gone: gone === NEVER ? undefined : gone,
      lived: end - made,
      resized,
      rectangles,
      site: blocks.site && meta.stacks[blocks.site[block]],
    };
  }

  /** The next mark, growth or refused request after a moment, or before it. */
  event({ moment, isBack = false }) {
    const { mains } = this.#history;
    const grown = Array.from(mains.from).filter((from) => from > 0);
    const all = isBack
      ? [...this.#events, ...grown].filter((at) => at < moment)
      : [...this.#events, ...grown].filter((at) => at > moment);
    if (all.length === 0) return undefined;
    return all.reduce((a, b) => (isBack ? Math.max(a, b) : Math.min(a, b)));
  }

  /** The next operation after a moment, or before it, that a search describes: `what` is a row of SEARCHES, `value` a number or text. */
  find({ what, value, moment, isBack = false }) {
    const { operations } = this.#history;
    const matches = SEARCHES[what];
    const step = isBack ? -1 : 1;
    // Before the first operation, the previous one is the last.
    const from = isBack && moment === 0 ? 0 : moment - 1;
    // All of them once, from the next on, round the end.
    for (let tried = 1; tried <= operations; tried++) {
      const at = (((from + step * tried) % operations) + operations) % operations;
      const block = matches(this.#history, at, value);
      if (block === undefined) continue;
      return {
        moment: at + 1,
        isRound: isBack ? at + 1 >= moment : at + 1 <= moment,
        block: block === NONE ? undefined : this.block({ block }),
      };
    }
    return undefined;
  }

  /** Where the live blocks of a moment were allocated: the sites with the most bytes. */
  sites({ moment, most }) {
    const { blocks, meta } = this.#history;
    const all = new Map();
    for (let at = 0; at < blocks.count; at++) {
      const site = all.get(blocks.site[at]) ?? { blocks: 0, bytes: 0, liveBlocks: 0, liveBytes: 0 };
      all.set(blocks.site[at], site);
      // A block that was resized elsewhere is one of that place as well.
      const before = blocks.previous[at];
      if (before === NONE || blocks.site[before] !== blocks.site[at]) site.blocks += 1;
      site.bytes += blocks.asked[at];
      if (blocks.birth[at] > moment || blocks.death[at] <= moment) continue;
      site.liveBlocks += 1;
      site.liveBytes += blocks.asked[at];
    }
    const order = topSites(this.#history);
    return [...all]
      .sort(([, a], [, b]) => b.liveBytes - a.liveBytes || b.bytes - a.bytes)
      .slice(0, most)
      .map(([site, counts]) => ({
        ...counts,
        stack: meta.stacks[site] ?? '',
        colour: order.includes(site) ? Math.min(order.indexOf(site), SITES) : SITES,
      }));
  }
}

const isMade = (kind) => kind === OPERATION.malloc || kind === OPERATION.realloc;

/** What can be searched for: each returns the block of an operation that is found, NONE if it has none, undefined if it is not meant. */
const SEARCHES = {
  address: ({ kinds, what, blocks }, at, address) => {
    if (kinds[at] > OPERATION.realloc || what[at] === NONE) return undefined;
    const start = blocks.address[what[at]];
    return start <= address && address < start + blocks.size[what[at]] ? what[at] : undefined;
  },
  size: ({ kinds, what, blocks }, at, size) => {
    return isMade(kinds[at]) && blocks.asked[what[at]] >= size ? what[at] : undefined;
  },
  age: (history, at, age) => {
    const { kinds, what } = history;
    return isMade(kinds[at]) && ageOf(history, what[at]) >= age ? what[at] : undefined;
  },
  'never freed': (history, at) => {
    const { kinds, what } = history;
    return isMade(kinds[at]) && FATES[fateOf(history, what[at])] === 'never freed'
      ? what[at]
      : undefined;
  },
  refused: ({ kinds }, at) => {
    const is = kinds[at];
    return is === OPERATION.refusedMalloc || is === OPERATION.refusedRealloc ? NONE : undefined;
  },
  mark: ({ kinds, what, meta }, at, text) => {
    if (kinds[at] !== OPERATION.mark) return undefined;
    return meta.marks[what[at]].toLowerCase().includes(text.toLowerCase()) ? NONE : undefined;
  },
};
