//! The integrity check of the map: reads every line, and compares all that is derived from the lines with them. O(n).

use super::area::{Area, CHUNKS};
use super::chunk::{Chunk, LINES, PAGE_LINES};
use super::line::{LINE, Leaf};
use super::row::{BroadRow, FAR, Row, WIDE, broad, narrow};
use super::{Segment, SegmentMap, with_leaf};
use crate::heap::ensure::ensure;

impl SegmentMap {
    /// Checks every invariant of the map. `may_meet` says whether two neighbours, given in order, may both be holes.
    ///
    /// # Errors
    /// What is wrong, in words: the first that was found.
    pub fn verify(&self, may_meet: impl Fn(&Segment, &Segment) -> bool) -> Result<(), String> {
        let walk = Walk { map: self, may_meet, end: 0, last: None, chunks: 0, areas: 0, bitmaps: 0, far_holes: 0 };
        walk.run()
    }
}

/// A walk over all lines in order.
struct Walk<'a, F> {
    map: &'a SegmentMap,
    may_meet: F,
    /// Where the segment read last ends: the next must start there.
    end: u64,
    /// The segment read last.
    last: Option<Segment>,
    chunks: usize,
    areas: usize,
    bitmaps: usize,
    far_holes: usize,
}

impl<F: Fn(&Segment, &Segment) -> bool> Walk<'_, F> {
    fn run(mut self) -> Result<(), String> {
        let map = self.map;
        for (number, area) in map.areas.iter().enumerate() {
            ensure!(map.occupied.has(number) == area.is_some(), "area {number} is marked wrongly as there or missing");
            let largest = match area.as_deref() {
                Some([area]) => self.area(number, area)?,
                None => 0,
            };
            let bound = map.bounds.get(number);
            ensure!(bound >= broad(largest), "area {number} has a hole of {largest} bytes above its bound");
            ensure!(map.bounds.top(number / BroadRow::LANES) >= bound, "area {number} is above the bound of its row");
            let bordered = area.as_deref().is_some_and(|[area]| !area.bordered().is_empty());
            ensure!(map.bordered.has(number) == bordered, "area {number} is marked wrongly as having a border or none");
        }
        ensure!(self.end == map.end, "the last segment ends at {}, the map at {}", self.end, map.end);
        ensure!(
            (self.chunks, self.areas) == (map.chunk_count, map.area_count),
            "{} chunks and {} areas are there, {} and {} are counted",
            self.chunks,
            self.areas,
            map.chunk_count,
            map.area_count
        );
        let last = self.last.map_or(0, |last| last.start / LINE);
        ensure!(last == map.last_line, "the last segment is in line {last}, not in {}", map.last_line);
        let (far_holes, bitmaps) = (map.far_holes.len(), map.bitmaps.len());
        ensure!(self.far_holes == far_holes, "{} far holes are there, {far_holes} are listed", self.far_holes);
        ensure!(self.bitmaps == bitmaps, "{} bitmap lines are there, {bitmaps} are stored", self.bitmaps);
        ensure!(map.bitmaps.verify_vacant(), "there are not as many vacant bitmap lines as counted");
        ensure!(map.peak_bytes >= map.bytes(), "the peak of metadata is below the present");
        Ok(())
    }

    /// Returns the largest hole that starts in the area.
    fn area(&mut self, number: usize, area: &Area) -> Result<u64, String> {
        self.areas += 1;
        let mut largest = 0;
        for number in number * CHUNKS..(number + 1) * CHUNKS {
            let lane = number % CHUNKS;
            let marked = area.occupied().has(lane);
            ensure!(marked == area.chunk(lane).is_some(), "chunk {number} is marked wrongly as there or missing");
            let bordered = area.chunk(lane).is_some_and(|chunk| chunk.borders != 0);
            ensure!(
                area.bordered().has(lane) == bordered,
                "chunk {number} is marked wrongly as having a border or none"
            );
            let Some(chunk) = area.chunk(lane) else { continue };
            let here = self.chunk(number, chunk)?;
            ensure!(area.chunk_bound(lane) >= broad(here), "chunk {number} has a hole of {here} bytes above its bound");
            ensure!(
                area.row_bound(lane / BroadRow::LANES) >= area.chunk_bound(lane),
                "chunk {number} is above the bound of its row"
            );
            largest = largest.max(here);
        }
        Ok(largest)
    }

    /// Returns the largest hole that starts in the chunk.
    fn chunk(&mut self, number: usize, chunk: &Chunk) -> Result<u64, String> {
        self.chunks += 1;
        ensure!(!chunk.occupied().is_empty(), "chunk {number} is empty");
        let (mut largest, mut borders) = (0, 0);
        for line in 0..LINES {
            let word = chunk.line(line);
            let at = (number * LINES + line) as u64;
            ensure!(chunk.occupied().has(line) != word.is_empty(), "line {at} is marked wrongly as empty or occupied");
            let said = chunk.largest(line);
            if word.is_empty() {
                ensure!(said == 0, "line {at} is empty and gives {said} as its largest hole");
                continue;
            }
            let is_border = !self.map.is_of_pages() && self.map.is_border(at * LINE);
            borders |= u16::from(is_border) << (line / PAGE_LINES);
            self.bitmaps += usize::from(word.bitmap().is_some());
            let here = with_leaf!(self.map, word, |leaf| self.line(at, leaf, chunk))?;
            ensure!(said == narrow(here), "line {at} gives {said} as its largest hole, not {here}");
            ensure!(chunk.page_bound(line / PAGE_LINES) >= said, "line {at} is above the bound of its page");
            largest = largest.max(here);
        }
        ensure!(chunk.borders == borders, "chunk {number} marks a main block where no segment starts");
        let wide = if largest < WIDE { 0 } else { largest };
        ensure!(chunk.wide_hole == wide, "chunk {number} gives {} as its wide hole, not {wide}", chunk.wide_hole);
        Ok(largest)
    }

    /// Reads the segments of a line and returns the largest hole that starts there.
    fn line<L: Leaf>(&mut self, line: u64, leaf: L, chunk: &Chunk) -> Result<u64, String> {
        let before = self.last.map(|last| (last.start, last.is_hole));
        ensure!(self.map.last_before(line) == before, "line {line} does not find the segment before it");
        let mut largest = 0;
        let mut position = Some(leaf.first());
        while let Some(at) = position {
            position = leaf.next(at);
            ensure!(position.is_none_or(|next| leaf.previous(next) == Some(at)), "line {line} does not lead back");
            let (start, is_hole) = (line * LINE + leaf.offset(at), leaf.is_hole(at));
            ensure!(start == self.end, "segment {start} does not start where the one before it ends, {}", self.end);
            let end = match position {
                Some(next) => line * LINE + leaf.offset(next),
                None => self.map.first_after(line).0,
            };
            ensure!(end > start, "segment {start} ends at {end}");
            let segment = Segment { start, end, is_hole };
            ensure!(start > 0 || self.map.is_border(start), "the first segment does not start a main block");
            if let Some(last) = self.last.filter(|last| last.is_hole && is_hole) {
                ensure!((self.may_meet)(&last, &segment), "two neighbouring holes meet at {start}");
            }
            if is_hole {
                let size = end - start;
                ensure!(size < WIDE || chunk.wide_hole == size, "the hole at {start} is not its chunk's wide one");
                if size >= FAR {
                    self.far_holes += 1;
                    ensure!(self.map.far_holes.contains(&(start, size)), "the far hole at {start} is not listed");
                }
                largest = largest.max(size);
            }
            self.end = end;
            self.last = Some(segment);
        }
        Ok(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bitmap_line::BitmapLine;
    use super::super::chunk::CHUNK;
    use super::super::line::Line;
    use super::*;
    use crate::heap::PAGE;

    fn append(map: &mut SegmentMap, bytes: u64) -> u64 {
        map.reserve(map.end() + bytes).unwrap();
        map.append(bytes, false)
    }

    fn take(map: &mut SegmentMap, size: u64) -> u64 {
        let hole = map.next_hole(0, size).unwrap();
        map.take_at(hole, size).unwrap().start
    }

    fn verify(map: &SegmentMap) -> Result<(), String> {
        map.verify(|_, right| map.is_border(right.start))
    }

    /// A main block of a live block, a hole and a live block of 1000 bytes each, and a hole; one with a hole of 2000 bytes,
    /// bitmap lines with a hole of 11 bytes in them, and a wide hole; one of 3 GiB, all a hole.
    fn map() -> SegmentMap {
        let mut map = SegmentMap::new();
        append(&mut map, PAGE);
        let [_, second, _] = [1000; 3].map(|size| take(&mut map, size));
        append(&mut map, 32 * PAGE);
        let fill = take(&mut map, 2000);
        let small = [11; 100].map(|size| take(&mut map, size));
        append(&mut map, 3 << 30);
        for start in [second, fill, small[50]] {
            map.release(start).unwrap();
        }
        verify(&map).unwrap();
        map
    }

    #[test]
    fn the_drawing_is_true() {
        let mut map = SegmentMap::new();
        append(&mut map, PAGE);
        let [_, second, _] = [24, 40, 1000].map(|size| take(&mut map, size));
        map.release(second).unwrap();
        let words = [0, 8].map(|line| format!("{:?}", map.line(line)));
        assert_eq!(words, [0x0300_0000_0080_3100_u64, 0x0100_0000_0000_0051].map(|word| format!("Line({word})")));
        let chunk = map.chunk(0).unwrap();
        let largest: Vec<_> = (0..LINES).map(|line| chunk.largest(line)).filter(|&largest| largest > 0).collect();
        assert_eq!((largest, chunk.largest(0), chunk.borders), (vec![40, 3032], 40, 1));
    }

    #[test]
    fn every_broken_invariant_is_noticed() {
        type Harm = fn(&mut SegmentMap);
        let harms: [(&str, Harm); 16] = [
            ("does not start where", |map| {
                chunk(map).set_line(0, Line::EMPTY.with_first(1, false));
            }),
            ("two neighbouring holes", |map| {
                chunk(map).set_line(15, Line::EMPTY.with_first(2000 % LINE, true));
            }),
            ("first segment does not start", |map| chunk(map).borders &= !1),
            ("no segment starts", |map| chunk(map).borders |= 1 << 15),
            ("two neighbouring holes", |map| map.set_border(PAGE, false)),
            ("as its largest hole", |map| chunk(map).lower(7, 999)),
            ("as its largest hole", |map| {
                chunk(map).raise(0, 1);
            }),
            ("above the bound of its page", |map| chunk(map).break_bounds()),
            ("chunk's wide one", |map| chunk(map).wide_hole = 0),
            ("far holes", |map| map.far_holes.push((0, 1))),
            ("not listed", |map| map.far_holes.clear()),
            ("bound of its row", |map| map.bounds.break_tops()),
            ("above its bound", |map| map.bounds.lower(0, 0)),
            ("are stored", |map| drop(map.bitmaps.insert(BitmapLine::default()))),
            ("having a border", |map| map.bordered.assign(0, false)),
            ("having a border", |map| {
                map.area_mut(0).unwrap().set_bordered(0, false);
            }),
        ];
        for (number, (expected, harm)) in harms.into_iter().enumerate() {
            let mut map = map();
            harm(&mut map);
            let said = verify(&map).expect_err("verify() notices");
            assert!(said.contains(expected), "harm {number}: expected {expected:?}, verify() says {said:?}");
        }
    }

    fn chunk(map: &mut SegmentMap) -> &mut Chunk {
        map.chunk_mut(0).unwrap()
    }

    #[test]
    fn what_is_missing_or_too_much_is_noticed() {
        let mut lost = map();
        drop(lost.areas[0].take().unwrap());
        assert!(verify(&lost).unwrap_err().contains("area 0 is marked"));
        let mut lost = map();
        // Drop the chunk of the far hole, whose bound stays.
        let number = usize::try_from(32 * PAGE / CHUNK).unwrap();
        drop(lost.area_mut(0).unwrap().remove(number));
        assert!(verify(&lost).is_err());
        for (lane, bound) in [(0, 1), (number, 0)] {
            let mut wrong = map();
            wrong.area_mut(0).unwrap().break_bound(lane, bound);
            let said = verify(&wrong).unwrap_err();
            assert!(said.contains("above its bound"), "{said}");
        }
    }

    #[test]
    fn borders_are_found_in_both_directions() {
        let mut map = SegmentMap::new();
        let sizes = [1, 3, 20, 40_000, 1, 2, 5 << 20, 1];
        let starts: Vec<_> = sizes.iter().map(|pages| append(&mut map, pages * PAGE)).collect();
        for (number, &start) in starts.iter().enumerate() {
            assert_eq!(map.next_border(start), start);
            assert_eq!(map.next_border(start + PAGE), starts.get(number + 1).copied().unwrap_or(map.end()));
            assert_eq!(map.previous_border(start), number.checked_sub(1).map(|before| starts[before]));
        }
        assert_eq!(map.previous_border(map.end()), starts.last().copied());
        assert_eq!(map.next_border(map.end()), map.end());
    }
}
