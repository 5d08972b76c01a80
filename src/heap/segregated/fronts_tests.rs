//! Fronts of several threads, with what `lib/front.js` does said again in Rust: so that it runs under `ThreadSanitizer`, and in a heap
//! that is verified after each call.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "words and states have parts of small numbers"
)]

use super::super::classes::{CLASS, class_for};
use super::super::front::STEP;
use super::super::states::{NOTED, WIDE};
use super::*;
use crate::error::Error;
use crate::heap::address::{address_of, offset_in};
use crate::heap::{Heap, Options, PAGE, PolicyKind};
use crate::table::AtomicU8;
use spin::mutex::SpinMutex;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread;

const THREADS: usize = 4;
const STEPS: usize = if cfg!(debug_assertions) { 3_000 } else { 200_000 };

/// Bytes of the heap, all of which are mapped from the beginning.
const BYTES: u64 = 1 << 20;

/// Places in which threads leave blocks for each other.
const PLACES: usize = 64;

fn zeros<N: Default>(length: usize) -> &'static [N] {
    Vec::leak(std::iter::repeat_with(N::default).take(length).collect())
}

/// What all threads share.
struct Race {
    /// A lock whose code `ThreadSanitizer` sees, as it does not see that of the standard library.
    heap: SpinMutex<Heap>,
    states: &'static [AtomicU8],
    /// Whether somebody has the slot of a unit.
    owned: Vec<AtomicU32>,
    blocks: [AtomicU64; PLACES],
    made: AtomicUsize,
    freed: AtomicUsize,
    /// How many threads have ended, and how many without a panic.
    ended: AtomicUsize,
    passed: AtomicUsize,
}

/// Counts a thread as ended when this is dropped.
struct Ended<'race>(&'race AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Release);
    }
}

impl Race {
    fn new() -> Self {
        let states = zeros((BYTES / UNIT) as usize + 4);
        let mut heap = Heap::new(Options::default().with_policy(PolicyKind::Segregated));
        heap.set_table(Table::of_static(states), Table::of_static(zeros(1)));
        heap.reserve_block(BYTES).unwrap();
        heap.append_block(BYTES, true);
        let owned = states.iter().map(|_| AtomicU32::new(0)).collect();
        let [made, freed, ended, passed] = [0; 4].map(AtomicUsize::new);
        Self {
            heap: SpinMutex::new(heap),
            states,
            owned,
            blocks: [0; PLACES].map(AtomicU64::new),
            made,
            freed,
            ended,
            passed,
        }
    }

    /// Records that a block has been made.
    fn own(&self, address: u64) -> u64 {
        let before = self.owned[(offset_in(address) / UNIT) as usize].swap(1, Relaxed);
        assert_eq!(before, 0, "{address} was handed out twice");
        self.made.fetch_add(1, Relaxed);
        address
    }

    /// Records that a block has been freed, before anyone can have its slot.
    fn disown(&self, address: u64) {
        let owned = &self.owned[(offset_in(address) / UNIT) as usize];
        // A block may be freed by its old address before the thread that has made it has recorded that.
        let mut patience = 10_000_000;
        while owned.compare_exchange(1, 0, Relaxed, Relaxed).is_err() {
            patience -= 1;
            assert!(patience > 0, "{address} was freed twice");
            thread::yield_now();
        }
        self.freed.fetch_add(1, Relaxed);
    }

    /// Frees by the lock. Returns whether there was a block.
    fn free(&self, address: u64) -> bool {
        let mut heap = self.heap.lock();
        match heap.free(address) {
            Ok(_) => {
                self.disown(address);
                true
            }
            Err(Error::NotAllocated { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn malloc(&self, size: u64) -> Option<u64> {
        let mut heap = self.heap.lock();
        let address = heap.malloc_at_hand(size).or_else(|| heap.malloc(size).unwrap())?;
        Some(self.own(address))
    }
}

/// What a thread's JavaScript has. It stores all words in their order, as JavaScript does on x64.
struct Script<'race> {
    race: &'race Race,
    number: u32,
    words: &'static [AtomicU32],
}

impl<'race> Script<'race> {
    fn new(race: &'race Race) -> Self {
        let words = zeros(4096);
        let number = race.heap.lock().begin_front(Table::of_static(words), thread::current().id(), true).unwrap();
        Self { race, number, words }
    }

    /// Adds to a double.
    fn add(&self, word: usize, what: i32) {
        let half = |word: usize| u64::from(self.words[word].load(Relaxed));
        let sum = (f64::from_bits(half(word) | half(word + 1) << 32) + f64::from(what)).to_bits();
        self.words[word].store(sum as u32, Release);
        self.words[word + 1].store((sum >> 32) as u32, Release);
    }

    fn pad(&self, padding: i32) {
        self.add(8, padding);
    }

    fn top(&self, class: usize) -> u32 {
        self.words[64 + class].load(Relaxed)
    }

    fn malloc(&self, size: u64) -> Option<u64> {
        let class = class_for(size);
        if self.top(class).is_multiple_of(64) {
            self.race.heap.lock().fill_front(self.number, class).unwrap();
            if self.top(class).is_multiple_of(64) {
                return self.race.malloc(size);
            }
        }
        self.words[7].store(1, Relaxed);
        self.add(0, 1);
        self.add(12, CLASS[class].size as i32);
        let top = self.top(class) - 1;
        self.words[64 + class].store(top, Release);
        let unit = self.words[top as usize].load(Relaxed);
        let padding = CLASS[class].size - size;
        self.pad(padding as i32);
        let states = &self.race.states[(u64::from(unit) - STEP) as usize..];
        if class > 0 {
            states[1].store(0x80 | (padding & 0x7f) as u8, Relaxed);
        }
        if class >= WIDE {
            states[2].store(0x80 | (padding >> 7) as u8, Relaxed);
        }
        let address = self.race.own(address_of((u64::from(unit) - STEP) * UNIT));
        states[0].store(if class == 0 { size as u8 } else { 16 + class as u8 }, Release);
        self.words[7].store(0, Release);
        Some(address)
    }

    /// Frees as `lib/front.js` does, and by the lock what it leaves to the addon. Returns whether there was a block.
    fn free(&self, address: u64) -> bool {
        let unit = offset_in(address) / UNIT;
        let states = &self.race.states[unit as usize..];
        let state = states[0].load(Acquire);
        if state == 0 || state >= NOTED {
            return self.race.free(address);
        }
        let class = usize::from(state.saturating_sub(16));
        if self.top(class) >= self.words[128 + class].load(Relaxed) {
            self.race.heap.lock().flush_front(self.number, class).unwrap();
            if self.top(class) >= self.words[128 + class].load(Relaxed) {
                return self.race.free(address);
            }
        }
        self.words[7].store(1, Relaxed);
        if states[0].compare_exchange(state, 0, AcqRel, Relaxed).is_err() {
            self.words[7].store(0, Release);
            return self.race.free(address);
        }
        self.race.disown(address);
        let [low, middle] = [1, 2].map(|at| i32::from(states[at].load(Relaxed) & 0x7f));
        let padding = match class {
            0 => 16 - i32::from(state),
            1..WIDE => low,
            _ => low | middle << 7,
        };
        self.pad(-padding);
        let top = self.top(class);
        self.words[top as usize].store((unit + STEP) as u32, Release);
        self.words[64 + class].store(top + 1, Release);
        self.words[7].store(0, Release);
        true
    }
}

/// What one thread does: it leaves blocks for others, frees theirs, and frees blocks that are not its own to free.
fn run(race: &Race, mut random: u64) {
    let script = Script::new(race);
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..STEPS {
        let place = &race.blocks[next(PLACES as u64) as usize];
        let size = if next(50) == 0 { 1 + next(9000) } else { 1 + next(300) };
        match next(10) {
            0 => {
                let mine = race.malloc(size).unwrap_or(0);
                let theirs = place.swap(mine, AcqRel);
                if theirs != 0 {
                    race.free(theirs);
                }
            }
            1 | 2 => {
                // Somebody else may free the block at the same moment, and leave another one there.
                let theirs = place.load(Acquire);
                if theirs != 0 {
                    script.free(theirs);
                }
            }
            3 => {
                let mut heap = race.heap.lock();
                let theirs = place.load(Acquire);
                if theirs != 0
                    && let Some((_, true)) = heap.slot_at(theirs, size)
                {
                    // Another thread may have freed it by now.
                    let _ = heap.resize(theirs, size);
                }
            }
            _ => {
                let mine = script.malloc(size).unwrap_or(0);
                let theirs = place.swap(mine, AcqRel);
                if theirs != 0 {
                    script.free(theirs);
                }
            }
        }
        if next(500) == 0 {
            let mut heap = race.heap.lock();
            heap.verify().unwrap();
            let stats = heap.stats();
            assert_eq!(stats.mallocs - stats.frees, stats.live_blocks);
            assert_eq!(stats.live + stats.hole_bytes, stats.mapped);
        }
    }
    race.heap.lock().end_front(thread::current().id());
}

#[test]
fn of_threads_that_free_a_block_at_once_one_has_its_slot() {
    let race: &Race = Box::leak(Box::new(Race::new()));
    for number in 0..THREADS as u64 {
        thread::spawn(move || {
            let _ended = Ended(&race.ended);
            run(race, 88_172_645_463_325_252 + number);
            race.passed.fetch_add(1, Relaxed);
        });
    }
    // Nothing of the standard library is waited for, as ThreadSanitizer does not see what orders threads there.
    while race.ended.load(Acquire) < THREADS {
        thread::yield_now();
    }
    assert_eq!(race.passed.load(Relaxed), THREADS, "a thread has panicked");
    let mut heap = race.heap.lock();
    heap.verify().unwrap();
    let stats = heap.stats();
    let [made, freed] = [&race.made, &race.freed].map(|count| count.load(Relaxed) as u64);
    assert_eq!((stats.mallocs, stats.frees, stats.live_blocks), (made, freed, made - freed));
    for (unit, _) in race.owned.iter().enumerate().filter(|(_, owned)| owned.load(Relaxed) == 1) {
        heap.free(address_of(unit as u64 * UNIT)).unwrap();
    }
    heap.release_cached();
    heap.verify().unwrap();
    let stats = heap.stats();
    assert_eq!((stats.live_blocks, stats.requested, stats.holes), (0, 0, 1), "slots are lost");
    assert_eq!(stats.largest_hole, BYTES / PAGE * PAGE);
}
