//! The address space of the process, and how much of it heaps may reserve.
//!
//! A process has far more address space than memory, and still it can run out of it: a heap that reserves a terabyte may be one
//! of thousands, a limit may be set (`ulimit -v`), and a JavaScript engine ends the process if it gets none. So what the
//! system grants is measured once, before the first region, and a part of it is the headroom: it stays free for the engine,
//! WebAssembly and threads, however many heaps there are. The rest is the budget. A new region may have a share of it that
//! shrinks with the number of regions there are: the n-th has `1 / (16 (n + 4))`, so that the sum over 65,536 of them is
//! less than two thirds, and the 20,000th still gets 150 MiB of 64 TiB, which processes have in one piece where addresses have 47 bits.
//!
//! Linux also limits how many mappings a process has, and the engine ends the process there, too. Heaps have three quarters
//! of them at most.
//!
//! Invariant: the counters equal what the living [`Mapping`](super::Mapping)s have mapped, and their number.
//!
//! Costs: measuring takes some forty system calls, once: 80 µs in a process of Node; computing a share takes none.

use super::system;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of address space in living mappings.
static RESERVED: AtomicUsize = AtomicUsize::new(0);

/// Number of mappings as the system counts them: several may belong to one [`Mapping`](super::Mapping).
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

/// More than the memory of any machine. With less address space than this it is scarce, because of a limit or of the kernel;
/// with more it is plentiful.
const PLENTY: usize = 1 << 40;

/// What an engine needs to continue where address space is scarce: its heap, which has a limit of 2 to 4 GiB, and the heaps of
/// the C library, 64 MiB reserved for each thread.
const NEEDED: usize = 4 << 30;

/// How much address space there is, measured once.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes for heaps.
    bytes: usize,
    /// Bytes that stay free.
    headroom: usize,
    /// Most mappings of heaps.
    most_mappings: usize,
}

/// The budget of the process.
pub(super) fn budget() -> &'static Budget {
    static BUDGET: OnceLock<Budget> = OnceLock::new();
    BUDGET.get_or_init(|| Budget::new(system::granted(PLENTY), system::most_mappings()))
}

impl Budget {
    /// The budget if the system grants `granted` bytes and allows `mappings` mappings.
    const fn new(granted: usize, mappings: usize) -> Self {
        let headroom = if granted >= PLENTY {
            granted / 4
        } else if granted / 8 > NEEDED {
            granted / 8
        } else if granted / 2 < NEEDED {
            granted / 2
        } else {
            NEEDED
        };
        Self { bytes: granted - headroom, headroom, most_mappings: mappings / 4 * 3 }
    }

    /// Bytes that are to stay free in one piece when a region has been made.
    pub const fn headroom(&self) -> usize {
        self.headroom
    }

    /// The length that a new region should have at most.
    pub fn share(&self) -> usize {
        self.share_beside(MAPPINGS.load(Ordering::Relaxed), RESERVED.load(Ordering::Relaxed))
    }

    /// The length of a new region beside `mappings` others that have `reserved` bytes in sum, at most.
    const fn share_beside(&self, mappings: usize, reserved: usize) -> usize {
        let share = self.bytes / 16 / (mappings + 4);
        // A heap that has grown large leaves less than its number says.
        let left = self.bytes.saturating_sub(reserved) / 4;
        if share < left { share } else { left }
    }

    /// The most mappings that heaps may have, if they have that many now; else `None`.
    pub fn mappings_used_up(&self) -> Option<usize> {
        self.used_up_by(MAPPINGS.load(Ordering::Relaxed))
    }

    /// Whether heaps may reserve `bytes` more.
    pub fn has_left(&self, bytes: usize) -> bool {
        bytes <= self.bytes.saturating_sub(RESERVED.load(Ordering::Relaxed))
    }

    /// Whether there are so few mappings that heaps may have some beside those of their regions.
    pub fn has_mappings_to_spare(&self) -> bool {
        MAPPINGS.load(Ordering::Relaxed) < self.most_mappings / 3
    }

    fn used_up_by(&self, mappings: usize) -> Option<usize> {
        (mappings >= self.most_mappings).then_some(self.most_mappings)
    }
}

/// Counts new mappings, or the growth of one.
pub(super) fn took(bytes: usize, mappings: usize) {
    RESERVED.fetch_add(bytes, Ordering::Relaxed);
    MAPPINGS.fetch_add(mappings, Ordering::Relaxed);
}

/// Uncounts mappings that are gone.
pub(super) fn gave_back(bytes: usize, mappings: usize) {
    RESERVED.fetch_sub(bytes, Ordering::Relaxed);
    MAPPINGS.fetch_sub(mappings, Ordering::Relaxed);
}

/// Address space, in bytes, that all living heaps of the process have reserved, and the number of mappings that it is in.
#[must_use]
pub fn reserved() -> (usize, usize) {
    (RESERVED.load(Ordering::Relaxed), MAPPINGS.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: usize = 1 << 30;

    #[test]
    fn the_headroom_is_what_an_engine_needs_or_a_good_part() {
        for (granted, headroom) in [
            (GIB, GIB / 2),
            (6 * GIB, 3 * GIB),
            (8 * GIB, 4 * GIB),
            (30 * GIB, 4 * GIB),
            (64 * GIB, 8 * GIB),
            (512 * GIB, 64 * GIB),
            (64 << 40, 16 << 40),
        ] {
            assert_eq!(Budget::new(granted, 0).headroom(), headroom, "of {granted}");
        }
        // A process that has nothing left.
        assert_eq!(Budget::new(0, 0).share_beside(0, 0), 0);
    }

    #[test]
    fn the_shares_of_all_heaps_fit_the_budget() {
        for granted in [GIB, 30 * GIB, 512 * GIB, 64 << 40] {
            let budget = Budget::new(granted, 65_530);
            let mut reserved = 0;
            for mappings in 0..65_536 {
                let share = budget.share_beside(mappings, reserved);
                assert!(share > 0, "{mappings} of {granted}");
                reserved += share;
            }
            assert!(reserved <= budget.bytes / 3 * 2, "{reserved} of {}", budget.bytes);
        }
        let whole = Budget::new(64 << 40, 65_530);
        assert!(whole.share_beside(0, 0) > 512 << 30, "the first heap has more than any machine has memory");
        assert!(whole.share_beside(20_000, whole.bytes / 2) > 150 << 20);
    }

    #[test]
    fn the_engine_keeps_a_quarter_of_the_mappings() {
        let budget = Budget::new(64 << 40, 65_530);
        assert_eq!(budget.used_up_by(49_145), None);
        assert_eq!(budget.used_up_by(49_146), Some(49_146));
        assert_eq!(Budget::new(64 << 40, usize::MAX).used_up_by(1 << 40), None, "where there is no limit");
    }

    #[test]
    fn a_heap_that_has_grown_leaves_others_a_part() {
        let budget = Budget::new(8 * GIB, 65_530);
        assert!(budget.share_beside(3, budget.bytes - 64) <= 16);
        assert_eq!(budget.share_beside(3, budget.bytes + 64), 0);
    }
}
