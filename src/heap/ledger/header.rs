//! The header's words that operations use: sequence, intent, counters, the number of extents, and each extent's largest hole.
//!
//! **How an operation is finished by one store.** There are two copies of the counters, and the lowest bit of the sequence says which
//! is in force. An operation writes its intent, whose number is the sequence's next value; then it changes the bits; then it writes the
//! new counters to the copy that is not in force; then it raises the sequence. So an intent is under way exactly as long as its
//! number is one above the sequence, and meanwhile the counters from before the operation are there.

use super::layout::{EXTENTS, HEADER, at};
use super::rows::{Change, first_at_least, maximum};
use super::words::{number, put, put32, word};
use crate::heap::counters::Counters;
use crate::table::{AtomicU32, AtomicU64, Table};

/// The feature that a program must know to open the file: the heap survives a power failure, as of its last sync.
pub const DURABLE: u32 = 1;

/// The word of the constant part whose upper half has the features that a program must know to open the file.
const FEATURES: usize = 1;

/// The features in that word.
const fn features(word: u64) -> u32 {
    (word >> 32) as u32
}

/// The words of the header.
#[derive(Debug)]
pub struct Header {
    pub(super) words: Table<AtomicU64>,
    /// The largest hole of each extent, and behind them the largest of each 64.
    largest: Table<AtomicU32>,
    /// Whether the heap survives a power failure, as of its last sync.
    is_durable: bool,
}

impl Header {
    /// The header in `words`, all of it, and `largest`, which are the numbers from [`at::LARGEST`] on. `None`: the tables do not
    /// have the lengths that the layout says.
    #[must_use]
    pub fn new(words: Table<AtomicU64>, largest: Table<AtomicU32>) -> Option<Self> {
        let fits = words.len() as u64 == HEADER / 8 && largest.len() == EXTENTS + EXTENTS / 64;
        fits.then(|| {
            let is_durable = features(word(&words[at::CONSTANT + FEATURES])) & DURABLE != 0;
            Self { words, largest, is_durable }
        })
    }

    /// Whether the heap survives a power failure, as of its last sync.
    #[inline]
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// A word by its number.
    #[inline]
    #[must_use]
    pub fn at(&self, number: usize) -> &AtomicU64 {
        &self.words[number]
    }

    /// How many extents there are, as far as the layout allows.
    #[inline]
    #[must_use]
    pub fn extent_count(&self) -> usize {
        usize::try_from(word(self.at(at::EXTENT_COUNT))).unwrap_or(usize::MAX).min(EXTENTS)
    }

    /// Publishes an extent, the last: one store.
    pub(super) fn publish_extent(&self, number: usize) {
        put(self.at(at::EXTENT_COUNT), number as u64 + 1);
    }

    /// The number of operations that have been finished.
    #[inline]
    #[must_use]
    pub fn sequence(&self) -> u64 {
        word(self.at(at::SEQUENCE))
    }

    /// The first word of the copy of the counters that is in force after `sequence` operations.
    #[inline]
    const fn copy(sequence: u64) -> usize {
        at::COUNTERS + (sequence % 2) as usize * 16
    }

    /// The counters in force.
    #[inline]
    pub(super) fn counters(&self) -> Counters {
        let first = Self::copy(self.sequence());
        Counters::from_words(std::array::from_fn(|number| word(self.at(first + number))))
    }

    /// Finishes an operation: its counters are in force, and its intent is no longer under way.
    #[inline]
    pub(super) fn finish(&self, counters: &Counters) {
        let sequence = self.sequence().wrapping_add(1);
        let first = Self::copy(sequence);
        for (number, value) in counters.to_words().into_iter().enumerate() {
            put(self.at(first + number), value);
        }
        put(self.at(at::SEQUENCE), sequence);
    }

    /// The first extent with a hole of at least `units`, among the first `extents`, as the rows have it.
    #[inline]
    pub(super) fn first_with(&self, units: u32, extents: usize) -> Option<usize> {
        let mut group = 0;
        while group * 64 < extents {
            if number(&self.largest[EXTENTS + group]) >= units
                && let Some(found) = first_at_least(&self.largest[group * 64..group * 64 + 64], units)
            {
                return Some(group * 64 + found).filter(|&found| found < extents);
            }
            group += 1;
        }
        None
    }

    /// Notes that the last level of an extent's rows has changed; `largest` computes the extent's largest hole, where it has to be.
    #[inline]
    pub(super) fn note_change(&self, extent: usize, change: Option<Change>, largest: impl FnOnce() -> u32) {
        let Some(change) = change else { return };
        let entry = &self.largest[extent];
        if let Some(now) = change.maximum_now(number(entry), largest) {
            self.put_largest(extent, now);
        }
    }

    /// Stores an extent's largest hole, and the largest of 64 extents.
    pub(super) fn put_largest(&self, extent: usize, now: u32) {
        let before = number(&self.largest[extent]);
        if before == now {
            return;
        }
        put32(&self.largest[extent], now);
        let row = &self.largest[extent / 64 * 64..extent / 64 * 64 + 64];
        let above = &self.largest[EXTENTS + extent / 64];
        if let Some(now) = (Change { before, now }).maximum_now(number(above), || maximum(row)) {
            put32(above, now);
        }
    }

    /// Sets an extent's largest hole, and the maximum above it, whatever they were.
    pub(super) fn mend_largest(&self, extent: usize, now: u32) {
        put32(&self.largest[extent], now);
        let row = &self.largest[extent / 64 * 64..extent / 64 * 64 + 64];
        put32(&self.largest[EXTENTS + extent / 64], maximum(row));
    }

    /// The largest hole of all extents, in units.
    pub(super) fn largest(&self) -> u32 {
        maximum(&self.largest[EXTENTS..])
    }

    /// Whether the largest holes of the extents are `expected`, and there is none of other extents.
    pub(super) fn verify_largest(&self, expected: &[u32]) -> Result<(), String> {
        for (extent, entry) in self.largest[..EXTENTS].iter().enumerate() {
            let (is, should) = (number(entry), expected.get(extent).copied().unwrap_or(0));
            if is != should {
                return Err(format!("the largest hole of extent {extent} is said to be {is} units, not {should}"));
            }
        }
        for (group, entry) in self.largest[EXTENTS..].iter().enumerate() {
            let (is, should) = (number(entry), maximum(&self.largest[group * 64..group * 64 + 64]));
            if is != should {
                return Err(format!(
                    "the largest hole of group {group} of extents is said to be {is} units, not {should}"
                ));
            }
        }
        Ok(())
    }
}
