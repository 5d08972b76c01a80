'use strict';

// Runs a program of the tests that ends with a line `done {...}`, and returns what that says.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** `program`: its path in __test__; `given`: what it is told, beside a folder of its own, which stays if the program fails. */
async function runProgram(program, given) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-program-'));
  const args = [path.join(__dirname, '..', program), JSON.stringify({ ...given, folder })];
  const child = spawn(process.execPath, args);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  const [status, signal] = await once(child, 'close');
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, output);
  fs.rmSync(folder, { recursive: true });
  return { output, ...JSON.parse(/^done (.*)$/m.exec(output)[1]) };
}

module.exports = { runProgram };
