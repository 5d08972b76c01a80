// Tools that the checks of other platforms need, each unpacked into a folder of the cache: nothing is installed in the
// system, and nothing needs to be root. Delete tools/ in the cache to fetch them anew.
//
// They come from PyPI (by pip) and from Debian's archive (by apt-get, on Debian and what descends from it). Which packages
// of Debian, apt-get works out by itself; those that the system has already are not fetched.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_ROOT, progress, start } from './runtimes.mjs';

export const TOOLS = join(CACHE_ROOT, 'tools');

/** Runs a program to its end, and throws with what it wrote if that is a failure. Answers what it wrote. */
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

/** Packages of PyPI in a folder of their own. */
export function fromPyPi(name, packages) {
  return tool(name, async (folder) => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
    const args = ['-m', 'pip', 'install', ...quiet, '--root-user-action=ignore', '--no-deps'];
    await run('python3', [...args, '--target', folder, ...packages]);
  });
}

/** Runs apt-get, which needs its list of what there is; root can fetch that. */
async function aptGet(...args) {
  const options = { env: { ...process.env, LC_ALL: 'C' } };
  try {
    return await run('apt-get', args, options);
  } catch (error) {
    if (process.getuid?.() !== 0) {
      const hint = 'It takes Debian or a system like it, with its list of packages: apt-get update';
      throw new Error(`${error.message}\n${hint}`, { cause: error });
    }
    console.error('apt-get has no such packages: fetching its list anew (apt-get update)');
    await run('apt-get', ['update', '-qq'], options);
    return run('apt-get', args, options);
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

/**
 * Packages of Debian, with what they depend on, unpacked into a folder of their own but for files like `exclude`; then
 * `finish(folder)` does what their own scripts would.
 */
export function fromDebian(name, packages, { exclude = [], finish = () => {} } = {}) {
  return tool(name, async (folder) => {
    const versions = await debianVersions(packages);
    const archives = join(folder, 'archives');
    await mkdir(archives);
    // apt-get has a user of its own for fetching, which may not write here: it says so, and fetches all the same.
    await run('apt-get', ['download', '-qq', ...versions], { cwd: archives });
    for (const file of await readdir(archives)) {
      // Asked for files, dpkg-deb unpacks all of them; tar can leave out.
      const unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x "$@"';
      const left = ['*/usr/share/doc', '*/usr/share/man', ...exclude];
      // A star is for one name: else */rust/src would leave out rust/library/std/src as well.
      const options = ['-C', folder, '--no-wildcards-match-slash'];
      const args = [file, ...options, ...left.map((pattern) => `--exclude=${pattern}`)];
      await run('bash', ['-o', 'pipefail', '-c', unpack, ...args], { cwd: archives });
    }
    await rm(archives, { recursive: true });
    await finish(folder);
    await writeFile(join(folder, 'packages.txt'), `${versions.join('\n')}\n`);
  });
}
