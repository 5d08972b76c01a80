// Builds the addon if the package arrives as source. npm runs this after `npm install` in a clone, and in the clone that it makes
// for `npm install git+https://...`, before it packs that. It never runs for packages from a registry or a tarball. It uses only
// Node's own modules.
//
// Without Cargo it says so and succeeds: nothing else of the clone needs the addon, and one may be put there later. A
// build that fails does fail the install. MEMS_PREPARE=no turns it off, for scripts that build by themselves.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const NOT_BUILT = 'The addon was not built';

function run(command, args, stdio) {
  // npm is a script on Windows, which only a shell starts.
  const shell = process.platform === 'win32';
  return spawnSync(command, args, { cwd: root, stdio, shell }).status;
}

function prepare() {
  if (process.env.MEMS_PREPARE === 'no') return 0;
  if (run('cargo', ['--version'], 'ignore') !== 0) {
    console.error(
      `${NOT_BUILT}: building needs Cargo. Install Rust from rustup.rs, then run \`npm run build\`.`,
    );
    return 0;
  }
  if (!existsSync(path.join(root, 'node_modules', '@napi-rs', 'cli'))) {
    console.error(`${NOT_BUILT}: building needs the development dependencies (\`npm ci\`).`);
    return 0;
  }
  const status = run('npm', ['run', '--silent', 'build'], 'inherit');
  if (status === 0) return 0;
  console.error(
    `${NOT_BUILT}. If the linker was not found: docs/install.md names one for each system.`,
  );
  return status ?? 1;
}

process.exitCode = prepare();
