//! Segments, the links of a sub-chain, and the store that keeps them.
//!
//! A segment is a run of virtual addresses in one main block, either live (a process's, `<P>` in the seed's print)
//! or a hole (`<H>`). Segments live in one vector and name each other by index, so that the lists and the tree over
//! them need no pointers: 56 bytes a segment, nothing in the memory that is handed out.
//!
//! Costs: `insert` and `remove` are O(1); [`Segments::reserve`] is amortized O(1) and the only call that can fail.

use std::collections::TryReserveError;
use std::ops::{Index, IndexMut};

/// The index of a segment in its store.
pub(super) type Id = u32;

/// The link that leads nowhere.
pub(super) const NONE: Id = Id::MAX;

/// Whether a segment is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Handed out by `malloc` and not yet freed.
    Live,
    /// Free.
    Hole,
}

/// One segment with its links in the sub-chain and in the index.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// First address.
    pub start: u64,
    /// Length in bytes, never 0.
    pub size: u64,
    /// Live or hole.
    pub kind: Kind,
    /// The main block it belongs to.
    pub block: u32,
    /// The segment before it in its sub-chain; `NONE` at the head.
    pub prev: Id,
    /// The segment after it in its sub-chain; `NONE` at the tail. In a vacant slot: the next vacant slot.
    pub next: Id,
    /// Its place in the index (`index.rs` alone reads and writes it).
    pub node: Node,
}

/// A node of the index, kept inside its segment.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub parent: Id,
    pub left: Id,
    pub right: Id,
    /// The largest hole in the subtree rooted here; 0 if it has none.
    pub largest: u64,
}

impl Segment {
    /// A hole that no chain holds yet.
    pub fn hole(start: u64, size: u64, block: u32) -> Self {
        let node = Node { parent: NONE, left: NONE, right: NONE, largest: 0 };
        Self { start, size, kind: Kind::Hole, block, prev: NONE, next: NONE, node }
    }

    /// The address after its last.
    pub fn end(&self) -> u64 {
        self.start + self.size
    }

    /// Its size if it is a hole, else 0.
    pub fn hole_size(&self) -> u64 {
        match self.kind {
            Kind::Hole => self.size,
            Kind::Live => 0,
        }
    }
}

/// The store: a vector whose vacant slots form a list of their own.
#[derive(Debug)]
pub(super) struct Segments {
    slots: Vec<Segment>,
    /// Head of the list of vacant slots.
    vacant: Id,
    vacant_count: usize,
}

impl Segments {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), vacant: NONE, vacant_count: 0 }
    }

    /// Makes sure that the next `count` inserts succeed.
    pub fn reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        let missing = count.saturating_sub(self.vacant_count);
        if self.slots.len() + missing > NONE as usize {
            // Past four billion segments an id no longer fits: the vector's own error for "too large" says so.
            return self.slots.try_reserve(usize::MAX);
        }
        self.slots.try_reserve(missing)
    }

    /// Stores `segment`. Call `reserve` first: then this cannot fail.
    pub fn insert(&mut self, segment: Segment) -> Id {
        if self.vacant == NONE {
            let id = Id::try_from(self.slots.len()).expect("reserve() bounds the number of segments");
            self.slots.push(segment);
            return id;
        }
        let id = self.vacant;
        self.vacant = self[id].next;
        self.vacant_count -= 1;
        self[id] = segment;
        id
    }

    /// Gives slot `id` back. No chain and no index may hold it any more.
    pub fn remove(&mut self, id: Id) {
        self[id].next = self.vacant;
        self.vacant = id;
        self.vacant_count += 1;
    }

    /// Number of segments stored.
    pub fn len(&self) -> usize {
        self.slots.len() - self.vacant_count
    }

    /// Walks the list of vacant slots and compares it with their number.
    pub fn verify_vacant(&self) -> bool {
        let vacant = std::iter::successors(Some(self.vacant), |&id| self.slots.get(id as usize).map(|slot| slot.next));
        vacant.take(self.vacant_count + 1).take_while(|&id| id != NONE).count() == self.vacant_count
    }

    /// Bytes the store has allocated for itself.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Segment>()
    }
}

impl Index<Id> for Segments {
    type Output = Segment;

    fn index(&self, id: Id) -> &Segment {
        &self.slots[id as usize]
    }
}

impl IndexMut<Id> for Segments {
    fn index_mut(&mut self, id: Id) -> &mut Segment {
        &mut self.slots[id as usize]
    }
}
