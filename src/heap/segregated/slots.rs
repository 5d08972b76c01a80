//! Slots: taking and giving back one, by way of the caches, and the spans that they come from.

use super::caches::ROOM;
use super::classes::{CLASS, Class, MOST, UNIT, class_for};
use super::spans::Given;
use super::states::State;
use super::{Segregated, bytes};
use crate::heap::PAGE;
use crate::heap::engine::{Engine, NoMetadata, Released, Taken};
use crate::heap::policy::Policy;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

/// A heap of at most so many bytes uses larger slots for classes of which it has few blocks: a span for each class would make it grow.
const SMALL: u64 = 64 << 10;

/// How often it does so for a class before that gets a span, and before the heap grows for one: each takes longer than a slot of a
/// cache.
const FEW: u8 = 8;
const MANY: u8 = 16;

/// A span that was given back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropped {
    /// Start and end of the span.
    pub pages: (u64, u64),
    /// Start and end of the hole that the span is part of now.
    pub hole: (u64, u64),
    /// How many more holes there are now; negative if there are fewer, as the span's free slots are no holes any more.
    pub holes: isize,
}

/// The number of the unit at an offset; beyond all units if the offset is not a multiple of one.
#[inline]
const fn unit_of(offset: u64) -> u64 {
    offset.rotate_right(UNIT.trailing_zeros())
}

impl Segregated {
    /// Takes a slot for `size` bytes that waits in a cache: what most calls of malloc are. Returns where it starts, and its
    /// bytes. `None`, and nothing has changed: [`Engine::malloc`] knows all cases.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    pub fn take_cached(&mut self, size: u64) -> Option<(u64, u64)> {
        if size.wrapping_sub(1) >= MOST {
            return None;
        }
        self.take_slot_cached(class_for(size), size)
    }

    /// [`Segregated::take_cached`] of a class.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `take_cached`")]
    fn take_slot_cached(&mut self, class: usize, size: u64) -> Option<(u64, u64)> {
        let start = u64::from(self.caches.pop(class)?) * UNIT;
        let slot = CLASS[class].size;
        self.states.set_slot(start, class, slot - size);
        self.total_padding = self.total_padding.wrapping_add(slot - size);
        Some((start, slot))
    }

    /// Frees the block that starts at `start` if it is a slot of whose class the cache has room: what most calls of free are. `false`,
    /// and nothing has changed: [`Engine::free`] knows all cases.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what it returns would go through memory")]
    #[allow(clippy::cast_possible_truncation, reason = "a table has fewer states than fit: `STATES_AT_HAND`")]
    pub fn give_cached(&mut self, start: u64) -> bool {
        let at = unit_of(start);
        if at >= self.quick_end {
            return false;
        }
        let Some((there, class, padding)) = self.states.quick(at) else { return false };
        if !self.caches.push(class, at as u32) {
            return false;
        }
        there.store(0, Relaxed);
        self.total_padding = self.total_padding.wrapping_sub(padding);
        true
    }

    /// Whether the state of the block that starts at `start` can say that somebody keeps a note of it.
    pub fn can_mark_noted(&self, start: u64) -> bool {
        self.states.get(start) != Some(State::Slot(0))
    }

    /// The size of the slot of the live block that starts at `start`, and its padding, if the slot is one of at most 16 KiB of which
    /// nobody keeps a note.
    pub fn slot_at(&self, start: u64) -> Option<(u64, u64)> {
        let (_, class, padding) = self.states.quick(unit_of(start))?;
        Some((CLASS[class].size, padding))
    }

    /// Takes a slot of a class for `size` bytes, at a multiple of `alignment`, which the class's slots are.
    pub(super) fn take_slot(&mut self, class: usize, size: u64, alignment: u64) -> Result<Option<Taken>, NoMetadata> {
        if let Some((start, block)) = self.take_slot_cached(class, size) {
            return Ok(Some(Taken { start, block, size: 0, holes: 0 }));
        }
        let (class, taken) = match self.take_larger(class, alignment, FEW)? {
            Some(larger) => larger,
            None => match self.fill_cache(class)? {
                Some(taken) => (class, taken),
                None => match self.take_larger(class, alignment, MANY)? {
                    Some(larger) => larger,
                    None => return Ok(None),
                },
            },
        };
        let padding = taken.block - size;
        self.states.set(taken.start, State::Slot(class), padding);
        self.total_padding = self.total_padding.wrapping_add(padding);
        Ok(Some(taken))
    }

    /// Takes a free slot of a larger class instead of one of `class`, of which there is none in any span, in a small heap that has done so
    /// fewer than `times` times for the class; at a multiple of `alignment`. Returns the slot's class.
    #[cold]
    fn take_larger(&mut self, class: usize, alignment: u64, times: u8) -> Result<Option<(usize, Taken)>, NoMetadata> {
        let is_filling = (SMALL / 2..=SMALL).contains(&self.spans_end) && self.end() <= SMALL;
        if !is_filling || self.larger_taken[class] >= times || self.spans.has_free(class) {
            return Ok(None);
        }
        let most = (2 * CLASS[class].size).min(PAGE);
        for (larger, _) in CLASS.iter().enumerate().skip(class + 1).take_while(|larger| larger.1.size <= most) {
            if !CLASS[larger].size.is_multiple_of(alignment) {
                continue;
            }
            let taken = match self.caches.pop(larger) {
                Some(unit) => {
                    Some(Taken { start: u64::from(unit) * UNIT, block: CLASS[larger].size, size: 0, holes: 0 })
                }
                None if self.spans.has_free(larger) => self.fill_cache(larger)?,
                None => None,
            };
            if let Some(taken) = taken {
                self.larger_taken[class] += 1;
                return Ok(Some((larger, taken)));
            }
        }
        Ok(None)
    }

    /// Fills the empty cache of a class from spans; one is made if there is none. Returns the lowest slot of the first of them, which
    /// is not put there, with the bytes of all slots that have left the spans. `None`: there is no run of pages even for the shortest span.
    #[cold]
    fn fill_cache(&mut self, class: usize) -> Result<Option<Taken>, NoMetadata> {
        self.caches.reserve(class)?;
        let mapped = self.end();
        self.caches.grow(class, mapped);
        let (mut slots, wanted) = ([0; ROOM], self.caches.limit(class).div_ceil(2));
        let Some((mut taken, holes)) = self.take_from_spans(class, &mut slots[..wanted])? else { return Ok(None) };
        let (&start, others) = slots[..taken].split_first().ok_or(NoMetadata)?;
        // The lowest of a span last, which is taken first.
        for &slot in others.iter().rev() {
            if !self.caches.push_at(class, slot) {
                self.spans.give(slot);
                taken -= 1;
            }
        }
        let block = CLASS[class].size;
        Ok(Some(Taken { start, block, size: taken as u64 * block, holes: holes - taken.cast_signed() }))
    }

    /// Takes free slots of a class from spans, as many as `slots` has room for at most; a span is made if there is none with a free
    /// slot. Returns how many it has written there, those of each span lowest first, and how many more holes there are because of a new
    /// span. `None`: there is no run of pages even for the shortest span.
    pub(super) fn take_from_spans(
        &mut self,
        class: usize,
        slots: &mut [u64],
    ) -> Result<Option<(usize, isize)>, NoMetadata> {
        let mut taken = 0;
        while taken < slots.len() {
            match self.spans.take(class, &mut slots[taken..]) {
                0 => break,
                more => taken += more,
            }
        }
        if taken > 0 || slots.is_empty() {
            return Ok(Some((taken, 0)));
        }
        let Some(holes) = self.add_span(class)? else { return Ok(None) };
        Ok(Some((self.spans.take(class, slots), holes)))
    }

    /// Adds a free slot to the cache of its class. `false`: that is full, or there is none, since a front has taken all slots so far.
    pub(super) fn push_cached(&mut self, class: usize, start: u64) -> bool {
        self.caches.push_at(class, start)
    }

    /// Makes room in the full cache of a class: gives its older half back to the spans, until one of these is given back itself.
    /// Returns how many slots were given back, and that span.
    #[cold]
    pub(super) fn flush_cache(&mut self, class: usize) -> (usize, Option<Dropped>) {
        let mapped = self.end();
        self.caches.grow(class, mapped);
        if self.caches.len(class) < self.caches.limit(class) {
            return (0, None);
        }
        let mut oldest = [0; ROOM];
        let half = self.caches.len(class).div_ceil(2);
        self.caches.slots(class).zip(&mut oldest[..half]).for_each(|(slot, copy)| *copy = slot);
        let (mut gone, mut given, mut dropped) = (0, 0, None);
        while gone < half && dropped.is_none() {
            let slot = oldest[gone];
            gone += 1;
            // A span takes no slot that it does not know, which spoiled states may have brought here.
            let Some(result) = self.spans.give(slot) else { continue };
            given += 1;
            if result == Given::Span {
                dropped = self.drop_span(slot);
            }
        }
        self.caches.drop_oldest(class, gone);
        (given, dropped)
    }

    /// Gives all slots in caches back to their spans, and spans without a live slot. `None`: there were no such slots.
    pub(super) fn flush_caches(&mut self) -> Option<Released> {
        let mut released = Released { bytes: 0, holes: 0 };
        for (class, Class { size, .. }) in CLASS.iter().enumerate() {
            while let Some(slot) = self.caches.pop_oldest(class) {
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
    pub(super) fn add_span(&mut self, class: usize) -> Result<Option<isize>, NoMetadata> {
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
            let holes = span.holes() - isize::from(rest == 0);
            self.limit_quick();
            return Ok(Some(holes));
        }
        Ok(None)
    }

    /// Gives the span at an offset back, all of whose slots are free.
    #[cold]
    pub(super) fn drop_span(&mut self, offset: u64) -> Option<Dropped> {
        let span = self.spans.remove(offset)?;
        let Range { start, end } = span.range();
        let (hole, holes) = self.free_run(start / PAGE)?;
        Some(Dropped { pages: (start, end), hole: bytes(hole), holes: holes - span.holes() })
    }
}
