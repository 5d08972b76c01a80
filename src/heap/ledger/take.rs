//! Taking a block: search, and the stores of a take in their order.
//!
//! `E(last) = 1`, occupancy, **`S(start) = 1` commits**, the word that belongs to it, rows, counters.
//!
//! Costs: a row of extents, one row of each level of an extent, one granule.

use super::extent::granule;
use super::intent::{Intent, Note};
use super::layout::UNIT;
use super::{Ledger, units_of};
use crate::heap::engine::Taken;

/// A word of the data that gets a new block's address.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// Where it is, in bytes from the heap's first.
    pub offset: u64,
    /// What is stored there for the offset of a block.
    pub address_of: fn(u64) -> u64,
}

/// A hole that serves a request. Numbers of units are the extent's own.
struct Found {
    extent: usize,
    start: u64,
    end: u64,
}

impl Ledger {
    /// Takes `size` bytes at a multiple of `alignment`, a power of two, from the lowest hole that has room wherever it starts.
    /// `word` gets the block's address in the same operation. `None`: no hole is large enough.
    #[inline]
    pub(in crate::heap) fn take(&self, size: u64, alignment: u64, word: Option<Word>) -> Option<Taken> {
        if !self.is_owned {
            return None;
        }
        let units = units_of(size)?.max(1);
        let step = (alignment / UNIT).max(1);
        let room = u32::try_from(u64::from(units).checked_add(step - 1)?).ok()?;
        let found = self.fit(room)?;
        let extent = &self.extents[found.extent];
        // What is aligned are offsets from the heap's first address.
        let start = (extent.first + found.start).next_multiple_of(step) - extent.first;
        let last = start + u64::from(units) - 1;
        let note =
            word.map(|Word { offset, address_of }| Note { offset, value: address_of((extent.first + start) * UNIT) });
        let intent = Intent::Take {
            start: extent.first + start,
            last: extent.first + last,
            hole_start: extent.first + found.start,
            hole_end: extent.first + found.end,
        };
        self.header.intend(intent, note);
        extent.put_end(last, true);
        extent.occupy(granule(last));
        extent.occupy(granule(start));
        if extent.durable.is_some() {
            // After a power failure blocks of maps are known by their first words: what was here before has none any more.
            extent.put_data(start * UNIT, 0);
        }
        extent.put_start(start, true);
        self.put_note(note);
        let (before, now) = (found.end - found.start, found.end - last - 1);
        let (old, new) = (granule(found.start), granule(last + 1));
        if now > 0 && new != old {
            self.note_change(found.extent, extent.raise(new, now));
        }
        self.note_change(found.extent, extent.lower(old, before));
        self.finish(intent);
        let size = u64::from(units) * UNIT;
        Some(Taken { start: (extent.first + start) * UNIT, block: size, size, holes: intent.holes() })
    }

    /// The lowest hole of at least `units`.
    #[inline]
    fn fit(&self, units: u32) -> Option<Found> {
        loop {
            let number = self.header.first_with(units, self.extents.len())?;
            let extent = &self.extents[number];
            let Some(at) = extent.first_with(units) else {
                self.mend_extent(number, None);
                continue;
            };
            let mut found = None;
            extent.holes_from(at, |start, end| {
                let is_large_enough = end - start >= u64::from(units);
                if is_large_enough {
                    found = Some(Found { extent: number, start, end });
                }
                is_large_enough
            });
            if found.is_some() {
                return found;
            }
            self.mend_extent(number, Some(at));
        }
    }

    /// Mends rows that have promised a hole that is not there, in a damaged file: those of a granule, or all of an extent. The
    /// next search does not meet them again.
    #[cold]
    fn mend_extent(&self, number: usize, granule: Option<u64>) {
        let extent = &self.extents[number];
        match granule {
            Some(granule) => extent.mend_rows(granule),
            None => extent.rebuild_rows(),
        }
        self.header.mend_largest(number, extent.largest());
    }
}
