//! Buffers over a heap's memory.
//!
//! Making an external buffer costs a microsecond and weighs on the garbage collector, so there are few: each spans a
//! window of a region, and views of blocks are made from it in JavaScript. Windows are as long as the oldest runtimes
//! allow and overlap by half, so that a block of up to half a window lies in one of them whole. As long as a region is small
//! it has one short window: collectors count it as memory in use, and where a runtime copies a view (`structuredClone`) it
//! copies all that the view's buffer shows.
//!
//! Invariant: the memory under a buffer stays mapped while anything can reach it, even after `finish`. So a window is
//! promised under the heap's lock (`Mapping::promise`), and then made. A `SharedArrayBuffer` tells reliably when its memory is
//! out of reach, by its finalizer. An `ArrayBuffer` does only where its memory cannot be moved into another buffer
//! (`transfer`, Node 22 and later): that one has no finalizer of ours. So a window is a `SharedArrayBuffer` where the runtime
//! can make one of external memory; else an `ArrayBuffer`, which keeps its mapping, as far as buffers reach, for good if the
//! runtime has `transfer`.

use super::failure::Failure;
use super::value::check;
use crate::memory::Mapping;
use napi::sys;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

/// Half a window: 2 GiB less 64 KiB, since Node 14 allows 4 GiB - 1 byte.
const HALF: usize = (2 << 30) - (64 << 10);

/// Lengths of the windows of small regions, which begin where the region does. A region outgrows three at most.
const SHORT: [usize; 3] = [1 << 20, 16 << 20, 256 << 20];

/// Which of the short windows shows all of a region of which `used` bytes are in main blocks.
#[inline]
fn short(used: u64) -> Option<usize> {
    SHORT.iter().position(|&length| used <= length as u64)
}

/// The window round `offset` of `mapping`, of which `used` bytes are in main blocks: where it starts in the mapping, and its
/// length. Else than a short one, it is the one that begins in the same half.
pub(super) fn around(mapping: &Mapping, offset: usize, used: u64) -> (usize, usize) {
    let (start, length) = match short(used) {
        Some(kind) => (0, SHORT[kind]),
        None => (offset / HALF * HALF, 2 * HALF),
    };
    (start, length.min(mapping.bytes() - start))
}

/// Most windows of a mapping that have a name: those of the 128 TiB that a process has. The short ones have the last names,
/// which no mapping has use for.
const WINDOWS: u64 = 1 << 16;

/// The name of the window round an offset of a mapping, by which JavaScript keeps it, and where in it the offset is. No
/// other window of the process ever has it.
/// Below 2^53, since 2^37 mappings are never made.
#[inline]
pub(super) fn name(mapping: u64, offset: usize, used: u64) -> (u64, usize) {
    let (number, within) = match short(used) {
        Some(kind) => (WINDOWS - 1 - kind as u64, offset),
        None => ((offset / HALF) as u64, offset % HALF),
    };
    (mapping * WINDOWS + number, within)
}

/// An external buffer over `length` bytes of `mapping` from `start`, and the bytes in it before those.
///
/// # Safety
/// `env` must be the environment of the running callback.
pub(super) unsafe fn buffer(
    env: sys::napi_env,
    mapping: Arc<Mapping>,
    (start, length): (usize, usize),
) -> Result<(sys::napi_value, usize), Failure> {
    assert!(start + length <= mapping.bytes(), "a window lies inside its mapping");
    if refused() {
        return Err(Failure::NoBuffers);
    }
    let front = mapping.front_of_next_buffer();
    let data = mapping.base().wrapping_add(start).wrapping_sub(front).cast::<c_void>();
    let length = length + front;
    // SAFETY: the caller vouches for `env`.
    if create_shared().is_none() && unsafe { can_transfer(env) }? {
        std::mem::forget(Arc::clone(&mapping));
    }
    let holder = Box::into_raw(Box::new(mapping)).cast::<c_void>();
    let mut value = ptr::null_mut();
    // SAFETY: [data, data + length) lies in the mapping or its front, which `holder` keeps mapped until the runtime runs the finalizer,
    // and by this file's invariant nothing reaches it then, or it was kept for good above. The caller vouches for `env`.
    let status = unsafe {
        match create_shared() {
            Some(create) => create(env, data, length, Some(release_shared), holder, &raw mut value),
            None => sys::napi_create_external_arraybuffer(env, data, length, Some(release), holder, &raw mut value),
        }
    };
    // On a status that comes before a buffer is made nothing else will release `holder`; on any other it may, and a
    // mapping that stays is better than one released twice.
    let refused_early = [
        sys::Status::napi_no_external_buffers_allowed,
        sys::Status::napi_invalid_arg,
        sys::Status::napi_pending_exception,
    ];
    if refused_early.contains(&status) {
        // SAFETY: see above.
        drop(unsafe { Box::from_raw(holder.cast::<Arc<Mapping>>()) });
    }
    if status == sys::Status::napi_no_external_buffers_allowed {
        return Err(Failure::NoBuffers);
    }
    check(status)?;
    Ok((value, front))
}

/// What [`refused`] returns.
#[cfg(feature = "test-hooks")]
pub(super) static REFUSE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// For tests: whether to do as a runtime that allows no buffers.
#[cfg(feature = "test-hooks")]
pub(super) fn refused() -> bool {
    REFUSE.load(std::sync::atomic::Ordering::Relaxed)
}

/// Only the runtime refuses.
#[cfg(not(feature = "test-hooks"))]
pub(super) const fn refused() -> bool {
    false
}

/// Lets go of a window's mapping. May run on any turn, even inside a Node-API call (Bun, Deno): it takes no lock.
unsafe extern "C" fn release(_env: sys::napi_env, data: *mut c_void, holder: *mut c_void) {
    // SAFETY: the same holder, and a finalizer runs once.
    unsafe { release_shared(data, holder) };
}

/// The same for a `SharedArrayBuffer`, on whatever thread was the last to hold it.
unsafe extern "C" fn release_shared(_data: *mut c_void, holder: *mut c_void) {
    // SAFETY: `holder` is the box made in `buffer`, and a finalizer runs once.
    drop(unsafe { Box::from_raw(holder.cast::<Arc<Mapping>>()) });
}

/// `node_api_create_external_sharedarraybuffer`.
type CreateShared = unsafe extern "C" fn(
    sys::napi_env,
    *mut c_void,
    usize,
    Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    *mut c_void,
    *mut sys::napi_value,
) -> sys::napi_status;

/// The runtime's function for external shared buffers, if it exports one: it belongs to no Node-API version yet, so it is
/// looked up by name.
fn create_shared() -> Option<CreateShared> {
    static FOUND: std::sync::OnceLock<Option<CreateShared>> = std::sync::OnceLock::new();
    *FOUND.get_or_init(|| {
        let found = exported(c"node_api_create_external_sharedarraybuffer");
        // SAFETY: a null pointer is `None`; any other is the function of that name, whose type Node documents as this.
        unsafe { std::mem::transmute::<*const c_void, Option<CreateShared>>(found) }
    })
}

/// The address of what the process exports under a name; null if it exports no such thing.
#[cfg(unix)]
fn exported(name: &CStr) -> *const c_void {
    // SAFETY: the name ends with a zero; RTLD_DEFAULT searches what the process has loaded.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// The address of what the program exports under a name; null if it exports no such thing. Windows looks into one module at
/// a time, and a runtime exports its functions from its program.
#[cfg(windows)]
fn exported(name: &CStr) -> *const c_void {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
    // SAFETY: without a name the module is the program, which is there as long as the process; the other name ends with a
    // zero.
    let found = unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), name.as_ptr().cast()) };
    found.map_or(ptr::null(), |function| function as *const c_void)
}

/// Nobody has tried elsewhere.
#[cfg(not(any(unix, windows)))]
const fn exported(_name: &CStr) -> *const c_void {
    ptr::null()
}

/// Whether the runtime has `ArrayBuffer.prototype.transfer`.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn can_transfer(env: sys::napi_env) -> Result<bool, Failure> {
    let (mut object, mut has) = (ptr::null_mut(), false);
    // SAFETY: the caller vouches for `env`; names end with a zero, and each object is a value of `env` just read.
    unsafe {
        check(sys::napi_get_global(env, &raw mut object))?;
        for name in [c"ArrayBuffer", c"prototype"] as [&CStr; 2] {
            check(sys::napi_get_named_property(env, object, name.as_ptr(), &raw mut object))?;
        }
        check(sys::napi_has_named_property(env, object, c"transfer".as_ptr(), &raw mut has))?;
    }
    Ok(has)
}
