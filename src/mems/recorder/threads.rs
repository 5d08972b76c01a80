//! The threads that make calls: which has which number in a recording.
//!
//! To ask the system which thread runs takes longer than to note an event, and calls of one thread are mostly made at the same depth: a
//! call whose frame is near that of the call before is of the same thread, unless a thread has ended in between, whose stack a new
//! one may have. Then, and at other depths, keys distinguish them.
//!
//! Invariant: a thread that [`Threads::quick`] knows is the one that [`Threads::current`] has seen last. A thread that is
//! ending, and has no key any more, shares one number with others like it, and is never known at once.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many threads have been given keys, and how many of those have ended.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// What distinguishes a thread from all others, also those that have ended.
struct Key(usize);

impl Drop for Key {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Relaxed);
    }
}

/// The key of the thread that runs; `None` in a thread that is ending, whose key has been dropped.
fn key() -> Option<usize> {
    thread_local! {
        static KEY: Key = Key(BEGUN.fetch_add(1, Relaxed));
    }
    KEY.try_with(|key| key.0).ok()
}

/// Frames of two threads that are alive are never as near as this: between their stacks are a page that is none, and what the system
/// keeps of a thread. (A stack without such a page, or one that threads take turns at, may lend its last calls to the thread before.)
const NEAR: usize = 2048;

/// Where the frame of the function is that calls this one.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
fn frame() -> usize {
    let on_stack = 0_u8;
    std::ptr::from_ref(&on_stack).addr()
}

/// The threads of a recording.
#[derive(Debug)]
pub(super) struct Threads {
    /// Keys of threads: their places are the threads' numbers.
    keys: Vec<Option<usize>>,
    /// The number of the thread that has made the last call.
    last: u32,
    /// [`NEAR`] below a frame of that thread. 0, before the first call, is below none.
    lowest: usize,
    /// How many threads had ended then, at least.
    ended: usize,
}

impl Threads {
    pub const fn new() -> Self {
        Self { keys: Vec::new(), last: 0, lowest: 0, ended: 0 }
    }

    /// The number of the thread that runs, if it is seen at once that it has made the last call too.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
    pub fn quick(&self) -> Option<u32> {
        let is_near = frame().wrapping_sub(self.lowest) < 2 * NEAR;
        (is_near && self.ended == ENDED.load(Relaxed)).then_some(self.last)
    }

    /// The number of the thread that runs.
    pub fn current(&mut self) -> u32 {
        // Before the key: a thread that ends afterwards is not the one that runs.
        self.ended = ENDED.load(Relaxed);
        self.lowest = frame().wrapping_sub(NEAR);
        let key = key();
        if key.is_none() {
            // The thread is counted among those that have ended, so nothing will say that another has its stack.
            self.lowest = 0;
        }
        if self.keys.get(self.last as usize) != Some(&key) {
            self.last = self.number_of(key);
        }
        self.last
    }

    fn number_of(&mut self, key: Option<usize>) -> u32 {
        let place = self.keys.iter().rposition(|&other| other == key).or_else(|| {
            self.keys.try_reserve(1).ok()?;
            self.keys.push(key);
            Some(self.keys.len() - 1)
        });
        // Without memory for one more, it is not distinguished from the last.
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(self.last)
    }
}
