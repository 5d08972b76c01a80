// mems map: the maps of a heap file, and what is in them.

'use strict';

const { Failure, STATUS, unknown } = require('./lib/failure.js');
const { facts } = require('./lib/facts.js');
const { checkThere } = require('./lib/files.js');
const { isHeapFile, printable } = require('./lib/heap-file.js');
const maps = require('./lib/maps.js');
const { bytes, count, parseWhole, plural } = require('./lib/numbers.js');
const { table } = require('./lib/text.js');

const most = (limit, shown) => (limit === null ? 'none' : shown(limit));

/** All maps of a file. */
function list(context, file) {
  const found = maps.mapsOf(file);
  const status = found.every(({ stats }) => stats !== undefined) ? STATUS.done : STATUS.no;
  if (context.json) {
    const rows = found.map(({ name, stats }) => ({ name, ok: stats !== undefined, ...stats }));
    context.printJson('map', { file, maps: rows });
    return status;
  }
  if (found.length === 0) {
    context.print(`${printable(file)} has no maps.`);
    return status;
  }
  const of = (is) => ({
    is: ({ stats }) => (stats === undefined ? 'damaged' : is(stats)),
  });
  const columns = [
    { title: 'map', align: 'left', is: ({ name }) => printable(name) },
    { title: 'entries', ...of(({ entries }) => count(entries)) },
    { title: 'bytes', ...of((stats) => bytes(stats.bytes)) },
    { title: 'most entries', ...of(({ maxEntries }) => most(maxEntries, count)) },
    { title: 'most bytes', ...of(({ maxBytes }) => most(maxBytes, bytes)) },
  ];
  context.print(...table(columns, found, context));
  return status;
}

/** What a map counts. */
function stats(context, file, name) {
  const found = maps.mapStats(file, name);
  if (context.json) return context.printJson('map', { file, map: name, stats: found });
  context.print(
    `${printable(name)}   map of ${printable(file)}`,
    ...facts('entries', [count(found.entries), `most ${most(found.maxEntries, count)}`], context),
    ...facts('memory', [bytes(found.bytes), `most ${most(found.maxBytes, bytes)}`], context),
    ...facts(
      'removed',
      [`${count(found.evictions)} evicted`, `${count(found.expirations)} expired`],
      context,
    ),
    ...facts('tables', [plural(found.shards, 'shard'), plural(found.slots, 'slot')], context),
  );
}

/** A key as a line: bytes that are no text as digits. */
function lineOf(key) {
  const { key: text, keyHex } = maps.jsonOfKey(key);
  return text === undefined ? `0x${keyHex}` : printable(text);
}

/** The keys of a map. */
function keys(context, file, name, { limit, prefix }) {
  const found = [];
  const more = maps.eachKey(file, name, { most: limit, prefix }, (key) => {
    if (context.json) found.push(maps.jsonOfKey(key));
    else context.print(lineOf(key));
  });
  if (context.json) return context.printJson('map', { file, map: name, keys: found, more });
  if (more) context.warn('there are more keys.');
}

/** The bytes of a key that is given as digits. */
function parseHex(text) {
  const digits = text.replace(/^0x/i, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits))
    throw new Failure(`"${text}" is no key as hexadecimal digits: write some as in 0x00ff.`);
  return Buffer.from(digits, 'hex');
}

/** Encodings by which any bytes can be decoded, also of a file that is damaged or forged. */
const DECODED = ['string', 'json', 'counter'];

/** The value of a key. */
function get(context, file, name, { hex, raw, v8 }, given) {
  if (given === undefined)
    throw new Failure('name a key, as in mems map app.heap pages get /home.');
  if (raw && context.json) throw new Failure('--raw and --json exclude each other.');
  const key = hex ? parseHex(given) : given;
  const decodes = raw ? [] : [...DECODED, ...(v8 ? ['v8'] : [])];
  const found = maps.readValue(file, name, key, decodes);
  if (context.json) {
    const value =
      found === undefined
        ? undefined
        : { encoding: found.encoding, bytes: found.bytes.length, ...maps.jsonOf(found) };
    const of = { file, map: name, ...maps.jsonOfKey(key) };
    context.printJson('map', { ...of, found: value !== undefined, ...value });
  } else if (found === undefined) {
    context.warn(`${printable(name)} has no value for ${lineOf(key)}.`);
  } else if (raw) {
    context.stdout.write(found.bytes);
  } else if (found.bytes.length > 0) {
    context.print(maps.textOf(found, context.width));
  }
  return found === undefined ? STATUS.no : STATUS.done;
}

/** What is printed of a map, and how many arguments follow. */
const VIEWS = { stats: [stats, 0], keys: [keys, 0], get: [get, 1] };

async function run(context, [file, name, what = 'stats', ...args], options) {
  if (file === undefined) throw new Failure('name a heap file, as in mems map app.heap.');
  checkThere(file);
  if (!isHeapFile(file))
    throw new Failure(`${printable(file)} is no heap file, so it has no maps.`);
  if (name === undefined) return list(context, file);
  if (!Object.hasOwn(VIEWS, what)) throw unknown('view of a map', what, Object.keys(VIEWS));
  const [view, takes] = VIEWS[what];
  if (args.length > takes)
    throw new Failure(`"${args[takes]}" is one argument too many; see mems help map.`);
  return view(context, file, name, options, ...args);
}

module.exports = {
  name: 'map',
  summary: 'the maps of a heap file: what they have, their keys and values',
  usage: 'FILE [NAME ...] [options]',
  description: [
    'Lists the maps of FILE, a heap file in which heap.map() has made some: how many entries each has, with those that have expired and have not been removed yet, the bytes of all its blocks, and its limits. What follows NAME is stats, which is what that map counts, and can be left out; keys, its keys in no order; or get KEY, the value of a key.',
    'FILE is opened for reading only, no lock is taken, and processes that use it neither wait nor notice. Entries that are looked at are evicted as if they had not been.',
    'A value is printed by the encoding that its entry says: text, JSON, a counter as a number; all others as hexadecimal digits. With --v8 what v8.serialize() has made is printed as Node.js shows objects: v8.deserialize() is not made for bytes of others, so use it only if you trust all who write to FILE. Control characters are printed as question marks.',
  ],
  most: 4,
  options: [
    ['--limit <number>', 'of keys, print so many at most', parseWhole(1)],
    ['--prefix <text>', 'of keys, print those that begin with it'],
    ['--hex', 'of get, KEY is hexadecimal digits, for keys that are no text'],
    ['--v8', 'of get, decode a value that v8.serialize() has made; for files that you trust'],
    ['--raw', 'of get, print the bytes of the value as they are, and nothing else'],
  ],
  status: {
    0: 'Done.',
    1: 'The key has no value, or a map is damaged.',
  },
  examples: [
    { run: 'mems map cache.heap', says: 'The maps of a file.' },
    {
      run: 'mems map cache.heap pages',
      says: 'What a map has, and what has become of its entries.',
    },
    { run: 'mems map cache.heap pages keys --prefix /n --limit 10', says: 'Some of its keys.' },
    { run: 'mems map cache.heap pages get /home', says: 'A value, by its own encoding.' },
    {
      run: 'mems map cache.heap pages get /home --raw > home.html',
      says: 'The bytes of a value.',
    },
    { run: 'mems map cache.heap pages get /none', says: 'A key without a value.', status: 1 },
  ],
  run,
};
