//! Reads a recording, from all bytes of its file.
//!
//! Invariants: no bytes make it panic, or take more memory than 4 MiB a chunk; what has a wrong checksum is never read.
//!
//! Cost: a pass over the bytes for the checksums, some 2 ns each.

use super::chunk::{Chunk, content};
use super::event::Flags;
use super::fault::Fault;
use super::{FORMAT, MAGIC, MOST_HEADER};
use crate::checksum::checksum;

/// Bytes before the JSON of a file's header.
const PREFIX: usize = 18;

/// What a file has before its first chunk.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// What is recorded about each call.
    pub flags: Flags,
    /// The text of the header, JSON.
    pub header: &'a str,
}

impl<'a> Start<'a> {
    /// Reads the beginning of a file. Returns the rest of it as well.
    ///
    /// # Errors
    /// If there is no recording, or a newer one, or its beginning is damaged.
    pub fn of_bytes(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        let cut_off = || Fault::CutOffStart { at: bytes.len() as u64 };
        if bytes.is_empty() || !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
            return Err(Fault::NotRecording);
        }
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX>().ok_or_else(cut_off)?;
        let short = |at: usize| u16::from_le_bytes([prefix[at], prefix[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        // A newer format may have its checksum elsewhere.
        let format = short(6);
        if format > FORMAT {
            return Err(Fault::Newer { format, newest: FORMAT });
        }
        if long(10) as usize > MOST_HEADER {
            return Err(Fault::DamagedStart);
        }
        let (header, rest) =
            usize::try_from(long(10)).ok().and_then(|length| rest.split_at_checked(length)).ok_or_else(cut_off)?;
        if format == 0 || checksum([&prefix[8..14], header]) != long(14) {
            return Err(Fault::DamagedStart);
        }
        let header = str::from_utf8(header).map_err(|_| Fault::DamagedStart)?;
        Ok((Self { flags: Flags::of_bits(short(8)), header }, rest))
    }
}

/// A chunk of events, and what is missing before it.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The chunk.
    pub chunk: Chunk<'a>,
    /// Operations between the chunk of events before and this one that are missing: the disk was too slow, or they are in a damaged
    /// chunk.
    pub missing: u64,
}

/// A recording.
#[derive(Debug)]
pub struct Reader<'a> {
    start: Start<'a>,
    parts: Vec<Part<'a>>,
    stacks: Vec<Chunk<'a>>,
    stats: Option<String>,
    missing_at_end: u64,
}

impl<'a> Reader<'a> {
    /// Reads the beginning of a recording, and finds its chunks. With `partial` what cannot be read is left out: the chunks after a
    /// cut or a damaged header, and damaged chunks, whose operations count as missing.
    ///
    /// # Errors
    /// If this is no recording, or one of a newer format; and, without `partial`, if it is cut off or damaged.
    pub fn new(bytes: &'a [u8], partial: bool) -> Result<Self, Fault> {
        let (start, rest) = Start::of_bytes(bytes)?;
        let mut reader = Self { start, parts: Vec::new(), stacks: Vec::new(), stats: None, missing_at_end: 0 };
        match reader.read(rest, (bytes.len() - rest.len()) as u64, partial) {
            Err(Fault::Memory) => Err(Fault::Memory),
            Err(fault) if !partial => Err(fault),
            _ => Ok(reader),
        }
    }

    fn read(&mut self, mut rest: &'a [u8], mut at: u64, partial: bool) -> Result<(), Fault> {
        for number in 0.. {
            let chunk = Chunk::of_bytes(rest, number, at)?;
            if chunk.number() != number {
                return Err(Fault::Damaged { chunk: number, at });
            }
            rest = &rest[chunk.length()..];
            at += chunk.length() as u64;
            self.missing_at_end = self.missing_at_end.saturating_add(chunk.header.missing);
            if !chunk.is_whole() {
                let fault = Fault::Damaged { chunk: number, at: chunk.at() };
                if !partial {
                    return Err(fault);
                }
                self.missing_at_end = self.missing_at_end.saturating_add(u64::from(chunk.operations()));
                continue;
            }
            match chunk.header.content {
                content::EVENTS => {
                    self.parts.try_reserve(1).map_err(|_| Fault::Memory)?;
                    self.parts.push(Part { chunk, missing: std::mem::take(&mut self.missing_at_end) });
                }
                content::STACKS => {
                    self.stacks.try_reserve(1).map_err(|_| Fault::Memory)?;
                    self.stacks.push(chunk);
                }
                content::END => {
                    let stats = String::from_utf8(chunk.body()?).map_err(|_| chunk.invalid("its text is not UTF-8"))?;
                    self.stats = Some(stats);
                    return if rest.is_empty() { Ok(()) } else { Err(chunk.invalid("bytes follow the end")) };
                }
                // A newer version may write others that readers need not know.
                _ => (),
            }
        }
        Ok(())
    }

    /// What is recorded about each call.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.start.flags
    }

    /// The text of the header, JSON.
    #[must_use]
    pub const fn header(&self) -> &'a str {
        self.start.header
    }

    /// The text of the final statistics, JSON. `None`: the recording has no end, so it was cut off.
    #[must_use]
    pub fn stats(&self) -> Option<&str> {
        self.stats.as_deref()
    }

    /// The chunks of events.
    #[must_use]
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Operations that are missing after the last chunk of events.
    #[must_use]
    pub const fn missing_at_end(&self) -> u64 {
        self.missing_at_end
    }

    /// Operations that are missing anywhere.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.parts.iter().fold(self.missing_at_end, |sum, part| sum.saturating_add(part.missing))
    }

    /// Operations in all chunks.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.chunk.operations())).sum()
    }

    /// The parts of the table of stacks.
    #[must_use]
    pub fn stacks(&self) -> &[Chunk<'a>] {
        &self.stacks
    }
}
