//! JavaScript functions that the addon calls: those of `lib/` that capture stacks, and those that take note of events.
//!
//! Each copy of the package in an environment has one: a vm context may have its own, which must not keep the context alive, so the
//! references are weak. Of those that capture stacks the last one that still exists is called, of the others all. What it throws is cleared: neither of them makes a call fail.
//!
//! Costs: a call into JavaScript.

use super::failure::Failure;
use super::js_value::{Value, check};
use crate::error::Error;
use napi::{ValueType, sys};
use std::ffi::c_void;
use std::ptr;

/// The functions of the environments of a thread, mostly one, with a `T` for each function.
pub(super) struct Functions<T>(Vec<OfEnvironment<T>>);

struct OfEnvironment<T> {
    env: sys::napi_env,
    /// Weak references, and what is kept for each.
    functions: Vec<(sys::napi_ref, T)>,
}

impl<T: Default> Functions<T> {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a function of `env`, which is called from now on, as long as something else keeps it alive. `let_go` has to call
    /// [`Functions::let_go`]. `name` is for the message.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback, and `function` a value of it.
    pub unsafe fn keep(
        &mut self,
        env: sys::napi_env,
        name: &'static str,
        function: Value,
        let_go: unsafe extern "C" fn(*mut c_void),
    ) -> Result<(), Failure> {
        if function.kind() != ValueType::Function {
            return Err(Failure::ArgumentType { name, expected: "a function", received: function.described() });
        }
        let at = if let Some(at) = self.0.iter().position(|of| of.env == env) {
            at
        } else {
            self.0.try_reserve(1).map_err(no_room)?;
            // SAFETY: the caller vouches for `env`, for which this is done once; the hook is given nothing but its address and
            // stays loaded, as this library.
            check(unsafe { sys::napi_add_env_cleanup_hook(env, Some(let_go), env.cast()) })?;
            self.0.push(OfEnvironment { env, functions: Vec::new() });
            self.0.len() - 1
        };
        let functions = &mut self.0[at].functions;
        functions.retain(|&(function, _)| {
            // SAFETY: the caller vouches for `env`, whose references these are; those that are deleted are not in the list any more.
            unsafe {
                value_of(env, function).is_some() || sys::napi_delete_reference(env, function) != sys::Status::napi_ok
            }
        });
        functions.try_reserve(1).map_err(no_room)?;
        let mut reference = ptr::null_mut();
        // SAFETY: the caller vouches for both.
        check(unsafe { sys::napi_create_reference(env, function.raw(), 0, &raw mut reference) })?;
        functions.push((reference, T::default()));
        Ok(())
    }

    /// Forgets an environment that ends, given as a pointer; the runtime deletes its references.
    pub fn let_go(&mut self, env: *mut c_void) {
        self.0.retain(|of| of.env.cast() != env);
    }

    /// The function to be called in `env`, and its reference, by which [`Functions::kept`] knows it.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    pub unsafe fn find(&self, env: sys::napi_env) -> Option<(sys::napi_ref, sys::napi_value)> {
        let of = self.0.iter().find(|of| of.env == env)?;
        // SAFETY: the caller vouches for `env`, and the references are of it.
        of.functions.iter().rev().find_map(|&(name, _)| Some((name, unsafe { value_of(env, name) }?)))
    }

    /// All functions of `env` that still exist, in the order in which they came. None without memory for the list.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    pub unsafe fn all(&self, env: sys::napi_env) -> Vec<sys::napi_value> {
        let mut all = Vec::new();
        let of = self.0.iter().find(|of| of.env == env).map_or(&[][..], |of| &of.functions);
        if all.try_reserve(of.len()).is_ok() {
            // SAFETY: the caller vouches for `env`, and the references are of it.
            all.extend(of.iter().filter_map(|&(name, _)| unsafe { value_of(env, name) }));
        }
        all
    }

    /// What is kept for a function, if it still exists.
    pub fn kept(&mut self, env: sys::napi_env, name: sys::napi_ref) -> Option<&mut T> {
        let of = self.0.iter_mut().find(|of| of.env == env)?;
        of.functions.iter_mut().find(|&&mut (function, _)| function == name).map(|(_, kept)| kept)
    }
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

/// Calls a function and returns its result. An exception that it throws is cleared.
///
/// # Safety
/// `env` must be the environment of the running callback, and `function` and `arguments` values of it; the lifetime chosen must end
/// with the callback.
pub(super) unsafe fn call<'call>(
    env: sys::napi_env,
    function: sys::napi_value,
    arguments: &[sys::napi_value],
) -> Option<Value<'call>> {
    let (mut receiver, mut returned) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller vouches for all; each other value is one of `env` that was just read or made.
    unsafe {
        check(sys::napi_get_undefined(env, &raw mut receiver)).ok()?;
        let (count, arguments) = (arguments.len(), arguments.as_ptr());
        let status = sys::napi_call_function(env, receiver, function, count, arguments, &raw mut returned);
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
