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
// @ts-expect-error no such kind of addresses
new Heap({ addresses: 'string' });
// @ts-expect-error the original's functions return BigInts
init({ addresses: 'number' });
// @ts-expect-error BigInts are the default
export const wrongHeap: Heap<number> = new Heap();
// @ts-expect-error a heap of numbers has to be told so
new Heap<number>();
// @ts-expect-error numbers, not BigInts
export const wrongAddress: bigint = new Heap({ addresses: 'number' }).malloc(8);
// @ts-expect-error numbers, not BigInts
export const wrongList: BigUint64Array = new Heap({ addresses: 'number' }).mallocMany([8]);
// @ts-expect-error an address is a BigInt or a number
new Heap().free('1000');
// @ts-expect-error no such option of a heap
new Heap({ adresses: 'number' });
// @ts-expect-error attached by default as BigInts
export const wrongAttached: Heap<number> = Heap.attach(1);
// @ts-expect-error an array is not bytes
write(1000n, [1, 2, 3]);
// @ts-expect-error no such option of a default heap
init({ warnUnusable: { size: 1, share: 1 } });
// @ts-expect-error a share is missing
new Heap({ warnUnusable: { size: 1 } });
// @ts-expect-error several heaps have names of their own
Heap.metrics({}, { name: 'cache' });
// @ts-expect-error a path is no function
library();
// @ts-expect-error no such option of a heap in a file
Heap.open('a.mems', { hardened: true });
// @ts-expect-error BigInts are the default there, too
export const wrongFile: Heap<number> = Heap.open('a.mems', { readOnly: true });
// @ts-expect-error a word is an address
Heap.open('a.mems').malloc(8, { into: 'word' });
// @ts-expect-error only free() takes the word, and only as `from`
Heap.open('a.mems').free({ into: 1000n });
// @ts-expect-error no such option of a map
new Heap().map('pages', { maxSize: 5 });
// @ts-expect-error no such encoding
new Heap().map('pages', { encoding: 'utf8' });
// @ts-expect-error text, not bytes
new Heap().map('pages', { encoding: 'string' }).set('/home', new Uint8Array(1));
// @ts-expect-error the values of a map for JSON are no Buffers
export const wrongValue: Buffer | undefined = new Heap().map('a', { encoding: 'json' }).get('a');
// @ts-expect-error no user
new Heap().map<{ name: string }>('users', { encoding: 'json' }).set('ada', 'Ada');
// @ts-expect-error no text
new Heap().map('pages').set('/home', 5);
// @ts-expect-error no such option of a call
new Heap().map('pages').set('/home', '', { maxAge: 5 });
