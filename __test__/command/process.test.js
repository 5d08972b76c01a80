'use strict';

// The process of the command: where colours appear, how it ends when its reader is gone, and on an old Node.js.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { environment, mems, SKIP, spawn, START } = require('../helpers/command.js');

const ESCAPE = '\u001b[';

test('an older Node.js gets a sentence', () => {
  const program = `Object.defineProperty(process.versions, 'node', { value: '18.20.4' }); require(${JSON.stringify(START)})`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /^mems needs Node\.js 20 or newer, and this is v[\d.]+: .*\n$/);
});

describe('the process of mems', SKIP, () => {
  test('prints the result to standard output, errors to standard error, and ends with the status', () => {
    const { status, stdout, stderr } = spawn(['lesson', 'T1']);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^T1 silberschatz-five/);
    const wrong = spawn(['lesson', 'T99']);
    assert.deepEqual([wrong.status, wrong.stdout], [2, '']);
    assert.match(wrong.stderr, /^mems: there is no exercise "T99": [^\n]+\n$/);
  });

  test('says in its own words that the addon is missing', () => {
    const { status, stdout, stderr } = spawn(['demo'], { env: { MEMS_LIBRARY_PATH: __filename } });
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^mems: /);
    assert.doesNotMatch(stderr, /bug in mems|\n {4}at /);
  });

  test('ends quietly if its reader is gone', {
    skip: process.platform === 'win32' && 'takes a shell',
  }, () => {
    // The trace of the script is the only text of a command whose reader ends at once.
    const script = `{ '${process.execPath}' '${START}' lesson random-calls --seed 1 --operations 3000 --policy first-fit; echo $? >&2; } | head -n 1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script], {
      env: environment(),
      encoding: 'utf8',
    });
    assert.match(stdout, /^Seed 1|^random-calls/);
    assert.equal(stderr, '0\n');
  });
});

describe('colours and glyphs', SKIP, () => {
  const terminal = { isTTY: true, columns: 60 };
  const hasColors = async (args, env, stdout) => {
    const result = await mems(['lesson', 'T1', ...args], { env, stdout });
    return result.stdout.includes(ESCAPE);
  };

  test('are there on a terminal, and not in a pipe, unless it is said otherwise', async () => {
    assert.equal(await hasColors([], {}, terminal), true);
    assert.equal(await hasColors([], {}), false);
    assert.equal(await hasColors([], { FORCE_COLOR: '1' }), true);
    assert.equal(await hasColors([], { FORCE_COLOR: '0' }, terminal), false);
    assert.equal(await hasColors([], { NO_COLOR: '1' }, terminal), false);
    assert.equal(await hasColors([], { NO_COLOR: '1', FORCE_COLOR: '1' }, terminal), false);
    assert.equal(await hasColors([], { TERM: 'dumb' }, terminal), false);
    assert.equal(await hasColors(['--no-color'], { FORCE_COLOR: '1' }, terminal), false);
  });

  test('are ASCII if that is asked for, or the terminal is dumb', async () => {
    const args = ['lesson', 'T1', '--policy', 'first-fit'];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is just that.
    const isAscii = ({ stdout }) => /^[\x00-\x7f]*$/.test(stdout);
    assert.equal(isAscii(await mems(args)), false);
    assert.equal(isAscii(await mems([...args, '--ascii'])), true);
    assert.equal(isAscii(await mems(args, { env: { TERM: 'dumb' } })), true);
  });

  test('lines are as wide as the terminal, and 80 columns in a pipe', async () => {
    const longest = ({ stdout }) => Math.max(...stdout.split('\n').map((line) => line.length));
    const args = ['demo', '--speed', '0', '--no-color'];
    assert.equal(longest(await mems(args, { stdout: terminal })) <= 60, true);
    const piped = longest(await mems(args));
    assert.equal(piped > 60 && piped <= 80, true, String(piped));
    assert.equal(longest(await mems(args, { stdout: { isTTY: true, columns: 40 } })) <= 40, true);
  });
});
