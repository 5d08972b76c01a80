//! Purging: giving free pages back to the system, when a program asks for it (`trim()`), or by itself with the option
//! `autoTrim`: *dirty* pages are free ones that the system still holds memory for.
//!
//! A system call for each free would cost more than the free. So pages that have become wholly free are only noted, and
//! given back together once they are a sixteenth of the heap (and at least [`LEAST`] bytes), or [`RUNS`] runs are
//! noted. Pages that have been handed out again by then stay, as they would only be faulted in anew. jemalloc decays its dirty
//! pages by time; deciding by amount needs no clock and no thread, and bounds the waste.
//!
//! Pages that are given back and used again soon cost a page fault each, which takes as long as filling them. So when a block of
//! [`LEAST`] bytes or more gets pages of which half were given back last, nothing is given back from then on before more than twice
//! the block's length has been noted, up to [`MOST_PATIENCE`] bytes; each giving back halves that. (glibc raises its thresholds for
//! large blocks likewise.) That smaller blocks come and go is seen later: if at least half of the bytes that are given back had been
//! given back before, by one of the last [`BATCHES`] times, twice as many have to be noted from then on.
//!
//! Giving a gigabyte back takes the system a third of a second. So pages that are to be given back are first marked as due, and
//! then given back step by step, with the heap's lock released in between: each step looks anew which pages are free.
//!
//! Invariants: at most [`RUNS`] runs are noted, each of whole pages that were free when it was noted; those that are due are in
//! order of address, the lowest last; those that were given back last, the lowest first.
//!
//! Costs: O(1) for a free, and only arithmetic unless it completes a page; O(r log r) for giving back r runs, and a system call
//! for each hole in them.

use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Freed, Kind, PAGE, next_page_start, page_start};
use crate::memory::{STEP, page_bytes, step};
use crate::mems::Mems;
use crate::mems::access::Access;
use std::ops::Range;

/// Fewer bytes than this are never given back by themselves.
pub const LEAST: u64 = 1 << 20;

/// No more bytes than this, or than a sixteenth of the heap, wait to be given back.
const MOST_PATIENCE: u64 = 64 << 20;

/// Most runs that are noted.
const RUNS: usize = 1024;

/// Times of giving back whose runs are kept together, to see which come back.
const BATCHES: usize = 8;

/// Runs of pages that have become free.
#[derive(Debug, Default)]
pub(crate) struct DirtyPages {
    runs: Vec<Range<u64>>,
    /// Bytes of all runs. A page counts as often as it has been noted, until runs are merged.
    bytes: u64,
    /// Runs that are to be given back now.
    due: Vec<Range<u64>>,
    /// The runs that were given back last, and those that were before these: each by at most [`BATCHES`] times.
    given_back: [Vec<Range<u64>>; 2],
    /// By how many times the runs that were given back last were.
    batches: usize,
    /// At least this many bytes wait to be given back.
    patience: u64,
}

/// Runs that the call that has taken them gives back, in order of address, the lowest last.
#[derive(Debug, Default)]
pub(crate) struct Due {
    runs: Vec<Range<u64>>,
    /// The length of a step in the run that is being given back; 0 before the first step.
    step: u64,
}

impl Due {
    /// Takes the addresses that one step gives back.
    pub fn next(&mut self) -> Option<Range<u64>> {
        let run = self.runs.last_mut()?;
        let Range { start, end } = *run;
        if self.step == 0 {
            self.step = step(end - start);
        }
        let stop = end.min(start + self.step);
        run.start = stop;
        if stop == end {
            self.runs.pop();
            self.step = 0;
        }
        Some(start..stop)
    }
}

impl DirtyPages {
    /// Notes the pages that a free has completed. Returns whether it is time to give pages back, in a heap of `mapped` bytes, or
    /// runs are still due.
    #[inline]
    pub fn note(&mut self, freed: &Freed, mapped: u64) -> bool {
        // The pages of the hole that the block has become or reaches into.
        let first = next_page_start(freed.hole.start).max(page_start(freed.block.start));
        let end = page_start(freed.hole.end).min(next_page_start(freed.block.end));
        let run = first..end;
        if run.start >= run.end {
            return false;
        }
        let bytes = run.end - run.start;
        // Blocks are often freed in order of address, or in reverse, or the same one again and again.
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
        if self.is_due() {
            return true;
        }
        let enough = LEAST.max(mapped / 16).max(self.patience);
        if self.runs.len() < RUNS && self.bytes < enough {
            return false;
        }
        // Where blocks come and go, runs are noted more than once, and beside each other.
        merge(&mut self.runs);
        self.bytes = length(&self.runs);
        self.runs.len() > RUNS / 2 || self.bytes > enough / 2
    }

    /// Notes that a block has these addresses now, by malloc or by growing. O(1), and O(r) for a block of [`LEAST`] bytes.
    #[inline]
    pub fn note_use(&mut self, start: u64, end: u64) {
        let bytes = end - start;
        if bytes >= LEAST && common(std::slice::from_ref(&(start..end)), &self.given_back[0]) >= bytes / 2 {
            self.patience = self.patience.max(bytes.saturating_mul(2).min(MOST_PATIENCE));
        }
    }

    /// Makes all runs due, in addition to those that are. Without memory for that they are forgotten; `trim()` still finds them.
    pub fn fall_due(&mut self) {
        let mut runs = self.take();
        if self.due.is_empty() {
            self.learn(&runs);
            runs.reverse();
            self.due = runs;
        } else if self.due.try_reserve(runs.len()).is_ok() {
            self.due.extend(runs);
            self.due.sort_unstable_by_key(|run| std::cmp::Reverse(run.start));
        }
    }

    /// Makes the heap more patient if `runs`, which are given back now, were given back in vain before, and less if not.
    fn learn(&mut self, runs: &[Range<u64>]) {
        let (bytes, [last, earlier]) = (length(runs), &self.given_back);
        self.patience /= 2;
        if common(runs, last).max(common(runs, earlier)) >= bytes / 2 {
            self.patience = self.patience.max(2 * bytes).min(MOST_PATIENCE);
        }
        if self.batches == BATCHES || self.given_back[0].len() > 2 * RUNS {
            self.given_back.swap(0, 1);
            self.given_back[0].clear();
            self.batches = 0;
        }
        self.batches += 1;
        // Without memory for it nobody knows what is given back in vain.
        let last = &mut self.given_back[0];
        if last.try_reserve(runs.len()).is_ok() {
            last.extend_from_slice(runs);
            merge(last);
        }
    }

    /// Whether anything is due that no call has taken.
    pub const fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes all runs that are due, which the caller then gives back.
    pub fn take_due(&mut self) -> Due {
        Due { runs: std::mem::take(&mut self.due), step: 0 }
    }

    /// Forgets all runs.
    pub fn forget(&mut self) {
        self.take();
        self.due.clear();
        self.given_back = Default::default();
    }

    /// Takes all runs, in order of address and merged, and begins anew.
    fn take(&mut self) -> Vec<Range<u64>> {
        self.bytes = 0;
        let mut runs = std::mem::take(&mut self.runs);
        merge(&mut runs);
        runs
    }
}

/// Bytes of all runs.
fn length(runs: &[Range<u64>]) -> u64 {
    runs.iter().map(|run| run.end - run.start).sum()
}

/// Bytes that are in runs of both lists, each of which is in order of address and merged. O(r).
fn common(some: &[Range<u64>], others: &[Range<u64>]) -> u64 {
    let (mut some, mut others, mut bytes) = (some.iter().peekable(), others.iter().peekable(), 0);
    while let (Some(one), Some(other)) = (some.peek(), others.peek()) {
        bytes += one.end.min(other.end).saturating_sub(one.start.max(other.start));
        if one.end < other.end {
            some.next()
        } else {
            others.next()
        };
    }
    bytes
}

/// Puts runs in order of address, and makes one of those that touch.
fn merge(runs: &mut Vec<Range<u64>>) {
    runs.sort_unstable_by_key(|run| run.start);
    runs.dedup_by(|next, run| {
        let touching = next.start <= run.end;
        if touching {
            run.end = run.end.max(next.end);
        }
        touching
    });
}

/// Gives back the pages that are due and that no other call has taken.
pub(crate) fn give_pages_back(heap: &mut impl Access) {
    let taken = heap.with(|heap| {
        let due = heap.dirty.take_due();
        if !due.runs.is_empty() {
            heap.events.begin_trim();
        }
        Ok(due)
    });
    let mut due = taken.unwrap_or_default();
    // A heap that has ended has none.
    while heap.with(|heap| Ok(heap.purge_step(&mut due))) == Ok(true) {
        heap.give_way();
    }
}

/// [`Mems::trim`].
///
/// # Errors
/// If there is no heap.
pub(crate) fn trim(heap: &mut impl Access) -> Result<u64, Error> {
    let end = heap.with(|heap| {
        heap.dirty.forget();
        heap.empty_front();
        heap.heap.release_cached();
        heap.record_trim();
        heap.events.begin_trim();
        Ok(heap.end())
    })?;
    let (mut bytes, mut next) = (0, Some(FIRST_ADDRESS));
    while let Some(from) = next {
        // If the heap has ended meanwhile, what was given back before still counts.
        let Ok(step) = heap.with(|heap| Ok(heap.trim_step(from, end))) else { break };
        bytes += step.0;
        next = step.1;
        heap.give_way();
    }
    Ok(bytes)
}

impl Mems {
    /// Gives the whole pages inside holes back to the system; they read as zeros when they are handed out again. No address
    /// changes. Returns the bytes given back, whether the system had put memory behind them or not. Amortized O(k log n)
    /// and a system call for each of k holes of a page or more.
    pub fn trim(&mut self) -> u64 {
        trim(self).unwrap_or(0)
    }

    /// One step of `trim`, from an address on and not beyond `end`: returns the bytes given back, and where the next step
    /// begins if there is one.
    pub(crate) fn trim_step(&mut self, from: u64, end: u64) -> (u64, Option<u64>) {
        let end = end.min(self.end());
        if from >= end {
            return (0, None);
        }
        let holder = self.heap.segments(from).next().expect("it is below the heap's end");
        let holder_end = page_start(holder.addresses().end);
        let (start, stop) = match holder.kind {
            // A large hole is given back in larger steps, and nothing but the hole.
            Kind::Hole => (from, (from + step(holder.size)).min(holder_end.max(from + STEP))),
            // A long block is skipped.
            Kind::Live => (holder_end.max(from), holder_end.max(from) + STEP),
        };
        let stop = stop.min(end);
        let bytes = if start < stop { self.decommit(start..stop) } else { 0 };
        (bytes, (stop < end).then_some(stop))
    }

    /// Gives some of the pages in `due` back that are still free; returns whether there were any.
    pub(crate) fn purge_step(&mut self, due: &mut Due) -> bool {
        let Some(Range { start, end }) = due.next() else { return false };
        // The heap may be another one by now, and shorter.
        let end = end.min(self.end());
        if start < end {
            self.decommit(start..end);
        }
        true
    }

    /// Gives back the whole pages inside holes in a range, and returns their bytes.
    fn decommit(&mut self, range: Range<u64>) -> u64 {
        let (regions, mut bytes) = (&self.regions, 0);
        // A page of the system may begin in the range before, where that is larger than one of MeMS.
        let start = range.start.saturating_sub(page_bytes() as u64 - PAGE).max(FIRST_ADDRESS);
        self.heap.page_holes(start..range.end, |hole| bytes += regions.decommit(hole.start, hole.end - hole.start));
        self.events.trim(bytes);
        bytes
    }

    /// Records that a block has these addresses now.
    pub(crate) fn note_use(&mut self, start: u64, end: u64) {
        self.used_end = self.used_end.max(end);
        self.dirty.note_use(start, end);
    }

    /// Records a free, which may have completed pages. Returns whether pages are to be given back now.
    pub(crate) fn note_freed(&mut self, freed: &Freed) -> bool {
        let due = self.options().trim() && self.dirty.note(freed, self.heap.mapped());
        if due {
            self.dirty.fall_due();
        }
        due
    }
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
