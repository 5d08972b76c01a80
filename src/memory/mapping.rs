//! One mapping: a range of address space, readable and writable, private to the process, zero where never written.
//!
//! Invariant: the range stays mapped, readable and writable as long as the `Mapping` lives. Buffers handed to
//! JavaScript hold it by reference count, so that a stale view reads zeros or old bytes and never faults. The one exception:
//! when a heap ends, the part behind its main blocks that no buffer has been promised ([`Mapping::promise`]) goes at once.
//! It may be a terabyte, and a buffer may live as long as the process.
//!
//! In front of the range are a few pages more, so that no two buffers need to begin at the same byte: Node 14 and 16 end the
//! process when they meet a second `ArrayBuffer` over native memory that begins where another does.

use super::system;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A range of address space that is unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    map: ManuallyDrop<system::Map>,
    serial: u64,
    /// Buffers reach so far: the offset after the last byte of any.
    promised: AtomicUsize,
    /// Bytes that are still mapped, from the front's first.
    mapped: AtomicUsize,
    /// Buffers made so far.
    buffers: AtomicUsize,
    /// Whether any of it is locked: nothing of it is given back then.
    locked: AtomicBool,
}

/// Bytes in front of a mapping's range: a multiple of every system's page size.
const FRONT: usize = 64 << 10;

/// Beginnings of buffers in the front are so far apart: aligned for every type.
const STEP: usize = 8;

static SERIALS: AtomicU64 = AtomicU64::new(1);

impl Mapping {
    /// Maps `bytes`. Nothing is committed: the first touch of a page does that.
    ///
    /// # Errors
    /// What the system says, usually that there is no such amount of address space (or of memory, where it counts
    /// reservations as memory).
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        let all = bytes.checked_add(FRONT).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = ManuallyDrop::new(system::map(all)?);
        let mapped = AtomicUsize::new(map.len());
        let serial = SERIALS.fetch_add(1, Ordering::Relaxed);
        let (promised, buffers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Self { map, serial, promised, mapped, buffers, locked: AtomicBool::new(false) })
    }

    /// Its first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.map.as_mut_ptr().wrapping_add(FRONT)
    }

    /// How many bytes before what it shows a new buffer is to begin, so that none of the thousands before it begins there. So
    /// many bytes before [`Mapping::base`] are mapped.
    #[must_use]
    pub fn front_of_next_buffer(&self) -> usize {
        self.buffers.fetch_add(1, Ordering::Relaxed) % (FRONT / STEP) * STEP
    }

    /// A number that no other mapping of the process has ever had.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.map.len() - FRONT
    }

    /// Says that a buffer will reach up to an offset: so much stays mapped after the heap has ended. To be said while the heap
    /// cannot end, before the buffer is made.
    pub fn promise(&self, end: usize) {
        self.promised.fetch_max(end, Ordering::Relaxed);
    }

    /// Gives up the address space behind the first `used` bytes, as far as no buffer was promised it. Only for the end of a
    /// heap, when nobody can be promised more: spans lie within what is used.
    pub(super) fn shrink(&self, used: usize) {
        // The heap's lock came between each promise and this.
        let kept = FRONT + used.max(self.promised.load(Ordering::Relaxed)).next_multiple_of(system::page_bytes());
        let mapped = self.mapped.load(Ordering::Relaxed);
        if kept >= mapped {
            return;
        }
        // SAFETY: the range is the end of a map of ours, whole pages of it; nobody reaches it by the promise of this
        // function's callers, and `drop` knows that it is gone.
        if unsafe { system::unmap_end(self.map.as_mut_ptr().wrapping_add(kept), mapped - kept) } {
            self.mapped.store(kept, Ordering::Relaxed);
        }
    }

    /// Gives the whole pages of the system within a range back to it; they stay mapped and read as zeros from then on.
    /// Only for ranges that nobody may use: freed memory, or all of it at the end of a heap. Answers the bytes given
    /// back: 0 where pages are locked, or the system refuses.
    ///
    /// # Panics
    /// If the range reaches past the mapping.
    pub(super) fn decommit(&self, range: Range<usize>) -> usize {
        assert!(range.start <= range.end && range.end <= self.bytes());
        let page = system::page_bytes();
        let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if start >= end || self.locked.load(Ordering::Relaxed) {
            return 0;
        }
        // SAFETY: the range lies inside this mapping, which is private and anonymous, and stays mapped, readable and
        // writable; none of it is locked. Its bytes are reached through raw pointers only (the caller gives back what nobody
        // may use), and other threads' accesses to freed memory are no worse off for reading zeros.
        unsafe { system::decommit(self.base().wrapping_add(start), end - start) }
    }

    /// Keeps a range in memory, and out of core dumps where the system can, until it is unmapped.
    ///
    /// # Errors
    /// The limit of the process, if it has one, where the system refuses.
    pub(super) fn lock(&self, offset: usize, bytes: usize) -> Result<(), Option<u64>> {
        assert!(offset <= self.bytes() && bytes <= self.bytes() - offset);
        // Said first, and never taken back: a part may be locked though the system refuses.
        self.locked.store(true, Ordering::Relaxed);
        // SAFETY: the range lies inside this mapping; locking changes neither its contents nor its protection.
        unsafe { system::lock(self.base().wrapping_add(offset), bytes) }
    }

    /// How many bytes of a range, which starts at a page, the system has memory for; `None` where it does not say.
    pub(super) fn resident(&self, offset: usize, bytes: usize) -> Option<usize> {
        assert!(
            offset.is_multiple_of(system::page_bytes()) && offset <= self.bytes() && bytes <= self.bytes() - offset
        );
        // SAFETY: these bytes are mapped, and start at a page since the mapping does.
        unsafe { system::resident(self.base().wrapping_add(offset), bytes) }
    }

    /// Empties the first `bytes` as [`Mapping::decommit`] does, or by writing zeros where that is not done.
    pub(super) fn empty(&self, bytes: usize) {
        let bytes = bytes.min(self.bytes());
        // A mapping starts at a page, and ends behind its last one or with it: rounding up stays inside.
        let whole = bytes.next_multiple_of(system::page_bytes()).min(self.bytes());
        if self.decommit(0..whole) == 0 {
            // SAFETY: the range is mapped and writable, and the caller ends the heap that handed it out.
            unsafe { self.base().write_bytes(0, bytes) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is dropped nowhere else, and never used again.
        let map = unsafe { ManuallyDrop::take(&mut self.map) };
        // SAFETY: nobody holds it any more, and so much of it is left.
        unsafe { system::unmap(map, *self.mapped.get_mut()) };
    }
}
