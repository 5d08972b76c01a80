//! Changing a live block in place: aligned malloc, and the two halves of realloc, shrinking and growing.
//!
//! All three come down to one edit that malloc and free do not need: a segment's start is put inside a segment. A live
//! block that has been cut in two gives its tail (or head) back by an ordinary free; a block grows by cutting the hole
//! after it in two and taking the border to it away.
//!
//! Costs: O(1) amortized, some two calls of malloc and free.

use super::row::SMALL;
use super::segments::Segments;
use super::window::{Leaf, WINDOW};
use super::{Error, FIRST_ADDRESS, Freed, Heap};
use std::collections::TryReserveError;

/// What [`Heap::resize`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resized {
    /// The block has its new size.
    InPlace {
        /// What went back to the holes, if the block has shrunk.
        freed: Option<Freed>,
    },
    /// It has not: what follows it is live, or too short a hole. Nothing has changed.
    NoRoom,
}

impl Segments {
    /// Cuts the segment that holds `start`, which is inside it, in two of the same kind. The index knows nothing of a hole's
    /// second half yet.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    fn cut(&mut self, start: u64, hole: bool) -> Result<(), TryReserveError> {
        self.prepare(start)?;
        let (window, offset) = (start / WINDOW, start % WINDOW);
        let word = self.word(window);
        match word.crowd() {
            None => self.cut_leaf(window, word, offset, hole),
            Some(crowd) => self.cut_leaf(window, self.crowds.get(crowd), offset, hole),
        }
        Ok(())
    }

    fn cut_leaf<L: Leaf>(&mut self, window: u64, leaf: L, offset: u64, hole: bool) {
        let before = if leaf.is_empty() { None } else { leaf.at_or_before(offset) };
        let Some(before) = before else { return self.put_first(window * WINDOW + offset, hole) };
        let left = leaf.with_hole_after(before, offset);
        let at = left.at_or_before(offset).expect("it was just put there");
        left.with_hole(at, hole).store(self, window, None);
    }

    /// Makes the live block that ends at `end` longer by `bytes` of the hole that starts there, which has as many. Answers
    /// whether the hole is used up.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    fn grow(&mut self, end: u64, bytes: u64) -> Result<bool, TryReserveError> {
        let hole_end = self.next(end).0;
        let rest = hole_end - end - bytes;
        if rest > 0 {
            self.cut(end + bytes, true)?;
        }
        if hole_end - end >= SMALL {
            self.forget_big(end);
        }
        let gone = self.cut_hole(end);
        debug_assert_eq!(gone, end + bytes);
        if rest > 0 {
            self.raise_bounds(end + bytes, rest);
        } else {
            self.note_end(self.holder(end - 1).0, hole_end);
        }
        Ok(rest == 0)
    }
}

impl Heap {
    /// Takes `size` bytes at an offset from the heap's first address that is a multiple of `alignment`, a power of two.
    /// First fit among the holes that have room wherever they start; what is before and after it stays a hole. `None`: a
    /// main block with room for [`Heap::padded`] bytes has to be appended first. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]; nothing has changed then.
    #[allow(clippy::missing_panics_doc, reason = "what was just cut off can be freed")]
    pub fn malloc_aligned(&mut self, size: u64, alignment: u64) -> Result<Option<u64>, Error> {
        let padded = self.padded(size, alignment);
        let failed = |_| Error::OutOfMetadata { size };
        let Some(found) = self.segments.first_fit(padded) else { return Ok(None) };
        let taken = self.segments.take(found.window, found.word, padded).map_err(failed)?;
        let start = taken.start.next_multiple_of(alignment);
        let cuts = [(start, start > taken.start), (start + size, start + size < taken.start + padded)];
        let mut merged_away = usize::from(taken.exact);
        let mut holes = 0;
        for (cut, wanted) in cuts {
            if wanted && let Err(error) = self.segments.cut(cut, false) {
                // Only the first cut can have been made: what it cut off goes the same way.
                for part in [taken.start, start] {
                    let _ = self.segments.release(part);
                }
                return Err(failed(error));
            }
        }
        for part in [cuts[0].1.then_some(taken.start), cuts[1].1.then_some(start + size)].into_iter().flatten() {
            let released = self.segments.release(part).expect("a live block was cut here");
            holes += 1;
            merged_away += released.merged;
            self.counters.note_hole(released.hole.1 - released.hole.0);
        }
        self.counters.malloc_padded(size, holes, merged_away);
        self.debug_verify();
        Ok(Some(FIRST_ADDRESS + start))
    }

    /// The length of a hole that has room for `size` bytes at `alignment` wherever it starts.
    #[must_use]
    pub const fn padded(&self, size: u64, alignment: u64) -> u64 {
        size + alignment.saturating_sub(self.options.alignment())
    }

    /// Gives the block that starts at `address` the length `size` without moving it, if what follows it allows. Amortized
    /// O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::check_block_start`], [`Error::OutOfMetadata`]; nothing has changed then.
    #[allow(clippy::missing_panics_doc, reason = "what was just cut off can be freed")]
    pub fn resize(&mut self, address: u64, size: u64) -> Result<Resized, Error> {
        self.check_block_start(address)?;
        let start = address - FIRST_ADDRESS;
        let (end, hole_follows) = self.segments.next(start);
        let failed = |_| Error::OutOfMetadata { size };
        let old = end - start;
        let resized = if size == old {
            Resized::InPlace { freed: None }
        } else if size < old {
            self.segments.cut(start + size, false).map_err(failed)?;
            let released = self.segments.release(start + size).expect("a live block was cut here");
            self.counters.shrink(released.size, released.merged, released.hole.1 - released.hole.0);
            let hole = FIRST_ADDRESS + released.hole.0..FIRST_ADDRESS + released.hole.1;
            Resized::InPlace { freed: Some(Freed { block: address + size..FIRST_ADDRESS + end, hole }) }
        } else if hole_follows && !self.segments.is_block_start(end) && self.segments.next(end).0 - start >= size {
            let exact = self.segments.grow(end, size - old).map_err(failed)?;
            self.counters.grow(size - old, exact);
            Resized::InPlace { freed: None }
        } else {
            Resized::NoRoom
        };
        self.debug_verify();
        Ok(resized)
    }

    /// Splits the block that starts at `address` into one of `size` bytes, fewer than it has, and a tail, a live block of its
    /// own until [`Heap::free_tail`]. Amortized O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::check_block_start`], [`Error::OutOfMetadata`]; nothing has changed then.
    pub(crate) fn split(&mut self, address: u64, size: u64) -> Result<(), Error> {
        let block = self.check_block_start(address)?;
        debug_assert!(size > 0 && size < block.end - block.start);
        let cut = self.segments.cut(address - FIRST_ADDRESS + size, false);
        cut.map_err(|_| Error::OutOfMetadata { size })?;
        self.counters.split();
        self.debug_verify();
        Ok(())
    }

    /// Frees a tail that [`Heap::split`] has made. The two together count as no call.
    ///
    /// # Errors
    /// The errors of [`Heap::free`].
    pub(crate) fn free_tail(&mut self, tail: u64) -> Result<Freed, Error> {
        let freed = self.free(tail)?;
        self.counters.forget_pair();
        self.debug_verify();
        Ok(freed)
    }
}
