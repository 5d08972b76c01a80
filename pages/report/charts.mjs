// Charts over time, with one cursor, and the holes by size.

import uPlot from 'uplot';
import { bytes, count, percent } from '../lib/numbers.mjs';

/** How a chart writes its values. */
export const formats = {
  bytes: (value) => bytes(value).replace(/\.0+ /, ' '),
  percent: (value) => percent(value).replace('.0', ''),
};

const HEIGHT = 130;
const [LEFT, BOTTOM] = [62, 26];

const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

/** A number as an axis has room for it: '1.5M', or '1,503,200' where marks that are `step` apart would look alike. */
const short = (value, step = Number.POSITIVE_INFINITY) => {
  if (value >= 1e6 && step >= 1e4) return `${+(value / 1e6).toFixed(2)}M`;
  const isThousands = value >= 1e4 && value < 1e6 && step >= 100;
  return isThousands ? `${+(value / 1e3).toFixed(1)}k` : count(value);
};

/** Whether so few operations are in view that their numbers may be written in full, and take more room. */
const isDeep = (min, max) => max - min < 1e5;

const font = '12px system-ui, sans-serif';
/** Steps between the marks of an axis of bytes. */
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
/** Steps between the marks of an axis of operations: there is none between two operations. */
const WHOLE = Array.from({ length: 11 }, (_, power) => [1, 2, 5].map((each) => each * 10 ** power));

const axis = (values, size) => ({
  stroke: colour('--soft'),
  font,
  grid: { stroke: colour('--edge'), width: 1 },
  ticks: { show: false },
  size,
  space: size === LEFT ? 30 : (_chart, _axis, min, max) => (isDeep(min, max) ? 76 : 56),
  values: (_chart, splits, _axis, _space, step) => splits.map((value) => values(value, step)),
});

/** A line at the cursor's moment, which stays when the pointer is elsewhere. */
const cursorLine = (moment) => ({
  hooks: {
    draw: [
      (chart) => {
        const x = chart.valToPos(moment(), 'x', true);
        const { left, top, width, height } = chart.bbox;
        if (x < left || x > left + width) return;
        chart.ctx.fillStyle = colour('--accent');
        chart.ctx.fillRect(
          x - window.devicePixelRatio / 2,
          top,
          1.5 * window.devicePixelRatio,
          height,
        );
      },
    ],
  },
});

/**
 * A chart over time in an element. `series` are { colour, filled? }, `format` writes a value; a click or a drag moves the cursor
 * (`onMove`). `moment` returns where that is, `offset` the number of operations before the first in the page.
 */
export function timeChart(element, { series, format, moment, offset, onMove, range, key }) {
  element.replaceChildren();
  const chart = new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      padding: [8, ({ scales: { x } }) => (isDeep(x.min, x.max) ? 34 : 12), 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { show: false },
        sync: key && { key },
      },
      scales: {
        x: { time: false },
        y: { range: range ?? ((_, _low, high) => [0, Math.max(1, high) * 1.05]) },
      },
      axes: [
        { ...axis((value, step) => short(value + offset(), step), BOTTOM), incrs: WHOLE.flat() },
        { ...axis(format, LEFT), ...(format === formats.bytes ? { incrs: POWERS } : {}) },
      ],
      series: [
        {},
        ...series.map((each) => ({
          stroke: colour(each.colour),
          width: 1.5,
          fill: each.filled ? `${colour(each.colour)}33` : undefined,
          points: { show: false },
        })),
      ],
      plugins: [cursorLine(moment)],
    },
    [[0, 1], ...series.map(() => [0, 0])],
    element,
  );
  const over = chart.over;
  const move = (event) => {
    if (event.buttons !== 1) return;
    const { left } = over.getBoundingClientRect();
    onMove(chart.posToVal(event.clientX - left, 'x'));
  };
  over.addEventListener('pointerdown', move);
  over.addEventListener('pointermove', move);
  return chart;
}

/** A power of two as the axis of holes writes it. */
const powerName = (power) => formats.bytes(2 ** power);

/** The chart of holes by size in an element. */
export function holesChart(element) {
  element.replaceChildren();
  const { bars } = uPlot.paths;
  return new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] },
        y: { range: (_, _low, high) => [0, Math.max(4, high * 1.05)] },
      },
      axes: [
        { ...axis(powerName, BOTTOM), incrs: [1, 2, 5, 10] },
        axis((value) => (Number.isInteger(value) ? short(value) : ''), LEFT),
      ],
      series: [
        {},
        {
          paths: bars({ size: [0.8, 40] }),
          stroke: colour('--fourth'),
          fill: `${colour('--fourth')}66`,
          width: 1,
          points: { show: false },
        },
      ],
    },
    [
      [0, 1],
      [0, 0],
    ],
    element,
  );
}

/** Fills the chart of holes. */
export function setHoles(chart, powers) {
  let last = powers.findLastIndex((holes) => holes > 0);
  last = Math.max(10, last);
  const places = Array.from({ length: last + 1 }, (_, power) => power);
  chart.setData([places, places.map((power) => powers[power])]);
}
