//! What holes are worth to a request: how many of their bytes it cannot use, and how many of them a list would look at.

use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, HoleBytes, is_size};
use crate::mems::Mems;
use crate::mems::access::Access;

/// Finds the bytes in holes smaller than each of some sizes, and in all holes. O(n), in parts, between which other threads use the heap:
/// what they free or allocate meanwhile may or may not count.
///
/// # Errors
/// [`Error::InvalidSize`]; [`Error::Closed`] or [`Error::Finished`] if the heap has ended, also in between.
pub(crate) fn hole_bytes(heap: &mut impl Access, sums: &mut [(u64, HoleBytes)]) -> Result<(), Error> {
    if let Some((size, _)) = sums.iter().find(|(size, _)| !is_size(*size)) {
        return Err(Error::InvalidSize { size: size.to_string() });
    }
    let mut next = Some(FIRST_ADDRESS);
    while let Some(from) = next {
        next = heap.with(|heap| Ok(heap.heap().add_holes(from, sums)))?;
        heap.give_way();
    }
    Ok(())
}

impl Mems {
    /// Bytes in holes smaller than `size`, and in all holes. O(n).
    ///
    /// # Errors
    /// [`Error::InvalidSize`].
    pub fn hole_bytes(&mut self, size: u64) -> Result<HoleBytes, Error> {
        let mut sums = [(size, HoleBytes::default())];
        hole_bytes(self, &mut sums).map(|()| sums[0].1)
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
