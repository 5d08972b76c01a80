'use strict';

// Every example in the typings runs, and returns what its comments say.
//
// A comment behind a statement is a value if it begins with a literal (text after a colon is prose), a condition if it has ===,
// an error if it begins with "throws"; otherwise prose.

const { after, afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { capture, finishQuietly } = require('../helpers/capture.js');

const declarations = fs.readFileSync(path.join(__dirname, '..', '..', 'index.d.ts'), 'utf8');

/** The examples, as { name, lines }. */
function examples() {
  const comments = declarations.matchAll(/\/\*\*([\s\S]*?)\*\/\n? *(.*)/g);
  return [...comments].flatMap(([, comment, declaration], position) => {
    const [, example] = comment.split('@example\n');
    if (example === undefined) return [];
    const text = example.replace(/^ *\* ?/gm, '').split('@packageDocumentation')[0];
    const [, name] = /(?:function|class|static|const) (\w+)/.exec(declaration) ?? [];
    return [{ name: name ?? `package ${position}`, lines: text.trimEnd().split('\n') }];
  });
}

const LITERAL =
  /^(?:-?\d[\d_.]*n?|'[^']*'|true|false|(?:(?:BigUint64|Float64)Array )?\[.*\]|\{.*\})(?=$|:| \()/;

/** A line as JavaScript that checks what its comment says. */
function checked(line) {
  const [, statement, comment] = /^(.*;) \/\/ (.*)$/.exec(line) ?? [];
  if (comment === undefined) return line;
  const [, declared, expression] = /^(?:(?:const|let) (\w+) = )?(.*);$/.exec(statement);
  const [, thrown] = /^throws(?: nothing|:? (.*))/.exec(comment) ?? [];
  if (thrown !== undefined) return `$refused(() => ${expression}, ${JSON.stringify(thrown)});`;
  const value = declared ?? `(${expression})`;
  const first = declared === undefined ? '' : statement;
  if (comment.includes('===')) return `${statement} $same(${comment}, true);`;
  const [literal] = LITERAL.exec(comment) ?? [];
  if (literal === undefined) return line;
  return `${first} $same(${value}, ${literal.replace(/^(\w+Array) (.*)$/, '$1.from($2)')});`;
}

/** Whether two values are equal; a string that ends with ... equals all that begin like it. */
function same(actual, expected) {
  const cut = (value, pattern) => {
    if (typeof pattern === 'string' && pattern.endsWith('...')) {
      const begins = pattern.slice(0, -3);
      return typeof value === 'string' && value.startsWith(begins) ? pattern : value;
    }
    if (pattern === null || typeof pattern !== 'object' || ArrayBuffer.isView(pattern))
      return value;
    const copy = Array.isArray(value) ? [] : {};
    for (const key of Object.keys(value)) copy[key] = cut(value[key], pattern[key]);
    return copy;
  };
  assert.deepEqual(cut(actual, expected), expected);
}

function refused(call, said) {
  assert.throws(call, ({ code, message }) => code === said || message.startsWith(said));
}

/** Whether report() can make a page here. */
const makesPages =
  Number(process.versions.node.split('.')[0]) >= 20 &&
  fs.existsSync(path.join(__dirname, '..', '..', 'bin', 'main.js'));

const AsyncFunction = (async () => {}).constructor;

// What examples write is removed again.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-examples-'));
process.chdir(folder);
after(() => {
  process.chdir(os.tmpdir());
  fs.rmSync(folder, { recursive: true });
});

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

describe('the example of', () => {
  for (const { name, lines } of examples()) {
    test(name, async () => {
      finishQuietly(mems);
      // Examples that do not start a heap with options of their own get a new one.
      if (!lines.some((line) => /^(mems\.)?init\(/.test(line))) mems.init();
      const source = lines.map(checked).join('\n');
      const names = Object.keys(mems).filter(
        (each) => !new RegExp(`(?:const|let) [^=]*\\b${each}\\b[^=]* =`).test(source),
      );
      // Promises of the example, which ends with them.
      const pending = [];
      const report = (...args) => {
        pending.push(mems.report(...args));
        return pending[pending.length - 1];
      };
      const all = { ...mems, report };
      const Body = /\bawait\b/.test(source) ? AsyncFunction : Function;
      const run = new Body('require', '$same', '$refused', ...names, source);
      let done;
      const printed = capture(() => {
        done = run(require, same, refused, ...names.map((each) => all[each]));
      });
      await done;
      // An error that the example has caught is one on an old Node.js only.
      const ends = await Promise.allSettled(pending);
      if (makesPages)
        for (const { status, reason } of ends) assert.equal(status, 'fulfilled', reason);
      // What an example prints is in comments at its end.
      const said = lines.slice(lines.findLastIndex((line) => !line.startsWith('// ')) + 1);
      if (said.length > 0)
        assert.deepEqual(
          printed,
          said.map((line) => line.slice(3)),
        );
    });
  }

  test('every function is among them', () => {
    const have = new Set(examples().map(({ name }) => name));
    for (const name of Object.keys(mems)) assert.ok(have.has(name), name);
  });
});
