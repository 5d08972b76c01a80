// Makes the reference into target/reference: pages of all that index.d.ts declares, with README.md and the documents in docs.
//   npm run docs
// TypeDoc makes it, and checks that every link leads somewhere: between declarations, and from documents to files, headings and
// pictures. A warning is a failure. TypeDoc is fetched into the cache with a TypeScript that it can use: it needs a version
// before 7 as its peer, and npm installs only one version of a peer, which is the newer one here.
// The lesson page lies beside it, as lesson.html, and takes a Rust compiler for WebAssembly.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { buildLessonPage } from './lib/lesson-page.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT, start } from './lib/runtimes.mjs';
import { fromNpm } from './lib/tools.mjs';

const TYPEDOC = { typedoc: '0.28.20', typescript: '6.0.3' };
const OUT = join(CHECKOUT, 'target', 'reference');
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
  validation: { invalidLink: true, invalidPath: true, notExported: true, rewrittenLink: true },
  treatWarningsAsErrors: true,
};

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
  await buildLessonPage(CHECKOUT, OUT);
  console.log(`${relative(CHECKOUT, join(OUT, 'index.html'))}: every link leads somewhere`);
});
