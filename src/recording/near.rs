//! Addresses as numbers that are short, since programs and allocators have habits.
//!
//! A block that is freed is mostly one of the last that were made: it is given by how many have been made since. A new block is
//! compared with the block of its size class that was made last, or freed last if that was among the recent: allocators put blocks of
//! a size side by side, and use a place again. All other addresses are compared with the one before, whatever it is of. In heaps whose
//! blocks are aligned, differences are multiples of 16; in others the unit is a byte, from the first difference that is no multiple
//! on. Differences are kept as zigzag: 0, -1, 1, -2 are 0, 1, 2, 3.
//!
//! Over the six traces of `bench/traces`, recordings take a third less than with differences for all addresses. To remember more than
//! 1024 blocks gains nothing.

use super::columns::UNALIGNED;

/// How many of the blocks made last are remembered.
const REMEMBERED: usize = 1024;

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

/// A block that was made.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    address: u64,
    class: u16,
}

/// What the next address is compared with.
#[derive(Debug, Clone)]
pub(super) struct Near {
    /// The last address.
    last: u64,
    /// By size class, the address that its next block is compared with.
    blocks: [u64; Self::CLASSES],
    /// The blocks made last: that of number n is at n modulo [`REMEMBERED`].
    recent: [Made; REMEMBERED],
    /// How many blocks have been made.
    made: u32,
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
        Self {
            last: Self::FIRST,
            blocks: [Self::FIRST; Self::CLASSES],
            recent: [Made { address: 0, class: 0 }; REMEMBERED],
            made: 0,
            shift: Self::UNIT.ilog2(),
        }
    }

    /// The size class of a block.
    #[inline]
    const fn class(size: u64) -> u16 {
        #[allow(clippy::cast_possible_truncation, reason = "the remainder is small")]
        let class = (size.wrapping_sub(1) / Self::UNIT % Self::CLASSES as u64) as u16;
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
        self.blocks[usize::from(Self::class(size))]
    }

    /// Makes an address the last one.
    #[inline]
    pub const fn set(&mut self, address: u64) {
        self.last = address;
    }

    /// Makes the address of a new block the last one, and the last of its class.
    #[inline]
    pub fn set_block(&mut self, address: u64, size: u64) {
        let class = Self::class(size);
        self.last = address;
        self.blocks[usize::from(class)] = address;
        self.recent[self.made as usize % REMEMBERED] = Made { address, class };
        self.made += 1;
    }

    /// Frees the block after which `since` others were made, and returns its address. `None` if that is not known any more.
    #[inline]
    pub fn free_recent(&mut self, since: u64) -> Option<u64> {
        let since = u32::try_from(since).ok().filter(|&since| (since as usize) < REMEMBERED && since < self.made)?;
        let Made { address, class } = self.recent[(self.made - 1 - since) as usize % REMEMBERED];
        self.last = address;
        self.blocks[usize::from(class)] = address;
        Some(address)
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

/// Finds recent blocks by their addresses, for an encoder.
#[derive(Debug)]
pub(super) struct Finder {
    /// The number of a block that was made, by a hash of its address; the last one where there are several.
    numbers: [u32; Self::LENGTH],
}

impl Finder {
    /// Twice as many as there are recent blocks: few are lost.
    const LENGTH: usize = 2 * REMEMBERED;

    pub const fn new() -> Self {
        Self { numbers: [0; Self::LENGTH] }
    }

    /// Where an address's number is: by Fibonacci hashing.
    #[inline]
    const fn place(address: u64) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "as many bits as `LENGTH` has")]
        let place = (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - Self::LENGTH.ilog2())) as usize;
        place
    }

    /// Notes the block that was made last.
    #[inline]
    pub const fn note(&mut self, near: &Near, address: u64) {
        self.numbers[Self::place(address)] = near.made - 1;
    }

    /// How many blocks were made since the one at an address. `None` if that is not known.
    #[inline]
    pub fn find(&self, near: &Near, address: u64) -> Option<u64> {
        let number = self.numbers[Self::place(address)];
        let is_it = near.recent[number as usize % REMEMBERED].address == address
            && number < near.made
            && ((near.made - 1 - number) as usize) < REMEMBERED;
        is_it.then(|| u64::from(near.made - 1 - number))
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

    proptest! {
        #[test]
        fn recent_blocks_are_found_as_long_as_they_are_remembered(addresses in prop::collection::vec(0..3000_u64, 0..4000)) {
            let (mut near, mut finder) = (Near::new(), Finder::new());
            for (made, &address) in addresses.iter().enumerate() {
                near.set_block(address, address);
                finder.note(&near, address);
                prop_assert_eq!(finder.find(&near, address), Some(0));
                let other = addresses[made / 2];
                if let Some(since) = finder.find(&near, other) {
                    prop_assert_eq!(near.free_recent(since), Some(other));
                    prop_assert_eq!(near.of_class(other), other);
                }
                prop_assert_eq!(near.free_recent(made as u64 + 1), None);
                prop_assert_eq!(near.free_recent(REMEMBERED as u64), None);
            }
        }
    }

    #[test]
    fn small_differences_are_small_numbers() {
        let differences: [i64; 4] = [0, -1, 1, -2];
        assert_eq!(differences.map(|difference| zigzag(difference.cast_unsigned())), [0, 1, 2, 3]);
    }
}
