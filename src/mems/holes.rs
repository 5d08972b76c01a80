//! What holes are worth to a request: how many of their bytes it cannot use, and how many of them a list would look at.

use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, HoleBytes, is_size};
use crate::mems::Mems;
use crate::mems::access::Access;

/// Bytes in holes smaller than `size`, and in all holes. O(n), in parts, between which other threads use the heap: what they free or
/// allocate meanwhile may or may not count.
///
/// # Errors
/// [`Error::InvalidSize`]; [`Error::Closed`] or [`Error::Finished`] if the heap has ended, also in between.
pub(crate) fn hole_bytes(heap: &mut impl Access, size: u64) -> Result<HoleBytes, Error> {
    if !is_size(size) {
        return Err(Error::InvalidSize { size: size.to_string() });
    }
    let (mut sum, mut next) = (HoleBytes::default(), Some(FIRST_ADDRESS));
    while let Some(from) = next {
        next = heap.with(|heap| Ok(heap.heap().add_holes(from, size, &mut sum)))?;
        heap.give_way();
    }
    Ok(sum)
}

impl Mems {
    /// Bytes in holes smaller than `size`, and in all holes. O(n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`].
    pub fn hole_bytes(&mut self, size: u64) -> Result<HoleBytes, Error> {
        hole_bytes(self, size)
    }

    /// How many holes a list in order of address would look at to place a block of `size` bytes at `alignment` now. O(n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`], [`Error::InvalidAlignment`].
    pub fn looked_at(&self, size: u64, alignment: u64) -> Result<u64, Error> {
        self.check_alignment(alignment)?;
        Ok(self.heap.looked_at(self.sizes(size)?.whole, alignment))
    }
}
