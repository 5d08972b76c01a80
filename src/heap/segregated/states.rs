//! States: a byte for each 16 bytes of address space, which says whether a live block starts there, of which class, and how many of
//! its bytes were asked for.
//!
//! ```text
//!  0            no live block starts here
//!  1..=16       a block of the class of 16 bytes; the number says how many were asked for
//!  17..=69      a block of class 1..=53
//!  70..=122     a block of class 1..=53 of which somebody keeps a note, so that it takes more than a quick call to free it
//!  126          a slot that a call works on under the heap's lock, so that no front may free it
//!  127          a block of whole pages
//!  128 | seven bits, in the byte behind a block's state; seven more behind that one in blocks of more than 128 bytes, and again
//!               in those of more than 16 KiB: the bytes of the block that were not asked for
//! ```
//!
//! So one byte says whether an address may be freed: double, interior and wild frees are found exactly, without looking for a
//! span. The bytes behind a block's state belong to the block's own addresses, where no block starts.
//!
//! Invariant: a byte is a state only where a block that is live starts.
//!
//! The states of the first part of the address space are in a table: at first a short one of its own, so that small heaps take little,
//! later one that the heap is given, in memory that others can reach too. The states behind the table are in chunks, which are made
//! as they are needed.
//!
//! Costs: O(1); a sixteenth of the address space in which a block ever started.

use super::chunks::{self, Chunks};
use super::classes::{CLASS, CLASSES, UNIT};
use crate::heap::segments::Boxed;
use crate::table::{AtomicU8, Table};
use std::collections::TryReserveError;
use std::ops::Range;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Address space whose states are kept together, in bytes.
const CHUNK: u64 = 64 << 10;

/// States in a chunk.
const STATES: usize = (CHUNK / UNIT) as usize;

/// The first state of slots of which somebody keeps a note: those of the class of 32 bytes.
pub(super) const NOTED: u8 = 70;

/// The first class of more than 16 KiB, whose slots may have padding of more than fourteen bits.
const WIDER: usize = 50;

/// The last of them.
const LAST: u8 = 122;

/// A slot that a call works on under the heap's lock.
const CLAIMED: u8 = 126;

/// A block of whole pages.
const PAGES: u8 = 127;

/// Marks padding, and has seven bits of it.
const PADDING: u8 = 128;

/// The states of slots whose padding fits two bytes, those of at most 16 KiB, and of which nobody keeps a note, are below this.
#[allow(clippy::cast_possible_truncation, reason = "there are fewer classes")]
const NARROW: u8 = 16 + WIDER as u8;

/// By state: the padding that the state itself says, and the bits of padding in the two bytes behind it.
#[allow(clippy::cast_possible_truncation, reason = "at most 16")]
static PADDING_OF: [(u8, u16); NARROW as usize] = {
    let mut padding = [(0, 0x3fff); NARROW as usize];
    let mut state = 1;
    while state < 16 + WIDE {
        padding[state] = if state <= 16 { (16 - state as u8, 0) } else { (0, 0x7f) };
        state += 1;
    }
    padding
};

/// A live block's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A slot of a class.
    Slot(usize),
    /// Whole pages.
    Pages,
}

/// The states of a heap.
#[derive(Debug)]
pub(super) struct States {
    /// States of the first part of the address space.
    table: Table<AtomicU8>,
    /// Whether the table was given, by [`States::set_table`].
    is_given: bool,
    /// States behind the table.
    chunks: Chunks<u8, STATES>,
    made: usize,
    /// Whether fronts of several threads may change states in the table at once, and while the heap is locked.
    is_shared: bool,
}

#[allow(clippy::cast_possible_truncation, reason = "what is so large has been reserved, so it fits usize")]
fn place(offset: u64) -> (usize, usize) {
    ((offset / CHUNK) as usize, (offset / UNIT) as usize % STATES)
}

/// Whether blocks of a class may have more padding than seven bits say.
#[inline]
const fn is_wide(class: usize) -> bool {
    class >= WIDE
}

/// The first class of more than 128 bytes.
pub(super) const WIDE: usize = 8;

/// The live block that starts where `byte` is.
#[inline]
fn state(byte: u8) -> Option<State> {
    match byte {
        1..NOTED => Some(State::Slot(usize::from(byte.saturating_sub(16)))),
        NOTED..=LAST => Some(State::Slot(usize::from(byte - NOTED) + 1)),
        PAGES => Some(State::Pages),
        _ => None,
    }
}

/// The padding of a block whose first bytes are given.
#[inline]
fn padding(state: State, [first, low, middle, high]: [u8; 4]) -> u64 {
    let bits = |byte: u8| u64::from(byte & (PADDING - 1));
    match state {
        State::Slot(0) => UNIT - u64::from(first),
        State::Slot(class) if !is_wide(class) => bits(low),
        State::Slot(class) if class < WIDER => bits(low) | bits(middle) << 7,
        _ => bits(low) | bits(middle) << 7 | bits(high) << 14,
    }
}

/// The first bytes of a block, and how many of them it has.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "padding is below 2^21, seven bits of it are taken at a time")]
fn bytes(state: State, padding: u64) -> ([u8; 4], usize) {
    let bits = |padding: u64| PADDING | (padding as u8 & (PADDING - 1));
    debug_assert!(padding < 1 << 21);
    let [low, middle, high] = [0, 7, 14].map(|shift| bits(padding >> shift));
    match state {
        State::Slot(0) => ([(UNIT - padding) as u8, 0, 0, 0], 1),
        State::Slot(class) if !is_wide(class) => ([16 + class as u8, low, 0, 0], 2),
        State::Slot(class) if class < WIDER => ([16 + class as u8, low, middle, 0], 3),
        State::Slot(class) => ([16 + class as u8, low, middle, high], 4),
        State::Pages => ([PAGES, low, middle, high], 4),
    }
}

impl States {
    /// No states.
    pub const fn new() -> Self {
        Self { table: Table::EMPTY, is_given: false, chunks: Vec::new(), made: 0, is_shared: false }
    }

    /// Keeps the states of the first part of the address space in `table` from now on, which is all zeros: if [`States::takes_table`].
    pub fn set_table(&mut self, table: Table<AtomicU8>) {
        debug_assert!(self.takes_table().is_some_and(|least| least <= table.len()));
        for (to, from) in table.iter().zip(&*self.table) {
            to.store(from.load(Relaxed), Relaxed);
        }
        (self.table, self.is_given) = (table, true);
    }

    /// The least length of a table that can be given, which is that of the one it takes over from. `None`: one has been given, or
    /// states are in chunks.
    pub fn takes_table(&self) -> Option<usize> {
        (!self.is_given && self.made == 0).then_some(self.table.len())
    }

    /// Whether the states of all addresses below `end` fit the table that there is, or the one that is made by itself.
    pub fn fit(&self, end: u64) -> bool {
        end <= CHUNK.max(self.table.len() as u64 * UNIT)
    }

    /// Lets fronts of several threads change states in the table, from now on.
    pub fn share(&mut self) {
        self.is_shared = true;
    }

    /// Whether fronts of several threads may change states in the table.
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// How many states of addresses below `end` are in the table, those of each block that may start there too.
    pub fn in_table_below(&self, end: u64) -> u64 {
        (self.table.len() as u64).saturating_sub(3).min(end / UNIT)
    }

    /// Says that somebody keeps a note of the block that starts at `offset`, if it is a slot: more than a quick call frees it then.
    /// Returns `false` if no live block starts there.
    pub fn mark_noted(&mut self, offset: u64) -> bool {
        let byte = self.byte(offset);
        // The class of 16 bytes has no such state: no note is kept of what has no alignment of its own.
        if (17..NOTED).contains(&byte) {
            return self.exchange(offset, byte, byte - 17 + NOTED);
        }
        state(byte).is_some()
    }

    /// Puts `after` where `before` is the state of a live block. Returns `false`, with nothing changed, if another thread has freed the
    /// block meanwhile.
    fn exchange(&mut self, offset: u64, before: u8, after: u8) -> bool {
        if let Some([there, ..]) = self.in_table(offset) {
            return there.compare_exchange(before, after, AcqRel, Relaxed).is_ok();
        }
        self.put(offset, after);
        true
    }

    /// Claims the slot that starts at `offset` and has the state `found`: no front frees it before its state is set anew. Returns its
    /// padding. `None`, with nothing changed: another thread has freed it meanwhile.
    pub fn claim(&mut self, offset: u64, found: State) -> Option<u64> {
        let before = self.byte(offset);
        let is_same = state(before) == Some(found);
        if !is_same || !self.exchange(offset, before, CLAIMED) {
            return None;
        }
        let [_, low, middle, high] = [0, 1, 2, 3].map(|number| self.byte(offset + number * UNIT));
        Some(padding(found, [before, low, middle, high]))
    }

    /// Makes room for the states of blocks that start in a range.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then that can be seen.
    pub fn reserve(&mut self, range: Range<u64>) -> Result<(), TryReserveError> {
        if self.table.is_empty() && self.made == 0 && range.start < CHUNK {
            self.table = Table::zeros(STATES)?;
        }
        let start = range.start.max(self.table.len() as u64 * UNIT);
        if start >= range.end {
            return Ok(());
        }
        chunks::reserve(&mut self.chunks, &mut self.made, place(start).0..=place(range.end - 1).0)
    }

    /// The states of a block that starts at `offset`, and the next three, if they are in the table.
    #[inline]
    fn in_table(&self, offset: u64) -> Option<&[AtomicU8; 4]> {
        let at = usize::try_from(offset / UNIT).ok()?;
        self.table.get(at..at + 4)?.try_into().ok()
    }

    #[inline]
    fn byte(&self, offset: u64) -> u8 {
        match usize::try_from(offset / UNIT).ok().and_then(|at| self.table.get(at)) {
            // A thread that finds a state finds the padding behind it too.
            Some(byte) => byte.load(Acquire),
            None => self.byte_in_chunk(offset),
        }
    }

    #[cold]
    fn byte_in_chunk(&self, offset: u64) -> u8 {
        let (chunk, at) = place(offset);
        match self.chunks.get(chunk) {
            Some(Some(chunk)) => chunk[0][at],
            _ => 0,
        }
    }

    #[cold]
    fn put(&mut self, offset: u64, byte: u8) {
        let (chunk, at) = place(offset);
        if let Some(there) = usize::try_from(offset / UNIT).ok().and_then(|at| self.table.get(at)) {
            there.store(byte, Relaxed);
        } else if let Some(Some(chunk)) = self.chunks.get_mut(chunk) {
            chunk[0][at] = byte;
        }
    }

    /// The live block that starts at `offset`.
    #[inline]
    pub fn get(&self, offset: u64) -> Option<State> {
        if offset.is_multiple_of(UNIT) { state(self.byte(offset)) } else { None }
    }

    /// The byte in the table, the class and the padding of the live slot that starts at the unit `at`. `None`: there is no such slot,
    /// somebody keeps a note of it, it is of more than 16 KiB, or it is not in the table.
    #[inline]
    pub fn quick(&self, at: u64) -> Option<(&AtomicU8, usize, u64)> {
        let [there, behind @ ..] = self.table.get(usize::try_from(at).ok()?..)?.first_chunk::<3>()?;
        let first = there.load(Acquire);
        if first.wrapping_sub(1) >= NARROW - 1 {
            return None;
        }
        // Without a branch that depends on the class, which nobody can predict.
        let (least, bits) = PADDING_OF[usize::from(first)];
        let [low, middle] = [0, 1].map(|number| u16::from(behind[number].load(Relaxed)));
        let padding = (low & u16::from(PADDING - 1) | middle << 7) & bits;
        Some((there, first.saturating_sub(16).into(), u64::from(padding) + u64::from(least)))
    }

    /// The bytes of the live block that starts at `offset` that were not asked for.
    #[inline]
    pub fn padding(&self, offset: u64, state: State) -> u64 {
        let bytes = match self.in_table(offset) {
            Some(there) => [0, 1, 2, 3].map(|number| there[number].load(Relaxed)),
            None => [0, 1, 2, 3].map(|number| self.byte(offset + number * UNIT)),
        };
        padding(state, bytes)
    }

    /// Records a live block, a slot or pages, that starts at `offset` and has `padding` bytes of padding. Its states have been
    /// reserved.
    #[inline]
    pub fn set(&mut self, offset: u64, state: State, padding: u64) {
        let (bytes, len) = bytes(state, padding);
        let Some(there) = self.in_table(offset) else { return self.set_in_chunks(offset, bytes, len) };
        // The first one last: a thread that finds it finds the padding too.
        if len > 1 {
            there[1].store(bytes[1], Relaxed);
        }
        if len > 2 {
            there[2].store(bytes[2], Relaxed);
        }
        if len > 3 {
            there[3].store(bytes[3], Relaxed);
        }
        there[0].store(bytes[0], Release);
    }

    /// [`States::set`] of a slot.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "padding is below 2^14, seven bits of it are taken at a time")]
    pub fn set_slot(&mut self, offset: u64, class: usize, padding: u64) {
        let there = if class < WIDER { self.in_table(offset) } else { None };
        let Some(there) = there else { return self.set(offset, State::Slot(class), padding) };
        // Without a branch that depends on the class, which nobody can predict: a byte that a block does not have is written to one
        // that is written again below. All are the block's own: a slot of class n has n + 1 units, or more.
        let (low, middle) = (PADDING | padding as u8, PADDING | (padding >> 7) as u8);
        let first = if class == 0 { (UNIT - padding) as u8 } else { 16 + class as u8 };
        there[class.min(2)].store(middle, Relaxed);
        there[class.min(1)].store(low, Relaxed);
        // Last: a thread that finds the state finds the padding too.
        there[0].store(first, Release);
    }

    /// [`States::set`] of a block whose states are not all in the table.
    #[cold]
    fn set_in_chunks(&mut self, offset: u64, bytes: [u8; 4], len: usize) {
        for (at, &byte) in bytes.iter().take(len).enumerate().rev() {
            self.put(offset + at as u64 * UNIT, byte);
        }
    }

    /// Records that the block that starts at `offset` is not live any more. Returns its state and padding.
    #[inline]
    pub fn take(&mut self, offset: u64) -> Option<(State, u64)> {
        if !offset.is_multiple_of(UNIT) {
            return None;
        }
        let Some(there) = self.in_table(offset) else { return self.take_from_chunks(offset) };
        let mut first = there[0].load(Relaxed);
        let mut found = state(first)?;
        if self.is_shared {
            // One of all threads that free the block at once finds it as it was. The padding is that of the block that it gets.
            while let Err(now) = there[0].compare_exchange(first, 0, AcqRel, Relaxed) {
                (first, found) = (now, state(now)?);
            }
        } else {
            there[0].store(0, Relaxed);
        }
        let [low, middle, high] = [1, 2, 3].map(|number| there[number].load(Relaxed));
        Some((found, padding(found, [first, low, middle, high])))
    }

    /// [`States::take`] of a block whose states are not all in the table.
    #[cold]
    fn take_from_chunks(&mut self, offset: u64) -> Option<(State, u64)> {
        let state = self.get(offset)?;
        let padding = self.padding(offset, state);
        self.put(offset, 0);
        Some((state, padding))
    }

    /// The offsets in a range of whole units at which live blocks start, and their states.
    pub fn iter(&self, range: Range<u64>) -> impl Iterator<Item = (u64, State)> {
        let starts = (range.start / UNIT..range.end / UNIT).map(|unit| unit * UNIT);
        starts.filter_map(|offset| Some((offset, self.get(offset)?)))
    }

    /// Bytes of bookkeeping below `end`.
    #[allow(clippy::cast_possible_truncation, reason = "what is so large has been reserved, so it fits usize")]
    pub fn bytes(&self, end: u64) -> usize {
        let touched = if self.is_given { self.table.len().min((end / UNIT) as usize) } else { self.table.len() };
        touched + self.chunks.capacity() * size_of::<Option<Boxed<[u8; STATES]>>>() + self.made * STATES
    }
}

const _: () =
    assert!(16 + CLASSES == NOTED as usize && NOTED as usize + CLASSES - 2 == LAST as usize, "a state for each class");
const _: () = assert!(CLASS[WIDER - 1].size == 1 << 14, "what fourteen bits say");
const _: () = assert!(CLASS[WIDE - 1].size == 128, "what seven bits say");
const _: () =
    assert!(CLASS[1].size == 2 * UNIT && CLASS[2].size == 3 * UNIT, "`States::set_slot` writes to as many units");

#[cfg(all(test, loom))]
#[path = "states_loom.rs"]
mod interleavings;

#[cfg(all(test, not(loom)))]
#[path = "states_tests.rs"]
mod tests;
