//! The intent: what the operation under way does, written before it changes anything.
//!
//! The process that takes the lock of a dead owner finishes or undoes the operation from its intent and the bits (`recover.rs`). The numbers are
//! the heap's numbers of units.

use super::header::Header;
use super::layout::{UNIT, at};
use super::words::{put, word};
use crate::heap::counters::Counters;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// A block gets the units `start..=last` of the hole `hole_start..hole_end`.
    Take { start: u64, last: u64, hole_start: u64, hole_end: u64 },
    /// The block `start..=last` becomes part of the hole `hole_start..hole_end`.
    Release { start: u64, last: u64, hole_start: u64, hole_end: u64 },
    /// The block at `start` whose last unit is `last` gets another last unit, `to`. The hole behind it ends at `hole_end`.
    Resize { start: u64, last: u64, to: u64, hole_end: u64 },
    /// An extent is added, as the last.
    Append { extent: u64 },
    /// All that is derived is derived anew.
    Rebuild,
    /// The block `start..=last` is freed, and waits for a sync.
    Retire { start: u64, last: u64 },
    /// The block `start..=last`, which waits, becomes part of the hole `hole_start..hole_end`.
    Settle { start: u64, last: u64, hole_start: u64, hole_end: u64 },
    /// The block at `start` whose last unit is `last` gets an earlier last unit, `to`, and its tail waits for a sync.
    Shorten { start: u64, last: u64, to: u64 },
}

impl Intent {
    /// How many more holes there are when the operation is finished; negative if there are fewer.
    #[inline]
    pub(super) fn holes(self) -> isize {
        match self {
            Self::Take { start, last, hole_start, hole_end } => {
                isize::from(hole_start < start) + isize::from(last + 1 < hole_end) - 1
            }
            Self::Release { start, last, hole_start, hole_end } => {
                1 - isize::from(hole_start < start) - isize::from(last + 1 < hole_end)
            }
            // What waits counts as a hole already.
            Self::Settle { start, last, hole_start, hole_end } => {
                -isize::from(hole_start < start) - isize::from(last + 1 < hole_end)
            }
            Self::Resize { last, to, hole_end, .. } if to > last => -isize::from(to + 1 == hole_end),
            Self::Resize { last, hole_end, .. } => isize::from(last + 1 == hole_end),
            Self::Append { .. } | Self::Retire { .. } | Self::Shorten { .. } => 1,
            Self::Rebuild => 0,
        }
    }

    /// Counts what the operation has done to a block. What it does and what its recovery does are counted by this alone, so that they cannot
    /// differ. (An intent does not say how long an extent is.)
    #[inline]
    pub(super) fn count(self, counters: &mut Counters) {
        let (holes, bytes) = (self.holes(), |from: u64, to: u64| (to - from) * UNIT);
        match self {
            Self::Take { start, last, .. } => {
                let size = bytes(start, last + 1);
                counters.record_malloc(size, size, holes);
            }
            Self::Release { start, last, hole_start, hole_end } => {
                counters.record_free(bytes(start, last + 1), holes, bytes(hole_start, hole_end));
            }
            Self::Resize { last, to, .. } if to > last => counters.record_growth(bytes(last, to), holes),
            Self::Resize { last, to, hole_end, .. } => {
                counters.record_shrink(bytes(to, last), holes, bytes(to + 1, hole_end));
            }
            Self::Retire { start, last } => counters.record_free(bytes(start, last + 1), holes, bytes(start, last + 1)),
            Self::Settle { hole_start, hole_end, .. } => counters.record_settled(holes, bytes(hole_start, hole_end)),
            Self::Shorten { last, to, .. } => counters.record_shrink(bytes(to, last), holes, bytes(to, last)),
            Self::Append { .. } | Self::Rebuild => {}
        }
    }
}

/// A word of the data that is stored with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Where it is, in bytes from the heap's first.
    pub offset: u64,
    /// What is stored.
    pub value: u64,
}

/// The kinds, as the file has them.
const TAKE: u64 = 1;
const RELEASE: u64 = 2;
const RESIZE: u64 = 3;
const APPEND: u64 = 4;
const REBUILD: u64 = 5;
const RETIRE: u64 = 6;
const SETTLE: u64 = 7;
const SHORTEN: u64 = 8;

impl Header {
    /// Writes what the next operation does, with the word that is stored with it. From the last store on it is under way.
    #[inline]
    pub(super) fn intend(&self, intent: Intent, note: Option<Note>) {
        let (kind, [a, b, c, d]) = match intent {
            Intent::Take { start, last, hole_start, hole_end } => (TAKE, [start, last, hole_start, hole_end]),
            Intent::Release { start, last, hole_start, hole_end } => (RELEASE, [start, last, hole_start, hole_end]),
            Intent::Resize { start, last, to, hole_end } => (RESIZE, [start, last, to, hole_end]),
            Intent::Append { extent } => (APPEND, [extent, 0, 0, 0]),
            Intent::Rebuild => (REBUILD, [0; 4]),
            Intent::Retire { start, last } => (RETIRE, [start, last, 0, 0]),
            Intent::Settle { start, last, hole_start, hole_end } => (SETTLE, [start, last, hole_start, hole_end]),
            Intent::Shorten { start, last, to } => (SHORTEN, [start, last, to, 0]),
        };
        // No word is at the heap's end, so that one more than an offset is a number, and 0 says that there is none.
        let (word, value) = note.map_or((0, 0), |note| (note.offset + 1, note.value));
        for (number, value) in [kind, a, b, c, d, word, value].into_iter().enumerate() {
            put(self.at(at::INTENT + 1 + number), value);
        }
        put(self.at(at::INTENT), self.sequence().wrapping_add(1));
    }

    /// Whether an operation is under way.
    #[inline]
    #[must_use]
    pub fn has_intent(&self) -> bool {
        word(self.at(at::INTENT)) == self.sequence().wrapping_add(1)
    }

    /// The operation that is under way, if one is.
    ///
    /// # Errors
    /// The kind, if it is none that there is.
    pub(super) fn intent(&self) -> Result<Option<(Intent, Option<Note>)>, u64> {
        if !self.has_intent() {
            return Ok(None);
        }
        let [kind, a, b, c, d, offset, value] = std::array::from_fn(|number| word(self.at(at::INTENT + 1 + number)));
        let intent = match kind {
            TAKE => Intent::Take { start: a, last: b, hole_start: c, hole_end: d },
            RELEASE => Intent::Release { start: a, last: b, hole_start: c, hole_end: d },
            RESIZE => Intent::Resize { start: a, last: b, to: c, hole_end: d },
            APPEND => Intent::Append { extent: a },
            REBUILD => Intent::Rebuild,
            RETIRE => Intent::Retire { start: a, last: b },
            SETTLE => Intent::Settle { start: a, last: b, hole_start: c, hole_end: d },
            SHORTEN => Intent::Shorten { start: a, last: b, to: c },
            unknown => return Err(unknown),
        };
        let note = offset.checked_sub(1).map(|offset| Note { offset, value });
        Ok(Some((intent, note)))
    }

    /// Says that no operation is under way, after one that has changed nothing.
    pub(super) fn withdraw(&self) {
        put(self.at(at::INTENT), 0);
    }
}
