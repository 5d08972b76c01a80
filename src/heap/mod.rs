//! The allocator: which addresses are handed out. Pure bookkeeping in safe Rust, no memory behind it.
//!
//! [`Heap`] deals in addresses and keeps the counters. Below it is an engine, which knows what is where and where the next block
//! is placed, in offsets from the first address (`address.rs` converts between the two). Here are the calls that allocate, free
//! and resize.
//!
//! - `lookup.rs`: what is at an address. `main_blocks.rs`: how the heap grows.
//! - `engine.rs`: what an engine is; `engines.rs`: the table of engines. `fit.rs`: one map and one policy; `buddy.rs`: the buddy
//!   system; `segregated/`: size classes in spans, the default of `new Heap()`.
//! - `policy/`: which hole serves a request, a file for each, and the table of them.
//! - `segments/`: what is where. `holes_by_size.rs`: an index of holes for policies that look for the smallest.
//! - `chains.rs`: the main chain and the sub-chains. `stats.rs`, `counters.rs`, `print.rs`, `verify.rs`: what can be seen of a
//!   heap, and whether it is sound.
//! - `ledger/`: the engine of heaps that processes share in a file; `shared.rs`: what only their heaps do.
//! - `options.rs`: the options of placement. `looked_at.rs`: what a search would have cost with a list.
//!   `unusable.rs`: which holes are too small for a request.
//!
//! The original's policy, first fit, is exact to the byte: `malloc` takes the start of the lowest-addressed hole that is large
//! enough, over all main blocks in order; `free` turns the block into a hole and merges it with a hole before and a hole after,
//! inside its main block. Freeing by boundary neighbours is Knuth's "boundary tag" coalescing (The Art of Computer Programming,
//! vol. 1, 2.5), with the tags held beside the memory instead of in it.
//!
//! Costs: n segments; `malloc`, `free` and the look-ups are amortized O(log n) whatever the policy, with first fit base 32 and
//! mostly O(1); `verify` and `lines` are O(n).

mod address;
mod buddy;
mod chains;
mod counters;
mod engine;
mod engines;
mod ensure;
mod fit;
mod front;
mod holes_by_size;
#[cfg(any(feature = "c-abi", test))]
#[cfg_attr(not(feature = "c-abi"), allow(dead_code, unused_imports, reason = "only its own tests use it"))]
pub mod ledger;
mod looked_at;
mod lookup;
mod main_blocks;
mod options;
mod policy;
mod print;
mod segments;
mod segregated;
#[cfg(feature = "c-abi")]
mod shared;
mod stats;
mod unusable;
mod verify;

pub use crate::page::PAGE;
pub use address::{FIRST_ADDRESS, MAX_ADDRESS, next_page_start, page_start};
pub use chains::{Kind, MainBlock, MainChain, Segment, SubChain};
pub use options::{Options, UNIT};
pub use policy::{PolicyKind, UnknownPolicy};
pub use segregated::size_classes;
pub use stats::{Group, Mark, Statistic, Stats};
pub use unusable::HoleBytes;

use crate::error::Error;
use address::{address_of, addresses_of, offset_in, offset_of};
use counters::Counters;
use engine::{Engine, NoMetadata, Taken};
use engines::AnyEngine;
use std::collections::TryReserveError;
use std::ops::Range;

/// The largest size that can be asked for: JavaScript's largest safe integer.
pub const MAX_SIZE: u64 = (1 << 53) - 1;

/// Whether `bytes` bytes can be requested: from 1 to [`MAX_SIZE`].
#[must_use]
pub const fn is_size(bytes: u64) -> bool {
    bytes != 0 && bytes <= MAX_SIZE
}

/// What a free has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freed {
    /// The addresses of the block; of its whole span if no slot of the span is live now.
    pub block: Range<u64>,
    /// The addresses of the hole that the block is part of now.
    pub hole: Range<u64>,
}

/// What [`Heap::resize`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resized {
    /// The block has its new size.
    InPlace {
        /// The bytes that became a hole, if the block has shrunk.
        freed: Option<Freed>,
    },
    /// The block has to move: a live block or too short a hole follows it. Nothing has changed.
    NoRoom,
}

/// A callback that stores something about a new block, by its address, outside of the heap. Fails if there is no memory for it.
pub trait Note: FnOnce(u64) -> Result<(), TryReserveError> {}

impl<F: FnOnce(u64) -> Result<(), TryReserveError>> Note for F {}

/// Segments and counters of one heap.
#[derive(Debug)]
pub struct Heap {
    options: Options,
    engine: AnyEngine,
    counters: Counters,
}

impl Heap {
    /// An empty heap: no main block, no allocation.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, engine: AnyEngine::new(&options), counters: Counters::new() }
    }

    /// The options that the heap was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The address after the last main block.
    #[must_use]
    pub fn end(&self) -> u64 {
        address_of(self.engine.end())
    }

    /// Bytes in main blocks. O(1).
    #[must_use]
    pub const fn mapped(&self) -> u64 {
        self.counters.mapped
    }

    /// Bytes in live blocks. O(1).
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.counters.live_without(&self.engine.waiting())
    }

    /// Number of holes.
    fn holes(&self) -> u64 {
        (self.counters.holes + self.engine.waiting().slots) as u64
    }

    /// Takes `size` bytes from the hole that the policy chooses. `None`: no hole fits, a main block of [`Heap::block_size`] bytes
    /// has to be appended first. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`] for 0 or a size above [`Options::most`]; [`Error::OutOfMetadata`]. Nothing has changed then.
    #[allow(
        clippy::inline_always,
        reason = "the compiler does not do it by itself, and entering is a tenth of a quick call"
    )]
    #[inline(always)]
    pub fn malloc(&mut self, size: u64) -> Result<Option<u64>, Error> {
        self.malloc_noted(size, |_| Ok(()))
    }

    /// Takes a cached slot, in engines that have caches: most calls of malloc do no more there. `None`: nothing has changed, and
    /// [`Heap::malloc`] knows all cases. O(1).
    #[allow(clippy::inline_always, reason = "as `malloc`")]
    #[inline(always)]
    pub(crate) fn malloc_at_hand(&mut self, size: u64) -> Option<u64> {
        let (start, block) = self.engine.segregated()?.take_cached(size)?;
        self.counters.record_cached(block);
        self.debug_verify();
        Some(address_of(start))
    }

    /// Frees the block that starts at `address` if its slot can be cached. Returns `false` if nothing has changed: [`Heap::free`]
    /// knows all cases. O(1).
    #[allow(clippy::inline_always, reason = "as `malloc`")]
    #[inline(always)]
    pub(crate) fn free_at_hand(&mut self, address: u64) -> bool {
        let Some(start) = offset_of(address) else { return false };
        let freed = self.engine.segregated().is_some_and(|engine| engine.give_cached(start));
        if freed {
            self.counters.frees += 1;
            self.debug_verify();
        }
        freed
    }

    /// The bytes that were asked for of the live slot that starts at `address`, and whether it would keep its place with `size` bytes.
    /// `None`: no slot of at most 16 KiB starts there, or its engine has none. O(1).
    #[must_use]
    pub fn slot_at(&mut self, address: u64, size: u64) -> Option<(u64, bool)> {
        let (usable, padding) = self.engine.segregated()?.slot_at(offset_of(address)?)?;
        Some((usable.saturating_sub(padding), size <= usable))
    }

    /// The address after the highest page that has ever been cut into slots.
    pub(crate) fn slots_end(&self) -> u64 {
        address_of(self.engine.slots_end())
    }

    /// [`Heap::malloc`], with `note` called with the block's address. If `note` fails, the block is taken back as if it had never
    /// been.
    ///
    /// # Errors
    /// The errors of [`Heap::malloc`]. Nothing has changed then.
    #[allow(clippy::inline_always, reason = "as `malloc`")]
    #[inline(always)]
    pub fn malloc_noted(&mut self, size: u64, note: impl Note) -> Result<Option<u64>, Error> {
        if size == 0 || size > self.options.most() {
            return Err(Error::InvalidSize { size: size.to_string() });
        }
        let taken = self.engine.malloc(size).map_err(|NoMetadata| Error::OutOfMetadata { size })?;
        let Some(taken) = taken else { return Ok(None) };
        self.record_taken(taken, size, note).map(Some)
    }

    /// Counts a block that was taken for a request of `size` bytes, and returns its address.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `malloc`")]
    fn record_taken(&mut self, taken: Taken, size: u64, note: impl Note) -> Result<u64, Error> {
        let address = address_of(taken.start);
        if note(address).is_err() {
            self.engine.untake(taken.start);
            return Err(Error::OutOfMetadata { size });
        }
        self.counters.record_malloc(taken.block, taken.size, taken.holes);
        self.debug_verify();
        Ok(address)
    }

    /// Takes `size` bytes at an offset from the heap's first address that is a multiple of `alignment`, a power of two, from the
    /// hole that the policy chooses among those that have room wherever they start; what is before and after the block stays a
    /// hole. `None`: a main block with room for [`Heap::room_for`] bytes has to be appended first. Amortized O(log n).
    ///
    /// `note` is called as by [`Heap::malloc_noted`].
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn malloc_aligned(&mut self, size: u64, alignment: u64, note: impl Note) -> Result<Option<u64>, Error> {
        self.malloc_from(size, alignment, None, note)
    }

    /// [`Heap::malloc_aligned`] from the hole of a new main block, whose address [`Heap::append_block`] has returned.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]; nothing has changed then but high-water marks of holes.
    pub fn malloc_in_new_block(
        &mut self,
        hole: u64,
        size: u64,
        alignment: u64,
        note: impl Note,
    ) -> Result<Option<u64>, Error> {
        let allocated = self.malloc_from(size, alignment, offset_of(hole), note);
        // The high-water marks of holes: what is left of the new block, behind the block and, if that is aligned, before it.
        self.counters.record_hole_bytes();
        self.record_hole_at(offset_in(hole));
        self.record_hole_at(self.engine.end() - 1);
        allocated
    }

    fn malloc_from(
        &mut self,
        size: u64,
        alignment: u64,
        hole: Option<u64>,
        note: impl Note,
    ) -> Result<Option<u64>, Error> {
        let taken = self.engine.malloc_aligned(size, alignment, hole);
        let taken = taken.map_err(|NoMetadata| Error::OutOfMetadata { size })?;
        taken.map(|taken| self.record_taken(taken, size, note)).transpose()
    }

    /// The length of a hole that has room for `size` bytes at `alignment` wherever it starts.
    #[must_use]
    #[inline]
    pub fn room_for(&self, size: u64, alignment: u64) -> u64 {
        self.engine.room_for(size, alignment)
    }

    /// The largest alignment that a block can have.
    #[must_use]
    pub fn most_alignment(&self) -> u64 {
        self.engine.most_alignment()
    }

    /// Raises the high-water mark of holes to the hole that holds an offset, if one does.
    fn record_hole_at(&mut self, offset: u64) {
        let segment = self.engine.segment_at(offset);
        if segment.is_hole {
            self.counters.record_hole(segment.end - segment.start);
        }
    }

    /// Frees the block that starts at `address`. Amortized O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; nothing has changed then.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "what it returns would go through memory; there are three callers, one of them rare"
    )]
    pub fn free(&mut self, address: u64) -> Result<Freed, Error> {
        // A closure would be compiled as a function of its own, and what it returns would go through memory.
        let freed = if let Some(start) = offset_of(address) { self.engine.free(start) } else { None };
        let Some(engine::Freed { size, pages, hole: (start, end), holes }) = freed else {
            return Err(self.refusal(address));
        };
        self.counters.record_free(size, holes, end - start);
        if let Some(hole) = self.join(start, end) {
            self.counters.record_hole(hole.end - hole.start);
        }
        self.debug_verify();
        Ok(Freed { block: addresses_of(pages.0, pages.1), hole: addresses_of(start, end) })
    }

    /// Resizes the block that starts at `address` to `size` bytes without moving it, if what follows allows. Amortized O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::check_block_start`], [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn resize(&mut self, address: u64, size: u64) -> Result<Resized, Error> {
        let block = self.check_block_start(address)?;
        let resized = self.engine.resize(offset_in(address), size);
        let freed = match resized.map_err(|NoMetadata| Error::OutOfMetadata { size })? {
            None => return Ok(Resized::NoRoom),
            Some(engine::Resized::Same) => None,
            Some(engine::Resized::Shrunk(engine::Freed { size, hole: (start, end), holes, .. })) => {
                self.counters.record_shrink(size, holes, end - start);
                Some(Freed { block: block.end - size..block.end, hole: addresses_of(start, end) })
            }
            Some(engine::Resized::Grown { bytes, holes }) => {
                self.counters.record_growth(bytes, holes);
                None
            }
        };
        self.debug_verify();
        Ok(Resized::InPlace { freed })
    }

    /// Splits the block that starts at `address` into one of `size` bytes, fewer than it has, and a tail, a live block of its
    /// own until [`Heap::free_tail`]. Returns `false` in engines whose blocks cannot be split. Amortized O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::check_block_start`], [`Error::OutOfMetadata`]; nothing has changed then.
    pub(crate) fn split(&mut self, address: u64, size: u64) -> Result<bool, Error> {
        let block = self.check_block_start(address)?;
        debug_assert!(size > 0 && size < block.end - block.start);
        let split = self.engine.split(offset_in(address), size);
        let split = split.map_err(|NoMetadata| Error::OutOfMetadata { size })?;
        if split {
            self.counters.record_split();
        }
        self.debug_verify();
        Ok(split)
    }

    /// Frees a tail that [`Heap::split`] has made. The split and this free together count as no call.
    ///
    /// # Errors
    /// The errors of [`Heap::free`].
    pub(crate) fn free_tail(&mut self, tail: u64) -> Result<Freed, Error> {
        let freed = self.free(tail)?;
        self.counters.forget_pair(0);
        self.debug_verify();
        Ok(freed)
    }

    /// Calls `visit` with the part inside `range` of every hole of at least [`PAGE`] bytes, in order of address. Amortized
    /// O(k log n) for k such holes; with segregated fit O(1) for each span and each run of pages in `range`, and for each slot of
    /// at least a page.
    pub fn page_holes(&mut self, range: Range<u64>, mut visit: impl FnMut(Range<u64>)) {
        let (first, last) = (offset_in(range.start), offset_in(range.end));
        self.engine.holes(first..last, PAGE, &mut |hole| {
            visit(addresses_of(hole.start.max(first), hole.end.min(last)));
        });
    }

    /// In debug builds: `verify` after every operation, so that a test fails at the call that broke an invariant.
    fn debug_verify(&self) {
        if cfg!(debug_assertions) {
            self.verify().expect("an operation keeps every invariant");
        }
    }
}
