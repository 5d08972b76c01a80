//! Segregated fit: size classes in spans, the quick engine.
//!
//! A request of up to 32 KiB gets a slot of its size class: the lowest free one of a *span*, pages that are cut in slots of one size
//! (Bonwick, "The Slab Allocator", 1994). A larger one, and each span, is a run of whole pages, first fit, from a map of the kind
//! that first fit itself stands on, whose unit is the page. What a block has beyond what was asked for is its padding, known to
//! the byte; a byte for each 16 of address space says where live blocks start (`states.rs`), so that a free looks at nothing else
//! before it knows that it may.
//!
//! ```text
//!  pages of the map   | span of class 48 | run of 3 pages |   hole    | span of class 4096  |
//!  segments           |P|H|P|P|  ...  |H |       P        |     H     |   P    |     H      |
//!                                      tail
//! ```
//!
//! Each free slot is a hole of its own, and so is what is behind the last slot of a span: slots never merge, spans do.
//!
//! Invariants: runs of pages tile the heap, and slots and a tail each span; a live run is a span or a block; two neighbouring
//! runs are both holes only where a region begins. `verify` checks them.
//!
//! Costs: O(1) amortized for slots, O(log n) for runs of pages.

mod caches;
mod chunks;
mod classes;
mod spans;
mod states;

use self::caches::{Caches, ROOM, Stack};
use self::classes::{CLASS, Class, MOST, UNIT, class_aligned, class_for};
use self::spans::{Counted, Given, Spans};
use self::states::{State, States};
use super::PAGE;
use super::engine::{Appended, Engine, Freed, NoMetadata, Released, Resized, Taken, Truncated, whole_pages};
use super::ensure::ensure;
use super::policy::{FirstFit, Policy};
use super::segments::{Joined, Segment, SegmentMap};
use crate::table::Table;
use std::ops::Range;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// Most states in one table: what JavaScript can number without a double, 32 GiB of addresses.
const STATES_AT_HAND: u64 = 1 << 31;

/// Pages of a run that are looked at for states where none may be.
const STATES_CHECKED: u64 = 16;

/// Size classes, and the pages that their spans are of.
#[derive(Debug)]
pub(super) struct Segregated {
    /// Runs of pages: what is live is a span or a block.
    runs: SegmentMap,
    policy: FirstFit,
    states: States,
    spans: Spans,
    caches: Caches,
    total_padding: u64,
    /// The largest slot, or rest behind slots, that a span has ever had.
    peak_slot: u64,
    /// The offset after the highest span that has ever been.
    spans_end: u64,
    /// The highest [`Engine::end`] that has ever been.
    peak_end: u64,
}

/// A span that was given back.
#[derive(Debug, Clone, Copy)]
struct Dropped {
    /// Its start and end.
    pages: (u64, u64),
    /// Start and end of the hole that it is part of now.
    hole: (u64, u64),
    /// By how many there are more holes now that its slots are none.
    holes: isize,
}

impl Segregated {
    /// An engine without main blocks.
    pub fn new() -> Self {
        Self {
            runs: SegmentMap::of_pages(),
            policy: FirstFit::default(),
            states: States::new(),
            spans: Spans::new(),
            caches: Caches::default(),
            total_padding: 0,
            peak_slot: 0,
            spans_end: 0,
            peak_end: 0,
        }
    }

    /// Bytes of the table that would hold the states of the first region, which has `bytes`. `None`: there is a table, or there are
    /// main blocks already.
    pub fn wants_table(&self, bytes: u64) -> Option<usize> {
        if self.end() > 0 || self.states.has_table() {
            return None;
        }
        usize::try_from((bytes / UNIT).min(STATES_AT_HAND)).ok()
    }

    /// Keeps states in a table of zeros from now on.
    pub fn set_table(&mut self, table: Table<AtomicU8>) {
        self.states.set_table(table);
    }

    /// Takes a slot for `size` bytes that waits in a cache: what most calls of malloc are. Returns where it starts.
    /// `None`, and nothing has changed: [`Engine::malloc`] knows all cases.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    pub fn take_cached(&mut self, size: u64) -> Option<u64> {
        if size.wrapping_sub(1) >= MOST {
            return None;
        }
        self.take_slot_cached(class_for(size), size)
    }

    /// [`Segregated::take_cached`] of a class.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `take_cached`")]
    fn take_slot_cached(&mut self, class: usize, size: u64) -> Option<u64> {
        let (start, slot) = self.caches.get_mut(class)?.pop()?;
        self.states.set(start, State::Slot(class), slot - size);
        self.total_padding += slot - size;
        Some(start)
    }

    /// Frees the block that starts at `start` if it is a slot of whose class the cache has room: what most calls of free are. `false`,
    /// and nothing has changed: [`Engine::free`] knows all cases.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    pub fn give_cached(&mut self, start: u64) -> bool {
        let Some((there, class, padding)) = self.states.quick(start) else { return false };
        let Some(stack) = self.caches.get_mut(class) else { return false };
        if !stack.push(start) {
            return false;
        }
        there.store(0, Relaxed);
        self.total_padding -= padding;
        true
    }

    /// Takes a slot of a class for `size` bytes.
    fn take_slot(&mut self, class: usize, size: u64) -> Result<Option<Taken>, NoMetadata> {
        if let Some(start) = self.take_slot_cached(class, size) {
            return Ok(Some(Taken { start, size: 0, holes: 0 }));
        }
        let Some(taken) = self.fill_cache(class)? else { return Ok(None) };
        let padding = CLASS[class].size - size;
        self.states.set(taken.start, State::Slot(class), padding);
        self.total_padding += padding;
        Ok(Some(taken))
    }

    /// Fills the empty cache of a class from a span, which is made if there is none. Returns the lowest slot, which is not put there,
    /// with the bytes of all slots that have left the span. `None`: there is no run of pages even for the shortest span.
    #[cold]
    fn fill_cache(&mut self, class: usize) -> Result<Option<Taken>, NoMetadata> {
        self.caches.reserve(class)?;
        let mapped = self.end();
        let stack = self.caches.get_mut(class).ok_or(NoMetadata)?;
        stack.grow(class, mapped);
        let (mut slots, mut holes) = ([0; ROOM], 0);
        let wanted = &mut slots[..stack.limit().div_ceil(2)];
        let mut taken = self.spans.take(class, wanted);
        if taken == 0 {
            let Some(new) = self.add_span(class)? else { return Ok(None) };
            holes = new;
            taken = self.spans.take(class, wanted);
        }
        let stack = self.caches.get_mut(class).ok_or(NoMetadata)?;
        let (&start, others) = slots[..taken].split_first().ok_or(NoMetadata)?;
        // The lowest last, which is taken first.
        for &slot in others.iter().rev() {
            if !stack.push(slot) {
                self.spans.give(slot);
                taken -= 1;
            }
        }
        holes -= taken.cast_signed();
        Ok(Some(Taken { start, size: taken as u64 * CLASS[class].size, holes }))
    }

    /// Makes room in the full cache of a class, whose older half goes back to the spans, until one of these goes back. Returns how many
    /// slots have gone back, and that span.
    #[cold]
    fn flush_cache(&mut self, class: usize) -> (usize, Option<Dropped>) {
        let mapped = self.end();
        let Some(stack) = self.caches.get_mut(class) else { return (0, None) };
        stack.grow(class, mapped);
        if stack.len() < stack.limit() {
            return (0, None);
        }
        let mut oldest = [0; ROOM];
        let half = stack.len().div_ceil(2);
        stack.slots().zip(&mut oldest[..half]).for_each(|(slot, copy)| *copy = slot);
        let (mut given, mut dropped) = (0, None);
        while given < half && dropped.is_none() {
            let slot = oldest[given];
            given += 1;
            if self.spans.give(slot) == Some(Given::Span) {
                dropped = self.drop_span(slot);
            }
        }
        if let Some(stack) = self.caches.get_mut(class) {
            stack.drop_oldest(given);
        }
        (given, dropped)
    }

    /// Gives all slots in caches back to their spans, and spans without a live slot. `None`: there were no such slots.
    fn flush_caches(&mut self) -> Option<Released> {
        let mut released = Released { bytes: 0, holes: 0 };
        for (class, Class { size, .. }) in CLASS.iter().enumerate() {
            while let Some(slot) = self.caches.get_mut(class).and_then(Stack::pop_oldest) {
                released.bytes += size;
                released.holes += 1;
                if self.spans.give(slot) == Some(Given::Span) {
                    released.holes += self.drop_span(slot)?.holes;
                }
            }
        }
        (released.bytes > 0).then_some(released)
    }

    /// Makes a span of a class, as long as there are pages for. Returns by how many holes there are more. `None`: there is no run
    /// of pages even for the shortest.
    #[cold]
    fn add_span(&mut self, class: usize) -> Result<Option<isize>, NoMetadata> {
        for length in self.spans.lengths(class) {
            let pages = CLASS[class].pages[length];
            let Some(start) = self.policy.choose(&mut self.runs, pages) else { continue };
            let range = start * PAGE..(start + pages) * PAGE;
            self.states.reserve(range.clone())?;
            self.spans.reserve(range.clone())?;
            let rest = self.runs.take_at(start, pages)?.rest;
            let span = self.spans.insert(range.start, class, length);
            self.peak_slot = self.peak_slot.max(span.class().size).max(CLASS[class].tail(length));
            self.spans_end = self.spans_end.max(span.range().end);
            return Ok(Some(span.holes() - isize::from(rest == 0)));
        }
        Ok(None)
    }

    /// Takes whole pages for `size` bytes, at a multiple of `alignment`.
    #[cold]
    fn take_pages(&mut self, size: u64, alignment: u64) -> Result<Option<Taken>, NoMetadata> {
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
        let (start, padding) = (start * PAGE, pages * PAGE - size);
        self.states.set(start, State::Pages, padding);
        self.total_padding += padding;
        Ok(Some(Taken { start, size: pages * PAGE, holes }))
    }

    /// Gives the live run that starts at a page back. Returns the hole that it is part of now, in pages, and by how many holes
    /// there are more.
    fn free_run(&mut self, page: u64) -> Option<((u64, u64), isize)> {
        let freed = self.runs.release(page)?;
        self.policy.on_hole_added(freed.hole.0, freed.hole.1 - freed.hole.0);
        Some((freed.hole, 1 - freed.merged.cast_signed()))
    }

    /// Frees the block of whole pages that starts at `start`.
    #[cold]
    fn free_pages(&mut self, start: u64) -> Option<Freed> {
        let size = self.runs.next_start(start / PAGE).0 * PAGE - start;
        let (hole, holes) = self.free_run(start / PAGE)?;
        Some(Freed { size, pages: (start, start + size), hole: bytes(hole), holes })
    }

    /// Gives the span at an offset back, all of whose slots are free.
    #[cold]
    fn drop_span(&mut self, offset: u64) -> Option<Dropped> {
        let span = self.spans.remove(offset)?;
        let Range { start, end } = span.range();
        let (hole, holes) = self.free_run(start / PAGE)?;
        Some(Dropped { pages: (start, end), hole: bytes(hole), holes: holes - span.holes() })
    }

    /// The live block of whole pages, or the hole among runs, that holds an offset.
    fn run_at(&self, offset: u64) -> Segment {
        let Segment { start, end, is_hole } = self.runs.segment_at(offset / PAGE);
        Segment { start: start * PAGE, end: end * PAGE, is_hole }
    }

    /// Gives the block of whole pages that starts at `start` as many as `size` bytes need.
    fn resize_pages(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
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

/// Pages as bytes.
const fn bytes((start, end): (u64, u64)) -> (u64, u64) {
    (start * PAGE, end * PAGE)
}

impl Engine for Segregated {
    fn malloc(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata> {
        if size > MOST {
            return self.take_pages(size, 1);
        }
        self.take_slot(class_for(size), size)
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64, _hole: Option<u64>) -> Result<Option<Taken>, NoMetadata> {
        match class_aligned(size, alignment) {
            Some(class) => self.take_slot(class, size),
            None => self.take_pages(size, alignment),
        }
    }

    fn untake(&mut self, start: u64) {
        self.free(start).expect("it was taken");
    }

    fn free(&mut self, start: u64) -> Option<Freed> {
        let (state, padding) = self.states.take(start)?;
        self.total_padding -= padding;
        let State::Slot(class) = state else { return self.free_pages(start) };
        let slot = CLASS[class].size;
        let mut freed = Freed { size: 0, pages: (start, start + slot), hole: (start, start + slot), holes: 0 };
        if self.caches.get_mut(class)?.push(start) {
            return Some(freed);
        }
        let (mut given, mut dropped) = self.flush_cache(class);
        if !self.caches.get_mut(class)?.push(start) {
            given += 1;
            if self.spans.give(start)? == Given::Span {
                dropped = self.drop_span(start);
            }
        }
        (freed.size, freed.holes) = (given as u64 * slot, given.cast_signed());
        if let Some(Dropped { pages, hole, holes }) = dropped {
            (freed.pages, freed.hole) = (pages, hole);
            freed.holes += holes;
        }
        Some(freed)
    }

    /// A block that becomes smaller stays where it is: programs rely on that.
    fn resize(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata> {
        let Some(state) = self.states.get(start) else { return Ok(None) };
        let before = self.states.padding(start, state);
        let (whole, resized) = match state {
            State::Slot(class) if size > CLASS[class].size => return Ok(None),
            State::Slot(class) => (CLASS[class].size, Resized::Same),
            State::Pages => {
                let Some(resized) = self.resize_pages(start, size)? else { return Ok(None) };
                (size.next_multiple_of(PAGE), resized)
            }
        };
        self.states.set(start, state, whole - size);
        self.total_padding += whole - size;
        self.total_padding -= before;
        Ok(Some(resized))
    }

    fn split(&mut self, _start: u64, _size: u64) -> Result<bool, NoMetadata> {
        Ok(false)
    }

    fn join_empty(&mut self, _start: u64, _end: u64) -> Option<Joined> {
        None
    }

    fn reserve(&mut self, end: u64) -> Result<(), NoMetadata> {
        Ok(self.runs.reserve(end / PAGE)?)
    }

    fn append(&mut self, size: u64, region_start: bool) -> Appended {
        let end = self.runs.end();
        let begins = region_start || end == 0;
        let merges = !begins && self.runs.last_start_before(end).is_some_and(|last| last.1);
        let hole = self.runs.append(size / PAGE, region_start);
        self.policy.on_hole_added(hole, self.runs.end() - hole);
        self.peak_end = self.peak_end.max(self.end());
        Appended { hole: hole * PAGE, main_blocks: usize::from(begins), holes: usize::from(!merges) }
    }

    fn truncate(&mut self, end: u64) -> Option<Truncated> {
        let is_region = |map: &SegmentMap, start| map.is_region_start(start);
        let (last, _) = self.runs.last_start_before(self.runs.end())?;
        let begins = is_region(&self.runs, last);
        let (_, pages, gone) = self.runs.truncate(end.div_ceil(PAGE))?;
        Some(Truncated { bytes: pages * PAGE, main_blocks: usize::from(gone && begins), holes: usize::from(gone) })
    }

    fn release_cached(&mut self) -> Option<Released> {
        let (cached, spare) = (self.flush_caches(), self.release_spare());
        let holes = |released: Option<Released>| released.map_or(0, |released| released.holes);
        cached.or(spare).map(|released| Released { holes: holes(cached) + holes(spare), ..released })
    }

    fn release_spare(&mut self) -> Option<Released> {
        let (mut released, mut from) = (None, 0);
        while let Some((number, start)) = self.spans.spare(from) {
            let Released { bytes, holes } = released.unwrap_or(Released { bytes: 0, holes: 0 });
            released = Some(Released { bytes, holes: holes + self.drop_span(start)?.holes });
            from = number + 1;
        }
        released
    }

    fn waiting(&self) -> (u64, usize) {
        self.caches.waiting()
    }

    fn growing_block(&self) -> Option<u64> {
        let (last, is_hole) = self.runs.last_start_before(self.runs.end())?;
        is_hole.then_some(last * PAGE)
    }

    fn padding(&self, start: u64) -> u64 {
        self.states.get(start).map_or(0, |state| self.states.padding(start, state))
    }

    fn total_padding(&self) -> u64 {
        self.total_padding
    }

    fn room_for(&self, size: u64, alignment: u64) -> u64 {
        match class_aligned(size, alignment) {
            Some(class) => CLASS[class].pages[0] * PAGE,
            None => size.next_multiple_of(PAGE) + alignment.saturating_sub(PAGE),
        }
    }

    fn main_block_of(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(PAGE)
    }

    fn main_block_within(&self, bytes: u64) -> u64 {
        whole_pages(bytes)
    }

    fn most_alignment(&self) -> u64 {
        u64::MAX
    }

    fn end(&self) -> u64 {
        self.runs.end() * PAGE
    }

    #[inline]
    fn location_of(&self, offset: u64) -> (u64, u64) {
        if let Some(State::Slot(class)) = self.states.get(offset) {
            return (offset, offset + CLASS[class].size);
        }
        let found = self.segment_at(offset);
        if found.is_hole { (0, 0) } else { (found.start, found.end) }
    }

    #[inline]
    fn is_live(&self, offset: u64) -> bool {
        self.states.get(offset).is_some() || self.location_of(offset) != (0, 0)
    }

    #[inline]
    fn is_live_start(&self, start: u64) -> bool {
        self.states.get(start).is_some()
    }

    fn segment_at(&self, offset: u64) -> Segment {
        let Some(span) = self.spans.at(offset) else { return self.run_at(offset) };
        let slot = span.slot_at(offset);
        // A slot that waits in a cache is a hole as well.
        Segment { is_hole: self.states.get(slot.start).is_none(), ..slot }
    }

    fn next_border(&self, offset: u64) -> u64 {
        self.runs.next_border(offset / PAGE) * PAGE
    }

    fn previous_border(&self, offset: u64) -> Option<u64> {
        self.runs.previous_border(offset / PAGE).map(|page| page * PAGE)
    }

    fn largest_hole(&mut self) -> u64 {
        (self.runs.largest_hole() * PAGE).max(self.spans.largest_hole()).max(self.caches.largest_slot())
    }

    fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>)) {
        let mut at = range.start;
        while at < range.end.min(self.end()) {
            // Whoever has taken a slot may hand it out meanwhile, so that is no hole here.
            let segment = self.spans.at(at).map_or_else(|| self.run_at(at), |span| span.slot_at(at));
            let end = match self.spans.at(at) {
                // Its slots are too short, each of them.
                Some(span) if span.class().size < least => span.range().end,
                _ => segment.end,
            };
            if segment.is_hole && segment.end - segment.start >= least {
                visit(segment.start..segment.end);
            }
            at = end;
        }
    }

    fn peak_slot(&self) -> u64 {
        self.peak_slot
    }

    fn slots_end(&self) -> u64 {
        self.spans_end
    }

    fn position(&self) -> u64 {
        0
    }

    fn go_to(&mut self, _position: u64) {}

    fn bytes(&self) -> usize {
        self.runs.bytes() + self.states.bytes(self.end()) + self.spans.bytes() + self.caches.bytes()
    }

    fn peak_bytes(&self) -> usize {
        // What stands beside the map never shrinks, but for the end of the states.
        self.runs.peak_bytes() + self.states.bytes(self.peak_end) + self.spans.bytes() + self.caches.bytes()
    }

    fn verify(&self) -> Result<(), String> {
        self.runs.verify(|_, right| self.runs.is_border(right.start))?;
        let is_live = |start, class| self.states.get(start) == Some(State::Slot(class));
        let Counted { live: mut blocks, cached, pages } = self.spans.verify(is_live)?;
        for (class, stack) in self.caches.iter().enumerate() {
            let mut slots: Vec<_> = stack.slots().collect();
            slots.sort_unstable();
            slots.dedup();
            ensure!(
                slots.len() == cached[class],
                "{} slots of class {class} have been taken, {} wait",
                cached[class],
                slots.len()
            );
            for slot in slots {
                let at = self.spans.at(slot).map(|span| (span.class().size, span.slot_at(slot)));
                let expected = Segment { start: slot, end: slot + CLASS[class].size, is_hole: false };
                ensure!(at == Some((CLASS[class].size, expected)), "what waits at {slot} is no slot of class {class}");
                ensure!(self.states.get(slot).is_none(), "the slot at {slot} waits, and is live");
            }
        }
        let (mut page, mut in_spans, mut states, mut padding) = (0, 0, 0, 0);
        while page < self.runs.end() {
            let run = self.runs.segment_at(page);
            let (start, mut end) = bytes((run.start, run.end));
            if let Some(span) = self.spans.at(start) {
                ensure!(!run.is_hole && span.range() == (start..end), "the span at {start} is no run of pages");
                in_spans += run.end - run.start;
            } else {
                let is_block = self.states.get(start) == Some(State::Pages);
                ensure!(is_block != run.is_hole, "the run of pages at {start} is neither a block nor free, or both");
                blocks += u64::from(is_block);
                end = end.min(start + STATES_CHECKED * PAGE);
            }
            for (start, state) in self.states.iter(start..end) {
                states += 1;
                padding += self.states.padding(start, state);
            }
            page = run.end;
        }
        ensure!(in_spans == pages, "spans have {pages} pages, {in_spans} of them are runs");
        ensure!(states == blocks, "{states} live blocks have states, {blocks} are there");
        ensure!(padding == self.total_padding, "{padding} bytes of padding, {} counted", self.total_padding);
        Ok(())
    }
}
