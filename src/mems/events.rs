//! What rarely happens to a heap, and is worth knowing to those who run it: growth, pages that are given back, requests that are
//! refused.
//!
//! All of it is counted where a call has already left the usual way, so no other call does more. While a thread listens
//! ([`Listening`]), the binding asks [`happened`] before and after a call: if the number is the same, nothing of this kind has happened
//! to any heap.
//!
//! Costs: a nanosecond for each event, some more while a thread listens; for [`happened`] a load.

use crate::error::Error;
#[cfg(any(feature = "node", test))]
use crate::mems::Mems;
use crate::mems::access::Access;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// How often something of this kind has happened to any heap of the process while a thread listened.
static HAPPENED: AtomicU32 = AtomicU32::new(0);

/// How many threads listen.
static LISTENING: AtomicU32 = AtomicU32::new(0);

fn note() {
    if LISTENING.load(Relaxed) > 0 {
        HAPPENED.fetch_add(1, Relaxed);
    }
}

/// A thread that listens, for as long as this is there.
#[cfg(feature = "node")]
#[derive(Debug)]
pub(crate) struct Listening(());

#[cfg(feature = "node")]
impl Listening {
    pub fn begin() -> Self {
        LISTENING.fetch_add(1, Relaxed);
        Self(())
    }

    /// Whether any thread listens.
    #[inline]
    pub fn is_there() -> bool {
        LISTENING.load(Relaxed) > 0
    }
}

#[cfg(feature = "node")]
impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.fetch_sub(1, Relaxed);
    }
}

/// How often something of this kind has happened to any heap of the process while a thread listened. The number wraps round.
#[cfg(feature = "node")]
pub(crate) fn happened() -> u32 {
    HAPPENED.load(Relaxed)
}

/// What has happened to a heap, besides growth, which `heap/` counts.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Events {
    /// How often free pages have been given back.
    pub trims: u64,
    /// Bytes of the pages that were given back last, so far.
    pub trimmed: u64,
    /// Whether the next pages that are given back are the first ones of a trim.
    begins_trim: bool,
    /// Requests that were refused for want of memory.
    pub refusals: u64,
    /// The size of the last of them, in bytes.
    pub refused: u64,
    /// The largest size that could have been allocated instead.
    pub available: u64,
    /// Bytes by which the heap has grown last.
    pub grown: u64,
}

impl Events {
    /// Notes that pages are given back from now on, if there are any.
    pub fn begin_trim(&mut self) {
        self.begins_trim = true;
    }

    /// Notes that pages were given back.
    pub fn trim(&mut self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        if self.begins_trim {
            self.begins_trim = false;
            self.trims += 1;
            self.trimmed = 0;
            note();
        }
        self.trimmed += bytes;
    }

    /// Notes that the heap has grown, which may still be undone if the call fails.
    pub fn grow(&mut self, bytes: u64) {
        self.grown = bytes;
        note();
    }
}

/// Counts a request that was refused, if it was for want of memory. To be called once for each, when nothing else can be tried.
#[cold]
pub(crate) fn count_refusal(heap: &mut impl Access, error: &Error) {
    if let Some((size, available)) = error.refusal() {
        // A heap that has ended meanwhile has no statistics.
        let _ended = heap.with(|heap| {
            heap.events.refusals += 1;
            (heap.events.refused, heap.events.available) = (size, available);
            note();
            Ok(())
        });
    }
}

#[cfg(feature = "node")]
impl Mems {
    /// What has happened to the heap.
    pub(crate) const fn events(&self) -> Events {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mems::{Options, batch, steps};

    #[test]
    fn each_event_is_counted_once() {
        type Call = fn(&mut Mems, u64) -> Result<(), Error>;
        let limited = |options: Options| options.with_max_size(1 << 20).unwrap();
        for options in [Options::default(), Options::roomy(), Options::roomy().with_hardened(true)] {
            let mut heap = Mems::new(limited(options));
            let block = heap.malloc(100).unwrap();
            let grown = heap.stats().grows;
            assert!(grown > 0);
            let calls: [Call; 3] = [
                |heap, _| steps::allocate(heap, |heap| heap.malloc(1 << 20)).map(drop),
                |heap, block| heap.realloc(block, 1 << 20).map(drop),
                |heap, _| batch::malloc_many(heap, &[1 << 19; 3], &mut [0; 3], |_, _| ()),
            ];
            for (before, call) in (0..).zip(calls) {
                assert_eq!(heap.stats().failed_mallocs, before);
                call(&mut heap, block).unwrap_err();
            }
            let Events { refusals, refused, available, .. } = heap.events;
            assert_eq!((refusals, refused), (3, 1 << 19), "the last block of the batch");
            assert!(available < refused);
            assert_eq!(heap.stats().grows, grown, "what was undone is no growth");
            assert_eq!(heap.trim(), heap.events.trimmed);
            assert_eq!(heap.stats().trims, u64::from(heap.events.trimmed > 0));
            let mut empty = Mems::new(options);
            assert_eq!((empty.trim(), empty.stats().trims), (0, 0), "nothing was given back");
        }
    }
}
