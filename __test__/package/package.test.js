// Tests the two tarballs a release publishes, installed in an empty project outside the checkout.
'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
const printed = require('../fixtures/seed.json');
const { hostPlatform } = require('../../lib/platform.js');

const CHECKOUT = path.join(__dirname, '..', '..');
const NAME = '@sambhav-gautam/osmemoryallocator';
const TSC = path.join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
const DIRECTIVE = /^\/\/ @ts-expect-error.*$/gm;

const PAGE = '<meta name="mems-lesson" content="">';
const SEED_CALLS = `
init();
const first = malloc(1000);
console.log(first);
console.log(malloc(3));
printStats();
console.log(get(first + 4n) === get(first) + 4n);
free(first);
finish();
`;
const SEED_OUTPUT = ['1000n', '2000n', ...printed.two, 'true', printed.unmapped, ''].join('\n');

let temporary;
let project;
let release;

// Packing and installing once serves all tests: each of them only reads the project, or adds files.
before(async () => {
  const { npm } = await import('../../scripts/lib/pack.mjs');
  const { platformFlags } = await import('../../scripts/lib/project.mjs');
  const { hostAddon, packRelease } = await import('../../scripts/lib/release.mjs');
  temporary = await fs.mkdtemp(path.join(os.tmpdir(), 'mems-package-'));
  const packed = path.join(temporary, 'packed');
  project = path.join(temporary, 'project');
  await fs.mkdir(packed);
  await fs.mkdir(project);
  // The lesson page takes another compiler: here something else has its place.
  const page = path.join(temporary, 'lesson.html');
  await fs.writeFile(page, PAGE);
  const addons = [hostAddon(CHECKOUT)];
  const { main, platforms } = await packRelease(CHECKOUT, packed, addons, [page]);
  release = { main, platform: [...platforms.values()][0] };
  await write('package.json', '{ "name": "outside", "version": "1.0.0", "private": true }\n');
  const tarballs = [release.main.tarball, release.platform.tarball];
  const quiet = ['--ignore-scripts', '--offline', '--no-audit', '--no-fund'];
  // Under an emulator npm runs on the machine and would install for that: flags name the platform of optional dependencies.
  const flags = ['--save-optional', ...platformFlags(hostPlatform().name)];
  await npm(['install', ...quiet, ...flags, ...tarballs], project);
  // What a project in TypeScript has; the typings speak of Buffers.
  const types = (...folders) => path.join(...folders, 'node_modules', '@types');
  await fs.symlink(types(CHECKOUT), types(project), 'junction');
});

after(async () => {
  if (temporary) await fs.rm(temporary, { recursive: true, force: true });
});

async function write(name, text) {
  const file = path.join(project, name);
  await fs.writeFile(file, text);
  return file;
}

// Runs a script in the project; the loader must find the installed addon.
async function runNode(args) {
  const env = { ...process.env };
  delete env.MEMS_LIBRARY_PATH;
  const options = { cwd: project, env };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options);
  assert.equal(stderr, '');
  return stdout.replaceAll('\r\n', '\n');
}

async function manifestOf(name) {
  const file = path.join(project, 'node_modules', ...name.split('/'), 'package.json');
  return JSON.parse(await fs.readFile(file, 'utf8'));
}

// The lines of one file that tsc reports; none when it compiles.
async function typeErrors(file, module, moduleResolution) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    lib: ['es2022'],
    types: [],
    module,
    moduleResolution,
  };
  const name = `tsconfig.${path.basename(file)}.${moduleResolution}.json`;
  const config = await write(name, JSON.stringify({ compilerOptions, files: [file] }));
  try {
    await promisify(execFile)(process.execPath, [TSC, '--pretty', 'false', '-p', config]);
    return [];
  } catch (error) {
    const errors = [...`${error.stdout}`.matchAll(/^(.*)\((\d+),\d+\): error (TS\d+)/gm)];
    assert.notEqual(errors.length, 0, `tsc: ${error.message}\n${error.stdout}`);
    // An error anywhere else, say in the typings themselves, is shown whole.
    assert.ok(
      errors.every(([, where]) => path.basename(where) === file),
      error.stdout,
    );
    return errors.map(([, , line]) => Number(line));
  }
}

async function copyTypes(from, to, change = (text) => text) {
  const text = await fs.readFile(path.join(__dirname, '..', 'types', from), 'utf8');
  await write(to, change(text));
  return text;
}

// The first block in `language` after `from`, and where it ends.
function codeBlock(text, language, from) {
  const start = text.indexOf(`\n\`\`\`${language}\n`, from);
  assert.notEqual(start, -1, `README.md has a ${language} block in its quick start`);
  const body = text.indexOf('\n', start + 1) + 1;
  const end = text.indexOf('\n```', body - 1);
  return { code: text.slice(body, end + 1), end };
}

test('the main tarball holds the expected files, and no addon', (t) => {
  const { files, size } = release.main;
  t.diagnostic(`${path.basename(release.main.tarball)}: ${size} bytes`);
  t.diagnostic(`${path.basename(release.platform.tarball)}: ${release.platform.size} bytes`);
  assert.deepEqual([...files].sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'adapters/express-session.d.ts',
    'adapters/express-session.js',
    'adapters/keyv.d.ts',
    'adapters/keyv.js',
    'adapters/lru-cache.d.ts',
    'adapters/lru-cache.js',
    'adapters/next.d.ts',
    'adapters/next.js',
    'adapters/open.js',
    'adapters/options.d.ts',
    'bin/LICENSES.txt',
    'bin/lesson.html',
    'bin/main.js',
    'bin/mems.js',
    'bin/report.html',
    'binding.js',
    'include/mems.h',
    'index.d.ts',
    'index.js',
    'lib/addresses.js',
    'lib/allocation.js',
    'lib/arguments.js',
    'lib/buffer-spans.js',
    'lib/bytes.js',
    'lib/calls.js',
    'lib/chains.js',
    'lib/channels.js',
    'lib/events.js',
    'lib/fragmentation.js',
    'lib/frames.js',
    'lib/front.js',
    'lib/heap-files.js',
    'lib/heap-map.js',
    'lib/heap.js',
    'lib/inspect.js',
    'lib/lists.js',
    'lib/load-errors.js',
    'lib/map-encodings.js',
    'lib/map.js',
    'lib/metrics.js',
    'lib/platform.js',
    'lib/realm.js',
    'lib/recording.js',
    'lib/refusals.js',
    'lib/report.js',
    'lib/snapshots.js',
    'lib/stacks.js',
    'lib/states.js',
    'lib/stats.js',
    'lib/usable-heaps.js',
    'lib/view-types.js',
    'lib/views.js',
    'lib/watch-options.js',
    'lib/watches.js',
    'package.json',
  ]);
});

test('the platform tarball holds the addon, and names its platform', async () => {
  const manifest = await manifestOf(release.platform.name);
  const expected = ['LICENSE', 'README.md', manifest.main, 'package.json'];
  assert.deepEqual([...release.platform.files].sort(), expected.sort());
  assert.match(manifest.main, /^mems\..+\.node$/);
  assert.deepEqual([manifest.os, manifest.cpu], [[process.platform], [process.arch]]);
  assert.ok(manifest.license && manifest.engines.node);
});

test('the main package depends on the platform packages, optionally and exactly', async () => {
  const { dependencies, optionalDependencies, version } = await manifestOf(NAME);
  assert.equal(dependencies, undefined);
  const names = Object.keys(optionalDependencies);
  assert.equal(names.length, require('../../package.json').napi.targets.length);
  assert.ok(names.includes(release.platform.name));
  for (const name of names) assert.equal(optionalDependencies[name], version, name);
});

test('the published manifest has nothing that only a checkout needs', async () => {
  const manifest = await manifestOf(NAME);
  for (const key of ['scripts', 'devDependencies', 'overrides', 'napi']) {
    assert.equal(manifest[key], undefined, key);
  }
  for (const file of manifest.files) {
    const name = file.replace(/\/$/, '');
    const shipped = release.main.files.some((path) => path === name || path.startsWith(`${name}/`));
    assert.ok(shipped, `${file} is listed, and not there`);
  }
});

test('publint finds nothing in either', async () => {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  for (const { name, tarball } of [release.main, release.platform]) {
    const { buffer } = new Uint8Array(await fs.readFile(tarball));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    const found = messages.map((message) => formatMessage(message, pkg, { color: false }));
    assert.deepEqual(found, [], name);
  }
});

// The reason why it does not run: what it depends on does not load there.
const TOO_OLD = Number(process.versions.node.split('.')[0]) < 20 && 'takes Node 20';

test('attw finds that types and code are of one kind', { skip: TOO_OLD }, async () => {
  const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
  const tarball = await fs.readFile(release.main.tarball);
  // A header for C has no types.
  const options = { excludeEntrypoints: ['./include/mems.h'] };
  const archive = createPackageFromTarballData(new Uint8Array(tarball));
  const analysis = await checkPackage(archive, options);
  assert.deepEqual(analysis.problems, []);
  assert.equal(analysis.types?.kind, 'included');
});

test('nothing runs at install', async () => {
  for (const name of [NAME, release.platform.name]) {
    const { gypfile, scripts = {} } = await manifestOf(name);
    const hooks = ['preinstall', 'install', 'postinstall'].filter((hook) => hook in scripts);
    assert.deepEqual([hooks, gypfile], [[], undefined], name);
  }
});

test('require works, and the seed example prints its true output', async () => {
  const names = 'init, malloc, get, free, printStats, finish';
  const file = await write('seed.cjs', `const { ${names} } = require('${NAME}');${SEED_CALLS}`);
  assert.equal(await runNode([file]), SEED_OUTPUT);
});

test('native code finds the addon and its header', async () => {
  const program = `import { library } from '${NAME}';
    import { createRequire } from 'node:module';
    const header = createRequire(import.meta.url).resolve('${NAME}/include/mems.h');
    console.log(JSON.stringify([library, header]));`;
  const found = JSON.parse(await runNode([await write('native.mjs', program)]));
  const { main } = await manifestOf(release.platform.name);
  const modules = path.join(await fs.realpath(project), 'node_modules');
  assert.deepEqual(found, [
    path.join(modules, ...release.platform.name.split('/'), main),
    path.join(modules, ...NAME.split('/'), 'include', 'mems.h'),
  ]);
});

test('named ESM import works', async () => {
  const names = 'init, malloc, get, free, printStats, finish';
  const file = await write('named.mjs', `import { ${names} } from '${NAME}';${SEED_CALLS}`);
  assert.equal(await runNode([file]), SEED_OUTPUT);
});

test('default ESM import works', async () => {
  const calls = SEED_CALLS.replace(/\b(init|malloc|get|free|printStats|finish)\(/g, 'mems.$1(');
  const file = await write('default.mjs', `import mems from '${NAME}';${calls}`);
  assert.equal(await runNode([file]), SEED_OUTPUT);
});

test('adapters are imported by name, and the one for express-session says that it needs that', async () => {
  const file = await write(
    'adapters.mjs',
    `import { Heap } from '${NAME}';
    import { KeyvStore } from '${NAME}/keyv';
    import { LRUCache } from '${NAME}/lru-cache';
    import { cacheHandler } from '${NAME}/next';
    const heap = new Heap();
    await new KeyvStore(heap).set('a', 'b');
    new LRUCache({ heap, max: 5 }).set('a', 1);
    await new (cacheHandler(heap))().set('a', null);
    const { message } = await import('${NAME}/express-session').catch((error) => error);
    console.log(heap.maps.sort().join(), message.split('\\n')[0]);`,
  );
  const said = "keyv,lru-cache,next,next-tags Cannot find module 'express-session'\n";
  assert.equal(await runNode([file]), said);
});

test('the command mems runs where it was installed', { skip: TOO_OLD }, async () => {
  const { bin } = await manifestOf(NAME);
  const file = path.join(project, 'node_modules', ...NAME.split('/'), bin.mems);
  const { version } = await manifestOf(NAME);
  assert.equal(await runNode([file, '--version']), `${version}\n`);
  assert.match(await runNode([file, 'lesson', 'silberschatz-five']), /^ +426 +- +- +600 +-$/m);
  const written = await runNode([file, 'lesson', 'T6', '--page', '-o', '-']);
  assert.equal(
    written,
    PAGE.replace('""', '"1&amp;memory=10,30,20&amp;run=malloc(15)&amp;policy=first-fit"'),
  );
  assert.match(await runNode([file, 'demo', '--ascii']), /P0 1000:1999 <-> H 2000:5095/);
  const command = process.platform === 'win32' ? 'mems.cmd' : 'mems';
  await fs.access(path.join(project, 'node_modules', '.bin', command));
});

test('the command mems reads the maps of the installed library', { skip: TOO_OLD }, async () => {
  const program = `const { Heap } = require('${NAME}');
    const heap = Heap.open('cache.mems');
    heap.map('pages', { encoding: 'json' }).set('/home', { title: 'Home' });
    heap.close();`;
  await runNode([await write('cache.cjs', program)]);
  const { bin } = await manifestOf(NAME);
  const file = path.join(project, 'node_modules', ...NAME.split('/'), bin.mems);
  const printed = await runNode([file, 'map', 'cache.mems', 'pages', 'get', '/home', '--raw']);
  assert.equal(printed, '{"title":"Home"}');
});

test('pages are made where it was installed', { skip: TOO_OLD }, async () => {
  const program = `const { Heap } = require('${NAME}');
    const heap = new Heap();
    heap.malloc(100);
    heap.snapshot('heap.mems');
    heap.report('live.html').then((bytes) => console.log(bytes > 100_000));`;
  assert.equal(await runNode([await write('page.cjs', program)]), 'true\n');
  const { bin } = await manifestOf(NAME);
  const file = path.join(project, 'node_modules', ...NAME.split('/'), bin.mems);
  const printed = await runNode([file, 'report', 'heap.mems', '-o', 'heap.html']);
  assert.match(printed, /^heap\.html: 0 operations/);
  const page = await fs.readFile(path.join(project, 'heap.html'), 'utf8');
  assert.match(page, /<title>heap – MeMS report<\/title>/);
});

test('the typings accept the API as it is used', async () => {
  await copyTypes('usage.ts', 'usage.ts');
  await copyTypes('usage.ts', 'usage.mts');
  assert.deepEqual(await typeErrors('usage.ts', 'node16', 'node16'), [], 'CommonJS');
  assert.deepEqual(await typeErrors('usage.mts', 'node16', 'node16'), [], 'ESM');
  assert.deepEqual(await typeErrors('usage.ts', 'esnext', 'bundler'), [], 'a bundler');
});

test('the typings report misuse, each line of it and no other', async () => {
  const text = await copyTypes('misuse.ts', 'misuse.ts');
  await copyTypes('misuse.ts', 'unmarked.ts', (marked) => marked.replace(DIRECTIVE, '//'));
  const marked = [...text.matchAll(DIRECTIVE)].map((directive) => {
    return text.slice(0, directive.index).split('\n').length + 1;
  });
  for (const [module, resolution] of [
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ]) {
    assert.deepEqual(await typeErrors('misuse.ts', module, resolution), []);
    assert.deepEqual(await typeErrors('unmarked.ts', module, resolution), marked);
  }
});

test('the README that is packed is for users of the package', async () => {
  const folder = path.join(project, 'node_modules', ...NAME.split('/'));
  const readme = (await fs.readFile(path.join(folder, 'README.md'), 'utf8')).replaceAll('\r', '');
  assert.doesNotMatch(readme, /not published|[Oo]nce it is published|npm start|npm test\b/);
  assert.doesNotMatch(readme, /<!-- \/?(?:clone|installed)|\/installed -->/);
  assert.match(
    readme.slice(0, readme.indexOf('## Quick start')),
    new RegExp(`^npm install ${NAME}$`, 'm'),
  );
  const links = [...readme.matchAll(/(?:\]\(|\bsrc=")([^)\s"]+)/g)].map(([, link]) => link);
  const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchorOf(text));
  for (const link of links) {
    if (/^https:/.test(link)) continue;
    if (link.startsWith('#')) assert.ok(headings.includes(link.slice(1)), link);
    else await fs.access(path.join(folder, link.split('#')[0]));
  }
  const { homepage, version } = await manifestOf(NAME);
  const tree = `${homepage.split('#')[0]}/blob/v${version}/`;
  const pages = links.filter((link) => link.startsWith(tree));
  assert.ok(pages.includes(`${tree}CONTRIBUTING.md`));
  for (const page of pages)
    await fs.access(path.join(CHECKOUT, page.slice(tree.length).split('#')[0]));
});

/** What GitHub and npm make of a heading for links to it. */
function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

test('a part of the README for one reader that does not end is an error', async () => {
  const { packedReadme } = await import('../../scripts/lib/readme.mjs');
  const manifest = await manifestOf(NAME);
  const parts = ['<!-- clone -->\nfor ever', 'text\n<!-- /clone -->', '<!-- installed\nfor ever\n'];
  for (const text of parts) {
    assert.throws(() => packedReadme(text, manifest, []), /has no counterpart/, text);
  }
});

test('the quick start of the README that is packed runs as it says', async () => {
  const file = path.join(project, 'node_modules', ...NAME.split('/'), 'README.md');
  const readme = (await fs.readFile(file, 'utf8')).replaceAll('\r', '');
  const heading = readme.match(/^#+ .*quick start.*$/im);
  assert.ok(heading, 'README.md has a heading with "Quick start"');
  const example = codeBlock(readme, 'js', heading.index);
  const words = readme.slice(heading.index, readme.indexOf('```js', heading.index));
  const [, name] = /Save this as `(\S+)`/.exec(words);
  const [, command] = /run `node (\S+)`/.exec(words);
  const output = codeBlock(readme, 'text', example.end);
  await write(name, example.code);
  const literal = output.code.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const expected = new RegExp(`^${literal.replaceAll('<physical address>', '\\d+n?')}$`);
  assert.match((await runNode([command])).trimEnd(), expected);
});
