//! Buffers over a heap's memory.
//!
//! Making an external buffer costs a microsecond and weighs on the garbage collector, so there are few: each spans a
//! buffer span of a region, and views of blocks are made from it in JavaScript. Buffer spans are as long as the oldest runtimes
//! allow and overlap by half, so that a block of up to half a buffer span lies in one of them whole. As long as a region is small
//! it has one short buffer span: collectors count it as memory in use, and where a runtime copies a view (`structuredClone`) it
//! copies all that the view's buffer shows.
//!
//! There are two kinds over the same memory. An `ArrayBuffer` is for I/O: every function that takes bytes takes views of it.
//! A `SharedArrayBuffer`, where the runtime can make one of external memory, is for sharing: it can be posted and waited on.
//!
//! Invariant: the memory under a buffer stays mapped while anything can reach it, even after `finish`. So a buffer span is
//! promised under the heap's lock (`Mapping::promise`), and then made; it holds its mapping until it is released, which
//! `ending.rs` argues for each kind and runtime.

use super::ending;
use crate::memory::{Mapping, exported};
use crate::node::failure::Failure;
use crate::node::js_value::check;
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// Half a buffer span: 2 GiB less 64 KiB, since Node 14 allows 4 GiB - 1 byte.
const HALF: usize = (2 << 30) - (64 << 10);

/// Lengths of the buffer spans of small regions, which begin where the region does. A region outgrows at most four. The first is
/// short since thousands of small heaps have it, and V8 counts an `ArrayBuffer`'s bytes as memory in use.
const SHORT: [usize; 4] = [64 << 10, 1 << 20, 16 << 20, 256 << 20];

/// Which of the short buffer spans shows all of a region of which `used` bytes are in main blocks.
#[inline]
fn short(used: u64) -> Option<usize> {
    SHORT.iter().position(|&length| used <= length as u64)
}

/// The buffer span round `offset` of `mapping`, of which `used` bytes are in main blocks: where it starts in the mapping, and its
/// length. If it is none of the short ones, it is the one that begins in the same half as `offset`.
pub(in crate::node) fn around(mapping: &Mapping, offset: usize, used: u64) -> (usize, usize) {
    let (start, length) = match short(used) {
        Some(kind) => (0, SHORT[kind]),
        None => (offset / HALF * HALF, 2 * HALF),
    };
    (start, length.min(mapping.bytes() - start))
}

/// The most buffer spans of a mapping: those of the 128 TiB that a process has. The short ones have the last names, which no
/// mapping is long enough to need.
const NAMES: u64 = 1 << 16;

/// The name of the buffer span round an offset of a mapping, by which JavaScript keeps the buffer, and where in the span the offset
/// is. No other buffer span of the process ever has the same name.
/// Below 2^53, since 2^37 mappings are never made.
#[inline]
pub(in crate::node) fn name(mapping: u64, offset: usize, used: u64) -> (u64, usize) {
    let (number, within) = match short(used) {
        Some(kind) => (NAMES - 1 - kind as u64, offset),
        None => ((offset / HALF) as u64, offset % HALF),
    };
    (mapping * NAMES + number, within)
}

/// The lowest name that a buffer span of `mapping`, or of one made later, can have.
pub(in crate::node) const fn first_name(mapping: u64) -> u64 {
    mapping * NAMES
}

/// Whether the runtime can make a `SharedArrayBuffer` of external memory.
pub(in crate::node) fn can_share() -> bool {
    create_shared().is_some()
}

/// An external buffer over `length` bytes of `mapping` from `start`, and the number of bytes in the buffer before those: a
/// `SharedArrayBuffer` if `shared` says so and the runtime can make one, else an `ArrayBuffer`.
///
/// # Safety
/// `env` must be the environment of the running callback.
pub(in crate::node) unsafe fn buffer(
    env: sys::napi_env,
    mapping: Arc<Mapping>,
    (start, length): (usize, usize),
    shared: bool,
) -> Result<(sys::napi_value, usize), Failure> {
    assert!(start + length <= mapping.bytes(), "a buffer span lies inside its mapping");
    if refused() {
        return Err(Failure::NoBuffers);
    }
    let front = mapping.front_of_next_buffer();
    let data = mapping.base().wrapping_add(start).wrapping_sub(front).cast::<c_void>();
    let all = length + front;
    let create_shared = if shared { create_shared() } else { None };
    // If the status shows that no buffer was made, nothing else will release its holder; with any other status something may, and
    // a mapping that stays is better than one that is released twice.
    let is_early = |status| {
        [
            sys::Status::napi_no_external_buffers_allowed,
            sys::Status::napi_invalid_arg,
            sys::Status::napi_pending_exception,
        ]
        .contains(&status)
    };
    let mut value = ptr::null_mut();
    let status = if let Some(create) = create_shared {
        let holder = ending::hold_shared(mapping);
        // SAFETY: [data, data + all) lies in the mapping or its front, which `holder` keeps mapped until the runtime runs the
        // finalizer, and nothing reaches it then. The caller vouches for `env`. A holder that nobody has is released.
        unsafe {
            let status = create(env, data, all, Some(ending::release_shared), holder, &raw mut value);
            if is_early(status) {
                ending::release_shared(data, holder);
            }
            status
        }
    } else {
        // SAFETY: the caller vouches for `env`.
        let holder = unsafe { ending::hold(env, mapping) }?;
        // SAFETY: [data, data + all) lies in the mapping or its front, which `holder` keeps mapped. The finalizer may run while
        // something reaches the memory, and keeps it mapped then. The caller vouches for `env`. A holder that nobody has is
        // released.
        unsafe {
            let create = sys::napi_create_external_arraybuffer;
            let status = create(env, data, all, Some(ending::release), holder, &raw mut value);
            if is_early(status) {
                ending::let_go(holder);
            } else if status == sys::Status::napi_ok {
                ending::watch(env, value, holder);
            }
            status
        }
    };
    match status {
        sys::Status::napi_ok => Ok((value, front)),
        sys::Status::napi_no_external_buffers_allowed => Err(Failure::NoBuffers),
        // This code means a length that the runtime does not allow, and nothing else.
        sys::Status::napi_generic_failure => {
            let mut exception = ptr::null_mut();
            // SAFETY: the caller vouches for `env`.
            unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut exception) };
            Err(Failure::LongBuffer { length })
        }
        _ => check(status).map(|()| (value, front)),
    }
}

/// The value that [`refused`] returns.
#[cfg(feature = "test-hooks")]
pub(in crate::node) static REFUSE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// For tests: whether to behave like a runtime that allows no buffers.
#[cfg(feature = "test-hooks")]
pub(in crate::node) fn refused() -> bool {
    REFUSE.load(std::sync::atomic::Ordering::Relaxed)
}

/// Always `false` outside of tests: only the runtime refuses.
#[cfg(not(feature = "test-hooks"))]
pub(in crate::node) const fn refused() -> bool {
    false
}

/// The type of `node_api_create_external_sharedarraybuffer`.
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
