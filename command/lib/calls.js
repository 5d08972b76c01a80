// The programs that one types on the lesson page: a call a line, `a = malloc(100)`, `free(a)`, `get(a + 10)`.
//
// Lines may end with a semicolon, and several calls may be on a line with semicolons between; # and // begin a comment. A malloc
// without a name is called p and its number, counted from 0, as `mems lesson --calls` does. A size is in bytes or has a unit (64K). An
// address is a number, or a block's name, with a number added or subtracted.
//
// What parse() refuses is what no heap has to see. A size of 0, a block that is freed twice or an address between two blocks are
// calls, and the library says what is wrong with them.

'use strict';

const { parseSize } = require('./numbers.js');

/** Calls of a program, at most: each is drawn, for each policy. */
const MOST = 256;

const MALLOC = /^(?:(?:const|let|var)\s+)?(?:([A-Za-z_]\w*)\s*=\s*)?malloc\s*\((.*)\)$/;
const OTHER = /^(free|get)\s*\((.*)\)$/;
const ADDRESS = /^(?:([A-Za-z_]\w*)|(\d+)n?)(?:\s*([+-])\s*(\d+)n?)?$/;
const NUMBER = /^-?\d+(?:\.\d+)?n?$/;
const HOW = 'write a = malloc(100), free(a) or get(a + 10)';

/** What a block is called in a program: its letter, or p and its number. */
const blockName = (name) => (/^\d/.test(name) ? `p${name}` : name);

/** The lines of a program, whatever ends them. */
const linesOf = (text) => text.split(/\r\n|[\n\r\u2028\u2029]/);

/** A size as a call has it: any number, since the heap says which it takes. */
function sizeOf(text) {
  return NUMBER.test(text) ? Number(text.replace('n', '')) : parseSize(text);
}

/** The address that a text names: a block's `base`, if there is one, and what is added. */
function parseAddress(text) {
  const [, base, number, sign, more] = ADDRESS.exec(text.trim()) ?? [];
  if (base === undefined && number === undefined) {
    throw new Error(`"${text}" is no address: write a number or a block, as in a + 10.`);
  }
  return { base, offset: Number(number ?? 0) + Number(`${sign ?? '+'}${more ?? 0}`) };
}

/** The address that an argument names, of a number or of one of the blocks with these names. */
function addressOf(text, names) {
  const { base, offset } = parseAddress(text);
  if (base !== undefined && !names.has(base)) {
    throw new Error(`there is no block ${base} yet: allocate it first, ${base} = malloc(100).`);
  }
  return { base, offset };
}

/** A call from the text of one, without spaces around it. */
function callOf(text, names, mallocs) {
  const [isMalloc, given, size] = MALLOC.exec(text) ?? [];
  if (isMalloc !== undefined) {
    const name = given ?? blockName(`${mallocs}`);
    if (names.get(name) === 'live') {
      throw new Error(
        `the name ${name} is taken: write free(${name}) first, or take another name.`,
      );
    }
    if (size.trim() === '') throw new Error('malloc takes a size in bytes, as in malloc(100).');
    return { kind: 'malloc', name, isNamed: given !== undefined, size: sizeOf(size.trim()) };
  }
  const [, kind, argument] = OTHER.exec(text) ?? [];
  if (kind === undefined) throw new Error(`"${text}" is no call: ${HOW}.`);
  if (argument.trim() === '') throw new Error(`${kind} takes an address, as in ${kind}(a).`);
  return { kind, ...addressOf(argument.trim(), names) };
}

/**
 * The calls of a program, and what is wrong with its text. Returns { calls, mistakes }: a call is { kind: 'malloc', name, isNamed, size }
 * or { kind: 'free' or 'get', base, offset }, with its `text` and the number of its `line`; a mistake is { line, message }.
 */
function parse(text) {
  const [calls, mistakes] = [[], []];
  const names = new Map();
  let mallocs = 0;
  for (const [at, line] of linesOf(text).entries()) {
    const parts = line.replace(/(?:#|\/\/).*/, '').split(';');
    for (const part of parts.map((each) => each.trim()).filter(Boolean)) {
      if (calls.length === MOST) {
        const message = `a program has at most ${MOST} calls here: mems step walks through longer ones.`;
        return { calls, mistakes: [...mistakes, { line: at + 1, message }] };
      }
      try {
        const call = callOf(part, names, mallocs);
        if (call.kind === 'malloc') {
          mallocs += 1;
          names.set(call.name, 'live');
        } else if (call.kind === 'free' && call.offset === 0 && call.base !== undefined) {
          names.set(call.base, 'freed');
        }
        calls.push({ ...call, text: textOf(call), line: at + 1 });
      } catch (error) {
        mistakes.push({ line: at + 1, message: error.message });
      }
    }
  }
  return { calls, mistakes };
}

/** A call as one types it. */
function textOf(call) {
  if (call.kind === 'malloc')
    return call.isNamed === false ? `malloc(${call.size})` : `${call.name} = malloc(${call.size})`;
  const { kind, base, offset } = call;
  if (base === undefined) return `${kind}(${offset})`;
  if (offset === 0) return `${kind}(${base})`;
  return `${kind}(${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
}

/** The program of an exercise, as one types it. Requests for given holes need no names. */
function programOf({ calls, isProgram }) {
  const lines = calls.map(({ kind, name, size }) => {
    if (!isProgram) return `malloc(${size})`;
    return textOf(
      kind === 'malloc'
        ? { kind, name: blockName(name), size }
        : { kind, base: blockName(name), offset: 0 },
    );
  });
  return lines.join('\n');
}

module.exports = { blockName, linesOf, MOST, parse, parseAddress, programOf };
