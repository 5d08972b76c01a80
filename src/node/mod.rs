//! The Node-API binding: arguments in, results and errors out. No allocation logic, no raw memory but the buffers.
//!
//! - `slots.rs`: `malloc`, `get`, `free` and the look-up behind views without arguments, since these are called millions of
//!   times; `callbacks.rs`: the same with arguments, as raw callbacks; `bytes.rs`: realloc, copying and so on, likewise.
//! - `cold.rs`: everything else, as `#[napi]` functions.
//! - `convert.rs`: sizes, addresses and options; over `value.rs`, one JavaScript value.
//! - `failure.rs`: the one place where a Rust error, or a panic, becomes a JavaScript exception.
//! - `window.rs`: buffers over a heap's memory; `ending.rs` and `watch.rs`: when the memory
//!   under a buffer may go.
//! - `leaks.rs`: live blocks, listed a batch at a time.
//! - `trace.rs`: stacks of calls, for heaps that track their allocations.
//! - `owner.rs`: heaps that end with their thread.
//! - `library.rs`: the path of this addon, for FFI.

mod bytes;
mod callbacks;
mod cold;
mod convert;
mod ending;
mod failure;
#[cfg(feature = "floor")]
mod floor;
mod leaks;
mod library;
mod owner;
mod slots;
mod trace;
mod value;
mod watch;
mod window;

use napi::Callback;
use napi::bindgen_prelude::{JsObjectValue, Object, Result};
use napi_derive::napi;

/// Fills the addon's exports, once for each thread (environment) that loads it.
#[napi(module_exports)]
fn register(mut exports: Object) -> Result<()> {
    failure::keep_panics_quiet();
    // The default heap is the process's, not that of the thread that happens to load the addon: it must not be unloaded
    // when a worker ends. (On ELF systems it is linked so; elsewhere this does it.)
    napi::bindgen_prelude::retain_current_module_for_unload_safety();
    #[cfg(feature = "floor")]
    {
        exports.create_named_method("numberToBigInt", floor::number_to_bigint)?;
        exports.create_named_method("bigIntToBigInt", floor::bigint_to_bigint)?;
        exports.create_named_method("bigIntToUndefined", floor::bigint_to_undefined)?;
    }
    let callbacks: [(_, Callback); 14] = [
        ("heapMalloc", callbacks::heap_malloc),
        ("heapAlloc", callbacks::heap_alloc),
        ("heapGet", callbacks::heap_get),
        ("heapFree", callbacks::heap_free),
        ("owns", callbacks::owns),
        ("makeCalls", slots::make_calls),
        ("captureStacks", trace::capture_stacks),
        ("calloc", bytes::calloc),
        ("realloc", bytes::realloc),
        ("copy", bytes::copy),
        ("fill", bytes::fill),
        ("compare", bytes::compare),
        ("read", bytes::read),
        ("write", bytes::write),
    ];
    callbacks.into_iter().try_for_each(|(name, callback)| exports.create_named_method(name, callback))
}
