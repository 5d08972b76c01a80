//! The list of the files that heaps of the process are in. `files.rs` says what becomes of it, and `fork.rs` empties it in a child.

use super::id::Id;
use crate::memory::file::Identity;
use std::sync::Mutex;
use std::sync::mpsc::Sender;

/// A file that is open.
pub(super) struct OpenFile {
    pub(super) identity: Identity,
    pub(super) heap: Id,
    /// How often it was opened, and not closed since.
    pub(super) count: usize,
    pub(super) read_only: bool,
    pub(super) exclusive: bool,
    /// What ends the thread that syncs it, when this is dropped.
    pub(super) syncs: Option<Sender<()>>,
}

/// All that are open. No other lock is taken before this one.
pub(super) static FILES: Mutex<Vec<OpenFile>> = Mutex::new(Vec::new());
