//! Mending the maps of a damaged heap file: what makes sense stays, and is found again.
//!
//! A map is kept if its head is sound, a table if it is a block of its own and no other shard's, and an entry if it lies in a block of its own, its key has the hash
//! that is said, and its checksum is right if it has one. Entries that are not where their keys are looked for get other slots. All counters
//! are counted anew. A block that is no longer referred to is freed only if it still begins as an entry of the place does; the blocks of a
//! table or a map that is dropped stay.
//!
//! Nobody else has the file. Costs: O(slots and entries).

use super::find::{Found, find};
use super::layout::{ADDRESS, EMPTY, is_entry, shard};
use super::memory::Memory;
use super::publish::{recount_shard, sum_up};
use super::root_of;
use super::verify::Whole;
use crate::error::Error;
use crate::heap::ledger::publication::Publication;
use crate::heap::ledger::{put, word};
use crate::mems::Mems;
use crate::table::AtomicU64;

/// What has been done to a map.
#[derive(Default)]
struct Mended {
    /// Shards that have lost their tables.
    tables: u64,
    /// Entries that have been dropped.
    dropped: u64,
    /// Tables whose entries have got other slots.
    sorted: u64,
    /// Whether a counter was wrong.
    recounted: bool,
    /// The blocks of entries that have been dropped.
    left: Vec<u64>,
}

impl Mems {
    /// Mends all maps, whose bookkeeping and roots are sound by now. The caller owns the ledger, and nobody else has the file.
    /// `is_recoverable`: whether the file's pages are of one time, so that a change under way can be finished or undone.
    ///
    /// # Errors
    /// [`Error::OutOfMetadata`].
    pub(in crate::mems) fn mend_maps(&mut self, is_recoverable: bool, notes: &mut Vec<String>) -> Result<(), Error> {
        self.mend_publication(is_recoverable, notes)?;
        let mut left = Vec::new();
        for (name, address) in self.map_names() {
            let said = String::from_utf8_lossy(&name);
            let Some(mut mended) = self.mend_map(address)? else {
                let _was_there = self.file()?.header().delete_root(&root_of(&name));
                notes.push(format!("the map '{said}' was dropped, since its head is damaged"));
                continue;
            };
            for (count, what) in [
                (
                    mended.tables,
                    "tables were dropped that were none, or those of other shards, with the entries in them",
                ),
                (mended.dropped, "entries were dropped that made no sense"),
                (mended.sorted, "tables were sorted anew, since entries were not where their keys are looked for"),
            ] {
                if count > 0 {
                    notes.push(format!("in the map '{said}' {count} {what}"));
                }
            }
            if mended.recounted {
                notes.push(format!("in the map '{said}' entries and bytes were counted anew"));
            }
            left.append(&mut mended.left);
        }
        self.free_left(left)
    }

    /// Finishes or undoes the change that was under way, if it can have been; otherwise forgets it.
    fn mend_publication(&mut self, is_recoverable: bool, notes: &mut Vec<String>) -> Result<(), Error> {
        let Some(said) = self.file()?.header().publication() else { return Ok(()) };
        let is_settled = is_recoverable && self.is_possible(&said);
        if is_settled {
            self.recover_publication()?;
        }
        self.forget_change();
        notes.push(format!(
            "a change of a map that a process had not finished was {}",
            if is_settled { "recovered" } else { "dropped" }
        ));
        Ok(())
    }

    /// Whether a publication can be that of a change: of a new block for a map that is being made, or of a word of a map.
    fn is_possible(&self, said: &Publication) -> bool {
        let Publication { old, target, map, shard, .. } = *said;
        if target == 0 {
            return old == 0;
        }
        let Some(memory) = Memory::of(self) else { return false };
        if !self.map_names().iter().any(|&(_, address)| address == map) {
            return false;
        }
        let Some(whole) = Whole::at(self, &memory, map) else { return false };
        let number = usize::try_from(shard).unwrap_or(usize::MAX);
        if number >= whole.shard_count() {
            return false;
        }
        let Some(at) = memory.words(target, 1).map(|words| &raw const words[0]) else { return false };
        let in_shard = whole.shard(number).get(shard::TABLE).is_some_and(|table| &raw const *table == at);
        in_shard || whole.table(number).ok().flatten().is_some_and(|(_, table)| table.as_ptr_range().contains(&at))
    }

    /// Mends a map. `None`: there is none at the address.
    fn mend_map(&self, address: u64) -> Result<Option<Mended>, Error> {
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let Some(map) = Whole::at(self, &memory, address) else { return Ok(None) };
        let counters = || map.words.iter().map(word).fold(0_u64, |sum, word| sum.rotate_left(7) ^ word);
        let mut mended = Mended::default();
        let strays = map.strays().ok_or(Error::OutOfMetadata { size: 0 })?;
        for number in 0..map.shard_count() {
            match map.table(number) {
                Ok(Some((_, table))) if strays.binary_search(&number).is_err() => {
                    map.mend_table(number, table, &mut mended)?;
                }
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => {
                    mended.tables += 1;
                    put(&map.shard(number)[shard::TABLE], 0);
                }
            }
        }
        let before = counters();
        for number in 0..map.shard_count() {
            recount_shard(&memory, map.words, number);
        }
        sum_up(map.words);
        mended.recounted = counters() != before;
        Ok(Some(mended))
    }

    /// Frees the blocks of entries that were dropped, unless something refers to them.
    fn free_left(&mut self, mut left: Vec<u64>) -> Result<(), Error> {
        if left.is_empty() {
            return Ok(());
        }
        left.sort_unstable();
        left.dedup();
        let memory = Memory::of(self).ok_or(Error::OutOfMetadata { size: 0 })?;
        let mut is_used = vec![false; left.len()];
        let mut refer = |address: u64| {
            if let Ok(at) = left.binary_search(&address) {
                is_used[at] = true;
            }
        };
        for (_, address) in self.file()?.roots() {
            refer(address);
        }
        for (_, address) in self.map_names() {
            refer(address);
            let Some(map) = Whole::at(self, &memory, address) else { continue };
            for number in 0..map.shard_count() {
                let Ok(Some((address, table))) = map.table(number) else { continue };
                refer(address);
                for slot in table.iter().map(word).filter(|&slot| is_entry(slot)) {
                    refer(slot & ADDRESS);
                }
            }
        }
        for (address, is_used) in left.into_iter().zip(is_used) {
            if !is_used {
                self.free_new(address)?;
            }
        }
        Ok(())
    }
}

impl Whole<'_> {
    /// Mends a table, if it is not sound: what makes sense of it is put into it again.
    fn mend_table(&self, number: usize, table: &[AtomicU64], mended: &mut Mended) -> Result<(), Error> {
        let failed = |_| Error::OutOfMetadata { size: 0 };
        let mut key = Vec::new();
        let is_sound = table.iter().map(word).enumerate().all(|(at, slot)| {
            !is_entry(slot)
                || self.entry(number, slot, &mut key).is_ok_and(|entry| self.is_found(table, at, &entry, &key))
        });
        if is_sound {
            return Ok(());
        }
        let mut kept = Vec::new();
        let mut dropped = mended.dropped;
        for slot in table.iter().map(word).filter(|&slot| is_entry(slot)) {
            let corrected = self.corrected(slot);
            if self.entry(number, corrected, &mut key).is_ok() {
                kept.try_reserve(1).map_err(failed)?;
                kept.push(corrected);
            } else {
                dropped += 1;
                if self.is_own(number, slot) {
                    mended.left.try_reserve(1).map_err(failed)?;
                    mended.left.push(slot & ADDRESS);
                }
            }
        }
        mended.left.try_reserve(kept.len()).map_err(failed)?;
        for slot in table {
            put(slot, EMPTY);
        }
        for slot in kept {
            let Ok(entry) = self.entry(number, slot, &mut key) else { continue };
            if let Found::Nowhere(Some(at)) = find(self.memory, table, entry.hash(), &key) {
                put(&table[at], slot);
            } else {
                // There is another entry of the key, or another slot of the entry.
                dropped += 1;
                mended.left.push(slot & ADDRESS);
            }
        }
        mended.sorted += u64::from(dropped == mended.dropped);
        mended.dropped = dropped;
        Ok(())
    }
}
