//! A span: a range of bytes of one mapping, which can be read, written, copied, cleared and given back.
//!
//! A span holds its mapping, so its bytes stay mapped even if the heap ends meanwhile: copying gigabytes needs no lock.
//! JavaScript and other threads may write to the same bytes at the same time; what is read then is some mixture of old and
//! new, as with C's functions of the same names. So no Rust reference to the bytes is ever made.
//!
//! Pages that nobody has touched are not touched by clearing, by copying from them, nor by [`Span::give_back`], if the
//! system shows which these are (`pagemap.rs`). So memory that was never used takes no physical memory.

use super::mapping::Mapping;
use super::system;
#[cfg(feature = "c-abi")]
use crate::table::{AtomicU32, AtomicU64, Number, Table};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Spans shorter than this are cleared without asking which pages are untouched.
pub const LARGE: usize = 1 << 20;

/// Spans shorter than this are copied without asking: unlike what is cleared, what is copied has mostly been written.
const COPIED_PLAINLY: usize = 4 << 20;

/// How many bytes are given back to the system at once. That takes half a millisecond to two, during which other threads that map
/// memory have to wait.
pub const STEP: u64 = 4 << 20;

/// The most steps, however long the range is: a range longer than this many steps of [`STEP`] has no memory behind most of it.
const MOST_STEPS: u64 = 1 << 16;

/// The length of the steps in which a range of `bytes` is given back. A multiple of [`STEP`].
#[must_use]
pub const fn step(bytes: u64) -> u64 {
    let share = (bytes / MOST_STEPS).next_multiple_of(STEP);
    if share == 0 { STEP } else { share }
}

/// Bytes of a mapping.
#[derive(Debug, Clone)]
pub struct Span {
    mapping: Arc<Mapping>,
    offset: usize,
    bytes: usize,
}

impl Span {
    /// `bytes` of a mapping from `offset`.
    ///
    /// # Panics
    /// If they reach past the mapping.
    #[must_use]
    pub fn new(mapping: Arc<Mapping>, offset: usize, bytes: usize) -> Self {
        assert!(offset <= mapping.bytes() && bytes <= mapping.bytes() - offset, "a span lies inside its mapping");
        Self { mapping, offset, bytes }
    }

    /// The mapping.
    #[must_use]
    pub const fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// The offset in the mapping at which the span starts.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The span's whole words of four bytes, which keep the mapping. `None`: it does not begin at a multiple of four.
    #[cfg(feature = "c-abi")]
    pub(crate) fn words(&self) -> Option<Table<AtomicU32>> {
        self.table()
    }

    /// The span's whole words of eight bytes, which keep the mapping. `None`: it does not begin at a multiple of eight.
    #[cfg(feature = "c-abi")]
    pub(crate) fn words64(&self) -> Option<Table<AtomicU64>> {
        self.table()
    }

    #[cfg(feature = "c-abi")]
    fn table<N: Number>(&self) -> Option<Table<N>> {
        if !self.addresses().start.is_multiple_of(align_of::<N>()) {
            return None;
        }
        // SAFETY: the numbers are in the mapping, which the table keeps, readable and writable, and aligned. In this process others reach
        // them as JavaScript does, or by raw pointers.
        Some(unsafe { Table::new(self.start(), self.bytes / size_of::<N>(), Box::new(Arc::clone(&self.mapping))) })
    }

    /// The span's length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn start(&self) -> *mut u8 {
        self.mapping.base().wrapping_add(self.offset)
    }

    /// How many bytes of the span the system has memory for; `None` where it does not say. O(pages): the system is asked about
    /// each, about a millisecond for a gigabyte.
    ///
    /// # Panics
    /// If the span does not start at a page of the system.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        let present = if self.bytes < LARGE { None } else { self.mapping.pages_touched().present(self.addresses()) };
        present.or_else(|| self.mapping.resident(self.offset, self.bytes)).map(|bytes| bytes as u64)
    }

    /// The span's physical addresses.
    fn addresses(&self) -> Range<usize> {
        let start = self.start() as usize;
        start..start + self.bytes
    }

    /// A range of the span's bytes, as a span.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        Self::new(Arc::clone(&self.mapping), self.offset + range.start, range.end - range.start)
    }

    /// The system's whole pages in the span; an empty range at its end if there is none.
    fn whole_pages(&self) -> Range<usize> {
        let (Range { start, end }, page) = (self.addresses(), system::page_bytes());
        let end = (end / page * page).saturating_sub(start);
        (start.next_multiple_of(page) - start).min(end)..end
    }

    /// Copies the first bytes of another span here, as many as both have. The two may overlap. Where the other is untouched,
    /// this one is cleared.
    pub fn copy_from(&self, from: &Self) {
        let bytes = self.bytes.min(from.bytes);
        let (to, start) = (self.start() as usize, from.start() as usize);
        if bytes < COPIED_PLAINLY || to.abs_diff(start) < bytes {
            return self.copy_all_from(from);
        }
        let mut pages = from.mapping.pages_touched();
        let mut at = 0;
        while at < bytes {
            let run = pages.next_touched(start + at..start + bytes);
            let run = run.start - start..run.end - start;
            if at < run.start {
                self.part(at..run.start).clear();
            }
            self.part(run.clone()).copy_all_from(&from.part(run.clone()));
            at = run.end;
        }
    }

    fn copy_all_from(&self, from: &Self) {
        let bytes = self.bytes.min(from.bytes);
        // SAFETY: both spans lie inside mappings that they keep mapped, readable and writable; `copy` allows overlap, and
        // works on raw pointers, so that writes of other threads meanwhile meet no Rust reference.
        unsafe { from.start().copy_to(self.start(), bytes) };
    }

    /// Sets every byte.
    pub fn fill(&self, byte: u8) {
        // SAFETY: as in `copy_from`.
        unsafe { self.start().write_bytes(byte, self.bytes) };
    }

    /// Sets every byte to zero, and touches no page that is zero because it is untouched.
    pub fn clear(&self) {
        if self.bytes < LARGE {
            return self.fill(0);
        }
        let mut pages = self.mapping.pages_touched();
        if !pages.knows() {
            return self.give_back(0);
        }
        let Range { start, end } = self.addresses();
        let mut at = start;
        while at < end {
            let run = pages.next_touched(at..end);
            self.part(run.start - start..run.end - start).fill(0);
            at = run.end;
        }
    }

    /// Sets every byte of the system's whole pages to zero, by giving them back to it where that is possible, and the bytes
    /// before and behind those to `edge`.
    pub fn give_back(&self, edge: u8) {
        let pages = self.whole_pages();
        for edges in [0..pages.start, pages.end..self.bytes] {
            self.part(edges).fill(edge);
        }
        for piece in self.pieces(pages) {
            // Locked pages, for example, are not given back.
            if self.mapping.decommit(self.offset + piece.start..self.offset + piece.end) < piece.len() {
                self.part(piece).fill(0);
            }
        }
    }

    /// Gives whole pages back where the system makes all threads of the process wait while it unmaps: unmapped in one piece, a
    /// gigabyte keeps others from mapping memory for a quarter of a second. Nobody may use the bytes any more.
    pub(crate) fn abandon(&self) {
        if cfg!(any(target_os = "linux", target_os = "android")) && self.bytes >= LARGE {
            for piece in self.pieces(self.whole_pages()) {
                let _ = self.mapping.decommit(self.offset + piece.start..self.offset + piece.end);
            }
        }
    }

    /// A range in pieces of a [`step`].
    #[allow(clippy::cast_possible_truncation, reason = "at most the range's length")]
    fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let step = step(self.bytes as u64) as usize;
        range.clone().step_by(step).map(move |start| start..range.end.min(start.saturating_add(step)))
    }

    /// The offset of the first byte in `range` that is not `byte`. If `given_back` is true, bytes in the system's whole pages
    /// have to be 0 instead, and untouched pages are not read.
    #[must_use]
    pub fn first_other(&self, range: Range<usize>, byte: u8, given_back: bool) -> Option<usize> {
        let Range { start, end } = range;
        if !given_back {
            return self.first_other_in(start..end, byte);
        }
        let pages = self.whole_pages();
        let pages = pages.start.clamp(start, end)..pages.end.clamp(start, end);
        self.first_other_in(start..pages.start, byte)
            .or_else(|| self.first_touched_in(&pages))
            .or_else(|| self.first_other_in(pages.end..end, byte))
    }

    /// The offset of the first byte in whole pages that is not zero.
    fn first_touched_in(&self, pages: &Range<usize>) -> Option<usize> {
        let (start, mut at) = (self.addresses().start, pages.start);
        let mut map = self.mapping.pages_touched();
        while at < pages.end {
            let run = map.next_touched(start + at..start + pages.end);
            let run = run.start - start..run.end - start;
            at = run.end;
            let other = self.first_other_in(run, 0);
            if other.is_some() {
                return other;
            }
        }
        None
    }

    /// The offset of the first byte in a range that is not `byte`.
    fn first_other_in(&self, range: Range<usize>, byte: u8) -> Option<usize> {
        /// The number of words that are compared before the result is looked at.
        const WORDS: usize = 64;
        let Range { start: mut at, end } = range;
        debug_assert!(at <= end && end <= self.bytes);
        let wanted = u64::from_ne_bytes([byte; 8]);
        let block = WORDS * size_of::<u64>();
        while end - at >= block {
            #[allow(clippy::cast_ptr_alignment, reason = "the words are read as unaligned ones")]
            let words = self.start().wrapping_add(at).cast::<u64>();
            // SAFETY: the words lie inside the span, whose mapping is readable; they need not be aligned.
            let differing = (0..WORDS).fold(0, |all, word| all | unsafe { words.add(word).read_unaligned() } ^ wanted);
            if differing != 0 {
                break;
            }
            at += block;
        }
        // SAFETY: the byte lies inside the span, whose mapping is readable.
        (at..end).find(|&at| unsafe { self.start().wrapping_add(at).read_volatile() } != byte)
    }

    /// Compares the bytes that both spans have, as `memcmp` does: by the first that differ, as unsigned numbers.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let bytes = self.bytes.min(other.bytes);
        // SAFETY: as in `copy_from`; memcmp only reads.
        unsafe { libc::memcmp(self.start().cast(), other.start().cast(), bytes) }.cmp(&0)
    }

    /// Copies the bytes to `to`.
    ///
    /// # Safety
    /// `to` must be valid for as many writes, and no Rust reference to those bytes may be in use.
    pub unsafe fn read(&self, to: *mut u8) {
        // SAFETY: the span's side as in `copy_from`; the caller vouches for the other. They may even overlap.
        unsafe { self.start().copy_to(to, self.bytes) };
    }

    /// Copies bytes from `from`.
    ///
    /// # Safety
    /// `from` must be valid for as many reads.
    pub unsafe fn write(&self, from: *const u8) {
        // SAFETY: the span's side as in `copy_from`; the caller vouches for the other. They may even overlap.
        unsafe { from.copy_to(self.start(), self.bytes) };
    }
}
