//! The seam: what an engine is. `engines.rs` has the table of them.
//!
//! An engine knows what is where, and where the next block goes. It deals in offsets, returns data and calls nothing above it.
//!
//! Invariants of every engine (`heap/verify.rs` checks them by walking): segments tile 0..end, none is empty; a block keeps its
//! start until it is freed; whatever fails has changed nothing. A free never fails for want of memory: what it will need is
//! reserved when the block is made.

use super::PAGE;
use super::segments::{Joined, Segment};
use std::collections::TryReserveError;
use std::ops::{Add, Range};

/// There is no memory for an engine's bookkeeping. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoMetadata;

impl From<TryReserveError> for NoMetadata {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// A block that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub start: u64,
    /// Bytes of the block, with what the engine has rounded its size up by.
    pub block: u64,
    /// Bytes that are counted as live: those of the block; in an engine that caches free slots, those of all slots that have left
    /// their span for this block.
    pub size: u64,
    /// How many more holes there are now; negative if there are fewer.
    pub holes: isize,
}

/// A block that was freed, or the end of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freed {
    /// Bytes that are not live any more, counted as by [`Taken::size`].
    pub size: u64,
    /// Start and end of what can be given back to the system: the freed bytes, or their whole span if no slot of it is live.
    pub pages: (u64, u64),
    /// Start and end of the hole that the freed bytes are part of now.
    pub hole: (u64, u64),
    /// How many more holes there are now; negative if there are fewer.
    pub holes: isize,
}

/// Pages that were appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    /// Start of the hole that the pages are part of.
    pub hole: u64,
    /// How many more main blocks there are.
    pub main_blocks: usize,
    /// How many more holes there are.
    pub holes: usize,
}

/// What was removed from the end of a heap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truncated {
    /// Bytes that were removed.
    pub bytes: u64,
    /// How many fewer main blocks there are.
    pub main_blocks: usize,
    /// How many fewer holes there are.
    pub holes: usize,
}

/// Free slots that were given back from caches to their spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Released {
    /// Bytes of the slots, counted as by [`Taken::size`].
    pub bytes: u64,
    /// How many more holes there are now; negative if there are fewer.
    pub holes: isize,
}

/// What is not in the counters: free slots that wait for requests, which are counted as live, and what fronts have done by themselves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waiting {
    /// Bytes of the slots.
    pub bytes: u64,
    /// Number of slots.
    pub slots: usize,
    /// How many blocks fronts have handed out.
    pub mallocs: u64,
    /// How many blocks fronts have freed.
    pub frees: u64,
    /// Bytes of all blocks that fronts have handed out.
    pub allocated: u64,
}

impl Add for Waiting {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            slots: self.slots + other.slots,
            mallocs: self.mallocs + other.mallocs,
            frees: self.frees.saturating_add(other.frees),
            allocated: self.allocated + other.allocated,
        }
    }
}

/// A block that was resized where it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resized {
    /// The block has as many bytes as before.
    Same,
    /// The end of the block was freed.
    Shrunk(Freed),
    /// The block has `bytes` more bytes, and there are `holes` more holes.
    Grown { bytes: u64, holes: isize },
}

/// The methods of an engine, which are handed to `$macro`: the contract is written once.
macro_rules! with_methods {
    ($macro:ident $given:tt) => {
        $macro! {
    $given;
    mut {
        /// Takes `size` bytes. `None`: no hole fits; a main block with room for [`Engine::room_for`] bytes has to be appended first.
        fn malloc(&mut self, size: u64) -> Result<Option<Taken>, NoMetadata>;
        /// Takes `size` bytes at a multiple of `alignment`, a power of two. If `hole` is given, they come from the hole that
        /// starts there, which has room. Returns `None` as [`Engine::malloc`] does.
        fn malloc_aligned(&mut self, size: u64, alignment: u64, hole: Option<u64>) -> Result<Option<Taken>, NoMetadata>;
        /// Undoes the last take, of the block at `start`.
        fn untake(&mut self, start: u64);
        /// Frees the live block that starts at `start`. `None`: no live block starts there, and nothing has changed.
        fn free(&mut self, start: u64) -> Option<Freed>;
        /// Resizes the live block that starts at `start` to `size` bytes without moving it. `None`: it has to move.
        fn resize(&mut self, start: u64, size: u64) -> Result<Option<Resized>, NoMetadata>;
        /// Splits the live block that starts at `start` into one of `size` bytes, fewer than it has, and a second live block.
        /// Returns `false`, with nothing changed, in engines whose blocks cannot be split.
        fn split(&mut self, start: u64, size: u64) -> Result<bool, NoMetadata>;
        /// Joins the hole from `start` to `end`, if it is whole main blocks, with empty main blocks beside it.
        fn join_empty(&mut self, start: u64, end: u64) -> Option<Joined>;
        /// Makes room for the bookkeeping of main blocks up to `end`.
        fn reserve(&mut self, end: u64) -> Result<(), NoMetadata>;
        /// Appends `size` bytes, for which [`Engine::reserve`] has made room: a main block, or a longer end of the last one.
        fn append(&mut self, size: u64, region_start: bool) -> Appended;
        /// Removes what was appended last, if it is one hole, or the part of it above `end`.
        fn truncate(&mut self, end: u64) -> Option<Truncated>;
        /// Frees what is kept for later requests: spans without a live slot. `None`: nothing was kept.
        fn release_spare(&mut self) -> Option<Released>;
        /// Gives all cached slots back to their spans, and then does what [`Engine::release_spare`] does. `None`: nothing was kept.
        fn release_cached(&mut self) -> Option<Released>;
        /// Records that a note is kept of the block that starts at `start`, and has to be dropped when the block is freed. Returns
        /// `false` if no live block starts there.
        fn mark_noted(&mut self, start: u64) -> bool;
        /// The size of the largest hole.
        fn largest_hole(&mut self) -> u64;
        /// Calls `visit` with every hole of at least `least` bytes, 128 or more, that reaches into `range`, in order.
        fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>));
        /// Restores a [`Engine::position`], for a call that is being undone.
        fn go_to(&mut self, position: u64);
    }
    shared {
        /// Start and end of the live block that holds `offset`, which is below the end; `(0, 0)` in a hole. Hot: both are returned
        /// in registers.
        fn location_of(&self, offset: u64) -> (u64, u64);
        /// Whether a live block holds `offset`, which is below the end. Cheaper than [`Engine::location_of`], as the block's end
        /// is not looked for.
        fn is_live(&self, offset: u64) -> bool;
        /// The free slots that wait for requests, which [`Taken::size`] has counted as live, and what fronts have done.
        fn waiting(&self) -> Waiting;
        /// What changes with each call that a front does by itself. `None`: a front is in the middle of one, or it cannot be known.
        fn activity(&self) -> Option<(u64, u64)>;
        /// Whether a live block starts at `start`.
        fn is_live_start(&self, start: u64) -> bool;
        /// The segment that holds `offset`, which is below the end.
        fn segment_at(&self, offset: u64) -> Segment;
        /// The first start of a main block at or after `offset`, a page's start; the end if there is none.
        fn next_border(&self, offset: u64) -> u64;
        /// The last start of a main block before `offset`, a page's start.
        fn previous_border(&self, offset: u64) -> Option<u64>;
        /// The start of the last main block if it is wholly free and may grow.
        fn growing_block(&self) -> Option<u64>;
        /// How many bytes of the live block that starts at `start` were not requested.
        fn padding(&self, start: u64) -> u64;
        /// The sum of [`Engine::padding`] over all live blocks.
        fn total_padding(&self) -> u64;
        /// The length of a hole that has room for `size` bytes at `alignment` wherever it starts.
        fn room_for(&self, size: u64, alignment: u64) -> u64;
        /// The length of a main block of at least `bytes`.
        fn main_block_of(&self, bytes: u64) -> u64;
        /// The length of the longest main block of at most `bytes`, whole pages.
        fn main_block_within(&self, bytes: u64) -> u64;
        /// Where main blocks grow with the heap, a new one is at least the heap's length divided by this.
        fn growth(&self) -> u64;
        /// The largest alignment of a block; `u64::MAX` if there is no limit.
        fn most_alignment(&self) -> u64;
        /// An upper bound of the largest hole that there has been among slots, in engines that cut pages into slots; else 0.
        fn peak_slot(&self) -> u64;
        /// The offset after the highest page that has ever been cut into slots, in engines that do that; else 0.
        fn slots_end(&self) -> u64;
        /// The offset after the last main block.
        fn end(&self) -> u64;
        /// Where the next search begins, with policies that continue where their last search ended; else 0.
        fn position(&self) -> u64;
        /// Bytes of bookkeeping.
        fn bytes(&self) -> usize;
        /// High-water mark of [`Engine::bytes`].
        fn peak_bytes(&self) -> usize;
        /// Checks the engine's own invariants: only those that hold while fronts work, unless all is still.
        fn verify(&self, is_still: bool) -> Result<(), String>;
    }
}
    };
}
pub(super) use with_methods;

/// Makes the trait of engines.
macro_rules! contract {
    (
        ();
        mut { $($(#[$of_mut:meta])* fn $mut:ident(&mut $self_mut:ident $(, $arg:ident: $type:ty)*) $(-> $to:ty)?;)+ }
        shared { $($(#[$of_ref:meta])* fn $ref:ident(&$self_ref:ident $(, $arg_ref:ident: $type_ref:ty)*) -> $to_ref:ty;)+ }
    ) => {
        /// A way of placing blocks.
        pub(super) trait Engine {
            $($(#[$of_mut])* fn $mut(&mut self $(, $arg: $type)*) $(-> $to)?;)+
            $($(#[$of_ref])* fn $ref(&self $(, $arg_ref: $type_ref)*) -> $to_ref;)+
        }
    };
}

with_methods!(contract());

/// The methods of [`Engine`] that the map implements, for engines that keep their segments in a field `map`.
macro_rules! stand_on_map {
    () => {
        #[inline(always)]
        #[allow(clippy::inline_always, reason = "views wait for it")]
        fn location_of(&self, offset: u64) -> (u64, u64) {
            self.map.location_of(offset)
        }

        #[inline]
        fn is_live(&self, offset: u64) -> bool {
            !self.map.start_of(offset).1
        }

        #[inline]
        fn is_live_start(&self, start: u64) -> bool {
            self.map.is_live_start(start)
        }

        fn segment_at(&self, offset: u64) -> Segment {
            self.map.segment_at(offset)
        }

        fn next_border(&self, offset: u64) -> u64 {
            self.map.next_border(offset)
        }

        fn previous_border(&self, offset: u64) -> Option<u64> {
            self.map.previous_border(offset)
        }

        fn largest_hole(&mut self) -> u64 {
            self.map.largest_hole()
        }

        fn holes(&mut self, range: Range<u64>, least: u64, visit: &mut dyn FnMut(Range<u64>)) {
            self.map.holes(range, least, visit);
        }

        #[inline]
        fn end(&self) -> u64 {
            self.map.end()
        }
    };
}
pub(super) use stand_on_map;

/// The methods of [`Engine`] that are about slots, for engines that have none: nothing waits, and no note of a block has to be known.
macro_rules! have_no_slots {
    () => {
        fn mark_noted(&mut self, start: u64) -> bool {
            self.is_live_start(start)
        }

        fn activity(&self) -> Option<(u64, u64)> {
            Some((0, 0))
        }

        fn waiting(&self) -> $crate::heap::engine::Waiting {
            $crate::heap::engine::Waiting::default()
        }

        fn release_cached(&mut self) -> Option<$crate::heap::engine::Released> {
            None
        }

        fn release_spare(&mut self) -> Option<$crate::heap::engine::Released> {
            None
        }

        fn peak_slot(&self) -> u64 {
            0
        }

        fn slots_end(&self) -> u64 {
            0
        }
    };
}
pub(super) use have_no_slots;

/// The length of the longest run of whole pages of at most `bytes`.
pub(super) const fn whole_pages(bytes: u64) -> u64 {
    bytes / PAGE * PAGE
}
