//! Main blocks: how long the one for a request is, appending one to the main chain, and removing it.
//!
//! Costs: O(1), and what the bookkeeping of a new main block takes.

use super::address::{address_of, can_have, offset_of};
use super::engine::{Engine, NoMetadata, Released};
use super::{Heap, PAGE};
use crate::error::Error;
use crate::table::{AtomicU8, AtomicU32, Table};
use std::ops::Range;

impl Heap {
    /// The length, in bytes but whole pages, of the main block that a request of `size` bytes appends if no limit forbids it.
    #[must_use]
    pub fn block_size(&self, size: u64) -> u64 {
        let mut least = self.options.min_block_size();
        if self.options.growing_blocks() {
            least = least.max((self.counters.mapped / self.engine.growth()).next_multiple_of(PAGE));
        }
        self.engine.main_block_of(size.max(least))
    }

    /// How many bytes of main block have to be appended for `needed` bytes of room, in a heap that may get `left` more: as many as
    /// the options ask for, or fewer where the limit is near. `can_grow` returns whether an empty last main block can become longer
    /// by a number of bytes.
    ///
    /// # Errors
    /// The least that would have to be appended, which is more than `left`.
    pub fn bytes_to_append(&self, needed: u64, left: u64, can_grow: impl FnOnce(u64) -> bool) -> Result<u64, u64> {
        let whole = self.block_size(needed);
        // An empty last block need only grow; its rest is carved behind it and joined with it.
        let missing = whole - self.growing_block().min(whole);
        let bytes = if missing < whole && can_grow(missing) { missing } else { whole };
        if bytes <= left {
            return Ok(bytes);
        }
        // What the request itself needs.
        let least = bytes - (whole - self.least_block_size(needed));
        // The next request may need what is left, and no main block's end is to come between.
        if least > left { Err(least) } else { Ok(self.block_size_within(left)) }
    }

    /// The length of the shortest main block for a request of `size` bytes.
    #[must_use]
    pub fn least_block_size(&self, size: u64) -> u64 {
        self.engine.main_block_of(size)
    }

    /// The length of the longest main block of at most `bytes`.
    #[must_use]
    pub fn block_size_within(&self, bytes: u64) -> u64 {
        self.engine.main_block_within(bytes)
    }

    /// Bytes of the table that can be given to the engine, in a heap whose first region has `bytes`; `None`: it has no use for one, or
    /// has one.
    #[must_use]
    pub fn takes_table(&mut self, bytes: u64) -> Option<usize> {
        self.engine.segregated()?.takes_table(bytes)
    }

    /// Whether the engine is better off with a table before it gets a main block of `bytes`.
    #[must_use]
    pub fn needs_table(&mut self, bytes: u64) -> bool {
        let end = self.engine.end().saturating_add(bytes);
        self.engine.segregated().is_some_and(|engine| !engine.is_small(end))
    }

    /// Gives the engine a table of zeros, of the length that [`Heap::takes_table`] returns, and a word for what
    /// [`Heap::limit_fronts`] notes.
    pub fn set_table(&mut self, table: Table<AtomicU8>, elsewhere: Table<AtomicU32>) {
        if let Some(engine) = self.engine.segregated() {
            engine.set_table(table, elsewhere);
        }
    }

    /// Makes room for the bookkeeping of a main block of `bytes`, so that the [`Heap::append_block`] that follows cannot
    /// fail.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`], also where an address would be above [`MAX_ADDRESS`](super::MAX_ADDRESS); nothing has changed then.
    pub fn reserve_block(&mut self, bytes: u64) -> Result<(), Error> {
        let end = self.engine.end().checked_add(bytes).filter(|&end| can_have(end));
        let reserved = end.ok_or(NoMetadata).and_then(|end| self.engine.reserve(end));
        reserved.map_err(|NoMetadata| Error::OutOfMetadata { size: bytes })
    }

    /// Appends a main block of `size` bytes (one of [`Heap::block_size`]) to the main chain, all of it one hole, and returns the
    /// address of the hole that it is part of. `region_start`: the block is not a physical neighbour of the one before it.
    ///
    /// # Panics
    /// Without [`Heap::reserve_block`] before.
    pub fn append_block(&mut self, size: u64, region_start: bool) -> u64 {
        debug_assert!(size > 0 && size.is_multiple_of(PAGE));
        let appended = self.engine.append(size, region_start);
        self.counters.record_append(size, appended);
        let start = appended.hole;
        let start = self.join(start, start + size).map_or(start, |hole| hole.start);
        self.debug_verify();
        address_of(start)
    }

    /// Frees what the engine keeps for later requests. Returns whether there was anything.
    pub fn release_spare(&mut self) -> bool {
        let released = self.engine.release_spare();
        self.record_released(released)
    }

    /// Frees what the engine keeps for later requests, cached slots too. Returns whether there was anything.
    pub fn release_cached(&mut self) -> bool {
        let released = self.engine.release_cached();
        self.record_released(released)
    }

    fn record_released(&mut self, released: Option<Released>) -> bool {
        let Some(Released { bytes, holes }) = released else { return false };
        self.counters.record_released(bytes, holes);
        self.counters.record_hole(self.engine.largest_hole());
        self.debug_verify();
        true
    }

    /// The length of the last main block if it is wholly free and the heap may let it grow, else 0.
    #[must_use]
    pub fn growing_block(&self) -> u64 {
        self.engine.growing_block().map_or(0, |start| self.engine.end() - start)
    }

    /// Undoes the last [`Heap::append_block`], down to the address `end` at most, if nothing is allocated there. Returns how many
    /// bytes were removed. O(1).
    pub fn truncate(&mut self, end: u64) -> Option<u64> {
        let gone = self.engine.truncate(offset_of(end)?)?;
        self.counters.record_truncate(gone);
        self.debug_verify();
        Some(gone.bytes)
    }

    /// Joins a hole of whole main blocks with empty main blocks beside it, in heaps that join them. Returns the joined hole.
    #[inline]
    pub(super) fn join(&mut self, start: u64, end: u64) -> Option<Range<u64>> {
        if !self.options.join_empty_blocks() {
            return None;
        }
        let joined = self.engine.join_empty(start, end)?;
        self.counters.record_join(joined.gone);
        Some(joined.hole)
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::heap::{FIRST_ADDRESS, Heap, MAX_ADDRESS, Options, PAGE, PolicyKind};

    /// JavaScript has addresses as numbers, which are exact up to 2^53.
    #[test]
    fn no_address_is_above_the_largest_safe_integer() {
        const SAFE: u64 = 9_007_199_254_740_991;
        assert_eq!(MAX_ADDRESS, SAFE);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the test"
        )]
        let by_way_of_a_number = |address: u64| address as f64 as u64;
        assert_eq!(by_way_of_a_number(SAFE), SAFE);
        let most = (SAFE + 1 - FIRST_ADDRESS) / PAGE * PAGE;
        for &policy in PolicyKind::ALL {
            let mut heap = Heap::new(Options::default().with_policy(policy));
            heap.reserve_block(PAGE).unwrap();
            heap.append_block(PAGE, true);
            for bytes in [most, most + PAGE, 1 << 60, u64::MAX / PAGE * PAGE] {
                assert_eq!(heap.reserve_block(bytes), Err(Error::OutOfMetadata { size: bytes }), "{policy}, {bytes}");
            }
            heap.verify().unwrap();
        }
    }
}
