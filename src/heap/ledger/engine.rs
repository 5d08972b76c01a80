//! The ledger as an engine: offsets in bytes.
//!
//! What changes something is for the owner of the lock; `location_of`, `is_live` and `is_live_start` are for everybody, about blocks
//! that stay live meanwhile.

use super::Ledger;
use super::extent::Extent;
use super::layout::{MOST_EXTENT, PART, UNIT};
use crate::heap::engine::{Appended, Engine, Freed, NoMetadata, Resized, Taken, Truncated, have_no_slots, whole_pages};
use crate::heap::segments::{Joined, Segment};
use std::ops::Range;

impl Ledger {
    /// The extent that holds an offset, and the number of the offset's unit in it.
    #[inline]
    fn unit_at(&self, offset: u64) -> Option<(&Extent, u64)> {
        let unit = offset / UNIT;
        self.find(unit).map(|(_, extent)| (extent, unit - extent.first))
    }
}

impl Engine for Ledger {
    fn malloc(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata> {
        Ok(self.take(size, 1, None))
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64, _hole: Option<u64>) -> Result<Option<Taken>, NoMetadata> {
        Ok(self.take(size, alignment, None))
    }

    #[cold]
    fn untake(&mut self, start: u64) {
        let _freed = self.release(start, None);
    }

    fn free(&mut self, start: u64) -> Option<Freed> {
        self.release(start, None)
    }

    fn resize(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
        Ok(self.resize_in_place(start, size))
    }

    fn split(&mut self, _start: u64, _size: u64) -> Result<bool, NoMetadata> {
        Ok(false)
    }

    fn join_empty(&mut self, _start: u64, _end: u64) -> Option<Joined> {
        None
    }

    fn reserve(&mut self, _end: u64) -> Result<(), NoMetadata> {
        // Extents are added by `Ledger::publish`, with their bookkeeping.
        Err(NoMetadata)
    }

    fn append(&mut self, _size: u64, _region_start: bool) -> Appended {
        unreachable!("nothing is appended without a reserve that has succeeded")
    }

    fn truncate(&mut self, _end: u64) -> Option<Truncated> {
        None
    }

    have_no_slots!();

    fn largest_hole(&mut self) -> u64 {
        u64::from(self.header.largest()) * UNIT
    }

    fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>)) {
        let mut at = range.start;
        while at < range.end.min(self.end()) {
            let Segment { start, end, is_hole } = self.segment_at(at);
            if is_hole && end - start >= least {
                visit(start..end);
            }
            at = end;
        }
    }

    fn go_to(&mut self, _position: u64) {}

    #[inline]
    fn location_of(&self, offset: u64) -> (u64, u64) {
        let block = self.unit_at(offset).and_then(|(extent, unit)| {
            let (start, end) = extent.block_at(unit).filter(|&(start, _)| !extent.is_waiting(start))?;
            Some(((extent.first + start) * UNIT, (extent.first + end) * UNIT))
        });
        block.unwrap_or((0, 0))
    }

    #[inline]
    fn is_live(&self, offset: u64) -> bool {
        self.unit_at(offset).is_some_and(|(extent, unit)| extent.is_live(unit))
    }

    #[inline]
    fn is_live_start(&self, start: u64) -> bool {
        start.is_multiple_of(UNIT) && self.unit_at(start).is_some_and(|(extent, unit)| extent.is_live_start(unit))
    }

    fn segment_at(&self, offset: u64) -> Segment {
        let Some((extent, unit)) = self.unit_at(offset) else {
            // Beyond the end, where nobody may ask.
            return Segment { start: offset, end: offset + 1, is_hole: true };
        };
        let (start, end, is_hole) = match extent.block_at(unit) {
            // What waits for a sync is no longer live.
            Some((start, end)) => (start, end, extent.is_waiting(start)),
            None => (extent.hole_start(unit), extent.hole_end(unit + 1), true),
        };
        Segment { start: (extent.first + start) * UNIT, end: (extent.first + end) * UNIT, is_hole }
    }

    fn next_border(&self, offset: u64) -> u64 {
        let number = self.extents.partition_point(|extent| extent.first * UNIT < offset);
        self.extents.get(number).map_or_else(|| self.end(), |extent| extent.first * UNIT)
    }

    fn previous_border(&self, offset: u64) -> Option<u64> {
        let number = self.extents.partition_point(|extent| extent.first * UNIT < offset);
        Some(self.extents.get(number.checked_sub(1)?)?.first * UNIT)
    }

    fn growing_block(&self) -> Option<u64> {
        None
    }

    fn padding(&self, _start: u64) -> u64 {
        0
    }

    fn total_padding(&self) -> u64 {
        0
    }

    fn room_for(&self, size: u64, alignment: u64) -> u64 {
        size.next_multiple_of(UNIT) + alignment.saturating_sub(UNIT)
    }

    fn main_block_of(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(PART)
    }

    fn main_block_within(&self, bytes: u64) -> u64 {
        whole_pages(bytes.min(MOST_EXTENT)) / PART * PART
    }

    fn growth(&self) -> u64 {
        8
    }

    fn most_alignment(&self) -> u64 {
        u64::MAX
    }

    fn end(&self) -> u64 {
        Ledger::end(self)
    }

    fn position(&self) -> u64 {
        0
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.bookkeeping).unwrap_or(usize::MAX)
    }

    fn peak_bytes(&self) -> usize {
        // Bookkeeping is never given back.
        self.bytes()
    }

    fn verify(&self, _is_still: bool) -> Result<(), String> {
        self.check()
    }
}
