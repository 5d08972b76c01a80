//! offset-allocator.

use super::Allocator;
use crate::quick::is_quick;

/// Offsets without memory: the closest relative, as it too keeps its bookkeeping apart.
pub struct OffsetAllocator(offset_allocator::Allocator<u32>);

impl Allocator for OffsetAllocator {
    const NAME: &'static str = "offset-allocator";
    type Block = offset_allocator::Allocation<u32>;

    fn new() -> Self {
        // A churn of 10 million blocks has more than 14 million blocks and holes. Making the nodes takes longer than a
        // replay, so that a quick run, whose workloads are small, makes fewer.
        let nodes = if is_quick() { 1 << 20 } else { 24 << 20 };
        // The range is the most that 32-bit offsets reach.
        Self(offset_allocator::Allocator::with_max_allocs(u32::MAX, nodes))
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> Self::Block {
        self.0.allocate(u32::try_from(size).expect("a size")).expect("the range is large enough")
    }

    #[inline]
    fn free(&mut self, block: Self::Block, _size: usize) {
        self.0.free(block);
    }

    fn offset(&self, block: Self::Block) -> Option<u64> {
        Some(block.offset.into())
    }
}
