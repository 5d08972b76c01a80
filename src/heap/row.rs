//! Rows of sizes that are compared all at once.
//!
//! First fit asks one question at every level: which is the first of these that is at least so large? A row answers it
//! with vector instructions (SSE2 on x86-64, NEON on ARM64, plain code elsewhere), in a few nanoseconds whatever it holds.
//!
//! Sizes saturate: a [`SmallRow`] has 16 bits for each, a [`LargeRow`] 31. A saturated entry means "at least this".
//!
//! A row is written a vector at a time. A narrow store that a vector load follows would have to leave the store buffer
//! first, and malloc and free do just that in turn.

use wide::{i32x8, u16x8, u16x16};

/// The largest size in a [`SmallRow`], and what all larger ones are there.
pub(super) const SMALL: u64 = u16::MAX as u64;

/// The largest size in a [`LargeRow`], and what all larger ones are there.
pub(super) const LARGE: u64 = i32::MAX as u64;

/// A size as a [`SmallRow`] has it.
#[inline]
pub(super) fn small(size: u64) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

/// A size as a [`LargeRow`] has it.
#[inline]
pub(super) fn large(size: u64) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// All bits of one lane, for each of the eight.
const LANES: [u16x8; 8] = {
    let mut lanes = [u16x8::ZERO; 8];
    let mut lane = 0;
    while lane < 8 {
        let mut bits = [0; 8];
        bits[lane] = u16::MAX;
        lanes[lane] = u16x8::new(bits);
        lane += 1;
    }
    lanes
};

/// Eight times `N` sizes of at most [`SMALL`]; `N` is even.
#[derive(Debug, Clone, Copy)]
pub(super) struct SmallRow<const N: usize>([u16x8; N]);

impl<const N: usize> SmallRow<N> {
    pub const EMPTY: Self = Self([u16x8::ZERO; N]);

    #[inline]
    pub fn get(&self, lane: usize) -> u16 {
        self.0[lane / 8 % N].as_array()[lane % 8]
    }

    #[inline]
    pub fn set(&mut self, lane: usize, size: u16) {
        let vector = &mut self.0[lane / 8 % N];
        *vector = LANES[lane % 8].bitselect(u16x8::splat(size), *vector);
    }

    /// A bit for each lane with at least `size`, the first lane's lowest.
    #[inline]
    pub fn at_least(&self, size: u16) -> u32 {
        let size = u16x8::splat(size);
        let mut mask = 0;
        for (number, [low, high]) in self.0.as_chunks().0.iter().enumerate() {
            // Two vectors at a time: that is a mask in one instruction.
            let fits = [low, high].map(|vector| size.saturating_sub(*vector).simd_eq(u16x8::ZERO));
            mask |= bytemuck::cast::<_, u16x16>(fits).to_bitmask() << (16 * number);
        }
        mask
    }

    /// The largest.
    #[inline]
    pub fn max(&self) -> u16 {
        let mut largest = self.0[0];
        for vector in &self.0[1..] {
            largest = max(largest, *vector);
        }
        largest.reduce_max()
    }
}

/// The larger of each pair. SSE2 has no such instruction for unsigned 16 bits, but these two.
#[inline]
fn max(a: u16x8, b: u16x8) -> u16x8 {
    a.saturating_sub(b) + b
}

/// Thirty-two sizes of at most [`LARGE`].
#[derive(Debug, Clone, Copy)]
pub(super) struct LargeRow([i32x8; 4]);

impl LargeRow {
    pub const EMPTY: Self = Self([i32x8::ZERO; 4]);

    #[inline]
    pub fn get(&self, lane: usize) -> i32 {
        self.0[lane / 8 % 4].as_array()[lane % 8]
    }

    #[inline]
    pub fn set(&mut self, lane: usize, size: i32) {
        self.0[lane / 8 % 4].as_mut_array()[lane % 8] = size;
    }

    /// A bit for each lane with at least `size` (not 0), the first lane's lowest.
    #[inline]
    pub fn at_least(&self, size: i32) -> u32 {
        let below = i32x8::splat(size - 1);
        let mut mask = 0;
        for (number, vector) in self.0.iter().enumerate() {
            mask |= vector.simd_gt(below).to_bitmask() << (8 * number);
        }
        mask
    }

    /// The largest.
    #[inline]
    pub fn max(&self) -> i32 {
        self.0[0].max(self.0[1]).max(self.0[2].max(self.0[3])).reduce_max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_small_row_is_an_array(sizes in prop::collection::vec(any::<u16>(), 32), least in any::<u16>()) {
            let mut row = SmallRow::<4>::EMPTY;
            sizes.iter().enumerate().for_each(|(lane, &size)| row.set(lane, size));
            prop_assert!(sizes.iter().enumerate().all(|(lane, &size)| row.get(lane) == size));
            prop_assert_eq!(Some(row.max()), sizes.iter().copied().max());
            for least in [least, 1, u16::MAX, sizes[7]] {
                let expected = (0..32).filter(|&lane| sizes[lane] >= least).fold(0, |mask, lane| mask | 1 << lane);
                prop_assert_eq!(row.at_least(least), expected);
            }
        }

        #[test]
        fn a_large_row_is_an_array(sizes in prop::collection::vec(0..=i32::MAX, 32), least in 1..=i32::MAX) {
            let mut row = LargeRow::EMPTY;
            sizes.iter().enumerate().for_each(|(lane, &size)| row.set(lane, size));
            prop_assert!(sizes.iter().enumerate().all(|(lane, &size)| row.get(lane) == size));
            prop_assert_eq!(Some(row.max()), sizes.iter().copied().max());
            for least in [least, 1, i32::MAX, sizes[7].max(1)] {
                let expected = (0..32).filter(|&lane| sizes[lane] >= least).fold(0, |mask, lane| mask | 1 << lane);
                prop_assert_eq!(row.at_least(least), expected);
            }
        }
    }
}
