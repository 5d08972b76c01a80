//! All segments of a heap, live and holes, packed by address: the truth about the heap.
//!
//! The main chain and its sub-chains are not linked lists here. Segments tile the address space, so a segment is no more
//! than the bit of its start: [`Word`] lists the starts in 128 bytes, [`Chunk`] those in 64 KiB, [`Area`] those in 64 MiB,
//! and a vector of areas all of them. The next segment of a sub-chain is the next start; a main block ends where another
//! starts, which has a bit of its own.
//!
//! Addresses in these files are offsets from the heap's first address, so that pages and windows begin at multiples.
//!
//! - here: storing a window, making and dropping chunks, main blocks;
//! - `walk.rs`: going from segment to segment;
//! - `first_fit.rs`: finding the lowest hole that is large enough;
//! - `take.rs`, `release.rs`: what malloc and free do to segments.
//!
//! Invariants (checked by `verify.rs`): offset 0 starts a segment unless the heap is empty; every main block's start is a
//! segment's start; two neighbouring segments are both holes only where a main block starts; those of the parts.
//!
//! Costs: a neighbour is O(1) in the same 64 KiB, else a few words are scanned: one for 4 GiB without a segment's start.

use super::PAGE;
use super::area::{Area, Boxed, CHUNKS, try_box};
use super::chunk::{CHUNK, Chunk, WINDOWS};
use super::crowd::{Crowd, Crowds};
use super::hints::Hints;
use super::row::{LARGE, LargeRow};
use super::window::{Leaf, WINDOW, Word};
use std::collections::TryReserveError;

/// Bytes of address space in an area.
pub(super) const AREA: u64 = CHUNK * CHUNKS as u64;

/// Windows in an area.
const AREA_WINDOWS: u64 = AREA / WINDOW;

/// All segments, and what finds them.
#[derive(Debug)]
pub(super) struct Segments {
    pub areas: Vec<Option<Boxed<Area>>>,
    /// A bit for each area that is there. None goes before the heap ends: it is 0.02 % of what it describes.
    present: Vec<u64>,
    /// An upper bound of the holes in each area.
    pub bounds: Vec<LargeRow>,
    /// An upper bound of each row of `bounds`.
    pub row_bounds: Vec<i32>,
    /// Where a region begins: main blocks before and after are not neighbours in memory.
    pub borders: Vec<u64>,
    /// Start and size of every hole of [`LARGE`] bytes or more, in order of address.
    pub huge: Vec<(u64, u64)>,
    pub crowds: Crowds,
    pub hints: Hints,
    /// A chunk that became empty, for the next that is needed.
    spare: Option<Boxed<Chunk>>,
    chunk_count: usize,
    area_count: usize,
    /// High-water mark of [`Segments::bytes`].
    peak_bytes: usize,
    /// The window of the last segment, which ends where the heap does: programs work there more than anywhere else.
    last_window: u64,
    /// The offset after the last main block.
    end: u64,
}

/// The number of an area or of a chunk as a position in a vector.
#[allow(clippy::cast_possible_truncation, reason = "what is so large has been allocated, so it fits usize")]
#[inline]
pub(super) fn position(number: u64) -> usize {
    number as usize
}

impl Segments {
    pub const fn new() -> Self {
        Self {
            areas: Vec::new(),
            present: Vec::new(),
            bounds: Vec::new(),
            row_bounds: Vec::new(),
            borders: Vec::new(),
            huge: Vec::new(),
            crowds: Crowds::new(),
            hints: Hints::new(),
            spare: None,
            chunk_count: 0,
            area_count: 0,
            peak_bytes: 0,
            last_window: 0,
            end: 0,
        }
    }

    /// The offset after the last main block.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    #[inline]
    pub fn area_mut(&mut self, area: usize) -> Option<&mut Area> {
        self.areas.get_mut(area)?.as_deref_mut().map(|[area]| area)
    }

    #[inline]
    pub fn area(&self, area: usize) -> Option<&Area> {
        self.areas.get(area)?.as_deref().map(|[area]| area)
    }

    /// The chunk that a window is in, if any segment starts in it.
    #[inline]
    pub fn chunk(&self, window: u64) -> Option<&Chunk> {
        self.area(position(window / AREA_WINDOWS))?.chunk(position(window) / WINDOWS)
    }

    #[inline]
    pub fn chunk_mut(&mut self, window: u64) -> Option<&mut Chunk> {
        self.area_mut(position(window / AREA_WINDOWS))?.chunk_mut(position(window) / WINDOWS)
    }

    /// The chunk of a window that is not empty.
    #[inline]
    pub fn filled(&mut self, window: u64) -> &mut Chunk {
        self.chunk_mut(window).expect("a segment starts in this chunk")
    }

    /// What is stored for a window.
    #[inline]
    pub fn word(&self, window: u64) -> Word {
        self.chunk(window).map_or(Word::EMPTY, |chunk| chunk.word(position(window)))
    }

    /// Whether a main block starts at `start`, which starts a segment or is the end.
    #[inline]
    pub fn is_block_start(&self, start: u64) -> bool {
        if !start.is_multiple_of(PAGE) {
            return false;
        }
        let page = start % CHUNK / PAGE;
        self.chunk(start / WINDOW).is_none_or(|chunk| chunk.block_starts >> page & 1 == 1) || start == self.end
    }

    /// Sets or clears the mark of a main block's start.
    pub fn mark_block(&mut self, start: u64, starts: bool) {
        let page = start % CHUNK / PAGE;
        let bits = &mut self.filled(start / WINDOW).block_starts;
        *bits = *bits & !(1 << page) | u16::from(starts) << page;
    }

    /// The window of the last segment; 0 in an empty heap.
    pub const fn last_window(&self) -> u64 {
        self.last_window
    }

    /// The first area from `area` on.
    pub fn next_area(&self, area: usize) -> Option<usize> {
        let mut mask = !0 << (area % 64);
        for (number, bits) in self.present.iter().enumerate().skip(area / 64) {
            let after = bits & mask;
            if after != 0 {
                return Some(number * 64 + after.trailing_zeros() as usize);
            }
            mask = !0;
        }
        None
    }

    /// The last area before `area`.
    pub fn prev_area(&self, area: usize) -> Option<usize> {
        let mut mask = (1 << (area % 64)) - 1;
        for number in (0..=area / 64).rev() {
            let before = self.present.get(number).map_or(0, |bits| bits & mask);
            if before != 0 {
                return Some(number * 64 + 63 - before.leading_zeros() as usize);
            }
            mask = !0;
        }
        None
    }

    /// Stores what a window holds now, and its largest hole unless that is as before or about to be raised.
    #[inline]
    pub fn set_word(&mut self, window: u64, word: Word, largest: Option<u16>) {
        let chunk = self.filled(window);
        if let Some(largest) = largest {
            chunk.lower(position(window) % WINDOWS, largest);
        }
        if chunk.set_word(position(window), word) {
            self.drop_chunk(window);
        }
    }

    /// Stores a crowded window's crowd, as a word once it fits one.
    pub fn set_crowd(&mut self, window: u64, crowd: Crowd, largest: Option<u16>) {
        let word = self.word(window);
        let number = word.crowd().expect("the window is crowded");
        let thinned = crowd.thinned();
        if thinned.is_some() {
            self.crowds.remove(number);
        } else {
            self.crowds.set(number, crowd);
        }
        self.set_word(window, thinned.unwrap_or(word), largest);
    }

    /// Makes sure that [`Segments::put_first`] finds room at `start`. Changes nothing that can be seen.
    ///
    /// # Errors
    /// If there is no memory.
    #[inline]
    pub fn prepare(&mut self, start: u64) -> Result<(), TryReserveError> {
        let window = start / WINDOW;
        match self.chunk(window) {
            None => self.make_chunk(window),
            Some(chunk) => {
                let word = chunk.word(position(window));
                if word.is_full() { self.make_crowd(window, word) } else { Ok(()) }
            }
        }
    }

    /// Adds a segment that is the first of its window. Needs [`Segments::prepare`].
    #[inline]
    pub fn put_first(&mut self, start: u64, hole: bool) {
        let (window, offset) = (start / WINDOW, start % WINDOW);
        self.note_start(window);
        let chunk = self.filled(window);
        let word = chunk.word(position(window));
        match word.crowd() {
            None => {
                chunk.set_word(position(window), word.with_first(offset, hole));
            }
            Some(crowd) => self.crowds.add(crowd, offset, hole),
        }
    }

    /// Tells that a segment starts in a window now.
    #[inline]
    pub fn note_start(&mut self, window: u64) {
        self.last_window = self.last_window.max(window);
    }

    /// Stores a full word as a crowd.
    #[cold]
    pub fn make_crowd(&mut self, window: u64, word: Word) -> Result<(), TryReserveError> {
        let number = self.crowds.insert(Crowd::from(word))?;
        self.set_word(window, Word::crowded(number), None);
        self.note_bytes();
        Ok(())
    }

    #[cold]
    fn make_chunk(&mut self, window: u64) -> Result<(), TryReserveError> {
        let area = position(window / AREA_WINDOWS);
        if self.area(area).is_none() {
            self.areas[area] = Some(try_box(Area::EMPTY)?);
            self.present[area / 64] |= 1 << (area % 64);
            self.area_count += 1;
        }
        let chunk = match self.spare.take() {
            Some(spare) => spare,
            None => try_box(Chunk::EMPTY)?,
        };
        self.chunk_count += 1;
        let area = self.area_mut(area).expect("it was just made");
        area.insert(position(window) / WINDOWS, chunk);
        self.note_bytes();
        Ok(())
    }

    /// Tells that the segment at `start` ends at `end` now, since what started in between is gone. If it was the last segment
    /// that went, this is the last.
    #[inline]
    pub fn note_end(&mut self, start: u64, end: u64) {
        if end == self.end {
            self.last_window = start / WINDOW;
        }
    }

    #[cold]
    fn drop_chunk(&mut self, window: u64) {
        let area = self.area_mut(position(window / AREA_WINDOWS)).expect("the chunk's area");
        let mut chunk = area.remove(position(window) / WINDOWS);
        if let Some([chunk]) = chunk.as_deref_mut() {
            chunk.clear_bounds();
        }
        self.spare = chunk;
        self.chunk_count -= 1;
    }

    /// Makes room for the bookkeeping of main blocks up to `end`, one of which begins at the present end, so that the
    /// [`Segments::append`] that follows cannot fail.
    ///
    /// # Errors
    /// If there is no memory. Nothing has changed that can be seen.
    pub fn reserve(&mut self, end: u64) -> Result<(), TryReserveError> {
        let areas = position(end.div_ceil(AREA));
        resize(&mut self.present, areas.div_ceil(64), 0)?;
        resize(&mut self.bounds, areas.div_ceil(32), LargeRow::EMPTY)?;
        resize(&mut self.row_bounds, areas.div_ceil(32), 0)?;
        // Last: what is kept for each area must be there before the area's place is.
        let missing = areas.saturating_sub(self.areas.len());
        self.areas.try_reserve(missing)?;
        self.areas.resize_with(self.areas.len() + missing, || None);
        self.huge.try_reserve(position(end / LARGE + 1).saturating_sub(self.huge.len()))?;
        self.borders.try_reserve(1)?;
        self.note_bytes();
        self.prepare(self.end)
    }

    /// Appends a main block of `size` bytes, all of it one hole, and answers where it starts. `border`: a region begins with
    /// it.
    pub fn append(&mut self, size: u64, border: bool) -> u64 {
        let start = self.end;
        if border {
            self.borders.push(start);
        }
        self.end += size;
        self.put_first(start, true);
        self.mark_block(start, true);
        self.raise(start, size);
        start
    }

    /// Takes the last main block off if it is all one hole, or as much of it as stands above `end`, a page's end. Answers
    /// the bytes that are gone, and whether the block is.
    pub fn truncate(&mut self, end: u64) -> Option<(u64, bool)> {
        let (start, hole) = self.prev_before(self.end / WINDOW)?;
        if !hole || !self.is_block_start(start) || self.end <= end {
            return None;
        }
        let gone = start >= end;
        let bytes = self.end - start.max(end);
        self.mark_block(start, false);
        self.cut_first(start);
        self.end = start;
        self.last_window = self.prev_before(start / WINDOW).map_or(0, |last| last.0 / WINDOW);
        if gone {
            self.borders.pop_if(|border| *border == start);
        } else {
            // Its window has been there a moment ago, and the chunk is at hand if it went.
            self.prepare(start).ok()?;
            self.append(end - start, false);
        }
        Some((bytes, gone))
    }

    /// Whether an area is marked as there.
    pub fn is_present(&self, area: usize) -> bool {
        self.present[area / 64] >> (area % 64) & 1 == 1
    }

    /// The number of chunks and of areas that have been made.
    pub const fn counts(&self) -> (usize, usize) {
        (self.chunk_count, self.area_count)
    }

    /// To be called where bookkeeping has grown.
    fn note_bytes(&mut self) {
        self.peak_bytes = self.peak_bytes.max(self.bytes());
    }

    /// High-water mark of [`Segments::bytes`].
    pub const fn peak_bytes(&self) -> usize {
        self.peak_bytes
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        (self.chunk_count + usize::from(self.spare.is_some())) * size_of::<Chunk>()
            + self.area_count * size_of::<Area>()
            + self.areas.capacity() * size_of::<Option<Boxed<Area>>>()
            + self.present.capacity() * 8
            + self.bounds.capacity() * size_of::<LargeRow>()
            + self.row_bounds.capacity() * 4
            + self.huge.capacity() * size_of::<(u64, u64)>()
            + self.borders.capacity() * 8
            + self.crowds.bytes()
    }
}

/// Makes a vector at least `len` long.
fn resize<T: Clone>(vector: &mut Vec<T>, len: usize, value: T) -> Result<(), TryReserveError> {
    let missing = len.saturating_sub(vector.len());
    vector.try_reserve(missing)?;
    vector.resize(vector.len() + missing, value);
    Ok(())
}
