//! Writes a recording.
//!
//! Invariants: the memory is reserved when the writer is made; a chunk that would not become smaller is written as it is. After an
//! error the writer must not be used: what has been written is a recording that was cut off.
//!
//! Cost: 10 to 50 ns an event, nearly all of it for compressing, so that it belongs in a thread of its own.

use super::chunk::{Header, MOST_BODY, codec, content};
use super::columns::{Column, LONGEST, id, varint};
use super::encoder::{Encoder, MOST_BYTES, cut};
use super::event::Flags;
use super::{FORMAT, MAGIC, MOST_HEADER};
use crate::checksum::checksum;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::io::{Error, ErrorKind, Result, Write};

/// How hard the compressor tries: 1 takes half the time and a fifth more bytes; 4 takes a third more time and gains a twentieth.
const LEVEL: u32 = 2;
/// What a compressor takes, and some more.
const COMPRESSOR_BYTES: usize = 512 << 10;
/// Bytes of the table of stacks that are written as one chunk.
const STACKS: usize = 256 << 10;
/// The most bytes of a stack's text. A longer one is cut.
const MOST_STACK: usize = 64 << 10;

/// A recording that is being written.
pub struct Writer<W: Write> {
    to: W,
    compressor: Compress,
    packed: Vec<u8>,
    stacks: Column,
    number: u32,
    missing: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording. `header` is JSON: what is to be known before the first event.
    ///
    /// # Errors
    /// If there is no memory, or writing fails.
    pub fn new(mut to: W, flags: Flags, header: &str) -> Result<Self> {
        let no_memory = |_| Error::from(ErrorKind::OutOfMemory);
        let (mut packed, mut probe) = (Vec::new(), Vec::<u8>::new());
        packed.try_reserve_exact(MOST_BYTES).map_err(no_memory)?;
        packed.resize(MOST_BYTES, 0);
        let stacks = Column::new(if flags.stacks { STACKS } else { 0 }).map_err(no_memory)?;
        // A compressor panics where there is no memory for it: so see first that there is.
        probe.try_reserve_exact(COMPRESSOR_BYTES).map_err(no_memory)?;
        drop(probe);
        let compressor = Compress::new(Compression::new(LEVEL), false);

        if header.len() > MOST_HEADER {
            return Err(ErrorKind::InvalidInput.into());
        }
        #[allow(clippy::cast_possible_truncation, reason = "compared above")]
        let length = (header.len() as u32).to_le_bytes();
        let flags = flags.bits().to_le_bytes();
        let sum = checksum([&flags[..], &length, header.as_bytes()]).to_le_bytes();
        for piece in [&MAGIC[..], &FORMAT.to_le_bytes(), &flags, &length, &sum, header.as_bytes()] {
            to.write_all(piece)?;
        }
        Ok(Self { to, compressor, packed, stacks, number: 0, missing: 0 })
    }

    /// Writes the events of an encoder; nothing if there are none.
    ///
    /// # Errors
    /// If writing fails.
    pub fn chunk(&mut self, encoder: &Encoder) -> Result<()> {
        if encoder.is_empty() {
            return Ok(());
        }
        // Before each column are its id and its length.
        let mut lengths = [([0; LONGEST], 0); id::LAST as usize];
        for (place, (_, bytes)) in lengths.iter_mut().zip(encoder.columns()) {
            *place = varint(bytes.len() as u64);
        }
        let columns = encoder.columns().zip(&lengths);
        let body = columns.flat_map(|((id, bytes), (digits, count))| [id, &digits[..*count], bytes]);
        #[allow(clippy::cast_possible_truncation, reason = "at most MOST_EVENTS")]
        let events = encoder.events() as u32;
        let header = Header { content: content::EVENTS, events, operations: encoder.operations(), ..Header::default() };
        self.write(header, body)
    }

    /// Hands what has been written on, so that it is there if the process is killed.
    ///
    /// # Errors
    /// An error of the target.
    pub fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }

    /// Records that operations are missing here: those for which there was no time.
    pub const fn missing(&mut self, operations: u64) {
        self.missing += operations;
    }

    /// Adds a stack to the table of stacks.
    ///
    /// # Errors
    /// If writing fails.
    pub fn stack(&mut self, id: u32, text: &str) -> Result<()> {
        let text = cut(text, MOST_STACK);
        if self.stacks.bytes_left() < text.len() + 2 * LONGEST {
            self.write_stacks()?;
        }
        self.stacks.push(u64::from(id));
        self.stacks.push_text(text);
        Ok(())
    }

    /// Ends the recording. `stats` is JSON: what the heap is like at the end. What was recorded but not written since the last
    /// chunk has to be counted as [`Writer::missing`] before.
    ///
    /// # Errors
    /// If writing fails.
    pub fn end(mut self, stats: &str) -> Result<W> {
        if stats.len() > MOST_BODY {
            return Err(ErrorKind::InvalidInput.into());
        }
        self.write_stacks()?;
        self.write(Header { content: content::END, ..Header::default() }, std::iter::once(stats.as_bytes()))?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn write_stacks(&mut self) -> Result<()> {
        if self.stacks.length() == 0 {
            return Ok(());
        }
        let header = Header { content: content::STACKS, ..Header::default() };
        let stacks = std::mem::replace(&mut self.stacks, Column::EMPTY);
        let written = self.write(header, std::iter::once(stacks.bytes()));
        self.stacks = stacks;
        self.stacks.clear();
        written
    }

    /// Writes a chunk whose body is these pieces, one after the other.
    fn write<'a>(&mut self, header: Header, body: impl Iterator<Item = &'a [u8]> + Clone) -> Result<()> {
        let length = body.clone().map(<[u8]>::len).sum();
        #[allow(clippy::cast_possible_truncation, reason = "bodies have at most MOST_BODY bytes")]
        let short = |length: usize| length as u32;
        let mut header = Header { number: self.number, length: short(length), missing: self.missing, ..header };
        let packed = self.compress(length, body.clone());
        if let Some(packed) = packed {
            let packed = &self.packed[..packed];
            header =
                Header { codec: codec::DEFLATE, stored: short(packed.len()), body_sum: checksum([packed]), ..header };
            self.to.write_all(&header.to_bytes())?;
            self.to.write_all(packed)?;
        } else {
            header = Header { codec: codec::NONE, stored: short(length), body_sum: checksum(body.clone()), ..header };
            self.to.write_all(&header.to_bytes())?;
            for piece in body {
                self.to.write_all(piece)?;
            }
        }
        self.number += 1;
        self.missing = 0;
        Ok(())
    }

    /// Compresses a body. `None`: it would not become smaller.
    fn compress<'a>(&mut self, length: usize, body: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
        self.compressor.reset();
        let room = length.min(self.packed.len());
        let packed = &mut self.packed[..room];
        let written = |compressor: &Compress| usize::try_from(compressor.total_out()).unwrap_or(room);
        let mut read = 0;
        for piece in body {
            let to = &mut packed[written(&self.compressor)..];
            self.compressor.compress(piece, to, FlushCompress::None).ok()?;
            read += piece.len() as u64;
            if self.compressor.total_in() != read {
                return None;
            }
        }
        let to = &mut packed[written(&self.compressor)..];
        let status = self.compressor.compress(&[], to, FlushCompress::Finish);
        let written = written(&self.compressor);
        (matches!(status, Ok(Status::StreamEnd)) && written < length).then_some(written)
    }
}
