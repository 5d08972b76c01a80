//! The front of a heap in one thread: free slots that JavaScript takes and gives back without a call (`lib/front.js`).
//!
//! Only the thread that has made a heap may have a front, and only as long as nobody else knows the heap. *Publishing* it, which
//! reading its id does, ends the front for good: all calls of all threads take the lock from then on. So what is in the front needs
//! no atomic operation, and no free of one thread can cross one of another.
//!
//! Invariant: a heap that has been published has no front.

use crate::error::Error;
use crate::heap::FIRST_ADDRESS;
use crate::memory::{LEAD, Mapping};
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
    /// The mapping that holds the words, and the states behind them.
    pub mapping: Arc<Mapping>,
    /// Bytes of the mapping, from its first on, that may be looked at.
    pub bytes: u64,
    /// The physical address of the heap's first address.
    pub physical: u64,
}

impl Mems {
    /// Lets only this thread use the heap until it is published.
    pub fn keep_private(&mut self) {
        self.known = Known::To(thread::current().id());
    }

    /// Ends the front, if there is one, and lets every thread use the heap.
    pub fn publish(&mut self) {
        self.heap.end_front();
        self.known = Known::Published;
    }

    /// Takes all slots back from the front, if this is its thread: JavaScript waits for the running call meanwhile.
    pub(crate) fn empty_front(&mut self) {
        if self.known == Known::To(thread::current().id()) {
            self.heap.empty_front();
        }
    }

    /// Whether the running thread may use the heap by its id.
    pub fn is_known_here(&self) -> bool {
        match self.known {
            Known::Published => true,
            Known::To(thread) => thread == thread::current().id(),
        }
    }

    /// The front, which is made if there is none. `None`: the heap has none, because of its options, because it is published, or
    /// because its states are in no table.
    pub fn front(&mut self) -> Option<Shown> {
        if self.known == Known::Published
            || !self.is_known_here()
            || !self.options().is_plain()
            || self.options().track_allocations()
        {
            return None;
        }
        // Small heaps have no tables before.
        if self.tables.is_none() {
            self.make_tables(self.regions.first_bytes()?);
        }
        let mapping = Arc::clone(&self.tables.as_ref()?.mapping);
        if !self.heap.has_front() {
            let words = self.tables.as_mut()?.words.take()?;
            if !self.heap.begin_front(words) {
                return None;
            }
            self.heap.limit_front(self.regions.end_of_first());
        }
        let physical = self.regions.physical(FIRST_ADDRESS) as u64;
        Some(Shown { mapping, bytes: self.heap.states_shown() + LEAD as u64, physical })
    }

    /// Lends the front slots of a class, if there is room.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no front or its words are spoiled, [`Error::OutOfMetadata`].
    pub fn fill_front(&mut self, class: usize) -> Result<(), Error> {
        self.heap.fill_front(class)
    }

    /// Takes slots of a class back from the front. Returns whether pages are to be given back to the system now.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no front or its words are spoiled.
    pub fn flush_front(&mut self, class: usize) -> Result<bool, Error> {
        let freed = self.heap.flush_front(class)?;
        Ok(freed.is_some_and(|freed| self.options().trim() && self.note_freed(&freed)))
    }
}
