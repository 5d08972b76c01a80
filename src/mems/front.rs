//! The fronts of a heap: free slots that JavaScript takes and gives back without a call (`lib/front.js`), a front for each thread.
//!
//! A heap that JavaScript makes is *private* at first: only the thread that has made it may use it, and its front needs no atomic operation. Reading the
//! heap's id *publishes* it: the front ends, and other threads may use the heap, and have fronts. What such fronts free they win
//! from each other, and from the addon, by compare-exchange (`heap/segregated/fronts.rs`).
//!
//! Invariants: a front is used by one thread, and by calls of it under the heap's lock; a private heap has at most one. Where
//! several threads use a heap, a live block may be freed at any time, also while the heap is locked: a call that needs it to stay
//! claims it.

use crate::error::Error;
use crate::heap::FIRST_ADDRESS;
use crate::memory::{Mapping, words};
use crate::mems::Mems;
use std::sync::Arc;
use std::thread::{self, ThreadId};

/// Who may use a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Everyone.
    Published,
    /// The thread that has made it.
    To(ThreadId),
}

/// What JavaScript is shown of a front.
#[derive(Debug)]
pub struct Shown {
    /// What JavaScript names the front by.
    pub number: u32,
    /// Whether other threads may use the heap.
    pub is_shared: bool,
    /// The mapping whose first `LEAD` bytes are the words of the front. `None`: they were shown when it was made.
    pub words: Option<Arc<Mapping>>,
    /// The mapping that holds the states, `LEAD` bytes from its first.
    pub states: Arc<Mapping>,
    /// How many states JavaScript may look at, counted as its units are.
    pub count: u64,
    /// The physical address of the heap's first address.
    pub physical: u64,
}

impl Mems {
    /// Lets only this thread use the heap until it is published.
    pub fn keep_private(&mut self) {
        self.known = Known::To(thread::current().id());
    }

    /// Lets every thread use the heap. If only this thread has, ends its front.
    pub fn publish(&mut self) {
        if self.known != Known::Published {
            self.end_front();
            self.known = Known::Published;
        }
    }

    /// Ends this thread's front: no slot waits in it any more.
    #[cold]
    pub fn end_front(&mut self) {
        self.heap.end_front(thread::current().id());
    }

    /// Lets all fronts rest, since the heap records, and what JavaScript does without a call would not be seen. A call that another
    /// thread is in the middle of may still take or free a block.
    pub(crate) fn rest_fronts(&mut self) {
        self.heap.rest_fronts(thread::current().id());
    }

    /// Lets the fronts work again that rest, when the heap does not record any more.
    pub(crate) fn wake_fronts(&mut self) {
        self.heap.wake_fronts();
    }

    /// Ends all fronts, since the heap ends: JavaScript that has one is told that, as all callers are.
    pub fn end_fronts(&mut self) {
        self.heap.end_fronts();
    }

    /// Takes all slots back from this thread's front. (JavaScript waits for the running call meanwhile.)
    pub(crate) fn empty_front(&mut self) {
        self.heap.empty_front(thread::current().id());
    }

    /// Whether the running thread may use the heap by its id.
    pub fn is_known_here(&self) -> bool {
        match self.known {
            Known::Published => true,
            Known::To(thread) => thread == thread::current().id(),
        }
    }

    /// The front of a number, or a new one of this thread, in place of the last one, if the number is 0. `None`: the heap has no
    /// fronts, because of its options, or because its states are in no table; there are too many; or the front has ended.
    pub fn front(&mut self, number: u32) -> Option<Shown> {
        if number == 0 {
            // Fronts rest while the heap records.
            return if self.is_recording() { None } else { self.begin_front() };
        }
        if self.heap.has_front(number) { self.shown(number, None) } else { None }
    }

    fn begin_front(&mut self) -> Option<Shown> {
        if !self.is_known_here() || !self.options().is_plain() || self.options().track_allocations() {
            return None;
        }
        // Small heaps have no tables before.
        if self.tables.is_none() {
            self.make_tables(self.regions.first_bytes()?);
        }
        let tables = self.tables.as_mut()?;
        // The first front has its words beside the states.
        let (words, mapping) = match tables.words.take() {
            Some(words) => (words, Arc::clone(&tables.mapping)),
            None => words(self.options.dont_fork())?,
        };
        let thread = thread::current().id();
        self.heap.end_front(thread);
        let number = self.heap.begin_front(words, thread, self.known == Known::Published)?;
        self.heap.limit_fronts(self.regions.end_of_first());
        self.shown(number, Some(mapping))
    }

    fn shown(&mut self, number: u32, words: Option<Arc<Mapping>>) -> Option<Shown> {
        let states = Arc::clone(&self.tables.as_ref()?.mapping);
        let physical = self.regions.physical(FIRST_ADDRESS) as u64;
        let is_shared = self.known == Known::Published;
        Some(Shown { number, is_shared, words, states, count: self.heap.states_shown(), physical })
    }

    /// Lends a front slots of a class, if there is room.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the words of the front are spoiled.
    pub fn fill_front(&mut self, number: u32, class: usize) -> Result<(), Error> {
        // JavaScript finds its front empty, and calls the addon.
        if self.is_recording() { Ok(()) } else { self.heap.fill_front(number, class) }
    }

    /// Takes slots of a class back from a front. Returns whether pages are to be given back to the system now.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the words of the front are spoiled.
    pub fn flush_front(&mut self, number: u32, class: usize) -> Result<bool, Error> {
        if self.is_recording() {
            return Ok(false);
        }
        let freed = self.heap.flush_front(number, class)?;
        Ok(freed.is_some_and(|freed| self.options().trim() && self.note_freed(&freed)))
    }
}
