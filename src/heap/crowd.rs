//! Crowds: windows in which more segments start than a word can list.
//!
//! A crowd has a bit for every address of its window: whether a segment starts there, and whether that is a hole. So a
//! window of 128 one-byte blocks is as quick as any other. Low addresses collect tiny blocks; a tenth of all calls come here.
//!
//! A window leaves its crowd when five starts are left, not seven, so that it does not go to and fro.
//!
//! Invariant: `holes` is a subset of `starts`. Positions are offsets.
//!
//! Costs: O(1), except O(h) for h holes in `fit` and `largest_inside`; h is at most 64.

use super::segments::Segments;
use super::window::{Leaf, Word};
use std::collections::TryReserveError;

/// At so few starts a window goes back to a word.
const FEW: u32 = 5;

/// The segments that start in a crowded window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crowd {
    starts: u128,
    holes: u128,
}

impl Crowd {
    /// These segments and one more, a hole or live, that starts at `offset`.
    #[inline]
    pub fn with(self, offset: u64, hole: bool) -> Self {
        let bit = 1 << offset;
        Self { starts: self.starts | bit, holes: if hole { self.holes | bit } else { self.holes & !bit } }
    }

    /// These segments as a word, once they fit one.
    pub fn thinned(self) -> Option<Word> {
        if self.starts.count_ones() > FEW {
            return None;
        }
        let mut word = Word::EMPTY;
        let mut at = self.starts;
        while at != 0 {
            let offset = at.trailing_zeros();
            word = word.with_last(u64::from(offset), self.is_hole(offset));
            at &= at - 1;
        }
        Some(word)
    }
}

impl From<Word> for Crowd {
    fn from(word: Word) -> Self {
        let mut crowd = Self::default();
        let mut at = (!word.is_empty()).then_some(0);
        while let Some(position) = at {
            crowd = crowd.with(word.offset(position), word.is_hole(position));
            at = word.next(position);
        }
        crowd
    }
}

impl Leaf for Crowd {
    /// They are looked for one by one.
    type InnerHoles = ();

    fn inner_holes(self) {}

    fn find_live(self, offset: u64) -> Option<u32> {
        ((self.starts & !self.holes) >> offset & 1 == 1).then(|| low(offset))
    }

    fn at_or_before(self, offset: u64) -> Option<u32> {
        let before = self.starts & (!0 >> (127 - offset));
        (before != 0).then(|| before.ilog2())
    }

    fn first_position(self) -> u32 {
        self.starts.trailing_zeros()
    }

    fn first(self) -> (u64, bool) {
        let at = self.first_position();
        (u64::from(at), self.is_hole(at))
    }

    fn last(self) -> u32 {
        self.starts.ilog2()
    }

    fn next(self, at: u32) -> Option<u32> {
        let after = self.starts & (!1 << at);
        (after != 0).then(|| after.trailing_zeros())
    }

    fn prev(self, at: u32) -> Option<u32> {
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

    fn store(self, segments: &mut Segments, window: u64, largest: Option<u16>) {
        segments.set_crowd(window, self, largest);
    }
}

/// An offset as a position.
fn low(offset: u64) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "offsets in a window are below 128")]
    let position = offset as u32;
    position
}

/// The store of all crowds of a heap. A vacant slot's `starts` is the number of the next vacant one.
#[derive(Debug)]
pub(super) struct Crowds {
    slots: Vec<Crowd>,
    /// Head of the list of vacant slots, one past its number; 0: none.
    vacant: u32,
    vacant_count: usize,
}

impl Crowds {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), vacant: 0, vacant_count: 0 }
    }

    /// Stores a crowd and answers its number.
    ///
    /// # Errors
    /// If there is no memory for it, or four billion are stored.
    pub fn insert(&mut self, crowd: Crowd) -> Result<u32, TryReserveError> {
        if let Some(number) = self.vacant.checked_sub(1) {
            let slot = &mut self.slots[number as usize];
            self.vacant = low_half(slot.starts);
            self.vacant_count -= 1;
            *slot = crowd;
            return Ok(number);
        }
        let Ok(number) = u32::try_from(self.slots.len() + 1) else {
            self.slots.try_reserve(usize::MAX)?;
            unreachable!("no vector is that long");
        };
        if self.slots.len() == self.slots.capacity() {
            // By a quarter: with many crowds, doubling would leave up to half of the room unused.
            self.slots.try_reserve_exact(self.slots.len() / 4 + 4)?;
        }
        self.slots.push(crowd);
        Ok(number - 1)
    }

    #[inline]
    pub fn get(&self, number: u32) -> Crowd {
        self.slots[number as usize]
    }

    #[inline]
    pub fn set(&mut self, number: u32, crowd: Crowd) {
        self.slots[number as usize] = crowd;
    }

    /// Adds a segment to a crowd.
    pub fn add(&mut self, number: u32, offset: u64, hole: bool) {
        self.set(number, self.get(number).with(offset, hole));
    }

    /// Gives a slot back.
    pub fn remove(&mut self, number: u32) {
        self.slots[number as usize] = Crowd { starts: u128::from(self.vacant), holes: 0 };
        self.vacant = number + 1;
        self.vacant_count += 1;
    }

    /// Number of crowds stored.
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
        self.slots.capacity() * size_of::<Crowd>()
    }
}

fn low_half(link: u128) -> u32 {
    u32::try_from(link).expect("a vacant slot holds the number of another")
}

#[cfg(test)]
mod tests {
    use super::super::window::{WINDOW, tests::check};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_crowd_is_a_list(entries in prop::collection::btree_map(0..WINDOW, any::<bool>(), 1..100)) {
            let entries: Vec<_> = entries.into_iter().collect();
            let crowd = entries.iter().fold(Crowd::default(), |crowd, &(offset, hole)| crowd.with(offset, hole));
            prop_assert_eq!(crowd.first(), entries[0]);
            check(crowd, &entries)?;
            if let Some(word) = crowd.thinned() {
                prop_assert!(entries.len() <= FEW as usize);
                prop_assert_eq!(Crowd::from(word), crowd);
                check(word, &entries)?;
            }
        }
    }

    #[test]
    fn vacant_slots_are_used_again() {
        let mut crowds = Crowds::new();
        let numbers: Vec<_> =
            (0..9).map(|offset| crowds.insert(Crowd::default().with(offset, true)).unwrap()).collect();
        for &number in &numbers[3..6] {
            crowds.remove(number);
        }
        assert_eq!(crowds.len(), 6);
        assert!(crowds.verify_vacant());
        let again: Vec<_> = (0..3).map(|_| crowds.insert(Crowd::default()).unwrap()).collect();
        assert_eq!(again, [5, 4, 3]);
        assert_eq!(crowds.get(2).first(), (2, true));
        assert!(crowds.verify_vacant() && crowds.len() == 9);
    }
}
