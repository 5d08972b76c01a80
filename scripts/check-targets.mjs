// Checks the addon's code for targets that cannot be run here, and links it where that is possible.
//
//   npm run check:darwin               both of macOS; the one for Apple silicon is linked as well
//   npm run check:windows              both of Windows
//   node scripts/check-targets.mjs [--link] target ...
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon, checkTypes, TARGETS } from './lib/cross.mjs';
import { saveResults } from './lib/results.mjs';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

/** Does a step and answers what to say of it, which is of the first line of what it throws if it fails. */
async function attempt(row, what, step) {
  try {
    row[what] = await step();
  } catch (error) {
    console.error(error.message);
    row[what] = 'no';
    row.result = `FAILED: ${what}`;
  }
}

try {
  const { values, positionals } = parseArgs({
    options: { link: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error('give targets, as Rust names them');
  const rows = [];
  for (const triple of positionals) {
    const row = { target: triple, types: '', linked: 'not here', result: 'ok' };
    rows.push(row);
    await attempt(row, 'types', async () => {
      await checkTypes(triple);
      return 'ok';
    });
    const target = TARGETS.get(triple);
    if (!values.link || !target) continue;
    await attempt(row, 'linked', async () => relative(CHECKOUT, await buildAddon(target)));
  }
  reportRows(rows);
  await saveResults('targets', Object.fromEntries(rows.map((row) => [row.target, row])));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
