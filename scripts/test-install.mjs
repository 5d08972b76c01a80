// Installs the packed packages into empty projects, from tarballs and from a registry on this machine, runs the seed's
// example there, and breaks each installation in a way that happens to users: the error must say so, and its advice must help.
//
//   npm run test:package -- install                    on Node 14 and 26, after packing the packages anew
//   npm run test:package -- install 20                 on other versions
//   npm run test:package -- install windows musl       for other platforms, whose addons have been built
//
// --offline fetches no runtime; --here uses only the Node.js that runs this. --git also installs from a clone of this repository's
// last commit, which is built then: that takes Cargo, minutes, and npm's registry or cache.
//
// --runner names a module whose default export runs Node.js in another way, or is a list of such runners:
//   { name, platform: 'win32-x64-msvc', runNode(args, cwd): Promise<{ code, output }> }
// The arguments name files relative to `cwd`, which is below the system's temporary folder. npm itself runs here and
// installs for `platform`, which must have been packed. Such runners take the place of the runtimes.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { CHECKS, GENERAL_CHECKS } from './lib/install-checks.mjs';
import { makeFixture, nodeRunner, openPackages, platformRunners } from './lib/install-fixture.mjs';
import { installFromGit } from './lib/install-git.mjs';
import { addRow, reportRows, runScriptIn } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, HOST, openRuntime } from './lib/runtimes.mjs';
import { choosePlatforms, PLATFORMS } from './platforms.mjs';

const rowOf = ({ name, platform }, check) => ({ runtime: name, platform, check });

async function runChecks(rows, opened, runner, checks) {
  if (!opened.built.includes(runner.platform)) {
    throw new Error(`${runner.platform} was not packed: npm run pack:all`);
  }
  for (const [what, action] of checks) {
    const fixture = makeFixture(opened, runner);
    await addRow(rows, rowOf(runner, what), () => action(fixture));
    await fixture.removeAll();
  }
}

/** Node.js of this platform as runners. */
async function hostRunners(names, offline) {
  const runners = [];
  for (const runtime of chooseRuntimes(names, ['14', '26'])) {
    const { binary, version } = await openRuntime(runtime, offline);
    runners.push(nodeRunner(`node ${version}`, HOST, binary));
  }
  return runners;
}

async function chooseRunners(values, words, here) {
  if (values.here) return [here];
  if (values.runner) {
    const module = await import(pathToFileURL(resolve(values.runner)).href);
    return [module.default].flat();
  }
  const testable = PLATFORMS.filter(({ suite }) => suite);
  const { platforms, others } = choosePlatforms(words, testable, 'no machine for it here');
  const runners = [];
  for (const platform of platforms) {
    runners.push(...(await platformRunners(platform, others, values.offline)));
  }
  return platforms.length > 0 ? runners : hostRunners(others, values.offline);
}

await runScriptIn('mems-packages-', async (scratch) => {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      here: { type: 'boolean', default: false },
      git: { type: 'boolean', default: false },
      runner: { type: 'string' },
    },
    allowPositionals: true,
  });
  const rows = [];
  const here = nodeRunner(`node ${process.versions.node}`, HOST, process.execPath);
  const runners = await chooseRunners(values, positionals, here);
  const opened = await openPackages(join(CHECKOUT, 'target', 'packages'), scratch);
  try {
    const isHost = runners.every(({ platform }) => platform === HOST);
    if (isHost) await runChecks(rows, opened, here, GENERAL_CHECKS);
    for (const runner of runners) await runChecks(rows, opened, runner, CHECKS);
    if (values.git) {
      await addRow(rows, rowOf(here, 'from git'), () => installFromGit(here, scratch));
    }
  } finally {
    await opened.registry.close();
  }
  reportRows(rows);
});
