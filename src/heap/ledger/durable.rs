//! What an extent has besides in a heap that survives a power failure: which blocks wait for a sync, which groups of granules have
//! changed, and two copies of the starts, ends and waiting blocks, one of them as of the last sync.
//!
//! **Waiting.** A block that is freed keeps its start and its end, and gets a bit W at its start: it is live no longer, and nobody
//! gets its bytes before a sync has finished. For until then a power failure brings back the sync before, in which the block may be
//! live, and its contents have to be what they were. Only a sync makes a hole of it (`retire.rs`).
//!
//! **Groups.** Whatever changes a start, an end or a W first notes the group of 256 granules in which that is, for each of the
//! copies: a sync copies the groups that have changed since it last wrote that copy (`checkpoint.rs`).
//!
//! Invariants, while no operation is under way: W is set only where a block starts. A group that differs from a copy is noted for
//! it, or lies in the copy that a sync that has not finished was writing.
//!
//! Costs: two loads for each bit that changes, where its group is noted already.

use super::layout::{DurableLayout, GROUP};
use super::words::{bit, put, word};
use crate::table::{AtomicU64, Table};

/// What an extent has besides.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) layout: DurableLayout,
    words: Table<AtomicU64>,
}

impl Durable {
    /// `None`: the table does not have the length that the layout says.
    pub(super) fn new(bytes: u64, words: Table<AtomicU64>) -> Option<Self> {
        let layout = DurableLayout::new(bytes);
        (words.len() == layout.words()).then_some(Self { layout, words })
    }

    /// The word of W of a granule.
    #[inline]
    pub(super) fn waiting(&self, granule: u64) -> &AtomicU64 {
        &self.words[granule as usize]
    }

    /// The words that say which groups have changed since a copy was written.
    fn dirty(&self, copy: usize) -> &[AtomicU64] {
        let first = self.layout.dirty_at(copy);
        &self.words[first..first + self.layout.dirty_words()]
    }

    /// Notes that something in a granule changes.
    #[inline]
    pub(super) fn touch(&self, granule: u64) {
        let group = granule / GROUP as u64;
        for copy in 0..2 {
            let at = &self.dirty(copy)[(group / 64) as usize];
            let here = word(at);
            if here & bit(group) == 0 {
                put(at, here | bit(group));
            }
        }
    }

    /// Notes that everything may have changed.
    pub(super) fn touch_all(&self) {
        for at in self.dirty(0).iter().chain(self.dirty(1)) {
            put(at, u64::MAX);
        }
    }

    /// The first group from `group` on that has changed since a copy was written.
    pub(super) fn next_dirty(&self, copy: usize, group: usize) -> Option<usize> {
        let words = self.dirty(copy);
        let mut at = group / 64;
        let mut here = word(words.get(at)?) & (!0 << (group % 64));
        while here == 0 {
            at += 1;
            here = word(words.get(at)?);
        }
        Some(at * 64 + here.trailing_zeros() as usize).filter(|&group| group < self.layout.groups)
    }

    /// Notes that a copy has a group as it is.
    pub(super) fn note_clean(&self, copy: usize, group: usize) {
        let at = &self.dirty(copy)[group / 64];
        put(at, word(at) & !bit(group as u64));
    }

    /// The granules of a group.
    pub(super) fn granules(&self, group: usize) -> std::ops::Range<usize> {
        GROUP * group..self.layout.granules.min(GROUP * (group + 1))
    }

    /// The words of a granule in a copy: starts, ends, W.
    pub(super) fn copied(&self, copy: usize, granule: usize) -> [&AtomicU64; 3] {
        let first = self.layout.copy_at(copy);
        let waiting = first + 2 * self.layout.granules + granule;
        [first + 2 * granule, first + 2 * granule + 1, waiting].map(|at| &self.words[at])
    }

    /// The checksum of a group in a copy.
    pub(super) fn sum(&self, copy: usize, group: usize) -> &AtomicU64 {
        &self.words[self.layout.copy_at(copy) + 3 * self.layout.granules + group]
    }
}
