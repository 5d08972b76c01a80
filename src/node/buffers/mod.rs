//! Buffers over a heap's memory: `span.rs` makes them, `ending.rs` and `watch.rs` decide when the memory under one may be
//! released. This file has the functions that JavaScript calls.

mod ending;
pub(super) mod span;
mod watch;

use super::arguments::{self, argument, id};
use super::failure::run;
use crate::process::registry;
use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::sync::Arc;

/// The buffer round an address, and where in it the address lies.
#[napi(object)]
pub struct BufferSpan<'a> {
    /// An external `SharedArrayBuffer` or `ArrayBuffer` over a buffer span of the region.
    pub buffer: Unknown<'a>,
    /// The offset of the buffer span in `buffer`: the bytes before it mean nothing.
    pub start: f64,
    /// The offset of the address in `buffer`.
    pub offset: f64,
    /// The lowest name that a buffer span of the heap can have: lower names are of heaps that have ended.
    pub first_name: f64,
}

/// A new buffer over the buffer span round a virtual address inside a live block or, if `length` is not 0, over `length` bytes
/// from there: a `SharedArrayBuffer` if `shared` says so and the runtime can make one. Internal: it may reach past the block.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "offsets and names are below 2^53")]
pub fn buffer_span<'env>(
    env: Env,
    heap: Unknown,
    address: Unknown,
    length: Unknown,
    shared: Unknown,
) -> Result<BufferSpan<'env>> {
    run(env, || {
        let id = id(env, &heap)?;
        let address = arguments::address(id, argument(env, &address))?;
        let length = arguments::length("length", argument(env, &length))?;
        // By default this makes the kind of buffer that every function takes.
        let shared = argument(env, &shared).boolean().unwrap_or(false);
        let (span, range, first) = registry::look_at_heap(id, |heap| {
            let span = heap.span(address, length)?;
            let (mapping, offset) = (span.mapping(), span.offset());
            let range = if length == 0 {
                span::around(mapping, offset, heap.place(address)?.used)
            } else {
                (offset, span.bytes())
            };
            // Under the lock, so that the heap cannot end meanwhile.
            mapping.promise(range.0 + range.1);
            // The first of a heap's mappings is the oldest.
            let first = heap.spans().first().map_or(0, |span| span::first_name(span.mapping().serial()));
            Ok((span, range, first))
        })?;
        let (mapping, offset) = (span.mapping(), span.offset());
        // SAFETY: `env` is this call's own.
        let (buffer, start) = unsafe { span::buffer(env.raw(), Arc::clone(mapping), range, shared) }?;
        // SAFETY: `buffer` is a value of `env`, just made.
        let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
        let offset = (start + offset - range.0) as f64;
        Ok(BufferSpan { buffer, start: start as f64, offset, first_name: first as f64 })
    })
}

/// Records that this thread, a worker, ends before the process does.
#[napi]
pub fn thread_ends() {
    watch::thread_ends();
}

/// Whether this runtime can make a `SharedArrayBuffer` over native memory.
#[napi]
#[must_use]
pub fn can_share() -> bool {
    span::can_share()
}
