//! Best fit: the smallest hole that is large enough, the lowest of several.
//!
//! Invariant: the index has every hole of the map, and room for the holes that its live blocks become.
//!
//! Costs: O(log n); 32 bytes for each hole and each live block.

use super::Policy;
use crate::heap::engine::NoMetadata;
use crate::heap::holes_by_size::HolesBySize;
use crate::heap::segments::SegmentMap;
use std::ops::Range;

/// Best fit, and its index of holes.
#[derive(Debug, Default)]
pub(in crate::heap) struct BestFit {
    holes: HolesBySize,
    /// Number of live blocks.
    blocks: usize,
}

impl Policy for BestFit {
    fn choose(&mut self, _map: &mut SegmentMap, size: u64) -> Option<u64> {
        self.holes.smallest_from(size).map(|hole| hole.1)
    }

    fn reserve(&mut self) -> Result<(), NoMetadata> {
        // A call adds two holes at most, and each block becomes one.
        Ok(self.holes.reserve(self.holes.len() + self.blocks + 3)?)
    }

    fn on_hole_added(&mut self, start: u64, size: u64) {
        self.holes.insert(start, size);
    }

    fn on_hole_removed(&mut self, start: u64, size: u64) {
        self.holes.remove(start, size);
    }

    fn on_block_taken(&mut self, _block: Range<u64>) {
        self.blocks += 1;
    }

    fn on_block_split(&mut self) {
        self.blocks += 1;
    }

    fn on_block_freed(&mut self) {
        self.blocks -= 1;
    }

    fn bytes(&self) -> usize {
        self.holes.bytes()
    }

    fn verify(&self, holes: &mut dyn Iterator<Item = (u64, u64)>) -> Result<(), String> {
        self.holes.verify(holes, self.blocks)
    }
}
