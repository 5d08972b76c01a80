//! Many blocks in one call: all of them, or none and nothing changed.
//!
//! The addresses are those that as many single calls give (after the quarantine has been emptied, if a hardened heap is
//! full). Costs: k times a single call's, and O(k log k) for
//! `free_many` to find an address given twice before it frees the first.

use crate::heap::Mark;
use crate::{Error, Mems};

impl Mems {
    /// Allocates a block of each of `sizes`, in order, and answers their addresses in `addresses`, which must be as long.
    ///
    /// # Errors
    /// Those of [`Mems::malloc`]; nothing has changed then.
    ///
    /// # Panics
    /// If the two slices differ in length.
    pub fn malloc_many(&mut self, sizes: &[u64], addresses: &mut [u64]) -> Result<(), Error> {
        assert_eq!(sizes.len(), addresses.len(), "an address for each size");
        // Were the quarantine emptied halfway, there would be no going back to the counters of before.
        self.hidden.hold(true);
        let tried = self.try_malloc_many(sizes, addresses);
        self.hidden.hold(false);
        match tried {
            Err(Error::InvalidSize { .. }) | Ok(()) => tried,
            Err(_) if self.end_quarantine()? => self.try_malloc_many(sizes, addresses),
            Err(_) => tried,
        }
    }

    /// The same with the blocks that can be had.
    fn try_malloc_many(&mut self, sizes: &[u64], addresses: &mut [u64]) -> Result<(), Error> {
        let before = self.heap.mark();
        for (done, &size) in sizes.iter().enumerate() {
            match self.malloc(size) {
                Ok(address) => addresses[done] = address,
                Err(error) => {
                    self.undo(&addresses[..done], before)?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Undoes the mallocs since `before`. Holes come back as they were: a maximal run of free bytes in a main block is
    /// one hole, whatever the order of frees.
    fn undo(&mut self, addresses: &[u64], before: Mark) -> Result<(), Error> {
        for &address in addresses {
            self.discard(address)?;
        }
        while self.heap.end() > before.end() {
            let bytes = self
                .heap
                .truncate(before.end())
                .ok_or_else(|| Error::Corrupt("a new main block is in use".to_owned()))?;
            self.regions.uncarve(bytes);
        }
        self.heap.restore(before);
        Ok(())
    }

    /// Frees the blocks that start at `addresses`.
    ///
    /// # Errors
    /// Those of [`Mems::free`] for the first address that is not the start of a live block; [`Error::NotAllocated`] for
    /// one that is given twice; [`Error::Overflow`], [`Error::WriteAfterFree`]; [`Error::OutOfMetadata`] if there is no memory to look for those. Nothing has changed then.
    pub fn free_many(&mut self, addresses: &[u64]) -> Result<(), Error> {
        for &address in addresses {
            self.starting(address)?;
        }
        let mut sorted = Vec::new();
        sorted.try_reserve_exact(addresses.len()).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        sorted.extend_from_slice(addresses);
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::GivenTwice { address: twice[0] });
        }
        if self.options().hardened() {
            return self.quarantine_many(addresses);
        }
        for &address in addresses {
            self.free(address)?;
        }
        Ok(())
    }
}
