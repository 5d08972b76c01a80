//! Counters, kept up to date by every operation, and the statistics derived from them.
//!
//! Identities (asserted by `verify` and by tests): live + holes = mapped, in bytes; live blocks + holes = segments;
//! successful mallocs - frees = live blocks; no peak is below the present value.

use super::{FIRST_ADDRESS, Heap};

/// What is counted as it happens. The rest of [`Stats`] is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counters {
    pub mapped: u64,
    pub main_blocks: usize,
    pub live: u64,
    pub peak_live: u64,
    pub peak_hole_bytes: u64,
    pub peak_largest_hole: u64,
    pub holes: usize,
    pub mallocs: u64,
    pub frees: u64,
    /// How often a block has been resized where it is.
    pub resizes: u64,
    /// How often a `malloc` and a `free` were taken out of the totals.
    pub forgotten: u64,
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
        }
    }

    /// A new main block, one hole.
    pub fn append_block(&mut self, size: u64) {
        self.mapped += size;
        self.main_blocks += 1;
        self.holes += 1;
    }

    /// The last `bytes` are gone, and the main block with them, or not.
    pub fn truncate(&mut self, bytes: u64, block: bool) {
        self.mapped -= bytes;
        self.main_blocks -= usize::from(block);
        self.holes -= usize::from(block);
    }

    /// So many main blocks, one hole each, became part of others.
    pub fn join(&mut self, joined: usize) {
        self.main_blocks -= joined;
        self.holes -= joined;
    }

    /// A block of `size` bytes; `exact`: it used its hole up.
    pub fn malloc(&mut self, size: u64, exact: bool) {
        self.live += size;
        self.peak_live = self.peak_live.max(self.live);
        self.holes -= usize::from(exact);
        self.mallocs += 1;
    }

    /// A block of `size` bytes was cut from a longer piece, whose ends became `parts` holes; `merged` holes are gone, merged
    /// with those or used up.
    pub fn malloc_padded(&mut self, size: u64, parts: usize, merged: usize) {
        self.holes += parts;
        self.holes -= merged;
        self.malloc(size, false);
    }

    /// The last `size` bytes of a block became a hole, which merged with `merged` others and has `hole` bytes now.
    pub fn shrink(&mut self, size: u64, merged: usize, hole: u64) {
        self.free(size, merged, hole);
        self.frees -= 1;
        self.resizes += 1;
    }

    /// A block became longer by `size` bytes; `exact`: they were all of a hole.
    pub fn grow(&mut self, size: u64, exact: bool) {
        self.malloc(size, exact);
        self.mallocs -= 1;
        self.resizes += 1;
    }

    /// A block became two: as if the second had been allocated.
    pub fn split(&mut self) {
        self.mallocs += 1;
    }

    /// What was allocated last and freed since was neither: it was one block's second half, or a call's that has failed.
    pub fn forget_pair(&mut self) {
        self.mallocs -= 1;
        self.frees -= 1;
        self.forgotten += 1;
    }

    /// A block of `size` bytes became a hole, which merged with `merged` others and has `hole` bytes now.
    pub fn free(&mut self, size: u64, merged: usize, hole: u64) {
        self.live -= size;
        self.note_hole_bytes();
        self.note_hole(hole);
        self.holes = self.holes + 1 - merged;
        self.frees += 1;
    }

    /// Nothing is going on: all that is not live is holes.
    pub fn note_hole_bytes(&mut self) {
        self.peak_hole_bytes = self.peak_hole_bytes.max(self.mapped - self.live);
    }

    /// There is a hole of `size` bytes.
    pub fn note_hole(&mut self, size: u64) {
        self.peak_largest_hole = self.peak_largest_hole.max(size);
    }
}

/// Statistics of a heap at one moment. Sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in main blocks.
    pub mapped: u64,
    /// Bytes in live blocks.
    pub live: u64,
    /// Bytes in live blocks that were asked for; the rest is what sizes were rounded up by.
    pub requested: u64,
    /// Bytes in blocks that are freed but not to be handed out yet, neither live nor holes.
    pub quarantined: u64,
    /// Number of such blocks.
    pub quarantined_blocks: u64,
    /// Bytes in holes.
    pub hole_bytes: u64,
    /// The largest hole; 0 if there is none.
    pub largest_hole: u64,
    /// Bytes the heap's own bookkeeping has allocated, outside the mapped ones.
    pub metadata: u64,
    /// Number of main blocks.
    pub main_blocks: usize,
    /// Number of live blocks.
    pub live_blocks: u64,
    /// Number of holes.
    pub holes: usize,
    /// High-water mark of `mapped`. Main blocks are never given back before the heap ends, so it equals `mapped`.
    pub peak_mapped: u64,
    /// High-water mark of `live` and `quarantined` together.
    pub peak_live: u64,
    /// High-water mark of `hole_bytes` after any call.
    pub peak_hole_bytes: u64,
    /// High-water mark of `largest_hole` after any call.
    pub peak_largest_hole: u64,
    /// High-water mark of `metadata`.
    pub peak_metadata: u64,
    /// Successful calls of `malloc`.
    pub mallocs: u64,
    /// Successful calls of `free`.
    pub frees: u64,
}

/// A state of a heap's counters, to go back to.
#[derive(Debug)]
pub struct Mark(Counters);

impl Mark {
    /// The address after the last main block then.
    #[must_use]
    pub const fn end(&self) -> u64 {
        FIRST_ADDRESS + self.0.mapped
    }
}

impl Heap {
    /// The counters of this moment.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.counters.clone())
    }

    /// Whether the live blocks are those of `mark`'s moment, since which `own` pairs have been forgotten ([`Heap::forget_pair`])
    /// for the caller, and nobody else has changed anything: nothing but main blocks has been added that is still there.
    #[must_use]
    pub const fn is_as_at(&self, mark: &Mark, own: u64) -> bool {
        let (now, then) = (&self.counters, &mark.0);
        // Totals of others that have gone up and down again would look the same.
        let alone = now.forgotten == then.forgotten + own;
        alone && now.mallocs == then.mallocs && now.frees == then.frees && now.resizes == then.resizes
    }

    /// Takes one `malloc` and one `free` out of the totals: a call has failed, and freed what it had allocated.
    pub fn forget_pair(&mut self) {
        self.counters.forget_pair();
    }

    /// Goes back to the counters of a moment whose segments have been restored: totals and high-water marks forget what
    /// was undone.
    pub fn restore(&mut self, mark: &Mark) {
        // What only ever grows tells others, who have marks of their own, that somebody was here.
        self.counters = Counters { forgotten: self.counters.forgotten, ..mark.0.clone() };
        self.debug_verify();
    }

    /// Statistics of this moment. Amortized O(log n): the largest hole is looked up.
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        let largest_hole = self.segments.largest_hole();
        let counters = &self.counters;
        Stats {
            mapped: counters.mapped,
            live: counters.live,
            requested: counters.live,
            quarantined: 0,
            quarantined_blocks: 0,
            hole_bytes: counters.mapped - counters.live,
            largest_hole,
            metadata: self.segments.bytes() as u64,
            main_blocks: counters.main_blocks,
            live_blocks: counters.mallocs - counters.frees,
            holes: counters.holes,
            peak_mapped: counters.mapped,
            peak_live: counters.peak_live,
            peak_hole_bytes: counters.peak_hole_bytes,
            peak_largest_hole: counters.peak_largest_hole,
            peak_metadata: self.segments.peak_bytes() as u64,
            mallocs: counters.mallocs,
            frees: counters.frees,
        }
    }
}
