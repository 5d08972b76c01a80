// Builds the addon.
//
//   npm run build                          for this platform, a release build, beside package.json; and the command, into bin
//   npm run build:tests                    for this platform, a debug build that checks the heap after every operation, into
//                                          target/test-addon
//   npm run build -- darwin-arm64 ...      for the platforms that these words choose: on Linux x64 as they are released, for the
//                                          oldest systems, into target/cross/<triple>/mems.<platform>.node; on a system of that
//                                          kind beside package.json
//
// --tests with platforms builds the addons for tests as well, into target/cross/<triple>/test-addon. Without a platform all other
// options are passed to `napi build`.
import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCommand } from './lib/command.mjs';
import { choosePlatforms, PLATFORMS } from './platforms.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const RELEASE = ['--release', '--dts', 'target/binding.d.ts'];
const TESTS = ['--features', 'test-hooks', '--output-dir', 'target/test-addon'];

/** Builds for this system with napi's command, started by its path: on Windows only a shell finds the name. */
function buildHere(args) {
  const cli = join(dirname(createRequire(import.meta.url).resolve('@napi-rs/cli')), 'cli.js');
  const command = [cli, 'build', '--platform', '--no-js', ...args];
  const { status } = spawnSync(process.execPath, command, { cwd: CHECKOUT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Builds for other platforms, as releases are built. */
async function buildCross(platforms, tests) {
  const { buildAddon } = await import('./lib/cross.mjs');
  const { reportRows } = await import('./lib/rows.mjs');
  const rows = [];
  for (const platform of platforms) {
    for (const forTests of tests ? [false, true] : [false]) {
      const file = await buildAddon(platform, { tests: forTests });
      const kilobytes = Math.round((await stat(file)).size / 1000);
      rows.push({
        platform: platform.name,
        file: relative(CHECKOUT, file),
        kilobytes,
        result: 'ok',
      });
    }
  }
  reportRows(rows);
}

try {
  const args = process.argv.slice(2);
  const isTests = args.includes('--tests');
  const words = args.filter((arg) => arg !== '--tests');
  if (words.length === 0 || words[0].startsWith('-')) {
    buildHere([...(isTests ? TESTS : RELEASE), ...words]);
    if (!isTests) await buildCommand(CHECKOUT, join(CHECKOUT, 'bin'));
  } else {
    const { platforms, others } = choosePlatforms(words);
    if (others.length > 0) {
      const known = PLATFORMS.map(({ name }) => name).join(', ');
      throw new Error(`no platform: ${others.join(', ')}; choose from ${known}`);
    }
    const isCross = process.platform === 'linux' && process.arch === 'x64';
    if (isCross) await buildCross(platforms, isTests);
    else for (const { triple } of platforms) buildHere([...RELEASE, '--target', triple]);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
