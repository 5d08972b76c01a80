//! The lock of a heap, which is held for some tens of nanoseconds, millions of times, and mostly by one thread.
//!
//! Taking it is one locked instruction, and releasing it a plain store. That costs a third of the standard library's mutex,
//! which checks at every release whether a sleeping thread must be woken. Here no thread is woken: one that finds the lock
//! taken spins for a while, then yields to other threads, then sleeps for a moment each time. So waiting for a heap that is
//! held for long (`verify` of millions of blocks) takes next to no processor time, and up to one such moment longer.
//!
//! A long call that takes the lock again and again would find it free each time, while sleeping threads would find it taken.
//! So such a call lets them go first, by [`Lock::give_way`]. Waiting threads are counted for that, at a cost only to those
//! that wait.
//!
//! Invariants: a panic while the lock is held poisons it; only [`Lock::recover`] enters then. A thread that takes a lock that it
//! holds waits for ever. Threads are not served in the order in which they came.

use crate::pause::{NAP, Pause};
use spin::mutex::{SpinMutex, SpinMutexGuard};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// How often [`Lock::give_way`] sleeps at most. A waiting thread that does not take the lock in that time has been stopped, or
/// has no processor.
const PATIENCE: u32 = 100;

/// A panic has left the value in an unknown state.
#[derive(Debug)]
pub(crate) struct Poisoned;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    state: SpinMutex<State<T>>,
    /// How many threads are waiting, and how many have waited and then taken the lock.
    waiting: AtomicU32,
    served: AtomicU32,
}

#[derive(Debug)]
struct State<T> {
    /// Whether an operation has begun and not ended. If the lock is not held, that operation has panicked.
    begun: bool,
    value: T,
}

/// A lock that is held until this is dropped, without an operation: see `fork.rs`.
#[derive(Debug)]
pub(crate) struct Held<'lock, T> {
    state: SpinMutexGuard<'lock, State<T>>,
    waiting: &'lock AtomicU32,
}

impl<T> Held<'_, T> {
    /// Calls `operation` on the value, poisoned or not, in a child of `fork`, in which no thread waits. `operation`
    /// returns whether the value is sound from now on, whatever it was before.
    pub fn recover(&mut self, operation: impl FnOnce(&mut T) -> bool) {
        // Threads that waited in the parent do not exist here, so no call must let them go first.
        self.waiting.store(0, Ordering::Relaxed);
        if operation(&mut self.state.value) {
            self.state.begun = false;
        }
    }
}

impl<T> Lock<T> {
    pub const fn new(value: T) -> Self {
        let state = SpinMutex::new(State { begun: false, value });
        Self { state, waiting: AtomicU32::new(0), served: AtomicU32::new(0) }
    }

    /// Calls `operation` on the value, alone.
    #[inline]
    pub fn with<R>(&self, operation: impl FnOnce(&mut T) -> R) -> Result<R, Poisoned> {
        let mut state = self.take();
        if state.begun {
            return Err(Poisoned);
        }
        state.begun = true;
        let answer = operation(&mut state.value);
        state.begun = false;
        Ok(answer)
    }

    /// Calls `operation` on the value, alone, poisoned or not. `operation` also returns whether the value is sound from now
    /// on, whatever it was before.
    pub fn recover<R>(&self, operation: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let mut state = self.take();
        let poisoned = state.begun;
        state.begun = true;
        let (answer, sound) = operation(&mut state.value);
        state.begun = poisoned && !sound;
        answer
    }

    /// Holds the lock until what is returned is dropped.
    pub fn hold(&self) -> Held<'_, T> {
        Held { state: self.take(), waiting: &self.waiting }
    }

    /// Lets all threads that are waiting now take the lock before the caller, which does not hold it, takes it again.
    pub fn give_way(&self) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let served = self.served.load(Ordering::Relaxed);
        for _ in 0..PATIENCE {
            let gone_in = self.served.load(Ordering::Relaxed).wrapping_sub(served);
            if gone_in >= waiting || self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            thread::sleep(NAP);
        }
    }

    #[inline]
    fn take(&self) -> SpinMutexGuard<'_, State<T>> {
        self.state.try_lock().unwrap_or_else(|| self.wait())
    }

    #[cold]
    fn wait(&self) -> SpinMutexGuard<'_, State<T>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let state = self.wait_for_turn();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed);
        state
    }

    fn wait_for_turn(&self) -> SpinMutexGuard<'_, State<T>> {
        let mut pause = Pause::default();
        loop {
            // A plain load does not take the cache line from the processor that holds the lock.
            if !self.state.is_locked()
                && let Some(state) = self.state.try_lock()
            {
                return state;
            }
            pause.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    #[test]
    fn threads_go_in_one_by_one() {
        const THREADS: usize = 4;
        const TURNS: usize = 50_000;
        // Two halves that are equal unless somebody is between them.
        let lock = Lock::new((0, 0));
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..TURNS {
                        lock.with(|(a, b)| {
                            assert_eq!(a, b);
                            *a += 1;
                            *b = hint::black_box(*a);
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(lock.with(|value| *value).unwrap(), (THREADS * TURNS, THREADS * TURNS));
    }

    #[test]
    fn a_thread_that_waits_for_long_enters_as_well() {
        let lock = Lock::new(0);
        let inside = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                lock.with(|value| {
                    inside.wait();
                    // Until the other thread has surely given up spinning.
                    for _ in 0..1000 {
                        thread::yield_now();
                    }
                    *value = 1;
                })
                .unwrap();
            });
            inside.wait();
            assert_eq!(lock.with(|value| *value).unwrap(), 1);
        });
    }

    #[test]
    fn a_thread_that_takes_the_lock_again_and_again_lets_others_in() {
        // The steps of a long call, and those after which another has come in.
        const STEPS: usize = 1000;
        let lock = Lock::new((0, Vec::new()));
        let [begun, others] = [Barrier::new(3), Barrier::new(3)];
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    begun.wait();
                    lock.with(|(steps, seen)| seen.push(*steps)).unwrap();
                    others.wait();
                });
            }
            lock.with(|_| {
                begun.wait();
                // Until both wait.
                while lock.waiting.load(Ordering::Relaxed) < 2 {
                    thread::yield_now();
                }
            })
            .unwrap();
            for _ in 0..STEPS {
                lock.give_way();
                lock.with(|(steps, _)| *steps += 1).unwrap();
            }
            others.wait();
        });
        let (steps, seen) = lock.with(|(steps, seen)| (*steps, seen.clone())).unwrap();
        assert_eq!((steps, seen.len()), (STEPS, 2));
        assert!(seen.iter().all(|&step| step < STEPS / 2), "they waited for {seen:?} of {STEPS} steps");
    }

    #[test]
    fn a_panic_poisons_until_the_value_is_said_to_be_sound() {
        let lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert!(lock.with(|_| ()).is_err());
        assert_eq!(lock.recover(|value| (*value, false)), 1);
        assert!(lock.with(|_| ()).is_err());
        assert_eq!(lock.recover(|value| (*value, true)), 1);
        assert_eq!(lock.with(|value| *value).unwrap(), 1);
        // What was sound stays so, and a panic in `recover` poisons too.
        lock.recover(|_| ((), false));
        assert!(lock.with(|_| ()).is_ok());
        assert!(catch_unwind(AssertUnwindSafe(|| lock.recover::<()>(|_| panic!("on purpose")))).is_err());
        assert!(lock.with(|_| ()).is_err());
    }
}
