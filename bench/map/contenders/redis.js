// A Redis server of this machine that is asked over loopback: with one command under way, or with 200.

'use strict';

const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { createServer } = require('node:net');
const Redis = require('ioredis');

const HOST = '127.0.0.1';

async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a server that keeps everything in memory, and writes nothing. */
async function serve(folder) {
  const port = await freePort();
  const args = [
    '--port',
    port,
    '--bind',
    HOST,
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const server = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  await once(server, 'spawn');
  // Where this process ends by an error.
  process.once('exit', () => server.kill());
  const end = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { port, pid: server.pid, end };
}

/** A connection, which waits until the server listens. */
function connect(port) {
  const redis = new Redis(port, HOST, { retryStrategy: () => 20, maxRetriesPerRequest: 200 });
  // Commands fail if the server does not come.
  redis.on('error', () => {});
  return redis;
}

async function open(folder, atOnce) {
  const server = await serve(folder);
  const redis = connect(server.port);
  const set = async (key, { bytes }) => {
    await redis.set(key, bytes);
    return bytes.length;
  };
  return {
    put: (key, { bytes }) => redis.set(key, bytes),
    asynchronous: {
      get: async (key) => (await redis.getBuffer(key)).length,
      'get a string': async (key) => (await redis.get(key)).length,
      has: (key) => redis.exists(key),
      set,
      'set alone': set,
    },
    atOnce,
    async close() {
      redis.disconnect();
      await server.end();
    },
  };
}

module.exports = {
  connect,
  one: { open: (folder) => open(folder, 1) },
  many: { open: (folder) => open(folder, 200) },
  serve,
};
