// Mistakes the typings must catch, one a line; package.test.js checks that each is an error.
import { free, freeMany, get, init, malloc, mallocMany } from '@sambhav-gautam/osmemoryallocator';

// @ts-expect-error a size is a number or a BigInt
malloc('8');
// @ts-expect-error a size is required
malloc();
// @ts-expect-error an address is a BigInt
free(1000);
// @ts-expect-error an address is a BigInt
get(1);
// @ts-expect-error malloc answers a BigInt
export const address: number = malloc(8);
// @ts-expect-error addresses are BigInts
freeMany([1000]);
// @ts-expect-error sizes are numbers or BigInts
mallocMany('88');
// @ts-expect-error no such option
init({ pageSize: 4096 });
