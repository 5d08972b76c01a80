//! Patterns that are hard on a first-fit heap, with the mean time a call: a search that walks, a structure that
//! degenerates or a bound that is corrected again and again shows as microseconds.

use mems::Mems;
use mems::Options;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_micros(5);

/// A heap that counts the calls made on it.
struct Heap {
    mems: Mems,
    calls: u32,
}

impl Heap {
    fn malloc(&mut self, size: u64) -> u64 {
        self.calls += 1;
        self.mems.malloc(size).expect("there is memory")
    }

    fn free(&mut self, address: u64) {
        self.calls += 1;
        self.mems.free(address).expect("the block is live");
    }

    fn malloc_all(&mut self, sizes: impl Iterator<Item = u64>) -> Vec<u64> {
        sizes.map(|size| self.malloc(size)).collect()
    }

    fn free_all(&mut self, blocks: impl Iterator<Item = u64>) {
        for block in blocks {
            self.free(block);
        }
    }
}

/// 200,000 holes of 63 bytes below, and requests of 64 that none of them fits.
fn comb(heap: &mut Heap) {
    let blocks = heap.malloc_all((0..400_000).map(|at| if at % 2 == 0 { 63 } else { 1 }));
    heap.free_all(blocks.into_iter().step_by(2));
    for _ in 0..200_000 {
        let block = heap.malloc(64);
        heap.free(block);
    }
}

/// A million blocks of one byte, freed from the middle outwards and made again.
fn one_byte_blocks(heap: &mut Heap) {
    let blocks = heap.malloc_all(std::iter::repeat_n(1, 1_000_000));
    let (low, high) = blocks.split_at(500_000);
    for (&low, &high) in low.iter().rev().zip(high) {
        heap.free(low);
        heap.free(high);
    }
    heap.malloc_all(std::iter::repeat_n(1, 1_000_000));
}

/// Every other of a million one-byte blocks freed, then requests of two bytes.
fn one_byte_holes(heap: &mut Heap) {
    let blocks = heap.malloc_all(std::iter::repeat_n(1, 1_000_000));
    heap.free_all(blocks.into_iter().step_by(2));
    heap.malloc_all(std::iter::repeat_n(2, 300_000));
}

/// Sizes that rise and fall like a saw, freed in the order they were made and made again, larger by one.
fn sawtooth(heap: &mut Heap) {
    let mut blocks = heap.malloc_all((0..100_000).map(|at| 1 + at % 997));
    for round in 1..5 {
        for (at, block) in (0_u64..).zip(&mut blocks) {
            heap.free(*block);
            *block = heap.malloc(1 + at % 997 + round);
        }
    }
}

/// Half a million blocks freed in reverse.
fn reverse(heap: &mut Heap) {
    for _ in 0..2 {
        let blocks = heap.malloc_all((0..500_000).map(|at| 16 + at % 64));
        heap.free_all(blocks.into_iter().rev());
    }
}

/// One freed giant, refilled with tiny blocks.
fn giant(heap: &mut Heap) {
    let giant = heap.malloc(1 << 30);
    heap.malloc(1);
    heap.free(giant);
    let blocks = heap.malloc_all((0..1_000_000).map(|at| 1 + at % 16));
    heap.free_all(blocks.into_iter());
}

/// A hundred thousand large holes of nearly one size, and requests just above most of them.
fn nearly_equal_holes(heap: &mut Heap) {
    let blocks = heap.malloc_all((0..200_000).map(|at| if at % 2 == 0 { 100_000 + at % 97 } else { 4096 - at % 97 }));
    heap.free_all(blocks.into_iter().step_by(2));
    for at in 0..200_000 {
        let block = heap.malloc(100_090 + at % 7);
        heap.free(block);
    }
}

/// Holes that grow with the address, and requests from large to small and back: each finds another.
fn staircase(heap: &mut Heap) {
    let blocks = heap.malloc_all((0..40_000_u64).flat_map(|at| [100 + at / 4, 1]));
    heap.free_all(blocks.into_iter().step_by(2));
    for at in 0..200_000_u64 {
        let block = heap.malloc(100 + at * 7919 % 10_000);
        heap.free(block);
    }
}

fn main() {
    type Pattern = fn(&mut Heap);
    let patterns: [(&str, Pattern); 8] = [
        ("a comb of holes one byte too small", comb),
        ("a million one-byte blocks", one_byte_blocks),
        ("half a million one-byte holes", one_byte_holes),
        ("sawtooth sizes", sawtooth),
        ("freeing in reverse", reverse),
        ("a freed giant refilled with tiny blocks", giant),
        ("large holes of nearly one size", nearly_equal_holes),
        ("a staircase of holes", staircase),
    ];
    let mut slow = false;
    for (name, pattern) in patterns {
        let mut heap = Heap { mems: Mems::new(Options::default()), calls: 0 };
        let begun = Instant::now();
        pattern(&mut heap);
        let mean = begun.elapsed() / heap.calls;
        heap.mems.verify().expect("the heap is sound");
        slow |= mean > LIMIT;
        println!("{name:<42} {:>6} ns a call, {:>9} calls", mean.as_nanos(), heap.calls);
    }
    if slow {
        eprintln!("a pattern takes more than {LIMIT:?} a call");
        std::process::exit(1);
    }
}
