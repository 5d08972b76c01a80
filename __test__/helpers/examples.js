'use strict';

// Examples in comments of typings: what they are, and that they return what their comments say.
//
// A comment behind a statement is a value if it begins with a literal (text after a colon is prose), a condition if it has ===,
// an error if it begins with "throws"; otherwise prose.

const assert = require('node:assert/strict');

/** The examples in typings, as { name, lines }. */
function examples(declarations) {
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

module.exports = { checked, examples, refused, same };
