//! Functions that only tests call: the feature `test-hooks` is off in the addon that is published.

use super::buffers::span;
use super::failure::run;
use crate::heap::ledger::death;
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

/// Kills this process before store number `stores` from now on, counted from 0, to the bookkeeping of heap files, as `SIGKILL` of
/// another process could; below 0: no longer. Returns the number that was left of those that the last call has given.
#[napi]
#[must_use]
pub fn die_before_store(stores: i64) -> i64 {
    death::process::die_before(stores, end)
}

/// Ends the process at once.
fn end() {
    // SAFETY: a call that takes numbers.
    #[cfg(unix)]
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    // Windows has no signals. Elsewhere this is not reached: the signal comes as the call returns.
    std::process::abort()
}

/// The next time that this process writes a file to the disk, that fails with the system's error of a number.
#[napi]
pub fn fail_next_flush(errno: i32) {
    crate::memory::file::FAILING.store(errno, std::sync::atomic::Ordering::Relaxed);
}
