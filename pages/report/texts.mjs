// The numbers of a moment: what each is called, and a sentence that says what it is and what one does about it.

import { bytes, count, counted, percent } from '../lib/numbers.mjs';

/** A row each: the name among the numbers that the engine returns, the label, how it is written, the sentence. */
export const NUMBERS = [
  [
    'live',
    'live',
    bytes,
    'Bytes in blocks that are allocated. If it only ever rises, something is not freed: find "never freed", and look at the sites.',
  ],
  [
    'requested',
    'asked for',
    bytes,
    'The bytes of those blocks that the program has asked for. The rest is what sizes are rounded up by: ask for sizes just below a size class, or choose a policy that rounds less.',
  ],
  [
    'mapped',
    'mapped',
    bytes,
    'Bytes in main blocks, which the heap has from the system. It never falls, so its peak is what the program costs: compare policies by it.',
  ],
  [
    'holeBytes',
    'in holes',
    bytes,
    'Bytes that are mapped and free. trim() gives whole free pages back to the system; the addresses stay.',
  ],
  [
    'largest',
    'largest hole',
    bytes,
    'The largest request that fits without growing. If programs ask for more than that again and again, allocate large blocks first, or in a heap of their own.',
  ],
  [
    'blocks',
    'live blocks',
    count,
    'Blocks that are allocated. Many small ones cost bookkeeping each: one block for several things that live equally long is cheaper.',
  ],
  [
    'holes',
    'holes',
    count,
    'Free pieces. Many small ones between blocks that live long are fragmentation: separate what lives long from what does not.',
  ],
  [
    'mainBlocks',
    'main blocks',
    count,
    'Pieces that were appended to the heap. A hole never reaches from one into the next: minBlockSize and growingBlocks make fewer and larger ones.',
  ],
  [
    'external',
    'external fragmentation',
    percent,
    'The share of hole bytes outside of the largest hole. It is near 100 % in most heaps that have lived for a while; look at "unusable" for the sizes that you ask for.',
  ],
  [
    'internal',
    'internal fragmentation',
    percent,
    'The share of live bytes that nobody asked for, since sizes are rounded up. Exact policies have little or none; the buddy system has most.',
  ],
  [
    'unusable64',
    'unusable for 64 B',
    percent,
    'The share of hole bytes in holes smaller than 64 bytes. Such slivers serve hardly any request: a policy with size classes leaves fewer.',
  ],
  [
    'unusable1K',
    'unusable for 1 KiB',
    percent,
    'The share of hole bytes in holes smaller than 1 KiB. If the program asks for more than that, so much of what is free is of no use to it.',
  ],
  [
    'unusable64K',
    'unusable for 64 KiB',
    percent,
    'The share of hole bytes in holes smaller than 64 KiB. Buffers of that size make the heap grow although much is free: keep them in a heap of their own.',
  ],
];

/** The sentence about the heap at a moment that a screen reader reads out. The parameters are numbers of that moment. */
export function sentence({ live, blocks, holeBytes, holes }) {
  return `${bytes(live)} live in ${counted(blocks, 'block')}, ${bytes(holeBytes)} free in ${counted(holes, 'hole')}.`;
}
