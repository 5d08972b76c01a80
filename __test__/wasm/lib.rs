//! `src/heap` and `src/recording` by themselves, as WebAssembly: one heap, what its calls return as numbers, and a recording of them.
//! `npm run check:wasm` builds and runs it.

#![allow(dead_code, reason = "a heap has more than is called here")]

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/heap/mod.rs"]
mod heap;
#[path = "../../src/page.rs"]
mod page;
#[path = "../../src/recording/mod.rs"]
mod recording;
#[path = "../../src/table.rs"]
mod table;

use heap::{Heap, Options, PolicyKind};
use recording::{Encoder, Event, Fault, Flags, Reader, Writer};
use std::cell::RefCell;

thread_local! {
    static HEAP: RefCell<Heap> = RefCell::new(Heap::new(Options::default()));
    static EVENTS: RefCell<Encoder> = RefCell::new(Encoder::new(Flags::default()).expect("there is memory"));
    /// The bytes of the last recording.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn record(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push(event, 0, 0, || 0)).expect("a chunk has room for all calls");
}

/// Starts a new heap with the policy of a number, and a recording. Returns 1, or 0 if there is none of that number.
#[unsafe(no_mangle)]
pub extern "C" fn init(policy: u32) -> u32 {
    let Some(policy) = PolicyKind::from_value(policy) else { return 0 };
    HEAP.set(Heap::new(Options::default().with_policy(policy)));
    EVENTS.with_borrow_mut(Encoder::clear);
    1
}

/// Allocates. Returns the address, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: u64) -> u64 {
    HEAP.with_borrow_mut(|heap| {
        let mut address = heap.malloc(size);
        if matches!(address, Ok(None)) && heap.release_spare() {
            address = heap.malloc(size);
        }
        if let Ok(None) = address {
            let whole = heap.block_size(heap.room_for(size, 1));
            // An empty last block need only grow.
            let bytes = whole - heap.growing_block().min(whole);
            if heap.reserve_block(bytes).is_err() {
                return 0;
            }
            let hole = heap.append_block(bytes, false);
            address = heap.malloc_in_new_block(hole, size, 1, |_| Ok(()));
        }
        let address = address.ok().flatten().unwrap_or(0);
        record(Event::Malloc { address, size, alignment: 1 });
        address
    })
}

/// Frees. Returns 1, or 0 if no block starts at the address.
#[unsafe(no_mangle)]
pub extern "C" fn free(address: u64) -> u32 {
    let is_freed = HEAP.with_borrow_mut(|heap| heap.free(address).is_ok());
    if is_freed {
        record(Event::Free { address });
    }
    is_freed.into()
}

/// Checks the heap. Returns the number of its lines of `printStats`, or 0 if something is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn verify() -> u32 {
    HEAP.with_borrow(|heap| {
        let lines = heap.verify().map_or(0, |()| heap.lines().map_or(0, |lines| lines.len()));
        u32::try_from(lines).unwrap_or(0)
    })
}

/// Ends the recording. Returns the number of its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn end_recording() -> usize {
    let write = || {
        let mut writer = Writer::new(Vec::new(), Flags::default(), "{}")?;
        EVENTS.with_borrow(|events| writer.chunk(events))?;
        writer.end("{}")
    };
    let bytes: std::io::Result<_> = write();
    BYTES.set(bytes.unwrap_or_default());
    BYTES.with_borrow(Vec::len)
}

/// The place of the recording's bytes, until the next one ends.
#[unsafe(no_mangle)]
pub extern "C" fn recording_bytes() -> *const u8 {
    BYTES.with_borrow(Vec::as_ptr)
}

/// Reads the recording. Returns the sum of its addresses, those of frees subtracted, or 0 if it cannot be read.
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_recording() -> u64 {
    let add = |sum: u64, event: Event| match event {
        Event::Malloc { address, .. } => sum.wrapping_add(address),
        Event::Free { address } => sum.wrapping_sub(address),
        _ => sum,
    };
    BYTES
        .with_borrow(|bytes| {
            let reader = Reader::new(bytes, false)?;
            reader.parts().iter().try_fold(0, |sum, part| {
                let columns = part.chunk.columns()?;
                columns.events().try_fold(sum, |sum, entry| Ok::<_, Fault>(add(sum, entry?.event)))
            })
        })
        .unwrap_or(0_u64)
}
