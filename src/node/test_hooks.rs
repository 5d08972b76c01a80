//! Functions that only tests call: the feature `test-hooks` is off in the addon that is published.

use super::buffers::span;
use super::failure::run;
use crate::process::registry;
use napi::{Env, Result};
use napi_derive::napi;

/// From now on buffers are refused as Electron refuses them, for tests of what works there.
#[napi]
pub fn refuse_buffers() {
    span::REFUSE.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Panics with the default heap locked, for tests of what becomes of a panic.
#[napi]
pub fn panic_with_the_heap_locked(env: Env) -> Result<()> {
    run(env, || Ok(registry::with_heap(registry::DEFAULT_ID, |_| panic!("a panic on purpose"))?))
}

/// The next time that this process writes a file to the disk, that fails with the system's error of a number.
#[napi]
pub fn fail_next_flush(errno: i32) {
    crate::memory::file::FAILING.store(errno, std::sync::atomic::Ordering::Relaxed);
}
