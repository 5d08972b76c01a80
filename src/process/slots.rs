//! Where the heaps of a process are: slots, each for one heap at a time, behind a lock. `registry.rs` says who gets which.

use super::id::{self, DEFAULT_ID, Id, NUMBERS};
use super::lock::{Lock, Poisoned};
use crate::error::Error;
use crate::mems::Mems;
use std::sync::{Mutex, OnceLock};

/// The number of slots that are made at a time. A slot has two kilobytes, which the first heap of a process waits for: of most processes it
/// is the only one.
pub(super) const BATCH: usize = 32;

/// The most batches of slots, which have all numbers that an id can name.
const BATCHES: usize = NUMBERS / BATCH;

/// The number of the default heap's slot, the last one.
pub(super) const DEFAULT_NUMBER: usize = NUMBERS - 1;

/// A place for one heap at a time.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) heap: Option<Mems>,
    /// The id of the heap that is here, or was here last; before the first, one that no heap has.
    pub(super) id: Id,
}

impl Slot {
    pub(super) const EMPTY: Self = Self { heap: None, id: DEFAULT_ID };

    /// Puts a heap into the slot, and returns its id. `number` is the number of the slot.
    pub(super) fn put(&mut self, number: usize, heap: Mems) -> Id {
        self.id = id::next(self.id, number);
        self.heap = Some(heap);
        self.id
    }

    /// Why there is no heap of `id` here.
    #[cold]
    pub(super) fn missing(&self, id: Id) -> Missing {
        match id {
            DEFAULT_ID => Missing::NotInitialized,
            _ if !id::is_up_to(id, self.id) => Missing::Unknown,
            _ if id::number(id) == DEFAULT_NUMBER => Missing::Finished,
            _ => Missing::Closed,
        }
    }
}

/// Why there is no heap with an id. It fits a register. An [`Error`] does not: everything that a look-up returns would have
/// to go through memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missing {
    NotInitialized,
    Unknown,
    Finished,
    Closed,
}

impl Missing {
    /// The error for a call to the heap of `id`.
    #[inline]
    pub(super) const fn error(self, id: Id) -> Error {
        match self {
            Self::NotInitialized => Error::NotInitialized,
            Self::Unknown => Error::UnknownHeap { id },
            Self::Finished => Error::Finished,
            Self::Closed => Error::Closed,
        }
    }
}

pub(super) static DEFAULT: Lock<Slot> = Lock::new(Slot::EMPTY);

pub(super) static SLOTS: [OnceLock<Vec<Lock<Slot>>>; BATCHES - 1] = [const { OnceLock::new() }; BATCHES - 1];

/// The slots that have no heap, and how many have been made.
pub(super) static VACANT: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

impl From<Poisoned> for Error {
    fn from(Poisoned: Poisoned) -> Self {
        Self::Poisoned
    }
}

/// The slot of that number, if it has been made.
pub(super) fn slot(number: usize) -> Option<&'static Lock<Slot>> {
    if number == DEFAULT_NUMBER {
        return Some(&DEFAULT);
    }
    SLOTS.get(number / BATCH)?.get()?.get(number % BATCH)
}
