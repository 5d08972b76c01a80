//! Everything that can go wrong with a heap file, beside what can go wrong in any heap (`error.rs`). A call that fails has changed nothing.

use crate::system_error::SystemError;
use thiserror::Error;

/// Why a call on a heap file failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file that is no heap file.
    #[error("{path} is no heap file. Pass the path of a file that Heap.open() has made, or of none")]
    NotAHeapFile {
        /// The file's path.
        path: String,
    },

    /// A heap file with features of a newer version that only who writes has to know.
    #[error(
        "The heap file {path} has features that this version of MeMS does not know and would spoil by writing. Pass readOnly: true to read it"
    )]
    ForReadersOnly {
        /// The file's path.
        path: String,
    },

    /// A heap file of another version of the layout.
    #[error("The heap file {path} has the layout {found}, and this version of MeMS reads the layout {supported}")]
    FileVersion {
        /// The file's path.
        path: String,
        /// What it has.
        found: String,
        /// What can be read.
        supported: u32,
    },

    /// A heap file whose bookkeeping cannot be what MeMS has written.
    #[error("The heap file {path} is damaged: {place}. Heap.repair() may help")]
    FileCorrupt {
        /// The file's path.
        path: String,
        /// What is damaged.
        place: String,
    },

    /// A heap file that was open when the system stopped.
    #[error(
        "The heap file {path} was open when the system stopped, so the disk may have some of its newer pages and some of its older. {}",
        if *.is_durable {
            "Open it for writing, with onPowerLoss: 'restore' or none, to bring back its last sync. Where that fails, or is not wanted, \
             onPowerLoss: 'salvage' or Heap.repair() keeps what is sound, and onPowerLoss: 'reset' begins with an empty heap"
        } else {
            "Open it for writing with onPowerLoss: 'salvage', or call Heap.repair(), to keep what is sound; open it with onPowerLoss: 'reset' \
             to begin with an empty heap; or remove the file"
        }
    )]
    NeedsRecovery {
        /// The file's path.
        path: String,
        /// Whether a sync comes back.
        is_durable: bool,
    },

    /// A sync of a heap file that does not survive a power failure.
    #[error(
        "The heap file {path} was not made with durable: true, so that it cannot be synced, and does not survive a power failure. That is \
         chosen when a file is made: for one that does, have a program make a new file, and copy the data"
    )]
    NotDurable {
        /// The file's path.
        path: String,
    },

    /// A file that is to be synced every so often, and would be made one that cannot be synced.
    #[error(
        "The heap file {path} is not created, since syncEvery is for files that are made with durable: true. Pass both, or neither"
    )]
    NothingToSync {
        /// The file's path.
        path: String,
    },

    /// A heap file of which it is unknown what the disk has.
    #[error(
        "The heap file {path} could not be written to the disk: {}. It is unknown what the disk has, so that nothing can be synced until \
         all processes have closed the file and one has opened it again. After a power failure the last sync that has finished comes back",
        .error.text
    )]
    SyncFailed {
        /// The file's path.
        path: String,
        /// What the system has said.
        error: SystemError,
    },

    /// A heap file that another process has for itself, or that one wants for itself.
    #[error("The heap file {path} is in use by {holders}. It has to be closed there first")]
    FileInUse {
        /// The file's path.
        path: String,
        /// Who uses it, in words.
        holders: String,
    },

    /// A file system on which processes cannot share a file as heap files need it.
    #[error(
        "The heap file {path} is on a file system of the kind '{kind}', on which memory cannot be shared safely. Pass \
         anyFileSystem: true to try it all the same"
    )]
    FileSystem {
        /// The file's path.
        path: String,
        /// The kind of file system.
        kind: &'static str,
    },

    /// A file that is no regular file of the user's own.
    #[error("The heap file {path} is not {what}, since {because}")]
    FileRefused {
        /// The file's path.
        path: String,
        /// What was tried, as in "opened".
        what: &'static str,
        /// Why.
        because: &'static str,
    },

    /// A heap file of which another program has cut something off.
    #[error("The heap file {path} has been cut off by another program: what was there reads as zeros. Close the heap")]
    FileLost {
        /// The file's path.
        path: String,
    },

    /// A call that would change a heap file that was opened for reading only.
    #[error("The heap file {path} is open for reading only. Open it without readOnly to change it")]
    ReadOnly {
        /// The file's path.
        path: String,
    },

    /// A disk without room for a heap file's next extent.
    #[error(
        "Out of space: {}the heap file {path} needs {needed} more bytes, and the system does not give them: {}. Free some of the \
         disk{}",
        if *.size == 0 { String::new() } else { format!("for a size of {size}, ") },
        .error.text,
        if *.size == 0 { "" } else { ", or blocks of the heap" }
    )]
    OutOfSpace {
        /// The file's path.
        path: String,
        /// Bytes asked for.
        size: u64,
        /// Bytes that the file would have to grow by.
        needed: u64,
        /// What the system says.
        error: SystemError,
    },

    /// A block for which no extent can be added.
    #[error("Out of memory: a size of {size} needs a new extent, and {because}. Allocate less, or call free() first")]
    NoExtent {
        /// Bytes asked for.
        size: u64,
        /// The largest size that can be allocated now.
        available: u64,
        /// Why.
        because: &'static str,
    },

    /// A limit that no heap file can have.
    #[error(
        "The maxSize of a heap file must be a whole number of bytes from {least} to {most} (1 TiB). Received {received}"
    )]
    MaxSize {
        /// The least limit.
        least: u64,
        /// The most.
        most: u64,
        /// The limit as it was given.
        received: String,
    },

    /// A lock of a heap file that another process has held for too long, or has left.
    #[error("The heap file {path} has been locked by {holder} for {seconds} seconds. {advice}")]
    LockTimeout {
        /// The file's path.
        path: String,
        /// Who holds the lock, in words.
        holder: String,
        /// How long was waited.
        seconds: String,
        /// What is known of the holder, and what to do.
        advice: &'static str,
    },

    /// A heap file that as many processes have open as can have.
    #[error("The heap file {path} is open in {most} processes, the most that it can be")]
    TooManyProcesses {
        /// The file's path.
        path: String,
        /// The limit.
        most: usize,
    },

    /// A heap file with as many roots and maps as it can have.
    #[error(
        "The heap file has {most} roots and maps, the most that it can have{}",
        if *.maps < *.most { ". Delete a root that is not needed: maps stay" } else { ", all of them maps, which stay. Put more into fewer maps" }
    )]
    TooManyRoots {
        /// The limit.
        most: usize,
        /// How many of them are maps.
        maps: usize,
    },

    /// A name that no root can have.
    #[error("The name of a root must have 1 to {most} bytes. Received {bytes}")]
    RootName {
        /// Bytes of the name.
        bytes: usize,
        /// The limit.
        most: usize,
    },

    /// A heap without a file, for a call that needs one.
    #[error("The heap is not in a file. Heap.open() opens one that is")]
    NotInFile,

    /// A recording of a heap that other processes change unseen.
    #[error(
        "The heap is in the file {path}, and other processes change it, which a recording does not see. snapshot() writes what is in it now"
    )]
    NotRecordable {
        /// The file's path.
        path: String,
    },

    /// A heap file where a recording is to be written.
    #[error("{path} is a heap file, and is not overwritten. Pass another path")]
    IsHeapFile {
        /// The file's path.
        path: String,
    },

    /// An address at which no word of a live block is.
    #[error("{address} is not the address of a word: {bytes} bytes of a live block, at a multiple of {bytes}")]
    NotAWord {
        /// The address as it was given.
        address: String,
        /// The length of a word.
        bytes: u64,
    },

    /// A word whose block is to be freed, and that is 0.
    #[error("The word at {word} holds no address, so there is no block to free")]
    EmptyWord {
        /// The address of the word.
        word: u64,
    },

    /// A word inside of the block that would be freed by it.
    #[error("The word at {word} is in the block {start}..{} whose address it holds", .end - 1)]
    WordInBlock {
        /// The address of the word.
        word: u64,
        /// First address of the block.
        start: u64,
        /// The address after its last.
        end: u64,
    },

    /// The system refuses something about a heap file.
    #[error("The heap file {path} cannot be {what}: {}{}", .error.text, advice(what, .error))]
    FileFailed {
        /// The file's path.
        path: String,
        /// What was tried, as in "opened".
        what: &'static str,
        /// What the system says.
        error: SystemError,
    },
}

impl FileError {
    /// The error for what the system refuses; `what` was tried, as in "opened".
    #[cfg(feature = "c-abi")]
    pub(crate) fn failed(path: &std::path::Path, what: &'static str, error: &std::io::Error) -> Self {
        let call = match what {
            "locked" => "fcntl",
            "mapped" => "mmap",
            "read" => "read",
            "written" => "write",
            _ => "open",
        };
        Self::failed_by(path, what, call, error)
    }

    /// [`FileError::failed`] of a call of the system.
    #[cfg(feature = "c-abi")]
    pub(crate) fn failed_by(
        path: &std::path::Path,
        what: &'static str,
        call: &'static str,
        error: &std::io::Error,
    ) -> Self {
        Self::FileFailed { path: path.display().to_string(), what, error: SystemError::new(call, error) }
    }

    /// The error for a lock that a process has held for all of `patience`. It is alive, or the system would have released the lock.
    #[cfg(feature = "c-abi")]
    pub(crate) fn locked(path: &std::path::Path, holder: &str, patience: std::time::Duration) -> Self {
        Self::LockTimeout {
            path: path.display().to_string(),
            holder: holder.to_owned(),
            seconds: patience.as_secs_f64().to_string(),
            advice: Self::IS_ALIVE,
        }
    }

    /// What is said of a process that is alive, and has a lock for too long.
    #[cfg(feature = "c-abi")]
    pub(crate) const IS_ALIVE: &'static str = "The process is alive: it may be stopped";

    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotAHeapFile { .. } => "ERR_MEMS_NOT_A_HEAP_FILE",
            Self::FileVersion { .. } | Self::ForReadersOnly { .. } => "ERR_MEMS_FILE_VERSION",
            Self::FileCorrupt { .. } => "ERR_MEMS_FILE_CORRUPT",
            Self::NeedsRecovery { .. } => "ERR_MEMS_NEEDS_RECOVERY",
            Self::NotDurable { .. } | Self::NothingToSync { .. } => "ERR_MEMS_NOT_DURABLE",
            Self::SyncFailed { .. } => "ERR_MEMS_SYNC_FAILED",
            Self::FileInUse { .. } => "ERR_MEMS_FILE_IN_USE",
            Self::FileSystem { .. } => "ERR_MEMS_FILE_SYSTEM",
            Self::FileLost { .. } => "ERR_MEMS_FILE_LOST",
            Self::ReadOnly { .. } => "ERR_MEMS_READ_ONLY",
            Self::OutOfSpace { .. } => "ERR_MEMS_OUT_OF_SPACE",
            Self::LockTimeout { .. } => "ERR_MEMS_LOCK_TIMEOUT",
            Self::TooManyProcesses { .. } => "ERR_MEMS_TOO_MANY_PROCESSES",
            Self::TooManyRoots { .. } => "ERR_MEMS_TOO_MANY_ROOTS",
            Self::RootName { .. } => "ERR_MEMS_ROOT_NAME",
            Self::NoExtent { .. } => "ERR_MEMS_OUT_OF_MEMORY",
            Self::MaxSize { .. } => "ERR_MEMS_INVALID_SIZE",
            Self::EmptyWord { .. } => "ERR_MEMS_NOT_ALLOCATED",
            Self::NotRecordable { .. } | Self::IsHeapFile { .. } => "ERR_MEMS_RECORDING",
            Self::NotAWord { .. } | Self::WordInBlock { .. } | Self::NotInFile => "ERR_INVALID_ARG_VALUE",
            Self::FileFailed { .. } | Self::FileRefused { .. } => "ERR_MEMS_FILE",
        }
    }

    /// The path of the file and the system's own error, where the system is the reason.
    #[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript asks"))]
    pub(crate) const fn cause(&self) -> Option<(&String, &SystemError)> {
        match self {
            Self::FileFailed { path, error, .. }
            | Self::OutOfSpace { path, error, .. }
            | Self::SyncFailed { path, error } => Some((path, error)),
            _ => None,
        }
    }
}

/// What to do about some errors of the system, as the end of a sentence.
fn advice(what: &str, error: &SystemError) -> &'static str {
    match (what, error.name) {
        ("created", "ENOENT") => ". Its folder has to exist",
        ("created", "EPERM" | "EOPNOTSUPP" | "ENOTSUP" | "ENOSYS") if error.call == "link" => {
            ". The file system has neither hard links nor a way to rename a file only where nothing is"
        }
        ("opened", "EACCES") => ". A process that may only read it has to pass readOnly: true",
        _ => "",
    }
}
