//! The default heap: one for the whole process, shared by all threads.
//!
//! Invariants: no call to JavaScript or Node-API is made while the lock is held, so no finalizer can run under it and
//! no thread waits for a garbage collection. A panic under the lock poisons it; only `finish` clears that.

use crate::heap::Options;
use crate::{Error, Mems};
use std::sync::{Mutex, PoisonError};

static DEFAULT: Mutex<Option<Mems>> = Mutex::new(None);

/// Calls `operation` on the running default heap.
pub(super) fn with<T>(operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
    let mut heap = DEFAULT.lock().map_err(|_| Error::Poisoned)?;
    operation(heap.as_mut().ok_or(Error::NotInitialized)?)
}

/// Starts the default heap; a running one with the same options stays as it is.
pub(super) fn init(options: Options) -> Result<(), Error> {
    let mut heap = DEFAULT.lock().map_err(|_| Error::Poisoned)?;
    match heap.as_ref().map(Mems::options) {
        None => {
            *heap = Some(Mems::new(options));
            Ok(())
        }
        Some(running) if running == options => Ok(()),
        Some(running) => Err(Error::AlreadyInitialized { running: running.to_string(), asked: options.to_string() }),
    }
}

/// Ends the default heap and gives its memory back.
pub(super) fn finish() -> Result<(), Error> {
    // The state of a poisoned heap is unknown, but its mappings are sound: ending it is always possible.
    let mut guard = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let heap = guard.take();
    // Under the lock: later, the poison could be another thread's, of a new heap.
    DEFAULT.clear_poison();
    drop(guard);
    heap.ok_or(Error::NotInitialized).map(Mems::finish)
}
