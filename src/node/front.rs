//! Fronts: what JavaScript is shown of a heap, so that it takes and frees blocks of it without a call (`lib/front.js`).

use super::buffers::span;
use super::failure::run;
use super::heaps::id;
use crate::heap::FIRST_ADDRESS;
use crate::memory::LEAD;
use crate::mems::front::Shown;
use crate::process::registry;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::sync::Arc;

/// The memory of a front.
#[napi(object)]
pub struct FrontMemory<'env> {
    /// An `ArrayBuffer` over the words and the states.
    pub buffer: Unknown<'env>,
    /// Where the words begin in it.
    pub start: u32,
    /// Bytes from there to the first state.
    pub lead: u32,
    /// Bytes from the first word to the end of the buffer.
    pub length: f64,
    /// A physical address minus its virtual one, in the heap's first region.
    pub distance: BigInt,
}

/// The memory of a heap's front, which is made if there is none; `null` if the heap has none.
#[napi]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "below 2^32")]
pub fn front<'env>(env: &'env Env, heap: Unknown) -> Result<Option<FrontMemory<'env>>> {
    run(*env, || {
        let shown = registry::with_heap(id(*env, &heap)?, |heap| Ok(heap.front()))?;
        let Some(Shown { mapping, bytes, physical }) = shown else { return Ok(None) };
        let (_, length) = span::around(&mapping, 0, bytes);
        // SAFETY: `env` is this call's own.
        let (buffer, start) = unsafe { span::buffer(env.raw(), Arc::clone(&mapping), (0, length), false) }?;
        // SAFETY: `buffer` is a value of `env`, just made.
        let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
        Ok(Some(FrontMemory {
            buffer,
            start: start as u32,
            lead: LEAD as u32,
            length: length as f64,
            distance: (physical - FIRST_ADDRESS).into(),
        }))
    })
}

/// Ends the front of a heap, and lets every thread use the heap.
#[napi]
pub fn publish(env: Env, heap: Unknown) -> Result<()> {
    run(env, || {
        registry::with_heap(id(env, &heap)?, |heap| {
            heap.publish();
            Ok(())
        })?;
        Ok(())
    })
}

/// Bytes of a slot of each size class.
#[napi]
#[must_use]
pub fn size_classes() -> Vec<u32> {
    crate::heap::size_classes().collect()
}
