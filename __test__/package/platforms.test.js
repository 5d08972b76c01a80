'use strict';

// The table of platforms (scripts/platforms.mjs): what is written from it is up to date, and other lists of platforms agree with
// it. `npm run lint` checks the first as well, and names the files that are out of date.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { hostPlatform } = require('../../lib/platform.js');

const CHECKOUT = path.join(__dirname, '..', '..');
const read = (name) => readFileSync(path.join(CHECKOUT, name), 'utf8').replaceAll('\r', '');

describe('the table of platforms', () => {
  let table;
  before(async () => {
    table = await import('../../scripts/platforms.mjs');
  });
  const names = () => table.PLATFORMS.map(({ name }) => name);

  test('is what the manifest, the loader and the hosted CI have been written from', () => {
    const script = path.join(CHECKOUT, 'scripts', 'write-platforms.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  test('names platforms and says what their packages are for as the napi CLI does', async () => {
    const { parseTriple } = await import('@napi-rs/cli');
    for (const { name, triple, os, cpu, libc } of table.PLATFORMS) {
      const { platformArchABI, platform, arch, abi } = parseTriple(triple);
      const known = os === 'linux' ? { gnu: 'glibc', musl: 'musl' }[abi] : undefined;
      assert.deepEqual([name, os, cpu, libc], [platformArchABI, platform, arch, known]);
    }
  });

  test('has this platform, under the name by which the loader knows it', () => {
    assert.ok(names().includes(hostPlatform().name), hostPlatform().name);
  });

  test('has the rows of the tables in the documents', () => {
    const rowsIn = (text, cell) => [...text.matchAll(cell)].map(([, value]) => value.trim());
    const support = /<!-- support:.*?<!-- \/support -->/s.exec(read('README.md'))[0];
    const titles = table.PLATFORMS.map(({ title }) => title.replace(' or newer', '+'));
    assert.deepEqual(rowsIn(support, /^\| (\w[^|]*)\|/gm), titles);
    const sizes = /<!-- sizes:.*?<!-- \/sizes -->/s.exec(read('docs/install.md'))[0];
    const row = /^\| `@sambhav-gautam\/osmemoryallocator-([\w-]+)` +\| ([^|]*)\|/gm;
    const packages = [...sizes.matchAll(row)].map(([, name, title]) => [name, title.trim()]);
    assert.deepEqual(
      packages,
      table.PLATFORMS.map(({ name, title }) => [name, title]),
    );
  });

  test('names test files that are there', () => {
    for (const { suite } of table.PLATFORMS) {
      for (const file of Object.keys(suite?.leftOut ?? {})) {
        assert.ok(existsSync(path.join(CHECKOUT, '__test__', file)), file);
      }
    }
  });

  test('lets words choose platforms by name, triple and part, and returns other words', () => {
    const chosen = (words, among) => {
      const { platforms, others } = table.choosePlatforms(words, among, 'not here');
      return [platforms.map(({ name }) => name), others];
    };
    assert.deepEqual(chosen(['darwin']), [['darwin-x64', 'darwin-arm64'], []]);
    assert.deepEqual(chosen(['macos']), chosen(['darwin']));
    assert.deepEqual(chosen(['20', 'windows', 'bun']), [
      ['win32-x64-msvc', 'win32-arm64-msvc'],
      ['20', 'bun'],
    ]);
    assert.deepEqual(chosen(['x86_64-unknown-linux-musl', 'linux-x64-gnu']), [
      ['linux-x64-gnu', 'linux-x64-musl'],
      [],
    ]);
    const testable = table.PLATFORMS.filter(({ suite }) => suite);
    assert.deepEqual(chosen(['arm64', 'musl', 'windows'], testable), [
      ['linux-arm64-gnu', 'linux-x64-musl', 'win32-x64-msvc'],
      [],
    ]);
    assert.throws(
      () => chosen(['darwin'], testable),
      /^Error: darwin: not here: choose from linux/,
    );
  });
});

test('CONTRIBUTING.md has every npm script, and no others', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const text = read('CONTRIBUTING.md');
  const named = text.matchAll(/\bnpm (?:run ([a-z]+(?::[a-z]+)*)|(start|test)\b)/g);
  const found = new Set([...named].map(([, run, short]) => run ?? short));
  for (const name of found) assert.ok(name in scripts, `npm run ${name}`);
  for (const name of Object.keys(scripts)) {
    // npm runs these by itself.
    if (['prepare', 'prepublishOnly'].includes(name)) continue;
    assert.ok(found.has(name), `${name} is not documented`);
  }
});

test('npm scripts that documents, scripts and sources name exist', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const folders = ['__test__', 'bench', 'docs', 'examples', 'lib', 'scripts', 'src'];
  const below = (folder) =>
    readdirSync(path.join(CHECKOUT, folder), { recursive: true }).map((name) =>
      path.join(folder, name),
    );
  const files = ['README.md', 'SECURITY.md', 'binding.js', '.github/workflows/ci.yml']
    .concat(folders.flatMap(below))
    .filter((name) => /\.(md|m?js|rs|yml)$/.test(name) && !/[\\/]target[\\/]/.test(name));
  assert.ok(files.length > 100);
  for (const name of files) {
    for (const [, script] of read(name).matchAll(/\bnpm run (?:--silent )?([a-z]+(?::[a-z]+)*)/g)) {
      assert.ok(script in scripts, `${name}: npm run ${script}`);
    }
  }
});
