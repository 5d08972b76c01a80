//! The alignments of blocks that were allocated with a larger one than the heap's own, so that realloc keeps them.
//!
//! Most blocks have no such alignment, and calls on a heap without such blocks do nothing here.
//!
//! Invariant: a note's address is the start of a live block, and a multiple of the alignment in physical memory.
//!
//! Costs: O(1); some 24 bytes for each note, which are kept as long as the heap.

use std::collections::{HashMap, TryReserveError};

/// Notes by the blocks' first addresses.
#[derive(Debug, Default)]
pub(crate) struct Aligned(HashMap<u64, u64>);

impl Aligned {
    /// Whether there is no note.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for one more note.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn reserve(&mut self) -> Result<(), TryReserveError> {
        self.0.try_reserve(1)
    }

    /// Notes the alignment of the block that starts at `start`. Needs [`Aligned::reserve`] if the block has no note.
    pub fn set(&mut self, start: u64, alignment: u64) {
        self.0.insert(start, alignment);
    }

    /// The alignment that is noted for the block that starts at `start`; 1 if none is.
    pub fn get(&self, start: u64) -> u64 {
        if self.is_empty() { 1 } else { self.0.get(&start).copied().unwrap_or(1) }
    }

    /// Forgets the note of the block that started at `start`, if there is one.
    pub fn forget(&mut self, start: u64) {
        if !self.is_empty() {
            self.0.remove(&start);
        }
    }

    /// All notes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(&start, &alignment)| (start, alignment))
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        // A hash map has a control byte for each slot, and leaves an eighth of its slots free.
        self.0.capacity() / 7 * 8 * (size_of::<(u64, u64)>() + 1)
    }
}
