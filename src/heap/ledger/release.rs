//! Releasing a block: the stores of a release in their order.
//!
//! **`S(start) = 0` commits**, the word that belongs to it, `E(last) = 0`, occupancy, rows, counters.
//!
//! In a heap that survives a power failure a block waits first: `retire.rs`.
//!
//! Costs: O(1), and a word of each level of occupancy where a neighbour is far.

use super::Ledger;
use super::extent::granule;
use super::intent::{Intent, Note};
use super::layout::UNIT;
use crate::heap::engine::Freed;

impl Ledger {
    /// Releases the block that starts at `start`, an offset in bytes; `note`: a word that is stored in the same operation. `None`: no
    /// live block starts there.
    #[inline]
    pub(in crate::heap) fn release(&self, start: u64, note: Option<Note>) -> Option<Freed> {
        let (number, extent, start) = self.block_to_change(start)?;
        if extent.durable.is_some() {
            return Some(self.retire(extent, start, note));
        }
        // A start without an end is damage: the block is taken for one unit.
        let last = extent.next_end(start).unwrap_or(start);
        let (hole_start, hole_end) = (extent.hole_start(start), extent.hole_end(last + 1));
        let intent = Intent::Release {
            start: extent.first + start,
            last: extent.first + last,
            hole_start: extent.first + hole_start,
            hole_end: extent.first + hole_end,
        };
        self.header.intend(intent, note);
        extent.put_start(start, false);
        self.put_note(note);
        extent.put_end(last, false);
        self.join_hole(number, [start, last], [hole_start, hole_end]);
        self.finish(intent);
        let offset = |unit: u64| (extent.first + unit) * UNIT;
        Some(Freed {
            size: (last + 1 - start) * UNIT,
            pages: (offset(start), offset(last + 1)),
            hole: (offset(hole_start), offset(hole_end)),
            holes: intent.holes(),
        })
    }

    /// Brings occupancy and rows of extent `number` up to date when a block's start and end are gone, which was in a hole's place.
    #[inline]
    pub(super) fn join_hole(&self, number: usize, [start, last]: [u64; 2], [hole_start, hole_end]: [u64; 2]) {
        let extent = &self.extents[number];
        extent.vacate_if_empty(granule(start));
        if granule(last) != granule(start) {
            extent.vacate_if_empty(granule(last));
        }
        let (first, behind) = (granule(hole_start), granule(last + 1));
        self.note_change(number, extent.raise(first, hole_end - hole_start));
        if behind != first && hole_end > last + 1 {
            self.note_change(number, extent.lower(behind, hole_end - last - 1));
        }
    }
}
