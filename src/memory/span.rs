//! A span: bytes of one mapping, and what is done with them as memory.
//!
//! A span holds its mapping, so its bytes stay mapped even if the heap ends meanwhile: copying gigabytes needs no lock.
//! JavaScript and other threads may write to the same bytes at the same time; what is read then is some mixture of old and
//! new, as with C's functions of the same names. So no Rust reference to the bytes is ever made.

use super::mapping::Mapping;
use std::cmp::Ordering;
use std::sync::Arc;

/// Bytes of a mapping.
#[derive(Debug, Clone)]
pub struct Span {
    mapping: Arc<Mapping>,
    offset: usize,
    bytes: usize,
}

impl Span {
    /// `bytes` of a mapping from `offset`.
    ///
    /// # Panics
    /// If they reach past the mapping.
    #[must_use]
    pub fn new(mapping: Arc<Mapping>, offset: usize, bytes: usize) -> Self {
        assert!(offset <= mapping.bytes() && bytes <= mapping.bytes() - offset, "a span lies inside its mapping");
        Self { mapping, offset, bytes }
    }

    /// The mapping.
    #[must_use]
    pub const fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Where in the mapping it starts.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn start(&self) -> *mut u8 {
        self.mapping.base().wrapping_add(self.offset)
    }

    /// How many of its bytes the system has memory for; `None` where it does not say. O(pages): the system is asked about
    /// each, about a millisecond for a gigabyte.
    ///
    /// # Panics
    /// If it does not start at a page of the system.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        self.mapping.resident(self.offset, self.bytes).map(|bytes| bytes as u64)
    }

    /// Copies the first bytes of another span here, as many as both have. The two may overlap.
    pub fn copy_from(&self, from: &Self) {
        let bytes = self.bytes.min(from.bytes);
        // SAFETY: both spans lie inside mappings that they keep mapped, readable and writable; `copy` allows overlap, and
        // works on raw pointers, so that writes of other threads meanwhile meet no Rust reference.
        unsafe { from.start().copy_to(self.start(), bytes) };
    }

    /// Sets every byte.
    pub fn fill(&self, byte: u8) {
        // SAFETY: as in `copy_from`.
        unsafe { self.start().write_bytes(byte, self.bytes) };
    }

    /// Compares the bytes that both have, the first that differ as unsigned numbers.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let bytes = self.bytes.min(other.bytes);
        // SAFETY: as in `copy_from`; memcmp only reads.
        unsafe { libc::memcmp(self.start().cast(), other.start().cast(), bytes) }.cmp(&0)
    }

    /// Copies the bytes to `to`.
    ///
    /// # Safety
    /// `to` must be valid for as many writes, and no Rust reference to those bytes may be in use.
    pub unsafe fn read(&self, to: *mut u8) {
        // SAFETY: this side as in `copy_from`, the other by the caller's word; they may even overlap.
        unsafe { self.start().copy_to(to, self.bytes) };
    }

    /// Copies bytes from `from`.
    ///
    /// # Safety
    /// `from` must be valid for as many reads.
    pub unsafe fn write(&self, from: *const u8) {
        // SAFETY: this side as in `copy_from`, the other by the caller's word; they may even overlap.
        unsafe { from.copy_to(self.start(), self.bytes) };
    }
}
