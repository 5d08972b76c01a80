//! What changes an entry: set, delete, compare and set, clear. The caller holds the heap's lock for each as a whole.
//!
//! A new entry's block is allocated first, since the lock may be released for that; then the key is looked for, and what has been found
//! stays so.
//!
//! Costs: a malloc, a copy and a free; O(slots) where a table grows, some microseconds for a thousand.

use super::find::{Entry, Found, find};
use super::layout::{
    ADDRESS, EMPTY, Kind, MOST_KEY, MOST_VALUE, REMOVED, entry, entry_bytes, head, is_entry, shard, shard_words,
    slot_of, table_of,
};
use super::memory::write_bytes;
use super::publish::{Change, add, recount};
use super::read::{checksum_of, has_expired};
use super::{Map, now};
use crate::error::Error;
use crate::heap::ledger::{put, word};
use crate::map_error::MapError;
use crate::mems::Mems;
use crate::mems::access::Access;
use crate::table::AtomicU64;

/// An entry that is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New<'call> {
    pub key: &'call [u8],
    pub value: &'call [u8],
    /// [`Kind`], and what else flags have.
    pub flags: u32,
    /// When it expires, in milliseconds since 1970; 0: never.
    pub expiry: u64,
}

/// Where a key is in the map: for the owner of the lock.
pub(super) struct Spot<'map> {
    pub map: &'map [AtomicU64],
    pub number: usize,
    pub shard: &'map [AtomicU64],
    pub table: &'map [AtomicU64],
    pub table_address: u64,
    pub found: Found<'map>,
}

impl<'map> Spot<'map> {
    /// The entry that is there, if there is one, also one that has expired.
    pub fn entry(&self) -> Option<(usize, u64, Entry<'map>)> {
        if let Found::At(at, slot, entry) = self.found { Some((at, slot & ADDRESS, entry)) } else { None }
    }

    /// [`Spot::entry`], if it is a value that has not expired.
    pub fn value(&self) -> Option<Entry<'map>> {
        let (_, _, entry) = self.entry()?;
        (entry.kind() != Kind::Lease && !has_expired(entry)).then_some(entry)
    }
}

impl Map {
    /// Sets the value of a key. Returns whether somebody may be waiting for it.
    ///
    /// # Errors
    /// [`MapError::KeyTooLong`], [`MapError::TooLarge`], [`FileError::ReadOnly`](crate::FileError::ReadOnly); the errors of malloc. Nothing has changed then,
    /// but that entries may have been evicted.
    pub fn set(&mut self, heap: &mut impl Access, new: &New) -> Result<bool, Error> {
        heap.with(|heap| self.put(heap, new, |_| true).map(|done| done.unwrap_or(false)))
    }

    /// Sets the value of a key if its value is `expected`; `None`: if there is none. Returns whether it has.
    ///
    /// # Errors
    /// The errors of [`Map::set`].
    pub fn compare_and_set(
        &mut self,
        heap: &mut impl Access,
        expected: Option<&[u8]>,
        new: &New,
    ) -> Result<Option<bool>, Error> {
        let is_expected = |found: Option<Entry>| match (expected, found) {
            (None, None) => true,
            (Some(expected), Some(entry)) => entry.has_value(expected),
            _ => false,
        };
        heap.with(|heap| {
            self.learn_for_change(heap)?;
            // Mostly nothing has to be allocated to say no.
            if !is_expected(self.spot(heap, new.key)?.and_then(|spot| spot.value())) {
                return Ok(None);
            }
            self.put(heap, new, |spot| is_expected(spot.value()))
        })
    }

    /// Removes a key. Returns whether it had a value.
    ///
    /// # Errors
    /// [`FileError::ReadOnly`](crate::FileError::ReadOnly); damage.
    pub fn delete(&mut self, heap: &mut impl Access, key: &[u8]) -> Result<bool, Error> {
        heap.with(|heap| {
            heap.check_writable()?;
            self.learn_for_change(heap)?;
            let Some(spot) = self.spot(heap, key)? else { return Ok(false) };
            let had = spot.value().is_some();
            if let Some((at, address, entry)) = spot.entry() {
                self.remove(heap, &spot, at, address, entry)?;
            }
            Ok(had)
        })
    }

    /// Removes all entries of a shard, some at a time, and then its table. Returns whether there may be more.
    ///
    /// # Errors
    /// The errors of [`Map::delete`].
    pub fn clear_some(&mut self, heap: &mut impl Access, number: usize) -> Result<bool, Error> {
        /// How many entries are removed with the lock held.
        const SOME: usize = 256;
        heap.with(|heap| {
            heap.check_writable()?;
            self.learn_for_change(heap)?;
            let Some(spot) = self.shard_spot(heap, number)? else { return Ok(false) };
            let full = spot.table.iter().enumerate().map(|(at, slot)| (at, word(slot)));
            for (removed, (at, slot)) in full.filter(|&(_, slot)| is_entry(slot)).enumerate() {
                if removed == SOME {
                    return Ok(true);
                }
                match Entry::at(&self.memory, slot & ADDRESS) {
                    Some(entry) => self.remove(heap, &spot, at, slot & ADDRESS, entry)?,
                    None => self.mend_slots(&spot),
                }
            }
            self.drop_table(heap, &spot)?;
            Ok(false)
        })
    }

    /// Learns what the heap has mapped, in the middle of a change.
    pub(super) fn learn_for_change(&mut self, heap: &Mems) -> Result<(), Error> {
        if self.memory.learn(heap) { Ok(()) } else { Err(Error::OutOfMetadata { size: 0 }) }
    }

    /// Where a key is. `None`: its shard has no table yet.
    pub(super) fn spot(&self, heap: &Mems, key: &[u8]) -> Result<Option<Spot<'_>>, Error> {
        let hash = self.hash(key);
        let Some(mut spot) = self.shard_spot(heap, self.shard(hash))? else { return Ok(None) };
        spot.found = find(&self.memory, spot.table, hash, key);
        if matches!(spot.found, Found::Beyond) {
            // The lock's owner knows all of the heap.
            self.mend_slots(&spot);
            spot.found = find(&self.memory, spot.table, hash, key);
        }
        Ok(Some(spot))
    }

    /// A shard with its table. `None`: it has none yet.
    pub(super) fn shard_spot(&self, heap: &Mems, number: usize) -> Result<Option<Spot<'_>>, Error> {
        let map = self.words(heap)?;
        let damaged = || heap.damaged("a map's table is not in the heap");
        let shard = shard_words(map, number).ok_or_else(damaged)?;
        let said = word(&shard[shard::TABLE]);
        let Some((table_address, slots)) = table_of(said) else {
            return if said == 0 { Ok(None) } else { Err(damaged()) };
        };
        let table = self.memory.words(table_address, 1 << slots).ok_or_else(damaged)?;
        Ok(Some(Spot { map, number, shard, table, table_address, found: Found::Nowhere(None) }))
    }

    /// Makes an entry if `condition` holds of where its key is. Returns whether somebody may be waiting for it; `None`: the condition
    /// does not hold.
    pub(super) fn put(
        &mut self,
        heap: &mut Mems,
        new: &New,
        condition: impl Fn(&Spot) -> bool,
    ) -> Result<Option<bool>, Error> {
        heap.check_writable()?;
        if new.key.len() > MOST_KEY {
            return Err(MapError::KeyTooLong { bytes: new.key.len(), most: MOST_KEY }.into());
        }
        if new.value.len() > MOST_VALUE {
            return Err(MapError::TooLarge { bytes: new.value.len() as u64, most: MOST_VALUE as u64 }.into());
        }
        self.learn_for_change(heap)?;
        let (hash, size) = (self.hash(new.key), entry_bytes(new.key.len(), new.value.len()));
        for _ in 0..TRIES {
            self.make_room(heap, hash, new.key, size)?;
            let address = heap.malloc_new(size, 16)?;
            match self.try_put(heap, address, hash, new, &condition) {
                Ok(Put::Done(is_awaited)) => return Ok(Some(is_awaited)),
                Ok(Put::NoRoom) => heap.free_new(address)?,
                Ok(Put::Refused) => {
                    heap.free_new(address)?;
                    return Ok(None);
                }
                Err(Failed::Before(error)) => {
                    heap.free_new(address)?;
                    return Err(error);
                }
                Err(Failed::After(error)) => return Err(error),
            }
        }
        Err(heap.damaged("a map has no room, and says that it has"))
    }

    /// [`Map::put`], when the block for the entry is there.
    fn try_put(
        &mut self,
        heap: &mut Mems,
        address: u64,
        hash: u64,
        new: &New,
        condition: &impl Fn(&Spot) -> bool,
    ) -> Result<Put, Failed> {
        self.learn_for_change(heap)?;
        // When the lock was released for a new extent, others may have taken what room there was.
        if self.has_room(heap, hash, new.key, entry_bytes(new.key.len(), new.value.len()))? {
            self.publish(heap, address, hash, new, condition)
        } else {
            Ok(Put::NoRoom)
        }
    }

    /// Fills the block of an entry, and lets its slot refer to it.
    fn publish(
        &self,
        heap: &mut Mems,
        address: u64,
        hash: u64,
        new: &New,
        condition: &impl Fn(&Spot) -> bool,
    ) -> Result<Put, Failed> {
        let Some(spot) = self.spot(heap, new.key)? else { return Ok(Put::NoRoom) };
        if !condition(&spot) {
            return Ok(Put::Refused);
        }
        let words = self.memory.words(address, entry::WORDS + (new.key.len() + new.value.len()).div_ceil(8));
        let words = words.ok_or_else(|| heap.damaged("a new block is not in the heap"))?;
        let checksum = if self.has_checksums { checksum_of(new.key, new.value) } else { 0 };
        for (number, value) in [
            (entry::HASH, hash),
            (entry::LENGTHS, (new.value.len() as u64) << 32 | new.key.len() as u64),
            (entry::EXPIRY, new.expiry),
            (entry::FLAGS, u64::from(checksum) << 32 | u64::from(new.flags)),
        ] {
            put(&words[number], value);
        }
        write_bytes(&words[entry::WORDS..], 0, new.key);
        write_bytes(&words[entry::WORDS..], new.key.len(), new.value);
        let (at, old, replaced) = match spot.found {
            Found::At(at, before, entry) => (at, before & ADDRESS, Some(entry)),
            Found::Nowhere(Some(at)) => (at, 0, None),
            _ => {
                // A full table: what the shard counts is damaged.
                recount(&self.memory, spot.map, spot.number);
                return Ok(Put::NoRoom);
            }
        };
        let was_empty = word(&spot.table[at]) == EMPTY;
        let was_lease = replaced.is_some_and(|entry| entry.kind() == Kind::Lease);
        let counted = |entry: Option<Entry>| i64::from(entry.is_some_and(|entry| entry.kind() != Kind::Lease));
        let entries = i64::from(Kind::of(new.flags) != Kind::Lease) - counted(replaced);
        let bytes = entry_bytes(new.key.len(), new.value.len()).cast_signed()
            - replaced.map_or(0, |entry| entry.block_bytes().cast_signed());
        let change = Change {
            map: spot.map,
            address: self.address,
            shard: spot.number,
            target: &spot.table[at],
            target_address: spot.table_address + 8 * at as u64,
            value: slot_of(hash, address),
            old,
        };
        let made = change.make(heap, || {
            count(&spot, entries, bytes);
            if was_empty {
                add(&spot.shard[shard::USED], 1);
            }
        });
        made.map(|()| Put::Done(was_lease)).map_err(Failed::After)
    }

    /// Removes the entry in a slot.
    pub(super) fn remove(
        &self,
        heap: &mut Mems,
        spot: &Spot,
        at: usize,
        address: u64,
        entry: Entry,
    ) -> Result<(), Error> {
        let entries = i64::from(entry.kind() != Kind::Lease);
        let bytes = entry.block_bytes().cast_signed();
        // What follows an empty slot is not looked for here: so this one can be empty, too.
        let is_last = word(&spot.table[(at + 1) & (spot.table.len() - 1)]) == EMPTY;
        let change = Change {
            map: spot.map,
            address: self.address,
            shard: spot.number,
            target: &spot.table[at],
            target_address: spot.table_address + 8 * at as u64,
            value: if is_last { EMPTY } else { REMOVED },
            old: address,
        };
        change.make(heap, || {
            count(spot, -entries, -bytes);
            if is_last {
                add(&spot.shard[shard::USED], -1);
            }
        })
    }

    /// Empties the slots of a table that refer to what can be no entry, as only damage leaves some: nothing can be read of them, and nothing is
    /// to be freed.
    #[cold]
    pub(super) fn mend_slots(&self, spot: &Spot) {
        // Without the entries that there are not: so a death before the last slot is empty leaves right counters.
        recount(&self.memory, spot.map, spot.number);
        let is_none = |slot| is_entry(slot) && Entry::at(&self.memory, slot & ADDRESS).is_none();
        for slot in spot.table.iter().filter(|slot| is_none(word(slot))) {
            put(slot, REMOVED);
        }
    }

    /// Frees the table of a shard, in which there is no entry: the next one makes another.
    pub(super) fn drop_table(&self, heap: &mut Mems, spot: &Spot) -> Result<(), Error> {
        let change = Change {
            map: spot.map,
            address: self.address,
            shard: spot.number,
            target: &spot.shard[shard::TABLE],
            target_address: self.shard_address(spot.number, shard::TABLE),
            value: 0,
            old: spot.table_address,
        };
        change.make(heap, || {
            for (of_shard, of_map) in [(shard::ENTRIES, head::ENTRIES), (shard::BYTES, head::BYTES)] {
                add(&spot.map[of_map], word(&spot.shard[of_shard]).cast_signed().wrapping_neg());
                put(&spot.shard[of_shard], 0);
            }
            put(&spot.shard[shard::USED], 0);
            put(&spot.shard[shard::HAND], 0);
        })
    }
}

/// How often room is made for an entry before the map counts as damaged. Each time but the first another process has taken the room, while the
/// lock was released for a new extent.
pub(super) const TRIES: u32 = 1000;

/// What trying to put an entry has come to.
enum Put {
    /// The entry is there. Whether somebody may be waiting for it.
    Done(bool),
    /// There is no room for it any more.
    NoRoom,
    /// The condition does not hold.
    Refused,
}

/// When it has failed.
enum Failed {
    /// Before the entry was there.
    Before(Error),
    /// After that.
    After(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

/// Counts what has been put or removed.
fn count(spot: &Spot, entries: i64, bytes: i64) {
    for (counter, more) in [(&spot.shard[shard::ENTRIES], entries), (&spot.map[head::ENTRIES], entries)] {
        add(counter, more);
    }
    for (counter, more) in [(&spot.shard[shard::BYTES], bytes), (&spot.map[head::BYTES], bytes)] {
        add(counter, more);
    }
}

/// When something expires that lives for `ttl` milliseconds from now; 0: never.
pub(crate) fn expiry_of(ttl: u64) -> u64 {
    if ttl == 0 { 0 } else { now().saturating_add(ttl) }
}
