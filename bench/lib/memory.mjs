// Writes docs/memory.md, the text of bench/memory.md with the figures of npm run bench:gc, and docs/memory.svg, and prints the
// tables on the terminal.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fill } from './document.mjs';
import { draw } from './panels.mjs';
import { root } from './process.mjs';
import { range } from './summary.mjs';
import { figure, markdown, print } from './table.mjs';

const HEAD = '<!-- Made by npm run bench:gc, from bench/memory.md and the figures of a run. -->\n';

/** The contenders of bench/gc/holder.js as people read them, with the colours they have in docs/performance.svg. */
export const CONTENDERS = { mems: 'MeMS', buffers: 'Buffers', objects: 'Objects in a Map' };
const COLOURS = { MeMS: '#d55e00', Buffers: '#555555', 'Objects in a Map': '#0072b2' };

const MIB = 2 ** 20;
const scaled = ({ median, spread }, by = 1) => ({ median: median / by, spread: spread / by });

/** Lines of the tables: a heading, digits, and where a contender's figure is. */
const phase = (name, title) => [
  [`${title}: time, ms`, 0, (of) => of[name].ms],
  [`${title}: in collections, ms`, 0, (of) => of[name].gc.all],
  ['of that minor, ms', 0, (of) => of[name].gc.minor],
  ['major, ms', 0, (of) => of[name].gc.major],
  ['incremental, ms', 0, (of) => of[name].gc.incremental],
  [`${title}: longest collection, ms`, 1, (of) => of[name].gc.longest],
  [`${title}: longest delay of the event loop, ms`, 1, (of) => of[name].delay],
];
const COLLECTED = [
  ...phase('loading', 'Loading'),
  ...phase('working', 'Working'),
  ['Working: operations a second, thousands', 0, (of) => scaled(of.throughput, 1000)],
  ['A full collection at the end, ms', 1, (of) => of.full],
];
const MEMORY = [
  ['RSS', 0, (of) => scaled(of.memory.rss, MIB)],
  ['heapUsed', 0, (of) => scaled(of.memory.heapUsed, MIB)],
  ['external', 0, (of) => scaled(of.memory.external, MIB)],
  ['arrayBuffers', 0, (of) => scaled(of.memory.arrayBuffers, MIB)],
];

function cells(lines, holders) {
  return lines.map(([title, digits, of]) => [
    title,
    ...holders.map((holder) => {
      const { median, spread } = of(holder);
      return figure(median, spread, digits);
    }),
  ]);
}

const names = (holders) => holders.map(({ name }) => CONTENDERS[name]);

const FIRST = 'first view, ms';
const FIGURES = ['rss', 'heapUsed', 'external', 'arrayBuffers'];

function usageCells(usage) {
  return usage.flatMap(({ node, shared, written, viewed, ms }) => {
    const cell = (grown) =>
      FIGURES.map((name) => (grown[name] / MIB).toFixed(1).replace(/^-0\.0$/, '0.0'));
    const kind = shared ? 'SharedArrayBuffer' : 'ArrayBuffer';
    return [
      [node, 'written, no view', ...cell(written), ''],
      [node, `a view, over an ${kind}`.replace('an S', 'a S'), ...cell(viewed), figure(ms, 0, 1)],
    ];
  });
}

/** The tables of a run, by their names in bench/memory.md. */
function tablesOf({ holders, usage, usageBytes }) {
  return {
    collected: {
      title: 'the garbage collector',
      headings: ['', ...names(holders)],
      rows: cells(COLLECTED, holders),
    },
    memory: {
      title: 'memory at the end',
      headings: ['MiB', ...names(holders)],
      rows: cells(MEMORY, holders),
    },
    usage: {
      title: `process.memoryUsage() after ${usageBytes / MIB} MiB, MiB more`,
      headings: ['Node', '', ...FIGURES, FIRST],
      rows: usageCells(usage),
      texts: 2,
    },
  };
}

export function printMemory(data) {
  for (const table of Object.values(tablesOf(data))) print(table);
}

function chart({ holders }) {
  const series = (figures) =>
    holders.map((holder) => ({
      name: CONTENDERS[holder.name],
      values: figures.map(([, of]) => of(holder).median),
    }));
  const panel = (heading, axis, figures) => ({
    heading,
    axis,
    categories: figures.map(([name]) => name),
    series: series(figures),
  });
  const panels = [
    panel('Milliseconds in garbage collection', { min: 0 }, [
      ['while loading', (of) => of.loading.gc.all],
      ['while working', (of) => of.working.gc.all],
    ]),
    panel('Milliseconds that everything waits (logarithmic)', { type: 'log', min: 1 }, [
      ['longest delay, loading', (of) => of.loading.delay],
      ['longest delay, working', (of) => of.working.delay],
      ['one full collection', (of) => of.full],
    ]),
    panel('Memory in MiB', { min: 0 }, [
      ['RSS', (of) => scaled(of.memory.rss, MIB)],
      ['heapUsed', (of) => scaled(of.memory.heapUsed, MIB)],
    ]),
  ];
  return draw(panels, COLOURS);
}

function parts(data) {
  const { date, machine, quick, records, operations, rounds, holders, usage, usageBytes } = data;
  const of = (name) => holders.find((holder) => holder.name === name);
  const times = (what) =>
    range(
      ['buffers', 'objects'].map((name) => what(of(name)).median / what(of('mems')).median),
      1,
    );
  const rate = (name) => of('mems').throughput.median / of(name).throughput.median;
  return {
    run: `${quick ? 'A quick run' : 'A run'} of ${date}`,
    machine: `${machine.cpu}, ${machine.processors} processors, ${(machine.memory / 2 ** 30).toFixed(0)} GiB, ${machine.system}`,
    node: machine.node,
    load: data.load.median.toFixed(1),
    objects: usage[0].objects.toLocaleString('en-US'),
    records: records.toLocaleString('en-US'),
    operations: operations.toLocaleString('en-US'),
    rounds: String(rounds),
    ...Object.fromEntries(
      Object.entries(tablesOf(data)).map(([name, table]) => [name, markdown(table)]),
    ),
    'usage-bytes': (usageBytes / MIB).toFixed(0),
    'less-loading': times(({ loading }) => loading.gc.all),
    'less-working': times(({ working }) => working.gc.all),
    'less-full': times(({ full }) => full),
    'less-delay': times(({ working }) => working.delay),
    'rate-buffers': rate('buffers').toFixed(2),
    'rate-objects': rate('objects').toFixed(2),
  };
}

/** Writes the documents of a run. */
export function writeMemoryDocuments(data) {
  const documents = {
    'memory.md': HEAD + fill('memory.md', parts(data)),
    'memory.svg': chart(data),
  };
  for (const [name, text] of Object.entries(documents)) {
    writeFileSync(path.join(root, 'docs', name), text);
    console.log(`Wrote docs/${name}.`);
  }
}
