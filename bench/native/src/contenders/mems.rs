//! MeMS, with memory behind its addresses.

use super::Allocator;
use mems::Options;
use mems::heap::{FIRST_ADDRESS, PolicyKind, Stats};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The options of a heap, and its name in tables.
pub trait Kind {
    const NAME: &'static str;
    fn options() -> Options;
}

/// Exact first fit, as the default heap has it.
pub struct FirstFit;

impl Kind for FirstFit {
    const NAME: &'static str = "mems, first fit";

    fn options() -> Options {
        Options::default()
    }
}

/// First fit with the options `joinEmptyBlocks` and `autoTrim`.
pub struct Tidy;

impl Kind for Tidy {
    const NAME: &'static str = "mems, joining and trimming";

    fn options() -> Options {
        Options::default().with_join_empty_blocks(true).with_trim(true)
    }
}

/// Size classes, with the other options as `new Heap()` has them.
pub struct Segregated;

impl Kind for Segregated {
    const NAME: &'static str = "mems, segregated";

    fn options() -> Options {
        Options::roomy().with_policy(PolicyKind::Segregated)
    }
}

/// A heap of one kind.
pub struct Mems<K: Kind = FirstFit>(mems::Mems, PhantomData<K>);

impl<K: Kind> Allocator for Mems<K> {
    const NAME: &'static str = K::NAME;
    type Block = u64;

    fn new() -> Self {
        Self(mems::Mems::new(K::options()), PhantomData)
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> u64 {
        self.0.malloc(size as u64).expect("there is memory")
    }

    #[inline]
    fn free(&mut self, block: u64, _size: usize) {
        self.0.free(block).expect("the block is live");
    }

    fn address(&self, block: u64) -> Option<NonNull<u8>> {
        NonNull::new(self.0.get(block).expect("the block is live") as *mut u8)
    }

    fn offset(&self, block: u64) -> Option<u64> {
        Some(block - FIRST_ADDRESS)
    }

    fn stats(&mut self) -> Option<Stats> {
        Some(self.0.stats())
    }
}
