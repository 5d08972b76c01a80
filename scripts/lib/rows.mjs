// Functions for scripts that run one thing after the other, and print the results as a table with a row for each.
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Table } from 'console-table-printer';
import { CACHE, openRuntime, progress, start } from './runtimes.mjs';

/** Runs a script: the message of whatever `main` throws is printed, and the process fails. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Does what runScript does, with an empty folder for `main(scratch)`, which is removed at the end. */
export function runScriptIn(prefix, main) {
  return runScript(async () => {
    // The real path, since programs report it.
    const scratch = await realpath(await mkdtemp(join(tmpdir(), prefix)));
    try {
      await main(scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

/** The text of an error in a row of a table. */
export const failure = (error) => `FAILED: ${error.message.split('\n')[0]}`;

/** Runs `action`, and adds a row to `rows` with its `result`: "ok", or what it threw. */
export async function addRow(rows, row, action) {
  const end = progress(Object.values(row).join(', '));
  let result = 'ok';
  try {
    await action();
  } catch (error) {
    console.error(error);
    result = failure(error);
  }
  end(result);
  rows.push({ ...row, result });
}

/**
 * Runs a program on each runtime and returns the rows. `run(binary, row, runtime)` starts it and returns what start() does;
 * `summary` is a pattern for what it prints at its end; `fill(row, match)` fills the row's cells from that, and returns whether
 * all is well. `cells` are those of a row whose program has printed nothing.
 */
export async function runRows(runtimes, { offline, cells, run, summary, fill }) {
  await mkdir(CACHE, { recursive: true });
  const rows = [];
  for (const runtime of runtimes) {
    const row = { runtime: runtime.name, version: '', ...cells, result: 'ok' };
    rows.push(row);
    try {
      const { binary, version } = await openRuntime(runtime, offline, start);
      row.version = version;
      const { code, reason, output } = await run(binary, row, runtime);
      const match = output.match(summary);
      const passed = match ? fill(row, match) : false;
      if (code === 0 && passed) continue;
      console.error(output);
      row.result = `FAILED: ${match ? reason : `no summary, ${reason}`}`;
    } catch (error) {
      console.error(`${runtime.name}: ${error.message}`);
      row.result = failure(error);
    }
  }
  return rows;
}

/** Prints rows as a table, those whose `result` is not "ok" in red; if there are any, the process fails. */
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
