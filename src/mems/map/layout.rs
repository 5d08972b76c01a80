//! How a map is laid out in the blocks of its heap: each offset, once. All words have eight bytes, little-endian.
//!
//! ```text
//!  the map's block                                table of a shard          entry
//! | head: 16 words | shard: 8 words | shard ... |  | slot | slot | slot |..  | hash | lengths | expiry | flags | key | value |
//! ```
//!
//! A slot is the address of an entry with 15 bits of its key's hash above, and above those a bit that says that the entry has been
//! read. 0: nothing has ever been there. 1: an entry has been removed. Slots are probed linearly.

use crate::table::AtomicU64;

/// What a map's block begins with. The last byte is the version of this layout.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"MEMSMAP\x01");

/// Words of the head. The first line changes rarely, the second with each call that changes something.
pub(super) mod head {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0;
    /// The logarithm of the number of shards to base 2, and above its 8 bits [`CHECKSUMS`].
    pub const SHARDS: usize = 1;
    /// The key of the hash, two words.
    pub const SEED: usize = 2;
    /// The most bytes of all blocks of the map; 0: any number.
    pub const MOST_BYTES: usize = 4;
    /// The most entries; 0: any number.
    pub const MOST_ENTRIES: usize = 5;

    /// Bytes of all blocks of the map.
    pub const BYTES: usize = 8;
    /// Entries, those that have expired and have not been removed yet included.
    pub const ENTRIES: usize = 9;
    /// The shard from which the next entry is evicted.
    pub const HAND: usize = 10;
    /// How many entries have been evicted to make room.
    pub const EVICTIONS: usize = 11;
    /// How many entries have been removed since they had expired.
    pub const EXPIRATIONS: usize = 12;

    /// How many words there are.
    pub const WORDS: usize = 16;

    /// In [`SHARDS`]: whether entries have checksums.
    pub const CHECKSUMS: u64 = 1 << 8;
}

/// Words of a shard, which has a line of its own.
pub(super) mod shard {
    /// The address of the table, and the logarithm of its number of slots above its 48 bits. 0: there is none.
    pub const TABLE: usize = 0;
    /// How often something that a reader may be reading has been taken out. See `read.rs`.
    pub const VERSION: usize = 1;
    /// Entries.
    pub const ENTRIES: usize = 2;
    /// Slots that are not 0.
    pub const USED: usize = 3;
    /// Bytes of the table and the entries.
    pub const BYTES: usize = 4;
    /// The slot from which the next entry is evicted.
    pub const HAND: usize = 5;

    /// How many words there are.
    pub const WORDS: usize = 8;
}

/// Words of an entry, before its key.
pub(super) mod entry {
    /// The hash of the key.
    pub const HASH: usize = 0;
    /// Bytes of the key, and above 32 bits bytes of the value.
    pub const LENGTHS: usize = 1;
    /// When the entry expires, in milliseconds since 1970; 0: never.
    pub const EXPIRY: usize = 2;
    /// What the entry is ([`super::Kind`]), and above 32 bits the checksum of key and value, if entries have one.
    pub const FLAGS: usize = 3;

    /// How many words there are.
    pub const WORDS: usize = 4;
    /// How many bytes that is.
    pub const BYTES: u64 = 8 * WORDS as u64;
}

/// The most shards, as a logarithm to base 2.
pub(super) const MOST_SHARDS: u32 = 12;

/// The fewest slots of a table, as a logarithm to base 2.
pub(super) const LEAST_SLOTS: u32 = 3;

/// The most slots of a table, as a logarithm to base 2.
pub(super) const MOST_SLOTS: u32 = 31;

/// The most bytes of a key.
pub(crate) const MOST_KEY: usize = 65_535;

/// The most bytes of a value.
pub(crate) const MOST_VALUE: usize = u32::MAX as usize;

/// The bits of an address in a slot, or in the word of a table.
pub(super) const ADDRESS: u64 = (1 << 48) - 1;

/// A slot in which nothing has ever been.
pub(super) const EMPTY: u64 = 0;

/// A slot from which an entry has been removed: no address of a heap is so low.
pub(super) const REMOVED: u64 = 1;

/// The bit of a slot that says that the entry has been read since the hand was there.
pub(super) const READ: u64 = 1 << 63;

/// Whether a slot refers to an entry.
#[inline]
pub(super) const fn is_entry(slot: u64) -> bool {
    slot > REMOVED
}

/// The slot of an entry.
#[inline]
pub(super) const fn slot_of(hash: u64, address: u64) -> u64 {
    tag(hash) | address
}

/// The part of a hash that is in the entry's slot. Neither the shard nor the place in the table follow from it.
#[inline]
pub(super) const fn tag(hash: u64) -> u64 {
    (hash >> 33 & 0x7fff) << 48
}

/// The bits of [`tag`] in a slot.
pub(super) const TAG: u64 = 0x7fff << 48;

/// The number of an entry's shard, of `1 << shards`.
#[inline]
pub(super) const fn shard_number(hash: u64, shards: u32) -> usize {
    if shards == 0 { 0 } else { (hash >> (64 - shards)) as usize }
}

/// The word of a table with `1 << slots` slots at an address.
pub(super) const fn table_word(address: u64, slots: u32) -> u64 {
    (slots as u64) << 48 | address
}

/// The address of a table, and the logarithm of its number of slots. `None`: there is none, or the word is damaged.
#[inline]
pub(super) const fn table_of(word: u64) -> Option<(u64, u32)> {
    let (address, slots) = (word & ADDRESS, (word >> 48) as u32);
    if address == 0 || slots > MOST_SLOTS { None } else { Some((address, slots)) }
}

/// The slots of a new table for `entries` entries, as a logarithm to base 2. `None`: no table has so many.
pub(super) fn slots_for(entries: usize) -> Option<u32> {
    let slots = (2 * entries + 2).next_power_of_two().trailing_zeros().max(LEAST_SLOTS);
    (slots <= MOST_SLOTS).then_some(slots)
}

/// Bytes of the block of an entry.
pub(super) const fn entry_bytes(key: usize, value: usize) -> u64 {
    (entry::BYTES + key as u64 + value as u64).next_multiple_of(16)
}

/// Bytes of the block of a map.
pub(super) const fn map_bytes(shards: u32) -> u64 {
    8 * (head::WORDS as u64 + ((shard::WORDS as u64) << shards))
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// A value.
    Value = 0,
    /// A whole number, as eight bytes.
    Counter = 1,
    /// No value yet: somebody makes one. Only those that ask for a lease see it.
    Lease = 2,
}

/// In an entry's flags: whether its key was a string.
pub(crate) const TEXT_KEY: u32 = 1 << 8;

/// In an entry's flags, where the byte is that says how the value is encoded: the callers' own.
pub(crate) const ENCODING_SHIFT: u32 = 16;

impl Kind {
    /// The kind that an entry's flags say. What is none that there is, is a value.
    #[inline]
    pub(crate) const fn of(flags: u32) -> Self {
        match flags & 0xff {
            1 => Self::Counter,
            2 => Self::Lease,
            _ => Self::Value,
        }
    }
}

/// The words of a shard, of the map's words.
#[inline]
pub(super) fn shard_words(map: &[AtomicU64], number: usize) -> Option<&[AtomicU64]> {
    map.get(head::WORDS..)?.as_chunks::<{ shard::WORDS }>().0.get(number).map(|words| &words[..])
}
