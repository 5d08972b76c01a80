//! `malloc`, `get` and `free` as raw callbacks with arguments, which know all cases: sizes that are BigInts, options, stacks, and
//! what is wrong. `hot.rs` has the same calls for the usual ones, and comes here with all others. The heap's id comes first.
//!
//! Each reads its arguments, holds the lock only for the heap's operation, and makes the result after the lock is released.

use super::callback::{call, callback};
use super::failure::Failure;
use super::js_value::Value;
use super::{arguments, events, stacks};
use crate::error::Error;
use crate::mems::{Mems, steps};
use crate::process::registry::{self, Handle, Id};
use napi::sys;

/// Allocates a block, and returns its address and its heap's own id, also where `id` stands for the default heap of the moment.
pub(super) fn allocate(
    id: Id,
    size: Value,
    options: Option<Value>,
    function: &'static str,
) -> Result<(u64, Id), Failure> {
    let bytes = arguments::size("size", size)?;
    let alignment = options.map_or(Ok(None), |options| arguments::alignment(options, function))?.unwrap_or(1);
    let stack = stacks::stack(id, size)?;
    let mut heap = Handle::new(id)?;
    let allocate = |heap: &mut Mems| {
        let address = if alignment == 1 { heap.malloc(bytes) } else { heap.malloc_aligned(bytes, alignment) }?;
        stacks::note_malloc(heap, address, stack.as_ref());
        Ok(address)
    };
    let address = events::around(size.env(), id, || steps::allocate(&mut heap, allocate))?;
    // From the first step on this is the id of the heap that the call began in.
    Ok((address, heap.id))
}

/// Frees a block; `value` is any value of the running call.
pub(super) fn free(id: Id, address: u64, value: Value) -> Result<(), Failure> {
    let stack = stacks::stack(id, value)?;
    Ok(events::around(value.env(), id, || stacks::free(id, address, stack.as_ref()))?)
}

/// `heapMalloc(heap: number, size: number | bigint, options?): bigint`
pub(super) unsafe extern "C" fn heap_malloc(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |[heap, size, options]: [Value; 3], given| {
        Ok(allocate(arguments::heap(heap)?, size, (given > 2).then_some(options), "malloc()")?.0)
    };
    // SAFETY: as in `callback!`.
    unsafe { call(env, info, body) }
}

callback! {
    /// `heapAllocate(heap: number, size: number | bigint, options?): [address: bigint, heap: number]`
    ///
    /// `malloc` that also returns the id of the block's heap, since `heap` may stand for the default heap of the moment: with
    /// that id no later call reaches a block of the next default heap at the same address.
    heap_alloc, |heap, size, options| {
        let id = arguments::heap(heap)?;
        allocate(id, size, Some(options), "allocate()")
    }
}

callback! {
    /// `heapGet(heap: number, address: bigint): bigint`
    heap_get, |heap, address| {
        let id = arguments::heap(heap)?;
        let address = arguments::address(id, address)?;
        Ok(registry::look_at_heap(id, |heap| heap.get(address))?)
    }
}

callback! {
    /// `heapFree(heap: number, address: bigint): undefined`
    heap_free, |heap, address| {
        let id = arguments::heap(heap)?;
        free(id, arguments::address(id, address)?, address)
    }
}

callback! {
    /// `owns(heap: number, address: bigint): boolean`
    owns, |heap, address| {
        let id = arguments::heap(heap)?;
        match arguments::address(id, address) {
            Ok(address) => Ok(registry::look_at_heap(id, |heap| heap.find_owned(address))?),
            Err(Failure::Mems(Error::OutOfRange { .. })) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
