// Tries on the runtime it runs on what takes views of MeMS memory, and prints a cell for each row of docs/interop.md:
//   works    on the memory itself, no copy of it is left
//   copies   gives another thread or object a copy
//   refused  throws, with the error's name (its message, where no name says anything)
//   absent   the runtime has no such function
//   untried  fails with ordinary bytes as well, with the system's code: that says nothing of views
// Each probe looks at the bytes that came of it: what takes a view and does nothing with it is "wrong".
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { promisify } = require('util');
const { MessageChannel, Worker, isMainThread, parentPort } = require('worker_threads');
const zlib = require('zlib');
const { Heap } = require('../..');

const TEXT = 'zero copy ';
const ABSENT = new Error('absent');
/** That the runtime could not do it with ordinary bytes either, for the cause that the code names. */
class Untried extends Error {}
const LIMIT_MS = 20000;

/** Throws unless the runtime has it. */
function need(thing) {
  if (thing === undefined || thing === null) throw ABSENT;
  return thing;
}

/** What a name stands for that not every runtime has. */
const given = (name) => need(globalThis[name]);

/** Whether writing to one shows in the other. */
function isSame(view, other) {
  other[0] = 1;
  view[0] = 2;
  return other[0] === 2;
}

const shared = (same) => (same ? 'works' : 'copies');

/** Sends a value to another port of this thread, and answers what arrives. */
async function sent(value, transfer) {
  const { port1, port2 } = new MessageChannel();
  try {
    const arrived = new Promise((resolve, reject) => {
      port2.on('message', resolve);
      port2.on('messageerror', reject);
    });
    port1.postMessage(value, transfer);
    return await arrived;
  } finally {
    port1.close();
    port2.close();
  }
}

/** Starts this file as a worker, and answers its messages one by one. */
function withWorker(use) {
  const worker = new Worker(__filename);
  const failed = new Promise((_, reject) => {
    worker.on('error', reject);
    worker.on('messageerror', reject);
  });
  const next = () =>
    Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))]);
  const ended = use(worker, next);
  return ended.then(
    async (answer) => {
      await worker.terminate();
      return answer;
    },
    async (error) => {
      await worker.terminate();
      throw error;
    },
  );
}

/** A file of the text, while it is used. */
async function withFile(use) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-interop-'));
  const file = path.join(folder, 'file');
  try {
    fs.writeFileSync(file, TEXT.repeat(10));
    return await use(file);
  } finally {
    fs.unlinkSync(file);
    fs.rmdirSync(folder);
  }
}

/** What an echo on this machine answers to a view, `read` of a socket. */
async function echo(view, read) {
  const server = net.createServer((socket) => socket.pipe(socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  let socket;
  try {
    return await new Promise((resolve, reject) => {
      socket = read(server.address().port, resolve);
      socket.on('error', reject);
      socket.write(view);
    });
  } finally {
    if (socket) socket.destroy();
    server.close();
  }
}

const isText = (bytes) => Buffer.from(bytes).toString() === TEXT.repeat(10);
const check = (right) => {
  assert.ok(right, 'wrong');
  return 'works';
};

// Each is given a view of a hundred bytes that hold the text, and a heap of its own.
const PROBES = {
  'structuredClone(view)': (view) => shared(isSame(view, given('structuredClone')(view))),
  'port.postMessage(view)': async (view) => shared(isSame(view, await sent(view))),
  'port.postMessage(view.buffer)': async (view) =>
    shared(isSame(view, new Uint8Array(await sent(view.buffer), view.byteOffset))),
  'port.postMessage(view, [view.buffer])': async (view) => {
    const arrived = await sent(view, [view.buffer]);
    if (view.length === 0) return 'moves';
    return shared(isSame(view, arrived));
  },
  'worker.postMessage(view)': (view) =>
    withWorker(async (worker, next) => {
      await next();
      worker.postMessage({ view });
      await next();
      return shared(view[0] === 42);
    }),
  'fs.writeSync, fs.readSync': (view) =>
    withFile((file) => {
      const fd = fs.openSync(file, 'r+');
      try {
        fs.writeSync(fd, view, 0, 100, 0);
        view.fill(0);
        fs.readSync(fd, view, 0, 100, 0);
      } finally {
        fs.closeSync(fd);
      }
      return check(isText(view));
    }),
  'fileHandle.write, fileHandle.read': (view) =>
    withFile(async (file) => {
      const handle = await fs.promises.open(file, 'r+');
      try {
        await handle.write(view, 0, 100, 0);
        view.fill(0);
        await handle.read(view, 0, 100, 0);
      } finally {
        await handle.close();
      }
      return check(isText(view));
    }),
  'fs.promises.writeFile': (view) =>
    withFile(async (file) => {
      await fs.promises.writeFile(file, view);
      return check(isText(fs.readFileSync(file)));
    }),
  'zlib.gzipSync': (view) => check(isText(zlib.gunzipSync(zlib.gzipSync(view)))),
  'zlib.gzip': async (view) => check(isText(zlib.gunzipSync(await promisify(zlib.gzip)(view)))),
  'crypto.createHash().update': (view) => {
    const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
    return check(digest(view) === digest(Buffer.from(view)));
  },
  'crypto.randomFillSync': (view) => {
    crypto.randomFillSync(view.fill(0));
    return check(view.some((byte) => byte !== 0));
  },
  'crypto.randomFill': async (view) => {
    await promisify(crypto.randomFill)(view.fill(0));
    return check(view.some((byte) => byte !== 0));
  },
  'crypto.pbkdf2': async (view) => {
    const derive = (bytes) => promisify(crypto.pbkdf2)(bytes, bytes, 1, 32, 'sha256');
    return check((await derive(view)).equals(await derive(Buffer.from(view))));
  },
  'crypto.subtle.digest': async (view) => {
    const { subtle } = need(crypto.webcrypto);
    const digest = async (bytes) => Buffer.from(await subtle.digest('SHA-256', bytes));
    return check((await digest(view)).equals(await digest(Buffer.from(view))));
  },
  'crypto.getRandomValues': (view) => {
    const { webcrypto } = crypto;
    need(webcrypto).getRandomValues(view.fill(0));
    return check(view.some((byte) => byte !== 0));
  },
  'TextDecoder.decode': (view) =>
    check(new (given('TextDecoder'))().decode(view) === TEXT.repeat(10)),
  'TextEncoder.encodeInto': (view) => {
    new (given('TextEncoder'))().encodeInto('other', view);
    return check(Buffer.from(view.subarray(0, 5)).toString() === 'other');
  },
  'socket.write': async (view) => {
    const answer = await echo(view, (port, resolve) => {
      const parts = [];
      return net.connect(port, '127.0.0.1').on('data', (part) => {
        parts.push(part);
        if (Buffer.concat(parts).length === 100) resolve(Buffer.concat(parts));
      });
    });
    return check(isText(answer));
  },
  'net.connect({ onread: { buffer: view } })': async (view, heap) => {
    const into = heap.buffer(heap.calloc(1, 200));
    await echo(view, (port, resolve) => {
      const onread = {
        buffer: into,
        callback: (bytes) => bytes === 100 && resolve(),
      };
      // Who does not know of onread gets the bytes in memory of its own.
      return net.connect({ port, host: '127.0.0.1', onread }).on('data', () => resolve());
    });
    if (into[0] === 0) throw ABSENT;
    return check(isText(into.subarray(0, 100)));
  },
  'Atomics.add across workers': (_, heap) =>
    withWorker(async (worker, next) => {
      const { ptr, view } = heap.mallocAs(Int32Array, 4);
      Atomics.add(view, 0, 1);
      await next();
      worker.postMessage({ heap: heap.id, ptr, add: true });
      for (let i = 0; i < 1000; i++) Atomics.add(view, 0, 1);
      await next();
      return check(Atomics.load(view, 0) === 2001);
    }),
  'Atomics.wait, Atomics.notify across workers': (_, heap) =>
    withWorker(async (worker, next) => {
      const { ptr, view } = heap.mallocAs(Int32Array, 4);
      Atomics.notify(view, 0);
      await next();
      worker.postMessage({ heap: heap.id, ptr });
      const answer = next();
      // The worker may be a moment late, and may not be able to wait at all.
      const knock = setInterval(() => Atomics.notify(view, 0), 10);
      try {
        const { error, waited } = await answer;
        if (error) throw Object.assign(new Error(error), { name: error });
        return check(waited === 'ok');
      } finally {
        clearInterval(knock);
      }
    }),
  'new Response(view)': async (view) =>
    check(isText(await new (given('Response'))(view).arrayBuffer())),
  'fetch, body: view': async (view) => {
    const fetch = given('fetch');
    const server = require('http').createServer((request, response) => request.pipe(response));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${server.address().port}/`;
      const post = async (body) => (await fetch(url, { method: 'POST', body })).arrayBuffer();
      const answer = await post(view).catch(async (refused) => {
        // With a cause it is the connection that failed, not the view that was refused.
        if (!refused.cause) throw refused;
        await post(Buffer.from(view)).catch(({ cause }) => {
          if (cause && cause.code === refused.cause.code) throw new Untried(cause.code);
        });
        throw refused;
      });
      return check(isText(answer));
    } finally {
      // Connections that are kept alive would keep the server.
      if (server.closeAllConnections) server.closeAllConnections();
      server.close();
    }
  },
  'new Blob([view])': async (view) => {
    const Blob = globalThis.Blob || require('buffer').Blob;
    return check(isText(await new (need(Blob))([view]).arrayBuffer()));
  },
  'Buffer.concat, Buffer.compare': (view) => {
    const both = Buffer.concat([view, view]);
    return check(isText(both.subarray(100)) && Buffer.compare(view, both.subarray(0, 100)) === 0);
  },
  'Buffer.from(view.buffer, offset, length)': (view) =>
    shared(isSame(view, Buffer.from(view.buffer, view.byteOffset, 100))),
  'WebAssembly.Memory over a view': (view) => {
    // There is no way to say so: instances have memories of their own.
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, buffer: view.buffer });
    if (memory.buffer !== view.buffer) throw ABSENT;
    return 'works';
  },
};

/** What a probe comes to. */
async function cell(probe) {
  const heap = new Heap();
  const view = heap.buffer(heap.malloc(100));
  view.write(TEXT.repeat(10));
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), LIMIT_MS);
  });
  try {
    return await Promise.race([probe(view, heap), late]);
  } catch (error) {
    if (error === ABSENT) return 'absent';
    if (error instanceof Untried) return `untried: ${error.message}`;
    if (error.message === 'wrong') return 'wrong';
    return `refused: ${error.code && typeof error.code === 'string' ? error.code : error.name}`;
  } finally {
    clearTimeout(timer);
    heap.close();
  }
}

async function main() {
  const cells = {};
  for (const [row, probe] of Object.entries(PROBES)) cells[row] = await cell(probe);
  console.log(`cells ${JSON.stringify(cells)}`);
}

/** In a worker: uses the view it is sent, or one of a heap. */
function serve({ view, heap, ptr, add }) {
  if (view) {
    view[0] = 42;
    return {};
  }
  const numbers = Heap.attach(heap).view(ptr, Int32Array);
  if (add) {
    for (let i = 0; i < 1000; i++) Atomics.add(numbers, 0, 1);
    return {};
  }
  try {
    return { waited: Atomics.wait(numbers, 0, 0, LIMIT_MS / 2) };
  } catch (error) {
    return { error: error.name };
  }
}

if (isMainThread) main();
else {
  parentPort.on('message', (task) => parentPort.postMessage(serve(task)));
  parentPort.postMessage('here');
}
