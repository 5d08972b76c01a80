'use strict';

// The cache handler for Next.js, by the shape that its documents give. `npm run test:adapters` builds and runs a server of Next.js itself.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { cacheHandler } = require('@sambhav-gautam/osmemoryallocator/next');
const { folder, newHeap, until } = require('../helpers/heap-files.js');

const heap = newHeap();
let count = 0;
/** A class over maps of its own. */
const made = (options) => cacheHandler(heap, { name: `next-${++count}`, buildId: 'b', ...options });

const TAGS = 'x-next-cache-tags';

/** Values of each kind that Next.js stores, with what it says when it sets and gets them. */
const VALUES = {
  APP_PAGE: {
    kind: 'APP_PAGE',
    html: '<p>é</p>',
    rscData: Buffer.from([0, 255, 1]),
    headers: { [TAGS]: 'page,_N_T_/a', list: ['1', '2'] },
    postponed: undefined,
    status: 200,
    segmentData: new Map([
      ['/_tree', Buffer.from('tree')],
      ['/a', Buffer.alloc(0)],
    ]),
  },
  APP_ROUTE: { kind: 'APP_ROUTE', body: Buffer.from('body'), status: 201, headers: { a: 'b' } },
  PAGES: { kind: 'PAGES', html: '<p>', pageData: { pageProps: { a: null } }, status: undefined },
  REDIRECT: { kind: 'REDIRECT', props: { pageProps: { __N_REDIRECT: '/b' } } },
  IMAGE: { kind: 'IMAGE', etag: 'e', buffer: Buffer.alloc(70_000, 7), extension: 'webp' },
  FETCH: {
    kind: 'FETCH',
    data: { headers: { a: 'b' }, body: 'Ym9keQ==', url: 'https://example.com', status: 200 },
    tags: ['data'],
    revalidate: 60,
  },
};
const cacheControl = { revalidate: 60, expire: 3600 };
const setting = (kind) =>
  kind === 'FETCH' ? { fetchCache: true, tags: ['data'] } : { cacheControl, isFallback: false };
const getting = (kind, more) => ({ kind: kind === 'REDIRECT' ? 'PAGES' : kind, ...more });

test('values of each kind come back as they were set, with their age', async () => {
  const handler = new (made())({});
  for (const [kind, value] of Object.entries(VALUES)) {
    const before = Date.now();
    assert.equal(await handler.set(`/${kind}`, value, setting(kind)), undefined);
    const entry = await handler.get(`/${kind}`, getting(kind));
    assert.deepEqual(entry.value, value, kind);
    assert.ok(entry.lastModified >= before && entry.lastModified <= Date.now());
    assert.deepEqual(entry.cacheControl, kind === 'FETCH' ? undefined : cacheControl);
  }
  const { value } = await handler.get('/APP_PAGE', getting('APP_PAGE'));
  assert.ok(Buffer.isBuffer(value.rscData) && Buffer.isBuffer(value.segmentData.get('/a')));
});

test('what has not been set is null, and a page that is not there is an entry without a value', async () => {
  const handler = new (made())({});
  assert.equal(await handler.get('/none', { kind: 'APP_PAGE' }), null);
  await handler.set('/404', null, { cacheControl });
  const { value } = await handler.get('/404', { kind: 'PAGES' });
  assert.equal(value, null);
});

test('handlers of all requests, of all objects of a heap, have the same entries', async () => {
  const options = { name: 'same', buildId: 'b' };
  const [One, Two] = [cacheHandler(heap, options), cacheHandler(heap, options)];
  await new One({}).set('/a', VALUES.APP_PAGE, setting('APP_PAGE'));
  assert.deepEqual((await new Two({}).get('/a', { kind: 'APP_PAGE' })).value, VALUES.APP_PAGE);
  await new Two({}).revalidateTag('page');
  assert.equal(await new One({}).get('/a', { kind: 'APP_PAGE' }), null);
});

test('an entry is gone once a tag of its own or of the request is revalidated, until it is set again', async () => {
  const handler = new (made())({});
  const set = async () => {
    for (const kind of Object.keys(VALUES))
      await handler.set(`/${kind}`, VALUES[kind], setting(kind));
  };
  const left = async (more) => {
    const found = [];
    for (const kind of Object.keys(VALUES))
      if (await handler.get(`/${kind}`, getting(kind, kind === 'FETCH' ? more : {})))
        found.push(kind);
    return found;
  };
  const all = Object.keys(VALUES);
  await set();
  await handler.revalidateTag('unknown');
  await handler.revalidateTag([]);
  assert.deepEqual(await left(), all);
  for (const [tags, more, gone] of [
    ['page', {}, 'APP_PAGE'],
    [['_N_T_/a', 'unknown'], {}, 'APP_PAGE'],
    ['data', {}, 'FETCH'],
    ['asked', { tags: ['other', 'asked'] }, 'FETCH'],
    ['soft', { softTags: ['soft'] }, 'FETCH'],
  ]) {
    assert.equal(await handler.revalidateTag(tags, { expire: 60 }), undefined);
    assert.deepEqual(
      await left(more),
      all.filter((kind) => kind !== gone),
      `${tags}`,
    );
    await set();
    assert.deepEqual(await left(more), all);
  }
});

test('tags that the request says are revalidated count for it alone', async () => {
  const CacheHandler = made();
  await new CacheHandler({}).set('/a', VALUES.APP_PAGE, setting('APP_PAGE'));
  const preview = new CacheHandler({ revalidatedTags: ['page'] });
  assert.equal(await preview.get('/a', { kind: 'APP_PAGE' }), null);
  assert.notEqual(await new CacheHandler({}).get('/a', { kind: 'APP_PAGE' }), null);
});

test('pages are those of a build, and fetched data those of all', async () => {
  const dist = path.join(folder, '.next');
  const serverDistDir = path.join(dist, 'server');
  fs.mkdirSync(serverDistDir, { recursive: true });
  const options = { name: 'builds', buildId: undefined };
  const set = async (handler) => {
    await handler.set('/a', VALUES.APP_PAGE, setting('APP_PAGE'));
    await handler.set('key', VALUES.FETCH, setting('FETCH'));
  };
  const found = async (handler) => [
    (await handler.get('/a', { kind: 'APP_PAGE' })) !== null,
    (await handler.get('key', { kind: 'FETCH' })) !== null,
  ];
  const CacheHandler = made(options);
  await set(new CacheHandler({ serverDistDir }));
  assert.deepEqual(await found(new CacheHandler({ serverDistDir })), [true, true]);
  fs.writeFileSync(path.join(dist, 'BUILD_ID'), 'first\n');
  assert.deepEqual(await found(new CacheHandler({ serverDistDir })), [false, true]);
  await set(new CacheHandler({ serverDistDir }));
  // A server that runs while another build is made stays with its own.
  fs.writeFileSync(path.join(dist, 'BUILD_ID'), 'second\n');
  assert.deepEqual(await found(new CacheHandler({ serverDistDir })), [true, true]);
  assert.deepEqual(await found(new (made({ ...options, buildId: 'first' }))()), [true, true]);
  assert.deepEqual(await found(new (made({ ...options, buildId: 'second' }))()), [false, true]);
});

test('entries and tags live as long as ttl says', async () => {
  const name = `next-${++count}`;
  const handler = new (cacheHandler(heap, { name, ttl: 1 }))({});
  await handler.set('/a', VALUES.PAGES, {});
  await handler.revalidateTag('tag');
  await until(async () => (await handler.get('/a', { kind: 'PAGES' })) === null);
  const tags = heap.map(`${name}-tags`);
  await until(() => [...tags.keys()].join() === 'clock');
  assert.equal(tags.get('clock'), 1n);
});

test('tags are not evicted when pages are', async () => {
  const handler = new (made({ maxEntries: 3 }))({});
  await handler.set('/a', VALUES.APP_PAGE, setting('APP_PAGE'));
  for (let i = 0; i < 1000; i++) await handler.revalidateTag(`tag ${i}`);
  assert.notEqual(await handler.get('/a', { kind: 'APP_PAGE' }), null);
  await handler.set('key', VALUES.FETCH, { fetchCache: true, tags: ['tag 5'] });
  await handler.revalidateTag('tag 5');
  for (let i = 0; i < 1000; i++) await handler.revalidateTag(`other ${i}`);
  assert.equal(await handler.get('key', { kind: 'FETCH' }), null);
});

test('a heap and known options are needed', () => {
  assert.throws(() => cacheHandler(), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => made({ encoding: 'json' }), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.equal(new (made())({}).resetRequestCache(), undefined);
});
