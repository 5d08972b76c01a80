//! The fronts of a heap: free slots that threads take and give back without a call. Only segregated fit has them
//! (`segregated/fronts.rs`).

use super::address::{addresses_of, offset_in};
use super::engine::{self, Engine};
use super::segregated::FrontFailed;
use super::{Freed, Heap};
use crate::error::Error;
use crate::table::{AtomicU32, Table};
use std::thread::ThreadId;

impl From<FrontFailed> for Error {
    fn from(failed: FrontFailed) -> Self {
        match failed {
            FrontFailed::Corrupt => Self::Corrupt("the front of the heap holds what cannot be".into()),
            FrontFailed::NoMetadata => Self::OutOfMetadata { size: 0 },
        }
    }
}

impl Heap {
    /// Makes a front for a thread that has none, in `words`, which are zeros. `shared`: other threads may have fronts from now on.
    /// Returns its number. `None`: not all engines have fronts, and there may be too many.
    pub fn begin_front(&mut self, words: Table<AtomicU32>, thread: ThreadId, shared: bool) -> Option<u32> {
        self.engine.segregated()?.begin_front(words, thread, shared)
    }

    /// Notes that memory from the address `end` on is not in the first region.
    pub fn limit_fronts(&mut self, end: u64) {
        if let Some(engine) = self.engine.segregated() {
            engine.limit_fronts(offset_in(end));
        }
    }

    /// Whether there is a front of that number.
    pub fn has_front(&mut self, number: u32) -> bool {
        self.engine.segregated().is_some_and(|engine| engine.has_front(number))
    }

    /// How many states JavaScript may look at.
    pub fn states_shown(&mut self) -> u64 {
        self.engine.segregated().map_or(0, |engine| engine.states_shown())
    }

    /// Lends a front slots of a class. Nothing has changed if there is no room for a span, or no such front.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the words of the front are spoiled.
    pub fn fill_front(&mut self, number: u32, class: usize) -> Result<(), Error> {
        let Some(engine) = self.engine.segregated() else { return Ok(()) };
        match engine.fill_front(number, class) {
            Ok(Some(taken)) => self.counters.record_lent(taken.size, taken.holes),
            // The call that follows is refused by its size.
            Ok(None) | Err(FrontFailed::NoMetadata) => {}
            Err(FrontFailed::Corrupt) => return Err(FrontFailed::Corrupt.into()),
        }
        self.debug_verify();
        Ok(())
    }

    /// Takes slots of a class back from a front, until all slots of one span are free. Returns what may be given back to the system.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the words of the front are spoiled.
    pub fn flush_front(&mut self, number: u32, class: usize) -> Result<Option<Freed>, Error> {
        let Some(engine) = self.engine.segregated() else { return Ok(None) };
        let freed =
            engine.flush_front(number, class)?.map(|engine::Freed { size, pages, hole: (start, end), holes }| {
                self.counters.record_released(size, holes);
                self.counters.record_hole(end - start);
                Freed { block: addresses_of(pages.0, pages.1), hole: addresses_of(start, end) }
            });
        self.debug_verify();
        Ok(freed)
    }

    /// Takes all slots back from the front of a thread, which is the running one.
    pub fn empty_front(&mut self, thread: ThreadId) {
        let Some(engine) = self.engine.segregated() else { return };
        let (bytes, holes) = engine.empty_front(thread);
        self.counters.record_released(bytes, holes);
        self.debug_verify();
    }

    /// Takes all slots back from the front of a thread, which is the running one, and ends it.
    pub fn end_front(&mut self, thread: ThreadId) {
        self.empty_front(thread);
        if let Some(done) = self.engine.segregated().and_then(|engine| engine.end_front(thread)) {
            self.counters.record_calls(&done);
        }
        self.debug_verify();
    }

    /// Lets all fronts rest: JavaScript calls the addon instead, which ends the thread's front then. The running thread's ends now.
    pub fn rest_fronts(&mut self, thread: ThreadId) {
        if let Some(engine) = self.engine.segregated() {
            engine.rest_fronts();
        }
        self.end_front(thread);
    }

    /// Lets fronts that rest work again.
    pub fn wake_fronts(&mut self) {
        if let Some(engine) = self.engine.segregated() {
            engine.wake_fronts();
        }
    }

    /// Whether there is a front.
    pub fn has_fronts(&mut self) -> bool {
        self.engine.segregated().is_some_and(|engine| engine.has_fronts())
    }

    /// Ends all fronts, with the heap: no call finds a slot there any more. What they hold is lost.
    pub fn end_fronts(&mut self) {
        if let Some(engine) = self.engine.segregated() {
            engine.end_fronts();
        }
    }

    /// Whether it can be said of the block that starts at `address` that somebody keeps a note of it: not of the smallest slots.
    pub fn can_mark_noted(&mut self, address: u64) -> bool {
        let start = offset_in(address);
        self.engine.segregated().is_none_or(|engine| engine.can_mark_noted(start))
    }

    /// Says that somebody keeps a note of the block that starts at `address`. Returns `false` if no live block starts there.
    pub fn mark_noted(&mut self, address: u64) -> bool {
        self.engine.mark_noted(offset_in(address))
    }
}
