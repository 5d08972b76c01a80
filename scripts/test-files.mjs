// Kills processes that share a heap file, in the middle of their calls, for minutes: the program of __test__/storm, on a disk and, where
// there is one, in memory, one after the other.
//   npm run test:files -- [--map | --soak | --fuzz] [--minutes N] [--seed N] [--processes 2-8] [--round 2-5] [--stores] [FOLDER ...]
// With --map they share a map instead of blocks. With --soak nobody is killed: processes evict from one map as quickly as they can. With
// --fuzz bytes of files with maps are changed, and every call is made.
// The seed that is printed chooses what processes do and when they are killed, but not how the system lets them run. A file in which
// something was found wrong stays, and is named. --round: how many seconds pass until everything is checked. --stores: most processes kill
// themselves before a store to the bookkeeping, and each operation is followed by verify(), with the addon that `npm run build:tests` makes,
// or that MEMS_LIBRARY_PATH names.
//
// Or damages each byte of what a small heap file says of itself, and cuts it at every length: the program __test__/torn/every.js.
//   npm run test:files -- --torn [--every N]
// Every byte takes ten minutes and more of a processor; with --every only each N-th is tried.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CHECKOUT } from './lib/runtimes.mjs';

const { values, positionals } = parseArgs({
  options: {
    map: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    fuzz: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    processes: { type: 'string' },
    round: { type: 'string', default: '2-8' },
    stores: { type: 'boolean', default: false },
    torn: { type: 'boolean', default: false },
    every: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

/** The bounds that a text like 2-8 gives. */
function bounds(text) {
  const [least, most = least] = text.split('-').map(Number);
  if (!(least >= 1 && most >= least)) throw new Error('give numbers');
  return [least, most];
}

const [minutes, seed, every] = [values.minutes, values.seed, values.every].map(Number);
if (!(minutes > 0 && every >= 1) || ![seed, every].every(Number.isInteger))
  throw new Error('give numbers');

/** The program of __test__, and what it is told beside seed, folder and seconds. */
function chosen() {
  if (values.fuzz) return ['map-torn/fuzz.js', {}];
  if (values.soak) return ['map-storm/soak.js', { processes: bounds(values.processes ?? '4')[0] }];
  const subject = values.map ? 'map-storm' : 'storm';
  const [processes, round] = [bounds(values.processes ?? '2-8'), bounds(values.round)];
  return ['storm/main.js', { subject, processes, round }];
}

/** Runs a program of the tests. */
async function run(program, argument, variables = {}) {
  const env = { ...process.env, ...variables };
  const path = join(CHECKOUT, '__test__', program);
  const child = spawn(process.execPath, [path, argument], { stdio: 'inherit', env });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) {
    console.error(`ended by ${signal ?? status}`);
    process.exitCode = 1;
  }
}

/** The addon whose processes can kill themselves. */
function testAddon() {
  const folder = join(CHECKOUT, 'target', 'test-addon');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.find((name) => name.endsWith('.node'));
  if (name === undefined) throw new Error('run `npm run build:tests` first');
  return join(folder, name);
}

async function storm() {
  const [program, told] = chosen();
  const inMemory = existsSync('/dev/shm') ? ['/dev/shm'] : [];
  const folders = positionals.length > 0 ? positionals : [tmpdir(), ...inMemory];
  const variables = values.stores
    ? { MEMS_LIBRARY_PATH: process.env.MEMS_LIBRARY_PATH ?? testAddon() }
    : {};
  for (const folder of folders) {
    const given = { ...told, seed, folder, seconds: (60 * minutes) / folders.length };
    await run(program, JSON.stringify(given), variables);
  }
}

await (values.torn ? run('torn/every.js', String(every)) : storm());
