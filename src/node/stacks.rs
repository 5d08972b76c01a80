//! JavaScript stacks, for heaps that track their allocations.
//!
//! A stack is captured before the heap is locked, since that runs JavaScript, and noted together with the operation, under one
//! lock: another thread may get the same address as soon as it is free. A function of `lib/stacks.js` captures it. Each copy of
//! the package in an environment has one: a vm context may have its own, which must not keep the context alive, so the references
//! are weak. A debugging aid makes no call fail: if the function throws, or returns anything but what `captureStacks` describes,
//! the stack is empty.
//!
//! A text crosses from JavaScript once: the function gives each stack a number, and returns it with the text the first time, and
//! alone from then on.
//!
//! Costs: a call into JavaScript, which takes most of the time; the memory of the texts to which the function has given numbers.

use super::failure::Failure;
use super::js_value::{Value, check};
use crate::error::Error;
use crate::mems::{Mems, Stack, stacks as tracking, steps};
use crate::process::registry::{self, Handle, Id};
use napi::{ValueType, sys};
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

/// Most texts that are kept for one function, whatever numbers it gives them.
const MOST_KEPT: usize = 1 << 16;

/// The functions that capture stacks in one environment.
struct Captures {
    env: sys::napi_env,
    /// The last of these that still exists is called.
    functions: Vec<Capture>,
}

/// A function that captures stacks.
struct Capture {
    /// A weak reference to the function.
    function: sys::napi_ref,
    /// The stacks that the function knows, by the numbers that it gave them.
    kept: Vec<Stack>,
}

thread_local! {
    /// The environments of this thread, mostly one.
    static CAPTURES: RefCell<Vec<Captures>> = const { RefCell::new(Vec::new()) };
}

/// `captureStacks(capture: () => string | number | [number, string]): undefined`
///
/// `capture` returns the stack of the running call: a text without a number; the number of a text; or a number and the text that
/// it stands for from now on, even if it stood for another. Numbers begin at 0, and a new one is one more than the highest.
pub(super) unsafe extern "C" fn capture_stacks(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs.
    unsafe { super::callback::call(env, info, |[function], _| keep(env, function)) }
}

/// Makes `function` capture the stacks in `env` from now on, as long as something else keeps it alive.
///
/// # Safety
/// `env` must be the environment of the running callback, and `function` a value of it.
unsafe fn keep(env: sys::napi_env, function: Value) -> Result<(), Failure> {
    if function.kind() != ValueType::Function {
        let (name, expected) = ("capture", "a function");
        return Err(Failure::ArgumentType { name, expected, received: function.described() });
    }
    CAPTURES.with_borrow_mut(|captures| {
        let at = if let Some(at) = captures.iter().position(|of| of.env == env) {
            at
        } else {
            captures.try_reserve(1).map_err(no_room)?;
            // SAFETY: the caller vouches for `env`, for which this is done once; the hook is given nothing but its address and
            // stays loaded, as this library.
            check(unsafe { sys::napi_add_env_cleanup_hook(env, Some(let_go), env.cast()) })?;
            captures.push(Captures { env, functions: Vec::new() });
            captures.len() - 1
        };
        let functions = &mut captures[at].functions;
        functions.retain(|&Capture { function, .. }| {
            // SAFETY: the caller vouches for `env`, whose references these are; those that are deleted are not in the list any more.
            unsafe {
                value_of(env, function).is_some() || sys::napi_delete_reference(env, function) != sys::Status::napi_ok
            }
        });
        functions.try_reserve(1).map_err(no_room)?;
        let mut reference = ptr::null_mut();
        // SAFETY: the caller vouches for both.
        check(unsafe { sys::napi_create_reference(env, function.raw(), 0, &raw mut reference) })?;
        functions.push(Capture { function: reference, kept: Vec::new() });
        Ok(())
    })
}

/// The error when there is no memory to keep another function.
fn no_room<E>(_: E) -> Failure {
    Error::OutOfMetadata { size: 0 }.into()
}

/// The value that a weak reference refers to, if it still exists.
///
/// # Safety
/// `env` must be the environment of the running callback, and `reference` one of it.
unsafe fn value_of(env: sys::napi_env, reference: sys::napi_ref) -> Option<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: the caller vouches for both.
    let status = unsafe { sys::napi_get_reference_value(env, reference, &raw mut value) };
    (status == sys::Status::napi_ok && !value.is_null()).then_some(value)
}

/// Forgets an environment that ends; the runtime deletes its references.
unsafe extern "C" fn let_go(env: *mut c_void) {
    // The hook runs on the environment's thread, whose list still exists unless the thread itself is ending.
    let _ = CAPTURES.try_with(|captures| captures.borrow_mut().retain(|of| of.env.cast() != env));
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
    let function = CAPTURES.with_borrow(|captures| {
        let of = captures.iter().find(|of| of.env == env)?;
        of.functions.iter().rev().find_map(|of| {
            // SAFETY: `env` is that of the running call, and the references are of it.
            unsafe { value_of(env, of.function) }.map(|function| (of.function, function))
        })
    });
    // SAFETY: `env` is that of the running call, and the function a value of it. Nothing of the list is borrowed while it runs.
    let stack = function.and_then(|(name, function)| unsafe { read(name, call(env, function)?) });
    Ok(Some(stack.unwrap_or_else(|| "".into())))
}

/// Calls a function and returns its result. An exception that it throws is cleared.
///
/// # Safety
/// `env` must be the environment of the running callback, and `function` a value of it; the lifetime chosen must end with the
/// callback.
unsafe fn call<'call>(env: sys::napi_env, function: sys::napi_value) -> Option<Value<'call>> {
    let (mut receiver, mut returned) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller vouches for both; each value is one of `env` that was just read or made.
    unsafe {
        check(sys::napi_get_undefined(env, &raw mut receiver)).ok()?;
        let status = sys::napi_call_function(env, receiver, function, 0, ptr::null(), &raw mut returned);
        if status != sys::Status::napi_ok {
            let (mut pending, mut thrown) = (false, ptr::null_mut());
            sys::napi_is_exception_pending(env, &raw mut pending);
            if pending {
                sys::napi_get_and_clear_last_exception(env, &raw mut thrown);
            }
            return None;
        }
        Some(Value::new(env, returned))
    }
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
    CAPTURES.with_borrow_mut(|captures| {
        let of = captures.iter_mut().find(|of| of.env == env)?;
        action(&mut of.functions.iter_mut().find(|of| of.function == name)?.kept)
    })
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
