// Builds the command `mems` from command/ into a folder, as it is packed: one file with all that it uses, the file that starts it,
// and the licences of the packages that are part of it. The library is not part of it: it lies beside that folder.
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buildPage } from './pages.mjs';

/** What the bundle requires where it lies: all that command/library.js loads. */
const OUTSIDE = ['../index.js', '../binding.js', '../lib/map.js', '../package.json'];
/** The pages that the command fills in: folders of pages/. */
const PAGES = ['report'];
const DEPENDENCY = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The licence of each package that a bundle has parts of, by its name. */
async function licences(checkout, inputs) {
  const folders = inputs.map((file) => DEPENDENCY.exec(file)?.[1]).filter(Boolean);
  const texts = await Promise.all(
    [...new Set(folders)].sort().map(async (folder) => {
      const files = await readdir(join(checkout, folder));
      const file = files.find((name) => /^licen[cs]e/i.test(name));
      if (!file) throw new Error(`${folder} has no licence that can be packed`);
      const { name, version } = JSON.parse(
        await readFile(join(checkout, folder, 'package.json'), 'utf8'),
      );
      return `${name} ${version}\n\n${(await readFile(join(checkout, folder, file), 'utf8')).trim()}\n`;
    }),
  );
  return `bin/main.js and the pages beside it have parts of these packages.\n\n${texts.join('\n----\n\n')}`;
}

/** Empties the folder `to`, except for pages: these are built by themselves, since they take another compiler. */
async function clear(to) {
  await mkdir(to, { recursive: true });
  const others = (await readdir(to)).filter((name) => !name.endsWith('.html'));
  await Promise.all(others.map((name) => rm(join(to, name), { recursive: true })));
}

/** Builds the command of `checkout` into the folder `to`, and returns the paths of its files. */
export async function buildCommand(checkout, to) {
  // Loaded late, since a checkout can be packed and tested in part without the development dependencies.
  const { build } = await import('esbuild');
  await clear(to);
  const { metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: ['command/main.js'],
    outfile: join(to, 'main.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: OUTSIDE,
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    logLevel: 'warning',
  });
  await copyFile(join(checkout, 'command', 'start.js'), join(to, 'mems.js'));
  const inputs = Object.keys(metafile.inputs);
  // Classes of a second copy would not know the objects that the library makes.
  const copied = inputs.filter((file) => file.startsWith('lib/'));
  if (copied.length > 0) throw new Error(`The command would have a copy of ${copied.join(', ')}`);
  for (const page of PAGES) {
    inputs.push(...(await buildPage(checkout, page, to)).inputs);
  }
  await writeFile(join(to, 'LICENSES.txt'), await licences(checkout, inputs));
  const names = ['main.js', 'mems.js', 'LICENSES.txt', ...PAGES.map((page) => `${page}.html`)];
  return names.map((name) => relative(checkout, join(to, name)));
}
