'use strict';

// What a release publishes, in which order, and what it refuses: against a registry on this machine, with stand-ins for
// the addons.

const { after, afterEach, before, beforeEach, test } = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const manifest = require('../../package.json');

const CHECKOUT = path.join(__dirname, '..', '..');
const SCRIPT = path.join(CHECKOUT, 'scripts', 'publish.mjs');
const { name: MAIN, version: VERSION } = manifest;
const TAG = `v${VERSION}`;

let project;
let packages;
let expected;
let registry;

before(async () => {
  const { packRelease } = await import('../../scripts/lib/release.mjs');
  const { PLATFORMS } = await import('../../scripts/platforms.mjs');
  project = await fs.mkdtemp(path.join(os.tmpdir(), 'mems-publish-'));
  packages = path.join(project, 'target', 'packages');
  await fs.mkdir(packages, { recursive: true });
  const addon = path.join(project, 'addon');
  await fs.writeFile(addon, 'stands in for an addon');
  await packRelease(
    CHECKOUT,
    packages,
    PLATFORMS.map(({ name }) => [name, addon]),
  );
  expected = [...PLATFORMS.map(({ name }) => `${MAIN}-${name}@${VERSION}`), `${MAIN}@${VERSION}`];
});

beforeEach(async () => {
  const { Registry } = await import('../../scripts/lib/registry.mjs');
  registry = await Registry.open();
  await fs.writeFile(path.join(project, 'package.json'), JSON.stringify(manifest));
  await fs.writeFile(path.join(project, 'Cargo.toml'), `[package]\nversion = "${VERSION}"\n`);
  await fs.writeFile(path.join(project, 'CHANGELOG.md'), `# Changelog\n\n## [${VERSION}]\n`);
});
afterEach(() => registry.close());
after(() => fs.rm(project, { recursive: true, force: true }));

/** Runs the script and returns its lines, and with `code` 1 its error. */
async function publish(tag, ...switches) {
  const { host } = new URL(registry.url);
  const options = [`--registry=${registry.url}`, `--//${host}/:_authToken=none`];
  const args = [SCRIPT, tag, '--project', project, ...switches, '--', ...options];
  // Silent, as under `npm run -s`, npm does not say that a package is not there.
  const npm = { npm_config_cache: path.join(project, 'cache'), npm_config_loglevel: 'error' };
  const env = { ...process.env, ...npm };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return { code: 0, lines: stdout.trim().split('\n') };
  } catch ({ code, stderr }) {
    return { code, message: stderr.trim() };
  }
}

test('the platform packages go first, and the main package last', async () => {
  const { code, lines, message } = await publish(TAG, '--publish');
  assert.equal(code, 0, message);
  assert.deepEqual(registry.received, expected);
  assert.deepEqual(
    lines,
    expected.map((id) => `${id} published`),
  );
});

test('a second run skips what is there', async () => {
  const { readPackages } = await import('../../scripts/lib/release.mjs');
  for (const { file, manifest } of [...(await readPackages(packages)).values()].slice(0, -2)) {
    registry.publish(manifest, await fs.readFile(file));
  }
  const { code, lines, message } = await publish(TAG, '--publish');
  assert.equal(code, 0, message);
  assert.equal(
    lines.filter((line) => line.endsWith(' is published already')).length,
    expected.length - 2,
  );
  assert.equal(registry.received.length, 2);
});

test('without --publish nothing is', async () => {
  const { code, lines, message } = await publish(TAG);
  assert.equal(code, 0, message);
  assert.deepEqual(registry.received, []);
  assert.deepEqual(
    lines,
    expected.map((id) => `${id} would be published`),
  );
});

const write = (name, text) => fs.writeFile(path.join(project, name), text);
for (const [what, tag, spoil, message] of [
  ['another tag', 'v9.9.9', () => {}, /the tag is v9\.9\.9, but package\.json has /],
  [
    'a crate of another version',
    TAG,
    () => write('Cargo.toml', 'version = "0.1.0"\n'),
    /Cargo\.toml has version 0\.1\.0/,
  ],
  [
    'a changelog without the version',
    TAG,
    () => write('CHANGELOG.md', '\n## [Unreleased]\n'),
    /CHANGELOG\.md has no /,
  ],
]) {
  test(`${what} is refused`, async () => {
    await spoil();
    const answer = await publish(tag, '--publish');
    assert.equal(answer.code, 1);
    assert.match(answer.message, message);
    assert.deepEqual(registry.received, []);
  });
}

test('a package that is missing is refused', async () => {
  const file = (await fs.readdir(packages)).find((name) => name.includes('darwin-x64'));
  await fs.rename(path.join(packages, file), path.join(project, file));
  const answer = await publish(TAG, '--publish');
  await fs.rename(path.join(project, file), path.join(packages, file));
  assert.equal(answer.code, 1);
  assert.match(answer.message, /not all is packed/);
  assert.deepEqual(registry.received, []);
});
