//! Waiting for a word of a heap in a file to change, across threads and processes.
//!
//! All waiters of a file sleep on one word of its header, the *bell*, which counts how often it has been rung; each looks at its own word
//! when it wakes. A second word is the *request*: a waiter sets it before it sleeps, and who rings clears it, and makes a system call only
//! if it was set. (So a process that dies while it waits costs the next one that rings a call, and no other.)
//!
//! Invariant: a waiter reads the bell, then sets the request, then looks at its word, then sleeps unless the bell has changed. One that
//! rings has changed the word before; it takes the request, then rings, then wakes. So a waiter that has missed the change finds the bell
//! changed, or is woken by this ring or by another that has taken the request. (`bell_loom.rs` tries all interleavings.)
//!
//! A process may die between changing a word and ringing: a waiter looks at its word twenty times a second in any case.
//!
//! No lock is held while a thread waits, and the memory stays mapped; the heap may end meanwhile. `lookout.rs` waits for threads that must
//! not sleep.

use super::HeapFile;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::at;
use crate::memory::file::bell::{sleep, wake};
use crate::mems::Mems;
use crate::table::{AtomicU32, Table, fence};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a waiter sleeps at most before it looks again.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// How long a waiter sleeps at most where nobody wakes it, since nothing can be stored in a file that is open for reading only.
const LOOK_READ_ONLY: Duration = Duration::from_millis(1);

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

/// The bell of a file, and the request to be woken. It keeps the memory.
#[derive(Debug)]
pub(super) struct Bell {
    words: Table<AtomicU32>,
    /// Whether the file is open for reading only: nothing is stored then.
    read_only: bool,
}

impl Bell {
    /// How often the bell has been rung.
    pub fn rung(&self) -> u32 {
        self.words[0].load(Ordering::SeqCst)
    }

    /// Asks to be woken by the next ring.
    pub fn request(&self) {
        if !self.read_only {
            self.words[1].store(1, Ordering::SeqCst);
            // The word, and the bell as the system reads it, are read after that.
            fence(Ordering::SeqCst);
        }
    }

    /// Sleeps until the bell is rung, if it has not been since it returned `rung`; for `most` at most. May return early.
    pub fn sleep(&self, rung: u32, most: Duration) {
        sleep(&self.words[0], rung, if self.read_only { most.min(LOOK_READ_ONLY) } else { most });
    }

    /// Rings, and wakes all who sleep if anybody has asked for that.
    pub fn ring(&self) {
        let [bell, request] = [&self.words[0], &self.words[1]];
        // What the caller has changed, by whatever store, is there before the request is read.
        fence(Ordering::SeqCst);
        let is_requested = request.load(Ordering::SeqCst) != 0 && request.swap(0, Ordering::SeqCst) != 0;
        bell.fetch_add(1, Ordering::SeqCst);
        if is_requested {
            wake(bell);
        }
    }

    /// Wakes all who sleep, asked or not. For a file that is open for reading only this does nothing.
    pub fn ring_for_all(&self) {
        if !self.read_only {
            self.words[0].fetch_add(1, Ordering::SeqCst);
            wake(&self.words[0]);
        }
    }
}

impl HeapFile {
    /// The file's bell.
    ///
    /// # Errors
    /// [`FileError::FileCorrupt`].
    pub(super) fn bell(&self) -> Result<Bell, Error> {
        let words = self.header_map.words32(8 * at::DOORBELL, 2);
        let words = words.ok_or_else(|| self.corrupt("its header has no bell"))?;
        Ok(Bell { words, read_only: self.is_read_only() })
    }
}

/// A word that can be waited for. It keeps the memory, and no lock.
#[derive(Debug)]
pub(crate) struct Word(Table<AtomicU32>);

impl Word {
    /// Whether the word is another than `expected`.
    pub(super) fn differs(&self, expected: u32) -> bool {
        self.0.first().is_none_or(|word| word.load(Ordering::SeqCst) != expected)
    }
}

/// What a thread needs to wait: it keeps the memory, and no lock.
#[derive(Debug)]
pub(crate) struct Waiter {
    word: Word,
    bell: Bell,
}

impl Waiter {
    /// Waits while the word is `expected`, for `timeout` at most; `None`: for ever.
    pub fn wait(&self, expected: u32, timeout: Option<Duration>) -> Waited {
        let Self { word, bell } = self;
        if word.differs(expected) {
            return Waited::NotEqual;
        }
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let rung = bell.rung();
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            if !left.is_zero() {
                bell.request();
            }
            if word.differs(expected) {
                return Waited::Changed;
            }
            if left.is_zero() {
                return Waited::TimedOut;
            }
            bell.sleep(rung, left.min(LOOK));
        }
    }
}

impl Mems {
    /// The word of four bytes at `address`.
    ///
    /// # Errors
    /// [`FileError::NotInFile`], [`FileError::FileLost`]; the errors of [`Mems::span`]; [`FileError::NotAWord`] if `address` is no
    /// multiple of 4.
    pub(crate) fn word(&self, address: u64) -> Result<Word, Error> {
        self.file()?.check_there()?;
        self.span(address, 4)?
            .words()
            .map(Word)
            .ok_or_else(|| FileError::NotAWord { address: address.to_string(), bytes: 4 }.into())
    }

    /// What waiting for the word of four bytes at `address` needs.
    ///
    /// # Errors
    /// The errors of [`Mems::word`].
    pub(crate) fn waiter(&self, address: u64) -> Result<Waiter, Error> {
        Ok(Waiter { word: self.word(address)?, bell: self.file()?.bell()? })
    }

    /// Wakes all who wait for words of the heap, in all processes: those whose words have changed return.
    ///
    /// # Errors
    /// [`FileError::NotInFile`], [`FileError::ReadOnly`].
    pub(crate) fn ring(&self) -> Result<(), Error> {
        let file = self.file()?;
        file.check_writable()?;
        file.bell()?.ring();
        Ok(())
    }
}

#[cfg(all(test, loom))]
#[path = "bell_loom.rs"]
mod interleavings;
