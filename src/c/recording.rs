//! Recording what the calls of a heap do, for C.

use super::{Theirs, put, status, text};
use crate::mems::access::Access;
use crate::mems::recorder;
use crate::process::recordings;
use crate::recording::Flags;
use std::ffi::{c_char, c_int};
use std::path::PathBuf;

/// Begins to record a heap into the file at a path.
///
/// # Safety
/// `path` must be null or point to a string that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_record(heap: u64, path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let path = PathBuf::from(unsafe { text("path", path) }?);
        Ok(recordings::record(&mut Theirs::new(heap)?, &path, Flags::USUAL).map(drop)?)
    })
}

/// Ends the recording of a heap, and waits until the file is written.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_stop_recording(heap: u64) -> c_int {
    status(|| Ok(recorder::stop(&mut Theirs::new(heap)?).map(drop)?))
}

/// Puts a text between the operations that are recorded.
///
/// # Safety
/// `mark` must be null or point to a string that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_mark(heap: u64, mark: *const c_char) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let mark = unsafe { text("mark", mark) }?;
        Ok(Theirs::new(heap)?.with(|heap| heap.mark_recording(mark))?)
    })
}

/// Writes what is in a heap now as a recording of no operations.
///
/// # Safety
/// `path` must be null or point to a string that ends with a zero byte. `bytes` must be null, which is ignored, or valid for writing a
/// number of 64 bits, aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_snapshot(heap: u64, path: *const c_char, bytes: *mut u64) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let path = PathBuf::from(unsafe { text("path", path) }?);
        let written = recordings::snapshot(&mut Theirs::new(heap)?, &path)?;
        if bytes.is_null() {
            return Ok(());
        }
        // SAFETY: by this function's own contract.
        unsafe { put("bytes", bytes, written) }
    })
}
