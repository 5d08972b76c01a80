//! What is done to segments: the front of a hole is taken, a block is released and merges with the holes on either side, a
//! segment is split, a hole is removed, empty main blocks are joined.
//!
//! Whatever can fail, fails before anything has changed. Costs: O(1) amortized, each.

use super::chunk::LINES;
use super::line::{LINE, Leaf, Line, Store};
use super::maxima::{WIDE, narrow};
use super::{SegmentMap, position, with_leaf};
use std::collections::TryReserveError;
use std::ops::Range;

/// A block that was taken from a hole.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Taken {
    /// Where it starts.
    pub start: u64,
    /// Bytes of the hole that are left, behind the block.
    pub rest: u64,
}

/// A block that was released.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct Freed {
    /// The size of the block.
    pub size: u64,
    /// Start and end of the hole that it is part of now.
    pub hole: (u64, u64),
    /// How many holes it merged with.
    pub merged: usize,
}

/// Empty main blocks that were joined.
#[derive(Debug, Clone)]
pub(in crate::heap) struct Joined {
    /// The hole that they are now.
    pub hole: Range<u64>,
    /// How many main blocks, each a hole, have gone.
    pub gone: usize,
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
    #[allow(clippy::inline_always, reason = "part of `take_in`, each once")]
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
    #[allow(clippy::inline_always, reason = "part of `take_in`, each once")]
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
    #[allow(clippy::inline_always, reason = "part of `take_in`, each once")]
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

    /// Frees the live block that starts at `start`. `None`, and nothing has changed, if there is none. `with_hole` is called with
    /// start and size of the hole that it is part of, while both are at hand.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    pub fn release(&mut self, start: u64, with_hole: impl FnOnce(u64, u64)) -> Option<Freed> {
        let line = start / LINE;
        let word = self.chunk(line)?.line(position(line) % LINES);
        with_leaf!(out of line: self, word, |leaf| {
            let at = leaf.find_live(start % LINE);
            at.map(|at| self.release_in(start, leaf, at, with_hole))
        })
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "part of `release`")]
    fn release_in<L: Leaf>(&mut self, start: u64, leaf: L, at: u32, with_hole: impl FnOnce(u64, u64)) -> Freed
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
        with_hole(hole, end - hole);
        let chunk = if hole >= base {
            self.store(line, left)
        } else {
            // A hole after the block that started in this line starts in another now.
            let moved = next_inside.is_some() && merged == 2;
            self.remove_start(line, left, moved);
            self.filled_chunk(hole / LINE)
        };
        let grown = chunk.raise(position(hole / LINE), narrow(end - hole));
        self.raise_above(hole, end - hole, grown);
        Freed { size: next - start, hole: (hole, end), merged }
    }

    /// Stores what is left of a line when a segment has come to start in an earlier one, and its largest hole if a hole has gone.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "part of `release`")]
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

    /// Removes the hole that starts at `start`, the first of its line, and returns where it ended. What ends there now, or
    /// whether nothing does, is the caller's to see to: [`SegmentMap::record_end`].
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a branch, and what is called")]
    fn remove_first_hole(&mut self, start: u64) -> u64 {
        let word = self.line(start / LINE);
        match word.bitmap() {
            None => self.remove_hole_in(start, word, word.first()),
            Some(_) => self.remove_hole(start),
        }
    }

    /// [`SegmentMap::remove_first_hole`] of a hole that starts wherever in its line.
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

    /// Splits the segment that holds `start`, which is inside it, in two of one kind. For a hole, whose maxima know nothing of
    /// the second half yet, see [`SegmentMap::split_hole`].
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn split(&mut self, start: u64, hole: bool) -> Result<(), TryReserveError> {
        self.make_room_at(start)?;
        let word = self.line(start / LINE);
        with_leaf!(self, word, |leaf| self.split_in(start, leaf, hole));
        Ok(())
    }

    fn split_in<L: Leaf>(&mut self, start: u64, leaf: L, hole: bool)
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

    /// Splits the hole that starts at `start` at `middle`, which is inside it, in two holes that are neighbours: for engines that
    /// allow it.
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

    /// If the hole from `start` to `end` is whole main blocks, joins it with a neighbour on either side that is, unless a region
    /// begins between them.
    ///
    /// In the seed's heap main blocks never change, and a request a little larger than an empty block cannot use it.
    /// Neighbouring blocks of one region are neighbours in virtual and physical memory both, so nothing but the border between
    /// them has to go.
    pub fn join_empty(&mut self, start: u64, end: u64) -> Option<Joined> {
        if !self.is_border(start) || !self.is_border(end) {
            return None;
        }
        let (mut hole, mut gone) = (start..end, 0);
        if end < self.end() && self.is_empty_block(end) && self.remove_border(end) {
            hole.end = self.next_start(start).0;
            gone += 1;
        }
        if let Some((before, _)) = (start > 0).then(|| self.last_start_before(start)).flatten()
            && self.is_empty_block(before)
            && self.remove_border(start)
        {
            hole.start = before;
            gone += 1;
        }
        (gone > 0).then_some(Joined { hole, gone })
    }

    /// Whether the segment that starts at `start` is a wholly free main block.
    pub fn is_empty_block(&self, start: u64) -> bool {
        let (next, _) = self.next_start(start);
        self.start_of(start).1 && self.is_border(start) && self.is_border(next)
    }

    /// The start of the last main block if it is wholly free.
    pub fn last_empty_block(&self) -> Option<u64> {
        self.last_start_before(self.end()).map(|last| last.0).filter(|&last| self.is_empty_block(last))
    }

    /// Joins the empty main blocks before and after `border`, unless a region begins there. Returns whether it has.
    fn remove_border(&mut self, border: u64) -> bool {
        if self.is_region_start(border) {
            return false;
        }
        let (start, _) = self.last_start_before(border).expect("a main block ends here");
        self.set_border(border, false);
        self.merge_holes(start, border);
        true
    }
}
