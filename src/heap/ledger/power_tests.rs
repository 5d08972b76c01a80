//! Power failures in plain memory.
//!
//! The power fails before any store, or at any sector of a flush; then the memory is what the disk has (`power_disk.rs`). What
//! comes back has to be the state of the last sync that has finished, or that of one that has not but whose record was written:
//! blocks, roots, and the contents of blocks, which no test stores to after the sync before. Processes die in syncs as well, and others
//! continue. `MEMS_POWER_FAILURES` says how often the power fails, and `MEMS_POWER_SEED` repeats a run.

use super::Ledger;
use super::checkpoint::{Cut, Record, Stage, sync};
use super::death::{dying_before, watched};
use super::power_disk::{Disk, Failed, Random};
use super::tests::{Memory, append, blocks};
use super::words::{put_other, word};
use crate::table::AtomicU64;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

/// What a sync asks for: the ledger, and the disk.
struct Machine {
    ledger: Ledger,
    disk: Rc<RefCell<Disk>>,
    /// How many flushes there are before the process dies, if it does.
    flushes: Option<u64>,
}

impl Stage for Machine {
    type Error = Failed;

    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger) -> T) -> Result<T, Failed> {
        Ok(step(&mut self.ledger))
    }

    fn look<T>(&mut self, step: impl FnOnce(&Ledger) -> T) -> Result<T, Failed> {
        Ok(step(&self.ledger))
    }

    fn flush(&mut self) -> Result<(), Failed> {
        if let Some(left) = self.flushes {
            self.flushes = Some(left.checked_sub(1).ok_or(Failed::Death)?);
        }
        self.disk.borrow_mut().flush()
    }

    fn no_memory(&self) -> Failed {
        unreachable!("the test has memory")
    }
}

/// What a test program knows: its blocks, each with the number that its words are made of, and its roots.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Known {
    blocks: BTreeMap<u64, (u64, u64)>,
    roots: BTreeMap<Vec<u8>, u64>,
}

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sabotage {
    None,
    /// Freed blocks are used again before the sync.
    Reuse,
    /// The record is written before the data.
    RecordFirst,
    /// A sync writes the copy of the sync before as well.
    OneCopy,
    /// What has changed is not noted.
    NotNoted,
    /// The record of a process that has died in its sync is not flushed before the next sync begins.
    NotFlushed,
}

impl Sabotage {
    const ALL: [Self; 5] = [Self::Reuse, Self::RecordFirst, Self::OneCopy, Self::NotNoted, Self::NotFlushed];
}

fn content(tag: u64, number: u64) -> u64 {
    tag ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Bytes of the extents: the last is added while the test runs.
const EXTENTS: [u64; 3] = [1 << 16, 5 << 16, 1 << 16];

struct Test {
    memory: Memory,
    machine: Machine,
    known: Known,
    /// What was known at each cut since the last failure, by the number of the sync.
    cuts: BTreeMap<u64, Known>,
    /// The last sync that has finished.
    finished: u64,
    random: Random,
    sabotage: Sabotage,
}

impl Test {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let memory = Memory::durable(&EXTENTS);
        let disk = Rc::new(RefCell::new(Disk::new(&memory, seed)));
        let machine = Machine { ledger: memory.ledger(), disk, flushes: None };
        let known = Known::default();
        let cuts = BTreeMap::from([(0, known.clone())]);
        Self { memory, machine, known, cuts, finished: 0, random: Random(seed ^ 0x5555_5555), sabotage }
    }

    fn words(&self, start: u64, length: u64, mut visit: impl FnMut(u64, &AtomicU64)) {
        let (_, extent) = self.machine.ledger.find(start / 16).unwrap();
        for number in 0..length / 8 {
            visit(number, extent.data_word(start - extent.first * 16 + 8 * number).unwrap());
        }
    }

    /// Does something to blocks or roots.
    fn step(&mut self) {
        let (choice, number) = (self.random.below(20), self.random.next());
        let chosen = (number as usize).checked_rem(self.known.blocks.len()).unwrap_or(0);
        let chosen = self.known.blocks.iter().nth(chosen).map(|(&start, &(length, tag))| (start, length, tag));
        match (choice, chosen) {
            (0..8, _) => {
                let size = if number.is_multiple_of(50) { 20_000 } else { 1 + number % 700 };
                let taken = self.machine.ledger.take(size, 1, None);
                if let Some(taken) = taken {
                    self.words(taken.start, taken.size, |at, word| word.store(content(number, at), Relaxed));
                    self.known.blocks.insert(taken.start, (taken.size, number));
                } else if self.machine.ledger.known() < EXTENTS.len() {
                    let next = self.machine.ledger.known();
                    // A power failure may have left something of an extent that the sync did not have.
                    self.memory.clear(next);
                    append(&self.memory, &mut self.machine.ledger, next);
                }
            }
            (8..15, Some((start, ..))) => {
                let ledger = &self.machine.ledger;
                ledger.release(start, None).unwrap();
                self.known.blocks.remove(&start);
                if self.sabotage == Sabotage::Reuse {
                    let (extent, unit) =
                        ledger.find(start / 16).map(|(at, found)| (at, start / 16 - found.first)).unwrap();
                    ledger.settle(extent, unit);
                }
            }
            (15..18, Some((start, length, tag))) => {
                let size = 16 * (1 + number % (2 * length / 16));
                if self.machine.ledger.resize_in_place(start, size).is_some() {
                    // What is new of a longer block is stored, and what is old stays as it is.
                    self.words(start, size, |at, word| {
                        if at >= length / 8 {
                            word.store(content(tag, at), Relaxed);
                        }
                    });
                    self.known.blocks.insert(start, (size, tag));
                }
            }
            (18, Some((start, ..))) => {
                let name = vec![b'a' + (number % 5) as u8; 3];
                self.machine.ledger.header().set_root(&name, start).unwrap();
                self.known.roots.insert(name, start);
            }
            _ => {
                let name = vec![b'a' + (number % 5) as u8; 3];
                let was_there = self.machine.ledger.header().delete_root(&name);
                assert_eq!(was_there, self.known.roots.remove(&name).is_some());
            }
        }
    }

    fn sync(&mut self) -> Result<(), Failed> {
        let newest = self.machine.ledger.header().records().next().unwrap().generation;
        self.cuts.insert(newest + 1, self.known.clone());
        // Now and then a process dies before its first, second or third flush, and another continues.
        self.machine.flushes = (self.random.below(5) == 0).then(|| self.random.below(3));
        let done = match self.sabotage {
            Sabotage::RecordFirst => self.sync_record_first()?,
            Sabotage::OneCopy => {
                self.overwrite_last_copy();
                sync(&mut self.machine)?
            }
            Sabotage::NotNoted => {
                self.forget_changes();
                sync(&mut self.machine)?
            }
            Sabotage::NotFlushed => self.sync_at_once()?,
            Sabotage::None | Sabotage::Reuse => sync(&mut self.machine)?,
        };
        self.finished = done;
        Ok(())
    }

    /// A sync that does not look whether another has been under way.
    fn sync_at_once(&mut self) -> Result<u64, Failed> {
        let mut cut = self.sealed();
        self.machine.flush()?;
        cut.commit(&self.machine.ledger);
        self.machine.flush()?;
        while cut.settle(&self.machine.ledger) {}
        self.machine.ledger.header().put_syncing(false);
        Ok(cut.generation())
    }

    fn sealed(&mut self) -> Cut {
        let mut cut = self.machine.ledger.cut().unwrap();
        while cut.seal(&self.machine.ledger) {}
        cut
    }

    fn sync_record_first(&mut self) -> Result<u64, Failed> {
        let mut cut = self.sealed();
        cut.commit(&self.machine.ledger);
        self.machine.flush()?;
        while cut.settle(&self.machine.ledger) {}
        self.machine.ledger.header().put_syncing(false);
        Ok(cut.generation())
    }

    /// The copy that the last record is of becomes what there is now, as if it were the only one.
    fn overwrite_last_copy(&self) {
        let newest = self.machine.ledger.header().records().next().unwrap();
        for extent in &self.machine.ledger.extents {
            let durable = extent.durable.as_ref().unwrap();
            for granule in 0..extent.layout.granules {
                let now = [extent.starts(granule), extent.ends(granule), durable.waiting(granule)];
                let copied = durable.copied(newest.copy(), granule as usize);
                copied.into_iter().zip(now).for_each(|(to, from)| put_other(to, word(from)));
            }
        }
    }

    /// Nothing is noted of what has changed.
    fn forget_changes(&self) {
        for extent in &self.machine.ledger.extents {
            let durable = extent.durable.as_ref().unwrap();
            (0..durable.layout.groups).for_each(|group| (0..2).for_each(|copy| durable.note_clean(copy, group)));
        }
    }

    /// Works until the power fails, comes back, and compares what there is.
    fn fail(&mut self) -> Result<(), String> {
        let (stores, sectors) = (self.random.below(9000), self.random.below(20_000));
        self.machine.disk.borrow_mut().left = sectors;
        let disk = Rc::clone(&self.machine.disk);
        let watching = Rc::clone(&disk);
        // A flush stores nothing, so the disk is not in use at a store.
        let watch = move || watching.borrow_mut().write_back();
        let _has_failed_in_a_flush = watched(watch, || {
            dying_before(stores, || {
                loop {
                    for _ in 0..self.random.below(60) {
                        self.step();
                    }
                    if matches!(self.sync(), Err(Failed::Power)) {
                        break;
                    }
                }
            })
        });
        disk.borrow_mut().left = u64::MAX;
        self.machine.flushes = None;
        disk.borrow().restart();
        self.come_back()
    }

    fn come_back(&mut self) -> Result<(), String> {
        let records: Vec<_> = self.memory.ledger().header().records().collect();
        // The copy of the newest record is always whole.
        let restored = records.first().filter(|record| self.restore(record));
        let Some(restored) = restored else { return Err(format!("no sound copy, of {records:?}")) };
        let generation = restored.generation;
        if generation < self.finished {
            return Err(format!("sync {generation} came back, and {} had finished", self.finished));
        }
        let ledger = &self.machine.ledger;
        ledger.check()?;
        let known = self.cuts.get(&generation).ok_or("a sync that never was")?.clone();
        let wanted: BTreeMap<_, _> = known.blocks.iter().map(|(&start, &(length, _))| (start, length)).collect();
        let found = blocks(ledger);
        if found != wanted {
            return Err(format!("{} blocks came back, and {} were there", found.len(), wanted.len()));
        }
        let roots: BTreeMap<_, _> = ledger.header().all_roots().into_iter().collect();
        if roots != known.roots {
            return Err(format!("the roots {roots:?} came back, and {:?} were there", known.roots));
        }
        let mut wrong = None;
        for (&start, &(length, tag)) in &known.blocks {
            self.words(start, length, |at, word| {
                if word.load(Relaxed) != content(tag, at) {
                    wrong = Some(start);
                }
            });
        }
        if let Some(start) = wrong {
            return Err(format!("the block at {start} has other contents"));
        }
        self.known = known;
        self.cuts = BTreeMap::from([(generation, self.known.clone())]);
        self.finished = generation;
        Ok(())
    }

    fn restore(&mut self, record: &Record) -> bool {
        use super::layout::at;
        self.memory.header[at::EXTENT_COUNT].store(record.extents, Relaxed);
        self.machine.ledger = self.memory.ledger();
        let is_sound = self.machine.ledger.has_copy(record);
        if is_sound {
            self.machine.ledger.restore(record);
        }
        is_sound
    }
}

/// Power failures until something is wrong, `most` at most. Returns how many went well, and what is wrong.
fn failures(seed: u64, most: u64, sabotage: Sabotage) -> (u64, Option<String>) {
    let mut test = Test::new(seed, sabotage);
    for number in 0..most {
        if let Err(said) = test.fail() {
            return (number, Some(said));
        }
    }
    (most, None)
}

/// A number from the environment.
fn given(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn a_power_failure_brings_back_the_state_of_one_sync() {
    let otherwise = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64);
    let (seed, most) = (given("MEMS_POWER_SEED", otherwise), given("MEMS_POWER_FAILURES", 300));
    let (failures, said) = failures(seed, most, Sabotage::None);
    assert_eq!(said, None, "after {failures} power failures with MEMS_POWER_SEED={seed}");
}

#[test]
fn a_power_failure_shows_what_is_done_wrong() {
    for sabotage in Sabotage::ALL {
        let (count, said) = failures(7, 1000, sabotage);
        let said = said.unwrap_or_else(|| panic!("{sabotage:?} is not noticed in {count} power failures"));
        println!("{sabotage:?}: after {count} power failures {said}");
    }
}
