//! The heaps of the process, which all its threads share: the default heap, and those made by `new Heap()` in JavaScript or
//! `mems_heap_open()` in C.
//!
//! Both know a heap by its id, a number: 0 is the default heap, any other a slot and how many heaps that slot has
//! had. So an id is never given twice, and a heap that is closed is told from one that took its slot.
//!
//! Invariants: no call to JavaScript or Node-API is made while a lock is held, so no finalizer can run under it and no
//! thread waits for a garbage collection. A panic under a lock poisons it; only ending the heap clears that. Slots stay
//! where they are for good.
//!
//! Costs: a lock for a heap's operation (`lock.rs`); to find its slot, two loads.

use crate::blocks::Realloc;
use crate::heap::Options;
use crate::lock::{Lock, Poisoned};
use crate::{Error, Mems};
use std::sync::{Mutex, OnceLock};

/// A heap's id.
pub(crate) type Id = u64;

/// The default heap's.
pub(crate) const DEFAULT_ID: Id = 0;

/// Address space, in bytes, reserved at once for a heap that is not the default one, where that costs nothing: some two
/// thousand can be open before what a process has is used up, and a larger heap has several regions.
const RESERVATION: usize = 1 << 36;

/// Slots are made so many at a time.
const BATCH: usize = 256;

/// Most batches.
const BATCHES: usize = 256;

/// A place for one heap at a time.
#[derive(Debug)]
struct Slot {
    heap: Option<Mems>,
    id: Id,
}

static DEFAULT: Lock<Slot> = Lock::new(Slot { heap: None, id: DEFAULT_ID });

static SLOTS: [OnceLock<Vec<Lock<Slot>>>; BATCHES] = [const { OnceLock::new() }; BATCHES];

/// The slots that have no heap, and how many have been made.
static VACANT: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

impl From<Poisoned> for Error {
    fn from(Poisoned: Poisoned) -> Self {
        Self::Poisoned
    }
}

/// The slot of an id.
fn slot(id: Id) -> Option<&'static Lock<Slot>> {
    #[allow(clippy::cast_possible_truncation, reason = "the lower sixteen bits")]
    let number = id as usize % (BATCH * BATCHES);
    SLOTS[number / BATCH].get()?.get(number % BATCH)
}

/// Where the heap of an id is, or was. It may be kept: calls then save finding it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle {
    pub id: Id,
    slot: &'static Lock<Slot>,
}

impl Handle {
    /// The default heap's.
    pub const DEFAULT: Self = Self { id: DEFAULT_ID, slot: &DEFAULT };

    /// That of an id.
    ///
    /// # Errors
    /// [`Error::Closed`] if no heap has ever had it.
    #[inline]
    pub fn new(id: Id) -> Result<Self, Error> {
        if id == DEFAULT_ID {
            return Ok(Self::DEFAULT);
        }
        slot(id).map(|slot| Self { id, slot }).ok_or(Error::Closed)
    }

    /// Calls `operation` on the heap.
    #[inline]
    pub fn with<T>(self, operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        self.slot.with(|slot| match &mut slot.heap {
            Some(heap) if slot.id == self.id => operation(heap),
            _ => Err(if self.id == DEFAULT_ID { Error::NotInitialized } else { Error::Closed }),
        })?
    }
}

/// Calls `operation` on a heap.
#[inline]
pub(crate) fn with_heap<T>(id: Id, operation: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
    Handle::new(id)?.with(operation)
}

/// Starts the default heap; a running one with the same options stays as it is.
pub(crate) fn init(options: Options) -> Result<(), Error> {
    DEFAULT.with(|slot| match slot.heap.as_ref().map(Mems::options) {
        None => {
            slot.heap = Some(Mems::new(options));
            Ok(())
        }
        Some(running) if *running == options => Ok(()),
        Some(running) => Err(Error::AlreadyInitialized { running: running.to_string(), asked: options.to_string() }),
    })?
}

/// Ends the default heap and gives its memory back.
pub(crate) fn finish() -> Result<(), Error> {
    take(&DEFAULT, DEFAULT_ID).ok_or(Error::NotInitialized).map(Mems::finish)
}

/// The second half of a realloc of the block at `old`: copies, if it has moved, and frees the old block by `free`. Answers
/// the new address. The bytes are copied without the lock, however many they are.
pub(crate) fn finish_realloc(
    id: Id,
    old: u64,
    moved: Realloc,
    free: impl FnOnce(&mut Mems, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    if let Some((to, from)) = moved.copy {
        to.copy_from(&from);
        // If another thread has freed the old block meanwhile, nobody is told of the new one.
        with_heap(id, |heap| free(heap, old).inspect_err(|_| heap.take_back(moved.address)))?;
    }
    Ok(moved.address)
}

/// Makes a heap.
pub(crate) fn open(options: Options) -> Result<Id, Error> {
    let failed = |_| Error::OutOfMetadata { size: 0 };
    let mut vacant = VACANT.lock().map_err(|_| Error::Poisoned)?;
    if vacant.0.is_empty() {
        let made = vacant.1;
        let batch = SLOTS.get(made / BATCH).ok_or(Error::TooManyHeaps { most: BATCH * BATCHES })?;
        // For all that may ever be vacant at once: `close` must not fail.
        vacant.0.try_reserve(made + BATCH).map_err(failed)?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(BATCH).map_err(failed)?;
        slots.extend((made..made + BATCH).map(|number| Lock::new(Slot { heap: None, id: number as Id })));
        // Under the lock, so this batch has not been made before.
        let _ = batch.set(slots);
        vacant.0.extend((made..made + BATCH).rev());
        vacant.1 += BATCH;
    }
    let number = vacant.0.pop().expect("there is one now");
    drop(vacant);
    // Whatever became of the slot's last heap, this is another.
    Ok(slot(number as Id).expect("it was made").recover(|slot| {
        slot.id += (BATCH * BATCHES) as Id;
        slot.heap = Some(Mems::with_reservation(options, RESERVATION));
        (slot.id, true)
    }))
}

/// Ends a heap made by [`open`] and gives its memory back. `false`: it has ended already.
pub(crate) fn close(id: Id) -> Result<bool, Error> {
    let Some(slot) = slot(id) else { return Ok(false) };
    let Some(heap) = take(slot, id) else { return Ok(false) };
    // What takes long, and may run destructors, without a lock.
    heap.finish();
    #[allow(clippy::cast_possible_truncation, reason = "the lower sixteen bits")]
    VACANT.lock().map_err(|_| Error::Poisoned)?.0.push(id as usize % (BATCH * BATCHES));
    Ok(true)
}

/// Takes a heap out of its slot. The state of a poisoned heap is unknown, but its mappings are sound: ending it is always
/// possible.
fn take(slot: &Lock<Slot>, id: Id) -> Option<Mems> {
    slot.recover(|slot| {
        let heap = if slot.id == id { slot.heap.take() } else { None };
        // What was poisoned is the heap that has been taken.
        let taken = heap.is_some();
        (heap, taken)
    })
}
