//! Heaps in files as one process uses them: what is on the disk and when, and deaths in calls that do more than one operation.

use super::format::State;
use super::{FileOptions, HeapFile, Opened, layout};
use crate::heap::ledger::death::dying_before;
use crate::heap::ledger::layout::SECTOR_WORDS;
use crate::memory::file::new_uuid;
use crate::mems::Mems;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// A path in the system's folder for temporary files, which is removed with this.
struct Sample(PathBuf);

impl Sample {
    fn new() -> Self {
        let name = format!("mems-test-{:032x}", u128::from_be_bytes(new_uuid().expect("random numbers")));
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self, options: &FileOptions) -> (Opened, Mems) {
        let opened = Opened::new(&self.0, options).expect("it is opened");
        let heap = Mems::in_file(&opened, options).expect("it is a heap");
        (opened, heap)
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn syncs(opened: &Opened) -> usize {
    opened.file.syncs.load(Ordering::Relaxed)
}

#[test]
fn that_a_file_is_in_use_is_on_the_disk_before_anything_is_stored_in_it() {
    let (sample, options) = (Sample::new(), FileOptions::default());
    for _ in 0..2 {
        let (first, heap) = sample.open(&options);
        assert_eq!(syncs(&first), 1);
        let (second, other) = sample.open(&options);
        assert_eq!(syncs(&second), 0, "it is known already");
        heap.finish();
        other.finish();
    }
}

#[test]
fn a_file_is_said_to_be_clean_when_everything_else_is_on_the_disk() {
    for durable in [false, true] {
        let (sample, options) = (Sample::new(), FileOptions { durable, ..FileOptions::default() });
        let (opened, mut heap) = sample.open(&options);
        heap.enter_file().unwrap();
        let blocks: Vec<_> = (0..100).map(|_| heap.malloc(500).unwrap()).collect();
        blocks.into_iter().step_by(2).for_each(|block| heap.free(block).unwrap());
        heap.leave_file();
        heap.finish();
        let synced = opened.file.synced.lock().unwrap();
        let [.., before, last] = &synced[..] else { panic!("{} syncs", synced.len()) };
        let changed: Vec<_> = (0..last.len()).filter(|&at| before[at] != last[at]).collect();
        let states = 8 * layout::at::STATES..8 * (layout::at::STATES + SECTOR_WORDS);
        assert!(!changed.is_empty() && changed.iter().all(|at| states.contains(at)), "{changed:?}");
    }
}

#[test]
fn a_process_that_died_before_the_disk_had_its_mark_leaves_that_to_the_next() {
    let (sample, options) = (Sample::new(), FileOptions::default());
    let (_first, heap) = sample.open(&options);
    heap.finish();
    // A process has marked the file, and has died as it waited for the disk.
    let opened = Opened::new(&sample.0, &options).expect("it is opened");
    let file = HeapFile::look_into(&opened, &options).expect("it is a heap");
    State::write(&file.header, file.boot, false);
    drop((file, opened));
    let (next, heap) = sample.open(&options);
    assert_eq!(syncs(&next), 1);
    let (second, other) = sample.open(&options);
    assert_eq!(syncs(&second), 0, "it is known already");
    heap.finish();
    other.finish();
}

#[test]
fn a_death_leaves_no_live_block_that_has_been_cleared() {
    let (sample, options) = (Sample::new(), FileOptions { zero_on_free: true, ..FileOptions::default() });
    let (_opened, mut heap) = sample.open(&options);
    let mut is_freed = [0; 2];
    for stores in 0.. {
        heap.enter_file().unwrap();
        let block = heap.malloc(4096).unwrap();
        heap.regions.fill(block, 7, 4096);
        let has_ended = dying_before(stores, || heap.free(block)).is_some();
        heap.leave_file();
        // The next to enter recovers what was under way.
        heap.enter_file().unwrap();
        let is_live = heap.owns(block);
        is_freed[usize::from(!is_live)] += 1;
        let mut bytes = [0; 4096];
        heap.regions.read(block, &mut bytes);
        if is_live {
            assert!(bytes.iter().all(|&byte| byte == 7), "before store {stores}");
            heap.free(block).unwrap();
        } else if has_ended {
            assert!(bytes.iter().all(|&byte| byte == 0));
        }
        heap.verify().unwrap();
        heap.leave_file();
        if has_ended {
            break;
        }
    }
    assert!(is_freed[0] > 1 && is_freed[1] > 1, "{is_freed:?}");
    heap.finish();
}

#[test]
fn a_word_that_has_an_address_already_keeps_its_block() {
    let (sample, options) = (Sample::new(), FileOptions { zero_on_free: true, ..FileOptions::default() });
    let (_opened, mut heap) = sample.open(&options);
    heap.enter_file().unwrap();
    let word = heap.calloc(1, 16).unwrap();
    let block = heap.malloc_into(100, 1, word).unwrap();
    heap.regions.fill(block, 7, 100);
    // As a program does that has been killed before it knew that it had done it.
    heap.replace(word, block).unwrap();
    assert!(heap.owns(block));
    let mut bytes = [0; 100];
    heap.regions.read(block, &mut bytes);
    assert_eq!(bytes, [7; 100]);
    heap.free_from_word(word).unwrap();
    assert!(!heap.owns(block));
    heap.leave_file();
    heap.finish();
}
