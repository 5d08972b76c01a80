'use strict';

// A sound heap file to be damaged, and processes that try its damages, some hundred each.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { Random, seed } = require('../helpers/random.js');

const PROGRAM = path.join(__dirname, 'main.js');
/** Damages that one process tries, so that their list fits its arguments. */
const BATCH = 400;
/** Without this, a loop that does not end would stop the tests. */
const SILENCE_MS = 120_000;

const HEADER = 256 << 10;
/** Where the table of extents is. */
const TABLE = 8 * 16_384;

/** Makes a folder. Files are closed some thousand times, which waits for a disk each time. */
function makeFolder() {
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  return fs.mkdtempSync(path.join(place, 'mems-torn-'));
}

/**
 * Makes a file with blocks and holes and two roots, in one extent or two. Returns where the bookkeeping of the extents is, as ranges of
 * bytes, and the length of the file.
 */
function makeSound(file, extents) {
  const heap = Heap.open(file, { addresses: 'number' });
  const random = new Random(1);
  const blocks = [];
  const most = extents === 1 ? 3000 : 30_000;
  const count = extents === 1 ? 60 : 300;
  for (let i = 0; i < count; i++) blocks.push(heap.malloc(1 + (random.size() % most)));
  if (extents === 2) blocks.push(heap.malloc(900_000), heap.malloc(900_000));
  for (let i = 0; i < 0.4 * count; i++) heap.free(random.take(blocks));
  for (let i = 0; i < 0.3 * count; i++) blocks.push(heap.malloc(1 + (random.size() % most)));
  heap.roots.set('block', blocks[0]);
  heap.roots.set('another', blocks[1]);
  const sizes = [...heap.chains()].map(({ size }) => size);
  assert.equal(sizes.length, extents);
  const bytes = fs.readFileSync(file);
  // An extent's data are behind its bookkeeping, and the next extent behind them.
  const starts = sizes.map((_, i) => Number(bytes.readBigUInt64LE(TABLE + 32 * i)));
  const bookkeeping = starts.map((start, i) => [start, (starts[i + 1] ?? bytes.length) - sizes[i]]);
  heap.close();
  return { bookkeeping, length: bytes.length };
}

/** Lets processes try damages of a sound file, and returns how often each code was thrown. `torn`: a path for damaged files. */
async function tryAll(sound, torn, harms, tell = () => {}) {
  const sums = {};
  for (let i = 0; i < harms.length; i += BATCH) {
    const args = [PROGRAM, sound, torn, JSON.stringify(harms.slice(i, i + BATCH))];
    const child = spawn(process.execPath, args, { timeout: SILENCE_MS, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
      });
    }
    const [status, signal] = await once(child, 'close');
    const last = fs.readFileSync(`${torn}.at`, 'utf8');
    assert.deepEqual(
      { status, signal },
      { status: 0, signal: null },
      `MEMS_SEED=${seed}, at ${last}:\n${output}`,
    );
    for (const [code, count] of Object.entries(JSON.parse(output)))
      sums[code] = (sums[code] ?? 0) + count;
    tell(Math.min(i + BATCH, harms.length));
  }
  return sums;
}

module.exports = { HEADER, TABLE, makeFolder, makeSound, tryAll };
