//! Going from segment to segment: the one that holds an offset, the next, the one before.
//!
//! Costs: a neighbour is O(1) in the same 64 KiB, else a few words are scanned: one for 4 GiB without a segment's start.

use super::area::CHUNKS;
use super::chunk::LINES;
use super::line::{LINE, Leaf, Line};
use super::{Segment, SegmentMap, position, with_leaf};

impl SegmentMap {
    /// The first segment (start, hole) that starts after a line; the end if there is none.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a few instructions of every malloc and free")]
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
        let chunk = line / LINES as u64 + 1;
        let (mut area, mut number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        loop {
            if let Some((found, chunk)) = self.area(area).and_then(|chunks| {
                let found = chunks.occupied().first_from(number)?;
                Some((found, chunks.chunk(found)?))
            }) {
                let first = chunk.occupied().first_from(0).expect("chunks without segments are dropped");
                let line = ((area * CHUNKS + found) * LINES + first) as u64;
                return self.first_in(line, chunk.line(first));
            }
            match self.occupied.first_from(area + 1) {
                Some(next) => (area, number) = (next, 0),
                None => return (self.end, false),
            }
        }
    }

    /// The last segment (start, hole) that starts before a line.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a few instructions of every free")]
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
        let chunk = line / LINES as u64;
        let (mut area, mut number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        loop {
            if let Some((found, chunk)) = self.area(area).and_then(|chunks| {
                let found = chunks.occupied().last_before(number)?;
                Some((found, chunks.chunk(found)?))
            }) {
                let last = chunk.occupied().last_before(LINES).expect("chunks without segments are dropped");
                let line = ((area * CHUNKS + found) * LINES + last) as u64;
                return Some(self.last_in(line, chunk.line(last)));
            }
            (area, number) = (self.occupied.last_before(area)?, CHUNKS);
        }
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

    /// The last segment (start, hole) that starts before `offset`, a line's start.
    pub(super) fn last_start_before(&self, offset: u64) -> Option<(u64, bool)> {
        debug_assert!(offset.is_multiple_of(LINE));
        self.last_before(offset / LINE)
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
    #[allow(clippy::inline_always, reason = "the look-up behind views, whose other work goes on beside it")]
    pub fn location_of(&self, offset: u64) -> (u64, u64) {
        let word = self.line(offset / LINE);
        with_leaf!(out of line: self, word, |leaf| self.location_in(offset, leaf))
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `location_of`")]
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
