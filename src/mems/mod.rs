//! A whole heap: addresses from [`Heap`], pages behind them from [`Regions`].
//!
//! - Here malloc; in `free.rs` free, and in `growth.rs` how main blocks are appended.
//! - `block.rs`: finding blocks and reaching their bytes; aligned and cleared ones. `realloc.rs`, `batch.rs`: what their names
//!   say. `aligned.rs` and `padding.rs`: what is noted of a block beside its addresses.
//! - `steps.rs`: calls in steps, so that no other thread waits long; `access.rs`: how they get at the heap. `hidden.rs`: blocks
//!   that are neither live nor free meanwhile.
//! - `purge.rs`: free pages, and when they are given back to the system. `events.rs`: what rarely happens, for those who run programs.
//! - `holes.rs`: what holes are worth to a request.
//! - `recorder/`: what calls do, written to a file. `file/`: heaps that are in a file, which processes share.
//! - `hardened.rs`: the canaries and the quarantine of hardened heaps. `stacks/`: where blocks were allocated and freed.

pub(crate) mod access;
mod aligned;
pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod events;
#[cfg(feature = "c-abi")]
pub(crate) mod file;
mod free;
pub(crate) mod front;
mod growth;
mod hardened;
mod hidden;
pub(crate) mod holes;
#[cfg(feature = "c-abi")]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "most of it only JavaScript calls"))]
pub(crate) mod map;
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
use self::hardened::{CANARY, Written};
use self::hidden::Hidden;
use self::padding::Padding;
use self::purge::{DirtyPages, LEAST};
use self::recorder::{Recorder, Stopped};
use self::stacks::{IN_USE, Tracker};
use crate::error::Error;
#[cfg(feature = "c-abi")]
use crate::heap::ledger::Ledger;
use crate::heap::{FIRST_ADDRESS, Heap, PAGE, PolicyKind, Stats};
use crate::memory::{Mapping, Regions, Span};
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
    /// The file that the heap is in, if it is in one.
    #[cfg(feature = "c-abi")]
    file: Option<Box<file::HeapFile>>,
    /// The names of maps in a heap that is in no file, and the addresses of their blocks.
    #[cfg(feature = "c-abi")]
    maps: Vec<(Box<[u8]>, u64)>,
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
            #[cfg(feature = "c-abi")]
            file: None,
            #[cfg(feature = "c-abi")]
            maps: Vec::new(),
        }
    }

    /// A heap with the bookkeeping of a ledger, in a file.
    #[cfg(feature = "c-abi")]
    fn over(ledger: Ledger, options: Options, file: Box<file::HeapFile>) -> Self {
        Self {
            heap: Heap::shared(ledger),
            // Whatever is in a hole, other processes may have written it.
            used_end: u64::MAX,
            careful: file.is_read_only() || options.zero_on_free(),
            file: Some(file),
            ..Self::new(options)
        }
    }

    /// Whether the heap is in a file, which other processes may change.
    #[cfg_attr(not(feature = "c-abi"), allow(clippy::unused_self, reason = "no heap is in a file there"))]
    #[inline]
    pub(crate) const fn is_in_file(&self) -> bool {
        #[cfg(feature = "c-abi")]
        let is_in_file = self.file.is_some();
        #[cfg(not(feature = "c-abi"))]
        let is_in_file = false;
        is_in_file
    }

    /// Whether the heap is in a file that is open for reading only.
    #[cfg_attr(not(feature = "c-abi"), allow(clippy::unused_self, reason = "no heap is in a file there"))]
    fn is_read_only(&self) -> bool {
        #[cfg(feature = "c-abi")]
        let is_read_only = self.file.as_ref().is_some_and(|file| file.is_read_only());
        #[cfg(not(feature = "c-abi"))]
        let is_read_only = false;
        is_read_only
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
        self.careful = self.options.hardened() || self.options.zero_on_free() || records || self.is_read_only();
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
        #[cfg(feature = "c-abi")]
        self.verify_maps()?;
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

    /// Ends the heap in a child that has not got its memory: nothing of it is given back, and nothing is touched. The locks of its file are
    /// the parent's.
    #[cfg(feature = "c-abi")]
    pub(crate) fn forget(self) {
        self.regions.forget();
        if let Some(tables) = &self.tables {
            tables.mapping.forget();
        }
        if let Some(file) = &self.file {
            file.forget();
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
        if let Some(stopped) = self.stopped.take() {
            // Nobody is left to be told that the disk has failed.
            let _failed = stopped.finish();
        }
        #[cfg(feature = "c-abi")]
        if let Some(file) = &self.file {
            // While the words that are waited for are still those of the file.
            file.end_waits();
        }
        #[cfg(feature = "c-abi")]
        self.recover_last();
        #[cfg(feature = "c-abi")]
        self.learn_last();
        #[cfg(feature = "c-abi")]
        let is_written = self.file.as_ref().is_none_or(|file| file.write_back());
        for span in self.regions.spans() {
            span.abandon();
        }
        #[cfg(feature = "c-abi")]
        if let Some(file) = self.file {
            file.close(is_written, self.heap.ledger());
        }
        // A ledger holds the memory of its extents, which is not to look as if buffers did.
        drop(self.heap);
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
