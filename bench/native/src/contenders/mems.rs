//! MeMS.

use super::Allocator;
use std::ptr::NonNull;

/// Exact first fit with virtual addresses, memory behind them included. `TIDY`: with the options joinEmptyBlocks and trim.
pub struct Mems<const TIDY: bool = false>(mems::Mems);

impl<const TIDY: bool> Allocator for Mems<TIDY> {
    const NAME: &'static str = if TIDY { "mems, joining and trimming" } else { "mems" };
    type Block = u64;

    fn new() -> Self {
        let options = mems::Options::default().with_join_empty_blocks(TIDY).with_trim(TIDY);
        Self(mems::Mems::new(options))
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
        Some(block - mems::heap::FIRST_ADDRESS)
    }

    fn stats(&mut self) -> Option<mems::heap::Stats> {
        Some(self.0.stats())
    }
}
