// The tables of a run, from its figures, which are printed on the terminal and are in docs/performance.md.

import { ratiosTable } from './ratios.mjs';
import { title as asTitle, contenders, median, shares, timesOf, traces } from './summary.mjs';
import { figure, times } from './table.mjs';

function timeCell(row) {
  if (row === undefined) return '';
  if (row.ns === null) return 'gave up';
  return `${figure(row.ns, row.spread, 1)} (${times(row.ratio)})`;
}

/** One line for each workload, one column for each allocator. */
function timesTable(title, tables) {
  const names = [...new Set(tables.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const lines = tables.map(({ workload, rows }) => [
    workload,
    ...names.map((name) => timeCell(rows.find((row) => row.name === name))),
  ]);
  return { title, headings: ['', ...names.map(asTitle)], rows: lines };
}

/** One line for each call. */
function callsTable(title, tables) {
  const lines = tables.flatMap(({ workload, rows }) =>
    rows.map((row) => [workload, row.name, timeCell(row)]),
  );
  return { title, headings: ['', 'what was called', 'ns'], rows: lines, texts: 2 };
}

/** A line for each trace, a column for each pair of allocator and figure, and the medians. */
function shareTable(title, footprint, columns) {
  if (footprint.length === 0) return { title, headings: [], rows: [] };
  const cell = (trace, [name, key]) => {
    const own = footprint.find((row) => row.trace === trace && row.name === name);
    const { median, spread } = own[key];
    return figure(median / own.live, spread / own.live, 3);
  };
  const live = (trace) => footprint.find((row) => row.trace === trace).live;
  const lines = traces(footprint).map((trace) => [
    trace,
    live(trace).toLocaleString('en-US'),
    ...columns.map((column) => cell(trace, column)),
  ]);
  const medians = columns.map(([name, key]) => median(shares(footprint, name, key)).toFixed(3));
  const headings = ['', 'most bytes live', ...columns.map(([, , heading]) => heading)];
  return { title, headings, rows: [...lines, ['**median**', '', ...medians]] };
}

function residentTable(footprint) {
  const names = contenders(footprint, 'resident');
  return shareTable(
    'memory resident at most, times the most bytes live',
    footprint,
    names.map((name) => [name, 'resident', asTitle(name)]),
  );
}

function mappedTable(footprint) {
  return shareTable('mapped and bookkeeping, times the most bytes live', footprint, [
    ['mems, first fit', 'mapped', 'first fit: mapped'],
    ['mems, first fit', 'metadata', 'first fit: bookkeeping'],
    ['mems, segregated', 'mapped', 'segregated: mapped'],
    ['mems, segregated', 'metadata', 'segregated: bookkeeping'],
    ['mems, joining and trimming', 'mapped', 'joining and trimming: mapped'],
    ['mems, joining and trimming', 'metadata', 'joining and trimming: bookkeeping'],
    ['offset-allocator', 'reach', 'offset-allocator: highest end'],
  ]);
}

function metadataTable(metadata) {
  const lines = metadata.map(({ name, workload, blocks, live, mapped, metadata }) => [
    workload,
    asTitle(name),
    blocks.toLocaleString('en-US'),
    (metadata / blocks).toFixed(1),
    (metadata / live).toFixed(3),
    (mapped / live).toFixed(3),
  ]);
  const per = [
    'bookkeeping, bytes a live block',
    'bookkeeping / bytes live',
    'mapped / bytes live',
  ];
  return {
    title: 'bookkeeping of MeMS after churn',
    headings: ['', '', 'live blocks', ...per],
    rows: lines,
    texts: 2,
  };
}

function smallTable(small) {
  const kib = (bytes) => (bytes === null ? '' : (bytes / 1024).toFixed(1));
  return {
    title: 'a heap with one block of 64 bytes, KiB',
    headings: ['', 'mapped', 'bookkeeping', 'resident, with its bookkeeping'],
    rows: small.map(({ name, mapped, metadata, resident }) => [
      asTitle(name),
      ...[mapped, metadata, resident].map(kib),
    ]),
  };
}

function adversarialTable(adversarial) {
  const least = Math.min(...adversarial.map(({ ns }) => ns.median));
  const lines = adversarial.map(({ name, ns, calls }) => [
    name,
    calls.toLocaleString('en-US'),
    `${figure(ns.median, ns.spread, 0)} (${(ns.median / least).toFixed(1)}x)`,
  ]);
  const headings = ['', 'calls', 'ns a call (times the quickest pattern)'];
  return { title: 'patterns hard on a first-fit heap', headings, rows: lines };
}

/** All tables of a run, by their names in bench/performance.md. Tables of what was not measured are empty. */
export function tablesOf(data) {
  const { footprint, metadata, small, adversarial } = data;
  const natively = (title, group) =>
    timesTable(`natively, ${title}, ns a call`, timesOf(data, 'native', group));
  const called = (title, group) =>
    callsTable(`from JavaScript, ${title}`, timesOf(data, 'JavaScript', group));
  const replayed = (title, group) =>
    timesTable(`from JavaScript, traces, ${title}, ns a call`, timesOf(data, 'JavaScript', group));
  return {
    ratios: ratiosTable(data),
    'native-traces': natively('traces again and again', 'trace'),
    'native-once': natively('traces once', 'once'),
    'native-churn': natively('churn', 'churn'),
    adversarial: adversarialTable(adversarial),
    'javascript-traces': replayed('one heap kept', 'trace'),
    'javascript-fresh': replayed('a heap for each replay', 'fresh'),
    'javascript-churn': timesTable(
      'from JavaScript, churn, ns a call',
      timesOf(data, 'JavaScript', 'churn'),
    ),
    'javascript-calls': called('malloc and free', 'calls'),
    'javascript-lookup': called('get', 'lookup'),
    'javascript-opening': called('a heap opened and closed', 'opening'),
    'javascript-start': called('init and the first malloc', 'start'),
    'javascript-threads': called('two threads in one heap', 'threads'),
    'javascript-heap': called('heaps of options', 'heap'),
    'javascript-heaps': called('many small heaps', 'heaps'),
    'javascript-view': called('views', 'view'),
    'javascript-bytes': called('read and write', 'bytes'),
    'javascript-copy': called('copy', 'copy'),
    'javascript-fill': called('fill and compare', 'fill'),
    'javascript-growth': called('growth', 'growth'),
    'javascript-sharing': called('sharing', 'sharing'),
    'javascript-recording': called('recorded heaps', 'recording'),
    resident: residentTable(footprint),
    mapped: mappedTable(footprint),
    metadata: metadataTable(metadata),
    small: smallTable(small),
  };
}
