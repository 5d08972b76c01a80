// A worker of the soak: attaches heaps by id, allocates and views in them, leaves jobs in flight, and ends by itself or is
// ended in the middle. The heaps may be closed at any moment.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { parentPort, workerData } = require('worker_threads');
const mems = require('../..');
const { quietly } = require('../helpers/console.js');
const { WORKER_JOBS, begin } = require('./jobs.js');
const { unlessEnded } = require('./expected.js');
const { Random } = require('./random.js');
const { anyView, move, touch } = require('./views.js');

const { seed, heaps, rounds, leaves, scratch, shared } = workerData;
const random = new Random(seed);
// The default heap may have any options by the time it is used.
const ANY = { hardened: true, lockMemory: true };
const kept = [];

/** Uses a heap a little. The result of a job does not matter here. */
function use({ heap, options, own }) {
  for (let i = 0; i < 20; i++) {
    const attempt = (action) => unlessEnded(action, options);
    attempt(() => {
      const block = { address: heap.malloc(random.int(1, 2000)) };
      block.size = heap.blockOf(block.address).size;
      own.push(block);
      const view = anyView(heap, block, random);
      touch(view, random, true);
      kept.push(view);
      if (random.chance(0.05)) begin(view, random, scratch, WORKER_JOBS);
      if (random.chance(0.01)) kept.push(move(view, random));
    });
    if (own.length > 30) attempt(() => heap.free(random.take(own).address));
  }
  if (kept.length > 200) kept.splice(0, 100);
  for (const view of kept) if (ArrayBuffer.isView(view)) touch(view, random, true);
}

// Each heap, with the blocks of this thread in it.
const attached = [];
for (const { id, options } of heaps) {
  const addresses = random.pick(['bigint', 'number']);
  const heap = unlessEnded(() => mems.Heap.attach(id, { addresses }));
  if (heap) attached.push({ heap, options, own: [] });
}
if (shared) {
  unlessEnded(() => mems.init());
  // The module has a heap's methods.
  attached.push({ heap: mems, options: ANY, own: [] });
}

let round = 0;
(function next() {
  if (attached.length > 0) {
    const place = random.pick(attached);
    use(place);
    if (place.heap === mems && random.chance(0.05)) {
      quietly(() => unlessEnded(mems.finish));
      unlessEnded(() => mems.init());
    }
  }
  parentPort.postMessage(round);
  round += 1;
  if (round < rounds) return setImmediate(next);
  if (leaves === 'exit') process.exit(0);
  // Without `exit` the port keeps nothing alive: the worker ends when its jobs have ended.
})();
