//! The heaps of the process, which all its threads share: the default heap, and those made by `new Heap()` in JavaScript or
//! `mems_heap_open()` in C.
//!
//! Both know a heap by its id, a number (`id.rs`): 0 is the default heap that is running, and any other id names one heap for
//! good. Each default heap has such an id as well: a call that began in one must not continue in the next, which allocates the
//! same addresses.
//!
//! Ids are not secret, and heaps are no security boundary: code that can load this library can list all heaps.
//!
//! Invariants: no call to JavaScript or Node-API is made while a lock is held, so no finalizer can run under it and no
//! thread waits for a garbage collection. A panic under a lock poisons it; only ending the heap clears that. Slots stay
//! where they are for good.
//!
//! Costs: a lock for a heap's operation (`lock.rs`); to find its slot, two loads.

use super::fork;
use super::id;
pub(crate) use super::id::{DEFAULT_ID, Id};
use super::lock::Lock;
use super::slots::{BATCH, DEFAULT, DEFAULT_NUMBER, SLOTS, Slot, VACANT, slot};
use crate::error::Error;
use crate::mems::access::Access;
use crate::mems::{Mems, Options};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::time::Instant;

/// Address space, in bytes, reserved at once for a heap that is not the default one, where that costs nothing; less where
/// there are many heaps, and a larger heap has several regions.
const RESERVATION: usize = 1 << 36;

/// The most heaps that can be open beside the default heap: with a region each they have half of the mappings that Linux
/// allows a process.
pub(crate) const MOST_HEAPS: usize = 1 << 15;

/// Where the heap with an id is, or was. It can be kept, so that later calls need not find the heap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle {
    pub id: Id,
    slot: &'static Lock<Slot>,
}

impl Handle {
    /// The handle of the default heap.
    pub const DEFAULT: Self = Self { id: DEFAULT_ID, slot: &DEFAULT };

    /// The handle of the heap of `id`.
    ///
    /// # Errors
    /// [`Error::UnknownHeap`] if no heap can ever have had it.
    #[inline]
    pub fn new(id: Id) -> Result<Self, Error> {
        if id == DEFAULT_ID {
            return Ok(Self::DEFAULT);
        }
        slot(id::number(id)).map(|slot| Self { id, slot }).ok_or(Error::UnknownHeap { id })
    }

    /// Whether this is the handle of the heap of `id`, which is or was in its slot.
    #[inline]
    const fn names(self, id: Id) -> bool {
        self.id == id || self.id == DEFAULT_ID
    }

    /// Calls `operation` on the heap.
    #[inline]
    pub fn with<T>(self, operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let mut left = None;
        let done = self.slot.with(|slot| match &mut slot.heap {
            Some(heap) if self.names(slot.id) && heap.is_in_file() => in_file(heap, operation, &mut left),
            Some(heap) if self.names(slot.id) => operation(heap),
            _ => Err(slot.missing(self.id).error(self.id)),
        })?;
        match (done, left) {
            (Err(refused), Some(operation)) => self.with_patience(refused, operation).map(|(done, _)| done),
            (done, _) => done,
        }
    }

    /// Calls `operation` on the heap, which looks at blocks that are live and stay so, and changes nothing: in a heap that is in a file
    /// without the file's lock. It is called a second time if the heap has learnt of blocks that other processes have added.
    #[inline]
    pub fn look<T>(self, mut operation: impl FnMut(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        self.slot.with(|slot| match &mut slot.heap {
            Some(heap) if self.names(slot.id) => match operation(heap) {
                done if heap.is_in_file() => look_in_file(heap, done, operation),
                done => done,
            },
            _ => Err(slot.missing(self.id).error(self.id)),
        })?
    }

    /// Calls `operation` on the heap, and also returns the id of that heap: after the default heap has ended and been
    /// started again, its id is another.
    pub fn with_id<T>(self, operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<(T, Id), Error> {
        let mut left = None;
        match (self.try_with_id(operation, &mut left), left) {
            (Err(refused), Some(operation)) => self.with_patience(refused, operation),
            (done, _) => done,
        }
    }

    /// [`Handle::with_id`], which in a heap that is in a file does not wait for long for the file's lock: the operation is `left` then.
    #[inline]
    fn try_with_id<T, F: FnOnce(&mut Mems) -> Result<T, Error>>(
        self,
        operation: F,
        left: &mut Option<F>,
    ) -> Result<(T, Id), Error> {
        self.slot.with(|slot| match &mut slot.heap {
            Some(heap) if self.names(slot.id) && heap.is_in_file() => Ok((in_file(heap, operation, left)?, slot.id)),
            Some(heap) if self.names(slot.id) => Ok((operation(heap)?, slot.id)),
            _ => Err(slot.missing(self.id).error(self.id)),
        })?
    }

    /// [`Handle::with_id`] after an attempt was `refused` before the operation had begun: without the heap's lock, waits for the file's as
    /// often as that may help.
    #[cold]
    #[inline(never)]
    fn with_patience<T>(
        self,
        mut refused: Error,
        mut operation: impl FnOnce(&mut Mems) -> Result<T, Error>,
    ) -> Result<(T, Id), Error> {
        let since = Instant::now();
        while let Some(turn) = self.look(|heap| Ok(heap.turn(&refused)))?
            && turn.wait(since)
        {
            let mut left = None;
            match (self.try_with_id(operation, &mut left), left) {
                (Err(again), Some(again_left)) => (refused, operation) = (again, again_left),
                (done, _) => return done,
            }
        }
        Err(refused)
    }
}

/// Calls `operation` on a heap that is in a file, with the file's lock; if somebody else holds that for long, the operation is `left`. A
/// panic releases the lock: the next to take it, in any process, finds what was under way, and recovers it.
#[inline(never)]
fn in_file<T, F: FnOnce(&mut Mems) -> Result<T, Error>>(
    heap: &mut Mems,
    operation: F,
    left: &mut Option<F>,
) -> Result<T, Error> {
    if let Err(refused) = heap.enter_file_soon() {
        *left = Some(operation);
        return Err(refused);
    }
    let done = catch_unwind(AssertUnwindSafe(|| operation(heap)));
    heap.leave_file();
    heap.unless_lost(done.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// What an operation has come to that has looked at a heap that is in a file. It is called again if it has failed, and the heap learns of
/// blocks that it did not know then.
#[inline]
fn look_in_file<T>(
    heap: &mut Mems,
    done: Result<T, Error>,
    mut operation: impl FnMut(&mut Mems) -> Result<T, Error>,
) -> Result<T, Error> {
    let done = match done {
        Err(_) if heap.learn()? => operation(heap),
        done => done,
    };
    heap.unless_lost(done)
}

/// For calls in several steps, all of which find the heap that the first step has found: when a default heap has ended, a call
/// that began in it does not continue in the next.
impl Access for Handle {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let (done, id) = self.with_id(step)?;
        self.id = id;
        Ok(done)
    }

    fn look<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let (done, id) = self.slot.with(|slot| match &mut slot.heap {
            Some(heap) if self.names(slot.id) => Ok((step(heap)?, slot.id)),
            _ => Err(slot.missing(self.id).error(self.id)),
        })??;
        self.id = id;
        Ok(done)
    }

    fn give_way(&mut self) {
        self.slot.give_way();
    }
}

/// The id that JavaScript and C mostly know a heap by: [`DEFAULT_ID`] for a default heap.
#[cfg(feature = "node")]
pub(crate) const fn common_id(id: Id) -> Id {
    if id::number(id) == DEFAULT_NUMBER { DEFAULT_ID } else { id }
}

/// Calls `operation` on a heap.
#[inline]
pub(crate) fn with_heap<T>(id: Id, operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
    Handle::new(id)?.with(operation)
}

/// [`Handle::look`] on a heap.
#[inline]
#[cfg(feature = "node")]
pub(crate) fn look_at_heap<T>(id: Id, operation: impl FnMut(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
    Handle::new(id)?.look(operation)
}

/// Starts the default heap; a running one with the same options stays as it is. Returns whether it has started one.
pub(crate) fn init(options: Options) -> Result<bool, Error> {
    fork::mind();
    DEFAULT.with(|slot| match slot.heap.as_ref().map(|heap| options.as_asked(heap.options())) {
        None => {
            slot.put(DEFAULT_NUMBER, Mems::new(options));
            Ok(true)
        }
        Some(running) if running == options => Ok(false),
        Some(running) => Err(Error::AlreadyInitialized { running: running.to_string(), asked: options.to_string() }),
    })?
}

/// Ends the default heap and gives its memory back.
pub(crate) fn finish() -> Result<(), Error> {
    take(Handle::DEFAULT).ok_or(Error::NotInitialized).map(Mems::finish)
}

/// Makes a heap.
///
/// # Errors
/// [`Error::TooManyHeaps`] if [`MOST_HEAPS`] are open; [`Error::OutOfMetadata`].
pub(crate) fn open(options: Options) -> Result<Id, Error> {
    fork::mind();
    let number = take_vacant()?;
    // This heap is sound, whatever happened to the last heap of the slot.
    let put = |slot: &mut Slot| (slot.put(number, Mems::with_reservation(options, RESERVATION)), true);
    Ok(slot(number).expect("it was made").recover(put))
}

/// The number of a slot that has no heap, and is the caller's now.
fn take_vacant() -> Result<usize, Error> {
    let failed = |_| Error::OutOfMetadata { size: 0 };
    let mut vacant = VACANT.lock().map_err(|_| Error::Poisoned)?;
    if vacant.0.is_empty() {
        let made = vacant.1;
        let batch = SLOTS.get(made / BATCH).filter(|_| made < MOST_HEAPS);
        let batch = batch.ok_or(Error::TooManyHeaps { most: MOST_HEAPS })?;
        // Room for all slots, which can all be vacant at once: `close` must not fail.
        vacant.0.try_reserve(made + BATCH).map_err(failed)?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(BATCH).map_err(failed)?;
        slots.resize_with(BATCH, || Lock::new(Slot::EMPTY));
        // Under the lock, so this batch has not been made before.
        let _ = batch.set(slots);
        vacant.0.extend((made..made + BATCH).rev());
        vacant.1 += BATCH;
    }
    Ok(vacant.0.pop().expect("there is one now"))
}

/// [`open`] for a heap that has been made, as from a file: in steps that fail before the heap is made.
pub(crate) fn open_made(make: impl FnOnce() -> Result<Mems, Error>) -> Result<Id, Error> {
    fork::mind();
    let number = take_vacant()?;
    match make() {
        Ok(heap) => Ok(slot(number).expect("it was made").recover(|slot| (slot.put(number, heap), true))),
        Err(error) => {
            VACANT.lock().map_err(|_| Error::Poisoned)?.0.push(number);
            Err(error)
        }
    }
}

/// Ends a heap made by [`open`] and gives its memory back. `false`: it has ended already, or there has never been one of
/// that id.
pub(crate) fn close(id: Id) -> Result<bool, Error> {
    let number = id::number(id);
    if id == DEFAULT_ID || number == DEFAULT_NUMBER {
        return Ok(false);
    }
    let Some(heap) = Handle::new(id).ok().and_then(take) else { return Ok(false) };
    // Dropping the heap takes long and may run destructors, so it is done without the lock.
    heap.finish();
    // The ids of a slot that has had 2^36 heaps are used up.
    if !id::is_last(id) {
        VACANT.lock().map_err(|_| Error::Poisoned)?.0.push(number);
    }
    Ok(true)
}

/// The ids of all open heaps, [`DEFAULT_ID`] for the default one. Each slot is looked at under its own lock, so heaps that are
/// opened or closed meanwhile are in the list or not. O(slots made).
///
/// # Errors
/// [`Error::OutOfMetadata`] without memory for the list.
pub(crate) fn ids() -> Result<Vec<Id>, Error> {
    // A poisoned heap is open as well: it can still be closed.
    let open = |slot: &Lock<Slot>| slot.recover(|slot| (slot.heap.as_ref().map(|_| slot.id), false));
    let mut ids = Vec::new();
    let others = SLOTS.iter().map_while(OnceLock::get).flatten().filter_map(open);
    for id in open(&DEFAULT).map(|_| DEFAULT_ID).into_iter().chain(others) {
        ids.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        ids.push(id);
    }
    Ok(ids)
}

/// Takes a heap out of its slot. The state of a poisoned heap is unknown, but its mappings are sound: ending it is always
/// possible.
fn take(handle: Handle) -> Option<Mems> {
    handle.slot.recover(|slot| {
        let mut heap = if handle.names(slot.id) { slot.heap.take() } else { None };
        // Under the lock, so that no front hands out a block when a call has found that the heap has ended.
        if let Some(heap) = &mut heap {
            heap.end_recording();
            heap.end_fronts();
        }
        // The slot is sound: only the heap that was taken out was poisoned.
        let taken = heap.is_some();
        (heap, taken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only unit test of the default heap, of which there is one.
    #[test]
    fn a_call_in_steps_stays_with_the_heap_that_it_began_in() {
        init(Options::default()).unwrap();
        let mut call = Handle::DEFAULT;
        let old = Access::with(&mut call, |heap| heap.malloc(8)).unwrap();
        finish().unwrap();
        assert_eq!(Access::with(&mut call, |heap| heap.free(old)), Err(Error::Finished));
        init(Options::default()).unwrap();
        let theirs = with_heap(DEFAULT_ID, |heap| heap.malloc(8)).unwrap();
        assert_eq!(theirs, old);
        assert_eq!(Access::with(&mut call, |heap| heap.free(old)), Err(Error::Finished));
        assert!(with_heap(DEFAULT_ID, |heap| Ok(heap.owns(theirs))).unwrap());
        finish().unwrap();
    }
}
