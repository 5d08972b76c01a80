//! Addresses and offsets: the only place where one becomes the other.
//!
//! A heap's addresses begin at [`FIRST_ADDRESS`]. Engines and maps count from 0, and so do pages: one starts at each offset that
//! is a multiple of [`PAGE`].

use super::PAGE;
use std::ops::Range;

/// The first virtual address of every heap.
pub const FIRST_ADDRESS: u64 = 1000;

/// The largest address that a heap can have: JavaScript's largest safe integer, so that a number can be any address. No system
/// gives a process so much; [`Heap::reserve_block`](super::Heap::reserve_block) refuses it in any case.
pub const MAX_ADDRESS: u64 = (1 << f64::MANTISSA_DIGITS) - 1;

/// Whether a heap can have `bytes` bytes in main blocks: their last address is at most [`MAX_ADDRESS`].
pub(super) const fn can_have(bytes: u64) -> bool {
    bytes <= MAX_ADDRESS + 1 - FIRST_ADDRESS
}

/// The address of an offset.
#[inline]
pub(super) const fn address_of(offset: u64) -> u64 {
    FIRST_ADDRESS + offset
}

/// The offset of an address, unless it is below the first.
#[inline]
pub(super) const fn offset_of(address: u64) -> Option<u64> {
    address.checked_sub(FIRST_ADDRESS)
}

/// The addresses of two offsets.
#[inline]
pub(super) const fn addresses_of(start: u64, end: u64) -> Range<u64> {
    address_of(start)..address_of(end)
}

/// The offset of an address that is not below the first.
#[inline]
pub(super) const fn offset_in(address: u64) -> u64 {
    address - FIRST_ADDRESS
}

/// The start of the page that holds an address of a heap.
#[inline]
#[must_use]
pub const fn page_start(address: u64) -> u64 {
    address_of(offset_in(address) / PAGE * PAGE)
}

/// The first start of a page at or after an address of a heap.
#[inline]
#[must_use]
pub const fn next_page_start(address: u64) -> u64 {
    address_of(offset_in(address).next_multiple_of(PAGE))
}
