// Links to the lesson page: what is behind the # of its address, which has a whole lesson in it and can be read.
//
//   #1&memory=100,500,200&ask&run=malloc(90);a=malloc(450)&policy=best-fit
//
// The first word is the version of the form. Then come words that are there or not, and names with values, in any order; the policy
// is written last, since programs that find links in a text leave a closing parenthesis out. A line break of the program is a
// semicolon, and what an address may not have is percent-encoded.
//
// A lesson is { memory, options, rules, policy, run, step, ask }: memory is { holes, base }, or undefined for a heap that grows;
// options are those of that heap, and rules those of an exercise's memory. A link that cannot be read is a Failure, whose message
// says what is wrong with it.

'use strict';

const { linesOf, programOf } = require('./calls.js');
const { Failure } = require('./failure.js');
const { BASE, oneOf, parseBase, parseHoles, SETTINGS, SWITCHES } = require('./lesson-values.js');
const { parseWhole } = require('./numbers.js');
const { RULES } = require('./rules.js');

const VERSION = 1;
/** Characters of a link, at most. A page is slow to draw what is longer, and chats cut it. */
const LONGEST = 20_000;

/** What the part of an address behind the # may have as it is, except for what separates its words. */
const ENCODED = /[^A-Za-z0-9\-._~!$'()*+,:@/?=;]/gu;

/** Names with values: in which parts of a lesson each is, or else in the lesson itself; as what; and how it is read. */
const VALUES = {
  ...SETTINGS,
  policy: { as: 'policy', read: oneOf('policy', Object.keys(RULES)) },
  step: { as: 'step', read: parseWhole(0, 9999) },
};
/** Words that are there or not. */
const WORDS = { ...SWITCHES, ask: { as: 'ask', value: true } };

const encoded = (text) => {
  return text.replace(/\p{Surrogate}/gu, '\ufffd').replace(ENCODED, encodeURIComponent);
};

/** A program as a link has it: without spaces beside signs, comments as they are. */
function encodedProgram(text) {
  const lines = linesOf(text).map((line) => {
    const [, call, comment] = /^(.*?)((?:#|\/\/).*)?$/.exec(line);
    const short = call.replace(/\s*([=(),;+-])\s*/g, '$1').trim();
    // A semicolon in a comment ends no line.
    return encoded(short) + encoded((comment ?? '').trimEnd()).replaceAll(';', '%3B');
  });
  return lines.join(';').replace(/;+$/, '');
}

const memoryText = ({ holes, base }) => `${holes.join(',')}${base === BASE ? '' : `@${base}`}`;

/** What is behind the # of a link to a lesson, without the #. */
function write({ memory, options = {}, rules = {}, policy, run, step, ask }) {
  const values = { ...(memory ? rules : options), policy, step, ask };
  const align = (memory ? rules : options).alignment;
  const words = [
    `${VERSION}`,
    memory && `memory=${memoryText(memory)}`,
    align !== undefined && `align=${align}`,
    ...Object.entries(WORDS).map(([word, { as, value }]) => values[as] === value && word),
    ...['min', 'max', 'header', 'order', 'step'].map((name) => {
      const value = values[VALUES[name].as];
      return value !== undefined && `${name}=${value}`;
    }),
    run !== undefined && `run=${encodedProgram(run)}`,
    policy !== undefined && `policy=${policy}`,
  ];
  return words.filter(Boolean).join('&');
}

function readMemory(text) {
  const [, sizes, base] = /^([^@]*)(?:@(\d+))?$/.exec(text) ?? [];
  if (sizes === undefined) throw new Failure(`"${text}" is no list of holes.`);
  return { holes: parseHoles(sizes), base: base === undefined ? BASE : parseBase(base) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure(`"${text.slice(-20)}" is damaged, or was cut off.`);
  }
}

/** Puts a value into a lesson where an entry of VALUES or WORDS says. */
function put(lesson, { parts, as }, value) {
  if (parts === undefined) lesson[as] = value;
  else for (const part of parts) lesson[part][as] = value;
}

/** Puts a word of a link into a lesson. */
function readWord(word, lesson) {
  const at = word.indexOf('=');
  const [name, text] = at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
  if (name === 'memory' && text !== undefined) lesson.memory = readMemory(decoded(text));
  else if (name === 'run' && text !== undefined) {
    // Semicolons of comments are encoded, and stay.
    lesson.run = text.split(';').map(decoded).join('\n');
  } else if (Object.hasOwn(VALUES, name) && text !== undefined) {
    const { read, usual } = VALUES[name];
    const value = read(decoded(text));
    put(lesson, VALUES[name], value === usual ? undefined : value);
  } else if (Object.hasOwn(WORDS, name) && text === undefined) {
    put(lesson, WORDS[name], WORDS[name].value);
  } else throw new Failure(`"${word.slice(0, 40)}" is nothing that this page knows.`);
}

/** The lesson of a link, from what is behind its #. */
function read(fragment) {
  if (fragment.length > LONGEST) throw new Failure('the link is too long for a lesson.');
  const [version, ...words] = fragment.split('&');
  if (!/^\d+$/.test(version)) {
    throw new Failure(`a link to a lesson begins with #${VERSION}, and this one does not.`);
  }
  if (Number(version) > VERSION) {
    throw new Failure('the link was made by a newer version of this page: open it in that one.');
  }
  const lesson = { options: {}, rules: {} };
  for (const word of words.filter(Boolean)) readWord(word, lesson);
  if (lesson.memory) lesson.options = {};
  else lesson.rules = {};
  return lesson;
}

/** The lesson of an exercise, as lib/exercises.js has them. */
function lessonOf(exercise, { policy = exercise.policies[0], rules = {}, ask } = {}) {
  const { holes, base } = exercise;
  return { memory: { holes, base }, options: {}, rules, policy, ask, run: programOf(exercise) };
}

module.exports = { LONGEST, lessonOf, read, write };
