//! Starts and ends: reading, setting and finding them.
//!
//! Costs: a search looks at the words of one or two granules, and where a long block or hole lies between, at a word of each level of
//! the occupancy. Readers without the lock find the right answer for a block that is live and stays so: there is no bit inside a
//! block, and the bits and the occupancy of its first and last unit do not change.

use super::extent::{Extent, granule};
use super::words::{bit, put, word};

impl Extent {
    /// Whether a block starts at a unit.
    #[inline]
    pub(super) fn is_start(&self, unit: u64) -> bool {
        word(self.starts(granule(unit))) & bit(unit) != 0
    }

    /// Whether a live block starts at a unit: one that does not wait for a sync.
    #[inline]
    pub(super) fn is_live_start(&self, unit: u64) -> bool {
        self.is_start(unit) && !self.is_waiting(unit)
    }

    /// Whether a unit is a block's last.
    #[inline]
    pub(super) fn is_end(&self, unit: u64) -> bool {
        word(self.ends(granule(unit))) & bit(unit) != 0
    }

    /// Sets or clears the start bit of a unit: one store.
    #[inline]
    pub(super) fn put_start(&self, unit: u64, is_start: bool) {
        self.touch(granule(unit));
        let starts = self.starts(granule(unit));
        put(starts, with_bit(word(starts), unit, is_start));
    }

    /// Sets or clears the end bit of a unit: one store.
    #[inline]
    pub(super) fn put_end(&self, unit: u64, is_end: bool) {
        self.touch(granule(unit));
        let ends = self.ends(granule(unit));
        put(ends, with_bit(word(ends), unit, is_end));
    }

    /// Whether a granule has any bit.
    #[inline]
    pub(super) fn has_bits(&self, granule: u64) -> bool {
        word(self.starts(granule)) | word(self.ends(granule)) != 0
    }

    /// The first unit from `unit` on at which a block starts; the extent's end if there is none.
    #[inline]
    pub(super) fn next_start(&self, unit: u64) -> u64 {
        self.next(unit, Self::starts)
    }

    /// The first unit from `unit` on that is a block's last; `None` if there is none.
    #[inline]
    pub(super) fn next_end(&self, unit: u64) -> Option<u64> {
        Some(self.next(unit, Self::ends)).filter(|&end| end < self.units)
    }

    #[inline]
    fn next(&self, unit: u64, words: impl Fn(&Self, u64) -> &crate::table::AtomicU64) -> u64 {
        if unit >= self.units {
            return self.units;
        }
        let mut at = granule(unit);
        let mut found = word(words(self, at)) & (!0 << (unit % 64));
        while found == 0 {
            let Some(next) = self.next_occupied(at) else { return self.units };
            at = next;
            found = word(words(self, at));
        }
        at * 64 + u64::from(found.trailing_zeros())
    }

    /// The last unit before `unit` that is a block's last.
    #[inline]
    pub(super) fn previous_end(&self, unit: u64) -> Option<u64> {
        let at = granule(unit);
        // At a granule's first unit there is nothing before in the same word.
        let here = if at < self.layout.granules { word(self.ends(at)) & (bit(unit) - 1) } else { 0 };
        self.previous(at, here, Self::ends)
    }

    /// The last unit up to `unit` at which a block starts.
    #[inline]
    pub(super) fn previous_start(&self, unit: u64) -> Option<u64> {
        let at = granule(unit);
        self.previous(at, word(self.starts(at)) & (!0 >> (63 - unit % 64)), Self::starts)
    }

    #[inline]
    fn previous(
        &self,
        mut at: u64,
        mut found: u64,
        words: impl Fn(&Self, u64) -> &crate::table::AtomicU64,
    ) -> Option<u64> {
        while found == 0 {
            at = self.previous_occupied(at)?;
            found = word(words(self, at));
        }
        Some(at * 64 + 63 - u64::from(found.leading_zeros()))
    }

    /// Whether a live block holds a unit: the last bit up to it is a start, or the end of the unit itself.
    #[inline]
    pub(super) fn is_live(&self, unit: u64) -> bool {
        let mut at = granule(unit);
        let mut starts = word(self.starts(at)) & (!0 >> (63 - unit % 64));
        let mut ends = word(self.ends(at)) & (bit(unit) - 1);
        while starts | ends == 0 {
            let Some(before) = self.previous_occupied(at) else { return false };
            at = before;
            starts = word(self.starts(at));
            ends = word(self.ends(at));
        }
        // A block of one unit has both bits at the same place: what follows it is no part of it.
        starts.leading_zeros() < ends.leading_zeros()
            && !self.is_waiting(at * 64 + 63 - u64::from(starts.leading_zeros()))
    }

    /// Start and end of the block that holds a unit, live or waiting for a sync; `None` in a hole.
    #[inline]
    pub(super) fn block_at(&self, unit: u64) -> Option<(u64, u64)> {
        let start = self.previous_start(unit)?;
        let last = self.next_end(start)?;
        (last >= unit).then_some((start, last + 1))
    }

    /// The start of the hole that holds a unit, or would if the unit's block were none.
    #[inline]
    pub(super) fn hole_start(&self, unit: u64) -> u64 {
        self.previous_end(unit).map_or(0, |end| end + 1)
    }

    /// The unit before which the hole from `unit` on ends.
    #[inline]
    pub(super) fn hole_end(&self, unit: u64) -> u64 {
        self.next_start(unit)
    }

    /// Calls `visit` with start and end of each hole that starts in a granule, in order, until that returns `true`.
    #[inline]
    pub(super) fn holes_from(&self, granule: u64, mut visit: impl FnMut(u64, u64) -> bool) {
        let first = granule * 64;
        let starts = word(self.starts(granule));
        let ends = word(self.ends(granule));
        let follows_end = first == 0 || self.is_end(first - 1);
        // Units after an end, or the extent's first, at which no block starts.
        let mut holes = ((ends << 1) | u64::from(follows_end)) & !starts;
        while holes != 0 {
            let number = u64::from(holes.trailing_zeros());
            holes &= holes - 1;
            let behind = starts & (!0 << number);
            let start = first + number;
            let end =
                if behind == 0 { self.next_start(first + 64) } else { first + u64::from(behind.trailing_zeros()) };
            if visit(start, end) {
                return;
            }
        }
    }
}

/// A word with a unit's bit set or cleared.
#[inline]
const fn with_bit(word: u64, unit: u64, is_set: bool) -> u64 {
    if is_set { word | bit(unit) } else { word & !bit(unit) }
}
