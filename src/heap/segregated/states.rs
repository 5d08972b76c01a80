//! States: a byte for each 16 bytes of address space, which says whether a live block starts there, of which class, and how many of
//! its bytes were asked for.
//!
//! ```text
//!  0            no live block starts here
//!  1..=16       a block of the class of 16 bytes; so many were asked for
//!  17..=67      a block of class 1..=51
//!  127          a block of whole pages
//!  128 | seven bits, in the byte behind a block's state, and twice seven more behind that one in blocks of more than 128 bytes:
//!               the bytes of the block that were not asked for
//! ```
//!
//! So one byte says whether an address may be freed: double, interior and wild frees are found exactly, without looking for a
//! span. The bytes behind a block's state are those of its own addresses, where no block starts.
//!
//! Invariant: a byte is a state only where a block that is live starts.
//!
//! Costs: O(1); 4 KiB for each 64 KiB of address space in which a block ever started.

use super::chunks::{self, Chunks};
use super::classes::{CLASS, CLASSES, UNIT};
use crate::heap::segments::Boxed;
use std::collections::TryReserveError;
use std::ops::Range;

/// Address space whose states are kept together, in bytes.
const CHUNK: u64 = 64 << 10;

/// States in a chunk.
const STATES: usize = (CHUNK / UNIT) as usize;

/// A block of whole pages.
const PAGES: u8 = 127;

/// Marks padding, and has seven bits of it.
const PADDING: u8 = 128;

/// A live block's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A slot of a class.
    Slot(usize),
    /// Whole pages.
    Pages,
}

/// The states of a heap.
#[derive(Debug, Default)]
pub(super) struct States {
    chunks: Chunks<u8, STATES>,
    made: usize,
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
const WIDE: usize = 8;

/// The live block that starts at an offset whose byte is given.
#[inline]
fn state(offset: u64, byte: u8) -> Option<State> {
    match byte {
        _ if !offset.is_multiple_of(UNIT) => None,
        PAGES => Some(State::Pages),
        byte @ 1..PAGES => Some(State::Slot(usize::from(byte.saturating_sub(16)))),
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
        State::Slot(class) => ([16 + class as u8, low, middle, high], 4),
        State::Pages => ([PAGES, low, middle, high], 4),
    }
}

impl States {
    /// Makes room for the states of blocks that start in a range.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then that can be seen.
    pub fn reserve(&mut self, range: Range<u64>) -> Result<(), TryReserveError> {
        chunks::reserve(&mut self.chunks, &mut self.made, place(range.start).0..=place(range.end - 1).0)
    }

    #[inline]
    fn byte(&self, offset: u64) -> u8 {
        let (chunk, at) = place(offset);
        match self.chunks.get(chunk) {
            Some(Some(chunk)) => chunk[0][at],
            _ => 0,
        }
    }

    #[inline]
    fn put(&mut self, offset: u64, byte: u8) {
        let (chunk, at) = place(offset);
        if let Some(Some(chunk)) = self.chunks.get_mut(chunk) {
            chunk[0][at] = byte;
        }
    }

    /// The live block that starts at `offset`.
    #[inline]
    pub fn get(&self, offset: u64) -> Option<State> {
        state(offset, self.byte(offset))
    }

    /// The bytes of the live block that starts at `offset` that were not asked for.
    #[inline]
    pub fn padding(&self, offset: u64, state: State) -> u64 {
        let bytes = [0, 1, 2, 3].map(|number| self.byte(offset + number * UNIT));
        padding(state, bytes)
    }

    /// Records a live block of a class, or of pages, that starts at `offset` and has so much padding. Its states have been
    /// reserved.
    #[inline]
    pub fn set(&mut self, offset: u64, state: State, padding: u64) {
        let (bytes, len) = bytes(state, padding);
        let (chunk, at) = place(offset);
        if let Some(Some([states])) = self.chunks.get_mut(chunk).map(Option::as_deref_mut)
            && let Some(there) = states[at..].first_chunk_mut::<4>()
        {
            there[0] = bytes[0];
            if len > 1 {
                there[1] = bytes[1];
            }
            if len > 2 {
                (there[2], there[3]) = (bytes[2], bytes[3]);
            }
            return;
        }
        self.set_across(offset, bytes, len);
    }

    /// [`States::set`] of a block whose states are not all in one chunk.
    #[cold]
    fn set_across(&mut self, offset: u64, bytes: [u8; 4], len: usize) {
        for (at, &byte) in bytes.iter().take(len).enumerate() {
            self.put(offset + at as u64 * UNIT, byte);
        }
    }

    /// Records that the live block that starts at `offset` is none any more. Returns it, and its padding.
    #[inline]
    pub fn take(&mut self, offset: u64) -> Option<(State, u64)> {
        let (chunk, at) = place(offset);
        let [states] = self.chunks.get_mut(chunk)?.as_deref_mut()?;
        if let Some(&mut [ref mut first, low, middle, high]) =
            states.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut())
        {
            let state = state(offset, *first)?;
            let padding = padding(state, [*first, low, middle, high]);
            *first = 0;
            return Some((state, padding));
        }
        self.take_across(offset)
    }

    /// [`States::take`] of a block whose states are not all in one chunk.
    #[cold]
    fn take_across(&mut self, offset: u64) -> Option<(State, u64)> {
        let state = self.get(offset)?;
        let padding = self.padding(offset, state);
        self.put(offset, 0);
        Some((state, padding))
    }

    /// The offsets at which live blocks start, and their states.
    pub fn iter(&self) -> impl Iterator<Item = (u64, State)> {
        let chunks = self.chunks.iter().enumerate().filter(|chunk| chunk.1.is_some());
        let starts = chunks.flat_map(|(chunk, _)| (0..STATES).map(move |at| chunk as u64 * CHUNK + at as u64 * UNIT));
        starts.filter_map(|offset| Some((offset, self.get(offset)?)))
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Option<Boxed<[u8; STATES]>>>() + self.made * STATES
    }
}

const _: () = assert!(16 + CLASSES < PAGES as usize, "a state for each class");
const _: () = assert!(CLASS[WIDE - 1].size == 128, "what seven bits say");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::PAGE;
    use crate::heap::segregated::classes::Class;

    #[test]
    fn a_state_says_class_and_padding() {
        let mut states = States::default();
        assert_eq!(states.get(4096), None);
        states.reserve(0..CHUNK + 1).unwrap();
        for (class, Class { size, .. }) in CLASS.iter().enumerate() {
            for padding in (0..*size).step_by(1 + class) {
                states.set(CHUNK - 32, State::Slot(class), padding);
                assert_eq!(states.get(CHUNK - 32), Some(State::Slot(class)));
                assert_eq!(states.padding(CHUNK - 32, State::Slot(class)), padding);
            }
            assert_eq!([states.get(CHUNK - 31), states.get(CHUNK - 16), states.get(CHUNK)], [None; 3]);
        }
        for padding in 0..PAGE {
            states.set(0, State::Pages, padding);
            assert_eq!((states.get(0), states.padding(0, State::Pages)), (Some(State::Pages), padding));
        }
        assert_eq!(states.iter().map(|found| found.0).collect::<Vec<_>>(), [0, CHUNK - 32]);
        assert_eq!((states.take(0), states.take(0)), (Some((State::Pages, PAGE - 1)), None));
        assert_eq!((states.get(0), states.get(1 << 50)), (None, None));
    }
}
