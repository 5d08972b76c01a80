//! Heaps in files: what is on the disk and when, what another process can see of a call before it has ended, and deaths in calls that do more
//! than one operation.

use super::format::{Entry, State};
use super::{FileOptions, HeapFile, Opened, layout};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::death::{dying_before, watched};
use crate::heap::ledger::layout::{SECTOR_WORDS, at};
use crate::heap::ledger::put;
use crate::memory::file::new_uuid;
use crate::mems::Mems;
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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

#[test]
fn who_opens_a_file_finds_no_word_of_an_operation_that_a_death_has_cut() {
    let options = FileOptions::default();
    let mut seen = [false; 2];
    // Also if the lock has been taken over by a process that could not recover what was left.
    for (stores, is_locked) in (0..60).flat_map(|stores| [(stores, true), (stores, false)]) {
        let sample = Sample::new();
        let (opened, mut heap) = sample.open(&options);
        heap.enter_file().unwrap();
        let word = heap.calloc(1, 16).unwrap();
        heap.malloc_into(100, 1, word).unwrap();
        let has_ended = dying_before(stores, || heap.free_from_word(word).unwrap()).is_some();
        // The process is gone, and so is the lock of its slot.
        let slot = heap.file().unwrap().owner.unwrap().slot;
        opened.file.unlock_byte(slot as u64).unwrap();
        if !is_locked {
            heap.file().unwrap().header.unlock();
        }
        let (_other, mut reader) = sample.open(&options);
        let address = reader.heap.word_value(word).unwrap();
        assert!(address == 0 || reader.owns(address), "before store {stores} the word has {address}");
        seen[usize::from(address == 0)] = true;
        reader.finish();
        if has_ended && !is_locked {
            break;
        }
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_reader_waits_while_something_is_left_under_way_under_a_free_lock() {
    let patience = FileOptions { lock_timeout: Duration::from_millis(20), ..FileOptions::default() };
    let (sample, reading) = (Sample::new(), FileOptions { read_only: true, ..patience });
    let (_opened, mut heap) = sample.open(&patience);
    let (_other, mut reader) = sample.open(&reading);
    heap.enter_file().unwrap();
    let is_cut = (1..60).any(|stores| {
        let block = heap.malloc(100).unwrap();
        let _ended = dying_before(stores, || heap.free(block).unwrap());
        heap.file().unwrap().header.is_under_way()
    });
    assert!(is_cut);
    heap.file().unwrap().header.unlock();
    let refused = reader.enter_file().unwrap_err();
    assert!(matches!(refused, Error::File(FileError::LockTimeout { .. })), "{refused}");
    heap.enter_file().unwrap();
    heap.leave_file();
    reader.enter_file().unwrap();
    reader.finish();
    heap.finish();
}

#[test]
fn a_file_in_which_something_is_under_way_is_not_closed_cleanly() {
    for name in [at::INTENT, at::PUBLICATION] {
        let sample = Sample::new();
        let (_opened, heap) = sample.open(&FileOptions::default());
        let file = heap.file().unwrap();
        put(file.header.at(name), if name == at::INTENT { file.header.sequence() + 1 } else { 1000 });
        file.close(true, None);
        assert!(!State::newest(&file.header).unwrap().is_clean);
    }
}

#[test]
fn a_file_that_the_disk_has_refused_is_written_again_by_the_first_to_have_it_alone() {
    const REFUSED: Option<i32> = Some(5);
    let written = |opened: &Opened| opened.file.written.load(Ordering::Relaxed);
    let failure = |heap: &Mems| heap.file().unwrap().header.sync_failure();
    for durable in [false, true] {
        let (sample, options) = (Sample::new(), FileOptions { durable, ..FileOptions::default() });
        let (first, mut heap) = sample.open(&options);
        heap.enter_file().unwrap();
        heap.malloc(100).unwrap();
        heap.leave_file();
        heap.file().unwrap().header.put_sync_failure(REFUSED);
        let (second, other) = sample.open(&options);
        assert_eq!((written(&second), failure(&other)), (0, REFUSED), "another process has it open");
        // Both processes die.
        drop((first, heap, second, other));
        let (third, heap) = sample.open(&options);
        assert_eq!((written(&third), failure(&heap)), (fs::metadata(&sample.0).unwrap().len(), None));
        heap.finish();
    }
}

#[test]
fn an_extent_is_whole_before_another_process_can_know_of_it() {
    for durable in [false, true] {
        let (sample, copy) = (Sample::new(), Sample::new());
        let options = FileOptions { durable, ..FileOptions::default() };
        let (opened, mut heap) = sample.open(&options);
        heap.enter_file().unwrap();
        heap.malloc(100).unwrap();
        // What a process leaves that dies before it has published an extent.
        let end = opened.file.bytes().unwrap();
        opened.file.allocate(end, 1 << 18).unwrap();
        opened.file.write_at(end, &vec![0xa5; 1 << 18]).unwrap();

        let other = HeapFile::look_into(&opened, &options).unwrap();
        let (path, copied, is_known) = (sample.0.clone(), copy.0.clone(), Rc::new(Cell::new(false)));
        let was_known = Rc::clone(&is_known);
        let watch = move || {
            if other.header.extent_count() == 1 || was_known.replace(true) {
                return;
            }
            let first = Entry::read(&path, &other.header, 0, None).unwrap();
            let entry = Entry::read(&path, &other.header, 1, Some(first)).unwrap();
            let found = fs::metadata(&path).unwrap();
            assert!(found.len() >= entry.end(), "the file is shorter than its extents");
            #[cfg(target_os = "linux")]
            assert!(
                512 * std::os::unix::fs::MetadataExt::blocks(&found) >= entry.end(),
                "the disk has no blocks for it"
            );
            fs::copy(&path, &copied).unwrap();
        };
        watched(watch, || heap.malloc(2 << 20)).unwrap();
        assert!(is_known.get(), "another extent has been published");
        heap.verify().unwrap();
        heap.leave_file();

        // As another process finds the file when it sees the extent for the first time.
        let (_opened, mut found) = copy.open(&options);
        found.enter_file().unwrap();
        found.verify().unwrap();
        found.malloc(2 << 20).unwrap();
        found.verify().unwrap();
    }
}

#[test]
fn no_other_process_can_have_the_lock_before_a_call_has_stored_all() {
    for durable in [false, true] {
        let (sample, options) = (Sample::new(), FileOptions { durable, ..FileOptions::default() });
        let (_opened, mut heap) = sample.open(&options);
        let (_other, other) = sample.open(&options);
        let other = Rc::new(other);
        let mut call = |what: &str, call: &mut dyn FnMut(&mut Mems) -> u64| {
            let (stores, others) = (Rc::new(Cell::new(0)), Rc::clone(&other));
            let (counted, said) = (Rc::clone(&stores), what.to_owned());
            let owner = heap.file().unwrap().owner;
            let watch = move || {
                assert_eq!(others.file().unwrap().header.holder(), owner, "{said}, store {}", counted.get());
                counted.set(counted.get() + 1);
            };
            heap.enter_file().unwrap();
            let done = watched(watch, || {
                let done = call(&mut heap);
                heap.leave_file();
                done
            });
            assert!(stores.get() > 0, "{what} has no stores");
            assert_eq!(other.file().unwrap().header.holder(), None, "{what}");
            done
        };
        // The first extent is added without the lock, before others know of it.
        heap_with_an_extent(&sample, &options);
        let word = call("a malloc", &mut |heap| heap.malloc(64).unwrap());
        let block = call("an aligned malloc", &mut |heap| heap.malloc_aligned(1000, 4096).unwrap());
        call("a shorter block", &mut |heap| heap.realloc(block, 100).unwrap());
        // In a durable heap what has become free behind the block waits for a sync, so that the block moves.
        let block = call("a longer block", &mut |heap| heap.realloc(block, 5000).unwrap());
        call("a malloc into a word", &mut |heap| heap.malloc_into(100, 1, word).unwrap());
        call("a replacement", &mut |heap| heap.replace(word, block).map(|()| block).unwrap());
        call("a root", &mut |heap| heap.set_root(b"root", block).map(|()| block).unwrap());
        call("no root", &mut |heap| u64::from(heap.delete_root(b"root").unwrap()));
        call("a free from a word", &mut |heap| heap.free_from_word(word).map(|()| word).unwrap());
        call("a free", &mut |heap| heap.free(word).map(|()| word).unwrap());
    }
}

/// Has a process add the first extent to a file.
fn heap_with_an_extent(sample: &Sample, options: &FileOptions) {
    let (_opened, mut heap) = sample.open(options);
    heap.enter_file().unwrap();
    let block = heap.malloc(100).unwrap();
    heap.free(block).unwrap();
    heap.leave_file();
}
