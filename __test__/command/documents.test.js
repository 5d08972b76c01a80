'use strict';

// Every session of `mems` that a document shows is what the command prints, except for times.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { mems, SKIP } = require('../helpers/command.js');

const ROOT = path.join(__dirname, '..', '..');
/** Where every instruction is translated, recorded programs take minutes. */
const SLOW =
  process.env.MEMS_TRACE_OPERATIONS !== undefined && 'recorded programs are cut short here';
const DOCUMENTS = [
  'README.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** What a session of `mems` begins with. Sessions of other programs are not run. */
const SESSION = /^mems /;

/** The sessions of a text, as [command, output]. */
function sessions(text) {
  const blocks = text.replaceAll('\r', '').matchAll(/^```console\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, block]) => {
    return block
      .split(/^\$ /m)
      .slice(1)
      .map((session) => {
        const end = session.indexOf('\n');
        return [session.slice(0, end), session.slice(end + 1)];
      });
  });
}

/** The advice to take what is quicker, on one line or several: how much quicker depends on the machine. */
const QUICKER =
  /^[a-z-]+\s(?:maps\s\d+%\s(?:more|less)\sthan\s[a-z-]+\sand\s)?is\s[\d.]+\stimes\sas\squick[^.]*\.\n/gm;

/** A text without its times: the last column of a table of replay, a row of compare, and what is advised because of them. */
function timeless(text) {
  return text
    .replace(QUICKER, '')
    .split('\n')
    .map((line) => {
      if (/^\S+ +[\d.]+ MiB .*\d$/.test(line)) return line.replace(/ +[\d,]+$/, '');
      return line.startsWith('ns/call') ? 'ns/call' : line.replace(/ +ns\/call$/, '');
    })
    .join('\n');
}

describe('documents', SKIP, () => {
  for (const name of DOCUMENTS) {
    const found = sessions(readFileSync(path.join(ROOT, name), 'utf8')).filter(([command]) => {
      return SESSION.test(command);
    });
    for (const [command, output] of found) {
      const skip = command.includes('bench/traces') && SLOW;
      test(`${name}: ${command}`, { skip }, async () => {
        const home = process.cwd();
        process.chdir(ROOT);
        try {
          const { stdout, stderr } = await mems(command.split(' ').slice(1));
          assert.equal(stderr, '');
          assert.equal(timeless(stdout), timeless(output));
        } finally {
          process.chdir(home);
        }
      });
    }
  }
});
