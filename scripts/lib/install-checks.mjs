// Checks of the package as a user gets it: tarballs, installed by npm into empty projects. Each check takes a fixture (see
// install-fixture.mjs) and throws if something is wrong.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from './runtimes.mjs';

const EXPORTS = 'init, malloc, get, free, printStats, finish';
const REQUIRE = /const mems = require\('([^']+)'\);/;

const example = () => readFile(join(CHECKOUT, 'examples', 'seed.js'), 'utf8');

/** A pattern for the output of the example in the README; only the physical address can be any. */
async function exampleOutput() {
  const readme = (await readFile(join(CHECKOUT, 'README.md'), 'utf8')).replaceAll('\r', '');
  const [, shown] = readme.match(/## Quick start\n.*?\n```text\n(.*?)```/s);
  const literal = shown.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${literal.replace('<physical address>', '\\d+n')}$`);
}

/** Runs the seed's example as CommonJS, ESM and ESM by names; its output must be that of the README, line for line. */
async function runExample(fixture, project) {
  const text = await example();
  const expected = await exampleOutput();
  const programs = [
    ['seed.cjs', text],
    ['seed.mjs', text.replace(REQUIRE, "import mems from '$1';")],
    [
      'named.mjs',
      text.replace(REQUIRE, `import { ${EXPORTS} } from '$1';\nconst mems = { ${EXPORTS} };`),
    ],
  ];
  for (const [name, program] of programs) {
    await project.write(name, program);
    const { code, output } = await fixture.runNode([name], project.folder);
    assert.equal(code, 0, `${name}: ${output}`);
    assert.match(output, expected, name);
  }
}

/** Runs the command of the installed package. Returns { code, output }. */
function runCommand(fixture, project, ...args) {
  const file = join('node_modules', ...fixture.name.split('/'), 'bin', 'mems.js');
  return fixture.runNode([file, ...args], project.folder);
}

/** Runs the command, which works from Node 20 on, and says so on an older one. The lesson page is there if it was packed. */
async function checkCommand(fixture, project) {
  const { code, output } = await runCommand(fixture, project, 'lesson', 'silberschatz-five');
  if (code === 2) {
    assert.match(output, /^mems needs Node\.js 20 or newer, and this is v1[0-9]\./);
    return;
  }
  assert.match(output, /^ +426 +- +- +600 +-$/m);
  if (!existsSync(join(project.path(fixture.name), 'bin', 'lesson.html'))) return;
  const page = await runCommand(fixture, project, 'lesson', 'T1', '--page', '-o', 'T1.html', '-f');
  assert.equal(page.code, 0, page.output);
  assert.match(
    await project.read('T1.html'),
    /<meta name="mems-lesson" content="1&amp;memory=100,500/,
  );
}

/** Loads the package and returns what loading throws, as { code, message, cause }, or nothing. */
async function loadError(fixture, project) {
  await project.write(
    'load.cjs',
    `try { require('${fixture.name}'); console.log('null'); } catch ({ code, message, cause }) {
      console.log(JSON.stringify({ code, message, cause: cause && cause.message }));
    }`,
  );
  const { code, output } = await fixture.runNode(['load.cjs'], project.folder);
  assert.equal(code, 0, output);
  return JSON.parse(output);
}

/** Does exactly what the error's message says, after which the package must work. */
async function cure(fixture, project, { message }) {
  const [, remove] = /^Remove (node_modules\/\S+) and/m.exec(message) ?? [];
  if (remove) await rm(join(project.folder, remove), { recursive: true });
  const [, command] = /^ {2}npm (install --no-save \S+)$/m.exec(message);
  await project.npm(...command.split(' '), ...fixture.force);
  await runExample(fixture, project);
}

async function tarballsOffline(fixture) {
  const project = await fixture.project({ registry: fixture.unreachable });
  const files = [fixture.main.file, fixture.platform.file];
  await project.npm('install', '--offline', ...files, ...fixture.force);
  assert.deepEqual(await fixture.installedIn(project), [fixture.name, fixture.platform.name]);
  await runExample(fixture, project);
  await checkCommand(fixture, project);
}

async function fromRegistry(fixture) {
  const project = await fixture.project();
  await project.npm('install', fixture.name);
  assert.deepEqual(await fixture.installedIn(project), [fixture.name, fixture.platform.name]);
  await runExample(fixture, project);
  // The lock file serves every platform, whichever it was written on.
  const { packages } = JSON.parse(await project.read('package-lock.json'));
  const locked = Object.keys(packages).filter((path) => path.includes(`${fixture.name}-`));
  assert.equal(locked.length, fixture.platforms.length);
}

async function lockFileOfAnotherSystem(fixture) {
  const there = await fixture.project({ flags: fixture.otherFlags });
  await there.npm('install', fixture.name);
  const project = await fixture.project();
  for (const file of ['package.json', 'package-lock.json']) {
    await project.write(file, await there.read(file));
  }
  await project.npm('ci');
  assert.deepEqual(await fixture.installedIn(project), [fixture.name, fixture.platform.name]);
  await runExample(fixture, project);
}

async function optionalOmitted(fixture) {
  const project = await fixture.project();
  await project.npm('install', '--omit=optional', fixture.name);
  assert.deepEqual(await fixture.installedIn(project), [fixture.name]);
  const error = await loadError(fixture, project);
  assert.equal(error.code, 'ERR_MEMS_ADDON_MISSING');
  assert.ok(error.message.includes(`the package ${fixture.platform.id} is not installed`));
  assert.match(error.message, /^- optional dependencies are omitted \(--omit=optional/m);
  const { code, output } = await runCommand(fixture, project, '--version');
  assert.equal(code, 2, output);
  assert.match(output, /^mems(: .* is not installed| needs Node\.js 20)/m);
  await cure(fixture, project, error);
}

async function modulesOfAnotherSystem(fixture) {
  const project = await fixture.project({ flags: fixture.otherFlags });
  await project.npm('install', fixture.name);
  assert.deepEqual(await fixture.installedIn(project), [fixture.name, fixture.other.name]);
  const error = await loadError(fixture, project);
  assert.equal(error.code, 'ERR_MEMS_ADDON_MISSING');
  const line = `\nA package for another system is installed: ${fixture.other.name}.\n`;
  assert.ok(error.message.includes(line), error.message);
  await cure(fixture, project.withFlags(fixture.flags), error);
}

async function damagedAddon(fixture) {
  const project = await fixture.project();
  await project.npm('install', fixture.name);
  const { main } = fixture.platform.manifest;
  await writeFile(join(project.path(fixture.platform.name), main), 'not an addon');
  const error = await loadError(fixture, project);
  assert.equal(error.code, 'ERR_MEMS_ADDON_BROKEN');
  assert.ok(error.cause && error.message.includes(error.cause), error.message);
  await cure(fixture, project, error);
}

async function otherVersion(fixture) {
  const project = await fixture.project();
  const overrides = { [fixture.platform.name]: fixture.oldVersion };
  await project.write('package.json', JSON.stringify({ private: true, overrides }));
  await project.npm('install', fixture.name);
  const error = await loadError(fixture, project);
  assert.equal(error.code, 'ERR_MEMS_ADDON_VERSION');
  const { name, id } = fixture.platform;
  assert.ok(error.message.startsWith(`${name} is ${fixture.oldVersion}, but `), error.message);
  assert.ok(error.message.endsWith(`npm install --no-save ${id}`), error.message);
}

async function types(fixture) {
  const project = await fixture.project();
  await project.npm('install', fixture.name);
  // What a project in TypeScript has; the typings speak of Buffers.
  const shared = ['node_modules', '@types'];
  await symlink(join(CHECKOUT, ...shared), join(project.folder, ...shared), 'junction');
  const usage = join(CHECKOUT, '__test__', 'types', 'usage.ts');
  for (const name of ['usage.ts', 'usage.mts']) await copyFile(usage, join(project.folder, name));
  const options = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', types: [] };
  const compilerOptions = { ...options, module: 'node16', moduleResolution: 'node16' };
  const files = ['usage.ts', 'usage.mts'];
  await project.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
  const tsc = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await fixture.runHere([tsc, '-p', project.folder], project.folder);
  assert.equal(code, 0, output);
}

/** The checks that do not depend on the runtime, and run once, here. */
export const GENERAL_CHECKS = new Map([['types resolve, under node16', types]]);

/** The checks that run for every runner. */
export const CHECKS = new Map([
  ['two tarballs, offline', tarballsOffline],
  ['from a registry', fromRegistry],
  ["with another system's lock file", lockFileOfAnotherSystem],
  ['optional dependencies omitted', optionalOmitted],
  ["another system's node_modules", modulesOfAnotherSystem],
  ['addon damaged', damagedAddon],
  ['addon of another version', otherVersion],
]);
