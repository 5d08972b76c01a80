//! Room for an entry: in the table of its shard, and within the limits of the map.
//!
//! A table grows when three quarters of its slots are in use, removed ones included; the new one has twice as many slots as entries, so
//! that it also shrinks. It is copied with the lock held: a million entries in 256 shards have tables of 8,192 slots.
//!
//! **Eviction.** The hand goes from shard to shard, an entry each time, so that all give way alike. In a shard it goes from slot to slot:
//! an entry that has expired goes; one that has been read since stays, and counts as not read from then on; any other goes. What has expired in a shard goes
//! before its table grows, too.
//!
//! Costs: amortized O(1).

use super::Map;
use super::find::Entry;
use super::layout::{ADDRESS, EMPTY, Kind, READ, head, is_entry, shard, shard_words, slots_for, table_of, table_word};
use super::publish::{Change, add, recount};
use super::read::has_expired;
use super::write::{Spot, TRIES};
use crate::error::Error;
use crate::heap::ledger::{put, word};
use crate::map_error::MapError;
use crate::mems::Mems;

impl Map {
    /// Makes room for an entry of `size` bytes.
    pub(super) fn make_room(&mut self, heap: &mut Mems, hash: u64, key: &[u8], size: u64) -> Result<(), Error> {
        let number = self.shard(hash);
        let mut tries = 0;
        while !self.has_slot(heap, number)? {
            if tries == TRIES {
                return Err(heap.damaged("a map's table does not become larger"));
            }
            tries += 1;
            self.grow_table(heap, hash, key)?;
        }
        if self.is_within_limits(heap, key, size)? {
            return Ok(());
        }
        let words = self.words(heap)?;
        let limit = word(&words[head::MOST_BYTES]);
        // What all entries and tables that can go leave.
        let own = self.shard_spot(heap, number)?.map_or(0, |spot| 8 * spot.table.len() as u64);
        let fixed = 8 * words.len() as u64 + own;
        if limit != 0 && size > limit.saturating_sub(fixed) {
            return Err(MapError::TooLarge { bytes: size, most: limit.saturating_sub(fixed) }.into());
        }
        let has_room = self.evict_until(heap, hash, key, |map, heap| map.is_within_limits(heap, key, size))?;
        if has_room { Ok(()) } else { Err(MapError::TooLarge { bytes: size, most: 0 }.into()) }
    }

    /// Evicts entries other than that of `key` until a condition holds. Returns `false` if it does not hold without them either.
    fn evict_until(
        &self,
        heap: &mut Mems,
        hash: u64,
        key: &[u8],
        condition: impl Fn(&Self, &Mems) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        // There are at most as many entries as slots.
        let slots = self.slots(heap)?;
        let mut looks = LOOKS * slots;
        for _ in 0..=slots {
            if condition(self, heap)? {
                return Ok(true);
            }
            if !self.evict_one(heap, hash, key, &mut looks)? {
                break;
            }
        }
        // What is left is not to be evicted, is in tables without entries, or is no more than a damaged counter says.
        for number in 0..self.shard_count() {
            recount(&self.memory, self.words(heap)?, number);
            if number != self.shard(hash)
                && let Some(spot) = self.shard_spot(heap, number)?
                && !spot.table.iter().any(|slot| is_entry(word(slot)))
            {
                self.drop_table(heap, &spot)?;
            }
        }
        condition(self, heap)
    }

    /// Whether there is room for an entry of `size` bytes.
    pub(super) fn has_room(&self, heap: &Mems, hash: u64, key: &[u8], size: u64) -> Result<bool, Error> {
        Ok(self.has_slot(heap, self.shard(hash))? && self.is_within_limits(heap, key, size)?)
    }

    /// Whether the table of a shard has room for one more.
    fn has_slot(&self, heap: &Mems, number: usize) -> Result<bool, Error> {
        let Some(spot) = self.shard_spot(heap, number)? else { return Ok(false) };
        Ok(word(&spot.shard[shard::USED]) < 3 * spot.table.len() as u64 / 4)
    }

    /// Whether the map stays within its limits with an entry of `size` bytes, in the place of the one of the key.
    fn is_within_limits(&self, heap: &Mems, key: &[u8], size: u64) -> Result<bool, Error> {
        let words = self.words(heap)?;
        let [bytes, entries, most_bytes, most_entries] =
            [head::BYTES, head::ENTRIES, head::MOST_BYTES, head::MOST_ENTRIES].map(|number| word(&words[number]));
        if (most_bytes == 0 || bytes.saturating_add(size) <= most_bytes)
            && (most_entries == 0 || entries < most_entries)
        {
            return Ok(true);
        }
        let replaced = self.spot(heap, key)?.and_then(|spot| spot.entry()).map(|(_, _, entry)| entry);
        let (freed, fewer) =
            replaced.map_or((0, 0), |entry| (entry.block_bytes(), u64::from(entry.kind() != Kind::Lease)));
        let fits = most_bytes == 0 || bytes.saturating_add(size).saturating_sub(freed) <= most_bytes;
        Ok(fits && (most_entries == 0 || entries.saturating_sub(fewer) < most_entries))
    }

    /// Slots of all tables. More than the heap has room for are damage, which would let a call take as long as it likes.
    fn slots(&self, heap: &Mems) -> Result<u64, Error> {
        let words = self.words(heap)?;
        let tables = words[head::WORDS..].chunks_exact(shard::WORDS);
        let slots =
            tables.map(|shard| table_of(word(&shard[shard::TABLE])).map_or(0, |(_, slots)| 1_u64 << slots)).sum();
        if slots > self.memory.bytes() / 8 {
            Err(heap.damaged("the tables of a map are larger than the heap"))
        } else {
            Ok(slots)
        }
    }

    /// Whether the map stays within its limit with a table of `bytes` in the place of a shard's.
    fn has_room_for_table(&self, heap: &Mems, number: usize, bytes: u64) -> Result<bool, Error> {
        let words = self.words(heap)?;
        let [all, most] = [head::BYTES, head::MOST_BYTES].map(|number| word(&words[number]));
        let freed = self.shard_spot(heap, number)?.map_or(0, |spot| 8 * spot.table.len() as u64);
        Ok(most == 0 || all.saturating_sub(freed).saturating_add(bytes) <= most)
    }

    /// Gives the shard of a key a table with room for more, unless what has expired leaves enough.
    fn grow_table(&mut self, heap: &mut Mems, hash: u64, key: &[u8]) -> Result<(), Error> {
        let number = self.shard(hash);
        self.drop_expired(heap, number)?;
        if self.has_slot(heap, number)? {
            return Ok(());
        }
        let entries = match self.shard_spot(heap, number)? {
            Some(spot) => spot.table.iter().filter(|slot| is_entry(word(slot))).count(),
            None => 0,
        };
        let slots = slots_for(entries).ok_or(Error::OutOfMetadata { size: 0 })?;
        let bytes = 8 << slots;
        if !self.evict_until(heap, hash, key, |map, heap| map.has_room_for_table(heap, number, bytes))? {
            return Err(MapError::TooLarge { bytes, most: 0 }.into());
        }
        let address = heap.malloc_new(bytes, 64)?;
        let learnt = self.learn_for_change(heap);
        let copied = learnt.and_then(|()| self.copy_table(heap, number, address, slots));
        match copied {
            Ok(Some(change)) => self.put_table(heap, number, &change),
            Ok(None) => heap.free_new(address),
            Err(error) => {
                heap.free_new(address)?;
                Err(error)
            }
        }
    }

    /// Removes the entries of a shard that have expired, so that those of a map without limits do not stay for ever.
    fn drop_expired(&self, heap: &mut Mems, number: usize) -> Result<(), Error> {
        let Some(spot) = self.shard_spot(heap, number)? else { return Ok(()) };
        for (at, slot) in spot.table.iter().enumerate().map(|(at, slot)| (at, word(slot))) {
            if is_entry(slot)
                && let Some(entry) = Entry::at(&self.memory, slot & ADDRESS)
                && has_expired(entry)
            {
                self.remove(heap, &spot, at, slot & ADDRESS, entry)?;
                add(&spot.map[head::EXPIRATIONS], 1);
            }
        }
        Ok(())
    }

    /// Copies the entries of a shard's table to a new one. `None`: they do not fit, or the table is not wanted any more.
    fn copy_table(&self, heap: &Mems, number: usize, address: u64, slots: u32) -> Result<Option<NewTable>, Error> {
        // When the lock was released for a new extent, another process may have made a table, and more entries.
        if self.has_slot(heap, number)? || !self.has_room_for_table(heap, number, 8 << slots)? {
            return Ok(None);
        }
        let new = self.memory.words(address, 1 << slots);
        let new = new.ok_or_else(|| heap.damaged("a new block is not in the heap"))?;
        for slot in new {
            put(slot, EMPTY);
        }
        let (mut used, mut old) = (0_usize, None);
        if let Some(spot) = self.shard_spot(heap, number)? {
            old = Some((spot.table_address, 8 * spot.table.len() as u64));
            for slot in spot.table.iter().map(word).filter(|&slot| is_entry(slot)) {
                let Some(hash) = Entry::at(&self.memory, slot & ADDRESS).map(|entry| entry.hash()) else {
                    self.mend_slots(&spot);
                    return Ok(None);
                };
                used += 1;
                if used * 4 > new.len() * 3 {
                    return Ok(None);
                }
                let mut at = usize::try_from(hash & 0xffff_ffff).unwrap_or(0) & (new.len() - 1);
                while word(&new[at]) != EMPTY {
                    at = (at + 1) & (new.len() - 1);
                }
                put(&new[at], slot);
            }
        }
        Ok(Some(NewTable { address, slots, used: used as u64, old }))
    }

    /// Lets a shard refer to its new table.
    fn put_table(&self, heap: &mut Mems, number: usize, new: &NewTable) -> Result<(), Error> {
        let map = self.words(heap)?;
        let words = shard_words(map, number).ok_or_else(|| heap.damaged("a map has too few shards"))?;
        let (old, freed) = new.old.unwrap_or((0, 0));
        let change = Change {
            map,
            address: self.address,
            shard: number,
            target: &words[shard::TABLE],
            target_address: self.shard_address(number, shard::TABLE),
            value: table_word(new.address, new.slots),
            old,
        };
        change.make(heap, || {
            let more = (8_i64 << new.slots) - freed.cast_signed();
            add(&words[shard::BYTES], more);
            add(&map[head::BYTES], more);
            put(&words[shard::USED], new.used);
            put(&words[shard::HAND], 0);
        })
    }

    /// Evicts an entry that is not that of `key`. Returns `false` if there is none, or none has been found within the `looks` at slots that are
    /// left.
    fn evict_one(&self, heap: &mut Mems, hash: u64, key: &[u8], looks: &mut u64) -> Result<bool, Error> {
        let shards = self.shard_count();
        // An entry that has been read stays the first time that the hand is there.
        for _ in 0..2 * shards {
            let map = self.words(heap)?;
            let number = usize::try_from(word(&map[head::HAND])).unwrap_or(0) & (shards - 1);
            put(&map[head::HAND], (number + 1) as u64);
            let Some(spot) = self.shard_spot(heap, number)? else { continue };
            let has_entries = word(&spot.shard[shard::BYTES]) > 8 * spot.table.len() as u64;
            if has_entries && self.evict_from(heap, &spot, hash, key, looks)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lets the hand go over the table of a shard until it has evicted an entry, or has been at each slot, or has no `looks` left.
    fn evict_from(&self, heap: &mut Mems, spot: &Spot, hash: u64, key: &[u8], looks: &mut u64) -> Result<bool, Error> {
        let mask = spot.table.len() - 1;
        let mut at = usize::try_from(word(&spot.shard[shard::HAND])).unwrap_or(0) & mask;
        for _ in 0..(spot.table.len() as u64).min(*looks) {
            *looks -= 1;
            let (here, found) = (at, word(&spot.table[at]));
            at = (at + 1) & mask;
            if !is_entry(found) {
                continue;
            }
            let Some(entry) = Entry::at(&self.memory, found & ADDRESS) else {
                self.mend_slots(spot);
                continue;
            };
            let is_expired = has_expired(entry);
            let is_own = entry.hash() == hash && entry.has_key(key);
            if is_own || (entry.kind() == Kind::Lease && !is_expired) {
                continue;
            }
            if found & READ != 0 && !is_expired {
                put(&spot.table[here], found & !READ);
                continue;
            }
            put(&spot.shard[shard::HAND], at as u64);
            self.remove(heap, spot, here, found & ADDRESS, entry)?;
            let counter = if is_expired { head::EXPIRATIONS } else { head::EVICTIONS };
            add(&spot.map[counter], 1);
            return Ok(true);
        }
        put(&spot.shard[shard::HAND], at as u64);
        Ok(false)
    }
}

/// How often the hand looks at each slot on average, at most, to make room for one entry. It goes round twice for entries that have been read, and once
/// more for those that readers mark meanwhile; only a damaged map needs more.
const LOOKS: u64 = 8;

/// A table that is to be a shard's.
struct NewTable {
    address: u64,
    slots: u32,
    used: u64,
    /// The address of the one before, and its bytes.
    old: Option<(u64, u64)>,
}
