//! Blocks that are free and wait for a sync, in heaps that survive a power failure: `durable.rs` says why.
//!
//! Costs: a load; in other heaps less.

use super::Ledger;
use super::extent::{Extent, granule};
use super::layout::UNIT;
use super::words::{bit, put, word};

impl Ledger {
    /// Bytes in blocks that wait for a sync. O(n).
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.extents.iter().map(Extent::waiting_bytes).sum()
    }
}

impl Extent {
    /// Whether the block that starts at a unit waits for a sync.
    #[inline]
    pub(super) fn is_waiting(&self, unit: u64) -> bool {
        self.durable.as_ref().is_some_and(|durable| word(durable.waiting(granule(unit))) & bit(unit) != 0)
    }

    /// Says whether the block that starts at a unit waits for a sync: one store.
    pub(super) fn put_waiting(&self, unit: u64, is_waiting: bool) {
        let Some(durable) = &self.durable else { return };
        durable.touch(granule(unit));
        let at = durable.waiting(granule(unit));
        put(at, if is_waiting { word(at) | bit(unit) } else { word(at) & !bit(unit) });
    }

    /// Notes that a start or an end of a granule changes, where that is to be known.
    #[inline]
    pub(super) fn touch(&self, granule: u64) {
        if let Some(durable) = &self.durable {
            durable.touch(granule);
        }
    }

    /// Whether W is set only where blocks start.
    pub(super) fn verify_waiting(&self) -> Result<(), String> {
        let Some(durable) = &self.durable else { return Ok(()) };
        for at in 0..self.layout.granules {
            let strays = word(durable.waiting(at)) & !word(self.starts(at));
            if strays != 0 {
                let unit = self.first + at * 64 + u64::from(strays.trailing_zeros());
                return Err(format!("a block at unit {unit} is said to wait for a sync, and none starts there"));
            }
        }
        Ok(())
    }

    fn waiting_bytes(&self) -> u64 {
        let Some(durable) = &self.durable else { return 0 };
        let mut units = 0;
        for at in 0..self.layout.granules {
            let mut here = word(durable.waiting(at)) & word(self.starts(at));
            while here != 0 {
                let start = at * 64 + u64::from(here.trailing_zeros());
                here &= here - 1;
                units += self.next_end(start).unwrap_or(start) + 1 - start;
            }
        }
        units * UNIT
    }
}
