//! Runs of pages: blocks that are too long for a slot, and what spans are made of.

use super::states::State;
use super::{Segregated, bytes};
use crate::heap::PAGE;
use crate::heap::engine::{Freed, NoMetadata, Resized, Taken};
use crate::heap::policy::Policy;
use crate::heap::segments::Segment;

impl Segregated {
    /// Takes whole pages for `size` bytes, at a multiple of `alignment`.
    #[cold]
    pub(super) fn take_pages(&mut self, size: u64, alignment: u64) -> Result<Option<Taken>, NoMetadata> {
        let (pages, align) = (size.div_ceil(PAGE), (alignment / PAGE).max(1));
        let padded = pages + align - 1;
        let Some(hole) = self.policy.choose(&mut self.runs, padded) else { return Ok(None) };
        let start = hole.next_multiple_of(align);
        self.states.reserve(start * PAGE..start * PAGE + 1)?;
        let rest = self.runs.take_at(hole, padded)?.rest;
        let mut holes = -isize::from(rest == 0);
        let parts = [hole..start, start + pages..hole + padded];
        for (part, cut) in parts.iter().zip([start, start + pages]) {
            if !part.is_empty()
                && let Err(error) = self.runs.split(cut, false)
            {
                self.free_run(hole);
                self.free_run(start);
                return Err(error.into());
            }
        }
        for part in parts.iter().filter(|part| !part.is_empty()) {
            holes += self.free_run(part.start).map_or(0, |freed| freed.1);
        }
        let (start, block) = (start * PAGE, pages * PAGE);
        let padding = block - size;
        self.states.set(start, State::Pages, padding);
        self.total_padding = self.total_padding.wrapping_add(padding);
        Ok(Some(Taken { start, block, size: block, holes }))
    }

    /// Frees the live run that starts at a page. Returns the hole that it is part of now, in pages, and how many more holes there
    /// are.
    pub(super) fn free_run(&mut self, page: u64) -> Option<((u64, u64), isize)> {
        let freed = self.runs.release(page)?;
        self.policy.on_hole_added(freed.hole.0, freed.hole.1 - freed.hole.0);
        Some((freed.hole, 1 - freed.merged.cast_signed()))
    }

    /// Frees the block of whole pages that starts at `start`.
    #[cold]
    pub(super) fn free_pages(&mut self, start: u64) -> Option<Freed> {
        let size = self.runs.next_start(start / PAGE).0 * PAGE - start;
        let (hole, holes) = self.free_run(start / PAGE)?;
        Some(Freed { size, pages: (start, start + size), hole: bytes(hole), holes })
    }

    /// The live block of whole pages, or the hole among runs, that holds an offset.
    pub(super) fn run_at(&self, offset: u64) -> Segment {
        let Segment { start, end, is_hole } = self.runs.segment_at(offset / PAGE);
        Segment { start: start * PAGE, end: end * PAGE, is_hole }
    }

    /// Resizes the block of whole pages that starts at `start` to as many pages as `size` bytes need.
    pub(super) fn resize_pages(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
        let (page, pages) = (start / PAGE, size.div_ceil(PAGE));
        let (end, hole_follows) = self.runs.next_start(page);
        let old = end - page;
        if pages < old {
            self.runs.split(page + pages, false)?;
            let (hole, holes) = self.free_run(page + pages).expect("a live run was split here");
            let size = (old - pages) * PAGE;
            let pages = bytes((page + pages, end));
            return Ok(Some(Resized::Shrunk(Freed { size, pages, hole: bytes(hole), holes })));
        }
        if pages == old {
            return Ok(Some(Resized::Same));
        }
        if !hole_follows || self.runs.is_border(end) || self.runs.next_start(end).0 - page < pages {
            return Ok(None);
        }
        let rest = self.runs.grow(end, pages - old)?;
        if rest > 0 {
            self.policy.on_hole_added(page + pages, rest);
        }
        Ok(Some(Resized::Grown { bytes: (pages - old) * PAGE, holes: -isize::from(rest == 0) }))
    }
}
