'use strict';

// Opens a heap file with maps again and again, each time with other damages, and makes every call that maps have. Every call returns, or
// throws an error with a code: the process that runs this shows that by its end.
//
// Argument: the path of a JSON file, { sound, torn, harms }: a sound file, a path for damaged ones, and a list of `{ bytes, late }`:
// `bytes` are pairs of an offset in the file and the number that its byte is changed by, by exclusive or; `late`: the maps are open when
// that happens. Prints how often each code was thrown, as JSON. The harm that is tried is in the file `torn`.at.

const fs = require('node:fs');
const { Heap } = require('../..');
const { remove } = require('../helpers/remove.js');

const { sound, torn, harms } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const whole = fs.readFileSync(sound);
const OPTIONS = { addresses: 'number', lockTimeout: 20, maxSize: 8 * 2 ** 20 };
/** How long a call of fetch may wait for a lease that a damaged file says a living process has, in milliseconds. */
const PATIENCE = 200;

const codes = {};
const count = (name) => {
  codes[name] = (codes[name] ?? 0) + 1;
};

/** Counts an error by its code. What is not foreseen is a defect, even if the process lives. */
function note(error) {
  if (typeof error.code !== 'string' || error.code === 'ERR_MEMS_INTERNAL') throw error;
  count(error.code);
}

function attempt(operation) {
  try {
    return operation();
  } catch (error) {
    return note(error);
  }
}

/** Waits for a promise, for `PATIENCE` at most. */
async function awaited(promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, PATIENCE, 'late');
  });
  const first = await Promise.race([promise.catch(note), late]);
  clearTimeout(timer);
  if (first === 'late') count('late');
}

const KEYS = ['key 0', 'key 7', 'key 9', 'key 11', 'long', 'brief', 'count 1', 'leased', 'none'];

/** Every call of a map. */
async function useMap(map, into) {
  attempt(() => map.stats());
  attempt(() => map.size);
  for (const key of KEYS) {
    attempt(() => map.get(key));
    attempt(() => map.getInto(key, into));
    attempt(() => map.has(key));
  }
  attempt(() => [...map.keys()]);
  attempt(() => [...map]);
  for (const key of KEYS) {
    attempt(() => map.increment(key));
    attempt(() => map.compareAndSet(key, map.peek(key), 'other'));
  }
  await awaited(map.fetch('leased', () => 'made'));
  await awaited(map.fetch('key 5', () => 'made'));
  for (const key of KEYS) attempt(() => map.set(key, key));
  attempt(() => map.set('large', 'x'.repeat(300_000)));
  // Tables grow.
  for (let i = 0; i < 40; i++) attempt(() => map.set(`new ${i}`, 'value', { ttl: i % 2 }));
  for (const key of KEYS) attempt(() => map.delete(key));
  attempt(() => [...map.values()]);
  attempt(() => map.clear());
  attempt(() => map.set('last', 'value'));
}

async function use(heap, maps) {
  const into = new Uint8Array(300);
  for (const map of maps) if (map !== undefined) await useMap(map, into);
  const names = attempt(() => heap.maps) ?? [];
  for (const name of names) attempt(() => heap.map(name));
  attempt(() => heap.map('another').set('a', 'b'));
  attempt(() => heap.verify());
}

function damage(bytes) {
  const file = fs.openSync(torn, 'r+');
  for (const [at, byte] of bytes) fs.writeSync(file, Buffer.of(whole[at] ^ byte), 0, 1, at);
  fs.closeSync(file);
}

const mapsOf = (heap) => ['plain', 'limited', 'empty'].map((name) => attempt(() => heap.map(name)));

async function main() {
  for (const { bytes, late } of harms) {
    // A new file, since Windows does not cut one that views of the maps before are left of.
    await remove(torn);
    fs.writeFileSync(torn, whole);
    if (!late) damage(bytes);
    // Shown if the process ends here.
    fs.writeFileSync(`${torn}.at`, JSON.stringify({ bytes, late }));
    const heap = attempt(() => Heap.open(torn, OPTIONS));
    if (heap === undefined) continue;
    const maps = mapsOf(heap);
    if (late) damage(bytes);
    await use(heap, maps);
    attempt(() => heap.close());
  }
  console.log(JSON.stringify(codes));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
