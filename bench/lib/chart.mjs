// docs/performance.svg, three panels of bars, and docs/churn.svg, two of lines, from the figures of a run.

import { draw } from './panels.mjs';
import { contenders, timesOf, title, traces } from './summary.mjs';

/** One colour for each allocator, which colour-blind people can distinguish, too (after Okabe and Ito). */
const COLOURS = {
  'MeMS, segregated': '#d55e00',
  'MeMS Heap': '#d55e00',
  'MeMS Heap, numbers': '#a63c00',
  'MeMS, first fit': '#e69f00',
  'MeMS, joining and trimming': '#f7cf6d',
  libc: '#0072b2',
  'koffi + libc': '#0072b2',
  mimalloc: '#56b4e9',
  'mimalloc, no huge pages': '#a6d8f5',
  'WebAssembly’s dlmalloc': '#009e73',
  rlsf: '#009e73',
  talc: '#cc79a7',
  'offset-allocator': '#888888',
};

/** Panels `{ heading, axis, categories, series }`, a series being `{ name, values }` with null where there is none. */
function panels(data) {
  const times = (where, heading, axis) => {
    const tables = timesOf(data, where, 'trace');
    const names = tables[0].rows.map(({ name }) => name);
    names.sort((a, b) => title(b).startsWith('MeMS') - title(a).startsWith('MeMS'));
    const value = ({ rows }, name) => rows.find((row) => row.name === name)?.ns ?? null;
    return {
      heading,
      axis,
      categories: tables.map(({ workload }) => workload),
      series: names.map((name) => ({
        name: title(name),
        values: tables.map((table) => value(table, name)),
      })),
    };
  };
  const resident = (name, trace) => {
    const row = data.footprint.find((row) => row.name === name && row.trace === trace);
    return row.resident.median / row.live;
  };
  return [
    times('native', 'Nanoseconds a call, natively', { min: 0 }),
    times('JavaScript', 'Nanoseconds a call, from JavaScript', { min: 0 }),
    {
      heading:
        'Memory resident at most, times the most bytes live (logarithmic, 1 is nothing lost)',
      axis: { type: 'log', logBase: 2, min: 1 },
      categories: traces(data.footprint),
      series: contenders(data.footprint, 'resident').map((name) => ({
        name: title(name),
        values: traces(data.footprint).map((trace) => resident(name, trace)),
      })),
    },
  ];
}

/** The allocators in the chart of churn; the others are in the tables. */
const CHURNED = {
  native: ['libc', 'mimalloc', 'mems, first fit', 'mems, segregated'],
  JavaScript: [
    'koffi + libc',
    'WebAssembly’s dlmalloc',
    'MeMS, first fit',
    'MeMS Heap',
    'MeMS Heap, numbers',
  ],
};

/** The panel of what was measured in one place, `native` or `JavaScript`: a line for each allocator over the number of live blocks. */
function churnPanel(data, where, heading) {
  const tables = timesOf(data, where, 'churn').flatMap((table) => {
    const [, live] = table.workload.match(/^16-272 B, (\w+) live$/) ?? [];
    return live === undefined ? [] : [{ ...table, live }];
  });
  return {
    heading,
    lines: true,
    axis: { type: 'log', logBase: 2 },
    categories: tables.map(({ live }) => live),
    series: CHURNED[where].map((name) => ({
      name: title(name),
      values: tables.map(({ rows }) => rows.find((row) => row.name === name)?.ns ?? null),
    })),
  };
}

/** The chart of traces and memory as SVG. */
export function chart(data) {
  return draw(panels(data), COLOURS);
}

/** The chart of churn as SVG. */
export function churnChart(data) {
  const what = 'over the number of live blocks (logarithmic)';
  const drawn = [
    churnPanel(data, 'native', `Nanoseconds a call, natively, ${what}`),
    churnPanel(data, 'JavaScript', `Nanoseconds a call, from JavaScript, ${what}`),
  ];
  return draw(
    drawn.filter(({ categories }) => categories.length > 0),
    COLOURS,
  );
}
