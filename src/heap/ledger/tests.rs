//! The ledger in plain memory: against a model, and with a death at every store of every operation.

use super::checkpoint::Record;
use super::death::dying_before;
use super::extent::{Extent, ExtentWords, granule};
use super::header::{DURABLE, Header};
use super::intent::{Intent, Note};
use super::layout::{EXTENTS, HEADER, PART, UNIT, at};
use super::rebuild::Rebuilt;
use super::roots::Refused;
use super::words::{put, word};
use super::{Ledger, Word, layout};
use crate::heap::engine::{Engine, Resized};
use crate::table::{AtomicU32, AtomicU64, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What would be a file: words that stay, and that several ledgers may reach.
pub(super) struct Memory {
    pub(super) header: &'static [AtomicU64],
    largest: &'static [AtomicU32],
    extents: Vec<ExtentMemory>,
}

struct ExtentMemory {
    first: u64,
    bytes: u64,
    planes: &'static [AtomicU64],
    rows: &'static [AtomicU32],
    occupancy: &'static [AtomicU64],
    data: &'static [AtomicU64],
    /// Empty in a heap that does not survive a power failure.
    durable: &'static [AtomicU64],
}

/// All words of a memory at a moment, the narrow ones behind.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Copied(Vec<u64>, Vec<u32>);

fn words(length: usize) -> &'static [AtomicU64] {
    Vec::leak((0..length).map(|_| AtomicU64::new(0)).collect())
}

fn numbers(length: usize) -> &'static [AtomicU32] {
    Vec::leak((0..length).map(|_| AtomicU32::new(0)).collect())
}

impl Memory {
    /// Memory for extents, whose lengths in bytes are given, and which are not published.
    fn new(extents: &[u64]) -> Self {
        Self::with_features(extents, 0)
    }

    /// Memory for extents of a heap that survives a power failure.
    pub(super) fn durable(extents: &[u64]) -> Self {
        let memory = Self::with_features(extents, DURABLE);
        let record = Record::of_nothing().words();
        let first = Header::record_at(0);
        memory.header[first..].iter().zip(record).for_each(|(at, value)| at.store(value, Ordering::Relaxed));
        memory
    }

    fn with_features(extents: &[u64], features: u32) -> Self {
        let mut first = 0;
        let extents = extents.iter().map(|&bytes| {
            let layout = layout::ExtentLayout::new(bytes);
            first += bytes / UNIT;
            ExtentMemory {
                first: first - bytes / UNIT,
                bytes,
                planes: words(layout.planes()),
                rows: numbers(layout.row_entries()),
                occupancy: words(layout.occupancy_words()),
                data: words((bytes / 8) as usize),
                durable: words(if features == 0 { 0 } else { layout::DurableLayout::new(bytes).words() }),
            }
        });
        let extents = extents.collect();
        let header = words((HEADER / 8) as usize);
        header[1].store(u64::from(features) << 32, Ordering::Relaxed);
        Self { header, largest: numbers(EXTENTS + EXTENTS / 64), extents }
    }

    /// A ledger that knows the extents that are published, as a process that opens the file.
    pub(super) fn ledger(&self) -> Ledger {
        let header = Header::new(Table::of_static(self.header), Table::of_static(self.largest)).unwrap();
        let mut ledger = Ledger::new(header);
        ledger.set_owned(true);
        for number in 0..ledger.header().extent_count() {
            assert!(ledger.add(self.extent(number)));
        }
        ledger
    }

    fn extent(&self, number: usize) -> Extent {
        let ExtentMemory { first, bytes, planes, rows, occupancy, data, durable } = self.extents[number];
        let words = ExtentWords {
            planes: Table::of_static(planes),
            rows: Table::of_static(rows),
            occupancy: Table::of_static(occupancy),
            data: Table::of_static(data),
            durable: (!durable.is_empty()).then(|| Table::of_static(durable)),
        };
        Extent::new(first, bytes, words).unwrap()
    }

    /// Clears the bookkeeping of an extent, as who adds one does.
    pub(super) fn clear(&self, number: usize) {
        let ExtentMemory { planes, rows, occupancy, durable, .. } = self.extents[number];
        [planes, occupancy, durable].into_iter().flatten().for_each(|word| word.store(0, Ordering::Relaxed));
        for number in rows {
            number.store(0, Ordering::Relaxed);
        }
    }

    /// A ledger with all extents published.
    pub(super) fn full(&self) -> Ledger {
        let mut ledger = self.ledger();
        for number in ledger.known()..self.extents.len() {
            append(self, &mut ledger, number);
        }
        ledger
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'static AtomicU64> {
        self.header
            .iter()
            .chain(self.extents.iter().flat_map(|e| [e.planes, e.occupancy, e.data, e.durable].into_iter().flatten()))
    }

    pub(super) fn all_numbers(&self) -> impl Iterator<Item = &'static AtomicU32> {
        self.largest.iter().chain(self.extents.iter().flat_map(|e| e.rows))
    }

    pub(super) fn copy(&self) -> Copied {
        let values = self.all().map(|word| word.load(Ordering::Relaxed));
        Copied(values.collect(), self.all_numbers().map(|number| number.load(Ordering::Relaxed)).collect())
    }

    pub(super) fn restore(&self, Copied(values, numbers): &Copied) {
        self.all().zip(values).for_each(|(word, &value)| word.store(value, Ordering::Relaxed));
        self.all_numbers().zip(numbers).for_each(|(number, &value)| number.store(value, Ordering::Relaxed));
    }
}

pub(super) fn append(memory: &Memory, ledger: &mut Ledger, number: usize) {
    let extent = memory.extent(number);
    extent.format();
    assert!(ledger.add(extent));
    ledger.publish();
}

/// The live blocks: start and length in bytes.
pub(super) fn blocks(ledger: &Ledger) -> BTreeMap<u64, u64> {
    let (mut blocks, mut at) = (BTreeMap::new(), 0);
    while at < Engine::end(ledger) {
        let segment = ledger.segment_at(at);
        assert!(segment.start == at && segment.end > at, "{segment:?} at {at}");
        if !segment.is_hole {
            blocks.insert(at, segment.end - at);
        }
        at = segment.end;
    }
    blocks
}

/// Where first fit places a request, by the definition.
fn first_fit(live: &BTreeMap<u64, u64>, extents: &[u64], size: u64, alignment: u64) -> Option<u64> {
    let room = size + alignment.saturating_sub(UNIT);
    let mut first = 0;
    for &bytes in extents {
        let mut at = first;
        for (&start, &length) in live.range(first..first + bytes) {
            if start - at >= room {
                return Some(at.next_multiple_of(alignment.max(UNIT)));
            }
            at = start + length;
        }
        if first + bytes - at >= room {
            return Some(at.next_multiple_of(alignment.max(UNIT)));
        }
        first += bytes;
    }
    None
}

pub(super) const EXTENT_BYTES: [u64; 2] = [PART, 2 * PART];

/// An operation of a random program. Numbers choose among what is there.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Take { size: u64, alignment: u64, into: Option<usize> },
    Release { block: usize, from: Option<usize> },
    Resize { block: usize, size: u64 },
    SetRoot { name: u8, address: u64 },
    DeleteRoot { name: u8 },
}

/// Few sizes are large, so that blocks of all lengths meet.
fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..200_u64, 2 => 1..5_000_u64, 1 => 1..80_000_u64]
}

pub(super) fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => (sizes(), prop_oneof![3 => Just(1_u64), 1 => (4_u32..13).prop_map(|power| 1 << power)], proptest::option::of(0..4_usize))
            .prop_map(|(size, alignment, into)| Operation::Take { size, alignment, into }),
        4 => (any::<usize>(), proptest::option::of(0..4_usize)).prop_map(|(block, from)| Operation::Release { block, from }),
        2 => (any::<usize>(), sizes()).prop_map(|(block, size)| Operation::Resize { block, size }),
        1 => (0..3_u8, any::<u64>()).prop_map(|(name, address)| Operation::SetRoot { name, address }),
        1 => (0..3_u8).prop_map(|name| Operation::DeleteRoot { name }),
    ]
}

/// The block that a number chooses.
fn chosen(live: &BTreeMap<u64, u64>, number: usize) -> Option<u64> {
    live.keys().nth(number.checked_rem(live.len())?).copied()
}

/// The words that operations store to are those of the first unit, where a block of words stays live.
pub(super) const NOTES: u64 = 64;

fn note(number: Option<usize>) -> Option<u64> {
    number.map(|number| 8 * number as u64)
}

/// Runs an operation. Returns the block that it has made, if any.
pub(super) fn run(ledger: &Ledger, live: &BTreeMap<u64, u64>, operation: &Operation) -> Option<u64> {
    match *operation {
        Operation::Take { size, alignment, into } => {
            let into = note(into).map(|offset| Word { offset, address_of: |start| start + 1000 });
            ledger.take(size, alignment, into).map(|taken| taken.start)
        }
        Operation::Release { block, from } => {
            let start = chosen(live, block)?;
            if start != 0 {
                ledger.release(start, note(from).map(|offset| Note { offset, value: 7 })).unwrap();
            }
            None
        }
        Operation::Resize { block, size } => {
            let start = chosen(live, block)?;
            if start != 0 {
                ledger.resize_in_place(start, size);
            }
            None
        }
        Operation::SetRoot { name, address } => {
            ledger.header().set_root(&[b'a' + name; 40], address).unwrap();
            None
        }
        Operation::DeleteRoot { name } => {
            let _was_there = ledger.header().delete_root(&[b'a' + name; 40]);
            None
        }
    }
}

/// A memory with two extents, and a block of words at its beginning.
fn prepared() -> (Memory, Ledger) {
    let memory = Memory::new(&EXTENT_BYTES);
    let ledger = memory.full();
    assert_eq!(ledger.take(NOTES, 1, None).unwrap().start, 0);
    (memory, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_where_first_fit_places_them(operations in prop::collection::vec(operations(), 1..120)) {
        let (memory, ledger) = prepared();
        let mut live = BTreeMap::from([(0, NOTES)]);
        for operation in &operations {
            let expected = match *operation {
                Operation::Take { size, alignment, .. } => {
                    first_fit(&live, &EXTENT_BYTES, size.next_multiple_of(UNIT), alignment)
                }
                _ => None,
            };
            let before = live.clone();
            let made = run(&ledger, &live, operation);
            prop_assert_eq!(made, expected, "{:?}", operation);
            ledger.check().map_err(TestCaseError::fail)?;
            live = blocks(&ledger);
            // What the operation says that it does, and nothing else.
            let mut wanted = before.clone();
            match *operation {
                Operation::Take { size, .. } => {
                    if let Some(start) = made {
                        wanted.insert(start, size.next_multiple_of(UNIT));
                    }
                }
                Operation::Release { block, .. } => {
                    if let Some(start) = chosen(&before, block).filter(|&start| start != 0) {
                        wanted.remove(&start);
                    }
                }
                Operation::Resize { block, size } => {
                    if let Some(start) = chosen(&before, block).filter(|&start| start != 0) {
                        let size = size.next_multiple_of(UNIT);
                        let next = before.range(start + 1..).next().map_or(u64::MAX, |(&start, _)| start);
                        let end = if start < PART { PART } else { 3 * PART };
                        if start + size <= next.min(end) {
                            wanted.insert(start, size);
                        }
                    }
                }
                _ => {}
            }
            prop_assert_eq!(&live, &wanted, "{:?}", operation);
            for (&start, &length) in &live {
                prop_assert!(ledger.is_live_start(start));
                for offset in [start, start + length / 2, start + length - 1] {
                    prop_assert!(ledger.is_live(offset));
                    prop_assert_eq!(ledger.location_of(offset), (start, start + length));
                }
            }
            prop_assert_eq!(ledger.counters().live, live.values().sum::<u64>());
        }
        drop(memory);
    }

    #[test]
    fn a_death_before_any_store_leaves_what_was_or_what_is_to_be(
        operations in prop::collection::vec(operations(), 1..40),
        last in operations(),
    ) {
        let (memory, ledger) = prepared();
        for operation in &operations {
            run(&ledger, &blocks(&ledger), operation);
        }
        let (copied, live) = (memory.copy(), blocks(&ledger));
        let before = seen(&ledger);
        run(&ledger, &live, &last);
        let after = seen(&ledger);
        let settled = |stores, ledger: &Ledger| {
            ledger.check().map_err(|said| TestCaseError::fail(format!("{said}, after {stores} stores of {last:?}")))?;
            let found = seen(ledger);
            prop_assert!(
                found == before || found == after,
                "after {} stores of {:?}: {:?} is neither {:?} nor {:?}", stores, last, found, before, after
            );
            Ok(())
        };
        after_each_death(&memory, &copied, || _ = run(&memory.ledger(), &live, &last), settled)?;
    }

    #[test]
    fn whatever_the_bookkeeping_says_no_call_panics_and_rebuilding_makes_it_sound(
        operations in prop::collection::vec(operations(), 1..40),
        harms in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), any::<bool>()), 1..40),
        later in prop::collection::vec(operations(), 1..10),
    ) {
        let (memory, ledger) = prepared();
        for operation in &operations {
            run(&ledger, &blocks(&ledger), operation);
        }
        // Not the number of extents, which is checked against the table of extents as they are mapped, nor the counters, which wrap
        // around in releases, and panic in this build.
        let kept = |word: &&AtomicU64| {
            let counters = &memory.header[at::COUNTERS..=at::EXTENT_COUNT];
            !counters.as_ptr_range().contains(&std::ptr::from_ref(*word))
        };
        let words: Vec<_> = memory.all().filter(kept).collect();
        let rows: Vec<_> = memory.extents.iter().flat_map(|extent| extent.rows).collect();
        for (place, value, is_row) in &harms {
            if *is_row {
                place.get(&rows).store(*value as u32, Ordering::Relaxed);
            } else {
                place.get(&words).store(*value, Ordering::Relaxed);
            }
        }
        let _whatever = ledger.check();
        let ledger = memory.ledger();
        ledger.recover();
        for operation in &later {
            let live: BTreeMap<u64, u64> = chaotic_blocks(&ledger);
            if let Operation::Take { size, alignment, .. } = *operation {
                let _whatever = ledger.take(size, alignment, None);
            } else if let Some(start) = chosen(&live, 3) {
                let _whatever = ledger.release(start, None);
                let _whatever = ledger.resize_in_place(start, 100);
            }
        }
        let _rebuilt = ledger.rebuild();
        ledger.check().map_err(TestCaseError::fail)?;
    }
}

/// What segments a damaged ledger shows.
fn chaotic_blocks(ledger: &Ledger) -> BTreeMap<u64, u64> {
    let (mut found, mut at) = (BTreeMap::new(), 0);
    while at < Engine::end(ledger) {
        let segment = ledger.segment_at(at);
        assert!(segment.end > at);
        if !segment.is_hole {
            found.insert(at, segment.end - at);
        }
        at = segment.end;
    }
    found
}

/// Runs `operation` from the state `copied`, again and again, and ends it before its first store, its second, and so on, and at last not at
/// all. Each time the first process that recovers dies as well, before each of its stores. `settled` is called with the number of stores
/// of the operation, and a ledger that has recovered from both deaths.
pub(super) fn after_each_death(
    memory: &Memory,
    copied: &Copied,
    operation: impl Fn(),
    mut settled: impl FnMut(u64, &Ledger) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    for stores in 0.. {
        memory.restore(copied);
        let has_ended = dying_before(stores, &operation).is_some();
        let stopped = memory.copy();
        for recovered in 0.. {
            memory.restore(&stopped);
            let survives = dying_before(recovered, || memory.ledger().recover()).is_some();
            let ledger = memory.ledger();
            ledger.recover();
            settled(stores, &ledger)?;
            if survives {
                break;
            }
        }
        if has_ended {
            break;
        }
    }
    Ok(())
}

/// Blocks, words, counters and roots.
pub(super) type Seen = (BTreeMap<u64, u64>, Vec<u64>, String, Vec<(Vec<u8>, u64)>);

/// All that a program can see.
pub(super) fn seen(ledger: &Ledger) -> Seen {
    let noted = (0..NOTES / 8).map(|number| ledger.data_word(8 * number).unwrap()).collect();
    (blocks(ledger), noted, format!("{:?}", ledger.counters()), ledger.header().all_roots())
}

#[test]
fn a_death_while_an_extent_is_added_leaves_it_there_or_not() {
    let memory = Memory::new(&EXTENT_BYTES);
    let mut ledger = memory.ledger();
    append(&memory, &mut ledger, 0);
    ledger.take(100, 1, None).unwrap();
    let copied = memory.copy();
    let mut found = [0; 2];
    let settled = |_stores, ledger: &Ledger| {
        ledger.check().unwrap();
        let known = ledger.known();
        found[known - 1] += 1;
        assert_eq!(ledger.take(PART + UNIT, 1, None).map(|taken| taken.start), (known == 2).then_some(PART));
        Ok(())
    };
    after_each_death(&memory, &copied, || append(&memory, &mut memory.ledger(), 1), settled).unwrap();
    assert!(found[0] > 0 && found[1] > 0, "{found:?}");
}

#[test]
fn an_intent_that_no_operation_has_had_changes_nothing_unless_all_is_rebuilt() {
    let (memory, ledger) = prepared();
    let start = ledger.take(160, 1, None).unwrap().start / UNIT;
    for intent in [
        Intent::Take { start, last: start - 1, hole_start: start, hole_end: start + 10 },
        Intent::Release { start, last: u64::MAX, hole_start: start, hole_end: start + 10 },
        Intent::Resize { start, last: start + 9, to: start + 9, hole_end: start + 10 },
    ] {
        ledger.header().intend(intent, Some(Note { offset: 0, value: 7 }));
        let before = memory.copy();
        assert!(ledger.try_recover().unwrap_err().contains("cannot be"));
        assert!(memory.copy() == before, "{intent:?}");
        memory.ledger().recover();
        ledger.check().unwrap();
    }
}

#[test]
fn starts_and_ends_of_no_block_are_counted_as_they_are_removed() {
    let (_memory, ledger) = prepared();
    let start = ledger.take(160, 1, None).unwrap().start / UNIT;
    let (blocks_before, extent) = (blocks(&ledger), &ledger.extents[0]);
    // One inside the block; behind it an end, and a start.
    extent.put_start(start + 3, true);
    extent.put_end(start + 20, true);
    extent.put_start(start + 30, true);
    for unit in [start + 3, start + 20, start + 30] {
        extent.occupy(granule(unit));
    }
    assert!(ledger.check().is_err());
    assert_eq!(ledger.rebuild(), Rebuilt { strays: 3, has_new_totals: false });
    ledger.check().unwrap();
    assert_eq!(blocks(&ledger), blocks_before);
    assert_eq!(ledger.rebuild(), Rebuilt { strays: 0, has_new_totals: false });
}

#[test]
fn a_death_while_all_is_rebuilt_leaves_that_to_the_next() {
    let (memory, ledger) = prepared();
    let start = ledger.take(160, 1, None).unwrap().start / UNIT;
    let before = blocks(&ledger);
    let extent = &ledger.extents[0];
    extent.put_end(start + 20, true);
    extent.occupy(granule(start + 20));
    let copied = memory.copy();
    let mut deaths = 0;
    // Some of some ten thousand stores: the first ones, and one of each hundred.
    for stores in (0..40).chain((40..).step_by(97)) {
        memory.restore(&copied);
        if dying_before(stores, || memory.ledger().rebuild()).is_some() {
            break;
        }
        deaths += 1;
        let ledger = memory.ledger();
        ledger.recover();
        if ledger.header().sequence() == copied.0[at::SEQUENCE] {
            // Nothing but the intent has been written.
            assert!(stores < 8, "{stores}");
        } else {
            ledger.check().unwrap();
            assert_eq!(blocks(&ledger), before);
        }
    }
    assert!(deaths > 100);
}

#[test]
fn a_block_is_found_by_others_while_it_grows() {
    // The old end is alone in its word of occupancy, and the new one is in another.
    let (old, new) = (100 << 10, 300 << 10);
    let memory = Memory::new(&[1 << 20]);
    let start = memory.full().take(old, 1, None).unwrap().start;
    let copied = memory.copy();
    for stores in 0.. {
        memory.restore(&copied);
        let has_grown = dying_before(stores, || memory.ledger().resize_in_place(start, new)).is_some();
        let reader = memory.ledger();
        for offset in [start, start + (90 << 10), start + old - 1] {
            let (first, end) = reader.location_of(offset);
            assert!(first == start && [old, new].contains(&end), "{first}..{end} before store {stores}");
            assert!(reader.is_live(offset));
        }
        if has_grown {
            break;
        }
    }
}

#[test]
fn roots_are_mended() {
    let (_memory, ledger) = prepared();
    let header = ledger.header();
    for (name, address) in [("kept", 1000), ("dead", 1016), ("damaged", 1000)] {
        header.set_root(name.as_bytes(), address).unwrap();
    }
    put(header.at(at::ROOTS + 8 * 2 + 1), 48);
    assert_eq!(header.damaged_roots(), 1);
    assert_eq!(header.mend_roots(|address| address == 1000), [b"dead"]);
    assert_eq!((header.damaged_roots(), header.all_roots()), (0, vec![(b"kept".to_vec(), 1000)]));
}

#[test]
fn rows_that_promise_a_hole_where_there_is_no_row_are_mended() {
    let (memory, ledger) = prepared();
    // The last level of the second extent has two entries, and room for more.
    let [.., last] = memory.extents[1].rows else { unreachable!("it has rows") };
    for damaged in [last, &memory.largest[1], &memory.largest[EXTENTS]] {
        damaged.store(u32::MAX, Ordering::Relaxed);
    }
    assert!(ledger.check().is_err());
    assert!(ledger.take(3 * PART, 1, None).is_none());
    ledger.recover();
    ledger.check().unwrap();
}

#[test]
fn a_resize_says_what_has_changed() {
    let (_memory, ledger) = prepared();
    let start = ledger.take(160, 1, None).unwrap().start;
    assert!(matches!(ledger.resize_in_place(start, 150), Some(Resized::Same)));
    assert!(matches!(ledger.resize_in_place(start, 320), Some(Resized::Grown { bytes: 160, holes: 0 })));
    let behind = ledger.take(16, 1, None).unwrap().start;
    assert!(ledger.resize_in_place(start, 321).is_none());
    assert!(matches!(ledger.resize_in_place(start, 1), Some(Resized::Shrunk(freed)) if freed.size == 304));
    assert_eq!(behind, start + 320);
    assert!(ledger.resize_in_place(start + 16, 16).is_none(), "no block starts there");
    assert!(ledger.release(start + 8, None).is_none() && ledger.release(start + 16, None).is_none());
    assert!(ledger.release(u64::MAX / 16 * 16, None).is_none());
    ledger.check().unwrap();
}

#[test]
fn there_are_as_many_roots_as_there_is_room_for() {
    let (_memory, ledger) = prepared();
    let header = ledger.header();
    for number in 0..layout::ROOTS {
        header.set_root(format!("root {number}").as_bytes(), number as u64).unwrap();
    }
    assert_eq!(header.set_root(b"one more", 1), Err(Refused::TooMany));
    assert_eq!(header.set_root(b"", 1), Err(Refused::Name));
    assert_eq!(header.set_root(&[b'x'; 48], 1), Err(Refused::Name));
    header.set_root(b"root 17", 99).unwrap();
    assert_eq!(header.root_address(b"root 17"), Some(99));
    assert!(header.delete_root(b"root 3") && !header.delete_root(b"root 3"));
    header.set_root(&[b'y'; 47], 5).unwrap();
    assert_eq!(header.root_address(&[b'y'; 47]), Some(5));
    assert_eq!(header.all_roots().len(), layout::ROOTS);
}

#[test]
fn a_root_is_read_as_it_was_at_one_moment() {
    let (memory, ledger) = prepared();
    let names: [&[u8]; 2] = [b"a root", b"another root"];
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..3_000_000 {
                let name = number % 2;
                ledger.header().set_root(names[name], name as u64).unwrap();
                let _was_there = ledger.header().delete_root(names[name]);
            }
        });
        let reader = memory.ledger();
        while !writer.is_finished() {
            assert!(matches!(reader.header().root_address(names[0]), None | Some(0)));
            for (name, address) in reader.header().all_roots() {
                assert_eq!(name, names[address as usize]);
            }
        }
    });
}

#[test]
fn the_header_is_where_the_layout_says() {
    let (memory, ledger) = prepared();
    ledger.header().set_root(b"abc", 1000).unwrap();
    let value = |number: usize| word(&memory.header[number]);
    assert_eq!(value(at::EXTENT_COUNT), 2);
    assert_eq!((value(at::ROOTS), value(at::ROOTS + 1), value(at::ROOTS + 2)), (1000, 0x203, 0x63_6261));
    // Two extents and one block.
    assert_eq!(value(at::SEQUENCE), 3);
    assert_eq!(value(at::COUNTERS + 16), 1, "mallocs");
}
