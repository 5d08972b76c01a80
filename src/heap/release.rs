//! What free does to segments: a live block becomes a hole and merges with a hole on either side.

use super::chunk::WINDOWS;
use super::row::SMALL;
use super::segments::{Segments, position};
use super::window::{Leaf, WINDOW};

/// A block that was freed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Released {
    /// The block's size.
    pub size: u64,
    /// Start and end of the hole that it is part of now.
    pub hole: (u64, u64),
    /// How many holes it merged with.
    pub merged: usize,
}

impl Segments {
    /// Frees the live block that starts at `start`. `None`, and nothing has changed, if there is none.
    #[inline]
    pub fn release(&mut self, start: u64) -> Option<Released> {
        let window = start / WINDOW;
        let word = self.chunk(window)?.word(position(window) % WINDOWS);
        if word.crowd().is_some() {
            return self.release_from_crowd(start);
        }
        let at = word.find_live(start % WINDOW)?;
        Some(self.release_from(start, word, at))
    }

    /// Whether a live block starts at `start`: whether [`Segments::release`] would free one.
    #[inline]
    pub fn is_live_start(&self, start: u64) -> bool {
        let window = start / WINDOW;
        let Some(chunk) = self.chunk(window) else { return false };
        let word = chunk.word(position(window) % WINDOWS);
        match word.crowd() {
            None => word.find_live(start % WINDOW).is_some(),
            Some(crowd) => self.crowds.get(crowd).find_live(start % WINDOW).is_some(),
        }
    }

    #[inline(never)]
    fn release_from_crowd(&mut self, start: u64) -> Option<Released> {
        let crowd = self.crowds.get(self.word(start / WINDOW).crowd()?);
        let at = crowd.find_live(start % WINDOW)?;
        Some(self.release_from(start, crowd, at))
    }

    #[inline]
    fn release_from<L: Leaf>(&mut self, start: u64, leaf: L, at: u32) -> Released {
        let window = start / WINDOW;
        let base = window * WINDOW;
        let next_inside = leaf.next(at);
        let (next, next_is_hole) = match next_inside {
            Some(next) => (base + leaf.offset(next), leaf.is_hole(next)),
            None => self.next_after(window),
        };
        let (mut left, mut end, mut merged) = (leaf, next, 0);
        if next_is_hole && !self.is_block_start(next) {
            merged += 1;
            if let Some(at) = next_inside {
                end = leaf.next(at).map_or_else(|| self.next_after(window).0, |after| base + leaf.offset(after));
                left = leaf.without(at);
                if end - next >= SMALL {
                    self.forget_big(next);
                }
            } else {
                end = self.cut_first(next);
            }
        }
        let prev_inside = leaf.prev(at);
        let prev = match prev_inside {
            Some(prev) => leaf.is_hole(prev).then(|| base + leaf.offset(prev)),
            None => self.prev_before(window).filter(|prev| prev.1).map(|prev| prev.0),
        };
        let mut hole = start;
        match prev {
            Some(prev) if !self.is_block_start(start) => {
                merged += 1;
                hole = prev;
                left = left.without(at);
                if prev_inside.is_none() && next_inside.is_some() && merged == 2 {
                    // The hole after it started in this window and now starts in another.
                    let largest = self.largest_of(window, left);
                    left.store(self, window, Some(largest));
                } else {
                    left.store(self, window, None);
                }
            }
            _ => left.with_hole(at, true).store(self, window, None),
        }
        self.note_end(hole, end);
        self.raise(hole, end - hole);
        Released { size: next - start, hole: (hole, end), merged }
    }

    /// Removes the hole that starts at `start`, the first of its window, and returns where it ended. The caller knows what
    /// ends there now: [`Segments::note_end`].
    pub fn cut_first(&mut self, start: u64) -> u64 {
        let word = self.word(start / WINDOW);
        match word.crowd() {
            None => self.cut_hole_from(start, word, word.first_position()),
            Some(crowd) => self.cut_crowded_hole(start, crowd),
        }
    }

    /// Removes the hole that starts at `start`, wherever in its window, and returns where it ended, as
    /// [`Segments::cut_first`] does.
    pub fn cut_hole(&mut self, start: u64) -> u64 {
        let word = self.word(start / WINDOW);
        match word.crowd() {
            None => self.cut_hole_from(start, word, word.at_or_before(start % WINDOW).expect("the hole starts here")),
            Some(crowd) => self.cut_crowded_hole(start, crowd),
        }
    }

    #[inline(never)]
    fn cut_crowded_hole(&mut self, start: u64, crowd: u32) -> u64 {
        let crowd = self.crowds.get(crowd);
        self.cut_hole_from(start, crowd, crowd.at_or_before(start % WINDOW).expect("the hole starts here"))
    }

    #[inline]
    fn cut_hole_from<L: Leaf>(&mut self, start: u64, leaf: L, at: u32) -> u64 {
        debug_assert_eq!(leaf.offset(at), start % WINDOW);
        let window = start / WINDOW;
        let end = match leaf.next(at) {
            Some(next) => window * WINDOW + leaf.offset(next),
            None => self.next_after(window).0,
        };
        if end - start >= SMALL {
            self.forget_big(start);
        }
        let left = leaf.without(at);
        let largest = self.largest_of(window, left);
        left.store(self, window, Some(largest));
        end
    }
}
