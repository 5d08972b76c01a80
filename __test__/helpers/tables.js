'use strict';

// Reads the descriptions of options, statistics and functions of the addon: from the tables in Rust, the typings, the C header's
// comments and the README. For tests that compare them with each other and with what there is at run time.

const { readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8').replaceAll('\r', '');
const inCamelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** The matches of a pattern. There must be some: a table whose form has changed must not pass for one without rows. */
function found(text, pattern) {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) throw new Error(`${pattern} is found nowhere`);
  return matches;
}

/** The statistics, in the order of C: each field's name in C, and where JavaScript has it. */
const statistics = found(
  read('src', 'heap', 'stats.rs'),
  /^ {4}(\w+) = .+ => (\w+)\.(\w+);$/gm,
).map(([, field, group, name]) => ({ field, group: group.toLowerCase(), name }));

/** The options: each name in JavaScript, and the kind of its values. */
const options = found(read('src', 'mems', 'options.rs'), /^ {4}"(\w+)": (\w+)\(/gm).map(
  ([, name, kind]) => ({ name, kind, field: name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) }),
);

/**
 * The functions that the addon exports, and the number of their parameters: those of the table in src/node/mod.rs, which say
 * what they take in a comment, and those with #[napi]. Functions for tests only are not among them.
 */
function addonFunctions() {
  const files = readdirSync(path.join(root, 'src', 'node'), { withFileTypes: true }).flatMap(
    (entry) =>
      entry.isDirectory()
        ? readdirSync(path.join(root, 'src', 'node', entry.name)).map((name) => [entry.name, name])
        : [[entry.name]],
  );
  const sources = files
    .filter(([name]) => name !== 'test_hooks.rs')
    .map((parts) => read('src', 'node', ...parts))
    .join('\n');
  const parameters = (list) => list.split(',').filter((one) => one.trim() !== '').length;
  const signatures = new Map(
    found(sources, /\/\/\/ `(\w+)\(([^`]*?)\): /g).map(([, name, list]) => [
      name,
      // `() => a | b`, of a parameter that is a function, has none of its own.
      parameters(list.replace(/\(\) => .*/, '')),
    ]),
  );
  const table = found(sources, /^ {8}\("(\w+)", \w+::\w+\),$/gm).map(([, name]) => name);
  const functions = new Map(table.map((name) => [name, signatures.get(name)]));
  const attributed =
    /#\[napi\]\n(?:#.*\n|\/\/.*\n)*pub (?:const )?fn (\w+)(?:<[^>]*>)?\(([^)]*)\)/g;
  for (const [, name, list] of found(sources, attributed)) {
    functions.set(inCamelCase(name), parameters(list.replace(/\benv: [^,]*,?/, '')));
  }
  return functions;
}

/** What the library and the command call of the addon: the names, each with the most arguments that a call gives. */
function callsOfFace() {
  const scripts = ['lib', 'command', 'command/lib'].flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`),
  );
  const files = ['index.js', ...scripts.filter((name) => name.endsWith('.js'))];
  const calls = new Map();
  const see = (name, count) => calls.set(name, Math.max(count, calls.get(name) ?? 0));
  for (const text of files.map((file) => read(file))) {
    for (const { index, 0: match, 1: name } of text.matchAll(/\bbinding\.(?!js\b)(\w+)\(?/g)) {
      const start = index + match.length;
      see(name, match.endsWith('(') ? argumentsFrom(text, start) : 0);
    }
  }
  // Functions that only the loader calls.
  for (const [, name] of read('binding.js').matchAll(/\baddon\.(\w+)\(/g)) see(name, 0);
  return calls;
}

/** The number of arguments of a call, which begin at `start`. */
function argumentsFrom(text, start) {
  let [depth, count, end] = [0, 0, start];
  for (; depth >= 0; end++) {
    const character = text[end];
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 0) count++;
  }
  const said = text.slice(start, end - 1).trim();
  // A comma may follow the last one.
  return said === '' || said.endsWith(',') ? count : count + 1;
}

/**
 * The members that the typings declare for an interface, by name: the comment, the type, and for an object its own members.
 */
function membersOf(name) {
  const [, body] = found(
    read('index.d.ts'),
    new RegExp(`^export interface ${name}\\b.*? \\{\\n(.*?)^\\}`, 'gms'),
  )[0];
  return parsed(body, '  ');
}

function parsed(body, indent) {
  const member = `^${indent}/\\*\\*((?:(?!\\*/).)*)\\*/\\n${indent}(\\w+)\\??: `;
  const type = `(?:\\{\\n(.*?)^${indent}\\};|([^\\n]+);)$`;
  const members = found(body, new RegExp(member + type, 'gms'));
  const lines = found(body, new RegExp(`^${indent}\\w+\\??: `, 'gm'));
  if (members.length !== lines.length) throw new Error(`a member has no comment:\n${body}`);
  return new Map(
    members.map(([, comment, name, inner, type]) => [
      name,
      { comment, type, members: inner && parsed(inner, `${indent}  `) },
    ]),
  );
}

/** What the header says of each field of a struct, by the field's name. */
function commentsOf(struct) {
  const [, body] = found(
    read('include', 'mems.h'),
    new RegExp(`^typedef struct ${struct} \\{(.*?)^\\}`, 'gms'),
  )[0];
  const fields = found(body, /\/\*((?:(?!\*\/).)*)\*\/\s+\w+ (\w+)(?:\[\d+\])?;/gs);
  return new Map(fields.map(([, comment, name]) => [name, comment.trim()]));
}

/** The cells of README's table of options, by the option's name. */
function optionsOfReadme() {
  const [section] = found(read('README.md'), /^### Options\n.*?^#/gms)[0];
  const rows = found(section, /^\| `(\w+)` \|(.*)\|$/gm);
  return new Map(rows.map(([, name, rest]) => [name, rest.split('|').map((cell) => cell.trim())]));
}

/** The numbers that a file names by constants, as it writes them. */
function constants(...parts) {
  const pattern = /^(?:pub(?:\(super\))? )?const (\w+)(?:: \w+)? = ([\d_]+);$/gm;
  return Object.fromEntries(
    found(read(...parts), pattern).map(([, name, value]) => [
      name,
      Number(value.replaceAll('_', '')),
    ]),
  );
}

module.exports = {
  constants,
  addonFunctions,
  callsOfFace,
  commentsOf,
  membersOf,
  options,
  optionsOfReadme,
  statistics,
};
