//! The hardened heap, which detects writes past a block's end and writes to freed blocks.
//!
//! Behind each block are its padding and [`CANARY`] bytes, with a pattern that depends on their address; `free` and `verify`
//! check it. A freed block is filled with [`FILL`] and stays in a quarantine (`hidden.rs`), where nothing is allocated, until many
//! blocks or bytes have followed it; when it leaves, the fill is checked. Both ideas are old: Electric Fence and Dmalloc had them
//! in the eighties and nineties, `AddressSanitizer` has them now.
//!
//! Of a block of [`LARGE`] bytes or more only the ends are filled: its whole pages are given back to the system, and must be
//! zero when it leaves. So it takes no memory meanwhile, pages that were never touched stay untouched, and checking it takes no
//! time if the system shows which pages are untouched. Giving back and checking are done without the heap's lock (`steps.rs`).
//! A call checks at most [`PIECE`] bytes of the block, or as many as it frees itself: later frees check the rest, and until then
//! the block waits, in addition to what the quarantine may hold. At most some thousand small blocks leave for each free.
//!
//! A request that finds no room empties the quarantine, and is tried once more. A write that is found then, by a call that cannot
//! report it, is kept for the next `free` or `verify`.

use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Kind};
use crate::memory::{LARGE, Regions, STEP, Span};
use crate::mems::Mems;
use crate::mems::hidden::BYTES;
use std::ops::Range;

/// Bytes behind each block.
pub(crate) const CANARY: u64 = 16;

/// What freed blocks are filled with.
const FILL: u8 = 0xdf;

/// How many bytes of a large block one `free` checks, or as many as it frees itself.
pub(crate) const PIECE: u64 = BYTES;

/// How many blocks leave quarantine in one step under the lock.
const LEAVING: usize = 1024;

/// A write to a freed block that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    start: u64,
    end: u64,
    at: u64,
}

impl From<Written> for Error {
    fn from(Written { start, end, at }: Written) -> Self {
        Self::WriteAfterFree { start, end, at }
    }
}

/// Whether there is room in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// There is room.
    Free,
    /// More blocks have to leave first, but enough have left for one step under the lock.
    Busy,
    /// A large block has to leave next, which is checked without the lock.
    Large,
}

/// Whether a block of this length is filled and checked without the lock.
pub(crate) const fn is_large(bytes: u64) -> bool {
    bytes >= LARGE as u64
}

/// Checks `part` of a freed block: an error if a byte of it has been written to since. Takes long for large blocks; needs no
/// lock.
pub(crate) fn check_fill(block: &Range<u64>, bytes: &Span, part: Range<u64>) -> Result<(), Written> {
    #[allow(clippy::cast_possible_truncation, reason = "a block is mapped, so its size fits usize")]
    let part = part.start as usize..part.end as usize;
    let other = bytes.first_other(part, FILL, is_large(block.end - block.start));
    let Range { start, end } = *block;
    other.map_or(Ok(()), |offset| Err(Written { start, end, at: start + offset as u64 }))
}

/// Fills a block that is freed. Takes long for large blocks; needs no lock.
pub(crate) fn fill_freed(bytes: &Span) {
    if is_large(bytes.bytes() as u64) { bytes.give_back(FILL) } else { bytes.fill(FILL) }
}

/// The canary's byte at an address.
fn canary(address: u64) -> u8 {
    // The top byte of Knuth's multiplicative hash (The Art of Computer Programming, vol. 3, 6.4): neighbours differ. Never
    // zero, nor a letter: what is written one byte too far is mostly the end of a string.
    let [.., top] = address.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    top | 0x80
}

/// The first address, of the `length` bytes from `start`, whose byte is not `expected(address)`: something has written to it.
fn first_foreign(regions: &Regions, start: u64, length: u64, expected: impl Fn(u64) -> u8) -> Option<u64> {
    let mut bytes = [0; 256];
    let mut at = start;
    while at < start + length {
        let part = (start + length - at).min(bytes.len() as u64);
        #[allow(clippy::cast_possible_truncation, reason = "at most 256")]
        let part = &mut bytes[..part as usize];
        regions.read(at, part);
        if let Some(foreign) = part.iter().zip(at..).find(|&(&byte, address)| byte != expected(address)) {
            return Some(foreign.1);
        }
        at += part.len() as u64;
    }
    None
}

impl Mems {
    /// Writes the canary of a block.
    pub(crate) fn set_canary(&self, end: u64, whole_end: u64) {
        for address in end..whole_end {
            self.regions.fill(address, canary(address), 1);
        }
    }

    /// Checks a block's canary.
    fn check_canary(&self, start: u64, size: u64, whole_end: u64) -> Result<(), Error> {
        let end = start + size;
        match first_foreign(&self.regions, end, whole_end - end, canary) {
            None => Ok(()),
            Some(at) => Err(Error::Overflow { start, end, at, allocated: self.allocated(start) }),
        }
    }

    /// Where a live block was allocated, for a message; empty if that is not tracked.
    fn allocated(&self, start: u64) -> String {
        self.tracker.stack(start).map_or_else(String::new, |stack| format!("; it was allocated\n{stack}"))
    }

    /// The first half of `free` in a hardened heap. Returns `false` if `steps::finish_free` has to continue. A block whose
    /// canary is broken stays live, with its canary restored: an overflow is reported once. A write to a block that leaves
    /// quarantine to make room is reported once, too: that block leaves all the same.
    ///
    /// # Errors
    /// The errors of [`Mems::free`]; [`Error::Overflow`], [`Error::WriteAfterFree`]. The block is still live then.
    pub(crate) fn quarantine(&mut self, address: u64) -> Result<bool, Error> {
        let whole = self.ready_for_quarantine(address)?;
        if is_large(whole) || self.make_way(1, whole)? != Way::Free {
            return Ok(false);
        }
        self.detain(address, whole);
        Ok(true)
    }

    /// Checks that the block that starts at `address` can go into quarantine, and that no write is known that was not reported.
    /// Returns the block's whole length.
    pub(crate) fn ready_for_quarantine(&mut self, address: u64) -> Result<u64, Error> {
        let whole = self.check_before_free(address)?;
        self.tell_of_write()?;
        self.hidden.reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        Ok(whole)
    }

    /// Whether a block starts at `address`, in a heap in which `free` checks nothing else.
    #[inline]
    pub(crate) fn can_plainly_be_freed(&self, address: u64) -> bool {
        !self.guarded && self.heap.is_live_start(address)
    }

    /// Checks that a block starts at `address` and, in a hardened heap, that nothing has written past its end. Returns its whole
    /// length.
    pub(crate) fn check_before_free(&self, address: u64) -> Result<u64, Error> {
        let (block, whole) = self.starting(address)?;
        if !self.options().hardened() {
            return Ok(whole);
        }
        let end = address + whole - self.heap.padding(address);
        let checked = self.check_canary(address, block.size, end);
        checked.inspect_err(|_| self.set_canary(address + block.size, end))?;
        Ok(whole)
    }

    /// Reports, as an error, a write that has been found and not been reported yet.
    pub(crate) fn tell_of_write(&self) -> Result<(), Error> {
        self.written.take().map_or(Ok(()), |written| Err(written.into()))
    }

    /// Makes room in quarantine for `blocks` blocks, of `bytes` in sum.
    ///
    /// # Errors
    /// [`Error::WriteAfterFree`] for a block that leaves; it has left then.
    pub(crate) fn make_way(&mut self, blocks: usize, bytes: u64) -> Result<Way, Error> {
        let mut left = 0;
        for _ in 0..LEAVING {
            let Some(block) = self.hidden.surplus(blocks, bytes) else { return Ok(Way::Free) };
            let length = block.end - block.start;
            if is_large(length) {
                return Ok(Way::Large);
            }
            self.hidden.next();
            self.leave_checked(&block)?;
            left += length;
            if left >= STEP {
                break;
            }
        }
        Ok(Way::Busy)
    }

    /// Puts a block in quarantine, where there is room.
    pub(crate) fn detain(&mut self, address: u64, whole: u64) {
        self.hide(address, whole);
        fill_freed(&self.bytes(address, whole));
        self.hidden.queue(address);
    }

    /// Frees a block that has left quarantine.
    ///
    /// # Errors
    /// [`Error::WriteAfterFree`]; the block is free nevertheless.
    fn leave_checked(&mut self, block: &Range<u64>) -> Result<(), Error> {
        let length = block.end - block.start;
        let bytes = self.bytes(block.start, length);
        let checked = check_fill(block, &bytes, 0..length);
        if self.options().zero_on_free() {
            bytes.clear();
        }
        self.show(block.start)?;
        Ok(checked?)
    }

    /// Keeps the write that `error` reports for the next call that can report it: the first one, if there are several. Returns
    /// any other error.
    pub(crate) fn keep_write(&self, error: Error) -> Result<(), Error> {
        let Error::WriteAfterFree { start, end, at } = error else { return Err(error) };
        let first = self.written.take().unwrap_or(Written { start, end, at });
        self.written.set(Some(first));
        Ok(())
    }

    /// Checks all canaries and the quarantine.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::WriteAfterFree`]: the first found.
    pub(crate) fn verify_guards(&self) -> Result<(), Error> {
        self.tell_of_write()?;
        for segment in self.heap.segments(FIRST_ADDRESS) {
            // If there is no block at a live segment, it is hidden.
            if segment.kind == Kind::Live
                && let Some(block) = self.block_in(segment.addresses(), segment.start)
            {
                // Behind the canary may be padding of the heap's engine.
                let end = segment.addresses().end - self.heap.padding(segment.start);
                self.check_canary(block.start, block.size, end)?;
            }
        }
        for block in self.hidden.quarantined() {
            let length = block.end - block.start;
            check_fill(&block, &self.bytes(block.start, length), 0..length)?;
        }
        Ok(())
    }
}
