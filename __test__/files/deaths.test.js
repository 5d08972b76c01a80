'use strict';

// A process dies before a store of a call, and another one that finishes or undoes the call before one of its own: whatever the two have left,
// the call has happened or it has not. Samples of the stores are tried; MEMS_DEATHS=all tries each. (Each pair of deaths is tried in
// src/heap/ledger/tests.rs, in one process; here are processes, and what only they have: opening and closing, growth, several blocks.)

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { Random, seed } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');
const { ENDLESS, calls, prepare, words } = require('./dying.js');

const SAMPLES = process.env.MEMS_DEATHS === 'all' ? Infinity : Number(process.env.MEMS_DEATHS ?? 2);
/** Stores of a process that opens a file and recovers what was under way. */
const RECOVERY = 30;

const addons = path.join(__dirname, '..', '..', 'target', 'test-addon');
const addon = path.join(
  addons,
  fs.readdirSync(addons).find((name) => name.endsWith('.node')),
);

let folder;
let sound;

before(() => {
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  folder = fs.mkdtempSync(path.join(place, 'mems-deaths-'));
  sound = path.join(folder, 'sound.mems');
  const heap = Heap.open(sound, { addresses: 'number' });
  prepare(heap);
  heap.close();
});
after(() => remove(folder));

/** All that a program can see of a sound heap. */
function stateOf(heap) {
  heap.verify();
  const blocks = [];
  for (const { segments } of heap.chains()) {
    for (const { kind, start, size } of segments) if (kind === 'live') blocks.push([start, size]);
  }
  assert.equal(heap.stats().counts.live, blocks.length);
  return JSON.stringify({ blocks, roots: [...heap.roots], words: [...words(heap)].map(Number) });
}

/** Calls a function with the heap of a copy of the sound file, and returns what can be seen then. */
function stateAfter(operation) {
  const file = path.join(folder, 'copy.mems');
  fs.copyFileSync(sound, file);
  let heap = Heap.open(file, { addresses: 'number' });
  operation(heap);
  heap.close();
  heap = Heap.open(file, { addresses: 'number' });
  const state = stateOf(heap);
  heap.close();
  return state;
}

/** Lets a process make a call and die. Returns what it has printed, if it has not died. */
function die(file, name, stores) {
  const program = [path.join(__dirname, 'dying.js'), file, name, String(stores)];
  const env = { ...process.env, MEMS_LIBRARY_PATH: addon };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, program, {
    encoding: 'utf8',
    env,
  });
  if (signal === null) assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  return signal === null ? Number(stdout) : undefined;
}

const options = {
  skip: process.platform === 'win32' && 'a killed process may hold its locks for a while',
};

for (const [name, operations] of Object.entries(calls)) {
  test(`deaths in a call: ${name}`, options, (t) => {
    const random = new Random(name.length);
    const file = path.join(folder, 'dying.mems');
    fs.copyFileSync(sound, file);
    const count = die(file, name, ENDLESS);
    const places = Array.from({ length: count }, (_, i) => i);
    const chosen =
      SAMPLES < count ? Array.from({ length: SAMPLES }, () => random.take(places)) : places;
    const allowed = [() => {}, ...operations].map(stateAfter);
    const found = allowed.map(() => 0);
    let again = 0;
    for (const stores of chosen) {
      fs.copyFileSync(sound, file);
      assert.equal(die(file, name, stores), undefined);
      const second = random.int(0, RECOVERY);
      if (die(file, 'open', second) === undefined) again++;
      const heap = Heap.open(file, { addresses: 'number' });
      // Takes over.
      heap.free(heap.malloc(8));
      const state = stateOf(heap);
      const at = `MEMS_SEED=${seed}, before store ${stores} and ${second}`;
      assert.ok(allowed.includes(state), `${at}:\n${state}\nis none of\n${allowed.join('\n')}`);
      found[allowed.indexOf(state)]++;
      assert.equal(heap.processes.length, 1, at);
      heap.close();
    }
    t.diagnostic(
      `MEMS_SEED=${seed}: ${chosen.length} of ${count} stores, ${again} of them twice: ${found}`,
    );
  });
}
