//! Calls with many blocks, and what other threads do between two of their steps.

use super::{STEP, free_many, malloc_many};
use crate::error::Error;
use crate::heap::PolicyKind;
use crate::mems::access::Access;
use crate::mems::{Mems, Options};
use crate::recording::{Event, Flags, Reader};

/// A heap that lets another caller in after each step, and counts the steps.
struct Watched<F: FnMut(&mut Mems, usize)> {
    heap: Mems,
    between: F,
    steps: usize,
}

impl<F: FnMut(&mut Mems, usize)> Access for Watched<F> {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let calls = |heap: &mut Mems| heap.stats().mallocs + heap.stats().frees;
        let before = calls(&mut self.heap);
        let done = step(&mut self.heap);
        assert!(calls(&mut self.heap).abs_diff(before) <= STEP as u64, "a step is short");
        self.steps += 1;
        (self.between)(&mut self.heap, self.steps);
        done
    }
}

fn watched<F: FnMut(&mut Mems, usize)>(heap: Mems, between: F) -> Watched<F> {
    Watched { heap, between, steps: 0 }
}

const MANY: usize = 3 * STEP + 100;

/// A limit that holds some of [`MANY`] blocks of a page, and not all.
fn small(options: Options) -> Options {
    options.with_max_size(2 * STEP as u64 * 4096 + 50 * 4096).unwrap()
}

#[test]
fn many_blocks_are_made_and_freed_in_steps() {
    for hardened in [false, true] {
        let mut heap = watched(Mems::new(Options::roomy().with_hardened(hardened)), |_, _| ());
        let (sizes, mut addresses) = (vec![24; MANY], vec![0; MANY]);
        let mut made = Vec::new();
        malloc_many(&mut heap, &sizes, &mut addresses, |_, address| made.push(address)).unwrap();
        assert_eq!(made, addresses);
        assert!(heap.steps >= 4, "{} steps", heap.steps);
        assert_eq!(heap.heap.stats().live_blocks, MANY as u64);
        // The addresses are those of single calls.
        let mut single = Mems::new(Options::roomy().with_hardened(hardened));
        assert!(addresses.iter().all(|&address| single.malloc(24).unwrap() == address));
        addresses.reverse();
        let mut freed = 0;
        free_many(&mut heap, &addresses, |_, _| freed += 1).unwrap();
        assert_eq!((freed, heap.heap.stats().live_blocks), (MANY, 0));
        heap.heap.verify().unwrap();
    }
}

#[test]
fn a_call_that_fails_leaves_what_others_have_resized_or_freed_meanwhile() {
    /// A block whose end takes longer than a step to clear.
    const LARGE: u64 = 2 << 20;
    /// The size of blocks of which there is no room for [`MANY`].
    const SIZE: u64 = 16 << 10;
    let options = Options::roomy().with_policy(PolicyKind::FirstFit).with_zero_on_free(true);
    let mut heap = Mems::new(options.with_max_size(LARGE + 100 * SIZE).unwrap());
    let block = heap.malloc(LARGE).unwrap();
    let mut heap = watched(heap, |heap, step| {
        if step == 1 {
            assert_eq!(heap.realloc(block, 100), Ok(block));
        }
    });
    malloc_many(&mut heap, &[SIZE; MANY], &mut [0; MANY], |_, _| ()).unwrap_err();
    let stats = heap.heap.stats();
    assert_eq!((stats.requested, stats.live_blocks, stats.mallocs, stats.frees), (100, 1, 1, 0));
    heap.heap.verify().unwrap();
}

#[test]
fn a_call_that_fails_takes_everything_back_if_no_other_was_there_meanwhile() {
    for options in [small(Options::default()), small(Options::roomy().with_hardened(true))] {
        let mut heap = Mems::new(options);
        let block = heap.malloc(10).unwrap();
        let (before, lines) = (heap.stats(), heap.lines().unwrap());
        let mut heap = watched(heap, |_, _| ());
        let mut made = 0;
        let refused = malloc_many(&mut heap, &vec![4000; MANY], &mut vec![0; MANY], |_, _| made += 1);
        assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
        assert_eq!(made, 2 * STEP, "so many were there");
        let after = heap.heap.stats();
        assert_eq!(
            crate::heap::Stats { metadata: 0, peak_metadata: 0, ..after },
            crate::heap::Stats { metadata: 0, peak_metadata: 0, failed_mallocs: 1, ..before }
        );
        assert_eq!(heap.heap.lines().unwrap(), lines);
        heap.heap.free(block).unwrap();
        heap.heap.verify().unwrap();
    }
}

#[test]
fn what_others_do_meanwhile_stays_when_a_call_fails() {
    let mut theirs = Vec::new();
    let heap = Mems::new(small(Options::default()));
    let mut heap = watched(heap, |heap, step| {
        // While there is room.
        if step <= 2 {
            theirs.push(heap.malloc(5000).unwrap());
        }
    });
    let refused = malloc_many(&mut heap, &vec![4000; MANY], &mut vec![0; MANY], |_, _| ());
    assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
    let Watched { mut heap, .. } = heap;
    let stats = heap.stats();
    assert_eq!((stats.live_blocks, stats.live, stats.mallocs, stats.frees), (2, 10_000, 2, 0));
    for address in theirs {
        heap.free(address).unwrap();
    }
    heap.verify().unwrap();
}

#[test]
fn nothing_is_freed_if_one_address_is_refused_and_the_first_is_named() {
    let mut heap = Mems::new(Options::default());
    let mut addresses = vec![0; MANY];
    heap.malloc_many(&vec![24; MANY], &mut addresses).unwrap();
    let before = heap.stats();
    // The higher one is given first.
    (addresses[5], addresses[MANY - 1]) = (addresses[MANY - 1] + 1, addresses[5] + 1);
    let high = addresses[5];
    let mut heap = watched(heap, |_, _| ());
    let refused = free_many(&mut heap, &addresses, |_, _| unreachable!("none can be freed"));
    assert!(matches!(refused, Err(Error::NotBlockStart { address, .. }) if address == high), "{refused:?}");
    addresses[5] = addresses[6];
    addresses[MANY - 1] = addresses[7];
    let refused = free_many(&mut heap, &addresses, |_, _| unreachable!("none can be freed"));
    assert_eq!(refused, Err(Error::GivenTwice { address: addresses[6] }));
    assert_eq!(heap.heap.stats(), before);
}

#[test]
fn a_block_that_another_frees_meanwhile_is_refused_and_the_others_are_freed() {
    let mut heap = Mems::new(Options::roomy());
    let mut addresses = vec![0; MANY];
    heap.malloc_many(&vec![24; MANY], &mut addresses).unwrap();
    let kept = heap.malloc(24).unwrap();
    let stolen = addresses[MANY - 10];
    let mut done = false;
    let mut heap = watched(heap, |heap, _| {
        // After the check, which frees nothing.
        if heap.stats().frees > 0 && !done {
            heap.free(stolen).unwrap();
            done = true;
        }
    });
    let refused = free_many(&mut heap, &addresses, |_, _| ());
    assert!(matches!(refused, Err(Error::NotAllocated { address, .. }) if address == stolen), "{refused:?}");
    assert_eq!(heap.heap.stats().live_blocks, 1);
    heap.heap.free(kept).unwrap();
    heap.heap.verify().unwrap();
}

#[test]
fn a_hardened_heap_reports_writes_and_overflows_before_it_frees_the_first() {
    let mut heap = Mems::new(Options::roomy().with_hardened(true));
    let mut addresses = vec![0; MANY];
    heap.malloc_many(&vec![24; MANY], &mut addresses).unwrap();
    heap.span(addresses[MANY - 1], 24).unwrap().fill(1);
    // One byte past the end.
    heap.regions.fill(addresses[9] + 24, 0, 1);
    let refused = heap.free_many(&addresses);
    assert!(matches!(refused, Err(Error::Overflow { start, .. }) if start == addresses[9]), "{refused:?}");
    assert_eq!(heap.stats().live_blocks, MANY as u64);
    heap.free_many(&addresses).unwrap();
    heap.verify().unwrap();
    // A call that has freed blocks already cannot report a write: the next call does.
    heap.regions.fill(addresses[0], 0, 1);
    crate::mems::steps::make_room(&mut heap, Error::OutOfMetadata { size: 1 }).unwrap();
    let other = heap.malloc(24).unwrap();
    let told = heap.free_many(&[other]);
    assert!(matches!(told, Err(Error::WriteAfterFree { start, .. }) if start == addresses[0]), "{told:?}");
    heap.free_many(&[other]).unwrap();
}

#[test]
fn a_recording_that_begins_between_two_steps_has_each_block_once() {
    for start_after in 1..=3 {
        let path = std::env::temp_dir().join(format!("mems-batch-{}-{start_after}.mems", std::process::id()));
        let mut heap = watched(Mems::new(Options::roomy()), |heap, step| {
            if step == start_after {
                heap.start_recording(&path, Flags::USUAL).unwrap();
            }
        });
        let (sizes, mut addresses) = (vec![24; MANY], vec![0; MANY]);
        let mut made = Vec::new();
        malloc_many(&mut heap, &sizes, &mut addresses, |_, address| made.push(address)).unwrap();
        assert_eq!(made, addresses);
        heap.heap.stop_recording().unwrap();
        let file = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let reader = Reader::new(&file, false).unwrap();
        let (mut there, mut recorded) = (Vec::new(), Vec::new());
        for part in reader.parts() {
            for entry in part.chunk.columns().unwrap().events() {
                match entry.unwrap().event {
                    Event::Block { address, .. } => there.push(address),
                    Event::Malloc { address, .. } => recorded.push(address),
                    _ => {}
                }
            }
        }
        there.sort_unstable();
        let mut first = addresses[..start_after * STEP].to_vec();
        first.sort_unstable();
        assert_eq!((there, recorded.as_slice()), (first, &addresses[start_after * STEP..]));
    }
}
