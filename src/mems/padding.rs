//! Padding: how much larger each block is than its requested size, in heaps that round sizes up.
//!
//! So a view of a block has the requested length, and statistics say what rounding costs. Sizes are rounded up to multiples of 16
//! bytes, so padding is four bits, kept beside the memory, for each 16 addresses: no two blocks start in the same 16.
//!
//! Costs: O(1); 2 KiB for each 64 KiB in which a block with padding has ever started, and 8 bytes for each 64 KiB up to the last
//! of those.

use std::collections::TryReserveError;

/// Address space, in bytes, whose padding is kept together.
const SPAN: u64 = 1 << 16;

/// Bytes of padding for each [`SPAN`]: half a byte for each 16.
const BYTES: usize = 1 << 11;

/// The padding of all blocks, by their first addresses.
#[derive(Debug, Default)]
pub(crate) struct Padding {
    spans: Vec<Option<Box<[u8; BYTES]>>>,
    made: usize,
    /// The sum over all live blocks.
    total: u64,
    /// Whether tests pretend that the system has no memory.
    #[cfg(test)]
    pub refused: bool,
}

/// Which byte of which span holds the padding at an address, and by how many bits it is shifted.
fn place(address: u64) -> (usize, usize, u32) {
    #[allow(clippy::cast_possible_truncation, reason = "what is so large has been allocated, so it fits usize")]
    let (span, byte) = ((address / SPAN) as usize, (address % SPAN / 32) as usize);
    (span, byte, if address % 32 < 16 { 0 } else { 4 })
}

impl Padding {
    /// Notes the padding, below 16, of a block that has just been made or resized, and whose padding before was
    /// [`Padding::forget`]ed.
    ///
    /// # Errors
    /// If there is no memory for the note; nothing has changed then.
    pub fn set(&mut self, address: u64, padding: u64) -> Result<(), TryReserveError> {
        let (span, byte, shift) = place(address);
        if padding != 0 && self.spans.get(span).is_none_or(Option::is_none) {
            self.make(span)?;
        }
        if let Some(Some(bytes)) = self.spans.get_mut(span) {
            #[allow(clippy::cast_possible_truncation, reason = "below 16")]
            let bits = (padding as u8) << shift;
            bytes[byte] = bytes[byte] & !(15 << shift) | bits;
        }
        self.total += padding;
        Ok(())
    }

    /// The padding of the live block that starts at `address`.
    #[inline]
    pub fn get(&self, address: u64) -> u64 {
        let (span, byte, shift) = place(address);
        self.spans.get(span).and_then(Option::as_ref).map_or(0, |bytes| u64::from(bytes[byte] >> shift & 15))
    }

    /// Subtracts the padding of a block that is about to be freed or resized.
    pub fn forget(&mut self, padding: u64) {
        self.total -= padding;
    }

    /// The padding of all live blocks.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Option<Box<[u8; BYTES]>>>() + self.made * BYTES
    }

    #[cold]
    fn make(&mut self, span: usize) -> Result<(), TryReserveError> {
        #[cfg(test)]
        Vec::<u8>::new().try_reserve(if self.refused { usize::MAX } else { 0 })?;
        let missing = (span + 1).saturating_sub(self.spans.len());
        self.spans.try_reserve(missing)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(BYTES)?;
        bytes.resize(BYTES, 0);
        let Ok(boxed) = bytes.into_boxed_slice().try_into() else { unreachable!("so many were made") };
        self.spans.resize_with(self.spans.len() + missing, || None);
        self.spans[span] = Some(boxed);
        self.made += 1;
        Ok(())
    }
}
