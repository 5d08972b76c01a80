//! The fronts of a heap, one for each thread whose JavaScript calls it often, and the slots that pass between them and the spans.
//!
//! Slots in a front are out of their spans and counted as live, as those in caches are. A front changes while the heap is not locked:
//!
//! - A heap that one thread alone knows has one front at most, and nobody else looks at it.
//! - Once several threads use a heap, its states say who has a slot. (Those that JavaScript is shown: `States::in_table_below`.) JavaScript frees a block by compare-exchange of the block's state
//!   with 0, and so does the addon: of all who free one block at once, one finds the state as it was, and has the slot. A slot that
//!   somebody has, by that or off a stack, is in nobody else's hands until its state is written, or it is given back under the
//!   heap's lock. So no slot is handed out twice, and none is lost. What the addon needs a block for, in several steps under the lock,
//!   it claims first (`states.rs`).
//! - Sums over the fronts of others are those of no one moment while these work, and exact when they do not.
//!
//! A slot is taken back only if its span knows it as taken and no block is live there; otherwise the front is spoiled, and its slots
//! are lost to the heap.
//!
//! Costs: O(1) for each slot that is lent or taken back; O(fronts) to find one of them.

use super::Segregated;
use super::caches::ROOM;
use super::classes::{CLASS, CLASSES, UNIT};
use super::front::{Front, FrontFailed, MOST_UNIT, STEP};
use super::slots::Dropped;
use super::spans::{Given, Located};
use crate::heap::engine::{Engine, Freed, Taken, Waiting};
use crate::table::{AtomicU32, Table};
use std::collections::TryReserveError;
use std::sync::atomic::AtomicU32 as Counter;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::ThreadId;

/// Most fronts of a heap. Other threads do without.
const MOST_FRONTS: usize = 64;

/// The fronts of a heap.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    all: Vec<Front>,
}

/// How many fronts this process has made. Their numbers differ in all heaps: after the end of a default heap, what JavaScript has of
/// its front must name none of the next one.
static MADE: Counter = Counter::new(0);

impl Fronts {
    /// All fronts.
    pub fn iter(&self) -> impl Iterator<Item = &Front> {
        self.all.iter()
    }

    /// The place of the front of a number.
    fn place(&self, number: u32) -> Option<usize> {
        self.all.iter().position(|front| front.number == number)
    }

    /// The place of the front of a thread.
    fn place_of(&self, thread: ThreadId) -> Option<usize> {
        self.all.iter().position(|front| front.thread == thread)
    }

    /// Makes room for one more front.
    ///
    /// # Errors
    /// If there is no memory.
    fn reserve(&mut self) -> Result<(), TryReserveError> {
        self.all.try_reserve(1)
    }

    /// What waits in all fronts, and what they have done.
    pub fn waiting(&self) -> Waiting {
        self.iter().fold(Waiting::default(), |sum, front| sum + front.waiting())
    }

    /// By how much padding there is more than has been added up.
    pub fn padding(&self) -> i64 {
        self.iter().fold(0, |sum: i64, front| sum.wrapping_add(front.padding()))
    }

    /// [`Front::activity`] of all fronts, in sum. `None`: one of them is in the middle of a call.
    pub fn activity(&self) -> Option<(u64, u64)> {
        self.iter().try_fold((0_u64, 0_u64), |(mallocs, tops), front| {
            let (more, others) = front.activity()?;
            // The first only grows, and so does the second while the first stays, so equal sums are sums of equals.
            Some((mallocs.wrapping_add(more), tops.wrapping_add(others)))
        })
    }

    /// Ends all fronts.
    pub fn end(&mut self) {
        self.all.clear();
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Front>()
    }
}

impl Segregated {
    /// Makes the front of a thread in `words`, which are zeros, in place of the one that it may have. `shared`: other threads may have
    /// fronts from now on. Returns its number. `None`: there are too many fronts, or there is no memory for it.
    pub fn begin_front(&mut self, words: Table<AtomicU32>, thread: ThreadId, shared: bool) -> Option<u32> {
        debug_assert!(self.fronts.place_of(thread).is_none(), "the last one has ended");
        if self.fronts.all.len() >= MOST_FRONTS {
            return None;
        }
        self.fronts.reserve().ok()?;
        let made = MADE.fetch_update(Relaxed, Relaxed, |made| made.checked_add(1)).ok()?;
        let number = made + 1;
        let front = Front::new(words, number, thread, shared)?;
        front.show(self.states_shown());
        self.fronts.all.push(front);
        if shared {
            self.states.share();
            self.limit_quick();
        }
        Some(number)
    }

    /// Whether there is a front of that number.
    pub fn has_front(&self, number: u32) -> bool {
        self.fronts.place(number).is_some()
    }

    /// Lets all fronts rest: only their own threads can end them.
    pub fn rest_fronts(&self) {
        self.fronts.iter().for_each(Front::rest);
    }

    /// Lets all fronts work again, whose threads have made no call meanwhile.
    pub fn wake_fronts(&self) {
        self.fronts.iter().for_each(Front::wake);
    }

    /// Whether there is a front.
    pub fn has_fronts(&self) -> bool {
        !self.fronts.all.is_empty()
    }

    /// Ends all fronts, with the heap.
    pub fn end_fronts(&mut self) {
        self.fronts.end();
        if let Some(word) = self.elsewhere.first() {
            // No block is in the first region any more.
            word.store(0, Relaxed);
        }
    }

    /// Notes that memory from the offset `end` on is not in the first region.
    pub fn limit_fronts(&self, end: u64) {
        if let Some(word) = self.elsewhere.first() {
            // JavaScript reaches no state of units that do not fit.
            let unit = u32::try_from(end / UNIT + STEP).unwrap_or(MOST_UNIT).min(MOST_UNIT);
            word.store(unit, Relaxed);
        }
    }

    /// How many bytes of states JavaScript may look at, from its first on: as many as the heap has, and for some more growth.
    pub fn states_shown(&self) -> u64 {
        self.states.in_table_below(self.end().next_power_of_two()) + STEP
    }

    /// Adds up what the front at a place has counted, which is of the running thread.
    fn settle(&mut self, place: usize) {
        let front = &self.fronts.all[place];
        self.total_padding = self.total_padding.wrapping_add_signed(front.padding());
        front.settle();
    }

    /// Lends a front slots of a class, as many as half of its stack holds. `None`: there is no run of pages for a span, or no such
    /// front, and nothing has changed.
    pub fn fill_front(&mut self, number: u32, class: usize) -> Result<Option<Taken>, FrontFailed> {
        let Some(place) = self.fronts.place(number) else { return Ok(None) };
        if class >= CLASSES {
            return Err(FrontFailed::Corrupt);
        }
        self.settle(place);
        let mapped = self.end();
        let front = &mut self.fronts.all[place];
        let present = front.len(class)?;
        let wanted = (front.grow(class, mapped) / 2).max(1).saturating_sub(present);
        let mut slots = [0; ROOM];
        let Some((taken, holes)) = self.take_from_spans(class, &mut slots[..wanted])? else { return Ok(None) };
        let shown = self.states_shown();
        let slots = &slots[..taken];
        // The lowest of a span last, which is taken first.
        let lent = self.fronts.all[place].push(class, present, slots.iter().rev().copied(), shown);
        if lent < taken {
            let hidden = slots.iter().filter(|&&slot| !Front::shows(class, slot, shown));
            hidden.for_each(|&slot| _ = self.spans.give(slot));
        }
        Ok(Some(Taken { start: 0, block: 0, size: lent as u64 * CLASS[class].size, holes: holes - lent.cast_signed() }))
    }

    /// Takes the older half of the slots of a class back from a front, until all slots of one span are free. `None`: the front may
    /// hold more of them by now, or there is no such front.
    pub fn flush_front(&mut self, number: u32, class: usize) -> Result<Option<Freed>, FrontFailed> {
        let Some(place) = self.fronts.place(number) else { return Ok(None) };
        if class >= CLASSES {
            return Err(FrontFailed::Corrupt);
        }
        self.settle(place);
        let (mapped, shown) = (self.end(), self.states_shown());
        let front = &mut self.fronts.all[place];
        front.show(shown);
        let len = front.len(class)?;
        if len < front.grow(class, mapped) {
            return Ok(None);
        }
        self.take_back(place, class, len.div_ceil(2)).map(Some)
    }

    /// Takes slots of a class back from a front, those that were put there first: at most `most`, and only until all slots of one
    /// span are free.
    fn take_back(&mut self, place: usize, class: usize, most: usize) -> Result<Freed, FrontFailed> {
        let size = CLASS[class].size;
        let mut freed = Freed { size: 0, pages: (0, 0), hole: (0, 0), holes: 0 };
        let front = &self.fronts.all[place];
        let len = front.len(class)?;
        let mut slots = [Located::NOWHERE; ROOM];
        let slots = &mut slots[..most.min(len)];
        // The span says that there is such a slot, of this class, and that it was taken: of all, before any is given back.
        for (at, located) in slots.iter_mut().enumerate() {
            let slot = front.slot(class, at)?;
            let found = self.spans.locate(slot).filter(|found| usize::from(found.class) == class);
            *located = found.filter(|_| self.states.get(slot).is_none()).ok_or(FrontFailed::Corrupt)?;
        }
        let mut given = 0;
        for &mut located in slots {
            given += 1;
            // A slot that is there twice is given back once.
            let Some(result) = self.spans.give_at(located) else { continue };
            let slot = self.spans.start_of(located);
            freed.size += size;
            freed.holes += 1;
            (freed.pages, freed.hole) = ((slot, slot + size), (slot, slot + size));
            if result == Given::Span
                && let Some(Dropped { pages, hole, holes }) = self.drop_span(slot)
            {
                (freed.pages, freed.hole) = (pages, hole);
                freed.holes += holes;
                break;
            }
        }
        self.fronts.all[place].drop_oldest(class, given, len);
        Ok(freed)
    }

    /// Takes all slots back from the front of a thread, which is the running one. Returns their bytes, and how many more holes there
    /// are. What cannot be taken back is left there.
    pub fn empty_front(&mut self, thread: ThreadId) -> (u64, isize) {
        let (mut bytes, mut holes) = (0, 0);
        let Some(place) = self.fronts.place_of(thread) else { return (0, 0) };
        self.settle(place);
        for class in 0..CLASSES {
            while self.fronts.all[place].len(class).is_ok_and(|len| len > 0) {
                let Ok(freed) = self.take_back(place, class, ROOM) else { break };
                bytes += freed.size;
                holes += freed.holes;
            }
        }
        (bytes, holes)
    }

    /// Ends the front of a thread, from which all slots have been taken back. Returns what it has done.
    /// `None`: the thread has none.
    pub fn end_front(&mut self, thread: ThreadId) -> Option<Waiting> {
        let place = self.fronts.place_of(thread)?;
        self.settle(place);
        Some(self.fronts.all.swap_remove(place).waiting())
    }
}

#[cfg(all(test, feature = "c-abi", not(loom)))]
#[path = "fronts_tests.rs"]
mod tests;
