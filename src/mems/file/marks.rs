//! What a heap file says of itself: in use in a run of the system, or clean, which says that the disk has all of it.
//!
//! Invariant: what the file says is on the disk before anything follows that would make it false: that it is in use, before anything is
//! stored in it; what it holds, before it says that it is clean.
//!
//! Costs: a flush of the file each time, some milliseconds on most disks.

use super::format::{State, corrupt};
use super::{HeapFile, byte};
use crate::error::Error;
use crate::heap::ledger::layout::{SLOTS, at};
use crate::heap::ledger::{Ledger, put, word};

impl HeapFile {
    /// Whether the file was in use when the system stopped. A process that has the file open and sees another boot id, as in a container that
    /// has a boot id of its own, shows that the system has not stopped: its lock would have ended.
    pub(super) fn has_lost_power(&self) -> Result<bool, Error> {
        let state = State::newest(&self.header).ok_or_else(|| corrupt(&self.path, "both of its states are damaged"))?;
        Ok(!state.is_clean && state.boot != self.boot && !self.is_used_by_others()?)
    }

    /// Whether a slot is another process's that has opened the file and is done with that. What the header says of slots is not looked at.
    fn is_used_by_others(&self) -> Result<bool, Error> {
        let own = self.owner.map(|owner| owner.slot);
        let is_locked = |byte| self.file.is_byte_locked(byte).map_err(|error| self.failed("locked", &error));
        for slot in (0..SLOTS).filter(|&slot| Some(slot) != own) {
            if is_locked(slot as u64)? {
                // A process that is opening the file may be about to restore it. (Who has a slot holds the opening lock itself.)
                return Ok(own.is_some() || !is_locked(byte::OPENING)?);
            }
        }
        Ok(false)
    }

    /// Says that the file is in use, on the disk as well, before anything is stored in it: the system may write other pages first, and a
    /// file that was in use when the power failed would look as if it had been closed. A file that was in use when the system stopped stays so.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let is_written = |state: &State| word(self.header.at(at::STATE_WRITTEN)) == state.generation;
        match State::newest(&self.header) {
            Some(state) if state.is_clean => self.begin_anew(),
            // A process that died as it waited for the disk has left a state that the disk may not have.
            Some(state) if !is_written(&state) => self.write_state(),
            _ => Ok(()),
        }
    }

    /// Says that the file is in use in this run of the system, whatever it was: what it holds is sound.
    pub(super) fn begin_anew(&self) -> Result<(), Error> {
        State::write(&self.header, self.boot, false);
        self.write_state()
    }

    /// Writes the newest state to the disk, and notes that it is there.
    fn write_state(&self) -> Result<(), Error> {
        self.syncs.flush()?;
        let generation = State::newest(&self.header).map_or(0, |state| state.generation);
        put(self.header.at(at::STATE_WRITTEN), generation);
        Ok(())
    }

    /// Writes the file to disk before it is closed: before others that open it have to wait for that, and before the maps of its data end,
    /// since systems other than Linux do not know later what was stored in them. (On Linux the last process writes what all have stored.)
    /// Returns false if the system refuses.
    pub fn write_back(&self) -> bool {
        let is_for_others = cfg!(any(target_os = "linux", target_os = "android")) && self.has_others();
        self.is_read_only() || is_for_others || self.syncs.flush().is_ok()
    }

    /// The end of this process's use: the last process to close a file says that it is clean, when everything is on the disk.
    /// `is_written`: what [`HeapFile::write_back`] has returned.
    pub fn close(&self, is_written: bool, ledger: Option<&mut Ledger>) {
        let Some(owner) = self.owner else { return };
        let ended = Self::with_opening(&self.file, &self.path, self.patience, || {
            put(self.header.at(at::PROCESSES + 2 * owner.slot), 0);
            if is_written && !self.has_others() && !self.file.is_lost() && !self.is_under_way() {
                self.sync_alone(ledger)?;
                State::write(&self.header, self.boot, true);
                self.syncs.flush()?;
            }
            Ok(())
        });
        // Not closed cleanly is what a process that ends without closing leaves, too.
        let _ = ended;
        let _unlocked = self.file.unlock_byte(owner.slot as u64);
        // Views may keep the file open for long. A process that has not locked this byte changes nothing here.
        let _unlocked = self.file.unlock_byte(byte::EXCLUSIVE);
    }
}
