//! `malloc`, `get` and `free` as raw Node-API callbacks.
//!
//! A `#[napi]` function with arguments costs some 70 ns more a call (it keeps a borrow scope), which is several times
//! the work done here. Each callback reads its argument, holds the lock for the heap's operation alone, and makes the
//! result after the lock is gone.

use super::failure::{Failure, guard};
use super::value::{Value, make_bigint};
use super::{convert, registry};
use napi::sys;
use std::ptr;

/// `malloc(size: number | bigint): bigint`
pub(super) unsafe extern "C" fn malloc(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs, and `call` does not keep them.
    unsafe {
        call(env, info, |value| {
            let size = convert::size("size", value)?;
            let address = registry::with(|heap| heap.malloc(size))?;
            make_bigint(env, address)
        })
    }
}

/// `get(address: bigint): bigint`
pub(super) unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `malloc`.
    unsafe {
        call(env, info, |value| {
            let given = convert::address(value)?;
            let physical = registry::with(|heap| heap.get(given.within(heap)?))?;
            make_bigint(env, physical)
        })
    }
}

/// `free(address: bigint): undefined`
pub(super) unsafe extern "C" fn free(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `malloc`.
    unsafe {
        call(env, info, |value| {
            let given = convert::address(value)?;
            registry::with(|heap| heap.free(given.within(heap)?))?;
            // A null result is `undefined`, and saves the call that would make one.
            Ok(ptr::null_mut())
        })
    }
}

/// Runs a callback's body on its first argument; answers null where an exception is pending.
///
/// # Safety
/// `env` and `info` must be those of the running callback.
unsafe fn call(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(Value) -> Result<sys::napi_value, Failure>,
) -> sys::napi_value {
    // SAFETY: the caller vouches for both; `body` cannot keep the value, whose lifetime it does not choose.
    guard(env, || body(unsafe { Value::argument(env, info) }?)).unwrap_or(ptr::null_mut())
}
