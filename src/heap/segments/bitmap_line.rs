//! Bitmap lines: lines in which more segments start than a word can list.
//!
//! A bitmap line has two bits for each of its 128 addresses: whether a segment starts there, and whether that is a hole. So a
//! line of 128 one-byte blocks is as quick as any other. Low addresses collect tiny blocks; a tenth of all calls come here.
//!
//! A bitmap line becomes a word again when five starts are left, not seven, so that a line does not alternate between the two.
//!
//! Invariant: `holes` is a subset of `starts`. Positions are offsets.
//!
//! Costs: O(1), except O(h) for h holes in `fit` and `largest_inside`; h is at most 64.

use super::line::{Leaf, Line};
use std::collections::TryReserveError;

/// With this many starts or fewer a bitmap line becomes a word again.
const FEW: u32 = 5;

/// The segments that start in a line, a bit for each address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct BitmapLine {
    starts: u128,
    holes: u128,
}

impl BitmapLine {
    /// This line and one more segment, a hole or live, that starts at `offset`.
    #[inline]
    pub fn with(self, offset: u64, hole: bool) -> Self {
        let bit = 1 << offset;
        Self { starts: self.starts | bit, holes: if hole { self.holes | bit } else { self.holes & !bit } }
    }

    /// This line as a word, once few segments start in it.
    pub fn thinned(self) -> Option<Line> {
        if self.starts.count_ones() > FEW {
            return None;
        }
        let mut line = Line::EMPTY;
        let mut at = self.starts;
        while at != 0 {
            let offset = at.trailing_zeros();
            line = line.with_last(u64::from(offset), self.is_hole(offset));
            at &= at - 1;
        }
        Some(line)
    }
}

impl From<Line> for BitmapLine {
    fn from(line: Line) -> Self {
        let mut bitmap = Self::default();
        let mut at = (!line.is_empty()).then_some(0);
        while let Some(position) = at {
            bitmap = bitmap.with(line.offset(position), line.is_hole(position));
            at = line.next(position);
        }
        bitmap
    }
}

impl Leaf for BitmapLine {
    /// Holes are looked for one by one.
    type InnerHoles = ();

    fn inner_holes(self) {}

    fn find_live(self, offset: u64) -> Option<u32> {
        ((self.starts & !self.holes) >> offset & 1 == 1).then(|| low(offset))
    }

    fn at_or_before(self, offset: u64) -> Option<u32> {
        let before = self.starts & (!0 >> (127 - offset));
        (before != 0).then(|| before.ilog2())
    }

    fn first(self) -> u32 {
        self.starts.trailing_zeros()
    }

    fn last(self) -> u32 {
        self.starts.ilog2()
    }

    fn next(self, at: u32) -> Option<u32> {
        let after = self.starts & (!1 << at);
        (after != 0).then(|| after.trailing_zeros())
    }

    fn previous(self, at: u32) -> Option<u32> {
        let before = self.starts & ((1 << at) - 1);
        (before != 0).then(|| before.ilog2())
    }

    fn offset(self, at: u32) -> u64 {
        u64::from(at)
    }

    fn is_hole(self, at: u32) -> bool {
        self.holes >> at & 1 == 1
    }

    fn fit(self, (): (), size: u64) -> Option<(u32, u64)> {
        let mut holes = self.holes;
        while holes != 0 {
            let at = holes.trailing_zeros();
            let length = u64::from(self.next(at)? - at);
            if length >= size {
                return Some((at, length));
            }
            holes &= holes - 1;
        }
        None
    }

    fn largest_inside(self, (): ()) -> u64 {
        let mut largest = 0;
        let mut holes = self.holes;
        while holes != 0 {
            let at = holes.trailing_zeros();
            let Some(end) = self.next(at) else { break };
            largest = largest.max(end - at);
            holes &= holes - 1;
        }
        u64::from(largest)
    }

    fn is_empty(self) -> bool {
        self.starts == 0
    }

    fn is_full(self) -> bool {
        false
    }

    fn with_hole(self, at: u32, hole: bool) -> Self {
        self.with(u64::from(at), hole)
    }

    fn with_hole_after(self, _at: u32, offset: u64) -> Self {
        self.with(offset, true)
    }

    fn without(self, at: u32) -> Self {
        Self { starts: self.starts & !(1 << at), holes: self.holes & !(1 << at) }
    }
}

/// An offset as a position.
fn low(offset: u64) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "offsets in a line are below 128")]
    let position = offset as u32;
    position
}

/// All bitmap lines of a map. A vacant slot's `starts` is the number of the next vacant one.
#[derive(Debug)]
pub(super) struct BitmapLines {
    slots: Vec<BitmapLine>,
    /// Head of the list of vacant slots, one past its number; 0: none.
    vacant: u32,
    vacant_count: usize,
}

impl BitmapLines {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), vacant: 0, vacant_count: 0 }
    }

    /// Stores a bitmap line and returns its number.
    ///
    /// # Errors
    /// If there is no memory for it, or four billion are stored.
    pub fn insert(&mut self, line: BitmapLine) -> Result<u32, TryReserveError> {
        if let Some(number) = self.vacant.checked_sub(1) {
            let slot = &mut self.slots[number as usize];
            self.vacant = low_half(slot.starts);
            self.vacant_count -= 1;
            *slot = line;
            return Ok(number);
        }
        let Ok(number) = u32::try_from(self.slots.len() + 1) else {
            self.slots.try_reserve(usize::MAX)?;
            unreachable!("no vector is that long");
        };
        if self.slots.len() == self.slots.capacity() {
            // Grow by a quarter: with many lines, doubling would leave up to half of the room unused.
            self.slots.try_reserve_exact(self.slots.len() / 4 + 4)?;
        }
        self.slots.push(line);
        Ok(number - 1)
    }

    #[inline]
    pub fn get(&self, number: u32) -> BitmapLine {
        self.slots[number as usize]
    }

    #[inline]
    pub fn set(&mut self, number: u32, line: BitmapLine) {
        self.slots[number as usize] = line;
    }

    /// Adds a segment to the line of a number.
    pub fn add(&mut self, number: u32, offset: u64, hole: bool) {
        self.set(number, self.get(number).with(offset, hole));
    }

    /// Gives a slot back.
    pub fn remove(&mut self, number: u32) {
        self.slots[number as usize] = BitmapLine { starts: u128::from(self.vacant), holes: 0 };
        self.vacant = number + 1;
        self.vacant_count += 1;
    }

    /// Number of lines stored.
    pub fn len(&self) -> usize {
        self.slots.len() - self.vacant_count
    }

    /// Walks the list of vacant slots and compares it with their number.
    pub fn verify_vacant(&self) -> bool {
        let next = |&number: &u32| self.slots.get(number as usize).map(|slot| low_half(slot.starts));
        let first = self.vacant;
        let vacant = std::iter::successors(Some(first), |&link| next(&link.checked_sub(1)?));
        vacant.take(self.vacant_count + 2).take_while(|&link| link != 0).count() == self.vacant_count
    }

    /// Bytes the store has allocated.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<BitmapLine>()
    }
}

fn low_half(link: u128) -> u32 {
    u32::try_from(link).expect("a vacant slot holds the number of another")
}

#[cfg(test)]
mod tests {
    use super::super::line::{LINE, tests::check};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bitmap_line_is_a_list(entries in prop::collection::btree_map(0..LINE, any::<bool>(), 1..100)) {
            let entries: Vec<_> = entries.into_iter().collect();
            let bitmap = entries.iter().fold(BitmapLine::default(), |line, &(offset, hole)| line.with(offset, hole));
            prop_assert_eq!(bitmap.entry(bitmap.first()), entries[0]);
            check(bitmap, &entries)?;
            if let Some(word) = bitmap.thinned() {
                prop_assert!(entries.len() <= FEW as usize);
                prop_assert_eq!(BitmapLine::from(word), bitmap);
                check(word, &entries)?;
            }
        }
    }

    #[test]
    fn vacant_slots_are_used_again() {
        let mut lines = BitmapLines::new();
        let numbers: Vec<_> =
            (0..9).map(|offset| lines.insert(BitmapLine::default().with(offset, true)).unwrap()).collect();
        for &number in &numbers[3..6] {
            lines.remove(number);
        }
        assert_eq!(lines.len(), 6);
        assert!(lines.verify_vacant());
        let again: Vec<_> = (0..3).map(|_| lines.insert(BitmapLine::default()).unwrap()).collect();
        assert_eq!(again, [5, 4, 3]);
        assert_eq!(lines.get(2).entry(2), (2, true));
        assert!(lines.verify_vacant() && lines.len() == 9);
    }
}
