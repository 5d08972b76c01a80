// The cache handler of the test's server: the package is the one of the checkout.
const { createRequire } = require('node:module');
const path = require('node:path');

const load = createRequire(path.join(process.env.MEMS_CHECKOUT, 'package.json'));
const { Heap } = load('@sambhav-gautam/osmemoryallocator');
const { cacheHandler } = load('@sambhav-gautam/osmemoryallocator/next');

module.exports = cacheHandler(Heap.open(process.env.MEMS_HEAP), { maxBytes: 2 ** 26 });
