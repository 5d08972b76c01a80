//! talc.

use super::{Allocator, POOL, layout, pool};
use memmap2::MmapMut;
use std::ptr::NonNull;

/// Binned free lists with boundary tags over a pool.
pub struct Talc {
    talc: talc::base::Talc<talc::source::Manual, talc::base::binning::DefaultBinning>,
    _pool: MmapMut,
}

impl Allocator for Talc {
    const NAME: &'static str = "talc";
    type Block = NonNull<u8>;

    fn new() -> Self {
        let mut pool = pool();
        let mut talc = talc::base::Talc::new(talc::source::Manual);
        // SAFETY: as for rlsf: the pool lives as long as the allocator and is reached through it alone.
        unsafe { talc.claim(pool.as_mut_ptr(), POOL) }.expect("the pool is large enough");
        Self { talc, _pool: pool }
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> NonNull<u8> {
        // SAFETY: the layout's size is not 0.
        unsafe { self.talc.allocate(layout(size)) }.expect("the pool is large enough")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, size: usize) {
        // SAFETY: the workloads free each block of `malloc` once, with the size it was made with.
        unsafe { self.talc.deallocate(block.as_ptr(), layout(size)) };
    }

    fn address(&self, block: NonNull<u8>) -> Option<NonNull<u8>> {
        Some(block)
    }
}
