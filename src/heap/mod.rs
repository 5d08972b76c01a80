//! The allocator: which addresses are handed out. Pure bookkeeping in safe Rust, no memory behind it.
//!
//! First fit, exact to the byte: `malloc` takes the front of the lowest-addressed hole that is large enough, over all
//! main blocks in order; `free` turns the block into a hole and merges it with a hole before and a hole after, inside
//! its main block. Freeing by boundary neighbours is Knuth's "boundary tag" coalescing (The Art of Computer
//! Programming, vol. 1, 2.5), with the tags held in the sub-chain instead of the memory.
//!
//! - `chains.rs`: the main chain and the sub-chains, the truth.
//! - `segment.rs`: a segment, and the store they all live in.
//! - `index.rs`: finds a segment by address and the lowest hole by size without walking a chain.
//! - `stats.rs`, `print.rs`, `verify.rs`: what can be seen of a heap, and whether it is sound.
//!
//! Invariants (checked by [`Heap::verify`], in debug builds after every operation): those of `chains.rs` and
//! `index.rs`; no two neighbouring segments of a sub-chain are both holes; the counters equal what a walk counts.
//!
//! Costs: n segments; `malloc`, `free`, `find` are expected O(log n); `verify`, `lines` O(n); statistics O(1).

mod chains;
mod index;
mod options;
mod print;
mod segment;
mod stats;
mod verify;

pub use options::Options;
pub use segment::Kind;
pub use stats::{Mark, Stats};

use crate::Error;
use chains::Chains;
use index::Index;
use segment::{Id, NONE};
use stats::Counters;

/// The first virtual address of every heap.
pub const FIRST_ADDRESS: u64 = 1000;

/// The page of MeMS in bytes, whatever the system's page size is.
pub const PAGE: u64 = 4096;

/// The largest size that can be asked for: JavaScript's largest safe integer.
pub const MAX_SIZE: u64 = (1 << 53) - 1;

/// Whether so many bytes can be asked for: from 1 to [`MAX_SIZE`].
#[must_use]
pub const fn is_size(bytes: u64) -> bool {
    bytes != 0 && bytes <= MAX_SIZE
}

/// What stands at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// Live or hole.
    pub kind: Kind,
}

/// Chains, index and counters of one heap.
#[derive(Debug)]
pub struct Heap {
    options: Options,
    chains: Chains,
    index: Index,
    counters: Counters,
}

impl Heap {
    /// An empty heap: no main block, no allocation.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, chains: Chains::new(), index: Index::new(), counters: Counters::new() }
    }

    /// The same with a chosen seed for the shape of the index. Addresses do not depend on it, but the number of steps to
    /// find them does: for measurements that must repeat.
    #[must_use]
    pub fn with_seed(self, seed: u32) -> Self {
        debug_assert!(self.chains.blocks.is_empty(), "a seed is chosen before anything is allocated");
        Self { index: Index::with_seed(seed), ..self }
    }

    /// The options it was made with.
    #[must_use]
    pub const fn options(&self) -> Options {
        self.options
    }

    /// The address after the last main block.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.chains.end()
    }

    /// Takes `size` bytes from the lowest hole that is large enough. `None`: no hole fits, a main block of
    /// [`Heap::block_size`] bytes has to be appended first. Expected O(log n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`] for 0 or a size above [`MAX_SIZE`]; [`Error::OutOfMetadata`]. Nothing has changed then.
    pub fn malloc(&mut self, size: u64) -> Result<Option<u64>, Error> {
        if !is_size(size) {
            return Err(Error::InvalidSize { size: size.to_string() });
        }
        let hole = self.index.first_fit(&self.chains.segments, size);
        if hole == NONE {
            return Ok(None);
        }
        self.chains.reserve(1, 0).map_err(|_| Error::OutOfMetadata { size })?;
        Ok(Some(self.take(hole, size)))
    }

    /// The length of the main block that a request of `size` bytes makes: whole pages.
    #[must_use]
    pub const fn block_size(&self, size: u64) -> u64 {
        let least = self.options.min_block_size();
        if size <= least { least } else { size.next_multiple_of(PAGE) }
    }

    /// Makes room for the bookkeeping of one more main block and the request it is for, so that the
    /// [`Heap::append_block`] and [`Heap::malloc`] that follow cannot fail.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn reserve_block(&mut self, size: u64) -> Result<(), Error> {
        self.chains.reserve(2, 1).map_err(|_| Error::OutOfMetadata { size })
    }

    /// Appends a main block of `size` bytes (a multiple of [`PAGE`]) to the main chain, all of it one hole.
    ///
    /// # Panics
    /// Without [`Heap::reserve_block`] before, in a heap of four billion segments.
    pub fn append_block(&mut self, size: u64) {
        debug_assert!(size > 0 && size.is_multiple_of(PAGE));
        let before = self.chains.last_segment();
        let hole = self.chains.append_block(size);
        self.index.insert_after(&mut self.chains.segments, before, hole);
        self.counters.append_block(size);
        self.debug_verify();
    }

    /// Takes back what [`Heap::append_block`] did last, if nothing is allocated in it. Answers the block's size in bytes.
    /// Expected O(log n).
    pub fn pop_block(&mut self) -> Option<u64> {
        let block = self.chains.blocks.last()?;
        let (size, first) = (block.size, block.first);
        if block.segments != 1 || !self.chains.is_hole(first) {
            return None;
        }
        self.index.remove(&mut self.chains.segments, first);
        self.chains.pop_block();
        self.counters.pop_block(size);
        self.debug_verify();
        Some(size)
    }

    /// Gives the block that starts at `address` back and answers its size. Expected O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; nothing has changed then.
    pub fn free(&mut self, address: u64) -> Result<u64, Error> {
        let id = self.block_start(address)?;
        let size = self.segment(id).size;
        self.release(id);
        Ok(size)
    }

    /// Whether [`Heap::free`] would succeed. Expected O(log n).
    ///
    /// # Errors
    /// Those of [`Heap::free`].
    pub fn check_block_start(&self, address: u64) -> Result<(), Error> {
        self.block_start(address).map(drop)
    }

    fn block_start(&self, address: u64) -> Result<Id, Error> {
        let id = self.live(address)?;
        let Segment { start, size, .. } = self.segment(id);
        if start == address { Ok(id) } else { Err(Error::NotBlockStart { address, start, end: start + size }) }
    }

    /// The live block that holds `address`, which may be any address inside it. Expected O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    pub fn find(&self, address: u64) -> Result<Segment, Error> {
        self.live(address).map(|id| self.segment(id))
    }

    /// Calls `visit` with every hole of at least `least` bytes, in order of address. Expected O(k log n) for k of them.
    pub fn holes(&self, least: u64, mut visit: impl FnMut(Segment)) {
        self.index.holes(&self.chains.segments, least.max(1), &mut |id| visit(self.segment(id)));
    }

    fn live(&self, address: u64) -> Result<Id, Error> {
        let (start, end) = (FIRST_ADDRESS, self.end());
        if !(start..end).contains(&address) {
            return Err(Error::OutOfRange { address: address.to_string(), start, end });
        }
        let id = self.index.find(&self.chains.segments, address);
        let Segment { start, size, kind } = self.segment(id);
        match kind {
            Kind::Live => Ok(id),
            Kind::Hole => Err(Error::NotAllocated { address, start, end: start + size }),
        }
    }

    fn segment(&self, id: Id) -> Segment {
        let segment::Segment { start, size, kind, .. } = self.chains.segments[id];
        Segment { start, size, kind }
    }

    /// Makes the first `size` bytes of `hole` a live block.
    fn take(&mut self, hole: Id, size: u64) -> u64 {
        let Segment { start, size: whole, .. } = self.segment(hole);
        let rest = if size < whole { self.chains.split(hole, size) } else { NONE };
        let segments = &mut self.chains.segments;
        segments[hole].kind = Kind::Live;
        Index::refresh(segments, hole);
        if rest != NONE {
            self.index.insert_after(segments, hole, rest);
        }
        self.counters.malloc(size, rest == NONE);
        self.debug_verify();
        start
    }

    /// Makes live segment `id` a hole and merges it with the holes beside it.
    fn release(&mut self, id: Id) {
        let segment = &mut self.chains.segments[id];
        segment.kind = Kind::Hole;
        let (size, prev, next) = (segment.size, segment.prev, segment.next);
        let merged = usize::from(self.chains.is_hole(prev)) + usize::from(self.chains.is_hole(next));
        if self.chains.is_hole(next) {
            self.absorb_next(id);
        }
        if self.chains.is_hole(prev) {
            self.absorb_next(prev);
            Index::refresh(&mut self.chains.segments, prev);
        } else {
            Index::refresh(&mut self.chains.segments, id);
        }
        self.counters.free(size, merged);
        self.debug_verify();
    }

    fn absorb_next(&mut self, id: Id) {
        let next = self.chains.segments[id].next;
        self.index.remove(&mut self.chains.segments, next);
        self.chains.absorb_next(id);
    }

    /// In debug builds: `verify` after every operation, so that a test fails at the call that broke an invariant.
    fn debug_verify(&self) {
        if cfg!(debug_assertions) {
            self.verify().expect("an operation keeps every invariant");
        }
    }
}
