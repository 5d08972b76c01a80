//! Blocks, beyond malloc, free and realloc: finding them, reaching their bytes, allocating them aligned or cleared, hiding them
//! from the program, and what is noted of them.
//!
//! Only [`Mems::calloc`], for Rust, and [`Mems::discard`] touch the bytes: the binding takes a [`Span`] under the heap's lock and
//! works on it without. Finding a block is O(1).

use crate::error::Error;
use crate::heap::is_size;
use crate::memory::{ALIGNMENT, Span};
use crate::mems::Mems;
use crate::mems::hardened::CANARY;
use std::ops::Range;

/// A live block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// First address.
    pub start: u64,
    /// Bytes that were requested.
    pub size: u64,
    /// Bytes that the block has: more than `size` only in heaps that round sizes up.
    pub usable: u64,
}

/// The bytes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Bytes that are requested.
    pub asked: u64,
    /// Bytes that `asked` is rounded up by.
    pub padding: u64,
    /// Bytes that the heap has to find: `asked`, `padding` and a canary.
    pub whole: u64,
}

impl Sizes {
    /// A request in a heap that adds nothing.
    pub const fn exact(size: u64) -> Self {
        Self { asked: size, padding: 0, whole: size }
    }
}

/// Where in memory the byte at a virtual address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The serial number of the mapping.
    pub mapping: u64,
    /// The offset in the mapping.
    pub offset: usize,
    /// Bytes of the mapping that are in main blocks.
    pub used: u64,
    /// The block that the byte is in.
    pub block: Block,
}

/// Refuses a number that cannot be an alignment of a block.
pub(crate) fn check_alignment(alignment: u64) -> Result<(), Error> {
    if alignment.is_power_of_two() && alignment <= Mems::MAX_ALIGNMENT {
        return Ok(());
    }
    Err(Error::InvalidAlignment { alignment: alignment.to_string(), expected: "a power of two from 1 to 2097152" })
}

impl Mems {
    /// Refuses a number that cannot be an alignment of a block in this heap.
    pub(crate) fn check_alignment(&self, alignment: u64) -> Result<(), Error> {
        check_alignment(alignment)?;
        if alignment <= self.heap.most_alignment() {
            return Ok(());
        }
        let expected = "a power of two from 1 to 4096, since the heap's policy is 'buddy'";
        Err(Error::InvalidAlignment { alignment: alignment.to_string(), expected })
    }

    /// Largest alignment of a block, in bytes.
    pub const MAX_ALIGNMENT: u64 = ALIGNMENT as u64;

    /// The live block that holds `address`, which may be any address inside it. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    pub fn block_at(&self, address: u64) -> Result<Block, Error> {
        self.live_block(address).ok_or_else(|| self.no_block(address))
    }

    /// The live block that holds `address`, as [`Mems::block_at`] finds it, without saying why there is none.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "else it is returned by way of memory, and views wait for it")]
    fn live_block(&self, address: u64) -> Option<Block> {
        self.block_in(self.heap.location_of(address)?, address)
    }

    /// The block that holds `address`, given `found`, the live segment of the heap that it is in. `None` if the block is hidden, or
    /// `address` is in its padding or canary.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `live_block`")]
    pub(crate) fn block_in(&self, found: Range<u64>, address: u64) -> Option<Block> {
        let Range { start, end } = found;
        let usable = end - start;
        if self.exact {
            return Some(Block { start, size: usable, usable });
        }
        // What JavaScript can write is not trusted.
        let size = usable.saturating_sub(self.heap.padding(start) + self.padding.get(start));
        if self.guarded {
            return self.guarded_block(address, start..end, size).ok();
        }
        Some(Block { start, size, usable })
    }

    /// [`Mems::block_in`] for a hardened heap or one that hides blocks. The block has `size` bytes without padding.
    #[inline(never)]
    fn guarded_block(&self, address: u64, found: Range<u64>, size: u64) -> Result<Block, Error> {
        if let Some(Range { start, end }) = self.hidden.get(found.start) {
            return Err(Error::NotAllocated { address, start, end });
        }
        if !self.options().hardened() {
            return Ok(Block { start: found.start, size, usable: found.end - found.start });
        }
        let size = size - CANARY;
        let (start, end) = (found.start + size, found.end);
        if address >= start {
            // Padding and canary belong to no block.
            return Err(Error::NotAllocated { address, start, end });
        }
        Ok(Block { start: found.start, size, usable: size })
    }

    /// Why an address is in no live block.
    #[cold]
    fn no_block(&self, address: u64) -> Error {
        match self.heap.refusal(address) {
            // The segment is live to the heap below: its block is hidden, or the address is in its padding or canary. Or a front of
            // another thread has taken the slot since the block was looked for.
            Error::NotBlockStart { start, end, .. } => {
                let size = (end - start).saturating_sub(self.heap.padding(start) + self.padding.get(start));
                let found = self.guarded_block(address, start..end, size);
                found.err().unwrap_or(Error::NotAllocated { address, start, end })
            }
            refused => refused,
        }
    }

    /// The live block that starts at `address`, and its length with padding and canary. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`].
    pub(crate) fn starting(&self, address: u64) -> Result<(Block, u64), Error> {
        let found = self.heap.find(address)?;
        let whole = found.end - found.start;
        let block = self.block_in(found, address).ok_or_else(|| self.no_block(address))?;
        if block.start == address {
            Ok((block, whole))
        } else {
            Err(Error::NotBlockStart { address, start: block.start, end: block.start + block.usable })
        }
    }

    /// Where in memory the byte at `address` is. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `live_block`")]
    pub fn place(&self, address: u64) -> Result<Place, Error> {
        let Some(block) = self.live_block(address) else { return Err(self.no_block(address)) };
        let (mapping, offset, used) = self.regions.place(address);
        Ok(Place { mapping, offset, used, block })
    }

    /// The bytes of `length` addresses from `address`, which must lie in one live block. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`]; [`Error::OutOfBlock`].
    #[allow(clippy::missing_panics_doc, reason = "a live block is mapped, so its size fits usize")]
    pub fn span(&self, address: u64, length: u64) -> Result<Span, Error> {
        let Block { start, usable, .. } = self.block_at(address)?;
        let end = start + usable;
        let available = end - address;
        if length > available {
            return Err(Error::OutOfBlock { address, length, start, end, available });
        }
        Ok(self.bytes(address, length))
    }

    /// The bytes of `length` addresses from `address`, which are known to lie in one block.
    pub(crate) fn bytes(&self, address: u64, length: u64) -> Span {
        let (mapping, offset) = self.regions.locate(address);
        Span::new(mapping, offset, usize::try_from(length).expect("a block's size fits usize"))
    }

    /// Allocates `size` bytes whose physical address is a multiple of `alignment`. Amortized O(log n).
    ///
    /// # Errors
    /// The errors of [`Mems::malloc`]; [`Error::InvalidAlignment`] if it is no power of two, or above
    /// [`Mems::MAX_ALIGNMENT`]. Nothing has changed then.
    pub fn malloc_aligned(&mut self, size: u64, alignment: u64) -> Result<u64, Error> {
        self.check_alignment(alignment)?;
        if alignment <= self.options().alignment() {
            return self.malloc(size);
        }
        let made = self.malloc_aligned_with_notes(size, alignment);
        self.record_malloc(&made, size, alignment);
        made
    }

    /// [`Mems::malloc_aligned`] with a larger alignment than the heap's, without a record.
    fn malloc_aligned_with_notes(&mut self, size: u64, alignment: u64) -> Result<u64, Error> {
        let sizes = self.sizes(size)?;
        self.aligned.reserve().map_err(|_| Error::OutOfMetadata { size })?;
        let note = |address| self.padding.set(address, sizes.padding);
        let address = match self.heap.malloc_aligned(sizes.whole, alignment, note)? {
            Some(address) => address,
            None => self.allocate_in_new_block(sizes, alignment)?,
        };
        self.note_made(address, sizes);
        self.note_alignment(address, alignment);
        Ok(address)
    }

    /// Allocates `count` times `size` bytes, and returns the bytes among them that may not be zero yet, which the caller
    /// has to clear: those that were handed out before.
    ///
    /// # Errors
    /// The errors of [`Mems::malloc`]; [`Error::InvalidSize`] if the product is no size. Nothing has changed then.
    pub fn start_calloc(&mut self, count: u64, size: u64) -> Result<(u64, Option<Span>), Error> {
        let bytes = count.checked_mul(size).filter(|&bytes| is_size(bytes));
        let bytes = bytes.ok_or_else(|| Error::InvalidSize { size: format!("{count} times {size}") })?;
        let fresh = self.used_end.max(self.heap.slots_end());
        let address = self.malloc(bytes)?;
        // A block in a file has no other length than that in units, and none of its bytes may show what was there.
        let length = if self.is_in_file() { self.starting(address)?.1 } else { bytes };
        let used = length.min(fresh.saturating_sub(address));
        Ok((address, (used != 0).then(|| self.bytes(address, used))))
    }

    /// Allocates `count` times `size` bytes that are all zero.
    ///
    /// # Errors
    /// The errors of [`Mems::start_calloc`].
    pub fn calloc(&mut self, count: u64, size: u64) -> Result<u64, Error> {
        let (address, used) = self.start_calloc(count, size)?;
        if let Some(used) = used {
            used.clear();
        }
        Ok(address)
    }

    /// Hides the live block that starts at `address` and is `whole` bytes long. Needs room among the hidden blocks.
    pub(crate) fn hide(&mut self, address: u64, whole: u64) {
        let padding = if self.options().rounding() > 1 { self.padding.get(address) } else { 0 };
        self.hidden.hide(address..address + whole, padding + self.canary() + self.heap.padding(address));
        (self.exact, self.guarded) = (false, true);
    }

    /// Ends the hiding of a block: for the moment it is live to everyone.
    pub(crate) fn end_hiding(&mut self, start: u64) {
        self.hidden.show(start);
        if self.hidden.is_empty() {
            (self.exact, self.guarded) = (self.options().placement().is_exact(), self.options().hardened());
        }
    }

    /// Frees a hidden block, which is in quarantine no more.
    pub(crate) fn show(&mut self, start: u64) -> Result<(), Error> {
        self.end_hiding(start);
        self.free_from(start).map(drop)
    }

    /// Bytes behind each block.
    fn canary(&self) -> u64 {
        if self.options().hardened() { CANARY } else { 0 }
    }

    /// Whether the byte at an address of a block is at a multiple of `alignment` in memory.
    pub(crate) fn is_aligned(&self, address: u64, alignment: u64) -> bool {
        alignment == 1 || (self.regions.physical(address) as u64).is_multiple_of(alignment)
    }

    /// Notes the alignment that was requested for the block at `address`, or forgets the note if the heap's own alignment is as
    /// large. A note needs room. Of blocks in a file none is kept: other processes free them too.
    pub(crate) fn note_alignment(&mut self, address: u64, alignment: u64) {
        if self.is_in_file() {
            return;
        }
        if alignment > self.options().alignment() {
            self.aligned.set(address, alignment);
            if !self.heap.mark_noted(address) {
                // Another thread's front has guessed the address, and freed the block.
                self.aligned.forget(address);
            }
        } else {
            self.aligned.forget(address);
        }
        self.settle_ways();
    }

    /// Checks that the notes of alignments are true.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) fn verify_alignments(&self) -> Result<(), Error> {
        for (start, alignment) in self.aligned.iter() {
            if !self.heap.is_live_start(start) || !self.is_aligned(start, alignment) {
                return Err(Error::Corrupt(format!(
                    "there is a note but no block at {start} that is aligned to {alignment}"
                )));
            }
        }
        Ok(())
    }

    /// Whether `address` lies in a live block. O(1).
    #[must_use]
    pub fn owns(&self, address: u64) -> bool {
        self.block_at(address).is_ok()
    }

    /// [`Mems::owns`], for callers that try again when the heap has learnt of blocks that other processes have added.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if there may be such blocks.
    #[cfg(feature = "node")]
    pub(crate) fn find_owned(&self, address: u64) -> Result<bool, Error> {
        match self.block_at(address) {
            Err(error @ Error::OutOfRange { .. }) if self.has_unknown() => Err(error),
            found => Ok(found.is_ok()),
        }
    }

    /// Frees a block that was not returned to a caller, since what it was made for has failed. It does not go into quarantine:
    /// that can fail because of other blocks.
    pub(crate) fn discard(&mut self, address: u64) -> Result<(), Error> {
        if self.options().zero_on_free() {
            let block = self.heap.check_block_start(address)?;
            self.bytes(address, block.end - address).clear();
        }
        self.free_from(address).map(drop)
    }

    /// The bytes of a request for `size` bytes in this heap.
    #[inline]
    pub(crate) fn sizes(&self, size: u64) -> Result<Sizes, Error> {
        if is_size(size) {
            let rounded = size.next_multiple_of(self.options().rounding());
            Ok(Sizes { asked: size, padding: rounded - size, whole: rounded + self.canary() })
        } else {
            Err(Error::InvalidSize { size: size.to_string() })
        }
    }

    /// Takes all notes of a new block but that of its padding, which has been taken.
    pub(crate) fn note_made(&mut self, address: u64, sizes: Sizes) {
        let end = address + sizes.whole;
        self.note_use(address, end + self.heap.padding(address));
        if self.options().hardened() {
            self.set_canary(address + sizes.asked, end);
        }
    }
}
