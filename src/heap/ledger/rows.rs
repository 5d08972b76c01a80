//! Rows: the largest hole that starts in each granule, in units, and above each 64 entries their maximum, so that first fit finds
//! the lowest hole that is large enough by a few rows of 64.
//!
//! Invariant, while no operation is under way: each entry is exact. An entry that is wrong costs a search, and is mended by it:
//! everything here can be derived from the starts and ends.

use super::extent::Extent;
use super::words::{number, put32};
use crate::table::AtomicU32;

/// The entries of a row.
const ROW: usize = 64;

/// An entry that has changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub before: u32,
    pub now: u32,
}

impl Change {
    /// What the maximum `above` the entry's row is now; `maximum` computes it, where it has to be. `None`: it has not changed.
    #[inline]
    pub fn maximum_now(self, above: u32, maximum: impl FnOnce() -> u32) -> Option<u32> {
        if self.now >= above {
            Some(self.now)
        } else if self.before < above {
            None
        } else {
            Some(maximum())
        }
    }
}

impl Extent {
    /// The entries of a level.
    #[inline]
    fn level(&self, level: usize) -> &[AtomicU32] {
        &self.rows[self.layout.rows[level]..self.layout.rows[level + 1]]
    }

    /// The entry of a granule.
    #[inline]
    pub(super) fn largest_from(&self, granule: u64) -> u32 {
        number(&self.rows[granule as usize])
    }

    /// The extent's largest hole.
    pub(super) fn largest(&self) -> u32 {
        maximum(self.level(self.layout.row_levels - 1))
    }

    /// The largest hole that starts in a granule, as the starts and ends have it.
    #[inline]
    pub(super) fn exact(&self, granule: u64) -> u32 {
        let mut largest = 0;
        self.holes_from(granule, |start, end| {
            largest = largest.max(end - start);
            false
        });
        u32::try_from(largest).unwrap_or(u32::MAX)
    }

    /// Raises the entry of a granule in which a hole of `units` starts now.
    #[inline]
    pub(super) fn raise(&self, granule: u64, units: u64) -> Option<Change> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        if self.largest_from(granule) < units { self.put_entry(granule, units) } else { None }
    }

    /// Lowers the entry of a granule in which a hole of `units` starts no longer, unless another is as large.
    #[inline]
    pub(super) fn lower(&self, granule: u64, units: u64) -> Option<Change> {
        if u64::from(self.largest_from(granule)) <= units { self.put_entry(granule, self.exact(granule)) } else { None }
    }

    /// Sets the entry of a granule, and the maxima above it as far as they change. Returns what that does to the last level.
    fn put_entry(&self, granule: u64, units: u32) -> Option<Change> {
        let (mut at, mut change) = (granule as usize, Change { before: self.largest_from(granule), now: units });
        for level in 0..self.layout.row_levels {
            let entries = self.level(level);
            change.before = number(&entries[at]);
            if change.before == change.now {
                return None;
            }
            put32(&entries[at], change.now);
            if level + 1 < self.layout.row_levels {
                let row = &entries[at / ROW * ROW..at / ROW * ROW + ROW];
                change.now = change.maximum_now(number(&self.level(level + 1)[at / ROW]), || maximum(row))?;
                at /= ROW;
            }
        }
        Some(change)
    }

    /// Sets the entry of a granule, and those above it, to what they should be, whatever they were.
    pub(super) fn mend_rows(&self, granule: u64) {
        let (mut at, mut units) = (granule as usize, self.exact(granule));
        for level in 0..self.layout.row_levels {
            let entries = self.level(level);
            put32(&entries[at], units);
            units = maximum(&entries[at / ROW * ROW..at / ROW * ROW + ROW]);
            at /= ROW;
        }
    }

    /// The first granule in which a hole of at least `units` starts, as the rows have it.
    #[inline]
    pub(super) fn first_with(&self, units: u32) -> Option<u64> {
        let mut at = 0;
        for level in (0..self.layout.row_levels).rev() {
            // A damaged entry above may lead to where there is no row.
            at = at * ROW + first_at_least(self.level(level).get(at * ROW..at * ROW + ROW)?, units)?;
        }
        ((at as u64) < self.layout.granules).then_some(at as u64)
    }

    /// Derives all rows from the starts and ends.
    pub(super) fn rebuild_rows(&self) {
        for level in 0..self.layout.row_levels {
            for (at, entry) in self.level(level).iter().enumerate() {
                put32(entry, self.entry_of(level, at));
            }
        }
    }

    /// What an entry of a level should be, given the level below.
    fn entry_of(&self, level: usize, at: usize) -> u32 {
        match level {
            0 if (at as u64) < self.layout.granules => self.exact(at as u64),
            0 => 0,
            _ => {
                let below = self.level(level - 1);
                below.get(at * ROW..at * ROW + ROW).map_or(0, maximum)
            }
        }
    }

    /// Whether all rows are what the starts and ends say.
    pub(super) fn verify_rows(&self) -> Result<(), String> {
        for level in 0..self.layout.row_levels {
            for (at, entry) in self.level(level).iter().enumerate() {
                let (is, should) = (number(entry), self.entry_of(level, at));
                if is != should {
                    return Err(format!("entry {at} of level {level} of the rows is {is}, not {should}"));
                }
            }
        }
        Ok(())
    }
}

/// The largest of a row's entries.
#[inline]
pub(super) fn maximum(row: &[AtomicU32]) -> u32 {
    row.iter().fold(0, |largest, entry| largest.max(number(entry)))
}

/// The first entry of a row that is at least `least`.
#[inline]
pub(super) fn first_at_least(row: &[AtomicU32], least: u32) -> Option<usize> {
    row.iter().position(|entry| number(entry) >= least)
}
