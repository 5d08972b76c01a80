//! When the mapping under a buffer may be released: what a buffer holds, and what its finalizer does with it.
//!
//! Invariant: a mapping is released only when nothing can reach the memory under the buffer.
//!
//! - The finalizer of a **`SharedArrayBuffer`** runs when no thread can reach the memory any more, and only then.
//! - The finalizer of an **`ArrayBuffer`** runs in two cases. Either the memory is out of reach: then the mapping is released. Or
//!   the environment ends (with its worker, for example) and Node detaches its buffers. Then jobs of its threads may still work
//!   on the memory; and the memory may have been moved (by `transfer`, or through a byte stream) into another buffer, which has
//!   no finalizer of ours and was sent to another thread.
//!
//! Runtimes differ in how a finalizer can know which of the two cases it is:
//! - **Node**: an environment that ends calls no JavaScript any more, and the status of each Node-API call that would shows it.
//!   This is proof, and errs on the safe side. (Cleanup hooks prove nothing: newer versions run them after these finalizers.)
//!   `watch.rs` finds out whether a mapping can be released then.
//! - **Bun** runs cleanup hooks before the finalizers of an environment that ends, and may run a finalizer where no Node-API
//!   call is allowed: a hook notes the end, and from then on mappings stay for good.
//! - **Deno** runs the finalizer when V8 deletes the memory's last owner, wherever it has moved, on any thread, and the
//!   environment may be gone: it is as reliable as that of a `SharedArrayBuffer`.
//! - Nothing is known of other runtimes: mappings stay for good.

use super::watch::{self, Watched};
use crate::memory::Mapping;
use crate::node::failure::Failure;
use crate::node::js_value::check;
use napi::sys;
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What it means in a runtime that the finalizer of an `ArrayBuffer` runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runtime {
    /// Node: a finalizer of an environment that ends cannot call JavaScript. `can_move`: whether this version has byte streams or
    /// `transfer`, which move the memory of any buffer.
    Node { can_move: bool },
    /// Bun: finalizers run after the cleanup hooks of an environment that ends.
    Bun,
    /// Deno: finalizers run when the memory is out of reach.
    Deno,
    /// Any other runtime.
    Unknown,
}

/// What an `ArrayBuffer` holds.
struct Holder {
    mapping: Arc<Mapping>,
    runtime: Runtime,
    /// Whether the environment that made the buffer has ended, in runtimes where a hook records that.
    ended: Option<Arc<AtomicBool>>,
    /// What is known of the buffer when its environment ends.
    watched: Option<Rc<Watched>>,
}

/// What a `SharedArrayBuffer` holds, as the pointer that its finalizer is given.
pub(super) fn hold_shared(mapping: Arc<Mapping>) -> *mut c_void {
    Box::into_raw(Box::new(mapping)).cast()
}

/// Releases what a `SharedArrayBuffer` holds, on whatever thread was the last to reach its memory.
pub(super) unsafe extern "C" fn release_shared(_data: *mut c_void, holder: *mut c_void) {
    // SAFETY: `holder` comes from `hold_shared`, and a finalizer runs once.
    drop(unsafe { Box::from_raw(holder.cast::<Arc<Mapping>>()) });
}

/// What an `ArrayBuffer` holds, as the pointer that its finalizer is given.
///
/// # Safety
/// `env` must be the environment of the running callback.
pub(super) unsafe fn hold(env: sys::napi_env, mapping: Arc<Mapping>) -> Result<*mut c_void, Failure> {
    // SAFETY: the caller vouches for `env`.
    let runtime = unsafe { runtime(env) }?;
    if runtime == (Runtime::Node { can_move: true }) {
        // SAFETY: the caller vouches for `env`.
        unsafe { watch::prepare(env) };
    }
    let ended = match runtime {
        // SAFETY: the caller vouches for `env`.
        Runtime::Bun => Some(unsafe { end_of(env) }?),
        _ => None,
    };
    Ok(Box::into_raw(Box::new(Holder { mapping, runtime, ended, watched: None })).cast())
}

/// Releases what a buffer would have held that was not made.
///
/// # Safety
/// `holder` must come from [`hold`], and no finalizer may be given it.
pub(super) unsafe fn let_go(holder: *mut c_void) {
    // SAFETY: the caller vouches for `holder`.
    drop(unsafe { Box::from_raw(holder.cast::<Holder>()) });
}

/// Watches a buffer that has just been made, if its runtime needs that.
///
/// # Safety
/// `env` must be the environment of the running callback, `buffer` an `ArrayBuffer` of it that has been made with `holder`,
/// which comes from [`hold`].
pub(super) unsafe fn watch(env: sys::napi_env, buffer: sys::napi_value, holder: *mut c_void) {
    // SAFETY: the buffer is in use, so its finalizer has not run, and nobody else reaches the holder.
    let holder = unsafe { &mut *holder.cast::<Holder>() };
    if holder.runtime == (Runtime::Node { can_move: true }) {
        // SAFETY: the caller vouches for both.
        holder.watched = unsafe { watch::watch(env, buffer) };
    }
}

/// Releases what an `ArrayBuffer` holds, or keeps it. May run on any turn, even inside a Node-API call (Bun, Deno): it takes no
/// lock.
pub(super) unsafe extern "C" fn release(env: sys::napi_env, _data: *mut c_void, holder: *mut c_void) {
    // SAFETY: `holder` comes from `hold`, and a finalizer runs once.
    let Holder { mapping, runtime, ended, watched } = *unsafe { Box::from_raw(holder.cast::<Holder>()) };
    // SAFETY: Node keeps an environment until all finalizers of its buffers have run, and runs them on its thread.
    let has_moved = watched.is_none_or(|watched| unsafe { watched.end(env) });
    let out_of_reach = match runtime {
        // SAFETY: Node keeps an environment until all finalizers of its buffers have run, and runs them on its thread.
        Runtime::Node { .. } => unsafe { watch::can_call_javascript(env) },
        Runtime::Bun => ended.is_some_and(|ended| !ended.load(Ordering::Acquire)),
        Runtime::Deno => true,
        Runtime::Unknown => false,
    };
    if out_of_reach {
        drop(mapping);
    } else if runtime == (Runtime::Node { can_move: false }) || !has_moved {
        keep_until_thread_ends(mapping);
    } else {
        std::mem::forget(mapping);
    }
}

thread_local! {
    /// Mappings that the environments of this thread have left behind.
    static LEFT: RefCell<Vec<Arc<Mapping>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a mapping as long as the thread lives: by then Node has waited for all jobs of its environments.
fn keep_until_thread_ends(mapping: Arc<Mapping>) {
    let mut left = Some(mapping);
    // This fails only if memory is short, or the thread is nearly gone; then the mapping stays for good.
    let _ = LEFT.try_with(|list| {
        let mut list = list.borrow_mut();
        if list.try_reserve(1).is_ok() {
            list.extend(left.take());
        }
    });
    std::mem::forget(left);
}

/// The runtime of this process, found out once.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn runtime(env: sys::napi_env) -> Result<Runtime, Failure> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(&runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // SAFETY: the caller vouches for `env`.
    let has = |name| unsafe { has(env, &[c"process", c"versions", name]) };
    let runtime = if has(c"bun")? {
        Runtime::Bun
    } else if has(c"deno")? {
        Runtime::Deno
    } else if has(c"node")? {
        let mut version = ptr::null();
        // SAFETY: the caller vouches for `env`; what the version is read from stays as long as the process.
        let major = unsafe {
            check(sys::napi_get_node_version(env, &raw mut version))?;
            (*version).major
        };
        // Byte streams came with version 16.5.
        Runtime::Node { can_move: major >= 16 }
    } else {
        Runtime::Unknown
    };
    Ok(*RUNTIME.get_or_init(|| runtime))
}

/// Whether there is a property at `path`, which begins at the global object.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn has(env: sys::napi_env, path: &[&CStr]) -> Result<bool, Failure> {
    let mut object = ptr::null_mut();
    // SAFETY: the caller vouches for `env`; names end with a zero, and each object is a value of `env` just read.
    unsafe {
        check(sys::napi_get_global(env, &raw mut object))?;
        for name in path {
            let (mut kind, mut has) = (0, false);
            check(sys::napi_typeof(env, object, &raw mut kind))?;
            if kind != sys::ValueType::napi_object && kind != sys::ValueType::napi_function {
                return Ok(false);
            }
            check(sys::napi_has_named_property(env, object, name.as_ptr(), &raw mut has))?;
            if !has {
                return Ok(false);
            }
            check(sys::napi_get_named_property(env, object, name.as_ptr(), &raw mut object))?;
        }
    }
    Ok(true)
}

/// A flag that a cleanup hook sets when an environment ends. One hook for each environment.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn end_of(env: sys::napi_env) -> Result<Arc<AtomicBool>, Failure> {
    thread_local! {
        static LAST: RefCell<Option<(usize, Arc<AtomicBool>)>> = const { RefCell::new(None) };
    }
    unsafe extern "C" fn note(flag: *mut c_void) {
        // SAFETY: `flag` is the count that `end_of` gave away, and a hook runs once.
        let flag = unsafe { Arc::from_raw(flag.cast::<AtomicBool>()) };
        flag.store(true, Ordering::Release);
    }
    LAST.with_borrow_mut(|last| {
        if let Some((known, flag)) = last
            && *known == env.addr()
            && !flag.load(Ordering::Acquire)
        {
            return Ok(Arc::clone(flag));
        }
        let flag = Arc::new(AtomicBool::new(false));
        let given = Arc::into_raw(Arc::clone(&flag)).cast_mut().cast();
        // SAFETY: the caller vouches for `env`; `given` is a count that the hook gives back.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env, Some(note), given) };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has this count.
            drop(unsafe { Arc::from_raw(given.cast::<AtomicBool>().cast_const()) });
            check(status)?;
        }
        *last = Some((env.addr(), Arc::clone(&flag)));
        Ok(flag)
    })
}
