// Maps over the blocks of a heap: keys and values that all threads, and with a heap file all processes, have in common.
//
// What needs no class is a function of this file, since the first versions of Node 14 do not know private methods.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');
const util = require('util');
const binding = require('../binding.js');
const { isRecord, refuseOthers, wrongType } = require('./arguments.js');
const { waitAsync } = require('./heap-files.js');
const { INSPECT } = require('./inspect.js');
const { COUNTER, copied, decoded, decodedFor, encodingOf, nameOf } = require('./map-encodings.js');

/** What a value is copied to first: making a Buffer of a part of it is quicker than having the addon make one. */
const scratch = Buffer.alloc(64 * 1024);

/** The addon adds the number of a value's encoding, and one, to its length by this factor, if it is not the map's. */
const ABOVE = 2 ** 32;

/** What {@link read} returns if there is no value, and {@link ifRoom} if there is no room: a value can be undefined, too. */
const NONE = Symbol('none');

const OPTIONS = ['encoding', 'maxBytes', 'maxEntries', 'ttl', 'shards', 'checksum'];
const CALL_OPTIONS = ['ttl'];
const FETCH_OPTIONS = ['ttl', 'lease'];

/** Options, of which all are known. */
function known(options, names, call) {
  if (options === undefined) return {};
  if (!isRecord(options)) throw wrongType('options', 'an object', options);
  refuseOthers(options, names, call, known);
  return options;
}

/** The whole milliseconds of an option, at most `Number.MAX_SAFE_INTEGER`. */
function millisecondsOf(name, given) {
  if (typeof given !== 'number' || !(given >= 0))
    throw wrongType(`options.${name}`, 'milliseconds, from 0', given);
  return Math.min(Math.ceil(given), Number.MAX_SAFE_INTEGER);
}

/** A time to live in whole milliseconds; 0: for ever. */
function ttlOf(ttl, otherwise) {
  if (ttl === undefined) return otherwise;
  const milliseconds = millisecondsOf('ttl', ttl);
  return milliseconds === Number.MAX_SAFE_INTEGER ? 0 : milliseconds;
}

/** For how long a process may take to make a value before others do, in milliseconds. */
const LEASE = 30_000;

/** How long is waited for another process's value before it is asked whether that process lives, in milliseconds. */
const PATIENCE = 50;

/** How often threads look for each other's values in a heap in memory, in milliseconds: longer and longer. */
const NAPS = [1, 25];

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What a key is known by among the calls under way in a thread. */
const callOf = (key) => (typeof key === 'string' ? `s${key}` : `b${key.toString('latin1')}`);

/** A key that stays as it is while a value is made. */
const keptKey = (key) => (typeof key === 'string' ? key : Buffer.from(key));

/** The value of a key in the map of a number, or {@link NONE}. `isUse`: whether its entry stays longer for that. */
function read(map, encoding, key, isUse) {
  const length = binding.mapGet(map, key, scratch, isUse);
  if (length === -1) return NONE;
  if (length <= scratch.length) return encoding.decode(scratch, length);
  const found = whole(map, key, length);
  if (found === undefined) return NONE;
  const [bytes, size, number] = found;
  return number === -1 ? encoding.decode(bytes, size) : decodedFor(encoding, number, bytes, size);
}

/**
 * The bytes of a value, of which the addon has `said` the length with the scratch: `[bytes, length, number]`, where the number is its encoding's,
 * or -1 if that is the map's.
 */
function whole(map, key, said) {
  let bytes = scratch;
  while (said !== -1 && said % ABOVE > bytes.length) {
    // Another process may have set a longer one meanwhile.
    bytes = Buffer.allocUnsafeSlow(said % ABOVE);
    said = binding.mapGet(map, key, bytes, false);
  }
  return said === -1 ? undefined : [bytes, said % ABOVE, Math.floor(said / ABOVE) - 1];
}

/** The entries of one shard after another: each as its key, and the bytes and flags of its value. */
function* listed(map, hasValues) {
  const shards = binding.mapStats(map)[6];
  for (let shard = 0; shard < shards; shard++) {
    const { numbers, bytes } = binding.mapList(map, shard, hasValues);
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (let i = 0; i < numbers.length; i += 3) {
      const [keyBytes, valueBytes, flags] = numbers.slice(i, i + 3);
      const key = all.subarray(at, at + keyBytes);
      const value = all.subarray(at + keyBytes, at + keyBytes + valueBytes);
      at += keyBytes + valueBytes;
      yield [(flags & 0x100) === 0 ? Buffer.from(key) : key.toString(), value, flags];
    }
  }
}

/** The value that bytes of an entry with some flags are, for a reader with an encoding. */
function entryValue(encoding, bytes, flags) {
  const number = (flags & 0xff) === 1 ? COUNTER : (flags >>> 16) & 0xff;
  return decodedFor(encoding, number, bytes, bytes.length);
}

/** {@link read} for what a SharedMap has, which counts what is found. */
function counted(of, key, isUse) {
  const value = read(of.map, of.encoding, key, isUse);
  if (value === NONE) of.misses++;
  else of.hits++;
  return value;
}

/** The codes of errors that say that there is no room for an entry. */
const NO_ROOM = ['ERR_MEMS_OUT_OF_MEMORY', 'ERR_MEMS_OUT_OF_SPACE', 'ERR_MEMS_TOO_LARGE'];

/** Returns what `change` returns, or {@link NONE} if there is no room for what it puts into the map. */
function ifRoom(change) {
  try {
    return change();
  } catch (error) {
    if (!NO_ROOM.includes(error.code)) throw error;
    return NONE;
  }
}

/** Makes the value of a key, or waits for the one that another thread or process makes. `of` is what a SharedMap has. */
async function makeOrWait(of, key, make, ttl, lease) {
  const { heap, map, encoding, isInFile } = of;
  let [nap, longest] = NAPS;
  for (;;) {
    const leased = ifRoom(() => binding.mapLease(map, key, lease));
    if (leased === NONE) {
      const value = await make(key);
      if (value !== undefined) of.unkept++;
      return value;
    } else if (leased === 0) {
      const value = read(map, encoding, key, true);
      // Without a value, it has gone meanwhile.
      if (value !== NONE) return value;
    } else if (typeof leased === 'number') {
      return makeWith(of, leased, key, make, ttl);
    } else if (isInFile) {
      const [word, seen] = leased;
      await waitAsync(heap(), word, seen, PATIENCE);
    } else {
      await sleep(nap);
      nap = Math.min(2 * nap, longest);
    }
  }
}

/** Makes the value of a key with the lease of a token. */
async function makeWith(of, token, key, make, ttl) {
  const { map, encoding } = of;
  let value;
  try {
    value = await make(key);
    if (value !== undefined) {
      const bytes = encoding.encode(value);
      // Not if the key has been set or removed meanwhile: what was made may be of before that.
      if (ifRoom(() => binding.mapSetLeased(map, key, bytes, ttl, token)) !== true) of.unkept++;
    }
  } catch (error) {
    try {
      binding.mapGiveBack(map, key, token);
    } catch (_) {
      // The heap has ended, and its leases with it: why there is no value matters more.
    }
    throw error;
  }
  binding.mapGiveBack(map, key, token);
  return value;
}

class SharedMap {
  // What functions of this file need of it: a function for the `heap`, the number of the `map`, its `encoding`, whether it `isInFile`, and
  // how many values were found, not found, and made without room for them: `hits`, `misses` and `unkept`.
  #of;
  #name;
  #ttl;
  // Calls of fetch under way, by key.
  #making = new Map();

  /** The map of a name in the heap with the id that `heap` returns. */
  constructor(heap, name, given, isInFile) {
    const options = known(given, OPTIONS, 'heap.map()');
    if (options.checksum !== undefined && typeof options.checksum !== 'boolean')
      throw wrongType('options.checksum', 'a boolean', options.checksum);
    this.#name = name;
    const encoding = encodingOf(options.encoding);
    this.#ttl = ttlOf(options.ttl, 0);
    const { maxBytes, maxEntries, shards, checksum } = options;
    const map = binding.mapOpen(
      heap(),
      name,
      encoding.number,
      maxBytes === Number.POSITIVE_INFINITY ? 0 : maxBytes,
      maxEntries === Number.POSITIVE_INFINITY ? 0 : maxEntries,
      shards,
      checksum,
    );
    this.#of = { heap, map, encoding, isInFile, hits: 0, misses: 0, unkept: 0 };
  }

  get name() {
    return this.#name;
  }

  get(key) {
    const value = counted(this.#of, key, true);
    return value === NONE ? undefined : value;
  }

  peek(key) {
    const value = counted(this.#of, key, false);
    return value === NONE ? undefined : value;
  }

  /**
   * The value of a key as it is kept, for `mems map`: `{ encoding, bytes }`, with the name of the encoding, 'counter', or 'other' for
   * functions of a program's own. `undefined`: there is none.
   */
  static stored(sharedMap, key) {
    const { map, encoding } = sharedMap.#of;
    const found = whole(map, key, binding.mapGet(map, key, scratch, false));
    if (found === undefined) return undefined;
    const [bytes, size, said] = found;
    return {
      encoding: nameOf(said === -1 ? encoding.number : said),
      bytes: copied(bytes, size),
    };
  }

  getInto(key, into) {
    const length = binding.mapGet(this.#of.map, key, into, true);
    if (length === -1) this.#of.misses++;
    else this.#of.hits++;
    return length < ABOVE ? length : length % ABOVE;
  }

  has(key) {
    return binding.mapGet(this.#of.map, key, null, false) !== -1;
  }

  set(key, value, options) {
    const ttl =
      options === undefined
        ? this.#ttl
        : ttlOf(known(options, CALL_OPTIONS, 'set()').ttl, this.#ttl);
    binding.mapSet(this.#of.map, key, this.#of.encoding.encode(value), ttl);
    return this;
  }

  delete(key) {
    return binding.mapDelete(this.#of.map, key);
  }

  clear() {
    binding.mapClear(this.#of.map);
  }

  increment(key, by = 1, options) {
    const ttl = ttlOf(known(options, CALL_OPTIONS, 'increment()').ttl, 0);
    return binding.mapIncrement(this.#of.map, key, by, ttl);
  }

  compareAndSet(key, expected, value, options) {
    const ttl = ttlOf(known(options, CALL_OPTIONS, 'compareAndSet()').ttl, this.#ttl);
    const before =
      expected === undefined ? undefined : this.#of.encoding.encode(expected, 'expected');
    return binding.mapCompareAndSet(
      this.#of.map,
      key,
      before,
      this.#of.encoding.encode(value),
      ttl,
    );
  }

  async fetch(given, make, options) {
    if (typeof make !== 'function') throw wrongType('make', 'a function', make);
    const { ttl, lease = LEASE } = known(options, FETCH_OPTIONS, 'fetch()');
    const lifetime = ttlOf(ttl, this.#ttl);
    const patience = millisecondsOf('lease', lease);
    const found = counted(this.#of, given, true);
    if (found !== NONE) return found;
    const key = keptKey(given);
    const call = callOf(key);
    let making = this.#making.get(call);
    if (making === undefined) {
      making = makeOrWait(this.#of, key, make, lifetime, patience);
      this.#making.set(call, making);
      const end = () => this.#making.delete(call);
      making.then(end, end);
    }
    return making;
  }

  get size() {
    return binding.mapStats(this.#of.map)[0];
  }

  stats() {
    const [entries, bytes, maxBytes, maxEntries, evictions, expirations, shards, slots] =
      binding.mapStats(this.#of.map);
    return {
      entries,
      bytes,
      maxBytes: maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes,
      maxEntries: maxEntries === 0 ? Number.POSITIVE_INFINITY : maxEntries,
      evictions,
      expirations,
      shards,
      slots,
      hits: this.#of.hits,
      misses: this.#of.misses,
      unkept: this.#of.unkept,
    };
  }

  *entries() {
    for (const [key, bytes, flags] of listed(this.#of.map, true))
      yield [key, entryValue(this.#of.encoding, bytes, flags)];
  }

  *keys() {
    for (const [key] of listed(this.#of.map, false)) yield key;
  }

  *values() {
    for (const [, bytes, flags] of listed(this.#of.map, true))
      yield entryValue(this.#of.encoding, bytes, flags);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  /** What console.log() shows, rather than an object that looks empty. It never throws: a heap may be closed, and `this` no map. */
  [INSPECT](depth, options, inspectInside = util.inspect) {
    if (depth < 0) return '[SharedMap]';
    try {
      const { entries, bytes, maxBytes, maxEntries } = this.stats();
      return `SharedMap ${inspectInside({ name: this.#name, entries, bytes, maxBytes, maxEntries }, options)}`;
    } catch ({ code }) {
      return code === 'ERR_MEMS_CLOSED' ? 'SharedMap { closed: true }' : '[SharedMap]';
    }
  }
}

module.exports = { decoded, SharedMap };
