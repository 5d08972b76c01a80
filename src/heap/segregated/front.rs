//! A front: free slots in memory that JavaScript reaches, so that it takes and frees blocks without leaving it (`lib/front.js`).
//! `fronts.rs`: those of a heap, and what passes between them and the spans.
//!
//! ```text
//!  words  0..2        a double: how many blocks the front has handed out
//!         3           how many states JavaScript may look at
//!         4           not 0 once the front rests, since the heap records: there may be another later
//!         7           not 0 while JavaScript is in the middle of a call, in heaps that several threads use
//!         8, 9        a double: by how much padding there is more because of it, since it was last added up
//!         10          in heaps of one thread: how many blocks more, times `CALL`, and how many units they have; and
//!         11          by how much padding more. Whole numbers take less time than doubles, and are added to these before they are
//!                     too large
//!         12, 13      a double: the bytes of all blocks that the front has handed out
//!         64 + class  where the stack of the class ends: its top; 0 when the front has ended, in heaps of one thread
//!         128 + class where it ends when it is full; 0 when the front has ended
//!         192 + 64 n  the stack of class n: units from the first address on, as JavaScript counts them (`STEP` more)
//! ```
//!
//! Invariant: one thread writes the words, by JavaScript or in a call of it. Others only read them, and let the front rest or
//! end it, by writing word 4 and zeros to the limits, which JavaScript never writes; when the heap ends, all words may become zeros. The front of a heap of one
//! thread is ended by that thread, by zeros in the tops as well, so that a malloc there needs not look at the limits.
//!
//! What is in the words is not trusted: a program that writes nonsense there spoils its own heap and nothing else.
//!
//! Costs: O(1), and O(classes) for sums.

use super::caches::{ROOM, most};
use super::classes::{CLASS, CLASSES, UNIT};
use crate::heap::engine::{NoMetadata, Waiting};
use crate::table::{AtomicU32, Table};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::thread::ThreadId;

/// What JavaScript counts units from: an address is sixteen times its unit, and 8.
pub(super) const STEP: u64 = 62;

/// Words of a front.
const WORDS: usize = STACKS + PLACES * CLASSES;

const MALLOCS: usize = 0;
const STATES: usize = 3;
const RESTING: usize = 4;
const BUSY: usize = 7;
const PADDING: usize = 8;
const COUNT: usize = 10;
const MORE: usize = 11;
const ALLOCATED: usize = 12;

/// What a block adds to the word 10, beside its units.
const CALL: u64 = 2_097_152;
const TOPS: usize = 64;
const LIMITS: usize = 128;
const STACKS: usize = 192;

/// The largest unit that JavaScript numbers without a double.
pub(super) const MOST_UNIT: u32 = (1 << 31) - 1;

const _: () = assert!(super::STATES_AT_HAND + STEP <= MOST_UNIT as u64, "a unit is a number of 31 bits");

/// Words of a stack.
const PLACES: usize = 64;

/// Slots that a stack may hold at first.
const FIRST: usize = 8;

/// The words of a front hold what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Corrupt;

/// The front of one thread.
#[derive(Debug)]
pub(super) struct Front {
    words: Table<AtomicU32>,
    /// What JavaScript names the front by. Another front never has the same number.
    pub number: u32,
    /// The thread whose JavaScript uses the front.
    pub thread: ThreadId,
    /// Whether other threads may use the heap.
    is_shared: bool,
    /// How many slots a stack may hold, by class.
    limits: [u8; CLASSES],
    /// How many more slots have been lent than taken back: negative if the front has freed blocks that it had not handed out.
    lent: i64,
}

#[allow(clippy::cast_possible_truncation, reason = "a front has fewer words")]
const fn word(index: usize) -> u32 {
    index as u32
}

/// The unit of a slot that is shown, as JavaScript counts it.
#[allow(clippy::cast_possible_truncation, reason = "at most `MOST_UNIT`")]
const fn shown_unit(slot: u64) -> u32 {
    (slot / UNIT + STEP) as u32
}

/// Where the stack of a class begins.
const fn base(class: usize) -> usize {
    STACKS + PLACES * class
}

impl Front {
    /// A front without slots, in words that are zeros. `None`: there are too few.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn new(words: Table<AtomicU32>, number: u32, thread: ThreadId, is_shared: bool) -> Option<Self> {
        if words.len() < WORDS {
            return None;
        }
        let limits = std::array::from_fn(|class| most(class, 0).min(FIRST) as u8);
        for (class, &limit) in limits.iter().enumerate() {
            words[TOPS + class].store(word(base(class)), Relaxed);
            words[LIMITS + class].store(word(base(class) + usize::from(limit)), Relaxed);
        }
        Some(Self { words, number, thread, is_shared, limits, lent: 0 })
    }

    /// How many slots of a class wait, as the words have it.
    pub fn len(&self, class: usize) -> Result<usize, Corrupt> {
        let top = self.words[TOPS + class].load(Relaxed) as usize;
        top.checked_sub(base(class)).filter(|&len| len <= ROOM).ok_or(Corrupt)
    }

    /// The offset of a slot that waits.
    pub fn slot(&self, class: usize, at: usize) -> Result<u64, Corrupt> {
        let unit = u64::from(self.words[base(class) + at].load(Relaxed));
        unit.checked_sub(STEP).map(|unit| unit * UNIT).ok_or(Corrupt)
    }

    /// Whether the states of a slot are among the `shown` that JavaScript may look at.
    pub fn shows(class: usize, slot: u64, shown: u64) -> bool {
        slot / UNIT + STEP + CLASS[class].size / UNIT <= shown.min(MOST_UNIT.into())
    }

    /// Adds slots to a stack that has `len` of them. A slot that the front does not show is left out. Returns how many have been added.
    pub fn push(&mut self, class: usize, len: usize, slots: impl Iterator<Item = u64>, shown: u64) -> usize {
        let mut now = len;
        for slot in slots {
            if Self::shows(class, slot, shown) && now < ROOM {
                self.words[base(class) + now].store(shown_unit(slot), Relaxed);
                now += 1;
            }
        }
        self.set_len(class, now);
        self.show(shown);
        self.lent = self.lent.wrapping_add_unsigned((now - len) as u64);
        now - len
    }

    /// Drops the `gone` slots that were put on a stack first, of the `len` that it has.
    pub fn drop_oldest(&mut self, class: usize, gone: usize, len: usize) {
        for at in gone..len {
            let unit = self.words[base(class) + at].load(Relaxed);
            self.words[base(class) + at - gone].store(unit, Relaxed);
        }
        self.set_len(class, len - gone);
        self.lent = self.lent.wrapping_sub_unsigned(gone as u64);
    }

    fn set_len(&self, class: usize, len: usize) {
        self.words[TOPS + class].store(word(base(class) + len), Relaxed);
    }

    /// Lets JavaScript look at so many states.
    pub fn show(&self, states: u64) {
        self.words[STATES].store(u32::try_from(states).unwrap_or(u32::MAX), Relaxed);
    }

    /// Lets a stack hold twice as many slots from now on, or as many as it may in a heap of `mapped` bytes. Returns how many.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn grow(&mut self, class: usize, mapped: u64) -> usize {
        let limit = (2 * usize::from(self.limits[class])).min(most(class, mapped));
        self.limits[class] = limit as u8;
        self.words[LIMITS + class].store(word(base(class) + limit), Relaxed);
        limit
    }

    /// Lets no call of JavaScript that begins from now on take or free a block here. What waits stays until the front's thread ends it.
    pub fn rest(&self) {
        self.words[RESTING].store(1, Relaxed);
        for class in 0..CLASSES {
            self.words[LIMITS + class].store(0, Relaxed);
        }
    }

    /// Lets JavaScript take and free blocks here again.
    pub fn wake(&self) {
        for (class, &limit) in self.limits.iter().enumerate() {
            self.words[LIMITS + class].store(word(base(class) + usize::from(limit)), Relaxed);
        }
        self.words[RESTING].store(0, Relaxed);
    }

    /// What waits, and how many blocks the front has handed out and freed. O(classes).
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number, unless the words are spoiled"
    )]
    pub fn waiting(&self) -> Waiting {
        let (bytes, slots) = (0..CLASSES).fold((0, 0), |(bytes, slots), class| {
            let len = self.len(class).unwrap_or(0);
            (bytes + len as u64 * CLASS[class].size, slots + len)
        });
        // JavaScript counts a block before it takes the slot, so what is read last has no fewer blocks than were handed out.
        let count = u64::from(self.words[COUNT].load(Relaxed));
        let sum = |at, more| (f64::from_bits(self.double(at)) as u64).saturating_add(more).min(1 << 53);
        let mallocs = sum(MALLOCS, count / CALL);
        let allocated = sum(ALLOCATED, count % CALL * UNIT);
        // A slot that was lent, and neither waits nor was taken back, is a block that was handed out and not freed.
        let out = self.lent - slots.cast_signed() as i64;
        let frees = mallocs.saturating_add_signed(out.saturating_neg());
        Waiting { bytes, slots, mallocs, frees, allocated }
    }

    /// The bits of a double, in two words that JavaScript may write meanwhile.
    fn double(&self, at: usize) -> u64 {
        let half = |at: usize| u64::from(self.words[at].load(Acquire));
        let (mut high, mut low) = (half(at + 1), half(at));
        while let now = half(at + 1)
            && now != high
        {
            (high, low) = (now, half(at));
        }
        low | high << 32
    }

    /// What changes with each call that JavaScript makes of the front: how often it has handed out a block, as the bits of a double,
    /// and the sum of all tops. `None`: it is in the middle of a call.
    pub fn activity(&self) -> Option<(u64, u64)> {
        let busy = self.words[BUSY].load(Acquire);
        let tops: u64 = (0..CLASSES).map(|class| u64::from(self.words[TOPS + class].load(Acquire))).sum();
        let count = u64::from(self.words[COUNT].load(Acquire));
        (busy == 0).then(|| (self.double(MALLOCS), tops + count))
    }

    /// By how much padding there is more than has been added up.
    #[allow(clippy::cast_possible_truncation, reason = "a whole number, unless the words are spoiled")]
    pub fn padding(&self) -> i64 {
        (f64::from_bits(self.double(PADDING)) as i64)
            .saturating_add(self.words[MORE].load(Relaxed).cast_signed().into())
    }

    /// Takes note that the front's padding has been added up. Only for calls of the front's thread, whose JavaScript is in the middle
    /// of no call of its own then, even if it was stopped in one.
    pub fn settle(&self) {
        for word in [PADDING, PADDING + 1, MORE, BUSY] {
            self.words[word].store(0, Relaxed);
        }
    }

    /// The size of the largest slot that waits; 0 if none does.
    pub fn largest_slot(&self) -> u64 {
        let waits = |class: &usize| self.len(*class).is_ok_and(|len| len > 0);
        (0..CLASSES).rev().find(waits).map_or(0, |class| CLASS[class].size)
    }

    /// The offsets of all slots of a class that wait.
    pub fn slots(&self, class: usize) -> Result<Vec<u64>, String> {
        let all = || (0..self.len(class)?).map(|at| self.slot(class, at)).collect::<Result<_, _>>();
        all().map_err(|Corrupt| format!("the stack of class {class} in a front is none"))
    }
}

impl Drop for Front {
    /// Ends the front: JavaScript that still has the words calls the addon from now on.
    fn drop(&mut self) {
        for class in 0..CLASSES {
            self.words[LIMITS + class].store(0, Relaxed);
            if !self.is_shared {
                self.words[TOPS + class].store(0, Relaxed);
            }
        }
    }
}

/// Why a front gets or gives no slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum FrontFailed {
    /// The words of the front are spoiled.
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
