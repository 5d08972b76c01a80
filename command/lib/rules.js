// The rule of each policy, in a sentence.

'use strict';

const RULES = {
  'first-fit': 'first-fit takes the lowest hole that is large enough.',
  'next-fit': 'next-fit searches on from where the last search ended, once round.',
  'best-fit': 'best-fit takes the smallest hole that is large enough; of several, the first.',
  'worst-fit': 'worst-fit takes the largest hole; of several, the first.',
  buddy:
    'buddy halves the smallest hole until the request, rounded up to a power of two, fits; halves join again.',
  segregated:
    'segregated gives a small block a slot among slots of its size, and a large one whole pages.',
};

module.exports = { RULES };
