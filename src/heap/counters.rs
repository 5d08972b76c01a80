//! What is counted as it happens: the rest of a heap's statistics is derived.
//!
//! Identities (checked by `verify.rs`): live + holes = mapped, in bytes; live blocks + holes = segments; successful mallocs -
//! frees = live blocks; the bytes that were ever allocated are no fewer than
//! the live ones; no peak is below the present value; there are no more main blocks than the heap has grown times.

use super::engine::{Appended, Truncated, Waiting};

/// The counters of one heap. Sizes are bytes.
///
/// In this order: where two counters that malloc changes are neighbours, the compiler changes both by one wide instruction, which
/// waits for the narrow ones of the free before it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Counters {
    pub mallocs: u64,
    pub mapped: u64,
    pub main_blocks: usize,
    /// Bytes in live blocks, with what the engine has rounded sizes up by, and in free slots that wait in it for requests
    /// (`Engine::waiting`).
    pub live: u64,
    pub peak_live: u64,
    pub peak_hole_bytes: u64,
    pub peak_largest_hole: u64,
    /// Holes, without the slots that are counted in `live`.
    pub holes: usize,
    /// How often a block has been resized where it is.
    pub resizes: u64,
    pub frees: u64,
    /// How often a `malloc` and a `free` were taken out of the totals.
    pub forgotten: u64,
    /// How often main blocks have been appended, or the last one has grown.
    pub grows: u64,
    /// Bytes of all blocks that were ever allocated, with what the engine has rounded sizes up by, and what blocks have grown by where
    /// they are.
    pub allocated: u64,
}

impl Counters {
    pub const fn new() -> Self {
        Self {
            mapped: 0,
            main_blocks: 0,
            live: 0,
            peak_live: 0,
            peak_hole_bytes: 0,
            peak_largest_hole: 0,
            holes: 0,
            mallocs: 0,
            frees: 0,
            resizes: 0,
            forgotten: 0,
            grows: 0,
            allocated: 0,
        }
    }

    /// The counters as words, in the order of a heap file.
    #[cfg(any(feature = "c-abi", test))]
    pub const fn to_words(&self) -> [u64; 13] {
        [
            self.mallocs,
            self.mapped,
            self.main_blocks as u64,
            self.live,
            self.peak_live,
            self.peak_hole_bytes,
            self.peak_largest_hole,
            self.holes as u64,
            self.resizes,
            self.frees,
            self.forgotten,
            self.grows,
            self.allocated,
        ]
    }

    /// The counters that [`Counters::to_words`] has made.
    #[cfg(any(feature = "c-abi", test))]
    #[allow(clippy::cast_possible_truncation, reason = "heap files are for 64-bit systems only")]
    pub const fn from_words(words: [u64; 13]) -> Self {
        let [mallocs, mapped, main_blocks, live, peak_live, peak_hole_bytes, peak_largest_hole, holes, ..] = words;
        let [.., resizes, frees, forgotten, grows, allocated] = words;
        let (main_blocks, holes) = (main_blocks as usize, holes as usize);
        Self {
            mallocs,
            mapped,
            main_blocks,
            live,
            peak_live,
            peak_hole_bytes,
            peak_largest_hole,
            holes,
            resizes,
            frees,
            forgotten,
            grows,
            allocated,
        }
    }

    /// Bytes in live blocks, without the slots that wait.
    pub fn live_without(&self, waiting: &Waiting) -> u64 {
        self.live.saturating_sub(waiting.bytes)
    }

    /// Successful calls of `malloc`, with those of fronts.
    pub const fn mallocs_with(&self, waiting: &Waiting) -> u64 {
        self.mallocs + waiting.mallocs
    }

    /// Successful calls of `free`, with those of fronts. (While fronts work, theirs may be counted before the `malloc`.)
    pub fn frees_with(&self, waiting: &Waiting) -> u64 {
        self.frees.saturating_add(waiting.frees).min(self.mallocs_with(waiting))
    }

    /// Bytes of all blocks that were ever allocated, with those of fronts.
    pub const fn allocated_with(&self, waiting: &Waiting) -> u64 {
        self.allocated.saturating_add(waiting.allocated)
    }

    /// Counts `size` bytes more, all of them in holes.
    pub fn record_append(&mut self, size: u64, appended: Appended) {
        self.mapped += size;
        self.main_blocks += appended.main_blocks;
        self.holes += appended.holes;
        self.grows += 1;
    }

    /// Counts the last bytes of the heap as gone.
    pub fn record_truncate(&mut self, gone: Truncated) {
        self.mapped -= gone.bytes;
        self.main_blocks -= gone.main_blocks;
        self.holes -= gone.holes;
    }

    /// Counts main blocks, one hole each, that became part of others.
    pub fn record_join(&mut self, gone: usize) {
        self.main_blocks -= gone;
        self.holes -= gone;
    }

    /// Counts a new block of `block` bytes, which a cached slot is, so that nothing else has changed.
    #[inline]
    pub fn record_cached(&mut self, block: u64) {
        self.allocated += block;
        self.mallocs += 1;
    }

    /// Counts a new block of `block` bytes, because of which `size` bytes more are live and there are `holes` more holes.
    #[inline]
    pub fn record_malloc(&mut self, block: u64, size: u64, holes: isize) {
        self.allocated += block;
        self.live += size;
        self.peak_live = self.peak_live.max(self.live);
        self.holes = self.holes.wrapping_add_signed(holes);
        self.mallocs += 1;
    }

    /// Counts a freed block of `size` bytes, which is part of a hole of `hole` bytes now and has added `holes` holes.
    #[inline]
    pub fn record_free(&mut self, size: u64, holes: isize, hole: u64) {
        self.live -= size;
        self.record_hole_bytes();
        self.record_hole(hole);
        self.holes = self.holes.wrapping_add_signed(holes);
        self.frees += 1;
    }

    /// Counts `size` bytes of cached slots as live no longer, which has added `holes` holes.
    pub fn record_released(&mut self, size: u64, holes: isize) {
        self.live -= size;
        self.holes = self.holes.wrapping_add_signed(holes);
    }

    /// Counts `size` bytes of slots that are cached now as live, which has added `holes` holes.
    pub fn record_lent(&mut self, size: u64, holes: isize) {
        self.live += size;
        self.peak_live = self.peak_live.max(self.live);
        self.holes = self.holes.wrapping_add_signed(holes);
    }

    /// Counts calls that a front has made.
    pub fn record_calls(&mut self, done: &Waiting) {
        self.allocated = self.allocated_with(done);
        self.mallocs += done.mallocs;
        self.frees = self.frees.saturating_add(done.frees);
    }

    /// Counts the last `size` bytes of a block that became a hole, as [`Counters::record_free`] does.
    pub fn record_shrink(&mut self, size: u64, holes: isize, hole: u64) {
        self.record_free(size, holes, hole);
        self.frees -= 1;
        self.resizes += 1;
    }

    /// Counts a free block, a hole of its own so far, that became part of a hole of `hole` bytes, which has added `holes` holes.
    #[cfg(any(feature = "c-abi", test))]
    pub fn record_settled(&mut self, holes: isize, hole: u64) {
        self.record_hole(hole);
        self.holes = self.holes.wrapping_add_signed(holes);
    }

    /// Counts `size` bytes by which a block became longer, which has added `holes` holes.
    pub fn record_growth(&mut self, size: u64, holes: isize) {
        self.record_malloc(size, size, holes);
        self.mallocs -= 1;
        self.resizes += 1;
    }

    /// Counts a block that became two as if the second had been allocated.
    pub fn record_split(&mut self) {
        self.mallocs += 1;
    }

    /// Takes one malloc and one free out of the totals: what was allocated last and freed since was one block's second half, or
    /// the block of a call that has failed. `block`: the bytes that were counted as allocated for it.
    pub fn forget_pair(&mut self, block: u64) {
        self.allocated -= block;
        self.mallocs -= 1;
        self.frees -= 1;
        self.forgotten += 1;
    }

    /// Raises the high-water mark of bytes in holes. To be called when no call is half done: what is not live is holes then.
    pub fn record_hole_bytes(&mut self) {
        self.peak_hole_bytes = self.peak_hole_bytes.max(self.mapped - self.live);
    }

    /// Raises the high-water mark of the largest hole to a hole of `size` bytes.
    pub fn record_hole(&mut self, size: u64) {
        self.peak_largest_hole = self.peak_largest_hole.max(size);
    }
}
