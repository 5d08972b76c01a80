//! A whole heap: addresses from [`Heap`], pages behind them from [`Regions`].
//!
//! - `block.rs`: finding blocks and reaching their bytes; aligned and cleared ones. `realloc.rs`, `batch.rs`: what their names
//!   say. `aligned.rs` and `padding.rs`: what is noted of a block beside its addresses.
//! - `steps.rs`: calls in steps, so that no other thread waits long; `access.rs`: how they get at the heap. `hidden.rs`: blocks
//!   that are neither live nor free meanwhile.
//! - `purge.rs`: free pages, and when they are given back to the system. `events.rs`: what rarely happens, for those who run programs.
//! - `holes.rs`: what holes are worth to a request.
//! - `recorder/`: what calls do, written to a file.
//! - `hardened.rs`: the canaries and the quarantine of hardened heaps. `stacks/`: where blocks were allocated and freed.

pub(crate) mod access;
mod aligned;
pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod events;
pub(crate) mod front;
mod hardened;
mod hidden;
pub(crate) mod holes;
mod options;
mod padding;
pub(crate) mod purge;
pub(crate) mod realloc;
pub(crate) mod recorder;
pub(crate) mod stacks;
pub(crate) mod steps;

use block::Sizes;
pub use block::{Block, Place};
pub use options::{Access, Choice, Options, Setting};
pub use realloc::Realloc;
pub use recorder::Recorded;
pub use stacks::Stack;

use self::aligned::Aligned;
use self::events::Events;
use self::front::Known;
use self::hardened::{CANARY, Written, is_large};
use self::hidden::Hidden;
use self::padding::Padding;
use self::purge::{DirtyPages, LEAST};
use self::recorder::{Recorder, Stopped};
use self::stacks::{IN_USE, Tracker};
use self::steps::Left;
use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Heap, PAGE, PolicyKind, Stats, is_size};
use crate::memory::{Mapping, Regions, Span, Tables, tables};
use crate::table::{AtomicU32, Table};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A heap with memory behind its addresses. Dropping it gives all memory back (see [`Regions`] for buffers that live on).
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is what a call asks first, said once instead of by several options"
)]
pub struct Mems {
    options: Options,
    pub(crate) heap: Heap,
    pub(crate) regions: Regions,
    /// Whether no option and no note of an alignment asks for more than the heap's own work at each call.
    simple: bool,
    /// Whether a heap that is `simple` does not record either.
    pub(crate) plain: bool,
    /// Whether most calls find, or leave, a cached slot, and have nothing else to do. (Of blocks with notes the states say so.)
    cached: bool,
    pub(crate) aligned: Aligned,
    /// Whether freed blocks are cleared, go into quarantine, or are recorded.
    careful: bool,
    /// Whether what is live to the heap below is a block, and as long as what was asked for.
    pub(crate) exact: bool,
    /// Whether what is live to the heap below may be hidden, or have a canary.
    pub(crate) guarded: bool,
    pub(crate) dirty: DirtyPages,
    pub(crate) padding: Padding,
    /// The address after the highest byte that was ever handed out: above it all memory is zero.
    pub(crate) used_end: u64,
    pub(crate) hidden: Hidden,
    /// A write to a freed block that has not been reported yet.
    pub(crate) written: Cell<Option<Written>>,
    pub(crate) tracker: Tracker,
    /// Whether the tracker, or the recorder, wants to know where calls are.
    captures: bool,
    /// What records what calls do.
    recorder: Option<Box<Recorder>>,
    /// A recording whose end is to be written, when the heap has ended.
    stopped: Option<Box<Stopped>>,
    /// The tables that the engine was given, once it is no longer small or there is a front.
    tables: Option<EngineTables>,
    /// Who may use the heap.
    known: Known,
    events: Events,
}

/// A new block, and whether the heap may have grown for it.
#[cfg(feature = "node")]
#[derive(Debug)]
pub(crate) enum Made {
    /// The address of a block in a hole that was there.
    InPlace(u64),
    /// The address of a block that no hole was large enough for.
    WithGrowth(u64),
}

/// Tables of an engine, in memory that JavaScript can be shown.
#[derive(Debug)]
struct EngineTables {
    mapping: Arc<Mapping>,
    /// The words of the first front, until there is one.
    words: Option<Table<AtomicU32>>,
}

impl Mems {
    /// An empty heap. Nothing is reserved before the first `malloc`.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self::with_reservation(options, 0)
    }

    /// A heap whose regions are reserved `bytes` at a time, or fewer where the system likes fewer, for programs with many
    /// heaps; 0: as the system likes it.
    #[must_use]
    pub fn with_reservation(options: Options, bytes: usize) -> Self {
        if options.track_allocations() {
            IN_USE.store(true, Ordering::Relaxed);
        }
        Self {
            options,
            heap: Heap::new(*options.placement()),
            simple: options.is_plain(),
            plain: options.is_plain(),
            cached: options.is_plain() && options.placement().policy() == PolicyKind::Segregated,
            aligned: Aligned::default(),
            careful: options.hardened() || options.zero_on_free(),
            exact: options.placement().is_exact(),
            guarded: options.hardened(),
            regions: Regions::with_reservation(FIRST_ADDRESS, bytes)
                .with_most(options.max_size() / PAGE * PAGE)
                .with_dont_fork(options.dont_fork()),
            dirty: DirtyPages::default(),
            padding: Padding::default(),
            used_end: FIRST_ADDRESS,
            hidden: Hidden::default(),
            written: Cell::new(None),
            tracker: Tracker::default(),
            captures: options.track_allocations(),
            recorder: None,
            stopped: None,
            tables: None,
            known: Known::Published,
            events: Events::default(),
        }
    }

    /// Allocates `size` bytes and returns their virtual address. Amortized O(log n); a system call only where a new
    /// region is reserved.
    ///
    /// A hardened heap that is full is refused more though blocks wait in quarantine: `steps::allocate` lets them go first.
    ///
    /// # Errors
    /// [`Error::InvalidSize`], [`Error::OutOfMemory`], [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn malloc(&mut self, size: u64) -> Result<u64, Error> {
        if self.cached
            && let Some(address) = self.heap.malloc_at_hand(size)
        {
            return Ok(address);
        }
        if self.plain {
            return self.malloc_plainly(size);
        }
        let made = self.malloc_unrecorded(size);
        self.record_malloc(&made, size, 1);
        made
    }

    /// [`Mems::malloc`] in a heap whose calls have nothing else to do than the heap's own work, without a record.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "most calls of malloc do this")]
    fn malloc_plainly(&mut self, size: u64) -> Result<u64, Error> {
        let address = match self.heap.malloc(size)? {
            Some(address) => address,
            None => self.allocate_in_new_block(Sizes::exact(size), 1)?,
        };
        self.note_plainly(address, size);
        Ok(address)
    }

    /// Takes note of a new block of `size` bytes in such a heap.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `malloc_plainly`")]
    fn note_plainly(&mut self, address: u64, size: u64) {
        // With what the engine may have rounded it up by.
        let end = address + if self.exact { size } else { self.heap.room_for(size, 1) };
        self.used_end = self.used_end.max(end);
        if size >= LEAST {
            self.dirty.note_use(address, end);
        }
    }

    /// [`Mems::malloc`], for callers that want to know whether the heap has grown. Where it has not, this does no more.
    ///
    /// # Errors
    /// The errors of [`Mems::malloc`].
    #[cfg(feature = "node")]
    #[inline]
    pub(crate) fn malloc_with_growth(&mut self, size: u64) -> Result<Made, Error> {
        if self.cached
            && let Some(address) = self.heap.malloc_at_hand(size)
        {
            return Ok(Made::InPlace(address));
        }
        if self.plain {
            if let Some(address) = self.heap.malloc(size)? {
                self.note_plainly(address, size);
                return Ok(Made::InPlace(address));
            }
            let address = self.allocate_in_new_block(Sizes::exact(size), 1)?;
            self.note_plainly(address, size);
            return Ok(Made::WithGrowth(address));
        }
        let before = self.heap.grows();
        let address = self.malloc(size)?;
        Ok(if self.heap.grows() == before { Made::InPlace(address) } else { Made::WithGrowth(address) })
    }

    /// [`Mems::malloc`] in any heap, without a record.
    fn malloc_with_notes(&mut self, size: u64) -> Result<u64, Error> {
        let sizes = self.sizes(size)?;
        let address = match self.heap.malloc_noted(sizes.whole, |address| self.padding.set(address, sizes.padding))? {
            Some(address) => address,
            None => self.allocate_in_new_block(sizes, 1)?,
        };
        self.note_made(address, sizes);
        Ok(address)
    }

    /// [`Mems::malloc`] without a record.
    pub(crate) fn malloc_unrecorded(&mut self, size: u64) -> Result<u64, Error> {
        if !self.options.is_plain() {
            return self.malloc_with_notes(size);
        }
        // A heap that records, or has notes of alignments: other calls have looked for a slot before.
        match self.heap.malloc_at_hand(size) {
            Some(address) => Ok(address),
            None if self.simple => self.malloc_plainly(size),
            None => self.malloc_with_notes(size),
        }
    }

    /// Decides again which ways calls may take, after what that depends on has changed.
    pub(crate) fn settle_ways(&mut self) {
        let (records, is_plain) = (self.is_recording(), self.options.is_plain());
        self.simple = is_plain && self.aligned.is_empty();
        self.plain = self.simple && !records;
        self.cached = is_plain && !records && self.options.placement().policy() == PolicyKind::Segregated;
        self.captures = self.options.track_allocations() || self.records_stacks();
        self.careful = self.options.hardened() || self.options.zero_on_free() || records;
    }

    /// Makes room for a block at `alignment`, and allocates it there.
    #[cold]
    pub(crate) fn allocate_in_new_block(&mut self, sizes: Sizes, alignment: u64) -> Result<u64, Error> {
        // Where the engine rounds sizes up it takes longer ones than a program may ask for. No hole is large enough for one.
        if !is_size(sizes.asked) {
            return Err(Error::InvalidSize { size: sizes.asked.to_string() });
        }
        if self.heap.release_spare() {
            let note = |address| self.padding.set(address, sizes.padding);
            if let Some(address) = self.heap.malloc_aligned(sizes.whole, alignment, note)? {
                return Ok(address);
            }
        }
        let before = self.heap.mark();
        match self.try_in_new_block(sizes, alignment) {
            Err(refused) => {
                self.empty_front();
                self.go_back(&before, 0);
                // What the front and the caches have just given back may be enough.
                let note = |address| self.padding.set(address, sizes.padding);
                self.heap.malloc_aligned(sizes.whole, alignment, note)?.ok_or(refused)
            }
            made => made,
        }
    }

    /// [`Mems::allocate_in_new_block`], which leaves the main block behind if it fails.
    fn try_in_new_block(&mut self, Sizes { asked, whole, padding }: Sizes, alignment: u64) -> Result<u64, Error> {
        let hole = self.append_block(self.heap.room_for(whole, alignment), asked)?;
        let note = |address| self.padding.set(address, padding);
        let address = self.heap.malloc_in_new_block(hole, whole, alignment, note)?;
        address.ok_or_else(|| Error::Corrupt(format!("{whole} bytes do not fit a new main block")))
    }

    /// Appends a main block with `needed` bytes of room, for a request of `size`, and returns the address of its hole. What can fail
    /// comes first, what changes something last.
    #[cold]
    fn append_block(&mut self, needed: u64, size: u64) -> Result<u64, Error> {
        let left = self.room_left();
        let bytes = self.heap.bytes_to_append(needed, left, |missing| self.regions.has_room(missing));
        let bytes = bytes.map_err(|block| {
            let available = left.max(self.heap.stats().largest_hole);
            Error::LimitReached { size, block, limit: self.options().max_size(), available }
        })?;
        let room = self.regions.find_room(bytes).map_err(|refused| {
            // A block below the least length of main blocks is no easier to have.
            let new_block = if refused.available < self.options().min_block_size() { 0 } else { refused.available };
            let available = new_block.max(self.heap.stats().largest_hole);
            match refused.most_mappings {
                None => Error::OutOfMemory { size, block: bytes, available },
                Some(most) => Error::TooManyMappings { size, most, available },
            }
        })?;
        // Before the bookkeeping is made, which must not stay without a main block. What is locked may: it is locked again.
        if self.options().lock() {
            self.regions.lock(&room).map_err(|limit| Error::LockLimit { bytes, limit })?;
        }
        if self.heap.needs_table(bytes) {
            self.make_tables(self.regions.first_bytes().unwrap_or(room.region_bytes()));
        }
        self.heap.reserve_block(bytes).map_err(|_| Error::OutOfMetadata { size })?;
        let border = room.begins_region();
        self.regions.carve(room);
        if border {
            self.heap.limit_fronts(self.regions.end_of_first());
        }
        self.events.grow(bytes);
        Ok(self.heap.append_block(bytes, border))
    }

    /// Makes the engine's tables, in a heap whose first region has `bytes`, if the engine takes any and there is room.
    #[cold]
    fn make_tables(&mut self, bytes: usize) {
        if let Some(bytes) = self.heap.takes_table(bytes as u64)
            && let Some(Tables { words, word, bytes, mapping }) = tables(bytes, self.options().dont_fork())
        {
            self.heap.set_table(bytes, word);
            self.tables = Some(EngineTables { mapping, words: Some(words) });
        }
    }

    /// Frees the block that starts at `address`. Amortized O(log n), and O(size) where it is cleared, or its pages are given back
    /// to the system.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; in a hardened heap [`Error::Overflow`] and
    /// [`Error::WriteAfterFree`]. Nothing has changed then.
    #[inline]
    pub fn free(&mut self, address: u64) -> Result<(), Error> {
        match self.start_free(address)? {
            Left::Nothing => Ok(()),
            left => steps::finish_free(self, address, left, |_| ()),
        }
    }

    /// The first step of `free`, and mostly the only one: `steps.rs` does what is left.
    ///
    /// # Errors
    /// The errors of [`Mems::free`].
    #[inline]
    pub(crate) fn start_free(&mut self, address: u64) -> Result<Left, Error> {
        if self.cached && self.heap.free_at_hand(address) {
            return Ok(Left::Nothing);
        }
        if self.careful { self.start_careful_free(address) } else { self.free_from(address) }
    }

    /// Frees a block to which nothing is to be done.
    pub(crate) fn free_from(&mut self, address: u64) -> Result<Left, Error> {
        self.free_with::<false>(address)
    }

    /// [`Mems::free_from`], which also records that, if `RECORDS`. (All of it in one function, so that what the heap returns is not
    /// handed from one to another.)
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the body of two functions")]
    fn free_with<const RECORDS: bool>(&mut self, address: u64) -> Result<Left, Error> {
        let freed = self.heap.free(address)?;
        let are_pages_due = if self.simple {
            // A hole of less than a page has none to give back.
            self.options().trim() && freed.hole.end - freed.hole.start >= PAGE && self.note_freed(&freed)
        } else {
            if !self.aligned.is_empty() {
                self.note_alignment(address, 1);
            }
            if self.options().rounding() > 1 {
                let padding = self.padding.get(address);
                self.padding.forget(padding);
            }
            self.note_freed(&freed)
        };
        if RECORDS {
            self.record_free(address);
        }
        Ok(if are_pages_due { Left::Pages } else { Left::Nothing })
    }

    /// Frees a block that is cleared, goes into quarantine or is recorded, unless that takes long.
    #[inline(never)]
    fn start_careful_free(&mut self, address: u64) -> Result<Left, Error> {
        if self.options.hardened() || self.options.zero_on_free() {
            return self.free_guarded(address);
        }
        if self.options.is_plain() && self.heap.free_at_hand(address) {
            self.record_free(address);
            return Ok(Left::Nothing);
        }
        self.free_with::<true>(address)
    }

    /// Frees a block that is cleared or goes into quarantine, unless that takes long. (A function of its own, so that the frees that are
    /// only recorded save no registers for it.)
    #[inline(never)]
    fn free_guarded(&mut self, address: u64) -> Result<Left, Error> {
        let left = if self.options.hardened() { self.free_hardened(address) } else { self.free_cleared(address) };
        if matches!(left, Ok(Left::Nothing | Left::Pages)) {
            self.record_free(address);
        }
        left
    }

    /// Frees a block that goes into quarantine, unless that takes long.
    fn free_hardened(&mut self, address: u64) -> Result<Left, Error> {
        Ok(match self.quarantine(address)? {
            false => Left::Block,
            // Others may have left quarantine for it.
            true if self.dirty.is_due() => Left::Pages,
            true => Left::Nothing,
        })
    }

    /// Frees a block that is cleared, unless it is long.
    fn free_cleared(&mut self, address: u64) -> Result<Left, Error> {
        let (_, whole) = self.starting(address)?;
        if is_large(whole) {
            return Ok(Left::Block);
        }
        self.regions.fill(address, 0, whole);
        self.free_from(address)
    }

    /// The physical address of any virtual address inside a live block. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    #[inline]
    pub fn get(&self, address: u64) -> Result<u64, Error> {
        // Where the block begins and ends is not asked: that takes as long again.
        if self.guarded || !self.heap.is_live(address) {
            self.block_at(address)?;
        }
        Ok(self.regions.physical(address) as u64)
    }

    /// Bytes that main blocks may still get.
    fn room_left(&self) -> u64 {
        (self.options().max_size() / PAGE * PAGE).saturating_sub(self.heap.mapped())
    }

    /// The address after the last main block. O(1).
    #[must_use]
    pub fn end(&self) -> u64 {
        self.heap.end()
    }

    /// The options it was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Bytes in live blocks. O(1).
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.heap.live_bytes() - self.hidden.bytes()
    }

    /// Statistics of this moment. Amortized O(log n).
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        let mut stats = self.heap.stats();
        let canary = if self.options().hardened() { CANARY * stats.live_blocks } else { 0 };
        let hidden = &self.hidden;
        let blocks = hidden.len() as u64;
        stats.requested -= self.padding.total() + canary + hidden.requested();
        stats.live -= hidden.bytes();
        stats.live_blocks -= blocks;
        stats.frees += blocks;
        stats.quarantined = hidden.bytes();
        stats.quarantined_blocks = blocks;
        stats.trims = self.events.trims;
        stats.failed_mallocs = self.events.refusals;
        // What is kept in these three is never given back, so this is their high-water mark as well.
        let kept = self.padding.bytes() + self.aligned.bytes() + hidden.metadata();
        stats.metadata += (kept + self.tracker.bytes()) as u64;
        stats.peak_metadata += (kept + self.tracker.peak_bytes()) as u64;
        stats
    }

    /// The heap: which addresses are in use.
    #[must_use]
    pub const fn heap(&self) -> &Heap {
        &self.heap
    }

    /// The memory of all main blocks, a span for each region.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.regions.spans()
    }

    /// The lines of `printStats`. O(n).
    ///
    /// # Errors
    /// [`Error::OutOfText`] if there is no memory for the text.
    pub fn lines(&self) -> Result<Vec<String>, Error> {
        self.heap.lines().map_err(|_| Error::OutOfText)
    }

    /// Checks every invariant of the heap and that its pages are all there. O(n).
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn verify(&self) -> Result<(), Error> {
        self.heap.verify()?;
        if self.options().hardened() {
            self.verify_guards()?;
        }
        self.regions.verify().map_err(Error::Corrupt)?;
        self.verify_alignments()?;
        if self.regions.end() == self.heap.end() {
            Ok(())
        } else {
            Err(Error::Corrupt(format!(
                "the regions end at {}, the main chain at {}",
                self.regions.end(),
                self.heap.end()
            )))
        }
    }

    /// Ends the heap in a child that has not got its memory: nothing of it is given back, and nothing is touched.
    #[cfg(feature = "c-abi")]
    pub(crate) fn forget(self) {
        self.regions.forget();
        if let Some(tables) = &self.tables {
            tables.mapping.forget();
        }
        std::mem::forget(self);
    }

    /// Ends the recording, since the heap ends, with the statistics of now. The end of the file is written when the heap is gone.
    pub(crate) fn end_recording(&mut self) {
        // There may be no statistics of a heap that a panic has left in an unknown state: its recording has no end then.
        let stopped = catch_unwind(AssertUnwindSafe(|| self.take_recorder())).ok().flatten();
        self.stopped = self.stopped.take().or(stopped.map(Box::new));
    }

    /// Ends the heap: all memory is given back to the system.
    pub fn finish(mut self) {
        self.end_recording();
        if let Some(stopped) = self.stopped {
            // Nobody is left to be told that the disk has failed.
            let _failed = stopped.finish();
        }
        for span in self.regions.spans() {
            span.abandon();
        }
        self.regions.release();
        if let Some(EngineTables { mapping, .. }) = &self.tables
            && Arc::strong_count(mapping) > 1
        {
            // JavaScript that still has a front finds that it has ended, and no states.
            mapping.empty(mapping.bytes());
        }
    }
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod undo_tests;
