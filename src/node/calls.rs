//! Raw Node-API callbacks with arguments, and among them `malloc`, `get` and `free` for all arguments that `hot.rs` does not
//! take: sizes that are BigInts, options, and what is wrong. The heap's id comes first.
//!
//! A `#[napi]` function with arguments costs some 70 ns more a call (it keeps a borrow scope), which is several times
//! the work done here. Each callback reads its arguments, holds the lock for the heap's operation alone, and makes the
//! result after the lock is gone.

use super::failure::{Failure, guard};
use super::js_value::{Answer, Value};
use super::{arguments, stacks};
use crate::error::Error;
use crate::mems::steps;
use crate::process::registry::{self, Handle, Id};
use napi::sys;
use std::ptr;

/// Runs a callback's body on its first arguments and the number of those given, and makes a JavaScript value of what the
/// body returns. Returns null, which is `undefined`, where an exception is pending.
///
/// # Safety
/// `env` and `info` must be those of the running callback.
pub(super) unsafe fn call<const N: usize, A: Answer>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce([Value; N], usize) -> Result<A, Failure>,
) -> sys::napi_value {
    let body = || {
        // SAFETY: the caller vouches for both; `body` cannot keep the values, whose lifetime it does not choose.
        let (arguments, given) = unsafe { Value::arguments(env, info) }?;
        let answer = body(arguments, given)?;
        // SAFETY: the caller vouches for `env`.
        unsafe { answer.make(env) }
    };
    guard(env, body).unwrap_or(ptr::null_mut())
}

/// Defines a raw callback by its arguments and the Rust value that it returns.
macro_rules! callback {
    ($(#[$doc:meta])* $name:ident, |$($argument:ident),*| $body:expr) => {
        $(#[$doc])*
        pub(super) unsafe extern "C" fn $name(
            env: ::napi::sys::napi_env,
            info: ::napi::sys::napi_callback_info,
        ) -> ::napi::sys::napi_value {
            let body = |[$($argument),*]: [$crate::node::js_value::Value; _], _| $body;
            // SAFETY: Node calls this with the environment and info of the call that runs, and `call` does not keep them.
            unsafe { $crate::node::calls::call(env, info, body) }
        }
    };
}
pub(super) use callback;

/// Allocates, and returns the address and the id of the very heap.
fn allocate(id: Id, size: Value, options: Option<Value>) -> Result<(u64, Id), Failure> {
    let bytes = arguments::size("size", size)?;
    let alignment = options.map_or(Ok(None), |options| arguments::alignment(options, "malloc()"))?.unwrap_or(1);
    let stack = stacks::stack(id, size)?;
    let mut handle = Handle::new(id)?;
    let address = steps::allocate(&mut handle, |heap| {
        let address = if alignment == 1 { heap.malloc(bytes) } else { heap.malloc_aligned(bytes, alignment) }?;
        stacks::note_malloc(heap, address, stack.as_ref());
        Ok(address)
    })?;
    // Of the first step on it is the id of that very heap.
    Ok((address, handle.id))
}

fn free_in(id: Id, value: Value) -> Result<(), Failure> {
    let address = arguments::address(id, value)?;
    let stack = stacks::stack(id, value)?;
    Ok(stacks::free(id, address, stack.as_ref())?)
}

/// `heapMalloc(heap: number, size: number | bigint, options?): bigint`
pub(super) unsafe extern "C" fn heap_malloc(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |[heap, size, options]: [Value; 3], given| {
        Ok(allocate(arguments::heap(heap)?, size, (given > 2).then_some(options))?.0)
    };
    // SAFETY: as in `callback!`.
    unsafe { call(env, info, body) }
}

callback! {
    /// `heapAllocate(heap: number, size: number | bigint, options?): [address: bigint, heap: number]`
    ///
    /// `malloc` that returns the id of the very heap as well, where `heap` may stand for the default one of the moment: by
    /// that id nothing reaches the block of the next heap at that address.
    heap_alloc, |heap, size, options| {
        let id = arguments::heap(heap)?;
        allocate(id, size, Some(options))
    }
}

callback! {
    /// `heapGet(heap: number, address: bigint): bigint`
    heap_get, |heap, address| {
        let id = arguments::heap(heap)?;
        let address = arguments::address(id, address)?;
        Ok(registry::with_heap(id, |heap| heap.get(address))?)
    }
}

callback! {
    /// `heapFree(heap: number, address: bigint): undefined`
    heap_free, |heap, address| free_in(arguments::heap(heap)?, address)
}

callback! {
    /// `owns(heap: number, address: bigint): boolean`
    owns, |heap, address| {
        let id = arguments::heap(heap)?;
        match arguments::address(id, address) {
            Ok(address) => Ok(registry::with_heap(id, |heap| Ok(heap.owns(address)))?),
            Err(Failure::Mems(Error::OutOfRange { .. })) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
