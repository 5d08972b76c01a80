//! Finds holes that are large enough, lowest first, and keeps the maxima by which they are found.
//!
//! Above the lines is a tree of largest holes, some thirty to a node: lines in a page, pages in a chunk, chunks in an area,
//! areas. A node's row is compared with the request at once (`row.rs`), and the lowest bit of the result is the way down:
//! leftmost fit on a tree of maxima (C. J. Stephenson, "Fast Fits", 1983; the wide nodes are those of Bayer and `McCreight`'s
//! B-tree, 1972).
//!
//! Only the lowest level is exact. Above it are upper bounds: a free raises them, a malloc leaves them alone, and a search
//! that finds nothing under a bound lowers it to what is there. So each free pays for at most one futile step a level, and a
//! malloc changes one row.
//!
//! Costs: O(log n) amortized, base 32; far holes, of which a terabyte has at most 512, are looked through one by one.

use super::area::CHUNKS;
use super::chunk::LINES;
use super::line::{LINE, Leaf, Line};
use super::row::{FAR, WIDE, broad, narrow};
use super::{SegmentMap, position, with_leaf};
use std::ops::Range;

impl SegmentMap {
    /// The first line from `line` on in which a hole of at least `size` bytes starts, and what is stored for it.
    #[inline(always)]
    pub fn search_from(&mut self, line: u64, size: u16) -> Option<(u64, Line)> {
        let number = position(line) % LINES;
        if let Some(chunk) = self.chunk_mut(line)
            && let Some(found) = chunk.search_from(number, size)
        {
            return Some((line - number as u64 + found as u64, chunk.line(found)));
        }
        let line = self.search_chunks(line / LINES as u64 + 1, u64::from(size))?;
        Some((line, self.line(line)))
    }

    /// The first line in which a hole of at least `size` bytes starts, for sizes that saturate a line's entry.
    #[cold]
    pub fn search_wide(&mut self, size: u64) -> Option<u64> {
        if size < FAR {
            return self.search_chunks(0, size);
        }
        self.far_holes.iter().find(|hole| hole.1 >= size).map(|hole| hole.0 / LINE)
    }

    /// The first line in a chunk, from `chunk` on, in which a hole of at least `size` bytes, fewer than [`FAR`], starts.
    #[inline(never)]
    fn search_chunks(&mut self, chunk: u64, size: u64) -> Option<u64> {
        let (first, number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        let areas = &mut self.areas;
        if first >= areas.len() {
            return None;
        }
        self.bounds.search_from(first, broad(size), |area| {
            let Some(Some([chunks])) = areas.get_mut(area).map(Option::as_deref_mut) else { return Err(0) };
            match chunks.search_from(if area == first { number } else { 0 }, size) {
                Some((chunk, line)) => Ok(((area * CHUNKS + chunk) * LINES + line) as u64),
                None => Err(chunks.bound()),
            }
        })
    }

    /// The start of the lowest hole of at least `size` bytes that starts at or after `from`. Amortized O(log n).
    pub fn next_hole(&mut self, from: u64, size: u64) -> Option<u64> {
        // The line of `from` may have a hole before it, which must not hide another.
        let first = from.div_ceil(LINE);
        if !from.is_multiple_of(LINE)
            && let Some(start) = self.hole_in_line(first - 1, from % LINE, size)
        {
            return Some(start);
        }
        let line = if size >= FAR {
            self.far_holes.iter().find(|hole| hole.0 >= from && hole.1 >= size).map(|hole| hole.0 / LINE)
        } else if size >= WIDE {
            self.search_wide_from(first, size)
        } else {
            self.search_from(first, narrow(size)).map(|found| found.0)
        };
        let found = line.and_then(|line| self.hole_in_line(line, 0, size));
        debug_assert_eq!(found.is_some(), line.is_some());
        found
    }

    /// The first line from `line` on in which a hole of at least `size` bytes starts, for sizes from [`WIDE`] to [`FAR`].
    fn search_wide_from(&mut self, line: u64, size: u64) -> Option<u64> {
        if !line.is_multiple_of(LINES as u64)
            && let Some(chunk) = self.chunk(line)
            && chunk.wide_hole >= size
        {
            // The chunk's one wide hole, which may start before the line.
            let (first, found) = (line / LINES as u64 * LINES as u64, self.chunk_mut(line)?.search(size));
            if let Some(found) = found.map(|found| first + found as u64).filter(|&found| found >= line) {
                return Some(found);
            }
        }
        self.search_chunks(line.div_ceil(LINES as u64), size)
    }

    /// The start of the first hole of at least `size` bytes among the holes of a line that start at or after `offset` in it.
    pub fn hole_in_line(&self, line: u64, offset: u64, size: u64) -> Option<u64> {
        let word = self.line(line);
        with_leaf!(self, word, |leaf| self.hole_in(line, leaf, offset, size))
    }

    fn hole_in<L: Leaf>(&self, line: u64, leaf: L, offset: u64, size: u64) -> Option<u64> {
        let mut at = (!leaf.is_empty()).then(|| leaf.first());
        while let Some(position) = at {
            let (start, hole) = leaf.entry(position);
            at = leaf.next(position);
            if hole && start >= offset {
                let end = at.map_or_else(|| self.first_after(line).0, |next| line * LINE + leaf.offset(next));
                if end - line * LINE - start >= size {
                    return Some(line * LINE + start);
                }
            }
        }
        None
    }

    /// The size of the largest hole. Amortized O(log n): bounds that prove too high are lowered.
    pub fn largest_hole(&mut self) -> u64 {
        if let Some(far) = self.far_holes.iter().map(|hole| hole.1).max() {
            return far;
        }
        loop {
            // Exact if something is that large; else the search has lowered the bound.
            match u64::from(self.bounds.max().unsigned_abs()) {
                0 => return 0,
                bound if self.search_chunks(0, bound).is_some() => return bound,
                _ => {}
            }
        }
    }

    /// Calls `visit` with every hole of at least `least` bytes, which are a line or more, that reaches into `range`, in order.
    /// Amortized O(k log n) for k such holes.
    pub fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>)) {
        debug_assert!(least >= LINE);
        if range.is_empty() {
            return;
        }
        let mut from = self.start_of(range.start).0 / LINE;
        while let Some((line, _)) = self.search_from(from, narrow(least)).filter(|found| found.0 * LINE < range.end) {
            // A hole this large reaches past its line, so it is the last that starts there.
            let (start, _) = self.last_before(line + 1).expect("a hole starts in this line");
            let (end, _) = self.first_after(line);
            if end - start >= least && end > range.start && start < range.end {
                visit(start..end);
            }
            from = line + 1;
        }
    }

    /// Adds a hole that is the first of its line, and was part of a hole that starts in an earlier line. Needs
    /// [`SegmentMap::make_room_at`].
    #[inline(never)]
    pub(super) fn insert_hole(&mut self, start: u64, size: u64) {
        let (line, offset) = (start / LINE, start % LINE);
        let number = position(line) % LINES;
        self.last_line = self.last_line.max(line);
        let chunk = self.filled_chunk(line);
        let word = chunk.line(number);
        if let Some(bitmap) = word.bitmap() {
            self.bitmaps.add(bitmap, offset, true);
            return self.raise(start, size);
        }
        chunk.occupy(number, word.with_first(offset, true));
        if chunk.raise(number, narrow(size)) || size >= WIDE {
            self.raise_chunk(start, size);
        }
    }

    /// Records in the maxima that a hole of `size` bytes starts at `start` now.
    #[inline(always)]
    pub(super) fn raise(&mut self, start: u64, size: u64) {
        let line = start / LINE;
        let grown = self.filled_chunk(line).raise(position(line), narrow(size));
        self.raise_above(start, size, grown);
    }

    /// Records in the maxima above the line's that a hole of `size` bytes starts at `start` now. `grown`: the bound of its page
    /// has grown.
    #[inline(always)]
    pub(super) fn raise_above(&mut self, start: u64, size: u64, grown: bool) {
        if grown || size >= WIDE {
            self.raise_chunk(start, size);
        }
    }

    #[inline(never)]
    fn raise_chunk(&mut self, start: u64, size: u64) {
        let line = start / LINE;
        let chunk = position(line) / LINES;
        if size >= WIDE {
            self.filled_chunk(line).wide_hole = size;
            if size >= FAR {
                self.list_far_hole(start, size);
            }
        }
        if self.area_mut(chunk / CHUNKS).expect("the chunk's area").raise(chunk, broad(size)) {
            self.bounds.raise(chunk / CHUNKS, broad(size));
        }
    }

    #[cold]
    fn list_far_hole(&mut self, start: u64, size: u64) {
        match self.far_holes.binary_search_by_key(&start, |hole| hole.0) {
            Ok(at) => self.far_holes[at].1 = size,
            // `reserve` made room: there cannot be more of them than fit the main blocks.
            Err(at) => self.far_holes.insert(at, (start, size)),
        }
    }

    /// Records that the wide hole at `start` is gone, or has become shorter.
    #[cold]
    pub(super) fn unlist_wide_hole(&mut self, start: u64) {
        self.filled_chunk(start / LINE).wide_hole = 0;
        if let Ok(at) = self.far_holes.binary_search_by_key(&start, |hole| hole.0) {
            self.far_holes.remove(at);
        }
    }

    /// What the largest hole that starts in a line would be if `leaf` were in it.
    #[inline(never)]
    pub(super) fn largest_of<L: Leaf>(&self, line: u64, leaf: L) -> u16 {
        if leaf.is_empty() {
            return 0;
        }
        let inside = leaf.largest_inside(leaf.inner_holes());
        let last = leaf.last();
        if !leaf.is_hole(last) {
            return narrow(inside);
        }
        let end = self.first_after(line).0;
        narrow(inside.max(end - line * LINE - leaf.offset(last)))
    }
}
