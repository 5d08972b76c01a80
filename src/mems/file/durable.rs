//! Heaps that survive a power failure: syncs of one that nobody else has open, and what is done when a file was open as the system stopped.
//!
//! Costs: O(n) for n units after a power failure.

use super::format::{Entry, State};
use super::open::{OnPowerLoss, clears_what_comes_back};
use super::syncs::Syncs;
use super::{FileOptions, HeapFile, Opened};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::checkpoint::{self, Record, Stage};
use crate::heap::ledger::layout::{EXTENTS, SLOTS, at};
use crate::heap::ledger::{Ledger, put, word};
use crate::mems::Mems;
use std::sync::Arc;

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

impl HeapFile {
    /// What syncs need.
    pub fn syncs(&self) -> Arc<Syncs> {
        Arc::clone(&self.syncs)
    }

    /// Fails if the file is not as the options want it.
    pub(crate) fn check_options(&self, options: &FileOptions) -> Result<(), Error> {
        let (path, is_durable) = (self.path_said(), self.header.is_durable());
        if !is_durable && (options.durable || options.sync_every.is_some()) {
            return Err(FileError::NotDurable { path }.into());
        }
        if is_durable && options.zero_on_free { Err(clears_what_comes_back(&self.path, "opened")) } else { Ok(()) }
    }

    /// The error for a file that was open when the system stopped, and is not to be mended.
    pub(super) fn needs_recovery(&self) -> Error {
        FileError::NeedsRecovery { path: self.path_said(), is_durable: self.header.is_durable() }.into()
    }

    /// Writes to disk what the file holds, and in a heap that survives a power failure syncs it, while no other process has it open. Returns
    /// the number of the sync.
    pub(super) fn sync_alone(&self, ledger: Option<&mut Ledger>) -> Result<Option<u64>, Error> {
        match ledger {
            Some(ledger) if self.header.is_durable() => {
                if ledger.known() != self.header.extent_count() {
                    return Err(self.corrupt("an extent cannot be mapped"));
                }
                let _turn = self.syncs.turn()?;
                let generation = checkpoint::sync(&mut Alone(&self.syncs, ledger))?;
                // What the sync has made of blocks that waited is on the disk before the file is said to be clean.
                self.syncs.flush()?;
                Ok(Some(generation))
            }
            _ => self.syncs.flush().map(|()| None),
        }
    }

    /// Writes all pages of a file again of which it is unknown what the disk has, if no other process has it open. The system may have dropped
    /// pages that it could not write, and have read older ones again. So the pages of a heap that has syncs count as those that a power failure
    /// leaves: until they are mended, the file is of no run of the system. The failure stays noted if the disk fails again.
    pub(super) fn heal(&self) {
        const STEP: u64 = 1 << 20;
        if self.header.sync_failure().is_none() || self.has_others() {
            return;
        }
        if self.header.is_durable() {
            State::write(&self.header, [0; 16], false);
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
    }

    /// Whether the file was open when the system stopped, and is to return to its last sync.
    pub(super) fn returns_to_sync(&self) -> Result<bool, Error> {
        Ok(self.header.is_durable() && State::newest(&self.header).is_some() && self.has_lost_power()?)
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

    /// Writes a heap to disk whose state does not follow from any sync, while no other process has it open.
    pub(super) fn sync_anew(&mut self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Err(FileError::NotInFile.into()) };
        if let Some(ledger) = self.heap.ledger() {
            ledger.forget_syncs();
        }
        if let Some(generation) = file.sync_alone(self.heap.ledger())? {
            // What the other record says of its copy may be wrong, and extents may be others. That is on the disk before the file is said
            // to be clean.
            file.header.keep_record(generation);
            file.syncs.flush()?;
        }
        Ok(())
    }

    /// The heap in a file that was open when the system stopped. The caller holds the file's opening lock, so no other process has it open.
    pub(super) fn after_power_loss(file: HeapFile, opened: &Opened, options: &FileOptions) -> Result<Self, Error> {
        let is_durable = file.header.is_durable();
        let usual = if is_durable { OnPowerLoss::Restore } else { OnPowerLoss::Refuse };
        let chosen = options.on_power_loss.unwrap_or(usual);
        let mut heap = match chosen {
            OnPowerLoss::Refuse => return Err(file.needs_recovery()),
            OnPowerLoss::Restore if !is_durable => return Err(file.needs_recovery()),
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
        if chosen != OnPowerLoss::Salvage {
            // What is salvaged are also blocks that a map had freed before.
            heap.rebuild_maps()?;
        }
        if is_durable && chosen != OnPowerLoss::Restore {
            // The last sync is another state, whose blocks nobody keeps.
            heap.sync_anew()?;
        }
        // Until this is stored, the next who opens the file begins anew.
        heap.file()?.begin_anew()?;
        Ok(heap)
    }
}

/// The newest record that is sound, whose copy is whole: the disk had the copy before the record was written. If it is not whole, the disk has
/// damaged it, and the sync before does not come back in its place, since its blocks may have been used again. A file that is refused has as many extents as before.
fn newest_whole(file: &HeapFile, opened: &Opened, options: &FileOptions) -> Result<Record, Error> {
    let damaged = || file.corrupt("the record of its last sync is damaged");
    let record = file.header.last_sync().ok_or_else(damaged)?;
    let count = word(file.header.at(at::EXTENT_COUNT));
    put(file.header.at(at::EXTENT_COUNT), record.extents);
    let found =
        HeapFile::look_into(opened, options).and_then(|file| Mems::build(file, options)).and_then(|mut heap| {
            let is_whole = heap.heap.ledger().is_some_and(|ledger| ledger.has_copy(&record));
            if is_whole { Ok(record) } else { Err(file.corrupt("what its last sync wrote is damaged")) }
        });
    found.inspect_err(|_| put(file.header.at(at::EXTENT_COUNT), count))
}
