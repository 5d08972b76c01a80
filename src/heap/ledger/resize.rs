//! Resizing a block where it is: a block ends at its first E.
//!
//! Longer: `E(to) = 1`, occupancy, **`E(last) = 0` commits**. Shorter: occupancy, **`E(to) = 1` commits**, `E(last) = 0`. Then
//! occupancy, rows, counters. (In a heap that survives a power failure the tail of a shorter block waits: `retire.rs`.)

use super::extent::granule;
use super::intent::Intent;
use super::layout::UNIT;
use super::{Ledger, units_of};
use crate::heap::engine::{Freed, Resized};

impl Ledger {
    /// Gives the block that starts at `start`, an offset in bytes, `size` bytes without moving it. `None`: there is no room, or no
    /// live block starts there.
    pub(in crate::heap) fn resize_in_place(&self, start: u64, size: u64) -> Option<Resized> {
        let units = u64::from(units_of(size)?.max(1));
        let (number, extent, start) = self.block_to_change(start)?;
        let last = extent.next_end(start)?;
        let hole_end = extent.hole_end(last + 1);
        let to = start + units - 1;
        if to == last {
            return Some(Resized::Same);
        }
        if to >= hole_end {
            return None;
        }
        if extent.durable.is_some() && to < last {
            return Some(Resized::Shrunk(self.shorten(extent, start, last, to)));
        }
        let intent = Intent::Resize {
            start: extent.first + start,
            last: extent.first + last,
            to: extent.first + to,
            hole_end: extent.first + hole_end,
        };
        self.header.intend(intent, None);
        extent.occupy(granule(to));
        extent.put_end(to, true);
        extent.put_end(last, false);
        extent.vacate_if_empty(granule(last));
        let (before, now) = (hole_end - last - 1, hole_end - to - 1);
        if now > 0 {
            self.note_change(number, extent.raise(granule(to + 1), now));
        }
        if before > 0 {
            self.note_change(number, extent.lower(granule(last + 1), before));
        }
        self.finish(intent);
        let holes = intent.holes();
        Some(if to > last {
            Resized::Grown { bytes: (to - last) * UNIT, holes }
        } else {
            let offset = |unit: u64| (extent.first + unit) * UNIT;
            let hole = (offset(to + 1), offset(hole_end));
            Resized::Shrunk(Freed { size: (last - to) * UNIT, pages: (offset(to + 1), offset(last + 1)), hole, holes })
        })
    }
}
