// Statistics of a heap, with the shares that are computed from them.

'use strict';

const binding = require('../binding.js');

function statsOf(heap, options) {
  const stats = binding.stats(heap, options);
  const { mapped, live, requested, holes, largestHole } = stats.bytes;
  // Fractions of the whole; 0 if the whole is 0.
  const fragmentation = {
    external: holes === 0 ? 0 : 1 - largestHole / holes,
    internal: live === 0 ? 0 : 1 - requested / live,
    unused: mapped === 0 ? 0 : holes / mapped,
  };
  // An assignment would call a setter of that name on Object.prototype.
  return { ...stats, fragmentation };
}

module.exports = { statsOf };
