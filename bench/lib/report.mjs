// Writes docs/performance.md, the text of bench/performance.md with the figures of a run.

import { fill } from './document.mjs';
import { median, range, ratios, shares, timesOf } from './summary.mjs';
import { figure, markdown } from './table.mjs';
import { tablesOf } from './tables.mjs';

const HEAD =
  '<!-- Made by npm run bench, from bench/performance.md and the figures of a run. -->\n';

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
  const against = (tables, name, other) => range(ratios(tables, name, other));
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
