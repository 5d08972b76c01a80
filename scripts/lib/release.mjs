// The tarballs a release publishes: the main package, and a small one for each platform that holds its addon.
//
// They are laid out in a folder of their own. The manifest in the checkout names no platform package, since a lock file can only
// name packages in the registry, and those of the next version are not there yet. The packed manifest names all of them, and
// nothing that only a checkout needs.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findPlatform, PLATFORMS } from '../platforms.mjs';
import { buildCommand } from './command.mjs';
import { npmPack } from './pack.mjs';
import { packedReadme } from './readme.mjs';

const { hostPlatform } = createRequire(import.meta.url)('../../lib/platform.js');

const FOR_CHECKOUTS = ['scripts', 'devDependencies', 'overrides', 'napi'];

export async function readManifest(folder) {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
}

const writeManifest = (folder, manifest) =>
  writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

/** The addon that was built in `checkout` for this host, as `[name, file]` of its platform. */
export function hostAddon(checkout) {
  const { name } = hostPlatform();
  return [name, join(checkout, `mems.${name}.node`)];
}

/** The package in a tarball, as `{ file, manifest }`. */
export async function readPackage(file) {
  const args = ['-xzOf', file, 'package/package.json'];
  const { stdout } = await promisify(execFile)('tar', args);
  return { file, manifest: JSON.parse(stdout) };
}

/** The packages in a folder of tarballs, by name. */
export async function readPackages(folder) {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const packages = await Promise.all(files.map((name) => readPackage(join(folder, name))));
  return new Map(packages.map((one) => [one.manifest.name, one]));
}

/** The files mems.<platform>.node in `folder` and in the folders in it, as a map of platforms to files. */
export async function addonsIn(folder) {
  const found = new Map();
  const list = (at) => readdir(at, { withFileTypes: true }).catch(() => []);
  const take = (at, { name }) => {
    const platform = /^mems\.(.+)\.node$/.exec(name)?.[1];
    if (!platform) return;
    if (found.has(platform)) throw new Error(`${platform} has two addons below ${folder}`);
    found.set(platform, join(at, name));
  };
  for (const entry of await list(folder)) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) take(folder, entry);
    else for (const inner of await list(path)) take(path, inner);
  }
  return found;
}

/**
 * Copies what npm would publish of `checkout` into the folder `to`, except for addons that were built in it, with `pages` beside the
 * command. The README is the one for users of the package.
 */
async function copyPublished(checkout, to, pages) {
  const { files } = await npmPack('.', checkout, ['--dry-run']);
  const isBuilt = (path) => path.endsWith('.node') || path.startsWith('bin/');
  const shipped = files.map(({ path }) => path).filter((path) => !isBuilt(path));
  for (const path of shipped) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(checkout, path), join(to, path));
  }
  // As it is now, and not as it was when the checkout was last built.
  shipped.push(...(await buildCommand(checkout, join(to, 'bin'))));
  for (const page of pages) await copyFile(page, join(to, 'bin', basename(page)));
  const readme = join(to, 'README.md');
  const text = packedReadme(await readFile(readme, 'utf8'), await readManifest(to), shipped);
  await writeFile(readme, text);
}

function platformReadme(manifest, { name, title }) {
  const main = `[\`${manifest.name}\`](${manifest.homepage})`;
  return `# \`${manifest.name}-${name}\`

The native addon of ${main} for ${title}.

It is an optional dependency of that package, which npm installs where it can run. Depend on the main package, not on this one.
`;
}

async function packInto(folder, into) {
  const report = await npmPack('.', folder, ['--pack-destination', into]);
  const { filename, name, version, size, unpackedSize } = report;
  const files = report.files.map((file) => file.path);
  return { tarball: join(into, filename), name, version, size, unpackedSize, files };
}

/**
 * Packs the project in `checkout` into the existing folder `into`: the main package, and a package for each platform of
 * `addons`, a map (or list of pairs) of platforms to files. `pages` are files that the command writes, built before. Returns `{ main, platforms }`, the package and a map of platforms to
 * packages, each package `{ tarball, name, version, size, unpackedSize, files }`.
 */
export async function packRelease(checkout, into, addons, pages = []) {
  // Loaded late, since the rest of this file must work before the development dependencies are installed.
  const { NapiCli } = await import('@napi-rs/cli');
  const stage = join(into, 'stage');
  await rm(stage, { recursive: true, force: true });
  await mkdir(stage);
  await copyPublished(checkout, stage, pages);
  const manifest = await readManifest(stage);
  // The CLI knows what a platform package's manifest has to say.
  await new NapiCli().createNpmDirs({ cwd: stage, npmDir: 'npm' });

  const platforms = new Map();
  for (const [name, addon] of addons) {
    const platform = findPlatform(name);
    if (!platform) throw new Error(`scripts/platforms.mjs has no platform ${name}`);
    const folder = join(stage, 'npm', name);
    const platformManifest = await readManifest(folder);
    await copyFile(addon, join(folder, platformManifest.main)).catch((cause) => {
      throw new Error(`${addon} is missing: build it first`, { cause });
    });
    // Without a type, Node.js guesses.
    await writeManifest(folder, { ...platformManifest, type: 'commonjs' });
    await copyFile(join(stage, 'LICENSE'), join(folder, 'LICENSE'));
    await writeFile(join(folder, 'README.md'), platformReadme(manifest, platform));
    platforms.set(name, await packInto(folder, into));
  }

  for (const key of FOR_CHECKOUTS) delete manifest[key];
  manifest.files = manifest.files.filter((file) => !file.endsWith('.node'));
  manifest.optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ name }) => [`${manifest.name}-${name}`, manifest.version]),
  );
  await writeManifest(stage, manifest);
  const main = await packInto(stage, into);
  await rm(stage, { recursive: true, force: true });
  return { main, platforms };
}
