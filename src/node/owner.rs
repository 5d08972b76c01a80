//! What becomes of heaps when a thread ends: those that it has made with the option `owner: 'thread'` end as well; heaps in files are
//! closed as often as it has opened them; those that only it knows are published; and its fronts end.
//!
//! Other heaps outlive the thread that made them, so that other threads can continue to use them. With `owner: 'thread'`, for
//! example in a worker that may be terminated at any moment, the runtime's cleanup hook ends the heap when the thread's
//! environment ends.
//!
//! Costs: 16 bytes for each such heap or front of a thread. Heaps that have been closed are dropped from the list whenever it would grow, so
//! it has at most twice as many entries as heaps were ever open at once.

use super::failure::Failure;
use super::js_value::check;
use crate::error::Error;
use crate::process::files;
use crate::process::registry::{self, Id};
use napi::sys;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;

/// What becomes of a heap when its thread ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum AtEnd {
    /// The heap ends as well.
    Close,
    /// The heap is in a file, and closed once: it ends if nobody else in the process has it open.
    CloseFile,
    /// Other threads may continue to use the heap, and what waits in the thread's front is theirs.
    Leave,
}

thread_local! {
    static OWNED: RefCell<Vec<(Id, AtEnd)>> = const { RefCell::new(Vec::new()) };
    /// Whether the running environment will call `end_all`.
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// Makes room for one more heap of this thread, and registers the cleanup hook: all that can fail, before the heap is made.
///
/// # Safety
/// `env` must be the environment of the running callback.
pub(super) unsafe fn reserve(env: sys::napi_env) -> Result<(), Failure> {
    if !HOOKED.get() {
        // SAFETY: the caller vouches for `env`; the hook takes nothing and stays loaded, as this library does.
        check(unsafe { sys::napi_add_env_cleanup_hook(env, Some(end_all), ptr::null_mut()) })?;
        HOOKED.set(true);
    }
    OWNED.with_borrow_mut(|owned| {
        if owned.len() == owned.capacity() {
            owned.retain(|&(id, _)| registry::look_at_heap(id, |_| Ok(())).is_ok());
        }
        owned.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 }.into())
    })
}

/// Notes what becomes of a heap of this thread, after [`reserve`].
pub(super) fn own(heap: Id, at_end: AtEnd) {
    OWNED.with_borrow_mut(|owned| owned.push((heap, at_end)));
}

/// Notes that this thread has closed a heap in a file once.
pub(super) fn disown_file(heap: Id) {
    OWNED.with_borrow_mut(|owned| {
        let at = owned.iter().position(|&(id, at_end)| id == heap && matches!(at_end, AtEnd::CloseFile));
        at.map(|at| owned.swap_remove(at));
    });
}

/// Notes that this thread has a front of a heap, after [`reserve`].
pub(super) fn own_front(heap: Id) {
    OWNED.with_borrow_mut(|owned| {
        if owned.iter().all(|&(id, _)| id != heap) {
            owned.push((heap, AtEnd::Leave));
        }
    });
}

/// Ends or leaves all heaps of the thread whose environment ends.
unsafe extern "C" fn end_all(_: *mut c_void) {
    HOOKED.set(false);
    for (heap, at_end) in OWNED.take() {
        // Nothing is left to report a failure to, and a panic must not unwind into the runtime.
        let _ = catch_unwind(|| match at_end {
            AtEnd::Close => registry::close(heap).map(drop),
            AtEnd::CloseFile => files::close(heap).map(drop),
            AtEnd::Leave => registry::with_heap(heap, |heap| {
                heap.publish();
                heap.end_front();
                Ok(())
            }),
        });
    }
}
