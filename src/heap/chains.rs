//! The main chain and its sub-chains: the truth about the heap.
//!
//! The main chain is the row of main blocks, in order of address; blocks are only ever appended, so it is kept as a
//! vector and its links are the neighbouring positions. Each main block has a sub-chain, the doubly linked list of the
//! segments in it. Everything else in this folder (index, counters) repeats what stands here and is checked against it.
//!
//! Invariants:
//! - The main blocks tile the addresses from [`FIRST_ADDRESS`] to [`Chains::end`], each a whole number of pages.
//! - The segments of a sub-chain tile their main block.
//! - A sub-chain never leaves its main block, so segments of two blocks never merge.
//!
//! Costs: every operation is O(1). Only iteration walks.

use super::segment::{Id, NONE, Segment, Segments};
use super::{FIRST_ADDRESS, Kind};
use std::collections::TryReserveError;

/// A run of whole pages, mapped in one go and physically contiguous.
#[derive(Debug, Clone)]
pub(super) struct MainBlock {
    /// First address.
    pub start: u64,
    /// Length in bytes, a multiple of the page size.
    pub size: u64,
    /// Head of the sub-chain.
    pub first: Id,
    /// Tail of the sub-chain.
    pub last: Id,
    /// Length of the sub-chain.
    pub segments: usize,
}

/// Both levels of chains.
#[derive(Debug)]
pub(super) struct Chains {
    pub blocks: Vec<MainBlock>,
    pub segments: Segments,
}

impl Chains {
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), segments: Segments::new() }
    }

    /// Makes sure that `segments` new segments and `blocks` new main blocks fit.
    pub fn reserve(&mut self, segments: usize, blocks: usize) -> Result<(), TryReserveError> {
        self.segments.reserve(segments)?;
        if self.blocks.len() + blocks > NONE as usize {
            return self.blocks.try_reserve(usize::MAX);
        }
        self.blocks.try_reserve(blocks)
    }

    /// The address after the last main block.
    pub fn end(&self) -> u64 {
        self.blocks.last().map_or(FIRST_ADDRESS, |block| block.start + block.size)
    }

    /// The last segment of the last main block, or `NONE`.
    pub fn last_segment(&self) -> Id {
        self.blocks.last().map_or(NONE, |block| block.last)
    }

    /// Appends a main block of `size` bytes, one hole, and answers the hole.
    pub fn append_block(&mut self, size: u64) -> Id {
        let start = self.end();
        let block = u32::try_from(self.blocks.len()).expect("reserve() bounds the number of main blocks");
        let hole = self.segments.insert(Segment::hole(start, size, block));
        self.blocks.push(MainBlock { start, size, first: hole, last: hole, segments: 1 });
        hole
    }

    /// Takes the last main block, one hole, off the main chain. The index must have forgotten the hole.
    pub fn pop_block(&mut self) {
        if let Some(block) = self.blocks.pop() {
            debug_assert_eq!(block.segments, 1);
            self.segments.remove(block.first);
        }
    }

    /// Cuts segment `id` after its first `size` bytes; the rest becomes a hole after it, whose id is answered.
    pub fn split(&mut self, id: Id, size: u64) -> Id {
        let Segment { start, size: whole, block, next, .. } = self.segments[id];
        debug_assert!(0 < size && size < whole);
        let rest = Segment { prev: id, next, ..Segment::hole(start + size, whole - size, block) };
        let rest = self.segments.insert(rest);
        let owner = &mut self.blocks[block as usize];
        owner.segments += 1;
        if next == NONE {
            owner.last = rest;
        } else {
            self.segments[next].prev = rest;
        }
        let segment = &mut self.segments[id];
        segment.size = size;
        segment.next = rest;
        rest
    }

    /// Lets segment `id` swallow the one after it in its sub-chain, whose slot is given back.
    pub fn absorb_next(&mut self, id: Id) {
        let absorbed = self.segments[id].next;
        let Segment { size, block, next, .. } = self.segments[absorbed];
        let owner = &mut self.blocks[block as usize];
        owner.segments -= 1;
        if next == NONE {
            owner.last = id;
        } else {
            self.segments[next].prev = id;
        }
        let segment = &mut self.segments[id];
        segment.size += size;
        segment.next = next;
        self.segments.remove(absorbed);
    }

    /// Bytes the chains have allocated for themselves.
    pub fn bytes(&self) -> usize {
        self.segments.bytes() + self.blocks.capacity() * size_of::<MainBlock>()
    }

    /// Whether `id` is a segment and a hole.
    pub fn is_hole(&self, id: Id) -> bool {
        id != NONE && self.segments[id].kind == Kind::Hole
    }

    /// The sub-chain of a main block, head to tail.
    pub fn walk(&self, block: &MainBlock) -> impl Iterator<Item = (Id, &Segment)> {
        let mut at = block.first;
        std::iter::from_fn(move || {
            let id = at;
            let segment = (id != NONE).then(|| &self.segments[id])?;
            at = segment.next;
            Some((id, segment))
        })
    }
}
