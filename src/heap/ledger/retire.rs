//! Freeing in a heap that survives a power failure: a block waits, and a sync makes a hole of it.
//!
//! - A block is retired: **`W(start) = 1` commits**, the word that belongs to it, counters. It is live no longer, and counts as a hole of
//!   its own, which no request can use.
//! - A block is shortened: `W(to + 1) = 1`, which says nothing while no block starts there, **`E(to) = 1` commits**, `S(to + 1) = 1`: its
//!   tail waits.
//! - What waits is settled when a sync has finished: **`S(start) = 0` commits**, `E(last) = 0`, `W(start) = 0`, occupancy, rows,
//!   counters.
//!
//! Costs: O(1).

use super::Ledger;
use super::extent::{Extent, granule};
use super::intent::{Intent, Note};
use super::layout::UNIT;
use crate::heap::engine::Freed;

impl Ledger {
    /// Retires the block that starts at a unit of an extent: see [`Ledger::release`].
    pub(super) fn retire(&self, extent: &Extent, start: u64, note: Option<Note>) -> Freed {
        let last = extent.next_end(start).unwrap_or(start);
        let intent = Intent::Retire { start: extent.first + start, last: extent.first + last };
        self.header.intend(intent, note);
        extent.put_waiting(start, true);
        self.put_note(note);
        self.finish(intent);
        freed(extent, start, last, intent)
    }

    /// Shortens the block that starts at a unit of an extent, and whose last unit is `last`: `to` is its last unit afterwards.
    pub(super) fn shorten(&self, extent: &Extent, start: u64, last: u64, to: u64) -> Freed {
        let intent = Intent::Shorten { start: extent.first + start, last: extent.first + last, to: extent.first + to };
        self.header.intend(intent, None);
        extent.put_waiting(to + 1, true);
        extent.occupy(granule(to));
        extent.occupy(granule(to + 1));
        extent.put_end(to, true);
        extent.put_start(to + 1, true);
        self.finish(intent);
        freed(extent, to + 1, last, intent)
    }

    /// Makes a hole of the block that starts at a unit of extent `number`, if it waits.
    pub(super) fn settle(&self, number: usize, start: u64) {
        let extent = &self.extents[number];
        if !extent.is_start(start) || !extent.is_waiting(start) {
            return;
        }
        let last = extent.next_end(start).unwrap_or(start);
        let (hole_start, hole_end) = (extent.hole_start(start), extent.hole_end(last + 1));
        let intent = Intent::Settle {
            start: extent.first + start,
            last: extent.first + last,
            hole_start: extent.first + hole_start,
            hole_end: extent.first + hole_end,
        };
        self.header.intend(intent, None);
        extent.put_start(start, false);
        extent.put_end(last, false);
        extent.put_waiting(start, false);
        self.join_hole(number, [start, last], [hole_start, hole_end]);
        self.finish(intent);
    }
}

/// What a caller hears of a block, or a tail, that waits: it is a hole of its own.
fn freed(extent: &Extent, start: u64, last: u64, intent: Intent) -> Freed {
    let block = ((extent.first + start) * UNIT, (extent.first + last + 1) * UNIT);
    Freed { size: block.1 - block.0, pages: block, hole: block, holes: intent.holes() }
}
