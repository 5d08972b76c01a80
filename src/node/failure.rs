//! From Rust errors and panics to JavaScript exceptions, in one place.
//!
//! Every call from JavaScript runs inside [`guard`], so that a panic becomes an exception and never unwinds into V8.

use crate::error::Error;
use crate::file_error::FileError;
use crate::map_error::MapError;
use crate::recording::Fault;
use crate::system_error::SystemError;
use napi::sys;
use std::cell::RefCell;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Once;
use thiserror::Error as ThisError;

/// Why a call from JavaScript failed.
#[derive(Debug, ThisError)]
pub(super) enum Failure {
    /// The heap refused.
    #[error(transparent)]
    Mems(#[from] Error),
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] Fault),
    /// An argument of the wrong type.
    #[error("The \"{name}\" argument must be {expected}. Received {received}")]
    ArgumentType { name: &'static str, expected: &'static str, received: String },
    /// A count or length that is not valid.
    #[error("The {} must be a whole number from 0 to 9007199254740991. Received {received}", .name.trim_start_matches("options."))]
    Length { name: &'static str, received: String },
    /// A time that is not valid.
    #[error(
        "The {} must be a whole number of milliseconds from {least} to 9007199254740991. Received {received}",
        .name.trim_start_matches("options.")
    )]
    Time { name: &'static str, least: u64, received: String },
    /// An option that does not exist.
    #[error("\"{name}\" is not an option of {function}. The options are {known}")]
    UnknownOption { name: String, function: &'static str, known: String },
    /// The runtime allows no buffers over native memory.
    #[error(
        "This runtime does not allow buffers over native memory (Electron does not). Use read() and write(), which copy"
    )]
    NoBuffers,
    /// The runtime makes no buffer of that length.
    #[error("This runtime does not allow a buffer of {length} bytes over native memory. View the block in parts")]
    LongBuffer { length: usize },
    /// A Node-API call failed; an exception may be pending already.
    #[error("A call of Node-API failed with status {0}. This is a bug in MeMS, please report it")]
    Napi(sys::napi_status),
    /// A panic, with what it said.
    #[error("Internal error. This is a bug in MeMS, please report it: {0}")]
    Panic(String),
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::Napi(error.status.into())
    }
}

/// The constructor of an exception.
type Constructor = unsafe fn(sys::napi_env, sys::napi_value, sys::napi_value, *mut sys::napi_value) -> sys::napi_status;

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Mems(error) => error.code(),
            Self::Recording(fault) => fault.code(),
            Self::ArgumentType { .. } => "ERR_INVALID_ARG_TYPE",
            Self::UnknownOption { .. } => "ERR_INVALID_ARG_VALUE",
            Self::Length { .. } | Self::Time { .. } => "ERR_MEMS_INVALID_SIZE",
            Self::NoBuffers => "ERR_MEMS_UNSUPPORTED",
            Self::LongBuffer { .. } => "ERR_MEMS_OUT_OF_BLOCK",
            Self::Napi(_) | Self::Panic(_) => "ERR_MEMS_INTERNAL",
        }
    }

    fn constructor(&self) -> Constructor {
        match self {
            Self::ArgumentType { .. }
            | Self::UnknownOption { .. }
            | Self::Mems(
                Error::PolicyOption { .. }
                | Error::File(FileError::NotAWord { .. } | FileError::WordInBlock { .. } | FileError::NotInFile),
            ) => sys::napi_create_type_error,
            Self::LongBuffer { .. }
            | Self::Length { .. }
            | Self::Time { .. }
            | Self::Mems(
                Error::InvalidSize { .. }
                | Error::MaxSizeBelowPage { .. }
                | Error::InvalidAlignment { .. }
                | Error::OutOfRange { .. }
                | Error::OutOfBlock { .. }
                | Error::File(FileError::MaxSize { .. })
                | Error::Map(MapError::CounterOverflow),
            ) => sys::napi_create_range_error,
            _ => sys::napi_create_error,
        }
    }

    /// Makes this failure the pending exception of `env`. If the environment is being torn down nothing can be thrown,
    /// and nobody is there to catch it.
    fn throw(&self, env: sys::napi_env) {
        let mut pending = false;
        // SAFETY: `env` is the environment of the running callback; `pending` is a valid place for the result.
        unsafe { sys::napi_is_exception_pending(env, &raw mut pending) };
        if pending {
            return;
        }
        // SAFETY: `env` is the environment of the running callback, of which the error is a value.
        let _thrown = unsafe { self.value(env).map(|error| sys::napi_throw(env, error)) };
    }

    /// This failure as an error of JavaScript, which nobody has thrown yet.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    pub(super) unsafe fn value(&self, env: sys::napi_env) -> Result<sys::napi_value, Self> {
        let message = string(env, &self.to_string());
        let mut error = ptr::null_mut();
        // SAFETY: the caller vouches for `env`; `message` is a string of it, or null, which Node-API refuses by status.
        let status = unsafe { self.constructor()(env, ptr::null_mut(), message, &raw mut error) };
        if status != sys::Status::napi_ok {
            return Err(Self::Napi(status));
        }
        define(env, error, c"code", string(env, self.code()));
        let refused = match self {
            // An error of another code, which has no such properties.
            Self::Mems(Error::LockLimit { .. }) => None,
            Self::Mems(refused) => refused.refusal(),
            _ => None,
        };
        if let Some((size, available)) = refused {
            define(env, error, c"size", number(env, size));
            define(env, error, c"available", number(env, available));
        }
        if let Self::Mems(Error::File(refused)) = self
            && let Some((path, cause)) = refused.cause()
        {
            // Not enumerable, as the constructor of errors makes it.
            define_as(env, error, c"cause", system_error(env, path, cause), HIDDEN);
        }
        Ok(error)
    }

    /// What a promise is rejected with.
    pub(super) fn rejection(&self, env: napi::Env) -> napi::Error {
        // SAFETY: the caller runs in a callback of `env`.
        let Ok(error) = (unsafe { self.value(env.raw()) }) else {
            return napi::Error::new(napi::Status::GenericFailure, self.to_string());
        };
        // SAFETY: `error` is a value of `env`, made above.
        unsafe { napi::bindgen_prelude::Unknown::from_raw_unchecked(env.raw(), error) }.into()
    }
}

/// The system's own error, as the functions of `fs` throw it.
fn system_error(env: sys::napi_env, path: &str, cause: &SystemError) -> sys::napi_value {
    let SystemError { name, number: errno, text, call } = cause;
    let message = string(env, &format!("{name}: {}, {call} '{path}'", text.to_lowercase()));
    let mut error = ptr::null_mut();
    // SAFETY: `env` is the environment of the running callback; `message` is a string of it, or null, which Node-API refuses by
    // status. `error` stays null then.
    unsafe { sys::napi_create_error(env, ptr::null_mut(), message, &raw mut error) };
    if !error.is_null() {
        if let Some(errno) = errno {
            define(env, error, c"errno", signed(env, -errno));
        }
        define(env, error, c"code", string(env, name));
        define(env, error, c"syscall", string(env, call));
        define(env, error, c"path", string(env, path));
    }
    error
}

/// A JavaScript number, or null where `env` can make none any more.
fn signed(env: sys::napi_env, number: i32) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: a failed call leaves `value` null.
    unsafe { sys::napi_create_int32(env, number, &raw mut value) };
    value
}

/// A JavaScript string, or null where `env` can make none any more.
fn string(env: sys::napi_env, text: &str) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: the pointer and the length are those of `text`, which Node-API copies before it returns.
    unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut value) };
    value
}

/// A JavaScript number, or null where `env` can make none any more.
fn number(env: sys::napi_env, number: u64) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // Sizes are at most 2^53 - 1, or were granted by the system: both are exact as doubles.
    #[allow(clippy::cast_precision_loss, reason = "sizes stay below 2^53")]
    // SAFETY: a failed call leaves `value` null.
    unsafe {
        sys::napi_create_double(env, number as f64, &raw mut value)
    };
    value
}

/// Gives an object a property of its own, as an assignment makes it where no prototype has a setter of that name. Nothing
/// without a value.
fn define(env: sys::napi_env, object: sys::napi_value, name: &CStr, value: sys::napi_value) {
    define_as(env, object, name, value, HIDDEN | sys::PropertyAttributes::enumerable);
}

/// What all properties are.
const HIDDEN: sys::napi_property_attributes = sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable;

/// [`define`] with other attributes.
fn define_as(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
    value: sys::napi_value,
    attributes: sys::napi_property_attributes,
) {
    if value.is_null() {
        return;
    }
    let property = sys::napi_property_descriptor {
        utf8name: name.as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value,
        attributes,
        data: ptr::null_mut(),
    };
    // SAFETY: `object` and `value` are values of `env`, the first an object, and `name` ends with a zero.
    unsafe { sys::napi_define_properties(env, object, 1, &raw const property) };
}

/// Runs the body of a call from JavaScript. `None`: it failed or panicked, and an exception is pending.
pub(super) fn guard<T>(env: sys::napi_env, body: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
    // Nothing of the body's survives an unwinding but the default heap, and its lock is poisoned by then.
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(Failure::Panic(last_panic())));
    result.map_err(|failure| failure.throw(env)).ok()
}

/// [`guard`] for `#[napi]` functions: the exception is thrown already, napi has only to return.
pub(super) fn run<T>(env: napi::Env, body: impl FnOnce() -> Result<T, Failure>) -> napi::Result<T> {
    guard(env.raw(), body).ok_or_else(|| napi::Error::new(napi::Status::PendingException, "thrown already"))
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the text of a panic for the exception instead of printing it. The hook is this library's own: the standard
/// library is linked into it statically, other addons have theirs.
pub(super) fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| LAST_PANIC.set(panic.to_string())));
    });
}

fn last_panic() -> String {
    LAST_PANIC.take()
}
