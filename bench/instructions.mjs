// npm run bench:instructions [-- --record]
//
// Counts the instructions that a call of malloc or free takes on the recorded traces, under callgrind, and compares them
// with bench/instructions.json. The count does not depend on how busy the machine is: a regression shows on any day.
// It does depend on the compiler: record anew (--record) when that changes. Linux with valgrind.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from './lib/table.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const native = path.join(folder, 'native');
const recordFile = path.join(folder, 'instructions.json');
const TRACES = ['gcc-cc1', 'git-log', 'python-default', 'sqlite3'];
/** A change below this is layout and inlining, not work. */
const TOLERANCE = 0.02;

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: native,
    encoding: 'utf8',
  });
  if (error?.code === 'ENOENT') throw new Error(`${command} was not found`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}`);
  return { stdout, stderr };
}

/** The instructions of one process, and what it prints: the number of calls in the trace. */
function count(trace, replays) {
  const binary = path.join('target', 'release', 'instructions');
  const valgrind = [
    '--tool=callgrind',
    '--callgrind-out-file=/dev/null',
    binary,
    trace,
    String(replays),
  ];
  const { stdout, stderr } = run('valgrind', valgrind);
  return { instructions: Number(stderr.match(/Collected : (\d+)/)[1]), calls: Number(stdout) };
}

function perCall(trace) {
  const [reading, replaying] = [0, 1].map((replays) => count(trace, replays));
  return (replaying.instructions - reading.instructions) / reading.calls;
}

run('cargo', ['build', '--release', '--bin', 'instructions']);
const compiler = run('rustc', ['--version']).stdout.trim();
const recorded = JSON.parse(readFileSync(recordFile, 'utf8'));
const record = process.argv.includes('--record');
const rows = [];
const counted = {};
let worse = false;
for (const trace of TRACES) {
  const now = Math.round(perCall(trace) * 10) / 10;
  const before = recorded.perCall[trace];
  const change = now / before - 1;
  worse ||= change > TOLERANCE;
  counted[trace] = now;
  rows.push([trace, before, now, `${(change * 100).toFixed(1)} %`]);
}
print({ title: 'instructions a call', headings: ['trace', 'recorded', 'now', 'change'], rows });
if (record) {
  writeFileSync(recordFile, `${JSON.stringify({ compiler, perCall: counted }, null, 2)}\n`);
  console.log(`Recorded, with ${compiler}.`);
} else if (worse) {
  const other =
    compiler === recorded.compiler
      ? ''
      : ` (recorded with ${recorded.compiler}, this is ${compiler})`;
  console.error(`More instructions a call than recorded${other}.`);
  process.exitCode = 1;
}
