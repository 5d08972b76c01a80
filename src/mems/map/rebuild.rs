//! Maps after a power failure, in heap files that survive one: made anew from their entries.
//!
//! The blocks that come back are those of the last sync, and what was stored in them since may be there or not: a table may refer to
//! entries that came later, whose blocks are none any more. But an entry never changes, and a block that was freed since has kept its bytes.
//! So a live block that begins as an entry of a map does, with the hash of its key, was one of its entries at the sync, and the tables are
//! filled with these. (A block that is taken has 0 as its first word until its owner stores another, so that none looks like the entry that was
//! in its place before: `heap/ledger/take.rs`. A program that copies the bytes of an entry to a block of its own would get it into the map.) A table that was replaced since stays a block that nothing refers to, and its shard gets a new one.
//!
//! Nobody else has the file. Costs: O(blocks and slots).

use super::find::{Entry, Found, find};
use super::layout::{EMPTY, shard, shard_number, slot_of, slots_for, table_word};
use super::memory::Memory;
use super::publish::{recount_shard, sum_up};
use super::root_of;
use super::verify::Whole;
use crate::error::Error;
use crate::heap::ledger::publication::Noted;
use crate::heap::ledger::put;
use crate::heap::{FIRST_ADDRESS, Kind};
use crate::mems::Mems;
use crate::table::AtomicU64;
use std::collections::HashSet;

/// An entry that has been found: the number of its map, that of its shard, and its slot.
type Kept = (usize, usize, u64);

impl Mems {
    /// Makes all maps anew. The bookkeeping and the roots are those of a sync; the caller is alone with the file, and has no lock.
    ///
    /// # Errors
    /// The errors of malloc. The caller begins anew, then.
    pub(in crate::mems) fn rebuild_maps(&mut self) -> Result<(), Error> {
        // The next to take the lock would finish what is noted.
        self.forget_change();
        self.enter_file()?;
        let done = self.fill_maps();
        self.leave_file();
        done
    }

    /// [`Mems::rebuild_maps`] for a caller that owns the ledger.
    ///
    /// # Errors
    /// The errors of malloc.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript verifies files"))]
    pub(in crate::mems) fn rebuild_maps_as_owner(&mut self) -> Result<(), Error> {
        self.forget_change();
        self.fill_maps()
    }

    /// Forgets what is noted of a change of a map.
    pub(super) fn forget_change(&self) {
        for noted in [Noted::New, Noted::Old, Noted::Target] {
            self.note(noted, 0);
        }
    }

    fn fill_maps(&mut self) -> Result<(), Error> {
        let mut maps = Vec::new();
        for (name, address) in self.map_names() {
            let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
            if Whole::at(self, &memory, address).is_some() {
                maps.push(address);
            } else {
                let _was_there = self.file()?.header().delete_root(&root_of(&name));
            }
        }
        if maps.is_empty() {
            return Ok(());
        }
        let kept = self.entries_of(&maps)?;
        self.drop_tables(&maps)?;
        for (number, &address) in maps.iter().enumerate() {
            let shards = {
                let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
                Whole::at(self, &memory, address).map_or(0, |map| map.shard_count())
            };
            for shard in 0..shards {
                let from = kept.partition_point(|&(map, at, _)| (map, at) < (number, shard));
                let to = kept.partition_point(|&(map, at, _)| (map, at) <= (number, shard));
                self.fill_shard(address, shard, &kept[from..to])?;
            }
            let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
            if let Some(map) = Whole::at(self, &memory, address) {
                sum_up(map.words);
            }
        }
        Ok(())
    }

    /// Drops the tables of the maps at some addresses that are no blocks of their own. A block that is allocated afterwards could be where one
    /// of these was.
    fn drop_tables(&self, maps: &[u64]) -> Result<(), Error> {
        let failed = |_| Error::OutOfMetadata { size: 0 };
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let mut seen = HashSet::new();
        for map in maps.iter().filter_map(|&address| Whole::at(self, &memory, address)) {
            seen.try_reserve(map.shard_count()).map_err(failed)?;
            for number in 0..map.shard_count() {
                let table = map.table(number).ok().flatten();
                if !table.is_some_and(|(address, _)| seen.insert(address))
                    && let Some(said) = map.shard(number).get(shard::TABLE)
                {
                    put(said, 0);
                }
            }
        }
        Ok(())
    }

    /// All live blocks that are entries of the maps at some addresses, in order.
    fn entries_of(&self, maps: &[u64]) -> Result<Vec<Kept>, Error> {
        let failed = |_| Error::OutOfMetadata { size: 0 };
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let maps: Vec<_> = maps.iter().map(|&address| Whole::at(self, &memory, address)).collect();
        let (mut kept, mut key) = (Vec::new(), Vec::new());
        let mut at = FIRST_ADDRESS;
        while let Some(segment) = self.heap.segment_at(at) {
            let (address, size) = (at, segment.size);
            at += size;
            let entry = Entry::at(&memory, address).filter(|entry| entry.block_bytes() == size);
            let Some(hash) = entry.filter(|_| segment.kind == Kind::Live).map(|entry| entry.hash()) else { continue };
            for (number, map) in maps.iter().enumerate() {
                let Some(map) = map else { continue };
                let (shard, slot) = (shard_number(hash, map.shards()), slot_of(hash, address));
                if map.entry(shard, slot, &mut key).is_ok() {
                    kept.try_reserve(1).map_err(failed)?;
                    kept.push((number, shard, slot));
                    break;
                }
            }
        }
        kept.sort_unstable();
        Ok(kept)
    }

    /// Fills the table of a shard with the entries that it has, or gives it a table with room for them.
    fn fill_shard(&mut self, map: u64, number: usize, kept: &[Kept]) -> Result<(), Error> {
        let slots = slots_for(kept.len()).ok_or(Error::OutOfMetadata { size: 0 })?;
        if !self.try_fill(map, number, kept, None)? {
            let address = self.malloc_new(8 << slots, 64)?;
            self.try_fill(map, number, kept, Some(table_word(address, slots)))?;
            self.forget_new();
        }
        Ok(())
    }

    /// Fills a table, which is `new` to the shard if given. Returns `false` if there is no table with room for all entries.
    fn try_fill(&self, map: u64, number: usize, kept: &[Kept], new: Option<u64>) -> Result<bool, Error> {
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let Some(map) = Whole::at(self, &memory, map) else { return Err(self.damaged("a map is none")) };
        let Some(said) = map.shard(number).get(shard::TABLE) else { return Ok(true) };
        if let Some(new) = new {
            put(said, new);
        }
        let table: &[AtomicU64] = match map.table(number) {
            Ok(Some((_, table))) if 4 * kept.len() <= 3 * table.len() => table,
            _ if kept.is_empty() => {
                put(said, 0);
                &[]
            }
            _ => return Ok(false),
        };
        for slot in table {
            put(slot, EMPTY);
        }
        let mut key = Vec::new();
        for &(_, _, slot) in kept {
            if let Ok(entry) = map.entry(number, slot, &mut key)
                && let Found::Nowhere(Some(at)) = find(&memory, table, entry.hash(), &key)
            {
                put(&table[at], slot);
            }
        }
        recount_shard(&memory, map.words, number);
        Ok(true)
    }
}
