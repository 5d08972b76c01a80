//! Waiting for the file's lock without the heap's own, so that other threads of the process can look at blocks meanwhile.
//!
//! A call that needs the file's lock first waits for [`SHORT`] with the heap's lock, which is enough unless the owner of the file's is stopped
//! or very slow. Then it waits here until another owns the lock, or nobody who lives, and tries again.
//!
//! Costs: what [`Pause`] takes, and a system call about once a millisecond.

use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::at;
use crate::heap::ledger::lock::Owner;
use crate::heap::ledger::{Header, word};
use crate::memory::file::File;
use crate::mems::Mems;
use crate::pause::Pause;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a call waits with the heap's lock.
pub(super) const SHORT: Duration = Duration::from_millis(5);

/// After how many naps a waiter asks whether the owner lives.
const NAPS: u32 = 20;

/// What a call needs to wait for its turn: it keeps the header and the file, and no lock.
#[derive(Debug)]
pub(crate) struct Turn {
    header: Header,
    file: Arc<File>,
    /// The lock's word.
    held: u64,
    /// How many operations had been finished.
    sequence: u64,
    patience: Duration,
    /// Who this process is to others. `None`: the file is open for reading only.
    own: Option<Owner>,
}

impl Turn {
    /// Waits for a change that makes it worth to try again, in a call that began to wait at `since`. Returns false if the call has waited for
    /// long enough.
    pub fn wait(&self, since: Instant) -> bool {
        // An owner that holds the lock all the time is stuck. A process that only reads waits for a moment without an owner, however many take
        // turns.
        let since = if self.own.is_none() { since } else { Instant::now() };
        let mut pause = Pause::default();
        loop {
            let held = word(self.header.at(at::LOCK));
            // An owner that takes the lock again and again has the same word each time.
            let is_stuck = held == self.held && self.header.sequence() == self.sequence;
            let is_free = held == 0 && (self.own.is_some() || !self.header.is_under_way());
            if is_free || !is_stuck && self.own.is_some() {
                return true;
            }
            if since.elapsed() >= self.patience {
                return false;
            }
            let naps = pause.wait();
            if naps > 0 && naps.is_multiple_of(NAPS) && self.own.is_some() && self.is_gone(held) {
                return true;
            }
        }
    }

    /// Whether the owner that a word says is no living process.
    fn is_gone(&self, held: u64) -> bool {
        let Some(owner) = Owner::of_word(held) else { return true };
        let is_free = || matches!(self.file.is_byte_locked(owner.slot as u64), Ok(false));
        // The system does not say of a process's own byte that it is locked.
        Some(owner) != self.own && (!self.header.has_slot(owner) || is_free())
    }
}

impl Mems {
    /// [`Mems::enter_file`], which waits for a short time only.
    ///
    /// # Errors
    /// The errors of [`Mems::enter_file`].
    pub(crate) fn enter_file_soon(&mut self) -> Result<(), Error> {
        self.enter_file_within(SHORT)
    }

    /// What a call can wait for that was `refused` by [`Mems::enter_file_soon`], if that may help.
    pub(crate) fn turn(&self, refused: &Error) -> Option<Turn> {
        let file = self.file.as_ref()?;
        if !matches!(refused, Error::File(FileError::LockTimeout { .. })) || file.patience <= SHORT {
            return None;
        }
        let header = super::open::header(&file.header_map)?;
        let (held, patience) = (word(header.at(at::LOCK)), file.patience.saturating_sub(SHORT));
        let (file, sequence, own) = (Arc::clone(&file.file), header.sequence(), file.owner);
        Some(Turn { header, file, held, sequence, patience, own })
    }
}
