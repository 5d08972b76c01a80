//! Heaps that survive a power failure: syncs as files have them, and what is done when a file was open as the system stopped.
//!
//! One sync of a file is under way at a time: in a process by a mutex, among processes by a byte lock. What a sync does is in
//! `heap/ledger/checkpoint.rs`; while the disk works no lock of the heap is held.
//!
//! **Failures.** When the system says that it could not write something, nobody knows what is on the disk, and a later call may succeed
//! without having written it. So the failure is noted in the file's header, for all processes: no sync succeeds and nobody says that the
//! file is clean until it is opened by a process that has it alone. That process writes every page of the file again, and if that gets to
//! the disk, all is known.
//!
//! Costs: two writes to disk a sync, of what has changed.

use super::format::Entry;
use super::{FileOptions, HeapFile, Opened, byte};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::checkpoint::{self, Record, Stage};
use crate::heap::ledger::layout::{EXTENTS, SLOTS, at};
use crate::heap::ledger::{Header, Ledger, put, word};
use crate::memory::file::File;
use crate::mems::Mems;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is done with a file that was open when the system stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnPowerLoss {
    /// It is not opened.
    Refuse,
    /// The heap is empty.
    Reset,
    /// What is found is made sound.
    Salvage,
    /// The state of the last sync comes back.
    Restore,
}

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
pub(crate) struct Turn<'syncs> {
    syncs: &'syncs Syncs,
    _turn: MutexGuard<'syncs, ()>,
}

impl Drop for Turn<'_> {
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
    pub fn turn(&self) -> Result<Turn<'_>, Error> {
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
        while !self.file.lock_byte(byte::SYNC, self.patience).map_err(|error| self.failed(&error))? {
            let now = newest();
            if now == before {
                let holder = "a process that syncs it".to_owned();
                let seconds = self.patience.as_secs_f64().to_string();
                return Err(FileError::LockTimeout { path: path(), holder, seconds }.into());
            }
            before = now;
        }
        let turn = Turn { syncs: self, _turn: turn };
        self.check()?;
        Ok(turn)
    }

    fn failed(&self, error: &io::Error) -> Error {
        super::open::failed(&self.path, "locked", error)
    }

    /// Fails if it is unknown what the disk has.
    fn check(&self) -> Result<(), Error> {
        let Some(errno) = self.header.sync_failure() else { return Ok(()) };
        let (path, reason) = (self.path.display().to_string(), io::Error::from_raw_os_error(errno).to_string());
        Err(FileError::SyncFailed { path, reason, errno }.into())
    }

    /// Writes to disk what the file holds.
    ///
    /// # Errors
    /// [`FileError::SyncFailed`], from now on for every process.
    pub fn flush(&self) -> Result<(), Error> {
        self.check()?;
        if let Err(error) = self.file.sync() {
            self.header.put_sync_failure(Some(error.raw_os_error().unwrap_or(0)));
        }
        self.check()
    }
}

/// A sync of a heap that no other process has open, and that is no one else's in this one.
struct Alone<'heap>(&'heap Syncs, &'heap mut Ledger);

impl Stage for Alone<'_> {
    type Error = Error;

    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger) -> T) -> Result<T, Error> {
        self.1.set_owned(true);
        let done = step(self.1);
        self.1.set_owned(false);
        Ok(done)
    }

    fn look<T>(&mut self, step: impl FnOnce(&Ledger) -> T) -> Result<T, Error> {
        Ok(step(self.1))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.0.flush()
    }

    fn no_memory(&self) -> Error {
        Error::OutOfMetadata { size: 0 }
    }
}

/// Writes the record of an empty heap to a new file.
pub(super) fn write_first_record(mut file: &std::fs::File) -> io::Result<()> {
    file.seek(SeekFrom::Start(8 * Header::record_at(0) as u64))?;
    Record::of_nothing().words().iter().try_for_each(|word| file.write_all(&word.to_le_bytes()))
}

impl HeapFile {
    /// What syncs need.
    pub fn syncs(&self) -> Arc<Syncs> {
        Arc::clone(&self.syncs)
    }

    /// Fails if the file is not as the options want it.
    pub(super) fn check_options(&self, options: &FileOptions) -> Result<(), Error> {
        let (path, is_durable) = (self.path_said(), self.header.is_durable());
        if !is_durable && (options.durable || options.sync_every.is_some()) {
            return Err(FileError::NotDurable { path }.into());
        }
        if is_durable && options.zero_on_free {
            let because = "it survives a power failure, and zeroOnFree would clear blocks that one brings back";
            return Err(FileError::FileRefused { path, because }.into());
        }
        Ok(())
    }

    /// Writes to disk what the file holds, and in a heap that survives a power failure syncs it, while no other process has it open.
    pub(super) fn sync_alone(&self, ledger: Option<&mut Ledger>) -> Result<(), Error> {
        match ledger {
            Some(ledger) if self.header.is_durable() => {
                if ledger.known() != self.header.extent_count() {
                    return Err(self.corrupt("an extent cannot be mapped"));
                }
                let _turn = self.syncs.turn()?;
                checkpoint::sync(&mut Alone(&self.syncs, ledger)).map(drop)
            }
            _ => self.syncs.flush(),
        }
    }

    /// Writes all pages of a file again of which it is unknown what the disk has, if no other process has it open.
    pub(super) fn heal(&self) -> Result<(), Error> {
        const STEP: u64 = 1 << 20;
        if self.header.sync_failure().is_none() || self.has_others() {
            return Ok(());
        }
        let rewrite = || {
            let (end, mut bytes) = (self.file.bytes()?, Vec::new());
            for offset in (0..end).step_by(usize::try_from(STEP).unwrap_or(1)) {
                bytes.resize(usize::try_from(STEP.min(end - offset)).unwrap_or(0), 0);
                self.file.read_at(offset, &mut bytes)?;
                self.file.write_at(offset, &bytes)?;
            }
            self.file.sync()
        };
        if rewrite().is_ok() {
            self.header.put_sync_failure(None);
        }
        Ok(())
    }

    /// Forgets the processes that had the file open when the system stopped, and what the header says of their work.
    fn forget_processes(&self) {
        let own = self.owner.map(|owner| owner.slot);
        for slot in (0..SLOTS).filter(|&slot| Some(slot) != own) {
            put(self.header.at(at::PROCESSES + 2 * slot), 0);
        }
        put(self.header.at(at::LOCK), 0);
        // Nobody waits.
        let bell = self.header.at(at::DOORBELL);
        put(bell, word(bell) & u64::from(u32::MAX));
        self.header.put_sync_failure(None);
    }

    /// Lets the table have so many extents and no more.
    fn keep_extents(&self, count: u64) {
        put(self.header.at(at::EXTENT_COUNT), count);
        for number in usize::try_from(count).unwrap_or(EXTENTS)..EXTENTS {
            Entry::clear(&self.header, number);
        }
    }
}

impl Mems {
    /// Maps the extents that others have added, since the last who closes a file syncs it: what cannot be mapped leaves it as it is.
    pub(in crate::mems) fn learn_last(&mut self) {
        if self.file.as_ref().is_some_and(|file| file.header.is_durable()) {
            let _unknown = self.learn_extents();
        }
    }

    /// [`HeapFile::sync_alone`].
    pub(super) fn sync_alone(&mut self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Err(FileError::NotInFile.into()) };
        file.sync_alone(self.heap.ledger())
    }

    /// The heap in a file that was open when the system stopped. The caller holds the file's opening lock, so no other process has it open.
    pub(super) fn after_power_loss(file: HeapFile, opened: &Opened, options: &FileOptions) -> Result<Self, Error> {
        let is_durable = file.header.is_durable();
        let usual = if is_durable { OnPowerLoss::Restore } else { OnPowerLoss::Refuse };
        let needs_recovery = || Err(FileError::NeedsRecovery { path: file.path_said() }.into());
        let mut heap = match options.on_power_loss.unwrap_or(usual) {
            OnPowerLoss::Refuse => return needs_recovery(),
            OnPowerLoss::Restore if !is_durable => return needs_recovery(),
            OnPowerLoss::Restore => {
                let record = newest_whole(&file, opened, options)?;
                file.forget_processes();
                file.keep_extents(record.extents);
                let mut heap = Self::build(file, options)?;
                if let Some(ledger) = heap.heap.ledger() {
                    ledger.restore(&record);
                }
                heap
            }
            OnPowerLoss::Salvage => {
                file.forget_processes();
                let mut notes = file.mend_table()?;
                let mut heap = Self::build(file, options)?;
                heap.mend_heap(false, &mut notes)?;
                heap
            }
            OnPowerLoss::Reset => {
                file.forget_processes();
                file.keep_extents(0);
                let mut heap = Self::build(file, options)?;
                if let Some(ledger) = heap.heap.ledger() {
                    ledger.reset();
                }
                heap
            }
        };
        heap.heap.refresh();
        heap.rebuild_maps()?;
        if is_durable && options.on_power_loss.unwrap_or(usual) != OnPowerLoss::Restore {
            // The last sync is another state, whose blocks nobody keeps.
            heap.sync_alone()?;
        }
        // Until this is stored, the next who opens the file begins anew.
        heap.file()?.begin()?;
        Ok(heap)
    }

    /// Makes the maps anew from their entries, after a power failure. (There are none yet.)
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "maps, when there are some, will need both")]
    const fn rebuild_maps(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The newest record of a file whose copy is whole.
fn newest_whole(file: &HeapFile, opened: &Opened, options: &FileOptions) -> Result<Record, Error> {
    let mut refused = None;
    for record in file.header.records() {
        put(file.header.at(at::EXTENT_COUNT), record.extents);
        match Mems::build(HeapFile::look_into(opened, options)?, options) {
            Ok(mut heap) => {
                if heap.heap.ledger().is_some_and(|ledger| ledger.has_copy(&record)) {
                    return Ok(record);
                }
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| file.corrupt("neither of its two last syncs is whole on the disk")))
}
