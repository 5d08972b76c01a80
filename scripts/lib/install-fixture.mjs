// The fixture of the install checks: the packed packages in a registry of their own, and how to run what was installed.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PLATFORMS } from '../platforms.mjs';
import { machineFor } from './machines.mjs';
import { npmPack } from './pack.mjs';
import { Project, platformFlags } from './project.mjs';
import { Registry } from './registry.mjs';
import { packRelease, readManifest, readPackage, readPackages } from './release.mjs';
import { CHECKOUT, chooseRuntimes, HOST, openRuntime, start } from './runtimes.mjs';

// Nothing listens on this port, that of the discard protocol.
const UNREACHABLE = 'http://127.0.0.1:9/';
const OLD_VERSION = '0.0.1';
const RUN_TIMEOUT_MS = 180_000;

async function openPackage(file) {
  const { manifest } = await readPackage(file);
  const { name, version } = manifest;
  return { file, manifest, name, version, id: `${name}@${version}` };
}

/** Packages for the platforms that were not built: complete except for the addon. */
async function packStandIns(names, into) {
  await mkdir(into);
  const addon = join(into, 'addon');
  await writeFile(addon, 'stands in for an addon that was not built');
  const { platforms } = await packRelease(
    CHECKOUT,
    into,
    names.map((name) => [name, addon]),
  );
  return new Map([...platforms].map(([name, { tarball }]) => [name, tarball]));
}

/** The package `{ manifest }` in an old version. */
async function packOld({ manifest }, into) {
  await mkdir(into);
  const old = { ...manifest, version: OLD_VERSION };
  await writeFile(join(into, 'package.json'), JSON.stringify(old));
  await writeFile(join(into, manifest.main), 'an old addon');
  const { filename } = await npmPack('.', into);
  return join(into, filename);
}

/**
 * Puts the packages in `packed`, a folder of tarballs, into a registry, with stand-ins for those that are not there.
 * `scratch` is an existing folder for all that the checks write.
 */
export async function openPackages(packed, scratch) {
  const manifest = await readManifest(CHECKOUT);
  const names = PLATFORMS.map(({ name }) => name);
  const found = await readPackages(packed);
  const built = names.filter((name) => found.has(`${manifest.name}-${name}`));
  const absent = names.filter((name) => !built.includes(name));
  const standIns = await packStandIns(absent, join(scratch, 'stand-ins'));
  const packages = new Map();
  for (const name of names) {
    const file = standIns.get(name) ?? found.get(`${manifest.name}-${name}`).file;
    packages.set(name, await openPackage(file));
  }
  const main = await openPackage(found.get(manifest.name).file);

  const registry = await Registry.open();
  const publish = async ({ file, manifest }) => registry.publish(manifest, await readFile(file));
  for (const name of names) {
    await publish(
      await openPackage(await packOld(packages.get(name), join(scratch, `old-${name}`))),
    );
    await publish(packages.get(name));
  }
  await publish(main);
  return { main, packages, built, names, registry, scratch };
}

/** The fixture for one runner: `{ name, platform, runNode(args, cwd) }`. */
export function makeFixture(opened, runner) {
  const { main, packages, names, registry, scratch } = opened;
  const { platform } = runner;
  const other = names.find((name) => name.split('-')[0] !== platform.split('-')[0]);
  const common = { parent: scratch, cache: join(scratch, 'cache') };
  // Here npm must find out by itself what this system is.
  const foreign = platform !== HOST;
  const flags = foreign ? platformFlags(platform) : [];
  const projects = [];
  const clean = ({ code, output }) => ({ code, output: output.replaceAll('\r\n', '\n') });
  return {
    name: main.name,
    main,
    platforms: names,
    platform: packages.get(platform),
    other: packages.get(other),
    flags,
    // npm refuses packages of another platform where they are named outright, whatever platform it installs for.
    force: foreign ? ['--force'] : [],
    otherFlags: platformFlags(other),
    oldVersion: OLD_VERSION,
    unreachable: UNREACHABLE,
    /** A new project; `removeAll` takes it away. */
    async project(options) {
      const project = await Project.create({
        ...common,
        flags,
        registry: registry.url,
        ...options,
      });
      projects.push(project);
      return project;
    },
    installedIn: async (project) => (await project.installed(main.name.split('/')[0])).sort(),
    runNode: async (args, cwd) => clean(await runner.runNode(args, cwd)),
    runHere: (args, cwd) => start(process.execPath, args, { cwd, timeout: RUN_TIMEOUT_MS }),
    removeAll: () => Promise.all(projects.splice(0).map((project) => project.remove())),
  };
}

/** A Node.js binary as a runner; `startIt` starts it, if start() cannot. */
export function nodeRunner(name, platform, binary, startIt = start) {
  const env = { ...process.env };
  delete env.MEMS_LIBRARY_PATH;
  return {
    name,
    platform,
    runNode: (args, cwd) => startIt(binary, args, { cwd, env, timeout: RUN_TIMEOUT_MS }),
  };
}

/** Node.js for another platform, run by its machine here, as runners; by default of the versions in its row. */
export async function platformRunners(platform, names, offline) {
  const { name, suite } = platform;
  const { name: under, runtimes: known, open } = machineFor(platform);
  const machine = await open();
  const runners = [];
  for (const runtime of chooseRuntimes(names, suite.install, known)) {
    const { binary, version } = await openRuntime(runtime, offline, machine.start);
    const title = `node ${version}, ${under}`;
    runners.push(nodeRunner(title, name, binary, machine.start));
  }
  return runners;
}
