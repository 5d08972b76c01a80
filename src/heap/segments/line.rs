//! A line: 128 bytes of address space in one 64-bit word.
//!
//! The word lists the segments that start in the line, in order: seven bytes `offset << 1 | hole` from the lowest byte up, and
//! their number in the top byte. (`mod.rs` draws it.) Looking a segment up, finding a hole and merging neighbours is arithmetic
//! on one register, a byte a segment (Lamport, "Multiple Byte Processing with Full-Word Instructions", 1975; Knuth, The Art of
//! Computer Programming, vol. 4A, 7.1.3). A line in which more segments start is a *bitmap line*: see `bitmap_line.rs`.
//!
//! Only starts are kept. A segment ends where the next one starts, which may be in a later line.
//!
//! Invariants: offsets grow; the bytes above the last entry are 0; an empty line is the word 0.
//!
//! Costs: O(1), a few instructions each. Positions of entries are counted from 0.

/// Bytes of address space in a line.
pub(in crate::heap) const LINE: u64 = 128;

/// 1 in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// The seven bytes of entries.
const ENTRIES: u64 = !0 >> 8;
/// Most entries of a word.
const CAPACITY: u64 = 7;
/// In the top byte: the word is the number of a bitmap line.
const BITMAP: u64 = 0xff << 56;

/// The segments that start in one line, as malloc and free want to see them, whether a word lists them or a bitmap.
///
/// Positions come from the methods of the leaf that they are given to; they are not checked.
pub(in crate::heap) trait Leaf: Copy {
    /// The holes that end before the last segment starts, or there.
    type InnerHoles: Copy;
    /// The inner holes, for [`Leaf::fit`] and [`Leaf::largest_inside`].
    fn inner_holes(self) -> Self::InnerHoles;
    /// The position of the live segment that starts at `offset`.
    fn find_live(self, offset: u64) -> Option<u32>;
    /// The position of the last segment that starts at `offset` or before it.
    fn at_or_before(self, offset: u64) -> Option<u32>;
    /// The position of the first segment; there must be one.
    fn first(self) -> u32;
    /// The position of the last segment; there must be one.
    fn last(self) -> u32;
    /// The position after `at`.
    fn next(self, at: u32) -> Option<u32>;
    /// The position before `at`.
    fn previous(self, at: u32) -> Option<u32>;
    /// Where in the line the segment at `at` starts.
    fn offset(self, at: u32) -> u64;
    /// Whether the segment at `at` is a hole.
    fn is_hole(self, at: u32) -> bool;
    /// The first inner hole of at least `size` bytes, and its size.
    fn fit(self, holes: Self::InnerHoles, size: u64) -> Option<(u32, u64)>;
    /// The size of the largest inner hole; 0 if there is none.
    fn largest_inside(self, holes: Self::InnerHoles) -> u64;
    /// Whether there is no segment.
    fn is_empty(self) -> bool;
    /// Whether no segment can be added.
    fn is_full(self) -> bool;
    /// This leaf with the segment at `at` a hole, or live.
    fn with_hole(self, at: u32, hole: bool) -> Self;
    /// This leaf and a hole that starts at `offset`, after the segment at `at`.
    fn with_hole_after(self, at: u32, offset: u64) -> Self;
    /// This leaf without the start of the segment at `at`.
    fn without(self, at: u32) -> Self;

    /// The segment at `at`, as its offset in the line and whether it is a hole.
    #[inline]
    fn entry(self, at: u32) -> (u64, bool) {
        (self.offset(at), self.is_hole(at))
    }
}

/// The word that is stored for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Line(u64);

impl Line {
    pub const EMPTY: Self = Self(0);

    /// The word of a line whose segments are in the bitmap line of that number.
    pub fn of_bitmap(number: u32) -> Self {
        Self(BITMAP | u64::from(number))
    }

    /// The number of the bitmap line, if the line is one.
    #[inline]
    pub fn bitmap(self) -> Option<u32> {
        #[allow(clippy::cast_possible_truncation, reason = "the number is the lower half")]
        (self.0 >= BITMAP).then_some(self.0 as u32)
    }

    /// Number of segments that start in the line, unless it is a bitmap line.
    #[inline]
    pub fn len(self) -> u64 {
        self.0 >> 56
    }

    /// This line with an entry before all others; there must be room.
    #[inline]
    pub fn with_first(self, offset: u64, hole: bool) -> Self {
        debug_assert!(self.len() < CAPACITY && (self.is_empty() || offset < self.offset(0)));
        Self((self.0 << 8 & ENTRIES) | entry(offset, hole) | (self.len() + 1) << 56)
    }

    /// This line with an entry after all others; there must be room.
    pub fn with_last(self, offset: u64, hole: bool) -> Self {
        debug_assert!(self.len() < CAPACITY);
        Self((self.0 & ENTRIES) | entry(offset, hole) << (8 * self.len()) | (self.len() + 1) << 56)
    }

    #[inline]
    fn byte(self, at: u32) -> u64 {
        self.0 >> (8 * at) & 0xff
    }
}

#[inline]
fn entry(offset: u64, hole: bool) -> u64 {
    offset << 1 | u64::from(hole)
}

/// The larger of two words' bytes, byte for byte; none may have its highest bit set.
#[inline]
fn max_bytes(a: u64, b: u64) -> u64 {
    let at_least = (((a | HIGHS) - b) & HIGHS) >> 7;
    let mask = at_least.wrapping_mul(0xff);
    a & mask | b & !mask
}

impl Leaf for Line {
    /// In byte i the size of hole i; 0 where segment i is live and for the last, which may end in another line.
    type InnerHoles = u64;

    #[inline]
    fn inner_holes(self) -> u64 {
        let inner = (1 << (8 * (self.len() - 1))) - 1;
        let offsets = self.0 >> 1 & (0x7f * ONES);
        // Offsets grow, so no byte borrows from the one above it.
        let sizes = (offsets >> 8 & inner).wrapping_sub(offsets & inner);
        sizes & (self.0 & inner & ONES).wrapping_mul(0xff)
    }

    #[inline]
    fn find_live(self, offset: u64) -> Option<u32> {
        // The lowest byte that equals the live entry: a byte is 0 if subtracting 1 borrows.
        let differing = self.0 ^ (offset << 1).wrapping_mul(ONES);
        let equal = differing.wrapping_sub(ONES) & !differing & HIGHS;
        let at = equal.trailing_zeros() >> 3;
        (u64::from(at) < self.len()).then_some(at)
    }

    #[inline]
    fn at_or_before(self, offset: u64) -> Option<u32> {
        let offsets = self.0 >> 1 & (0x7f * ONES);
        let not_after = ((offset | 0x80) * ONES).wrapping_sub(offsets) & HIGHS;
        // Bytes without an entry look like segments at offset 0, and are masked out.
        let entries = (1 << (8 * self.len())) - 1;
        // Entries of segments at or before `offset` come first, so the highest bit is the last of these segments.
        (not_after & entries).checked_ilog2().map(|bit| bit >> 3)
    }

    #[inline]
    fn first(self) -> u32 {
        0
    }

    #[inline]
    fn last(self) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "at most seven entries")]
        let len = self.len() as u32;
        len - 1
    }

    #[inline]
    fn next(self, at: u32) -> Option<u32> {
        (u64::from(at) + 1 < self.len()).then_some(at + 1)
    }

    #[inline]
    fn previous(self, at: u32) -> Option<u32> {
        at.checked_sub(1)
    }

    #[inline]
    fn offset(self, at: u32) -> u64 {
        self.byte(at) >> 1
    }

    #[inline]
    fn is_hole(self, at: u32) -> bool {
        self.byte(at) & 1 == 1
    }

    #[inline]
    fn fit(self, sizes: u64, size: u64) -> Option<(u32, u64)> {
        if size >= LINE {
            return None;
        }
        let fitting = ((sizes | HIGHS) - size * ONES) & HIGHS;
        if fitting == 0 {
            return None;
        }
        let at = fitting.trailing_zeros() >> 3;
        Some((at, sizes >> (8 * at) & 0xff))
    }

    #[inline]
    fn largest_inside(self, sizes: u64) -> u64 {
        if sizes == 0 {
            return 0;
        }
        let halves = max_bytes(sizes, sizes >> 32) & 0xffff_ffff;
        let quarters = max_bytes(halves, halves >> 16) & 0xffff;
        max_bytes(quarters, quarters >> 8) & 0xff
    }

    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn is_full(self) -> bool {
        self.len() == CAPACITY
    }

    #[inline]
    fn with_hole(self, at: u32, hole: bool) -> Self {
        Self(self.0 & !(1 << (8 * at)) | u64::from(hole) << (8 * at))
    }

    #[inline]
    fn with_hole_after(self, at: u32, offset: u64) -> Self {
        debug_assert!(!self.is_full());
        let below = (1_u64 << (8 * (at + 1))) - 1;
        let above = (self.0 & !below & ENTRIES) << 8 & ENTRIES;
        Self(self.0 & below | above | entry(offset, true) << (8 * (at + 1)) | (self.len() + 1) << 56)
    }

    #[inline]
    fn without(self, at: u32) -> Self {
        let below = (1 << (8 * at)) - 1;
        let entries = self.0 & ENTRIES;
        Self(entries & below | entries >> 8 & !below | (self.len() - 1) << 56)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A leaf as a list of (offset, hole), with positions as in the leaf.
    fn list<L: Leaf>(leaf: L, empty: bool) -> Vec<(u64, bool)> {
        let mut entries = Vec::new();
        let mut at = if empty { None } else { leaf.at_or_before(LINE - 1) };
        while let Some(position) = at {
            entries.insert(0, (leaf.offset(position), leaf.is_hole(position)));
            at = leaf.previous(position);
        }
        entries
    }

    /// Compares everything that a leaf returns with what its list of entries says.
    pub fn check<L: Leaf>(leaf: L, entries: &[(u64, bool)]) -> Result<(), TestCaseError> {
        prop_assert_eq!(list(leaf, false), entries.to_vec());
        for offset in 0..LINE {
            let live = leaf.find_live(offset).map(|at| leaf.offset(at));
            prop_assert_eq!(live, entries.contains(&(offset, false)).then_some(offset));
            let before = leaf.at_or_before(offset).map(|at| leaf.offset(at));
            prop_assert_eq!(before, entries.iter().rev().map(|entry| entry.0).find(|&start| start <= offset));
        }
        let Some(&(last, _)) = entries.last() else { return Ok(()) };
        prop_assert_eq!(leaf.offset(leaf.last()), last);
        prop_assert_eq!(leaf.offset(leaf.first()), entries[0].0);
        let holes = || entries.windows(2).filter(|pair| pair[0].1).map(|pair| (pair[0].0, pair[1].0 - pair[0].0));
        let inner = leaf.inner_holes();
        prop_assert_eq!(leaf.largest_inside(inner), holes().map(|hole| hole.1).max().unwrap_or(0));
        for size in 1..=LINE + 1 {
            let fit = leaf.fit(inner, size).map(|(at, size)| (leaf.offset(at), size));
            prop_assert_eq!(fit, holes().find(|hole| hole.1 >= size));
        }
        for (number, &(offset, hole)) in entries.iter().enumerate() {
            let at = leaf.at_or_before(offset).expect("it is in the list");
            prop_assert_eq!(leaf.next(at).map(|at| leaf.offset(at)), entries.get(number + 1).map(|next| next.0));
            let mut changed = entries.to_vec();
            changed[number].1 = !hole;
            prop_assert_eq!(list(leaf.with_hole(at, !hole), false), changed);
            let mut shorter = entries.to_vec();
            shorter.remove(number);
            prop_assert_eq!(list(leaf.without(at), shorter.is_empty()), shorter);
            let end = entries.get(number + 1).map_or(LINE, |next| next.0);
            if offset + 1 < end && !leaf.is_full() {
                let mut longer = entries.to_vec();
                longer.insert(number + 1, (end - 1, true));
                prop_assert_eq!(list(leaf.with_hole_after(at, end - 1), false), longer);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_line_is_a_list(entries in prop::collection::btree_map(0..LINE, any::<bool>(), 1..=7)) {
            let entries: Vec<_> = entries.into_iter().collect();
            let word = entries.iter().fold(Line::EMPTY, |word, &(offset, hole)| word.with_last(offset, hole));
            prop_assert_eq!(word.bitmap(), None);
            prop_assert_eq!(word.entry(word.first()), entries[0]);
            check(word, &entries)?;
            let reversed = entries.iter().rev().fold(Line::EMPTY, |word, &(offset, hole)| word.with_first(offset, hole));
            prop_assert_eq!(word, reversed);
        }
    }

    #[test]
    fn an_empty_word_and_that_of_a_bitmap_line_are_known() {
        assert!(Line::EMPTY.is_empty() && Line::EMPTY.bitmap().is_none());
        assert_eq!(Line::EMPTY.find_live(0), None);
        assert_eq!(Line::EMPTY.at_or_before(LINE - 1), None);
        for number in [0, 1, u32::MAX] {
            assert_eq!(Line::of_bitmap(number).bitmap(), Some(number));
        }
    }
}
