//! One mapping: a range of address space, readable and writable, private to the process, zero where never written.
//!
//! Invariant: the range stays mapped, readable and writable as long as the `Mapping` lives. Buffers handed to
//! JavaScript hold it by reference count, so that a stale view reads zeros or old bytes and never faults.

use super::system;
use memmap2::MmapRaw;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// A range of address space that is unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
    serial: u64,
}

static SERIALS: AtomicU64 = AtomicU64::new(1);

impl Mapping {
    /// Maps `bytes`. Nothing is committed: the first touch of a page does that.
    ///
    /// # Errors
    /// What the system says, usually that there is no such amount of address space (or of memory, where it counts
    /// reservations as memory).
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        let map = MmapRaw::from(system::map(bytes)?);
        Ok(Self { map, serial: SERIALS.fetch_add(1, Ordering::Relaxed) })
    }

    /// Its first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// A number that no other mapping of the process has ever had.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Gives the whole pages of the system within a range back to it; they stay mapped and read as zeros from then on.
    /// Only for ranges that nobody may use: freed memory, or all of it at the end of a heap. Answers the bytes given
    /// back, 0 where the system has no such call.
    ///
    /// # Panics
    /// If the range reaches past the mapping.
    pub(super) fn decommit(&self, range: Range<usize>) -> usize {
        assert!(range.start <= range.end && range.end <= self.bytes());
        let page = system::page_bytes();
        let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if start >= end {
            return 0;
        }
        // SAFETY: the range lies inside this mapping, which is private and anonymous, and stays mapped, readable and
        // writable. Its bytes are reached through raw pointers only (the caller gives back what nobody may use), and
        // other threads' accesses to freed memory are no worse off for reading zeros.
        unsafe { system::decommit(self.base().wrapping_add(start), end - start) }
    }

    /// Keeps a range in memory, and out of core dumps where the system can, until it is unmapped.
    ///
    /// # Errors
    /// The limit of the process, if it has one, where the system refuses.
    pub(super) fn lock(&self, offset: usize, bytes: usize) -> Result<(), Option<u64>> {
        assert!(offset <= self.bytes() && bytes <= self.bytes() - offset);
        // SAFETY: the range lies inside this mapping; locking changes neither its contents nor its protection.
        unsafe { system::lock(self.base().wrapping_add(offset), bytes) }
    }

    /// How many bytes of a range, which starts at a page, the system has memory for; `None` where it does not say.
    pub(super) fn resident(&self, offset: usize, bytes: usize) -> Option<usize> {
        assert!(
            offset.is_multiple_of(system::page_bytes()) && offset <= self.bytes() && bytes <= self.bytes() - offset
        );
        // SAFETY: these bytes are mapped, and start at a page since the mapping does.
        unsafe { system::resident(self.base().wrapping_add(offset), bytes) }
    }

    /// Empties the first `bytes` as [`Mapping::decommit`] does, or by writing zeros where the system has no such call.
    pub(super) fn empty(&self, bytes: usize) {
        let bytes = bytes.min(self.bytes());
        // A mapping starts at a page, and ends behind its last one or with it: rounding up stays inside.
        let whole = bytes.next_multiple_of(system::page_bytes()).min(self.bytes());
        if self.decommit(0..whole) == 0 {
            // SAFETY: the range is mapped and writable, and the caller ends the heap that handed it out.
            unsafe { self.base().write_bytes(0, bytes) };
        }
    }
}
