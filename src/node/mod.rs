//! The Node-API binding: arguments in, results and errors out. No allocation logic, no raw memory but the buffers.
//!
//! - `hot.rs`: `malloc`, `get`, `free` and the look-up behind views, which find their arguments in shared memory (`slots.rs`),
//!   since they are called millions of times. `calls.rs`: the three with arguments, for all other cases; `bytes.rs`: realloc,
//!   copying and so on. Both are raw callbacks (`callback.rs`).
//! - `heaps.rs`, `inspect.rs`, `batch.rs`, `leaks.rs`: everything else by subject, as `#[napi]` functions.
//! - `arguments.rs`: sizes, addresses and options; over `js_value.rs`, one JavaScript value. `object.rs`: objects that calls return.
//! - `front.rs`: what JavaScript is shown of a heap, to make calls of it by itself.
//! - `failure.rs`: the one place where a Rust error, or a panic, becomes a JavaScript exception.
//! - `buffers/`: buffers over a heap's memory, and when the memory under a buffer may go.
//! - `stacks.rs`: stacks of calls, for heaps that track their allocations. `events.rs`: growth and the like. Over `functions.rs`, the
//!   functions of JavaScript that both call. `channels.rs`: has a thread hear of events once somebody subscribes to a channel.
//! - `waits.rs`: waiting for words of heaps in files. `syncs.rs`: writing such heaps to disk, in the background too.
//! - `owner.rs`: heaps that end with their thread.
//! - `recordings.rs`: files of recordings, for the command `mems`; over `typed_array.rs`.
//! - `maps.rs`: maps over the blocks of a heap.
//! - `library.rs`: the path of this addon, for FFI.

mod arguments;
mod batch;
mod buffers;
mod bytes;
mod callback;
mod calls;
mod channels;
mod events;
mod failure;
mod files;
mod front;
mod functions;
mod heaps;
mod hot;
mod inspect;
mod js_value;
mod leaks;
mod library;
mod maps;
mod object;
mod open_maps;
mod owner;
mod recorder;
mod recordings;
mod slots;
mod stacks;
mod syncs;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod typed_array;
mod waits;

use napi::Callback;
use napi::bindgen_prelude::{JsObjectValue, Object, Result};
use napi_derive::napi;

/// Fills the addon's exports, once for each thread (environment) that loads it.
#[napi(module_exports)]
fn register(mut exports: Object) -> Result<()> {
    failure::keep_panics_quiet();
    // The default heap belongs to the process, not to the thread that happens to load the addon, so the addon must not be unloaded
    // when a worker ends. (On ELF systems it is linked to stay; elsewhere this call keeps it.)
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    // The table of raw callbacks; `#[napi]` functions export themselves. A test compares both with what `lib` calls.
    let callbacks: [(_, Callback); 31] = [
        ("heapMalloc", calls::heap_malloc),
        ("heapAllocate", calls::heap_alloc),
        ("heapGet", calls::heap_get),
        ("heapFree", calls::heap_free),
        ("owns", calls::owns),
        ("makeCalls", hot::make_calls),
        ("captureStacks", stacks::capture_stacks),
        ("onEvents", events::on_events),
        ("listenTo", channels::listen_to),
        ("calloc", bytes::calloc),
        ("realloc", bytes::realloc),
        ("copy", bytes::copy),
        ("fill", bytes::fill),
        ("compare", bytes::compare),
        ("read", bytes::read),
        ("write", bytes::write),
        ("mapOpen", maps::map_open),
        ("mapGet", maps::map_get),
        ("mapSet", maps::map_set),
        ("mapCompareAndSet", maps::map_compare_and_set),
        ("mapIncrement", maps::map_increment),
        ("mapDelete", maps::map_delete),
        ("mapClear", maps::map_clear),
        ("mapList", maps::map_list),
        ("mapLease", maps::map_lease),
        ("mapSetLeased", maps::map_set_leased),
        ("mapGiveBack", maps::map_give_back),
        ("mapStats", maps::map_stats),
        ("mapNames", maps::map_names),
        ("beginWait", waits::begin_wait),
        ("endWait", waits::end_wait),
    ];
    callbacks.into_iter().try_for_each(|(name, callback)| exports.create_named_method(name, callback))
}
