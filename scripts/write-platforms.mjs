// Writes the lists of platforms from the table (platforms.mjs): the targets in package.json, the loader, the hosted CI.
//
//   node scripts/write-platforms.mjs             writes, as `npm run fix` does
//   node scripts/write-platforms.mjs --check     only says what is out of date, as `npm run lint` does
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLATFORMS } from './platforms.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = '@sambhav-gautam/osmemoryallocator';
const CASES = /(switch \(host\.name\) \{\n).*?(?= {6}default:)/gs;

/** The targets in package.json, for the napi CLI. */
function manifest(text) {
  const value = JSON.parse(text);
  value.napi.targets = PLATFORMS.map(({ triple }) => triple);
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The requires of the loader, each with its name written out, in the order in which they are there. */
const REQUIRES = [
  (name) => `require('./mems.${name}.node')`,
  (name) => `require('${PACKAGE}-${name}/package.json').version`,
  (name) => `require('${PACKAGE}-${name}')`,
];

function loader(text) {
  let found = 0;
  const written = text.replace(CASES, (_, head) => {
    const requireOf = REQUIRES[found++];
    const cases = PLATFORMS.map(
      ({ name }) => `      case '${name}':\n        return ${requireOf(name)};\n`,
    );
    return head + cases.join('');
  });
  if (found !== REQUIRES.length) throw new Error(`binding.js has ${found} switches`);
  return written;
}

/** Replaces the lines between `begin`, a pattern, and a line that only closes it. */
function replaceBetween(text, begin, end, lines) {
  const pattern = new RegExp(`(${begin}\\n).*?(?=^${end}$)`, 'ms');
  if (!pattern.test(text)) throw new Error(`${begin} is not there`);
  return text.replace(pattern, (_, head) => head + lines.map((line) => `${line}\n`).join(''));
}

const loadErrors = (text) =>
  replaceBetween(
    text,
    'const PACKAGED = \\[',
    '\\];',
    PLATFORMS.map(({ name }) => `  '${name}',`),
  );

/** An entry of a matrix, with a comment before it if there is one. */
function entry(cells, note) {
  const lines = Object.entries(cells).filter(([, value]) => value !== undefined);
  const text = lines.map(([name, value], at) => `${at === 0 ? '-' : ' '} ${name}: ${value}`);
  return [...(note ? [`# ${note}`] : []), ...text].map((line) => `          ${line}`);
}

/** The matrices of the hosted CI, by job. */
const MATRICES = {
  test: [...new Set(PLATFORMS.map(({ hosted }) => hosted.runner))].map(
    (runner) => `          - ${runner}`,
  ),
  build: PLATFORMS.flatMap(({ name, triple, hosted }) =>
    entry({ platform: name, target: triple, runner: hosted.builder }),
  ),
  install: PLATFORMS.filter(({ libc }) => libc !== 'musl').flatMap(({ name, hosted }) => {
    const [nodes, others] = [hosted.nodes.join(' '), hosted.others?.join(' ')];
    return entry({ platform: name, runner: hosted.runner, nodes, others }, hosted.note);
  }),
  musl: PLATFORMS.filter(({ libc }) => libc === 'musl').flatMap(({ name, hosted }) =>
    entry({ platform: name, runner: hosted.runner, nodes: hosted.nodes.join(' ') }),
  ),
};

const workflow = (text) =>
  Object.entries(MATRICES).reduce(
    (before, [job, lines]) =>
      replaceBetween(before, ` *# ${job}: written from scripts/platforms.mjs`, ' *# end', lines),
    text,
  );

const FILES = {
  'package.json': manifest,
  'binding.js': loader,
  'lib/load-errors.js': loadErrors,
  '.github/workflows/ci.yml': workflow,
};

const isCheck = process.argv.includes('--check');
for (const [name, write] of Object.entries(FILES)) {
  const file = join(CHECKOUT, name);
  const text = (await readFile(file, 'utf8')).replaceAll('\r', '');
  const written = write(text);
  if (written === text) continue;
  if (isCheck) {
    console.error(`${name} is not what scripts/platforms.mjs says: npm run fix`);
    process.exitCode = 1;
  } else {
    await writeFile(file, written);
    console.log(`${name}: written`);
  }
}
