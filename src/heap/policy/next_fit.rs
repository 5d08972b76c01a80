//! Next fit, Knuth's modified first fit (The Art of Computer Programming, vol. 1, 2.5, exercise 6): the search continues where the
//! last one ended, and begins at the heap's start when it reaches the end.
//!
//! The last search ended in the hole that it used, so the rest of that hole is looked at first. If a block before the rest has
//! been freed since, the hole that both have become is looked at first.
//!
//! Costs: O(log n) amortized, base 32.

use super::Policy;
use crate::heap::segments::SegmentMap;
use std::ops::Range;

/// Next fit, and where its next search begins: at the end of the block that was taken last.
#[derive(Debug, Default)]
pub(in crate::heap) struct NextFit {
    rover: u64,
    /// `rover` before that block was taken.
    before: u64,
}

impl Policy for NextFit {
    fn choose(&mut self, map: &mut SegmentMap, size: u64) -> Option<u64> {
        let mut from = self.rover;
        if from > 0 && from < map.end() {
            let (start, is_hole) = map.start_of(from);
            if is_hole && start < from {
                from = start;
            }
        }
        map.next_hole(from, size).or_else(|| map.next_hole(0, size))
    }

    fn on_block_taken(&mut self, block: Range<u64>) {
        self.before = self.rover;
        self.rover = block.end;
    }

    fn on_block_untaken(&mut self) {
        self.rover = self.before;
    }

    fn position(&self) -> u64 {
        self.rover
    }

    fn go_to(&mut self, position: u64) {
        self.rover = position;
    }
}
