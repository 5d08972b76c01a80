//! Deaths for tests, before a chosen store. In tests of the ledger a death is a panic, as if the process had been killed; in the addon for
//! tests the process kills itself.

/// Called before each store.
#[inline]
pub fn step() {
    #[cfg(test)]
    panics::step();
    #[cfg(feature = "test-hooks")]
    process::step();
}

#[cfg(test)]
pub use panics::{dying_before, watched};

/// Deaths of a thread of the tests.
#[cfg(test)]
mod panics {
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    thread_local! {
        /// How many stores are left before the thread dies; `None`: it does not.
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
        /// What a test does before each store.
        static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
    }

    /// What a test does before each store.
    type Watch = Box<dyn FnMut()>;

    /// What a death throws.
    struct Death;

    /// Called before each store.
    pub fn step() {
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
}

/// The death of the process, in any of its threads.
#[cfg(feature = "test-hooks")]
pub mod process {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// How many stores are left before the process dies; below 0: it does not.
    static LEFT: AtomicI64 = AtomicI64::new(-1);
    /// What ends the process.
    static END: OnceLock<fn()> = OnceLock::new();

    /// Called before each store.
    pub fn step() {
        if LEFT.load(Ordering::Relaxed) >= 0
            && LEFT.fetch_sub(1, Ordering::Relaxed) == 0
            && let Some(end) = END.get()
        {
            end();
        }
    }

    /// Lets `end` end the process before store number `stores` from now on, counted from 0, of all its threads; below 0: never. Returns
    /// the number that was left before.
    pub fn die_before(stores: i64, end: fn()) -> i64 {
        let _former = END.set(end);
        LEFT.swap(stores, Ordering::Relaxed)
    }
}
