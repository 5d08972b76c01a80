//! A chunk: 64 KiB of address space, 512 windows in 16 pages.
//!
//! Beside the windows themselves it keeps what finds one quickly: the largest hole that starts in each window, an upper
//! bound of those for each page, and a bit for each window that is not empty. 5.3 KiB, and only where a segment starts.
//!
//! Invariants (checked by `verify.rs`):
//! - `largest` is exact, saturated at [`SMALL`]; `bounds` is never below the largest of its page.
//! - At most one hole of [`SMALL`] bytes or more starts in a chunk; `big` is its size, else 0.
//! - `occupied` has a bit exactly for the windows that are not empty.
//! - `block_starts` has a bit for each page at whose first byte a main block starts.

use super::row::SmallRow;
use super::window::{Leaf, Word};

/// Bytes of address space in a chunk.
pub(super) const CHUNK: u64 = 1 << 16;

/// Windows in a chunk.
pub(super) const WINDOWS: usize = 512;

/// Windows in a page.
const ROW: usize = 32;

/// The segments that start in 64 KiB of address space.
#[derive(Debug)]
pub(super) struct Chunk {
    words: [Word; WINDOWS],
    /// The largest hole that starts in each window, a row a page.
    largest: [SmallRow<4>; WINDOWS / ROW],
    /// An upper bound of each page's row: raised by frees, lowered by searches that find nothing below it.
    bounds: SmallRow<2>,
    occupied: [u64; WINDOWS / 64],
    /// The size of the hole of `SMALL` bytes or more that starts here.
    pub big: u64,
    /// A bit a page.
    pub block_starts: u16,
}

impl Chunk {
    pub const EMPTY: Self = Self {
        words: [Word::EMPTY; WINDOWS],
        largest: [SmallRow::EMPTY; WINDOWS / ROW],
        bounds: SmallRow::EMPTY,
        occupied: [0; WINDOWS / 64],
        big: 0,
        block_starts: 0,
    };

    #[inline]
    pub fn word(&self, window: usize) -> Word {
        self.words[window % WINDOWS]
    }

    /// Stores what a window holds. Answers whether no segment starts in the chunk any more.
    #[inline]
    pub fn set_word(&mut self, window: usize, word: Word) -> bool {
        let window = window % WINDOWS;
        self.words[window] = word;
        let bits = &mut self.occupied[window / 64];
        let bit = window % 64;
        *bits = *bits & !(1 << bit) | u64::from(!word.is_empty()) << bit;
        *bits == 0 && self.is_empty()
    }

    /// Whether a window is marked as not empty.
    pub fn is_occupied(&self, window: usize) -> bool {
        self.occupied[window / 64 % 8] >> (window % 64) & 1 == 1
    }

    /// Whether no segment starts here.
    pub fn is_empty(&self) -> bool {
        self.occupied.iter().fold(0, |all, bits| all | bits) == 0
    }

    /// The first window after `window` that is not empty, among those of its group of 64.
    #[inline]
    pub fn next_near(&self, window: usize) -> Option<usize> {
        // Two shifts: by 64 at once is not defined.
        let after = self.occupied[window / 64 % 8] >> (window % 64) >> 1;
        (after != 0).then(|| window + 1 + after.trailing_zeros() as usize)
    }

    /// The last window before `window` that is not empty, among those of its group of 64.
    #[inline]
    pub fn prev_near(&self, window: usize) -> Option<usize> {
        let before = self.occupied[window / 64 % 8] & ((1 << (window % 64)) - 1);
        (before != 0).then(|| window / 64 * 64 + before.ilog2() as usize)
    }

    /// The first window after `window` that is not empty.
    pub fn next(&self, window: usize) -> Option<usize> {
        self.next_near(window).or_else(|| self.first_of(window / 64 + 1))
    }

    /// The last window before `window` that is not empty.
    pub fn prev(&self, window: usize) -> Option<usize> {
        self.prev_near(window).or_else(|| self.last_of(window / 64))
    }

    /// The first window that is not empty.
    pub fn first(&self) -> Option<usize> {
        self.first_of(0)
    }

    /// The last window that is not empty.
    pub fn last(&self) -> Option<usize> {
        self.last_of(WINDOWS / 64)
    }

    /// The first window that is not empty, from a group of 64 on.
    fn first_of(&self, group: usize) -> Option<usize> {
        let bits = (group..WINDOWS / 64).find(|&group| self.occupied[group] != 0)?;
        Some(bits * 64 + self.occupied[bits].trailing_zeros() as usize)
    }

    /// The last window that is not empty, before a group of 64.
    fn last_of(&self, group: usize) -> Option<usize> {
        let bits = (0..group).rev().find(|&group| self.occupied[group] != 0)?;
        Some(bits * 64 + self.occupied[bits].ilog2() as usize)
    }

    /// The largest hole that starts in a window, saturated.
    #[inline]
    pub fn largest(&self, window: usize) -> u16 {
        self.largest[window / ROW % 16].get(window % ROW)
    }

    /// Sets the largest hole of a window to one that is not larger than before.
    #[inline]
    pub fn lower(&mut self, window: usize, size: u16) {
        self.largest[window / ROW % 16].set(window % ROW, size);
    }

    /// Tells that a hole of this size starts in a window now. Whether the chunk's bound may have grown.
    #[inline]
    pub fn raise(&mut self, window: usize, size: u16) -> bool {
        let page = window / ROW % 16;
        if self.largest[page].get(window % ROW) < size {
            self.largest[page].set(window % ROW, size);
        }
        let grown = self.bounds.get(page) < size;
        if grown {
            self.bounds.set(page, size);
        }
        grown
    }

    /// Makes a page's bound exact.
    #[inline]
    pub fn tighten(&mut self, window: usize) {
        let page = window / ROW % 16;
        self.bounds.set(page, self.largest[page].max());
    }

    /// Forgets the bounds, the one thing that outlives the last segment.
    pub fn clear_bounds(&mut self) {
        self.bounds = SmallRow::EMPTY;
    }

    /// An upper bound of a page.
    pub fn bound(&self, page: usize) -> u16 {
        self.bounds.get(page)
    }

    /// An upper bound of all holes that start here, saturated.
    #[inline]
    pub fn max_bound(&self) -> u64 {
        self.big.max(u64::from(self.bounds.max()))
    }

    /// The first window from `window` on in which a hole of at least `size` bytes starts. Lowers the bounds of the pages
    /// that it looked into in vain.
    #[inline]
    pub fn search(&mut self, window: usize, size: u16) -> Option<usize> {
        let page = window / ROW % 16;
        let found = self.largest[page].at_least(size) & (!0 << (window % ROW));
        if found != 0 {
            return Some(page * ROW + found.trailing_zeros() as usize);
        }
        let later = self.bounds.at_least(size) & (!1 << page);
        self.search_pages(later, size)
    }

    /// The first window of all in which a hole of at least `size` bytes starts.
    #[inline]
    pub fn search_all(&mut self, size: u16) -> Option<usize> {
        self.search_pages(self.bounds.at_least(size), size)
    }

    #[inline]
    fn search_pages(&mut self, mut pages: u32, size: u16) -> Option<usize> {
        while pages != 0 {
            let page = pages.trailing_zeros() as usize % 16;
            let found = self.largest[page].at_least(size);
            if found != 0 {
                return Some(page * ROW + found.trailing_zeros() as usize);
            }
            self.bounds.set(page, self.largest[page].max());
            pages &= pages - 1;
        }
        None
    }
}
