//! Addresses as differences from others that are likely to be near, so that they are short.
//!
//! A new block is compared with the last block of its size class, since allocators put blocks of a size side by side; all other
//! addresses are compared with the one before, whatever it is of. In heaps whose blocks are aligned, differences are multiples of 16;
//! in others the unit is a byte, from the first difference that is no multiple on. Differences are kept as zigzag: 0, -1, 1, -2 are
//! 0, 1, 2, 3.
//!
//! Over the six traces of `bench/traces` with segregated fit, recordings take 18 % less than with differences in bytes from the
//! address before.

use super::columns::UNALIGNED;

/// A signed number as one that is small where it is near 0.
#[inline]
const fn zigzag(number: u64) -> u64 {
    (number << 1) ^ (number.cast_signed() >> 63).cast_unsigned()
}

/// What [`zigzag`] was made of.
#[inline]
const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// What the next address is compared with.
#[derive(Debug, Clone)]
pub(super) struct Near {
    /// The last address.
    last: u64,
    /// By size class, the address of its last block.
    blocks: [u64; Self::CLASSES],
    /// Differences are divided by two to this power.
    shift: u32,
}

impl Near {
    /// What all differences are multiples of in heaps whose blocks are aligned.
    const UNIT: u64 = 16;
    const CLASSES: usize = 1024;
    /// What stands for the addresses before the first: where heaps begin.
    const FIRST: u64 = 1000;

    pub const fn new() -> Self {
        Self { last: Self::FIRST, blocks: [Self::FIRST; Self::CLASSES], shift: Self::UNIT.ilog2() }
    }

    /// The size class of a block.
    #[inline]
    const fn class(size: u64) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "the remainder is small")]
        let class = (size.wrapping_sub(1) / Self::UNIT % Self::CLASSES as u64) as usize;
        class
    }

    /// The address that one is compared with.
    #[inline]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// The address that the address of a new block is compared with.
    #[inline]
    pub fn of_class(&self, size: u64) -> u64 {
        self.blocks[Self::class(size)]
    }

    /// Makes an address the last one.
    #[inline]
    pub const fn set(&mut self, address: u64) {
        self.last = address;
    }

    /// Makes the address of a new block the last one, and the last of its class.
    #[inline]
    pub fn set_block(&mut self, address: u64, size: u64) {
        self.last = address;
        self.blocks[Self::class(size)] = address;
    }

    /// Makes bytes the unit if a difference is no multiple of the unit. Returns [`UNALIGNED`] then, and 0 otherwise.
    #[inline]
    pub fn fit(&mut self, differences: u64) -> u8 {
        if differences & ((1 << self.shift) - 1) == 0 {
            return 0;
        }
        self.set_unaligned();
        UNALIGNED
    }

    pub const fn set_unaligned(&mut self) {
        self.shift = 0;
    }

    /// A difference that [`Near::fit`] has seen, as a number.
    #[inline]
    pub const fn number(&self, difference: u64) -> u64 {
        zigzag((difference.cast_signed() >> self.shift).cast_unsigned())
    }

    /// The difference that a number stands for.
    #[inline]
    pub const fn difference(&self, number: u64) -> u64 {
        unzigzag(number) << self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn differences_are_undone(difference: u64) {
            let mut near = Near::new();
            let aligned = difference & !15;
            prop_assert_eq!(near.fit(aligned), 0);
            prop_assert_eq!(near.difference(near.number(aligned)), aligned);
            prop_assert_eq!(near.fit(difference), if aligned == difference { 0 } else { UNALIGNED });
            prop_assert_eq!(near.difference(near.number(difference)), difference);
        }
    }

    #[test]
    fn small_differences_are_small_numbers() {
        let differences: [i64; 4] = [0, -1, 1, -2];
        assert_eq!(differences.map(|difference| zigzag(difference.cast_unsigned())), [0, 1, 2, 3]);
    }
}
