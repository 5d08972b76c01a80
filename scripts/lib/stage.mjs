// A copy of the checkout as it would be on another platform: the same files, the development dependencies that npm
// installs there, and the addons and the command built for it. Tests run in it unchanged. It is below target, one for each platform.
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildCommand } from './command.mjs';
import { npm } from './pack.mjs';
import { platformFlags } from './project.mjs';
import { CHECKOUT, progress } from './runtimes.mjs';
import { run } from './tools.mjs';

const LOCK = 'package-lock.json';
const INSTALLED = 'installed.json';

/** Copies the files of the checkout that git has or would add, and removes what was there except the dependencies. */
async function copyFiles(folder) {
  const list = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const name of await readdir(folder)) {
    if (name === 'node_modules' || name === INSTALLED) continue;
    await rm(join(folder, name), { recursive: true });
  }
  for (const file of list.split('\0').filter(Boolean)) {
    await mkdir(join(folder, dirname(file)), { recursive: true });
    // The file is deleted, and that is not committed yet.
    await cp(join(CHECKOUT, file), join(folder, file)).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

/** Installs the dependencies for a platform, unless they are what the lock file says. */
async function install(folder, platform) {
  const lock = await readFile(join(CHECKOUT, LOCK), 'utf8');
  const stamp = join(folder, INSTALLED);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === lock) return;
  const end = progress(`installing the development dependencies for ${platform}`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    await npm(['ci', ...platformFlags(platform), ...quiet], folder);
  } catch (error) {
    end('failed');
    throw error;
  }
  await writeFile(stamp, lock);
  end('done');
}

/** Makes the copy for a platform, with its addon and its addon for tests, and returns the folder. */
export async function makeStage({ name: platform }, addon, testAddon) {
  const folder = join(CHECKOUT, 'target', 'stage', platform);
  await mkdir(folder, { recursive: true });
  await copyFiles(folder);
  await install(folder, platform);
  await copyFile(addon, join(folder, `mems.${platform}.node`));
  const tests = join(folder, 'target', 'test-addon');
  await mkdir(tests, { recursive: true });
  await copyFile(testAddon, join(tests, `mems.${platform}.node`));
  await buildCommand(folder, join(folder, 'bin'));
  return folder;
}
