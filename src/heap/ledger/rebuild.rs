//! Rebuilding: everything derived, anew from the starts and ends alone, after damage.
//!
//! Starts inside a block, starts without an end and ends without a start are removed: a block is a start and the first end from it on.
//!
//! Costs: O(n) for n units, 60 ms for a million blocks.

use super::Ledger;
use super::extent::Extent;
use super::intent::Intent;
use super::layout::UNIT;
use super::verify::check_totals;
use super::words::{put, word};
use crate::heap::counters::Counters;

/// What is counted in an extent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Census {
    pub blocks: u64,
    /// Units in blocks.
    pub units: u64,
    pub holes: u64,
    pub largest_hole: u64,
}

/// What there was to mend besides as everything was derived anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many starts and ends were removed, since they belonged to no block.
    pub strays: u64,
    /// Whether totals of calls or high-water marks were made anew, since they could not be.
    pub has_new_totals: bool,
}

impl Ledger {
    /// What is counted in all extents, by the starts and ends and a sound occupancy.
    pub(super) fn census(&self) -> Census {
        self.extents.iter().map(Extent::census).fold(Census::default(), |sum, one| Census {
            blocks: sum.blocks + one.blocks,
            units: sum.units + one.units,
            holes: sum.holes + one.holes,
            largest_hole: sum.largest_hole.max(one.largest_hole),
        })
    }

    /// Derives everything anew. The totals of calls stay as they are, as far as they can be. The intent says so from the first store on: after
    /// a death, the next owner of the lock begins anew. (Of an intent that is there already, the first word to change is its kind.)
    #[must_use]
    pub fn rebuild(&self) -> Rebuilt {
        self.header.intend(Intent::Rebuild, None);
        let mut strays = 0;
        for (number, extent) in self.extents.iter().enumerate() {
            strays += extent.remove_strays();
            extent.rebuild_occupancy();
            extent.rebuild_rows();
            self.header.mend_largest(number, extent.largest());
        }
        for number in self.extents.len()..super::layout::EXTENTS {
            self.header.mend_largest(number, 0);
        }
        let (counters, has_new_totals) = self.rebuilt_counters(&self.census());
        self.header.finish(&counters);
        self.header.withdraw();
        Rebuilt { strays, has_new_totals }
    }

    /// The counters of what was found, and whether they have new totals or high-water marks. Totals that cannot be say nothing, so that all
    /// are the least that there can be then: each live block was allocated once, and none was freed. High-water marks that are too low are
    /// those of now.
    fn rebuilt_counters(&self, sum: &Census) -> (Counters, bool) {
        let mut counters = self.header.counters();
        let (live, extents) = (sum.units * UNIT, self.extents.len());
        let said = counters.mallocs.checked_sub(counters.frees);
        let can_be = said.is_some_and(|blocks| blocks <= counters.allocated / UNIT);
        counters.mapped = self.units() * UNIT;
        counters.main_blocks = extents;
        counters.live = live;
        counters.holes = usize::try_from(sum.holes).unwrap_or(usize::MAX);
        // Blocks may be lost, or some of those before a power failure be there again.
        counters.mallocs = counters.frees.saturating_add(sum.blocks);
        let mut has_new = !can_be || check_totals(&counters).is_err();
        if has_new {
            let Counters { mapped, main_blocks, holes, .. } = counters;
            let (mallocs, grows) = (sum.blocks, extents as u64);
            counters =
                Counters { mapped, main_blocks, holes, live, mallocs, grows, allocated: live, ..Counters::new() };
        }
        let mapped = counters.mapped;
        for (peak, now) in [
            (&mut counters.peak_live, live),
            (&mut counters.peak_hole_bytes, mapped - live),
            (&mut counters.peak_largest_hole, sum.largest_hole * UNIT),
        ] {
            has_new |= *peak > mapped;
            *peak = if *peak > mapped { now } else { now.max(*peak) };
        }
        (counters, has_new)
    }
}

impl Extent {
    /// Removes the bits that belong to no block. Returns how many starts and ends there were.
    fn remove_strays(&self) -> u64 {
        let (mut open, mut strays) = (None, 0);
        if let Some(durable) = &self.durable {
            // An owner of the lock that has begun to change something may not have noted it.
            durable.touch_all();
        }
        for at in 0..self.layout.granules {
            if !self.has_bits(at) {
                continue;
            }
            for unit in at * 64..at * 64 + 64 {
                if self.is_start(unit) {
                    if open.is_some() {
                        self.put_start(unit, false);
                        strays += 1;
                    } else {
                        open = Some(unit);
                    }
                }
                if self.is_end(unit) && open.take().is_none() {
                    self.put_end(unit, false);
                    strays += 1;
                }
            }
        }
        if let Some(start) = open {
            self.put_start(start, false);
            strays += 1;
        }
        if let Some(durable) = &self.durable {
            for at in 0..self.layout.granules {
                let waiting = durable.waiting(at);
                if word(waiting) & !word(self.starts(at)) != 0 {
                    put(waiting, word(waiting) & word(self.starts(at)));
                }
            }
        }
        strays
    }

    /// Counts blocks and holes, by the starts and ends and a sound occupancy.
    fn census(&self) -> Census {
        let (mut census, mut at) = (Census::default(), 0);
        while at < self.units {
            // What waits for a sync counts as a hole of its own.
            let start = self.next_start(at);
            if start > at {
                census.holes += 1;
                census.largest_hole = census.largest_hole.max(start - at);
            }
            if start >= self.units {
                break;
            }
            let Some(last) = self.next_end(start) else { break };
            if self.is_waiting(start) {
                census.holes += 1;
                census.largest_hole = census.largest_hole.max(last + 1 - start);
            } else {
                census.blocks += 1;
                census.units += last + 1 - start;
            }
            at = last + 1;
        }
        census
    }

    /// Whether starts and ends alternate.
    pub(super) fn verify_bits(&self) -> Result<(), String> {
        let mut open: Option<u64> = None;
        for at in 0..self.layout.granules {
            if !self.has_bits(at) {
                continue;
            }
            for unit in at * 64..at * 64 + 64 {
                let number = self.first + unit;
                if self.is_start(unit)
                    && let Some(before) = open.replace(unit)
                {
                    return Err(format!(
                        "a block starts at unit {number}, inside the one from {}",
                        self.first + before
                    ));
                }
                if self.is_end(unit) && open.take().is_none() {
                    return Err(format!("unit {number} is said to be a block's last, and no block is there"));
                }
            }
        }
        open.map_or(Ok(()), |start| Err(format!("the block at unit {} has no end", self.first + start)))
    }
}
