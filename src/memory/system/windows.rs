//! Mappings on Windows.
//!
//! Memory is reserved and committed at once: Windows then charges all of it against its commit limit (memory and page file),
//! touched or not, and hands out only what is charged. A page that a buffer shows must be committed, or a stale view
//! would fault; so regions start small and double. Pages are 4 KiB on all its processors, ranges of addresses begin at
//! multiples of 64 KiB. For a range that begins at a larger multiple, a longer range is reserved and a part of it committed.
//!
//! Decommitting (`MEM_DECOMMIT`) is no way to give pages back: there is a moment at which they fault, and committing them
//! again may be refused. Resetting (`MEM_RESET`) keeps them committed and says that their contents do not matter, and taking
//! them out of the working set then frees the memory without a write to the page file; the charge stays until [`unmap`].
//! What they hold after that is zeros, or what was there before. So zeros are written first, and either is zeros.
//!
//! Locked pages count against the least size of the process's working set, which is enlarged as needed; no heap makes it
//! smaller again, but what is locked later finds the room. They are not kept out of crash dumps.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};
use windows_sys::Win32::Foundation::ERROR_WORKING_SET_QUOTA;
use windows_sys::Win32::System::Memory::{
    GetProcessWorkingSetSizeEx, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEM_RESET, PAGE_READWRITE,
    SetProcessWorkingSetSizeEx, VirtualAlloc, VirtualFree, VirtualLock, VirtualUnlock,
};
use windows_sys::Win32::System::ProcessStatus::{K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_INFORMATION};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// The first region's length.
const FIRST_REGION: usize = 64 << 20;

/// The system's page size in bytes.
const PAGE: usize = 4096;

/// How many bytes are emptied and reset at a time: zeros written to pages that were never touched take memory until then.
const RESET: usize = 1 << 20;

/// Pages asked about at a time.
const ASKED: usize = 512;

/// A process can lock a little less than the least size of its working set.
const OVERHEAD: usize = 1 << 20;

/// The length of a new region, given the bytes mapped so far: as much again.
pub fn region_bytes(mapped: usize) -> usize {
    mapped.max(FIRST_REGION)
}

/// A range of committed memory, until [`unmap`].
#[derive(Debug)]
pub struct Map {
    /// Start of the range that is reserved.
    reserved: NonNull<u8>,
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to no thread, and a `Map` only says where it is.
unsafe impl Send for Map {}
// SAFETY: a `Map` has nothing that a thread could change through a reference.
unsafe impl Sync for Map {}

impl Map {
    /// A map of `bytes`, of which the range that is reserved at `base` is only the first part: a view of a file follows, which is unmapped
    /// by itself.
    pub fn before_view(base: NonNull<u8>, bytes: usize) -> Self {
        Self { reserved: base, base, bytes }
    }

    /// The map's length.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// The map's first byte.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

/// Maps `bytes`, whole pages, of zeroed memory, which is charged at once, from an address that is `residue`, whole pages,
/// above a multiple of `alignment`, a power of two.
pub fn map(bytes: usize, alignment: usize, residue: usize) -> io::Result<Map> {
    let all = bytes.checked_add(alignment).ok_or(io::ErrorKind::OutOfMemory)?;
    // SAFETY: a new range, at an address that the system chooses.
    let reserved = unsafe { VirtualAlloc(ptr::null(), all, MEM_RESERVE, PAGE_READWRITE) }.cast::<u8>();
    let reserved = NonNull::new(reserved).ok_or_else(io::Error::last_os_error)?;
    let before = residue.wrapping_sub(reserved.as_ptr() as usize) % alignment;
    let start = reserved.as_ptr().wrapping_add(before);
    // SAFETY: a part of the range just reserved, which is longer by the alignment.
    let base = unsafe { VirtualAlloc(start.cast(), bytes, MEM_COMMIT, PAGE_READWRITE) }.cast::<u8>();
    let Some(base) = NonNull::new(base) else {
        let error = io::Error::last_os_error();
        // SAFETY: the range just reserved, of which nobody knows.
        unsafe { VirtualFree(reserved.as_ptr().cast(), 0, MEM_RELEASE) };
        return Err(error);
    };
    Ok(Map { reserved, base, bytes })
}

/// Whether the process may have `bytes` more. What is mapped is charged, so that the system is asked.
pub fn has_room_in_limit(bytes: usize) -> bool {
    grants(bytes)
}

/// Whether the system would commit `bytes`. Nothing is committed to find out, which might enlarge the page file.
pub fn grants(bytes: usize) -> bool {
    bytes <= granted(usize::MAX)
}

/// The most bytes that the process can commit now, exactly also if there are `plenty`.
pub fn granted(_plenty: usize) -> usize {
    // SAFETY: numbers, which may all be zero.
    let mut status: MEMORYSTATUSEX = unsafe { std::mem::zeroed() };
    #[allow(clippy::cast_possible_truncation, reason = "64 bytes")]
    let length = size_of::<MEMORYSTATUSEX>() as u32;
    status.dwLength = length;
    // SAFETY: the length says what the call may fill in.
    let known = unsafe { GlobalMemoryStatusEx(&raw mut status) } != 0;
    let available = status.ullAvailPageFile.min(status.ullAvailVirtual);
    // If the system does not say, assume a terabyte: mapping will fail if there is less.
    if known { usize::try_from(available).unwrap_or(usize::MAX) } else { 1 << 40 }
}

/// The most mappings that a process can have: there is no limit.
pub const fn most_mappings() -> usize {
    usize::MAX
}

/// Nothing forks on Windows.
///
/// # Safety
/// None is needed.
pub const unsafe fn dont_fork(_base: *mut u8, _bytes: usize) {}

/// Nothing forks on Windows.
#[cfg(feature = "c-abi")]
pub const fn at_fork(_before: extern "C" fn(), _in_parent: extern "C" fn(), _in_child: extern "C" fn()) {}

/// Nothing: when functions for the exit of a process are called, its other threads are gone already. Returns `false`.
#[cfg(feature = "c-abi")]
pub const fn at_exit(_action: extern "C" fn()) -> bool {
    false
}

/// Calls `action`: there are no signals.
pub fn without_signals<T>(action: impl FnOnce() -> T) -> T {
    action()
}

/// Gives up the end of a map, `bytes` at `base`, and returns whether that is done: the charge for it ends, and the addresses stay
/// reserved until the whole map is unmapped.
///
/// # Safety
/// The range must be whole pages of a map made by [`map`], and nobody may reach it again.
pub unsafe fn unmap_end(base: *mut u8, bytes: usize) -> bool {
    // SAFETY: the caller vouches for the range.
    unsafe { VirtualFree(base.cast(), bytes, MEM_DECOMMIT) != 0 }
}

/// Unmaps a map, of which the first `_mapped` bytes are left.
///
/// # Safety
/// Nobody may reach it again, and it must not be unmapped twice.
pub unsafe fn unmap(map: &Map, _mapped: usize) {
    // SAFETY: the range that `map` reserved, which is released nowhere else. All of it goes, what was decommitted before as
    // well.
    unsafe { VirtualFree(map.reserved.as_ptr().cast(), 0, MEM_RELEASE) };
}

/// The system's page size in bytes, the same on all of Windows' processors.
#[must_use]
pub const fn page_bytes() -> usize {
    PAGE
}

/// Makes room for locking `bytes` more, and returns whether the system agreed.
fn enlarge_working_set(bytes: usize) -> bool {
    let (mut least, mut most, mut flags) = (0_usize, 0_usize, 0);
    // SAFETY: three places for the answer; the handle is that of the process itself and need not be closed.
    let known =
        unsafe { GetProcessWorkingSetSizeEx(GetCurrentProcess(), &raw mut least, &raw mut most, &raw mut flags) };
    let more = bytes.saturating_add(OVERHEAD);
    let (least, most) = (least.saturating_add(more), most.saturating_add(more));
    // SAFETY: numbers only.
    known != 0 && unsafe { SetProcessWorkingSetSizeEx(GetCurrentProcess(), least, most, flags) } != 0
}

/// Keeps `bytes` at `base` in memory.
///
/// # Errors
/// Where the system refuses; it has no limit to name.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn lock(base: *mut u8, bytes: usize) -> Result<(), Option<u64>> {
    /// Two threads that enlarge the working set at a time would add to the same size.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the caller vouches for the range; locking changes neither contents nor protection.
    let locked = || unsafe { VirtualLock(base.cast(), bytes) } != 0;
    if locked() {
        return Ok(());
    }
    let quota = io::Error::last_os_error().raw_os_error() == Some(ERROR_WORKING_SET_QUOTA.cast_signed());
    if quota && enlarge_working_set(bytes) && locked() { Ok(()) } else { Err(None) }
}

/// How many of `bytes` at `base`, a page's start, are in the process's working set; `None` if the system does not say. What the
/// system has taken out of it may be in memory still. Asks for some hundred pages at a time.
///
/// # Safety
/// The range must be mapped.
pub unsafe fn resident(base: *mut u8, bytes: usize) -> Option<usize> {
    /// The bit of the attributes that says that the page is there.
    const VALID: usize = 1;
    // SAFETY: numbers and a pointer, which may all be zero.
    let mut asked: [PSAPI_WORKING_SET_EX_INFORMATION; ASKED] = unsafe { std::mem::zeroed() };
    let mut pages = 0;
    for first in (0..bytes).step_by(ASKED * PAGE) {
        let count = (bytes - first).div_ceil(PAGE).min(ASKED);
        for (page, entry) in asked[..count].iter_mut().enumerate() {
            entry.VirtualAddress = base.wrapping_add(first + page * PAGE).cast::<c_void>();
        }
        #[allow(clippy::cast_possible_truncation, reason = "8 KiB")]
        let size = size_of_val(&asked[..count]) as u32;
        // SAFETY: the array has so many bytes, and the call fills in what it says of each address.
        if unsafe { K32QueryWorkingSetEx(GetCurrentProcess(), asked.as_mut_ptr().cast(), size) } == 0 {
            return None;
        }
        // SAFETY: the attributes are a number whichever way they are read.
        pages += asked[..count].iter().filter(|entry| unsafe { entry.VirtualAttributes.Flags } & VALID != 0).count();
    }
    Some((pages * PAGE).min(bytes))
}

/// Gives the memory behind `bytes` at `base`, whole pages, back; they stay committed and read as zeros. Returns the bytes
/// given back. O(bytes): zeros are written first.
///
/// # Safety
/// The range must lie in a map made by [`map`], start at a page and hold whole pages, be locked nowhere, and nobody may hold
/// a Rust reference into it.
pub unsafe fn decommit(base: *mut u8, bytes: usize) -> usize {
    let mut given_back = 0;
    for first in (0..bytes).step_by(RESET) {
        let (start, length) = (base.wrapping_add(first), (bytes - first).min(RESET));
        // SAFETY: the range is part of the caller's, which is writable and stays so; raw pointers meet no reference.
        unsafe { start.write_bytes(0, length) };
        // SAFETY: the range is part of the caller's. Only its contents may change, and those are zeros before and after.
        if unsafe { VirtualAlloc(start.cast(), length, MEM_RESET, PAGE_READWRITE) }.is_null() {
            continue;
        }
        // For pages that are not locked this call fails, and takes them out of the working set.
        // SAFETY: the range is part of the caller's, and no page of it is locked; contents and protection stay.
        unsafe { VirtualUnlock(start.cast(), length) };
        given_back += length;
    }
    given_back
}

/// An address inside this library.
#[cfg(feature = "node")]
static HERE: u8 = 0;

/// The path of the file that this code was loaded from, if the system knows it.
#[cfg(feature = "node")]
#[must_use]
pub fn library_path() -> Option<String> {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS as FROM_ADDRESS,
        GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT as UNCHANGED_REFERENCES, GetModuleFileNameW, GetModuleHandleExW,
    };
    /// Longest path in UTF-16, with a zero at its end.
    const ROOM: usize = 1 << 15;

    let (mut module, flags) = (std::ptr::null_mut(), FROM_ADDRESS | UNCHANGED_REFERENCES);
    // SAFETY: with these flags the call looks up the module round an address, and writes to a valid place.
    if unsafe { GetModuleHandleExW(flags, (&raw const HERE).cast(), &raw mut module) } == 0 {
        return None;
    }
    let mut path = Vec::new();
    path.try_reserve_exact(ROOM).ok()?;
    path.resize(ROOM, 0_u16);
    // SAFETY: the module is this one, loaded while its code runs; there is room for this many units.
    let length = unsafe { GetModuleFileNameW(module, path.as_mut_ptr(), 1 << 15) } as usize;
    if length == 0 || length >= ROOM {
        return None;
    }
    let path = String::from_utf16_lossy(&path[..length]);
    // The path is as it was given, and Node gives it with the prefix that allows long ones.
    Some(match (path.strip_prefix(r"\\?\UNC\"), path.strip_prefix(r"\\?\")) {
        (Some(share), _) => format!(r"\\{share}"),
        (None, Some(local)) => local.to_owned(),
        (None, None) => path,
    })
}

/// The address of what the program exports under a name; null if it exports no such thing. Windows looks into one module at
/// a time, and a runtime exports its functions from its program.
#[cfg(feature = "node")]
#[must_use]
pub fn exported(name: &std::ffi::CStr) -> *const std::ffi::c_void {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
    // SAFETY: without a name the module is the program, which is there as long as the process; the other name ends with a
    // zero.
    let found = unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), name.as_ptr().cast()) };
    found.map_or(ptr::null(), |function| function as *const std::ffi::c_void)
}
