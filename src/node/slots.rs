//! The memory that the quickest calls share with JavaScript, and the functions that know it: what they take and return is there,
//! as `lib/calls.js` lays it out.
//!
//! The functions know their memory by the pointer that they were made with. It is the addon's own, so that nothing JavaScript
//! does with its buffer takes it away; what is there may be anything, and is checked at each call. It belongs to one
//! thread, as the functions do. Asking for that pointer costs 4.5 ns, so the first functions that a process makes, mostly
//! those of its main thread, are ones of their own, whose memory a static names. That keeps the heap used last as well.

use super::arguments;
use super::buffers::span;
use super::failure::Failure;
use super::js_value::check;
use crate::error::Error;
use crate::process::registry::Handle;
use napi::{Callback, sys};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Functions by their names.
pub(super) type Functions = [(&'static CStr, Callback); 7];

/// What `lib/calls.js` and this file exchange, in words, each a double or a whole number of 64 bits.
#[repr(C)]
struct Slots {
    /// The heap's id, a double.
    heap: f64,
    /// The size, a double, or the address.
    argument: u64,
    /// The address that the call returns.
    answer: u64,
    /// What `locate` returns.
    place: Found,
}

/// A place, as views are made of it.
#[repr(C)]
pub(super) struct Found {
    /// The name of the buffer span round the address.
    pub name: f64,
    /// The address's offset in its block.
    pub inside: f64,
    /// The bytes from there to the end of what was asked for: negative behind it.
    pub rest: f64,
    /// The bytes from there to the end of the block.
    pub available: f64,
    /// The offset in the buffer span.
    pub offset: i32,
    /// The rest again, at least 0; `i32::MAX` if it is that or more.
    pub small_rest: i32,
}

/// What the first functions keep: their memory, and the heap that they were last called for.
struct First {
    memory: *mut Slots,
    /// As JavaScript gave it.
    number: f64,
    handle: Handle,
}

/// What the functions that are not the first are made with.
struct Data {
    slots: *mut Slots,
    /// The buffer whose memory that is, where the runtime allows none over the addon's own (Electron): it can be moved away.
    buffer: Option<sys::napi_ref>,
}

/// See [`FIRST`].
struct OfOneThread(UnsafeCell<First>);

// SAFETY: of all threads only that of the first functions gets at it, as `FIRST` says.
unsafe impl Sync for OfOneThread {}

/// What the first functions of the process keep. It is written by the thread that makes them, before they exist; from then on
/// they alone read and write it, and they run on that thread.
static FIRST: OfOneThread =
    OfOneThread(UnsafeCell::new(First { memory: ptr::null_mut(), number: 0.0, handle: Handle::DEFAULT }));

/// Whether the first functions have been made.
static FIRST_MADE: AtomicBool = AtomicBool::new(false);

/// The memory of the running call, which is one of the first functions or not.
///
/// Invariant: it is eight words that stay where they are while the call runs, and only this thread reaches them. JavaScript may
/// write there whenever it runs, and it does where stacks are captured, so nothing of it is borrowed.
#[derive(Clone, Copy)]
pub(super) struct Memory<const IS_FIRST: bool>(*mut Slots);

impl<const IS_FIRST: bool> Memory<IS_FIRST> {
    #[inline]
    pub fn heap(self) -> Result<Handle, Error> {
        // SAFETY: by this type's invariant.
        let number = unsafe { (*self.0).heap };
        if !IS_FIRST {
            return Self::find(number);
        }
        // SAFETY: this is one of the first functions, so nobody else reads or writes there, and this is done before
        // anything else is called.
        let First { number: last, handle, .. } = unsafe { &*FIRST.0.get() };
        if last.to_bits() == number.to_bits() { Ok(*handle) } else { Self::find_and_keep(number) }
    }

    #[cold]
    fn find_and_keep(number: f64) -> Result<Handle, Error> {
        let handle = Self::find(number)?;
        // SAFETY: as in `heap`.
        let first = unsafe { &mut *FIRST.0.get() };
        (first.number, first.handle) = (number, handle);
        Ok(handle)
    }

    #[inline]
    fn find(number: f64) -> Result<Handle, Error> {
        arguments::whole(number).ok_or(Error::Closed).and_then(Handle::new)
    }

    #[inline]
    pub fn argument(self) -> u64 {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).argument }
    }

    /// The second argument, in the place of the address that the call returns.
    #[inline]
    pub fn second_argument(self) -> u64 {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).answer }
    }

    #[inline]
    pub fn answer(self, address: u64) {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).answer = address };
    }

    #[inline]
    pub fn answer_place(self, place: Found) {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).place = place };
    }
}

/// The memory of a function that [`make`] has made.
///
/// # Safety
/// `env` and `info` must be those of a running callback that [`make`] has made, as one of the first or not.
#[inline]
pub(super) unsafe fn memory<const IS_FIRST: bool>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> Result<Memory<IS_FIRST>, Failure> {
    if IS_FIRST {
        // SAFETY: as in `Memory::heap`.
        return Ok(Memory(unsafe { (*FIRST.0.get()).memory }));
    }
    let (no_count, no_values, mut data) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller vouches for `env` and `info`; what is not asked for is null.
    check(unsafe { sys::napi_get_cb_info(env, info, no_count, no_values, ptr::null_mut(), &raw mut data) })?;
    // SAFETY: `make` gave the functions this, and it is there for good.
    let Data { slots, buffer } = unsafe { &*data.cast::<Data>() };
    if let Some(buffer) = *buffer {
        // SAFETY: the caller vouches for `env`, whose reference this is.
        unsafe { check_not_moved(env, buffer) }?;
    }
    Ok(Memory(*slots))
}

/// Refuses memory of the runtime's that has been moved into another buffer.
///
/// # Safety
/// `env` must be the environment of the running callback, and `buffer` a reference of it.
#[cold]
unsafe fn check_not_moved(env: sys::napi_env, buffer: sys::napi_ref) -> Result<(), Failure> {
    let (mut value, mut moved) = (ptr::null_mut(), false);
    // SAFETY: the caller vouches for both; `value` is the buffer, which the reference keeps.
    unsafe {
        check(sys::napi_get_reference_value(env, buffer, &raw mut value))?;
        check(sys::napi_is_detached_arraybuffer(env, value, &raw mut moved))?;
    }
    if moved { Err(Failure::Napi(sys::Status::napi_detachable_arraybuffer_expected)) } else { Ok(()) }
}

/// An `ArrayBuffer` over `slots` and what functions know them by or, where the runtime allows no such buffers, both over
/// memory of the runtime's.
///
/// # Safety
/// `env` must be the environment of the running callback; `slots` must be there for good, and no Rust reference to them in use.
unsafe fn shared_memory(env: sys::napi_env, slots: *mut Slots) -> Result<(sys::napi_value, Data), Failure> {
    const BYTES: usize = size_of::<Slots>();
    unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, _hint: *mut c_void) {}

    let (mut memory, mut reference, mut own, nothing) =
        (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller vouches for `env`, and for memory that needs no release.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(env, slots.cast(), BYTES, Some(release), nothing, &raw mut memory)
    };
    if status != sys::Status::napi_no_external_buffers_allowed && !span::refused() {
        check(status)?;
        return Ok((memory, Data { slots, buffer: None }));
    }
    // SAFETY: the caller vouches for `env`. The runtime aligns a buffer's memory for every type; it stays where it is while the
    // buffer has it, and the reference keeps the buffer.
    unsafe {
        check(sys::napi_create_arraybuffer(env, BYTES, &raw mut own, &raw mut memory))?;
        check(sys::napi_create_reference(env, memory, 1, &raw mut reference))?;
    }
    Ok((memory, Data { slots: own.cast(), buffer: Some(reference) }))
}

/// Makes the functions, and the buffer over the memory that they share with JavaScript. The memory is the addon's own and is
/// kept for good: moving the buffer away (`transfer`, `structuredClone`) moves what JavaScript has of it, and the functions still
/// read and write there. They are those of `first`, once in a process, or of `others`.
///
/// # Safety
/// `env` must be the environment of the running callback, and the functions be ones for memory of [`memory`], as the first or not.
pub(super) unsafe fn make(env: sys::napi_env, first: Functions, others: Functions) -> Result<sys::napi_value, Failure> {
    const BYTES: usize = size_of::<Slots>();
    const { assert!(BYTES == 8 * size_of::<f64>()) };
    let place = Found { name: 0.0, inside: 0.0, rest: 0.0, available: 0.0, offset: 0, small_rest: 0 };
    let slots: *mut Slots = Box::leak(Box::new(Slots { heap: 0.0, argument: 0, answer: 0, place }));
    // SAFETY: the caller vouches for `env`; the memory is there for good, and Rust keeps no reference to it.
    let (memory, data) = unsafe { shared_memory(env, slots) }?;
    let calls = if data.buffer.is_some() || FIRST_MADE.swap(true, Ordering::Relaxed) {
        others
    } else {
        // SAFETY: none of the functions exists yet, and no other thread comes here: it would find the flag set.
        unsafe { (*FIRST.0.get()).memory = slots };
        first
    };
    let data: *mut Data = Box::leak(Box::new(data));
    let mut made = ptr::null_mut();
    // SAFETY: the caller vouches for `env`; names end with a zero, and what the functions are given is there for good.
    unsafe {
        check(sys::napi_create_object(env, &raw mut made))?;
        check(sys::napi_set_named_property(env, made, c"memory".as_ptr(), memory))?;
        for (name, callback) in calls {
            let (length, mut function) = (name.count_bytes().cast_signed(), ptr::null_mut());
            check(sys::napi_create_function(
                env,
                name.as_ptr(),
                length,
                Some(callback),
                data.cast(),
                &raw mut function,
            ))?;
            check(sys::napi_set_named_property(env, made, name.as_ptr(), function))?;
        }
    }
    Ok(made)
}
