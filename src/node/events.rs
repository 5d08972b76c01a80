//! What rarely happens to heaps (`mems/events.rs`), for JavaScript, which publishes it (`lib/events.js`).
//!
//! A call in which something has happened says so before it returns or throws, by a function of `lib/events.js`: it runs in the
//! context of the program's call, and anything that it does to the heap comes after the call's own work. Calls that take what they
//! know from shared memory write their result there after that, since that function may make such calls itself.
//!
//! Nothing is said in a thread in which nobody listens. That somebody does is known by the channels' own methods (`channels.rs`).
//!
//! Invariants: a thread that listens hears of each event once, of those in other threads when it next has one itself, or reads the
//! heap's statistics; and of none that came before it listened. Nothing is said while a listener runs.
//!
//! Costs: for a call in which nothing has happened nothing in `hot.rs`, and two loads in all others; else, if somebody listens, a call
//! into JavaScript.

use super::arguments::id;
use super::failure::run;
use super::functions::{self, Functions};
use super::js_value::{Answer, Value, as_number};
use super::object::Made;
use crate::mems::events::{self, Listening};
use crate::mems::{Mems, recorder};
use crate::process::registry::{self, Handle, Id};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result, sys};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::slice;

/// How often something has happened to a heap.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    grows: u64,
    trims: u64,
    refusals: u64,
}

impl Numbers {
    fn of(heap: &Mems) -> Self {
        let events = heap.events();
        Self { grows: heap.heap().grows(), trims: events.trims, refusals: events.refusals }
    }

    /// How much more often than before. (Growth can be undone.)
    const fn since(self, before: Self) -> Self {
        Self {
            grows: self.grows.saturating_sub(before.grows),
            trims: self.trims.saturating_sub(before.trims),
            refusals: self.refusals.saturating_sub(before.refusals),
        }
    }
}

/// What a thread has heard of, which listens.
struct Heard {
    /// The numbers by the heaps' own ids. A heap that is not there was made since the thread listens.
    numbers: HashMap<Id, Numbers>,
    _listening: Listening,
}

thread_local! {
    static LISTENERS: RefCell<Functions<()>> = const { RefCell::new(Functions::new()) };
    /// What the thread has heard of. `None`: nobody listens in it.
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
    /// Whether a listener runs.
    static SAYING: Cell<bool> = const { Cell::new(false) };
}

/// `onEvents(listener: () => boolean): undefined`
///
/// `listener` is called with the id of a heap to which something has happened in a call of this thread; how often it has grown, given
/// pages back and refused a request since the last time; `false`; and whether it is the one that publishes that. (Each copy of the package
/// has a listener, with its own watches: the last one is called last, and publishes.) Where the call is still to do something that nobody
/// must come between, only the last listener is called, with zeros and `true`, and has to call `hearOf` later. A listener returns whether
/// anybody listens still.
pub(super) unsafe extern "C" fn on_events(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls this with the environment and info of the call that runs, of which the function is an argument.
    unsafe {
        super::callback::call(env, info, |[listener], _| {
            LISTENERS.with_borrow_mut(|listeners| listeners.keep(env, "listener", listener, let_go))
        })
    }
}

unsafe extern "C" fn let_go(env: *mut c_void) {
    // The hook runs on the environment's thread, whose list still exists unless the thread itself is ending.
    let _ = LISTENERS.try_with(|listeners| listeners.borrow_mut().let_go(env));
}

/// Has this thread hear of what happens from now on.
#[napi]
pub fn listen() {
    if HEARD.with_borrow(Option::is_some) {
        return;
    }
    // Listening begins before the numbers are read, so that nothing is missed in between.
    let mut heard = Heard { _listening: Listening::begin(), numbers: HashMap::new() };
    for id in registry::ids().unwrap_or_default() {
        let numbers = Handle::new(id).and_then(|heap| heap.with_id(|heap| Ok(Numbers::of(heap))));
        // Without memory for it, the heap counts as new.
        if let Ok((numbers, own)) = numbers
            && heard.numbers.try_reserve(1).is_ok()
        {
            heard.numbers.insert(own, numbers);
        }
    }
    HEARD.set(Some(heard));
}

/// Says what has happened so far to the heaps that this thread may use.
pub(super) fn say_all(env: sys::napi_env) {
    for id in registry::ids().unwrap_or_default() {
        if registry::with_heap(id, |heap| Ok(heap.is_known_here())) == Ok(true) {
            say(env, id, false);
        } else {
            news(id);
        }
    }
}

/// Makes a call for a heap, and says afterwards what has happened to the heap, if anything has.
#[inline]
pub(super) fn around<T>(env: sys::napi_env, heap: Id, call: impl FnOnce() -> T) -> T {
    let before = events::happened();
    let returned = call();
    if events::happened() != before {
        say(env, heap, false);
    }
    returned
}

/// Says what has happened to a heap since this thread has heard of it, if anybody listens. `later`: the running call is not done when
/// the listener returns, so that only learns that there is something to hear of.
#[inline]
pub(super) fn say(env: sys::napi_env, heap: Id, later: bool) {
    if Listening::is_there() {
        say_to_listeners(env, heap, later);
    }
}

/// [`say`] where a thread listens, which may be another one.
#[cold]
fn say_to_listeners(env: sys::napi_env, heap: Id, later: bool) {
    if HEARD.with_borrow(Option::is_none) || SAYING.get() {
        return;
    }
    // SAFETY: `env` is that of the running call.
    let listeners = LISTENERS.with_borrow(|listeners| unsafe { listeners.all(env) });
    let Some((last, _)) = listeners.split_last() else { return };
    let Some(news) = (if later { Some(Numbers::default()) } else { news(heap) }) else { return };
    let called = if later { slice::from_ref(last) } else { &listeners[..] };
    SAYING.set(true);
    let mut still = false;
    for (at, &listener) in called.iter().enumerate() {
        let is_last = at == called.len() - 1;
        // SAFETY: as just said, and the function is a value of `env`; nothing of the lists is borrowed while it runs.
        let returned = unsafe { call(env, listener, registry::common_id(heap), news, [later, is_last]) };
        still |= returned != Some(false);
    }
    SAYING.set(false);
    if !still {
        HEARD.set(None);
    }
}

/// Says what has happened to a heap, as a call says it in which something has happened.
#[napi]
pub fn hear_of(env: Env, heap: Unknown) -> Result<()> {
    run(env, || {
        say(env.raw(), id(env, &heap)?, false);
        Ok(())
    })
}

/// What has happened to a heap that this thread has not heard of, which it has then. `None`: nothing, or the heap has ended.
fn news(heap: Id) -> Option<Numbers> {
    let (now, own) = Handle::new(heap).ok()?.with_id(|heap| Ok(Numbers::of(heap))).ok()?;
    HEARD.with_borrow_mut(|heard| {
        let heard = &mut heard.as_mut()?.numbers;
        if heard.len() == heard.capacity() && !heard.contains_key(&own) {
            heard.retain(|&id, _| registry::with_heap(id, |_| Ok(())).is_ok());
            heard.try_reserve(1).ok()?;
        }
        let before = heard.insert(own, now).unwrap_or_default();
        Some(now.since(before)).filter(|&news| news != Numbers::default())
    })
}

/// Calls a listener. Returns what it returns, if that is a boolean.
///
/// # Safety
/// `env` must be the environment of the running callback, and `listener` a value of it.
unsafe fn call(
    env: sys::napi_env,
    listener: sys::napi_value,
    heap: Id,
    news: Numbers,
    flags: [bool; 2],
) -> Option<bool> {
    let mut arguments = [ptr::null_mut(); 6];
    let numbers = [heap, news.grows, news.trims, news.refusals].map(as_number);
    // SAFETY: the caller vouches for both; the arguments are values of `env`.
    unsafe {
        for (argument, number) in arguments.iter_mut().zip(numbers) {
            *argument = number.make(env).ok()?;
        }
        for (argument, flag) in arguments[4..].iter_mut().zip(flags) {
            *argument = flag.make(env).ok()?;
        }
        functions::call(env, listener, &arguments).and_then(Value::boolean)
    }
}

/// What messages about a heap say: the heap's own id, the sizes of the last events, the policy, the limit (none: no property), the bytes
/// in main blocks, live blocks and holes, and the largest hole.
#[napi]
pub fn heap_state<'env>(env: &'env Env, heap: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let heap = Handle::new(id(*env, &heap)?)?;
        let read = |heap: &mut Mems| Ok((heap.stats(), heap.events(), *heap.options()));
        let ((stats, events, options), own) = heap.with_id(read)?;
        let mut made = Made::new(env);
        made.set(c"id", as_number(own))?;
        made.set(c"grown", as_number(events.grown))?;
        made.set(c"trimmed", as_number(events.trimmed))?;
        made.set(c"refused", as_number(events.refused))?;
        made.set(c"available", as_number(events.available))?;
        made.set(c"policy", options.policy().name())?;
        if options.max_size() != u64::MAX {
            made.set(c"limit", as_number(options.max_size()))?;
        }
        made.set(c"mapped", as_number(stats.mapped))?;
        made.set(c"live", as_number(stats.live))?;
        made.set(c"holes", as_number(stats.hole_bytes))?;
        made.set(c"largestHole", as_number(stats.largest_hole))?;
        made.finished()
    })
}

/// Why the recording of a heap has ended, because of the disk: its path and a message. Nothing if it has not.
#[napi]
pub fn recording_failure(env: Env, heap: Unknown) -> Result<Option<Vec<String>>> {
    run(env, || {
        let failure = registry::with_heap(id(env, &heap)?, |heap| Ok(recorder::failure(heap)))?;
        Ok(failure.map(|(path, error)| vec![path, error.to_string()]))
    })
}
