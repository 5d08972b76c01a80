//! Spans: runs of pages that are cut in slots of one class, and which of them are free.
//!
//! A span is described outside of its pages, in 64 bytes: a bit for each slot, set if that is free. The spans of a class that have
//! free slots are a list; the lowest free slots of the first one are taken. A slot that has been taken is a live block or waits in a
//! cache. A span is given back when all of its slots are free, unless it is the only one of the list: the next malloc would make it
//! again.
//!
//! Invariants (checked by [`Spans::verify`]): a span is in its class's list if it has a free slot; `free` counts the bits; each
//! page of a span, and no other, has its number in `by_page`.
//!
//! Costs: O(1) for malloc and free; O(pages) where a span comes or goes, which are 32 at most.

use super::chunks::{self, Chunks};
use super::classes::{CLASS, CLASSES, Class, LENGTHS, SLOTS, UNIT};
use crate::heap::PAGE;
use crate::heap::ensure::ensure;
use crate::heap::segments::{Boxed, Segment};
use std::collections::TryReserveError;
use std::ops::Range;

/// The number of no span.
const NONE: u32 = u32::MAX;

/// Words of a span's bits.
const WORDS: usize = 4;

/// Pages whose spans' numbers are kept together.
const PAGES: usize = 1024;

/// A span.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Span {
    /// A bit for each slot: whether it is free.
    bits: [u64; WORDS],
    start: u64,
    /// The next and the previous span of the class's list.
    next: u32,
    previous: u32,
    free: u16,
    slots: u16,
    class: u8,
    length: u8,
    /// Bytes of a slot.
    size: u32,
    /// `units * reciprocal >> 31` is the number of the slot at an offset of `units` units.
    reciprocal: u32,
}

/// The spans of one class.
#[derive(Debug, Clone, Copy)]
struct List {
    /// The first span that has a free slot.
    first: u32,
    /// Spans of each length.
    lengths: [u32; LENGTHS],
}

/// All spans of a heap.
#[derive(Debug)]
pub(super) struct Spans {
    all: Vec<Span>,
    /// Places in `all` that can be used again.
    vacant: Vec<u32>,
    /// A list for each class, once there is a span.
    lists: Vec<List>,
    /// One more than the number of the span that a page belongs to, or 0.
    by_page: Chunks<u32, PAGES>,
    made: usize,
    /// How many spans have no live slot.
    spare: usize,
}

const _: () = assert!(WORDS as u64 * 64 == SLOTS, "a bit for each slot");
const _: () = assert!(SLOTS - 1 <= u8::MAX as u64, "the number of a slot in its span is a byte");

/// What [`Spans::verify`] has counted.
#[derive(Debug)]
pub(super) struct Counted {
    /// Slots that are live blocks.
    pub live: u64,
    /// Slots of each class that have been taken and are not live.
    pub cached: [usize; CLASSES],
    /// Pages of all spans.
    pub pages: u64,
}

/// Where a slot was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located {
    /// The number of its span, and its own in that.
    number: u32,
    slot: u8,
    /// The class of the span.
    pub class: u8,
}

impl Located {
    /// No slot.
    pub const NOWHERE: Self = Self { number: NONE, slot: 0, class: 0 };
}

/// What a slot that was given back has done to its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// The span has other live slots, or is kept.
    Slot,
    /// All of the span is free: it has to be given back, by [`Spans::remove`].
    Span,
}

#[allow(clippy::cast_possible_truncation, reason = "what is so large has been reserved, so it fits usize")]
fn place(page: u64) -> (usize, usize) {
    ((page / PAGES as u64) as usize, page as usize % PAGES)
}

impl Span {
    const VACANT: Self = Self {
        bits: [0; WORDS],
        start: 0,
        next: NONE,
        previous: NONE,
        free: 0,
        slots: 0,
        class: 0,
        length: 0,
        size: 0,
        reciprocal: 0,
    };

    /// The class of its slots.
    pub fn class(&self) -> &'static Class {
        &CLASS[usize::from(self.class)]
    }

    /// The span's offsets.
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + self.class().pages[usize::from(self.length)] * PAGE
    }

    /// Number of slots.
    pub fn slots(&self) -> u64 {
        u64::from(self.slots)
    }

    /// How many holes a span without a live slot is: its slots, and what is behind them.
    pub fn holes(&self) -> isize {
        isize::from(self.slots.cast_signed()) + isize::from(self.class().tail(usize::from(self.length)) > 0)
    }

    /// The number of the slot that holds an offset of the span, or the number of slots behind the last one.
    #[inline]
    fn slot_of(&self, offset: u64) -> u64 {
        ((offset - self.start) / UNIT * u64::from(self.reciprocal)) >> 31
    }

    /// The slot, or the tail, that holds an offset of the span. A slot is a hole here if it has not been taken.
    pub fn slot_at(&self, offset: u64) -> Segment {
        let (number, size) = (self.slot_of(offset), self.class().size);
        let start = self.start + number * size;
        if number < self.slots() {
            Segment { start, end: start + size, is_hole: self.is_free(number) }
        } else {
            Segment { start: self.start + self.slots() * size, end: self.range().end, is_hole: true }
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "below `SLOTS`")]
    #[inline]
    fn is_free(&self, slot: u64) -> bool {
        self.bits[slot as usize / 64] >> (slot % 64) & 1 == 1
    }
}

impl Spans {
    /// No spans.
    pub const fn new() -> Self {
        Self { all: Vec::new(), vacant: Vec::new(), lists: Vec::new(), by_page: Vec::new(), made: 0, spare: 0 }
    }

    /// Takes the lowest free slots of the first span of a class that has any, at most as many as `slots` is long. Returns how many
    /// it has written there, in order.
    pub fn take(&mut self, class: usize, slots: &mut [u64]) -> usize {
        let Some(number) = self.lists.get(class).map(|list| list.first) else { return 0 };
        let Some(span) = self.all.get_mut(number as usize) else { return 0 };
        self.spare -= usize::from(span.free == span.slots && !slots.is_empty());
        let mut taken = 0;
        for (word, bits) in span.bits.iter_mut().enumerate() {
            while *bits != 0
                && let Some(start) = slots.get_mut(taken)
            {
                let slot = word as u64 * 64 + u64::from(bits.trailing_zeros());
                *start = span.start + slot * u64::from(span.size);
                *bits &= *bits - 1;
                span.free -= 1;
                taken += 1;
            }
        }
        if span.free == 0 {
            self.unlist(number);
        }
        taken
    }

    /// Whether a span of a class has a free slot.
    pub fn has_free(&self, class: usize) -> bool {
        self.lists.get(class).is_some_and(|list| list.first != NONE)
    }

    /// Gives back the slot that starts at `start` and has been taken. `None`, and nothing has changed: there is none.
    pub fn give(&mut self, start: u64) -> Option<Given> {
        self.give_at(self.locate(start)?)
    }

    /// Finds the slot that starts at `start` and has been taken.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "below `SLOTS`")]
    pub fn locate(&self, start: u64) -> Option<Located> {
        let number = self.number_at(start)?;
        let span = &self.all[number as usize];
        let slot = span.slot_of(start);
        let is_taken = slot < span.slots() && !span.is_free(slot) && span.start + slot * u64::from(span.size) == start;
        is_taken.then_some(Located { number, slot: slot as u8, class: span.class })
    }

    /// Where a slot that was found starts.
    #[inline]
    pub fn start_of(&self, Located { number, slot, .. }: Located) -> u64 {
        let span = &self.all[number as usize];
        span.start + u64::from(slot) * u64::from(span.size)
    }

    /// Gives back a slot where it was found. `None`, and nothing has changed: it has been given back meanwhile.
    #[inline]
    pub fn give_at(&mut self, Located { number, slot, .. }: Located) -> Option<Given> {
        let span = &mut self.all[number as usize];
        if span.is_free(slot.into()) {
            return None;
        }
        span.bits[usize::from(slot) / 64] |= 1 << (slot % 64);
        span.free += 1;
        let (free, slots, class) = (span.free, span.slots, usize::from(span.class));
        if free == 1 {
            self.list(number);
        }
        if free < slots {
            return Some(Given::Slot);
        }
        self.spare += 1;
        let span = &self.all[number as usize];
        let is_only = self.lists[class].first == number && span.next == NONE;
        Some(if is_only { Given::Slot } else { Given::Span })
    }

    /// The span that a page belongs to.
    #[inline]
    pub fn at(&self, offset: u64) -> Option<&Span> {
        self.all.get(self.number_at(offset)? as usize)
    }

    #[inline]
    fn number_at(&self, offset: u64) -> Option<u32> {
        let (chunk, page) = place(offset / PAGE);
        let Some(Some([pages])) = self.by_page.get(chunk).map(Option::as_deref) else { return None };
        pages[page].checked_sub(1)
    }

    /// Pages of a new span of a class, from the most that it should have on: one for each time the class's pages have grown
    /// enough.
    pub fn lengths(&self, class: usize) -> impl Iterator<Item = usize> + use<> {
        let lengths = self.lists.get(class).map_or([0; LENGTHS], |list| list.lengths);
        let pages = CLASS[class].pages;
        let all: u64 = lengths.iter().zip(pages).map(|(&spans, pages)| u64::from(spans) * pages).sum();
        (0..LENGTHS)
            .rev()
            .filter(move |&length| length == 0 || (pages[length] > pages[length - 1] && pages[length] <= all / 16))
    }

    /// Number and start of the first span without a live slot, of the number `from` or a higher one. O(spans), and O(1) if there is none
    /// of any number.
    pub fn spare(&self, from: usize) -> Option<(usize, u64)> {
        if self.spare == 0 {
            return None;
        }
        let mut spans = self.all.iter().enumerate().skip(from);
        spans.find(|(_, span)| span.slots > 0 && span.free == span.slots).map(|(number, span)| (number, span.start))
    }

    /// Makes room for one more span, of `range`.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then that can be seen.
    pub fn reserve(&mut self, range: Range<u64>) -> Result<(), TryReserveError> {
        if self.lists.is_empty() {
            self.lists.try_reserve_exact(CLASSES)?;
            self.lists.resize(CLASSES, List { first: NONE, lengths: [0; LENGTHS] });
        }
        if self.vacant.is_empty() {
            if self.all.len() == self.all.capacity() {
                // Less than twice as many, which would be much of all bookkeeping, and no less than this: what is copied again and again
                // leaves holes in the memory that it came from.
                self.all.try_reserve_exact(self.all.len() / 2 + 8)?;
            }
            // Every span may be vacant one day.
            let missing = self.all.capacity().saturating_sub(self.vacant.len());
            self.vacant.try_reserve_exact(missing)?;
        }
        let (first, last) = (place(range.start / PAGE).0, place(range.end / PAGE - 1).0);
        chunks::reserve(&mut self.by_page, &mut self.made, first..=last)
    }

    /// Adds a span, all of its slots free, of pages from `start` on; room has been reserved. Returns it.
    #[allow(clippy::cast_possible_truncation, reason = "numbers of classes, lengths and slots are small")]
    pub fn insert(&mut self, start: u64, class: usize, length: usize) -> &Span {
        let slots = CLASS[class].slots(length) as u16;
        let mut bits = [0; WORDS];
        for slot in 0..usize::from(slots) {
            bits[slot / 64] |= 1 << (slot % 64);
        }
        let Class { size, reciprocal, .. } = CLASS[class];
        let span = Span {
            bits,
            start,
            free: slots,
            slots,
            class: class as u8,
            length: length as u8,
            size: size as u32,
            reciprocal,
            ..Span::VACANT
        };
        let number = if let Some(number) = self.vacant.pop() {
            self.all[number as usize] = span;
            number
        } else {
            self.all.push(span);
            self.all.len() as u32 - 1
        };
        self.set_pages(span.range(), number + 1);
        self.lists[class].lengths[length] += 1;
        self.spare += 1;
        self.list(number);
        &self.all[number as usize]
    }

    /// Takes the span that holds an offset, all of whose slots are free, out. Returns it.
    pub fn remove(&mut self, offset: u64) -> Option<Span> {
        let number = self.number_at(offset)?;
        self.unlist(number);
        let span = std::mem::replace(&mut self.all[number as usize], Span::VACANT);
        self.lists[usize::from(span.class)].lengths[usize::from(span.length)] -= 1;
        self.spare -= 1;
        self.set_pages(span.range(), 0);
        self.vacant.push(number);
        Some(span)
    }

    fn set_pages(&mut self, range: Range<u64>, number: u32) {
        for page in range.start / PAGE..range.end / PAGE {
            let (chunk, page) = place(page);
            if let Some(Some([pages])) = self.by_page.get_mut(chunk).map(Option::as_deref_mut) {
                pages[page] = number;
            }
        }
    }

    /// Puts a span first in the list of its class.
    fn list(&mut self, number: u32) {
        let span = &mut self.all[number as usize];
        let first = &mut self.lists[usize::from(span.class)].first;
        (span.next, span.previous) = (*first, NONE);
        let next = std::mem::replace(first, number);
        if let Some(next) = self.all.get_mut(next as usize) {
            next.previous = number;
        }
    }

    /// Takes a span out of the list of its class.
    fn unlist(&mut self, number: u32) {
        let Span { next, previous, class, .. } = self.all[number as usize];
        match self.all.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.lists[usize::from(class)].first = next,
        }
        if let Some(next) = self.all.get_mut(next as usize) {
            next.previous = previous;
        }
    }

    /// The size of the largest free slot, or of what is behind the slots of a span; 0 if there is none. O(classes).
    pub fn largest_hole(&self) -> u64 {
        let of_class = |(class, list): (&Class, &List)| {
            let tails = (0..LENGTHS).filter(|&length| list.lengths[length] > 0).map(|length| class.tail(length));
            tails.chain((list.first != NONE).then_some(class.size)).max()
        };
        CLASS.iter().zip(&self.lists).filter_map(of_class).max().unwrap_or(0)
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Span>()
            + self.vacant.capacity() * size_of::<u32>()
            + self.lists.capacity() * size_of::<List>()
            + self.by_page.capacity() * size_of::<Option<Boxed<[u32; PAGES]>>>()
            + self.made * size_of::<[u32; PAGES]>()
    }

    /// Checks lists, counts and pages; `is_live` says whether the slot at an offset is a live block of a class. Returns how many
    /// slots of each class are live, and how many have been taken and are not live, and the pages of all spans. O(slots).
    pub fn verify(&self, is_live: impl Fn(u64, usize) -> bool) -> Result<Counted, String> {
        let mut counted = Counted { live: 0, cached: [0; CLASSES], pages: 0 };
        let mut listed = 0;
        for (class, list) in self.lists.iter().enumerate() {
            let (mut number, mut previous) = (list.first, NONE);
            while let Some(span) = self.all.get(number as usize) {
                ensure!(
                    span.previous == previous && usize::from(span.class) == class && span.free > 0,
                    "the span at {} does not belong where it is listed",
                    span.start
                );
                listed += 1;
                ensure!(listed <= self.all.len(), "the spans of class {class} are listed in a circle");
                (number, previous) = (span.next, number);
            }
        }
        let (mut with_free, mut spare, mut lengths) = (0, 0, [[0; LENGTHS]; CLASSES]);
        for (number, span) in self.all.iter().enumerate().filter(|span| span.1.slots > 0) {
            let free = span.bits.iter().map(|word| word.count_ones()).sum::<u32>();
            ensure!(
                free == u32::from(span.free),
                "the span at {} counts {} free slots, not {free}",
                span.start,
                span.free
            );
            for slot in 0..span.slots() {
                let start = span.start + slot * span.class().size;
                let is_live = is_live(start, usize::from(span.class));
                ensure!(!is_live || !span.is_free(slot), "the slot at {start} is both live and free");
                counted.live += u64::from(is_live);
                counted.cached[usize::from(span.class)] += usize::from(!is_live && !span.is_free(slot));
            }
            for page in span.range().step_by(4096) {
                ensure!(self.number_at(page) == u32::try_from(number).ok(), "the page at {page} is not its span's");
            }
            with_free += usize::from(span.free > 0);
            spare += usize::from(span.free == span.slots);
            counted.pages += (span.range().end - span.start) / PAGE;
            lengths[usize::from(span.class)][usize::from(span.length)] += 1;
        }
        ensure!(with_free == listed, "{with_free} spans have free slots, {listed} are listed");
        ensure!(spare == self.spare, "{spare} spans have no live slot, {} are counted", self.spare);
        let in_lists = self.lists.iter().map(|list| list.lengths);
        ensure!(self.lists.is_empty() || in_lists.eq(lengths), "spans are counted that are not there");
        Ok(counted)
    }
}
