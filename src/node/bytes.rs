//! The malloc family and the bytes of blocks, as raw callbacks: calloc and realloc, copying, filling, comparing.
//!
//! Bytes are touched after the lock is released, through spans that keep their mapping: however long it takes, other threads
//! do not wait.

use super::callback::callback;
use super::failure::Failure;
use super::js_value::Value;
use super::{arguments, events, stacks};
use crate::memory::Span;
use crate::mems::{Mems, realloc, steps};
use crate::process::registry::{self, Handle, Id};

/// The `length` bytes from an address.
fn span(id: Id, address: Value, length: u64) -> Result<Span, Failure> {
    let address = arguments::address(id, address)?;
    Ok(registry::look_at_heap(id, |heap| heap.span(address, length))?)
}

/// [`span`] for storing: throws if the heap is for reading only.
fn span_to_store(id: Id, address: Value, length: u64) -> Result<Span, Failure> {
    let address = arguments::address(id, address)?;
    Ok(registry::look_at_heap(id, |heap| {
        heap.check_writable()?;
        heap.span(address, length)
    })?)
}

callback! {
    /// `calloc(heap: number, count: number | bigint, size: number | bigint): bigint`
    calloc, |heap, count, size| {
        let (count, size) = (arguments::size("count", count)?, arguments::size("size", size)?);
        let id = arguments::heap(heap)?;
        let stack = stacks::stack(id, heap)?;
        let mut found = Handle::new(id)?;
        let allocate = |heap: &mut Mems| {
            let (address, used) = heap.start_calloc(count, size)?;
            stacks::note_malloc(heap, address, stack.as_ref());
            Ok((address, used))
        };
        let (address, used) = events::around(heap.env(), id, || steps::allocate(&mut found, allocate))?;
        if let Some(used) = used {
            used.clear();
        }
        Ok(address)
    }
}

callback! {
    /// `realloc(heap: number, address: bigint, size: number | bigint, options?): bigint`
    realloc, |heap, address, size, options| {
        let id = arguments::heap(heap)?;
        let (old, size) = (arguments::address(id, address)?, arguments::size("size", size)?);
        let alignment = arguments::alignment(options, "realloc()")?;
        let stack = stacks::stack(id, heap)?;
        let start = |heap: &mut Mems| {
            let moved = heap.start_realloc_aligned(old, size, alignment)?;
            if moved.address != old {
                stacks::note_malloc(heap, moved.address, stack.as_ref());
            }
            Ok(moved)
        };
        let freed = |heap: &mut Mems| stacks::note_free(heap, old, stack.as_ref());
        let mut found = Handle::new(id)?;
        let moved = events::around(heap.env(), id, || realloc::realloc(&mut found, old, start, freed));
        Ok(moved.map_err(|error| stacks::explained(id, error))?)
    }
}

callback! {
    /// `copy(heap: number, to: bigint, from: bigint, length: number | bigint): undefined`
    copy, |heap, to, from, length| {
        let (id, length) = (arguments::heap(heap)?, arguments::length("length", length)?);
        span_to_store(id, to, length)?.copy_from(&span(id, from, length)?);
        Ok(())
    }
}

callback! {
    /// `fill(heap: number, address: bigint, byte: number, length: number | bigint): undefined`
    fill, |heap, address, byte, length| {
        let (id, length) = (arguments::heap(heap)?, arguments::length("length", length)?);
        let byte = arguments::byte("byte", byte)?;
        span_to_store(id, address, length)?.fill(byte);
        Ok(())
    }
}

callback! {
    /// `compare(heap: number, a: bigint, b: bigint, length: number | bigint): number`
    compare, |heap, a, b, length| {
        let (id, length) = (arguments::heap(heap)?, arguments::length("length", length)?);
        let order = span(id, a, length)?.compare(&span(id, b, length)?);
        Ok(f64::from(order as i8))
    }
}

callback! {
    /// `read(heap: number, address: bigint, to: Uint8Array): undefined`
    read, |heap, address, to| {
        let (data, length) = bytes("to", to)?;
        let span = span(arguments::heap(heap)?, address, length as u64)?;
        // SAFETY: the array's bytes are valid while this call lasts, since no JavaScript runs meanwhile; they are reached
        // by pointer only.
        unsafe { span.read(data) };
        Ok(())
    }
}

callback! {
    /// `write(heap: number, address: bigint, from: Uint8Array): undefined`
    write, |heap, address, from| {
        let (data, length) = bytes("bytes", from)?;
        let span = span_to_store(arguments::heap(heap)?, address, length as u64)?;
        // SAFETY: as in `read`.
        unsafe { span.write(data) };
        Ok(())
    }
}

/// The address of a `Uint8Array`'s bytes, and their number.
fn bytes(name: &'static str, value: Value) -> Result<(*mut u8, usize), Failure> {
    let expected = "a Uint8Array";
    value.bytes().ok_or_else(|| Failure::ArgumentType { name, expected, received: value.described() })
}
