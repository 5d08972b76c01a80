// Mistakes the typings must catch, one a line; package.test.js checks that each is an error.
import {
  copy,
  free,
  freeMany,
  get,
  Heap,
  init,
  library,
  malloc,
  mallocMany,
  view,
  write,
} from '@sambhav-gautam/osmemoryallocator';

// @ts-expect-error a size is a number or a BigInt
malloc('8');
// @ts-expect-error a size is required
malloc();
// @ts-expect-error an address is a BigInt
free(1000);
// @ts-expect-error an address is a BigInt
get(1);
// @ts-expect-error malloc returns a BigInt
export const address: number = malloc(8);
// @ts-expect-error addresses are BigInts
freeMany([1000]);
// @ts-expect-error sizes are numbers or BigInts
mallocMany('88');
// @ts-expect-error no such option
init({ pageSize: 4096 });
// @ts-expect-error no such constructor of views
view(1000n, Array);
// @ts-expect-error a DataView is no Float64Array
export const wrong: Float64Array = view(1000n, DataView);
// @ts-expect-error a length is required
copy(1000n, 2000n);
// @ts-expect-error alignments are numbers
malloc(8, { alignment: '8' });
// @ts-expect-error no such alignment of a heap
new Heap({ alignment: 32 });
// @ts-expect-error a heap's id is read-only
new Heap().id = 1;
// @ts-expect-error an array is not bytes
write(1000n, [1, 2, 3]);
// @ts-expect-error a path is no function
library();
