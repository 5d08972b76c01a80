//! Syncs of the heaps of this process that are in files, by any of its threads: `heap/ledger/checkpoint.rs` says what a sync is.
//!
//! A sync holds the lock of the heap for short steps only, and none while the disk works, so other threads continue meanwhile. It keeps the file;
//! the heap may end meanwhile, and has been synced then if the disk had everything before.

use super::id::Id;
use super::registry::Handle;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::Ledger;
use crate::heap::ledger::checkpoint::{self, Stage};
use crate::mems::Mems;
use crate::mems::file::Syncs;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A sync of a heap of the registry.
struct OfHeap {
    heap: Handle,
    syncs: Arc<Syncs>,
}

/// The ledger of a heap that is in a file.
fn ledger(heap: &mut Mems) -> Result<&mut Ledger, Error> {
    heap.heap.ledger().ok_or(FileError::NotInFile.into())
}

impl Stage for OfHeap {
    type Error = Error;

    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger) -> T) -> Result<T, Error> {
        self.heap.with(|heap| Ok(step(ledger(heap)?)))
    }

    fn look<T>(&mut self, step: impl FnOnce(&Ledger) -> T) -> Result<T, Error> {
        // What does not fail is not called again.
        let mut step = Some(step);
        self.heap.look(|heap| {
            let step = step.take().ok_or(Error::OutOfMetadata { size: 0 })?;
            Ok(step(ledger(heap)?))
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.syncs.flush()
    }

    fn no_memory(&self) -> Error {
        Error::OutOfMetadata { size: 0 }
    }
}

/// Syncs a heap that survives a power failure, and returns the number of the sync. Takes as long as the disk does.
///
/// # Errors
/// [`FileError::NotInFile`], [`FileError::NotDurable`], [`FileError::ReadOnly`], [`FileError::SyncFailed`], [`FileError::LockTimeout`],
/// [`FileError::FileLost`].
pub(crate) fn sync(heap: Id) -> Result<u64, Error> {
    let heap = Handle::new(heap)?;
    let syncs = heap.look(|heap| Ok(heap.file()?.syncs()))?;
    let _turn = syncs.turn()?;
    checkpoint::sync(&mut OfHeap { heap, syncs: Arc::clone(&syncs) })
}

/// Starts a thread that syncs a heap now and then, until what this returns is dropped.
///
/// # Errors
/// [`Error::OutOfMetadata`] if the system has no thread.
pub(super) fn regularly(heap: Id, every: Duration) -> Result<Sender<()>, Error> {
    let (end, ended) = mpsc::channel();
    let work = move || {
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            match sync(heap) {
                // Another process is slow, or stopped, or there is no memory at the moment.
                Ok(_)
                | Err(
                    Error::OutOfMetadata { .. }
                    | Error::File(FileError::LockTimeout { .. } | FileError::FileFailed { .. }),
                ) => {}
                // The failure is noted in the file, where each who syncs finds it; or the heap has ended.
                Err(_) => break,
            }
        }
    };
    let started = thread::Builder::new().name("mems-sync".to_owned()).spawn(work);
    started.map(|_thread| end).map_err(|_| Error::OutOfMetadata { size: 0 })
}
