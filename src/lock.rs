//! The lock of a heap, which is held for some tens of nanoseconds, millions of times, and mostly by one thread.
//!
//! Taking it is one locked instruction and giving it back a plain store, a third of what the standard library's costs: that
//! one asks, whenever it is given back, whether somebody sleeps who must be woken. Here nobody does. Who finds it taken looks
//! again at once for a while, then lets other threads run in between, then sleeps for a moment each time. So a heap that is
//! held for long (`verify` of millions of blocks) costs its waiters next to no processor time, and up to that moment more.
//!
//! Invariants: a panic while it is held poisons it; only [`Lock::recover`] goes in then. A thread that takes a lock it holds
//! waits for ever. Nobody is served in the order of coming.

use spin::mutex::{SpinMutex, SpinMutexGuard};
use std::time::Duration;
use std::{hint, thread};

/// How often a waiter looks again at once, and then how often after other threads could run.
const SPINS: u32 = 100;
const YIELDS: u32 = 100;

/// How long a waiter sleeps, after those.
const NAP: Duration = Duration::from_micros(50);

/// A panic has left the value in a state that nobody knows.
#[derive(Debug)]
pub(crate) struct Poisoned;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Lock<T>(SpinMutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    /// Whether an operation has begun and not ended: in what is not held, that one has panicked.
    begun: bool,
    value: T,
}

/// A lock that is held, until this is dropped, by nobody's operation: see `registry/fork.rs`.
#[derive(Debug)]
pub(crate) struct Held<'lock, T>(SpinMutexGuard<'lock, State<T>>);

impl<T> Held<'_, T> {
    /// Calls `operation` on the value, poisoned or not. It returns whether the value is sound from now on, whatever it was.
    pub fn recover(&mut self, operation: impl FnOnce(&mut T) -> bool) {
        if operation(&mut self.0.value) {
            self.0.begun = false;
        }
    }
}

impl<T> Lock<T> {
    pub const fn new(value: T) -> Self {
        Self(SpinMutex::new(State { begun: false, value }))
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

    /// The same, poisoned or not. `operation` answers as well whether the value is sound from now on, whatever it was.
    pub fn recover<R>(&self, operation: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let mut state = self.take();
        let poisoned = state.begun;
        state.begun = true;
        let (answer, sound) = operation(&mut state.value);
        state.begun = poisoned && !sound;
        answer
    }

    /// Holds the lock until the answer is dropped.
    pub fn hold(&self) -> Held<'_, T> {
        Held(self.take())
    }

    #[inline]
    fn take(&self) -> SpinMutexGuard<'_, State<T>> {
        self.0.try_lock().unwrap_or_else(|| self.wait())
    }

    #[cold]
    fn wait(&self) -> SpinMutexGuard<'_, State<T>> {
        let mut turn = 0;
        loop {
            // A look alone leaves the lock to the processor that holds it.
            if !self.0.is_locked()
                && let Some(state) = self.0.try_lock()
            {
                return state;
            }
            match turn {
                0..SPINS => hint::spin_loop(),
                SPINS.. if turn < SPINS + YIELDS => thread::yield_now(),
                _ => thread::sleep(NAP),
            }
            turn = turn.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn who_waits_for_long_goes_in_as_well() {
        let lock = Lock::new(0);
        let inside = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                lock.with(|value| {
                    inside.wait();
                    // Until the other has surely given up spinning.
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
