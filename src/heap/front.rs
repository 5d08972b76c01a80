//! The front of a heap: free slots that its thread takes and gives back without a call. Only segregated fit has one
//! (`segregated/front.rs`).

use super::address::addresses_of;
use super::engine::{self, Engine};
use super::segregated::FrontFailed;
use super::{Freed, Heap};
use crate::error::Error;
use crate::table::Table;
use std::sync::atomic::AtomicU32;

impl From<FrontFailed> for Error {
    fn from(failed: FrontFailed) -> Self {
        match failed {
            FrontFailed::Corrupt => Self::Corrupt("the front of the heap holds what cannot be".into()),
            FrontFailed::NoMetadata => Self::OutOfMetadata { size: 0 },
        }
    }
}

impl Heap {
    /// Makes a front in `words`, which are zeros. Returns whether it has: not all engines have fronts.
    pub fn begin_front(&mut self, words: Table<AtomicU32>) -> bool {
        self.engine.segregated().is_some_and(|engine| engine.begin_front(words))
    }

    /// Notes that memory from the address `end` on is not in the first region.
    pub fn limit_front(&mut self, end: u64) {
        if let Some(engine) = self.engine.segregated() {
            engine.limit_front(super::address::offset_in(end));
        }
    }

    /// Whether there is a front.
    pub fn has_front(&mut self) -> bool {
        self.engine.segregated().is_some_and(|engine| engine.has_front())
    }

    /// How many states JavaScript may look at.
    pub fn states_shown(&mut self) -> u64 {
        self.engine.segregated().map_or(0, |engine| engine.states_shown())
    }

    /// Lends the front slots of a class. Nothing has changed if there is no room for a span.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the words of the front are spoiled.
    pub fn fill_front(&mut self, class: usize) -> Result<(), Error> {
        let engine = self.engine.segregated().ok_or(FrontFailed::Corrupt)?;
        match engine.fill_front(class) {
            Ok(Some(taken)) => self.counters.record_lent(taken.size, taken.holes),
            // The call that follows is refused by its size.
            Ok(None) | Err(FrontFailed::NoMetadata) => {}
            Err(FrontFailed::Corrupt) => return Err(FrontFailed::Corrupt.into()),
        }
        self.debug_verify();
        Ok(())
    }

    /// Takes slots of a class back from the front, until all slots of one span are free. Returns what may be given back to the
    /// system.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no front or its words are spoiled.
    pub fn flush_front(&mut self, class: usize) -> Result<Option<Freed>, Error> {
        let engine = self.engine.segregated().ok_or(FrontFailed::Corrupt)?;
        let freed = engine.flush_front(class)?.map(|engine::Freed { size, pages, hole: (start, end), holes }| {
            self.counters.record_released(size, holes);
            self.counters.record_hole(end - start);
            Freed { block: addresses_of(pages.0, pages.1), hole: addresses_of(start, end) }
        });
        self.debug_verify();
        Ok(freed)
    }

    /// Takes all slots back from the front.
    pub fn empty_front(&mut self) {
        let Some(engine) = self.engine.segregated().filter(|engine| engine.has_front()) else { return };
        let (bytes, holes) = engine.empty_front();
        self.counters.record_released(bytes, holes);
        self.debug_verify();
    }

    /// Takes all slots back from the front, and ends it.
    pub fn end_front(&mut self) {
        self.empty_front();
        let Some(engine) = self.engine.segregated() else { return };
        let (mallocs, frees) = engine.end_front();
        self.counters.record_calls(mallocs, frees);
        self.debug_verify();
    }

    /// Whether it can be said of the block that starts at `address` that somebody keeps a note of it: not of the smallest slots.
    pub fn can_mark_noted(&mut self, address: u64) -> bool {
        let start = super::address::offset_in(address);
        self.engine.segregated().is_none_or(|engine| engine.can_mark_noted(start))
    }

    /// Says that somebody keeps a note of the block that starts at `address`.
    pub fn mark_noted(&mut self, address: u64) {
        self.engine.mark_noted(super::address::offset_in(address));
    }
}
