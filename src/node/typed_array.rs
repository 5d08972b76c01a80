//! JavaScript's typed arrays, and arrays of strings, as copies of what Rust has.

use super::failure::Failure;
use super::js_value::{Answer, check};
use napi::sys;
use std::ptr;

/// A number that a typed array has as its elements.
pub(super) trait Element: Copy {
    const KIND: sys::napi_typedarray_type;
}

impl Element for u8 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::uint8_array;
}

impl Element for u32 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::uint32_array;
}

impl Element for f64 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::float64_array;
}

/// A typed array of these numbers, with memory of its own.
impl<E: Element> Answer for &[E] {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let (mut data, mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the caller vouches for `env`; the buffer is of it. The runtime aligns a buffer's memory for every type, and no
        // JavaScript has it yet.
        unsafe {
            check(sys::napi_create_arraybuffer(env, size_of_val(self), &raw mut data, &raw mut buffer))?;
            if !self.is_empty() {
                self.as_ptr().copy_to_nonoverlapping(data.cast(), self.len());
            }
            check(sys::napi_create_typedarray(env, E::KIND, self.len(), buffer, 0, &raw mut array))?;
        }
        Ok(array)
    }
}

/// An array of strings.
impl Answer for &[&str] {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut array = ptr::null_mut();
        // SAFETY: the caller vouches for `env`, of which the array and the strings are.
        unsafe {
            check(sys::napi_create_array_with_length(env, self.len(), &raw mut array))?;
            for (at, text) in (0..).zip(self) {
                check(sys::napi_set_element(env, array, at, text.make(env)?))?;
            }
        }
        Ok(array)
    }
}
