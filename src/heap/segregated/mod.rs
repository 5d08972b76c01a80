//! Segregated fit: size classes in spans, the quick engine.
//!
//! A request of up to 32 KiB gets a slot of its size class: the lowest free one of a *span*, pages that are cut in slots of one size
//! (Bonwick, "The Slab Allocator", 1994). A larger one, and each span, is a run of whole pages, first fit, from a map of the kind
//! that first fit itself uses, whose unit is the page. What a block has beyond its requested size is its padding, known to the byte;
//! a byte for each 16 of address space says where live blocks start (`states.rs`), and is all that a free looks at to know whether
//! the address is valid.
//!
//! ```text
//!  pages of the map   | span of class 48 | run of 3 pages |   hole    | span of class 4096  |
//!  segments           |P|H|P|P|  ...  |H |       P        |     H     |   P    |     H      |
//!                                      tail
//! ```
//!
//! Each free slot is a hole of its own, and so is what is behind the last slot of a span: slots never merge, spans do.
//!
//! `slots.rs`: taking and giving back slots; `caches.rs`: those that wait; `front.rs`, `fronts.rs`: those that JavaScript has. `pages.rs`: runs of
//! pages. `spans.rs`, `states.rs`, `classes.rs`: what these are.
//!
//! Invariants: runs of pages tile the heap, and slots and a tail each span; a live run is a span or a block; two neighbouring
//! runs are both holes only where a region begins. `verify` checks them.
//!
//! Costs: O(1) amortized for slots, O(log n) for runs of pages.

mod caches;
mod chunks;
mod classes;
mod front;
mod fronts;
mod pages;
mod slots;
mod spans;
mod states;
mod verify;

use self::caches::Caches;
use self::classes::{CLASS, CLASSES, MOST, UNIT, class_aligned, class_for};
use self::front::Front;
pub(super) use self::front::FrontFailed;
use self::fronts::Fronts;
use self::slots::Dropped;
use self::spans::{Given, Spans};
use self::states::{State, States};
use super::PAGE;
use super::engine::{Appended, Engine, Freed, NoMetadata, Released, Resized, Taken, Truncated, Waiting, whole_pages};
use super::policy::{FirstFit, Policy};
use super::segments::{Joined, Segment, SegmentMap};
use crate::table::{AtomicU8, AtomicU32, Table};
use std::ops::Range;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::fence;

/// Most states in one table: what JavaScript can number without a double, 32 GiB of addresses.
const STATES_AT_HAND: u64 = (1 << 31) - 256;

/// Whether other processors see the stores of JavaScript in their order.
const STORES_ARE_ORDERED: bool = cfg!(target_arch = "x86_64");

/// Size classes, and the pages that their spans are of.
#[derive(Debug)]
pub(super) struct Segregated {
    /// Runs of pages: what is live is a span or a block.
    runs: SegmentMap,
    policy: FirstFit,
    states: States,
    spans: Spans,
    caches: Caches,
    fronts: Fronts,
    /// A word for JavaScript: the first unit whose memory is not in the heap's first region. Empty as long as there is no table.
    elsewhere: Table<AtomicU32>,
    /// Bytes of live blocks that were not asked for, without what fronts have not added up: so it may wrap below 0.
    total_padding: u64,
    /// How many slots of larger classes have been taken for each class.
    larger_taken: [u8; CLASSES],
    /// The largest slot, or rest behind slots, that a span has ever had.
    peak_slot: u64,
    /// The offset after the highest span that has ever been.
    spans_end: u64,
    /// The unit below which a quick call may free slots.
    quick_end: u64,
    /// The highest [`Engine::end`] that has ever been.
    peak_end: u64,
}

/// Bytes of a slot of each class.
#[allow(clippy::cast_possible_truncation, reason = "at most `MOST`")]
pub fn size_classes() -> impl Iterator<Item = u32> {
    CLASS.iter().map(|class| class.size as u32)
}

impl Segregated {
    /// An engine without main blocks.
    pub fn new() -> Self {
        Self {
            runs: SegmentMap::of_pages(),
            policy: FirstFit::default(),
            states: States::new(),
            spans: Spans::new(),
            caches: Caches::new(),
            fronts: Fronts::default(),
            elsewhere: Table::EMPTY,
            total_padding: 0,
            larger_taken: [0; CLASSES],
            peak_slot: 0,
            spans_end: 0,
            quick_end: 0,
            peak_end: 0,
        }
    }

    /// Bytes of the table that would hold the states of the first region, which has `bytes`. `None`: it is too late for a table, or there
    /// is one.
    pub fn takes_table(&self, bytes: u64) -> Option<usize> {
        let states = usize::try_from((bytes / UNIT).min(STATES_AT_HAND)).ok()?;
        // A table that was not taken would still be shown to JavaScript, so it is never too short for that.
        self.states.takes_table().map(|least| states.max(least))
    }

    /// The span that holds an offset: its offsets, and the bytes of a slot. O(1).
    pub fn span_at(&self, offset: u64) -> Option<(Range<u64>, u64)> {
        self.spans.at(offset).map(|span| (span.range(), span.class().size))
    }

    /// Whether the heap can grow to `end` without a table that it is given.
    pub fn is_small(&self, end: u64) -> bool {
        self.states.fit(end)
    }

    /// Bytes of live blocks that were not asked for, as they have been counted.
    fn padding_counted(&self) -> i64 {
        self.total_padding.wrapping_add_signed(self.fronts.padding()).cast_signed()
    }

    /// Bytes of bookkeeping beside runs and states.
    fn beside(&self) -> usize {
        self.spans.bytes() + self.caches.bytes() + self.fronts.bytes()
    }

    /// Says which slots a quick call may free. Behind all spans there are none, whatever states say that others can write; and where
    /// other threads have fronts, a block has to be won from them.
    fn limit_quick(&mut self) {
        self.quick_end = if self.states.is_shared() { 0 } else { self.spans_end / UNIT };
    }

    /// Keeps states in a table of zeros from now on.
    pub fn set_table(&mut self, table: Table<AtomicU8>, elsewhere: Table<AtomicU32>) {
        self.states.set_table(table);
        self.elsewhere = elsewhere;
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
        self.take_slot(class_for(size), size, UNIT)
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64, _hole: Option<u64>) -> Result<Option<Taken>, NoMetadata> {
        match class_aligned(size, alignment) {
            Some(class) => self.take_slot(class, size, alignment.max(UNIT)),
            None => self.take_pages(size, alignment),
        }
    }

    fn untake(&mut self, start: u64) {
        self.free(start).expect("it was taken");
    }

    fn free(&mut self, start: u64) -> Option<Freed> {
        let (state, padding) = self.states.take(start)?;
        self.total_padding = self.total_padding.wrapping_sub(padding);
        let State::Slot(class) = state else { return self.free_pages(start) };
        let slot = CLASS[class].size;
        if self.push_cached(class, start) {
            // No hole: the slot waits for a request.
            return Some(Freed { size: 0, pages: (start, start), hole: (start, start), holes: 0 });
        }
        let mut freed = Freed { size: 0, pages: (start, start + slot), hole: (start, start + slot), holes: 0 };
        let (mut given, mut dropped) = self.flush_cache(class);
        if !self.push_cached(class, start) {
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
        let (before, whole, resized) = match state {
            State::Slot(class) if size > CLASS[class].size => return Ok(None),
            State::Slot(class) => {
                // Another thread's front may have freed the block meanwhile.
                let Some(padding) = self.states.claim(start, state) else { return Ok(None) };
                (padding, CLASS[class].size, Resized::Same)
            }
            State::Pages => {
                let before = self.states.padding(start, state);
                let Some(resized) = self.resize_pages(start, size)? else { return Ok(None) };
                (before, size.next_multiple_of(PAGE), resized)
            }
        };
        self.states.set(start, state, whole - size);
        self.total_padding = self.total_padding.wrapping_add(whole - size);
        self.total_padding = self.total_padding.wrapping_sub(before);
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

    fn mark_noted(&mut self, start: u64) -> bool {
        self.states.mark_noted(start)
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

    fn waiting(&self) -> Waiting {
        let (bytes, slots) = self.caches.waiting();
        self.fronts.waiting() + Waiting { bytes, slots, ..Waiting::default() }
    }

    fn activity(&self) -> Option<(u64, u64)> {
        // Where processors may reorder stores, what a front is in the middle of is not known.
        if self.states.is_shared() && !STORES_ARE_ORDERED {
            return None;
        }
        // The second of two readings comes after all that was read before it.
        fence(Acquire);
        self.fronts.activity()
    }

    fn growing_block(&self) -> Option<u64> {
        let (last, is_hole) = self.runs.last_start_before(self.runs.end())?;
        is_hole.then_some(last * PAGE)
    }

    fn padding(&self, start: u64) -> u64 {
        self.states.get(start).map_or(0, |state| self.states.padding(start, state))
    }

    fn total_padding(&self) -> u64 {
        // While fronts work, a block's padding may be taken away before it has been added.
        u64::try_from(self.padding_counted()).unwrap_or(0)
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

    /// More often than where a request can never use space of two main blocks: one is joined to what is free before it.
    fn growth(&self) -> u64 {
        64
    }

    fn most_alignment(&self) -> u64 {
        u64::MAX
    }

    fn end(&self) -> u64 {
        self.runs.end() * PAGE
    }

    #[inline]
    fn location_of(&self, offset: u64) -> (u64, u64) {
        if let Some(State::Slot(class)) = self.states.get(offset)
            && let end = offset + CLASS[class].size
            && end <= self.end()
        {
            return (offset, end);
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
        (self.runs.largest_hole() * PAGE)
            .max(self.spans.largest_hole())
            .max(self.caches.largest_slot())
            .max(self.fronts.iter().map(Front::largest_slot).max().unwrap_or(0))
    }

    fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>)) {
        let mut at = range.start;
        while at < range.end.min(self.end()) {
            // A cached slot may be handed out meanwhile, so it is no hole here.
            let segment = self.spans.at(at).map_or_else(|| self.run_at(at), |span| span.slot_at(at));
            let end = match self.spans.at(at) {
                // The span's slots are all too short.
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
        self.runs.bytes() + self.states.bytes(self.end()) + self.beside()
    }

    fn peak_bytes(&self) -> usize {
        // What is kept beside the map never shrinks, except at the end of the states.
        self.runs.peak_bytes() + self.states.bytes(self.peak_end) + self.beside()
    }

    fn verify(&self, is_still: bool) -> Result<(), String> {
        self.verify_all(is_still)
    }
}
