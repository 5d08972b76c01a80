//! The publication: how what is built of blocks (a map) changes so that a death leaves no block that nothing refers to.
//!
//! Who holds the heap's lock may have a new block, which nothing refers to yet, and an old block, which nothing refers to any more. Both are
//! noted here, by the operation that takes the one and by the one that frees the other. In between a store to one word of the data, the
//! *target*, replaces the old block by the new: that store commits. So after a death the next owner of the lock finds, by the target,
//! which of the two is to be freed.
//!
//! All are virtual addresses, and 0 for none. The target is set after the new block is there, and cleared last: a new block without a target is
//! one that nothing refers to, unless a root does.
//!
//! Costs: a line of the header.

use super::header::Header;
use super::intent::Note;
use super::layout::at;
use super::words::{put, word};

/// In a [`Note`]'s offset: the rest is the number of a word of the header.
const IN_HEADER: u64 = 1 << 63;

/// A word of the publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Noted {
    /// The new block.
    New = 0,
    /// The old block.
    Old = 1,
    /// The word that is to refer to the new block.
    Target = 2,
    /// The block of the map.
    Map = 3,
    /// The number of the map's shard.
    Shard = 4,
}

/// What the publication says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// See [`Noted::New`].
    pub new: u64,
    /// See [`Noted::Old`].
    pub old: u64,
    /// See [`Noted::Target`].
    pub target: u64,
    /// See [`Noted::Map`].
    pub map: u64,
    /// See [`Noted::Shard`].
    pub shard: u64,
}

impl Noted {
    const fn number(self) -> usize {
        at::PUBLICATION + self as usize
    }

    /// The offset that stands for the word in notes of operations.
    #[must_use]
    pub(in crate::heap) const fn offset(self) -> u64 {
        IN_HEADER | self.number() as u64
    }
}

impl Header {
    /// Sets a word of the publication. For the owner of the lock.
    pub fn note(&self, noted: Noted, address: u64) {
        put(self.at(noted.number()), address);
    }

    /// What is under way, if something is.
    #[must_use]
    #[inline]
    pub fn publication(&self) -> Option<Publication> {
        let [new, old, target, map, shard] = std::array::from_fn(|number| word(self.at(at::PUBLICATION + number)));
        (new | old | target != 0).then_some(Publication { new, old, target, map, shard })
    }

    /// Stores the word of a note that is in the header. Returns `false` if it is none that operations may store.
    pub(super) fn put_noted(&self, note: Note) -> bool {
        let is = |noted: &Noted| note.offset == noted.offset();
        let noted = [Noted::New, Noted::Old].into_iter().find(is);
        if let Some(noted) = noted {
            self.note(noted, note.value);
        }
        noted.is_some() || note.offset & IN_HEADER != 0
    }
}
