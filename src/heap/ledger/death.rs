//! Deaths for tests: a panic at a chosen store, as if the process had been killed before it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// How many stores are left before the thread dies; `None`: it does not.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    /// How many stores the thread has made.
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// What a test does before each store.
type Watch = Box<dyn FnMut()>;

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// What a death throws.
struct Death;

/// Called before each store.
pub fn step() {
    MADE.set(MADE.get() + 1);
    WATCH.with_borrow_mut(|watch| watch.as_mut().map(|watch| watch()));
    match LEFT.get() {
        Some(0) => resume_unwind(Box::new(Death)),
        Some(left) => LEFT.set(Some(left - 1)),
        None => {}
    }
}

/// Calls `operation`, and ends it before store number `stores`, counted from 0. `None`: it has died; else what it has returned.
pub fn dying_before<T>(stores: u64, operation: impl FnOnce() -> T) -> Option<T> {
    LEFT.set(Some(stores));
    let done = catch_unwind(AssertUnwindSafe(operation));
    LEFT.set(None);
    match done {
        Ok(done) => Some(done),
        Err(death) if death.is::<Death>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Calls `operation`, and `watch` before each store of the thread meanwhile.
pub fn watched<T>(watch: impl FnMut() + 'static, operation: impl FnOnce() -> T) -> T {
    WATCH.set(Some(Box::new(watch)));
    let done = operation();
    WATCH.set(None);
    done
}
