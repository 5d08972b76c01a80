//! Ids of heaps: the number of a slot below, and above it an epoch that grows with each heap that the slot has.
//!
//! So no two heaps of a process ever have the same id, and the id of a closed heap differs from a number that never was an
//! id. Epochs begin at random in each process, and in each copy of this library in it: an id of another process that is used
//! here by mistake names no heap, rather than another one.
//!
//! Invariant: an id is below 2^53, so that JavaScript can have it as a number, and no id but the default heap's is 0.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// A heap's id.
pub(crate) type Id = u64;

/// The id that stands for the default heap that is running, whichever that is.
pub(crate) const DEFAULT_ID: Id = 0;

/// The number of slots that an id can name.
pub(super) const NUMBERS: usize = 1 << 16;

/// Bits of an epoch.
const EPOCH_BITS: u32 = 37;

/// The number of the slot that an id belongs to.
#[allow(clippy::cast_possible_truncation, reason = "the lower sixteen bits")]
pub(super) const fn number(id: Id) -> usize {
    id as usize % NUMBERS
}

const fn epoch(id: Id) -> u64 {
    id / NUMBERS as u64
}

/// The epoch of each slot's first heap: at random, not 0, and in the lower half, so that 2^36 more are left.
fn first_epoch() -> u64 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    // The standard library's hash keys come from the system's random numbers, which are good enough.
    *FIRST.get_or_init(|| (RandomState::new().hash_one(()) >> (64 - (EPOCH_BITS - 1))) | 1)
}

/// The id that follows `last` in the slot of `number`, whose first heap it is if `last` is [`DEFAULT_ID`].
pub(super) fn next(last: Id, number: usize) -> Id {
    let epoch = if last == DEFAULT_ID { first_epoch() } else { epoch(last) + 1 };
    epoch * NUMBERS as u64 + number as u64
}

/// Whether `id` is `last`, the last id of its slot, or one that the slot has given before.
pub(super) fn is_up_to(id: Id, last: Id) -> bool {
    number(id) == number(last) && (first_epoch()..=epoch(last)).contains(&epoch(id))
}

/// Whether no id can follow in the slot of `id`.
pub(super) const fn is_last(id: Id) -> bool {
    epoch(id) >= (1 << EPOCH_BITS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_whole_numbers_of_javascript_and_never_given_twice() {
        let mut last = DEFAULT_ID;
        let mut given = Vec::new();
        for _ in 0..100 {
            last = next(last, 7);
            assert!(last < 1 << 53 && last != DEFAULT_ID && number(last) == 7 && !is_last(last));
            assert!(!given.contains(&last));
            given.push(last);
        }
        assert!(given.iter().all(|&id| is_up_to(id, last)));
        for foreign in [given[0] - NUMBERS as u64, last + NUMBERS as u64, last + 1, 1, 7, u64::MAX] {
            assert!(!is_up_to(foreign, last), "{foreign}");
        }
    }

    #[test]
    fn a_slot_ends_with_the_last_whole_number() {
        let last = (1 << 53) - NUMBERS as u64 + 7;
        assert!(is_last(last) && !is_last(last - NUMBERS as u64));
        assert_eq!(number(last), 7);
    }
}
