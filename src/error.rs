//! Everything that can go wrong in a heap. A call that fails has changed nothing.

use crate::page::PAGE;
use thiserror::Error;

/// Why a call on a heap failed. [`Error::code`] is the stable name that JavaScript sees as `error.code`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The default heap has not been made, or is finished.
    #[error("the heap is not initialized: call init() first (finish() ends a heap, init() starts a new one)")]
    NotInitialized,

    /// `init` on a running heap with options other than its own.
    #[error(
        "the heap is already initialized with other options ({running}; asked: {asked}): \
         call init() with the same options, or finish() first"
    )]
    AlreadyInitialized {
        /// The options in force.
        running: String,
        /// The options asked for.
        asked: String,
    },

    /// A size that is not a whole number from 1 to 2^53 - 1.
    #[error("{size} is not a size: give a whole number of bytes from 1 to 9007199254740991")]
    InvalidSize {
        /// The size as it was given.
        size: String,
    },

    /// A limit under which a heap could have no main block.
    #[error(
        "a maxSize of {bytes} leaves no room for any block: memory comes in pages of {PAGE} bytes, so give {PAGE} or more"
    )]
    MaxSizeBelowPage {
        /// The limit given.
        bytes: u64,
    },

    /// An option that makes no sense with the policy.
    #[error("the option {option} makes no sense with the policy '{policy}': {because}")]
    PolicyOption {
        /// The policy's name.
        policy: &'static str,
        /// The option's name in JavaScript.
        option: &'static str,
        /// Why it makes none.
        because: &'static str,
    },

    /// An alignment that is none.
    #[error("{alignment} is not an alignment: give {expected}")]
    InvalidAlignment {
        /// The alignment as it was given.
        alignment: String,
        /// What can be given.
        expected: &'static str,
    },

    /// A range of addresses that is not inside one block.
    #[error(
        "{length} bytes from {address} reach past the end of their block {}: at most {available} can be had",
        range(*.start, *.end)
    )]
    OutOfBlock {
        /// The first address of the range.
        address: u64,
        /// Its length.
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
        "out of memory: a size of {size} needs {block} more bytes in main blocks, and the heap's maxSize of {limit} leaves \
         {available}: ask for less, or free() first"
    )]
    LimitReached {
        /// Bytes asked for.
        size: u64,
        /// Bytes of the main block that would have to be made.
        block: u64,
        /// The heap's limit.
        limit: u64,
        /// The largest size that can be had now.
        available: u64,
    },

    /// A heap object after its end.
    #[error("this heap is closed: make another with new Heap()")]
    Closed,

    /// An id that no heap of this process has ever had.
    #[error(
        "{id} is the id of no heap that this process has had: ids hold in the process, and the loaded copy of the package, \
         that gave them, for all its threads (Heap.list() lists them)"
    )]
    UnknownHeap {
        /// The id as it was given.
        id: u64,
    },

    /// The default heap in which a call, or a block as an object, began.
    #[error("the default heap that this block was in has been ended by finish(): the block went with it")]
    Finished,

    /// All heaps that a process can have are open.
    #[error("there are {most} open heaps, the most that a process can have: close() some")]
    TooManyHeaps {
        /// The limit.
        most: usize,
    },

    /// An address outside every main block.
    #[error("{address} is outside every main block ({}): use an address that malloc() returned", range(*.start, *.end))]
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
        "{address} is not allocated: it lies in the hole {}, freed already or never allocated",
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
    #[error("{address} is not allocated: its block was freed already\nallocated\n{allocated}\nfirst freed\n{freed}")]
    FreedBefore {
        /// The address given.
        address: u64,
        /// The stack of the call that allocated the block.
        allocated: String,
        /// The stack of the call that freed it.
        freed: String,
    },

    /// Something has written past the end of a block.
    #[error("a write past the end of the block {} was found, at {at}{allocated}", range(*.start, *.end))]
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
    #[error("a write to the freed block {} was found, at {at}", range(*.start, *.end))]
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
        "the system does not lock {bytes} more bytes in memory{}: \
         raise the limit (ulimit -l, LimitMEMLOCK), or ask for less",
        limit_said(*.limit)
    )]
    LockLimit {
        /// Bytes of the main block.
        bytes: u64,
        /// The process's limit in bytes, if it has one.
        limit: Option<u64>,
    },

    /// One address twice in a list of blocks to free.
    #[error("{address} is given twice: a block can be freed once")]
    GivenTwice {
        /// The address.
        address: u64,
    },

    /// `free` of an address inside a block rather than at its start.
    #[error(
        "{address} is inside the block {}: free it by its start, {start}",
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
        "out of memory: a size of {size} needs a new main block of {block} bytes, and {available} are available \
         in one piece (some address space is left to the rest of the process): ask for less, or free() first"
    )]
    OutOfMemory {
        /// Bytes asked for.
        size: u64,
        /// Bytes of the main block that would have to be made.
        block: u64,
        /// The largest size that can be had now.
        available: u64,
    },

    /// The system allows a process so many mappings, and heaps have what they may of them.
    #[error(
        "out of memory: a size of {size} needs a new mapping, and the process's heaps have {most}, the most that the system's \
         limit leaves them (vm.max_map_count), and {available} are available: close() some heaps, or raise the limit"
    )]
    TooManyMappings {
        /// Bytes asked for.
        size: u64,
        /// The most mappings of heaps.
        most: usize,
        /// The largest size that can be had now.
        available: u64,
    },

    /// The system refuses memory for the heap's own bookkeeping.
    #[error("out of memory for the heap's bookkeeping: free() blocks first")]
    OutOfMetadata {
        /// Bytes asked for; 0 if the call was no malloc.
        size: u64,
    },

    /// The heap is too large to print.
    #[error("out of memory for the text of printStats(): stats() has the totals")]
    OutOfText,

    /// `verify` found an invariant broken.
    #[error("the heap is corrupt: {0}; this is a bug in MeMS, please report it")]
    Corrupt(String),

    /// A panic while the heap was locked left it in an unknown state.
    #[error("an internal error left the heap in an unknown state: call finish(), then init(), and please report it")]
    Poisoned,
}

impl Error {
    /// Whether a request was refused for want of room or memory, so that it may succeed after others have been freed.
    pub(crate) const fn is_no_room(&self) -> bool {
        matches!(
            self,
            Self::LimitReached { .. }
                | Self::OutOfMemory { .. }
                | Self::TooManyMappings { .. }
                | Self::LockLimit { .. }
                | Self::OutOfMetadata { .. }
        )
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
            Self::UnknownHeap { .. } => "ERR_MEMS_UNKNOWN_HEAP",
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
    if start == end { "there is none yet".to_owned() } else { format!("{start}..{}", end - 1) }
}
