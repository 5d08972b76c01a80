//! Whether the memory of an `ArrayBuffer` has been moved into another one by the time that its environment ends (Node).
//!
//! When an environment ends, Node detaches a buffer before it runs the buffer's finalizer, so the finalizer cannot know. But Node
//! visits all buffers of native memory by age, some versions from the newest on (22, 26), others from the oldest (24). So there
//! are two *sentinels*, one older and one newer than all watched buffers, and the finalizer of one of them runs first. It looks
//! which watched buffers are detached already. (If a version of Node visits them in another order, all are detached by then, and
//! are taken for moved, which is the safe side.)
//!
//! Only threads that end before the process need this: they call [`thread_ends`].

use napi::sys;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

/// A buffer that is watched.
pub(super) struct Watched {
    env: sys::napi_env,
    /// A weak reference to the buffer.
    reference: sys::napi_ref,
    /// The buffer's position in [`State::buffers`].
    index: Cell<usize>,
    /// Whether the buffer still had its memory when the environment ended.
    kept_memory: Cell<bool>,
}

/// What a thread watches.
struct State {
    /// Whether the thread ends before the process.
    ends: bool,
    buffers: Vec<Rc<Watched>>,
    /// The newest sentinel: its environment, and a reference that keeps it alive. The oldest lives as long as the environment.
    newest: Option<(sys::napi_env, sys::napi_ref)>,
}

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State { ends: false, buffers: Vec::new(), newest: None }) };
}

/// Records that this thread ends before the process does.
pub(super) fn thread_ends() {
    STATE.with_borrow_mut(|state| state.ends = true);
}

/// Prepares for a buffer that will be watched: makes the oldest sentinel, if there is none.
///
/// # Safety
/// `env` must be the environment of the running callback.
pub(super) unsafe fn prepare(env: sys::napi_env) {
    let is_prepared = STATE.with_borrow(|state| !state.ends || state.newest.is_some_and(|newest| newest.0 == env));
    if !is_prepared {
        // SAFETY: the caller vouches for `env`.
        let newest = unsafe { sentinel(env) }.map(|reference| (env, reference));
        STATE.with_borrow_mut(|state| state.newest = newest);
        // This reference keeps the oldest sentinel for good.
        // SAFETY: the caller vouches for `env`.
        unsafe { renew(env, false) };
    }
}

/// Watches a buffer. Returns `None` if watching is of no use, or cannot be done.
///
/// # Safety
/// `env` must be the environment of the running callback, and `buffer` an `ArrayBuffer` of it.
pub(super) unsafe fn watch(env: sys::napi_env, buffer: sys::napi_value) -> Option<Rc<Watched>> {
    if !STATE.with_borrow(|state| state.ends) {
        return None;
    }
    let mut reference = ptr::null_mut();
    // SAFETY: the caller vouches for both.
    if unsafe { sys::napi_create_reference(env, buffer, 0, &raw mut reference) } != sys::Status::napi_ok {
        return None;
    }
    // No Node-API call while the state is borrowed: it could run finalizers.
    let watched = STATE.with_borrow_mut(|state| {
        state.buffers.try_reserve(1).ok()?;
        let index = Cell::new(state.buffers.len());
        let watched = Rc::new(Watched { env, reference, index, kept_memory: Cell::new(false) });
        state.buffers.push(Rc::clone(&watched));
        Some(watched)
    });
    // SAFETY: the caller vouches for `env`; the reference is of it, and nobody else has it.
    unsafe {
        match watched {
            Some(_) => renew(env, true),
            None => _ = sys::napi_delete_reference(env, reference),
        }
    }
    watched
}

impl Watched {
    /// Ends the watch over a buffer, whose finalizer is running. Returns whether its memory may have been moved.
    ///
    /// # Safety
    /// `env` must be the environment that the buffer was watched in, on its thread.
    pub(super) unsafe fn end(&self, env: sys::napi_env) -> bool {
        // This fails only when the thread is nearly gone.
        _ = STATE.try_with(|state| {
            let buffers = &mut state.borrow_mut().buffers;
            let index = self.index.get();
            buffers.swap_remove(index);
            if let Some(other) = buffers.get(index) {
                other.index.set(index);
            }
        });
        // SAFETY: the caller vouches for `env`, whose reference this is.
        unsafe { sys::napi_delete_reference(env, self.reference) };
        !self.kept_memory.get()
    }
}

/// Makes a sentinel that is newer than all watched buffers. `replaces`: it takes the place of the newest so far, which is not the
/// oldest.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn renew(env: sys::napi_env, replaces: bool) {
    // Without a new sentinel the newest buffer is taken for moved when the environment ends.
    // SAFETY: the caller vouches for `env`.
    let Some(reference) = (unsafe { sentinel(env) }) else { return };
    let before = STATE.with_borrow_mut(|state| state.newest.replace((env, reference)));
    if let Some((_, reference)) = before.filter(|before| replaces && before.0 == env) {
        // SAFETY: the reference is of `env`, and nobody has it any more.
        unsafe { sys::napi_delete_reference(env, reference) };
    }
}

/// Makes a sentinel and a reference that keeps it alive.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn sentinel(env: sys::napi_env) -> Option<sys::napi_ref> {
    // The sentinel has memory of its own: no two buffers of native memory may begin at the same byte (Node 14 and 16).
    let data = Box::into_raw(Box::new(0_u64)).cast::<c_void>();
    let (mut value, mut reference) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the caller vouches for `env`; `data` is valid until the finalizer frees it.
    let is_made = unsafe {
        let create = sys::napi_create_external_arraybuffer;
        create(env, data, size_of::<u64>(), Some(look), ptr::null_mut(), &raw mut value) == sys::Status::napi_ok
            && sys::napi_create_reference(env, value, 1, &raw mut reference) == sys::Status::napi_ok
    };
    is_made.then_some(reference)
}

/// The finalizer of a sentinel. If the environment ends, it looks which buffers still have their memory; if not, another sentinel
/// has taken this one's place.
unsafe extern "C" fn look(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` is the box of `sentinel`, and a finalizer runs once.
    drop(unsafe { Box::from_raw(data.cast::<u64>()) });
    // SAFETY: Node keeps an environment until all finalizers of its buffers have run, and runs them on its thread.
    if unsafe { can_call_javascript(env) } {
        return;
    }
    _ = STATE.try_with(|state| {
        for watched in state.borrow().buffers.iter().filter(|watched| watched.env == env) {
            let (mut buffer, mut is_detached) = (ptr::null_mut(), true);
            // SAFETY: the finalizer runs on the thread of `env`, which Node keeps until then; the reference is of `env` and not
            // deleted. None of these calls runs a finalizer.
            let known = unsafe {
                sys::napi_get_reference_value(env, watched.reference, &raw mut buffer) == sys::Status::napi_ok
                    && !buffer.is_null()
                    && sys::napi_is_detached_arraybuffer(env, buffer, &raw mut is_detached) == sys::Status::napi_ok
            };
            if known && !is_detached {
                watched.kept_memory.set(true);
            }
        }
    });
}

/// Whether an environment still calls JavaScript. One that ends does not.
///
/// # Safety
/// `env` must be an environment of this thread that has not been freed.
pub(super) unsafe fn can_call_javascript(env: sys::napi_env) -> bool {
    let (mut undefined, mut same) = (ptr::null_mut(), false);
    // SAFETY: the caller vouches for `env`; `undefined` is a value of it if the first call made one. The comparison counts as
    // a call of JavaScript, and calls none.
    unsafe {
        sys::napi_get_undefined(env, &raw mut undefined) == sys::Status::napi_ok
            && sys::napi_strict_equals(env, undefined, undefined, &raw mut same) == sys::Status::napi_ok
    }
}
