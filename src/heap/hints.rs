//! Hints: for eight sizes asked for lately, below which window no hole is large enough.
//!
//! Programs ask for few different sizes. A malloc whose size has a hint begins its search there, and mostly ends it there;
//! any other begins at the best hint of a size that is not larger. A free lowers the hints of all sizes that its hole
//! fits; a malloc need not touch them, since what is left of a hole is smaller and lies further up.
//!
//! Invariant: for each hint (size, window), no hole of at least `size` bytes starts in a window below. Hints speak of the
//! first 256 GiB of a heap: numbers of windows have 31 bits here.
//!
//! Costs: O(1), all eight at once in vector registers.

use wide::{i32x8, u16x8};

const SLOTS: usize = 8;

/// Sizes and their windows.
#[derive(Debug)]
pub(super) struct Hints {
    /// `u16::MAX`, which no hint has: a vacant slot.
    sizes: u16x8,
    windows: i32x8,
}

/// A window's number here: those too large for a hint are all one.
#[inline]
fn number(window: u64) -> i32 {
    i32::try_from(window).unwrap_or(i32::MAX)
}

impl Hints {
    pub const fn new() -> Self {
        Self { sizes: u16x8::MAX, windows: i32x8::ZERO }
    }

    /// The slot of a size. The usual sizes, multiples of 8 or 16, must not share slots more than others.
    #[inline]
    fn slot(size: u16) -> usize {
        usize::from((size ^ size >> 3 ^ size >> 6) % 8)
    }

    /// All bits of the lanes whose size is at most `size`.
    #[inline]
    fn at_most(&self, size: u16) -> i32x8 {
        i32x8::from_i16x8(self.sizes.saturating_sub(u16x8::splat(size)).simd_eq(u16x8::ZERO).cast_signed())
    }

    /// The hint of exactly this size.
    #[inline]
    pub fn get(&self, size: u16) -> Option<u64> {
        let slot = Self::slot(size);
        (self.sizes.as_array()[slot] == size).then(|| self.window(slot))
    }

    #[inline]
    fn window(&self, slot: usize) -> u64 {
        u64::from(self.windows.as_array()[slot].unsigned_abs())
    }

    /// The best bound that any hint gives for this size.
    #[inline]
    pub fn bound(&self, size: u16) -> u64 {
        u64::from((self.at_most(size) & self.windows).reduce_max().unsigned_abs())
    }

    /// Tells that no hole of at least `size` bytes, which is below `u16::MAX`, starts below `window`.
    #[inline]
    pub fn set(&mut self, size: u16, window: u64) {
        #[allow(clippy::cast_possible_truncation, reason = "below 8")]
        let slot = u16x8::splat(Self::slot(size) as u16);
        let lane = u16x8::new([0, 1, 2, 3, 4, 5, 6, 7]).simd_eq(slot);
        self.sizes = lane.bitselect(u16x8::splat(size), self.sizes);
        let lane = i32x8::from_i16x8(lane.cast_signed());
        self.windows = lane.bitselect(i32x8::splat(number(window)), self.windows);
    }

    /// Tells that a hole of `size` bytes (saturated) starts in `window` now.
    #[inline]
    pub fn lower(&mut self, size: u16, window: u64) {
        let window = i32x8::splat(number(window));
        let lower = self.at_most(size) & self.windows.simd_gt(window);
        self.windows = lower.bitselect(window, self.windows);
    }

    /// The hints in use.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..SLOTS).map(|slot| (self.sizes.as_array()[slot], self.window(slot))).filter(|hint| hint.0 != u16::MAX)
    }
}
