//! Finds the lowest hole that is large enough.
//!
//! Over the windows stands a tree of largest holes, some thirty to a node: windows in a page, pages in a chunk, chunks in
//! an area, areas. A node's row is compared with the request at once (`row.rs`), and the lowest bit of the answer is the
//! way down: leftmost fit on a tree of maxima (C. J. Stephenson, "Fast Fits", 1983; the wide nodes are those of Bayer and
//! `McCreight`'s B-tree, 1972).
//!
//! Only the lowest level is exact. Above it stand upper bounds: a free raises them, a malloc leaves them alone, and a
//! search that finds nothing under a bound lowers it to what is there. So each free pays for at most one futile step a
//! level, and a malloc changes one row. Where a malloc had to search, it makes the bound of its page exact at once: that
//! page is being used up.
//!
//! Costs: O(log n) amortized, base 32; O(1) where a hint knows the window.

use super::area::CHUNKS;
use super::chunk::WINDOWS;
use super::row::{LARGE, SMALL, large, small};
use super::segments::{Segments, position};
use super::window::{Leaf, WINDOW, Word};

/// Where the lowest hole that is large enough starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub window: u64,
    /// What is stored for that window.
    pub word: Word,
    /// Whether it took a search: no hint knew.
    pub searched: bool,
}

impl Segments {
    /// The first window in which a hole of at least `size` bytes starts.
    #[inline]
    pub fn first_fit(&mut self, size: u64) -> Option<Found> {
        let Some(narrow) = u16::try_from(size).ok().filter(|&size| size < u16::MAX) else {
            return self.first_large_fit(size).map(|window| self.found_by_search(window));
        };
        let from = if let Some(window) = self.hints.get(narrow) {
            if let Some(chunk) = self.chunk(window)
                && chunk.largest(position(window) % WINDOWS) >= narrow
            {
                return Some(Found { window, word: chunk.word(position(window)), searched: false });
            }
            window
        } else {
            self.hints.bound(narrow)
        };
        let window = self.search(from, narrow)?;
        self.hints.set(narrow, window);
        Some(self.found_by_search(window))
    }

    #[inline]
    fn found_by_search(&self, window: u64) -> Found {
        Found { window, word: self.word(window), searched: true }
    }

    /// Makes the bound of a window's page exact.
    #[inline]
    pub fn tighten(&mut self, window: u64) {
        self.filled(window).tighten(position(window) % WINDOWS);
    }

    /// The window of the first hole of at least `size` bytes, for sizes that saturate a window's entry.
    #[cold]
    fn first_large_fit(&mut self, size: u64) -> Option<u64> {
        if size < LARGE {
            return self.search_chunks(0, size);
        }
        self.huge.iter().find(|hole| hole.1 >= size).map(|hole| hole.0 / WINDOW)
    }

    /// The first window from `window` on in which a hole of at least `size` bytes starts.
    #[inline]
    fn search(&mut self, window: u64, size: u16) -> Option<u64> {
        let number = position(window) % WINDOWS;
        if let Some(chunk) = self.chunk_mut(window)
            && let Some(found) = chunk.search(number, size)
        {
            return Some(window - number as u64 + found as u64);
        }
        self.search_chunks(window / WINDOWS as u64 + 1, u64::from(size))
    }

    /// The first window in a chunk, from `chunk` on, in which a hole of at least `size` bytes starts.
    #[inline(never)]
    fn search_chunks(&mut self, chunk: u64, size: u64) -> Option<u64> {
        let least = large(size);
        let (first, number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        for row in first / 32..self.bounds.len() {
            if self.row_bounds[row] < least {
                continue;
            }
            let mut areas = self.bounds[row].at_least(least);
            if row == first / 32 {
                areas &= !0 << (first % 32);
            }
            while areas != 0 {
                let lane = areas.trailing_zeros() as usize;
                let area = row * 32 + lane;
                let mut bound = 0;
                if let Some(chunks) = self.area_mut(area) {
                    if let Some((chunk, window)) = chunks.search(if area == first { number } else { 0 }, size) {
                        return Some(((area * CHUNKS + chunk) * WINDOWS + window) as u64);
                    }
                    bound = chunks.max_bound();
                }
                self.bounds[row].set(lane, bound);
                areas &= areas - 1;
            }
            self.row_bounds[row] = self.bounds[row].max();
        }
        None
    }

    /// Tells the index that the hole at `start` has become `size` bytes long by a free.
    #[inline]
    pub fn raise(&mut self, start: u64, size: u64) {
        self.hints.lower(small(size), start / WINDOW);
        self.raise_bounds(start, size);
    }

    /// Adds a hole that is the first of its window, part of one that started below. Needs [`Segments::prepare`].
    #[inline]
    pub fn put_hole(&mut self, start: u64, size: u64) {
        let (window, offset) = (start / WINDOW, start % WINDOW);
        let number = position(window) % WINDOWS;
        self.note_start(window);
        let chunk = self.filled(window);
        let word = chunk.word(number);
        if let Some(crowd) = word.crowd() {
            self.crowds.add(crowd, offset, true);
            return self.raise_bounds(start, size);
        }
        chunk.set_word(number, word.with_first(offset, true));
        if chunk.raise(number, small(size)) || size >= SMALL {
            self.raise_chunk(start, size);
        }
    }

    /// Tells the index that a hole of `size` bytes starts at `start` now. It is part of a larger one that started below, or
    /// [`Segments::raise`] tells the hints.
    #[inline]
    pub fn raise_bounds(&mut self, start: u64, size: u64) {
        let window = start / WINDOW;
        let chunk = self.filled(window);
        if chunk.raise(position(window) % WINDOWS, small(size)) || size >= SMALL {
            self.raise_chunk(start, size);
        }
    }

    #[inline(never)]
    fn raise_chunk(&mut self, start: u64, size: u64) {
        let window = start / WINDOW;
        let chunk = position(window) / WINDOWS;
        if size >= SMALL {
            self.filled(window).big = size;
            if size >= LARGE {
                self.put_huge(start, size);
            }
        }
        let (area, bound) = (chunk / CHUNKS, large(size));
        if self.area_mut(area).expect("the chunk's area").raise(chunk % CHUNKS, bound) {
            let (row, lane) = (area / 32, area % 32);
            if self.bounds[row].get(lane) < bound {
                self.bounds[row].set(lane, bound);
            }
            self.row_bounds[row] = self.row_bounds[row].max(bound);
        }
    }

    #[cold]
    fn put_huge(&mut self, start: u64, size: u64) {
        match self.huge.binary_search_by_key(&start, |hole| hole.0) {
            Ok(at) => self.huge[at].1 = size,
            // `reserve` made room: there cannot be more of them than fit the main blocks.
            Err(at) => self.huge.insert(at, (start, size)),
        }
    }

    /// Tells the index that a hole of [`SMALL`] bytes or more at `start` is none any more, or shorter.
    #[cold]
    pub fn forget_big(&mut self, start: u64) {
        self.filled(start / WINDOW).big = 0;
        if let Ok(at) = self.huge.binary_search_by_key(&start, |hole| hole.0) {
            self.huge.remove(at);
        }
    }

    /// The size of the largest hole. Amortized O(log n): bounds that prove too high are lowered.
    pub fn largest_hole(&mut self) -> u64 {
        if let Some(huge) = self.huge.iter().map(|hole| hole.1).max() {
            return huge;
        }
        loop {
            let bound = self.row_bounds.iter().copied().max().unwrap_or(0);
            // Exact if something is that large; else the search has lowered the bound.
            match u64::from(bound.unsigned_abs()) {
                0 => return 0,
                bound if self.search_chunks(0, bound).is_some() => return bound,
                _ => {}
            }
        }
    }

    /// Calls `visit` with start and end of every hole of at least `least` bytes, which are a window or more, that reaches
    /// between two offsets, in order of address. O(k log n) for k of them.
    pub fn holes(&mut self, first: u64, end: u64, least: u64, mut visit: impl FnMut(u64, u64)) {
        debug_assert!(least >= WINDOW);
        if first >= end {
            return;
        }
        let mut from = self.holder(first).0 / WINDOW;
        while let Some(window) = self.search(from, small(least)).filter(|window| window * WINDOW < end) {
            // So large a hole reaches past its window: it is the last that starts there.
            let (start, _) = self.prev_before(window + 1).expect("a hole starts in this window");
            let (next, _) = self.next_after(window);
            if next - start >= least && next > first && start < end {
                visit(start, next);
            }
            from = window + 1;
        }
    }

    /// What the largest hole that starts in a window would be if this were in it.
    #[inline]
    pub fn largest_of<L: Leaf>(&self, window: u64, leaf: L) -> u16 {
        if leaf.is_empty() {
            return 0;
        }
        let inside = leaf.largest_inside(leaf.inner_holes());
        let last = leaf.last();
        if !leaf.is_hole(last) {
            return small(inside);
        }
        let end = self.next_after(window).0;
        small(inside.max(end - window * WINDOW - leaf.offset(last)))
    }
}
