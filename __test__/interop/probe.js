// Tries which functions of the runtime that runs it take views of MeMS memory, and prints a cell for each row of docs/interop.md:
//   works    on the memory itself, no copy of it is left
//   text     takes the bytes for text, and sends that
//   copies   gives another thread or object a copy
//   refused  throws, with the error's name (its message, where no name says anything)
//   absent   the runtime has no such function
//   untried  fails with ordinary bytes as well, with the system's code, which says nothing about views
// Each probe compares the bytes that arrive, which are no UTF-8: a function that takes a view and does nothing with it is "wrong".
// There are two columns: for what buffer() returns, and for what view() returns.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');
const { PassThrough } = require('stream');
const { promisify } = require('util');
const v8 = require('v8');
const { MessageChannel, Worker, isMainThread, parentPort } = require('worker_threads');
const zlib = require('zlib');
const { Heap } = require('../..');

/** A hundred bytes that are no text. */
const BYTES = Buffer.from(Array.from({ length: 25 }, () => [255, 254, 0, 128]).flat());
const ABSENT = new Error('absent');
/** The error of a probe that fails with ordinary bytes, too, for the cause that the code names. */
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

/** Sends a value to another port of this thread, and returns what arrives. */
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

/** Starts this file as a worker, and returns a function for its messages, one by one. */
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
    fs.writeFileSync(file, BYTES);
    return await use(file);
  } finally {
    fs.unlinkSync(file);
    fs.rmdirSync(folder);
  }
}

/** What an echo on this machine sends back for a view, `read` from a socket. */
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

/** Bytes as a view of their own, whatever holds them. */
const own = (bytes) =>
  ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);

/** Whether the result is the bytes. */
function isBytes(bytes) {
  const got = own(bytes);
  if (got.equals(BYTES)) return true;
  if (got.toString().startsWith('255,254,0,128')) throw new Error('text');
  return false;
}

/** Everything that a stream of the web gives. */
async function collected(stream) {
  const parts = [];
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    parts.push(own(read.value));
  }
  return Buffer.concat(parts);
}

/** A server on this machine, while it is used. */
async function withServer(server, use) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(server.address().port);
  } finally {
    // Connections that are kept alive would keep the server.
    if (server.closeAllConnections) server.closeAllConnections();
    server.close();
  }
}

/** A request to an echo by fetch, and the response's bytes. A failure to connect says nothing about views. */
async function fetched(body, plain) {
  const fetch = given('fetch');
  const server = http.createServer((request, response) => request.pipe(response));
  return withServer(server, async (port) => {
    const post = async (sent) => {
      const init = { method: 'POST', body: sent, duplex: 'half' };
      return (await fetch(`http://127.0.0.1:${port}/`, init)).arrayBuffer();
    };
    try {
      return await post(body());
    } catch (refused) {
      // With a cause it is the connection that failed, not the view that was refused.
      if (!refused.cause) throw refused;
      await post(plain()).catch(({ cause }) => {
        if (cause && cause.code === refused.cause.code) throw new Untried(cause.code);
      });
      throw refused;
    }
  });
}

/** The first frame that a WebSocket sends to a server on this machine: its opcode and its payload. */
function firstFrame(send) {
  const WebSocket = given('WebSocket');
  const server = http.createServer();
  return withServer(server, async (port) => {
    const frame = new Promise((resolve, reject) => {
      server.on('upgrade', (request, socket) => {
        const accept = crypto
          .createHash('sha1')
          .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        let data = Buffer.alloc(0);
        socket.on('error', reject);
        socket.on('data', (part) => {
          data = Buffer.concat([data, part]);
          const frame = parseFrame(data);
          if (!frame) return;
          socket.destroy();
          resolve(frame);
        });
      });
    });
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    const failed = new Promise((_, reject) => {
      client.onerror = () => reject(new Error('no connection'));
      client.onopen = () => {
        try {
          send(client);
        } catch (error) {
          reject(error);
        }
      };
    });
    try {
      return await Promise.race([frame, failed]);
    } finally {
      failed.catch(() => {});
      client.onerror = null;
      client.close();
    }
  });
}

/** A masked frame of at most 64 KiB, once all of it is there. */
function parseFrame(data) {
  if (data.length < 2) return undefined;
  const short = data[1] & 127;
  const start = short === 126 ? 4 : 2;
  if (data.length < start) return undefined;
  const length = short === 126 ? data.readUInt16BE(2) : short;
  if (data.length < start + 4 + length) return undefined;
  const mask = data.subarray(start, start + 4);
  const payload = data.subarray(start + 4, start + 4 + length).map((byte, i) => byte ^ mask[i % 4]);
  return { isText: (data[0] & 15) === 1, payload };
}
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
      return check(isBytes(view));
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
      return check(isBytes(view));
    }),
  'fs.promises.writeFile': (view) =>
    withFile(async (file) => {
      await fs.promises.writeFile(file, view);
      return check(isBytes(fs.readFileSync(file)));
    }),
  'zlib.gzipSync': (view) => check(isBytes(zlib.gunzipSync(zlib.gzipSync(view)))),
  'zlib.gzip': async (view) => check(isBytes(zlib.gunzipSync(await promisify(zlib.gzip)(view)))),
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
    check(
      new (given('TextDecoder'))('latin1').decode(view) ===
        new (given('TextDecoder'))('latin1').decode(BYTES),
    ),
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
    return check(isBytes(answer));
  },
  'net.connect({ onread: { buffer: view } })': async (view, heap) => {
    const into = heap.buffer(heap.calloc(1, 200));
    await echo(view, (port, resolve) => {
      const onread = {
        buffer: into,
        callback: (bytes) => bytes === 100 && resolve(),
      };
      // A runtime without onread returns the bytes in memory of its own.
      return net.connect({ port, host: '127.0.0.1', onread }).on('data', () => resolve());
    });
    if (into[0] === 0) throw ABSENT;
    return check(isBytes(into.subarray(0, 100)));
  },
  'Atomics.add across workers': (_, heap) =>
    withWorker(async (worker, next) => {
      const { address, view } = heap.mallocAs(Int32Array, 4);
      Atomics.add(view, 0, 1);
      await next();
      worker.postMessage({ heap: heap.id, address, add: true });
      for (let i = 0; i < 1000; i++) Atomics.add(view, 0, 1);
      await next();
      return check(Atomics.load(view, 0) === 2001);
    }),
  'Atomics.wait, Atomics.notify across workers': (_, heap) =>
    withWorker(async (worker, next) => {
      const { address, view } = heap.mallocAs(Int32Array, 4);
      Atomics.notify(view, 0);
      await next();
      worker.postMessage({ heap: heap.id, address });
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
    check(isBytes(await new (given('Response'))(view).arrayBuffer())),
  'new Request(url, { body: view })': async (view) => {
    const request = new (given('Request'))('http://localhost/', { method: 'POST', body: view });
    return check(isBytes(await request.arrayBuffer()));
  },
  'fetch, body: view': async (view) =>
    check(
      isBytes(
        await fetched(
          () => view,
          () => BYTES,
        ),
      ),
    ),
  'fetch, body: a ReadableStream of it': async (view) => {
    const stream = (bytes) => () =>
      new (given('ReadableStream'))({
        start(controller) {
          controller.enqueue(bytes);
          controller.close();
        },
      });
    return check(isBytes(await fetched(stream(view), stream(BYTES))));
  },
  'new WebSocket(url).send(view)': async (view) => {
    const { isText, payload } = await firstFrame((socket) => socket.send(view));
    if (isText && !isBytes(payload)) throw new Error('text');
    return check(isBytes(payload));
  },
  'new Blob([view])': async (view) => {
    const Blob = globalThis.Blob || require('buffer').Blob;
    return check(isBytes(await new (need(Blob))([view]).arrayBuffer()));
  },
  'new File([view], name)': async (view) =>
    check(isBytes(await new (given('File'))([view], 'name').arrayBuffer())),
  'formData.set(name, new Blob([view]))': async (view) => {
    const form = new (given('FormData'))();
    form.set('name', new (given('Blob'))([view]));
    return check(isBytes(await form.get('name').arrayBuffer()));
  },
  'new CompressionStream(format)': async (view) => {
    const zip = new (given('CompressionStream'))('gzip');
    const writer = zip.writable.getWriter();
    const written = writer.write(view).then(() => writer.close());
    const bytes = await Promise.all([collected(zip.readable), written]);
    return check(isBytes(zlib.gunzipSync(bytes[0])));
  },
  'ReadableStream, type: bytes': async (view) => {
    // What is given to such a stream is moved into it.
    const stream = new (given('ReadableStream'))({
      type: 'bytes',
      start(controller) {
        controller.enqueue(view);
        controller.close();
      },
    });
    const right = isBytes(await collected(stream));
    return view.length === 0 && right ? 'moves' : check(right);
  },
  'stream.write, stream.pipe': async (view) => {
    const stream = new PassThrough();
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.end(view);
    await new Promise((resolve) => stream.on('end', resolve));
    return check(isBytes(Buffer.concat(parts)));
  },
  'http request.end(view)': (view) =>
    withServer(
      http.createServer((request, response) => request.pipe(response)),
      async (port) => {
        const answer = await new Promise((resolve, reject) => {
          const request = http.request({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('end', () => resolve(Buffer.concat(parts)));
          });
          request.on('error', reject);
          request.end(view);
        });
        return check(isBytes(answer));
      },
    ),
  'crypto.subtle.encrypt, importKey': async (view) => {
    const { subtle } = need(crypto.webcrypto);
    const key = await subtle.importKey('raw', view.subarray(0, 16), 'AES-CBC', true, ['encrypt']);
    const algorithm = { name: 'AES-CBC', iv: view.subarray(16, 32) };
    const encrypted = Buffer.from(await subtle.encrypt(algorithm, key, view));
    const cipher = crypto.createCipheriv(
      'aes-128-cbc',
      BYTES.subarray(0, 16),
      BYTES.subarray(16, 32),
    );
    return check(encrypted.equals(Buffer.concat([cipher.update(BYTES), cipher.final()])));
  },
  'v8.serialize': (view) => check(isBytes(v8.deserialize(v8.serialize(view)))),
  'Buffer.concat, Buffer.compare': (view) => {
    const both = Buffer.concat([view, view]);
    return check(isBytes(both.subarray(100)) && Buffer.compare(view, both.subarray(0, 100)) === 0);
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

/** The outcome of a probe with a view of a kind. */
async function cell(probe, make) {
  const heap = new Heap();
  const view = make(heap, heap.malloc(100));
  view.set(BYTES);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), LIMIT_MS);
  });
  try {
    return await Promise.race([probe(view, heap), late]);
  } catch (error) {
    if (error === ABSENT) return 'absent';
    if (error instanceof Untried) return `untried: ${error.message}`;
    if (error.message === 'wrong' || error.message === 'text') return error.message;
    return `refused: ${error.code && typeof error.code === 'string' ? error.code : error.name}`;
  } finally {
    clearTimeout(timer);
    heap.close();
  }
}

/** The two kinds of view, both of them bytes. */
const KINDS = {
  buffer: (heap, address) => heap.buffer(address),
  view: (heap, address) => heap.view(address),
};

async function main() {
  const cells = {};
  for (const [row, probe] of Object.entries(PROBES)) {
    cells[row] = {};
    for (const [kind, make] of Object.entries(KINDS)) cells[row][kind] = await cell(probe, make);
  }
  console.log(`cells ${JSON.stringify(cells)}`);
}

/** In a worker: uses the view it is sent, or one of a heap. */
function serve({ view, heap, address, add }) {
  if (view) {
    view[0] = 42;
    return {};
  }
  const numbers = Heap.attach(heap).view(address, Int32Array);
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
