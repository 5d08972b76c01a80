//! Where blocks were allocated and freed, with the option `trackAllocations`: for leaks and double frees.
//!
//! The binding captures the JavaScript stack before each call. Stacks repeat, so each is kept once. Of freed blocks the last
//! [`FREED`] are remembered.
//!
//! Costs: a stack takes ten microseconds to capture, and some hundred bytes a block: for debugging.

use crate::Error;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How many freed blocks are remembered.
const FREED: usize = 10_000;

/// Whether any heap of the process has ever tracked: as long as none has, no call need ask its heap.
pub(crate) static IN_USE: AtomicBool = AtomicBool::new(false);

/// A block that is not live any more.
#[derive(Debug)]
struct Past {
    allocated: Arc<str>,
    freed: Arc<str>,
    /// Tells it from an earlier one at the same address.
    serial: u64,
}

/// The stacks of one heap's blocks, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    stacks: HashSet<Arc<str>>,
    live: HashMap<u64, Arc<str>>,
    freed: HashMap<u64, Past>,
    /// The order in which they were freed.
    order: VecDeque<(u64, u64)>,
    serial: u64,
}

impl Tracker {
    /// The same stack as all others that are equal.
    fn shared(&mut self, stack: Arc<str>) -> Arc<str> {
        if let Some(kept) = self.stacks.get(&stack) {
            return Arc::clone(kept);
        }
        // Without memory it stays alone.
        if self.stacks.try_reserve(1).is_ok() {
            self.stacks.insert(Arc::clone(&stack));
        }
        stack
    }

    /// A block has been allocated. Without memory for the note it is forgotten.
    pub fn allocated(&mut self, address: u64, stack: Arc<str>) {
        if self.live.try_reserve(1).is_ok() {
            let stack = self.shared(stack);
            self.live.insert(address, stack);
        }
    }

    /// A block has been freed.
    pub fn freed(&mut self, address: u64, stack: Arc<str>) {
        let Some(allocated) = self.live.remove(&address) else { return };
        if self.freed.try_reserve(1).is_err() || self.order.try_reserve(1).is_err() {
            return;
        }
        let freed = self.shared(stack);
        self.serial += 1;
        self.freed.insert(address, Past { allocated, freed, serial: self.serial });
        self.order.push_back((address, self.serial));
        if self.order.len() > FREED
            && let Some((oldest, serial)) = self.order.pop_front()
            && self.freed.get(&oldest).is_some_and(|freed| freed.serial == serial)
        {
            self.freed.remove(&oldest);
        }
    }

    /// Nothing is known of the block at an address any more.
    pub fn forget(&mut self, address: u64) {
        self.live.remove(&address);
        // Its place in the order stays, and names nothing.
        self.freed.remove(&address);
    }

    /// Where the live block at an address was allocated.
    pub fn stack(&self, address: u64) -> Option<&Arc<str>> {
        self.live.get(&address)
    }

    /// An error with what is known of the block at its address.
    pub fn explain(&self, error: Error) -> Error {
        let Error::NotAllocated { address, .. } = error else { return error };
        match self.freed.get(&address) {
            Some(Past { allocated, freed, .. }) => {
                Error::FreedBefore { address, allocated: allocated.to_string(), freed: freed.to_string() }
            }
            None => error,
        }
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
    fn the_last_life_of_an_address_is_told() {
        let mut tracker = Tracker::default();
        for life in ["a", "b"] {
            tracker.allocated(1000, life.into());
            assert_eq!(tracker.stack(1000).map(|stack| &**stack), Some(life));
            tracker.freed(1000, format!("{life} freed").as_str().into());
        }
        assert_eq!(explained(&tracker, 1000), Some(("b".to_owned(), "b freed".to_owned())));
        assert_eq!(explained(&tracker, 1001), None);
        assert_eq!(tracker.stack(1000), None);
    }

    #[test]
    fn what_is_forgotten_is_not_told() {
        let mut tracker = Tracker::default();
        tracker.allocated(1000, "a".into());
        tracker.freed(1000, "b".into());
        tracker.allocated(1000, "c".into());
        tracker.forget(1000);
        assert_eq!(tracker.stack(1000), None);
        tracker.freed(1000, "d".into());
        assert_eq!(explained(&tracker, 1000), None);
    }

    #[test]
    fn only_the_latest_frees_are_remembered() {
        let mut tracker = Tracker::default();
        for address in 0..FREED as u64 + 5 {
            tracker.allocated(address, "same".into());
            tracker.freed(address, "same".into());
        }
        assert_eq!(explained(&tracker, 4), None);
        assert!(explained(&tracker, 5).is_some());
        assert_eq!((tracker.freed.len(), tracker.order.len(), tracker.stacks.len()), (FREED, FREED, 1));
    }
}
