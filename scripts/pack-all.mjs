// Packs what a release publishes into target/packages: the main package, and one for each platform whose addon was built.
//
//   npm run pack:all -- [--addons folder] [--all] [--write]
//
// Addons are looked for in target/cross and the folders in it (or in the folder given), then beside package.json. --all fails unless
// every platform has one. --write puts the table of sizes into docs/install.md.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import {
  addonsIn,
  hostAddon,
  packRelease,
  readManifest,
  releaseTargets,
  systemOf,
} from './lib/release.mjs';

const CHECKOUT = join(import.meta.dirname, '..');
const PACKAGES = join(CHECKOUT, 'target', 'packages');
const DOCUMENT = join(CHECKOUT, 'docs', 'install.md');
const SIZES = /(?<=<!-- sizes:[^\n]*-->\n).*?(?=<!-- \/sizes -->)/s;

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

/** The addons to pack, by platform; those of a release are built for the oldest systems, so they come first. */
async function chooseAddons(folder, targets) {
  const [host, file] = hostAddon(CHECKOUT);
  const found = new Map([[host, file], ...(await addonsIn(folder))]);
  const known = targets.map(({ name }) => name).filter((name) => found.has(name));
  for (const name of found.keys()) {
    if (!known.includes(name)) console.error(`${found.get(name)} is for no platform of a release`);
  }
  return new Map(known.map((name) => [name, found.get(name)]));
}

/** A row for each package of a release, with its sizes if it was packed. */
function table({ main, platforms }, targets) {
  const sizes = (packed) =>
    packed ? [kilobytes(packed.size), kilobytes(packed.unpackedSize)] : ['', ''];
  const rows = targets.map((target) => [
    `\`${main.name}-${target.name}\``,
    systemOf(target),
    ...sizes(platforms.get(target.name)),
  ]);
  const head = ['package', 'for', 'packed', 'unpacked'];
  const first = [`\`${main.name}\``, 'all', ...sizes(main)];
  return markdownTable([head, first, ...rows], { align: ['l', 'l', 'r', 'r'] });
}

try {
  const { values } = parseArgs({
    options: {
      addons: { type: 'string', default: join(CHECKOUT, 'target', 'cross') },
      all: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const targets = await releaseTargets(await readManifest(CHECKOUT));
  const addons = await chooseAddons(resolve(values.addons), targets);
  const absent = targets.map(({ name }) => name).filter((name) => !addons.has(name));
  if (absent.length > 0) {
    console.error(`Not built: ${absent.join(', ')}`);
    if (values.all) throw new Error('--all was given: nothing was packed');
  }
  for (const [name, file] of addons) console.error(`${name}: ${relative(CHECKOUT, file)}`);

  await rm(PACKAGES, { recursive: true, force: true });
  await mkdir(PACKAGES, { recursive: true });
  const sizes = table(await packRelease(CHECKOUT, PACKAGES, addons), targets);
  console.log(sizes);
  if (values.write) {
    const text = await readFile(DOCUMENT, 'utf8');
    if (!SIZES.test(text)) throw new Error(`${DOCUMENT} has no place for the sizes`);
    await writeFile(DOCUMENT, text.replace(SIZES, `\n${sizes}\n\n`));
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
