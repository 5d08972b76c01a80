//! Heaps in files: a ledger, its extents, and the lock that processes share.
//!
//! - Here what a heap has of its file, and how a call enters and leaves it. `open.rs`: creating, opening and closing one.
//! - `grow.rs`: adding extents, and finding those that others have added. `words.rs`: words and roots.
//! - `turn.rs`: waiting for the lock while other threads look at blocks.
//! - `bell.rs`: waiting for words. `lookout.rs`: waiting for them without sleeping.
//! - `syncs.rs`: whose turn it is to sync a file. `durable.rs`: what is done after a power failure.
//! - `format.rs`: what the file says of itself. `verify.rs`: whether it is sound. `repair.rs`: mending one that is not.
//!
//! A call enters the file before it does anything with the heap, and leaves it afterwards (`process/registry.rs`). Between the two it
//! owns the lock, knows all extents, and the counters are those of the file. Looking at live blocks needs none of that.
//!
//! Costs: entering and leaving are a locked instruction, a store, and reading the counters.

#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
mod bell;
#[cfg(all(test, not(loom)))]
mod byte_tests;
mod durable;
pub(crate) mod format;
mod grow;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
mod lookout;
mod marks;
mod open;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
mod repair;
mod slots;
mod syncs;
#[cfg(all(test, not(loom)))]
mod tests;
mod turn;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
mod verify;
mod words;

#[cfg(feature = "node")]
pub(crate) use bell::Waited;
pub(crate) use lookout::Lookout;
#[cfg(feature = "node")]
pub(crate) use lookout::{Ended, Inbox, Ticket};
pub(crate) use open::{FileOptions, Opened};
#[cfg(feature = "node")]
pub(crate) use open::{OnPowerLoss, bad_max_size};
pub(crate) use repair::repair;
#[cfg(feature = "node")]
pub(crate) use slots::Process;
pub(crate) use syncs::Syncs;
#[cfg(feature = "node")]
pub(crate) use verify::MapReport;
pub(crate) use verify::Report;
#[cfg(any(feature = "node", test))]
pub(crate) use verify::verify;

use self::format::Entry;
use self::turn::SHORT;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::lock::{Owner, Taken, Waits};
use crate::heap::ledger::{Header, layout};
use crate::memory::file::{File, SharedMap};
use crate::mems::Mems;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes behind the file's end that processes lock, by number: those from 0 to [`layout::SLOTS`] are the process slots'.
mod byte {
    use super::layout::SLOTS;

    /// Held while a file is opened or closed.
    pub const OPENING: u64 = SLOTS as u64;
    /// Held while the file grows.
    pub const GROWTH: u64 = OPENING + 1;
    /// Held by a process that has the file for itself.
    pub const EXCLUSIVE: u64 = OPENING + 2;
    /// Held during a sync.
    pub const SYNC: u64 = OPENING + 3;
}

/// What a heap has of its file.
#[derive(Debug)]
pub(crate) struct HeapFile {
    path: PathBuf,
    file: Arc<File>,
    header: Header,
    /// The map that `header` is in.
    header_map: Arc<SharedMap>,
    /// Who this process is to others. `None`: the file is open for reading only.
    owner: Option<Owner>,
    uuid: [u8; 16],
    /// The run of the system.
    boot: [u8; 16],
    /// How long a call waits for the lock.
    patience: Duration,
    /// When it had to.
    waits: Waits,
    /// The most bytes of data that this process lets the file have.
    most: u64,
    /// The last extent that is known.
    last: Option<Entry>,
    /// Whether this process holds the lock.
    is_locked: bool,
    /// Who waits for words of the file in the place of threads that must not sleep, once one has asked for that.
    lookout: Option<Arc<Lookout>>,
    /// What syncs need.
    syncs: Arc<Syncs>,
}

/// What is said of a process that has the lock, and is gone. The lock is taken over by a call that has to change something.
const IS_DEAD: &str = "The process is dead: a process that writes has to take the lock over. To have that done, open the file for writing";

impl HeapFile {
    /// The path that the file was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What no other file has.
    #[cfg(feature = "node")]
    pub const fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    fn path_said(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether an owner's process is gone. If the system does not say, it is not.
    fn is_dead(&self, owner: Owner) -> bool {
        Some(owner) != self.owner && matches!(self.file.is_byte_locked(owner.slot as u64), Ok(false))
    }

    /// A process, for messages.
    fn said(&self, owner: Option<Owner>) -> String {
        match owner {
            Some(Owner { slot, .. }) => format!("the process {} (slot {slot})", self.process_id(slot)),
            None => "nobody that is known".to_owned(),
        }
    }

    /// Takes the lock, and waits for it no longer than `patience`. Returns how it was taken.
    fn lock(&mut self, patience: Duration) -> Result<Taken, Error> {
        let Some(owner) = self.owner else { return self.wait_for_writers(patience) };
        let taken = if self.header.try_lock(owner) {
            Taken::Free
        } else {
            let is_dead = |owner| self.is_dead(owner);
            let taken = self.header.wait_for_lock(owner, &self.waits, patience, is_dead);
            taken.map_err(|holder| self.timeout(holder))?
        };
        self.is_locked = true;
        Ok(taken)
    }

    /// Waits until nobody holds the lock, for a process that only reads, and cannot recover what a dead one has left.
    #[cold]
    fn wait_for_writers(&self, patience: Duration) -> Result<Taken, Error> {
        self.header.wait_for_nobody(patience).map_err(|holder| self.timeout(holder))?;
        Ok(Taken::Free)
    }

    /// The error for the lock, which `holder` has held for too long. A call that changes something takes it over from a dead process.
    fn timeout(&self, holder: Option<Owner>) -> Error {
        let (path, seconds) = (self.path_said(), self.patience.as_secs_f64().to_string());
        let (holder, advice) = match holder {
            Some(owner) if !self.header.has_slot(owner) => {
                (format!("a process that had the slot {}", owner.slot), IS_DEAD)
            }
            Some(owner) if self.is_dead(owner) => (self.said(holder), IS_DEAD),
            Some(_) => (self.said(holder), FileError::IS_ALIVE),
            None => {
                (self.said(None), "Call again; if that does not help, open the file for writing, which mends the lock")
            }
        };
        FileError::LockTimeout { path, holder, seconds, advice }.into()
    }

    /// Releases the lock, if this process holds it.
    #[inline]
    fn unlock(&mut self) {
        if self.is_locked {
            self.is_locked = false;
            self.header.unlock();
        }
    }

    /// Lets go of the file in a child of `fork`: see [`File::forget`].
    pub fn forget(&self) {
        self.file.forget();
    }

    /// The words that processes share.
    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    /// The file itself.
    pub(super) fn shared_file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Who this process is to others; `None` if the file is open for reading only.
    pub(super) const fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Whether an owner's process is there, with the slot that it had.
    pub(super) fn is_alive(&self, owner: Owner) -> bool {
        self.header.has_slot(owner) && !self.is_dead(owner)
    }

    /// Whether somebody holds the lock, or has begun something and not ended it.
    fn is_under_way(&self) -> bool {
        self.header.holder().is_some() || self.header.is_under_way()
    }

    /// Whether the heap is for reading only.
    pub const fn is_read_only(&self) -> bool {
        self.owner.is_none()
    }

    /// Fails if the heap is for reading only.
    pub fn check_writable(&self) -> Result<(), Error> {
        if self.is_read_only() { Err(FileError::ReadOnly { path: self.path_said() }.into()) } else { Ok(()) }
    }

    /// Fails if another program has cut the file off.
    #[inline]
    fn check_there(&self) -> Result<(), Error> {
        if self.file.is_lost() { Err(self.lost()) } else { Ok(()) }
    }

    /// The error for a file that another program has cut off.
    #[cold]
    fn lost(&self) -> Error {
        FileError::FileLost { path: self.path_said() }.into()
    }
}

impl Mems {
    /// Fails if the heap is in a file that is open for reading only.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), |file| file.check_writable())
    }

    /// What the heap has of its file.
    ///
    /// # Errors
    /// [`FileError::NotInFile`].
    pub(crate) fn file(&self) -> Result<&HeapFile, Error> {
        self.file.as_deref().ok_or(FileError::NotInFile.into())
    }

    /// Takes the file's lock, and learns what other processes have done. [`Mems::leave_file`] has to follow, unless this fails.
    ///
    /// # Errors
    /// [`FileError::LockTimeout`], [`FileError::FileLost`], [`FileError::FileCorrupt`], [`FileError::FileFailed`] if an extent cannot be mapped.
    pub(crate) fn enter_file(&mut self) -> Result<(), Error> {
        self.enter_file_within(Duration::MAX)
    }

    /// [`Mems::enter_file`], which waits for the lock no longer than `most`.
    fn enter_file_within(&mut self, most: Duration) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.check_there()?;
        let taken = file.lock(file.patience.min(most))?;
        let (header, is_locked) = (&file.header, file.is_locked);
        let is_known = self.heap.ledger().is_none_or(|ledger| {
            ledger.set_owned(is_locked);
            header.extent_count() == ledger.known()
        });
        // A panic, like a death, leaves an operation under way.
        if is_known && taken == Taken::Free && !header.is_under_way() {
            self.heap.refresh();
            return Ok(());
        }
        self.recover_left().inspect_err(|_| self.leave_file())
    }

    /// Maps the extents that other processes have added, and recovers what a dead one has left.
    #[cold]
    fn recover_left(&mut self) -> Result<(), Error> {
        self.learn_extents()?;
        if self.file.as_ref().is_some_and(|file| file.is_locked) {
            self.heap.recover();
            self.recover_publication()?;
        }
        self.heap.refresh();
        Ok(())
    }

    /// Recovers what a dead process has left, as the last process closes the file: one in which something is under way is not closed cleanly. If
    /// that fails, it stays so.
    pub(in crate::mems) fn recover_last(&mut self) {
        if self.file.as_deref().is_some_and(|file| file.is_under_way() && !file.is_read_only() && !file.has_others()) {
            self.recover_within(Duration::MAX);
        }
    }

    /// Recovers what a process has begun that is dead, as another opens the file: so who reads without the lock finds no word of a half operation.
    /// Where the lock cannot be taken soon, its next owner does that.
    fn recover_dead(&mut self) {
        let is_left = |file: &HeapFile| match file.header.holder() {
            Some(owner) => !file.is_alive(owner),
            // The process that has taken over from a dead one has failed.
            None => file.is_under_way(),
        };
        if self.file.as_deref().is_some_and(is_left) {
            self.recover_within(SHORT);
        }
    }

    /// Takes the file's lock, for which it waits no longer than `most`, and releases it: who takes it recovers what was left.
    fn recover_within(&mut self, most: Duration) {
        if self.enter_file_within(most).is_ok() {
            self.leave_file();
        }
    }

    /// Calls `operation` as the owner of the lock may, for a caller that has the file, or its view of the file, for itself.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript verifies and repairs files"))]
    fn as_owner<T>(&mut self, operation: impl FnOnce(&mut Self) -> T) -> T {
        let is_locked = self.file.as_ref().is_some_and(|file| file.is_locked);
        let own = |heap: &mut Self, is_owned| {
            if let Some(ledger) = heap.heap.ledger() {
                ledger.set_owned(is_owned);
            }
        };
        own(self, true);
        let done = operation(self);
        own(self, is_locked);
        done
    }

    /// Whether other processes have added extents that this one has not mapped yet.
    #[cfg(feature = "node")]
    pub(crate) fn has_unknown(&self) -> bool {
        // Each extent is a region.
        self.file.as_ref().is_some_and(|file| file.header.extent_count() > self.regions.count())
    }

    /// Maps the extents that this process does not know yet, without the file's lock. Returns whether there were any.
    ///
    /// # Errors
    /// The errors of [`Mems::enter_file`] but [`FileError::LockTimeout`].
    pub(crate) fn learn(&mut self) -> Result<bool, Error> {
        self.file()?.check_there()?;
        let before = self.heap.end();
        self.learn_extents()?;
        Ok(self.heap.end() > before)
    }

    /// What an operation has come to, which is an error if another program has cut the file off: what was found there means nothing. Bookkeeping
    /// of a file that is not as it has to be counts as damage, which any program that writes to the file can do.
    #[inline]
    pub(crate) fn unless_lost<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        let Some(file) = &self.file else { return done };
        file.check_there()?;
        done.map_err(|error| if let Error::Corrupt(place) = &error { file.corrupt(place) } else { error })
    }

    /// Releases the file's lock.
    #[inline]
    pub(crate) fn leave_file(&mut self) {
        if let Some(ledger) = self.heap.ledger() {
            ledger.set_owned(false);
        }
        if let Some(file) = &mut self.file {
            file.unlock();
        }
    }
}
