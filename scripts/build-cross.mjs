// Builds the addon for other platforms, on Linux x64, into target/cross/<target>/mems.<platform>.node:
//
//   npm run build:cross -- [--tests] target ...
//
// Names as in Rust (x86_64-unknown-linux-gnu); without one it lists them. What a target takes (a linker, and where rustup
// has not got it the standard library) is fetched into the cache. --tests also builds the addon for tests, into
// target/cross/<target>/test-addon.
import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon, chooseTarget, TARGETS } from './lib/cross.mjs';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

try {
  const { values, positionals } = parseArgs({
    options: { tests: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error(`Targets: ${[...TARGETS.keys()].join(', ')}`);
  const rows = [];
  for (const target of positionals.map(chooseTarget)) {
    for (const tests of values.tests ? [false, true] : [false]) {
      const file = await buildAddon(target, { tests });
      const kilobytes = Math.round((await stat(file)).size / 1000);
      rows.push({ target: target.triple, file: relative(CHECKOUT, file), kilobytes, result: 'ok' });
    }
  }
  reportRows(rows);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
