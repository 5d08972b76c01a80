//! `free`: the first step, and mostly the only one. `steps.rs` does what is left of a free that takes long.
//!
//! Costs: those of the engine's free, amortized O(log n); O(size) where a block is cleared.

use crate::error::Error;
use crate::heap::PAGE;
use crate::mems::Mems;
use crate::mems::hardened::is_large;
use crate::mems::steps::{self, Left};

impl Mems {
    /// Frees the block that starts at `address`. Amortized O(log n), and O(size) where it is cleared, or its pages are given back
    /// to the system.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; in a hardened heap [`Error::Overflow`] and
    /// [`Error::WriteAfterFree`]. Nothing has changed then.
    #[inline]
    pub fn free(&mut self, address: u64) -> Result<(), Error> {
        match self.start_free(address)? {
            Left::Nothing => Ok(()),
            left => steps::finish_free(self, address, left, |_| ()),
        }
    }

    /// The first step of `free`, and mostly the only one: `steps.rs` does what is left.
    ///
    /// # Errors
    /// The errors of [`Mems::free`].
    #[inline]
    pub(crate) fn start_free(&mut self, address: u64) -> Result<Left, Error> {
        if self.cached && self.heap.free_at_hand(address) {
            return Ok(Left::Nothing);
        }
        if self.careful { self.start_careful_free(address) } else { self.free_from(address) }
    }

    /// Frees a block to which nothing is to be done.
    pub(crate) fn free_from(&mut self, address: u64) -> Result<Left, Error> {
        self.free_with::<false>(address)
    }

    /// [`Mems::free_from`], which also records that, if `RECORDS`. (All of it in one function, so that what the heap returns is not
    /// handed from one to another.)
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the body of two functions")]
    fn free_with<const RECORDS: bool>(&mut self, address: u64) -> Result<Left, Error> {
        let freed = self.heap.free(address)?;
        let are_pages_due = if self.simple {
            // A hole of less than a page has none to give back.
            self.options().trim() && freed.hole.end - freed.hole.start >= PAGE && self.note_freed(&freed)
        } else {
            if !self.aligned.is_empty() {
                self.note_alignment(address, 1);
            }
            if self.options().rounding() > 1 {
                let padding = self.padding.get(address);
                self.padding.forget(padding);
            }
            self.note_freed(&freed)
        };
        if RECORDS {
            self.record_free(address);
        }
        Ok(if are_pages_due { Left::Pages } else { Left::Nothing })
    }

    /// Frees a block that is cleared, goes into quarantine or is recorded, unless that takes long.
    #[inline(never)]
    fn start_careful_free(&mut self, address: u64) -> Result<Left, Error> {
        #[cfg(feature = "c-abi")]
        self.check_writable()?;
        if self.options.hardened() || self.options.zero_on_free() {
            return self.free_guarded(address);
        }
        if self.options.is_plain() && self.heap.free_at_hand(address) {
            self.record_free(address);
            return Ok(Left::Nothing);
        }
        self.free_with::<true>(address)
    }

    /// Frees a block that is cleared or goes into quarantine, unless that takes long. (A function of its own, so that the frees that are
    /// only recorded save no registers for it.)
    #[inline(never)]
    fn free_guarded(&mut self, address: u64) -> Result<Left, Error> {
        let left = if self.options.hardened() { self.free_hardened(address) } else { self.free_cleared(address) };
        if matches!(left, Ok(Left::Nothing | Left::Pages)) {
            self.record_free(address);
        }
        left
    }

    /// Frees a block that goes into quarantine, unless that takes long.
    fn free_hardened(&mut self, address: u64) -> Result<Left, Error> {
        Ok(match self.quarantine(address)? {
            false => Left::Block,
            // Others may have left quarantine for it.
            true if self.dirty.is_due() => Left::Pages,
            true => Left::Nothing,
        })
    }

    /// Frees a block that is cleared, unless it is long.
    fn free_cleared(&mut self, address: u64) -> Result<Left, Error> {
        let (_, whole) = self.starting(address)?;
        if self.is_in_file() {
            // Not before it is free: a death in between would leave a live block whose contents are gone. The file's lock is held throughout,
            // however long the block is: nothing else hides it from other processes.
            let left = self.free_from(address)?;
            self.regions.fill(address, 0, whole);
            return Ok(left);
        }
        if is_large(whole) {
            return Ok(Left::Block);
        }
        self.regions.fill(address, 0, whole);
        self.free_from(address)
    }
}
