//! Raw Node-API callbacks with arguments: how one is called, and how it returns.
//!
//! A `#[napi]` function with arguments costs some 70 ns more a call (it keeps a borrow scope), which is several times the work
//! done here.

use super::failure::{Failure, guard};
use super::js_value::{Answer, Value};
use napi::sys;
use std::ptr;

/// Runs a callback's body with its first arguments and the number of arguments given, and makes a JavaScript value of what the
/// body returns. Returns null, which is `undefined`, if an exception is pending.
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
            unsafe { $crate::node::callback::call(env, info, body) }
        }
    };
}
pub(super) use callback;
