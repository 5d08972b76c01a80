//! A whole heap: addresses from [`Heap`], pages behind them from [`Regions`].

use crate::Error;
use crate::aligned::Aligned;
use crate::dirty::Dirty;
use crate::guard::{CANARY, Quarantine};
use crate::heap::{FIRST_ADDRESS, Heap, Options, PAGE, Stats};
use crate::memory::{Regions, Span};
use crate::slack::Slack;
use crate::track::{IN_USE, Tracker};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// A heap with memory behind its addresses. Dropping it gives all memory back (see [`Regions`] for buffers that live on).
#[derive(Debug)]
pub struct Mems {
    pub(crate) heap: Heap,
    pub(crate) regions: Regions,
    /// Whether no option, and no note of an alignment, asks for more than the heap's own work at each call.
    pub(crate) plain: bool,
    pub(crate) aligned: Aligned,
    pub(crate) dirty: Dirty,
    pub(crate) slack: Slack,
    /// The address after the highest byte that was ever handed out: above it all memory is zero.
    pub(crate) used_end: u64,
    pub(crate) quarantine: Quarantine,
    pub(crate) tracker: Tracker,
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
            heap: Heap::new(options),
            plain: options.is_plain(),
            aligned: Aligned::default(),
            regions: Regions::with_reservation(FIRST_ADDRESS, bytes)
                .with_most(options.max_size() / PAGE * PAGE)
                .with_dont_fork(options.dont_fork()),
            dirty: Dirty::default(),
            slack: Slack::default(),
            used_end: FIRST_ADDRESS,
            quarantine: Quarantine::default(),
            tracker: Tracker::default(),
        }
    }

    /// Allocates `size` bytes and answers their virtual address. Amortized O(log n); a system call only where a new
    /// region is reserved.
    ///
    /// # Errors
    /// [`Error::InvalidSize`], [`Error::OutOfMemory`], [`Error::OutOfMetadata`]; nothing has changed then.
    pub fn malloc(&mut self, size: u64) -> Result<u64, Error> {
        let rounded = if self.plain { size } else { self.rounded(size)? };
        let address = match self.heap.malloc(rounded)? {
            Some(address) => address,
            None => self.allocate_in_new_block(rounded, |heap| heap.malloc(rounded))?,
        };
        if self.plain {
            self.used_end = self.used_end.max(address + rounded);
            return Ok(address);
        }
        self.made(address, size, rounded)
    }

    /// Makes room for `size` bytes in one piece, and allocates there by `allocate`.
    #[cold]
    pub(crate) fn allocate_in_new_block(
        &mut self,
        size: u64,
        allocate: impl Fn(&mut Heap) -> Result<Option<u64>, Error>,
    ) -> Result<u64, Error> {
        if let Err(full) = self.append_block(size) {
            // What waits in quarantine is better than nothing.
            if !self.end_quarantine()? {
                return Err(full);
            }
            if let Some(address) = allocate(&mut self.heap)? {
                return Ok(address);
            }
            self.append_block(size)?;
        }
        let address = allocate(&mut self.heap);
        self.heap.note_rest();
        address?.ok_or_else(|| Error::Corrupt(format!("{size} bytes do not fit a new main block")))
    }

    /// Appends a main block with room for `size` bytes. What can fail comes first, what changes something last.
    #[cold]
    fn append_block(&mut self, size: u64) -> Result<(), Error> {
        let (whole, left) = (self.heap.block_size(size), self.room_left());
        // An empty last block need only grow; its rest is carved behind it and joined with it.
        let missing = whole - self.heap.growing_block().min(whole);
        let mut bytes = if missing < whole && self.regions.has_room(missing) { missing } else { whole };
        if bytes > left {
            // What the request itself needs.
            bytes -= whole - size.next_multiple_of(PAGE);
            if bytes > left {
                let available = left.max(self.heap.stats().largest_hole);
                return Err(Error::LimitReached { size, block: bytes, limit: self.options().max_size(), available });
            }
            // The next request may need what is left, and no main block's end is to come between.
            bytes = left;
        }
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
        self.heap.reserve_block(bytes).map_err(|_| Error::OutOfMetadata { size })?;
        let border = room.begins_region();
        self.regions.carve(room);
        self.heap.append_block(bytes, border);
        Ok(())
    }

    /// Frees the block that starts at `address`. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`], [`Error::NotBlockStart`]; nothing has changed then.
    pub fn free(&mut self, address: u64) -> Result<(), Error> {
        self.free_from(address, false)
    }

    /// `free`, of a block in use or of one that leaves quarantine. (One function, so that what the heap answers is not
    /// handed from one to another.)
    pub(crate) fn free_from(&mut self, address: u64, quarantine: bool) -> Result<(), Error> {
        if !self.plain {
            if self.options().hardened() && !quarantine {
                return self.quarantine(address);
            }
            self.before_free(address)?;
        }
        let freed = self.heap.free(address)?;
        if !self.plain {
            if !self.aligned.is_empty() {
                self.note_alignment(address, 1);
            }
            if self.options().alignment() > 1 {
                let slack = self.slack.get(address - FIRST_ADDRESS);
                self.slack.forget(slack);
            }
            self.note_freed(&freed);
        }
        Ok(())
    }

    /// Clears the block, if that is wanted.
    fn before_free(&self, address: u64) -> Result<(), Error> {
        if self.options().zero_on_free() {
            let block = self.heap.check_block_start(address)?;
            self.regions.fill(address, 0, block.end - address);
        }
        Ok(())
    }

    /// The physical address of any virtual address inside a live block. Amortized O(log n).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    #[inline]
    pub fn get(&self, address: u64) -> Result<u64, Error> {
        self.heap.check_live(address)?;
        if self.options().hardened() {
            self.block(address)?;
        }
        Ok(self.regions.physical(address) as u64)
    }

    /// Bytes that main blocks may still get.
    fn room_left(&self) -> u64 {
        (self.options().max_size() / PAGE * PAGE).saturating_sub(self.end() - FIRST_ADDRESS)
    }

    /// The address after the last main block. O(1).
    #[must_use]
    pub fn end(&self) -> u64 {
        self.heap.end()
    }

    /// Gives the whole pages inside holes back to the system; they read as zeros when they are handed out again. No address
    /// changes. Answers the bytes given back, whether the system had put memory behind them or not. Amortized O(k log n)
    /// and a system call for each of k holes of a page or more.
    pub fn trim(&mut self) -> u64 {
        self.dirty.take();
        self.decommit(FIRST_ADDRESS..self.end())
    }

    #[cold]
    pub(crate) fn give_dirty_pages_back(&mut self) {
        for run in self.dirty.take() {
            self.decommit(run);
        }
    }

    /// Gives the whole pages inside holes in a range back, and answers their bytes.
    fn decommit(&mut self, range: Range<u64>) -> u64 {
        let (regions, mut bytes) = (&self.regions, 0);
        self.heap.page_holes(range, |hole| bytes += regions.decommit(hole.start, hole.end - hole.start));
        bytes
    }

    /// The options it was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        self.heap.options()
    }

    /// Statistics of this moment. Amortized O(log n).
    #[must_use]
    pub fn stats(&mut self) -> Stats {
        let mut stats = self.heap.stats();
        let canary = if self.options().hardened() { CANARY * stats.live_blocks } else { 0 };
        stats.requested -= self.slack.total() + canary;
        stats.quarantined = self.quarantine.bytes();
        stats.quarantined_blocks = self.quarantine.len() as u64;
        // What is kept in these two is never given back, so this is their high-water mark as well.
        let kept = self.slack.bytes() + self.aligned.bytes();
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
        std::mem::forget(self);
    }

    /// Ends the heap: all memory goes back to the system.
    pub fn finish(self) {
        self.regions.release();
    }
}
