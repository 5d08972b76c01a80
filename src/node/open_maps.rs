//! The maps that a thread has opened, by their numbers.
//!
//! Invariant: the number of a map is never another map's, also when its heap has ended and its place is used again.
//!
//! Costs: O(1) for a map by its number; O(maps of the thread) to open one.

use super::arguments;
use super::failure::Failure;
use super::js_value::{Value, as_number};
use crate::error::Error;
use crate::mems::map::{Lease, Map};
use crate::process::registry::{Handle, Id};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A map that a thread has opened.
pub(super) struct Open {
    /// What JavaScript knows it by: its place in the list, and above [`PLACES`] how many others have been there before.
    pub number: u64,
    pub heap: Handle,
    pub id: Id,
    pub name: Vec<u8>,
    /// How values are encoded by those who set them here: a number of `lib/map-encodings.js`.
    pub encoding: u8,
    pub map: Map,
    /// The keys of which this thread makes the values, with its leases.
    pub leases: Vec<(Vec<u8>, Lease)>,
}

/// More places than a thread has for maps.
const PLACES: u64 = 1 << 32;

/// The highest number that a JavaScript number is exact up to.
const MOST_NUMBER: u64 = (1 << 53) - 1;

/// All of a thread. The place of a map whose heap has ended is used again, and its number never: an object of the old map must not reach
/// the new one.
struct Opened(Vec<Open>);

impl Opened {
    /// The place for one more map, and its number.
    fn place(&mut self) -> (usize, u64) {
        let is_over = |open: &Open| open.number + PLACES <= MOST_NUMBER && open.check().is_err();
        let free = self.0.iter().position(is_over);
        free.map_or((self.0.len(), self.0.len() as u64), |at| (at, self.0[at].number + PLACES))
    }
}

thread_local! {
    static OPENED: RefCell<Opened> = const { RefCell::new(Opened(Vec::new())) };
}

/// A thread that ends gives back what leases it has.
impl Drop for Opened {
    fn drop(&mut self) {
        for Open { heap, map, leases, .. } in &mut self.0 {
            for (key, lease) in leases.drain(..) {
                // Nothing is left to report a failure to, and a panic must not leave a destructor.
                let _ = catch_unwind(AssertUnwindSafe(|| map.give_back(heap, &key, lease.token())));
            }
        }
    }
}

impl Open {
    /// Throws if the heap has ended.
    fn check(&self) -> Result<(), Error> {
        if self.map.is_current() { Ok(()) } else { self.heap.look(|_| Ok(())) }
    }
}

/// Lets go of the memory and the files of heaps that have ended, as far as maps of this thread hold them. Windows neither removes nor cuts
/// a file that is mapped, and elsewhere its room on the disk stays taken as long as it is open. O(maps of the thread).
pub(super) fn let_go_of_ended() {
    OPENED.with_borrow_mut(|opened| {
        for open in opened.0.iter_mut().filter(|open| open.check().is_err()) {
            open.map.let_go();
        }
    });
}

/// Calls `operation` on the map of a number.
pub(super) fn with<T>(number: Value, operation: impl FnOnce(&mut Open) -> Result<T, Failure>) -> Result<T, Failure> {
    let said = number.number().and_then(arguments::whole);
    OPENED.with_borrow_mut(|opened| {
        let open = said.and_then(|said| opened.0.get_mut(usize::try_from(said % PLACES).ok()?));
        match open {
            Some(open) if said == Some(open.number) => operation(open),
            Some(open) if said.is_some_and(|said| said < open.number) => Err(Error::Closed.into()),
            _ => Err(Failure::ArgumentType {
                name: "map",
                expected: "a map that this thread has opened",
                received: number.described(),
            }),
        }
    })
}

/// The number of a map that has just been opened: that of the one that the thread has open already, if the two are alike.
///
/// # Errors
/// [`Error::OutOfMetadata`].
pub(super) fn number_of(open: Open) -> Result<f64, Failure> {
    OPENED.with_borrow_mut(|opened| {
        let is_alike =
            |other: &&Open| other.id == open.id && other.encoding == open.encoding && other.name == open.name;
        if let Some(open) = opened.0.iter().find(is_alike) {
            return Ok(as_number(open.number));
        }
        let (at, number) = opened.place();
        let (list, open) = (&mut opened.0, Open { number, ..open });
        if at == list.len() {
            list.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
            list.push(open);
        } else {
            list[at] = open;
        }
        Ok(as_number(number))
    })
}
