// Publishes the packages that `npm run pack:all -- --all` has made in target/packages: the platforms' packages first, then the main
// package, so that everyone who gets the new main package gets its addon too. Packages that are published already are skipped, so
// an interrupted run can be repeated.
//
//   node scripts/publish.mjs v2.0.0 [--publish] [--project folder] [-- options of npm publish]
//
// The tag must be that of package.json's version, which Cargo.toml and the changelog must have too. Without --publish
// npm only says what it would do. --project is for tests: a folder that holds these files, and target/packages.
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { npm } from './lib/pack.mjs';
import { readManifest, readPackages } from './lib/release.mjs';
import { runScript } from './lib/rows.mjs';
import { PLATFORMS } from './platforms.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Throws unless the tag, Cargo.toml and the changelog have this version. */
async function checkVersion(project, tag, { version }) {
  if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, but package.json has ${version}`);
  const cargo = await readFile(join(project, 'Cargo.toml'), 'utf8');
  const [, crate] = cargo.match(/^version = "(.+)"$/m) ?? [];
  if (crate !== version) throw new Error(`Cargo.toml has version ${crate}, not ${version}`);
  const changelog = await readFile(join(project, 'CHANGELOG.md'), 'utf8');
  if (!changelog.includes(`\n## [${version}]`)) throw new Error(`CHANGELOG.md has no ${version}`);
}

/** The packages in the order in which they have to be published. Throws unless they are all there, and belong together. */
function checkPackages(packages, { name, version }) {
  const platforms = PLATFORMS.map((platform) => packages.get(`${name}-${platform.name}`));
  const main = packages.get(name);
  const found = [...platforms, main];
  if (found.includes(undefined)) throw new Error('not all is packed: npm run pack:all -- --all');
  const stray = found.find((one) => one.manifest.version !== version);
  if (stray) throw new Error(`${stray.file} is not version ${version}`);
  const wanted = Object.entries(main.manifest.optionalDependencies ?? {});
  for (const platform of platforms) {
    const named = wanted.some(([key, at]) => key === platform.manifest.name && at === version);
    if (!named) throw new Error(`${main.file} does not depend on ${platform.manifest.name}`);
  }
  return found;
}

/** The tag for npm. `npm install` does not get prereleases: 2.0.0-alpha.0 is published with the tag "alpha". */
const distTag = (version) => /-([a-z]+)/.exec(version)?.[1] ?? 'latest';

async function isPublished(project, { name, version }, options) {
  try {
    return (await npm(['view', `${name}@${version}`, 'version', ...options], project)) !== '';
  } catch (error) {
    if (/\bE404\b/.test(error.message)) return false;
    throw error;
  }
}

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: {
      publish: { type: 'boolean', default: false },
      project: { type: 'string', default: CHECKOUT },
    },
    allowPositionals: true,
  });
  const [tag, ...options] = positionals;
  const project = resolve(values.project);
  const manifest = await readManifest(project);
  await checkVersion(project, tag, manifest);
  const packages = await readPackages(join(project, 'target', 'packages'));
  for (const one of checkPackages(packages, manifest)) {
    const id = `${one.manifest.name}@${one.manifest.version}`;
    if (values.publish && (await isPublished(project, one.manifest, options))) {
      console.log(`${id} is published already`);
      continue;
    }
    const how = values.publish ? [] : ['--dry-run'];
    const args = ['publish', one.file, '--tag', distTag(manifest.version), ...how, ...options];
    await npm(args, project);
    console.log(`${id} ${values.publish ? 'published' : 'would be published'}`);
  }
});
