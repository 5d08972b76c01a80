//! An addon of empty callbacks with the signatures of `malloc`, `get` and `free`: what a call costs that does nothing. It is
//! not part of the library, so that it is not built anew when the library changes.

use napi::bindgen_prelude::{JsObjectValue, Object, Result};
use napi::sys;
use napi_derive::napi;
use std::ptr;

#[napi(module_exports)]
fn register(mut exports: Object) -> Result<()> {
    exports.create_named_method("numberToBigInt", number_to_bigint)?;
    exports.create_named_method("bigIntToBigInt", bigint_to_bigint)?;
    exports.create_named_method("bigIntToUndefined", bigint_to_undefined)
}

/// Reads the first argument as `read` does and returns a BigInt, or undefined.
macro_rules! empty_callback {
    ($(#[$doc:meta])* $name:ident, $read:ident, $($answer:tt)*) => {
        $(#[$doc])*
        unsafe extern "C" fn $name(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
            let (mut count, mut value) = (1, ptr::null_mut());
            // SAFETY: Node calls this with the environment and info of the call that runs; all places are valid, and
            // a status other than ok leaves them as they are.
            unsafe {
                sys::napi_get_cb_info(env, info, &raw mut count, &raw mut value, ptr::null_mut(), ptr::null_mut());
                let argument = $read(env, value);
                empty_callback!(@answer $($answer)*, env, argument)
            }
        }
    };
    (@answer bigint, $env:ident, $argument:ident) => {{
        let mut answer = ptr::null_mut();
        sys::napi_create_bigint_uint64($env, $argument, &raw mut answer);
        answer
    }};
    (@answer undefined, $env:ident, $argument:ident) => {{
        std::hint::black_box($argument);
        ptr::null_mut()
    }};
}

/// # Safety
/// `value` must be a live value of `env`.
unsafe fn number(env: sys::napi_env, value: sys::napi_value) -> u64 {
    let mut number = 0.0;
    // SAFETY: the caller vouches for both.
    unsafe { sys::napi_get_value_double(env, value, &raw mut number) };
    number.to_bits() >> 40
}

/// # Safety
/// `value` must be a live value of `env`.
unsafe fn bigint(env: sys::napi_env, value: sys::napi_value) -> u64 {
    let (mut number, mut lossless) = (0, false);
    // SAFETY: the caller vouches for both.
    unsafe { sys::napi_get_value_bigint_uint64(env, value, &raw mut number, &raw mut lossless) };
    number
}

empty_callback!(
    /// `(size: number) => bigint`
    number_to_bigint, number, bigint
);
empty_callback!(
    /// `(address: bigint) => bigint`
    bigint_to_bigint, bigint, bigint
);
empty_callback!(
    /// `(address: bigint) => undefined`
    bigint_to_undefined, bigint, undefined
);
