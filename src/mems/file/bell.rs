//! Waiting for a word of a heap in a file to change, across threads and processes.
//!
//! All waiters of a file sleep on one word of its header, the *bell*, which counts how often it has been rung; each looks at its own word
//! when it wakes. A second word counts the waiters, so that ringing takes no system call where nobody waits. (A process that dies while
//! it waits stays counted, which costs those that ring a call each.)
//!
//! A process may die between changing a word and ringing: a waiter looks at its word twenty times a second in any case.
//!
//! No lock is held while a thread waits, and the memory stays mapped; the heap may end meanwhile.

use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::at;
use crate::memory::file::bell::{sleep, wake};
use crate::mems::Mems;
use crate::table::{AtomicU32, Table};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a waiter sleeps at most before it looks again.
const LOOK: Duration = Duration::from_millis(50);

/// How waiting has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Waited {
    /// The word has changed.
    Changed = 0,
    /// The word was another to begin with.
    NotEqual = 1,
    /// The time is over.
    TimedOut = 2,
}

/// What a waiter needs: it keeps the memory, and no lock.
#[derive(Debug)]
pub(crate) struct Waiter {
    word: Table<AtomicU32>,
    /// The bell, and the number of waiters.
    bell: Table<AtomicU32>,
    /// Whether the heap is for reading only: nothing is stored then, and nobody rings for this waiter.
    read_only: bool,
}

impl Waiter {
    /// Waits while the word is `expected`, for `timeout` at most; `None`: for ever.
    pub fn wait(&self, expected: u32, timeout: Option<Duration>) -> Waited {
        let ([word], [bell, waiters]) = (&self.word[..], &self.bell[..]) else { return Waited::NotEqual };
        if word.load(Ordering::SeqCst) != expected {
            return Waited::NotEqual;
        }
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if !self.read_only {
            waiters.fetch_add(1, Ordering::SeqCst);
        }
        let waited = loop {
            // The bell first: a change after this look rings it.
            let rung = bell.load(Ordering::SeqCst);
            if word.load(Ordering::SeqCst) != expected {
                break Waited::Changed;
            }
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break Waited::TimedOut;
            }
            let nap = if self.read_only { Duration::from_millis(1) } else { LOOK };
            sleep(bell, rung, left.min(nap));
        };
        if !self.read_only {
            waiters.fetch_sub(1, Ordering::SeqCst);
        }
        waited
    }
}

impl Mems {
    /// What waiting for the word of four bytes at `address` needs.
    ///
    /// # Errors
    /// [`FileError::NotInFile`]; the errors of [`Mems::span`]; [`FileError::NotAWord`] if `address` is no multiple of 4.
    pub(crate) fn waiter(&self, address: u64) -> Result<Waiter, Error> {
        let file = self.file()?;
        let word = self
            .span(address, 4)?
            .words()
            .ok_or_else(|| FileError::NotAWord { address: address.to_string(), bytes: 4 })?;
        let bell = file.header_map.words32(8 * at::DOORBELL, 2);
        let bell = bell.ok_or_else(|| file.corrupt("its header has no bell"))?;
        Ok(Waiter { word, bell, read_only: file.is_read_only() })
    }

    /// Wakes all who wait for words of the heap, in all processes: those whose words have changed return.
    ///
    /// # Errors
    /// [`FileError::NotInFile`], [`FileError::ReadOnly`].
    pub(crate) fn ring(&self) -> Result<(), Error> {
        let file = self.file()?;
        file.check_writable()?;
        if let Some([bell, waiters]) = file.header_map.words32(8 * at::DOORBELL, 2).as_deref() {
            bell.fetch_add(1, Ordering::SeqCst);
            if waiters.load(Ordering::SeqCst) != 0 {
                wake(bell);
            }
        }
        Ok(())
    }
}
