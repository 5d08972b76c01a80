//! Returning to the state of a sync, after a power failure.
//!
//! Starts and ends become those of the sync's copy, without the blocks that waited at the time; everything else is derived from them. The
//! copy and its record stay as they are: a process that dies meanwhile leaves all there is for the next, which begins anew.
//!
//! Costs: O(n) for n units.

use super::Ledger;
use super::checkpoint::Record;
use super::extent::Extent;
use super::words::{put_other, word};
use crate::heap::counters::Counters;

impl Ledger {
    /// Returns to the state that a record and its copy say. All extents that the record has are known, and no others.
    pub fn restore(&mut self, record: &Record) {
        // Nothing is known of the other copy, which the next sync has to write whole.
        self.distrust_copies();
        for extent in &self.extents {
            extent.restore(record.copy());
        }
        self.header.restore_roots(record.copy());
        self.header.finish(&Counters::from_words(record.counters));
        let _rebuilt = self.rebuild();
    }

    /// Forgets all blocks and roots; no extent is known, and none is there.
    pub fn reset(&mut self) {
        let _dropped = self.header.mend_roots(|_| false);
        self.header.finish(&Counters::new());
        let _rebuilt = self.rebuild();
    }
}

impl Extent {
    /// Sets starts and ends to those of a copy, without the blocks that waited.
    fn restore(&self, copy: usize) {
        let Some(durable) = &self.durable else { return };
        durable.touch_all();
        for at in 0..self.layout.granules {
            let [starts, ends, waiting] = durable.copied(copy, at as usize);
            put_other(self.starts(at), word(starts));
            put_other(self.ends(at), word(ends));
            put_other(durable.waiting(at), word(waiting));
        }
        self.rebuild_occupancy();
        for at in 0..self.layout.granules {
            let mut waiting = word(durable.waiting(at));
            while waiting != 0 {
                let start = at * 64 + u64::from(waiting.trailing_zeros());
                waiting &= waiting - 1;
                if self.is_start(start)
                    && let Some(last) = self.next_end(start)
                {
                    self.put_start(start, false);
                    self.put_end(last, false);
                }
            }
            put_other(durable.waiting(at), 0);
        }
    }
}
