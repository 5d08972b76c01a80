// Packs what a release publishes into target/packages: the main package, and one for each platform whose addon was built.
//
//   npm run pack:all -- [--addons folder] [--all] [--write]
//
// The lesson page is built, and packed with the command, if there is a Rust compiler for WebAssembly.
// Addons are looked for in target/cross and the folders in it (or in the folder given), then beside package.json. --all fails unless
// every platform has one, and the page can be built. --write puts the table of sizes into docs/install.md.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { buildPage } from './lib/pages.mjs';
import { addonsIn, hostAddon, packRelease } from './lib/release.mjs';
import { runScript } from './lib/rows.mjs';
import { PLATFORMS } from './platforms.mjs';

const CHECKOUT = join(import.meta.dirname, '..');
const PACKAGES = join(CHECKOUT, 'target', 'packages');
const DOCUMENT = join(CHECKOUT, 'docs', 'install.md');
const SIZES = /(?<=<!-- sizes:[^\n]*-->\n).*?(?=<!-- \/sizes -->)/s;

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

/** The addons to pack, by platform. Addons in target/cross are built for the oldest systems, so they come first. */
async function chooseAddons(folder) {
  const [host, file] = hostAddon(CHECKOUT);
  const found = new Map([[host, file], ...(await addonsIn(folder))]);
  const known = PLATFORMS.map(({ name }) => name).filter((name) => found.has(name));
  for (const name of found.keys()) {
    if (!known.includes(name)) console.error(`${found.get(name)} is for no platform of a release`);
  }
  return new Map(known.map((name) => [name, found.get(name)]));
}

/** The pages to pack: the lesson page, or none where it cannot be built and need not be there. */
async function buildPages(isNeeded) {
  try {
    return [(await buildPage(CHECKOUT, 'lesson', join(CHECKOUT, 'bin'))).file];
  } catch (error) {
    if (isNeeded) throw error;
    console.error(`The lesson page is not packed: ${error.message.split('\n')[0]}`);
    return [];
  }
}

/** A row for each package of a release, with its sizes if it was packed. */
function table({ main, platforms }) {
  const sizes = (packed) =>
    packed ? [kilobytes(packed.size), kilobytes(packed.unpackedSize)] : ['', ''];
  const rows = PLATFORMS.map(({ name, title }) => [
    `\`${main.name}-${name}\``,
    title,
    ...sizes(platforms.get(name)),
  ]);
  const head = ['package', 'for', 'packed', 'unpacked'];
  const first = [`\`${main.name}\``, 'all', ...sizes(main)];
  return markdownTable([head, first, ...rows], { align: ['l', 'l', 'r', 'r'] });
}

await runScript(async () => {
  const { values } = parseArgs({
    options: {
      addons: { type: 'string', default: join(CHECKOUT, 'target', 'cross') },
      all: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const addons = await chooseAddons(resolve(values.addons));
  const absent = PLATFORMS.map(({ name }) => name).filter((name) => !addons.has(name));
  if (absent.length > 0) {
    console.error(`Not built: ${absent.join(', ')}`);
    if (values.all) throw new Error('--all was given: nothing was packed');
  }
  for (const [name, file] of addons) console.error(`${name}: ${relative(CHECKOUT, file)}`);

  await rm(PACKAGES, { recursive: true, force: true });
  await mkdir(PACKAGES, { recursive: true });
  const pages = await buildPages(values.all);
  const sizes = table(await packRelease(CHECKOUT, PACKAGES, addons, pages));
  console.log(sizes);
  if (values.write) {
    const text = await readFile(DOCUMENT, 'utf8');
    if (!SIZES.test(text)) throw new Error(`${DOCUMENT} has no place for the sizes`);
    await writeFile(DOCUMENT, text.replace(SIZES, `\n${sizes}\n\n`));
  }
});
