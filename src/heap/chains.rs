//! The main chain and the sub-chains, by name.
//!
//! Readers who know the original look for two kinds of doubly linked lists: the main blocks, and the segments of each. Here they
//! are, however the engine stores them: each list has a first and a last node, and each node a next and a previous one. (With
//! segments in lines the lists are unrolled ones, without pointers: `segments/mod.rs` draws them.)
//!
//! ```text
//! MainChain:  MAIN[1000:5095] <-> MAIN[5096:13287] <-> NULL
//!                  |                   |
//! SubChain:        P <-> H <-> NULL    P <-> P <-> H <-> NULL
//! ```
//!
//! Addresses, not offsets. Costs: O(1) each.

use super::address::{address_of, offset_of};
use super::engine::Engine;
use super::{Heap, PAGE};
use std::ops::Range;

/// Whether a segment is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Handed out by `malloc` and not yet freed.
    Live,
    /// Free.
    Hole,
}

/// A node of a sub-chain: a run of addresses in one main block, a live block or a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// Live or hole.
    pub kind: Kind,
}

impl Segment {
    /// The segment's addresses.
    #[must_use]
    pub const fn addresses(&self) -> Range<u64> {
        self.start..self.start + self.size
    }
}

/// A node of the main chain: whole pages that were appended at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainBlock {
    /// First address.
    pub start: u64,
    /// The address after the last.
    pub end: u64,
}

/// The main blocks of a heap, in order of address.
#[derive(Debug, Clone, Copy)]
pub struct MainChain<'heap>(&'heap Heap);

impl<'heap> MainChain<'heap> {
    /// The first main block.
    #[must_use]
    pub fn first(self) -> Option<MainBlock> {
        self.first_from(address_of(0))
    }

    /// The last main block.
    #[must_use]
    pub fn last(self) -> Option<MainBlock> {
        let end = self.0.engine.end();
        self.0.engine.previous_border(end).map(|start| main_block(start..end))
    }

    /// The main block after `block`.
    #[must_use]
    pub fn next(self, block: MainBlock) -> Option<MainBlock> {
        self.first_from(block.end)
    }

    /// The main block before `block`.
    #[must_use]
    pub fn previous(self, block: MainBlock) -> Option<MainBlock> {
        let end = offset_of(block.start)?;
        self.0.engine.previous_border(end).map(|start| main_block(start..end))
    }

    /// The main block that holds `address`.
    #[must_use]
    pub fn at(self, address: u64) -> Option<MainBlock> {
        let offset = offset_of(address).filter(|&offset| offset < self.0.engine.end())?;
        let page_end = (offset / PAGE + 1) * PAGE;
        let start = self.0.engine.previous_border(page_end)?;
        Some(main_block(start..self.0.engine.next_border(page_end)))
    }

    /// The first main block that starts at `address` or after it.
    #[must_use]
    pub fn first_from(self, address: u64) -> Option<MainBlock> {
        let engine = &self.0.engine;
        let offset = offset_of(address).unwrap_or(0).checked_next_multiple_of(PAGE)?;
        let start = engine.next_border(offset);
        (start < engine.end()).then(|| main_block(start..engine.next_border(start + PAGE)))
    }

    /// The segments of a main block.
    #[must_use]
    pub const fn sub_chain(self, block: MainBlock) -> SubChain<'heap> {
        SubChain { heap: self.0, block }
    }

    /// The main blocks, one after the other.
    pub fn iter(self) -> impl Iterator<Item = MainBlock> {
        std::iter::successors(self.first(), move |&block| self.next(block))
    }
}

fn main_block(offsets: Range<u64>) -> MainBlock {
    MainBlock { start: address_of(offsets.start), end: address_of(offsets.end) }
}

/// The segments of a main block, in order of address: live blocks and holes.
#[derive(Debug, Clone, Copy)]
pub struct SubChain<'heap> {
    heap: &'heap Heap,
    block: MainBlock,
}

impl SubChain<'_> {
    /// The first segment, which starts where the main block does.
    #[must_use]
    pub fn first(self) -> Option<Segment> {
        self.heap.segment_at(self.block.start)
    }

    /// The last segment, which ends where the main block does.
    #[must_use]
    pub fn last(self) -> Option<Segment> {
        self.heap.segment_at(self.block.end - 1)
    }

    /// The segment after `segment`.
    #[must_use]
    pub fn next(self, segment: Segment) -> Option<Segment> {
        let end = segment.addresses().end;
        if end < self.block.end { self.heap.segment_at(end) } else { None }
    }

    /// The segment before `segment`.
    #[must_use]
    pub fn previous(self, segment: Segment) -> Option<Segment> {
        if segment.start > self.block.start { self.heap.segment_at(segment.start - 1) } else { None }
    }

    /// The segments, one after the other.
    pub fn iter(self) -> impl Iterator<Item = Segment> {
        self.iter_from(self.block.start)
    }

    /// The segments from the one that holds `address`, which is in the main block, to the last.
    pub fn iter_from(self, address: u64) -> impl Iterator<Item = Segment> {
        std::iter::successors(self.heap.segment_at(address), move |&segment| self.next(segment))
    }
}

impl Heap {
    /// The main chain.
    #[must_use]
    pub const fn main_chain(&self) -> MainChain<'_> {
        MainChain(self)
    }

    /// The segments from the one that holds `address`, or the first if it is below the heap, through all sub-chains.
    pub fn segments(&self, address: u64) -> impl Iterator<Item = Segment> {
        let (chain, address) = (self.main_chain(), address.max(address_of(0)));
        let blocks = std::iter::successors(chain.at(address), move |&block| chain.next(block));
        blocks.flat_map(move |block| chain.sub_chain(block).iter_from(address.max(block.start)))
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::{Heap, Options, PAGE, PolicyKind};

    #[test]
    fn both_chains_lead_forward_and_back() {
        for &policy in PolicyKind::ALL {
            let mut heap = Heap::new(Options::default().with_policy(policy));
            let chain = heap.main_chain();
            assert_eq!((chain.first(), chain.last()), (None, None));
            for pages in [1, 2, 16] {
                heap.reserve_block(pages * PAGE).unwrap();
                // Segregated fit appends to the main block before, unless a region begins.
                heap.append_block(pages * PAGE, policy == PolicyKind::Segregated);
            }
            let blocks: Vec<_> = [1000, 24, 3000, 8].map(|size| heap.malloc(size).unwrap().unwrap()).into();
            heap.free(blocks[1]).unwrap();
            let chain = heap.main_chain();
            let forward: Vec<_> = chain.iter().collect();
            let mut back: Vec<_> = std::iter::successors(chain.last(), |&block| chain.previous(block)).collect();
            back.reverse();
            assert_eq!(forward, back);
            assert_eq!(forward.iter().map(|block| (block.end - block.start) / PAGE).collect::<Vec<_>>(), [1, 2, 16]);
            let mut segments = Vec::new();
            for block in forward {
                let sub = chain.sub_chain(block);
                let forward: Vec<_> = sub.iter().collect();
                let mut back: Vec<_> = std::iter::successors(sub.last(), |&segment| sub.previous(segment)).collect();
                back.reverse();
                assert_eq!(forward, back);
                segments.extend(forward);
            }
            assert_eq!(segments, heap.segments(0).collect::<Vec<_>>());
        }
    }
}
