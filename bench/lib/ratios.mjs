// The ratios of a run: MeMS against its peers, in one table.

import { median, ratios, shares, timesOf, title } from './summary.mjs';
import { times } from './table.mjs';

/** What a table of times is about: where it was measured, its group, and the workloads that count, all if there are none named. */
const WORKLOADS = [
  ['natively, traces', 'native', 'trace'],
  ['natively, traces once', 'native', 'once'],
  [
    'natively, churn of 16 to 272 bytes',
    'native',
    'churn',
    ['16-272 B, 1k live', '16-272 B, 10k live', '16-272 B, 100k live', '16-272 B, 1M live'],
  ],
  ['traces, one heap kept', 'JavaScript', 'trace'],
  ['traces, a heap for each replay', 'JavaScript', 'fresh'],
  ['churn of 16 to 272 bytes', 'JavaScript', 'churn'],
  ['malloc(64) + free', 'JavaScript', 'calls'],
  ['get', 'JavaScript', 'lookup'],
  ['view(p)', 'JavaScript', 'view', ['view(p)']],
  ['new Heap(), malloc(64), close', 'JavaScript', 'opening'],
  ['two threads, a call each', 'JavaScript', 'threads'],
];

const isOurs = (name) => /^mems/i.test(name);

/** The peers of each group with which MeMS is compared, by the beginning of their names. */
const PEERS = {
  trace: ['libc', 'mimalloc', 'koffi', 'WebAssembly'],
  once: ['libc', 'mimalloc'],
  churn: ['libc', 'mimalloc', 'koffi', 'WebAssembly'],
  fresh: ['koffi', 'WebAssembly'],
  calls: ['koffi', 'WebAssembly'],
  lookup: ['empty callbacks'],
  view: ['the view alone'],
  opening: ['MeMS Heap, first fit'],
  threads: ['MeMS Heap, first fit', 'koffi'],
};

/** A line: what was measured, whose figures, of what, and of some ratios the median, the least and the most. */
function line(what, ours, peer, values, format = times) {
  const range =
    values.length > 1 ? [Math.min(...values), Math.max(...values)].map(format) : ['', ''];
  return [what, title(ours), peer, format(median(values)), ...range];
}

function linesOfTimes(data) {
  return WORKLOADS.flatMap(([what, where, group, workloads]) => {
    const tables = timesOf(data, where, group).filter(
      ({ workload }) => workloads === undefined || workloads.includes(workload),
    );
    if (tables.length === 0) return [];
    const names = tables[0].rows.map(({ name }) => name);
    const peers = PEERS[group].flatMap(
      (begin) => names.find((name) => name.startsWith(begin)) ?? [],
    );
    const ours = names.filter((name) => isOurs(name) && !peers.includes(name));
    return ours.flatMap((name) =>
      peers.map((peer) => line(what, name, peer, ratios(tables, name, peer))),
    );
  });
}

function linesOfMemory({ footprint, metadata, small }) {
  const lines = [];
  const two = (value) => value.toFixed(2);
  for (const name of ['mems, first fit', 'mems, segregated']) {
    if (footprint.length === 0) break;
    const resident = shares(footprint, name, 'resident');
    const other = shares(footprint, 'mimalloc, no huge pages', 'resident');
    const against = resident.map((share, at) => share / other[at]);
    lines.push(
      line('mapped, traces', name, 'most bytes live', shares(footprint, name, 'mapped')),
      line('resident, traces', name, 'most bytes live', resident),
      line('resident, traces', name, 'mimalloc, no huge pages', against),
    );
  }
  for (const { name, workload, blocks, metadata: bytes } of metadata) {
    if (workload !== '16-272 B, 1M live') continue;
    lines.push(
      line(`bookkeeping, churn, ${workload}`, name, 'bytes a block', [bytes / blocks], two),
    );
  }
  for (const { name, mapped, resident } of small) {
    const kib = (bytes) => [bytes / 1024];
    lines.push(line('a heap with one block, mapped', name, 'KiB', kib(mapped), two));
    lines.push(line('a heap with one block, resident', name, 'KiB', kib(resident), two));
  }
  return lines;
}

/** The table; without rows if nothing of it was measured. */
export function ratiosTable(data) {
  const rows = [...linesOfTimes(data), ...linesOfMemory(data)];
  const headings = ['what', 'MeMS', 'against', 'median', 'least', 'most'];
  return { title: 'MeMS against its peers', headings, rows, texts: 3 };
}
