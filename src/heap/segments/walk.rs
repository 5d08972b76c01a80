//! Walking from segment to segment: the one that holds an offset, the next, the one before.
//!
//! Costs: finding a neighbour is O(1) in the same 64 KiB; elsewhere it scans a few words, one for each 4 GiB without a segment's
//! start.

use super::area::{Area, CHUNKS, ChunkSet};
use super::bits::BitSet;
use super::chunk::LINES;
use super::line::{LINE, Leaf, Line};
use super::{Segment, SegmentMap, position, with_leaf};

impl SegmentMap {
    /// The first segment (start, hole) that starts after a line; the end if there is none.
    #[inline(always)]
    pub(super) fn first_after(&self, line: u64) -> (u64, bool) {
        if line >= self.last_line {
            return (self.end, false);
        }
        if let Some(chunk) = self.chunk(line)
            && let number = position(line) % LINES
            && let Some(next) = chunk.occupied().next_in_word(number)
            && let word = chunk.line(next)
            && word.bitmap().is_none()
        {
            let (offset, hole) = word.entry(word.first());
            return ((line + (next - number) as u64) * LINE + offset, hole);
        }
        self.first_far_after(line)
    }

    /// [`SegmentMap::first_after`] when the next start is not in the same 64 lines: scans the chunk's bits, then the area's, then
    /// the list of areas. Out of line: one call in some hundreds gets here.
    #[inline(never)]
    fn first_far_after(&self, line: u64) -> (u64, bool) {
        let number = position(line) % LINES;
        if let Some(chunk) = self.chunk(line)
            && let Some(next) = chunk.occupied().first_from(number + 1)
        {
            return self.first_in(line - number as u64 + next as u64, chunk.line(next));
        }
        let Some(chunk) = self.first_chunk_from(position(line) / LINES + 1, &self.occupied, Area::occupied) else {
            return (self.end, false);
        };
        let first = chunk * LINES;
        let found = self.chunk(first as u64).and_then(|chunk| Some((chunk, chunk.occupied().first_from(0)?)));
        let (chunk, number) = found.expect("chunks without segments are dropped");
        self.first_in((first + number) as u64, chunk.line(number))
    }

    /// The last segment (start, hole) that starts before a line.
    #[inline(always)]
    pub(super) fn last_before(&self, line: u64) -> Option<(u64, bool)> {
        if let Some(chunk) = self.chunk(line)
            && let number = position(line) % LINES
            && let Some(previous) = chunk.occupied().previous_in_word(number)
            && let word = chunk.line(previous)
            && word.bitmap().is_none()
        {
            let (offset, hole) = word.entry(word.last());
            return Some(((line - (number - previous) as u64) * LINE + offset, hole));
        }
        self.last_far_before(line)
    }

    /// [`SegmentMap::last_before`] when the start before is not in the same 64 lines. Out of line, as
    /// [`SegmentMap::first_far_after`] is.
    #[inline(never)]
    fn last_far_before(&self, line: u64) -> Option<(u64, bool)> {
        let number = position(line) % LINES;
        if let Some(chunk) = self.chunk(line)
            && let Some(previous) = chunk.occupied().last_before(number)
        {
            return Some(self.last_in(line - number as u64 + previous as u64, chunk.line(previous)));
        }
        let first = self.last_chunk_before(position(line) / LINES, &self.occupied, Area::occupied)? * LINES;
        let found = self.chunk(first as u64).and_then(|chunk| Some((chunk, chunk.occupied().last_before(LINES)?)));
        let (chunk, number) = found.expect("chunks without segments are dropped");
        Some(self.last_in((first + number) as u64, chunk.line(number)))
    }

    /// The first chunk, from the number `chunk` on, that is a member of its area's set. `areas` has the areas whose set has
    /// members.
    pub(super) fn first_chunk_from(
        &self,
        chunk: usize,
        areas: &BitSet<Vec<u64>>,
        set: fn(&Area) -> &ChunkSet,
    ) -> Option<usize> {
        let (area, number) = (chunk / CHUNKS, chunk % CHUNKS);
        if let Some(found) = self.area(area).and_then(|area| set(area).first_from(number)) {
            return Some(area * CHUNKS + found);
        }
        // An area stays when its last chunk is dropped.
        let mut later = std::iter::successors(areas.first_from(area + 1), |area| areas.first_from(area + 1));
        later.find_map(|area| Some(area * CHUNKS + set(self.area(area)?).first_from(0)?))
    }

    /// The last chunk before the number `chunk` that is a member of its area's set. `areas` has the areas whose set has members.
    pub(super) fn last_chunk_before(
        &self,
        chunk: usize,
        areas: &BitSet<Vec<u64>>,
        set: fn(&Area) -> &ChunkSet,
    ) -> Option<usize> {
        let (area, number) = (chunk / CHUNKS, chunk % CHUNKS);
        if let Some(found) = self.area(area).and_then(|area| set(area).last_before(number)) {
            return Some(area * CHUNKS + found);
        }
        let mut earlier = std::iter::successors(areas.last_before(area), |&area| areas.last_before(area));
        earlier.find_map(|area| Some(area * CHUNKS + set(self.area(area)?).last_before(CHUNKS)?))
    }

    /// The first segment (start, hole) of a line, which is not empty.
    #[inline]
    fn first_in(&self, line: u64, word: Line) -> (u64, bool) {
        let (offset, hole) = with_leaf!(self, word, |leaf| leaf.entry(leaf.first()));
        (line * LINE + offset, hole)
    }

    /// The last segment (start, hole) of a line, which is not empty.
    #[inline]
    fn last_in(&self, line: u64, word: Line) -> (u64, bool) {
        let (offset, hole) = with_leaf!(self, word, |leaf| leaf.entry(leaf.last()));
        (line * LINE + offset, hole)
    }

    /// The last segment (start, hole) that starts before `offset`, which is at most the end.
    pub fn last_start_before(&self, offset: u64) -> Option<(u64, bool)> {
        offset.checked_sub(1).map(|last| self.start_of(last))
    }

    /// Where the segment starts that holds an offset, which is below the end, and whether it is a hole.
    #[inline]
    pub fn start_of(&self, offset: u64) -> (u64, bool) {
        let line = offset / LINE;
        let word = self.line(line);
        let inside = with_leaf!(self, word, |leaf| leaf.at_or_before(offset % LINE).map(|at| leaf.entry(at)));
        match inside {
            Some((start, hole)) => (line * LINE + start, hole),
            None => self.last_before(line).expect("the first segment starts at 0"),
        }
    }

    /// The first segment (start, hole) that starts after an offset; the end if there is none.
    #[inline]
    pub fn next_start(&self, offset: u64) -> (u64, bool) {
        let word = self.line(offset / LINE);
        with_leaf!(self, word, |leaf| self.next_start_in(offset, leaf))
    }

    #[inline]
    fn next_start_in<L: Leaf>(&self, offset: u64, leaf: L) -> (u64, bool) {
        let line = offset / LINE;
        if leaf.is_empty() {
            return self.first_after(line);
        }
        let after = match leaf.at_or_before(offset % LINE) {
            Some(at) => leaf.next(at),
            None => Some(leaf.first()),
        };
        match after {
            Some(at) => (line * LINE + leaf.offset(at), leaf.is_hole(at)),
            None => self.first_after(line),
        }
    }

    /// The segment that holds an offset, which is below the end.
    pub fn segment_at(&self, offset: u64) -> Segment {
        let (start, is_hole) = self.start_of(offset);
        Segment { start, end: self.next_start(offset).0, is_hole }
    }

    /// Whether a live block starts at `start`: whether [`SegmentMap::release`] would free one.
    #[inline]
    pub fn is_live_start(&self, start: u64) -> bool {
        let line = start / LINE;
        let Some(chunk) = self.chunk(line) else { return false };
        let word = chunk.line(position(line));
        with_leaf!(self, word, |leaf| leaf.find_live(start % LINE).is_some())
    }

    /// Start and end of the live block that holds an offset, which is below the end; if that is in a hole, `(0, 0)`. Two numbers
    /// are returned in registers: more would go through memory, for which views would have to wait.
    #[inline(always)]
    pub fn location_of(&self, offset: u64) -> (u64, u64) {
        let word = self.line(offset / LINE);
        with_leaf!(out of line: self, word, |leaf| self.location_in(offset, leaf))
    }

    #[inline(always)]
    fn location_in<L: Leaf>(&self, offset: u64, leaf: L) -> (u64, u64) {
        let line = offset / LINE;
        let base = line * LINE;
        let Some(at) = (if leaf.is_empty() { None } else { leaf.at_or_before(offset % LINE) }) else {
            // Whatever starts in this line starts after the offset.
            return self
                .location_before(line, if leaf.is_empty() { None } else { Some(base + leaf.offset(leaf.first())) });
        };
        if leaf.is_hole(at) {
            return (0, 0);
        }
        let end = leaf.next(at).map_or_else(|| self.first_after(line).0, |next| base + leaf.offset(next));
        (base + leaf.offset(at), end)
    }

    /// [`SegmentMap::location_of`] for the last segment that starts before a line; `next` is the next one's start, if that is
    /// known.
    #[inline(never)]
    fn location_before(&self, line: u64, next: Option<u64>) -> (u64, u64) {
        match self.last_before(line).expect("the first segment starts at 0") {
            (_, true) => (0, 0),
            (start, false) => (start, next.unwrap_or_else(|| self.first_after(line).0)),
        }
    }
}
