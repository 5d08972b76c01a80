// Installs the packed packages into empty projects, from tarballs and from a registry on this machine, runs the seed's
// example there, and breaks each installation in a way that happens to users: the error must say so, and its cure work.
//
//   npm run test:install -- [--offline] [--git] [--here] [--runner module.mjs] [14 16 18 20 22 24 26]
//
// The runtimes (14 and 26 if none are named) are fetched as for test:runtimes, into the same cache; --here takes the
// Node.js that runs this in their place. --git also installs from a clone of this repository's last commit, which
// builds: that takes Cargo, minutes, and npm's registry or cache.
//
// --runner names a module whose default export runs Node.js in another way, under an emulator say, or is a list of such:
//   { name, platform: 'win32-x64-msvc', runNode(args, cwd): Promise<{ code, output }> }
// The arguments name files relative to `cwd`, which is below the system's temporary folder. npm itself runs here and
// installs for `platform`, which must have been packed. Such runners take the place of the runtimes.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { CHECKS, GENERAL_CHECKS } from './lib/install-checks.mjs';
import { makeFixture, nodeRunner, openPackages } from './lib/install-fixture.mjs';
import { installFromGit } from './lib/install-git.mjs';
import { hostAddon } from './lib/release.mjs';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, openRuntime, progress } from './lib/runtimes.mjs';

const [HOST] = hostAddon(CHECKOUT);
const rows = [];

async function check(runner, what, action) {
  const end = progress(`${runner.name}: ${what}`);
  let result = 'ok';
  try {
    await action();
  } catch (error) {
    console.error(error);
    result = `FAILED: ${error.message.split('\n')[0]}`;
  }
  end(result);
  rows.push({ runtime: runner.name, platform: runner.platform, check: what, result });
}

async function runChecks(opened, runner, checks) {
  if (!opened.built.includes(runner.platform)) {
    throw new Error(`${runner.platform} was not packed: npm run pack:all`);
  }
  for (const [what, action] of checks) {
    const fixture = makeFixture(opened, runner);
    await check(runner, what, () => action(fixture));
    await fixture.removeAll();
  }
}

async function chooseRunners(values, names, here) {
  if (values.here) return [here];
  if (values.runner) {
    const module = await import(pathToFileURL(resolve(values.runner)).href);
    return [module.default].flat();
  }
  const runners = [];
  for (const runtime of chooseRuntimes(names, ['14', '26'])) {
    const { binary, version } = await openRuntime(runtime, values.offline);
    runners.push(nodeRunner(`node ${version}`, HOST, binary));
  }
  return runners;
}

const scratch = await realpath(await mkdtemp(join(tmpdir(), 'mems-packages-')));
let opened;
try {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
      git: { type: 'boolean', default: false },
      runner: { type: 'string' },
    },
    allowPositionals: true,
  });
  opened = await openPackages(join(CHECKOUT, 'target', 'packages'), scratch);
  const here = nodeRunner(`node ${process.versions.node}`, HOST, process.execPath);
  if (!values.runner) await runChecks(opened, here, GENERAL_CHECKS);
  for (const runner of await chooseRunners(values, positionals, here)) {
    await runChecks(opened, runner, CHECKS);
  }
  if (values.git) await check(here, 'from git', () => installFromGit(here, scratch));
  reportRows(rows);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await opened?.registry.close();
  await rm(scratch, { recursive: true, force: true });
}
