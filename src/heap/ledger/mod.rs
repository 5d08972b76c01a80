//! The ledger: an engine whose bookkeeping is in a file, shared by processes, and survives the death of any of them.
//!
//! ```text
//!  header            extent (bookkeeping | data)   extent ...
//! | sequence, intent, counters ... | S E S E .. rows .. occupancy | blocks and holes |
//! ```
//!
//! - `layout.rs`: where everything is. `words.rs`: how it is read and written.
//! - `extent.rs`, `bits.rs`: starts and ends of blocks, two bits for each unit of 16 bytes, which are the truth. `rows.rs`,
//!   `occupancy.rs`: what is derived from them, to find holes and bits quickly.
//! - `header.rs`, `intent.rs`: how an operation begins and is finished. `take.rs`, `release.rs`, `resize.rs`: the operations.
//! - `recover.rs`: what is left to do after a death. `rebuild.rs`: deriving everything anew. `verify.rs`: whether it is sound.
//! - `durable.rs`, `waiting.rs`: what a heap has besides that survives a power failure. `retire.rs`: how it frees blocks. `checkpoint.rs`: its syncs;
//!   `restore.rs`: returning to one.
//! - `publication.rs`: what is built of blocks. `lock.rs`: who may change something. `roots.rs`: names for addresses. `engine.rs`: all of this as an engine.
//!
//! First fit by address over all holes, as for heaps in memory. Sizes are rounded up to units, and no exact length is kept.
//!
//! **Deaths.** Each operation changes the truth by one store, which commits it; what it stores before that means nothing without it,
//! and what it stores afterwards can be derived. So a process can die between any two stores: the next owner of the lock calls
//! [`Ledger::recover`], which may be cut short and called again.
//!
//! **Damage.** A number in the file is used as an index only if it is in bounds: a damaged file gives wrong addresses, all inside of
//! the heap, and `verify` says what is wrong.
//!
//! Costs: a search looks at a few rows of 64 entries. 2 % of the data is bookkeeping. The caller holds the lock for all that changes
//! something; what is read of a live block needs none.

#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers of granules and units in an extent fit 32 bits, and heap files are for 64-bit systems"
)]

mod bits;
pub mod checkpoint;
#[cfg(any(test, feature = "test-hooks"))]
pub(crate) mod death;
mod durable;
#[cfg(test)]
mod durable_tests;
mod engine;
mod extent;
mod header;
pub(super) mod intent;
pub mod layout;
pub mod lock;
mod occupancy;
#[cfg(test)]
mod power_disk;
#[cfg(test)]
mod power_tests;
pub mod publication;
mod rebuild;
mod recover;
mod release;
mod resize;
mod restore;
mod retire;
pub mod roots;
mod rows;
mod take;
#[cfg(test)]
mod tests;
mod verify;
mod waiting;
mod words;

pub use extent::{Extent, ExtentWords};
pub use header::{DURABLE, Header};
pub use rebuild::Rebuilt;
pub(super) use take::Word;
pub use verify::Summary;
pub use words::{put, word};

pub(super) use self::intent::Note;
use super::counters::Counters;
use layout::UNIT;

/// The bookkeeping of a heap that is shared, as far as this process knows it.
#[derive(Debug)]
pub struct Ledger {
    header: Header,
    /// The extents that this process has mapped: the first of those that there are.
    extents: Vec<Extent>,
    /// Bytes of bookkeeping, with the header.
    bookkeeping: u64,
    /// Whether the lock is this process's now: without it no block is taken, released or resized.
    is_owned: bool,
}

impl Ledger {
    /// The ledger of a header, without extents yet: [`Ledger::add`] those that there are.
    #[must_use]
    pub const fn new(header: Header) -> Self {
        Self { header, extents: Vec::new(), bookkeeping: layout::HEADER, is_owned: false }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Says whether the lock is this process's.
    #[inline]
    pub fn set_owned(&mut self, is_owned: bool) {
        self.is_owned = is_owned;
    }

    /// How many extents this process knows.
    #[must_use]
    #[inline]
    pub fn known(&self) -> usize {
        self.extents.len()
    }

    /// The offset after the last unit of the known extents, in bytes.
    #[must_use]
    #[inline]
    pub fn end(&self) -> u64 {
        self.units() * UNIT
    }

    /// The number after that of the last known unit.
    #[inline]
    fn units(&self) -> u64 {
        self.extents.last().map_or(0, Extent::end)
    }

    /// Makes room for one more extent, so that [`Ledger::add`] finds it. Returns `false` if there is no memory.
    pub fn make_room(&mut self) -> bool {
        self.extents.try_reserve(1).is_ok()
    }

    /// Adds the next extent to those that this process knows. Returns `false` if it does not follow the last, or there is no
    /// memory to know it.
    pub fn add(&mut self, extent: Extent) -> bool {
        if extent.first != self.units() || self.extents.try_reserve(1).is_err() {
            return false;
        }
        self.bookkeeping += layout::bytes_before(extent.units * UNIT, extent.durable.is_some());
        self.extents.push(extent);
        true
    }

    /// The extent that holds a unit, and its number. `None`: none that is known.
    #[inline]
    fn find(&self, unit: u64) -> Option<(usize, &Extent)> {
        let number = match &self.extents[..] {
            [_] => 0,
            extents => extents.partition_point(|extent| extent.end() <= unit),
        };
        self.extents.get(number).filter(|extent| unit < extent.end()).map(|extent| (number, extent))
    }

    /// The extent of the block that starts at `start`, an offset in bytes, the extent's number, and the number of the block's first unit in it.
    /// `None`: no live block starts there, or the lock is not this process's.
    #[inline]
    fn block_to_change(&self, start: u64) -> Option<(usize, &Extent, u64)> {
        if !self.is_owned || !start.is_multiple_of(UNIT) {
            return None;
        }
        let (number, extent) = self.find(start / UNIT)?;
        let start = start / UNIT - extent.first;
        extent.is_live_start(start).then_some((number, extent, start))
    }

    /// Finishes an operation on a block.
    #[inline]
    fn finish(&self, intent: intent::Intent) {
        let mut counters = self.header.counters();
        intent.count(&mut counters);
        self.header.finish(&counters);
    }

    /// Publishes the last known extent, which no other process knows yet: all its words are zero but those that
    /// [`Extent::format`] has written.
    pub fn publish(&mut self) {
        let Some(number) = self.extents.len().checked_sub(1) else { return };
        self.header.intend(intent::Intent::Append { extent: number as u64 }, None);
        self.header.publish_extent(number);
        self.finish_append(number);
    }

    /// What is left to do when an extent has been published.
    fn finish_append(&self, number: usize) {
        let extent = &self.extents[number];
        self.header.mend_largest(number, extent.largest());
        let mut counters = self.header.counters();
        let appended = super::engine::Appended { hole: extent.first * UNIT, main_blocks: 1, holes: 1 };
        counters.record_append(extent.units * UNIT, appended);
        counters.record_hole_bytes();
        counters.record_hole(extent.units * UNIT);
        self.header.finish(&counters);
    }

    /// Notes what has become of the rows of an extent.
    #[inline]
    fn note_change(&self, number: usize, change: Option<rows::Change>) {
        self.header.note_change(number, change, || self.extents[number].largest());
    }

    /// Stores a word of the data that belongs to an operation.
    #[inline]
    fn put_note(&self, note: Option<Note>) {
        let Some(Note { offset, value }) = note else { return };
        if self.header.put_noted(Note { offset, value }) {
            return;
        }
        if let Some((_, extent)) = self.find(offset / UNIT) {
            extent.put_data(offset - extent.first * UNIT, value);
        }
    }

    /// Stores a word of the data, alone: one store.
    pub(super) fn put_word(&self, note: Note) {
        self.put_note(Some(note));
    }

    /// Whether a word of eight bytes of the data is at `offset`, inside of a live block.
    #[must_use]
    pub fn has_word(&self, offset: u64) -> bool {
        let unit = offset / UNIT;
        offset.is_multiple_of(8) && self.find(unit).is_some_and(|(_, extent)| extent.is_live(unit - extent.first))
    }

    /// The value of the word of eight bytes of the data at `offset`, a multiple of 8.
    #[must_use]
    pub fn data_word(&self, offset: u64) -> Option<u64> {
        let (_, extent) = self.find(offset / UNIT)?;
        extent.data_word(offset - extent.first * UNIT).map(word)
    }

    /// The counters in force, which only the owner of the lock may rely on.
    pub(super) fn counters(&self) -> Counters {
        self.header.counters()
    }
}

/// The units of a size in bytes. `None`: no extent is so large.
#[inline]
fn units_of(bytes: u64) -> Option<u32> {
    if bytes > layout::MOST_EXTENT { None } else { Some(bytes.div_ceil(UNIT) as u32) }
}
