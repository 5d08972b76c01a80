//! The events of one chunk, as columns.
//!
//! Invariants: the memory is reserved at once and never grows; a push that returns [`Full`] has changed nothing. Differences begin
//! anew with each chunk, so that each can be read by itself.
//!
//! Cost: 10 to 25 ns an event.

use super::columns::{Column, LONGEST, NEW_ALIGNMENT, NEW_THREAD, RECENT, TIME_EVERY, id};
use super::event::{Event, Flags};
use super::near::{Finder, Near};
use std::collections::TryReserveError;

/// The most events of a chunk.
pub const MOST_EVENTS: usize = 65_536;

/// The most bytes of a mark's text. A longer one is cut.
pub const MOST_TEXT: usize = 4096;

/// The bytes reserved for each column. Together they hold [`MOST_EVENTS`] of the events that programs make; where blocks are far
/// apart, or threads take turns, a chunk is full earlier.
const KINDS: usize = MOST_EVENTS;
const SIZES: usize = 128 << 10;
const ADDRESSES: usize = 192 << 10;
const FREED: usize = 192 << 10;
const ALIGNMENTS: usize = 64 << 10;
const THREADS: usize = 64 << 10;
const STACKS: usize = 128 << 10;
const TIMES: usize = 16 << 10;
const TEXTS: usize = 64 << 10;

/// The most bytes of the columns of a chunk.
pub(super) const MOST_BYTES: usize = KINDS + SIZES + ADDRESSES + FREED + ALIGNMENTS + THREADS + STACKS + TIMES + TEXTS;

/// No more events fit: what has been pushed is to be handed on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Columns that are being filled.
#[derive(Debug)]
pub struct Encoder {
    flags: Flags,
    /// Events that surely fit, whatever they are (a mark's text apart).
    sure: usize,
    operations: u32,
    state: State,
    near: Near,
    finder: Finder,
    kinds: Column,
    sizes: Column,
    addresses: Column,
    freed: Column,
    alignments: Column,
    threads: Column,
    stacks: Column,
    times: Column,
    texts: Column,
}

/// What the next event is compared with, besides addresses: at the start of a chunk, zeros.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    alignment: u64,
    thread: u32,
    time: u64,
}

impl Encoder {
    /// An empty encoder, with all the memory it will ever have: less than a megabyte, which the system provides as it is touched.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(flags: Flags) -> Result<Self, TryReserveError> {
        Ok(Self {
            flags,
            sure: 0,
            operations: 0,
            state: State::default(),
            near: Near::new(),
            finder: Finder::new(),
            kinds: Column::new(KINDS)?,
            sizes: Column::new(SIZES)?,
            addresses: Column::new(ADDRESSES)?,
            freed: Column::new(FREED)?,
            alignments: Column::new(ALIGNMENTS)?,
            threads: Column::new(THREADS)?,
            stacks: Column::new(if flags.stacks { STACKS } else { 0 })?,
            times: Column::new(if flags.clock { TIMES } else { 0 })?,
            texts: Column::new(TEXTS)?,
        })
    }

    /// Appends an event of a thread. `stack` is ignored unless stacks are recorded. `now` returns the nanoseconds since the recording
    /// began; it is called for one event in 64, and never without a clock.
    ///
    /// # Errors
    /// [`Full`], and nothing has changed.
    #[inline]
    pub fn push(&mut self, event: Event<'_>, thread: u32, stack: u32, now: impl FnOnce() -> u64) -> Result<(), Full> {
        if self.sure == 0 {
            self.count_room()?;
        }
        let mut kind = event.kind() as u8;
        match event {
            Event::Main { address, bytes } | Event::Grow { address, bytes } => {
                kind |= self.push_address(address);
                self.sizes.push(bytes);
            }
            Event::Block { address, size, alignment } => {
                kind |= self.push_address(address) | self.push_alignment(alignment);
                self.sizes.push(size);
            }
            Event::Malloc { address, size, alignment } => {
                kind |= self.push_block(address, size) | self.push_alignment(alignment);
                self.sizes.push(size);
            }
            Event::Free { address } => kind |= self.push_freed(address),
            Event::Realloc { from, to, size, alignment } => {
                if let Some(since) = self.finder.find(&self.near, from) {
                    kind |= self.push_recent(since);
                } else {
                    // Both differences have the same unit.
                    let to_class = to.wrapping_sub(self.near.of_class(size));
                    kind |= self.near.fit(from.wrapping_sub(self.near.last()) | to_class);
                    self.push_far(from);
                }
                kind |= self.push_block(to, size) | self.push_alignment(alignment);
                self.sizes.push(size);
            }
            Event::RefusedMalloc { size, alignment } => {
                self.sizes.push(size);
                kind |= self.push_alignment(alignment);
            }
            Event::RefusedRealloc { from, size } => {
                kind |= self.push_freed(from);
                self.sizes.push(size);
            }
            Event::Trim { bytes } => self.sizes.push(bytes),
            Event::Mark(text) => self.push_mark(text)?,
        }
        if thread != self.state.thread {
            self.state.thread = thread;
            self.threads.push(u64::from(thread));
            kind |= NEW_THREAD;
        }
        if self.flags.stacks {
            self.stacks.push(u64::from(stack));
        }
        if self.flags.clock && self.kinds.length().is_multiple_of(TIME_EVERY) {
            let time = now();
            self.times.push(time.wrapping_sub(self.state.time));
            self.state.time = time;
        }
        self.sure -= 1;
        self.operations += u32::from(event.is_operation());
        self.kinds.push_byte(kind);
        Ok(())
    }

    /// Appends an address. Returns the bit that says that it is unaligned.
    #[inline]
    fn push_address(&mut self, address: u64) -> u8 {
        let difference = address.wrapping_sub(self.near.last());
        let bit = self.near.fit(difference);
        self.addresses.push(self.near.number(difference));
        self.near.set(address);
        bit
    }

    /// Appends the address of a new block. Returns the bit that says that it is unaligned.
    #[inline]
    fn push_block(&mut self, address: u64, size: u64) -> u8 {
        let difference = address.wrapping_sub(self.near.of_class(size));
        let bit = self.near.fit(difference);
        self.addresses.push(self.near.number(difference));
        self.near.set_block(address, size);
        self.finder.note(&self.near, address);
        bit
    }

    /// Appends which block is freed or resized. Returns the bit that says how it is given.
    #[inline]
    fn push_freed(&mut self, address: u64) -> u8 {
        if let Some(since) = self.finder.find(&self.near, address) {
            return self.push_recent(since);
        }
        let bit = self.near.fit(address.wrapping_sub(self.near.last()));
        self.push_far(address);
        bit
    }

    /// Appends which block is freed or resized, by how many were made since.
    #[inline]
    fn push_recent(&mut self, since: u64) -> u8 {
        self.freed.push(since);
        self.near.free_recent(since);
        RECENT
    }

    /// Appends which block is freed or resized, by its address.
    #[inline]
    fn push_far(&mut self, address: u64) {
        let difference = address.wrapping_sub(self.near.last());
        self.freed.push(self.near.number(difference));
        self.near.set(address);
    }

    /// Appends an alignment if it is new. Returns the bit that says so.
    #[inline]
    fn push_alignment(&mut self, alignment: u64) -> u8 {
        if alignment == self.state.alignment {
            return 0;
        }
        self.state.alignment = alignment;
        self.alignments.push(alignment);
        NEW_ALIGNMENT
    }

    #[cold]
    fn push_mark(&mut self, text: &str) -> Result<(), Full> {
        let text = cut_mark(text);
        if self.texts.bytes_left() < text.len() + LONGEST {
            return Err(Full);
        }
        self.texts.push_text(text);
        Ok(())
    }

    /// Finds how many events surely fit. (To look at one count for each event is quicker than to look at every column.)
    #[cold]
    fn count_room(&mut self) -> Result<(), Full> {
        let numbers = [&self.sizes, &self.addresses, &self.freed, &self.alignments, &self.threads, &self.texts];
        let least = numbers.into_iter().map(Column::room).min().unwrap_or(0);
        let least = if self.flags.stacks { least.min(self.stacks.room()) } else { least };
        let least = if self.flags.clock { least.min(self.times.room() * TIME_EVERY) } else { least };
        self.sure = least.min(MOST_EVENTS - self.kinds.length());
        if self.sure == 0 { Err(Full) } else { Ok(()) }
    }

    /// The number of events.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.kinds.length()
    }

    /// The number of events that are operations.
    #[must_use]
    pub const fn operations(&self) -> u32 {
        self.operations
    }

    /// Whether there is no event.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events() == 0
    }

    /// Forgets the events. The memory stays.
    pub fn clear(&mut self) {
        let columns = [
            &mut self.kinds,
            &mut self.sizes,
            &mut self.addresses,
            &mut self.freed,
            &mut self.alignments,
            &mut self.threads,
            &mut self.stacks,
            &mut self.times,
            &mut self.texts,
        ];
        columns.into_iter().for_each(Column::clear);
        self.sure = 0;
        self.operations = 0;
        self.state = State::default();
        self.near = Near::new();
        self.finder = Finder::new();
    }

    /// The columns that have bytes, each with the byte that is its id.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static [u8], &[u8])> + Clone {
        let columns = [
            (&[id::KIND][..], &self.kinds),
            (&[id::SIZE][..], &self.sizes),
            (&[id::ADDRESS][..], &self.addresses),
            (&[id::FREED][..], &self.freed),
            (&[id::ALIGNMENT][..], &self.alignments),
            (&[id::THREAD][..], &self.threads),
            (&[id::STACK][..], &self.stacks),
            (&[id::TIME][..], &self.times),
            (&[id::TEXT][..], &self.texts),
        ];
        columns.into_iter().map(|(id, column)| (id, column.bytes())).filter(|(_, bytes)| !bytes.is_empty())
    }
}

/// The part of a mark's text that a recording has: at most [`MOST_TEXT`] bytes.
#[must_use]
pub fn cut_mark(text: &str) -> &str {
    cut(text, MOST_TEXT)
}

/// As many bytes of a text as may be in a recording, up to the end of a character.
pub(super) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}
