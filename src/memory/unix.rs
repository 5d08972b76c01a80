//! Mappings on Linux, macOS and the BSDs.
//!
//! An anonymous private map is only address space until a page is touched. `MAP_NORESERVE` keeps Linux from counting
//! it against the commit limit; macOS and the BSDs overcommit anyway.
//!
//! Pages are 4 KiB on x64, 16 KiB on Apple Silicon, and 4, 16 or 64 KiB on Linux for arm64, as its kernel was built: the size
//! is asked for, and what is smaller than a page is never given back.

use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::sync::OnceLock;

/// The length of a new region, given the bytes mapped so far.
///
/// One TiB of 128 that a process has: a heap outgrows the machine's memory before its first region. Where the system
/// refuses (a limit on address space, 39-bit kernels), the caller tries half, and so on.
pub fn region_bytes(_mapped: usize) -> usize {
    usize::try_from(1_u64 << 40).unwrap_or(1 << 30)
}

/// A range of address space, unmapped when dropped.
pub type Map = MmapRaw;

/// Maps `bytes` of lazily committed, zeroed memory.
pub fn map(bytes: usize) -> io::Result<Map> {
    MmapOptions::new().len(bytes).no_reserve_swap().map_anon().map(Map::from)
}

/// Gives up the end of a map, `bytes` of address space at `base`, and answers whether that is done.
///
/// # Safety
/// The range must be whole pages of a map made by [`map`], nobody may reach it again, and the map must not be dropped later,
/// but go by [`unmap`].
pub unsafe fn unmap_end(base: *mut u8, bytes: usize) -> bool {
    // SAFETY: the caller vouches for the range.
    unsafe { libc::munmap(base.cast(), bytes) == 0 }
}

/// Unmaps a map, of which the first `mapped` bytes are left.
///
/// # Safety
/// Nobody may reach it again.
pub unsafe fn unmap(map: Map, mapped: usize) {
    if mapped == map.len() {
        return drop(map);
    }
    let base = std::mem::ManuallyDrop::new(map).as_mut_ptr();
    // SAFETY: what is left of a map of ours, which nobody holds any more. If the system refuses, it stays.
    unsafe { libc::munmap(base.cast(), mapped) };
}

/// The system's page size in bytes: 4096 on most, 16 KiB on Apple Silicon.
#[must_use]
pub fn page_bytes() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| {
        // SAFETY: sysconf reads a constant of the system.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        // No system has larger pages than this, should one not say.
        usize::try_from(bytes).unwrap_or(64 << 10)
    })
}

/// Keeps `bytes` at `base` in memory; on Linux they stay out of core dumps, too. Elsewhere nothing does that by range.
///
/// # Errors
/// The process's limit, if it has one, where the system refuses.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn lock(base: *mut u8, bytes: usize) -> Result<(), Option<u64>> {
    // SAFETY: the caller vouches for the range; locking changes neither contents nor protection.
    if unsafe { libc::mlock(base.cast(), bytes) } != 0 {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a place for the answer.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } == 0;
        #[allow(clippy::useless_conversion, reason = "it has another type on other systems")]
        let said = u64::from(limit.rlim_cur);
        return Err((known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(said));
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: as above. A kernel that does not know the advice refuses it, and nothing is lost.
    unsafe {
        libc::madvise(base.cast(), bytes, libc::MADV_DONTDUMP)
    };
    Ok(())
}

/// How many of `bytes` at `base`, a page's start, are in memory; `None` if the system does not say. Asks for a few thousand
/// pages at a time.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn resident(base: *mut u8, bytes: usize) -> Option<usize> {
    let page = page_bytes();
    let mut present = [0; 4096];
    let mut pages = 0;
    for first in (0..bytes).step_by(present.len() * page) {
        let length = (bytes - first).min(present.len() * page);
        // SAFETY: the range is part of the caller's, and the vector has an entry for each of its pages.
        let status = unsafe { libc::mincore(base.wrapping_add(first).cast(), length, present.as_mut_ptr().cast()) };
        if status != 0 {
            return None;
        }
        pages += present[..length.div_ceil(page)].iter().filter(|&&page: &&u8| page & 1 == 1).count();
    }
    Some((pages * page).min(bytes))
}

/// Gives `bytes` at `base`, whole pages, back; they stay mapped and read as zeros. Answers the bytes given back.
///
/// # Safety
/// The range must lie in a map made by [`map`], start at a page and hold whole pages, and nobody may hold a Rust reference
/// into it.
pub unsafe fn decommit(base: *mut u8, bytes: usize) -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // On Linux MADV_DONTNEED drops private anonymous pages at once, and the next read sees zeros.
    // SAFETY: the caller vouches for the range; madvise changes contents only, never the mapping.
    let done = unsafe { libc::madvise(base.cast(), bytes, libc::MADV_DONTNEED) } == 0;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // Elsewhere MADV_DONTNEED is only a hint. A fresh map over the old one is defined to read zeros, and replaces it in
    // one step: no moment at which another thread could fault.
    let done = {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
        // SAFETY: MAP_FIXED replaces only this range, which the caller vouches lies in a map of ours; protection and kind
        // stay the same, so the owner's later unmapping of the whole stays right.
        let map = unsafe { libc::mmap(base.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        map != libc::MAP_FAILED
    };
    if done { bytes } else { 0 }
}
