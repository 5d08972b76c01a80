//! The buddy system, for lessons: blocks of powers of two, split in halves that are joined again.
//!
//! A request gets the smallest power of two that holds it, at least the heap's `alignment`. It is taken from the smallest hole
//! that is large enough, the lowest of several, which is split in halves until it fits; the right halves stay holes. A freed
//! block is joined at once with its *buddy*, the other half of what both were split from, as long as that is free: the buddy of
//! the block of s bytes at address a in its main block is at a XOR s (Knowlton, "A Fast Storage Allocator", 1965; Knuth, The Art
//! of Computer Programming, vol. 1, 2.5). Main blocks are powers of two as well.
//!
//! What a block has beyond its requested size is its padding, the internal fragmentation. The chains show blocks with their
//! padding.
//!
//! Invariants: segments are powers of two, at multiples of their size in their main block; no two buddies are both holes; the
//! index has every hole, and room for those that live blocks become; `sizes` has every live block.
//!
//! Costs: O(log n) for n segments, and O(log s) splits or joins for a main block of s bytes.

use super::PAGE;
use super::engine::{Appended, Engine, Freed, NoMetadata, Resized, Taken, Truncated, have_no_slots, stand_on_map};
use super::holes_by_size::HolesBySize;
use super::segments::{Joined, Segment, SegmentMap};
use std::collections::HashMap;
use std::ops::Range;

/// A call splits fewer times than this.
const SPLITS: usize = 64;

/// A map of powers of two.
#[derive(Debug)]
pub(super) struct Buddy {
    map: SegmentMap,
    holes: HolesBySize,
    /// The requested size of each live block, by its start.
    sizes: HashMap<u64, u64>,
    /// The smallest block.
    unit: u64,
    total_padding: u64,
}

impl Buddy {
    /// An engine without main blocks, whose blocks have `unit` bytes, a power of two, or more.
    pub fn new(unit: u64) -> Self {
        Self { map: SegmentMap::new(), holes: HolesBySize::default(), sizes: HashMap::new(), unit, total_padding: 0 }
    }

    /// The size of the block at `start`, in use or not.
    fn length(&self, start: u64) -> u64 {
        self.map.next_start(start).0 - start
    }

    /// The main block that holds `offset`.
    fn main_block(&self, offset: u64) -> Range<u64> {
        let page = offset / PAGE * PAGE;
        let start = self.map.previous_border(page + PAGE).expect("a main block starts at 0");
        start..self.map.next_border(page + PAGE)
    }

    /// The buddy of the block of `size` bytes at `start`; `None` for a whole main block.
    fn buddy(&self, start: u64, size: u64) -> Option<u64> {
        let main = self.main_block(start);
        (size < main.end - main.start).then(|| main.start + ((start - main.start) ^ size))
    }

    fn reserve_notes(&mut self) -> Result<(), NoMetadata> {
        self.sizes.try_reserve(1)?;
        Ok(self.holes.reserve(self.holes.len() + self.sizes.len() + SPLITS)?)
    }

    /// Splits the hole of `size` bytes at `start` until it has `wanted`.
    fn split_down(&mut self, start: u64, size: u64, wanted: u64) -> Result<(), NoMetadata> {
        let mut half = size / 2;
        while half >= wanted {
            if let Err(error) = self.map.split_hole(start, start + half) {
                // Undo the splits, from the smallest half on.
                while half < size / 2 {
                    half *= 2;
                    self.map.merge_holes(start, start + half);
                }
                return Err(error.into());
            }
            half /= 2;
        }
        Ok(())
    }
}

impl Engine for Buddy {
    stand_on_map!();

    #[inline(never)]
    fn malloc(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata> {
        self.malloc_aligned(size, 1, None)
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64, hole: Option<u64>) -> Result<Option<Taken>, NoMetadata> {
        let wanted = self.room_for(size, alignment);
        self.reserve_notes()?;
        let found = hole.map(|start| (self.length(start), start)).or_else(|| self.holes.smallest_from(wanted));
        let Some((length, start)) = found else { return Ok(None) };
        self.split_down(start, length, wanted)?;
        // Never fails: an exact fit adds no start.
        self.map.take_at(start, wanted)?;
        self.holes.remove(start, length);
        let mut holes = -1;
        let mut half = wanted;
        while half < length {
            self.holes.insert(start + half, half);
            half *= 2;
            holes += 1;
        }
        self.sizes.insert(start, size);
        self.total_padding += wanted - size;
        Ok(Some(Taken { start, block: wanted, size: wanted, holes }))
    }

    #[cold]
    fn untake(&mut self, start: u64) {
        self.free(start).expect("it was taken");
    }

    #[inline(never)]
    fn free(&mut self, start: u64) -> Option<Freed> {
        let requested = self.sizes.remove(&start)?;
        let size = self.length(start);
        self.total_padding -= size - requested;
        self.map.release_alone(start);
        let (mut hole, mut length, mut holes) = (start, size, 1);
        while let Some(buddy) = self.buddy(hole, length).filter(|&buddy| self.holes.has(buddy, length)) {
            self.holes.remove(buddy, length);
            self.map.merge_holes(hole.min(buddy), hole.max(buddy));
            hole = hole.min(buddy);
            length *= 2;
            holes -= 1;
        }
        self.holes.insert(hole, length);
        Some(Freed { size, pages: (start, start + size), hole: (hole, hole + length), holes })
    }

    /// A block grows inside its padding, and shrinks by giving halves back. Where there is no memory for that, it keeps them.
    fn resize(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
        let length = self.length(start);
        if size > length {
            return Ok(None);
        }
        self.reserve_notes()?;
        let (wanted, mut now, mut holes) = (self.room_for(size, 1), length, 0);
        while now > wanted && self.map.split(start + now / 2, false).is_ok() {
            now /= 2;
            self.map.release_alone(start + now);
            self.holes.insert(start + now, now);
            holes += 1;
        }
        let before = self.sizes.insert(start, size).expect("the block is live");
        self.total_padding += now - size;
        self.total_padding -= length - before;
        let hole = (start + now, start + length);
        Ok(Some(if holes == 0 {
            Resized::Same
        } else {
            Resized::Shrunk(Freed { size: length - now, pages: hole, hole, holes })
        }))
    }

    fn split(&mut self, _start: u64, _size: u64) -> Result<bool, NoMetadata> {
        Ok(false)
    }

    fn join_empty(&mut self, _start: u64, _end: u64) -> Option<Joined> {
        None
    }

    fn reserve(&mut self, end: u64) -> Result<(), NoMetadata> {
        self.reserve_notes()?;
        Ok(self.map.reserve(end)?)
    }

    fn append(&mut self, size: u64, region_start: bool) -> Appended {
        debug_assert!(size.is_power_of_two());
        let start = self.map.append(size, region_start);
        self.holes.insert(start, size);
        Appended { hole: start, main_blocks: 1, holes: 1 }
    }

    fn truncate(&mut self, end: u64) -> Option<Truncated> {
        let before = self.map.end();
        // Whole main blocks only: what is left of one would be no power of two.
        if self.map.previous_border(before).is_none_or(|last| last < end) {
            return None;
        }
        let (start, bytes, gone) = self.map.truncate(end)?;
        self.holes.remove(start, before - start);
        Some(Truncated { bytes, main_blocks: usize::from(gone), holes: usize::from(gone) })
    }

    have_no_slots!();

    fn growing_block(&self) -> Option<u64> {
        None
    }

    #[inline(never)]
    fn padding(&self, start: u64) -> u64 {
        self.sizes.get(&start).map_or(0, |size| self.length(start) - size)
    }

    fn total_padding(&self) -> u64 {
        self.total_padding
    }

    fn room_for(&self, size: u64, alignment: u64) -> u64 {
        size.max(alignment).max(self.unit).next_power_of_two()
    }

    fn main_block_of(&self, bytes: u64) -> u64 {
        bytes.next_power_of_two().max(PAGE)
    }

    fn main_block_within(&self, bytes: u64) -> u64 {
        bytes.checked_ilog2().map_or(0, |power| 1 << power)
    }

    fn growth(&self) -> u64 {
        8
    }

    fn most_alignment(&self) -> u64 {
        // Main blocks start at pages, whatever their size.
        PAGE
    }

    fn position(&self) -> u64 {
        0
    }

    fn go_to(&mut self, _position: u64) {}

    fn bytes(&self) -> usize {
        // A hash map has a control byte for each slot, and leaves an eighth of its slots free.
        let sizes = self.sizes.capacity() / 7 * 8 * (size_of::<(u64, u64)>() + 1);
        self.map.bytes() + self.holes.bytes() + sizes
    }

    fn peak_bytes(&self) -> usize {
        // What is kept beside the map never shrinks.
        self.bytes() - self.map.bytes() + self.map.peak_bytes()
    }

    fn verify(&self, _is_still: bool) -> Result<(), String> {
        self.map.verify(|left, right| {
            let size = left.end - left.start;
            self.map.is_border(right.start) || self.buddy(left.start, size) != Some(right.start) || {
                size != right.end - right.start
            }
        })?;
        let (mut at, mut holes, mut blocks, mut padding) = (0, Vec::new(), 0, 0);
        while at < self.map.end() {
            let Segment { start, end, is_hole } = self.map.segment_at(at);
            let (size, main) = (end - start, self.main_block(start));
            if !size.is_power_of_two() || !(start - main.start).is_multiple_of(size) || end > main.end {
                return Err(format!("the segment from {start} to {end} is no block of the buddy system"));
            }
            if is_hole {
                holes.push((start, size));
            } else {
                blocks += 1;
                padding += self.padding(start);
                if !self.sizes.contains_key(&start) {
                    return Err(format!("the size of the block at {start} is not known"));
                }
            }
            at = end;
        }
        if (blocks, padding) != (self.sizes.len(), self.total_padding) {
            return Err(format!("{blocks} blocks have {padding} bytes of padding, which is not what was counted"));
        }
        self.holes.verify(&mut holes.into_iter(), blocks)
    }
}
