//! Recordings of the heaps of the process: of the default heap, if the environment asks for it; and what happens to all of them when the
//! process exits: their ends are written, since a heap that is never closed has no other end.
//!
//! A process that is killed, by a signal too, has no exit: its recordings are cut off. Windows calls functions for the exit of a process
//! when all other threads are gone, those that write among them: there the binding ends recordings before ([`stop_all`]).

use super::registry::{self, Handle};
use crate::error::Error;
use crate::file_error::FileError;
use crate::mems::access::Access;
use crate::mems::file::format;
use crate::mems::recorder;
use crate::recording::Flags;
use std::fs::File;
use std::io::Read;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Begins to record a heap. Returns whether the system has the recording ended when the process exits.
///
/// # Errors
/// [`FileError::IsHeapFile`], and the errors of [`recorder::record`].
pub(crate) fn record(heap: &mut impl Access, path: &Path, flags: Flags) -> Result<bool, Error> {
    static MINDED: OnceLock<bool> = OnceLock::new();
    check_no_heap_file(path)?;
    recorder::record(heap, path, flags)?;
    Ok(*MINDED.get_or_init(|| crate::memory::at_exit(at_exit)))
}

/// Writes a snapshot of a heap into a file that no heap of the process is being recorded into. Returns the file's bytes.
///
/// # Errors
/// [`Error::RecordedInto`], [`FileError::IsHeapFile`], and the errors of [`recorder::snapshot`].
pub(crate) fn snapshot(heap: &mut impl Access, path: &Path) -> Result<u64, Error> {
    check_not_recorded_into(path)?;
    recorder::snapshot(heap, path)
}

/// Fails if a heap of the process is being recorded into the file at `path`, by whatever name or link, or if it is a heap file.
///
/// # Errors
/// [`Error::RecordedInto`], [`FileError::IsHeapFile`].
pub(crate) fn check_not_recorded_into(path: &Path) -> Result<(), Error> {
    check_no_heap_file(path)?;
    let Some(file) = recorder::FileId::of(path) else { return Ok(()) };
    for heap in registry::ids()? {
        // A heap that has ended meanwhile, or is poisoned, records nothing.
        if registry::with_heap(heap, |heap| Ok(heap.records_into(&file))).unwrap_or(false) {
            return Err(Error::RecordedInto { path: path.display().to_string() });
        }
    }
    Ok(())
}

/// Fails if the file at `path` is a heap file, whose blocks would be lost. A file that cannot be read is left to those who write.
fn check_no_heap_file(path: &Path) -> Result<(), Error> {
    // Opening a pipe would wait for somebody at its other end.
    if !path.is_file() {
        return Ok(());
    }
    let mut first = [0; format::MAGIC.len()];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok();
    if is_read && first == format::MAGIC {
        return Err(FileError::IsHeapFile { path: path.display().to_string() }.into());
    }
    Ok(())
}

/// Begins to record the default heap if the environment variable `MEMS_RECORD` has a path; `%p` in it is replaced by the id of the process.
/// Nothing changes if the heap is being recorded. Each further recording of the process has its number behind the path. Returns what
/// [`record`] returns, and `true` if nothing has begun.
///
/// # Errors
/// [`Error::RecordingFailed`], [`Error::OutOfMetadata`].
pub(crate) fn record_by_environment(heap: &mut impl Access) -> Result<bool, Error> {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    let Some(path) = std::env::var_os("MEMS_RECORD").filter(|path| !path.is_empty()) else { return Ok(true) };
    if heap.with(|heap| Ok(heap.is_recording())).unwrap_or(true) {
        return Ok(true);
    }
    let mut path = match path.to_str() {
        Some(text) => text.replace("%p", &std::process::id().to_string()).into(),
        None => path,
    };
    let before = BEGUN.fetch_add(1, Relaxed);
    if before > 0 {
        path.push(format!(".{}", before + 1));
    }
    match record(heap, Path::new(&path), Flags::USUAL) {
        // Another thread was quicker, to record the heap or to end it.
        Err(Error::AlreadyRecording | Error::NotInitialized | Error::Finished) => Ok(true),
        begun => begun,
    }
}

extern "C" fn at_exit() {
    // Nothing is left to report a failure to.
    let _ = catch_unwind(stop_all);
}

/// Ends all recordings. What cannot be written is left.
pub(crate) fn stop_all() {
    for heap in registry::ids().unwrap_or_default() {
        if let Ok(mut heap) = Handle::new(heap) {
            let _ended = recorder::stop(&mut heap);
        }
    }
}
