//! Reading without a lock.
//!
//! A shard's version says how often something has been taken out of it: an entry, or its table. A reader looks at the version, finds and
//! copies, and looks again. If the version is the same, nothing that has been read can have become anything else meanwhile, since blocks are
//! freed after the version has gone up. Else it begins anew. Nobody is ever waited for: a process that dies in the middle of a change leaves
//! a version that stays.
//!
//! Costs: those of `find.rs`, and of copying. A change to the same shard at the same moment costs another try.

use super::find::{Entry, Found, find};
use super::layout::{ADDRESS, Kind, READ, head, is_entry, shard, shard_words, table_of};
use super::memory::Room;
use super::{Map, MapStats, now};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::word;
use crate::mems::access::Access;
use crate::pause::Pause;
use crate::table::AtomicU64;
use std::sync::atomic::{Ordering, fence};

/// What reading a value has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// There is no entry with the key.
    Missing,
    /// The value is so long, in bytes, with the entry's flags. It has been copied if there was room for it.
    Found(usize, u32),
}

/// An entry in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub flags: u32,
}

impl Listed {
    /// A copy of an entry. `None`: there is no memory for it.
    fn of(entry: Entry, with_value: bool) -> Option<Self> {
        let mut one = Self {
            key: zeros(entry.key_bytes())?,
            value: zeros(if with_value { entry.value_bytes() } else { 0 })?,
            flags: entry.flags() as u32,
        };
        entry.read_key(Room::new(&mut one.key));
        entry.read_value(Room::new(&mut one.value));
        Some(one)
    }
}

/// What is done with an entry that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The entry is used, so that it is not evicted soon.
    Used,
    /// The entry is looked at.
    Seen,
}

/// Why a try has to be repeated.
enum Again {
    /// Something has been taken out of the shard.
    Changed,
    /// The heap has mapped more than is known, or has ended.
    Unknown,
}

/// Why the entries of a shard have not been listed.
enum Unlisted {
    Again(Again),
    /// Something is not as it has to be: what that is.
    Damaged(&'static str),
    Failed(Error),
}

impl Map {
    /// Copies the value of a key to `to`, if there is room for all of it.
    ///
    /// # Errors
    /// Of a heap that has ended, or whose file is lost or damaged.
    #[inline]
    pub fn get(&mut self, heap: &mut impl Access, key: &[u8], to: Room, taken: Taken) -> Result<Got, Error> {
        let has_checksums = self.has_checksums;
        let got = self.read(heap, key, taken, |entry| {
            if has_checksums && !entry.has_checksum() {
                return None;
            }
            entry.read_value(to);
            Some(Got::Found(entry.value_bytes(), entry.flags() as u32))
        })?;
        match got {
            None => Ok(Got::Missing),
            Some(got) => got.ok_or_else(|| damaged(heap, OTHER_VALUE)),
        }
    }

    /// Calls `take` on the entry of a key, perhaps more than once, and returns what it has returned the last time.
    #[inline]
    pub(super) fn read<T>(
        &mut self,
        heap: &mut impl Access,
        key: &[u8],
        taken: Taken,
        mut take: impl FnMut(Entry) -> T,
    ) -> Result<Option<T>, Error> {
        let hash = self.hash(key);
        let mut pause = Pause::default();
        loop {
            let done = self.try_read(hash, key, taken, &mut take);
            // There are zeros where the file was cut, also in the middle of a value.
            if self.is_lost() {
                return Err(lost(heap));
            }
            match done {
                Ok(done) => return Ok(done),
                Err(Again::Changed) => {
                    pause.wait();
                }
                // What was beyond all that there is now is damage, and no entry.
                Err(Again::Unknown) if !self.learn(heap)? => return Ok(None),
                Err(Again::Unknown) => {}
            }
        }
    }

    /// One try.
    #[inline]
    fn try_read<T>(
        &self,
        hash: u64,
        key: &[u8],
        taken: Taken,
        take: &mut impl FnMut(Entry) -> T,
    ) -> Result<Option<T>, Again> {
        if !self.memory.is_current() {
            return Err(Again::Unknown);
        }
        let number = self.shard(hash);
        let Some(words) = self.memory.words(self.shard_address(number, 0), shard::WORDS) else {
            return Ok(None);
        };
        let version = words[shard::VERSION].load(Ordering::Acquire);
        let (mut found, mut is_beyond) = (None, false);
        match self.table(words).map_or(Found::Beyond, |table| find(&self.memory, table, hash, key)) {
            Found::Beyond => is_beyond = true,
            Found::At(at, slot, entry) if entry.kind() != Kind::Lease && !has_expired(entry) => {
                found = Some(take(entry));
                if taken == Taken::Used && slot & READ == 0 {
                    self.mark_read(words, at, slot);
                }
            }
            _ => {}
        }
        fence(Ordering::Acquire);
        if words[shard::VERSION].load(Ordering::Relaxed) != version {
            return Err(Again::Changed);
        }
        if is_beyond || !self.memory.is_current() { Err(Again::Unknown) } else { Ok(found) }
    }

    /// Whether the file is lost.
    #[inline]
    fn is_lost(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_lost())
    }

    /// The table of a shard: no slots, if there is none. `None`: it is beyond what is known of the heap.
    #[inline]
    fn table(&self, words: &[AtomicU64]) -> Option<&[AtomicU64]> {
        match table_of(words[shard::TABLE].load(Ordering::Acquire)) {
            None => Some(&[]),
            Some((address, slots)) => self.memory.words(address, 1 << slots),
        }
    }

    /// Says that the entry in a slot has been read, if the map evicts entries. Only if the slot is still as it was: what has been a table
    /// may be something else by now.
    #[inline]
    fn mark_read(&self, words: &[AtomicU64], at: usize, slot: u64) {
        let limits = self.memory.words(self.address, head::WORDS);
        let is_limited =
            limits.is_some_and(|head| word(&head[head::MOST_BYTES]) | word(&head[head::MOST_ENTRIES]) != 0);
        if is_limited
            && self.file.as_ref().is_none_or(|file| !file.is_read_only())
            && let Some(table) = self.table(words)
            && let Some(place) = table.get(at)
        {
            // If another has changed the slot, that counts.
            let _was = place.compare_exchange(slot, slot | READ, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Learns what the heap has mapped. Returns whether that is other than what was known.
    #[cold]
    fn learn(&mut self, heap: &mut impl Access) -> Result<bool, Error> {
        heap.look(|heap| {
            if heap.is_in_file() {
                heap.learn()?;
            }
            let before = self.memory.known();
            if self.memory.learn(heap) {
                Ok(self.memory.known() != before)
            } else {
                Err(Error::OutOfMetadata { size: 0 })
            }
        })
    }

    /// The entries of a shard as they were at one moment, without those that have expired. `with_values`: whether their values are copied.
    ///
    /// # Errors
    /// The errors of [`Map::get`]; [`Error::OutOfText`] without memory for them; [`FileError::FileInUse`] if the heap is for reading only, and
    /// others change the shard during each look.
    pub fn list(&mut self, heap: &mut impl Access, number: usize, with_values: bool) -> Result<Vec<Listed>, Error> {
        let is_read_only = self.file.as_ref().is_some_and(|file| file.is_read_only());
        let (mut tries, mut pause, mut has_all) = (0, Pause::default(), false);
        loop {
            let mut listed = self.try_list(number, with_values, has_all);
            // A shard in which something changes all the time is read with the lock, which a heap for reading only cannot take.
            if tries == TRIES && !is_read_only && matches!(listed, Err(Unlisted::Again(_))) {
                listed = heap.with(|heap| {
                    self.learn_for_change(heap)?;
                    Ok(self.try_list(number, with_values, true))
                })?;
            }
            if self.is_lost() {
                return Err(lost(heap));
            }
            match listed {
                Ok(listed) => return Ok(listed),
                Err(Unlisted::Damaged(place)) => return Err(damaged(heap, place)),
                Err(Unlisted::Failed(error)) => return Err(error),
                Err(Unlisted::Again(_)) if tries == MOST_TRIES => return Err(busy(heap)),
                // What was beyond all that there is now is damage, and no entry.
                Err(Unlisted::Again(Again::Unknown)) => has_all = !self.learn(heap)?,
                Err(Unlisted::Again(Again::Changed)) => {
                    has_all = false;
                    pause.wait();
                }
            }
            tries += 1;
        }
    }

    /// One try. `has_all`: what is beyond all that is known is damage.
    fn try_list(&self, number: usize, with_values: bool, has_all: bool) -> Result<Vec<Listed>, Unlisted> {
        if !self.memory.is_current() {
            return Err(Unlisted::Again(Again::Unknown));
        }
        let words = self.memory.words(self.address, head::WORDS + (shard::WORDS << self.shards));
        let Some(words) = words.and_then(|words| shard_words(words, number)) else { return Ok(Vec::new()) };
        let version = words[shard::VERSION].load(Ordering::Acquire);
        let is_same = || {
            fence(Ordering::Acquire);
            words[shard::VERSION].load(Ordering::Relaxed) == version
        };
        let (mut listed, mut bytes) = (Vec::new(), 0);
        let (mut is_beyond, mut is_damaged) = (false, false);
        let table = self.table(words).unwrap_or_else(|| {
            is_beyond = true;
            &[]
        });
        for slot in table.iter().map(word).filter(|&slot| is_entry(slot)) {
            let address = slot & ADDRESS;
            if self.memory.is_beyond(address) {
                is_beyond = true;
                continue;
            }
            let Some(entry) = Entry::at(&self.memory, address) else { continue };
            if entry.kind() == Kind::Lease || has_expired(entry) {
                continue;
            }
            let one = Listed::of(entry, with_values);
            is_damaged |= with_values && self.has_checksums && !entry.has_checksum();
            // A block that has become something else may seem to be of any length: that is not copied again and again.
            if !is_same() {
                return Err(Unlisted::Again(Again::Changed));
            }
            listed.try_reserve(1).map_err(|_| Unlisted::Failed(Error::OutOfText))?;
            listed.push(one.ok_or(Unlisted::Failed(Error::OutOfText))?);
            // Slots of a damaged table may all refer to one entry.
            bytes += entry.block_bytes();
            if bytes > self.memory.bytes() {
                return Err(Unlisted::Damaged("a map lists more than its heap has"));
            }
        }
        if !is_same() {
            Err(Unlisted::Again(Again::Changed))
        } else if is_beyond && !has_all || !self.memory.is_current() {
            Err(Unlisted::Again(Again::Unknown))
        } else if is_damaged {
            Err(Unlisted::Damaged(OTHER_VALUE))
        } else {
            Ok(listed)
        }
    }

    /// What the map has. Each number is that of some moment of the call.
    ///
    /// # Errors
    /// The errors of [`Map::get`].
    pub fn stats(&mut self, heap: &mut impl Access) -> Result<MapStats, Error> {
        if !self.memory.is_current() {
            self.learn(heap)?;
        }
        let words = self.memory.words(self.address, head::WORDS + (shard::WORDS << self.shards));
        let stats = words.map_or_else(MapStats::default, MapStats::of);
        if self.is_lost() { Err(lost(heap)) } else { Ok(stats) }
    }
}

/// How often a shard is read without the lock.
const TRIES: u32 = 100;

/// How often it is read where nothing else is possible: some seconds, in which others change it each time.
const MOST_TRIES: u32 = 50_000;

/// The place of damage, if a value is not what its checksum says.
const OTHER_VALUE: &str = "a value in a map is not what was set";

/// The error for damage at a place.
#[cold]
fn damaged(heap: &mut impl Access, place: &str) -> Error {
    let damaged = heap.look(|heap| Ok(heap.damaged(place)));
    damaged.unwrap_or_else(|error| error)
}

/// The error for a file that is lost.
#[cold]
fn lost(heap: &mut impl Access) -> Error {
    let path = heap.look(|heap| Ok(heap.file()?.path().display().to_string()));
    path.map_or_else(|error| error, |path| FileError::FileLost { path }.into())
}

/// The error for a shard that others change all the time.
#[cold]
fn busy(heap: &mut impl Access) -> Error {
    let path = heap.look(|heap| Ok(heap.file()?.path().display().to_string()));
    let holders = "processes that change the map all the time".to_owned();
    path.map_or_else(|error| error, |path| FileError::FileInUse { path, holders }.into())
}

/// Zeros, if there is memory for them.
fn zeros(length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    Some(bytes)
}

/// Whether an entry's time is over.
#[inline]
pub(super) fn has_expired(entry: Entry) -> bool {
    let expiry = entry.expiry();
    expiry != 0 && expiry <= now()
}

/// The checksum of an entry.
pub(super) fn checksum_of(key: &[u8], value: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(key);
    sum.update(value);
    sum.sum()
}
