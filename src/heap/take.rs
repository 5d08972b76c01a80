//! What malloc does to segments: the front of a hole becomes a live block, the rest a smaller hole.

use super::row::{SMALL, small};
use super::segments::Segments;
use super::window::{Leaf, WINDOW, Word};
use std::collections::TryReserveError;

/// A block that was taken from a hole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub start: u64,
    /// Whether nothing was left of the hole.
    pub exact: bool,
}

impl Segments {
    /// Takes `size` bytes from the first hole in a window that is large enough; there must be one. `word` is what is stored for
    /// the window.
    ///
    /// # Errors
    /// If there is no memory for the bookkeeping; nothing has changed then.
    #[inline]
    pub fn take(&mut self, window: u64, word: Word, size: u64) -> Result<Taken, TryReserveError> {
        if word.crowd().is_some() { self.take_from_crowd(window, size) } else { self.take_from(window, word, size) }
    }

    #[inline(never)]
    fn take_from_crowd(&mut self, window: u64, size: u64) -> Result<Taken, TryReserveError> {
        let crowd = self.word(window).crowd().expect("the window is crowded");
        self.take_from(window, self.crowds.get(crowd), size)
    }

    /// For a window that has no room for one more start.
    #[cold]
    fn take_crowding(&mut self, window: u64, size: u64) -> Result<Taken, TryReserveError> {
        self.make_crowd(window, self.word(window))?;
        self.take_from_crowd(window, size)
    }

    #[inline]
    fn take_from<L: Leaf>(&mut self, window: u64, leaf: L, size: u64) -> Result<Taken, TryReserveError> {
        let base = window * WINDOW;
        let inner = leaf.inner_holes();
        if let Some((at, length)) = leaf.fit(inner, size) {
            let offset = leaf.offset(at);
            let mut left = leaf.with_hole(at, false);
            if size < length {
                if leaf.is_full() {
                    return self.take_crowding(window, size);
                }
                left = left.with_hole_after(at, offset + size);
            }
            let largest = self.largest_of(window, left);
            left.store(self, window, Some(largest));
            return Ok(Taken { start: base + offset, exact: size == length });
        }
        // The last, which ends where the first segment of a later window starts.
        let at = leaf.last();
        let offset = leaf.offset(at);
        let start = base + offset;
        let length = self.next_after(window).0 - start;
        let rest = length - size;
        let mut left = leaf.with_hole(at, false);
        let mut largest = leaf.largest_inside(inner);
        let rest_is_elsewhere = offset + size >= WINDOW;
        if rest > 0 {
            if rest_is_elsewhere {
                self.prepare(start + size)?;
            } else if leaf.is_full() {
                return self.take_crowding(window, size);
            } else {
                left = left.with_hole_after(at, offset + size);
                largest = largest.max(rest);
            }
        }
        left.store(self, window, Some(small(largest)));
        if length >= SMALL {
            self.forget_big(start);
        }
        if rest > 0 && rest_is_elsewhere {
            self.put_hole(start + size, rest);
        } else if rest >= SMALL {
            self.raise_bounds(start + size, rest);
        }
        Ok(Taken { start, exact: rest == 0 })
    }
}
