//! Hints: for eight sizes asked for lately, below which line no hole is large enough.
//!
//! Programs ask for few different sizes. A malloc whose size has a hint begins its search there, and mostly ends it there;
//! any other begins at the best hint of a size that is not larger. A free lowers the hints of all sizes that its hole
//! fits; a malloc need not touch them, since what is left of a hole is smaller and lies further up.
//!
//! Invariant: for each hint (size, line), no hole of at least `size` bytes starts in a line below. Hints speak of the
//! first 256 GiB of a heap: numbers of lines have 31 bits here.
//!
//! Costs: O(1), all eight at once in vector registers.

use wide::{i32x8, u16x8};

const SLOTS: usize = 8;

/// Sizes and their lines.
#[derive(Debug)]
pub(super) struct Hints {
    /// `u16::MAX`, which no hint has: a vacant slot.
    sizes: u16x8,
    lines: i32x8,
}

/// A line's number as a hint keeps it: all numbers that are too large for a hint become the same one.
#[inline]
fn number(line: u64) -> i32 {
    i32::try_from(line).unwrap_or(i32::MAX)
}

impl Default for Hints {
    fn default() -> Self {
        Self { sizes: u16x8::MAX, lines: i32x8::ZERO }
    }
}

impl Hints {
    /// The slot of a size. The usual sizes, multiples of 8 or 16, must not share slots more than others.
    #[inline]
    fn slot(size: u16) -> usize {
        usize::from((size ^ size >> 3 ^ size >> 6) % 8)
    }

    /// A mask with all bits set in the lanes whose size is at most `size`.
    #[inline]
    fn at_most(&self, size: u16) -> i32x8 {
        i32x8::from_i16x8(self.sizes.saturating_sub(u16x8::splat(size)).simd_eq(u16x8::ZERO).cast_signed())
    }

    /// The hint of exactly this size.
    #[inline]
    pub fn get(&self, size: u16) -> Option<u64> {
        let slot = Self::slot(size);
        (self.sizes.as_array()[slot] == size).then(|| self.line(slot))
    }

    #[inline]
    fn line(&self, slot: usize) -> u64 {
        u64::from(self.lines.as_array()[slot].unsigned_abs())
    }

    /// The best bound that any hint gives for this size.
    #[inline]
    pub fn bound(&self, size: u16) -> u64 {
        u64::from((self.at_most(size) & self.lines).reduce_max().unsigned_abs())
    }

    /// Sets the hint of `size`: no hole of at least `size` bytes, which is below `u16::MAX`, starts below `line`.
    #[inline]
    pub fn set(&mut self, size: u16, line: u64) {
        #[allow(clippy::cast_possible_truncation, reason = "below 8")]
        let slot = u16x8::splat(Self::slot(size) as u16);
        let chosen = u16x8::new([0, 1, 2, 3, 4, 5, 6, 7]).simd_eq(slot);
        self.sizes = chosen.bitselect(u16x8::splat(size), self.sizes);
        let chosen = i32x8::from_i16x8(chosen.cast_signed());
        self.lines = chosen.bitselect(i32x8::splat(number(line)), self.lines);
    }

    /// Lowers the hints that do not hold any more, since a hole of `size` bytes (saturated) starts in `line` now.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a few vector instructions, in each free")]
    pub fn lower(&mut self, size: u16, line: u64) {
        let line = i32x8::splat(number(line));
        let lower = self.at_most(size) & self.lines.simd_gt(line);
        self.lines = lower.bitselect(line, self.lines);
    }

    /// The hints in use.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..SLOTS).map(|slot| (self.sizes.as_array()[slot], self.line(slot))).filter(|hint| hint.0 != u16::MAX)
    }
}
