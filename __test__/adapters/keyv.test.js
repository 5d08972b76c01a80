'use strict';

// The store for keyv, under both versions of keyv that call stores in ways of their own. `npm run test:adapters` runs keyv's own suite.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { KeyvStore } = require('@sambhav-gautam/osmemoryallocator/keyv');
const { newHeap, until } = require('../helpers/heap-files.js');

const VERSIONS = { 5: require('keyv-5').Keyv, 6: require('keyv').Keyv };

/** All entries of a Keyv, in the order of their keys. */
async function entriesOf(keyv) {
  const found = [];
  for await (const entry of keyv.iterator()) found.push(entry);
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const [version, Keyv] of Object.entries(VERSIONS)) {
  describe(`keyv ${version}`, () => {
    const heap = newHeap();
    let count = 0;
    /** A store of a map of its own, and a Keyv over it. */
    function made(options) {
      const store = new KeyvStore(heap, { name: `keyv-${++count}`, ...options });
      return { store, keyv: new Keyv({ store, throwOnErrors: true }) };
    }

    test('values come back as they were set', async () => {
      const { keyv } = made();
      const values = [false, null, 0, '', 'text', "'", '"', { deep: [1, { b: 'c' }] }];
      for (const [i, value] of values.entries()) {
        assert.equal(await keyv.set(`key ${i}`, value), true);
        assert.deepEqual(await keyv.get(`key ${i}`), value);
      }
      assert.deepEqual(await keyv.get(values.map((_, i) => `key ${i}`)), values);
      const bytes = Buffer.from('bytes');
      await keyv.set('bytes', bytes);
      assert.deepEqual(await keyv.get('bytes'), bytes);
    });

    test('values that nobody serializes come back as they were set', async () => {
      const { store } = made();
      const off =
        version === '5'
          ? { serialize: undefined, deserialize: undefined }
          : { serialization: false };
      const keyv = new Keyv({ store, throwOnErrors: true, ...off });
      const value = { map: new Map([['a', Buffer.from('b')]]), date: new Date(5), big: 7n };
      await keyv.set('key', value);
      assert.deepEqual(await keyv.get('key'), value);
    });

    test('has and delete', async () => {
      const { keyv } = made();
      await keyv.set('a', 1);
      await keyv.set('b', 2);
      assert.deepEqual([await keyv.has('a'), await keyv.has('c')], [true, false]);
      assert.deepEqual(await keyv.hasMany(['a', 'c', 'b']), [true, false, true]);
      assert.deepEqual([await keyv.delete('a'), await keyv.delete('a')], [true, false]);
      assert.deepEqual(await keyv.get(['a', 'b', 'c']), [undefined, 2, undefined]);
      const deleted = await keyv.deleteMany(['b', 'c']);
      assert.deepEqual(deleted, version === '5' ? false : [true, false]);
      assert.equal(await keyv.has('b'), false);
    });

    test('what has expired is gone', async () => {
      const { store, keyv } = made();
      await keyv.set('short', 'a', 1);
      await keyv.set('long', 'b', 3_600_000);
      await until(async () => !(await keyv.has('short')));
      assert.deepEqual(await keyv.get(['short', 'long']), [undefined, 'b']);
      assert.deepEqual(await entriesOf(keyv), [['long', 'b']]);
      await store.set('raw', 'c', -1);
      assert.equal(await store.has('raw'), false);
    });

    test('a time to live of the store is for what keyv gives none', async () => {
      const { store } = made({ ttl: 1 });
      await store.set('short', 'a');
      await store.set('long', 'b', 3_600_000);
      await until(async () => !(await store.has('short')));
      assert.equal(await store.has('long'), true);
    });

    test('namespaces do not meet', async () => {
      const name = `keyv-${++count}`;
      const of = (namespace) =>
        new Keyv({ store: new KeyvStore(heap, { name }), namespace, throwOnErrors: true });
      const [one, two, alike] = ['one', 'two', 'one-more'].map(of);
      for (const [i, keyv] of [one, two, alike].entries()) {
        await keyv.set('foo', i);
        await keyv.set('bar:baz', i);
      }
      assert.deepEqual(await entriesOf(two), [
        ['bar:baz', 1],
        ['foo', 1],
      ]);
      assert.equal((await entriesOf(one)).length, 2);
      await one.clear();
      assert.deepEqual(await one.get(['foo', 'bar:baz']), [undefined, undefined]);
      assert.deepEqual(await entriesOf(two), [
        ['bar:baz', 1],
        ['foo', 1],
      ]);
      assert.equal(await alike.get('foo'), 2);
      await new KeyvStore(heap, { name }).clear();
      assert.equal(await two.has('foo'), false);
    });

    test('two stores of a name have the same entries', async () => {
      const name = `keyv-${++count}`;
      const [one, two] = [1, 2].map(() => new Keyv({ store: new KeyvStore(heap, { name }) }));
      await one.set('key', { from: 'one' });
      assert.deepEqual(await two.get('key'), { from: 'one' });
    });

    test('a value that is too large for the map is an error, and not stored', async () => {
      const { keyv } = made({ maxBytes: 100_000 });
      await assert.rejects(keyv.set('key', 'x'.repeat(100_000)), { code: 'ERR_MEMS_TOO_LARGE' });
      assert.equal(await keyv.get('key'), undefined);
    });
  });
}

test('a store refuses what is no heap, and unknown options', () => {
  assert.throws(() => new KeyvStore({}), { code: 'ERR_INVALID_ARG_TYPE', message: /"heap"/ });
  assert.throws(() => new KeyvStore(newHeap(), 'name'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new KeyvStore(newHeap(), { encoding: 'json' }), {
    code: 'ERR_INVALID_ARG_VALUE',
    message:
      '"encoding" is not an option of KeyvStore. The options are name, maxBytes, maxEntries, ttl, shards, checksum',
  });
});
