//! Bookkeeping stays small, and sizes beyond what a row of the index can hold are as exact as any.

use mems::heap::{FIRST_ADDRESS, Heap, Options, PAGE};

const GIB: u64 = 1 << 30;

fn malloc(heap: &mut Heap, size: u64) -> u64 {
    if let Some(address) = heap.malloc(size).unwrap() {
        return address;
    }
    let bytes = heap.block_size(size);
    heap.reserve_block(bytes).unwrap();
    heap.append_block(bytes, false);
    heap.malloc(size).unwrap().expect("the new main block has room")
}

#[test]
fn small_blocks_take_few_bytes_each() {
    const COUNT: u64 = 4000;
    let mut heap = Heap::new(Options::default());
    // 16 to 272 bytes, each size as often as any other; every other block is freed and replaced.
    let sizes = || (0..COUNT).map(|number| 16 + number * 101 % 257);
    let blocks: Vec<_> = sizes().map(|size| malloc(&mut heap, size)).collect();
    for &block in blocks.iter().step_by(2) {
        heap.free(block).unwrap();
    }
    for size in sizes().take(blocks.len() / 2) {
        malloc(&mut heap, size);
    }
    let stats = heap.stats();
    assert_eq!(stats.live_blocks, COUNT);
    assert!(stats.metadata <= 24 * COUNT, "{} bytes for {COUNT} blocks", stats.metadata);
}

#[test]
fn a_block_of_terabytes_takes_no_more_than_a_small_one() {
    let mut heap = Heap::new(Options::default());
    let giant = malloc(&mut heap, 1024 * GIB);
    let behind = malloc(&mut heap, 100);
    assert_eq!(behind, giant + 1024 * GIB);
    let metadata = heap.stats().metadata;
    assert!(metadata < 1 << 20, "{metadata} bytes");
    heap.free(giant).unwrap();
    assert_eq!(malloc(&mut heap, 7), giant);
    assert_eq!(heap.find(behind + 99).unwrap().start, behind);
}

#[test]
fn first_fit_is_exact_among_holes_of_gigabytes() {
    let mut heap = Heap::new(Options::default());
    let sizes = [5 * GIB, 1, 6 * GIB, 1, 2 * GIB - PAGE, 1, 2 * GIB, 1];
    let blocks = sizes.map(|size| malloc(&mut heap, size));
    for &block in blocks.iter().step_by(2) {
        heap.free(block).unwrap();
    }
    assert_eq!(heap.stats().largest_hole, 6 * GIB);
    let end = heap.end();
    assert_eq!(malloc(&mut heap, 5 * GIB + 1), blocks[2], "a byte more than the first hole has");
    assert_eq!(malloc(&mut heap, 5 * GIB), blocks[0], "to the byte");
    assert_eq!(malloc(&mut heap, 2 * GIB), blocks[6], "a page more than the hole before has");
    assert_eq!(malloc(&mut heap, 2 * GIB - PAGE), blocks[4]);
    assert_eq!(malloc(&mut heap, GIB - 1), blocks[2] + 5 * GIB + 1, "the rest of a hole");
    assert_eq!(heap.end(), end);
    assert_eq!(malloc(&mut heap, 70_000), end, "nothing so large is left");
    assert_eq!(blocks[0], FIRST_ADDRESS);
}
