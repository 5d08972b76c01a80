//! Mappings on Linux, macOS and the BSDs.
//!
//! An anonymous private map is only address space until a page is touched. `MAP_NORESERVE` keeps Linux from counting
//! it against the commit limit; macOS and the BSDs overcommit anyway.

use memmap2::{MmapMut, MmapOptions};
use std::io;

/// The length of a new region, given the bytes mapped so far.
///
/// One TiB of 128 that a process has: a heap outgrows the machine's memory before its first region. Where the system
/// refuses (a limit on address space, 39-bit kernels), the caller tries half, and so on.
pub fn region_bytes(_mapped: usize) -> usize {
    usize::try_from(1_u64 << 40).unwrap_or(1 << 30)
}

/// Maps `bytes` of lazily committed, zeroed memory.
pub fn map(bytes: usize) -> io::Result<MmapMut> {
    MmapOptions::new().len(bytes).no_reserve_swap().map_anon()
}

/// Gives the first `bytes` at `base` back; they stay mapped and read as zeros.
///
/// # Safety
/// `base` must be the start of a map made by [`map`] of at least `bytes`, into which no Rust reference exists.
pub unsafe fn decommit(base: *mut u8, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // On Linux MADV_DONTNEED drops private anonymous pages at once, and the next read sees zeros.
        // SAFETY: the caller vouches for the range; madvise changes contents only, never the mapping.
        let result = unsafe { libc::madvise(base.cast(), bytes, libc::MADV_DONTNEED) };
        debug_assert_eq!(result, 0, "madvise: {}", io::Error::last_os_error());
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        // Elsewhere MADV_DONTNEED is only a hint. A fresh map over the old one is defined to read zeros, and replaces
        // it in one step: no moment at which another thread could fault.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
        // SAFETY: MAP_FIXED replaces only [base, base + bytes), which the caller vouches lies in a map of ours;
        // protection and kind stay the same, so the owner's later unmapping of the whole stays right.
        let result = unsafe { libc::mmap(base.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        debug_assert_ne!(result, libc::MAP_FAILED, "mmap: {}", io::Error::last_os_error());
    }
}
