//! Caches: for each class a stack of free slots that are out of their spans, so that most calls of malloc and free need look for no
//! span.
//!
//! An empty stack is filled with the lowest free slots of a span; from a full one, the slots that were pushed first are given back to
//! their spans. How many slots a stack may hold grows with the heap, so that small heaps keep few.
//!
//! The counters count cached slots as live blocks, and statistics subtract them ([`Caches::waiting`]), so that a call that finds its
//! slot here has almost nothing to count.
//!
//! Costs: O(1).

use super::classes::{CLASS, CLASSES, UNIT};
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

/// Free slots of one class, by their offsets in units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack {
    len: u16,
    /// How many slots it may hold.
    limit: u16,
    /// Bytes of a slot.
    size: u32,
    units: [u32; PLACES],
}

/// The stacks of the classes up to the highest of which a slot has been taken.
#[derive(Debug, Default)]
pub(super) struct Caches {
    stacks: Vec<Stack>,
}

/// How many slots of a class a stack may hold in a heap of `mapped` bytes.
#[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
pub(super) fn most(class: usize, mapped: u64) -> usize {
    let bytes = (mapped / SHARE).clamp(BYTES.0, BYTES.1);
    (bytes / CLASS[class].size).clamp(FEWEST as u64, ROOM as u64) as usize
}

impl Stack {
    /// Takes the slot that was pushed last. Returns its offset and its size.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u64)> {
        let len = self.len.checked_sub(1)?;
        self.len = len;
        let unit = self.units[usize::from(len) % PLACES];
        Some((u64::from(unit) * UNIT, u64::from(self.size)))
    }

    /// Adds a free slot. `false`, and nothing has changed: the stack is full, or the slot too far off.
    #[inline]
    pub fn push(&mut self, offset: u64) -> bool {
        let Ok(unit) = u32::try_from(offset / UNIT) else { return false };
        if self.len >= self.limit {
            return false;
        }
        self.units[usize::from(self.len) % PLACES] = unit;
        self.len += 1;
        true
    }

    /// How many slots wait.
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// The offsets of the slots, the one that was pushed first first.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.units[..usize::from(self.len)].iter().map(|&unit| u64::from(unit) * UNIT)
    }

    /// Takes the slot that was pushed first.
    pub fn pop_oldest(&mut self) -> Option<u64> {
        let oldest = self.slots().next()?;
        self.drop_oldest(1);
        Some(oldest)
    }

    /// Drops the `slots` slots that were pushed first.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn drop_oldest(&mut self, slots: usize) {
        self.units.copy_within(slots..usize::from(self.len), 0);
        self.len -= slots as u16;
    }

    /// Lets the stack hold twice as many slots from now on, or as many as it may in a heap of `mapped` bytes.
    #[allow(clippy::cast_possible_truncation, reason = "at most `ROOM`")]
    pub fn grow(&mut self, class: usize, mapped: u64) {
        self.limit = (2 * usize::from(self.limit)).min(most(class, mapped)) as u16;
    }

    /// How many slots the stack may hold.
    pub fn limit(&self) -> usize {
        self.limit.into()
    }
}

impl Caches {
    /// Makes the stack of a class, if it is not there.
    ///
    /// # Errors
    /// If there is no memory; nothing has changed then.
    #[allow(clippy::cast_possible_truncation, reason = "classes have at most `MOST` bytes, stacks `ROOM` slots")]
    pub fn reserve(&mut self, class: usize) -> Result<(), TryReserveError> {
        self.stacks.try_reserve_exact(CLASSES - self.stacks.len())?;
        let missing = self.stacks.len()..class + 1;
        self.stacks.extend(missing.map(|class| Stack {
            len: 0,
            limit: most(class, 0).min(FIRST) as u16,
            size: CLASS[class].size as u32,
            units: [0; PLACES],
        }));
        Ok(())
    }

    /// The stack of a class.
    #[inline]
    pub fn get_mut(&mut self, class: usize) -> Option<&mut Stack> {
        self.stacks.get_mut(class)
    }

    /// All stacks, by class.
    pub fn iter(&self) -> impl Iterator<Item = &Stack> {
        self.stacks.iter()
    }

    /// Bytes of all slots that wait, and their number. O(classes).
    pub fn waiting(&self) -> (u64, usize) {
        let add =
            |(bytes, slots), stack: &Stack| (bytes + stack.len() as u64 * u64::from(stack.size), slots + stack.len());
        self.iter().fold((0, 0), add)
    }

    /// The size of the largest slot that waits; 0 if none does.
    pub fn largest_slot(&self) -> u64 {
        self.iter().filter(|stack| stack.len > 0).map(|stack| stack.size.into()).max().unwrap_or(0)
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        self.stacks.capacity() * size_of::<Stack>()
    }
}
