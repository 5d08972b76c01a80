//! Calls that fail after the heap has found a block for them: nothing has changed.

use super::{Mems, Options, steps};
use crate::error::Error;
use crate::heap::{PolicyKind, Stats};

/// Sizes of requests that are refused: a hole is large enough for the first, and no main block can be for the second.
const REFUSED: [u64; 2] = [1000, (8 << 20) + 1];

/// A heap with holes of several sizes, and a block of 3200 bytes. A search that continues where the last one ended looks at a
/// small hole first, and continues elsewhere once it has found one of [`REFUSED`] bytes. No block has padding.
fn heap(options: Options) -> (Mems, u64) {
    let mut heap = Mems::new(options);
    let blocks: Vec<_> = [1600, 160, 3200, 160, 6400, 160].map(|size| heap.malloc(size).unwrap()).into();
    for hole in [blocks[0], blocks[4]] {
        heap.free(hole).unwrap();
    }
    // A request that finds no room would empty the quarantine, so it is emptied first.
    if options.hardened() {
        steps::make_room(&mut heap, Error::OutOfMetadata { size: 0 }).unwrap();
    }
    let rest = heap.stats().largest_hole / 16 * 16;
    heap.malloc(rest - 320).unwrap();
    (heap, blocks[2])
}

/// What can be seen of a heap, without how many requests it has refused, and where its next blocks are.
fn seen(mut heap: Mems) -> (Stats, Vec<String>, [u64; 3]) {
    heap.verify().unwrap();
    let (stats, lines) = (heap.stats(), heap.lines().unwrap());
    let next = [16, 1600, 3200].map(|size| heap.malloc(size).unwrap());
    // Bookkeeping may have grown.
    (Stats { metadata: 0, peak_metadata: 0, failed_mallocs: 0, ..stats }, lines, next)
}

/// The policies whose heap is as it was after a block has been taken back, with and without padding and canaries. Segregated fit
/// is not among them: its padding is not noted here, and it may keep a span that it has made.
fn all_options() -> impl Iterator<Item = Options> {
    let exact = PolicyKind::ALL.iter().filter(|&&policy| policy != PolicyKind::Segregated);
    exact.flat_map(|&policy| {
        let options = Options::roomy().with_policy(policy).with_trim(false);
        [options, options.with_zero_on_free(true), options.with_hardened(true)]
    })
}

#[test]
fn a_block_whose_padding_cannot_be_noted_has_never_been() {
    type Call = fn(&mut Mems, u64, u64) -> Result<u64, Error>;
    let calls: [(&str, Call); 5] = [
        ("malloc", |heap, _, size| heap.malloc(size)),
        ("malloc_aligned", |heap, _, size| heap.malloc_aligned(size, 64)),
        ("calloc", |heap, _, size| heap.calloc(1, size)),
        ("realloc", |heap, block, size| heap.realloc(block, 3200 + size)),
        ("malloc_many", |heap, _, size| {
            let mut addresses = [0; 3];
            heap.malloc_many(&[16, 32, size], &mut addresses).map(|()| addresses[2])
        }),
    ];
    for options in all_options() {
        let untouched = seen(heap(options).0);
        for ((name, call), size) in calls.iter().flat_map(|call| REFUSED.map(|size| (call, size))) {
            let (mut heap, block) = heap(options);
            heap.padding.refused = true;
            let refused = call(&mut heap, block, size);
            assert!(matches!(refused, Err(Error::OutOfMetadata { .. })), "{name}({size}), {options}: {refused:?}");
            heap.padding.refused = false;
            assert_eq!(seen(heap), untouched, "{name}({size}), {options}");
        }
    }
}

#[test]
fn a_realloc_whose_block_cannot_be_freed_has_made_none() {
    for options in all_options().filter(Options::hardened) {
        // A byte past the block's end.
        let broken = || {
            let (heap, block) = heap(options);
            heap.regions.fill(block + 3200, 1, 1);
            (heap, block)
        };
        let (mut untouched, block) = broken();
        untouched.free(block).unwrap_err();
        let untouched = seen(untouched);
        for size in [3300, 8 << 20] {
            let (mut heap, block) = broken();
            let refused = heap.realloc(block, size);
            assert!(matches!(refused, Err(Error::Overflow { .. })), "{options}: {refused:?}");
            assert_eq!(seen(heap), untouched, "realloc to {size}, {options}");
        }
    }
}
