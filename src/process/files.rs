//! The heaps of the process that are in files: a file that is opened again is the same heap.
//!
//! All threads of a process share its slot in a file and its maps of it, so a file has at most one heap in a process (in each loaded
//! copy of this library): it is closed when it has been closed as often as it was opened.
//!
//! Invariant: a file in the list has an open heap, unless a panic has ended it. The list's lock is held while a file is opened or repaired,
//! and no other lock is taken before it. A child of `fork` has no such heaps (`fork.rs`).

use super::file_list::{FILES, OpenFile};
use super::id::Id;
use super::registry::{self, Handle};
use super::syncs;
use crate::error::Error;
use crate::file_error::FileError;
use crate::mems::Mems;
use crate::mems::file::{self, FileOptions, Opened, Report};
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

/// The list, which is whole at any moment: a panic while its lock was held has ended no more than what it was held for.
fn files() -> MutexGuard<'static, Vec<OpenFile>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the heap in a file, or finds it if this process has it open. `options` count for the first who opens it, but that a
/// thread syncs it as soon as one asks for that; one who wants it alone is refused if the first did not, and one for whom the file is of the wrong
/// kind always.
///
/// # Errors
/// See [`crate::FileError`].
pub(crate) fn open(path: &Path, options: &FileOptions) -> Result<Id, Error> {
    let mut files = files();
    let opened = Opened::new(path, options)?;
    let every = options.sync_every.filter(|_| !options.read_only);
    let same = |file: &&mut OpenFile| file.identity == opened.identity && file.read_only == options.read_only;
    if let Some(file) = files.iter_mut().find(same) {
        if options.exclusive && !file.exclusive {
            let (path, holders) =
                (path.display().to_string(), "this process, which has not asked for it alone".to_owned());
            return Err(FileError::FileInUse { path, holders }.into());
        }
        Handle::new(file.heap)?.look(|heap| heap.file()?.check_options(options))?;
        if let (None, Some(every)) = (&file.syncs, every) {
            file.syncs = Some(syncs::regularly(file.heap, every)?);
        }
        file.count += 1;
        return Ok(file.heap);
    }
    files.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
    let heap = registry::open_made(|| Mems::in_file(&opened, options))?;
    let syncs = match every.map(|every| syncs::regularly(heap, every)).transpose() {
        Ok(syncs) => syncs,
        Err(error) => {
            registry::close(heap)?;
            return Err(error);
        }
    };
    let FileOptions { read_only, exclusive, .. } = *options;
    files.push(OpenFile { identity: opened.identity, heap, count: 1, read_only, exclusive, syncs });
    Ok(heap)
}

/// Ends a heap, as [`registry::close`] does; one that is in a file only if it has been closed as often as it was opened.
///
/// # Errors
/// The errors of [`registry::close`].
pub(crate) fn close(heap: Id) -> Result<bool, Error> {
    let mut files = files();
    let Some(at) = files.iter().position(|file| file.heap == heap) else {
        // A heap of another kind, for which no other thread has to wait.
        drop(files);
        return registry::close(heap);
    };
    files[at].count -= 1;
    if files[at].count > 0 {
        return Ok(true);
    }
    files.swap_remove(at);
    // Within the list's lock: who opens the file now is to find the heap, or the file that it has been closed in.
    registry::close(heap)
}

/// [`file::repair`], while nobody opens a file.
///
/// # Errors
/// The errors of [`file::repair`].
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
pub(crate) fn repair(path: &Path, into: Option<&Path>) -> Result<Report, Error> {
    // A fork waits for this lock: a child's copy of the file would keep its locks.
    let _files = files();
    file::repair(path, into)
}
