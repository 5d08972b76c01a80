//! A chunk: 64 KiB of address space, 512 lines in 16 pages.
//!
//! Beside the lines themselves it keeps what finds one quickly: the largest hole that starts in each line, with an upper bound
//! for each page, and a bit for each line that is not empty. A chunk takes 5.3 KiB, and exists only where a segment starts.
//!
//! Invariants (checked by `verify.rs`):
//! - `largest` is exact for each line, saturated at [`WIDE`]; its tops are those of the pages.
//! - At most one wide hole starts in a chunk; `wide_hole` is its size, else 0.
//! - `occupied` has exactly the lines that are not empty.
//! - `borders` has a bit for each page at whose first byte a main block starts.

use super::bits::BitSet;
use super::line::{Leaf, Line};
use super::maxima::Level;
use super::row::{NarrowRow, WIDE, narrow};

/// Bytes of address space in a chunk.
pub(in crate::heap) const CHUNK: u64 = 1 << 16;

/// Lines in a chunk.
pub(in crate::heap) const LINES: usize = 512;

/// Lines in a page.
pub(in crate::heap) const PAGE_LINES: usize = 32;

/// The segments that start in 64 KiB of address space.
#[derive(Debug)]
pub(in crate::heap) struct Chunk {
    lines: [Line; LINES],
    /// The largest hole that starts in each line, one row for each page.
    largest: Level<[NarrowRow<4>; LINES / PAGE_LINES], [NarrowRow<2>; 1]>,
    occupied: BitSet<[u64; LINES / 64]>,
    /// The size of the hole of [`WIDE`] bytes or more that starts in the chunk.
    pub wide_hole: u64,
    /// One bit for each page: whether a main block starts there.
    pub borders: u16,
}

impl Chunk {
    /// A chunk in which no segment starts.
    pub const EMPTY: Self =
        Self { lines: [Line::EMPTY; LINES], largest: Level::EMPTY, occupied: BitSet::EMPTY, wide_hole: 0, borders: 0 };

    /// What is stored for a line. Numbers of lines are taken modulo [`LINES`].
    #[inline]
    pub fn line(&self, line: usize) -> Line {
        self.lines[line % LINES]
    }

    /// Stores the word of a line that was not empty before. If it is empty now, [`Chunk::vacate`] has to follow.
    #[inline]
    pub fn set_line(&mut self, line: usize, word: Line) {
        self.lines[line % LINES] = word;
    }

    /// Stores the word of a line that may have been empty before and is not now.
    #[inline]
    pub fn occupy(&mut self, line: usize, word: Line) {
        self.set_line(line, word);
        self.occupied.set(line % LINES, true);
    }

    /// Records that no segment starts in a line any more. Returns whether none starts in the chunk.
    #[inline]
    pub fn vacate(&mut self, line: usize) -> bool {
        self.set_line(line, Line::EMPTY);
        self.occupied.set(line % LINES, false) && self.occupied.is_empty()
    }

    /// The lines that are not empty.
    #[inline]
    pub fn occupied(&self) -> &BitSet<[u64; LINES / 64]> {
        &self.occupied
    }

    /// The largest hole that starts in a line, saturated.
    #[inline]
    pub fn largest(&self, line: usize) -> u16 {
        self.largest.get(line % LINES)
    }

    /// Sets the largest hole of a line to one that is not larger than before.
    #[inline]
    pub fn lower(&mut self, line: usize, size: u16) {
        self.largest.lower(line % LINES, size);
    }

    /// Records that a hole of `size` bytes starts in a line now. Returns whether the chunk's bound may have grown.
    #[inline(always)]
    pub fn raise(&mut self, line: usize, size: u16) -> bool {
        self.largest.raise(line % LINES, size)
    }

    /// Makes the bound of a line's page exact.
    #[inline]
    pub fn tighten(&mut self, line: usize) {
        self.largest.tighten(line / PAGE_LINES % (LINES / PAGE_LINES));
    }

    /// Resets the bounds, the only part that outlives a chunk's last segment.
    pub fn clear_bounds(&mut self) {
        for page in 0..LINES / PAGE_LINES {
            self.largest.tighten(page);
        }
    }

    /// An upper bound of the holes that start in a page, saturated.
    pub fn page_bound(&self, page: usize) -> u16 {
        self.largest.top(page)
    }

    /// An upper bound of all holes that start in the chunk.
    #[inline]
    pub fn bound(&self) -> u64 {
        self.wide_hole.max(u64::from(self.largest.max()))
    }

    /// The first line from `line` on in which a hole of at least `size` bytes starts.
    #[inline]
    pub fn search_from(&mut self, line: usize, size: u16) -> Option<usize> {
        self.largest.first_from(line % LINES, size)
    }

    /// The first line in which a hole of at least `size` bytes starts; `size` may be one that saturates.
    #[inline]
    pub fn search(&mut self, size: u64) -> Option<usize> {
        // At most one hole of a chunk has a size that saturates an entry; looking for it where there is none lowers the bounds.
        let line = self.largest.first(narrow(size))?;
        (size < WIDE || self.wide_hole >= size).then_some(line)
    }

    /// Makes the bounds wrong.
    #[cfg(test)]
    pub fn break_bounds(&mut self) {
        self.largest.break_tops();
    }
}

/// Where leaves are kept. A trait of its own, so that a leaf need not know of the map whose leaf it is.
pub(in crate::heap) trait Store<L: Leaf> {
    /// Stores `leaf` for `line`, whose leaf before was of the same type, and returns the line's chunk, in which the caller records
    /// the largest hole. If `leaf` is empty, the caller calls `SegmentMap::vacate`.
    fn store(&mut self, line: u64, leaf: L) -> &mut Chunk;
}
