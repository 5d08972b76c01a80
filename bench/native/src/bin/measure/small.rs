//! What a heap of MeMS takes that has one block of 64 bytes, which has been written: one line of JSON for each kind of heap, the mean of
//! [`HEAPS`] of them, so that pages which several have in common count for what they are.

use super::footprint::Residence;
use mems_bench::contenders::{Allocator, Mems, Segregated};

const HEAPS: usize = 100;
const BYTES: usize = 64;

fn print<A: Allocator>() {
    let mut residence = Residence::open();
    // One that is not counted, so that what the process needs once is there.
    let mut heaps = Vec::with_capacity(HEAPS + 1);
    heaps.push(opened::<A>());
    let before = residence.bytes();
    heaps.extend((0..HEAPS).map(|_| opened::<A>()));
    let resident = residence
        .bytes()
        .zip(before)
        .map_or("null".to_owned(), |(now, before)| (now.saturating_sub(before) / HEAPS as u64).to_string());
    let stats = heaps[0].stats().expect("MeMS has statistics");
    println!(
        r#"{{"name": "{}", "mapped": {}, "metadata": {}, "resident": {resident}}}"#,
        A::NAME,
        stats.mapped,
        stats.metadata
    );
}

/// A heap with one block.
fn opened<A: Allocator>() -> A {
    let mut heap = A::new();
    let block = heap.malloc(BYTES);
    let bytes = heap.address(block).expect("MeMS has memory");
    // SAFETY: the heap has just handed out these bytes.
    unsafe { bytes.write_bytes(0xa5, BYTES) };
    heap
}

pub fn run() {
    print::<Mems>();
    print::<Mems<Segregated>>();
}
