// A program as a profile, which pprof and speedscope open: blocks and bytes, all that were allocated and those in use at the end, by call
// stack, if there are stacks in the recording. Otherwise by size: powers of two are in the place of functions.
//
// A realloc in place is no allocation: its block stays with the stack of the malloc, and what it has grown by is allocated there.
//
// The format is profile.proto of pprof, gzipped.

'use strict';

const { gzipSync } = require('node:zlib');
const { NO_BLOCK } = require('../recorded.js');
const { KIND } = require('../recordings.js');
const { readAll } = require('../replay-file.js');
const { bytes, message, number, numbers } = require('./protobuf.js');

const TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
];
const [PROFILE, VALUE_TYPE, SAMPLE, LOCATION, LINE, FUNCTION] = [
  { types: 1, samples: 2, locations: 4, functions: 5, strings: 6, time: 9, default: 14 },
  { type: 1, unit: 2 },
  { locations: 1, values: 2 },
  { id: 1, line: 4 },
  { function: 1, line: 2 },
  { id: 1, name: 2, systemName: 3, file: 4 },
];

/** Numbers things from 1, in the order in which they come. */
class Numbered {
  #numbers = new Map();
  things = [];

  of(key, thing) {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.things.push(thing);
    this.#numbers.set(key, this.things.length);
    return this.things.length;
  }
}

/** The frames of a stack, the innermost first, as { name, file, line }. */
function framesOf(text) {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/^at /, ''))
    .filter((line) => line !== '')
    .map((line) => {
      const [, named, place] = /^(.*?) \((.*)\)$/.exec(line) ?? [undefined, undefined, line];
      const [, file, number] = /^(.*?):(\d+)(?::\d+)?$/.exec(place) ?? [undefined, place, '0'];
      return {
        name: named ?? (file === place ? place : '(anonymous)'),
        file,
        line: Number(number),
      };
    });
}

/** The frame that is in the place of a function for blocks of a size. */
function frameOf(size) {
  const most = 2 ** Math.max(4, Math.ceil(Math.log2(Math.max(1, size))));
  const least = most === 16 ? 1 : most / 2 + 1;
  return { name: `blocks of ${least} to ${most} bytes`, file: '', line: 0 };
}

/** Counts what is allocated and in use, by site. */
class Sites {
  #sites = new Map();
  // By id of the block: its site and its size.
  #live = [];

  /** The site of a stack, by its number. */
  ofStack(number, frames) {
    return this.#site(number, true, frames);
  }

  /** The site of blocks whose stack is not known. */
  ofFrame(frame) {
    return this.#site(frame.name, false, () => [frame]);
  }

  #site(key, isStack, frames) {
    let site = this.#sites.get(key);
    if (site === undefined) {
      site = { isStack, frames: frames(), values: [0, 0, 0, 0] };
      this.#sites.set(key, site);
    }
    return site;
  }

  allocate(id, site, size) {
    site.values[0] += 1;
    site.values[1] += size;
    this.#use(site, 1, size);
    this.#live[id] = { site, size };
  }

  resize(id, size) {
    const block = this.#live[id];
    if (block === undefined) return;
    const grown = Math.max(0, size - block.size);
    this.#use(block.site, -1, -block.size);
    if (!block.site.isStack) block.site = this.ofFrame(frameOf(size));
    this.#use(block.site, 1, size);
    block.site.values[1] += grown;
    block.size = size;
  }

  free(id) {
    const block = this.#live[id];
    if (block === undefined) return;
    this.#use(block.site, -1, -block.size);
    this.#live[id] = undefined;
  }

  #use({ values }, blocks, size) {
    values[2] += blocks;
    values[3] += size;
  }

  all() {
    return [...this.#sites.values()];
  }
}

/** The bytes of a profile. */
function encode(sites, milliseconds) {
  const strings = ['', ...new Set(TYPES.flat())];
  const known = new Map(strings.map((text, at) => [text, at]));
  const text = (string) => {
    if (!known.has(string)) known.set(string, strings.push(string) - 1);
    return known.get(string);
  };
  const functions = new Numbered();
  const locations = new Numbered();
  const locate = ({ name, file, line }) => {
    const own = functions.of(`${name}\n${file}`, { name, file });
    return locations.of(`${own}:${line}`, { function: own, line });
  };
  const samples = sites.map(({ frames, values }) => {
    const ids = numbers(SAMPLE.locations, frames.map(locate));
    return message(PROFILE.samples, [ids, numbers(SAMPLE.values, values)]);
  });
  const parts = [
    ...TYPES.map(([type, unit]) => {
      const fields = [number(VALUE_TYPE.type, text(type)), number(VALUE_TYPE.unit, text(unit))];
      return message(PROFILE.types, fields);
    }),
    ...samples,
    ...locations.things.map((each, at) => {
      const line = [number(LINE.function, each.function), number(LINE.line, each.line)];
      return message(PROFILE.locations, [
        number(LOCATION.id, at + 1),
        message(LOCATION.line, line),
      ]);
    }),
    ...functions.things.map(({ name, file }, at) => {
      return message(PROFILE.functions, [
        number(FUNCTION.id, at + 1),
        number(FUNCTION.name, text(name)),
        number(FUNCTION.systemName, text(name)),
        number(FUNCTION.file, text(file)),
      ]);
    }),
    number(PROFILE.time, BigInt(Math.round(milliseconds)) * 1_000_000n),
    number(PROFILE.default, text('inuse_space')),
  ];
  return Buffer.concat([...parts, ...strings.map((string) => bytes(PROFILE.strings, string))]);
}

async function write(source, ledger, append, context) {
  const { recording } = source;
  const stacks = recording?.stacks ? recording.stackTexts() : new Map();
  const sites = new Sites();
  const siteFor = (is, stack, size) => {
    const frames = stacks.get(stack);
    if (frames !== undefined) return sites.ofStack(stack, () => framesOf(frames));
    if (is === KIND.block)
      return sites.ofFrame({ name: 'before the recording', file: '', line: 0 });
    return sites.ofFrame(frameOf(size));
  };
  await readAll(source, context, (some) => {
    const { count, kind, block, size, stack } = some;
    for (let at = 0; at < count; at++) {
      ledger.add(some, at);
      const [is, id] = [kind[at], block[at]];
      if (is < KIND.block || is > KIND.realloc || id === NO_BLOCK) continue;
      if (is === KIND.free) sites.free(id);
      else if (is === KIND.realloc) sites.resize(id, size[at]);
      else sites.allocate(id, siteFor(is, stack?.[at], size[at]), size[at]);
    }
  });
  append(gzipSync(encode(sites.all(), recording?.header.time ?? 0)));
}

module.exports = { write };
