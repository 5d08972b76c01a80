//! Syncs of files: whose turn it is, and what happens if the disk fails.
//!
//! One sync of a file is under way at a time: in a process by a mutex, among processes by a byte lock. What a sync does is in
//! `heap/ledger/checkpoint.rs`; while the disk works no lock of the heap is held.
//!
//! **Failures.** When the system says that it could not write something, nobody knows what is on the disk, and a later call may succeed
//! without having written it. So the failure is noted in the file's header, for all processes: no sync succeeds and nobody says that the
//! file is clean until it is opened by a process that has it alone. That process writes every page of the file again. What the system could not
//! write it may have dropped, and have read again as it was before; so the process returns to the last sync, whose pages all are on the disk.
//!
//! Costs: two writes to disk a sync, of what has changed.

use super::byte;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::Header;
use crate::heap::ledger::checkpoint::Record;
use crate::memory::file::File;
use crate::system_error::SystemError;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What syncs of a file need that none of the heap's locks guards.
#[derive(Debug)]
pub(crate) struct Syncs {
    path: PathBuf,
    file: Arc<File>,
    header: Header,
    patience: Duration,
    turn: Mutex<()>,
}

/// The right to sync a file, until this is dropped.
pub(crate) struct SyncTurn<'syncs> {
    syncs: &'syncs Syncs,
    _turn: MutexGuard<'syncs, ()>,
}

impl Drop for SyncTurn<'_> {
    fn drop(&mut self) {
        // Fails only if the file is gone: the lock ends with the file's descriptor then.
        let _unlocked = self.syncs.file.unlock_byte(byte::SYNC);
    }
}

impl Syncs {
    pub(super) const fn new(path: PathBuf, file: Arc<File>, header: Header, patience: Duration) -> Self {
        Self { path, file, header, patience, turn: Mutex::new(()) }
    }

    /// Waits until no other sync of the file is under way.
    ///
    /// # Errors
    /// [`FileError::NotDurable`], [`FileError::SyncFailed`]; [`FileError::LockTimeout`] if another process syncs, and does not get on.
    pub fn turn(&self) -> Result<SyncTurn<'_>, Error> {
        let path = || self.path.display().to_string();
        if !self.header.is_durable() {
            return Err(FileError::NotDurable { path: path() }.into());
        }
        if self.file.is_read_only() {
            return Err(FileError::ReadOnly { path: path() }.into());
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = || self.header.records().next().map(|record| record.generation);
        let mut before = newest();
        while !self
            .file
            .lock_byte(byte::SYNC, self.patience)
            .map_err(|error| FileError::failed(&self.path, "locked", &error))?
        {
            let now = newest();
            if now == before {
                return Err(FileError::locked(&self.path, "a process that syncs it", self.patience).into());
            }
            before = now;
        }
        let turn = SyncTurn { syncs: self, _turn: turn };
        self.check()?;
        Ok(turn)
    }

    /// Fails if it is unknown what the disk has.
    fn check(&self) -> Result<(), Error> {
        let Some(errno) = self.header.sync_failure() else { return Ok(()) };
        let error = SystemError::new("fsync", &io::Error::from_raw_os_error(errno));
        Err(FileError::SyncFailed { path: self.path.display().to_string(), error }.into())
    }

    /// Writes to disk what the file holds.
    ///
    /// # Errors
    /// [`FileError::SyncFailed`], from now on for every process; [`FileError::FileLost`].
    pub fn flush(&self) -> Result<(), Error> {
        self.check()?;
        if let Err(error) = self.file.sync() {
            self.header.put_sync_failure(Some(error.raw_os_error().unwrap_or(0)));
        }
        self.check()?;
        self.check_there()
    }

    /// Fails if another program has cut the file off, also where nobody has looked since.
    fn check_there(&self) -> Result<(), Error> {
        let is_cut = self.file.is_cut().map_err(|error| FileError::failed(&self.path, "read", &error))?;
        if is_cut { Err(FileError::FileLost { path: self.path.display().to_string() }.into()) } else { Ok(()) }
    }
}

/// Writes the record of an empty heap to a new file.
pub(super) fn write_first_record(mut file: &std::fs::File) -> io::Result<()> {
    file.seek(SeekFrom::Start(8 * Header::record_at(0) as u64))?;
    Record::of_nothing().words().iter().try_for_each(|word| file.write_all(&word.to_le_bytes()))
}
