//! Waiting for words of heaps in files: in place, and with a function of JavaScript that is called when the wait has ended.
//!
//! A wait of the second kind is the lookout's (`mems/file/lookout.rs`), which calls a thread-safe function of Node-API when the inbox of an
//! environment gets news. The environment's thread then reads the inbox, and calls the functions of the waits that have ended.
//!
//! - The thread-safe function exists from the environment's first wait until it ends, and keeps the event loop alive while it has waits.
//! - Other threads call it only under a lock, within which the environment takes it away before the runtime does: runtimes have freed such
//!   functions while other threads were still allowed to call them.
//! - Each wait has a strong reference to its function, which is deleted as the wait ends; those of an environment that ends are the
//!   runtime's to delete.
//!
//! Costs: beside those of the lookout, some calls of the runtime for each wait, and one for each ring that ends waits.

use super::arguments::{self, argument, id};
use super::callback::callback;
use super::failure::{Failure, guard, run};
use super::functions;
use super::js_value::{Answer, Value, as_number, check};
use crate::error::Error;
use crate::mems::file::{Ended, Inbox, Lookout, Ticket, Waited};
use crate::process::registry;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result, ValueType, sys};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest time that can be waited, in milliseconds: a year.
const MOST_WAIT: f64 = 365.0 * 86_400_000.0;

/// What is returned for a wait that has ended already.
const HAS_ENDED: f64 = 3.0;

/// A wait that has not ended.
struct Wait {
    /// The function that is called when it ends.
    settle: sys::napi_ref,
    lookout: Arc<Lookout>,
}

/// What an environment waits for.
struct Waits {
    env: sys::napi_env,
    inbox: Arc<Inbox>,
    caller: Arc<Caller>,
    by_ticket: HashMap<Ticket, Wait>,
}

/// The thread-safe function of an environment, until that ends.
struct Caller(Mutex<Option<ThreadSafe>>);

struct ThreadSafe(sys::napi_threadsafe_function);

// SAFETY: the function may be called from any thread as long as it is there; `Caller` says when that is.
unsafe impl Send for ThreadSafe {}

thread_local! {
    /// The environments of the thread that have waited, mostly one.
    static WAITS: RefCell<Vec<Waits>> = const { RefCell::new(Vec::new()) };
}

impl Caller {
    /// The function of `env`, which is to keep the event loop alive.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    unsafe fn new(env: sys::napi_env) -> std::result::Result<Self, Failure> {
        let (none, mut function) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the caller vouches for `env`, of which the name is made; without a function of JavaScript `settle_all` is called alone,
        // and it takes nothing but the address of the environment. The queue has no limit, so that a call never waits.
        unsafe {
            let name = "MeMS".make(env)?;
            check(sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                none,
                None,
                env.cast(),
                Some(settle_all),
                &raw mut function,
            ))?;
        }
        Ok(Self(Mutex::new(Some(ThreadSafe(function)))))
    }

    /// Has the environment's thread call `settle_all`.
    fn call(&self) {
        let mut function = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ThreadSafe(called)) = *function else { return };
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        // SAFETY: the function is there, since `end` takes it away within this lock before the environment ends.
        let status = unsafe { sys::napi_call_threadsafe_function(called, ptr::null_mut(), mode) };
        if status == sys::Status::napi_closing {
            // A function that is closing must not be used any more.
            *function = None;
        }
    }

    /// Has the event loop stay alive, or not.
    ///
    /// # Safety
    /// `env` must be the function's environment, and this its thread.
    unsafe fn keep_alive(&self, env: sys::napi_env, yes: bool) {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ThreadSafe(function)) = *function else { return };
        // SAFETY: the caller vouches for `env` and the thread.
        unsafe {
            if yes {
                sys::napi_ref_threadsafe_function(env, function);
            } else {
                sys::napi_unref_threadsafe_function(env, function);
            }
        }
    }

    /// Takes the function away.
    fn end(&self) {
        if let Some(ThreadSafe(function)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: the function is there, and nobody calls it from now on.
            unsafe { sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::release) };
        }
    }
}

impl Waits {
    /// Makes what an environment needs to wait.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    unsafe fn new(env: sys::napi_env) -> std::result::Result<Self, Failure> {
        // SAFETY: the caller vouches for `env`.
        let caller = Arc::new(unsafe { Caller::new(env) }?);
        // Hooks run in reverse order: this one before the runtime's own for the function just made.
        // SAFETY: the caller vouches for `env`, for which this is done once; the hook is given nothing but its address and stays loaded,
        // as this library.
        let hooked = check(unsafe { sys::napi_add_env_cleanup_hook(env, Some(let_go), env.cast()) });
        hooked.inspect_err(|_| caller.end())?;
        let shared = Arc::clone(&caller);
        let inbox = Arc::new(Inbox::new(Box::new(move || shared.call())));
        // SAFETY: the caller vouches for `env`. Nothing is waited for yet.
        unsafe { caller.keep_alive(env, false) };
        Ok(Self { env, inbox, caller, by_ticket: HashMap::new() })
    }

    /// Takes a wait that has ended out of the list.
    ///
    /// # Safety
    /// As for [`Caller::keep_alive`].
    unsafe fn take(&mut self, ticket: Ticket) -> Option<Wait> {
        let wait = self.by_ticket.remove(&ticket)?;
        if self.by_ticket.is_empty() {
            // SAFETY: the caller vouches for the environment and the thread.
            unsafe { self.caller.keep_alive(self.env, false) };
        }
        Some(wait)
    }
}

/// Calls `operation` on what an environment waits for. `None`: it has never waited, or is ending.
fn with_waits<T>(env: *mut c_void, operation: impl FnOnce(&mut Waits) -> T) -> Option<T> {
    let found = WAITS.try_with(|all| {
        let mut all = all.borrow_mut();
        all.iter_mut().find(|waits| waits.env.cast() == env).map(operation)
    });
    found.ok().flatten()
}

/// Ends what an environment waits for, as the environment ends, given as a pointer.
unsafe extern "C" fn let_go(env: *mut c_void) {
    let ended = WAITS.try_with(|all| {
        let mut all = all.borrow_mut();
        let at = all.iter().position(|waits| waits.env.cast() == env)?;
        Some(all.swap_remove(at))
    });
    let Some(waits) = ended.ok().flatten() else { return };
    waits.caller.end();
    for (ticket, wait) in waits.by_ticket {
        wait.lookout.end(ticket);
    }
}

/// Calls the functions of all waits of an environment that have ended. `context` is the environment, as it was when it first waited.
unsafe extern "C" fn settle_all(
    env: sys::napi_env,
    _function: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        // The environment is ending.
        return;
    }
    let next = || {
        with_waits(context, |waits| {
            loop {
                let (ticket, how) = waits.inbox.take()?;
                // SAFETY: Node-API calls this on the environment's thread. A wait that is not in the list has been ended by its owner.
                if let Some(wait) = unsafe { waits.take(ticket) } {
                    return Some((wait, how));
                }
            }
        })
        .flatten()
    };
    // Nothing of the thread's is borrowed while a function runs, which may wait again.
    guard(env, || {
        while let Some((wait, how)) = next() {
            let mut scope = ptr::null_mut();
            // SAFETY: `env` is the environment of the running callback, and the reference is the wait's own.
            unsafe {
                check(sys::napi_open_handle_scope(env, &raw mut scope))?;
                let settled = settle(env, &wait, &how);
                sys::napi_close_handle_scope(env, scope);
                settled?;
            }
        }
        Ok(())
    });
}

/// Calls the function of a wait that has ended, and deletes its reference.
///
/// # Safety
/// `env` must be the environment of the running callback, and of the wait.
unsafe fn settle(env: sys::napi_env, wait: &Wait, how: &Ended) -> std::result::Result<(), Failure> {
    let mut function = ptr::null_mut();
    // SAFETY: the caller vouches for both; the reference is deleted once, since the wait is in no list any more.
    unsafe {
        check(sys::napi_get_reference_value(env, wait.settle, &raw mut function))?;
        sys::napi_delete_reference(env, wait.settle);
        let outcome = match wait.lookout.error(how) {
            None => f64::from(Waited::Changed as u32).make(env)?,
            Some(error) => Failure::from(error).value(env)?,
        };
        functions::call(env, function, &[outcome]);
    }
    Ok(())
}

/// What a word is expected to be: what is stored in an `Int32Array`, from -2^31, or a number of an `Uint32Array`.
fn expected_word(value: Value) -> std::result::Result<u32, Failure> {
    let number = value.number().filter(|number| number.fract() == 0.0);
    let number = number.filter(|number| (-2_147_483_648.0..4_294_967_296.0).contains(number));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, and the bits are meant")]
    number.map(|number| number as i64 as u32).ok_or_else(|| Failure::ArgumentType {
        name: "expected",
        expected: "a whole number of 32 bits",
        received: value.described(),
    })
}

/// Waits while the word of four bytes at an address is `expected`, for `timeout` milliseconds at most. Returns 0 when it is another, 1 if it
/// was another to begin with, and 2 if the time is over. The thread does nothing else meanwhile.
#[napi]
pub fn wait(env: Env, heap: Unknown, address: Unknown, expected: Unknown, timeout: Unknown) -> Result<u32> {
    run(env, || {
        let heap = id(env, &heap)?;
        let address = arguments::address(heap, argument(env, &address))?;
        let expected = expected_word(argument(env, &expected))?;
        let received = argument(env, &timeout);
        let timeout = match received.kind() {
            ValueType::Undefined => None,
            _ => Some(received.number().ok_or_else(|| Failure::ArgumentType {
                name: "timeout",
                expected: "of type number, in milliseconds",
                received: received.described(),
            })?),
        };
        let timeout = timeout.filter(|timeout| timeout.is_finite());
        let timeout = timeout.map(|timeout| Duration::from_secs_f64(timeout.clamp(0.0, MOST_WAIT) / 1000.0));
        let waiter = registry::look_at_heap(heap, |heap| heap.waiter(address))?;
        Ok(waiter.wait(expected, timeout) as u32)
    })
}

/// Wakes all that wait for words of a heap.
#[napi]
pub fn notify(env: Env, heap: Unknown) -> Result<()> {
    run(env, || Ok(registry::look_at_heap(id(env, &heap)?, |heap| heap.ring())?))
}

callback! {
    /// `beginWait(heap: number, address: bigint, expected: number, settle: (outcome: number | Error) => void): number`
    ///
    /// Waits while the word of four bytes at an address is `expected`. Returns the wait's ticket, and 0 if the word is another. `settle` is
    /// called when the word has changed, with 0, or when it cannot be waited for any longer, with an error.
    begin_wait, |heap, address, expected, settle| {
        let env = heap.env();
        let heap = arguments::heap(heap)?;
        let address = arguments::address(heap, address)?;
        let expected = expected_word(expected)?;
        if settle.kind() != ValueType::Function {
            let received = settle.described();
            return Err(Failure::ArgumentType { name: "settle", expected: "a function", received });
        }
        let (word, lookout) = registry::look_at_heap(heap, |heap| heap.lookout(address))?;
        // SAFETY: `env` is the environment of the running callback.
        unsafe { prepare(env) }?;
        let begun = with_waits(env.cast(), |waits| {
            waits.by_ticket.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
            let mut reference = ptr::null_mut();
            // SAFETY: `env` is the environment of the running callback, and `settle` a value of it.
            check(unsafe { sys::napi_create_reference(env, settle.raw(), 1, &raw mut reference) })?;
            match lookout.begin(word, expected, &waits.inbox) {
                Ok(Some(ticket)) => {
                    if waits.by_ticket.is_empty() {
                        // SAFETY: the function is of `env`, and this is the environment's thread.
                        unsafe { waits.caller.keep_alive(env, true) };
                    }
                    waits.by_ticket.insert(ticket, Wait { settle: reference, lookout });
                    Ok(as_number(ticket))
                }
                not => {
                    // SAFETY: the reference just made.
                    unsafe { sys::napi_delete_reference(env, reference) };
                    not.map(|_| 0.0).map_err(Failure::from)
                }
            }
        });
        begun.unwrap_or_else(|| Err(Error::Closed.into()))
    }
}

/// Makes what an environment needs to wait, unless it has waited before.
///
/// # Safety
/// `env` must be the environment of the running callback.
unsafe fn prepare(env: sys::napi_env) -> std::result::Result<(), Failure> {
    if with_waits(env.cast(), |_| ()).is_none() {
        WAITS.with_borrow_mut(|all| all.try_reserve(1)).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        // SAFETY: the caller vouches for `env`.
        let waits = unsafe { Waits::new(env) }?;
        WAITS.with_borrow_mut(|all| all.push(waits));
    }
    Ok(())
}

callback! {
    /// `endWait(ticket: number): number`
    ///
    /// Ends a wait whose time is over. Returns 2; 0 if the word has changed all the same; and 3 if the wait has ended, so that its function
    /// has been or will be called.
    end_wait, |ticket| {
        let env = ticket.env();
        let Some(ticket) = ticket.number().and_then(arguments::whole) else { return Ok(HAS_ENDED) };
        let ended = with_waits(env.cast(), |waits| {
            let ended = waits.by_ticket.get(&ticket)?.lookout.end(ticket)?;
            // SAFETY: `env` is the environment of the running callback, and this its thread; the reference is that of a wait in no list.
            unsafe {
                let wait = waits.take(ticket)?;
                sys::napi_delete_reference(env, wait.settle);
            }
            Some(ended)
        });
        Ok(ended.flatten().map_or(HAS_ENDED, |ended| f64::from(ended as u32)))
    }
}
