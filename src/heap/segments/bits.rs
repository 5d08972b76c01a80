//! A set of small numbers as bits, 64 to a word, with the next and the previous member.
//!
//! Storage is an array, or a vector where the largest number is not known beforehand.
//!
//! Costs: O(1) within a word of 64, else a word is read for each 64 numbers on the way.

use std::collections::TryReserveError;

/// Numbers from 0 up to 64 times the words of `S`.
#[derive(Debug, Clone)]
pub(in crate::heap) struct BitSet<S>(S);

/// The position of a number's word, which is inside an array of a power of two words: no check is left then.
#[inline]
fn word_of<const N: usize>(number: usize) -> usize {
    number / 64 % N
}

impl<const N: usize> BitSet<[u64; N]> {
    /// A set without members.
    pub const EMPTY: Self = Self([0; N]);

    /// Adds `number` if `member` is true, else removes it. Returns whether the word that holds `number` is 0 now.
    #[inline]
    pub fn set(&mut self, number: usize, member: bool) -> bool {
        let word = &mut self.0[word_of::<N>(number)];
        let bit = number % 64;
        *word = *word & !(1 << bit) | u64::from(member) << bit;
        *word == 0
    }

    /// The first member after `number` among the numbers of its word.
    #[inline]
    pub fn next_in_word(&self, number: usize) -> Option<usize> {
        // Two shifts, since a shift by 64 at once is not defined.
        let after = self.0[word_of::<N>(number)] >> (number % 64) >> 1;
        (after != 0).then(|| number + 1 + after.trailing_zeros() as usize)
    }

    /// The last member before `number` among the numbers of its word.
    #[inline]
    pub fn previous_in_word(&self, number: usize) -> Option<usize> {
        let before = self.0[word_of::<N>(number)] & ((1 << (number % 64)) - 1);
        (before != 0).then(|| number / 64 * 64 + before.ilog2() as usize)
    }
}

impl<S: AsRef<[u64]>> BitSet<S> {
    fn words(&self) -> &[u64] {
        self.0.as_ref()
    }

    /// Whether `number` is a member.
    pub fn has(&self, number: usize) -> bool {
        self.words().get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.words().iter().fold(0, |all, word| all | word) == 0
    }

    /// The first member from `number` on.
    pub fn first_from(&self, number: usize) -> Option<usize> {
        let after = self.words().get(number / 64)? & (!0 << (number % 64));
        if after != 0 {
            return Some(number / 64 * 64 + after.trailing_zeros() as usize);
        }
        let later = self.words().iter().enumerate().skip(number / 64 + 1).find(|word| *word.1 != 0)?;
        Some(later.0 * 64 + later.1.trailing_zeros() as usize)
    }

    /// The last member before `number`.
    pub fn last_before(&self, number: usize) -> Option<usize> {
        let words = self.words();
        let before = words.get(number / 64).map_or(0, |word| word & ((1 << (number % 64)) - 1));
        if before != 0 {
            return Some(number / 64 * 64 + before.ilog2() as usize);
        }
        let earlier = words.iter().enumerate().take(number / 64).rev().find(|word| *word.1 != 0)?;
        Some(earlier.0 * 64 + earlier.1.ilog2() as usize)
    }
}

impl BitSet<Vec<u64>> {
    /// A set without members, and without room for any.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Makes room for the numbers below `len`.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    pub fn reserve(&mut self, len: usize) -> Result<(), TryReserveError> {
        let missing = len.div_ceil(64).saturating_sub(self.0.len());
        self.0.try_reserve(missing)?;
        self.0.resize(self.0.len() + missing, 0);
        Ok(())
    }

    /// Adds `number`, for which there is room, if `member` is true, else removes it.
    pub fn assign(&mut self, number: usize, member: bool) {
        let word = &mut self.0[number / 64];
        let bit = number % 64;
        *word = *word & !(1 << bit) | u64::from(member) << bit;
    }

    /// Bytes of storage.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bit_set_is_a_set_of_numbers(members in prop::collection::btree_set(0..256_usize, 0..40), at in 0..256_usize) {
            let mut set = BitSet::<[u64; 4]>::EMPTY;
            let mut grown = BitSet::<Vec<u64>>::new();
            grown.reserve(256).unwrap();
            for &member in &members {
                set.set(member, true);
                grown.assign(member, true);
            }
            let (next, last) = (members.range(at..).next().copied(), members.range(..at).next_back().copied());
            prop_assert_eq!((set.first_from(at), set.last_before(at)), (next, last));
            prop_assert_eq!((grown.first_from(at), grown.last_before(at)), (next, last));
            prop_assert_eq!((set.has(at), grown.has(at)), (members.contains(&at), members.contains(&at)));
            prop_assert_eq!(set.is_empty(), members.is_empty());
            prop_assert_eq!(set.last_before(256), members.last().copied());
            let word = at / 64 * 64..at / 64 * 64 + 64;
            prop_assert_eq!(set.next_in_word(at), members.range(at + 1..).next().copied().filter(|next| word.contains(next)));
            prop_assert_eq!(set.previous_in_word(at), last.filter(|last| word.contains(last)));
            let gone = set.set(at, false);
            prop_assert_eq!(gone, !members.range(word).any(|&member| member != at));
        }
    }
}
