//! Syncs: how the state of a heap at one moment gets to the disk, so that a power failure brings back exactly that.
//!
//! There are two copies of the starts, ends and waiting blocks of each extent, and of the roots, and for each copy a record in the header. Sync
//! number n writes copy n mod 2 ([`sync`]):
//!
//! 1. **The cut**, with the heap's lock: the groups that have changed since that copy was last written are copied, and the roots.
//! 2. Checksums of these groups. Everything goes to the disk: the contents of blocks, and the copy.
//! 3. **The record** is written, and goes to the disk: from now on this sync is what comes back. A word of the header says so, without
//!    another flush: where the disk has it, the record of a later failure of the disk is not taken for one of a sync that has not finished.
//! 4. Blocks that waited at the cut become holes (`retire.rs`), some of them at a time.
//!
//! Until 3 is done the record of the sync before, and its copy, are as they were, and so is what they say: a block that was live then
//! is live or waits, so nobody else has got its bytes.
//!
//! One process syncs at a time; who does is for the caller to see to. A word of the header says that a sync is under way. If a process
//! dies in one, the next finds the word, and writes its copy whole. If the record was written, it may not be on the disk, and the copy of
//! the one before is the next to be overwritten: so everything goes to the disk before that.
//!
//! Costs: the cut copies 6 KiB for each group of 256 KiB of data in which something was allocated or freed, with the lock, about a microsecond;
//! checksums take ten times as long, without it. The disk takes far longer.

use super::Ledger;
use super::header::Header;
use super::layout::{EXTENTS, PAGE_WORDS, ROOTS, at};
use super::words::{put, put_other, word};
use crate::checksum::checksum;
use std::collections::TryReserveError;

/// Words of all roots.
const ROOT_WORDS: usize = 8 * ROOTS;

/// Groups whose checksums are computed in a step, in which no thread of the process uses the heap.
const SEALED: usize = 64;

/// Blocks that are settled in a step, in which no process uses the heap.
const SETTLED: usize = 256;

/// Words of counters.
const COUNTERS: usize = 13;

/// What a sync has written: the state that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The number of the sync. Copy `generation % 2` is its own.
    pub generation: u64,
    /// How many extents there were.
    pub extents: u64,
    /// The sum of the checksums of all groups of the copy.
    sum: u64,
    /// The checksum of the roots of the copy.
    roots: u64,
    /// The heap's counters.
    pub(super) counters: [u64; COUNTERS],
}

/// Words of a record, with its checksum.
const RECORD: usize = 4 + COUNTERS + 1;

impl Record {
    /// The record of a new heap, which is empty.
    #[must_use]
    pub fn of_nothing() -> Self {
        let zeros = [[0; 8]; ROOT_WORDS];
        Self { generation: 0, extents: 0, sum: 0, roots: sum_of(&zeros), counters: [0; COUNTERS] }
    }

    /// The words of the record.
    #[must_use]
    pub fn words(&self) -> [u64; RECORD] {
        let mut words = [0; RECORD];
        words[..4].copy_from_slice(&[self.generation, self.extents, self.sum, self.roots]);
        words[4..RECORD - 1].copy_from_slice(&self.counters);
        words[RECORD - 1] = sum_of(&words.map(u64::to_le_bytes)[..RECORD - 1]);
        words
    }

    fn of_words(words: [u64; RECORD]) -> Option<Self> {
        let [generation, extents, sum, roots, ..] = words;
        let mut counters = [0; COUNTERS];
        counters.copy_from_slice(&words[4..RECORD - 1]);
        let record = Self { generation, extents, sum, roots, counters };
        (record.words() == words && extents <= EXTENTS as u64).then_some(record)
    }

    /// The copy that the record is of.
    pub(super) const fn copy(&self) -> usize {
        (self.generation % 2) as usize
    }
}

fn sum_of(words: &[[u8; 8]]) -> u64 {
    checksum(words.iter().map(|bytes| &bytes[..])).into()
}

impl Header {
    /// The first word of the record of a copy.
    #[must_use]
    pub const fn record_at(copy: usize) -> usize {
        at::SYNC_RECORDS + PAGE_WORDS * copy
    }

    /// The record of a copy. `None`: there is none that is sound.
    fn record(&self, copy: usize) -> Option<Record> {
        let first = Self::record_at(copy);
        let record = Record::of_words(std::array::from_fn(|number| word(self.at(first + number))));
        record.filter(|record| record.copy() == copy)
    }

    /// The records that are sound, the newest first.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let mut records = [0, 1].map(|copy| self.record(copy));
        records.sort_by_key(|record| std::cmp::Reverse(record.map(|record| record.generation)));
        records.into_iter().flatten()
    }

    /// The record of the last sync. `None`: it is damaged, as that of a sync that has finished is not by a power failure. The record of the sync before
    /// says nothing then: its blocks may have been used again. (The disk may lack the word that says which sync has finished.)
    #[must_use]
    pub fn last_sync(&self) -> Option<Record> {
        self.records().next().filter(|record| record.generation >= word(self.at(at::SYNC + 2)))
    }

    /// Notes that a sync has finished; 0: that the records are those of no sync before.
    fn put_finished(&self, generation: u64) {
        put(self.at(at::SYNC + 2), generation);
    }

    /// Writes a record: once it is on the disk, it is what comes back.
    fn put_record(&self, record: &Record) {
        let first = Self::record_at(record.copy());
        for (number, value) in record.words().into_iter().enumerate() {
            put(self.at(first + number), value);
        }
    }

    /// Removes a record.
    fn drop_record(&self, record: &Record) {
        put(self.at(Self::record_at(record.copy()) + RECORD - 1), 0);
    }

    /// Removes the records of all syncs but one.
    pub fn keep_record(&self, generation: u64) {
        self.records().filter(|record| record.generation != generation).for_each(|record| self.drop_record(&record));
    }

    /// Whether a sync is under way, or has been when its process died.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        word(self.at(at::SYNC)) != 0
    }

    pub(super) fn put_syncing(&self, is_syncing: bool) {
        put(self.at(at::SYNC), u64::from(is_syncing));
    }

    /// The system's number of the error because of which it is unknown what the disk has.
    #[must_use]
    pub fn sync_failure(&self) -> Option<i32> {
        let failure = word(self.at(at::SYNC + 1));
        (failure != 0).then_some((failure as u32).cast_signed())
    }

    /// Notes that it is unknown what the disk has, or is known again.
    pub fn put_sync_failure(&self, errno: Option<i32>) {
        let failure = errno.map_or(0, |errno| u64::from(errno.cast_unsigned()) | 1 << 32);
        put(self.at(at::SYNC + 1), failure);
    }

    /// The words of the roots, or with a number those of a copy.
    fn root_words(&self, copy: Option<usize>) -> impl Iterator<Item = &crate::table::AtomicU64> {
        let first = copy.map_or(at::ROOTS, |copy| at::SYNC_ROOTS + ROOT_WORDS * copy);
        (first..first + ROOT_WORDS).map(|number| self.at(number))
    }

    /// The checksum of a copy of the roots.
    fn sum_of_roots(&self, copy: usize) -> u64 {
        let mut words = [[0; 8]; ROOT_WORDS];
        words.iter_mut().zip(self.root_words(Some(copy))).for_each(|(bytes, at)| *bytes = word(at).to_le_bytes());
        sum_of(&words)
    }

    /// Sets the roots to those of a copy.
    pub(super) fn restore_roots(&self, copy: usize) {
        self.root_words(None).zip(self.root_words(Some(copy))).for_each(|(root, copied)| put_other(root, word(copied)));
    }
}

/// A sync that is under way.
#[derive(Debug)]
pub struct Cut {
    record: Record,
    /// Whether the copy is written whole.
    is_whole: bool,
    /// The groups that were copied: numbers of extents and of groups.
    groups: Vec<(usize, usize)>,
    /// How many of them have their checksums.
    sealed: usize,
    /// The group, and the granule in it, from which on blocks are to be settled.
    settled: (usize, usize),
}

impl Ledger {
    /// Takes the cut of the next sync. For the owner of the lock, who knows all extents, and is the only one to sync.
    ///
    /// # Errors
    /// If there is no memory for the list of what has changed.
    pub fn cut(&self) -> Result<Cut, TryReserveError> {
        let header = &self.header;
        let generation = header.records().next().map_or(0, |record| record.generation).wrapping_add(1);
        let copy = (generation % 2) as usize;
        let before = header.record(copy).filter(|_| !header.is_syncing());
        header.put_syncing(true);
        let (extents, counters) = (self.extents.len() as u64, header.counters().to_words());
        let sum = before.map_or(0, |record| record.sum);
        let record = Record { generation, extents, sum, roots: 0, counters };
        let mut cut = Cut { record, is_whole: before.is_none(), groups: Vec::new(), sealed: 0, settled: (0, 0) };
        for (number, extent) in self.extents.iter().enumerate() {
            let Some(durable) = &extent.durable else { continue };
            let mut group = 0;
            loop {
                let next = if cut.is_whole { Some(group) } else { durable.next_dirty(copy, group) };
                let Some(found) = next.filter(|&group| group < durable.layout.groups) else { break };
                cut.groups.try_reserve(1)?;
                cut.groups.push((number, found));
                durable.note_clean(copy, found);
                for granule in durable.granules(found) {
                    let now = granule as u64;
                    let now = [extent.starts(now), extent.ends(now), durable.waiting(now)];
                    durable.copied(copy, granule).into_iter().zip(now).for_each(|(to, from)| put_other(to, word(from)));
                }
                group = found + 1;
            }
        }
        header.root_words(Some(copy)).zip(header.root_words(None)).for_each(|(to, from)| put_other(to, word(from)));
        Ok(cut)
    }

    /// Says that nothing is known of the copies, so that the next sync writes its own whole.
    pub fn distrust_copies(&self) {
        self.header.put_syncing(true);
    }

    /// [`Ledger::distrust_copies`], and no sync before counts.
    pub fn forget_syncs(&self) {
        self.header.put_finished(0);
        self.distrust_copies();
    }

    /// The checksum of a group of a copy: 0 if all its words are.
    pub(super) fn sum_of_group(&self, copy: usize, (number, group): (usize, usize)) -> u64 {
        let Some(durable) = &self.extents[number].durable else { return 0 };
        let mut words = vec![(number as u64).to_le_bytes(), (group as u64).to_le_bytes()];
        let copied = durable.granules(group).flat_map(|granule| durable.copied(copy, granule));
        words.extend(copied.map(|at| word(at).to_le_bytes()));
        if words[2..].iter().all(|bytes| *bytes == [0; 8]) { 0 } else { sum_of(&words) }
    }

    /// Whether a copy is what its record says, in all extents that the record has.
    #[must_use]
    pub fn has_copy(&self, record: &Record) -> bool {
        let (copy, mut sum) = (record.copy(), 0_u64);
        let Some(extents) = self.extents.get(..record.extents as usize) else { return false };
        for (number, extent) in extents.iter().enumerate() {
            let Some(durable) = &extent.durable else { return false };
            for group in 0..durable.layout.groups {
                let found = self.sum_of_group(copy, (number, group));
                if found != word(durable.sum(copy, group)) {
                    return false;
                }
                sum = sum.wrapping_add(found);
            }
        }
        sum == record.sum && self.header.sum_of_roots(copy) == record.roots
    }
}

impl Cut {
    /// The number of the sync.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.record.generation
    }

    /// Computes checksums of some more of the groups that were copied. Returns whether there are others.
    pub fn seal(&mut self, ledger: &Ledger) -> bool {
        let copy = self.record.copy();
        let end = self.groups.len().min(self.sealed + SEALED);
        for &(number, group) in &self.groups[self.sealed..end] {
            let Some(durable) = ledger.extents.get(number).and_then(|extent| extent.durable.as_ref()) else { continue };
            let (at, now) = (durable.sum(copy, group), ledger.sum_of_group(copy, (number, group)));
            let before = if self.is_whole { 0 } else { word(at) };
            self.record.sum = self.record.sum.wrapping_sub(before).wrapping_add(now);
            put_other(at, now);
        }
        self.sealed = end;
        end < self.groups.len()
    }

    /// Writes the record. Everything else has to be on the disk.
    pub fn commit(&mut self, ledger: &Ledger) {
        self.record.roots = ledger.header.sum_of_roots(self.record.copy());
        ledger.header.put_record(&self.record);
    }

    /// Makes holes of some more of the blocks that waited at the cut. Returns whether there are others. For the owner of the lock, when the
    /// record is on the disk.
    pub fn settle(&mut self, ledger: &Ledger) -> bool {
        let mut count = 0;
        while let Some(&(number, group)) = self.groups.get(self.settled.0) {
            let extent = ledger.extents.get(number);
            let Some((extent, durable)) = extent.and_then(|extent| Some((extent, extent.durable.as_ref()?))) else {
                return false;
            };
            for granule in durable.granules(group).skip(self.settled.1) {
                if count >= SETTLED {
                    return true;
                }
                self.settled.1 += 1;
                let [_, _, waiting] = durable.copied(self.record.copy(), granule);
                let mut waiting = word(waiting);
                while waiting != 0 {
                    let unit = granule as u64 * 64 + u64::from(waiting.trailing_zeros());
                    waiting &= waiting - 1;
                    if unit < extent.units {
                        ledger.settle(number, unit);
                        count += 1;
                    }
                }
            }
            self.settled = (self.settled.0 + 1, 0);
        }
        false
    }
}

/// What a sync asks of those who call it.
pub trait Stage {
    /// Why a step fails.
    type Error;

    /// Calls `step` with the heap's lock.
    ///
    /// # Errors
    /// If the lock cannot be taken, or the heap has ended.
    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger) -> T) -> Result<T, Self::Error>;

    /// Calls `step` without the heap's lock.
    ///
    /// # Errors
    /// If the heap has ended.
    fn look<T>(&mut self, step: impl FnOnce(&Ledger) -> T) -> Result<T, Self::Error>;

    /// Writes to disk what the file holds.
    ///
    /// # Errors
    /// If it is unknown what the disk has. No sync may follow.
    fn flush(&mut self) -> Result<(), Self::Error>;

    /// The error for a lack of memory.
    fn no_memory(&self) -> Self::Error;
}

/// Syncs a heap, whose only sync this is meanwhile, and returns the number of the sync.
///
/// # Errors
/// The errors of the stage's steps. What comes back then is the state before, or the one of the cut if only the last flush has failed.
pub fn sync<S: Stage>(stage: &mut S) -> Result<u64, S::Error> {
    if stage.look(|ledger| ledger.header.is_syncing())? {
        // The record of a process that has died may not be on the disk yet, and what is written next is the copy of the one before.
        stage.flush()?;
    }
    let mut cut = stage.with(|ledger| ledger.cut())?.map_err(|_| stage.no_memory())?;
    while stage.look(|ledger| cut.seal(ledger))? {}
    stage.flush()?;
    stage.look(|ledger| cut.commit(ledger))?;
    stage.flush()?;
    // Before any block that waited is used again.
    stage.look(|ledger| ledger.header.put_finished(cut.generation()))?;
    // The sync is done. If the heap ends now, the next sync settles what waits.
    let mut is_settled = stage.with(|ledger| cut.settle(ledger)).map(|more| !more);
    while matches!(is_settled, Ok(false)) {
        is_settled = stage.with(|ledger| cut.settle(ledger)).map(|more| !more);
    }
    if is_settled.is_ok() {
        let _ended = stage.look(|ledger| ledger.header.put_syncing(false));
    }
    Ok(cut.generation())
}
