//! The hardened heap: writes past a block's end and writes to freed blocks are found out.
//!
//! Behind each block stand [`CANARY`] bytes, and the slack before them, with a pattern that depends on their address; `free`
//! and `verify` look whether it is whole. A freed block is filled with [`FILL`] and stays in a quarantine, where nothing is
//! allocated, until [`BLOCKS`] blocks or [`BYTES`] bytes have followed it; when it leaves, the fill must be whole. Both are
//! old: Electric Fence and Dmalloc had them in the eighties and nineties, `AddressSanitizer` has them now.
//!
//! To the heap below, a block in quarantine is live.
//!
//! Invariant: a block is in `queue` as often as in `blocks`: once, or not at all.

use crate::heap::{FIRST_ADDRESS, Kind};
use crate::memory::Regions;
use crate::{Error, Mems};
use std::collections::{HashMap, TryReserveError, VecDeque};
use std::sync::Arc;

/// Bytes behind each block.
pub(crate) const CANARY: u64 = 16;

/// What freed blocks are filled with.
const FILL: u8 = 0xdf;

/// Most blocks in quarantine.
const BLOCKS: usize = 1 << 16;

/// Most bytes in quarantine, unless a single call frees more.
const BYTES: u64 = 32 << 20;

/// The quarantine of one heap: starts and whole lengths of blocks.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    queue: VecDeque<u64>,
    blocks: HashMap<u64, u64>,
    bytes: u64,
    /// Whether blocks stay though a request finds no room: what is half done could not be undone else.
    held: bool,
}

impl Quarantine {
    /// Says whether blocks stay, whatever finds no room.
    pub const fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The whole length of the block in quarantine that starts at an address.
    pub fn get(&self, start: u64) -> Option<u64> {
        self.blocks.get(&start).copied()
    }

    /// Bytes in quarantine.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of blocks in quarantine.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// All blocks, the oldest first.
    fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.queue.iter().map(|start| (*start, self.blocks[start]))
    }

    fn reserve(&mut self, blocks: usize) -> Result<(), TryReserveError> {
        self.blocks.try_reserve(blocks)?;
        self.queue.try_reserve(blocks)
    }

    fn push(&mut self, start: u64, length: u64) {
        self.queue.push_back(start);
        self.blocks.insert(start, length);
        self.bytes += length;
    }

    /// The oldest block if so many more, of `bytes` in sum, are too much.
    fn surplus(&self, blocks: usize, bytes: u64) -> Option<(u64, u64)> {
        let full = self.queue.len() + blocks > BLOCKS || self.bytes + bytes > BYTES;
        self.iter().next().filter(|_| full)
    }

    fn pop(&mut self) -> Option<u64> {
        let start = self.queue.pop_front()?;
        self.bytes -= self.blocks.remove(&start).expect("it is in the queue");
        Some(start)
    }
}

/// What stands at an address behind a block.
fn canary(address: u64) -> u8 {
    // The top byte of Knuth's multiplicative hash (The Art of Computer Programming, vol. 3, 6.4): neighbours differ. Never
    // zero, nor a letter: what is written one byte too far is mostly the end of a string.
    let [.., top] = address.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    top | 0x80
}

/// Checks that nothing has written to `length` bytes from `start`, each of which should be `expected(address)`; answers the
/// first address that is not.
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

    /// Checks that nothing has been written to a block in quarantine.
    fn check_fill(&self, start: u64, length: u64) -> Result<(), Error> {
        match first_foreign(&self.regions, start, length, |_| FILL) {
            None => Ok(()),
            Some(at) => Err(Error::WriteAfterFree { start, end: start + length, at }),
        }
    }

    /// Where a live block was allocated, for a message; empty if that is not tracked.
    fn allocated(&self, start: u64) -> String {
        self.tracker.stack(start).map_or_else(String::new, |stack| format!("; it was allocated\n{stack}"))
    }

    /// `free` in a hardened heap. A block whose canary is broken stays live, with its canary whole again: an overflow is
    /// reported once. So is a write to the block that leaves quarantine for this one, which then leaves it.
    ///
    /// # Errors
    /// Those of [`Mems::free`]; [`Error::Overflow`], [`Error::WriteAfterFree`]. The block is live still.
    pub(crate) fn quarantine(&mut self, address: u64) -> Result<(), Error> {
        let whole = self.check_before_free(address)?;
        self.make_way(1, whole)?;
        self.detain(address, whole);
        Ok(())
    }

    /// The same for many blocks, all of them or none: no block is there twice. O(k).
    ///
    /// # Errors
    /// Those of [`Mems::quarantine`]. All blocks are live still.
    pub(crate) fn quarantine_many(&mut self, addresses: &[u64]) -> Result<(), Error> {
        let mut bytes = 0;
        for &address in addresses {
            bytes += self.check_before_free(address)?;
        }
        self.make_way(addresses.len(), bytes)?;
        for &address in addresses {
            self.detain(address, self.heap.find(address)?.end - address);
        }
        Ok(())
    }

    /// Checks that a block starts at `address` and has not been written past; answers its whole length.
    fn check_before_free(&self, address: u64) -> Result<u64, Error> {
        let (block, whole) = self.starting(address)?;
        let checked = self.check_canary(address, block.size, address + whole);
        checked.inspect_err(|_| self.set_canary(address + block.size, address + whole))?;
        Ok(whole)
    }

    /// Makes room in quarantine for so many blocks, of `bytes` in sum.
    fn make_way(&mut self, blocks: usize, bytes: u64) -> Result<(), Error> {
        self.quarantine.reserve(blocks).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        while let Some((start, length)) = self.quarantine.surplus(blocks, bytes) {
            let checked = self.check_fill(start, length);
            self.release_oldest()?;
            checked?;
        }
        Ok(())
    }

    /// Puts a block in quarantine, where there is room.
    fn detain(&mut self, address: u64, whole: u64) {
        self.regions.fill(address, FILL, whole);
        self.quarantine.push(address, whole);
    }

    /// Frees the block that is longest in quarantine. `false`: there is none.
    fn release_oldest(&mut self) -> Result<bool, Error> {
        match self.quarantine.pop() {
            None => Ok(false),
            Some(start) => self.free_from(start, true).map(|()| true),
        }
    }

    /// Frees all blocks in quarantine, for a request that finds no room else; a malloc says nothing of writes to them. Answers
    /// whether there were any.
    pub(crate) fn end_quarantine(&mut self) -> Result<bool, Error> {
        let mut any = false;
        if self.quarantine.held {
            return Ok(any);
        }
        while self.release_oldest()? {
            any = true;
        }
        Ok(any)
    }

    /// Checks all canaries and the quarantine.
    ///
    /// # Errors
    /// [`Error::Overflow`], [`Error::WriteAfterFree`]: the first found.
    pub(crate) fn verify_guards(&self) -> Result<(), Error> {
        for segment in self.heap.segments(FIRST_ADDRESS) {
            // Without a block there: it is in quarantine.
            if segment.kind == Kind::Live
                && let Some(block) = self.block_in(segment.addresses(), segment.start)
            {
                self.check_canary(block.start, block.size, segment.start + segment.size)?;
            }
        }
        self.quarantine.iter().try_for_each(|(start, length)| self.check_fill(start, length))
    }

    /// An error if `start` is that of a block in quarantine: freed, whatever the heap says.
    pub(crate) fn check_not_in_quarantine(&self, address: u64, start: u64) -> Result<(), Error> {
        match self.quarantine.get(start) {
            None => Ok(()),
            Some(length) => Err(Error::NotAllocated { address, start, end: start + length }),
        }
    }

    /// Notes where a block was allocated.
    pub fn track_malloc(&mut self, address: u64, stack: &Arc<str>) {
        self.tracker.allocated(address, stack);
    }

    /// Notes where a block was freed.
    pub fn track_free(&mut self, address: u64, stack: &Arc<str>) {
        self.tracker.freed(address, stack);
    }

    /// Forgets where a block was allocated and freed: what is done with it now is not noted.
    pub fn forget_stacks(&mut self, address: u64) {
        if self.options().track_allocations() {
            self.tracker.forget(address);
        }
    }

    /// An error with what is known of the block at its address.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        self.tracker.explain(error)
    }
}
