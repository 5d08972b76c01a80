//! One mapping: a range of address space, readable and writable, private to the process, zero where never written.
//!
//! Invariant: the range stays mapped, readable and writable as long as the `Mapping` lives. Buffers handed to
//! JavaScript hold it by reference count, so that a stale view reads zeros or old bytes and never faults.

use super::system;
use memmap2::MmapRaw;
use std::io;

/// A range of address space that is unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
}

impl Mapping {
    /// Maps `bytes`. Nothing is committed: the first touch of a page does that.
    ///
    /// # Errors
    /// What the system says, usually that there is no such amount of address space (or of memory, where it counts
    /// reservations as memory).
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        Ok(Self { map: MmapRaw::from(system::map(bytes)?) })
    }

    /// Its first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Gives the first `bytes` of memory back to the system and keeps the range mapped: it reads as zeros again. Only for
    /// the end of a heap: nothing may hold a Rust reference into the range.
    pub(super) fn decommit(&self, bytes: usize) {
        let bytes = bytes.min(self.bytes());
        // SAFETY: the range lies inside this mapping, which is private and anonymous, and stays mapped, readable and
        // writable. Its bytes are reached through raw pointers only (the caller ends the heap that handed them out), and
        // other threads' accesses to freed memory are no worse off for reading zeros.
        unsafe { system::decommit(self.base(), bytes) };
    }
}
