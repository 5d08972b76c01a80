//! Rows: some thirty sizes that are compared with a request at once.
//!
//! Vector instructions do it (SSE2 on x86-64, NEON on ARM64, SIMD128 in WebAssembly where it is on, plain code elsewhere), in a few
//! nanoseconds whatever the row holds.
//!
//! Entries saturate: a [`NarrowRow`] has 16 bits for each, a [`BroadRow`] 31. A saturated entry means "at least this".
//!
//! A narrow row is written a whole vector at a time. A vector load that follows a store of 16 bits would wait until the store has
//! left the store buffer, and malloc and free load and store in turn.

use wide::{i32x8, u16x8, u16x16};

/// A *wide* hole has this many bytes or more: it saturates an entry of 16 bits.
pub(in crate::heap) const WIDE: u64 = u16::MAX as u64;

/// A *far* hole has this many bytes or more: it saturates an entry of 31 bits.
pub(in crate::heap) const FAR: u64 = i32::MAX as u64;

/// A size as an entry of a [`NarrowRow`].
#[inline]
pub(in crate::heap) fn narrow(size: u64) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

/// A size as an entry of a [`BroadRow`].
#[inline]
pub(in crate::heap) fn broad(size: u64) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// Some thirty entries that are compared at once. Numbers of lanes are taken modulo [`Row::LANES`].
pub(in crate::heap) trait Row: Copy {
    /// An entry.
    type Size: Copy + Ord;
    /// Number of entries.
    const LANES: usize;
    /// A row of zeros.
    const EMPTY: Self;
    /// The entry of a lane.
    fn get(&self, lane: usize) -> Self::Size;
    /// Sets the entry of a lane.
    fn set(&mut self, lane: usize, size: Self::Size);
    /// A bit for each lane with at least `size` (not 0), the first lane's lowest.
    fn at_least(&self, size: Self::Size) -> u32;
    /// The largest entry.
    fn max(&self) -> Self::Size;
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

/// Eight times `N` sizes of at most [`WIDE`]; `N` is even.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct NarrowRow<const N: usize>([u16x8; N]);

impl<const N: usize> Row for NarrowRow<N> {
    type Size = u16;

    const LANES: usize = 8 * N;

    const EMPTY: Self = Self([u16x8::ZERO; N]);

    #[inline]
    fn get(&self, lane: usize) -> u16 {
        self.0[lane / 8 % N].as_array()[lane % 8]
    }

    #[inline]
    fn set(&mut self, lane: usize, size: u16) {
        let vector = &mut self.0[lane / 8 % N];
        *vector = LANES[lane % 8].bitselect(u16x8::splat(size), *vector);
    }

    #[inline]
    fn at_least(&self, size: u16) -> u32 {
        let size = u16x8::splat(size);
        let mut mask = 0;
        for (number, [low, high]) in self.0.as_chunks().0.iter().enumerate() {
            // Two vectors at a time: that is a mask in one instruction.
            let fits = [low, high].map(|vector| size.saturating_sub(*vector).simd_eq(u16x8::ZERO));
            mask |= bytemuck::cast::<_, u16x16>(fits).to_bitmask() << (16 * number);
        }
        mask
    }

    #[inline]
    fn max(&self) -> u16 {
        let mut largest = self.0[0];
        for vector in &self.0[1..] {
            largest = larger(largest, *vector);
        }
        largest.reduce_max()
    }
}

/// The larger of each pair. SSE2 has no such instruction for unsigned 16 bits, but it has these two.
#[inline]
fn larger(a: u16x8, b: u16x8) -> u16x8 {
    a.saturating_sub(b) + b
}

/// Thirty-two sizes of at most [`FAR`].
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct BroadRow([i32x8; 4]);

impl Row for BroadRow {
    type Size = i32;

    const LANES: usize = 32;

    const EMPTY: Self = Self([i32x8::ZERO; 4]);

    #[inline]
    fn get(&self, lane: usize) -> i32 {
        self.0[lane / 8 % 4].as_array()[lane % 8]
    }

    #[inline]
    fn set(&mut self, lane: usize, size: i32) {
        self.0[lane / 8 % 4].as_mut_array()[lane % 8] = size;
    }

    #[inline]
    fn at_least(&self, size: i32) -> u32 {
        let below = i32x8::splat(size - 1);
        let mut mask = 0;
        for (number, vector) in self.0.iter().enumerate() {
            mask |= vector.simd_gt(below).to_bitmask() << (8 * number);
        }
        mask
    }

    #[inline]
    fn max(&self) -> i32 {
        self.0[0].max(self.0[1]).max(self.0[2].max(self.0[3])).reduce_max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_narrow_row_is_an_array(sizes in prop::collection::vec(any::<u16>(), 32), least in any::<u16>()) {
            let mut row = NarrowRow::<4>::EMPTY;
            sizes.iter().enumerate().for_each(|(lane, &size)| row.set(lane, size));
            prop_assert!(sizes.iter().enumerate().all(|(lane, &size)| row.get(lane) == size));
            prop_assert_eq!(Some(row.max()), sizes.iter().copied().max());
            for least in [least, 1, u16::MAX, sizes[7]] {
                let expected = (0..32).filter(|&lane| sizes[lane] >= least).fold(0, |mask, lane| mask | 1 << lane);
                prop_assert_eq!(row.at_least(least), expected);
            }
        }

        #[test]
        fn a_broad_row_is_an_array(sizes in prop::collection::vec(0..=i32::MAX, 32), least in 1..=i32::MAX) {
            let mut row = BroadRow::EMPTY;
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
