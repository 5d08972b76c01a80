//! The calls that programs make by the million: `malloc`, `free`, `get` and the look-up behind views, without arguments. What
//! they take and return is in memory that JavaScript reaches as well (`slots.rs`).
//!
//! A call that takes a number and returns a BigInt costs three times what one costs that takes and returns nothing: each
//! value is read or made by a call of its own back into the runtime. What JavaScript writes to a typed array costs a
//! nanosecond, and what it reads from one no more than the BigInt that it makes.
//!
//! Here is what each call does when all goes well. What takes more (a size that is none, a heap without room, stacks) is begun
//! anew by the call with arguments of `calls.rs`, which knows all cases.

use super::buffers::span;
use super::failure::{Failure, guard};
use super::js_value::Value;
use super::slots::{self, Found, Functions, Memory};
use super::{arguments, calls, events};
use crate::error::Error;
use crate::mems::purge::give_pages_back;
use crate::mems::steps::{self, Left};
use crate::mems::{Made, Place};
use crate::process::registry::{Handle, Id};
use napi::sys;
use std::ptr;

/// What a `malloc` has done at its first step.
enum Done {
    /// All.
    All,
    /// The block at an address is there, for which the heap has grown.
    Made(u64),
    /// Nothing: there is more to it.
    Nothing,
}

/// Runs a call's body on its memory. What the call returns is `undefined`, or an exception.
///
/// # Safety
/// `env` and `info` must be those of a running callback that [`slots::make`] has made, as one of the first or not.
#[inline]
unsafe fn call<const IS_FIRST: bool>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(Memory<IS_FIRST>) -> Result<(), Failure>,
) -> sys::napi_value {
    let body = || {
        // SAFETY: the caller vouches for both.
        body(unsafe { slots::memory::<IS_FIRST>(env, info) }?)
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
            // SAFETY: Node calls this with the environment and info of the call that runs, and only `slots::make` gives it out.
            unsafe { call::<IS_FIRST>($env, info, body) }
        }
    };
}

callback! {
    /// `malloc` of a number of bytes.
    malloc, |env, memory| {
        let (found, number) = (memory.heap()?, f64::from_bits(memory.argument()));
        let done = match arguments::number_as_size(number) {
            None => Ok(Done::Nothing),
            Some(size) => found.with(|heap| {
                if heap.captures_stacks() {
                    return Ok(Done::Nothing);
                }
                match heap.malloc_with_growth(size).inspect_err(|_| heap.forget_refusal())? {
                    Made::InPlace(address) => {
                        memory.answer(address);
                        Ok(Done::All)
                    }
                    Made::WithGrowth(address) => Ok(Done::Made(address)),
                }
            }),
        };
        if !matches!(done, Ok(Done::All)) {
            memory.answer(finish_malloc(env, found.id, number, &done)?);
        }
        Ok(())
    }
}

callback! {
    /// `free` of an address.
    free, |env, memory| {
        let (found, address) = (memory.heap()?, memory.argument());
        let left = found.with(|heap| {
            if heap.captures_stacks() {
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
        Ok(found.look(|heap| {
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
        Ok(found.look(|heap| {
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

callback! {
    /// `realloc` of an address to a size, a number, which is where the call returns the new address. It returns 0 if nothing has
    /// changed, and the call with arguments has to do it.
    realloc, |env, memory| {
        let (found, address, size) = (memory.heap()?, memory.argument(), f64::from_bits(memory.second_argument()));
        let moved = found.with(|heap| {
            if heap.captures_stacks() {
                return Ok(None);
            }
            Ok(arguments::number_as_size(size).and_then(|size| heap.move_slot(address, size)))
        })?;
        memory.answer(match moved {
            Some(Made::InPlace(address)) => address,
            Some(Made::WithGrowth(address)) => {
                events::say(env, found.id, false);
                address
            }
            None => 0,
        });
        Ok(())
    }
}

callback! {
    /// Lends slots to one of the heap's fronts, if there is room. The argument says which front and class.
    fill_front, |_env, memory| {
        let (found, (front, class)) = (memory.heap()?, front_and_class(memory.argument()));
        Ok(found.with(|heap| heap.fill_front(front, class))?)
    }
}

callback! {
    /// Takes slots back from one of the heap's fronts. The argument says which front and class.
    flush_front, |env, memory| {
        let (mut found, (front, class)) = (memory.heap()?, front_and_class(memory.argument()));
        let id = found.id;
        if found.with(|heap| heap.flush_front(front, class))? {
            give_pages_back(&mut found);
            // JavaScript is in the middle of a call of its own, in which nobody may free the same block.
            events::say(env, id, true);
        }
        Ok(())
    }
}

/// The number of a front and of a class: the argument is 64 times the first, and the second. Numbers that none has, for what is no
/// such argument.
fn front_and_class(argument: u64) -> (u32, usize) {
    let whole = arguments::whole(f64::from_bits(argument)).unwrap_or(0);
    (u32::try_from(whole / 64).unwrap_or(0), usize::try_from(whole % 64).unwrap_or(usize::MAX))
}

/// What is left of a `malloc`. If that is all of it, `size` need be no size.
#[cold]
fn finish_malloc(env: sys::napi_env, heap: Id, size: f64, done: &Result<Done, Error>) -> Result<u64, Failure> {
    if let Ok(Done::Made(address)) = *done {
        events::say(env, heap, false);
        return Ok(address);
    }
    // SAFETY: `env` is that of the running callback.
    let size = unsafe { Value::of_number(env, size) }?;
    Ok(calls::allocate(heap, size, None, "malloc()")?.0)
}

/// What is left of a `free`: all of it if nothing has been done to the block yet. A call that continues in the default heap must
/// not find the next one, so it begins anew, with the id of the block's heap.
#[cold]
fn finish_free(env: sys::napi_env, mut heap: Handle, address: u64, left: Option<Left>) -> Result<(), Failure> {
    if let Some(left @ (Left::Nothing | Left::Pages)) = left {
        let id = heap.id;
        return Ok(events::around(env, id, || steps::finish_free(&mut heap, address, left, |_| ()))?);
    }
    // SAFETY: as in `finish_malloc`.
    calls::free(heap.id, address, unsafe { Value::of_number(env, 0.0) }?)
}

fn functions<const IS_FIRST: bool>() -> Functions {
    [
        (c"malloc", malloc::<IS_FIRST>),
        (c"free", free::<IS_FIRST>),
        (c"get", get::<IS_FIRST>),
        (c"locate", locate::<IS_FIRST>),
        (c"realloc", realloc::<IS_FIRST>),
        (c"fillFront", fill_front::<IS_FIRST>),
        (c"flushFront", flush_front::<IS_FIRST>),
    ]
}

/// `makeCalls(): { memory: ArrayBuffer, malloc, free, get, locate, realloc, fillFront, flushFront }`
pub(super) unsafe extern "C" fn make_calls(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs; the functions are ones of this file.
    unsafe {
        super::callback::call(env, info, |[]: [Value; 0], _| {
            slots::make(env, functions::<true>(), functions::<false>())
        })
    }
}
