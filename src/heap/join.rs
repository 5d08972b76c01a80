//! Joining empty main blocks, with the option `joinEmptyBlocks`: neighbours that are wholly free become one main block, so
//! that a request larger than either finds room in them.
//!
//! In the seed's heap main blocks never change, and a request a little larger than an empty block cannot use it.
//! Neighbouring blocks of one region are neighbours in virtual and physical memory both, so nothing but the mark between
//! them has to go. Two regions are not: the heap is told where one begins.
//!
//! Invariant (checked by `verify.rs`): with the option, no two neighbouring main blocks of a region are both wholly free.
//!
//! Costs: O(1) a free; nothing without the option.

use super::segments::Segments;
use super::window::WINDOW;

impl Segments {
    /// If the hole from `start` to `end` is whole main blocks, joins it with a neighbour on either side that is. Answers how
    /// many main blocks, each a hole, have gone.
    pub fn join_empty(&mut self, start: u64, end: u64) -> usize {
        if !self.is_block_start(start) || !self.is_block_start(end) {
            return 0;
        }
        let after = end < self.end() && self.is_empty_block(end) && self.join_at(end);
        let before = start > 0
            && self.prev_before(start / WINDOW).is_some_and(|(prev, _)| self.is_empty_block(prev))
            && self.join_at(start);
        usize::from(after) + usize::from(before)
    }

    /// Whether the segment that starts at `start` is a wholly free main block.
    pub fn is_empty_block(&self, start: u64) -> bool {
        let (next, _) = self.next(start);
        self.holder(start).1 && self.is_block_start(start) && self.is_block_start(next)
    }

    /// Joins the empty main blocks before and after `border`, unless a region begins there.
    fn join_at(&mut self, border: u64) -> bool {
        if self.borders.binary_search(&border).is_ok() {
            return false;
        }
        let (start, _) = self.prev_before(border / WINDOW).expect("a main block ends here");
        self.mark_block(border, false);
        let end = self.cut_first(border);
        self.note_end(start, end);
        self.raise(start, end - start);
        true
    }
}
