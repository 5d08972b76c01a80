//! Caches: for each class a stack of free slots that are out of their spans, so that most calls of malloc and free need look for no
//! span.
//!
//! An empty stack is filled with the lowest free slots of spans; from a full one, the slots that were pushed first are given back to
//! their spans. How many slots a stack may hold grows with the heap, so that small heaps keep few.
//!
//! The counters count cached slots as live blocks, and statistics subtract them ([`Caches::waiting`]), so that a call that finds its
//! slot here has almost nothing to count.
//!
//! Costs: O(1) for a slot; O(slots of the stack) for the oldest, O(classes) for sums.

use super::classes::{CLASS, CLASSES, Class, UNIT};
use std::collections::TryReserveError;

/// Most slots of a stack.
pub(super) const ROOM: usize = 60;

/// Places of a stack: a power of two, so that no place need be compared with it.
const PLACES: usize = 64;

/// Slots that a stack may hold at first, and the fewest.
const FIRST: usize = 8;
const FEWEST: usize = 2;

/// The share of a heap that the slots of one stack may come to, and its bounds in bytes.
const SHARE: u64 = 64;
const BYTES: (u64, u64) = (2 << 10, 128 << 10);

/// How many slots a stack holds, and how many it may hold: 0 before it is there.
#[derive(Debug, Clone, Copy)]
struct Top {
    len: u16,
    limit: u16,
}

/// The stacks of the classes up to the highest of which a slot has been taken: free slots, by their offsets in units.
#[derive(Debug)]
pub(super) struct Caches {
    /// Beside each other, so that those of all classes are in a few cache lines.
    tops: [Top; CLASSES],
    stacks: Vec<[u32; PLACES]>,
}

/// How many slots of a class a stack may hold in a heap of `mapped` bytes.
#[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
pub(super) fn most(class: usize, mapped: u64) -> usize {
    let bytes = (mapped / SHARE).clamp(BYTES.0, BYTES.1);
    (bytes / CLASS[class].size).clamp(FEWEST as u64, ROOM as u64) as usize
}

impl Caches {
    /// No stacks.
    pub const fn new() -> Self {
        Self { tops: [Top { len: 0, limit: 0 }; CLASSES], stacks: Vec::new() }
    }

    /// Takes the slot of a class that was pushed last. Returns its unit.
    #[inline]
    pub fn pop(&mut self, class: usize) -> Option<u32> {
        let top = self.tops.get_mut(class)?;
        let len = top.len.checked_sub(1)?;
        let unit = self.stacks.get(class)?[usize::from(len) % PLACES];
        top.len = len;
        Some(unit)
    }

    /// Adds the free slot at a unit to the stack of its class. `false`, and nothing has changed: the stack is full, or there is none.
    #[inline]
    pub fn push(&mut self, class: usize, unit: u32) -> bool {
        let (Some(top), Some(stack)) = (self.tops.get_mut(class), self.stacks.get_mut(class)) else { return false };
        if top.len >= top.limit {
            return false;
        }
        stack[usize::from(top.len) % PLACES] = unit;
        top.len += 1;
        true
    }

    /// Adds the free slot at an offset to the stack of its class. `false`, and nothing has changed: the stack is full, there is none, or
    /// the slot is too far off.
    pub fn push_at(&mut self, class: usize, offset: u64) -> bool {
        u32::try_from(offset / UNIT).is_ok_and(|unit| self.push(class, unit))
    }

    /// How many slots of a class wait.
    pub fn len(&self, class: usize) -> usize {
        self.tops[class].len.into()
    }

    /// How many slots of a class may wait.
    pub fn limit(&self, class: usize) -> usize {
        self.tops[class].limit.into()
    }

    /// The offsets of the slots of a class that wait, the one that was pushed first first.
    pub fn slots(&self, class: usize) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let units = self.stacks.get(class).map_or(&[][..], |stack| &stack[..self.len(class)]);
        units.iter().map(|&unit| u64::from(unit) * UNIT)
    }

    /// Takes the slot of a class that was pushed first.
    pub fn pop_oldest(&mut self, class: usize) -> Option<u64> {
        let oldest = self.slots(class).next()?;
        self.drop_oldest(class, 1);
        Some(oldest)
    }

    /// Drops the `slots` slots of a class that were pushed first.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn drop_oldest(&mut self, class: usize, slots: usize) {
        let len = self.len(class);
        if let Some(stack) = self.stacks.get_mut(class) {
            stack.copy_within(slots..len, 0);
            self.tops[class].len -= slots as u16;
        }
    }

    /// Lets twice as many slots of a class wait from now on, or as many as may in a heap of `mapped` bytes.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn grow(&mut self, class: usize, mapped: u64) {
        self.tops[class].limit = (2 * self.limit(class)).min(most(class, mapped)) as u16;
    }

    /// Makes the stack of a class, if it is not there.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn reserve(&mut self, class: usize) -> Result<(), TryReserveError> {
        self.stacks.try_reserve_exact(CLASSES - self.stacks.len())?;
        for class in self.stacks.len()..=class {
            self.stacks.push([0; PLACES]);
            self.tops[class].limit = most(class, 0).min(FIRST) as u16;
        }
        Ok(())
    }

    /// Bytes of all slots that wait, and their number. O(classes).
    pub fn waiting(&self) -> (u64, usize) {
        let lens = self.tops.iter().map(|top| usize::from(top.len));
        let add = |(bytes, slots), (class, len): (&Class, usize)| (bytes + len as u64 * class.size, slots + len);
        CLASS.iter().zip(lens).fold((0, 0), add)
    }

    /// The size of the largest slot that waits; 0 if none does.
    pub fn largest_slot(&self) -> u64 {
        self.tops.iter().rposition(|top| top.len > 0).map_or(0, |class| CLASS[class].size)
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.stacks.capacity() * size_of::<[u32; PLACES]>()
    }
}
