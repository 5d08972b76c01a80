//! Statistics of a heap, and states of its counters to go back to.

use super::counters::Counters;
use super::engine::Engine;
use super::{Heap, address_of};

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
pub struct Mark {
    counters: Counters,
    /// Where the search of the policy stood.
    position: u64,
}

impl Mark {
    /// The address after the last main block then.
    #[must_use]
    pub const fn end(&self) -> u64 {
        address_of(self.counters.mapped)
    }
}

impl Heap {
    /// The counters of this moment.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { counters: self.counters.clone(), position: self.engine.position() }
    }

    /// Whether the live blocks are those of `mark`'s moment, since which `own` pairs have been forgotten ([`Heap::forget_pair`])
    /// for the caller, and nobody else has changed anything: nothing but main blocks has been added that is still there.
    #[must_use]
    pub const fn is_as_at(&self, mark: &Mark, own: u64) -> bool {
        let (now, then) = (&self.counters, &mark.counters);
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
        self.counters = Counters { forgotten: self.counters.forgotten, ..mark.counters.clone() };
        self.engine.go_to(mark.position);
        self.debug_verify();
    }

    /// Statistics of this moment. Amortized O(log n): the largest hole is looked up.
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        let largest_hole = self.engine.largest_hole();
        let counters = &self.counters;
        Stats {
            mapped: counters.mapped,
            live: counters.live,
            requested: counters.live - self.engine.total_padding(),
            quarantined: 0,
            quarantined_blocks: 0,
            hole_bytes: counters.mapped - counters.live,
            largest_hole,
            metadata: self.engine.bytes() as u64,
            main_blocks: counters.main_blocks,
            live_blocks: counters.mallocs - counters.frees,
            holes: counters.holes,
            peak_mapped: counters.mapped,
            peak_live: counters.peak_live,
            peak_hole_bytes: counters.peak_hole_bytes,
            peak_largest_hole: counters.peak_largest_hole,
            peak_metadata: self.engine.peak_bytes() as u64,
            mallocs: counters.mallocs,
            frees: counters.frees,
        }
    }
}
