// Finds out which functions of a runtime take views of MeMS memory: probes every runtime in the cache, and writes docs/interop.md.
//   npm run test:package -- interop [--offline] [14 16 18 20 22 24 26 bun deno ...]
// With runtimes named it only prints what it found: the document has a column for each.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { runScript } from './lib/rows.mjs';
import { CACHE, CHECKOUT, chooseRuntimes, openRuntime, start } from './lib/runtimes.mjs';

const PROBE = join(CHECKOUT, '__test__', 'interop', 'probe.js');
const TEXT = join(CHECKOUT, '__test__', 'interop', 'interop.md');
const DOCUMENT = join(CHECKOUT, 'docs', 'interop.md');
const KINDS = ['buffer', 'view'];
const TIMEOUT_MS = 120_000;

/** Probes a runtime: its name and version, and a cell for each row. */
async function probe(runtime, offline) {
  const { binary, version } = await openRuntime(runtime, offline);
  console.error(`${runtime.name} (${version})`);
  const { code, reason, output } = await start(binary, [...runtime.flags, PROBE], {
    timeout: TIMEOUT_MS,
  });
  const line = output.match(/^cells (.*)$/m);
  if (code !== 0 || !line) throw new Error(`${runtime.name}: ${reason}: ${output}`);
  return { name: `${runtime.name} ${version}`, cells: JSON.parse(line[1]) };
}

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: { offline: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  await mkdir(CACHE, { recursive: true });
  const columns = [];
  for (const runtime of chooseRuntimes(positionals)) {
    columns.push(await probe(runtime, values.offline));
  }
  const heading = columns.map(({ name }) => name.replace(/ (\d+) \1/, ' $1'));
  let text = await readFile(TEXT, 'utf8');
  for (const kind of KINDS) {
    const rows = Object.keys(columns[0].cells).map((row) => [
      `\`${row}\``,
      ...columns.map(({ cells }) => cells[row][kind]),
    ]);
    const table = markdownTable([[`of ${kind}(p)`, ...heading], ...rows]);
    console.log(table);
    text = text.replace(`<!-- table of ${kind} -->`, () => table);
  }
  if (positionals.length === 0) await writeFile(DOCUMENT, text);
  for (const { name, cells } of columns) {
    const spoilt = Object.keys(cells).filter((row) => /^(text|wrong)$/.test(cells[row].buffer));
    if (spoilt.length > 0) throw new Error(`${name} sends other bytes: ${spoilt.join(', ')}`);
  }
});
