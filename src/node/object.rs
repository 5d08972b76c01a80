//! A JavaScript object, written property by property.
//!
//! Invariant: a property is the object's own, whatever setters and properties `Object.prototype` has been given.

use super::failure::Failure;
use super::js_value::{Answer, check};
use crate::error::Error;
use napi::bindgen_prelude::Object;
use napi::sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

/// An object that is being made, for the length of the running call.
///
/// Invariant: `env` is the running callback's environment, and the values of `properties` are values of it that live as long.
pub(super) struct Made<'call> {
    env: sys::napi_env,
    properties: Vec<sys::napi_property_descriptor>,
    call: PhantomData<&'call ()>,
}

impl<'call> Made<'call> {
    /// An object without properties.
    pub fn new(env: &'call napi::Env) -> Self {
        // napi makes an `Env` of the running callback's environment, and a reference to it lasts no longer.
        Self { env: env.raw(), properties: Vec::new(), call: PhantomData }
    }

    /// Gives the object a property.
    pub fn set(&mut self, name: &'static CStr, value: impl Answer) -> Result<(), Failure> {
        self.properties.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        self.properties.push(sys::napi_property_descriptor {
            utf8name: name.as_ptr(),
            name: ptr::null_mut(),
            method: None,
            getter: None,
            setter: None,
            // SAFETY: by this type's invariant.
            value: unsafe { value.make(self.env) }?,
            attributes: sys::PropertyAttributes::writable
                | sys::PropertyAttributes::enumerable
                | sys::PropertyAttributes::configurable,
            data: ptr::null_mut(),
        });
        Ok(())
    }

    /// The object as `#[napi]` functions return it.
    pub fn finished(self) -> Result<Object<'call>, Failure> {
        let env = self.env;
        // SAFETY: by this type's invariant.
        unsafe { self.make(env) }.map(|raw| Object::from_raw(env, raw))
    }
}

/// The object itself, whose properties are all set by one call of the runtime instead of one call each.
impl Answer for Made<'_> {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`, and all values are of it. Names end with a zero.
        unsafe {
            check(sys::napi_create_object(env, &raw mut raw))?;
            check(sys::napi_define_properties(env, raw, self.properties.len(), self.properties.as_ptr()))?;
        }
        Ok(raw)
    }
}

/// A string.
impl Answer for &str {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`; the pointer and the length are those of the text, which is copied.
        check(unsafe {
            sys::napi_create_string_utf8(env, self.as_ptr().cast(), self.len().cast_signed(), &raw mut raw)
        })?;
        Ok(raw)
    }
}
