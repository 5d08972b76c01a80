// The tables and the chart of maps, from the figures of a run: nothing here measures.

import { draw } from '../lib/panels.mjs';
import { markdown, number, times } from '../lib/table.mjs';
import { CALLS, CONTENDERS } from './contenders/index.js';
import { PROCESSES } from './processes.mjs';

const COLOURS = {
  'MeMS map': '#d55e00',
  'lmdb-js': '#0072b2',
  'better-sqlite3': '#56b4e9',
  'lru-cache': '#009e73',
  Map: '#888888',
  Redis: '#cc79a7',
  'Redis, 200 in flight': '#ecc7da',
  'MeMS map, getInto': '#d55e00',
  'MeMS map, get': '#e69f00',
  'MeMS map, getInto and a tenth sets': '#f7cf6d',
  'lmdb-js, get': '#0072b2',
  'Redis, get': '#cc79a7',
};

const many = (count) => count.toLocaleString('en-US');

/** What was drawn from which store. */
function label({ keys, bytes, draw, drawn }) {
  const store = `${many(keys)} keys, values of ${many(bytes)} bytes`;
  return draw === 'all'
    ? `${store}, all drawn uniformly`
    : `${store}, ${many(drawn.keys)} of them drawn`;
}

const shortLabel = ({ keys, bytes, draw, drawn }) =>
  draw === 'all'
    ? `${many(keys)} × ${many(bytes)} B`
    : `hot ${many(drawn.keys)} × ${many(bytes)} B`;

const contendersOf = ({ rows }) =>
  Object.keys(CONTENDERS).filter((name) => rows.some(({ contender }) => contender === name));

const rowOf = ({ rows }, name, call) =>
  rows.find((row) => row.contender === name && row.call === call);

/** A line for each contender, a column for each call: the median, and the best in brackets. */
function callsTable(measured) {
  const cell = (row) => (row === undefined ? '' : `${number(row.ns, 0)} (${number(row.best, 0)})`);
  return {
    title: `ns a call: ${label(measured)}`,
    headings: ['', ...CALLS],
    rows: contendersOf(measured).map((name) => [
      name,
      ...CALLS.map((call) => cell(rowOf(measured, name, call))),
    ]),
  };
}

/** A line for each bar, a column for each draw. */
function barsTable(calls) {
  const [{ ratios: bars }] = calls;
  const cell = ({ ratio, most }) => `${times(ratio)}${ratio > most ? ', missed' : ''}`;
  return {
    title: 'MeMS against its peers, as times in one run',
    headings: ['call', 'against', 'at most', ...calls.map(shortLabel)],
    texts: 2,
    rows: bars.map(({ call, peer, theirs, most }, at) => [
      call,
      call === theirs ? peer : `${peer}’s ${theirs}`,
      times(most),
      ...calls.map(({ ratios }) => cell(ratios[at])),
    ]),
  };
}

const jobsOf = (processes) => [...new Set(processes.map(({ store, job }) => `${store}, ${job}`))];

const runOf = (processes, name, count) =>
  processes.find((run) => `${run.store}, ${run.job}` === name && run.count === count);

function processesTable(processes) {
  const cell = ({ rate, ratio, count }) =>
    `${number(rate / 1e3, 0)}${count === 1 ? '' : ` (${times(ratio)})`}`;
  const rows = jobsOf(processes).map((name) => {
    const runs = PROCESSES.map((count) => runOf(processes, name, count));
    const sum = (what) => runs.reduce((total, run) => total + run[what], 0);
    return [name, ...runs.map(cell), many(sum('calls')), many(sum('torn'))];
  });
  const headings = PROCESSES.map((count) => (count === 1 ? '1 process' : `${count} processes`));
  return {
    title: 'thousand calls a second of all processes together',
    headings: ['', ...headings, 'values checked', 'of these not whole'],
    rows,
  };
}

function openingTable(opening) {
  const [{ keys, bytes }] = opening;
  return {
    title: `${many(keys)} pages of ${bytes} bytes, opened by a new process (aimed at: less than 1,000 µs for both)`,
    headings: ['', 'open, µs', 'first get, µs', 'both, µs', 'bytes a page in the file'],
    rows: opening.map(({ store, open, get, both, size }) => [
      store,
      ...[open, get, both, size].map((value) => number(value, 0)),
    ]),
  };
}

/** All tables of a run. */
export function tablesOf({ calls, processes, opening }) {
  return [
    ...calls.map(callsTable),
    barsTable(calls),
    processesTable(processes),
    openingTable(opening),
  ];
}

/** The chart as SVG. */
export function chart({ calls, processes }) {
  const panels = calls.map((measured) => ({
    heading: `Nanoseconds a call (logarithmic): ${label(measured)}`,
    axis: { type: 'log', min: 10 },
    categories: CALLS,
    series: contendersOf(measured).map((name) => ({
      name,
      values: CALLS.map((call) => rowOf(measured, name, call)?.ns ?? null),
    })),
  }));
  panels.push({
    heading: 'Thousand calls a second of all processes together (logarithmic)',
    axis: { type: 'log', min: 10 },
    categories: PROCESSES.map((count) => (count === 1 ? '1 process' : `${count} processes`)),
    series: jobsOf(processes).map((name) => ({
      name,
      values: PROCESSES.map((count) => runOf(processes, name, count).rate / 1e3),
    })),
  });
  return draw(panels, COLOURS);
}

const ALT =
  'Bars for each call: nanoseconds with MeMS maps and their peers, for small, hot and long values, and calls a second in one, two and ' +
  'four processes. The tables below have the same figures.';

/** The part of docs/map.md that is written from the figures. */
export function document(data) {
  const { date, quick, machine, packages, realTime, load, calls, absent } = data;
  const draws = calls.map(
    ({ drawn }) =>
      `${many(drawn.distinct)} of ${many(drawn.keys)} keys in ${many(drawn.draws)} draws`,
  );
  const head = [
    `${quick ? 'A quick run' : 'A full run'} of ${date}: Node ${machine.node}, ${machine.system}, ${machine.processors} processors,`,
    `${machine.cpu}; ${packages.join(', ')}.`,
    realTime
      ? 'The processes had real-time priority, since other programs were using the machine.'
      : `The machine's load before it was ${load.toFixed(1)}.`,
    absent.length > 0 ? `Not installed, and not measured: ${absent.join(', ')}.` : '',
  ];
  return [
    head.filter((line) => line !== '').join('\n'),
    `<img src="map.svg" width="100%" alt="${ALT}">`,
    'Medians of rounds of 1,000 calls, in brackets the best round; all contenders in turns, each in a process of its own. ' +
      `Each draw has been checked for what it reached: ${draws.join('; ')}.`,
    ...tablesOf(data).flatMap((table) => [`**${table.title}**`, markdown(table)]),
  ].join('\n\n');
}
