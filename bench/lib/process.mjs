// Running other programs, and showing the progress of a run.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const native = path.join(root, 'bench', 'native');

/** Runs a command; `line` sees its output. Returns what it wrote to its standard output. */
export function run(command, args, { cwd = root, env = {}, line = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      shell: process.platform === 'win32',
    });
    let written = '';
    let errors = '';
    const see = (text) => {
      for (const part of text.split('\n')) if (part.trim()) line(part.trim());
    };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      written += text;
      see(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
      see(text);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve(written);
      const end = `${written.slice(-1000)}\n${errors.slice(-2000)}`;
      reject(new Error(`${command} ${args.join(' ')} failed:\n${end}`));
    });
  });
}

/** One line that is written over on a terminal; elsewhere nothing. */
export function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, 100)}`);
}
