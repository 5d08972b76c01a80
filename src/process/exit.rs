//! What happens to recordings when the process exits: their ends are written, since a heap that is never closed has no other end.
//!
//! A process that is killed, by a signal too, has no exit: its recordings are cut off. Windows calls functions for the exit of a process
//! when all other threads are gone, those that write among them: there the binding ends recordings before.

use super::registry::{self, Handle};
use crate::mems::recorder;
use std::panic::catch_unwind;
use std::sync::OnceLock;

/// Has recordings ended when the process exits. Returns whether the system does so.
pub(crate) fn end_recordings() -> bool {
    static MINDED: OnceLock<bool> = OnceLock::new();
    *MINDED.get_or_init(|| crate::memory::at_exit(at_exit))
}

extern "C" fn at_exit() {
    // Nothing is left to report a failure to.
    let _ = catch_unwind(stop_recordings);
}

/// Ends all recordings. What cannot be written is left.
pub(crate) fn stop_recordings() {
    for heap in registry::ids().unwrap_or_default() {
        if let Ok(mut heap) = Handle::new(heap) {
            let _ended = recorder::stop(&mut heap);
        }
    }
}
