//! **The table** of statistics, and marks: states of a heap's counters that can be restored.
//!
//! What JavaScript and C get is written from the table: `node/inspect.rs` makes an object of it, and C's `mems_stats` begins with
//! [`Stats`] as it lies in memory. The typings and the C header are compared with it by a test.
//!
//! To add a statistic, add a row **at the end** (C reads the fields by their places), and describe it in `index.d.ts` and
//! `include/mems.h`. What has to be counted as it happens is counted in `counters.rs`.

use super::Heap;
use super::address::address_of;
use super::counters::Counters;
use super::engine::{Engine, Waiting};
use super::engines::AnyEngine;
use std::ffi::CStr;

/// A group of JavaScript's statistics, which decides their unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Sizes now, in bytes.
    Bytes,
    /// Numbers of things now.
    Counts,
    /// High-water marks of sizes, in bytes.
    Peak,
    /// Successful calls: how many, and their bytes.
    Totals,
    /// How often something rare has happened.
    Events,
}

impl Group {
    /// All groups, in JavaScript's order.
    pub const ALL: [Self; 5] = [Self::Bytes, Self::Counts, Self::Peak, Self::Totals, Self::Events];

    /// The name, as JavaScript has it.
    #[must_use]
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Bytes => c"bytes",
            Self::Counts => c"counts",
            Self::Peak => c"peak",
            Self::Totals => c"totals",
            Self::Events => c"events",
        }
    }
}

/// A row of the table: a statistic as JavaScript has it.
#[derive(Debug)]
pub struct Statistic {
    /// The group that it is in.
    pub group: Group,
    /// The statistic's name in the group.
    pub name: &'static CStr,
    /// The statistic's value.
    pub of: fn(&Stats) -> u64,
}

/// Makes [`Stats`] from the table's rows. Each row says what the statistic means, its name in Rust and C, where its value comes
/// from, and its group and name in JavaScript.
macro_rules! stats {
    (
        ($counters:ident, $waiting:ident, $engine:ident);
        $($(#[doc = $doc:literal])+ $field:ident = $value:expr => $group:ident.$name:ident;)+
    ) => {
        /// Statistics of a heap at one moment. Sizes are bytes.
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Stats {
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Stats {
            /// The rows of the table, in the order of the fields.
            pub const ALL: &[Statistic] = &[$(
                Statistic {
                    group: Group::$group,
                    name: match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => panic!("a name has no zero in it"),
                    },
                    of: |stats| stats.$field,
                },
            )+];

            /// The statistics of a heap.
            fn new($counters: &Counters, $waiting: &Waiting, $engine: &mut AnyEngine) -> Self {
                Self { $($field: $value,)+ }
            }
        }
    };
}

stats! {
    (counters, waiting, engine);
    /// Bytes in main blocks.
    mapped = counters.mapped => Bytes.mapped;
    /// Bytes in live blocks.
    live = counters.live_without(waiting) => Bytes.live;
    /// Bytes in live blocks that were asked for; the rest is what sizes were rounded up by.
    requested = counters.live_without(waiting).saturating_sub(engine.total_padding()) => Bytes.requested;
    /// Bytes in holes.
    hole_bytes = counters.mapped - counters.live_without(waiting) => Bytes.holes;
    /// The largest hole; 0 if there is none.
    largest_hole = engine.largest_hole() => Bytes.largestHole;
    /// Bytes the heap's own bookkeeping has allocated, outside the mapped ones.
    metadata = engine.bytes() as u64 => Bytes.metadata;
    /// Number of main blocks.
    main_blocks = counters.main_blocks as u64 => Counts.mainBlocks;
    /// Number of live blocks.
    live_blocks = counters.mallocs_with(waiting) - counters.frees_with(waiting) => Counts.live;
    /// Number of holes.
    holes = (counters.holes + waiting.slots) as u64 => Counts.holes;
    /// High-water mark of `mapped`. Main blocks are never given back before the heap ends, so it equals `mapped`.
    peak_mapped = counters.mapped => Peak.mapped;
    /// High-water mark of `live` and `quarantined` together.
    peak_live = counters.peak_live => Peak.live;
    /// High-water mark of `hole_bytes` after any call.
    peak_hole_bytes = counters.peak_hole_bytes.max(counters.mapped - counters.live_without(waiting)) => Peak.holes;
    /// High-water mark of `largest_hole` after any call.
    peak_largest_hole = counters.peak_largest_hole.max(engine.peak_slot()) => Peak.largestHole;
    /// High-water mark of `metadata`.
    peak_metadata = engine.peak_bytes() as u64 => Peak.metadata;
    /// Successful calls of `malloc`.
    mallocs = counters.mallocs_with(waiting) => Totals.malloc;
    /// Successful calls of `free`.
    frees = counters.frees_with(waiting) => Totals.free;
    /// Bytes in blocks that are freed but kept from being handed out again for a while: neither live nor holes.
    quarantined = 0 => Bytes.quarantined;
    /// Number of blocks that `quarantined` counts.
    quarantined_blocks = 0 => Counts.quarantined;
    /// How often main blocks have been appended, or the last one has grown.
    grows = counters.grows => Events.grow;
    /// How often free pages have been given back to the system.
    trims = 0 => Events.trim;
    /// Requests for a block, or for another size of one, that were refused for want of memory.
    failed_mallocs = 0 => Events.outOfMemory;
    /// Bytes of all blocks that were ever allocated, counted as `live` counts them, and what blocks have grown by where they are.
    /// Less `live` and `quarantined`, the bytes that were freed.
    allocated = counters.allocated_with(waiting) => Totals.allocatedBytes;
}

/// A state of a heap's counters that [`Heap::restore`] restores.
#[derive(Debug)]
pub struct Mark {
    counters: Counters,
    /// Where the policy's next search would have begun.
    position: u64,
}

impl Mark {
    /// The address after the last main block at that moment.
    #[must_use]
    pub const fn end(&self) -> u64 {
        address_of(self.counters.mapped)
    }
}

impl Heap {
    /// How often main blocks have been appended, or the last one has grown.
    #[must_use]
    pub const fn grows(&self) -> u64 {
        self.counters.grows
    }

    /// The counters of this moment.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { counters: self.counters.clone(), position: self.engine.position() }
    }

    /// Whether the live blocks are those of the moment of `mark`, except for what fronts have made and freed, and only the caller has
    /// changed anything else since: it has forgotten `own` pairs ([`Heap::forget_pair`]), and main blocks may have been added.
    #[must_use]
    pub const fn is_as_at(&self, mark: &Mark, own: u64) -> bool {
        let (now, then) = (&self.counters, &mark.counters);
        // Totals that another caller has raised and lowered again would look the same.
        let alone = now.forgotten == then.forgotten + own;
        alone && now.mallocs == then.mallocs && now.frees == then.frees && now.resizes == then.resizes
    }

    /// Takes one `malloc` and one `free` out of the totals: a call has failed, and freed what it had allocated, a block of `bytes`
    /// bytes with what its size was rounded up by.
    pub fn forget_pair(&mut self, bytes: u64) {
        self.counters.forget_pair(bytes);
    }

    /// Restores the counters of `mark`, whose segments have been restored: totals and high-water marks forget what was undone.
    pub fn restore(&mut self, mark: &Mark) {
        // `forgotten` only ever grows, which shows other callers with marks that something has changed. `live` and `holes` stay as
        // they are: an engine may keep spans and slots that it has made or cached meanwhile, or have given some back.
        let Counters { forgotten, live, holes, allocated, .. } = self.counters;
        debug_assert_eq!(allocated, mark.counters.allocated, "what was taken back is not counted as allocated");
        // Other threads' fronts may have been lent slots.
        let peak_live = mark.counters.peak_live.max(live);
        self.counters = Counters { live, peak_live, holes, forgotten, ..mark.counters.clone() };
        self.counters.record_hole(self.engine.largest_hole());
        self.engine.go_to(mark.position);
        self.debug_verify();
    }

    /// Statistics of this moment. Amortized O(log n): the largest hole is looked up.
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        // Once, so that all statistics are of one moment, also where other threads have fronts.
        let waiting = self.engine.waiting();
        Stats::new(&self.counters, &waiting, &mut self.engine)
    }
}
