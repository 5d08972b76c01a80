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
            Some(got) => got.ok_or_else(|| damaged_value(heap)),
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
        let mut has_learnt = false;
        loop {
            match self.try_read(hash, key, taken, has_learnt, &mut take) {
                Ok(None) if self.file.as_ref().is_some_and(|file| file.is_lost()) => return Err(lost(heap)),
                Ok(done) => return Ok(done),
                Err(Again::Changed) => {
                    pause.wait();
                }
                Err(Again::Unknown) => {
                    self.learn(heap)?;
                    has_learnt = true;
                }
            }
        }
    }

    /// One try. What is beyond the heap as it `has_learnt` of it is damage, and no entry.
    #[inline]
    fn try_read<T>(
        &self,
        hash: u64,
        key: &[u8],
        taken: Taken,
        has_learnt: bool,
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
        let mut found = None;
        match self.table(words).map_or(Found::Beyond, |table| find(&self.memory, table, hash, key)) {
            Found::Beyond if !has_learnt => return Err(Again::Unknown),
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
        if self.memory.is_current() { Ok(found) } else { Err(Again::Unknown) }
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

    /// Learns what the heap has mapped.
    #[cold]
    fn learn(&mut self, heap: &mut impl Access) -> Result<(), Error> {
        heap.look(|heap| {
            if heap.is_in_file() {
                heap.learn()?;
            }
            if self.memory.learn(heap) { Ok(()) } else { Err(Error::OutOfMetadata { size: 0 }) }
        })
    }

    /// The entries of a shard as they were at one moment, without those that have expired. `with_values`: whether their values are copied.
    ///
    /// # Errors
    /// The errors of [`Map::get`]; [`Error::OutOfText`] without memory for them; [`FileError::FileInUse`] if the heap is for reading only, and
    /// others change the shard during each look.
    pub fn list(&mut self, heap: &mut impl Access, number: usize, with_values: bool) -> Result<Vec<Listed>, Error> {
        let is_read_only = self.file.as_ref().is_some_and(|file| file.is_read_only());
        let (mut tries, mut pause) = (0, Pause::default());
        loop {
            match self.try_list(number, with_values, tries > 0) {
                Some(listed) => return listed,
                None if tries == MOST_TRIES => return Err(busy(heap)),
                // A shard in which something changes all the time is read with the lock, which a heap for reading only cannot take.
                None if tries == TRIES && !is_read_only => {
                    return heap.with(|heap| {
                        let learnt = self.memory.learn(heap);
                        let listed = if learnt { self.try_list(number, with_values, true) } else { None };
                        listed.unwrap_or(Err(Error::OutOfText))
                    });
                }
                None => {
                    self.learn(heap)?;
                    pause.wait();
                }
            }
            tries += 1;
        }
    }

    /// One try; `None`: something has changed.
    fn try_list(&self, number: usize, with_values: bool, has_learnt: bool) -> Option<Result<Vec<Listed>, Error>> {
        let words = self.memory.words(self.address, head::WORDS + (shard::WORDS << self.shards));
        let Some(words) = words.and_then(|words| shard_words(words, number)) else { return Some(Ok(Vec::new())) };
        let version = words[shard::VERSION].load(Ordering::Acquire);
        let (mut listed, mut bytes) = (Vec::new(), 0);
        let table = match self.table(words) {
            Some(table) => table,
            None if has_learnt => &[],
            None => return None,
        };
        let failed = Some(Err(Error::OutOfText));
        for slot in table.iter().map(word).filter(|&slot| is_entry(slot)) {
            let address = slot & ADDRESS;
            if self.memory.is_beyond(address) && !has_learnt {
                return None;
            }
            let Some(entry) = Entry::at(&self.memory, address) else { continue };
            if entry.kind() == Kind::Lease || has_expired(entry) {
                continue;
            }
            let (Some(key), Some(value)) =
                (zeros(entry.key_bytes()), zeros(if with_values { entry.value_bytes() } else { 0 }))
            else {
                return failed;
            };
            let mut one = Listed { key, value, flags: entry.flags() as u32 };
            entry.read_key(Room::new(&mut one.key));
            entry.read_value(Room::new(&mut one.value));
            if listed.try_reserve(1).is_err() {
                return failed;
            }
            listed.push(one);
            // A block that has become something else may seem to be of any length: that is not copied again and again.
            if words[shard::VERSION].load(Ordering::Acquire) != version {
                return None;
            }
            // Slots of a damaged table may all refer to one entry.
            bytes += entry.block_bytes();
            if bytes > self.memory.bytes() {
                return Some(Err(Error::Corrupt("a map lists more than its heap has".to_owned())));
            }
        }
        fence(Ordering::Acquire);
        (words[shard::VERSION].load(Ordering::Relaxed) == version && self.memory.is_current()).then_some(Ok(listed))
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
        Ok(words.map_or_else(MapStats::default, MapStats::of))
    }
}

/// How often a shard is read without the lock.
const TRIES: u32 = 100;

/// How often it is read where nothing else is possible: some seconds, in which others change it each time.
const MOST_TRIES: u32 = 50_000;

/// The error for a value that is not what its checksum says.
#[cold]
fn damaged_value(heap: &mut impl Access) -> Error {
    let damaged = heap.look(|heap| Ok(heap.damaged("a value in a map is not what was set")));
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
