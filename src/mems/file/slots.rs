//! Process slots: who has a heap file open for writing.
//!
//! A process holds the system's lock on the byte of its slot until it ends. Ids and times in the header are for messages alone.
//!
//! Costs: O(slots), and a system call for each that has been taken.

use super::open::failed;
use super::{HeapFile, byte};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::{SLOTS, at};
use crate::heap::ledger::{put, word};
use std::time::{SystemTime, UNIX_EPOCH};

/// A process that has a file open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub slot: usize,
    /// The process's id, in its own namespace.
    pub id: u64,
    /// When it opened the file, in milliseconds since 1970.
    pub since: u64,
}

impl HeapFile {
    /// Takes a process slot.
    pub(super) fn take_slot(&mut self, exclusive: bool) -> Result<(), Error> {
        let failed = |error| failed(&self.path, "locked", &error);
        if exclusive {
            if self.has_others() || !self.file.try_lock_byte(byte::EXCLUSIVE).map_err(failed)? {
                return Err(self.in_use());
            }
        } else if self.file.is_byte_locked(byte::EXCLUSIVE).map_err(failed)? {
            return Err(self.in_use());
        }
        for slot in 0..SLOTS {
            if self.file.try_lock_byte(slot as u64).map_err(failed)? {
                self.owner = Some(self.header.take_slot(slot));
                let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
                put(self.header.at(at::PROCESSES + 2 * slot), u64::from(std::process::id()));
                put(self.header.at(at::PROCESSES + 2 * slot + 1), u64::try_from(since).unwrap_or(0));
                return Ok(());
            }
        }
        Err(FileError::TooManyProcesses { path: self.path_said(), most: SLOTS }.into())
    }

    /// The id of the process that has taken a slot last, in its namespace.
    pub(super) fn process_id(&self, slot: usize) -> u64 {
        word(self.header.at(at::PROCESSES + 2 * slot))
    }

    /// The processes that have the file open for writing. O(1024) and a system call for each slot that has been taken.
    pub fn processes(&self) -> Vec<Process> {
        let is_there = |slot: &usize| {
            let is_own = self.owner.is_some_and(|owner| owner.slot == *slot);
            self.process_id(*slot) != 0 && (is_own || matches!(self.file.is_byte_locked(*slot as u64), Ok(true)))
        };
        let process = |slot| Process {
            slot,
            id: self.process_id(slot),
            since: word(self.header.at(at::PROCESSES + 2 * slot + 1)),
        };
        (0..SLOTS).filter(is_there).map(process).collect()
    }

    pub(super) fn processes_said(&self) -> String {
        let all = self.processes();
        let ids: Vec<_> = all.iter().map(|process| format!("process {}", process.id)).collect();
        if ids.is_empty() { "another process".to_owned() } else { ids.join(", ") }
    }

    /// The error for a file that others use.
    pub(super) fn in_use(&self) -> Error {
        FileError::FileInUse { path: self.path_said(), holders: self.processes_said() }.into()
    }

    /// Whether other processes have the file open.
    pub(super) fn has_others(&self) -> bool {
        let own = self.owner.map(|owner| owner.slot);
        self.processes().iter().any(|process| Some(process.slot) != own)
    }
}
