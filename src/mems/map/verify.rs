//! Whether a map is sound: for `verify` of a heap and of heap files, for repairs, and for tests.
//!
//! Costs: O(slots and entries), with the heap's lock; O(shards) for the head alone.

use super::MapStats;
use super::find::{Entry, Found, find};
use super::layout::{
    ADDRESS, EMPTY, Kind, MOST_KEY, READ, head, is_entry, map_bytes, shard, shard_number, shard_words, slot_of,
    table_of,
};
use super::lease::Lease;
use super::memory::{Memory, Room};
use super::publish::map_words;
use crate::error::Error;
use crate::heap::ledger::word;
use crate::mems::Mems;
use crate::table::AtomicU64;
use siphasher::sip::SipHasher13;

/// The most problems of a map that are named.
const MOST_PROBLEMS: usize = 16;

/// What looking at a map has come to.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// How many blocks the map has.
    pub blocks: u64,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// How many problems there are besides.
    more: u64,
}

impl Audit {
    fn problem(&mut self, text: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(text);
        } else {
            self.more += 1;
        }
    }
}

/// A map that is looked at as a whole. The caller holds the lock.
pub(super) struct Whole<'heap> {
    heap: &'heap Mems,
    pub memory: &'heap Memory,
    /// The map's words.
    pub words: &'heap [AtomicU64],
    seed: [u64; 2],
    shards: u32,
    has_checksums: bool,
}

impl<'heap> Whole<'heap> {
    /// The map whose block is at an address. `None`: there is none.
    pub fn at(heap: &'heap Mems, memory: &'heap Memory, address: u64) -> Option<Self> {
        let words = map_words(memory, address)?;
        let said = word(&words[head::SHARDS]);
        let shards = (said & 0xff) as u32;
        heap.is_block(address, map_bytes(shards)).then(|| Self {
            heap,
            memory,
            words,
            seed: [word(&words[head::SEED]), word(&words[head::SEED + 1])],
            shards,
            has_checksums: said & head::CHECKSUMS != 0,
        })
    }

    /// How many shards there are.
    pub const fn shard_count(&self) -> usize {
        1 << self.shards
    }

    /// The logarithm of that to base 2.
    pub const fn shards(&self) -> u32 {
        self.shards
    }

    /// The words of a shard.
    pub fn shard(&self, number: usize) -> &'heap [AtomicU64] {
        shard_words(self.words, number).unwrap_or(&[])
    }

    /// The address of a shard's table, and its slots; `Ok(None)`: the shard has none.
    ///
    /// # Errors
    /// What is wrong.
    pub fn table(&self, number: usize) -> Result<Option<(u64, &'heap [AtomicU64])>, String> {
        let said = self.shard(number).get(shard::TABLE).map_or(0, word);
        if said == 0 {
            return Ok(None);
        }
        let found = table_of(said).and_then(|(address, slots)| {
            let table = self.memory.words(address, 1 << slots)?;
            self.heap.is_block(address, 8 << slots).then_some((address, table))
        });
        found.map(Some).ok_or_else(|| format!("its table at {} is no block of its own", said & ADDRESS))
    }

    /// The shards that have the table of another, in order: a table is that of the shard to which the first sound entry in it belongs, or else
    /// of the first shard that has it. `None`: there is no memory to note them.
    pub fn strays(&self) -> Option<Vec<usize>> {
        let (mut tables, mut strays) = (Vec::new(), Vec::new());
        tables.try_reserve_exact(self.shard_count()).ok()?;
        strays.try_reserve_exact(self.shard_count()).ok()?;
        for number in 0..self.shard_count() {
            if let Ok(Some((address, table))) = self.table(number) {
                tables.push((address, number, table));
            }
        }
        tables.sort_unstable_by_key(|&(address, number, _)| (address, number));
        for same in tables.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > 1) {
            let owner = self.owner_of(same[0].2).filter(|owner| same.iter().any(|(_, number, _)| number == owner));
            let owner = owner.unwrap_or(same[0].1);
            strays.extend(same.iter().map(|&(_, number, _)| number).filter(|&number| number != owner));
        }
        strays.sort_unstable();
        Some(strays)
    }

    /// The shard to which the first sound entry in a table belongs.
    fn owner_of(&self, table: &[AtomicU64]) -> Option<usize> {
        let mut key = Vec::new();
        table.iter().map(word).filter(|&slot| is_entry(slot)).find_map(|slot| {
            let hash = word(self.memory.words(slot & ADDRESS, 1)?.first()?);
            let number = shard_number(hash, self.shards);
            self.entry(number, slot, &mut key).is_ok().then_some(number)
        })
    }

    /// The entry that a slot of a shard refers to. Its key is copied to `key`.
    ///
    /// # Errors
    /// Why there can be no such entry.
    pub fn entry(&self, number: usize, slot: u64, key: &mut Vec<u8>) -> Result<Entry<'heap>, &'static str> {
        let address = slot & ADDRESS;
        let entry = Entry::at(self.memory, address).filter(|entry| self.heap.is_block(address, entry.block_bytes()));
        let entry = entry.ok_or("is none")?;
        if entry.key_bytes() > MOST_KEY {
            return Err("has a key that is too long");
        }
        key.clear();
        key.resize(entry.key_bytes(), 0);
        entry.read_key(Room::new(key));
        let hash = SipHasher13::new_with_keys(self.seed[0], self.seed[1]).hash(key);
        if entry.hash() != hash || shard_number(hash, self.shards) != number || slot & !READ != slot_of(hash, address) {
            return Err("has another key");
        }
        let bytes = entry.value_bytes();
        match Kind::of(entry.flags() as u32) {
            Kind::Counter if bytes != 8 => Err("is a counter of another length"),
            Kind::Lease if bytes != Lease::BYTES => Err("is a lease of another length"),
            _ if self.has_checksums && !entry.has_checksum() => Err("has another checksum than its key and its value"),
            _ => Ok(entry),
        }
    }

    /// A slot with the part of the hash that belongs to the entry at its address.
    pub fn corrected(&self, slot: u64) -> u64 {
        let address = slot & ADDRESS;
        let hash = self.memory.words(address, 1).map_or(0, |words| word(&words[0]));
        slot_of(hash, address) | slot & READ
    }

    /// Whether the block at the address of a slot is most probably an entry of the shard, though one that is damaged: the block begins with a
    /// hash of the shard and the slot.
    pub fn is_own(&self, number: usize, slot: u64) -> bool {
        let address = slot & ADDRESS;
        let hash = self.memory.words(address, 1).map(|words| word(&words[0]));
        self.heap.is_block(address, 0)
            && hash
                .is_some_and(|hash| shard_number(hash, self.shards) == number && slot & !READ == slot_of(hash, address))
    }

    /// Whether an entry is found by its key, in the slot of this number.
    pub fn is_found(&self, table: &[AtomicU64], at: usize, entry: &Entry, key: &[u8]) -> bool {
        matches!(find(self.memory, table, entry.hash(), key), Found::At(found, _, _) if found == at)
    }

    /// Compares the counters of the head with those of the shards.
    fn audit_head(&self, audit: &mut Audit) {
        let (mut entries, mut bytes) = (0_u64, 8 * self.words.len() as u64);
        for number in 0..self.shard_count() {
            let words = self.shard(number);
            entries = entries.wrapping_add(word(&words[shard::ENTRIES]));
            bytes = bytes.wrapping_add(word(&words[shard::BYTES]));
        }
        let said = [head::ENTRIES, head::BYTES].map(|counter| word(&self.words[counter]));
        if said != [entries, bytes] {
            audit.problem(format!("it counts {said:?} entries and bytes, and its shards {:?}", [entries, bytes]));
        }
    }

    /// Looks at a shard: its table, its entries and its counters.
    fn audit_shard(&self, number: usize, audit: &mut Audit) {
        let words = self.shard(number);
        let counted = [shard::ENTRIES, shard::USED, shard::BYTES].map(|counter| word(&words[counter]));
        let table = match self.table(number) {
            Ok(Some((_, table))) => table,
            Ok(None) if counted == [0; 3] => return,
            Ok(None) => return audit.problem(format!("shard {number}: it has no table, and is not empty")),
            Err(problem) => return audit.problem(format!("shard {number}: {problem}")),
        };
        let (mut entries, mut used, mut bytes) = (0, 0, 8 * table.len() as u64);
        let mut key = Vec::new();
        audit.blocks += 1;
        for (at, slot) in table.iter().map(word).enumerate() {
            used += u64::from(slot != EMPTY);
            if !is_entry(slot) {
                continue;
            }
            match self.entry(number, slot, &mut key) {
                Ok(entry) => {
                    audit.blocks += 1;
                    entries += u64::from(entry.kind() != Kind::Lease);
                    bytes += entry.block_bytes();
                    if !self.is_found(table, at, &entry, &key) {
                        audit.problem(format!(
                            "shard {number}: the entry in slot {at} is not where its key is looked for"
                        ));
                    }
                }
                Err(why) => {
                    let address = slot & ADDRESS;
                    audit.problem(format!("shard {number}: the entry at {address}, in slot {at}, {why}"));
                }
            }
        }
        if counted != [entries, used, bytes] {
            let found = [entries, used, bytes];
            audit.problem(format!("shard {number}: it counts {counted:?} entries, slots and bytes, and has {found:?}"));
        }
    }
}

impl Mems {
    /// Looks at all of a map, whose block is at an address, or, unless `deep`, at its head. The caller holds the lock.
    pub(crate) fn audit_map(&self, address: u64, deep: bool) -> Audit {
        let mut audit = Audit::default();
        let Some(memory) = Memory::of(self) else {
            audit.problem("there is no memory to look at it".to_owned());
            return audit;
        };
        let Some(map) = Whole::at(self, &memory, address) else {
            audit.problem(format!("what is at {address} is no map"));
            return audit;
        };
        audit.blocks = 1;
        if deep {
            let strays = map.strays();
            if strays.is_none() {
                audit.problem("there is no memory to look at its tables".to_owned());
            }
            let strays = strays.unwrap_or_default();
            for number in 0..map.shard_count() {
                if strays.binary_search(&number).is_ok() {
                    audit.problem(format!("shard {number}: its table is another shard's"));
                } else {
                    map.audit_shard(number, &mut audit);
                }
            }
        }
        map.audit_head(&mut audit);
        if audit.more > 0 {
            audit.problems.push(format!("and {} other problems", audit.more));
        }
        audit
    }

    /// Fails if a map of the heap is not sound. A change that a dead process has begun is no damage: for a heap that is for reading only, which
    /// cannot settle it, nothing is looked at then.
    pub(in crate::mems) fn verify_maps(&self) -> Result<(), Error> {
        if self.is_read_only() && self.file()?.header().publication().is_some() {
            return Ok(());
        }
        for (name, address) in self.map_names() {
            let problems = self.audit_map(address, true).problems;
            if !problems.is_empty() {
                let name = String::from_utf8_lossy(&name);
                return Err(self.damaged(&format!("the map '{name}': {}", problems.join("; "))));
            }
        }
        Ok(())
    }

    /// What a map has by its own counters. `None`: there is no map at the address.
    pub(in crate::mems) fn map_stats(&self, address: u64) -> Option<MapStats> {
        let memory = Memory::of(self)?;
        Some(MapStats::of(Whole::at(self, &memory, address)?.words))
    }

    /// Whether a block starts at an address and has at least `bytes`.
    pub(super) fn is_block(&self, address: u64, bytes: u64) -> bool {
        self.starting(address).is_ok_and(|(block, _)| block.usable >= bytes)
    }
}
