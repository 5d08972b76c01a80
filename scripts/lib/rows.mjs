// A program on one runtime after the other, and how it went as a table with a row for each.
import { mkdir } from 'node:fs/promises';
import { Table } from 'console-table-printer';
import { CACHE, openRuntime, start } from './runtimes.mjs';

/**
 * Runs a program on each runtime and answers the rows. `run(binary, row, runtime)` starts it and answers what start() does;
 * `summary` is what it prints when it has come to its end; `fill(row, match)` takes the row's cells from there, and answers
 * whether all is well. `cells` are those of a row whose program has not said anything; `startIt` starts a runtime in another
 * way than start() does.
 */
export async function runRows(runtimes, { offline, cells, run, summary, fill, startIt = start }) {
  await mkdir(CACHE, { recursive: true });
  const rows = [];
  for (const runtime of runtimes) {
    const row = { runtime: runtime.name, version: '', ...cells, result: 'ok' };
    rows.push(row);
    try {
      const { binary, version } = await openRuntime(runtime, offline, startIt);
      row.version = version;
      const { code, reason, output } = await run(binary, row, runtime);
      const match = output.match(summary);
      const passed = match ? fill(row, match) : false;
      if (code === 0 && passed) continue;
      console.error(output);
      row.result = `FAILED: ${match ? reason : `no summary, ${reason}`}`;
    } catch (error) {
      console.error(`${runtime.name}: ${error.message}`);
      row.result = `FAILED: ${error.message.split('\n')[0]}`;
    }
  }
  return rows;
}

/** Prints rows as a table, those whose `result` is not "ok" in red; if there are any, the process is to fail. */
export function reportRows(rows) {
  const columns = Object.keys(rows[0]).map((name) => ({
    name,
    alignment: typeof rows[0][name] === 'number' ? 'right' : 'left',
  }));
  const table = new Table({ columns, shouldDisableColors: !process.stdout.isTTY });
  for (const row of rows) {
    const ok = row.result === 'ok';
    table.addRow(row, { color: ok ? 'green' : 'red' });
    if (!ok) process.exitCode = 1;
  }
  table.printTable();
}
