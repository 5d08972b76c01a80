//! Why a recording, or a trace, cannot be read.

use thiserror::Error;

/// Why a recording, or a trace, cannot be read. Each message is one sentence that says what is wrong, and what can be done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file does not begin as a recording does.
    #[error(
        "This is no recording: it does not begin with \"MEMS\". Pass a file that heap.record() or heap.snapshot() has written"
    )]
    NotRecording,

    /// The file's format is newer than this reader.
    #[error(
        "The recording has format {format}, and this version of MeMS reads formats up to {newest}. Read it with a newer version"
    )]
    Newer {
        /// The format of the file.
        format: u16,
        /// The newest format that is read.
        newest: u16,
    },

    /// The beginning of the file is not what was written.
    #[error("The beginning of the recording is damaged: its checksum is wrong, so nothing in it can be read")]
    DamagedStart,

    /// The file ends too early, before its first chunk.
    #[error("The recording was cut off at byte {at}, before its first operation")]
    CutOffStart {
        /// The length of the file.
        at: u64,
    },

    /// The file ends too early.
    #[error("The recording was cut off at byte {at}, in chunk {chunk}. Use --partial to read what is before")]
    CutOff {
        /// The number of the chunk that is not whole, or is not there.
        chunk: u32,
        /// The length of the file.
        at: u64,
    },

    /// The bytes of a chunk are not those that were written.
    #[error(
        "Chunk {chunk} of the recording, at byte {at}, is damaged: its checksum is wrong. Use --partial to read the rest"
    )]
    Damaged {
        /// The chunk's number.
        chunk: u32,
        /// Where the chunk begins.
        at: u64,
    },

    /// A chunk whose checksums are right has contents that no recorder writes.
    #[error(
        "Chunk {chunk} of the recording, at byte {at}, is invalid: {what}. It was not written by MeMS, or this is a bug in MeMS"
    )]
    Invalid {
        /// The chunk's number.
        chunk: u32,
        /// Where the chunk begins.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },

    /// There is no memory to read with.
    #[error("Out of memory for reading the recording")]
    Memory,

    /// A line that no trace has.
    #[error("Line {line} is not a line of a trace: {what}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },

    /// A trace whose head names another number of operations than it has.
    #[error("The trace has {read} operations, and its head names {named}: it was cut off, or its head is wrong")]
    Count {
        /// Operations that were read.
        read: u64,
        /// Operations that the head names; 0 if the trace ends in its head.
        named: u64,
    },
}

impl Fault {
    /// The stable code of this fault, which JavaScript sees as `error.code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotRecording => "ERR_MEMS_NOT_RECORDING",
            Self::Newer { .. } => "ERR_MEMS_RECORDING_NEWER",
            Self::CutOffStart { .. } | Self::CutOff { .. } => "ERR_MEMS_RECORDING_CUT_OFF",
            Self::DamagedStart | Self::Damaged { .. } | Self::Invalid { .. } => "ERR_MEMS_RECORDING_DAMAGED",
            Self::Memory => "ERR_MEMS_OUT_OF_MEMORY",
            Self::Line { .. } | Self::Count { .. } => "ERR_MEMS_NOT_TRACE",
        }
    }
}
