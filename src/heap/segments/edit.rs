//! The rarer edits: a segment is split, a live block grows into the hole behind it, holes are split and merged.
//!
//! Whatever can fail, fails before anything has changed. Costs: O(1) amortized, each.

use super::chunk::Store;
use super::line::{LINE, Leaf};
use super::row::WIDE;
use super::{SegmentMap, position, with_leaf};
use std::collections::TryReserveError;

impl SegmentMap {
    /// Splits the segment that holds `start`, which is inside it, into two of the same kind: holes if `hole` is true. The maxima
    /// do not know the second half of a hole yet: see [`SegmentMap::split_hole`].
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn split(&mut self, start: u64, hole: bool) -> Result<(), TryReserveError> {
        self.make_room_at(start)?;
        self.insert(start, hole);
        Ok(())
    }

    /// Adds a segment, which is part of the one before it in the map, if there is one. Needs [`SegmentMap::make_room_at`].
    pub(super) fn insert(&mut self, start: u64, hole: bool) {
        let word = self.line(start / LINE);
        with_leaf!(self, word, |leaf| self.insert_in(start, leaf, hole));
    }

    fn insert_in<L: Leaf>(&mut self, start: u64, leaf: L, hole: bool)
    where
        Self: Store<L>,
    {
        let before = if leaf.is_empty() { None } else { leaf.at_or_before(start % LINE) };
        let Some(before) = before else { return self.insert_first(start, hole) };
        let left = leaf.with_hole_after(before, start % LINE);
        let at = left.at_or_before(start % LINE).expect("it was just put there");
        self.store(start / LINE, left.with_hole(at, hole));
    }

    /// Makes the live block that ends at `end` longer by `bytes` of the hole that starts there, which has as many. Returns the
    /// bytes that are left of the hole.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn grow(&mut self, end: u64, bytes: u64) -> Result<u64, TryReserveError> {
        let hole_end = self.next_start(end).0;
        let rest = hole_end - end - bytes;
        if rest > 0 {
            self.split(end + bytes, true)?;
        }
        if hole_end - end >= WIDE {
            self.unlist_wide_hole(end);
        }
        let gone = self.remove_hole(end);
        debug_assert_eq!(gone, end + bytes);
        if rest > 0 {
            self.raise(end + bytes, rest);
        } else {
            self.record_end(self.start_of(end - 1).0, hole_end);
        }
        Ok(rest)
    }

    /// Splits the hole that starts at `start` at `middle`, which is inside it, into two neighbouring holes, for engines that allow
    /// them.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn split_hole(&mut self, start: u64, middle: u64) -> Result<(), TryReserveError> {
        let end = self.next_start(start).0;
        self.split(middle, true)?;
        self.set_hole(start, middle - start, end - start);
        self.raise(middle, end - middle);
        Ok(())
    }

    /// Frees the live block that starts at `start` without merging it with anything.
    pub fn release_alone(&mut self, start: u64) {
        let word = self.line(start / LINE);
        let size = self.next_start(start).0 - start;
        with_leaf!(self, word, |leaf| {
            let at = leaf.find_live(start % LINE).expect("a live block starts here");
            self.store(start / LINE, leaf.with_hole(at, true));
        });
        self.raise(start, size);
    }

    /// Merges the hole that starts at `middle` with the hole that ends there, which starts at `start`.
    pub fn merge_holes(&mut self, start: u64, middle: u64) {
        let end = self.remove_hole(middle);
        self.record_end(start, end);
        self.raise(start, end - start);
    }

    /// Records in the maxima that the hole at `start` has `size` bytes instead of `before`, which were more.
    fn set_hole(&mut self, start: u64, size: u64, before: u64) {
        if before >= WIDE {
            self.unlist_wide_hole(start);
        }
        let (line, word) = (start / LINE, self.line(start / LINE));
        let largest = with_leaf!(self, word, |leaf| self.largest_of(line, leaf));
        self.filled_chunk(line).lower(position(line), largest);
        if size >= WIDE {
            self.raise(start, size);
        }
    }
}
