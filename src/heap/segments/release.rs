//! Releasing a live block, which merges with the holes on either side unless a border is between them: free's edit.
//!
//! Nothing here can fail: starts are only removed, or a live segment becomes a hole.
//!
//! Costs: O(1) amortized.

use super::chunk::LINES;
use super::chunk::Store;
use super::line::{LINE, Leaf};
use super::row::{WIDE, narrow};
use super::{SegmentMap, position, with_leaf};

/// A block that was released.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Freed {
    /// The size of the block.
    pub size: u64,
    /// Start and end of the hole that the block is part of now.
    pub hole: (u64, u64),
    /// How many holes the block merged with.
    pub merged: usize,
}

impl SegmentMap {
    /// Frees the live block that starts at `start`. `None`, and nothing has changed, if there is none.
    #[inline(always)]
    pub fn release(&mut self, start: u64) -> Option<Freed> {
        let line = start / LINE;
        let word = self.chunk(line)?.line(position(line) % LINES);
        with_leaf!(out of line: self, word, |leaf| {
            let at = leaf.find_live(start % LINE);
            at.map(|at| self.release_in(start, leaf, at))
        })
    }

    #[inline(always)]
    fn release_in<L: Leaf>(&mut self, start: u64, leaf: L, at: u32) -> Freed
    where
        Self: Store<L>,
    {
        let line = start / LINE;
        let base = line * LINE;
        let next_inside = leaf.next(at);
        let (next, next_is_hole) = match next_inside {
            Some(next) => (base + leaf.offset(next), leaf.is_hole(next)),
            None => self.first_after(line),
        };
        let (mut left, mut end, mut merged) = (leaf, next, 0);
        if next_is_hole && !self.is_border(next) {
            merged += 1;
            if let Some(at) = next_inside {
                end = match leaf.next(at) {
                    Some(after) => base + leaf.offset(after),
                    None => self.first_after(line).0,
                };
                left = leaf.without(at);
                if end - next >= WIDE {
                    self.unlist_wide_hole(next);
                }
            } else {
                end = self.remove_first_hole(next);
            }
        }
        let previous_inside = leaf.previous(at);
        let previous = match previous_inside {
            Some(previous) => (base + leaf.offset(previous), leaf.is_hole(previous)),
            None => self.last_before(line).unwrap_or((start, false)),
        };
        let mut hole = start;
        if previous.1 && !self.is_border(start) {
            hole = previous.0;
            merged += 1;
            left = left.without(at);
        } else {
            left = left.with_hole(at, true);
        }
        self.record_end(hole, end);
        let chunk = if hole >= base {
            self.store(line, left)
        } else {
            // Whether a hole of this line, the one after the block, is part of a hole that starts in an earlier line now.
            let moved = next_inside.is_some() && merged == 2;
            self.remove_start(line, left, moved);
            self.filled_chunk(hole / LINE)
        };
        let grown = chunk.raise(position(hole / LINE), narrow(end - hole));
        self.raise_above(hole, end - hole, grown);
        Freed { size: next - start, hole: (hole, end), merged }
    }

    /// Stores `left`, what is left of a line after a segment of it was merged into one that starts in an earlier line. `hole`: a
    /// hole of the line is gone, so its largest hole is recorded anew.
    #[inline(always)]
    fn remove_start<L: Leaf>(&mut self, line: u64, left: L, hole: bool)
    where
        Self: Store<L>,
    {
        let largest = hole.then(|| self.largest_of(line, left));
        let chunk = self.store(line, left);
        if let Some(largest) = largest {
            chunk.lower(position(line), largest);
        }
        if left.is_empty() {
            self.vacate(line);
        }
    }

    /// Removes the hole that starts at `start`, the first of its line, and returns where it ended. The caller records what ends
    /// there now, if anything does: [`SegmentMap::record_end`].
    #[inline(always)]
    fn remove_first_hole(&mut self, start: u64) -> u64 {
        let word = self.line(start / LINE);
        match word.bitmap() {
            None => self.remove_hole_in(start, word, word.first()),
            Some(_) => self.remove_hole(start),
        }
    }

    /// [`SegmentMap::remove_first_hole`] for a hole that may start anywhere in its line.
    pub(super) fn remove_hole(&mut self, start: u64) -> u64 {
        let word = self.line(start / LINE);
        with_leaf!(self, word, |leaf| {
            let at = leaf.at_or_before(start % LINE).expect("the hole starts here");
            self.remove_hole_in(start, leaf, at)
        })
    }

    #[inline(never)]
    fn remove_hole_in<L: Leaf>(&mut self, start: u64, leaf: L, at: u32) -> u64
    where
        Self: Store<L>,
    {
        debug_assert_eq!(leaf.entry(at), (start % LINE, true));
        let line = start / LINE;
        let end = match leaf.next(at) {
            Some(next) => line * LINE + leaf.offset(next),
            None => self.first_after(line).0,
        };
        if end - start >= WIDE {
            self.unlist_wide_hole(start);
        }
        self.remove_start(line, leaf.without(at), true);
        end
    }
}
