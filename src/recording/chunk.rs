//! A chunk of a file: a header of [`HEADER`] bytes with a checksum of its own, and a body, which may be compressed.
//!
//! Invariants: a body is read only if both checksums are right, and never takes more than [`MOST_BODY`] bytes of memory, and those
//! of a decompressor, whatever the header says.

use super::fault::Fault;
use crate::checksum::checksum;
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes of a chunk's header.
pub(super) const HEADER: usize = 40;
/// The most bytes of a body that is not compressed.
pub(super) const MOST_BODY: usize = 4 << 20;

/// What a decompressor takes, and some more.
const DECOMPRESSOR_BYTES: usize = 128 << 10;

/// What a chunk's body is. Readers skip chunks of other numbers.
pub(super) mod content {
    /// Columns of events.
    pub const EVENTS: u8 = 1;
    /// A part of the table of stacks.
    pub const STACKS: u8 = 2;
    /// The totals, and statistics of the heap: the last chunk.
    pub const END: u8 = 3;
}

/// How a chunk's body is written.
pub(super) mod codec {
    /// As it is.
    pub const NONE: u8 = 0;
    /// Compressed as raw deflate.
    pub const DEFLATE: u8 = 1;
}

/// What is known about a chunk before its body is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// A number of [`content`].
    pub content: u8,
    /// A number of [`codec`].
    pub codec: u8,
    /// How many chunks are before.
    pub number: u32,
    /// The body's length in the file.
    pub stored: u32,
    /// The body's length when it is decompressed.
    pub length: u32,
    /// The number of its events.
    pub events: u32,
    /// The number of its events that are operations.
    pub operations: u32,
    /// Operations between the chunk before and this one that were not recorded.
    pub missing: u64,
    /// The checksum of the body as it is in the file.
    pub body_sum: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = self.content;
        bytes[1] = self.codec;
        bytes[4..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.stored.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.events.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.operations.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.missing.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.body_sum.to_le_bytes());
        let sum = checksum([&bytes[..36]]);
        bytes[36..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header, if its checksum is right.
    fn of_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let short = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = Self {
            content: bytes[0],
            codec: bytes[1],
            number: short(4),
            stored: short(8),
            length: short(12),
            events: short(16),
            operations: short(20),
            missing: u64::from(short(24)) | u64::from(short(28)) << 32,
            body_sum: short(32),
        };
        (short(36) == checksum([&bytes[..36]])).then_some(header)
    }
}

/// A chunk in the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    pub(super) header: Header,
    at: u64,
    body: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The chunk that `bytes` begin with, whose place in the file is `at`. `number` is for messages about a chunk that cannot be
    /// read. The body is not looked at.
    pub(super) fn of_bytes(bytes: &'a [u8], number: u32, at: u64) -> Result<Self, Fault> {
        let cut_off = |bytes: &[u8]| Fault::CutOff { chunk: number, at: at + bytes.len() as u64 };
        let (header, rest) = bytes.split_first_chunk().ok_or_else(|| cut_off(bytes))?;
        let header = Header::of_bytes(header).ok_or(Fault::Damaged { chunk: number, at })?;
        let body = rest.get(..header.stored as usize).ok_or_else(|| cut_off(bytes))?;
        Ok(Self { header, at, body })
    }

    /// The chunk that `bytes` begin with, whose place in the file is `at`: one of those that a [`Reader`](super::Reader) has found.
    ///
    /// # Errors
    /// If the bytes end before the chunk does, or its header is damaged.
    pub fn read(bytes: &'a [u8], at: u64) -> Result<Self, Fault> {
        Self::of_bytes(bytes, 0, at)
    }

    /// How many chunks are before this one.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.header.number
    }

    /// Where the chunk begins in the file.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The number of its events.
    #[must_use]
    pub const fn events(&self) -> u32 {
        self.header.events
    }

    /// The number of its events that are operations.
    #[must_use]
    pub const fn operations(&self) -> u32 {
        self.header.operations
    }

    /// Bytes in the file.
    #[must_use]
    pub const fn length(&self) -> usize {
        HEADER + self.body.len()
    }

    /// Whether the body is as it was written.
    pub(super) fn is_whole(&self) -> bool {
        checksum([self.body]) == self.header.body_sum
    }

    /// The body, decompressed.
    pub(super) fn body(&self) -> Result<Vec<u8>, Fault> {
        let Header { number, codec, length, .. } = self.header;
        if !self.is_whole() {
            return Err(Fault::Damaged { chunk: number, at: self.at });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MOST_BODY {
            return Err(self.invalid("it is too long"));
        }
        let mut body = Vec::new();
        body.try_reserve_exact(length).map_err(|_| Fault::Memory)?;
        match codec {
            codec::NONE if self.body.len() == length => body.extend_from_slice(self.body),
            codec::NONE => return Err(self.invalid("its lengths differ")),
            codec::DEFLATE => {
                body.resize(length, 0);
                // A decompressor panics where there is no memory for it: so see first that there is.
                Vec::<u8>::new().try_reserve_exact(DECOMPRESSOR_BYTES).map_err(|_| Fault::Memory)?;
                let mut inflate = Decompress::new(false);
                let status = inflate.decompress(self.body, &mut body, FlushDecompress::Finish);
                let (read, written) = (inflate.total_in(), inflate.total_out());
                let is_all = (read, written) == (self.body.len() as u64, length as u64);
                if !(matches!(status, Ok(Status::StreamEnd)) && is_all) {
                    return Err(self.invalid("it cannot be decompressed"));
                }
            }
            _ => return Err(self.invalid("its codec is unknown")),
        }
        Ok(body)
    }

    pub(super) fn invalid(&self, what: &'static str) -> Fault {
        Fault::Invalid { chunk: self.header.number, at: self.at, what }
    }
}
