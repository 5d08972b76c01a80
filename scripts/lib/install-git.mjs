// Installs the package from a clone of this repository's last commit, as `npm install git+https://...` does: npm clones,
// installs the development dependencies, builds by the script `prepare`, and packs the result.
import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { npm } from './pack.mjs';
import { readManifest } from './release.mjs';
import { CHECKOUT, start } from './runtimes.mjs';

/** `scratch` is an existing folder for it all. The clone builds in this checkout's target folder, which saves minutes. */
export async function installFromGit(runner, scratch) {
  const { name } = await readManifest(CHECKOUT);
  const clone = join(scratch, 'clone');
  const cloned = await start('git', ['clone', '--quiet', CHECKOUT, clone]);
  assert.equal(cloned.code, 0, cloned.output);
  const project = join(scratch, 'from-git');
  await mkdir(project);
  const env = { CARGO_TARGET_DIR: join(CHECKOUT, 'target') };
  await npm(['install', `git+${pathToFileURL(clone)}`, '--no-audit', '--no-fund'], project, env);

  await copyFile(join(CHECKOUT, 'examples', 'seed.js'), join(project, 'seed.js'));
  const run = await runner.runNode(['seed.js'], project);
  assert.equal(run.code, 0, run.output);
  const program = `console.log(require('${name}').library)`;
  const { output } = await runner.runNode(['-e', program], project);
  const installed = join(project, 'node_modules', ...name.split('/'));
  assert.equal(output.trim(), join(installed, `mems.${runner.platform}.node`));
}
