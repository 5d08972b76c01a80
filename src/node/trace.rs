//! JavaScript stacks, for heaps that track their allocations.
//!
//! A stack is captured before the heap is locked, since that runs JavaScript, and noted with the operation under one lock:
//! another thread may have the same address the moment it is free.

use super::failure::Failure;
use super::value::Value;
use crate::registry::{self, Id};
use crate::{Error, Mems, track};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

/// Paths of files whose frames are MeMS's own.
static OWN: OnceLock<Vec<String>> = OnceLock::new();

/// Says which files' frames are to be left out.
pub(super) fn hide(paths: Vec<String>) {
    // Each thread says the same.
    let _ = OWN.set(paths);
}

/// Whether any heap has ever wanted stacks.
#[inline]
fn in_use() -> bool {
    track::IN_USE.load(Ordering::Relaxed)
}

/// The stack of the running call, if the heap wants it; `value` is any of its arguments.
#[inline]
pub(super) fn stack(id: Id, value: Value) -> Result<Option<Arc<str>>, Failure> {
    if in_use() { capture(id, value) } else { Ok(None) }
}

#[cold]
fn capture(id: Id, value: Value) -> Result<Option<Arc<str>>, Failure> {
    if !registry::with_heap(id, |heap| Ok(heap.options().track_allocations()))? {
        return Ok(None);
    }
    let stack = value.stack()?;
    let own = OWN.get().map_or(&[][..], Vec::as_slice);
    let frames = stack.lines().filter(|line| !own.iter().any(|path| line.contains(path.as_str())));
    Ok(Some(frames.collect::<Vec<_>>().join("\n").into()))
}

/// Notes where a block was allocated.
#[inline]
pub(super) fn note_malloc(heap: &mut Mems, address: u64, stack: Option<Arc<str>>) {
    if let Some(stack) = stack {
        heap.track_malloc(address, stack);
    }
}

/// Frees a block, and notes where.
#[inline]
pub(super) fn free(heap: &mut Mems, address: u64, stack: Option<Arc<str>>) -> Result<(), Error> {
    let Some(stack) = stack else { return heap.free(address) };
    heap.free(address).map_err(|error| heap.explain(error))?;
    heap.track_free(address, stack);
    Ok(())
}
