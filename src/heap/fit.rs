//! Fit: one map and one policy make an engine. Sizes are exact to the byte.
//!
//! Here is what holds whatever the policy is: a block is taken from the start of the hole that the policy chooses, a freed one
//! merges with the holes on either side, inside its main block, and the policy is told. Changing a live block in place needs
//! one edit that malloc and free do not: a segment is split. The tail (or head) of a live block that was split is then freed
//! by an ordinary release.
//!
//! Invariant: two neighbouring segments are both holes only at a border; with `joinEmptyBlocks`, two neighbouring main blocks of
//! a region are not both wholly free.
//!
//! Costs: O(log n) amortized or what the policy says, for malloc; O(1) amortized for the rest.

use super::engine::{
    Appended, Engine, Freed, NoMetadata, Resized, Taken, Truncated, have_no_slots, stand_on_map, whole_pages,
};
use super::policy::{Policies, Policy};
use super::segments::{self, Joined, Segment, SegmentMap};
use super::{Options, PAGE};
use std::ops::Range;

/// A map and a policy.
#[derive(Debug)]
pub(super) struct Fit {
    map: SegmentMap,
    policy: Policies,
    /// What every address is a multiple of.
    unit: u64,
    /// Whether empty main blocks are joined.
    joins: bool,
}

impl Fit {
    /// An engine without main blocks.
    pub fn new(policy: Policies, options: &Options) -> Self {
        let (unit, joins) = (options.alignment(), options.join_empty_blocks());
        Self { map: SegmentMap::new(), policy, unit, joins }
    }

    #[inline(never)]
    fn malloc_by_policy(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata> {
        Ok(self.policy.take(&mut self.map, size)?.map(|taken| plain(taken, size)))
    }

    #[inline(never)]
    fn free_by_policy(&mut self, start: u64) -> Option<Freed> {
        let released = self.map.release(start)?;
        self.record_released(start, &released);
        self.policy.on_block_freed();
        Some(freed(start, &released))
    }

    /// Lets the policy record what has become of the bytes from `start` on, which were released.
    fn record_released(&mut self, start: u64, released: &segments::Freed) {
        let (hole, end) = released.hole;
        self.record_merged(start..start + released.size, hole..end);
    }

    /// Lets the policy record that the bytes of `middle` are part of the hole `hole` now, whose other bytes were holes before.
    fn record_merged(&mut self, middle: Range<u64>, hole: Range<u64>) {
        for part in [hole.start..middle.start, middle.end..hole.end] {
            if !part.is_empty() {
                self.policy.on_hole_removed(part.start, part.end - part.start);
            }
        }
        self.policy.on_hole_added(hole.start, hole.end - hole.start);
    }

    /// All holes (start, size), in order.
    fn all_holes(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut at = 0;
        let segments = std::iter::from_fn(move || {
            let segment = (at < self.map.end()).then(|| self.map.segment_at(at))?;
            at = segment.end;
            Some(segment)
        });
        segments.filter(|segment| segment.is_hole).map(|hole| (hole.start, hole.end - hole.start))
    }
}

/// A block of `size` bytes that was taken from the start of a hole.
#[inline]
fn plain(taken: segments::Taken, size: u64) -> Taken {
    Taken { start: taken.start, block: size, size, holes: -isize::from(taken.rest == 0) }
}

#[inline]
fn freed(start: u64, released: &segments::Freed) -> Freed {
    let pages = (start, start + released.size);
    Freed { size: released.size, pages, hole: released.hole, holes: 1 - released.merged.cast_signed() }
}

impl Engine for Fit {
    stand_on_map!();

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    fn malloc(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata> {
        if let Policies::FirstFit(policy) = &mut self.policy {
            return Ok(policy.take(&mut self.map, size)?.map(|taken| plain(taken, size)));
        }
        self.malloc_by_policy(size)
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64, hole: Option<u64>) -> Result<Option<Taken>, NoMetadata> {
        let padded = self.room_for(size, alignment);
        self.policy.reserve()?;
        let Some(hole) = hole.or_else(|| self.policy.choose(&mut self.map, padded)) else { return Ok(None) };
        let taken = self.map.take_at(hole, padded)?;
        let start = hole.next_multiple_of(alignment);
        let (front, back) = (hole..start, start + size..hole + padded);
        for (cut, wanted) in [(start, !front.is_empty()), (back.start, !back.is_empty())] {
            if wanted && let Err(error) = self.map.split(cut, false) {
                // Only the first split can have been made: both of its parts are released.
                for part in [hole, start] {
                    let _ = self.map.release(part);
                }
                return Err(error.into());
            }
        }
        for part in [&front, &back] {
            if !part.is_empty() {
                self.map.release(part.start).expect("a live block was split here");
            }
        }
        self.policy.on_hole_removed(hole, padded + taken.rest);
        let mut holes = -1;
        for part in [front, back.start..back.end + taken.rest] {
            if !part.is_empty() {
                self.policy.on_hole_added(part.start, part.end - part.start);
                holes += 1;
            }
        }
        self.policy.on_block_taken(start..start + size);
        Ok(Some(Taken { start, block: size, size, holes }))
    }

    #[cold]
    fn untake(&mut self, start: u64) {
        self.free(start).expect("it was taken");
        self.policy.on_block_untaken();
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    fn free(&mut self, start: u64) -> Option<Freed> {
        if let Policies::FirstFit(policy) = &mut self.policy {
            let released = self.map.release(start)?;
            policy.on_hole_added(released.hole.0, released.hole.1 - released.hole.0);
            return Some(freed(start, &released));
        }
        self.free_by_policy(start)
    }

    fn resize(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
        let (end, hole_follows) = self.map.next_start(start);
        let old = end - start;
        if size == old {
            return Ok(Some(Resized::Same));
        }
        self.policy.reserve()?;
        if size < old {
            self.map.split(start + size, false)?;
            let released = self.map.release(start + size).expect("a live block was split here");
            self.record_released(start + size, &released);
            return Ok(Some(Resized::Shrunk(freed(start + size, &released))));
        }
        if !hole_follows || self.map.is_border(end) || self.map.next_start(end).0 - start < size {
            return Ok(None);
        }
        let bytes = size - old;
        let rest = self.map.grow(end, bytes)?;
        self.policy.on_hole_removed(end, bytes + rest);
        if rest > 0 {
            self.policy.on_hole_added(end + bytes, rest);
        }
        Ok(Some(Resized::Grown { bytes, holes: -isize::from(rest == 0) }))
    }

    fn split(&mut self, start: u64, size: u64) -> Result<bool, NoMetadata> {
        self.policy.reserve()?;
        self.map.split(start + size, false)?;
        self.policy.on_block_split();
        Ok(true)
    }

    fn join_empty(&mut self, start: u64, end: u64) -> Option<Joined> {
        let joined = self.map.join_empty(start, end)?;
        self.policy.on_hole_removed(start, end - start);
        self.record_merged(start..end, joined.hole.clone());
        Some(joined)
    }

    fn reserve(&mut self, end: u64) -> Result<(), NoMetadata> {
        self.policy.reserve()?;
        Ok(self.map.reserve(end)?)
    }

    fn append(&mut self, size: u64, region_start: bool) -> Appended {
        let hole = self.map.append(size, region_start);
        self.policy.on_hole_added(hole, size);
        Appended { hole, main_blocks: 1, holes: 1 }
    }

    fn truncate(&mut self, end: u64) -> Option<Truncated> {
        let before = self.map.end();
        let (start, bytes, gone) = self.map.truncate(end)?;
        self.policy.on_hole_removed(start, before - start);
        if !gone {
            self.policy.on_hole_added(start, end - start);
        }
        Some(Truncated { bytes, main_blocks: usize::from(gone), holes: usize::from(gone) })
    }

    have_no_slots!();

    fn growing_block(&self) -> Option<u64> {
        if self.joins { self.map.last_empty_block() } else { None }
    }

    fn padding(&self, _start: u64) -> u64 {
        0
    }

    fn total_padding(&self) -> u64 {
        0
    }

    fn room_for(&self, size: u64, alignment: u64) -> u64 {
        size + alignment.saturating_sub(self.unit)
    }

    fn main_block_of(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(PAGE)
    }

    fn main_block_within(&self, bytes: u64) -> u64 {
        whole_pages(bytes)
    }

    fn growth(&self) -> u64 {
        8
    }

    fn most_alignment(&self) -> u64 {
        u64::MAX
    }

    fn position(&self) -> u64 {
        self.policy.position()
    }

    fn go_to(&mut self, position: u64) {
        self.policy.go_to(position);
    }

    fn bytes(&self) -> usize {
        self.map.bytes() + self.policy.bytes()
    }

    fn peak_bytes(&self) -> usize {
        // A policy's bookkeeping never shrinks.
        self.map.peak_bytes() + self.policy.bytes()
    }

    fn verify(&self, _is_still: bool) -> Result<(), String> {
        let is_empty_block = |hole: &Segment| self.map.is_border(hole.start) && self.map.is_border(hole.end);
        self.map.verify(|left, right| {
            let joined =
                self.joins && is_empty_block(left) && is_empty_block(right) && !self.map.is_region_start(right.start);
            self.map.is_border(right.start) && !joined
        })?;
        self.policy.verify(&mut self.all_holes())
    }
}
