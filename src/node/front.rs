//! Fronts: what JavaScript is shown of a heap, so that it takes and frees blocks of it without a call (`lib/front.js`).

use super::arguments::{self, argument, id};
use super::buffers::span;
use super::failure::{Failure, run};
use super::owner;
use crate::heap::FIRST_ADDRESS;
use crate::memory::{LEAD, Mapping};
use crate::mems::front::Shown;
use crate::process::registry;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::sync::Arc;

/// A front and its memory.
#[napi(object)]
pub struct FrontMemory<'env> {
    /// What JavaScript names the front by.
    pub number: u32,
    /// Whether other threads may use the heap.
    pub is_shared: bool,
    /// An `ArrayBuffer` over the words, if the front is new.
    pub words: Option<Unknown<'env>>,
    /// Where the words begin in it.
    pub words_start: u32,
    /// An `ArrayBuffer` over the states.
    pub states: Unknown<'env>,
    /// Where the states begin in it.
    pub states_start: u32,
    /// How many states JavaScript may look at, counted as its units are.
    pub length: f64,
    /// A physical address minus its virtual one, in the heap's first region.
    pub distance: BigInt,
}

/// A buffer over the first bytes of a mapping, and where they begin in it.
fn buffer_over(env: &Env, mapping: Arc<Mapping>, bytes: usize) -> std::result::Result<(Unknown<'_>, u32), Failure> {
    // SAFETY: `env` is that of the running call.
    let (buffer, start) = unsafe { span::buffer(env.raw(), mapping, (0, bytes), false) }?;
    // SAFETY: `buffer` is a value of `env`, just made.
    let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
    #[allow(clippy::cast_possible_truncation, reason = "a page or two")]
    Ok((buffer, start as u32))
}

/// The front of a heap that has a number, or a new one of this thread if the number is 0; `null` if there is none.
#[napi]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "below 2^32")]
pub fn front<'env>(env: &'env Env, heap: Unknown, number: Unknown) -> Result<Option<FrontMemory<'env>>> {
    run(*env, || {
        let id = id(*env, &heap)?;
        let number = argument(*env, &number).number().and_then(arguments::whole).unwrap_or(0);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        // SAFETY: `env` is this call's own.
        unsafe { owner::reserve(env.raw()) }?;
        // Heaps in files have none, and are not waited for.
        let shown = registry::look_at_heap(id, |heap| Ok(heap.front(number)))?;
        let Some(Shown { number, is_shared, words, states, count, physical }) = shown else { return Ok(None) };
        if words.is_some() {
            owner::own_front(id);
        }
        let words = words.map(|mapping| buffer_over(env, mapping, LEAD)).transpose()?;
        let (_, length) = span::around(&states, 0, LEAD as u64 + count);
        let (states, start) = buffer_over(env, states, length)?;
        Ok(Some(FrontMemory {
            number,
            is_shared,
            words: words.map(|words| words.0),
            words_start: words.map_or(0, |words| words.1),
            states,
            states_start: start + LEAD as u32,
            length: count as f64,
            distance: (physical - FIRST_ADDRESS).into(),
        }))
    })
}

/// Lets every thread use a heap. If only this thread has, ends its front.
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

/// Ends this thread's front of a heap.
#[napi]
pub fn end_front(env: Env, heap: Unknown) -> Result<()> {
    run(env, || {
        registry::with_heap(id(env, &heap)?, |heap| {
            heap.end_front();
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
