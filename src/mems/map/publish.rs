//! How a map changes: by a store to one word, its target, that replaces an old block by a new one (`heap/ledger/publication.rs`).
//!
//! Order: the new block is taken and noted; it is filled; target and old block are noted; **the target is stored: that commits**; the new
//! block is noted no longer; the shard's version goes up; the old block is freed, which no reader counts any more. In a heap in memory
//! nothing is noted, since all of it dies together.
//!
//! Counters are recounted after a death: those of one shard, and the map's as the sums over all shards.
//!
//! Costs: those of malloc and free, and a dozen stores; O(entries of a shard) after a death.

use super::find::Entry;
use super::layout::{ADDRESS, Kind, head, is_entry, shard, shard_words, table_of};
use super::memory::Memory;
use crate::error::Error;
use crate::heap::ledger::publication::{Noted, Publication};
use crate::heap::ledger::{put, word};
use crate::mems::Mems;
use crate::mems::steps;
use crate::table::AtomicU64;
use std::sync::atomic::{Ordering, fence};

/// What changes in one step.
pub(super) struct Change<'map> {
    /// The map's words.
    pub map: &'map [AtomicU64],
    /// The address of the map's block.
    pub address: u64,
    /// The number of the shard.
    pub shard: usize,
    /// The word that is stored.
    pub target: &'map AtomicU64,
    /// The address of that word.
    pub target_address: u64,
    /// What is stored there.
    pub value: u64,
    /// The block that nothing refers to any more; 0 for none.
    pub old: u64,
}

impl Change<'_> {
    /// Makes the change. The counters are the caller's to change, by `count`.
    ///
    /// # Errors
    /// What freeing the old block says: the map has changed all the same.
    pub fn make(&self, heap: &mut Mems, count: impl FnOnce()) -> Result<(), Error> {
        heap.note(Noted::Map, self.address);
        heap.note(Noted::Shard, self.shard as u64);
        heap.note(Noted::Target, self.target_address);
        heap.note(Noted::Old, self.old);
        put(self.target, self.value);
        heap.note(Noted::New, 0);
        let freed = if self.old == 0 {
            Ok(())
        } else {
            if let Some(shard) = shard_words(self.map, self.shard) {
                raise_version(shard);
            }
            heap.free_old(self.old)
        };
        count();
        heap.note(Noted::Target, 0);
        freed
    }
}

/// Says that something has been taken out of a shard, before its block can be used for anything else.
fn raise_version(shard: &[AtomicU64]) {
    let version = &shard[shard::VERSION];
    put(version, word(version).wrapping_add(1));
    // No store to the block by another use of it is seen before this one.
    fence(Ordering::Release);
}

/// Adds to a counter, which only the owner of the lock changes.
pub(super) fn add(counter: &AtomicU64, more: i64) {
    put(counter, word(counter).wrapping_add_signed(more));
}

impl Mems {
    /// Allocates a block of a map, which is noted as the new one. In a heap file the lock may be released and taken again meanwhile: whatever
    /// was found before may have changed.
    ///
    /// # Errors
    /// The errors of [`Mems::malloc_aligned`].
    pub(super) fn malloc_new(&mut self, size: u64, alignment: u64) -> Result<u64, Error> {
        let Ok(file) = self.file() else {
            return steps::allocate(self, |heap| heap.malloc_aligned(size, alignment));
        };
        file.check_writable()?;
        self.allocate_in_file(size, alignment, |heap| heap.malloc_noted_as_new(size, alignment))
    }

    /// Says that something refers to the new block.
    pub(super) fn forget_new(&self) {
        self.note(Noted::New, 0);
    }

    /// Frees the new block, which nothing refers to.
    pub(super) fn free_new(&mut self, address: u64) -> Result<(), Error> {
        self.free_noted(address, Noted::New)
    }

    /// Frees the old block. Where no block starts in a heap file, what referred to it was damaged, and now nothing refers to it.
    fn free_old(&mut self, address: u64) -> Result<(), Error> {
        if self.is_in_file() && self.heap.check_block_start(address).is_err() {
            self.note(Noted::Old, 0);
            return Ok(());
        }
        self.free_noted(address, Noted::Old)
    }

    fn free_noted(&mut self, address: u64, noted: Noted) -> Result<(), Error> {
        if !self.is_in_file() {
            return self.free(address);
        }
        let block = self.heap.check_block_start(address);
        let Ok(block) = block else {
            self.note(noted, 0);
            return Err(self.file()?.corrupt(&format!("a map refers to {address}, where no block starts")));
        };
        self.heap.free_noted(address, noted);
        if self.options().zero_on_free() {
            self.bytes(address, block.end - address).clear();
        }
        Ok(())
    }

    /// Sets a word of the publication, in a heap file.
    pub(super) fn note(&self, noted: Noted, address: u64) {
        if let Ok(file) = self.file() {
            file.header().note(noted, address);
        }
    }

    /// Finishes or undoes the publication that was under way at a death. The ledger has been recovered, and all extents are known.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`]. The publication stays noted then, as it must: the next one would take its place.
    #[cold]
    pub(in crate::mems) fn recover_publication(&mut self) -> Result<(), Error> {
        let Some(said) = self.file().ok().and_then(|file| file.header().publication()) else { return Ok(()) };
        let Some(memory) = Memory::of(self) else { return Err(Error::OutOfMetadata { size: 0 }) };
        let Publication { new, old, target, map, shard } = said;
        let referred = memory.words(target, 1).map_or(0, |words| word(&words[0]) & ADDRESS);
        let words = map_words(&memory, map);
        let shard = usize::try_from(shard).unwrap_or(usize::MAX);
        let has_root = |address| self.file().is_ok_and(|file| file.has_root_of(address));
        if new != 0 {
            let is_in_use = if target == 0 { has_root(new) } else { referred == new };
            if is_in_use {
                self.note(Noted::New, 0);
            } else {
                // An error says that no block starts there: then there is nothing to free.
                let _freed = self.free_new(new);
            }
        }
        if let Some(shard) = words.and_then(|words| shard_words(words, shard)) {
            raise_version(shard);
        }
        if old != 0 {
            if target != 0 && referred == old {
                self.note(Noted::Old, 0);
            } else {
                let _freed = self.free_old(old);
            }
        }
        if let Some(words) = words {
            recount(&memory, words, shard);
        }
        self.note(Noted::Target, 0);
        Ok(())
    }
}

/// The words of a map's block.
pub(super) fn map_words(memory: &Memory, address: u64) -> Option<&[AtomicU64]> {
    let head = memory.words(address, head::WORDS)?;
    let shards = (word(&head[head::SHARDS]) & 0xff) as u32;
    if word(&head[head::MAGIC]) != super::layout::MAGIC || shards > super::layout::MOST_SHARDS {
        return None;
    }
    memory.words(address, head::WORDS + (shard::WORDS << shards))
}

/// Counts what a shard has, and what the map has by its shards' counters.
pub(super) fn recount(memory: &Memory, map: &[AtomicU64], number: usize) {
    recount_shard(memory, map, number);
    sum_up(map);
}

/// Counts what a shard has.
pub(super) fn recount_shard(memory: &Memory, map: &[AtomicU64], number: usize) {
    let Some(words) = shard_words(map, number) else { return };
    let (mut entries, mut used, mut bytes) = (0, 0, 0);
    if let Some((address, slots)) = table_of(word(&words[shard::TABLE]))
        && let Some(table) = memory.words(address, 1 << slots)
    {
        bytes = 8_u64 << slots;
        for slot in table.iter().map(word) {
            used += u64::from(slot != super::layout::EMPTY);
            let entry = if is_entry(slot) { Entry::at(memory, slot & ADDRESS) } else { None };
            let Some(entry) = entry else { continue };
            bytes += entry.block_bytes();
            entries += u64::from(entry.kind() != Kind::Lease);
        }
    }
    for (counter, value) in [(shard::ENTRIES, entries), (shard::USED, used), (shard::BYTES, bytes)] {
        put(&words[counter], value);
    }
}

/// Sets the counters of a map that are sums over its shards.
pub(super) fn sum_up(map: &[AtomicU64]) {
    let sum = |counter: usize| {
        let shards = map[head::WORDS..].chunks_exact(shard::WORDS);
        shards.fold(0_u64, |sum, words| sum.wrapping_add(word(&words[counter])))
    };
    put(&map[head::ENTRIES], sum(shard::ENTRIES));
    put(&map[head::BYTES], sum(shard::BYTES).wrapping_add(8 * map.len() as u64));
}
