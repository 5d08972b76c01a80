//! `src/heap` by itself, as WebAssembly: one heap, and what its calls return as numbers. `npm run check:wasm` builds and runs it.

#![allow(dead_code, reason = "a heap has more than is called here")]

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/heap/mod.rs"]
mod heap;
#[path = "../../src/page.rs"]
mod page;
#[path = "../../src/table.rs"]
mod table;

use heap::{Heap, Options, PolicyKind};
use std::cell::RefCell;

thread_local! {
    static HEAP: RefCell<Heap> = RefCell::new(Heap::new(Options::default()));
}

/// Starts a new heap with the policy of a number. Returns 1, or 0 if there is none of that number.
#[unsafe(no_mangle)]
pub extern "C" fn init(policy: u32) -> u32 {
    let Some(policy) = PolicyKind::from_value(policy) else { return 0 };
    HEAP.set(Heap::new(Options::default().with_policy(policy)));
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
        address.ok().flatten().unwrap_or(0)
    })
}

/// Frees. Returns 1, or 0 if no block starts at the address.
#[unsafe(no_mangle)]
pub extern "C" fn free(address: u64) -> u32 {
    HEAP.with_borrow_mut(|heap| heap.free(address).is_ok().into())
}

/// Checks the heap. Returns the number of its lines of `printStats`, or 0 if something is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn verify() -> u32 {
    HEAP.with_borrow(|heap| {
        let lines = heap.verify().map_or(0, |()| heap.lines().map_or(0, |lines| lines.len()));
        u32::try_from(lines).unwrap_or(0)
    })
}
