// Makes the project's site into target/site: pages of all that index.d.ts declares, README.md and the documents in docs, and beside them
// the page of exercises and a report of a real program.
//   npm run docs
// TypeDoc makes the reference, and checks that every link leads somewhere: between declarations, and from documents to files, headings and
// pictures. A warning is a failure. TypeDoc is fetched into the cache with a TypeScript that it can use: it needs a version
// before 7 as its peer, and npm installs only one version of a peer, which is the newer one here.
// The page of exercises takes a Rust compiler for WebAssembly.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { buildCommand } from './lib/command.mjs';
import { buildPage } from './lib/pages.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT, start } from './lib/runtimes.mjs';
import { fromNpm, run } from './lib/tools.mjs';

const TYPEDOC = { typedoc: '0.28.20', typescript: '6.0.3' };
const OUT = join(CHECKOUT, 'target', 'site');
/** Pages beside the reference, and what links call them. */
const PAGES = { 'lesson.html': 'Exercises in the browser', 'report.html': 'A report: redis' };
/** What the links to them begin with until it is known how deep a page lies. */
const SITE = 'https://site.invalid/';
const OPTIONS = {
  entryPoints: ['index.d.ts'],
  tsconfig: '__test__/types/tsconfig.json',
  name: 'MeMS',
  readme: 'README.md',
  projectDocuments: ['docs/*.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  out: OUT,
  // The reference does not depend on where this clone comes from.
  disableSources: true,
  disableGit: true,
  githubPages: false,
  navigationLinks: Object.fromEntries(
    Object.entries(PAGES).map(([file, title]) => [title, SITE + file]),
  ),
  validation: { invalidLink: true, invalidPath: true, notExported: true, rewrittenLink: true },
  treatWarningsAsErrors: true,
};

/** Makes the pages beside the reference, and links to them relative. */
async function addPages() {
  await buildPage(CHECKOUT, 'lesson', OUT);
  await buildCommand(CHECKOUT, join(CHECKOUT, 'bin'));
  const report = ['report', 'bench/traces/redis.rep.gz', '-f', '-o', join(OUT, 'report.html')];
  await run(process.execPath, [join(CHECKOUT, 'bin', 'mems.js'), ...report], { cwd: CHECKOUT });
  for (const name of await readdir(OUT, { recursive: true })) {
    if (!name.endsWith('.html') || name in PAGES) continue;
    const text = await readFile(join(OUT, name), 'utf8');
    const up = '../'.repeat(name.split(/[\\/]/).length - 1);
    await writeFile(join(OUT, name), text.replaceAll(SITE, up));
  }
}

await runScript(async () => {
  const folder = await fromNpm(`typedoc@${TYPEDOC.typedoc}`, TYPEDOC);
  const config = join(CHECKOUT, 'target', 'typedoc.json');
  const paths = (names) => names.map((name) => join(CHECKOUT, name));
  const options = {
    ...OPTIONS,
    entryPoints: paths(OPTIONS.entryPoints),
    projectDocuments: paths(OPTIONS.projectDocuments),
    tsconfig: join(CHECKOUT, OPTIONS.tsconfig),
    readme: join(CHECKOUT, OPTIONS.readme),
  };
  await mkdir(dirname(config), { recursive: true });
  await writeFile(config, JSON.stringify(options));
  const program = join(folder, 'node_modules', 'typedoc', 'bin', 'typedoc');
  const { code, output } = await start(process.execPath, [program, '--options', config]);
  if (code !== 0) throw new Error(output);
  await addPages();
  console.log(`${relative(CHECKOUT, join(OUT, 'index.html'))}: every link leads somewhere`);
});
