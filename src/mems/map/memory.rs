//! The memory of a heap as a map sees it: words at virtual addresses.
//!
//! A map keeps what its heap has mapped, so that it reads without asking the heap, and thus without a lock. [`Memory::learn`] reads what
//! the heap has mapped since.
//!
//! Invariant: what is in a part stays mapped as long as this lives, also if the heap ends, or until [`Memory::let_go`].
//! [`Memory::is_current`] says whether it is still the heap's.
//!
//! Costs: O(log parts) for an address; a heap file of gigabytes has some dozens.

use crate::heap::FIRST_ADDRESS;
use crate::memory::Epoch;
use crate::mems::Mems;
use crate::table::{AtomicU64, Table};
use std::marker::PhantomData;
use std::sync::atomic::Ordering;

/// Words that follow on in memory.
#[derive(Debug)]
struct Part {
    /// The offset of the first word from the heap's first address, in words.
    first: usize,
    words: Table<AtomicU64>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Memory {
    parts: Vec<Part>,
    /// The address after the last.
    end: u64,
    epoch: Epoch,
    seen: u64,
}

impl Memory {
    /// The memory that a heap has mapped. `None`: there is no memory to note it.
    pub fn of(heap: &Mems) -> Option<Self> {
        let epoch = heap.regions.epoch();
        let mut memory = Self { parts: Vec::new(), end: FIRST_ADDRESS, seen: epoch.now(), epoch };
        memory.read(heap).then_some(memory)
    }

    /// Notes all that the heap has mapped. Returns `false` without memory for that.
    fn read(&mut self, heap: &Mems) -> bool {
        let spans = heap.spans();
        self.seen = self.epoch.now();
        self.parts.clear();
        self.end = FIRST_ADDRESS;
        if self.parts.try_reserve(spans.len()).is_err() {
            return false;
        }
        for span in &spans {
            let first = usize::try_from((self.end - FIRST_ADDRESS) / 8).unwrap_or(usize::MAX);
            // Regions start at pages.
            let Some(words) = span.words64() else { return false };
            self.parts.push(Part { first, words });
            self.end += span.bytes() as u64;
        }
        true
    }

    /// Learns what the heap has mapped since. Returns `false` without memory for that.
    #[inline]
    pub fn learn(&mut self, heap: &Mems) -> bool {
        (self.end == heap.regions.end() && self.is_current()) || self.read(heap)
    }

    /// Whether what was mapped is still the heap's: it has not ended.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.epoch.now() == self.seen
    }

    /// Forgets all that was mapped, so that it can be unmapped. For a heap that has ended: [`Memory::is_current`] stays `false`.
    pub fn let_go(&mut self) {
        self.parts = Vec::new();
        self.end = FIRST_ADDRESS;
    }

    /// A mark of what is known: another one after [`Memory::learn`] has found something new.
    pub const fn known(&self) -> (u64, u64) {
        (self.end, self.seen)
    }

    /// How many bytes are known.
    pub const fn bytes(&self) -> u64 {
        self.end - FIRST_ADDRESS
    }

    /// Whether an address lies beyond all that is known.
    #[inline]
    pub const fn is_beyond(&self, address: u64) -> bool {
        address >= self.end
    }

    /// The words from an address on, up to the end of what is mapped in one piece. Empty if there are none, or the address is no
    /// word's.
    #[inline]
    pub fn tail(&self, address: u64) -> &[AtomicU64] {
        let offset = address.wrapping_sub(FIRST_ADDRESS);
        if !offset.is_multiple_of(8) || address >= self.end {
            return &[];
        }
        let Ok(number) = usize::try_from(offset / 8) else { return &[] };
        let after = match &self.parts[..] {
            [_] => 1,
            parts => parts.partition_point(|part| part.first <= number),
        };
        let found = after.checked_sub(1).and_then(|at| self.parts.get(at));
        found.and_then(|part| part.words.get(number - part.first..)).unwrap_or(&[])
    }

    /// `count` words from an address on.
    #[inline]
    pub fn words(&self, address: u64, count: usize) -> Option<&[AtomicU64]> {
        self.tail(address).get(..count)
    }
}

/// Lets the processor fetch the lines of its cache behind the first one of some words: where they are read depends on lengths in the first, which
/// they would wait for. Of 100,000 values of 100 bytes one is copied in a tenth less time so. Does nothing but on x86-64.
#[inline]
pub(super) fn prefetch(words: &[AtomicU64]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes of a line.
        const LINE: usize = 64;
        let start = words.as_ptr().cast::<i8>();
        for line in 1..3 {
            // SAFETY: every x86-64 processor has the instruction, which reads nothing for the program and fails at no address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * LINE)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _nothing = words;
}

/// Memory that bytes are copied to. It may be JavaScript's, which other threads write to: it is reached by its pointer only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'call> {
    start: *mut u8,
    bytes: usize,
    call: PhantomData<&'call mut [u8]>,
}

impl<'call> Room<'call> {
    /// Room in a slice.
    pub const fn new(room: &'call mut [u8]) -> Self {
        Self { start: room.as_mut_ptr(), bytes: room.len(), call: PhantomData }
    }

    /// `bytes` bytes of room at `start`.
    ///
    /// # Safety
    /// They must be valid for writes for all of the lifetime chosen, and no Rust reference to them may be in use.
    pub const unsafe fn at(start: *mut u8, bytes: usize) -> Self {
        Self { start, bytes, call: PhantomData }
    }
}

/// Copies `bytes` bytes out of words, from the `start`th byte on, if there is room for them. What others store meanwhile is read in part.
///
/// # Panics
/// If there are not as many bytes.
#[inline]
pub(super) fn read_bytes(words: &[AtomicU64], start: usize, bytes: usize, to: Room) {
    assert!(start <= 8 * words.len() && bytes <= 8 * words.len() - start);
    if bytes > to.bytes {
        return;
    }
    // SAFETY: the bytes lie in the words, which are mapped and readable, and there is room for them, as `Room` vouches for. The two may even
    // overlap: JavaScript can have a view of the heap. Others may store to the words meanwhile, in this process and in others, as to all
    // memory of heaps: no reference to the bytes is made, and what is read counts only if the caller finds that nothing was taken out.
    unsafe { words.as_ptr().cast::<u8>().add(start).copy_to(to.start, bytes) };
}

/// Copies bytes into words, from the `start`th byte on.
///
/// # Panics
/// If there is no room for as many.
#[inline]
pub(super) fn write_bytes(words: &[AtomicU64], start: usize, from: &[u8]) {
    assert!(start <= 8 * words.len() && from.len() <= 8 * words.len() - start);
    // SAFETY: the bytes lie in the words, which are mapped and writable, and atomic numbers may be changed through a shared reference.
    // They are a new block's, which nothing refers to yet: a reader of them has found a block of earlier, and finds out.
    unsafe { words.as_ptr().cast::<u8>().cast_mut().add(start).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
}

/// Whether the bytes from the `start`th on are `other`.
#[inline]
pub(super) fn are_bytes(words: &[AtomicU64], start: usize, other: &[u8]) -> bool {
    if start > 8 * words.len() || other.len() > 8 * words.len() - start {
        return false;
    }
    let (whole, rest) = other.as_chunks::<8>();
    if start.is_multiple_of(8) {
        let words = &words[start / 8..];
        let same = |(word, bytes): (&AtomicU64, &[u8; 8])| word.load(Ordering::Relaxed) == u64::from_le_bytes(*bytes);
        if !words.iter().zip(whole).all(same) {
            return false;
        }
        if rest.is_empty() {
            return true;
        }
        let last = words[whole.len()].load(Ordering::Relaxed).to_le_bytes();
        return last[..rest.len()] == *rest;
    }
    let mut at = start;
    other.iter().all(|&byte| {
        let word = words[at / 8].load(Ordering::Relaxed).to_le_bytes();
        at += 1;
        word[(at - 1) % 8] == byte
    })
}
