// The figures of a run as tables on the terminal.

import { Table } from 'console-table-printer';
import { times } from './document.mjs';
import { traces } from './summary.mjs';

/** Prints rows of cells under headings; the first column is text, the others are numbers. */
export function print(title, headings, rows) {
  const columns = headings.map((heading, at) => ({
    name: String(at),
    title: heading,
    alignment: at === 0 ? 'left' : 'right',
  }));
  const table = new Table({ title, shouldDisableColors: true, columns });
  for (const row of rows) table.addRow(Object.fromEntries(row.entries()));
  table.printTable();
}

/** What is timed as a whole, whatever calls it has. */
const ONCE = new Set(['start', 'growth', 'sharing']);

function printTimes({ where, group, workload, rows }) {
  const reference = where === 'native' ? 'libc' : rows[0].name;
  const sorted = where === 'native' ? [...rows].sort((a, b) => a.ns - b.ns) : rows;
  print(
    `${where}, ${group} ${workload}${ONCE.has(group) ? '' : ', a call'}`,
    ['', 'ns', '±', `x ${reference}`],
    sorted.map(({ name, ns, spread, ratio }) =>
      ns === null
        ? [name, 'gave up', '', '']
        : [name, ns.toFixed(1), spread.toFixed(1), times(ratio)],
    ),
  );
}

function printFootprint(rows) {
  for (const trace of traces(rows)) {
    const own = rows.filter((row) => row.trace === trace);
    const share = (figure, live) => (figure === null ? '' : (figure.median / live).toFixed(3));
    print(
      `footprint, trace ${trace}, times the ${own[0].live} bytes live at most`,
      ['', 'resident', 'mapped', 'bookkeeping', 'highest end'],
      own.map(({ name, live, resident, mapped, metadata, reach }) => [
        name,
        ...[resident, mapped, metadata, reach].map((figure) => share(figure, live)),
      ]),
    );
  }
}

/** Prints all that a run has measured. */
export function printTables({ times: tables, footprint, metadata, adversarial }) {
  for (const table of tables) printTimes(table);
  if (footprint.length > 0) printFootprint(footprint);
  if (metadata.length > 0) {
    print(
      'bookkeeping of MeMS after churn',
      ['', 'live blocks', 'bytes', 'bytes a live block'],
      metadata.map(({ workload, blocks, metadata }) => [
        workload,
        blocks,
        metadata,
        (metadata / blocks).toFixed(1),
      ]),
    );
  }
  if (adversarial.length > 0) {
    print(
      'patterns hard on a first-fit heap',
      ['', 'ns a call', '±'],
      adversarial.map(({ name, ns }) => [name, ns.median, ns.spread]),
    );
  }
}
