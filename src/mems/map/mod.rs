//! Maps: keys and values in the blocks of a heap, for all threads, and in a heap file for all processes.
//!
//! - Here what a map is, and how one is made or found. `layout.rs`: what is where.
//! - `memory.rs`: words at addresses. `find.rs`: an entry by its key. `read.rs`: what reads. `write.rs`: what changes an entry, in one step.
//!   `counter.rs`: numbers that calls add to. `lease.rs`: who makes a value that is not there yet.
//! - `room.rs`: larger tables, and which entries go to make room. `publish.rs`: how a change commits, and what is left to do after a death.
//! - `verify.rs`: whether a map is sound. `mend.rs`: what is kept of one that is not. `rebuild.rs`: maps after a power failure.
//!
//! Readers take no lock and wait for nobody: an entry never changes while it can be found, and its block is freed after the shard's version
//! has gone up, which readers look at before and after. A call that changes something holds the heap's lock for all of the change, in a heap
//! file that of all processes: an entry is there whole, or as it was before, whenever a process dies.
//!
//! **Hash.** SipHash-1-3 with a key of the map's own, so that nobody can choose keys that fall together.
//!
//! **Eviction.** CLOCK: a hand goes round; an entry that has been read since it was there the last time stays for another round.
//!
//! Costs: of a read some cache lines; of a change those of a malloc and a free; eight bytes and a third for a slot and 32 for an entry's
//! head, beside key and value.

#![allow(
    clippy::cast_possible_truncation,
    reason = "parts of words and of hashes are taken by masks and shifts, and heap files are for 64-bit systems"
)]

mod counter;
#[cfg(test)]
mod death_tests;
mod find;
pub(crate) mod layout;
mod lease;
mod memory;
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript repairs files"))]
mod mend;
mod publish;
mod read;
#[cfg(test)]
mod reader_tests;
mod rebuild;
mod room;
#[cfg(test)]
mod tests;
mod verify;
mod write;

#[cfg(any(test, feature = "node"))]
pub(crate) use lease::{Lease, Leased};
pub(crate) use memory::Room;
pub(crate) use read::{Got, Taken};
pub(crate) use write::{New, expiry_of};

use self::layout::{LEAST_SLOTS, MAGIC, MOST_SHARDS, head, map_bytes, shard, shard_number, table_of};
use self::memory::Memory;
use self::publish::map_words;
use crate::error::Error;
use crate::heap::ledger::{put, word};
use crate::map_error::MapError;
use crate::memory::file::File;
use crate::mems::Mems;
use crate::mems::access::Access;
use crate::table::AtomicU64;
use siphasher::sip::SipHasher13;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a map is made with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MapOptions {
    /// The most bytes of all its blocks; 0: any number; `None`: as the map has it.
    pub most_bytes: Option<u64>,
    /// The most entries; 0: any number; `None`: as the map has it.
    pub most_entries: Option<u64>,
    /// The logarithm of the number of shards to base 2, of a new map; `None`: what suits its limit.
    pub shards: Option<u32>,
    /// Whether the entries of a new map have checksums.
    pub checksums: bool,
}

/// The longest name of a map, in bytes: one less than of a root.
pub(crate) const MOST_NAME: usize = crate::heap::ledger::layout::ROOT_NAME - 1;

/// A map, as one thread uses it.
#[derive(Debug)]
pub(crate) struct Map {
    /// The address of its block.
    address: u64,
    shards: u32,
    has_checksums: bool,
    seed: [u64; 2],
    memory: Memory,
    /// The file that the heap is in.
    file: Option<Arc<File>>,
}

/// What a map has, and what has become of its entries.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MapStats {
    pub entries: u64,
    pub bytes: u64,
    pub most_bytes: u64,
    pub most_entries: u64,
    pub evictions: u64,
    pub expirations: u64,
    pub shards: u64,
    pub slots: u64,
}

impl MapStats {
    /// What the words of a map say.
    fn of(words: &[AtomicU64]) -> Self {
        let at = |number: usize| word(&words[number]);
        let slots = |words: &[AtomicU64]| table_of(word(&words[shard::TABLE])).map_or(0, |(_, slots)| 1 << slots);
        let shards = words[head::WORDS..].chunks_exact(shard::WORDS);
        Self {
            entries: at(head::ENTRIES),
            bytes: at(head::BYTES),
            most_bytes: at(head::MOST_BYTES),
            most_entries: at(head::MOST_ENTRIES),
            evictions: at(head::EVICTIONS),
            expirations: at(head::EXPIRATIONS),
            shards: shards.len() as u64,
            slots: shards.map(slots).sum(),
        }
    }
}

/// The shards of a new map with a limit of bytes, as a logarithm to base 2: 256 of them, or as few as leave seven eighths of the bytes to
/// entries, since a shard with its least table has 128 bytes.
fn shards_for(most_bytes: Option<u64>) -> u32 {
    const USUAL: u32 = 8;
    match most_bytes {
        None | Some(0) => USUAL,
        Some(most) => (most / (8 * 128)).max(1).ilog2().min(USUAL),
    }
}

/// The root of a map: no program can give a root a name with a zero.
fn root_of(name: &[u8]) -> Vec<u8> {
    [&[0], name].concat()
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Map {
    /// The map of a name, which is made if there is none.
    ///
    /// # Errors
    /// [`MapError::Name`]; [`FileError::ReadOnly`](crate::FileError::ReadOnly) if there is none, and the heap is for reading only; the errors of malloc.
    pub fn open(heap: &mut impl Access, name: &[u8], options: &MapOptions) -> Result<Self, Error> {
        if name.is_empty() || name.len() > MOST_NAME {
            return Err(MapError::Name { bytes: name.len(), most: MOST_NAME }.into());
        }
        if let Some(map) = heap.look(|heap| Self::find_read_only(heap, name))? {
            return Ok(map);
        }
        heap.with(|heap| {
            let address = match heap.map_address(name) {
                Some(address) => address,
                None => heap.make_map(name, options)?,
            };
            let map = Self::at(heap, address)?;
            map.set_limits(heap, options)?;
            Ok(map)
        })
    }

    /// The map of a name in a heap that is for reading only, which needs no lock. `None`: the heap can be changed.
    fn find_read_only(heap: &mut Mems, name: &[u8]) -> Result<Option<Self>, Error> {
        if !heap.is_read_only() {
            return Ok(None);
        }
        heap.learn()?;
        match heap.map_address(name) {
            Some(address) => Self::at(heap, address).map(Some),
            None => heap.check_writable().map(|()| None),
        }
    }

    /// The map whose block is at an address.
    fn at(heap: &Mems, address: u64) -> Result<Self, Error> {
        let memory = Memory::of(heap).ok_or(Error::OutOfMetadata { size: 0 })?;
        let Some(words) = map_words(&memory, address) else {
            return Err(heap.damaged(&format!("the map at {address} is none")));
        };
        let shards = word(&words[head::SHARDS]);
        Ok(Self {
            address,
            shards: (shards & 0xff) as u32,
            has_checksums: shards & head::CHECKSUMS != 0,
            seed: [word(&words[head::SEED]), word(&words[head::SEED + 1])],
            memory,
            file: heap.shared_file(),
        })
    }

    /// Stores the limits that are given.
    fn set_limits(&self, heap: &Mems, options: &MapOptions) -> Result<(), Error> {
        let words = self.words(heap)?;
        for (number, limit) in [(head::MOST_BYTES, options.most_bytes), (head::MOST_ENTRIES, options.most_entries)] {
            if let Some(limit) = limit
                && !heap.is_read_only()
                && word(&words[number]) != limit
            {
                put(&words[number], limit);
            }
        }
        Ok(())
    }

    /// The map's words, for the owner of the lock.
    fn words(&self, heap: &Mems) -> Result<&[AtomicU64], Error> {
        let words = self.memory.words(self.address, head::WORDS + (layout::shard::WORDS << self.shards));
        words.ok_or_else(|| heap.damaged(&format!("the map at {} is cut off", self.address)))
    }

    /// The hash of a key.
    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.seed[0], self.seed[1]).hash(key)
    }

    /// The number of the shard of a hash.
    #[inline]
    const fn shard(&self, hash: u64) -> usize {
        shard_number(hash, self.shards)
    }

    /// Whether the heap is still there, as far as can be seen without asking it.
    pub fn is_current(&self) -> bool {
        self.memory.is_current()
    }

    /// Lets go of the memory and the file of a heap that has ended, which stay mapped and open else as long as the map is there. Every later
    /// call on the map asks the heap first.
    pub fn let_go(&mut self) {
        self.memory.let_go();
        self.file = None;
    }

    /// How many shards there are.
    pub const fn shard_count(&self) -> usize {
        1 << self.shards
    }

    /// The address of a word of a shard.
    const fn shard_address(&self, number: usize, word: usize) -> u64 {
        self.address + 8 * (head::WORDS + layout::shard::WORDS * number + word) as u64
    }
}

impl Mems {
    /// The address of the block of a map.
    fn map_address(&self, name: &[u8]) -> Option<u64> {
        match self.file() {
            Ok(file) => file.root(&root_of(name)),
            Err(_) => self.maps.iter().find(|(known, _)| **known == *name).map(|&(_, address)| address),
        }
    }

    /// The names of all maps, and the addresses of their blocks.
    pub(crate) fn map_names(&self) -> Vec<(Vec<u8>, u64)> {
        match self.file() {
            Ok(file) => file.maps(),
            Err(_) => self.maps.iter().map(|(name, address)| (name.to_vec(), *address)).collect(),
        }
    }

    /// Makes a map. The caller has the lock, and has seen that there is none of the name.
    fn make_map(&mut self, name: &[u8], options: &MapOptions) -> Result<u64, Error> {
        let shards = options.shards.unwrap_or_else(|| shards_for(options.most_bytes)).min(MOST_SHARDS);
        let failed = |_| Error::OutOfMetadata { size: 0 };
        self.maps.try_reserve(1).map_err(failed)?;
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        let address = self.malloc_new(map_bytes(shards), 64)?;
        // Another process may have been quicker, when the lock was released for a new extent.
        if let Some(theirs) = self.map_address(name) {
            self.free_new(address)?;
            return Ok(theirs);
        }
        let made = self.fill_map(address, shards, seed, options).and_then(|()| {
            if self.is_in_file() {
                self.set_root(&root_of(name), address)?;
                self.forget_new();
            } else {
                self.maps.push((name.into(), address));
            }
            Ok(address)
        });
        if made.is_err() {
            self.free_new(address)?;
        }
        made
    }

    fn fill_map(&self, address: u64, shards: u32, seed: [u8; 16], options: &MapOptions) -> Result<(), Error> {
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let words = memory.words(address, head::WORDS + (layout::shard::WORDS << shards));
        let words = words.ok_or_else(|| self.damaged("a new map is cut off"))?;
        for word in words {
            put(word, 0);
        }
        let [first, second] = seed.as_chunks::<8>().0 else { return Ok(()) };
        let flags = if options.checksums { head::CHECKSUMS } else { 0 };
        for (number, value) in [
            (head::MAGIC, MAGIC),
            (head::SHARDS, u64::from(shards) | flags),
            (head::SEED, u64::from_le_bytes(*first)),
            (head::SEED + 1, u64::from_le_bytes(*second)),
            (head::BYTES, 8 * words.len() as u64),
        ] {
            put(&words[number], value);
        }
        Ok(())
    }

    /// The file that the heap is in, if it is in one.
    fn shared_file(&self) -> Option<Arc<File>> {
        let file = self.file().ok()?;
        Some(file.shared_file())
    }

    /// The error for damage in the memory of a heap.
    fn damaged(&self, place: &str) -> Error {
        self.file().map_or_else(|_| Error::Corrupt(place.to_owned()), |file| file.corrupt(place))
    }
}

const _: () = assert!(LEAST_SLOTS <= layout::MOST_SLOTS);
