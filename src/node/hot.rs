//! What is called by the million, as raw Node-API callbacks: malloc and free, and the look-up behind every view.
//!
//! A `#[napi]` function with arguments costs some 70 ns more a call (it keeps a borrow scope), which is several times
//! the work done here. Each callback reads its arguments, holds the lock for the heap's operation alone, and makes the
//! result after the lock is gone.
//!
//! `malloc`, `get` and `free` are the default heap's; `heapMalloc` and so on take a heap's id first.

use super::failure::{Failure, guard};
use super::value::{Answer, Call, Value};
use super::{convert, trace, window};
use crate::registry;
use crate::registry::{DEFAULT_ID, Id};
use crate::{Error, Place};
use napi::sys;
use std::ptr;

/// Runs a callback's body on its first arguments, and makes a value of what it answers; answers null, which is
/// `undefined`, where an exception is pending.
///
/// # Safety
/// `env` and `info` must be those of the running callback.
pub(super) unsafe fn call<const N: usize, A: Answer>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce([Value; N], Call) -> Result<A, Failure>,
) -> sys::napi_value {
    let body = || {
        // SAFETY: the caller vouches for both; `body` cannot keep the values, whose lifetime it does not choose.
        let (arguments, call) = unsafe { Value::arguments(env, info) }?;
        let answer = body(arguments, call)?;
        // SAFETY: the caller vouches for `env`.
        unsafe { answer.make(env) }
    };
    guard(env, body).unwrap_or(ptr::null_mut())
}

/// Defines a raw callback by its arguments and the Rust value it answers.
macro_rules! callback {
    ($(#[$doc:meta])* $name:ident, |$($argument:ident),*| $body:expr) => {
        $(#[$doc])*
        pub(super) unsafe extern "C" fn $name(
            env: ::napi::sys::napi_env,
            info: ::napi::sys::napi_callback_info,
        ) -> ::napi::sys::napi_value {
            let body = |[$($argument),*]: [$crate::node::value::Value; _], _: $crate::node::value::Call| $body;
            // SAFETY: Node calls this with the environment and info of the call that runs, and `call` does not keep them.
            unsafe { $crate::node::hot::call(env, info, body) }
        }
    };
}
pub(super) use callback;

/// `malloc` of the default heap without options or stacks: most calls. It and `free_plainly` cost 10 % less than the paths
/// for all heaps, though they do the same.
#[inline]
fn malloc_plainly(size: Value) -> Result<u64, Failure> {
    let size = convert::size("size", size)?;
    Ok(registry::with(|heap| heap.malloc(size))?)
}

fn malloc_in(id: Id, size: Value, options: Option<Value>) -> Result<u64, Failure> {
    let bytes = convert::size("size", size)?;
    let alignment = options.map_or(Ok(1), convert::alignment)?;
    let stack = trace::stack(id, size)?;
    Ok(registry::with_heap(id, |heap| {
        let address = if alignment == 1 { heap.malloc(bytes) } else { heap.malloc_aligned(bytes, alignment) }?;
        trace::note_malloc(heap, address, stack);
        Ok(address)
    })?)
}

#[inline]
fn free_plainly(address: Value) -> Result<(), Failure> {
    let address = convert::address(DEFAULT_ID, address)?;
    Ok(registry::with(|heap| heap.free(address))?)
}

fn free_in(id: Id, value: Value) -> Result<(), Failure> {
    let address = convert::address(id, value)?;
    let stack = trace::stack(id, value)?;
    Ok(registry::with_heap(id, |heap| trace::free(heap, address, stack))?)
}

/// `malloc(size: number | bigint, options?): bigint`
pub(super) unsafe extern "C" fn malloc(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |[size, options]: [Value; 2], call: Call| {
        if call.given < 2 && !trace::in_use() {
            return malloc_plainly(size);
        }
        malloc_in(DEFAULT_ID, size, (call.given > 1).then_some(options))
    };
    // SAFETY: as in `callback!`.
    unsafe { call(env, info, body) }
}

/// `heapMalloc(heap: number, size: number | bigint, options?): bigint`
pub(super) unsafe extern "C" fn heap_malloc(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |[heap, size, options]: [Value; 3], call: Call| {
        malloc_in(convert::heap(heap)?, size, (call.given > 2).then_some(options))
    };
    // SAFETY: as in `callback!`.
    unsafe { call(env, info, body) }
}

callback! {
    /// `get(address: bigint): bigint`
    get, |address| {
        let address = convert::address(DEFAULT_ID, address)?;
        Ok(registry::with(|heap| heap.get(address))?)
    }
}

callback! {
    /// `heapGet(heap: number, address: bigint): bigint`
    heap_get, |heap, address| {
        let id = convert::heap(heap)?;
        let address = convert::address(id, address)?;
        Ok(registry::with_heap(id, |heap| heap.get(address))?)
    }
}

callback! {
    /// `free(address: bigint): undefined`
    free, |address| if trace::in_use() { free_in(DEFAULT_ID, address) } else { free_plainly(address) }
}

callback! {
    /// `heapFree(heap: number, address: bigint): undefined`
    heap_free, |heap, address| free_in(convert::heap(heap)?, address)
}

callback! {
    /// `owns(heap: number, address: bigint): boolean`
    owns, |heap, address| {
        let id = convert::heap(heap)?;
        match convert::address(id, address) {
            Ok(address) => Ok(registry::with_heap(id, |heap| Ok(heap.owns(address)))?),
            Err(Failure::Mems(Error::OutOfRange { .. })) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// `makeLocate(answers: Float64Array): () => void`
///
/// Makes the look-up behind views, one call in place of many, without arguments: numbers in an array cost less. Of its eight
/// doubles it reads the heap's id and, as the 64 bits of an integer, the address. To the others it writes the address's
/// offset in the window round it and the window's name, the address's offset in its block, the bytes of the block that were
/// asked for and all of them.
pub(super) unsafe extern "C" fn make_locate(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `callback!`; `env` and the argument are this call's own.
    unsafe { call(env, info, |[answers], _: Call| window::make_locate(env, answers, locate)) }
}

/// What `makeLocate` makes; its data are the answers.
unsafe extern "C" fn locate(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |[]: [Value; 0], call: Call| {
        let answers = call.data.cast::<f64>();
        // SAFETY: `make_locate` saw that there are eight doubles, and keeps them where they are; only this thread has them.
        let (heap, address) = unsafe { (answers.add(5).read(), answers.add(6).read().to_bits()) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is no id names no heap")]
        let place = registry::with_heap(heap as Id, |heap| heap.place(address))?;
        let Place { mapping, offset, used, block } = place;
        let (name, offset) = window::name(mapping, offset, used);
        #[allow(clippy::cast_precision_loss, reason = "all are below 2^53")]
        let found = [offset as f64, name, (address - block.start) as f64, block.size as f64, block.usable as f64];
        // SAFETY: as above.
        unsafe { answers.cast::<[f64; 5]>().write(found) };
        Ok(())
    };
    // SAFETY: as in `callback!`.
    unsafe { call(env, info, body) }
}
