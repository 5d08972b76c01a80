//! Taking a block from the start of a hole: malloc's edit.
//!
//! What is left of the hole starts behind the block, in the line of the block's start or in a later one, which may need a chunk or
//! a bitmap line: that is made before anything changes.
//!
//! Costs: O(1) amortized.

use super::chunk::Store;
use super::line::{LINE, Leaf, Line};
use super::row::{WIDE, narrow};
use super::{SegmentMap, position, with_leaf};
use std::collections::TryReserveError;

/// A block that was taken from a hole.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Taken {
    /// Where it starts.
    pub start: u64,
    /// Bytes of the hole that are left, behind the block.
    pub rest: u64,
}

impl SegmentMap {
    /// Takes `size` bytes from the first hole of a line that is large enough; there must be one. `word` is what is stored for
    /// the line; with `exact` the bound of its page becomes exact, for a page that is being used up.
    ///
    /// # Errors
    /// If there is no memory for the bookkeeping; nothing has changed then.
    #[inline]
    pub fn take_in(&mut self, line: u64, word: Line, size: u64, exact: bool) -> Result<Taken, TryReserveError> {
        with_leaf!(out of line: self, word, |leaf| self.take_first(line, leaf, size, exact))
    }

    /// Takes `size` bytes from the hole that starts at `start`, which has as many.
    ///
    /// # Errors
    /// If there is no memory for the bookkeeping; nothing has changed then.
    #[inline(never)]
    pub fn take_at(&mut self, start: u64, size: u64) -> Result<Taken, TryReserveError> {
        let line = start / LINE;
        let word = self.line(line);
        with_leaf!(self, word, |leaf| {
            let at = leaf.at_or_before(start % LINE).expect("the hole starts here");
            debug_assert_eq!(leaf.entry(at), (start % LINE, true));
            self.take_hole(line, leaf, at, size)
        })
    }

    fn take_hole<L: Leaf>(&mut self, line: u64, leaf: L, at: u32, size: u64) -> Result<Taken, TryReserveError>
    where
        Self: Store<L>,
    {
        match leaf.next(at) {
            Some(next) => self.take_inner(line, leaf, (at, leaf.offset(next) - leaf.offset(at)), size, false),
            None => self.take_last(line, leaf, leaf.inner_holes(), size, false),
        }
    }

    #[inline(always)]
    fn take_first<L: Leaf>(&mut self, line: u64, leaf: L, size: u64, exact: bool) -> Result<Taken, TryReserveError>
    where
        Self: Store<L>,
    {
        let inner = leaf.inner_holes();
        match leaf.fit(inner, size) {
            Some(hole) => self.take_inner(line, leaf, hole, size, exact),
            None => self.take_last(line, leaf, inner, size, exact),
        }
    }

    /// Takes from a hole, given by position and size, that ends where the next segment of its line starts.
    #[inline(always)]
    fn take_inner<L: Leaf>(
        &mut self,
        line: u64,
        leaf: L,
        (at, length): (u32, u64),
        size: u64,
        exact: bool,
    ) -> Result<Taken, TryReserveError>
    where
        Self: Store<L>,
    {
        let offset = leaf.offset(at);
        let mut left = leaf.with_hole(at, false);
        if size < length {
            if leaf.is_full() {
                return self.take_from_full(line, offset, size);
            }
            left = left.with_hole_after(at, offset + size);
        }
        let largest = self.largest_of(line, left);
        let chunk = self.store(line, left);
        chunk.lower(position(line), largest);
        if exact {
            chunk.tighten(position(line));
        }
        Ok(Taken { start: line * LINE + offset, rest: length - size })
    }

    /// Takes from the last hole of a line, which ends where the first segment of a later line starts.
    #[inline(always)]
    fn take_last<L: Leaf>(
        &mut self,
        line: u64,
        leaf: L,
        inner: L::InnerHoles,
        size: u64,
        exact: bool,
    ) -> Result<Taken, TryReserveError>
    where
        Self: Store<L>,
    {
        let at = leaf.last();
        let offset = leaf.offset(at);
        let start = line * LINE + offset;
        let length = self.first_after(line).0 - start;
        let rest = length - size;
        let mut left = leaf.with_hole(at, false);
        let mut largest = leaf.largest_inside(inner);
        let rest_is_elsewhere = offset + size >= LINE;
        if rest > 0 {
            if rest_is_elsewhere {
                self.make_room_at(start + size)?;
            } else if leaf.is_full() {
                return self.take_from_full(line, offset, size);
            } else {
                left = left.with_hole_after(at, offset + size);
                largest = largest.max(rest);
            }
        }
        let chunk = self.store(line, left);
        chunk.lower(position(line), narrow(largest));
        if exact {
            chunk.tighten(position(line));
        }
        if length >= WIDE {
            self.unlist_wide_hole(start);
        }
        if rest > 0 && rest_is_elsewhere {
            self.insert_hole(start + size, rest);
        } else if rest >= WIDE {
            self.raise(start + size, rest);
        }
        Ok(Taken { start, rest })
    }

    /// Takes from the hole at `offset` of a line that has no room for one more start.
    #[cold]
    fn take_from_full(&mut self, line: u64, offset: u64, size: u64) -> Result<Taken, TryReserveError> {
        self.turn_into_bitmap(line, self.line(line))?;
        self.take_at(line * LINE + offset, size)
    }
}
