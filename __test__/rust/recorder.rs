//! Property test of recordings: what a heap has recorded, done again by another heap with the same options, gives each address and the
//! statistics of the end once more, whatever the policy.

use mems::heap::{FIRST_ADDRESS, PolicyKind, UNIT};
use mems::recording::{Entry, Event, Flags, Kind, Reader};
use mems::{Error, Mems, Options};
use proptest::prelude::*;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// A call. Blocks are named by a number, modulo how many there are.
#[derive(Debug, Clone)]
enum Op {
    Malloc(u64),
    Aligned(u64, u32),
    Calloc(u64),
    Free(usize),
    Realloc(usize, u64),
    ReallocAligned(usize, u64, u32),
    Many(Vec<u64>),
    FreeMany(usize),
    Trim,
    Mark,
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![60 => 1..200_u64, 30 => 1..5000_u64, 9 => 1..300_000_u64, 1 => Just(2_u64 << 20)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => size().prop_map(Op::Malloc),
        2 => (size(), 0..13_u32).prop_map(|(size, log)| Op::Aligned(size, log)),
        1 => size().prop_map(Op::Calloc),
        8 => any::<usize>().prop_map(Op::Free),
        3 => (any::<usize>(), size()).prop_map(|(block, size)| Op::Realloc(block, size)),
        1 => (any::<usize>(), size(), 0..13_u32).prop_map(|(block, size, log)| Op::ReallocAligned(block, size, log)),
        1 => prop::collection::vec(size(), 0..20).prop_map(Op::Many),
        1 => (1..10_usize).prop_map(Op::FreeMany),
        1 => Just(Op::Trim),
        1 => Just(Op::Mark),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let policy = prop::sample::select(PolicyKind::ALL);
    (policy, any::<[bool; 4]>(), prop::option::of(16..4000_u64)).prop_map(|(policy, flags, pages)| {
        let [is_roomy, is_hardened, zeroes, unit] = flags;
        let start = if is_roomy { Options::roomy() } else { Options::default() };
        let alignment = if unit || is_hardened { UNIT } else { 1 };
        let options = match start.with_policy(policy) {
            options if policy == PolicyKind::Segregated => options,
            options => options.with_alignment(alignment).unwrap(),
        };
        let options = options.with_hardened(is_hardened).with_zero_on_free(zeroes);
        pages.map_or(options, |pages| options.with_max_size(pages * 4096).unwrap())
    })
}

/// Errors that say that a heap is full are part of a program; no other is.
fn expect_no_room<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert_eq!(
                error.code(),
                if error.code() == "ERR_MEMS_INVALID_ALIGNMENT" {
                    "ERR_MEMS_INVALID_ALIGNMENT"
                } else {
                    "ERR_MEMS_OUT_OF_MEMORY"
                },
                "{error}"
            );
            None
        }
    }
}

/// `malloc`, for which a quarantine is emptied if there is no room, as it is in calls from JavaScript and C.
fn malloc(heap: &mut Mems, size: u64) -> Result<u64, Error> {
    let mut address = [0];
    heap.malloc_many(&[size], &mut address).map(|()| address[0])
}

fn run(heap: &mut Mems, program: &[Op], live: &mut Vec<u64>) {
    let is_limited = heap.options().max_size() < u64::MAX;
    for op in program {
        match op {
            // A batch that is refused is recorded as one request, which would be refused more rarely.
            Op::Many(_) if is_limited => {}
            // The methods do not empty a quarantine, as calls from JavaScript and C do.
            Op::Calloc(_) | Op::Aligned(..) if is_limited && heap.options().hardened() => {}
            Op::Malloc(size) => live.extend(expect_no_room(malloc(heap, *size))),
            Op::Aligned(size, log) => live.extend(expect_no_room(heap.malloc_aligned(*size, 1 << log))),
            Op::Calloc(size) => live.extend(expect_no_room(heap.calloc(1, *size))),
            Op::Free(_) | Op::Realloc(..) | Op::ReallocAligned(..) if live.is_empty() => {}
            Op::Free(block) => heap.free(live.swap_remove(block % live.len())).unwrap(),
            Op::Realloc(block, size) => {
                let place = block % live.len();
                if let Some(moved) = expect_no_room(heap.realloc(live[place], *size)) {
                    live[place] = moved;
                }
            }
            Op::ReallocAligned(block, size, log) => {
                let place = block % live.len();
                if let Some(moved) = expect_no_room(heap.realloc_aligned(live[place], *size, Some(1 << log))) {
                    live[place] = moved;
                }
            }
            Op::Many(sizes) => {
                let mut addresses = vec![0; sizes.len()];
                if expect_no_room(heap.malloc_many(sizes, &mut addresses)).is_some() {
                    live.extend(addresses);
                }
            }
            Op::FreeMany(most) => heap.free_many(&live.split_off(live.len().saturating_sub(*most))).unwrap(),
            Op::Trim => _ = heap.trim(),
            Op::Mark => _ = heap.mark_recording("a mark"),
        }
    }
}

/// A path that no other test of the process uses.
fn path() -> PathBuf {
    static USED: AtomicU32 = AtomicU32::new(0);
    let name = format!("mems-recorder-{}-{}.mems", std::process::id(), USED.fetch_add(1, Relaxed));
    std::env::temp_dir().join(name)
}

/// The file's bytes; it is removed.
fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

/// What `malloc` does with an alignment in calls from JavaScript and C: a quarantine is emptied if there is no room.
fn malloc_again(heap: &mut Mems, size: u64, alignment: u64) -> Result<u64, Error> {
    if alignment == 1 {
        return malloc(heap, size);
    }
    heap.malloc_aligned(size, alignment).or_else(|_| {
        malloc(heap, mems::heap::MAX_SIZE).unwrap_err();
        heap.malloc_aligned(size, alignment)
    })
}

/// Does again what a recording has, and compares every address. Returns how many events of each kind there were.
fn replay(reader: &Reader, heap: &mut Mems) -> [usize; 10] {
    let (mut counts, mut end, mut time) = ([0; 10], heap.end(), 0);
    for part in reader.parts() {
        let columns = part.chunk.columns().unwrap();
        for entry in columns.events() {
            let Entry { event, thread, stack, time: now } = entry.unwrap();
            assert!(now >= time, "time does not run back");
            time = now;
            assert_eq!((thread, stack), (0, 0));
            match event {
                Event::Malloc { address, size, alignment } => {
                    let made = malloc_again(heap, size, alignment);
                    assert_eq!(made, Ok(address), "{event:?}");
                }
                Event::Free { address } => heap.free(address).unwrap(),
                Event::Realloc { from, to, size, alignment } => {
                    assert_eq!(heap.realloc_aligned(from, size, Some(alignment)), Ok(to), "{event:?}");
                }
                Event::Grow { address, bytes } => {
                    assert_eq!(address, end.max(FIRST_ADDRESS), "growth follows growth");
                    end = address + bytes;
                }
                Event::Mark(text) => assert_eq!(text, "a mark"),
                Event::RefusedMalloc { size, alignment } => _ = malloc_again(heap, size, alignment).unwrap_err(),
                Event::Trim { .. } => _ = heap.trim(),
                _ => {}
            }
            assert!(heap.end() <= end, "growth was recorded before what needs it: {event:?}");
            counts[event.kind() as usize] += 1;
        }
    }
    assert_eq!(heap.end(), end, "growth without a call");
    counts
}

/// The statistics of a recording's end, without the bytes of bookkeeping, which depend on what has been refused as well, the high-water
/// marks of holes, which quick calls of segregated fit do not note, and events, which are counted where programs make their calls.
fn comparable(stats: &str) -> serde_json::Value {
    let mut stats: serde_json::Value = serde_json::from_str(stats).unwrap();
    stats["bytes"]["metadata"].take();
    stats["events"].take();
    for mark in ["metadata", "holes", "largestHole"] {
        stats["peak"][mark].take();
    }
    stats
}

/// The statistics of a heap, as a recording has them.
fn stats_of(heap: &mut Mems) -> serde_json::Value {
    let path = path();
    heap.snapshot(&path).unwrap();
    let bytes = read(&path);
    comparable(Reader::new(&bytes, false).unwrap().stats().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 32 } else { 1000 }, ..ProptestConfig::default() })]

    #[test]
    fn what_was_recorded_can_be_done_again(options in options(), program in prop::collection::vec(op(), 1..120)) {
        let (mut heap, mut live, path) = (Mems::new(options), Vec::new(), path());
        heap.start_recording(&path, Flags::USUAL).unwrap();
        run(&mut heap, &program, &mut live);
        let expected = heap.stats();
        let recorded = heap.stop_recording().unwrap();
        prop_assert_eq!(heap.stats(), expected, "recording leaves no trace in the heap");
        heap.verify().unwrap();
        let bytes = read(&path);
        prop_assert_eq!((recorded.bytes, recorded.missing), (bytes.len() as u64, 0));
        let reader = Reader::new(&bytes, false).unwrap();
        prop_assert_eq!(reader.operations(), recorded.operations);
        let mut again = Mems::new(options);
        let counts = replay(&reader, &mut again);
        again.verify().unwrap();
        prop_assert_eq!(counts[Kind::Mark as usize], program.iter().filter(|op| matches!(op, Op::Mark)).count());
        prop_assert_eq!(stats_of(&mut again), comparable(reader.stats().unwrap()));
        // The heap that was recorded and one that was not are alike afterwards as well.
        let mut plain = Mems::new(options);
        let mut others = Vec::new();
        run(&mut plain, &program, &mut others);
        prop_assert_eq!(&live, &others);
        run(&mut heap, &program, &mut live);
        run(&mut plain, &program, &mut others);
        prop_assert_eq!(&live, &others);
        heap.verify().unwrap();
    }

    #[test]
    fn a_snapshot_has_what_is_live(options in options(), program in prop::collection::vec(op(), 1..60)) {
        let (mut heap, mut live, path) = (Mems::new(options), Vec::new(), path());
        run(&mut heap, &program, &mut live);
        let before = heap.stats();
        let written = heap.snapshot(&path).unwrap();
        prop_assert_eq!(heap.stats(), before);
        let bytes = read(&path);
        prop_assert_eq!(written, bytes.len() as u64);
        let reader = Reader::new(&bytes, false).unwrap();
        prop_assert_eq!(reader.operations(), 0);
        let (mut blocks, mut mapped) = (Vec::new(), 0);
        for part in reader.parts() {
            let columns = part.chunk.columns().unwrap();
            for entry in columns.events() {
                match entry.unwrap().event {
                    Event::Main { bytes, .. } => mapped += bytes,
                    Event::Block { address, size, .. } => blocks.push((address, size)),
                    other => panic!("{other:?}"),
                }
            }
        }
        live.sort_unstable();
        let sizes: Vec<_> = live.iter().map(|&address| (address, heap.block_at(address).unwrap().size)).collect();
        prop_assert_eq!(blocks, sizes);
        prop_assert_eq!(mapped, heap.stats().mapped);
    }
}

#[test]
fn a_recording_that_begins_later_has_what_was_there_and_says_what_went_on() {
    for &policy in PolicyKind::ALL {
        let (mut heap, path) = (Mems::new(Options::default().with_policy(policy)), path());
        let first = heap.malloc(100).unwrap();
        let second = heap.malloc_aligned(200, 64).unwrap();
        heap.start_recording(&path, Flags { clock: false, stacks: false }).unwrap();
        assert_eq!(heap.start_recording(&path, Flags::USUAL), Err(Error::AlreadyRecording));
        heap.free(first).unwrap();
        heap.malloc(3 << 20).unwrap();
        heap.stop_recording().unwrap();
        assert_eq!(heap.stop_recording(), Err(Error::NotRecording));
        assert_eq!(heap.mark_recording(""), Err(Error::NotRecording));
        heap.free(second).unwrap();
        let bytes = read(&path);
        let reader = Reader::new(&bytes, false).unwrap();
        let (mut kinds, mut there) = (Vec::new(), Vec::new());
        for part in reader.parts() {
            for entry in part.chunk.columns().unwrap().events() {
                let event = entry.unwrap().event;
                kinds.push(event.kind());
                if let Event::Block { address, size, alignment } = event {
                    there.push((address, size, alignment));
                }
            }
        }
        assert_eq!(there, [(first, 100, 1), (second, 200, 64)], "{policy:?}");
        let mains = kinds.iter().filter(|&&kind| kind == Kind::Main).count();
        assert_eq!(kinds[mains..], [Kind::Block, Kind::Block, Kind::Free, Kind::Grow, Kind::Malloc], "{policy:?}");
    }
}

#[test]
fn a_refused_request_is_recorded_once_and_leaves_no_block() {
    for hardened in [false, true] {
        let options = Options::roomy().with_hardened(hardened).with_max_size(1 << 20).unwrap();
        let (mut heap, path) = (Mems::new(options), path());
        heap.start_recording(&path, Flags::USUAL).unwrap();
        let block = heap.malloc(1000).unwrap();
        heap.malloc(2 << 20).unwrap_err();
        heap.realloc(block, 2 << 20).unwrap_err();
        heap.malloc_many(&[10, 2 << 20], &mut [0; 2]).unwrap_err();
        heap.stop_recording().unwrap();
        let bytes = read(&path);
        let counts = replay(&Reader::new(&bytes, false).unwrap(), &mut Mems::new(options));
        assert_eq!((counts[Kind::Malloc as usize], counts[Kind::Free as usize]), (1, 0));
        assert_eq!(counts[Kind::RefusedMalloc as usize], 3);
    }
}

#[test]
fn a_batch_that_is_refused_late_leaves_nothing_but_a_refused_request() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let options = Options::roomy().with_policy(policy).with_max_size(8 << 20).unwrap();
        let (mut heap, path) = (Mems::new(options), path());
        heap.start_recording(&path, Flags::USUAL).unwrap();
        // More blocks than are made in one step, and at the end one for which there is no room.
        let mut sizes = vec![512; 4100];
        sizes.push(16 << 20);
        heap.malloc_many(&sizes, &mut vec![0; sizes.len()]).unwrap_err();
        heap.malloc(1 << 20).unwrap();
        let mut many = vec![0; 100];
        heap.malloc_many(&[100; 100], &mut many).unwrap();
        heap.free_many(&many).unwrap();
        heap.stop_recording().unwrap();
        let bytes = read(&path);
        let reader = Reader::new(&bytes, false).unwrap();
        let mut again = Mems::new(options);
        let counts = replay(&reader, &mut again);
        let [mallocs, frees] = [Kind::Malloc, Kind::Free].map(|kind| counts[kind as usize]);
        assert_eq!((mallocs, frees, counts[Kind::RefusedMalloc as usize]), (101, 100, 1), "{policy:?}");
        assert_eq!(stats_of(&mut again), comparable(reader.stats().unwrap()), "{policy:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_is_refused_at_once() {
    let mut heap = Mems::new(Options::roomy());
    for path in ["/dev/full", "/no/such/folder/file", "/"] {
        let failed = heap.start_recording(Path::new(path), Flags::USUAL).unwrap_err();
        assert_eq!(failed.code(), "ERR_MEMS_RECORDING");
        assert!(failed.to_string().contains(path), "{failed}");
        assert_eq!(heap.stop_recording(), Err(Error::NotRecording));
    }
}

#[test]
fn a_front_rests_while_its_heap_is_recorded_and_ends_at_the_next_call_of_its_thread() {
    let free: fn(&mut Mems, u64) = |heap, block| heap.free(block).unwrap();
    let malloc: fn(&mut Mems, u64) = |heap, _| _ = heap.malloc(8).unwrap();
    let refused: fn(&mut Mems, u64) = |heap, _| _ = heap.malloc(1 << 30).unwrap_err();
    for call in [free, malloc, refused] {
        let path = path();
        let options = Options::default().with_policy(PolicyKind::Segregated).with_max_size(1 << 20).unwrap();
        let mut heap = Mems::new(options);
        heap.publish();
        let block = heap.malloc(8).unwrap();
        let front = heap.front(0).expect("the heap has fronts").number;
        std::thread::scope(|scope| _ = scope.spawn(|| heap.start_recording(&path, Flags::USUAL).unwrap()));
        assert!(heap.front(0).is_none(), "no front begins");
        assert!(heap.front(front).is_some(), "only its own thread can end it");
        call(&mut heap, block);
        assert!(heap.front(front).is_none(), "it has ended");
        heap.stop_recording().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}

thread_local! {
    /// What a thread drops when it ends, after what it has used later.
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Makes a call when it is dropped.
struct AtEnd(Arc<Mutex<Mems>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.lock().unwrap().malloc(3).unwrap();
    }
}

#[test]
fn a_thread_has_no_number_of_one_before_it_that_was_ending() {
    let path = path();
    let heap = Arc::new(Mutex::new(Mems::new(Options::roomy())));
    heap.lock().unwrap().start_recording(&path, Flags::USUAL).unwrap();
    for size in [1, 2] {
        let heap = Arc::clone(&heap);
        let body = move || {
            if size == 1 {
                AT_END.set(Some(AtEnd(Arc::clone(&heap))));
            }
            (0..3).for_each(|_| _ = heap.lock().unwrap().malloc(size).unwrap());
        };
        std::thread::spawn(body).join().unwrap();
    }
    heap.lock().unwrap().stop_recording().unwrap();
    let file = read(&path);
    let reader = Reader::new(&file, false).unwrap();
    let mut mallocs = Vec::new();
    for part in reader.parts() {
        for entry in part.chunk.columns().unwrap().events() {
            if let Entry { event: Event::Malloc { size, .. }, thread, .. } = entry.unwrap() {
                mallocs.push((size, thread));
            }
        }
    }
    assert_eq!(mallocs, [(1, 0), (1, 0), (1, 0), (3, 1), (2, 2), (2, 2), (2, 2)]);
}
