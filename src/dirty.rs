//! Dirty pages: free pages that the system still holds memory for, with the option `trim`.
//!
//! A system call for each free would cost more than the free. So pages that have become wholly free are only noted, and
//! given back together once they come to a sixteenth of the heap (and at least [`LEAST`] bytes), or [`RUNS`] runs are
//! noted. What has been handed out again by then stays, as it would only be faulted in anew. jemalloc decays its dirty
//! pages by time; by amount needs no clock and no thread, and bounds the waste.
//!
//! Invariant: at most [`RUNS`] runs are noted, each of whole pages that were free when it was noted.
//!
//! Costs: a free O(1), and nothing but arithmetic unless it completes a page; giving back O(r log r) for r runs, and a
//! system call for each hole in them.

use crate::heap::{FIRST_ADDRESS, Freed, PAGE};
use std::ops::Range;

/// Fewer bytes than this are never given back by themselves.
pub const LEAST: u64 = 1 << 20;

/// Most runs that are noted.
const RUNS: usize = 1024;

/// Runs of pages that have become free.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    runs: Vec<Range<u64>>,
    bytes: u64,
}

/// The whole pages within a range of addresses.
fn pages(start: u64, end: u64) -> Range<u64> {
    let start = (start - FIRST_ADDRESS).next_multiple_of(PAGE);
    let end = (end - FIRST_ADDRESS) / PAGE * PAGE;
    start + FIRST_ADDRESS..end + FIRST_ADDRESS
}

impl Dirty {
    /// Notes the pages that a free has completed. Answers whether it is time to give back, for a heap of `mapped` bytes.
    #[inline]
    pub fn note(&mut self, freed: &Freed, mapped: u64) -> bool {
        // Those of the hole that the block reached into.
        let hole = pages(freed.hole.start, freed.hole.end);
        let first = (freed.block.start - FIRST_ADDRESS) / PAGE * PAGE + FIRST_ADDRESS;
        let end = (freed.block.end - FIRST_ADDRESS).next_multiple_of(PAGE) + FIRST_ADDRESS;
        let run = hole.start.max(first)..hole.end.min(end);
        if run.start >= run.end {
            return false;
        }
        let bytes = run.end - run.start;
        // Blocks are often freed in the order of their addresses, or against it, or one again and again.
        match self.runs.last_mut() {
            Some(last) if last.start <= run.start && run.end <= last.end => return false,
            Some(last) if last.end == run.start => last.end = run.end,
            Some(last) if run.end == last.start => last.start = run.start,
            _ => {
                // Without memory for a note the run is forgotten; `trim()` still finds it.
                if self.runs.try_reserve(1).is_err() {
                    return false;
                }
                self.runs.push(run);
            }
        }
        self.bytes += bytes;
        self.runs.len() == RUNS || self.bytes >= LEAST.max(mapped / 16)
    }

    /// Takes all runs, in order of address and merged, and begins anew.
    pub fn take(&mut self) -> Vec<Range<u64>> {
        self.bytes = 0;
        let mut runs = std::mem::take(&mut self.runs);
        runs.sort_unstable_by_key(|run| run.start);
        runs.dedup_by(|next, run| {
            let touching = next.start <= run.end;
            if touching {
                run.end = run.end.max(next.end);
            }
            touching
        });
        runs
    }
}
