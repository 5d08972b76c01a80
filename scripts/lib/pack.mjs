// Runs npm, and packs with it any package by name or folder.
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

// On Windows npm is a batch file, which cannot be started without a shell: its script can.
const NPM =
  process.platform === 'win32'
    ? [
        process.execPath,
        join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
      ]
    : ['npm'];

/** Runs npm in the folder `cwd` and returns what it wrote to its standard output. */
export async function npm(args, cwd, env = {}) {
  const [command, ...before] = NPM;
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: MAX_OUTPUT_BYTES };
  try {
    return (await run(command, [...before, ...args], options)).stdout;
  } catch (error) {
    const reason = error.stderr?.trim() || error.message;
    throw new Error(`npm ${args.slice(0, 2).join(' ')}: ${reason}`, { cause: error });
  }
}

/**
 * Runs `npm pack` on the package `spec` ('.' is the one in `cwd`) and returns npm's report of the
 * tarball: `filename`, `version`, `size`, `files`. No script of the package runs, except that npm 10 always runs `prepare`, which
 * is told to do nothing.
 */
export async function npmPack(spec, cwd, options = []) {
  const args = ['pack', spec, '--json', '--ignore-scripts', '--loglevel=error', ...options];
  // npm returns a list; some versions return an object keyed by package name.
  const [report] = Object.values(JSON.parse(await npm(args, cwd, { MEMS_PREPARE: 'no' })));
  // Some versions report a scoped package's tarball by its name, not by its file's.
  return { ...report, filename: report.filename.replace(/^@/, '').replaceAll('/', '-') };
}
