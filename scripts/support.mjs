// Writes the table of supported platforms into README.md, only from the results that the last runs of `npm run test:on` and the
// last builds for other platforms have left in the cache.
//   npm run support -- [--check]
// --check writes nothing, and fails if the table is out of date.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { readResults } from './lib/results.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT, RUNTIMES } from './lib/runtimes.mjs';
import { PLATFORMS } from './platforms.mjs';

const DOCUMENT = join(CHECKOUT, 'README.md');
const PLACE = /(?<=<!-- support:[^\n]*-->\n).*?(?=<!-- \/support -->)/s;
// The first check with a result for a platform and runtime counts: all tests say more than the smoke suite.
const CHECKS = ['tests', 'runtimes'];

/** The result of the last run of a runtime on a platform; undefined if there was none. */
const findRun = (runs, platform, runtime) =>
  runs.find((run) => run.platform === platform && run.runtime === runtime);

function cell(runs, built, { name: platform, absent }, runtime) {
  const run = findRun(runs, platform, runtime);
  if (run && run.result !== 'ok') return 'fails';
  if (run) return run.emulated ? 'tested under emulation' : 'tested';
  if (absent.includes(runtime.replace('node ', ''))) return '–';
  return built.has(platform) ? 'built' : '';
}

/** The versions that ran, for each runtime that ran at all. */
function versions(runs) {
  const of = (name) => [
    ...new Set(runs.filter(({ runtime }) => runtime === name).map((run) => run.version)),
  ];
  const title = (name) => name[0].toUpperCase() + name.slice(1);
  return [...RUNTIMES.values()]
    .map(({ name }) => [name, of(name)])
    .filter(([, found]) => found.length > 0)
    .map(([name, found]) => `${title(name).replace(/ \d+$/, '')} ${found.join(' and ')}`);
}

await runScript(async () => {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const runs = (await Promise.all(CHECKS.map(readResults))).flatMap(Object.values);
  const built = new Set(Object.keys(await readResults('builds')));
  const names = [...RUNTIMES.values()].map(({ name }) => name);
  const rows = PLATFORMS.map((platform) => [
    platform.title.replace(' or newer', '+'),
    ...names.map((name) => cell(runs, built, platform, name)),
  ]);
  const heading = names.map((name) => name[0].toUpperCase() + name.slice(1));
  const ran = (name, which) => runs.some((run) => run.runtime === name && run.suite === which);
  const some = names.filter((name) => ran(name, 'smoke') && !ran(name, 'all'));
  const all = some.length > 0 ? `; on ${some.join(', ')} the smoke suite` : '';
  const text = `
${markdownTable([['', ...heading], ...rows])}

Tested: all tests passed there${all}. Under emulation: Windows is Wine, arm64 is QEMU. Built: compiled and linked, and not run. Versions: ${versions(runs).join(', ')}.

`;
  const old = await readFile(DOCUMENT, 'utf8');
  if (!PLACE.test(old)) throw new Error(`${DOCUMENT} has no place for the table`);
  const written = old.replace(PLACE, () => text);
  console.log(text.trim());
  if (values.check && written !== old)
    throw new Error('README.md has another table: npm run support');
  if (!values.check) await writeFile(DOCUMENT, written);
});
