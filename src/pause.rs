//! How a thread waits for a lock that nobody wakes it for: it looks again at once for a while, then lets other threads run each time,
//! then sleeps for a moment each time. So a short wait is short, and a long one takes next to no processor time.

use std::time::Duration;
use std::{hint, thread};

/// How often a waiter looks again at once, and then how often after other threads could run.
const SPINS: u32 = 100;
const YIELDS: u32 = 100;

/// How long a waiter sleeps, after those.
pub(crate) const NAP: Duration = Duration::from_micros(50);

/// The turns of one wait.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    turns: u32,
}

impl Pause {
    /// Waits for the next look. Returns how often the wait has slept, this time included.
    pub fn wait(&mut self) -> u32 {
        match self.turns {
            0..SPINS => hint::spin_loop(),
            SPINS.. if self.turns < SPINS + YIELDS => thread::yield_now(),
            _ => thread::sleep(NAP),
        }
        self.turns = self.turns.saturating_add(1);
        self.turns.saturating_sub(SPINS + YIELDS)
    }
}
