//! The lock: a word of the header that says which process may change something.
//!
//! An owner is a process slot and how often the slot has been taken: a new process in a dead one's slot is another owner, so a lock
//! that the dead one held is not taken for one that a living one holds. Whether an owner lives is asked of the system, by `is_dead`
//! of the caller: never by process ids, which mean nothing in another container.
//!
//! Waiting: spins, then lets other threads run, then naps. There is no queue, and nobody is woken: that needs nothing of the system
//! that differs between systems or between C libraries.
//!
//! Processes that change something all the time must not take turns at each operation: all that an operation touches would go from
//! one processor's cache to another's, which takes several times as long as the operation. So a process that has to wait again soon after
//! it has got the lock ([`Waits`]) naps first, twice as long each time, up to 2 ms: others have the lock for thousands of operations
//! meanwhile, and the bookkeeping that their processor has got in its cache with it. A process that does other things between its changes
//! would lose more by naps than it loses by turns.
//!
//! Costs: one locked instruction to take it, a store to release it.

use super::header::Header;
use super::layout::{SLOTS, at};
use super::words::word;
use crate::pause::{NAP, Pause};
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// After how many naps a waiter asks whether the owner lives: about a millisecond.
const NAPS: u32 = 20;

/// A process that waits for the lock within this time after its last wait has got it does nothing but change something small. Where two did that
/// by turns they did half as much as one; where each change was followed by a microsecond of something else, one and a half times as much and
/// more.
const TURN: Duration = Duration::from_nanos(500);

/// The longest nap of a process that leaves the lock to others.
const LONGEST: Duration = Duration::from_millis(2);

/// A process that has not had to wait for this long begins with short naps again.
const CALM: Duration = Duration::from_millis(20);

/// A process slot, and how often it has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The slot's number, below [`SLOTS`].
    pub slot: usize,
    /// The slot's generation, in 48 bits.
    pub generation: u64,
}

impl Owner {
    /// The word of the lock that this owner holds: never 0.
    #[must_use]
    #[inline]
    pub const fn word(self) -> u64 {
        (self.generation << 16) | (self.slot as u64 + 1)
    }

    /// The owner that a word says. `None`: nobody, or no slot that there is.
    #[must_use]
    pub const fn of_word(word: u64) -> Option<Self> {
        let slot = (word & 0xffff) as usize;
        if slot == 0 || slot > SLOTS { None } else { Some(Self { slot: slot - 1, generation: word >> 16 }) }
    }
}

/// How the lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nobody held the lock.
    Free,
    /// The lock's owner was dead: what that has begun is to be recovered before anything else.
    FromDead,
}

/// What a process remembers of its waits for a lock.
#[derive(Debug, Default)]
pub struct Waits {
    /// When the last one has got the lock.
    last: Cell<Option<Instant>>,
    /// How long the next nap is.
    nap: Cell<Duration>,
}

impl Waits {
    /// For how long a process naps before it looks at the lock in a wait that begins at `now`.
    fn begin(&self, now: Instant) -> Duration {
        let since = self.last.get().map_or(Duration::MAX, |last| now.duration_since(last));
        if since >= CALM {
            self.nap.set(NAP);
        }
        if since >= TURN {
            return Duration::ZERO;
        }
        let nap = self.nap.get();
        self.nap.set((nap * 2).min(LONGEST));
        nap
    }

    /// Notes that a wait has got the lock at `now`.
    fn end(&self, now: Instant) {
        self.last.set(Some(now));
    }
}

impl Header {
    /// The generation of a slot.
    #[must_use]
    fn generation(&self, slot: usize) -> u64 {
        word(self.at(at::GENERATIONS + slot)) & (u64::MAX >> 16)
    }

    /// Whether an owner's slot is still that owner's: no other process has taken it since.
    #[must_use]
    pub fn has_slot(&self, owner: Owner) -> bool {
        self.generation(owner.slot) == owner.generation
    }

    /// Takes a slot for a process that holds the slot's byte: its generation is another from now on.
    #[must_use]
    pub fn take_slot(&self, slot: usize) -> Owner {
        let generation = self.at(at::GENERATIONS + slot).fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        Owner { slot, generation: generation & (u64::MAX >> 16) }
    }

    /// Whether an operation of the heap's or a change of a map's has begun and not ended.
    #[must_use]
    #[inline]
    pub fn is_under_way(&self) -> bool {
        self.has_intent() || self.publication().is_some()
    }

    /// Who holds the lock.
    #[must_use]
    pub fn holder(&self) -> Option<Owner> {
        Owner::of_word(word(self.at(at::LOCK)))
    }

    /// Takes the lock if it is free.
    #[must_use]
    #[inline]
    pub fn try_lock(&self, owner: Owner) -> bool {
        self.at(at::LOCK).compare_exchange(0, owner.word(), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Releases the lock.
    #[inline]
    pub fn unlock(&self) {
        #[cfg(feature = "test-hooks")]
        super::death::step();
        self.at(at::LOCK).store(0, Ordering::Release);
    }

    /// Waits for the lock. `waits` are this process's, and `is_dead` returns whether an owner's process is gone (for a generation that
    /// is not the slot's, it is not asked).
    ///
    /// # Errors
    /// The owner that has held the lock for all of `patience`.
    #[cold]
    pub fn wait_for_lock(
        &self,
        owner: Owner,
        waits: &Waits,
        patience: Duration,
        mut is_dead: impl FnMut(Owner) -> bool,
    ) -> Result<Taken, Option<Owner>> {
        let nap = waits.begin(Instant::now());
        if !nap.is_zero() {
            thread::sleep(nap);
        }
        let (mut pause, mut since, mut last) = (Pause::default(), None, 0);
        loop {
            let held = word(self.at(at::LOCK));
            if held == 0 {
                if self.try_lock(owner) {
                    waits.end(Instant::now());
                    return Ok(Taken::Free);
                }
                continue;
            }
            let naps = pause.wait();
            if naps == 0 || !naps.is_multiple_of(NAPS) {
                continue;
            }
            let holder = Owner::of_word(held);
            let gone = match holder {
                // A word that is no owner's is damage.
                None => true,
                Some(holder) => !self.has_slot(holder) || is_dead(holder),
            };
            if gone {
                let taken =
                    self.at(at::LOCK).compare_exchange(held, owner.word(), Ordering::Acquire, Ordering::Relaxed);
                if taken.is_ok() {
                    return Ok(Taken::FromDead);
                }
                continue;
            }
            // Only an owner that holds the lock all the time is stuck: many that take turns are not.
            let now = Instant::now();
            if last != held || since.is_none() {
                (last, since) = (held, Some(now));
            } else if since.is_some_and(|since| now.duration_since(since) >= patience) {
                return Err(holder);
            }
        }
    }

    /// Waits until nobody holds the lock, and nothing is left that a dead process has begun.
    ///
    /// # Errors
    /// The owner that has held the lock for all of `patience`.
    #[cold]
    pub fn wait_for_nobody(&self, patience: Duration) -> Result<(), Option<Owner>> {
        let (mut pause, since) = (Pause::default(), Instant::now());
        while word(self.at(at::LOCK)) != 0 || self.is_under_way() {
            if pause.wait() > 0 && since.elapsed() >= patience {
                return Err(self.holder());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_waits_again_at_once_naps_longer_each_time() {
        let (waits, mut now) = (Waits::default(), Instant::now());
        assert_eq!(waits.begin(now), Duration::ZERO);
        for nap in [1, 2, 4, 8, 16, 32, 40, 40].map(|times| NAP * times) {
            waits.end(now);
            now += TURN / 2;
            assert_eq!(waits.begin(now), nap);
            now += nap;
            waits.end(now);
            now += TURN;
            assert_eq!(waits.begin(now), Duration::ZERO, "the process has done something else meanwhile");
        }
        now += CALM;
        assert_eq!(waits.begin(now), Duration::ZERO);
        waits.end(now);
        assert_eq!(waits.begin(now), NAP);
    }
}
