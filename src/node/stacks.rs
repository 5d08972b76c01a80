//! JavaScript stacks, for heaps that track their allocations.
//!
//! A stack is captured before the heap is locked, since that runs JavaScript, and noted together with the operation, under one
//! lock: another thread may get the same address as soon as it is free. A function of `lib/stacks.js` captures it (`functions.rs`). A
//! debugging aid makes no call fail: if the function throws, or returns anything but what `captureStacks` describes, the stack is
//! empty.
//!
//! A text crosses from JavaScript once: the function gives each stack a number, and returns it with the text the first time, and
//! alone from then on.
//!
//! Costs: a call into JavaScript, which takes most of the time; the memory of the texts to which the function has given numbers.

use super::failure::Failure;
use super::functions::{self, Functions};
use super::js_value::Value;
use crate::error::Error;
use crate::mems::{Mems, Stack, stacks as tracking, steps};
use crate::process::registry::{self, Handle, Id};
use napi::sys;
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::Ordering;

/// Most texts that are kept for one function, whatever numbers it gives them.
const MOST_KEPT: usize = 1 << 16;

thread_local! {
    /// The functions that capture stacks, each with the stacks that it knows, by the numbers that it gave them.
    static CAPTURES: RefCell<Functions<Vec<Stack>>> = const { RefCell::new(Functions::new()) };
}

/// `captureStacks(capture: () => string | number | [number, string]): undefined`
///
/// `capture` returns the stack of the running call: a text without a number; the number of a text; or a number and the text that
/// it stands for from now on, even if it stood for another. Numbers begin at 0, and a new one is one more than the highest.
pub(super) unsafe extern "C" fn capture_stacks(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs, of which the function is an argument.
    unsafe {
        super::callback::call(env, info, |[function], _| {
            CAPTURES.with_borrow_mut(|captures| captures.keep(env, "capture", function, let_go))
        })
    }
}

unsafe extern "C" fn let_go(env: *mut c_void) {
    // The hook runs on the environment's thread, whose list still exists unless the thread itself is ending.
    let _ = CAPTURES.try_with(|captures| captures.borrow_mut().let_go(env));
}

/// The stack of the running call, if the heap tracks allocations; `value` is any of the call's arguments.
#[inline]
pub(super) fn stack(id: Id, value: Value) -> Result<Option<Stack>, Failure> {
    // Until a heap has tracked allocations, no heap need be asked.
    if tracking::IN_USE.load(Ordering::Relaxed) { capture(id, value) } else { Ok(None) }
}

#[cold]
fn capture(id: Id, value: Value) -> Result<Option<Stack>, Failure> {
    if !registry::with_heap(id, |heap| Ok(heap.captures_stacks()))? {
        return Ok(None);
    }
    let env = value.env();
    // SAFETY: `env` is that of the running call.
    let function = CAPTURES.with_borrow(|captures| unsafe { captures.find(env) });
    // SAFETY: `env` is that of the running call, and the function a value of it. Nothing of the list is borrowed while it runs.
    let stack = function.and_then(|(name, function)| unsafe { read(name, functions::call(env, function, &[])?) });
    Ok(Some(stack.unwrap_or_else(|| "".into())))
}

/// The stack that `returned`, the result of a capturing function, stands for; `name` is the reference to the function.
fn read(name: sys::napi_ref, returned: Value) -> Option<Stack> {
    if let Some(number) = returned.number() {
        return with_kept(returned.env(), name, |kept| kept.get(index(number)?).cloned());
    }
    if let Some(text) = returned.long_string() {
        return Some(text.as_str().into());
    }
    let [number, text] = returned.pair()?;
    let stack = Stack::from(text.long_string()?.as_str());
    let number = index(number.number()?)?;
    with_kept(returned.env(), name, |kept| {
        if let Some(place) = kept.get_mut(number) {
            *place = stack.clone();
        } else if number == kept.len() && number < MOST_KEPT && kept.try_reserve(1).is_ok() {
            kept.push(stack.clone());
        }
        Some(())
    });
    Some(stack)
}

/// A JavaScript number as an index, if it is one.
fn index(number: f64) -> Option<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is compared with what it was")]
    let index = number as u32;
    (f64::from(index).to_bits() == number.to_bits()).then_some(index as usize)
}

/// Calls `action` with the stacks that are kept for a function, if the function still exists.
fn with_kept<T>(
    env: sys::napi_env,
    name: sys::napi_ref,
    action: impl FnOnce(&mut Vec<Stack>) -> Option<T>,
) -> Option<T> {
    CAPTURES.with_borrow_mut(|captures| action(captures.kept(env, name)?))
}

/// Notes where a block was allocated.
#[inline]
pub(super) fn note_malloc(heap: &mut Mems, address: u64, stack: Option<&Stack>) {
    if let Some(stack) = stack {
        heap.track_malloc(address, stack);
    }
}

/// Frees a block, and notes where it was freed.
#[inline]
pub(super) fn free(id: Id, address: u64, stack: Option<&Stack>) -> Result<(), Error> {
    let mut heap = Handle::new(id)?;
    steps::free(&mut heap, address, |heap| note_free(heap, address, stack)).map_err(|error| explained(id, error))
}

/// Notes where a block was freed.
#[inline]
pub(super) fn note_free(heap: &mut Mems, address: u64, stack: Option<&Stack>) {
    if let Some(stack) = stack {
        heap.track_free(address, stack);
    }
}

/// `error`, with what a heap knows of the block at its address.
pub(super) fn explained(id: Id, error: Error) -> Error {
    if !tracking::IN_USE.load(Ordering::Relaxed) {
        return error;
    }
    let mut explained = None;
    let _ = registry::with_heap(id, |heap| {
        explained = Some(heap.explain(error.clone()));
        Ok(())
    });
    explained.unwrap_or(error)
}
