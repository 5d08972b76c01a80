// keyv's own tests of stores, with the store of this package, under vitest: `npm run test:adapters -- keyv` runs it in a folder in which
// that is installed.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import * as vitest from 'vitest';

const require = createRequire(join(process.env.MEMS_CHECKOUT, 'package.json'));
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { KeyvStore } = require('@sambhav-gautam/osmemoryallocator/keyv');

const heap = Heap.open(process.env.MEMS_HEAP);
const store = () => new KeyvStore(heap);

keyvTestSuite(vitest, Keyv, store);
keyvIteratorTests(vitest, Keyv, store);
