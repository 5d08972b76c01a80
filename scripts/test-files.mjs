// Kills processes that share a heap file, in the middle of their calls, for minutes: the program of __test__/storm, on a disk and, where
// there is one, in memory, one after the other.
//   npm run test:files -- [--minutes N] [--seed N] [--processes 2-8] [FOLDER ...]
// The seed that is printed chooses what processes do and when they are killed, but not how the system lets them run. A file in which
// something was found wrong stays, and is named.
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
    minutes: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    processes: { type: 'string', default: '2-8' },
  },
  allowPositionals: true,
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const [least, most = least] = values.processes.split('-').map(Number);
if (!(minutes > 0) || !Number.isInteger(seed) || !(least >= 1 && most >= least))
  throw new Error('give numbers');

const inMemory = existsSync('/dev/shm') ? ['/dev/shm'] : [];
const folders = positionals.length > 0 ? positionals : [tmpdir(), ...inMemory];
for (const folder of folders) {
  const given = {
    seed,
    folder,
    processes: [least, most],
    seconds: (60 * minutes) / folders.length,
  };
  const program = join(CHECKOUT, '__test__', 'storm', 'main.js');
  const child = spawn(process.execPath, [program, JSON.stringify(given)], { stdio: 'inherit' });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) {
    console.error(`ended by ${signal ?? status}`);
    process.exitCode = 1;
  }
}
