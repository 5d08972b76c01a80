'use strict';

// Lets processes try damages to a heap file with maps, in batches, each with a limit of time.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { fill, placesOf } = require('./make.js');

/** Damages that one process tries. */
const BATCH = 200;
/** Without this, a loop that does not end would stop the tests. */
const SILENCE_MS = 180_000;

/** How a byte is changed: one bit of it, its lowest bits, of which kinds of entries differ, or anything. */
const change = (random) =>
  random.weighed([
    [4, () => 1 << random.int(0, 7)],
    [2, () => random.int(1, 3)],
    [4, () => random.int(1, 255)],
  ])();

class Torn {
  /** Makes the sound file in a folder. */
  constructor(folder) {
    this.folder = folder;
    this.sound = path.join(folder, 'sound.mems');
    this.harms = 0;
    this.codes = {};
    fill(this.sound);
    this.places = placesOf(this.sound);
  }

  /** A byte of one of the kinds of places. */
  place(random, kinds) {
    const [from, to] = random.pick(this.places[random.pick(kinds)]);
    return random.int(from, to - 1);
  }

  /** A random damage to one to four bytes. */
  harm(random, kinds = Object.keys(this.places)) {
    const count = random.chance(0.6) ? 1 : random.int(2, 4);
    const bytes = Array.from({ length: count }, () => [this.place(random, kinds), change(random)]);
    return { bytes, late: random.chance(0.5) };
  }

  /** Each byte of some kinds of places, changed once before the file is opened and once after. */
  *all(random, kinds) {
    for (const [from, to] of kinds.flatMap((kind) => this.places[kind])) {
      for (let at = from; at < to; at++)
        for (const late of [false, true]) yield { bytes: [[at, change(random)]], late };
    }
  }

  /** Tries damages. Throws if a process ends, or does not. */
  async try(harms) {
    const torn = path.join(this.folder, 'torn.mems');
    for (let i = 0; i < harms.length; i += BATCH) {
      const batch = harms.slice(i, i + BATCH);
      const list = path.join(this.folder, 'harms.json');
      fs.writeFileSync(list, JSON.stringify({ sound: this.sound, torn, harms: batch }));
      const child = spawn(process.execPath, [path.join(__dirname, 'main.js'), list]);
      const timer = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS);
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (text) => {
          output += text;
        });
      }
      const [status, signal] = await once(child, 'close');
      clearTimeout(timer);
      if (status !== 0) {
        const last = fs.readFileSync(`${torn}.at`, 'utf8');
        throw new Error(`ended by ${signal ?? status} at ${last}:\n${output}`);
      }
      this.harms += batch.length;
      for (const [code, count] of Object.entries(JSON.parse(output)))
        this.codes[code] = (this.codes[code] ?? 0) + count;
    }
  }
}

module.exports = { BATCH, Torn };
