//! Finding an entry by its key, for readers without a lock and for the one who changes something.
//!
//! Nothing in the file is trusted: an entry's lengths count only if it lies in what is mapped, and a table is looked through once at
//! most. A reader may come upon a block that has become something else meanwhile, and finds out afterwards (`read.rs`).
//!
//! Costs: one line of the table, and those of the entry at once.

use super::layout::{ADDRESS, EMPTY, Kind, REMOVED, TAG, entry, entry_bytes, is_entry, tag};
use super::memory::{Memory, Room, are_bytes, prefetch, read_bytes};
use crate::table::AtomicU64;
use std::sync::atomic::Ordering;

/// An entry, as its words have it at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'memory> {
    words: &'memory [AtomicU64],
    key: usize,
    value: usize,
}

impl<'memory> Entry<'memory> {
    /// The entry at an address. `None`: none can be there.
    #[inline]
    pub fn at(memory: &'memory Memory, address: u64) -> Option<Self> {
        let words = memory.tail(address);
        prefetch(words);
        let lengths = words.get(entry::LENGTHS)?.load(Ordering::Relaxed);
        let (key, value) = ((lengths & 0xffff_ffff) as usize, (lengths >> 32) as usize);
        let needed = entry::WORDS + (key + value).div_ceil(8);
        words.get(..needed).map(|words| Self { words, key, value })
    }

    /// The hash of its key.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.words[entry::HASH].load(Ordering::Relaxed)
    }

    /// When it expires, in milliseconds since 1970; 0: never.
    #[inline]
    pub fn expiry(&self) -> u64 {
        self.words[entry::EXPIRY].load(Ordering::Relaxed)
    }

    /// The entry's flags, and above 32 bits its checksum.
    #[inline]
    pub fn flags(&self) -> u64 {
        self.words[entry::FLAGS].load(Ordering::Relaxed)
    }

    /// What it is.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::of(self.flags() as u32)
    }

    /// Whether its key is `key`.
    #[inline]
    pub fn has_key(&self, key: &[u8]) -> bool {
        self.key == key.len() && are_bytes(&self.words[entry::WORDS..], 0, key)
    }

    /// Bytes of its value.
    #[inline]
    pub const fn value_bytes(&self) -> usize {
        self.value
    }

    /// Bytes of its key.
    #[inline]
    pub const fn key_bytes(&self) -> usize {
        self.key
    }

    /// Copies its value, if there is room for all of it.
    #[inline]
    pub fn read_value(&self, to: Room) {
        read_bytes(&self.words[entry::WORDS..], self.key, self.value, to);
    }

    /// Copies its key, if there is room for all of it.
    pub fn read_key(&self, to: Room) {
        read_bytes(&self.words[entry::WORDS..], 0, self.key, to);
    }

    /// Whether its value is `value`.
    pub fn has_value(&self, value: &[u8]) -> bool {
        self.value == value.len() && are_bytes(&self.words[entry::WORDS..], self.key, value)
    }

    /// The entry's value as a number of eight bytes.
    pub fn number(&self) -> Option<i64> {
        let mut bytes = [0; 8];
        (self.value == bytes.len()).then(|| {
            self.read_value(Room::new(&mut bytes));
            i64::from_le_bytes(bytes)
        })
    }

    /// The entry's value as four words.
    pub fn four(&self) -> Option<[u64; 4]> {
        let mut bytes = [0; 32];
        (self.value == bytes.len()).then(|| {
            self.read_value(Room::new(&mut bytes));
            let words = bytes.as_chunks::<8>().0;
            std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
        })
    }

    /// Whether key and value have the checksum that the entry says.
    pub fn has_checksum(&self) -> bool {
        let (mut sum, mut some) = (flate2::Crc::new(), [0; 512]);
        let bytes = self.key + self.value;
        for start in (0..bytes).step_by(some.len()) {
            let part = &mut some[..(bytes - start).min(512)];
            read_bytes(&self.words[entry::WORDS..], start, part.len(), Room::new(part));
            sum.update(part);
        }
        sum.sum() == (self.flags() >> 32) as u32
    }

    /// Bytes of its block.
    pub const fn block_bytes(&self) -> u64 {
        entry_bytes(self.key, self.value)
    }
}

/// Where a key is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'memory> {
    /// In a slot, by its number, with what the slot has and the entry.
    At(usize, u64, Entry<'memory>),
    /// Nowhere: it would get the slot of this number. `None`: there is no room in the table.
    Nowhere(Option<usize>),
    /// An entry on the way is beyond what is known of the heap.
    Beyond,
}

/// Looks for a key in a table.
#[allow(
    clippy::inline_always,
    reason = "an entry that goes through memory makes the copy of its value wait for the entry's first line"
)]
#[inline(always)]
pub(super) fn find<'memory>(memory: &'memory Memory, table: &[AtomicU64], hash: u64, key: &[u8]) -> Found<'memory> {
    let mask = table.len().wrapping_sub(1);
    let (wanted, mut free) = (tag(hash), None);
    let mut at = hash as usize & mask;
    for _ in 0..table.len() {
        let slot = table[at].load(Ordering::Acquire);
        if slot == EMPTY {
            return Found::Nowhere(free.or(Some(at)));
        }
        if slot == REMOVED {
            free = free.or(Some(at));
        } else if slot & TAG == wanted && is_entry(slot) {
            let address = slot & ADDRESS;
            if memory.is_beyond(address) {
                return Found::Beyond;
            }
            if let Some(entry) = Entry::at(memory, address)
                && entry.hash() == hash
                && entry.has_key(key)
            {
                return Found::At(at, slot, entry);
            }
        }
        at = (at + 1) & mask;
    }
    Found::Nowhere(free)
}
