// Jobs that other threads of the runtime do on views: files, random bytes, key derivation, compression. Blocks are freed
// and heaps are closed meanwhile.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { promisify } = require('util');
const zlib = require('zlib');
const { bytesOf } = require('./views.js');

/** A file that jobs read and write: open it for each thread of the program. */
class Scratch {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-soak-'));
    this.file = path.join(this.folder, 'scratch');
    this.fd = fs.openSync(this.file, 'w+');
    fs.writeSync(this.fd, Buffer.alloc(1 << 16, 7), 0, 1 << 16, 0);
  }

  close() {
    fs.closeSync(this.fd);
    fs.unlinkSync(this.file);
    fs.rmdirSync(this.folder);
  }
}

const zip = [promisify(zlib.gzip), promisify(zlib.deflateRaw), promisify(zlib.brotliCompress)];
const pbkdf2 = promisify(crypto.pbkdf2);

/** Jobs that write to a view. */
const WRITERS = {
  read: (view, { fd }) => promisify(fs.read)(fd, bytesOf(view), 0, view.byteLength, 0),
  randomFill: (view) => promisify(crypto.randomFill)(bytesOf(view)),
  handleRead: async (view, { file }) => {
    const handle = await fs.promises.open(file, 'r');
    try {
      await handle.read(bytesOf(view), 0, view.byteLength, 0);
    } finally {
      await handle.close();
    }
  },
};

/** Jobs that only read. */
const READERS = {
  write: (view, { fd }) => promisify(fs.write)(fd, bytesOf(view), 0, view.byteLength, 0),
  pbkdf2: (view) => pbkdf2(bytesOf(view), bytesOf(view), 20, 32, 'sha256'),
  gzip: (view) => zip[0](bytesOf(view)),
  deflate: (view) => zip[1](bytesOf(view)),
  brotli: (view) => zip[2](bytesOf(view), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  digest: (view) => crypto.webcrypto.subtle.digest('SHA-256', bytesOf(view)),
  writeFile: (view, { file }) => fs.promises.writeFile(file, bytesOf(view)),
};

// Deno fills a copy and, if the view's memory has been moved away meanwhile, throws where nobody can catch it.
if (typeof Deno !== 'undefined') delete WRITERS.randomFill;

/** Begins a job on a view: a promise of the job's name and the code of its error, which never rejects. */
async function begin(view, random, scratch, jobs = { ...WRITERS, ...READERS }) {
  const name = random.pick(Object.keys(jobs));
  try {
    await jobs[name](view, scratch);
    return name;
  } catch (error) {
    // What runtimes refuse is theirs: docs/interop.md lists it.
    return `${name}: ${error.code || error.name}`;
  }
}

/** A job that only reads, whose outcome shows whether it saw the bytes it was to see. */
async function roundTrip(view, copy) {
  const zipped = await zip[0](bytesOf(view));
  return zlib.gunzipSync(zipped).equals(copy);
}

// Terminating a worker may end the process where no view is involved: between making a zlib stream and starting it ("close
// before init", Node 26), or while fs.promises is at work (Node 14). So workers do neither.
const { gzip, deflate, brotli, writeFile, handleRead, ...WORKER_JOBS } = { ...READERS, ...WRITERS };

module.exports = { READERS, WORKER_JOBS, Scratch, begin, roundTrip };
