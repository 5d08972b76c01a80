//! The allocator: which addresses are handed out. Pure bookkeeping in safe Rust, no memory behind it.
//!
//! First fit, exact to the byte: `malloc` takes the front of the lowest-addressed hole that is large enough, over all
//! main blocks in order; `free` turns the block into a hole and merges it with a hole before and a hole after, inside
//! its main block. Freeing by boundary neighbours is Knuth's "boundary tag" coalescing (The Art of Computer
//! Programming, vol. 1, 2.5), with the tags held beside the memory instead of in it.
//!
//! - `segments.rs`, `walk.rs`: all segments, packed by address, in areas (`area.rs`) of chunks (`chunk.rs`) of windows
//!   (`window.rs`, and `crowd.rs` for the crowded ones).
//! - `first_fit.rs`: finds the lowest hole that is large enough, by rows of largest holes (`row.rs`) and hints (`hints.rs`).
//! - `take.rs`, `release.rs`: what malloc and free do to segments; `resize.rs`: realloc and aligned malloc; `join.rs`:
//!   what happens to empty main blocks.
//! - `stats.rs`, `print.rs`, `verify.rs`: what can be seen of a heap, and whether it is sound.
//!
//! Invariants (checked by [`Heap::verify`], in debug builds after every operation): those of the files above; the
//! counters equal what a walk counts.
//!
//! Costs: n segments; `malloc`, `free`, `find` are amortized O(log n), base 32, and mostly O(1); `verify`, `lines` O(n).

mod area;
mod chunk;
mod crowd;
mod first_fit;
mod hints;
mod join;
mod options;
mod policy;
mod print;
mod release;
mod resize;
mod row;
mod segments;
mod stats;
mod take;
mod verify;
mod walk;
mod window;

pub use options::{Options, Setting, UNIT};
pub use policy::{PolicyKind, UnknownPolicy};
pub use resize::Resized;
pub use stats::{Mark, Stats};

use crate::Error;
use first_fit::Found;
use segments::Segments;
use stats::Counters;
use std::ops::Range;
use window::WINDOW;

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

/// Whether a segment is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Handed out by `malloc` and not yet freed.
    Live,
    /// Free.
    Hole,
}

impl Kind {
    const fn of(hole: bool) -> Self {
        if hole { Self::Hole } else { Self::Live }
    }
}

/// A run of addresses in one main block: a live block, or a hole.
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
    /// Its addresses.
    #[must_use]
    pub const fn addresses(&self) -> Range<u64> {
        self.start..self.start + self.size
    }
}

/// What a free has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freed {
    /// The addresses of the block.
    pub block: Range<u64>,
    /// The addresses of the hole that it is part of now.
    pub hole: Range<u64>,
}

/// Segments and counters of one heap.
#[derive(Debug)]
pub struct Heap {
    options: Options,
    segments: Segments,
    counters: Counters,
}

impl Heap {
    /// An empty heap: no main block, no allocation.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self { options, segments: Segments::new(), counters: Counters::new() }
    }

    /// The options it was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The address after the last main block.
    #[must_use]
    pub fn end(&self) -> u64 {
        FIRST_ADDRESS + self.segments.end()
    }

    /// Bytes in main blocks. O(1).
    #[must_use]
    pub const fn mapped(&self) -> u64 {
        self.counters.mapped
    }

    /// Bytes in live blocks. O(1).
    #[must_use]
    pub const fn live_bytes(&self) -> u64 {
        self.counters.live
    }

    /// Takes `size` bytes from the lowest hole that is large enough. `None`: no hole fits, a main block of
    /// [`Heap::block_size`] bytes has to be appended first. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`] for 0 or a size above [`Options::most`]; [`Error::OutOfMetadata`]. Nothing has changed then.
    #[allow(
        clippy::inline_always,
        reason = "left to itself the compiler does not, and a tenth of a quick call is the way in"
    )]
    #[inline(always)]
    pub fn malloc(&mut self, size: u64) -> Result<Option<u64>, Error> {
        if size == 0 || size > self.options.most() {
            return Err(Error::InvalidSize { size: size.to_string() });
        }
        let Some(Found { window, word, searched }) = self.segments.first_fit(size) else { return Ok(None) };
        let taken = self.segments.take(window, word, size).map_err(|_| Error::OutOfMetadata { size })?;
        if searched {
            self.segments.tighten(window);
        }
        self.counters.malloc(size, taken.exact);
        self.debug_verify();
        Ok(Some(FIRST_ADDRESS + taken.start))
    }

    /// The length of the main block that a request of `size` bytes makes: whole pages.
    #[must_use]
    pub fn block_size(&self, size: u64) -> u64 {
        let mut least = self.options.min_block_size();
        if self.options.growing_blocks() {
            least = least.max((self.counters.mapped / 8).next_multiple_of(PAGE));
        }
        if size <= least { least } else { size.next_multiple_of(PAGE) }
    }

    /// Makes room for the bookkeeping of a main block of `bytes`, so that the [`Heap::append_block`] that follows cannot
    /// fail.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn reserve_block(&mut self, bytes: u64) -> Result<(), Error> {
        self.segments.reserve(self.segments.end() + bytes).map_err(|_| Error::OutOfMetadata { size: bytes })
    }

    /// Appends a main block of `size` bytes (a multiple of [`PAGE`]) to the main chain, all of it one hole. `border`: it is not
    /// a physical neighbour of the one before.
    ///
    /// # Panics
    /// Without [`Heap::reserve_block`] before.
    pub fn append_block(&mut self, size: u64, border: bool) {
        debug_assert!(size > 0 && size.is_multiple_of(PAGE));
        let start = self.segments.append(size, border);
        self.counters.append_block(size);
        self.join(start, start + size);
        self.debug_verify();
    }

    /// The length of the last main block if it is wholly free and the heap may let it grow, else 0.
    #[must_use]
    pub fn growing_block(&self) -> u64 {
        if !self.options.join_empty_blocks() {
            return 0;
        }
        let last = self.segments.prev_before(self.segments.end() / WINDOW);
        last.filter(|last| self.segments.is_empty_block(last.0)).map_or(0, |last| self.segments.end() - last.0)
    }

    /// Takes back what [`Heap::append_block`] did last, down to the address `end` at most, if nothing is allocated there.
    /// Answers how many bytes went. O(1).
    pub fn truncate(&mut self, end: u64) -> Option<u64> {
        let (bytes, block) = self.segments.truncate(end - FIRST_ADDRESS)?;
        self.counters.truncate(bytes, block);
        self.debug_verify();
        Some(bytes)
    }

    /// Whether the hole has become part of a larger one.
    #[inline]
    fn join(&mut self, start: u64, end: u64) -> bool {
        let joined = if self.options.join_empty_blocks() { self.segments.join_empty(start, end) } else { 0 };
        self.counters.join(joined);
        joined > 0
    }

    /// Tells the high-water marks that a main block was appended for a malloc, which has taken its front by now.
    pub(crate) fn note_rest(&mut self) {
        self.counters.note_hole_bytes();
        self.note_hole(self.segments.end() - 1);
    }

    /// Tells the high-water marks of the hole that holds an offset, if one does.
    fn note_hole(&mut self, offset: u64) {
        let (start, end, hole) = self.segments.segment(offset);
        if hole {
            self.counters.note_hole(end - start);
        }
    }

    /// Gives the block that starts at `address` back. Amortized O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; nothing has changed then.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "what it returns would go through memory; there are two callers, one of them rare"
    )]
    pub fn free(&mut self, address: u64) -> Result<Freed, Error> {
        let released = address.checked_sub(FIRST_ADDRESS).and_then(|start| self.segments.release(start));
        let Some(released) = released else { return Err(self.not_a_block(address)) };
        self.counters.free(released.size, released.merged, released.hole.1 - released.hole.0);
        if self.join(released.hole.0, released.hole.1) {
            self.note_hole(released.hole.0);
        }
        self.debug_verify();
        let hole = FIRST_ADDRESS + released.hole.0..FIRST_ADDRESS + released.hole.1;
        Ok(Freed { block: address..address + released.size, hole })
    }

    /// Whether a live block starts at `address`. O(1), and less than finding where it ends.
    #[inline]
    #[must_use]
    pub fn is_live_start(&self, address: u64) -> bool {
        address.checked_sub(FIRST_ADDRESS).is_some_and(|start| self.segments.is_live_start(start))
    }

    /// Whether [`Heap::free`] would succeed. O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::free`].
    pub fn check_block_start(&self, address: u64) -> Result<Range<u64>, Error> {
        let found = self.find(address)?;
        let Range { start, end } = found;
        if start == address { Ok(found) } else { Err(Error::NotBlockStart { address, start, end }) }
    }

    /// Why an address cannot be freed.
    #[cold]
    fn not_a_block(&self, address: u64) -> Error {
        let said = self.check_block_start(address);
        said.expect_err("a live block that starts here would have been freed")
    }

    /// Checks that a live block holds `address`, which may be any address inside it. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    #[inline]
    pub fn check_live(&self, address: u64) -> Result<(), Error> {
        let offset = address.wrapping_sub(FIRST_ADDRESS);
        if offset < self.segments.end() && !self.segments.holder(offset).1 {
            return Ok(());
        }
        self.find(address).map(drop)
    }

    /// The addresses of the live block that holds `address`, which may be any address inside it. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    pub fn find(&self, address: u64) -> Result<Range<u64>, Error> {
        self.live(address).ok_or_else(|| self.not_live(address))
    }

    /// The addresses of the live block that holds `address`, as [`Heap::find`] finds them, without saying why there is none.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "else it is answered by way of memory, and views wait for it")]
    pub(crate) fn live(&self, address: u64) -> Option<Range<u64>> {
        let offset = address.wrapping_sub(FIRST_ADDRESS);
        if offset >= self.segments.end() {
            return None;
        }
        let (start, end) = self.segments.live(offset);
        (end != 0).then_some(FIRST_ADDRESS + start..FIRST_ADDRESS + end)
    }

    /// Why an address is in no live block.
    #[cold]
    fn not_live(&self, address: u64) -> Error {
        let (first, end) = (FIRST_ADDRESS, self.end());
        if !(first..end).contains(&address) {
            return Error::OutOfRange { address: address.to_string(), start: first, end };
        }
        let (start, end, _) = self.segments.segment(address - FIRST_ADDRESS);
        Error::NotAllocated { address, start: FIRST_ADDRESS + start, end: FIRST_ADDRESS + end }
    }

    /// The first main block that starts at `address` or after it, one of the chain. O(1) for blocks side by side.
    #[must_use]
    pub fn main_block(&self, address: u64) -> Option<Range<u64>> {
        let offset = address.saturating_sub(FIRST_ADDRESS).checked_next_multiple_of(PAGE)?;
        let start = self.segments.next_block(offset);
        let end = self.segments.next_block(start + PAGE);
        (start < self.segments.end()).then(|| FIRST_ADDRESS + start..FIRST_ADDRESS + end)
    }

    /// The segments from the one that holds `address`, or the first if it is below the heap, in order of address.
    pub fn segments(&self, address: u64) -> impl Iterator<Item = Segment> {
        self.segments.walk(address.saturating_sub(FIRST_ADDRESS)).map(|(start, end, hole)| Segment {
            start: FIRST_ADDRESS + start,
            size: end - start,
            kind: Kind::of(hole),
        })
    }

    /// Calls `visit` with the part inside `range` of every hole of at least [`PAGE`] bytes, in order of address. O(k log n)
    /// for k of them.
    pub fn page_holes(&mut self, range: Range<u64>, mut visit: impl FnMut(Range<u64>)) {
        let (first, last) = (range.start - FIRST_ADDRESS, range.end - FIRST_ADDRESS);
        self.segments.holes(first, last, PAGE, |start, end| {
            visit(FIRST_ADDRESS + start.max(first)..FIRST_ADDRESS + end.min(last));
        });
    }

    /// In debug builds: `verify` after every operation, so that a test fails at the call that broke an invariant.
    fn debug_verify(&self) {
        if cfg!(debug_assertions) {
            self.verify().expect("an operation keeps every invariant");
        }
    }
}
