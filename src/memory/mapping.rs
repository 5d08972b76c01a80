//! One mapping: a range of address space, readable and writable, private to the process, and zero until it is written to. Or a part of
//! a file ([`Mapping::of_file`]), which other processes share.
//!
//! Invariant: the range stays mapped, readable and writable as long as the `Mapping` lives. Buffers handed to
//! JavaScript hold it by reference count, so that a stale view reads zeros or old bytes and never faults. The one exception:
//! when a heap ends, the part behind its main blocks that no buffer was promised ([`Mapping::promise`]) is unmapped at once.
//! It may be a terabyte, and a buffer may live as long as the process.
//!
//! Before the range are a few pages more, so that no two buffers need to begin at the same byte: Node 14 and 16 end the
//! process when they meet a second `ArrayBuffer` over native memory that begins where another does.
//!
//! A range begins at an address whose distance from a multiple of [`ALIGNMENT`] is given: so the offsets from a heap's first
//! address are multiples of the same powers of two as physical addresses, up to [`ALIGNMENT`]. The range need not begin at a page
//! of the system, where those are larger than MeMS's own.

use super::file::{File, View};
use super::pagemap::PageMap;
use super::{budget, system};
use crate::table::{self, Table};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A range of address space that is unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    map: system::Map,
    /// The part of a file that the range shows, if it shows one.
    view: Option<View>,
    /// Bytes before the range: [`FRONT`] and, where the system's pages are larger than MeMS's, up to one of them.
    front: usize,
    serial: u64,
    /// How far buffers reach: the offset after the last byte that any of them shows.
    promised: AtomicUsize,
    /// Bytes that are still mapped, from the front's first.
    mapped: AtomicUsize,
    /// Buffers made so far.
    buffers: AtomicUsize,
    /// Whether any part is locked. If so, nothing is given back.
    locked: AtomicBool,
}

/// The largest alignment of physical addresses that a mapping can be asked for, in bytes: a huge page's on most processors.
pub const ALIGNMENT: usize = 2 << 20;

/// How many mappings the system counts if a part of one is locked: that part, and what is before and behind it.
const LOCKED_PARTS: usize = 3;

/// How many mappings the system counts for a part of a file: that, and the front.
const FILE_PARTS: usize = 2;

/// Bytes before a mapping's range: a multiple of every system's page size.
const FRONT: usize = 64 << 10;

/// How far the beginnings of buffers in the front are apart: aligned for every type.
const STEP: usize = 8;

static SERIALS: AtomicU64 = AtomicU64::new(1);

impl Mapping {
    /// Maps `bytes`, from a physical address that is `phase` above a multiple of [`ALIGNMENT`]. Nothing is committed: the first
    /// touch of a page does that. `dont_fork`: children made by `fork` do not get it, where the system can do that.
    ///
    /// # Errors
    /// The system's error, usually that there is not so much address space (or memory, if reservations are counted as memory).
    pub fn reserve(bytes: usize, phase: usize, dont_fork: bool) -> io::Result<Self> {
        Self::reserve_aligned(bytes, phase, ALIGNMENT, dont_fork)
    }

    /// [`Mapping::reserve`] from any page on, which takes fewer system calls.
    pub(super) fn reserve_anywhere(bytes: usize, dont_fork: bool) -> io::Result<Self> {
        Self::reserve_aligned(bytes, 0, system::page_bytes(), dont_fork)
    }

    fn reserve_aligned(bytes: usize, phase: usize, alignment: usize, dont_fork: bool) -> io::Result<Self> {
        let page = system::page_bytes();
        let front = FRONT + phase % page;
        let all = bytes.checked_add(front).and_then(|all| all.checked_next_multiple_of(page));
        let residue = phase.wrapping_sub(front) % alignment;
        let map = system::map(all.ok_or(io::ErrorKind::OutOfMemory)?, alignment, residue)?;
        if dont_fork {
            // SAFETY: the map just made; it changes nothing in this process.
            unsafe { system::dont_fork(map.as_mut_ptr(), map.len()) };
        }
        Ok(Self::new(map, front, None))
    }

    /// Maps a part of a file, `bytes` from `offset`: what is stored there is in the file, and in all processes that have it mapped, at once.
    /// `offset`, `bytes` and `phase` are multiples of 64 KiB; otherwise as [`Mapping::reserve`]. (On Windows `dont_fork` means nothing.)
    ///
    /// Nothing of it is ever given back or emptied, since it is not this process's alone. When a heap ends while buffers are alive, zeros
    /// of this process are mapped over all of it, so that the buffers reach the file no more. Where the system cannot do that (Windows), or
    /// refuses, the buffers still reach the file until the last of them is gone.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file is shorter, `InvalidInput` if a number is none of those multiples.
    pub fn of_file(file: &Arc<File>, offset: u64, bytes: usize, phase: usize, dont_fork: bool) -> io::Result<Self> {
        if !phase.is_multiple_of(FRONT) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let residue = phase.wrapping_sub(FRONT) % ALIGNMENT;
        let (map, view) = View::behind(FRONT, file, (offset, bytes), ALIGNMENT, residue)?;
        if dont_fork {
            // SAFETY: the maps just made; it changes nothing in this process.
            unsafe { system::dont_fork(map.as_mut_ptr(), map.len()) };
        }
        Ok(Self::new(map, FRONT, Some(view)))
    }

    /// The mapping that has a map, of which it counts the parts.
    fn new(map: system::Map, front: usize, view: Option<View>) -> Self {
        budget::took(map.len(), if view.is_some() { FILE_PARTS } else { 1 });
        let mapped = AtomicUsize::new(map.len());
        let serial = SERIALS.fetch_add(1, Ordering::Relaxed);
        let (promised, buffers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { map, view, front, serial, promised, mapped, buffers, locked: AtomicBool::new(false) }
    }

    /// Uncounts the mapping in the budget of a child of `fork` that does not have it.
    #[cfg(feature = "c-abi")]
    pub(crate) fn forget(&self) {
        budget::gave_back(self.mapped.load(Ordering::Relaxed), self.parts());
    }

    /// How many mappings the system counts for it.
    fn parts(&self) -> usize {
        let whole = if self.view.is_some() { FILE_PARTS } else { 1 };
        whole + if self.locked.load(Ordering::Relaxed) { LOCKED_PARTS - 1 } else { 0 }
    }

    /// Which pages of the range may hold something. Of a file's, all may.
    pub(super) fn pages_touched(&self) -> PageMap {
        if self.view.is_some() { PageMap::unknown() } else { PageMap::open() }
    }

    /// Bytes of address space that the system is asked for when `bytes` are reserved; `None` if the number does not fit `usize`.
    pub(super) fn needed(bytes: usize) -> Option<usize> {
        bytes.checked_add(FRONT + ALIGNMENT)
    }

    /// The address of the range's first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.map.as_mut_ptr().wrapping_add(self.front)
    }

    /// The words of eight bytes of the range, for bookkeeping that stores some of them. They keep the mapping.
    #[must_use]
    pub fn words(mapping: &Arc<Self>) -> Table<table::AtomicU64> {
        let words = mapping.bytes() / size_of::<u64>();
        // SAFETY: the range is readable and writable as long as the mapping lives, which the table keeps, and begins at a multiple of
        // 64 KiB if it is a file's, at a page otherwise. It is reached by raw pointers and by JavaScript otherwise.
        unsafe { Table::new(mapping.base(), words, Box::new(Arc::clone(mapping))) }
    }

    /// How many bytes before its contents a new buffer is to begin, so that none of the thousands of buffers before it begins at
    /// the same byte. At least this many bytes before [`Mapping::base`] are mapped.
    #[must_use]
    pub fn front_of_next_buffer(&self) -> usize {
        self.buffers.fetch_add(1, Ordering::Relaxed) % (FRONT / STEP) * STEP
    }

    /// A number that no other mapping of the process has ever had.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The length of the range in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map.len() - self.front
    }

    /// Promises that a buffer may reach up to an offset: everything before it stays mapped after the heap has ended. To be
    /// called before the buffer is made, while the heap cannot end.
    pub fn promise(&self, end: usize) {
        self.promised.fetch_max(end, Ordering::Relaxed);
    }

    /// Unmaps the address space behind the first `used` bytes, except what buffers were promised. Only for the end of a heap,
    /// when no more can be promised: spans lie within what is used.
    pub(super) fn shrink(&self, used: usize) {
        if self.view.as_ref().is_some_and(|view| !view.leave_file()) {
            return;
        }
        // Each promise was made under the heap's lock, before this call.
        let kept =
            (self.front + used.max(self.promised.load(Ordering::Relaxed))).next_multiple_of(system::page_bytes());
        let mapped = self.mapped.load(Ordering::Relaxed);
        if kept >= mapped {
            return;
        }
        // SAFETY: the range is the end of a map of ours, whole pages of it; nobody reaches it by the promise of this
        // function's callers, and `drop` knows that it is gone.
        if unsafe { system::unmap_end(self.map.as_mut_ptr().wrapping_add(kept), mapped - kept) } {
            self.mapped.store(kept, Ordering::Relaxed);
            budget::gave_back(mapped - kept, 0);
        }
    }

    /// Gives the whole pages of the system within a range back to it; they stay mapped and read as zeros from then on.
    /// Only for ranges that nobody may use: freed memory, or all of it at the end of a heap. Returns the bytes given
    /// back: 0 if pages are locked, if they are a file's, or if the system refuses.
    ///
    /// # Panics
    /// If the range reaches past the mapping.
    pub(super) fn decommit(&self, range: Range<usize>) -> usize {
        assert!(range.start <= range.end && range.end <= self.bytes());
        let page = system::page_bytes();
        // Counted from the map's first byte, where a page starts.
        let (start, end) = ((self.front + range.start).next_multiple_of(page), (self.front + range.end) / page * page);
        if start >= end || self.view.is_some() || self.locked.load(Ordering::Relaxed) {
            return 0;
        }
        // SAFETY: the range lies inside this mapping, which is private and anonymous, and stays mapped, readable and
        // writable; none of it is locked. Its bytes are reached through raw pointers only (the caller gives back what nobody
        // may use), and other threads' accesses to freed memory are no worse off for reading zeros.
        unsafe { system::decommit(self.map.as_mut_ptr().wrapping_add(start), end - start) }
    }

    /// Locks a range in memory until it is unmapped, and leaves it out of core dumps if the system can.
    ///
    /// # Errors
    /// The limit of the process, if it has one, when the system refuses.
    pub(super) fn lock(&self, offset: usize, bytes: usize) -> Result<(), Option<u64>> {
        assert!(offset <= self.bytes() && bytes <= self.bytes() - offset);
        // Set first, and never cleared: a part may be locked even if the system refuses.
        if !self.locked.swap(true, Ordering::Relaxed) {
            budget::took(0, LOCKED_PARTS - 1);
        }
        let (start, bytes) = self.pages(offset, bytes);
        // SAFETY: the range lies inside this mapping; locking changes neither its contents nor its protection.
        unsafe { system::lock(start, bytes) }
    }

    /// How many bytes of a range are in memory, counted page by page; `None` if the system does not show it.
    pub(super) fn resident(&self, offset: usize, bytes: usize) -> Option<usize> {
        assert!(offset <= self.bytes() && bytes <= self.bytes() - offset);
        let (start, whole) = self.pages(offset, bytes);
        // SAFETY: these bytes are mapped, and start at a page.
        unsafe { system::resident(start, whole) }.map(|resident| resident.min(bytes))
    }

    /// Address and length of the range of `bytes` at `offset`, extended down to the start of the system's page in which it begins.
    fn pages(&self, offset: usize, bytes: usize) -> (*mut u8, usize) {
        let before = (self.front + offset) % system::page_bytes();
        (self.base().wrapping_add(offset).wrapping_sub(before), bytes + before)
    }

    /// Empties the first `bytes` as [`Mapping::decommit`] does, or by writing zeros if the system refuses. If they are a file's, that stays
    /// as it is, and all of the range becomes zeros of this process, if the system can do that.
    pub(crate) fn empty(&self, bytes: usize) {
        if let Some(view) = &self.view {
            view.leave_file();
            return;
        }
        let bytes = bytes.min(self.bytes());
        // Whole pages: the pages in which the range begins and ends hold no other memory.
        let whole = (self.front + bytes).next_multiple_of(system::page_bytes()) - self.front;
        let first = self.front.next_multiple_of(system::page_bytes()) - self.front;
        let given_back = self.decommit(0..whole.min(self.bytes()));
        let zeros = if given_back == 0 { bytes } else { first.min(bytes) };
        // SAFETY: the range is mapped and writable, and the caller ends the heap that handed it out.
        unsafe { self.base().write_bytes(0, zeros) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let (mapped, parts) = (*self.mapped.get_mut(), self.parts());
        // Before the rest: where a view is a map of its own, the rest is what is before it.
        self.view = None;
        // SAFETY: nobody holds it any more, so much of it is left, and this is the end of it.
        unsafe { system::unmap(&self.map, mapped) };
        budget::gave_back(mapped, parts);
    }
}
