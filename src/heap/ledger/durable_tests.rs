//! Deaths in heaps that survive power failures: before each store of an operation, of a sync, and of their recovery.

use super::Ledger;
use super::checkpoint::{Stage, sync};
use super::tests::{EXTENT_BYTES, Memory, NOTES, Operation, after_each_death, blocks, operations, run, seen};
use proptest::prelude::*;
use std::convert::Infallible;

/// A stage without a disk: a process dies, and nothing else.
struct Memories(Ledger);

impl Stage for Memories {
    type Error = Infallible;

    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger) -> T) -> Result<T, Infallible> {
        Ok(step(&mut self.0))
    }

    fn look<T>(&mut self, step: impl FnOnce(&Ledger) -> T) -> Result<T, Infallible> {
        Ok(step(&self.0))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn no_memory(&self) -> Infallible {
        unreachable!("the test has memory")
    }
}

fn synced(memory: &Memory) -> u64 {
    sync(&mut Memories(memory.ledger())).unwrap()
}

/// A memory of a heap that survives a power failure, with a block of words at its beginning, after some operations and syncs.
fn prepared(operations: &[(Operation, bool)]) -> (Memory, Ledger) {
    let memory = Memory::durable(&EXTENT_BYTES);
    let ledger = memory.full();
    assert_eq!(ledger.take(NOTES, 1, None).unwrap().start, 0);
    for (operation, syncs) in operations {
        run(&ledger, &blocks(&ledger), operation);
        if *syncs {
            synced(&memory);
        }
    }
    (memory, ledger)
}

/// Operations, each with whether a sync follows it.
fn work() -> impl Strategy<Value = Vec<(Operation, bool)>> {
    prop::collection::vec((operations(), prop::bool::weighted(0.1)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_death_in_a_durable_heap_leaves_what_was_or_what_is_to_be(operations in work(), last in operations()) {
        let (memory, ledger) = prepared(&operations);
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
            // What a sync copies is what there is, so whatever was changed has been noted.
            let generation = synced(&memory);
            let record = ledger.header().records().next().unwrap();
            prop_assert!(record.generation == generation && ledger.has_copy(&record));
            memory.ledger().restore(&record);
            ledger.check().map_err(TestCaseError::fail)?;
            prop_assert_eq!(blocks(ledger), found.0);
            Ok(())
        };
        after_each_death(&memory, &copied, || _ = run(&memory.ledger(), &live, &last), settled)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_death_in_a_sync_loses_nothing_and_the_next_sync_is_whole(operations in work()) {
        let (memory, ledger) = prepared(&operations);
        let copied = memory.copy();
        let wanted = (blocks(&ledger), ledger.header().all_roots());
        let before = ledger.header().records().next().unwrap().generation;
        let settled = |stores, ledger: &Ledger| {
            let said = |said| TestCaseError::fail(format!("{said}, after {stores} stores"));
            ledger.check().map_err(said)?;
            prop_assert_eq!(&(blocks(ledger), ledger.header().all_roots()), &wanted);
            // The last sync that is whole is the one before, or this one.
            let newest = ledger.header().records().next().unwrap();
            prop_assert!(ledger.has_copy(&newest), "{:?} after {} stores", newest, stores);
            prop_assert!((before..=before + 1).contains(&newest.generation));
            let next = synced(&memory);
            prop_assert_eq!(next, newest.generation + 1);
            prop_assert_eq!(ledger.waiting_bytes(), 0);
            let newest = ledger.header().records().next().unwrap();
            prop_assert!(ledger.has_copy(&newest));
            memory.ledger().restore(&newest);
            ledger.check().map_err(said)?;
            prop_assert_eq!(&(blocks(ledger), ledger.header().all_roots()), &wanted);
            Ok(())
        };
        after_each_death(&memory, &copied, || _ = synced(&memory), settled)?;
    }
}
