//! Regions: contiguity, growth, refusal, and memory that outlives its heap while a buffer holds it.

use mems::Mems;
use mems::Options;
use mems::heap::{FIRST_ADDRESS, MAX_SIZE, PAGE};
use mems::memory::{ALIGNMENT, Regions, reserved};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tests of one process share its address space, and a refusal looks for all there is: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn extend(regions: &mut Regions, bytes: u64) {
    let room = regions.find_room(bytes).unwrap();
    regions.carve(room);
}

#[test]
fn room_that_is_not_taken_changes_nothing() {
    let _alone = alone();
    let mut regions = Regions::new(FIRST_ADDRESS);
    drop(regions.find_room(PAGE).unwrap());
    assert_eq!((regions.count(), regions.end()), (0, FIRST_ADDRESS));
}

#[test]
fn physical_is_base_plus_offset_within_a_region() {
    let _alone = alone();
    let mut regions = Regions::new(FIRST_ADDRESS);
    extend(&mut regions, PAGE);
    extend(&mut regions, 3 * PAGE);
    assert_eq!(regions.count(), 1);
    let base = regions.physical(FIRST_ADDRESS);
    for offset in [0, 1, PAGE - 1, PAGE, 4 * PAGE - 1] {
        assert_eq!(regions.physical(FIRST_ADDRESS + offset), base + usize::try_from(offset).unwrap());
    }
}

#[test]
fn a_main_block_never_straddles_two_regions() {
    let _alone = alone();
    let granule = 64 << 10;
    let mut regions = Regions::with_reservation(FIRST_ADDRESS, granule);
    let mut start = FIRST_ADDRESS;
    for pages in [10, 5, 2, 16, 1, 40, 3] {
        extend(&mut regions, pages * PAGE);
        let (first, last) = (regions.physical(start), regions.physical(start + pages * PAGE - 1));
        assert_eq!((last - first) as u64, pages * PAGE - 1, "{pages} pages at {start}");
        let (mapping, offset) = regions.locate(start);
        assert!(offset as u64 + pages * PAGE <= mapping.bytes() as u64);
        start += pages * PAGE;
    }
    // A region has 16 pages here, 48 where one block needs 40: 10 + 5, 2, 16, 1, 40 + 3.
    assert_eq!(regions.count(), 5);
    assert_eq!(regions.end(), start);
}

#[test]
fn a_region_is_no_longer_than_the_system_likes() {
    let _alone = alone();
    // Windows charges all of a region when it is made; elsewhere it costs nothing.
    let liked = if cfg!(windows) { 64 << 20 } else { 1_usize << 40 };
    for reservation in [0, 1 << 36] {
        let mut regions = Regions::with_reservation(FIRST_ADDRESS, reservation);
        extend(&mut regions, PAGE);
        assert!(regions.locate(FIRST_ADDRESS).0.bytes() <= liked);
    }
}

#[test]
fn a_heap_has_no_more_reserved_than_it_may_have() {
    let _alone = alone();
    for most in [PAGE, 15 * PAGE, 1 << 20, 100 << 20] {
        let mut regions = Regions::with_reservation(FIRST_ADDRESS, 1 << 36).with_most(most);
        extend(&mut regions, PAGE);
        let bytes = regions.locate(FIRST_ADDRESS).0.bytes() as u64;
        // Windows charges all of a region, so that it is no longer than a part of what is available.
        assert!(bytes <= most.next_multiple_of(64 << 10), "{bytes} of {most}");
        assert!(cfg!(windows) || bytes >= most, "{bytes} of {most}");
    }
}

#[test]
fn the_more_regions_the_shorter() {
    let _alone = alone();
    let region = || {
        let mut regions = Regions::new(FIRST_ADDRESS);
        extend(&mut regions, PAGE);
        regions
    };
    let bytes = |regions: &Regions| regions.locate(FIRST_ADDRESS).0.bytes();
    let many: Vec<_> = (0..2000).map(|_| region()).collect();
    assert!(bytes(&many[1999]) <= bytes(&many[0]) / 100);
    let sum: usize = many.iter().map(bytes).sum();
    assert!(sum < 64 << 40, "{sum}");
    drop(many);
    assert!(bytes(&region()) > 64 << 10, "all is there again");
}

#[test]
fn a_heap_that_outgrows_its_regions_has_few() {
    let _alone = alone();
    let others: Vec<_> = (0..500)
        .map(|_| {
            let mut regions = Regions::with_reservation(FIRST_ADDRESS, 1 << 36);
            extend(&mut regions, PAGE);
            regions
        })
        .collect();
    let mut regions = Regions::new(FIRST_ADDRESS);
    extend(&mut regions, PAGE);
    let first = regions.locate(FIRST_ADDRESS).0.bytes() as u64;
    // Many times what the first region holds, in steps of a quarter of it. On Windows that is memory.
    for _ in 0..4 * if cfg!(windows) { 8 } else { 60 } {
        extend(&mut regions, (first / 4).next_multiple_of(PAGE));
    }
    assert!((4..=9).contains(&regions.count()), "{} regions", regions.count());
    drop(others);
}

#[test]
fn what_is_reserved_is_counted() {
    let _alone = alone();
    let before = reserved();
    let mut mems = Mems::new(Options::default());
    let address = mems.malloc(3 * PAGE).unwrap();
    let span = mems.span(address, PAGE).unwrap();
    let (bytes, mappings) = reserved();
    assert_eq!(mappings, before.1 + 1);
    assert!(bytes - before.0 >= span.mapping().bytes());
    mems.finish();
    let kept = reserved();
    assert!(kept.0 > before.0 && kept.0 < bytes, "what a buffer holds stays, the rest does not");
    assert_eq!(kept.1, mappings);
    drop(span);
    assert_eq!(reserved(), before);
}

#[test]
fn offsets_are_aligned_where_memory_is_in_every_region() {
    let _alone = alone();
    let mut regions = Regions::with_reservation(FIRST_ADDRESS, 64 << 10);
    let mut start = FIRST_ADDRESS;
    for pages in [3, 16, 1, 500, 40, 7] {
        extend(&mut regions, pages * PAGE);
        let physical = regions.physical(start) as u64;
        assert_eq!((physical - (start - FIRST_ADDRESS)) % ALIGNMENT as u64, 0, "{pages} pages at {start}");
        start += pages * PAGE;
    }
    assert!(regions.count() > 3);
}

#[test]
fn what_the_system_refuses_changes_nothing() {
    let _alone = alone();
    let mut mems = Mems::new(Options::default());
    let first = mems.malloc(100).unwrap();
    let (before, lines) = (mems.stats(), mems.lines().unwrap());
    let error = mems.malloc(MAX_SIZE).unwrap_err();
    let mems::Error::OutOfMemory { size, available, .. } = error else { panic!("{error}") };
    assert_eq!(size, MAX_SIZE);
    assert!((1..MAX_SIZE).contains(&available), "{available}");
    assert_eq!(mems.stats().mapped, before.mapped);
    assert_eq!(mems.lines().unwrap(), lines);
    mems.verify().unwrap();
    assert_eq!(mems.malloc(3).unwrap(), first + 100);
    mems.finish();
}

#[test]
fn what_is_said_to_be_available_can_be_had() {
    let _alone = alone();
    let mut mems = Mems::new(Options::default());
    let Err(mems::Error::OutOfMemory { available, .. }) = mems.malloc(MAX_SIZE) else { panic!("refused") };
    // Not all of it: the process itself needs some now and then.
    mems.malloc(available / 2).unwrap();
    mems.finish();
}

#[test]
fn memory_held_by_a_buffer_outlives_the_heap_and_reads_zeros() {
    let _alone = alone();
    let mut mems = Mems::new(Options::default());
    let address = mems.malloc(3 * PAGE).unwrap();
    let span = mems.span(address, 3 * PAGE).unwrap();
    span.fill(7);
    mems.finish();
    assert_eq!(Arc::strong_count(span.mapping()), 1, "the heap let go");
    let mut bytes = vec![1; span.bytes()];
    // SAFETY: a vector is valid for as many writes.
    unsafe { span.read(bytes.as_mut_ptr()) };
    assert!(bytes.iter().all(|&byte| byte == 0), "pages of an ended heap read as zeros");
}

#[test]
fn blocks_larger_than_a_region_get_their_own() {
    let _alone = alone();
    let mut mems = Mems::with_reservation(Options::default(), 64 << 10);
    let (a, b) = (mems.malloc(10).unwrap(), mems.malloc(1 << 20).unwrap());
    assert_eq!((a, b), (FIRST_ADDRESS, FIRST_ADDRESS + PAGE));
    assert_eq!(mems.get(b + (1 << 20) - 1).unwrap() - mems.get(b).unwrap(), (1 << 20) - 1);
    mems.verify().unwrap();
}

#[test]
fn empty_blocks_of_two_regions_are_not_joined() {
    let _alone = alone();
    let mut mems = Mems::with_reservation(Options::default().with_join_empty_blocks(true), 64 << 10);
    // Eleven blocks of a page, a block that fills the first region's rest, and one in a region of its own.
    let blocks: Vec<_> =
        [PAGE; 11].into_iter().chain([5 * PAGE, 32 * PAGE]).map(|size| mems.malloc(size).unwrap()).collect();
    for &block in &blocks {
        mems.free(block).unwrap();
    }
    assert_eq!(mems.stats().main_blocks, 2, "one a region");
    assert_eq!(mems.malloc(16 * PAGE).unwrap(), blocks[0], "the joined block has room for more than any of its parts");
    assert_eq!(mems.malloc(17 * PAGE).unwrap(), blocks[12]);
    mems.verify().unwrap();
    mems.finish();
}

#[test]
fn the_last_block_grows_if_it_is_empty() {
    let _alone = alone();
    let mut mems = Mems::new(Options::default().with_join_empty_blocks(true));
    for size in [PAGE, 3 * PAGE, 7 * PAGE] {
        let block = mems.malloc(size).unwrap();
        assert_eq!((block, mems.end()), (FIRST_ADDRESS, FIRST_ADDRESS + size));
        mems.free(block).unwrap();
    }
    assert_eq!(mems.stats().main_blocks, 1);
    mems.finish();
}

/// A refusal asks the system how much there is, and has it for a moment. Several have all of a process's address space at times, of
/// which there are two pieces, below and above the program.
#[test]
fn what_is_refused_to_one_thread_is_not_missing_to_another() {
    let _alone = alone();
    let refused = || {
        let mut mems = Mems::new(Options::default());
        for _ in 0..500 {
            assert!(mems.malloc(MAX_SIZE).is_err());
        }
    };
    std::thread::scope(|scope| {
        let threads = [refused; 4].map(|refused| scope.spawn(refused));
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let mut mems = Mems::with_reservation(Options::default(), 1);
            mems.malloc(300_000).unwrap();
        }
    });
}
