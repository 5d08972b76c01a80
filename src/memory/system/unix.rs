//! Mappings on Linux, macOS and the BSDs.
//!
//! An anonymous private map is only address space until a page is touched. `MAP_NORESERVE` keeps Linux from counting
//! it against the commit limit; macOS and the BSDs overcommit anyway.
//!
//! Pages are 4 KiB on x64, 16 KiB on Apple Silicon, and 4, 16 or 64 KiB on Linux for arm64, as its kernel was built: the size
//! is asked for, and what is smaller than a page is never given back.

use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Keeps Linux from counting a map against the commit limit. macOS has no such flag, nor have all of the BSDs.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const NO_RESERVE: i32 = libc::MAP_NORESERVE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const NO_RESERVE: i32 = 0;

/// The length of a new region that suits the system, given the bytes mapped so far.
///
/// One TiB of 128 that a process has: a heap outgrows the machine's memory before its first region.
pub fn region_bytes(_mapped: usize) -> usize {
    usize::try_from(1_u64 << 40).unwrap_or(1 << 30)
}

/// A range of address space, mapped until [`unmap`].
#[derive(Debug)]
pub struct Map {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to no thread, and a `Map` only says where it is.
unsafe impl Send for Map {}
// SAFETY: a `Map` has nothing that a thread could change through a reference.
unsafe impl Sync for Map {}

impl Map {
    /// The map's length, whole pages.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// The map's first byte, where a page starts.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

/// Held while address space is looked for: a probe has for a moment what it asks about, which would be missing to a heap in another
/// thread, whose malloc would be refused. In a child of `fork` nobody holds it, since heaps map with their locks held, which the
/// thread that forks takes before.
static LOOKING: Mutex<()> = Mutex::new(());

/// Where the last map of [`map`] begins; 0 once any of them has been unmapped, since what is free then is better used first.
static LAST: AtomicUsize = AtomicUsize::new(0);

fn look() -> MutexGuard<'static, ()> {
    LOOKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maps `bytes` at an address that the system chooses: `wish`, mostly, if nothing is there.
fn map_anywhere(wish: usize, bytes: usize) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | NO_RESERVE;
    // SAFETY: a new map, which replaces none.
    let base = unsafe {
        libc::mmap(ptr::without_provenance_mut(wish), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(base.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Maps `bytes`, whole pages, of lazily committed, zeroed memory from an address that is `residue`, whole pages, above a
/// multiple of `alignment`, a power of two.
pub fn map(bytes: usize, alignment: usize, residue: usize) -> io::Result<Map> {
    let more = alignment - page_bytes().min(alignment);
    let _looking = look();
    if let Some(base) = map_below_last(bytes, alignment, residue) {
        LAST.store(base.as_ptr() as usize, Ordering::Relaxed);
        return Ok(Map { base, bytes });
    }
    let all = map_anywhere(0, bytes.checked_add(more).ok_or(io::ErrorKind::OutOfMemory)?)?;
    let before = residue.wrapping_sub(all.as_ptr() as usize) % alignment;
    let base = all.as_ptr().wrapping_add(before);
    for (start, bytes) in [(all.as_ptr(), before), (base.wrapping_add(bytes), more - before)] {
        if bytes > 0 {
            // SAFETY: the range is an end of the map just made, whole pages of it, of which nobody knows. If the system
            // refuses, some address space is lost.
            unsafe { libc::munmap(start.cast(), bytes) };
        }
    }
    LAST.store(base as usize, Ordering::Relaxed);
    NonNull::new(base).map(|base| Map { base, bytes }).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// [`map`] below the map before, where there mostly is room: one system call instead of three, which counts when a file of many extents is
/// opened. `None`: there is no room, or no map before.
fn map_below_last(bytes: usize, alignment: usize, residue: usize) -> Option<NonNull<u8>> {
    let below = LAST.load(Ordering::Relaxed).checked_sub(bytes)?;
    let wish = below.checked_sub(below.wrapping_sub(residue) % alignment).filter(|&wish| wish > 0)?;
    let base = map_anywhere(wish, bytes).ok()?;
    if base.as_ptr() as usize == wish {
        return Some(base);
    }
    // SAFETY: the map just made, of which nobody knows. If the system refuses, some address space is lost.
    unsafe { libc::munmap(base.as_ptr().cast(), bytes) };
    None
}

/// Bytes of address space that are left of the process's limit, if it has one and the system says how much is in use.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn left_of_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a place for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    if !known || limit.rlim_cur == libc::RLIM_INFINITY {
        return None;
    }
    let said = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = said.split(' ').next()?.parse().ok()?;
    Some(usize::try_from(limit.rlim_cur).ok()?.saturating_sub(pages * page_bytes()))
}

/// Other systems do not say how much of the limit is in use.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn left_of_limit() -> Option<usize> {
    None
}

/// Whether the process's limit of address space, if it has one, leaves room for `bytes`.
pub fn has_room_in_limit(bytes: usize) -> bool {
    left_of_limit().is_none_or(|left| bytes <= left)
}

/// Whether the system would map `bytes` in one piece. Under a limit nothing is mapped to find out: the process would have
/// nothing left meanwhile, and an engine in another thread ends the process then.
pub fn grants(bytes: usize) -> bool {
    left_of_limit().map_or_else(|| maps(bytes), |left| bytes <= left)
}

/// Whether `bytes` can be mapped, found out by trying.
fn maps(bytes: usize) -> bool {
    let _looking = look();
    map_anywhere(0, bytes).is_ok_and(|base| {
        // SAFETY: the map just made, of which nobody knows.
        unsafe { libc::munmap(base.as_ptr().cast(), bytes) == 0 }
    })
}

/// The most bytes that the system would map in one piece, to a hundredth. Where there are `plenty` it is to a quarter: the system takes tens of
/// microseconds to map and unmap so much.
pub fn granted(plenty: usize) -> usize {
    let (mut granted, mut step) = (0_usize, 1 << (usize::BITS - 2));
    loop {
        // What is missing in the end is less than the last step.
        let least = if granted < plenty { granted >> 7 } else { granted >> 2 };
        // Less than a megabyte does not matter.
        if step < least.max(1 << 20) {
            return granted;
        }
        if grants(granted + step) {
            granted += step;
        }
        step /= 2;
    }
}

/// The most mappings that a process can have.
pub fn most_mappings() -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // The default of every Linux.
        const USUAL: usize = 65_530;
        let said = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or(USUAL)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    usize::MAX
}

/// Keeps a range from children made by `fork`, on Linux. A kernel that does not know the advice refuses it, and children get the
/// range.
///
/// # Safety
/// The range must be mapped, and start at a page.
pub unsafe fn dont_fork(base: *mut u8, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the caller vouches for the range; the advice changes nothing in this process.
    unsafe {
        libc::madvise(base.cast(), bytes, libc::MADV_DONTFORK)
    };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (base, bytes);
}

/// Registers functions that are called whenever the process forks: before, and after in the parent and in the child. They must
/// not unwind.
#[cfg(feature = "c-abi")]
pub fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    // This is initialized only once: a child could find it half done by a thread that does not exist there.
    let _ = page_bytes();
    // SAFETY: functions that stay where they are, since the library is never unloaded. Without memory they are not called,
    // as if they had not been registered.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

/// Registers a function that is called when the process exits, unless it is killed. It must not unwind.
#[cfg(feature = "c-abi")]
pub fn at_exit(action: extern "C" fn()) -> bool {
    // SAFETY: a function that stays where it is, since the library is never unloaded.
    unsafe { libc::atexit(action) == 0 }
}

/// Calls `action` while this thread takes no signals. A thread that it starts never takes any: a write to a pipe that nobody reads, or
/// beyond a limit, fails there, and does not end the process.
pub fn without_signals<T>(action: impl FnOnce() -> T) -> T {
    let (mut all, mut before) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::<libc::sigset_t>::uninit());
    // SAFETY: places for two sets, of which the first is filled before it is read.
    let status = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr())
    };
    let done = action();
    if status == 0 {
        // SAFETY: the set that the call before has filled, since it has succeeded.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    }
    done
}

/// Gives up the end of a map, `bytes` of address space at `base`, and returns whether that is done.
///
/// # Safety
/// The range must be whole pages of a map made by [`map`], and nobody may reach it again.
pub unsafe fn unmap_end(base: *mut u8, bytes: usize) -> bool {
    // SAFETY: the caller vouches for the range.
    unsafe { libc::munmap(base.cast(), bytes) == 0 }
}

/// Unmaps a map, of which the first `mapped` bytes are left. If the system refuses, they stay.
///
/// # Safety
/// Nobody may reach it again, and it must not be unmapped twice.
pub unsafe fn unmap(map: &Map, mapped: usize) {
    LAST.store(0, Ordering::Relaxed);
    // SAFETY: what is left of a map of ours, which nobody holds any more.
    unsafe { libc::munmap(map.as_mut_ptr().cast(), mapped) };
}

/// The system's page size in bytes: 4096 on most, 16 KiB on Apple Silicon.
#[must_use]
pub fn page_bytes() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| {
        // SAFETY: sysconf reads a constant of the system.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        // If the system does not say: none has larger pages than this.
        usize::try_from(bytes).unwrap_or(64 << 10)
    })
}

/// Keeps `bytes` at `base` in memory; on Linux they stay out of core dumps, too. Other systems cannot do that for a range.
///
/// # Errors
/// The process's limit, if it has one, where the system refuses.
///
/// # Safety
/// The range must be mapped, and start at a page.
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
    // SAFETY: the caller vouches for the range; the advice changes nothing in this process. A kernel that does not know it refuses
    // it, and nothing is lost.
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

/// Gives `bytes` at `base`, whole pages, back; they stay mapped and read as zeros. Returns the bytes given back.
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

/// An address inside this library.
#[cfg(feature = "node")]
static HERE: u8 = 0;

/// The path of the file that this code was loaded from, if the system knows it.
#[cfg(feature = "node")]
#[must_use]
pub fn library_path() -> Option<String> {
    let mut found = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: dladdr compares the address with those of what is loaded, and writes to a valid place.
    let known = unsafe { libc::dladdr((&raw const HERE).cast::<std::ffi::c_void>(), &raw mut found) } != 0;
    if !known || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's own string, which ends with a zero and lasts as long as the library is loaded: while its code
    // runs, at least.
    let path = unsafe { std::ffi::CStr::from_ptr(found.dli_fname) };
    Some(path.to_string_lossy().into_owned())
}

/// The address of what the process exports under a name; null if it exports no such thing.
#[cfg(feature = "node")]
#[must_use]
pub fn exported(name: &std::ffi::CStr) -> *const std::ffi::c_void {
    // SAFETY: the name ends with a zero; RTLD_DEFAULT searches what the process has loaded.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}
