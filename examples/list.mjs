// A linked list in a heap file, which survives being killed at any moment: kill it, run it again, and it continues.
//
//   node examples/list.mjs FILE [ITEMS]     by default 1000 items more than there are
//
// The list is a queue: new items are added behind the tail, and every third time the first one is taken away. Each step that must happen
// as a whole is one operation of the heap:
//
//   append    malloc(size, { into }) allocates an item and stores its address in a word of its own, the draft. Nobody sees the item while
//             it is filled. One store into the tail's `next` makes it a part of the list; then the draft is cleared.
//   take      replace(word, 0) cannot keep what follows, so the second item's address is stored in the list's first word by replace():
//             this frees the first item by the same operation.
//
// A process that dies leaves one of the states between these operations, and `settle` knows them all:
//
//   the draft is the tail or the item behind it     it is in the list: clear the draft
//   the draft is another item                       it is not in the list: free it, and clear the word, by one operation
//   the tail is not the last item                   go to the last one

import { Heap } from '@sambhav-gautam/osmemoryallocator';

/** An item: the next one's address, its number, and a number that depends on it, which shows that the item is whole. */
const NEXT = 0;
const NUMBER = 1;
const ITEM = 24;

/** The words of the list: the first item's address, the tail's, that of an item that is not in the list yet. */
const FIRST = 0;
const TAIL = 1;
const DRAFT = 2;
const LIST = 24;

const checkOf = (number) => BigInt.asUintN(64, (number + 1n) * 0x9e3779b97f4a7c15n);

const [file, items = '1000'] = process.argv.slice(2);
if (file === undefined) throw new Error('node examples/list.mjs FILE [ITEMS]');

const heap = Heap.open(file);
const wordsAt = (address) => heap.view(address, BigUint64Array, 3);

/** The block of the list's words, which the root `list` names. calloc: an empty list is zeros. */
function found() {
  const known = heap.roots.get('list');
  if (known !== undefined) return known;
  // A process that dies between the two leaves a block that nothing refers to: once in the life of a file, and it is empty.
  const made = heap.calloc(1, LIST);
  heap.roots.set('list', made);
  return made;
}

const list = found();
const words = wordsAt(list);

/** Puts in order what a process has left that died. Returns the last item's number, or 0. */
function settle() {
  let last = 0n;
  let isIn = false;
  for (let address = words[FIRST]; address !== 0n; address = wordsAt(address)[NEXT]) {
    last = address;
    isIn ||= address === words[DRAFT];
  }
  words[TAIL] = last;
  if (isIn) words[DRAFT] = 0n;
  else if (words[DRAFT] !== 0n) heap.free({ from: list + 8n * BigInt(DRAFT) });
  return last === 0n ? 0n : wordsAt(last)[NUMBER];
}

/** Adds an item behind the tail. */
function append(number) {
  const address = heap.malloc(ITEM, { into: list + 8n * BigInt(DRAFT) });
  wordsAt(address).set([0n, number, checkOf(number)]);
  // The one store that makes it a part of the list.
  if (words[TAIL] === 0n) words[FIRST] = address;
  else wordsAt(words[TAIL])[NEXT] = address;
  words[TAIL] = address;
  words[DRAFT] = 0n;
}

/** Takes the first of several items away, and frees it. */
function take() {
  heap.replace(list + 8n * BigInt(FIRST), wordsAt(words[FIRST])[NEXT]);
}

/** Fails unless the list's numbers follow each other, its items are whole, and no other block is live but the list's own. */
function check() {
  let count = 0;
  let before;
  for (let address = words[FIRST]; address !== 0n; count++) {
    const [next, number, sum] = wordsAt(address);
    if (sum !== checkOf(number)) throw new Error(`item ${number} is torn`);
    if (before !== undefined && number !== before + 1n)
      throw new Error(`${number} follows ${before}`);
    [address, before] = [next, number];
  }
  const { live } = heap.stats().counts;
  if (live !== count + 1) throw new Error(`${live} blocks for a list of ${count} items`);
  heap.verify();
  return count;
}

let number = settle();
console.log(`${check()} items, the last is ${number}`);
for (let i = 0; i < Number(items); i++) {
  append(++number);
  if (i % 3 === 2) take();
}
console.log(`${check()} items, the last is ${number}`);
heap.close();
