// The results of the last runs of the checks, kept in the cache, in results/<check>.json: an object of rows by name, each with its
// time and commit. A run replaces the rows that it made, and leaves the others.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_ROOT, CHECKOUT } from './runtimes.mjs';

const RESULTS = join(CACHE_ROOT, 'results');
const fileOf = (check) => join(RESULTS, `${check}.json`);

function commit() {
  const git = (...args) => execFileSync('git', args, { cwd: CHECKOUT, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', changed';
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'unknown';
  }
}

/** The rows of a check's last runs, by name; none if it has not run. */
export async function readResults(check) {
  try {
    return JSON.parse(await readFile(fileOf(check), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

/** Keeps rows, given by name. */
export async function saveResults(check, rows) {
  await mkdir(RESULTS, { recursive: true });
  const about = { when: new Date().toISOString(), commit: commit() };
  const kept = await readResults(check);
  for (const [name, row] of Object.entries(rows)) kept[name] = { ...row, ...about };
  await writeFile(fileOf(check), `${JSON.stringify(kept, null, 2)}\n`);
}
