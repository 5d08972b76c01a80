//! Buffers over a heap's memory.
//!
//! Making an external buffer costs a microsecond and weighs on the garbage collector, so there are few: each spans a
//! window of a region, and views of blocks are made from it in JavaScript. Windows are as long as the oldest runtimes
//! allow and overlap by half, so that a block of up to half a window lies in one of them whole.
//!
//! Invariant: a window holds its mapping by reference count and lets go in the buffer's finalizer. So the memory under
//! a buffer stays mapped while the buffer lives, even after `finish`.

use super::failure::Failure;
use super::value::check;
use crate::memory::Mapping;
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// Half a window: 2 GiB less a page's worth, since Node 14 allows 4 GiB - 1.
const HALF: usize = (2 << 30) - (64 << 10);

/// The window round `offset` of `mapping`: where it starts in the mapping, and its length.
pub(super) fn around(mapping: &Mapping, offset: usize) -> (usize, usize) {
    let start = offset / HALF * HALF;
    (start, (2 * HALF).min(mapping.bytes() - start))
}

/// An external `ArrayBuffer` over `length` bytes of `mapping` from `start`.
pub(super) fn buffer(
    env: sys::napi_env,
    mapping: Arc<Mapping>,
    (start, length): (usize, usize),
) -> Result<sys::napi_value, Failure> {
    assert!(start + length <= mapping.bytes(), "a window lies inside its mapping");
    let data = mapping.base().wrapping_add(start).cast::<c_void>();
    let holder = Box::into_raw(Box::new(mapping)).cast::<c_void>();
    let mut value = ptr::null_mut();
    // SAFETY: [data, data + length) lies in the mapping, which `holder` keeps mapped until `release` runs, and Node
    // runs that once, after the last use of the buffer.
    let status =
        unsafe { sys::napi_create_external_arraybuffer(env, data, length, Some(release), holder, &raw mut value) };
    if status != sys::Status::napi_ok {
        // SAFETY: no buffer was made, so nothing else will release `holder`.
        drop(unsafe { Box::from_raw(holder.cast::<Arc<Mapping>>()) });
    }
    check(status)?;
    Ok(value)
}

/// Lets go of a window's mapping. May run on any turn, even inside a Node-API call (Bun, Deno): it takes no lock.
unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, holder: *mut c_void) {
    // SAFETY: `holder` is the box made in `buffer`, and the finalizer runs once.
    drop(unsafe { Box::from_raw(holder.cast::<Arc<Mapping>>()) });
}
