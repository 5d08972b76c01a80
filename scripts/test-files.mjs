// Kills processes that share a heap file, in the middle of their calls, for minutes: the program of __test__/storm, on a disk and, where
// there is one, in memory, one after the other.
//   npm run test:files -- [--map | --soak | --fuzz] [--minutes N] [--seed N] [--processes 2-8] [--round 2-5] [FOLDER ...]
// With --map they share a map instead of blocks. With --soak nobody is killed: processes evict from one map as quickly as they can. With
// --fuzz bytes of files with maps are changed, and every call is made.
// The seed that is printed chooses what processes do and when they are killed, but not how the system lets them run. A file in which
// something was found wrong stays, and is named. --round: how many seconds pass until everything is checked.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
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
    round: { type: 'string', default: '2-5' },
  },
  allowPositionals: true,
});

/** The bounds that a text like 2-8 gives. */
function bounds(text) {
  const [least, most = least] = text.split('-').map(Number);
  if (!(least >= 1 && most >= least)) throw new Error('give numbers');
  return [least, most];
}

const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error('give numbers');

/** The program of __test__, and what it is told beside seed, folder and seconds. */
function chosen() {
  if (values.fuzz) return ['map-torn/fuzz.js', {}];
  if (values.soak) return ['map-storm/soak.js', { processes: bounds(values.processes ?? '4')[0] }];
  const subject = values.map ? 'map-storm' : 'storm';
  const [processes, round] = [bounds(values.processes ?? '2-8'), bounds(values.round)];
  return ['storm/main.js', { subject, processes, round }];
}

const [program, told] = chosen();
const inMemory = existsSync('/dev/shm') ? ['/dev/shm'] : [];
const folders = positionals.length > 0 ? positionals : [tmpdir(), ...inMemory];
for (const folder of folders) {
  const given = { ...told, seed, folder, seconds: (60 * minutes) / folders.length };
  const args = [join(CHECKOUT, '__test__', program), JSON.stringify(given)];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) {
    console.error(`ended by ${signal ?? status}`);
    process.exitCode = 1;
  }
}
