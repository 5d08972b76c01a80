//! Main blocks: appending one, taking the last one off, joining empty ones, and where they start.
//!
//! A border has a bit in its chunk, the chunk one in its area, and the area one in the map, so that the next main block and the
//! one before are found quickly, however long main blocks are.
//!
//! Costs: the next border is O(1): at most 16 words of an area's bits, and one word for each 4 GiB without a main block's start.

use super::area::{Area, CHUNKS};
use super::chunk::{CHUNK, LINES};
use super::row::{FAR, WIDE};
use super::{AREA, SegmentMap, position};
use crate::heap::PAGE;
use crate::heap::segments::LINE;
use std::collections::TryReserveError;
use std::ops::Range;

/// Pages in a chunk.
const PAGES: u64 = CHUNK / PAGE;

/// Empty main blocks that were joined.
#[derive(Debug, Clone)]
pub(in crate::heap) struct Joined {
    /// The hole that they form now.
    pub hole: Range<u64>,
    /// How many main blocks, each a hole, have gone.
    pub gone: usize,
}

impl SegmentMap {
    /// Makes room for the bookkeeping of main blocks up to `end`, one of which begins at the present end, so that the
    /// [`SegmentMap::append`] that follows cannot fail.
    ///
    /// # Errors
    /// If there is no memory. Nothing has changed that can be seen.
    pub fn reserve(&mut self, end: u64) -> Result<(), TryReserveError> {
        let areas = position(end.div_ceil(AREA));
        self.occupied.reserve(areas)?;
        self.bordered.reserve(areas)?;
        self.bounds.reserve(areas)?;
        // `areas` grows last: what is kept beside it for each area must have room by then.
        let missing = areas.saturating_sub(self.areas.len());
        self.areas.try_reserve(missing)?;
        self.areas.resize_with(self.areas.len() + missing, || None);
        self.far_holes.try_reserve(position(end / FAR + 1).saturating_sub(self.far_holes.len()))?;
        self.region_starts.try_reserve(1)?;
        self.record_bytes();
        self.make_room_at(self.end)
    }

    /// Appends a main block of `size` bytes, all of it one hole, and returns where it starts. `region_start`: a region begins
    /// with it.
    pub fn append(&mut self, size: u64, region_start: bool) -> u64 {
        let start = self.end;
        if (region_start || (self.is_of_pages() && start == 0)) && !self.is_region_start(start) {
            self.region_starts.push(start);
        }
        self.end += size;
        if self.is_of_pages() && !self.is_region_start(start) {
            // No border is between the new pages and a hole before them.
            if let Some((hole, true)) = self.last_start_before(start) {
                self.raise(hole, self.end - hole);
                // The chunk that `reserve` has made is not needed if no segment starts in it.
                let line = start / LINE;
                if self.chunk(line).is_some_and(|chunk| chunk.occupied().is_empty()) {
                    self.drop_chunk(line);
                }
                return hole;
            }
        }
        self.insert(start, true);
        self.set_border(start, true);
        self.raise(start, size);
        start
    }

    /// Removes the last main block if it is all one hole, or the part of it above `end`, a page's end; in a map of pages, removes
    /// the last hole. Returns its start, how many bytes were removed, and whether all of it was.
    pub fn truncate(&mut self, end: u64) -> Option<(u64, u64, bool)> {
        let (start, hole) = self.last_start_before(self.end)?;
        if !hole || !(self.is_border(start) || self.is_of_pages()) || self.end <= end {
            return None;
        }
        let gone = start >= end;
        let bytes = self.end - start.max(end);
        self.set_border(start, false);
        if self.end - start >= WIDE {
            self.unlist_wide_hole(start);
        }
        // `end` changes first, so that the segment before ends here when its line is looked at.
        self.end = start;
        self.remove_hole(start);
        self.last_line = self.last_start_before(start).map_or(0, |last| last.0 / LINE);
        if gone {
            self.region_starts.pop_if(|region| *region == start);
        } else {
            // This does not fail: the line had this start a moment ago, and if its chunk was dropped, that is the spare one.
            self.make_room_at(start).ok()?;
            self.append(end - start, false);
        }
        Some((start, bytes, gone))
    }

    /// If the hole from `start` to `end` is whole main blocks, joins it with a neighbour on either side that is one too, unless a
    /// region begins between them.
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

    /// Joins the empty main blocks before and after `border`, unless a region begins there. Returns whether they were joined.
    fn remove_border(&mut self, border: u64) -> bool {
        if self.is_region_start(border) {
            return false;
        }
        let (start, _) = self.last_start_before(border).expect("a main block ends here");
        self.set_border(border, false);
        self.merge_holes(start, border);
        true
    }

    /// Whether a main block starts at `start`, which starts a segment or is the end.
    #[inline]
    pub fn is_border(&self, start: u64) -> bool {
        if start & self.between_borders != 0 {
            return false;
        }
        if self.is_of_pages() {
            return start == self.end || self.is_region_start(start);
        }
        let page = start % CHUNK / PAGE;
        self.chunk(start / LINE).is_none_or(|chunk| chunk.borders >> page & 1 == 1) || start == self.end
    }

    /// Whether a region begins at `start`.
    pub fn is_region_start(&self, start: u64) -> bool {
        self.region_starts.binary_search(&start).is_ok()
    }

    /// Records whether a main block starts at `start`, a segment's start.
    pub(super) fn set_border(&mut self, start: u64, starts: bool) {
        if self.is_of_pages() {
            return;
        }
        let (page, chunk) = (start % CHUNK / PAGE, position(start / CHUNK));
        let bits = &mut self.filled_chunk(start / LINE).borders;
        *bits = *bits & !(1 << page) | u16::from(starts) << page;
        let any = *bits != 0;
        let any = self.area_mut(chunk / CHUNKS).expect("the chunk's area").set_bordered(chunk, any);
        self.bordered.assign(chunk / CHUNKS, any);
    }

    /// The first start of a main block at or after `offset`, a page's start; the end if there is none.
    pub fn next_border(&self, offset: u64) -> u64 {
        if self.is_of_pages() {
            let next = self.region_starts.partition_point(|&start| start < offset);
            return self.region_starts.get(next).copied().unwrap_or(self.end);
        }
        let bits = self.chunk(offset / LINE).map_or(0, |chunk| chunk.borders >> (offset % CHUNK / PAGE));
        if bits != 0 && offset < self.end {
            return offset + u64::from(bits.trailing_zeros()) * PAGE;
        }
        let found = self.first_chunk_from(position(offset / CHUNK) + 1, &self.bordered, Area::bordered);
        found.map_or(self.end, |chunk| {
            let borders = self.chunk((chunk * LINES) as u64).map_or(0, |chunk| chunk.borders);
            chunk as u64 * CHUNK + u64::from(borders.trailing_zeros()) * PAGE
        })
    }

    /// The last start of a main block before `offset`, a page's start.
    pub fn previous_border(&self, offset: u64) -> Option<u64> {
        if self.is_of_pages() {
            let next = self.region_starts.partition_point(|&start| start < offset);
            return next.checked_sub(1).map(|last| self.region_starts[last]);
        }
        let last = |chunk: u64, borders: u16| chunk * CHUNK + u64::from(borders.ilog2()) * PAGE;
        let below = (1_u16 << (offset % CHUNK / PAGE)) - 1;
        let bits = self.chunk(offset / LINE).map_or(0, |chunk| chunk.borders) & below;
        if bits != 0 {
            return Some(last(offset / CHUNK, bits));
        }
        let found = self.last_chunk_before(position(offset / CHUNK), &self.bordered, Area::bordered)?;
        Some(last(found as u64, self.chunk((found * LINES) as u64)?.borders))
    }
}

const _: () = assert!(PAGES == 16, "a bit of `Chunk::borders` for each page of a chunk");
