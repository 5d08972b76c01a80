//! Extents: adding one, and mapping those that other processes have added.
//!
//! One process at a time adds an extent: it holds a byte lock, and not the heap's lock, while the system finds blocks of the disk,
//! which can take long. The blocks are there before anybody knows of the extent, so that no store ever meets a full disk.
//!
//! Costs: system calls; fractions of a millisecond to some tens of milliseconds to add an extent, ten microseconds to map one.

use super::format::{Entry, corrupt};
use super::{HeapFile, byte};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::Heap;
use crate::heap::ledger::layout::{DurableLayout, EXTENTS, ExtentLayout, MOST_EXTENT, PART, UNIT};
use crate::heap::ledger::{Extent, ExtentWords};
use crate::memory::{ALIGNMENT, Mapping};
use crate::mems::Mems;
use crate::system_error::SystemError;
use std::io::ErrorKind;
use std::sync::Arc;

/// The length of the first extent, unless one request needs more, in bytes of data.
const FIRST: u64 = 1 << 20;

/// What the lengths of others are multiples of: as much data as the least bookkeeping has room for.
const STEP: u64 = 3 << 20;

/// The most that they have, unless one request needs more.
const MOST: u64 = 255 << 20;

/// A new extent has at least the heap's length divided by this: there are some thirty in a heap of two gigabytes, each of which takes
/// ten microseconds to map.
const SHARE: u64 = 4;

/// The least bytes of data of an extent for a request that needs `needed` bytes of room.
fn least(needed: u64) -> u64 {
    needed.checked_next_multiple_of(PART).unwrap_or(u64::MAX)
}

impl HeapFile {
    /// Maps an extent: its words, and the memory of its data.
    fn map(&self, entry: Entry, dont_fork: bool) -> Result<(Extent, Arc<Mapping>), Error> {
        let failed = |error| self.failed("mapped", &error);
        let length = usize::try_from(entry.bytes).map_err(|_| self.corrupt("an extent is too long"))?;
        let layout = ExtentLayout::new(entry.bytes);
        let map = self.file.map(entry.offset, entry.data() - entry.offset).map_err(failed)?;
        let phase = usize::try_from(entry.first % ALIGNMENT as u64).unwrap_or(0);
        let mapping = Mapping::of_file(&self.file, entry.data(), length, phase, dont_fork).map_err(failed)?;
        let mapping = Arc::new(mapping);
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let words = || {
            let durable = DurableLayout::new(entry.bytes).words();
            let durable = if entry.is_durable { Some(map.words64(at(layout.bytes()), durable)?) } else { None };
            Some(ExtentWords {
                planes: map.words64(0, layout.planes())?,
                rows: map.words32(at(layout.rows_at()), layout.row_entries())?,
                occupancy: map.words64(at(layout.occupancy_at()), layout.occupancy_words())?,
                data: Mapping::words(&mapping),
                durable,
            })
        };
        let extent = words().and_then(|words| Extent::new(entry.first / UNIT, entry.bytes, words));
        Ok((extent.ok_or_else(|| self.corrupt("an extent has no room for its bookkeeping"))?, mapping))
    }

    /// The error for damage at a place: that of a file that is lost, where zeros are read. In the last page of a file that has been cut they are
    /// read without a fault.
    pub(in crate::mems) fn corrupt(&self, place: &str) -> Error {
        if matches!(self.file.is_cut(), Ok(true)) { self.lost() } else { corrupt(&self.path, place) }
    }

    /// How many bytes of data an extent gets for a request of `size` bytes that needs `needed` bytes of room, in a heap that has
    /// `mapped`.
    fn next_length(&self, needed: u64, size: u64, mapped: u64) -> Result<u64, Error> {
        let left = self.most.saturating_sub(mapped) / PART * PART;
        let least = least(needed);
        let available = left.min(MOST_EXTENT);
        if least > left && self.header.is_durable() {
            let because = "maxSize leaves no room for one; call sync() if blocks were freed since the last";
            return Err(FileError::NoExtent { size, available, because }.into());
        }
        if least > left {
            return Err(Error::LimitReached { size, block: least, limit: self.most, available });
        }
        if least > available {
            let because = "an extent of a heap file has less than 32 GiB";
            return Err(FileError::NoExtent { size, available, because }.into());
        }
        if self.header.extent_count() >= EXTENTS {
            let because = "the file has 4096 of them, the most that it can have";
            return Err(FileError::NoExtent { size, available: 0, because }.into());
        }
        let wanted = if mapped == 0 { FIRST } else { (mapped / SHARE).max(1).next_multiple_of(STEP).min(MOST) };
        Ok(wanted.max(least).min(available))
    }
}

impl Mems {
    /// Maps the extents that this process does not know yet. If there are fewer than it knows, the file is damaged: who waits for an extent
    /// to be added would wait for ever.
    pub(super) fn learn_extents(&mut self) -> Result<(), Error> {
        while let (Some(file), Some(ledger)) = (&mut self.file, self.heap.ledger()) {
            let (known, count) = (ledger.known(), file.header.extent_count());
            if known > count {
                return Err(file.corrupt("there are fewer extents than there were"));
            }
            if known == count {
                break;
            }
            let entry = Entry::read(&file.path, &file.header, known, file.last)?;
            if !file.file.reaches(entry.end()).map_err(|error| file.failed("read", &error))? {
                return Err(file.corrupt("it is shorter than its extents"));
            }
            let (extent, mapping) = file.map(entry, true)?;
            self.know_extent(entry, extent, mapping, 0)?;
        }
        Ok(())
    }

    /// Takes note of an extent that is mapped, the next of those that this process knows, in a call for `size` bytes, or 0.
    fn know_extent(&mut self, entry: Entry, extent: Extent, mapping: Arc<Mapping>, size: u64) -> Result<(), Error> {
        let (Some(file), Some(ledger)) = (&mut self.file, self.heap.ledger()) else {
            return Err(FileError::NotInFile.into());
        };
        // Both know it, or neither.
        if !ledger.make_room() || !self.regions.append(mapping, entry.bytes) || !ledger.add(extent) {
            return Err(Error::OutOfMetadata { size });
        }
        // So that a cut is noticed.
        let _ = file.file.reaches(entry.end());
        file.last = Some(entry);
        Ok(())
    }

    /// Allocates `size` bytes at a multiple of `alignment` by a call of the heap's, in a new extent if no hole is large enough.
    pub(in crate::mems) fn allocate_in_file(
        &mut self,
        size: u64,
        alignment: u64,
        mut allocate: impl FnMut(&mut Heap) -> Result<Option<u64>, Error>,
    ) -> Result<u64, Error> {
        if let Some(address) = allocate(&mut self.heap)? {
            return Ok(address);
        }
        let room = self.heap.room_for(size, alignment);
        self.allocate_in_new_extent(room, size, |heap| allocate(&mut heap.heap))
    }

    /// Allocates a block for which no hole is large enough, in an extent that this process or another adds.
    #[cold]
    pub(crate) fn allocate_in_new_extent<T>(
        &mut self,
        room: u64,
        size: u64,
        mut allocate: impl FnMut(&mut Self) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        loop {
            self.grow_file(room, size)?;
            // Another process may have been quicker to use the extent.
            if let Some(made) = allocate(self)? {
                return Ok(made);
            }
        }
    }

    /// Adds an extent with `needed` bytes of room, for a request of `size`, or learns of one that another process has added. The heap's
    /// lock is released meanwhile.
    fn grow_file(&mut self, needed: u64, size: u64) -> Result<(), Error> {
        let Some(file) = &self.file else { return Err(FileError::NotInFile.into()) };
        file.check_writable()?;
        file.next_length(needed, size, self.heap.mapped()).map_err(|mut refused| {
            if let Error::LimitReached { available, .. } | Error::File(FileError::NoExtent { available, .. }) =
                &mut refused
            {
                *available = self.heap.stats().largest_hole.max(*available);
            }
            refused
        })?;
        self.leave_file();
        let added = self.add_extent_alone(needed, size);
        // The caller is in the middle of a call, which continues with the lock, whatever has happened. Without the lock the ledger changes
        // nothing.
        let is_locked = self.file.as_ref().is_some_and(|file| file.is_locked);
        if is_locked { added } else { added.and(self.enter_file()) }
    }

    /// [`Mems::add_extent`] while no other process adds one.
    fn add_extent_alone(&mut self, needed: u64, size: u64) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Err(FileError::NotInFile.into()) };
        let is_ours = file.file.lock_byte(byte::GROWTH, file.patience);
        if !is_ours.map_err(|error| file.failed("locked", &error))? {
            return Err(FileError::locked(&file.path, "a process that enlarges it", file.patience).into());
        }
        let added = self.add_extent(needed, size);
        let Some(file) = &mut self.file else { return Err(FileError::NotInFile.into()) };
        // Fails only if the file is gone: the lock ends with the file's descriptor then.
        let _unlocked = file.file.unlock_byte(byte::GROWTH);
        added
    }

    /// Adds an extent, for the process that may. Enters the file again.
    fn add_extent(&mut self, needed: u64, size: u64) -> Result<(), Error> {
        let known = self.heap.ledger().map_or(0, |ledger| ledger.known());
        let Some(file) = &self.file else { return Err(FileError::NotInFile.into()) };
        if file.header.extent_count() != known {
            return self.enter_file();
        }
        let mut bytes = file.next_length(needed, size, self.heap.mapped())?;
        let entry = loop {
            let entry = Entry::following(file.last, bytes, file.header.is_durable());
            let needs = entry.end() - entry.offset;
            let Err(error) = file.file.allocate(entry.offset, needs) else { break entry };
            // A smaller extent may find room: what is left of the disk is used up by halves.
            let is_full =
                matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
            let half = (bytes / 2).next_multiple_of(PART).max(least(needed));
            if half == bytes || !is_full {
                let error = SystemError::new("fallocate", &error);
                return Err(FileError::OutOfSpace { path: file.path_said(), size, needed: needs, error }.into());
            }
            bytes = half;
        };
        let metadata = entry.data() - entry.offset;
        // A process that died here before may have left something.
        file.clear(entry.offset, metadata).map_err(|error| file.failed("written", &error))?;
        let (extent, mapping) = file.map(entry, true)?;
        extent.format();
        entry.write(&file.header, known);
        self.enter_file()?;
        self.know_extent(entry, extent, mapping, size)?;
        self.heap.publish();
        self.events.grow(bytes);
        Ok(())
    }
}
