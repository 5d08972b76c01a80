//! Words of the file: how they are read and written.
//!
//! Other processes read and write the same words, so each is an atomic number. The death of a process can cut its stores only in
//! program order, so that each store is a release is enough: the compiler keeps their order, and what has been stored before the
//! death is there (the page cache outlives the process).
//!
//! Every store of the ledger goes through this file, where tests can end the process at any of them.

use crate::table::{AtomicU32, AtomicU64};
use std::sync::atomic::Ordering;

/// Stores a word.
#[inline]
pub fn put(word: &AtomicU64, value: u64) {
    #[cfg(any(test, feature = "test-hooks"))]
    super::death::step();
    word.store(value, Ordering::Release);
}

/// Stores a word if it is another: the page of a word that stays as it is need not be written to the disk.
#[inline]
pub fn put_other(word: &AtomicU64, value: u64) {
    if word.load(Ordering::Relaxed) != value {
        put(word, value);
    }
}

/// Stores a number of 32 bits.
#[inline]
pub fn put32(number: &AtomicU32, value: u32) {
    #[cfg(any(test, feature = "test-hooks"))]
    super::death::step();
    number.store(value, Ordering::Release);
}

/// The value of a word.
#[inline]
pub fn word(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire)
}

/// The value of a number of 32 bits.
#[inline]
pub fn number(number: &AtomicU32) -> u32 {
    number.load(Ordering::Relaxed)
}

/// The mask of a bit in its word.
#[inline]
pub const fn bit(number: u64) -> u64 {
    1 << (number % 64)
}
