// Recordings: what record(), stopRecording(), mark() and snapshot() do and refuse, who is seen, and what becomes of a recording as its
// heap or the process ends. What is in the files is compared by __test__/rust/recorder.rs.

'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { pathToFileURL } = require('node:url');
const { Worker } = require('node:worker_threads');
const binding = require('../../binding.js');
const mems = require('../../index.js');
const { Recording } = require('../../command/lib/recordings.js');
const { quietly } = require('../helpers/console.js');
const { frontOf } = require('../helpers/fronts.js');
const { inWorker } = require('../helpers/workers.js');

const { Heap } = mems;
const REFUSED = { code: 'ERR_MEMS_RECORDING' };
const MAGIC = 'MEMS\x1a\0';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-recording-'));
test.after(() => fs.rmSync(folder, { recursive: true }));

let files = 0;
const newFile = () => path.join(folder, `${++files}.mems`);
const magicOf = (file) => fs.readFileSync(file).subarray(0, 6).toString('latin1');

/** What a file has, which must be whole. */
const read = (file) => binding.readRecording(fs.readFileSync(file), false);

/** The statistics of a recording's end. */
const endOf = (file) => JSON.parse(read(file).stats);

/** More calls than a heap waits for before it makes a front. */
const MANY = 1000;

/** Allocates and frees; returns how many calls it has made. */
function work(heap, calls = MANY) {
  for (let i = 0; i < calls / 2; i++) heap.free(heap.malloc(8 + (i % 500)));
  return calls;
}

for (const options of [{}, { addresses: 'number' }, { policy: 'first-fit' }, { hardened: true }]) {
  test(`every call is recorded, and none before or after: ${JSON.stringify(options)}`, () => {
    const heap = new Heap(options);
    work(heap);
    const file = newFile();
    heap.record(file, { clock: false });
    const before = heap.stats().counts.mainBlocks;
    const calls = work(heap);
    heap.mark('half');
    const block = heap.malloc(100);
    const grown = heap.stats().counts.mainBlocks - before;
    const { operations, missing, bytes } = heap.stopRecording();
    assert.equal(missing, 0);
    assert.equal(bytes, fs.statSync(file).size);
    assert.equal(read(file).operations, operations);
    assert.equal(JSON.parse(read(file).header).options.policy, options.policy ?? 'segregated');
    // A hardened heap grows, as freed blocks wait in quarantine.
    if (!options.hardened) assert.equal(operations, calls + 2 + grown);
    else assert.ok(operations >= calls + 2);
    heap.free(block);
    work(heap);
    heap.verify();
    assert.equal(fs.statSync(file).size, bytes);
    heap.close();
  });
}

test('a front rests while the heap records, and comes back', () => {
  for (const isShared of [false, true]) {
    const heap = new Heap();
    if (isShared) assert.ok(heap.id > 0);
    const live = [heap.malloc(10), heap.malloc(10)];
    work(heap);
    assert.notEqual(frontOf(heap).number, 0);
    heap.record(newFile());
    const calls = work(heap);
    heap.free(live[0]);
    assert.equal(frontOf(heap).number, 0);
    assert.ok(heap.stopRecording().operations >= calls + 1);
    work(heap);
    assert.notEqual(frontOf(heap).number, 0, 'the front is back');
    heap.free(live[1]);
    assert.equal(heap.stats().counts.live, 0);
    heap.verify();
    heap.close();
  }
});

test('calls of other threads are recorded, though they had fronts', async () => {
  const heap = new Heap();
  const body = ({ Heap: Other }, id) => {
    const other = Other.attach(id);
    for (let i = 0; i < 500; i++) other.free(other.malloc(64));
    return 1000;
  };
  const workers = [1, 2].map(() => inWorker(body, heap.id));
  const file = newFile();
  heap.record(file);
  // What these two have done so far is not in it, what the next two do is.
  const before = await Promise.all(workers);
  const after = await Promise.all([3, 4].map(() => inWorker(body, heap.id)));
  const { operations } = heap.stopRecording();
  const calls = (all) => all.reduce((sum, count) => sum + count, 0);
  const { mainBlocks } = heap.stats().counts;
  assert.ok(operations >= calls(after), `${operations} operations`);
  assert.ok(
    operations <= calls(before) + calls(after) + mainBlocks + 16,
    `${operations} operations`,
  );
  heap.verify();
  heap.close();
});

test('threads that follow one another are told apart, though the system may give them one stack', async () => {
  const heap = new Heap({ policy: 'first-fit' });
  const file = newFile();
  heap.record(file);
  const body = ({ Heap: Other }, [id, size]) => {
    const other = Other.attach(id);
    const allocate = () => {
      for (let i = 0; i < 10; i++) other.malloc(size);
    };
    const deep = (depth) => (depth === 0 ? allocate() : deep(depth - 1));
    allocate();
    deep(500);
  };
  const sizes = [101, 102, 103];
  for (const size of sizes) await inWorker(body, [heap.id, size]);
  heap.stopRecording();
  heap.close();
  const [chunk] = [...new Recording(fs.readFileSync(file)).chunks()];
  const threadsOf = (size) => new Set(chunk.thread.filter((_, at) => chunk.size[at] === size));
  const threads = sizes.map((size) => [...threadsOf(size)]);
  assert.deepEqual(threads, [[0], [1], [2]]);
});

/** The kinds of events (docs/recording.md) that the next test looks at. */
const [MALLOC, FREE] = [2, 3];

test('the stacks of calls are recorded if they are asked for, also in heaps that keep none', () => {
  for (const options of [{}, { policy: 'first-fit' }, { trackAllocations: true }]) {
    const heap = new Heap(options);
    work(heap);
    const file = newFile();
    heap.record(file, { stacks: true });
    const allocatesHere = (size) => heap.malloc(size);
    const freesHere = (address) => heap.free(address);
    const allocatesMany = () => heap.mallocMany([1, 2, 3]);
    for (let i = 0; i < 10; i++) freesHere(allocatesHere(100 + i));
    const many = allocatesMany();
    const { operations } = heap.stopRecording();
    const calls = work(heap);
    heap.freeMany(many);
    const bytes = fs.readFileSync(file);
    const { chunks, tables, stacks } = binding.readRecording(bytes, false);
    assert.equal(stacks, true);
    const { stack: numbers, texts } = binding.recordingStacks(bytes, tables[0], tables[1]);
    const textOf = new Map(Array.from(numbers, (number, at) => [number, texts[at]]));
    // What was there at the beginning is a chunk of its own.
    const [at, length] = chunks.slice(-5);
    const { kind, size, stack } = binding.recordingChunk(bytes, at, length);
    const named = (is, name) => {
      const has = (number) => new RegExp(name).test(textOf.get(number));
      return Array.from(kind.keys()).filter((i) => kind[i] === is && has(stack[i]));
    };
    assert.deepEqual(
      named(MALLOC, 'allocatesHere').map((i) => size[i]),
      Array.from({ length: 10 }, (_, i) => 100 + i),
    );
    assert.equal(named(FREE, 'freesHere').length, 10);
    assert.deepEqual(
      named(MALLOC, 'allocatesMany').map((i) => size[i]),
      [1, 2, 3],
    );
    assert.ok(operations >= 23 && calls > 0);
    assert.equal([...heap.leaks()].length, 0);
    heap.verify();
    heap.close();
  }
});

test('a refused request is recorded once', () => {
  for (const options of [{}, { policy: 'first-fit' }, { hardened: true }]) {
    const heap = new Heap({ ...options, maxSize: 1 << 20 });
    const file = newFile();
    heap.record(file);
    for (const call of [
      () => heap.malloc(2 << 20),
      () => heap.malloc(BigInt(2 << 20)),
      () => heap.malloc(2 << 20, { alignment: 64 }),
      () => heap.calloc(2, 1 << 20),
      () => heap.mallocMany([1, 2 << 20]),
    ]) {
      assert.throws(call, { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    }
    assert.equal(heap.stopRecording().operations, 5);
    heap.close();
  }
});

test('a path is a string or a file: URL; anything else is refused, and nothing is recorded', () => {
  const heap = new Heap();
  const file = newFile();
  heap.record(pathToFileURL(file));
  assert.throws(() => heap.record(newFile()), { ...REFUSED, message: /stopRecording/ });
  heap.stopRecording();
  assert.equal(magicOf(file), MAGIC);
  assert.throws(() => heap.stopRecording(), REFUSED);
  assert.throws(() => heap.mark('none'), REFUSED);
  for (const wrong of [undefined, null, 5, {}, '', Buffer.from('a'), 'a\0b', ['a']]) {
    assert.throws(() => heap.record(wrong), { code: 'ERR_INVALID_ARG_TYPE' }, String(wrong));
    assert.throws(() => heap.snapshot(wrong), { code: 'ERR_INVALID_ARG_TYPE' }, String(wrong));
  }
  const gone = path.join(folder, 'no such folder', 'file');
  assert.throws(() => heap.record(gone), { ...REFUSED, message: /no such folder/ });
  assert.throws(() => heap.snapshot(gone), REFUSED);
  assert.throws(() => heap.record(newFile(), { clocks: true }), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => heap.record(newFile(), { clock: 1 }), { code: 'ERR_INVALID_ARG_TYPE' });
  heap.record(newFile());
  for (const wrong of [undefined, 5, null]) {
    assert.throws(() => heap.mark(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  heap.close();
});

test('a heap that ends ends its recording', () => {
  const [first, second] = [newFile(), newFile()];
  const heap = new Heap();
  heap.record(first);
  work(heap);
  heap.close();
  assert.throws(() => heap.record(newFile()), { code: 'ERR_MEMS_CLOSED' });
  mems.init();
  mems.record(second);
  mems.free(mems.malloc(8));
  mems.mark('end');
  quietly(() => mems.finish());
  assert.equal(endOf(first).totals.malloc, MANY / 2);
  assert.equal(endOf(second).totals.malloc, 1);
});

test('a snapshot changes nothing', () => {
  const heap = new Heap({ policy: 'best-fit' });
  const blocks = [100, 200, 300].map((size) => heap.malloc(size));
  heap.free(blocks[1]);
  const before = heap.stats();
  const file = newFile();
  assert.equal(heap.snapshot(file), fs.statSync(file).size);
  assert.equal(magicOf(file), MAGIC);
  assert.deepEqual(heap.stats(), before);
  heap.close();
});

test('a front whose thread is idle meanwhile works again afterwards', async () => {
  const heap = new Heap();
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { Heap } = require(workerData.path);
     const heap = Heap.attach(workerData.id);
     const work = () => { for (let i = 0; i < 1000; i++) heap.free(heap.malloc(64)); };
     const symbol = Object.getOwnPropertySymbols(heap).find(({ description }) => description === 'front');
     parentPort.on('message', (end) => {
       if (end) process.exit();
       const before = heap[symbol].number;
       work();
       parentPort.postMessage([before, heap[symbol].number]);
     });`,
    { eval: true, workerData: { path: require.resolve('../..'), id: heap.id } },
  );
  const told = async (end) => {
    worker.postMessage(end);
    return (await once(worker, end ? 'exit' : 'message'))[0];
  };
  const [, number] = await told(false);
  assert.notEqual(number, 0);
  heap.record(newFile());
  heap.stopRecording();
  assert.deepEqual(await told(false), [number, number], 'the front is the one that it was');
  heap.verify();
  await told(true);
  heap.close();
});

test('a heap that is closed while another thread has a front ends with statistics that are right', async () => {
  const heap = new Heap();
  const body = ({ Heap: Other }, id) => {
    const other = Other.attach(id);
    for (let i = 0; i < 5000; i++) other.free(other.malloc(64));
    return other.malloc(100);
  };
  const worker = inWorker(body, heap.id);
  await worker;
  const file = newFile();
  heap.record(file);
  heap.malloc(8);
  heap.close();
  const { totals, counts } = endOf(file);
  assert.deepEqual([totals.malloc, totals.free, counts.live], [5002, 5000, 2]);
});

test('a file that is replaced is not the one that is being written', () => {
  const [heap, other] = [new Heap(), new Heap()];
  const file = newFile();
  heap.record(file);
  work(heap);
  other.record(file);
  heap.stopRecording();
  other.mark('alone');
  other.stopRecording();
  assert.equal(read(file).operations, 1);
  heap.close();
  other.close();
});

/** Runs a program in a process of its own, in the folder. */
function run(program, environment) {
  const script = `const mems = require(${JSON.stringify(require.resolve('../..'))}); console.log = () => {}; ${program}`;
  const env = { ...process.env, ...environment };
  return spawnSync(process.execPath, ['-e', script], { cwd: folder, env, encoding: 'utf8' });
}

test('MEMS_RECORD records default heaps until they end, or the process does', () => {
  const program = `
    mems.init(); mems.malloc(8); mems.finish();
    mems.init(); mems.malloc(8); mems.malloc(8); process.exit(3);`;
  const { status, stderr } = run(program, { MEMS_RECORD: 'by-%p.mems' });
  assert.deepEqual([status, stderr], [3, '']);
  const names = fs.readdirSync(folder).filter((name) => name.startsWith('by-'));
  assert.equal(names.length, 2, String(names));
  const [first, second] = names.sort((a, b) => a.length - b.length);
  assert.match(first, /^by-\d+\.mems$/);
  assert.equal(second, `${first}.2`);
  assert.equal(endOf(path.join(folder, first)).totals.malloc, 1);
  assert.equal(endOf(path.join(folder, second)).totals.malloc, 2);
});

test('a recording ends with the process, whoever has begun it, and after its exit handlers', () => {
  const { status, stderr } = run(`
    const heap = new mems.Heap();
    heap.record('exit.mems');
    process.on('exit', () => { heap.free(heap.malloc(8)); heap.mark('exit'); });`);
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal(endOf(path.join(folder, 'exit.mems')).totals.malloc, 1);
  const worker = `new (require('node:worker_threads').Worker)(
    "const heap = new (require(" + JSON.stringify(${JSON.stringify(require.resolve('../..'))}) +
    ").Heap)(); heap.record('worker.mems'); heap.malloc(8);", { eval: true });`;
  assert.equal(run(worker).status, 0);
  assert.equal(endOf(path.join(folder, 'worker.mems')).totals.malloc, 1);
});

test('what a process that is killed leaves can be read in part', {
  skip: process.platform === 'win32',
}, () => {
  const { signal } = run(`
    const heap = new mems.Heap();
    heap.record('killed.mems');
    for (let i = 0; i < 200_000; i++) heap.free(heap.malloc(1 + (i % 500)));
    while (require('node:fs').statSync('killed.mems').size < 2000) heap.free(heap.malloc(8));
    process.kill(process.pid, 'SIGKILL');`);
  assert.equal(signal, 'SIGKILL');
  const bytes = fs.readFileSync(path.join(folder, 'killed.mems'));
  assert.throws(() => binding.readRecording(bytes, false), { code: 'ERR_MEMS_RECORDING_CUT_OFF' });
  assert.ok(binding.readRecording(bytes, true).operations >= 60_000);
});

test('a disk that fails ends the recording, and no other call', {
  skip: process.platform !== 'linux',
}, () => {
  // A file may have 8 blocks of 512 bytes; a thread that took signals would end the process.
  const program = `
    const heap = new mems.Heap();
    heap.record('full.mems');
    let state = 1;
    for (let i = 0; i < 300_000; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      heap.free(heap.malloc(1 + (state % 9999)));
    }
    heap.mark('no call fails');
    heap.verify();
    try { heap.stopRecording(); } catch (error) { process.stdout.write(error.code + ' ' + error.message); }
    heap.record('full.mems.2');
    heap.stopRecording();`;
  const script = `const mems = require(${JSON.stringify(require.resolve('../..'))}); ${program}`;
  const { status, stdout } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 8; exec "$0" -e "$1"', process.execPath, script],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0);
  assert.match(stdout, /^ERR_MEMS_RECORDING The file full\.mems cannot be written: /);
});

test('neither snapshots nor pages replace a file that any heap is being recorded into', async () => {
  const [heap, other] = [new Heap(), new Heap()];
  const file = newFile();
  heap.record(file);
  const names = [file, path.join(folder, '.', path.basename(file))];
  if (process.platform !== 'win32') {
    names.push(newFile());
    fs.symlinkSync(file, names[2]);
  }
  const refused = { ...REFUSED, message: /is being recorded into/ };
  for (const name of names) {
    for (const each of [heap, other]) {
      assert.throws(() => each.snapshot(name), refused);
      if (Number(process.versions.node.split('.')[0]) >= 20)
        await assert.rejects(each.report(name), refused);
    }
  }
  work(heap);
  const { operations } = heap.stopRecording();
  assert.ok(operations >= MANY);
  assert.equal(read(file).operations, operations);
  // The recording has ended, so the file can be replaced.
  other.snapshot(file);
  assert.equal(read(file).operations, 0);
  heap.close();
  other.close();
});

test('a path of MEMS_RECORD that cannot be written is a warning, also if the program throws at once', () => {
  const { status, stderr } = run("mems.init(); mems.mark('begin');", {
    MEMS_RECORD: 'none/x.mems',
  });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /ERR_MEMS_RECORDING.*none\/x\.mems cannot be written.*is not being recorded/s,
  );
});

test('a path of MEMS_RECORD that cannot be written is a warning', () => {
  const { status, stderr } = run('mems.init(); mems.malloc(8);', { MEMS_RECORD: 'none/x.mems' });
  assert.equal(status, 0);
  assert.match(stderr, /ERR_MEMS_RECORDING.*none\/x\.mems/s);
});
