'use strict';

// Runs the command `mems` from its source.

const { spawnSync } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const START = path.join(__dirname, '..', '..', 'command', 'start.js');

/** Why tests of the command are skipped here: `{ skip }` for node:test. */
const SKIP = { skip: Number(process.versions.node.split('.')[0]) < 20 && 'mems takes Node 20' };

/** An environment in which only the flags of a call decide about colours. */
function environment(changes = {}) {
  const env = { ...process.env };
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'TERM', 'NODE_OPTIONS', 'CI']) delete env[name];
  return { ...env, TERM: 'xterm', ...changes };
}

/** Runs `mems` with these arguments in a process; `input` is its standard input. Returns { status, stdout, stderr }. */
function spawn(args, { env, input = '', cwd } = {}) {
  const options = { cwd, input, env: environment(env), encoding: 'utf8', maxBuffer: 1 << 28 };
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, [START, ...args], options);
  return { status: status ?? signal, stdout, stderr };
}

/** A stream that keeps what is written to it. `more` are properties of a terminal. */
const keeper = (more) => ({
  text: '',
  write(part) {
    this.text += part;
  },
  ...more,
});

/**
 * Runs `mems` with these arguments in this process, which is quicker. `stdout` and `stderr` are properties of these streams, such
 * as `isTTY`. Resolves to { status, stdout, stderr }.
 */
async function mems(args, { env, stdin, ...streams } = {}) {
  const { mems: call } = require('../../command/mems.js');
  const [stdout, stderr] = [keeper(streams.stdout), keeper(streams.stderr)];
  const status = await call(args, { stdout, stderr, stdin, env: environment(env) });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** The object that `mems ... --json` prints. */
async function json(args, options) {
  const { stdout, stderr, status } = await mems([...args, '--json'], options);
  if (stdout === '') throw new Error(`mems ${args.join(' ')}: status ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A folder that is removed after the tests of a file: `after` is that of node:test. */
function temporaryFolder(after) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mems-command-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

module.exports = { environment, json, mems, SKIP, spawn, START, temporaryFolder };
