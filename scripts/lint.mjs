// Checks all that can be checked without running the code.
//
//   npm run lint                      everything
//   npm run lint -- links rustfmt     some of it, by name
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'docs',
  'bench/traces',
];
// No hosting service is asked: links into this repository are written as paths.
const VALIDATE_LINKS = ['--use', 'remark-validate-links=repository:false'];
const REMARK = ['--frail', '--quiet', '--no-stdout', '--no-config', '--no-ignore'];

/** The program of an installed package, which this Node.js runs: on Windows only a shell finds it by name. */
const bin = (name, file) => [process.execPath, join(CHECKOUT, 'node_modules', name, file)];
const script = (name) => [process.execPath, join(CHECKOUT, 'scripts', name)];
const clippy = (...features) => ['cargo', 'clippy', ...features, '--', '-D', 'warnings'];

/** By name, the commands of each check. */
const CHECKS = {
  // Formats and lints JavaScript and JSON.
  biome: () => [[...bin('@biomejs/biome', 'bin/biome'), 'ci', '.']],
  // The English of comments and documents.
  words: () => [script('lint-words.mjs')],
  // The workflows of the hosted CI.
  workflows: () => [script('lint-workflows.mjs')],
  // The lock files of the crates that the tests do not build.
  locks: () => [script('lint-locks.mjs')],
  // Which parts of the code use which.
  floors: () => [script('lint-floors.mjs')],
  // All files that are written from the table of platforms.
  platforms: () => [[...script('write-platforms.mjs'), '--check']],
  // Whether each relative link of the documents leads to a file that is there, and its anchor to a heading.
  links: () => [[...bin('remark-cli', 'cli.js'), ...DOCUMENTS, ...VALIDATE_LINKS, ...REMARK]],
  // The typings.
  types: () => [[...bin('typescript', 'bin/tsc'), '-p', '__test__/types']],
  rustfmt: () => [['cargo', 'fmt', '--check']],
  // The addon, the core alone, and the tests.
  clippy: () => [
    clippy('--all-features'),
    clippy('--no-default-features'),
    clippy('--all-targets', '--no-default-features', '--features', 'c-abi'),
  ],
};

function run([command, ...args]) {
  const { status, error } = spawnSync(command, args, { cwd: CHECKOUT, stdio: 'inherit' });
  if (error) console.error(error.message);
  return status === 0;
}

const words = process.argv.slice(2);
const names = Object.keys(CHECKS);
const unknown = words.filter((word) => !names.includes(word));
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}: choose from ${names.join(', ')}`);
  process.exit(1);
}
for (const name of words.length > 0 ? words : names) {
  console.log(`> ${name}`);
  // The first check that fails ends the run, so that its output is the last that is printed.
  if (!CHECKS[name]().every(run)) process.exit(1);
}
