// The rule of each policy, in a sentence.

'use strict';

const RULES = {
  'first-fit': 'first-fit takes the lowest hole that is large enough.',
  'next-fit': 'next-fit searches on from where the last search ended, once round.',
  'best-fit': 'best-fit takes the smallest hole that is large enough; of several, the first.',
  'worst-fit': 'worst-fit takes the largest hole; of several, the first.',
  buddy:
    'buddy rounds the request up to a power of two and takes the smallest hole that is large enough, halved until it is just that; halves that are both free join again.',
  segregated:
    'segregated gives a small block a slot among slots of its size, and a large one whole pages.',
};

/** First fit on a list that is not kept in order of address. */
const FIRST_OF_LIST = 'first-fit takes the first hole of the list that is large enough.';

/** The rule of a policy for a list of holes in this order. */
function ruleOf(policy, order = 'address') {
  return policy === 'first-fit' && order !== 'address' ? FIRST_OF_LIST : RULES[policy];
}

module.exports = { RULES, ruleOf };
