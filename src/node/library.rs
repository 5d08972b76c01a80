//! The path from which this library was loaded (FFI users load it once more by that path), and its version, which the loader
//! compares.

use napi_derive::napi;

/// The path of the file that this code was loaded from; empty if the system does not know.
#[napi]
#[must_use]
pub fn library_path() -> String {
    crate::memory::library_path().unwrap_or_default()
}

/// The version of the package that this code was built for.
#[napi]
#[must_use]
pub const fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
