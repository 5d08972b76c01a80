//! An extent: a run of units with its bookkeeping and its data, which were added to the file at once.
//!
//! ```text
//!  bookkeeping                                          data
//! | S E S E S E ... | rows: largest holes | occupancy | unit unit unit ...
//! ```
//!
//! S and E have a bit for each unit: "a live block starts here", "a live block's last unit". They are the truth. The rest is derived
//! from them: the rows have the largest hole that starts in each granule of 64 units, and above each 64 entries their maximum; the
//! occupancy has a bit for each granule with any S or E, and above each word a bit that says whether it has any.
//!
//! Invariants: blocks and holes lie in one extent. A hole starts at the extent's first unit or after an E, where there is no S.
//!
//! A heap that survives a power failure has a third bit for each unit, "the block that starts here is free, and waits for a sync": see
//! `durable.rs`. Such a block has its S and E, and so keeps its place.
//!
//! Units are counted from the extent's first in this file and in `bits.rs`, `rows.rs` and `occupancy.rs`.

use super::durable::Durable;
use super::layout::{ExtentLayout, GRANULE, UNIT};
use super::words::{put, put32};
use crate::table::{AtomicU32, AtomicU64, Table};

/// What an extent is in memory: its layout and the words of the file.
#[derive(Debug)]
pub struct Extent {
    /// The heap's number of the first unit.
    pub(super) first: u64,
    /// How many units there are.
    pub(super) units: u64,
    pub(super) layout: ExtentLayout,
    /// A word of starts and a word of ends for each granule.
    pub(super) planes: Table<AtomicU64>,
    pub(super) rows: Table<AtomicU32>,
    pub(super) occupancy: Table<AtomicU64>,
    /// The words of the data.
    pub(super) data: Table<AtomicU64>,
    /// What it has besides in a heap that survives a power failure.
    pub(super) durable: Option<Durable>,
}

/// The words of an extent, as they are mapped.
#[derive(Debug)]
pub struct ExtentWords {
    /// Words of starts and ends, [`ExtentLayout::planes`].
    pub planes: Table<AtomicU64>,
    /// Entries of rows, [`ExtentLayout::row_entries`].
    pub rows: Table<AtomicU32>,
    /// Words of occupancy, [`ExtentLayout::occupancy_words`].
    pub occupancy: Table<AtomicU64>,
    /// Words of data.
    pub data: Table<AtomicU64>,
    /// Words of what a heap has besides that survives a power failure, [`DurableLayout::words`](super::layout::DurableLayout::words).
    pub durable: Option<Table<AtomicU64>>,
}

impl Extent {
    /// An extent whose first unit has the number `first` in the heap, with `bytes` of data. `None`: the tables do not have the
    /// lengths that the layout says.
    #[must_use]
    pub fn new(first: u64, bytes: u64, words: ExtentWords) -> Option<Self> {
        let layout = ExtentLayout::new(bytes);
        let ExtentWords { planes, rows, occupancy, data, durable } = words;
        let fits = planes.len() == layout.planes()
            && rows.len() == layout.row_entries()
            && occupancy.len() == layout.occupancy_words()
            && data.len() as u64 == bytes / 8;
        let durable = match durable {
            Some(words) => Some(Durable::new(bytes, words)?),
            None => None,
        };
        fits.then_some(Self { first, units: bytes / UNIT, layout, planes, rows, occupancy, data, durable })
    }

    /// Writes the rows of an extent that is one hole, whose words are all zero, before anybody else knows of it.
    pub fn format(&self) {
        let largest = u32::try_from(self.units).unwrap_or(u32::MAX);
        for level in 0..self.layout.row_levels {
            put32(&self.rows[self.layout.rows[level]], largest);
        }
    }

    /// The heap's number of the unit after the last.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.first + self.units
    }

    /// The word of starts of a granule.
    #[inline]
    pub(super) fn starts(&self, granule: u64) -> &AtomicU64 {
        &self.planes[2 * granule as usize]
    }

    /// The word of ends of a granule.
    #[inline]
    pub(super) fn ends(&self, granule: u64) -> &AtomicU64 {
        &self.planes[2 * granule as usize + 1]
    }

    /// The word of the data at an offset in bytes from the extent's first, a multiple of 8.
    pub(super) fn data_word(&self, offset: u64) -> Option<&AtomicU64> {
        self.data.get(usize::try_from(offset / 8).ok()?)
    }

    /// Stores a word of the data.
    pub(super) fn put_data(&self, offset: u64, value: u64) {
        if let Some(word) = self.data_word(offset) {
            put(word, value);
        }
    }
}

/// The granule of a unit.
#[inline]
pub const fn granule(unit: u64) -> u64 {
    unit / GRANULE
}
