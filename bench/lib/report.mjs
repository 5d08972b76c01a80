// Writes docs/performance.md, the text of bench/performance.md with the figures of a run.

import { fill } from './document.mjs';
import { median, range, ratios, shares, timesOf } from './summary.mjs';
import { figure, markdown } from './table.mjs';
import { tablesOf } from './tables.mjs';

const HEAD =
  '<!-- Made by npm run bench, from bench/performance.md and the figures of a run. -->\n';

const WASM = 'WebAssembly’s dlmalloc';

function slowestPattern(adversarial) {
  const [slowest] = [...adversarial].sort((a, b) => b.ns.median - a.ns.median);
  return `*${slowest.name}* (${figure(slowest.ns.median, slowest.ns.spread, 0)} ns a call)`;
}

/** The parts for which the text has `{{name}}`. */
function parts(data) {
  const { date, machine, peers, packages, quick, footprint, adversarial } = data;
  const tables = Object.entries(tablesOf(data));
  const native = (group) => timesOf(data, 'native', group);
  const script = (group) => timesOf(data, 'JavaScript', group);
  const against = (tables, name, other, digits) => range(ratios(tables, name, other), digits);
  const percent = (parts) =>
    range(
      parts.map((part) => part * 100),
      0,
    );
  const first = 'mems, first fit';
  const classes = 'mems, segregated';
  const tidy = 'mems, joining and trimming';
  const most = (name, key) => Math.max(...shares(footprint, name, key)).toFixed(2);
  return {
    run: `${quick ? 'A quick run, of a native build that is not optimised across crates,' : 'A full run'} of ${date}`,
    machine: `${machine.cpu}, ${machine.processors} processors, ${machine.system}`,
    compilers: `${machine.rustc}, Node ${machine.node}`,
    peers: peers.join(', '),
    packages: packages.join(', '),
    ...Object.fromEntries(tables.map(([name, table]) => [name, markdown(table)])),
    ...(adversarial.length === 0 && { adversarial: 'Not measured.' }),
    'slowest-pattern': adversarial.length > 0 ? slowestPattern(adversarial) : 'not measured',
    'traces-libc': against(native('trace'), first, 'libc'),
    'traces-mimalloc': against(native('trace'), first, 'mimalloc'),
    'classes-traces-libc': against(native('trace'), classes, 'libc', 2),
    'classes-traces-mimalloc': against(native('trace'), classes, 'mimalloc', 2),
    'classes-churn-mimalloc': against(native('churn'), classes, 'mimalloc', 2),
    'koffi-first': against(script('trace'), 'MeMS, first fit', 'koffi + libc', 2),
    'wasm-bigints': against(script('trace'), 'MeMS Heap', WASM, 2),
    'wasm-numbers': against(script('trace'), 'MeMS Heap, numbers', WASM, 2),
    'wasm-pair': against(script('calls'), 'MeMS Heap, numbers', WASM, 2),
    'resident-first': range(shares(footprint, first, 'resident'), 2),
    'resident-classes': range(shares(footprint, classes, 'resident'), 2),
    'resident-tidy': range(shares(footprint, tidy, 'resident'), 2),
    'resident-libc': range(shares(footprint, 'libc', 'resident'), 2),
    'mapped-first': median(shares(footprint, first, 'mapped')).toFixed(2),
    'mapped-first-most': most(first, 'mapped'),
    'mapped-classes': median(shares(footprint, classes, 'mapped')).toFixed(2),
    'mapped-classes-most': most(classes, 'mapped'),
    'mapped-tidy': most(tidy, 'mapped'),
    'metadata-first': percent(shares(footprint, first, 'metadata')),
    'metadata-classes': percent(shares(footprint, classes, 'metadata')),
    'opening-classes': against(script('opening'), 'MeMS Heap', 'MeMS Heap, first fit', 2),
  };
}

/** The document of a complete run. */
export function report(data) {
  return HEAD + fill('performance.md', parts(data));
}
