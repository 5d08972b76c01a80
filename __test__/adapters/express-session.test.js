'use strict';

// The store for express-session: in servers that real requests go to, and call by call beside the store that express-session comes with.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { promisify } = require('node:util');
const session = require('express-session');
const { SessionStore } = require('@sambhav-gautam/osmemoryallocator/express-session');
const { newHeap, until } = require('../helpers/heap-files.js');
const { Random, seed } = require('../helpers/random.js');

const heap = newHeap();
let count = 0;
const newName = () => `sessions-${++count}`;

/** The methods of a store, as functions that return promises. */
function promised(store) {
  const names = ['get', 'set', 'touch', 'destroy', 'all', 'length', 'clear'];
  return Object.fromEntries(names.map((name) => [name, promisify(store[name]).bind(store)]));
}

const servers = [];
after(() => {
  for (const server of servers) server.close();
});

/** Starts a server whose sessions are in a store. Returns a function that sends it a request, as one browser, and returns what it says. */
async function browserOf(store, options, jar = {}) {
  const middleware = session({
    store,
    secret: 'keyboard',
    resave: false,
    saveUninitialized: false,
    ...options,
  });
  const routes = {
    '/view': (req) => {
      req.session.views = (req.session.views ?? 0) + 1;
    },
    '/look': () => undefined,
    '/new': (req) => promisify(req.session.regenerate).call(req.session),
    '/out': (req) => promisify(req.session.destroy).call(req.session),
  };
  const server = http.createServer((req, res) => {
    middleware(req, res, async (error) => {
      if (error) return res.writeHead(500).end(error.message);
      await routes[req.url](req);
      res.end(JSON.stringify({ id: req.sessionID, views: req.session?.views ?? null }));
    });
  });
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return async (path) => {
    const headers = jar.cookie ? { cookie: jar.cookie } : {};
    const { port } = server.address();
    const [response] = await once(
      http.get({ host: '127.0.0.1', port, path, headers, agent: false }),
      'response',
    );
    const set = response.headers['set-cookie'];
    if (set) [jar.cookie] = set[0].split(';');
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    return { status: response.statusCode, ...JSON.parse(text) };
  };
}

describe('in a server', () => {
  test('a session lives from request to request, in one server and the next', async () => {
    const [name, jar] = [newName(), {}];
    const one = await browserOf(new SessionStore(heap, { name }), {}, jar);
    const first = await one('/view');
    assert.deepEqual([first.status, first.views], [200, 1]);
    assert.deepEqual(await one('/view'), { ...first, views: 2 });
    const two = await browserOf(new SessionStore(heap, { name }), {}, jar);
    assert.deepEqual(await two('/view'), { ...first, views: 3 });
    assert.deepEqual(await one('/look'), { ...first, views: 3 });
    const other = await browserOf(new SessionStore(heap, { name }));
    assert.equal((await other('/view')).views, 1);
    const { all, length } = promised(new SessionStore(heap, { name }));
    assert.equal(await length(), 2);
    const views = Object.fromEntries((await all()).map((each) => [each.id, each.views]));
    assert.equal(views[first.id], 3);
  });

  test('regenerate and destroy', async () => {
    const store = new SessionStore(heap, { name: newName() });
    const browser = await browserOf(store);
    const first = await browser('/view');
    const second = await browser('/new');
    assert.notEqual(second.id, first.id);
    assert.equal((await browser('/view')).views, 1);
    await browser('/out');
    assert.equal(await promised(store).length(), 0);
    assert.equal((await browser('/look')).views, null);
  });

  test('each request lengthens the life of a rolling session', async () => {
    const store = new SessionStore(heap, { name: newName() });
    const browser = await browserOf(store, { cookie: { maxAge: 3_600_000 }, rolling: true });
    const { id } = await browser('/view');
    const { get } = promised(store);
    const before = new Date((await get(id)).cookie.expires);
    await until(() => Date.now() + 3_600_000 > before);
    await browser('/look');
    const { cookie, views } = await get(id);
    assert.ok(new Date(cookie.expires) > before);
    assert.equal(views, 1);
  });

  test('a session whose cookie has expired is a new one', async () => {
    const store = new SessionStore(heap, { name: newName() });
    const browser = await browserOf(store, { cookie: { maxAge: 20 } });
    const { id } = await browser('/view');
    const { get } = promised(store);
    await until(async () => (await get(id)) === undefined);
    const next = await browser('/view');
    assert.equal(next.views, 1);
    assert.notEqual(next.id, id);
  });

  test('an error of the heap is one of the request', async () => {
    const closed = newHeap();
    const store = new SessionStore(closed);
    const browser = await browserOf(store);
    await browser('/view');
    closed.close();
    await assert.rejects(promised(store).length(), { code: 'ERR_MEMS_CLOSED' });
  });
});

describe('beside the store that express-session comes with', () => {
  test('random calls return the same', async (t) => {
    t.diagnostic(`MEMS_SEED=${seed}`);
    const random = new Random();
    const stores = [new SessionStore(heap, { name: newName() }), new session.MemoryStore()].map(
      promised,
    );
    for (let i = 0; i < 2000; i++) {
      const id = `id ${random.int(0, 9)}`;
      const cookie = new session.Cookie({ maxAge: random.pick([3_600_000, null, -1000]) });
      const value = { cookie, user: random.int(0, 99), list: [{ a: 'é' }, null] };
      const call = random.pick(['get', 'get', 'set', 'set', 'touch', 'destroy', 'length', 'all']);
      const name = random.chance(0.01) ? 'clear' : call;
      const args = { set: [id, value], touch: [id, value], get: [id], destroy: [id] }[name] ?? [];
      const results = [];
      for (const store of stores) results.push(await store[name](...args));
      if (name === 'all') {
        // The one returns a list, and the other an object of the sessions by id.
        results[0] = Object.fromEntries(results[0].map(({ id: own, ...rest }) => [own, rest]));
        results[1] = { ...results[1] };
      }
      assert.deepEqual(results[0], results[1], `${name} of ${id}, MEMS_SEED=${seed}`);
    }
  });
});

test('touch keeps what others have stored since the session was read', async () => {
  const { get, set, touch } = promised(new SessionStore(heap, { name: newName() }));
  const cookie = new session.Cookie({ maxAge: 1000 });
  await set('id', { cookie, views: 1 });
  const read = await get('id');
  await set('id', { cookie, views: 2 });
  await touch('id', { ...read, cookie: new session.Cookie({ maxAge: 3_600_000 }) });
  const now = await get('id');
  assert.equal(now.views, 2);
  assert.ok(new Date(now.cookie.expires) > Date.now() + 3_000_000);
  await touch('none', { cookie });
  assert.equal(await get('none'), undefined);
});

test('a session whose cookie does not say lives as long as the store says', async () => {
  const name = newName();
  const cookie = new session.Cookie();
  const short = promised(new SessionStore(heap, { name, ttl: 1 }));
  const ever = promised(new SessionStore(heap, { name, ttl: 0 }));
  await short.set('short', { cookie });
  await ever.set('ever', { cookie });
  await until(async () => (await short.get('short')) === undefined);
  assert.notEqual(await short.get('ever'), undefined);
  assert.equal(await short.length(), 1);
});

test('without a callback errors are thrown', async () => {
  const store = new SessionStore(heap, { name: newName() });
  store.set('id', { cookie: {} });
  assert.deepEqual(await promised(store).get('id'), { cookie: {} });
  assert.throws(() => store.set(5, { cookie: {} }), { code: 'ERR_INVALID_ARG_TYPE' });
  await assert.rejects(promised(store).set(5, { cookie: {} }), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new SessionStore({}), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new SessionStore(heap, { prefix: 'a' }), { code: 'ERR_INVALID_ARG_VALUE' });
});
