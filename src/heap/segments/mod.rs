//! What is where: all segments of a heap, live blocks and holes, packed by address. The truth about the heap.
//!
//! # Glossary
//!
//! - **offset**: an address counted from the heap's first one, so that pages and lines begin at multiples. All of this folder
//!   deals in offsets.
//! - **segment**: a run of addresses that is one live block, or one **hole**. Segments tile the offsets from 0 to the end.
//! - **main block**: whole pages that were appended at once. **border**: where a main block starts; holes of two main blocks
//!   are never joined across one, unless it is taken away (`joinEmptyBlocks`). **region start**: a border whose two sides are
//!   not neighbours in physical memory, which stays.
//! - **line**: 128 bytes of address space, the leaf of the tree. **bitmap line**: a line in which more than seven segments
//!   start. **chunk**: 64 KiB, 512 lines. **area**: 64 MiB, 1024 chunks. **map**: all of them.
//! - **maxima**: the largest hole of each line, which its chunk keeps; of each chunk, in its area; of each area, in the map. A
//!   line's maximum is exact; the others are **bounds**: never too low, and lowered as searches find them too high. A **row** is
//!   32 maxima; **tops** are the maxima of rows.
//! - **wide hole**: one of 65,535 bytes or more, which saturates the entry of a line. **far hole**: one of 2^31 - 1 bytes or
//!   more, which saturates the entry of a chunk.
//! - **main chain**, **sub-chain**: the main blocks in order; the segments of one main block in order. They are linked lists,
//!   *unrolled* ones: a node is a line, which lists up to seven segments, and the next node is the next bit that is set. (A
//!   segment needs no pointers: it ends where the next one starts.) `chains.rs` gives the lists their usual operations.
//! - **map of pages**: a map whose offsets and sizes count pages instead of bytes. A line of it is 128 pages, and its main blocks
//!   are regions. Segregated fit keeps its runs of pages in one.
//!
//! # Drawing
//!
//! A main block of a page at offset 0, from which blocks of 24, 40 and 1000 bytes were taken; the second was freed. All of it
//! is two words (every other line is 0, and has no bit in `occupied`):
//!
//! ```text
//! offset      0                 24               64                128  ...    1064                            4096
//!             +-----------------+----------------+------------------|-----------+-------------------------------+
//!  sub-chain  | P 24            | H 40           | P 1000           |           | H 3032                        |
//!             +-----------------+----------------+------------------|-----------+-------------------------------+
//!             |<-------------------- line 0 ----------------------->|           line 8 = 1024..1152
//!
//!              starts listed    byte 6 .. 3      byte 2      byte 1      byte 0        (each: offset in the line << 1 | hole)
//!  line 0      0x03             0x00 .. 0x00     64<<1|0     24<<1|1     0<<1|0        = 0x0300_0000_0080_3100
//!  line 8      0x01             0x00 .. 0x00     0x00        0x00        40<<1|1       = 0x0100_0000_0000_0051
//!
//!  chunk 0     lines 0..512     largest[0] = 40, largest[8] = 3032, all others 0: exact, 16 bits each, 32 a page
//!              occupied         bits 0 and 8
//!              borders          bit 0: a main block starts at page 0
//!  area 0      chunks 0..1024   bounds[0] >= 3032: 31 bits each
//!  map         areas            bounds[0] >= 3032: one for each 64 MiB
//!
//!  main chain  MAIN[0:4095] -> ...            next: the next bit of `borders`, by way of `bordered` chunks and areas
//!  bitmap line 256 bits: whether a segment starts at each of the 128 addresses, and whether that is a hole
//! ```
//!
//! # Files
//!
//! `line.rs`, `bitmap_line.rs`, `chunk.rs` and `area.rs` are the levels, made of `bits.rs`, `row.rs` and `maxima.rs`. This file
//! stores lines, and makes and drops chunks. `walk.rs` walks from segment to segment, `search.rs` finds holes, `take.rs` takes a
//! block from a hole, `release.rs` frees a block, `edit.rs` splits and merges, `blocks.rs` appends, joins and removes main blocks,
//! `verify.rs` checks it all.
//!
//! Invariants (checked by `verify.rs`): offset 0 starts a segment unless the map is empty; every border is a segment's start;
//! the invariants of the levels. Whether two neighbours may both be holes is up to the engine.
//!
//! Costs: finding a neighbour is O(1) in the same 64 KiB; elsewhere it scans a few words, one for each 4 GiB without a segment's
//! start.

// Malloc and free go through a dozen small functions here, whose results would go through memory between them. Each has been
// measured by the instructions of a call.
#![allow(clippy::inline_always, reason = "measured, one by one")]

mod area;
mod bitmap_line;
mod bits;
mod blocks;
mod chunk;
mod edit;
mod line;
mod maxima;
mod release;
mod row;
mod search;
mod take;
mod verify;
mod walk;

pub(super) use area::{Boxed, try_box};
pub(super) use blocks::Joined;
pub(super) use line::{LINE, Line};
pub(super) use release::Freed;
pub(super) use row::narrow;
pub(super) use take::Taken;

use crate::heap::PAGE;
use area::{Area, CHUNKS};
use bitmap_line::{BitmapLine, BitmapLines};
use bits::BitSet;
use chunk::Store;
use chunk::{CHUNK, Chunk, LINES};
use line::Leaf;
use maxima::Level;
use row::BroadRow;
use std::collections::TryReserveError;

/// Bytes of address space in an area.
const AREA: u64 = CHUNK * CHUNKS as u64;

/// Lines in an area.
const AREA_LINES: u64 = AREA / LINE;

/// A run of offsets: a live block, or a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// First offset.
    pub start: u64,
    /// The offset after the last.
    pub end: u64,
    /// Whether it is a hole.
    pub is_hole: bool,
}

/// All segments, and what finds them.
#[derive(Debug)]
pub(super) struct SegmentMap {
    areas: Vec<Option<Boxed<Area>>>,
    /// The areas that are there. An area is never dropped: it takes 0.02 % of the memory that it describes.
    occupied: BitSet<Vec<u64>>,
    /// The areas in which a main block starts.
    bordered: BitSet<Vec<u64>>,
    /// An upper bound of the holes in each area.
    bounds: Level<Vec<BroadRow>, Vec<BroadRow>>,
    /// Where a region begins: main blocks before and after are not neighbours in memory.
    region_starts: Vec<u64>,
    /// Start and size of every far hole, in order.
    far_holes: Vec<(u64, u64)>,
    bitmaps: BitmapLines,
    /// A chunk that became empty, kept for the next one that is needed.
    spare: Option<Boxed<Chunk>>,
    chunk_count: usize,
    area_count: usize,
    /// High-water mark of [`SegmentMap::bytes`].
    peak_bytes: usize,
    /// The line of the last segment, which ends where the heap does: programs work there more than anywhere else.
    last_line: u64,
    /// The offset after the last main block.
    end: u64,
    /// Main blocks start at multiples of this number plus 1: it is `PAGE - 1`, or 0 in a map of pages.
    between_borders: u64,
}

/// The number of a line, chunk or area as a position in memory.
#[allow(clippy::cast_possible_truncation, reason = "what is so large has been allocated, so it fits usize")]
#[inline]
fn position(number: u64) -> usize {
    number as usize
}

/// Evaluates an expression for the leaf of a line: the word itself, or its bitmap line. With `out of line`, bitmap lines are
/// dealt with in a function of their own, so that the code for words stays short. The expression must not return.
macro_rules! with_leaf {
    ($map:expr, $word:expr, |$leaf:ident| $body:expr) => {
        match $word.bitmap() {
            None => {
                let $leaf = $word;
                $body
            }
            Some(number) => {
                let $leaf = $map.bitmaps.get(number);
                $body
            }
        }
    };
    (out of line: $map:expr, $word:expr, |$leaf:ident| $body:expr) => {
        match $word.bitmap() {
            None => {
                let $leaf = $word;
                $body
            }
            Some(number) => crate::heap::segments::out_of_line(move || {
                let $leaf = $map.bitmaps.get(number);
                $body
            }),
        }
    };
}
use with_leaf;

#[inline(never)]
fn out_of_line<T>(work: impl FnOnce() -> T) -> T {
    work()
}

impl SegmentMap {
    /// A map without main blocks.
    pub const fn new() -> Self {
        Self::with_borders(PAGE)
    }

    /// A map without main blocks, which start at multiples of `apart`.
    const fn with_borders(apart: u64) -> Self {
        Self {
            areas: Vec::new(),
            occupied: BitSet::new(),
            bordered: BitSet::new(),
            bounds: Level::new(),
            region_starts: Vec::new(),
            far_holes: Vec::new(),
            bitmaps: BitmapLines::new(),
            spare: None,
            chunk_count: 0,
            area_count: 0,
            peak_bytes: 0,
            last_line: 0,
            end: 0,
            between_borders: apart - 1,
        }
    }

    /// A map without main blocks whose offsets count pages, not bytes. Main blocks are regions there: one is appended to the one
    /// before it, unless a region begins.
    pub const fn of_pages() -> Self {
        Self::with_borders(1)
    }

    /// Whether offsets count pages.
    #[inline]
    const fn is_of_pages(&self) -> bool {
        self.between_borders == 0
    }

    /// The offset after the last main block.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    #[inline]
    fn area(&self, area: usize) -> Option<&Area> {
        self.areas.get(area)?.as_deref().map(|[area]| area)
    }

    #[inline]
    fn area_mut(&mut self, area: usize) -> Option<&mut Area> {
        self.areas.get_mut(area)?.as_deref_mut().map(|[area]| area)
    }

    /// The chunk that a line is in, if any segment starts in it.
    #[inline]
    fn chunk(&self, line: u64) -> Option<&Chunk> {
        self.area(position(line / AREA_LINES))?.chunk(position(line) / LINES)
    }

    #[inline]
    fn chunk_mut(&mut self, line: u64) -> Option<&mut Chunk> {
        self.area_mut(position(line / AREA_LINES))?.chunk_mut(position(line) / LINES)
    }

    /// The chunk of a line that is not empty.
    #[inline]
    fn filled_chunk(&mut self, line: u64) -> &mut Chunk {
        self.chunk_mut(line).expect("a segment starts in this chunk")
    }

    /// What is stored for a line.
    #[inline]
    pub fn line(&self, line: u64) -> Line {
        self.chunk(line).map_or(Line::EMPTY, |chunk| chunk.line(position(line)))
    }

    /// The largest hole that starts in a line, saturated, and what is stored for the line. `None`: no segment starts there.
    #[inline]
    pub fn line_and_largest(&self, line: u64) -> Option<(Line, u16)> {
        let chunk = self.chunk(line)?;
        Some((chunk.line(position(line)), chunk.largest(position(line))))
    }

    /// Makes sure that [`SegmentMap::insert_first`] finds room at `start`. Changes nothing that can be seen.
    ///
    /// # Errors
    /// If there is no memory.
    #[inline]
    fn make_room_at(&mut self, start: u64) -> Result<(), TryReserveError> {
        let line = start / LINE;
        match self.chunk(line) {
            None => self.make_chunk(line),
            Some(chunk) => {
                let word = chunk.line(position(line));
                if word.is_full() { self.turn_into_bitmap(line, word) } else { Ok(()) }
            }
        }
    }

    /// Adds a segment that is the first of its line. Needs [`SegmentMap::make_room_at`].
    #[inline]
    fn insert_first(&mut self, start: u64, hole: bool) {
        let (line, offset) = (start / LINE, start % LINE);
        self.last_line = self.last_line.max(line);
        let chunk = self.filled_chunk(line);
        let word = chunk.line(position(line));
        match word.bitmap() {
            None => {
                chunk.occupy(position(line), word.with_first(offset, hole));
            }
            Some(number) => self.bitmaps.add(number, offset, hole),
        }
    }

    /// Stores a full word as a bitmap line.
    #[cold]
    fn turn_into_bitmap(&mut self, line: u64, word: Line) -> Result<(), TryReserveError> {
        let number = self.bitmaps.insert(BitmapLine::from(word))?;
        self.store(line, Line::of_bitmap(number));
        self.record_bytes();
        Ok(())
    }

    #[cold]
    fn make_chunk(&mut self, line: u64) -> Result<(), TryReserveError> {
        let area = position(line / AREA_LINES);
        if self.area(area).is_none() {
            self.areas[area] = Some(try_box(Area::EMPTY)?);
            self.occupied.assign(area, true);
            self.area_count += 1;
        }
        let chunk = match self.spare.take() {
            Some(spare) => spare,
            None => try_box(Chunk::EMPTY)?,
        };
        self.chunk_count += 1;
        let area = self.area_mut(area).expect("it was just made");
        area.insert(position(line) / LINES, chunk);
        self.record_bytes();
        Ok(())
    }

    /// Records that no segment starts in a line any more, and drops its chunk if it was the last one.
    #[inline]
    fn vacate(&mut self, line: u64) {
        if self.filled_chunk(line).vacate(position(line)) {
            self.drop_chunk(line);
        }
    }

    #[cold]
    fn drop_chunk(&mut self, line: u64) {
        let area = self.area_mut(position(line / AREA_LINES)).expect("the chunk's area");
        let mut chunk = area.remove(position(line) / LINES);
        if let Some([chunk]) = chunk.as_deref_mut() {
            chunk.clear_bounds();
        }
        self.spare = chunk;
        self.chunk_count -= 1;
    }

    /// Records that the segment at `start` ends at `end` now, since what started in between is gone. If the map's last segment
    /// was there, the segment at `start` is the last now.
    #[inline]
    fn record_end(&mut self, start: u64, end: u64) {
        if end == self.end {
            self.last_line = start / LINE;
        }
    }

    /// Raises the high-water mark of bookkeeping. Called wherever bookkeeping has grown.
    fn record_bytes(&mut self) {
        self.peak_bytes = self.peak_bytes.max(self.bytes());
    }

    /// High-water mark of [`SegmentMap::bytes`].
    pub const fn peak_bytes(&self) -> usize {
        self.peak_bytes
    }

    /// Bytes of bookkeeping.
    pub fn bytes(&self) -> usize {
        (self.chunk_count + usize::from(self.spare.is_some())) * size_of::<Chunk>()
            + self.area_count * size_of::<Area>()
            + self.areas.capacity() * size_of::<Option<Boxed<Area>>>()
            + self.occupied.bytes()
            + self.bordered.bytes()
            + self.bounds.bytes()
            + self.far_holes.capacity() * size_of::<(u64, u64)>()
            + self.region_starts.capacity() * size_of::<u64>()
            + self.bitmaps.bytes()
    }
}

impl Store<Line> for SegmentMap {
    #[inline(always)]
    fn store(&mut self, line: u64, word: Line) -> &mut Chunk {
        let chunk = self.filled_chunk(line);
        chunk.set_line(position(line), word);
        chunk
    }
}

/// A bitmap line is stored as a word once it fits one.
impl Store<BitmapLine> for SegmentMap {
    fn store(&mut self, line: u64, bitmap: BitmapLine) -> &mut Chunk {
        let word = self.line(line);
        let number = word.bitmap().expect("it is a bitmap line");
        let thinned = bitmap.thinned();
        if thinned.is_some() {
            self.bitmaps.remove(number);
        } else {
            self.bitmaps.set(number, bitmap);
        }
        self.store(line, thinned.unwrap_or(word))
    }
}
