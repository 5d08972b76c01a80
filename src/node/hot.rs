//! The calls that programs make by the million, without arguments: what they take and return stands in memory that JavaScript
//! and this file both reach, as `lib/calls.js` lays it out.
//!
//! A call that takes a number and returns a BigInt costs three times what one costs that takes and returns nothing: each
//! value is read or made by a call of its own back into the runtime. What JavaScript writes to a typed array costs a
//! nanosecond, and what it reads from one no more than the BigInt that it makes.
//!
//! The functions know their memory by the pointer that they were made with. It is the addon's own, so that nothing JavaScript
//! does with its buffer takes it away; what stands there may be anything, and is checked at each call. It belongs to one
//! thread, as the functions do. Asking for that pointer costs 4.5 ns, so the first functions that a process makes, mostly
//! those of its main thread, are ones of their own, whose memory a static names. That keeps the heap used last as well.

use super::buffers::span;
use super::failure::{Failure, guard};
use super::js_value::{Value, check};
use super::{arguments, stacks};
use crate::error::Error;
use crate::mems::steps::{self, Left};
use crate::mems::{Mems, Place};
use crate::process::registry::Handle;
use napi::{Callback, sys};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

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
struct Found {
    /// The name of the buffer span round the address.
    name: f64,
    /// The address's offset in its block.
    inside: f64,
    /// The bytes from there to the end of what was asked for: negative behind it.
    rest: f64,
    /// The bytes from there to the end of the block.
    available: f64,
    /// The offset in the buffer span.
    offset: i32,
    /// The rest again, at least 0; `i32::MAX` if it is that or more.
    small_rest: i32,
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
struct Memory<const IS_FIRST: bool>(*mut Slots);

impl<const IS_FIRST: bool> Memory<IS_FIRST> {
    #[inline]
    fn heap(self) -> Result<Handle, Error> {
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
    fn argument(self) -> u64 {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).argument }
    }

    #[inline]
    fn answer(self, address: u64) {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).answer = address };
    }

    #[inline]
    fn answer_place(self, place: Found) {
        // SAFETY: by this type's invariant.
        unsafe { (*self.0).place = place };
    }
}

/// The memory of a function that [`make`] has made.
///
/// # Safety
/// `env` and `info` must be those of a running callback that [`make`] has made, as one of the first or not.
#[inline]
unsafe fn memory<const IS_FIRST: bool>(
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

/// Runs a call's body on its memory. What the call returns is `undefined`, or an exception.
///
/// # Safety
/// `env` and `info` must be those of a running callback that [`make`] has made, as one of the first or not.
#[inline]
unsafe fn call<const IS_FIRST: bool>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(Memory<IS_FIRST>) -> Result<(), Failure>,
) -> sys::napi_value {
    let body = || {
        // SAFETY: the caller vouches for both.
        body(unsafe { memory::<IS_FIRST>(env, info) }?)
    };
    guard(env, body);
    ptr::null_mut()
}

/// Defines a callback by what it does with its memory.
macro_rules! callback {
    ($(#[$doc:meta])* $name:ident, |$env:ident, $memory:ident| $body:expr) => {
        $(#[$doc])*
        unsafe extern "C" fn $name<const IS_FIRST: bool>(
            $env: sys::napi_env,
            info: sys::napi_callback_info,
        ) -> sys::napi_value {
            let body = |$memory: Memory<IS_FIRST>| $body;
            // SAFETY: Node calls this with the environment and info of the call that runs, and only `make` gives it out.
            unsafe { call::<IS_FIRST>($env, info, body) }
        }
    };
}

callback! {
    /// `malloc` of a number of bytes.
    malloc, |env, memory| {
        let (found, number) = (memory.heap()?, f64::from_bits(memory.argument()));
        let Some(size) = arguments::number_as_size(number) else { return Err(no_size(env, number)) };
        let done = found.with(|heap| {
            if heap.options().track_allocations() {
                return Ok(false);
            }
            memory.answer(heap.malloc(size)?);
            Ok(true)
        });
        match done {
            Ok(true) => {}
            Ok(false) => memory.answer(malloc_traced(env, found, size)?),
            Err(refused) => memory.answer(malloc_again(found, refused, size)?),
        }
        Ok(())
    }
}

callback! {
    /// `free` of an address.
    free, |env, memory| {
        let (found, address) = (memory.heap()?, memory.argument());
        let left = found.with(|heap| {
            if heap.options().track_allocations() {
                return Ok(None);
            }
            heap.start_free(address).map(Some)
        })?;
        if left == Some(Left::Nothing) { Ok(()) } else { finish_free(env, found, address, left) }
    }
}

callback! {
    /// `get` of an address.
    get, |_env, memory| {
        let (found, address) = (memory.heap()?, memory.argument());
        Ok(found.with(|heap| {
            memory.answer(heap.get(address)?);
            Ok(())
        })?)
    }
}

callback! {
    /// The look-up behind views.
    locate, |_env, memory| {
        let (found, address) = (memory.heap()?, memory.argument());
        // All of it under the lock: what is returned from there goes through memory twice.
        Ok(found.with(|heap| {
            let Place { mapping, offset, used, block } = heap.place(address)?;
            let (name, offset) = span::name(mapping, offset, used);
            let inside = address - block.start;
            let rest = block.size.cast_signed() - inside.cast_signed();
            // All below 2^53, and from a signed number a double is made by one instruction.
            #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
            let double = |number: i64| number as f64;
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below 2^31, as calls.js says")]
            memory.answer_place(Found {
                name: double(name.cast_signed()),
                inside: double(inside.cast_signed()),
                rest: double(rest),
                available: double((block.usable - inside).cast_signed()),
                offset: offset as i32,
                small_rest: rest.clamp(0, i64::from(i32::MAX)) as i32,
            });
            Ok(())
        })?)
    }
}

#[cold]
fn no_size(env: sys::napi_env, number: f64) -> Failure {
    // SAFETY: `env` is that of the running callback.
    let text = unsafe { Value::of_number(env, number) }.and_then(Value::text);
    text.map_or_else(|failure| failure, |size| Error::InvalidSize { size }.into())
}

#[cold]
fn malloc_traced(env: sys::napi_env, mut found: Handle, size: u64) -> Result<u64, Failure> {
    // SAFETY: as in `no_size`.
    let stack = stacks::stack(found.id, unsafe { Value::of_number(env, 0.0) }?)?;
    let allocate =
        |heap: &mut Mems| heap.malloc(size).inspect(|&address| stacks::note_malloc(heap, address, stack.as_ref()));
    Ok(steps::allocate(&mut found, allocate)?)
}

/// `malloc` of a heap that has `refused` it: once more where that may help.
#[cold]
fn malloc_again(mut found: Handle, refused: Error, size: u64) -> Result<u64, Failure> {
    Ok(steps::allocate_again(&mut found, refused, |heap| heap.malloc(size))?)
}

/// What is left of a `free`: all of it if nothing has been begun.
#[cold]
fn finish_free(env: sys::napi_env, mut found: Handle, address: u64, left: Option<Left>) -> Result<(), Failure> {
    if let Some(left) = left {
        return Ok(steps::finish_free(&mut found, address, left, |_| ())?);
    }
    // SAFETY: as in `no_size`.
    let stack = stacks::stack(found.id, unsafe { Value::of_number(env, 0.0) }?)?;
    Ok(stacks::free(found.id, address, stack.as_ref())?)
}

fn calls<const IS_FIRST: bool>() -> [(&'static CStr, Callback); 4] {
    [
        (c"malloc", malloc::<IS_FIRST>),
        (c"free", free::<IS_FIRST>),
        (c"get", get::<IS_FIRST>),
        (c"locate", locate::<IS_FIRST>),
    ]
}

/// `makeCalls(): { memory: ArrayBuffer, malloc, free, get, locate }`
pub(super) unsafe extern "C" fn make_calls(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs.
    unsafe { super::calls::call(env, info, |[]: [Value; 0], _| make(env)) }
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
/// kept for good: whoever moves the buffer away (`transfer`, `structuredClone`) moves what JavaScript has of it, and the
/// functions go on reading and writing there.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn make(env: sys::napi_env) -> Result<sys::napi_value, Failure> {
    const BYTES: usize = size_of::<Slots>();
    const { assert!(BYTES == 8 * size_of::<f64>()) };
    let place = Found { name: 0.0, inside: 0.0, rest: 0.0, available: 0.0, offset: 0, small_rest: 0 };
    let slots: *mut Slots = Box::leak(Box::new(Slots { heap: 0.0, argument: 0, answer: 0, place }));
    // SAFETY: the caller vouches for `env`; the memory is there for good, and Rust keeps no reference to it.
    let (memory, data) = unsafe { shared_memory(env, slots) }?;
    let calls = if data.buffer.is_some() || FIRST_MADE.swap(true, Ordering::Relaxed) {
        calls::<false>()
    } else {
        // SAFETY: none of the functions exists yet, and no other thread comes here: it would find the flag set.
        unsafe { (*FIRST.0.get()).memory = slots };
        calls::<true>()
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
