//! A front: free slots in memory that JavaScript reaches, so that it takes and frees blocks without leaving it (`lib/front.js`).
//!
//! ```text
//!  words  0..2        a double: how many blocks the front has handed out
//!         2           a whole number: by how much padding there is more because of it, since it was last added up
//!         3           how many states JavaScript may look at
//!         6           the first unit whose memory is not in the heap's first region
//!         64 + class  where the stack of the class ends: its top
//!         128 + class where it ends when it is full
//!         192 + 64 n  the stack of class n: units from the first address on, as JavaScript counts them (`STEP` more)
//! ```
//!
//! Slots in a front are out of their spans and counted as live, as those in caches are. The front is its thread's own: it changes
//! while the heap is not locked, so nobody but that thread may use the heap meanwhile, except to look at its numbers.
//!
//! What is in the words is not trusted. A top is checked, and a slot is taken back only if its span knows it as taken and no block
//! is live there; otherwise the front is [`Corrupt`], and its slots are lost to the heap. A program that writes nonsense there
//! spoils its own heap and nothing else.
//!
//! Costs: O(1) for each slot that is lent or taken back.

use super::Segregated;
use super::caches::{ROOM, most};
use super::classes::{CLASS, CLASSES, UNIT};
use super::slots::Dropped;
use super::spans::Given;
use crate::heap::engine::{Engine, Freed, NoMetadata, Taken};
use crate::table::Table;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// What JavaScript counts units from: an address is sixteen times its unit, and 8.
pub(super) const STEP: u64 = 62;

/// Words of a front.
const WORDS: usize = STACKS + PLACES * CLASSES;

const PADDING: usize = 2;
const STATES: usize = 3;
const ELSEWHERE: usize = 6;
const TOPS: usize = 64;
const LIMITS: usize = 128;
const STACKS: usize = 192;

/// The largest unit that JavaScript numbers without a double.
const MOST_UNIT: u32 = (1 << 31) - 1;

const _: () = assert!(super::STATES_AT_HAND + STEP <= MOST_UNIT as u64, "a unit is a number of 31 bits");

/// Words of a stack.
const PLACES: usize = 64;

/// Slots that a stack may hold at first.
const FIRST: usize = 8;

/// The words of a front hold what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Corrupt;

/// The front of a heap.
#[derive(Debug)]
pub(super) struct Front {
    words: Table<AtomicU32>,
    /// How many slots a stack may hold, by class.
    limits: [u8; CLASSES],
    /// How many more slots have been lent than taken back: negative if the front has freed blocks that it had not handed out.
    lent: i64,
}

#[allow(clippy::cast_possible_truncation, reason = "a front has fewer words")]
const fn word(index: usize) -> u32 {
    index as u32
}

/// Where the stack of a class begins.
const fn base(class: usize) -> usize {
    STACKS + PLACES * class
}

impl Front {
    /// A front without slots, in words that are zeros. `None`: there are too few.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn new(words: Table<AtomicU32>) -> Option<Self> {
        if words.len() < WORDS {
            return None;
        }
        let limits = std::array::from_fn(|class| most(class, 0).min(FIRST) as u8);
        for (class, &limit) in limits.iter().enumerate() {
            words[TOPS + class].store(word(base(class)), Relaxed);
            words[LIMITS + class].store(word(base(class) + usize::from(limit)), Relaxed);
        }
        Some(Self { words, limits, lent: 0 })
    }

    /// How many slots of a class wait, as the words have it.
    fn len(&self, class: usize) -> Result<usize, Corrupt> {
        let top = self.words[TOPS + class].load(Relaxed) as usize;
        top.checked_sub(base(class)).filter(|&len| len <= ROOM).ok_or(Corrupt)
    }

    fn set_len(&self, class: usize, len: usize) {
        self.words[TOPS + class].store(word(base(class) + len), Relaxed);
    }

    /// The offset of a slot that waits.
    fn slot(&self, class: usize, at: usize) -> Result<u64, Corrupt> {
        let unit = u64::from(self.words[base(class) + at].load(Relaxed));
        unit.checked_sub(STEP).map(|unit| unit * UNIT).ok_or(Corrupt)
    }

    /// Lets a stack hold twice as many slots from now on, or as many as it may in a heap of `mapped` bytes. Returns how many.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    fn grow(&mut self, class: usize, mapped: u64) -> usize {
        let limit = (2 * usize::from(self.limits[class])).min(most(class, mapped));
        self.limits[class] = limit as u8;
        self.words[LIMITS + class].store(word(base(class) + limit), Relaxed);
        limit
    }

    /// Bytes of all slots that wait, and their number. O(classes).
    pub fn waiting(&self) -> (u64, usize) {
        (0..CLASSES).fold((0, 0), |(bytes, slots), class| {
            let len = self.len(class).unwrap_or(0);
            (bytes + len as u64 * CLASS[class].size, slots + len)
        })
    }

    /// How many blocks it has handed out, and how many it has freed.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number, unless the words are spoiled"
    )]
    pub fn calls(&self) -> (u64, u64) {
        let [low, high] = [0, 1].map(|index| u64::from(self.words[index].load(Relaxed)));
        let mallocs = (f64::from_bits(low | high << 32) as u64).min(1 << 53);
        // A slot that was lent, and neither waits nor was taken back, is a block that was handed out and not freed.
        let out = self.lent - self.waiting().1.cast_signed() as i64;
        (mallocs, mallocs.saturating_add_signed(out.saturating_neg()))
    }

    /// By how much padding there is more than has been added up.
    pub fn padding(&self) -> i32 {
        self.words[PADDING].load(Relaxed).cast_signed()
    }

    /// Whether a slot of a class waits, the largest of which has so many bytes; 0 if none does.
    pub fn largest_slot(&self) -> u64 {
        let waits = |class: &usize| self.len(*class).is_ok_and(|len| len > 0);
        (0..CLASSES).rev().find(waits).map_or(0, |class| CLASS[class].size)
    }

    /// The offsets of all slots of a class that wait.
    pub fn slots(&self, class: usize) -> Result<Vec<u64>, String> {
        let all = || (0..self.len(class)?).map(|at| self.slot(class, at)).collect::<Result<_, _>>();
        all().map_err(|Corrupt| format!("the stack of class {class} in the front is none"))
    }
}

impl Segregated {
    /// Makes a front in `words`, which are zeros. Returns whether it has.
    pub fn begin_front(&mut self, words: Table<AtomicU32>) -> bool {
        debug_assert!(self.front.is_none());
        self.front = Front::new(words);
        self.front.is_some()
    }

    /// Whether there is a front.
    pub fn has_front(&self) -> bool {
        self.front.is_some()
    }

    /// Notes that memory from the offset `end` on is not in the first region.
    pub fn limit_front(&self, end: u64) {
        if let Some(front) = &self.front {
            // JavaScript reaches no state of units that do not fit.
            let unit = u32::try_from(end / UNIT + STEP).unwrap_or(MOST_UNIT).min(MOST_UNIT);
            front.words[ELSEWHERE].store(unit, Relaxed);
        }
    }

    /// How many bytes of states JavaScript may look at, from its first on.
    pub fn states_shown(&self) -> u64 {
        self.states.in_table_below(self.end()) + STEP
    }

    /// Adds up what the front has counted.
    pub(super) fn settle_front(&mut self) {
        let Some(front) = &self.front else { return };
        let padding = front.padding();
        front.words[PADDING].store(0, Relaxed);
        self.total_padding = self.total_padding.wrapping_add_signed(padding.into());
    }

    /// Lends the front slots of a class, as many as half of its stack holds. `None`: there is no run of pages for a span, and nothing
    /// has changed.
    pub fn fill_front(&mut self, class: usize) -> Result<Option<Taken>, FrontFailed> {
        self.settle_front();
        let (mapped, shown) = (self.end(), self.states_shown());
        let Some(front) = self.front.as_mut() else { return Ok(None) };
        if class >= CLASSES {
            return Err(FrontFailed::Corrupt);
        }
        let present = front.len(class)?;
        let wanted = (front.grow(class, mapped) / 2).max(1).saturating_sub(present);
        let mut slots = [0; ROOM];
        let Some((taken, holes)) = self.take_from_spans(class, &mut slots[..wanted])? else { return Ok(None) };
        let Some(front) = self.front.as_mut() else { return Ok(None) };
        let mut len = present;
        // The lowest last, which is taken first.
        for &slot in slots[..taken].iter().rev() {
            match u32::try_from(slot / UNIT + STEP) {
                Ok(unit) if u64::from(unit) + CLASS[class].size / UNIT <= shown => {
                    front.words[base(class) + len].store(unit, Relaxed);
                    len += 1;
                }
                // What is so far off has its state elsewhere.
                _ => drop(self.spans.give(slot)),
            }
        }
        front.set_len(class, len);
        let lent = (len - present) as u64;
        front.lent = front.lent.wrapping_add_unsigned(lent);
        front.words[STATES].store(u32::try_from(shown).unwrap_or(u32::MAX), Relaxed);
        Ok(Some(Taken { start: 0, size: lent * CLASS[class].size, holes: holes - (len - present).cast_signed() }))
    }

    /// Takes the older half of the slots of a class back from the front, until all slots of one span are free. `None`: the front may
    /// hold more of them by now.
    pub fn flush_front(&mut self, class: usize) -> Result<Option<Freed>, FrontFailed> {
        self.settle_front();
        let mapped = self.end();
        let Some(front) = self.front.as_mut() else { return Ok(None) };
        if class >= CLASSES {
            return Err(FrontFailed::Corrupt);
        }
        let len = front.len(class)?;
        if len < front.grow(class, mapped) {
            return Ok(None);
        }
        self.take_back(class, len.div_ceil(2)).map(Some)
    }

    /// Takes slots of a class back from the front, those that were put there first: at most `most`, and only until all slots of one
    /// span are free.
    fn take_back(&mut self, class: usize, most: usize) -> Result<Freed, FrontFailed> {
        let size = CLASS[class].size;
        let mut freed = Freed { size: 0, pages: (0, 0), hole: (0, 0), holes: 0 };
        let front = self.front.as_ref().ok_or(FrontFailed::Corrupt)?;
        let len = front.len(class)?;
        let mut slots = [0; ROOM];
        for (at, slot) in slots[..len].iter_mut().enumerate() {
            *slot = front.slot(class, at)?;
        }
        // The span checks that there is such a slot, of this class, and that it was taken: of all, before any is given back.
        for &slot in &slots[..most.min(len)] {
            let span = self.spans.at(slot).filter(|span| span.class().size == size);
            let is_taken = span.is_some_and(|span| span.slot_at(slot).start == slot && !span.slot_at(slot).is_hole);
            if !is_taken || self.states.get(slot).is_some() {
                return Err(FrontFailed::Corrupt);
            }
        }
        let mut given = 0;
        while given < most.min(len) {
            let slot = slots[given];
            given += 1;
            // A slot that is there twice is given back once.
            let Some(result) = self.spans.give(slot) else { continue };
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
        if let Some(front) = self.front.as_mut() {
            for (at, &slot) in slots[given..len].iter().enumerate() {
                let unit = u32::try_from(slot / UNIT + STEP).map_err(|_| FrontFailed::Corrupt)?;
                front.words[base(class) + at].store(unit, Relaxed);
            }
            front.set_len(class, len - given);
            front.lent = front.lent.wrapping_sub_unsigned(given as u64);
        }
        Ok(freed)
    }

    /// Takes all slots back from the front. Returns their bytes, and how many more holes there are. What cannot be taken back is left
    /// there.
    pub fn empty_front(&mut self) -> (u64, isize) {
        self.settle_front();
        let (mut bytes, mut holes) = (0, 0);
        for class in 0..CLASSES {
            while self.front.as_ref().is_some_and(|front| front.len(class).is_ok_and(|len| len > 0)) {
                let Ok(freed) = self.take_back(class, ROOM) else { break };
                bytes += freed.size;
                holes += freed.holes;
            }
        }
        (bytes, holes)
    }

    /// Ends the front, from which all slots have been taken back. Returns how many blocks it has handed out, and how many it has freed.
    pub fn end_front(&mut self) -> (u64, u64) {
        self.settle_front();
        let Some(front) = self.front.take() else { return (0, 0) };
        let calls = front.calls();
        // JavaScript that still has the words finds all stacks both empty and full, and has to call.
        for class in 0..CLASSES {
            front.words[TOPS + class].store(word(base(class)), Relaxed);
            front.words[LIMITS + class].store(word(base(class)), Relaxed);
        }
        calls
    }
}

/// Why a front gets or gives no slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum FrontFailed {
    /// There is no front, or its words are spoiled.
    Corrupt,
    /// There is no memory for the bookkeeping. Nothing has changed.
    NoMetadata,
}

impl From<Corrupt> for FrontFailed {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

impl From<NoMetadata> for FrontFailed {
    fn from(_: NoMetadata) -> Self {
        Self::NoMetadata
    }
}
