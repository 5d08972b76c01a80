// The charts of the page: bytes and what is unusable over the operations in view, holes by size at the cursor.

import { latestOnly } from '../lib/client.mjs';
import { byId, make } from '../lib/dom.mjs';
import { formats, holesChart, setHoles, timeChart } from './charts.mjs';

/** Points of the curve of bytes. */
const POINTS = 400;
/** Moments of the curves of unusable bytes, and for how many milliseconds at once: the cursor does not wait longer. */
const SAMPLES = 160;
const AT_ONCE = 8;
/** Moments between two times that the curves are drawn while they are made. */
const DRAWN = 32;
/** Milliseconds without a change of view after which the curves follow it. */
const REST = 120;

const UNUSABLE = [
  ['unusable64', '--live', '64 B'],
  ['unusable1K', '--third', '1 KiB'],
  ['unusable64K', '--fourth', '64 KiB'],
];

function legend(id, entries) {
  const spans = entries.map(([colour, text]) => {
    const square = make('span', { className: 'swatch' });
    square.style.background = `var(${colour})`;
    return make('span', {}, square, text);
  });
  byId(id).replaceChildren(...spans);
}

export class Curves {
  #ask;
  #charts = {};
  #resting;
  #sampling;
  #showBytes;

  constructor(ask) {
    this.#ask = ask;
    this.#showBytes = latestOnly(async ({ t0, t1 }) => {
      const { moments, live, mapped } = await ask('series', { t0, t1, parts: POINTS });
      this.#charts.bytes.setData([moments, live, mapped]);
    });
  }

  /** Makes the charts, in the colours of the theme. `cursor` is { moment(), offset(), onMove(moment) }. */
  build(cursor) {
    for (const chart of Object.values(this.#charts)) chart.destroy();
    const over = { ...cursor, key: 'time' };
    this.#charts = {
      bytes: timeChart(byId('bytes'), {
        ...over,
        format: formats.bytes,
        series: [{ colour: '--live', filled: true }, { colour: '--mapped' }],
      }),
      unusable: timeChart(byId('unusable'), {
        ...over,
        format: formats.percent,
        range: [0, 1.02],
        series: UNUSABLE.map(([, colour]) => ({ colour })),
      }),
      holes: holesChart(byId('holes')),
    };
    legend('bytes-legend', [
      ['--live', 'live'],
      ['--mapped', 'mapped'],
    ]);
    legend(
      'unusable-legend',
      UNUSABLE.map(([, colour, text]) => [colour, text]),
    );
  }

  /** Draws the cursor where it is now. */
  moveCursor() {
    for (const name of ['bytes', 'unusable']) this.#charts[name].redraw(false);
  }

  /** Shows how many holes there are of each power of two. */
  showHoles(powers) {
    setHoles(this.#charts.holes, powers);
  }

  /** Follows what is in view, of `operations` operations. */
  follow({ t0, t1 }, operations) {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#showBytes({ t0, t1 });
      this.#sample(Math.max(0, Math.floor(t0)), Math.min(operations, Math.ceil(t1)));
    }, REST);
  }

  /** What is unusable at some moments from one to another, a few at a time: a newer view ends it. */
  async #sample(first, last) {
    const mine = {};
    this.#sampling = mine;
    const samples = Math.min(SAMPLES, last - first + 1);
    const moments = Array.from({ length: samples }, (_, at) => {
      return Math.round(first + ((last - first) * at) / Math.max(1, samples - 1));
    });
    const found = [];
    // What is not known yet is left out of the curves.
    const show = () => {
      const shares = UNUSABLE.map(([name]) => moments.map((_, at) => found[at]?.[name]));
      this.#charts.unusable.setData([moments, ...shares]);
    };
    let drawn = 0;
    while (found.length < samples) {
      const rest = { moments: moments.slice(found.length), milliseconds: AT_ONCE };
      found.push(...(await this.#ask('unusable', rest)));
      if (this.#sampling !== mine) return;
      if (found.length < drawn + DRAWN) continue;
      show();
      drawn = found.length;
    }
    show();
    document.body.dataset.sampled = String(samples);
  }
}
