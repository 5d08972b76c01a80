// Maps over the blocks of a heap: keys and values that all threads, and with a heap file all processes, have in common.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');
const util = require('util');
const v8 = require('v8');
const binding = require('../binding.js');
const { fail, hasOwn, isRecord, refuseOthers, wrongType } = require('./arguments.js');
const { waitAsync } = require('./heap-files.js');
const { INSPECT } = require('./inspect.js');

/** What a value is copied to first: making a Buffer of a part of it is quicker than having the addon make one. */
const scratch = Buffer.alloc(64 * 1024);

/** The addon adds the number of a value's encoding, and one, to its length by this factor, if it is not the map's. */
const ABOVE = 2 ** 32;

/** The number of the encoding of counters. */
const COUNTER = 511;

/** The number of the encoding of a codec of the program's own. */
const OWN = 255;

/** The error for bytes that are not what their entry says: only damage changes the one or the other. */
function noValue(expected, { message }) {
  const text = `A value in a map is not ${expected}: ${message}`;
  return fail(Error, 'ERR_MEMS_CORRUPT', text, noValue);
}

/** A Buffer of its own with the first `length` bytes. */
const copied = (bytes, length) => Buffer.from(bytes.subarray(0, length));

/** The number that the first `length` bytes of a counter are. */
function counterOf(bytes, length) {
  if (length !== 8) throw noValue('a number', { message: `a counter has ${length} bytes` });
  return bytes.readBigInt64LE(0);
}

/** How values are encoded, by name: the number that entries have, and how they become bytes and values again. */
const ENCODINGS = {
  binary: {
    number: 0,
    encode: (value) => value,
    decode: copied,
  },
  string: {
    number: 1,
    encode(value) {
      if (typeof value !== 'string') throw wrongType('value', 'a string', value);
      return value;
    },
    decode: (bytes, length) => bytes.toString('utf8', 0, length),
  },
  json: {
    number: 2,
    encode(value) {
      const text = JSON.stringify(value);
      if (text === undefined) throw wrongType('value', 'what JSON can have', value);
      return text;
    },
    decode(bytes, length) {
      try {
        return JSON.parse(bytes.toString('utf8', 0, length));
      } catch (error) {
        throw noValue('JSON', error);
      }
    },
  },
  v8: {
    number: 3,
    encode: (value) => v8.serialize(value),
    decode(bytes, length) {
      try {
        return v8.deserialize(copied(bytes, length));
      } catch (error) {
        throw noValue('what v8.serialize() makes', error);
      }
    },
  },
};

const NAMES = Object.keys(ENCODINGS);
const BY_NUMBER = Object.values(ENCODINGS);

/** The encoding that options ask for. */
function encodingOf(encoding = 'binary') {
  if (typeof encoding === 'string' && hasOwn(ENCODINGS, encoding)) return ENCODINGS[encoding];
  if (
    isRecord(encoding) &&
    typeof encoding.encode === 'function' &&
    typeof encoding.decode === 'function'
  ) {
    return {
      number: OWN,
      encode: (value) => encoding.encode(value),
      decode: (bytes, length) => encoding.decode(copied(bytes, length)),
    };
  }
  const expected = `one of ${NAMES.map((name) => `'${name}'`).join(', ')}, or an object with encode and decode`;
  throw wrongType('options.encoding', expected, encoding);
}

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

/** What stands for no value where `undefined` may be a value, as with `encoding: 'v8'`. */
const GONE = Symbol('gone');

/** For how long a process may take to make a value before others do, in milliseconds. */
const LEASE = 30_000;

/** How long is waited for another process's value before it is asked whether that process lives, in milliseconds. */
const PATIENCE = 50;

/** How often threads look for each other's values in a heap in memory, in milliseconds: longer and longer. */
const NAPS = [1, 25];

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What a key is known by among the calls under way in a thread. */
const nameOf = (key) =>
  typeof key === 'string' ? `s${key}` : `b${Buffer.from(key).toString('latin1')}`;

class SharedMap {
  #heap;
  #map;
  #name;
  #encoding;
  #ttl;
  #isInFile;
  // Calls of fetch under way, by key.
  #making = new Map();
  #hits = 0;
  #misses = 0;

  /** The map of a name in the heap with the id that `heap` returns. */
  constructor(heap, name, given, isInFile) {
    const options = known(given, OPTIONS, 'heap.map()');
    if (options.checksum !== undefined && typeof options.checksum !== 'boolean')
      throw wrongType('options.checksum', 'a boolean', options.checksum);
    this.#heap = heap;
    this.#name = name;
    this.#isInFile = isInFile;
    this.#encoding = encodingOf(options.encoding);
    this.#ttl = ttlOf(options.ttl, 0);
    const { maxBytes, maxEntries, shards, checksum } = options;
    this.#map = binding.mapOpen(
      heap(),
      name,
      this.#encoding.number,
      maxBytes === Number.POSITIVE_INFINITY ? 0 : maxBytes,
      maxEntries === Number.POSITIVE_INFINITY ? 0 : maxEntries,
      shards,
      checksum,
    );
  }

  get name() {
    return this.#name;
  }

  get(key) {
    return this.#read(key, true);
  }

  peek(key) {
    return this.#read(key, false);
  }

  /** Returns the value of a key, or `none`. */
  #read(key, isUse, none) {
    const length = binding.mapGet(this.#map, key, scratch, isUse);
    if (length === -1) {
      this.#misses++;
      return none;
    }
    this.#hits++;
    if (length <= scratch.length) return this.#encoding.decode(scratch, length);
    return this.#readOther(key, length, none);
  }

  /** The bytes of a value, of which the addon has `said` the length with the scratch: `[bytes, length, number of the encoding]`. */
  #whole(key, length) {
    let bytes = scratch;
    let said = length;
    while (said !== -1 && said % ABOVE > bytes.length) {
      // Another process may have set a longer one meanwhile.
      bytes = Buffer.allocUnsafeSlow(said % ABOVE);
      said = binding.mapGet(this.#map, key, bytes, false);
    }
    return said === -1 ? undefined : [bytes, said % ABOVE, Math.floor(said / ABOVE) - 1];
  }

  /** Reads a value that is longer than the scratch, or encoded in another way. */
  #readOther(key, length, none) {
    const whole = this.#whole(key, length);
    if (whole === undefined) return none;
    const [bytes, size, number] = whole;
    if (number === -1) return this.#encoding.decode(bytes, size);
    if (number === COUNTER) return counterOf(bytes, size);
    const encoding = BY_NUMBER[number];
    return encoding === undefined ? copied(bytes, size) : encoding.decode(bytes, size);
  }

  /**
   * The value of a key as it is kept, for `mems map`: `{ encoding, bytes }`, with the name of the encoding, 'counter', or 'other' for
   * functions of a program's own. `undefined`: there is none.
   */
  static stored(map, key) {
    const whole = map.#whole(key, binding.mapGet(map.#map, key, scratch, false));
    if (whole === undefined) return undefined;
    const [bytes, size, said] = whole;
    const number = said === -1 ? map.#encoding.number : said;
    const encoding = number === COUNTER ? 'counter' : (NAMES[number] ?? 'other');
    return { encoding, bytes: copied(bytes, size) };
  }

  getInto(key, into) {
    // The addon takes anything else for an array without room.
    if (!util.types.isUint8Array(into)) throw wrongType('into', 'a Buffer or a Uint8Array', into);
    const length = binding.mapGet(this.#map, key, into, true);
    if (length === -1) this.#misses++;
    else this.#hits++;
    return length < ABOVE ? length : length % ABOVE;
  }

  has(key) {
    return binding.mapGet(this.#map, key, undefined, false) !== -1;
  }

  set(key, value, options) {
    const ttl =
      options === undefined
        ? this.#ttl
        : ttlOf(known(options, CALL_OPTIONS, 'set()').ttl, this.#ttl);
    binding.mapSet(this.#map, key, this.#encoding.encode(value), ttl);
    return this;
  }

  delete(key) {
    return binding.mapDelete(this.#map, key);
  }

  clear() {
    binding.mapClear(this.#map);
  }

  increment(key, by = 1) {
    return binding.mapIncrement(this.#map, key, by);
  }

  compareAndSet(key, expected, value, options) {
    const ttl = ttlOf(known(options, CALL_OPTIONS, 'compareAndSet()').ttl, this.#ttl);
    const before = expected === undefined ? undefined : this.#encoding.encode(expected);
    return binding.mapCompareAndSet(this.#map, key, before, this.#encoding.encode(value), ttl);
  }

  async fetch(key, make, options) {
    const found = this.get(key);
    if (found !== undefined) return found;
    if (typeof make !== 'function') throw wrongType('make', 'a function', make);
    const { ttl, lease = LEASE } = known(options, FETCH_OPTIONS, 'fetch()');
    const name = nameOf(key);
    let making = this.#making.get(name);
    if (making === undefined) {
      making = this.#make(key, make, ttlOf(ttl, this.#ttl), millisecondsOf('lease', lease));
      this.#making.set(name, making);
      const end = () => this.#making.delete(name);
      making.then(end, end);
    }
    return making;
  }

  /** Makes the value of a key, or waits for the one that another thread or process makes. */
  async #make(key, make, ttl, lease) {
    let [nap, longest] = NAPS;
    for (;;) {
      const leased = binding.mapLease(this.#map, key, lease);
      if (leased === 0) {
        const value = this.#read(key, true, GONE);
        if (value !== GONE) return value;
      } else if (typeof leased === 'number') {
        return await this.#makeWith(leased, key, make, ttl);
      } else if (this.#isInFile) {
        const [word, seen] = leased;
        await waitAsync(this.#heap(), word, seen, PATIENCE);
      } else {
        await sleep(nap);
        nap = Math.min(2 * nap, longest);
      }
    }
  }

  async #makeWith(token, key, make, ttl) {
    try {
      const value = await make(key);
      if (value !== undefined) binding.mapSet(this.#map, key, this.#encoding.encode(value), ttl);
      return value;
    } finally {
      binding.mapGiveBack(this.#map, key, token);
    }
  }

  get size() {
    return binding.mapStats(this.#map)[0];
  }

  stats() {
    const [entries, bytes, maxBytes, maxEntries, evictions, expirations, shards, slots] =
      binding.mapStats(this.#map);
    return {
      entries,
      bytes,
      maxBytes: maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes,
      maxEntries: maxEntries === 0 ? Number.POSITIVE_INFINITY : maxEntries,
      evictions,
      expirations,
      shards,
      slots,
      hits: this.#hits,
      misses: this.#misses,
    };
  }

  /** The entries of one shard after another: each as its key, and the bytes and flags of its value. */
  *#listed(hasValues) {
    const shards = binding.mapStats(this.#map)[6];
    for (let shard = 0; shard < shards; shard++) {
      const { numbers, bytes } = binding.mapList(this.#map, shard, hasValues);
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

  #decoded(bytes, flags) {
    if ((flags & 0xff) === 1) return counterOf(bytes, bytes.length);
    const number = (flags >>> 16) & 0xff;
    const own = number === this.#encoding.number ? this.#encoding : BY_NUMBER[number];
    return own === undefined ? Buffer.from(bytes) : own.decode(bytes, bytes.length);
  }

  *entries() {
    for (const [key, bytes, flags] of this.#listed(true)) yield [key, this.#decoded(bytes, flags)];
  }

  *keys() {
    for (const [key] of this.#listed(false)) yield key;
  }

  *values() {
    for (const [, bytes, flags] of this.#listed(true)) yield this.#decoded(bytes, flags);
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

/** What {@link SharedMap.stored} has found, decoded. */
function decoded({ encoding, bytes }) {
  if (encoding === 'counter') return bytes.readBigInt64LE(0);
  return hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding].decode(bytes, bytes.length) : bytes;
}

module.exports = { decoded, SharedMap };
