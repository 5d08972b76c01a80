//! Where blocks were allocated and freed, with the option `trackAllocations`: for leaks and double frees.
//!
//! The binding captures the JavaScript stack before each call. Stacks repeat, so each is kept once (`texts.rs`), as long as a
//! live block or a remembered freed one has it. Of freed blocks the last [`FREED`] are remembered.
//!
//! Invariants: each entry of `live` is one use of its stack, and each entry of `freed` one use of each of its two. If there is no
//! memory for a note, nothing is known of the block, and no call fails.
//!
//! Costs: microseconds to capture a stack, and some 20 bytes for each block beside the texts. It is for debugging.

mod texts;

pub use self::texts::Stack;
use self::texts::{StackId, Stacks, table_bytes};
use crate::error::Error;
use crate::heap::Kind;
use crate::mems::{Block, Mems};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicBool;

/// How many freed blocks are remembered.
const FREED: usize = 10_000;

/// Whether any heap of the process has ever tracked allocations: until one has, calls need not ask their heap.
pub(crate) static IN_USE: AtomicBool = AtomicBool::new(false);

/// A block that is not live any more.
#[derive(Debug)]
struct Past {
    allocated: StackId,
    freed: StackId,
    /// Distinguishes the block from an earlier one at the same address.
    serial: u64,
}

/// The stacks of one heap's blocks, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    stacks: Stacks,
    live: HashMap<u64, StackId>,
    freed: HashMap<u64, Past>,
    /// The addresses and serial numbers of remembered blocks, in the order in which they were freed.
    order: VecDeque<(u64, u64)>,
    serial: u64,
    peak: usize,
}

impl Tracker {
    /// Notes that a block was allocated.
    pub fn allocated(&mut self, address: u64, stack: &Stack) {
        if self.live.try_reserve(1).is_ok()
            && let Some(stack) = self.stacks.begin_use(stack)
            && let Some(old) = self.live.insert(address, stack)
        {
            self.stacks.end_use(old);
        }
        self.note_peak();
    }

    /// Notes that a block was freed.
    pub fn freed(&mut self, address: u64, stack: &Stack) {
        let Some(allocated) = self.live.remove(&address) else { return };
        if self.freed.try_reserve(1).is_err() || self.order.try_reserve(1).is_err() {
            return self.stacks.end_use(allocated);
        }
        let Some(freed) = self.stacks.begin_use(stack) else { return self.stacks.end_use(allocated) };
        self.serial += 1;
        let before = self.freed.insert(address, Past { allocated, freed, serial: self.serial });
        self.let_go(before.as_ref());
        self.order.push_back((address, self.serial));
        if self.order.len() > FREED
            && let Some((oldest, serial)) = self.order.pop_front()
            && self.freed.get(&oldest).is_some_and(|freed| freed.serial == serial)
        {
            let oldest = self.freed.remove(&oldest);
            self.let_go(oldest.as_ref());
        }
        self.note_peak();
    }

    /// Forgets what is known of the block at an address.
    pub fn forget(&mut self, address: u64) {
        if let Some(stack) = self.live.remove(&address) {
            self.stacks.end_use(stack);
        }
        // The block's entry in `order` stays, and names no block any more.
        let before = self.freed.remove(&address);
        self.let_go(before.as_ref());
    }

    /// Ends the uses of a block that is not remembered any more.
    fn let_go(&mut self, past: Option<&Past>) {
        if let Some(&Past { allocated, freed, .. }) = past {
            self.stacks.end_use(allocated);
            self.stacks.end_use(freed);
        }
    }

    /// Where the live block at an address was allocated.
    pub fn stack(&self, address: u64) -> Option<&Stack> {
        self.live.get(&address).map(|&stack| self.stacks.stack(stack))
    }

    /// Bytes of memory that the notes take.
    pub fn bytes(&self) -> usize {
        let tables =
            table_bytes::<(u64, StackId)>(self.live.capacity()) + table_bytes::<(u64, Past)>(self.freed.capacity());
        self.stacks.bytes() + tables + self.order.capacity() * size_of::<(u64, u64)>()
    }

    /// High-water mark of [`Tracker::bytes`].
    pub const fn peak_bytes(&self) -> usize {
        self.peak
    }

    fn note_peak(&mut self) {
        self.peak = self.peak.max(self.bytes());
    }

    /// `error`, with what is known of the block at its address.
    pub fn explain(&self, error: Error) -> Error {
        let Error::NotAllocated { address, .. } = error else { return error };
        match self.freed.get(&address) {
            Some(&Past { allocated, freed, .. }) => {
                let [allocated, freed] = [allocated, freed].map(|stack| self.stacks.stack(stack).to_string());
                Error::FreedBefore { address, allocated, freed }
            }
            None => error,
        }
    }
}

impl Mems {
    /// Calls `visit` for the live blocks that start among the next `most` segments from `address`. Returns the address to continue
    /// at; `None` at the end. O(log n), and O(1) for each segment.
    pub fn visit_live(&self, address: u64, most: usize, mut visit: impl FnMut(Block)) -> Option<u64> {
        for (passed, segment) in self.heap().segments(address).enumerate() {
            if passed == most {
                return Some(segment.start);
            }
            // The first segment may have started before the address.
            if segment.kind == Kind::Live
                && segment.start >= address
                // Hidden blocks are left out.
                && let Some(block) = self.block_in(segment.addresses(), segment.start)
            {
                visit(block);
            }
        }
        None
    }

    /// Where the live block that starts at `address` was allocated, if anything is known of that. O(1).
    #[must_use]
    pub fn stack_of(&self, address: u64) -> Option<&Stack> {
        // An empty stack says no more than none.
        self.tracker.stack(address).filter(|stack| !stack.is_empty())
    }
}

impl Mems {
    /// Notes where a block was allocated, or resized, in the call before.
    pub fn track_malloc(&mut self, address: u64, stack: &Stack) {
        self.record_stack(stack);
        if self.options().track_allocations() {
            self.tracker.allocated(address, stack);
        }
    }

    /// Notes where a block was freed, in the call before.
    pub fn track_free(&mut self, address: u64, stack: &Stack) {
        self.record_stack(stack);
        if self.options().track_allocations() {
            self.tracker.freed(address, stack);
        }
    }

    /// Whether stacks are to be captured, for notes of them or for a recording.
    #[must_use]
    #[inline]
    pub const fn captures_stacks(&self) -> bool {
        self.captures
    }

    /// Forgets where a block was allocated and freed, when a call that captures no stack allocates or frees it.
    pub fn forget_stacks(&mut self, address: u64) {
        if self.options().track_allocations() {
            self.tracker.forget(address);
        }
    }

    /// `error`, with what is known of the block at its address.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        self.tracker.explain(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(tracker: &Tracker, address: u64) -> Option<(String, String)> {
        match tracker.explain(Error::NotAllocated { address, start: address, end: address + 1 }) {
            Error::FreedBefore { allocated, freed, .. } => Some((allocated, freed)),
            _ => None,
        }
    }

    #[test]
    fn the_last_block_at_an_address_is_reported() {
        let mut tracker = Tracker::default();
        for life in ["a", "b"] {
            tracker.allocated(1000, &life.into());
            assert_eq!(tracker.stack(1000).map(|stack| &**stack), Some(life));
            tracker.freed(1000, &format!("{life} freed").as_str().into());
        }
        assert_eq!(explained(&tracker, 1000), Some(("b".to_owned(), "b freed".to_owned())));
        assert_eq!(explained(&tracker, 1001), None);
        assert_eq!(tracker.stack(1000), None);
    }

    #[test]
    fn what_is_forgotten_is_not_reported() {
        let mut tracker = Tracker::default();
        tracker.allocated(1000, &"a".into());
        tracker.freed(1000, &"b".into());
        tracker.allocated(1000, &"c".into());
        tracker.forget(1000);
        assert_eq!(tracker.stack(1000), None);
        tracker.freed(1000, &"d".into());
        assert_eq!(explained(&tracker, 1000), None);
    }

    #[test]
    fn a_stack_is_dropped_with_the_last_block_that_has_it() {
        let mut tracker = Tracker::default();
        let own = |n: u64| Stack::from(format!("{n}: {}", "frame ".repeat(100)).as_str());
        for n in 0..4 * FREED as u64 {
            // Distinct stacks, at few addresses.
            tracker.allocated(n % 7, &own(2 * n));
            tracker.freed(n % 7, &own(2 * n + 1));
        }
        assert_eq!(tracker.stacks.len(), 2 * 7);
        for n in 0..7 {
            tracker.forget(n);
        }
        assert_eq!(tracker.stacks.len(), 0);
        // Distinct stacks, at as many addresses as there are blocks.
        for n in 0..2 * FREED as u64 {
            tracker.allocated(n, &own(2 * n));
            tracker.freed(n, &own(2 * n + 1));
        }
        assert_eq!(tracker.stacks.len(), 2 * FREED);
        let full = tracker.bytes();
        assert!(tracker.peak_bytes() >= full && full > 2 * FREED * 600, "{full}");
        for n in 0..2 * FREED as u64 {
            tracker.forget(n);
        }
        assert_eq!(tracker.stacks.len(), 0);
        assert!(tracker.bytes() < full / 5, "{} of {full}", tracker.bytes());
    }

    #[test]
    fn an_address_allocated_anew_has_its_new_stack_alone() {
        let mut tracker = Tracker::default();
        tracker.allocated(1000, &"a".into());
        tracker.allocated(1000, &"b".into());
        assert_eq!((tracker.stack(1000).map(|stack| &**stack), tracker.stacks.len()), (Some("b"), 1));
    }

    #[test]
    fn only_the_latest_frees_are_remembered() {
        let mut tracker = Tracker::default();
        for address in 0..FREED as u64 + 5 {
            tracker.allocated(address, &"same".into());
            tracker.freed(address, &"same".into());
        }
        assert_eq!(explained(&tracker, 4), None);
        assert!(explained(&tracker, 5).is_some());
        assert_eq!((tracker.freed.len(), tracker.order.len(), tracker.stacks.len()), (FREED, FREED, 1));
    }
}
