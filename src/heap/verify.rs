//! The integrity check: reads every window, and compares all that is derived with what stands there. O(n).

use super::area::{Area, CHUNKS};
use super::chunk::{Chunk, WINDOWS};
use super::row::{LARGE, SMALL, large, small};
use super::segments::Segments;
use super::stats::Counters;
use super::window::{Leaf, WINDOW};
use super::{Heap, PAGE};
use crate::Error;

/// `Err` with the formatted text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

impl Heap {
    /// Checks every invariant of the segments, of what finds them and of the counters. O(n).
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first invariant found broken.
    pub fn verify(&self) -> Result<(), Error> {
        Walk::new(&self.segments, self.options.join_empty_blocks())
            .run()
            .and_then(|walked| self.verify_counters(&walked))
            .map_err(Error::Corrupt)
    }

    /// Compares the counters with a walk, in which `mallocs` counts live blocks.
    fn verify_counters(&self, walked: &Counters) -> Result<(), String> {
        let counters = &self.counters;
        let live_blocks = counters.mallocs.checked_sub(counters.frees);
        ensure!(live_blocks == Some(walked.mallocs), "{live_blocks:?} live blocks counted, {} walked", walked.mallocs);
        ensure!(
            (counters.mapped, counters.main_blocks, counters.live, counters.holes)
                == (walked.mapped, walked.main_blocks, walked.live, walked.holes),
            "the counters say {counters:?}, a walk {walked:?}"
        );
        ensure!(counters.peak_live >= counters.live, "the peak of live bytes is below the present");
        ensure!(self.segments.peak_bytes() >= self.segments.bytes(), "the peak of metadata is below the present");
        Ok(())
    }
}

/// A walk over all windows in order of address. Offsets and sizes are bytes.
struct Walk<'a> {
    segments: &'a Segments,
    /// Whether empty main blocks are joined.
    joins: bool,
    /// Whether the segment read last is a wholly free main block.
    last_is_empty: bool,
    /// Where the segment read last ends: the next must start there.
    end: u64,
    /// Start and kind of the segment read last.
    last: Option<(u64, bool)>,
    counted: Counters,
    chunks: usize,
    areas: usize,
    crowds: usize,
    huge: usize,
}

impl<'a> Walk<'a> {
    fn new(segments: &'a Segments, joins: bool) -> Self {
        Self {
            segments,
            joins,
            last_is_empty: false,
            end: 0,
            last: None,
            counted: Counters::new(),
            chunks: 0,
            areas: 0,
            crowds: 0,
            huge: 0,
        }
    }

    fn run(mut self) -> Result<Counters, String> {
        let segments = self.segments;
        for (number, area) in segments.areas.iter().enumerate() {
            ensure!(
                segments.is_present(number) == area.is_some(),
                "area {number} is marked as there or not, and is not so"
            );
            let largest = match area.as_deref() {
                Some([area]) => self.area(number, area)?,
                None => 0,
            };
            let (row, lane) = (number / 32, number % 32);
            let bound = segments.bounds[row].get(lane);
            ensure!(bound >= large(largest), "area {number} has a hole of {largest} bytes above its bound");
            ensure!(segments.row_bounds[row] >= bound, "area {number} is above the bound of its row");
        }
        ensure!(self.end == segments.end(), "the last segment ends at {}, the heap at {}", self.end, segments.end());
        ensure!(self.counted.mapped == segments.end(), "the main blocks do not fill the heap");
        ensure!(
            (self.chunks, self.areas) == segments.counts(),
            "{} chunks and {} areas are there, {:?} are counted",
            self.chunks,
            self.areas,
            segments.counts()
        );
        let last = self.last.map_or(0, |last| last.0 / WINDOW);
        ensure!(
            last == segments.last_window(),
            "the last segment is in window {last}, not in {}",
            segments.last_window()
        );
        ensure!(self.huge == segments.huge.len(), "{} huge holes are there, others are listed", self.huge);
        ensure!(self.crowds == segments.crowds.len(), "{} crowds are in windows, more are stored", self.crowds);
        ensure!(segments.crowds.verify_vacant(), "the vacant crowds are not as many as counted");
        Ok(self.counted)
    }

    /// Answers the largest hole that starts in the area.
    fn area(&mut self, number: usize, area: &Area) -> Result<u64, String> {
        self.areas += 1;
        let mut largest = 0;
        for number in number * CHUNKS..(number + 1) * CHUNKS {
            let lane = number % CHUNKS;
            let marked = area.next(lane) == Some(lane);
            ensure!(marked == area.chunk(lane).is_some(), "chunk {number} is marked as there or not, and is not so");
            let Some(chunk) = area.chunk(lane) else { continue };
            let here = self.chunk(number, chunk)?;
            ensure!(area.bound(lane) >= large(here), "chunk {number} has a hole of {here} bytes above its bound");
            largest = largest.max(here);
        }
        ensure!(area.max_bound() >= large(largest), "an area has a hole of {largest} bytes above its rows' bounds");
        Ok(largest)
    }

    /// Answers the largest hole that starts in the chunk.
    fn chunk(&mut self, number: usize, chunk: &Chunk) -> Result<u64, String> {
        self.chunks += 1;
        ensure!(!chunk.is_empty(), "chunk {number} is empty");
        let (mut largest, mut block_starts) = (0, 0);
        for window in 0..WINDOWS {
            let word = chunk.word(window);
            let at = (number * WINDOWS + window) as u64;
            ensure!(
                chunk.is_occupied(window) != word.is_empty(),
                "window {at} is marked as empty or not, and is not so"
            );
            let said = chunk.largest(window);
            if word.is_empty() {
                ensure!(said == 0, "window {at} is empty and gives {said} as its largest hole");
                continue;
            }
            block_starts |= u16::from(self.segments.is_block_start(at * WINDOW)) << (window / 32);
            let here = match word.crowd() {
                None => self.window(at, word, chunk)?,
                Some(crowd) => {
                    self.crowds += 1;
                    self.window(at, self.segments.crowds.get(crowd), chunk)?
                }
            };
            ensure!(said == small(here), "window {at} gives {said} as its largest hole, not {here}");
            ensure!(chunk.bound(window / 32) >= said, "window {at} is above the bound of its page");
            if said > 0 {
                let skipping = self.segments.hints.iter().find(|&(size, below)| at < below && said >= size);
                ensure!(skipping.is_none(), "the hint {skipping:?} skips the hole in window {at}");
            }
            largest = largest.max(here);
        }
        ensure!(chunk.block_starts == block_starts, "chunk {number} marks a main block where no segment starts");
        let big = if largest < SMALL { 0 } else { largest };
        ensure!(chunk.big == big, "chunk {number} gives {} as its big hole, not {big}", chunk.big);
        Ok(largest)
    }

    /// Reads the segments of a window and answers the largest hole that starts there.
    fn window<L: Leaf>(&mut self, window: u64, leaf: L, chunk: &Chunk) -> Result<u64, String> {
        ensure!(self.segments.prev_before(window) == self.last, "window {window} does not find the segment before it");
        let mut largest = 0;
        let mut position = leaf.at_or_before(0).or_else(|| first(leaf));
        while let Some(at) = position {
            position = leaf.next(at);
            let (start, hole) = (window * WINDOW + leaf.offset(at), leaf.is_hole(at));
            ensure!(start == self.end, "segment {start} does not start where the one before it ends, {}", self.end);
            self.end = match position {
                Some(next) => window * WINDOW + leaf.offset(next),
                None => self.segments.next_after(window).0,
            };
            ensure!(self.end > start, "segment {start} ends at {}", self.end);
            let starts_block = start % PAGE == 0 && self.segments.is_block_start(start);
            ensure!(starts_block || start > 0, "the first segment does not start a main block");
            let merged = !(hole && !starts_block && self.last.is_some_and(|last| last.1));
            ensure!(merged, "two neighbouring holes meet at {start}");
            let size = self.end - start;
            self.count(start, size, hole, starts_block)?;
            ensure!(!hole || size < SMALL || chunk.big == size, "the hole at {start} is not its chunk's big one");
            largest = largest.max(if hole { size } else { 0 });
            let empty = hole && starts_block && self.segments.is_block_start(self.end);
            let apart = !(empty && self.last_is_empty) || self.segments.borders.contains(&start);
            ensure!(apart || !self.joins, "the empty main blocks before and after {start} are not joined");
            self.last_is_empty = empty;
            self.last = Some((start, hole));
        }
        Ok(largest)
    }

    fn count(&mut self, start: u64, size: u64, hole: bool, starts_block: bool) -> Result<(), String> {
        let counted = &mut self.counted;
        counted.mapped += size;
        counted.main_blocks += usize::from(starts_block);
        if !hole {
            counted.live += size;
            counted.mallocs += 1;
            return Ok(());
        }
        counted.holes += 1;
        if size >= LARGE {
            self.huge += 1;
            ensure!(self.segments.huge.contains(&(start, size)), "the huge hole at {start} is not listed");
        }
        Ok(())
    }
}

/// The position of the first segment.
fn first<L: Leaf>(leaf: L) -> Option<u32> {
    std::iter::successors(Some(leaf.last()), |&at| leaf.prev(at)).last()
}

#[cfg(test)]
mod tests {
    use super::super::chunk::CHUNK;
    use super::super::crowd::Crowd;
    use super::super::window::Word;
    use super::*;
    use crate::heap::Options;

    fn append(heap: &mut Heap, bytes: u64) {
        heap.reserve_block(bytes).unwrap();
        heap.append_block(bytes, false);
    }

    /// A main block of a live block, a hole and a live block of 1000 bytes each, and a hole; one with a hole of 2000 bytes,
    /// crowded windows with a hole of 11 bytes in them, and a big hole; one of 3 GiB, all a hole.
    fn heap() -> Heap {
        let mut heap = Heap::new(Options::default());
        let malloc = |heap: &mut Heap, size| heap.malloc(size).unwrap().unwrap();
        append(&mut heap, PAGE);
        let [_, second, _] = [1000; 3].map(|size| malloc(&mut heap, size));
        append(&mut heap, 32 * PAGE);
        let fill = malloc(&mut heap, 2000);
        let small = [11; 100].map(|size| malloc(&mut heap, size));
        append(&mut heap, 3 << 30);
        for address in [second, fill, small[50]] {
            heap.free(address).unwrap();
        }
        heap.verify().unwrap();
        heap
    }

    /// Window 0: the first block. Window 7: where the hole of 1000 bytes starts.
    const HOLE: u64 = 1000 / WINDOW;

    #[test]
    fn every_broken_invariant_is_noticed() {
        type Harm = fn(&mut Heap);
        let harms: [(&str, Harm); 19] = [
            ("does not start where", |heap| {
                chunk(heap).set_word(0, Word::EMPTY.with_first(1, false));
            }),
            ("two neighbouring holes", |heap| {
                chunk(heap).set_word(15, Word::EMPTY.with_first(2000 % WINDOW, true));
            }),
            ("first segment does not start", |heap| heap.segments.mark_block(0, false)),
            ("no segment starts", |heap| chunk(heap).block_starts |= 1 << 15),
            ("two neighbouring holes", |heap| heap.segments.mark_block(PAGE, false)),
            ("a walk", |heap| heap.counters.main_blocks += 1),
            ("as its largest hole", |heap| chunk(heap).lower(7, 999)),
            ("as its largest hole", |heap| {
                chunk(heap).raise(0, 1);
            }),
            ("above the bound of its page", |heap| chunk(heap).clear_bounds()),
            ("chunk's big one", |heap| chunk(heap).big = 0),
            ("skips the hole", |heap| heap.segments.hints.set(1000, HOLE + 1)),
            ("huge holes", |heap| heap.segments.huge.push((0, 1))),
            ("not listed", |heap| heap.segments.huge.clear()),
            ("bound of its row", |heap| heap.segments.row_bounds[0] = 0),
            ("above its bound", |heap| heap.segments.bounds[0].set(0, 0)),
            ("more are stored", |heap| drop(heap.segments.crowds.insert(Crowd::default()))),
            ("live blocks counted", |heap| heap.counters.mallocs += 1),
            ("a walk", |heap| heap.counters.holes += 1),
            ("peak", |heap| heap.counters.peak_live = 0),
        ];
        for (number, (expected, harm)) in harms.into_iter().enumerate() {
            let mut heap = heap();
            harm(&mut heap);
            let said = heap.verify().expect_err("verify() notices").to_string();
            assert!(said.contains(expected), "harm {number}: expected {expected:?}, verify() says {said:?}");
        }
    }

    fn chunk(heap: &mut Heap) -> &mut Chunk {
        heap.segments.chunk_mut(0).unwrap()
    }

    #[test]
    fn what_is_missing_or_too_much_is_noticed() {
        let area = |heap: &mut Heap| heap.segments.areas[0].take().unwrap();
        let mut lost = heap();
        area(&mut lost);
        assert!(lost.verify().unwrap_err().to_string().contains("area 0 is marked"));
        let mut lost = heap();
        // The chunk of the big hole, whose bound stands without it.
        let number = usize::try_from(32 * PAGE / CHUNK).unwrap();
        drop(lost.segments.area_mut(0).unwrap().remove(number));
        assert!(lost.verify().is_err());
        for (lane, bound) in [(0, 1), (number, 0)] {
            let mut wrong = heap();
            wrong.segments.area_mut(0).unwrap().break_bound(lane, bound);
            let said = wrong.verify().unwrap_err().to_string();
            assert!(said.contains("above its bound"), "{said}");
        }
    }
}
