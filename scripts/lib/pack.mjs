// Packs with npm: any package by name, and this project's two tarballs as a release publishes them.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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

/** Runs npm in the folder `cwd` and answers what it wrote to its standard output. */
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
 * Runs `npm pack` on the package `spec` ('.' is the one in `cwd`) and answers npm's report of the
 * tarball: `filename`, `version`, `size`, `files`. No script of the package runs.
 */
export async function npmPack(spec, cwd, options = []) {
  const args = ['pack', spec, '--json', '--ignore-scripts', '--loglevel=error', ...options];
  // npm answers a list; some versions answer an object keyed by package name.
  const [report] = Object.values(JSON.parse(await npm(args, cwd)));
  // Some versions report a scoped package's tarball by its name, not by its file's.
  return { ...report, filename: report.filename.replace(/^@/, '').replaceAll('/', '-') };
}

/** What parts this host's addon from others of its system: 'gnu', 'musl', 'msvc', or null. */
function hostAbi() {
  if (process.platform === 'win32') return 'msvc';
  if (process.platform !== 'linux') return null;
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
}

/** The target of `package.json` that this host runs. */
function hostTarget(manifest, parseTriple) {
  const abi = hostAbi();
  const found = manifest.napi.targets.find((triple) => {
    const target = parseTriple(triple);
    return (
      target.platform === process.platform &&
      target.arch === process.arch &&
      (target.abi ?? null) === abi
    );
  });
  if (found) return parseTriple(found);
  const host = [process.platform, process.arch, abi].filter(Boolean).join('-');
  throw new Error(`package.json lists no napi target for this host (${host})`);
}

/** Copies what npm would publish of `checkout` into the new folder `to`. */
async function copyPublished(checkout, to) {
  const { files } = await npmPack('.', checkout, ['--dry-run']);
  for (const { path } of files) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(checkout, path), join(to, path));
  }
}

/**
 * Packs the built project in `checkout` into the existing folder `into`: the main package, with the
 * host's platform package as an optional dependency, and that platform package. The napi CLI lays
 * them out, as it does for a release, so that a test of the tarballs is a test of the release.
 *
 * Answers `{ main, platform }`, each `{ tarball, name, version, size, files }`.
 */
export async function packRelease(checkout, into) {
  // Loaded late: npmPack() alone must work before the development dependencies are there.
  const { NapiCli, parseTriple } = await import('@napi-rs/cli');
  const root = join(into, 'main');
  await mkdir(root);
  await copyPublished(checkout, root);

  // Only the host's addon is built here, and the CLI wants one for each target there is.
  const path = join(root, 'package.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  const target = hostTarget(manifest, parseTriple);
  manifest.napi.targets = [target.triple];
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);

  const cli = new NapiCli();
  await cli.createNpmDirs({ cwd: root, npmDir: 'npm' });
  const [folder] = await readdir(join(root, 'npm'));
  const platformRoot = join(root, 'npm', folder);
  const addon = `${manifest.napi.binaryName}.${target.platformArchABI}.node`;
  await copyFile(join(checkout, addon), join(platformRoot, addon)).catch((error) => {
    throw new Error(`${addon} is missing: run \`npm run build\` first`, { cause: error });
  });
  // Writes the optional dependency; both switches are off, so nothing leaves this machine.
  await cli.prePublish({ cwd: root, npmDir: 'npm', ghRelease: false, skipOptionalPublish: true });

  return { main: await packInto(root, into), platform: await packInto(platformRoot, into) };
}

async function packInto(folder, into) {
  const report = await npmPack('.', folder, ['--pack-destination', into]);
  const { filename, name, version, size } = report;
  const files = report.files.map((file) => file.path);
  return { tarball: join(into, filename), name, version, size, files };
}
