//! The C ABI, called as C calls it: codes and messages, C's conventions about zeros, one last error for each thread.

use mems::c::{
    Block, Code, Options, Stats, mems_finish, mems_free, mems_get, mems_heap_aligned, mems_heap_block,
    mems_heap_calloc, mems_heap_close, mems_heap_free, mems_heap_get, mems_heap_malloc, mems_heap_open,
    mems_heap_realloc, mems_heap_stats, mems_heap_trim, mems_heap_verify, mems_init, mems_last_error,
    mems_last_error_message, mems_malloc, mems_version,
};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{null, null_mut};

/// A heap that is closed at the end of its test.
struct Heap(u64);

impl Heap {
    fn open(options: Options) -> Self {
        // SAFETY: a pointer to options.
        let heap = unsafe { mems_heap_open(&raw const options) };
        assert_ne!(heap, 0, "{}", message());
        Self(heap)
    }

    fn malloc(&self, size: u64) -> u64 {
        let address = mems_heap_malloc(self.0, size);
        assert_ne!(address, 0, "{}", message());
        address
    }

    fn bytes(&self, address: u64) -> *mut u8 {
        let pointer = mems_heap_get(self.0, address);
        assert!(!pointer.is_null(), "{}", message());
        pointer.cast()
    }

    fn block(&self, address: u64) -> Block {
        let mut block = Block::default();
        // SAFETY: a place for a block.
        assert_eq!(unsafe { mems_heap_block(self.0, address, &raw mut block) }, 0, "{}", message());
        block
    }

    fn stats(&self) -> mems::heap::Stats {
        let mut stats = Stats::default();
        // SAFETY: a place for statistics.
        assert_eq!(unsafe { mems_heap_stats(self.0, &raw mut stats) }, 0, "{}", message());
        stats.found
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        assert_eq!(mems_heap_verify(self.0), 0);
        assert_eq!(mems_heap_close(self.0), 0);
    }
}

fn message() -> String {
    // SAFETY: a string that ends with a zero, copied at once.
    unsafe { CStr::from_ptr(mems_last_error_message()) }.to_str().unwrap().to_owned()
}

/// Asserts that the last call failed with this code and message.
fn assert_failed(code: Code, text: &str) {
    assert_eq!(mems_last_error(), code as c_int, "{}", message());
    assert!(message().contains(text), "{}", message());
}

/// The only test of the default heap, of which there is one.
#[test]
fn the_default_heap_is_the_seed_s() {
    assert_eq!((mems_malloc(8), mems_get(1000)), (0, null_mut::<c_void>()));
    assert_failed(Code::NotInitialized, "Call mems_init()");
    assert_eq!(mems_finish(), Code::NotInitialized as c_int);
    assert_eq!((mems_init(), mems_init()), (0, 0));
    assert_eq!((mems_malloc(1000), mems_malloc(3), mems_malloc(5000)), (1000, 2000, 5096));
    assert_eq!(mems_get(1004).addr(), mems_get(1000).addr() + 4);
    assert_eq!(mems_get(2001), mems_heap_get(0, 2001));
    assert_eq!(mems_free(1500), Code::NotBlockStart as c_int);
    assert_failed(Code::NotBlockStart, "1500 is inside the block 1000..1999. Pass the block's start, 1000");
    assert_eq!((mems_free(1000), mems_free(1000)), (0, Code::NotAllocated as c_int));
    assert_eq!(mems_heap_close(0), Code::InvalidArgument as c_int);
    assert_failed(Code::InvalidArgument, "mems_finish()");
    assert_eq!((mems_heap_verify(0), mems_finish()), (0, 0));
    assert_eq!((mems_init(), mems_malloc(8), mems_finish()), (0, 1000, 0));
}

#[test]
fn blocks_are_found_resized_and_freed() {
    let heap = Heap::open(Options::default());
    let first = heap.malloc(100);
    assert_eq!(heap.block(first + 111), Block { start: first, size: 100, usable: 112 });
    let guard = heap.malloc(1);
    // SAFETY: the block's own bytes.
    unsafe { heap.bytes(first).write_bytes(7, 100) };
    let moved = mems_heap_realloc(heap.0, first, 5000);
    assert!(moved > guard, "the guard stands in its way");
    for offset in 0..100 {
        // SAFETY: the moved block's own bytes.
        assert_eq!(unsafe { heap.bytes(moved + offset).read() }, 7);
    }
    // SAFETY: a null pointer is refused.
    assert_eq!(unsafe { mems_heap_block(heap.0, first, null_mut()) }, Code::NotAllocated as c_int);
    let zeros = mems_heap_calloc(heap.0, 10, 10);
    assert_eq!(zeros, first, "first fit");
    // SAFETY: the new block's own byte.
    assert_eq!(unsafe { heap.bytes(zeros + 99).read() }, 0, "though it held sevens");
    let page = mems_heap_aligned(heap.0, 1, 4096);
    assert_eq!(heap.bytes(page).addr() % 4096, 0);
    let huge = mems_heap_aligned(heap.0, 1, 1 << 21);
    let behind = mems_heap_aligned(heap.0, 1, 16);
    let huge = mems_heap_realloc(heap.0, huge, 3 << 20);
    assert_eq!(heap.bytes(huge).addr() % (1 << 21), 0);
    for address in [huge, behind] {
        assert_eq!(mems_heap_free(heap.0, address), 0);
    }
    let stats = heap.stats();
    assert_eq!((stats.live_blocks, stats.requested), (4, 1 + 5000 + 100 + 1));
    assert_eq!(stats.live + stats.hole_bytes, stats.mapped);
    for address in [guard, moved, zeros, page] {
        assert_eq!(mems_heap_free(heap.0, address), 0);
    }
    let mut bytes = 0;
    // SAFETY: a place for a number, and none.
    let codes = unsafe { (mems_heap_trim(heap.0, &raw mut bytes), mems_heap_trim(heap.0, null_mut())) };
    assert_eq!(codes, (0, 0));
    assert!(bytes > 0);
}

#[test]
fn zero_is_what_null_is_in_c() {
    let heap = Heap::open(Options::default());
    assert_eq!(mems_heap_free(heap.0, 0), 0);
    let block = mems_heap_realloc(heap.0, 0, 48);
    assert_eq!(heap.block(block).size, 48);
    assert_eq!(mems_heap_malloc(heap.0, 0), 0);
    assert_failed(Code::InvalidSize, "Received 0");
    assert_eq!(mems_heap_realloc(heap.0, block, 0), 0);
    assert_failed(Code::InvalidSize, "Received 0");
    assert_eq!(heap.block(block).size, 48, "a failed realloc leaves the block");
}

#[test]
fn mistakes_are_reported_and_change_nothing() {
    let heap = Heap::open(Options { max_size: 1 << 20, ..Options::default() });
    let block = heap.malloc(64);
    let before = heap.stats();
    let refused: [(&dyn Fn() -> u64, Code, &str); 8] = [
        (&|| mems_heap_malloc(heap.0, 1 << 53), Code::InvalidSize, "Received 9007199254740992"),
        (&|| mems_heap_malloc(heap.0, u64::MAX), Code::InvalidSize, "Received 18446744073709551615"),
        (&|| mems_heap_malloc(heap.0, 2 << 20), Code::OutOfMemory, "maxSize of 1048576"),
        (&|| mems_heap_calloc(heap.0, u64::MAX, u64::MAX), Code::InvalidSize, "times"),
        (&|| mems_heap_aligned(heap.0, 8, 3), Code::InvalidAlignment, "a power of two"),
        (&|| mems_heap_aligned(heap.0, 8, 1 << 22), Code::InvalidAlignment, "from 1 to 2097152"),
        (&|| mems_heap_realloc(heap.0, block + 16, 8), Code::NotBlockStart, "Pass the block's start"),
        (&|| mems_heap_malloc(u64::MAX, 8), Code::UnknownHeap, "mems_heap_open()"),
    ];
    for (call, code, text) in refused {
        assert_eq!(call(), 0);
        assert_failed(code, text);
    }
    assert_eq!(mems_heap_free(heap.0, u64::MAX), Code::OutOfRange as c_int);
    assert_failed(Code::OutOfRange, "18446744073709551615 is outside every main block");
    // SAFETY: null pointers are refused.
    let codes = unsafe { (mems_heap_block(heap.0, block, null_mut()), mems_heap_stats(heap.0, null_mut())) };
    assert_eq!(codes, (Code::InvalidArgument as c_int, Code::InvalidArgument as c_int));
    assert_failed(Code::InvalidArgument, "stats must not be NULL");
    assert_eq!(heap.stats(), mems::heap::Stats { failed_mallocs: 1, ..before }, "one of them wanted too much memory");
}

#[test]
fn options_are_zeros_until_they_are_chosen() {
    // SAFETY: null stands for the defaults.
    let heap = Heap(unsafe { mems_heap_open(null()) });
    heap.malloc(1);
    assert_eq!((heap.stats().mapped, heap.stats().live), (65536, 16));
    let exact = Heap::open(Options { alignment: 1, min_block_size: 1, growing_blocks: -1, ..Options::default() });
    exact.malloc(1);
    assert_eq!((exact.stats().mapped, exact.stats().live), (4096, 1));
    let refused = [
        (Options { alignment: 32, ..Options::default() }, Code::InvalidAlignment, "must be 1 or 16"),
        (Options { max_size: 1 << 53, ..Options::default() }, Code::InvalidSize, "Received 9007199254740992"),
        (Options { max_size: 4095, ..Options::default() }, Code::InvalidSize, "Received 4095"),
        (
            Options { min_block_size: u64::MAX, ..Options::default() },
            Code::InvalidSize,
            "Received 18446744073709551615",
        ),
        (Options { policy: 99, ..Options::default() }, Code::InvalidArgument, "policy"),
    ];
    let reserved = (0..Options::default().reserved.len()).map(|at| {
        let mut options = Options::default();
        options.reserved[at] = 1;
        (options, Code::InvalidArgument, "reserved")
    });
    for (options, code, text) in refused.into_iter().chain(reserved) {
        // SAFETY: a pointer to options.
        assert_eq!(unsafe { mems_heap_open(&raw const options) }, 0);
        assert_failed(code, text);
    }
}

#[test]
fn structs_need_not_be_aligned() {
    let heap = Heap::open(Options::default());
    let block = heap.malloc(24);
    let mut room = [0_u8; 25];
    // SAFETY: there is room for a block behind the first byte.
    assert_eq!(unsafe { mems_heap_block(heap.0, block, room[1..].as_mut_ptr().cast()) }, 0);
    assert_eq!(room[1..9], block.to_ne_bytes());
}

#[test]
fn a_closed_heap_is_closed_and_its_id_is_never_another_s() {
    let heap = Heap::open(Options::default());
    let closed = heap.0;
    drop(heap);
    let next = Heap::open(Options::default());
    assert_ne!(next.0, closed);
    assert_eq!(mems_heap_close(closed), Code::Closed as c_int);
    assert_eq!(mems_heap_verify(closed), Code::Closed as c_int);
}

#[test]
fn threads_share_heaps_and_have_errors_of_their_own() {
    let heap = Heap::open(Options::default());
    assert_eq!(mems_heap_aligned(heap.0, 8, 3), 0);
    let id = heap.0;
    let made: Vec<u64> = std::thread::scope(|scope| {
        let work = move || {
            assert_eq!((mems_last_error(), message()), (0, String::new()), "a new thread has had no error");
            let made: Vec<u64> = (1..500).map(|size| mems_heap_malloc(id, size)).collect();
            for &address in made.iter().step_by(2) {
                assert_eq!(mems_heap_free(id, address), 0);
            }
            assert_eq!(mems_heap_malloc(id, 0), 0);
            assert_failed(Code::InvalidSize, "Received 0");
            made.into_iter().skip(1).step_by(2).collect::<Vec<u64>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_failed(Code::InvalidAlignment, "Received 3");
    assert_eq!(heap.stats().live_blocks, made.len() as u64);
    for address in made {
        assert_eq!(mems_heap_free(id, address), 0);
    }
}

#[test]
fn the_version_is_the_package_s() {
    // SAFETY: a string that lasts.
    let version = unsafe { CStr::from_ptr(mems_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
