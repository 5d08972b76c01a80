// docs/performance.md: the figures of a run put into the text of bench/performance.md.

import { figure, fill, markdown, times } from './document.mjs';
import { contenders, median, range, ratios, shares, timesOf, title, traces } from './summary.mjs';

const HEAD =
  '<!-- Made by npm run bench, from bench/performance.md and the figures of a run. -->\n';

function timeCell(row) {
  if (row === undefined) return '';
  if (row.ns === null) return 'gave up';
  return `${figure(row.ns, row.spread, 1)} (${times(row.ratio)})`;
}

/** One line a workload, one column an allocator; nothing where none was measured. */
function timesTable(tables) {
  if (tables.length === 0) return '';
  const names = [...new Set(tables.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const lines = tables.map(({ workload, rows }) => [
    workload,
    ...names.map((name) => timeCell(rows.find((row) => row.name === name))),
  ]);
  return markdown(['', ...names.map(title)], lines);
}

/** One line a call; nothing where none was measured. */
function callsTable(tables) {
  if (tables.length === 0) return '';
  const lines = tables.flatMap(({ workload, rows }) =>
    rows.map((row) => [workload, row.name, timeCell(row)]),
  );
  return markdown(['', 'what was called', 'ns'], lines);
}

/** A line for each trace, a column for each pair of allocator and figure, and the medians. */
function shareTable(footprint, columns) {
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
  return markdown(headings, [...lines, ['**median**', '', ...medians]]);
}

function residentTable(footprint) {
  const names = contenders(footprint, 'resident');
  return shareTable(
    footprint,
    names.map((name) => [name, 'resident', title(name)]),
  );
}

function mappedTable(footprint) {
  return shareTable(footprint, [
    ['mems', 'mapped', 'MeMS: mapped'],
    ['mems', 'metadata', 'MeMS: bookkeeping'],
    ['mems, joining and trimming', 'mapped', 'joining and trimming: mapped'],
    ['mems, joining and trimming', 'metadata', 'joining and trimming: bookkeeping'],
    ['offset-allocator', 'reach', 'offset-allocator: highest end'],
  ]);
}

function metadataTable(metadata) {
  const lines = metadata.map(({ workload, blocks, live, mapped, metadata }) => [
    workload,
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
  return markdown(['', 'live blocks', ...per], lines);
}

function adversarialTable(adversarial) {
  const least = Math.min(...adversarial.map(({ ns }) => ns.median));
  const lines = adversarial.map(({ name, ns, calls }) => [
    name,
    calls.toLocaleString('en-US'),
    `${figure(ns.median, ns.spread, 0)} (${(ns.median / least).toFixed(1)}x)`,
  ]);
  return markdown(['', 'calls', 'ns a call (times the quickest pattern)'], lines);
}

function slowestPattern(adversarial) {
  const [slowest] = [...adversarial].sort((a, b) => b.ns.median - a.ns.median);
  return `*${slowest.name}* (${figure(slowest.ns.median, slowest.ns.spread, 0)} ns a call)`;
}

/** What stands in the text as `{{name}}`. */
function parts(data) {
  const { date, machine, peers, packages, quick, footprint, adversarial } = data;
  const native = (group) => timesOf(data, 'native', group);
  const script = (group) => timesOf(data, 'JavaScript', group);
  const against = (tables, name, other) => range(ratios(tables, name, other));
  const tidy = 'mems, joining and trimming';
  const most = (name, key) => Math.max(...shares(footprint, name, key)).toFixed(2);
  return {
    run: `${quick ? 'A quick run, of a native build that is not optimised across crates,' : 'A full run'} of ${date}`,
    machine: `${machine.cpu}, ${machine.processors} processors, ${machine.system}`,
    compilers: `${machine.rustc}, Node ${machine.node}`,
    peers: peers.join(', '),
    packages: packages.join(', '),
    'native-traces': timesTable(native('trace')),
    'native-once': timesTable(native('once')),
    'native-churn': timesTable(native('churn')),
    'javascript-calls': callsTable(script('calls')),
    'javascript-traces': timesTable(script('trace')),
    'javascript-start': callsTable(script('start')),
    'javascript-view': callsTable(script('view')),
    'javascript-bytes': callsTable(script('bytes')),
    'javascript-copy': callsTable(script('copy')),
    'javascript-growth': callsTable(script('growth')),
    'javascript-heap': callsTable(script('heap')),
    'javascript-sharing': callsTable(script('sharing')),
    resident: residentTable(footprint),
    mapped: mappedTable(footprint),
    metadata: metadataTable(data.metadata),
    adversarial: adversarial.length > 0 ? adversarialTable(adversarial) : 'Not measured.',
    'slowest-pattern': adversarial.length > 0 ? slowestPattern(adversarial) : 'not measured',
    'traces-libc': against(native('trace'), 'mems', 'libc'),
    'once-libc':
      native('once').length > 0 ? against(native('once'), 'mems', 'libc') : 'not measured',
    'traces-mimalloc': against(native('trace'), 'mems', 'mimalloc'),
    'churn-libc': against(native('churn'), 'mems', 'libc'),
    'churn-mimalloc': against(native('churn'), 'mems', 'mimalloc'),
    'javascript-koffi': range(ratios(script('trace'), 'MeMS', 'koffi + libc'), 2),
    'resident-mems': range(shares(footprint, 'mems', 'resident'), 2),
    'resident-tidy': range(shares(footprint, tidy, 'resident'), 2),
    'resident-libc': range(shares(footprint, 'libc', 'resident'), 2),
    'mapped-mems': median(shares(footprint, 'mems', 'mapped')).toFixed(2),
    'mapped-mems-most': most('mems', 'mapped'),
    'mapped-tidy': most(tidy, 'mapped'),
    'metadata-mems': range(
      shares(footprint, 'mems', 'metadata').map((share) => share * 100),
      0,
    ),
  };
}

/** The document of a complete run. */
export function report(data) {
  return HEAD + fill('performance.md', parts(data));
}
