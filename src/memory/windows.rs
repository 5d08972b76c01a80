//! Mappings on Windows.
//!
//! An anonymous map is a section backed by the page file: all of it is charged against the commit limit when it is
//! made, touched or not. So regions start small and double.

use memmap2::{MmapMut, MmapOptions};
use std::io;

/// The first region's length.
const FIRST_REGION: usize = 64 << 20;

/// The length of a new region, given the bytes mapped so far: as much again.
pub fn region_bytes(mapped: usize) -> usize {
    mapped.max(FIRST_REGION)
}

/// Maps `bytes` of zeroed memory.
pub fn map(bytes: usize) -> io::Result<MmapMut> {
    MmapOptions::new().len(bytes).map_anon()
}

/// Gives up nothing: a view of a section is unmapped as a whole.
///
/// # Safety
/// None is needed; the signature is that of the other systems.
pub const unsafe fn unmap(_base: *mut u8, _bytes: usize) -> bool {
    false
}

/// The system's page size in bytes, the same on all of Windows' processors.
#[must_use]
pub const fn page_bytes() -> usize {
    4096
}

/// Not done here yet: a page locked is one of the process's working set, which has to be enlarged first.
///
/// # Errors
/// Always, without a limit to name.
///
/// # Safety
/// None is needed; the signature is that of the other systems.
pub const unsafe fn lock(_base: *mut u8, _bytes: usize) -> Result<(), Option<u64>> {
    Err(None)
}

/// The system says so only page by page, in tables of its own; nobody has tried yet.
///
/// # Safety
/// None is needed; the signature is that of the other systems.
pub const unsafe fn resident(_base: *mut u8, _bytes: usize) -> Option<usize> {
    None
}

/// Gives nothing back: a view of a section cannot be decommitted, and replacing it would leave a moment at which a stale
/// view faults. The memory goes back when the last buffer over it does.
///
/// # Safety
/// None is needed; the signature is that of the other systems.
pub const unsafe fn decommit(_base: *mut u8, _bytes: usize) -> usize {
    0
}
