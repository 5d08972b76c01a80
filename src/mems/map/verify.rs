//! Whether a map is sound: for tests, and for `verify` of a heap.
//!
//! Costs: O(slots and entries), with the heap's lock.

use super::find::{Entry, Found, find};
use super::layout::{ADDRESS, EMPTY, Kind, head, is_entry, shard, shard_words, slot_of, table_of};
use super::memory::{Memory, Room};
use super::publish::map_words;
use crate::heap::ledger::word;
use crate::mems::Mems;
use siphasher::sip::SipHasher13;

/// What a map refers to.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// The addresses of all its blocks.
    pub blocks: Vec<u64>,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

impl Mems {
    /// Looks at all of a map, whose block is at an address. The caller holds the lock.
    pub(crate) fn audit_map(&self, address: u64) -> Audit {
        let mut audit = Audit { blocks: vec![address], problems: Vec::new() };
        let Some(memory) = Memory::of(self) else {
            audit.problems.push("there is no memory to look at it".to_owned());
            return audit;
        };
        let Some(map) = map_words(&memory, address) else {
            audit.problems.push(format!("what is at {address} is no map"));
            return audit;
        };
        let (mut entries, mut bytes) = (0, 8 * map.len() as u64);
        for number in 0..(map.len() - head::WORDS) / shard::WORDS {
            let Some(words) = shard_words(map, number) else { break };
            self.audit_shard(&memory, map, number, &mut audit);
            // A damaged counter may have any value.
            entries = word(&words[shard::ENTRIES]).wrapping_add(entries);
            bytes = word(&words[shard::BYTES]).wrapping_add(bytes);
        }
        let said = [word(&map[head::ENTRIES]), word(&map[head::BYTES])];
        if said != [entries, bytes] {
            audit.problems.push(format!("it counts {said:?} entries and bytes, and its shards {:?}", [entries, bytes]));
        }
        audit
    }

    fn audit_shard(&self, memory: &Memory, map: &[crate::table::AtomicU64], number: usize, audit: &mut Audit) {
        let Some(words) = shard_words(map, number) else { return };
        let counted = [shard::ENTRIES, shard::USED, shard::BYTES].map(|counter| word(&words[counter]));
        let mut problem = |text: String| audit.problems.push(format!("shard {number}: {text}"));
        let said = word(&words[shard::TABLE]);
        let Some((address, slots)) = table_of(said) else {
            if said != 0 || counted != [0; 3] {
                problem("it has no table, and is not empty".to_owned());
            }
            return;
        };
        let Some(table) = memory.words(address, 1 << slots).filter(|_| self.is_block(address, 8 << slots)) else {
            return problem(format!("its table at {address} is no block of its own"));
        };
        let (mut entries, mut used, mut bytes) = (0, 0, 8 << slots);
        let mut blocks = vec![address];
        for (at, slot) in table.iter().map(word).enumerate() {
            used += u64::from(slot != EMPTY);
            if !is_entry(slot) {
                continue;
            }
            let address = slot & ADDRESS;
            let Some(entry) = Entry::at(memory, address).filter(|entry| self.is_block(address, entry.block_bytes()))
            else {
                problem(format!("slot {at} refers to {address}, where no entry is"));
                continue;
            };
            blocks.push(address);
            entries += u64::from(entry.kind() != Kind::Lease);
            bytes += entry.block_bytes();
            let mut key = vec![0; entry.key_bytes()];
            entry.read_key(Room::new(&mut key));
            let seeds = [word(&map[head::SEED]), word(&map[head::SEED + 1])];
            let hash = SipHasher13::new_with_keys(seeds[0], seeds[1]).hash(&key);
            let shards = (word(&map[head::SHARDS]) & 0xff) as u32;
            let is_there = matches!(find(memory, table, hash, &key), Found::At(found, _, _) if found == at);
            if entry.hash() != hash || super::shard_number(hash, shards) != number || !is_there {
                problem(format!("the entry in slot {at} is not where its key is looked for"));
            } else if slot & !super::layout::READ != slot_of(hash, address) {
                problem(format!("slot {at} has another part of the hash than its entry"));
            }
        }
        if counted != [entries, used, bytes] {
            problem(format!("it counts {counted:?} entries, slots and bytes, and has {:?}", [entries, used, bytes]));
        }
        audit.blocks.append(&mut blocks);
    }

    /// Whether a block starts at an address and has at least `bytes`.
    fn is_block(&self, address: u64, bytes: u64) -> bool {
        self.starting(address).is_ok_and(|(block, _)| block.usable >= bytes)
    }
}
