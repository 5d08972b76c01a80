//! Everything that can go wrong in a heap. A call that fails has changed nothing.

use crate::file_error::FileError;
use crate::map_error::MapError;
use crate::page::PAGE;
use thiserror::Error;

/// Why a call on a heap failed. [`Error::code`] is the stable name that JavaScript sees as `error.code`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The default heap has not been made, or is finished.
    #[error("The heap is not initialized. Call init() first")]
    NotInitialized,

    /// `init` on a running heap with options other than its own.
    #[error(
        "The heap is already initialized with other options ({running}). Call init() with these, or call finish() first. \
         Received {asked}"
    )]
    AlreadyInitialized {
        /// The options in force.
        running: String,
        /// The options asked for.
        asked: String,
    },

    /// A size that is not a whole number from 1 to 2^53 - 1.
    #[error("A size must be a whole number of bytes from 1 to 9007199254740991. Received {size}")]
    InvalidSize {
        /// The size as it was given.
        size: String,
    },

    /// A limit under which a heap could have no main block.
    #[error("The maxSize must be at least {PAGE} bytes, which is one page. Received {bytes}")]
    MaxSizeBelowPage {
        /// The limit given.
        bytes: u64,
    },

    /// An option that makes no sense with the policy.
    #[error("The option {option} cannot be used with the policy '{policy}': {because}")]
    PolicyOption {
        /// The policy's name.
        policy: &'static str,
        /// The option's name in JavaScript.
        option: &'static str,
        /// Why it makes no sense.
        because: &'static str,
    },

    /// An alignment that is not valid.
    #[error("An alignment must be {expected}. Received {alignment}")]
    InvalidAlignment {
        /// The alignment as it was given.
        alignment: String,
        /// What can be given.
        expected: &'static str,
    },

    /// A range of addresses that is not inside one block.
    #[error(
        "A range of {length} bytes from {address} reaches past the end of its block {}. At most {available} bytes are there",
        range(*.start, *.end)
    )]
    OutOfBlock {
        /// The first address of the range.
        address: u64,
        /// The length of the range.
        length: u64,
        /// First address of the block.
        start: u64,
        /// The address after its last.
        end: u64,
        /// Bytes from the address to the block's end.
        available: u64,
    },

    /// The heap may not have so much memory.
    #[error(
        "Out of memory: a size of {size} needs {block} more bytes in main blocks. The heap's maxSize of {limit} leaves \
         room for {available}. Allocate less, or call free() first"
    )]
    LimitReached {
        /// Bytes asked for.
        size: u64,
        /// Bytes of the main block that would have to be made.
        block: u64,
        /// The heap's limit.
        limit: u64,
        /// The largest size that can be allocated now.
        available: u64,
    },

    /// A heap object after its end.
    #[error("The heap is closed. Make another with new Heap(), or open its file again with Heap.open()")]
    Closed,

    /// An id that no heap of this process has ever had.
    #[error(
        "No heap of this process has had the id {id}. An id is valid only in the process, and in the loaded copy of the \
         package, that made the heap. Heap.list() lists the open heaps"
    )]
    UnknownHeap {
        /// The id as it was given.
        id: u64,
    },

    /// A heap that only the thread that has made it knows.
    #[error(
        "The heap with the id {id} belongs to the thread that made it until that reads its id. Pass the id that heap.id returns there"
    )]
    NotPublished {
        /// The id.
        id: u64,
    },

    /// The default heap in which a call, or a block as an object, began.
    #[error("The block no longer exists: finish() has ended the default heap that it was in")]
    Finished,

    /// All heaps that a process can have are open.
    #[error("There are {most} open heaps, the most that a process can have. Call close() on some of them first")]
    TooManyHeaps {
        /// The limit.
        most: usize,
    },

    /// A heap that records already.
    #[error("The heap is being recorded already. Call stopRecording() first")]
    AlreadyRecording,

    /// A heap that does not record.
    #[error("The heap is not being recorded. Call record() first")]
    NotRecording,

    /// A recording or a snapshot that could not be written.
    #[error("The file {path} cannot be written: {reason}")]
    RecordingFailed {
        /// The file's path.
        path: String,
        /// What the system says.
        reason: String,
    },

    /// What is wrong with a heap file, or with a call that is for heaps in files.
    #[error(transparent)]
    File(#[from] FileError),

    /// See [`MapError`].
    #[error(transparent)]
    Map(#[from] MapError),

    /// A file for a snapshot or a page that a recording is being written into.
    #[error("The file {path} is being recorded into. Pass another path, or call stopRecording() first")]
    RecordedInto {
        /// The file's path.
        path: String,
    },

    /// An address outside every main block.
    #[error("{address} is outside every main block ({}). Pass an address that malloc() returned", range(*.start, *.end))]
    OutOfRange {
        /// The address as it was given.
        address: String,
        /// First address of the main chain.
        start: u64,
        /// The address after its last.
        end: u64,
    },

    /// An address inside a hole.
    #[error(
        "{address} is not allocated. It is in the hole {}, which was freed or never allocated",
        range(*.start, *.end)
    )]
    NotAllocated {
        /// The address given.
        address: u64,
        /// First address of the hole.
        start: u64,
        /// The address after its last.
        end: u64,
    },

    /// `free` of a block that is known to have been freed before.
    #[error("{address} is not allocated. Its block was freed before\nallocated\n{allocated}\nfirst freed\n{freed}")]
    FreedBefore {
        /// The address given.
        address: u64,
        /// The stack of the call that allocated the block.
        allocated: String,
        /// The stack of the call that freed it.
        freed: String,
    },

    /// Something has written past the end of a block.
    #[error("Something has written past the end of the block {}, at {at}{allocated}", range(*.start, *.end))]
    Overflow {
        /// First address of the block.
        start: u64,
        /// The address after its last.
        end: u64,
        /// The first address behind it that was written to.
        at: u64,
        /// Where it was allocated, in words; empty if that is not known.
        allocated: String,
    },

    /// Something has written to a freed block.
    #[error("Something has written to the freed block {}, at {at}", range(*.start, *.end))]
    WriteAfterFree {
        /// First address of what was the block.
        start: u64,
        /// The address after its last, canary included.
        end: u64,
        /// The first address that was written to.
        at: u64,
    },

    /// The system keeps no more memory from being swapped out.
    #[error(
        "The system does not lock {bytes} more bytes in memory{}. Raise the limit (ulimit -l, LimitMEMLOCK), or allocate less",
        limit_said(*.limit)
    )]
    LockLimit {
        /// Bytes of the main block.
        bytes: u64,
        /// The process's limit in bytes, if it has one.
        limit: Option<u64>,
    },

    /// One address twice in a list of blocks to free.
    #[error("{address} is in the list twice. A block can be freed only once")]
    GivenTwice {
        /// The address.
        address: u64,
    },

    /// `free` of an address inside a block rather than at its start.
    #[error(
        "{address} is inside the block {}. Pass the block's start, {start}",
        range(*.start, *.end)
    )]
    NotBlockStart {
        /// The address given.
        address: u64,
        /// First address of the block.
        start: u64,
        /// The address after its last.
        end: u64,
    },

    /// The system refuses the pages a new main block needs.
    #[error(
        "Out of memory: a size of {size} needs a new main block of {block} bytes. Only {available} bytes are available in one \
         piece (some address space is left to the rest of the process). Allocate less, or call free() first"
    )]
    OutOfMemory {
        /// Bytes asked for.
        size: u64,
        /// Bytes of the main block that would have to be made.
        block: u64,
        /// The largest size that can be allocated now.
        available: u64,
    },

    /// Heaps have as many mappings as the system's limit leaves them.
    #[error(
        "Out of memory: a size of {size} needs a new mapping. The heaps of the process have {most}, the most that the \
         system's limit (vm.max_map_count) leaves them. Only {available} bytes are available. Call close() on some heaps, or \
         raise the limit"
    )]
    TooManyMappings {
        /// Bytes asked for.
        size: u64,
        /// The most mappings of heaps.
        most: usize,
        /// The largest size that can be allocated now.
        available: u64,
    },

    /// The system refuses memory for the heap's own bookkeeping.
    #[error("Out of memory for the heap's bookkeeping. Call free() first")]
    OutOfMetadata {
        /// Bytes asked for; 0 if the call was no malloc.
        size: u64,
    },

    /// The heap is too large to print.
    #[error("Out of memory for the text of printStats(). Call stats() for the totals")]
    OutOfText,

    /// `verify` found an invariant broken.
    #[error("The heap is corrupt: {0}. This is a bug in MeMS, please report it")]
    Corrupt(String),

    /// A panic while the heap was locked left it in an unknown state.
    #[error(
        "An internal error has left the heap in an unknown state. Call finish(), then init(). This is a bug in MeMS, \
         please report it"
    )]
    Poisoned,
}

impl Error {
    /// Whether a request was refused for want of room or memory, so that it may succeed after others have been freed.
    pub(crate) const fn is_no_room(&self) -> bool {
        self.refusal().is_some()
    }

    /// The size of a request that was refused for want of room or memory, and the largest size that could have been allocated.
    pub(crate) const fn refusal(&self) -> Option<(u64, u64)> {
        match *self {
            Self::OutOfMemory { size, available, .. }
            | Self::LimitReached { size, available, .. }
            | Self::TooManyMappings { size, available, .. }
            | Self::File(FileError::NoExtent { size, available, .. }) => Some((size, available)),
            Self::OutOfMetadata { size } | Self::File(FileError::OutOfSpace { size, .. }) => Some((size, 0)),
            Self::LockLimit { bytes, .. } => Some((bytes, 0)),
            _ => None,
        }
    }

    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotInitialized => "ERR_MEMS_NOT_INITIALIZED",
            Self::AlreadyInitialized { .. } => "ERR_MEMS_ALREADY_INITIALIZED",
            Self::InvalidSize { .. } | Self::MaxSizeBelowPage { .. } => "ERR_MEMS_INVALID_SIZE",
            Self::PolicyOption { .. } => "ERR_INVALID_ARG_VALUE",
            Self::InvalidAlignment { .. } => "ERR_MEMS_INVALID_ALIGNMENT",
            Self::OutOfBlock { .. } => "ERR_MEMS_OUT_OF_BLOCK",
            Self::Closed | Self::Finished => "ERR_MEMS_CLOSED",
            Self::UnknownHeap { .. } | Self::NotPublished { .. } => "ERR_MEMS_UNKNOWN_HEAP",
            Self::OutOfRange { .. } => "ERR_MEMS_OUT_OF_RANGE",
            Self::NotAllocated { .. } | Self::FreedBefore { .. } | Self::GivenTwice { .. } => "ERR_MEMS_NOT_ALLOCATED",
            Self::Overflow { .. } => "ERR_MEMS_OVERFLOW",
            Self::WriteAfterFree { .. } => "ERR_MEMS_WRITE_AFTER_FREE",
            Self::LockLimit { .. } => "ERR_MEMS_LOCK_LIMIT",
            Self::NotBlockStart { .. } => "ERR_MEMS_NOT_BLOCK_START",
            Self::OutOfMemory { .. }
            | Self::LimitReached { .. }
            | Self::TooManyMappings { .. }
            | Self::TooManyHeaps { .. }
            | Self::OutOfMetadata { .. }
            | Self::OutOfText => "ERR_MEMS_OUT_OF_MEMORY",
            Self::AlreadyRecording | Self::NotRecording | Self::RecordingFailed { .. } | Self::RecordedInto { .. } => {
                "ERR_MEMS_RECORDING"
            }
            Self::File(error) => error.code(),
            Self::Map(error) => error.code(),
            Self::Corrupt(_) => "ERR_MEMS_CORRUPT",
            Self::Poisoned => "ERR_MEMS_INTERNAL",
        }
    }
}

/// The limit on locked memory, for messages.
fn limit_said(limit: Option<u64>) -> String {
    limit.map_or_else(String::new, |limit| format!(" (the process may lock {limit} in all)"))
}

/// `start..=last`, or a word for the empty range, for messages.
fn range(start: u64, end: u64) -> String {
    if start == end { "there are none yet".to_owned() } else { format!("{start}..{}", end - 1) }
}
