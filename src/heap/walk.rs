//! Going from segment to segment: the one that holds an address, the next, the one before, all of them.
//!
//! Costs: a neighbour is O(1) in the same 64 KiB, else a few words are scanned: one for 4 GiB without a segment's start.

use super::PAGE;
use super::area::CHUNKS;
use super::chunk::{CHUNK, WINDOWS};
use super::segments::{Segments, position};
use super::window::{Leaf, WINDOW, Word};

impl Segments {
    /// The first segment (start, hole) that starts after a window; the end if there is none.
    #[inline]
    pub fn next_after(&self, window: u64) -> (u64, bool) {
        if window >= self.last_window() {
            return (self.end(), false);
        }
        if let Some(chunk) = self.chunk(window)
            && let number = position(window) % WINDOWS
            && let Some(next) = chunk.next_near(number)
            && let word = chunk.word(next)
            && word.crowd().is_none()
        {
            let (offset, hole) = word.first();
            return ((window + (next - number) as u64) * WINDOW + offset, hole);
        }
        self.next_far(window)
    }

    /// The first segment that starts in a window after `window`, however far; the end if there is none.
    #[inline(never)]
    fn next_far(&self, window: u64) -> (u64, bool) {
        let number = position(window) % WINDOWS;
        if let Some(chunk) = self.chunk(window)
            && let Some(next) = chunk.next(number)
        {
            return self.first_in(window - number as u64 + next as u64, chunk.word(next));
        }
        let chunk = window / WINDOWS as u64 + 1;
        let (mut area, mut number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        loop {
            if let Some((found, chunk)) = self.area(area).and_then(|chunks| {
                let found = chunks.next(number)?;
                Some((found, chunks.chunk(found)?))
            }) {
                let first = chunk.first().expect("chunks without segments are dropped");
                let window = ((area * CHUNKS + found) * WINDOWS + first) as u64;
                return self.first_in(window, chunk.word(first));
            }
            match self.next_area(area + 1) {
                Some(next) => (area, number) = (next, 0),
                None => return (self.end(), false),
            }
        }
    }

    /// The last segment (start, hole) that starts before a window.
    #[inline]
    pub fn prev_before(&self, window: u64) -> Option<(u64, bool)> {
        if let Some(chunk) = self.chunk(window)
            && let number = position(window) % WINDOWS
            && let Some(prev) = chunk.prev_near(number)
            && let word = chunk.word(prev)
            && word.crowd().is_none()
        {
            let at = word.last();
            return Some(((window - (number - prev) as u64) * WINDOW + word.offset(at), word.is_hole(at)));
        }
        self.prev_far(window)
    }

    /// The last segment that starts in a window before `window`, however far.
    #[inline(never)]
    fn prev_far(&self, window: u64) -> Option<(u64, bool)> {
        let number = position(window) % WINDOWS;
        if let Some(chunk) = self.chunk(window)
            && let Some(prev) = chunk.prev(number)
        {
            return Some(self.last_in(window - number as u64 + prev as u64, chunk.word(prev)));
        }
        let chunk = window / WINDOWS as u64;
        let (mut area, mut number) = (position(chunk) / CHUNKS, position(chunk) % CHUNKS);
        loop {
            if let Some((found, chunk)) = self.area(area).and_then(|chunks| {
                let found = chunks.prev(number)?;
                Some((found, chunks.chunk(found)?))
            }) {
                let last = chunk.last().expect("chunks without segments are dropped");
                let window = ((area * CHUNKS + found) * WINDOWS + last) as u64;
                return Some(self.last_in(window, chunk.word(last)));
            }
            (area, number) = (self.prev_area(area)?, CHUNKS);
        }
    }

    /// The first segment (start, hole) in a window, which is not empty.
    #[inline]
    fn first_in(&self, window: u64, word: Word) -> (u64, bool) {
        let (offset, hole) = word.crowd().map_or_else(|| word.first(), |crowd| self.crowds.get(crowd).first());
        (window * WINDOW + offset, hole)
    }

    /// The last segment (start, hole) in a window, which is not empty.
    #[inline]
    fn last_in(&self, window: u64, word: Word) -> (u64, bool) {
        let (offset, hole) = match word.crowd() {
            None => (word.offset(word.last()), word.is_hole(word.last())),
            Some(crowd) => {
                let crowd = self.crowds.get(crowd);
                (crowd.offset(crowd.last()), crowd.is_hole(crowd.last()))
            }
        };
        (window * WINDOW + offset, hole)
    }

    /// The segment (start, hole) that holds an offset, which is below the end.
    #[inline]
    pub fn holder(&self, offset: u64) -> (u64, bool) {
        let window = offset / WINDOW;
        let word = self.word(window);
        let inside = match word.crowd() {
            None => word.at_or_before(offset % WINDOW).map(|at| (word.offset(at), word.is_hole(at))),
            Some(crowd) => {
                let crowd = self.crowds.get(crowd);
                crowd.at_or_before(offset % WINDOW).map(|at| (crowd.offset(at), crowd.is_hole(at)))
            }
        };
        match inside {
            Some((start, hole)) => (window * WINDOW + start, hole),
            None => self.prev_before(window).expect("the first segment starts at 0"),
        }
    }

    /// The segment (start, end, hole) that holds an offset, which is below the end.
    pub fn segment(&self, offset: u64) -> (u64, u64, bool) {
        let (start, hole) = self.holder(offset);
        (start, self.next(offset).0, hole)
    }

    /// The live segment (start, end) that holds an offset, which is below the end; if that is a hole, `(0, 0)`. Two numbers are
    /// answered in registers: more would go through memory, for which views would have to wait.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the look-up behind views, whose other work goes on beside it")]
    pub fn live(&self, offset: u64) -> (u64, u64) {
        let word = self.word(offset / WINDOW);
        match word.crowd() {
            None => self.live_in(offset, word),
            Some(crowd) => self.live_in_crowd(offset, crowd),
        }
    }

    #[inline(never)]
    fn live_in_crowd(&self, offset: u64, crowd: u32) -> (u64, u64) {
        self.live_in(offset, self.crowds.get(crowd))
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `live`")]
    fn live_in<L: Leaf>(&self, offset: u64, leaf: L) -> (u64, u64) {
        let window = offset / WINDOW;
        let base = window * WINDOW;
        let Some(at) = (if leaf.is_empty() { None } else { leaf.at_or_before(offset % WINDOW) }) else {
            // Whatever starts in this window starts after the offset.
            return self.live_before(window, if leaf.is_empty() { None } else { Some(base + leaf.first().0) });
        };
        if leaf.is_hole(at) {
            return (0, 0);
        }
        let end = leaf.next(at).map_or_else(|| self.next_after(window).0, |next| base + leaf.offset(next));
        (base + leaf.offset(at), end)
    }

    /// The last segment that starts before a window, as `live` answers it; `next` is the next one's start, if that is known.
    #[inline(never)]
    fn live_before(&self, window: u64, next: Option<u64>) -> (u64, u64) {
        match self.prev_before(window).expect("the first segment starts at 0") {
            (_, true) => (0, 0),
            (start, false) => (start, next.unwrap_or_else(|| self.next_after(window).0)),
        }
    }

    /// The first segment (start, hole) that starts after an offset; the end if there is none.
    #[inline]
    pub fn next(&self, offset: u64) -> (u64, bool) {
        let word = self.word(offset / WINDOW);
        match word.crowd() {
            None => self.next_in(offset, word),
            Some(crowd) => self.next_in(offset, self.crowds.get(crowd)),
        }
    }

    #[inline]
    fn next_in<L: Leaf>(&self, offset: u64, leaf: L) -> (u64, bool) {
        let window = offset / WINDOW;
        if leaf.is_empty() {
            return self.next_after(window);
        }
        let after = match leaf.at_or_before(offset % WINDOW) {
            Some(at) => leaf.next(at).map(|next| (leaf.offset(next), leaf.is_hole(next))),
            None => Some(leaf.first()),
        };
        after.map_or_else(|| self.next_after(window), |(offset, hole)| (window * WINDOW + offset, hole))
    }

    /// The first main block's start at `offset`, a page's, or after it; the end if there is none.
    pub fn next_block(&self, offset: u64) -> u64 {
        let mut page = offset;
        while page < self.end() {
            let starts = self.chunk(page / WINDOW).map_or(0, |chunk| chunk.block_starts >> (page % CHUNK / PAGE));
            if starts != 0 {
                return page + u64::from(starts.trailing_zeros()) * PAGE;
            }
            // Not chunk by chunk: a block of terabytes has few.
            page = match self.next_after((page / WINDOW) | (WINDOWS as u64 - 1)) {
                (next, _) if next < self.end() => (next / CHUNK * CHUNK).max(page / CHUNK * CHUNK + CHUNK),
                _ => return self.end(),
            };
        }
        self.end()
    }

    /// All segments (start, end, hole) from `start` on, which starts one or is the end. O(n).
    pub fn walk(&self, start: u64) -> impl Iterator<Item = (u64, u64, bool)> {
        let mut at = (start < self.end()).then(|| self.holder(start));
        std::iter::from_fn(move || {
            let (start, hole) = at?;
            let next = self.next(start);
            at = (next.0 < self.end()).then_some(next);
            Some((start, next.0, hole))
        })
    }
}
