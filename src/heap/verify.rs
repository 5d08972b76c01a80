//! The integrity check: walks everything and compares it with everything else. O(n).

use super::segment::NONE;
use super::stats::Counters;
use super::{FIRST_ADDRESS, Heap, Kind, PAGE};
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
    /// Checks every invariant of the chains, the index and the counters. O(n).
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first invariant found broken.
    pub fn verify(&self) -> Result<(), Error> {
        self.verify_chains()
            .and_then(|walked| self.verify_counters(&walked))
            .and_then(|()| {
                let ids = self.chains.blocks.iter().flat_map(|block| self.chains.walk(block)).map(|(id, _)| id);
                self.index.verify(&self.chains.segments, ids)
            })
            .map_err(Error::Corrupt)
    }

    /// Walks both levels of chains and answers what it counted.
    fn verify_chains(&self) -> Result<Counters, String> {
        let mut walked = Counters::new();
        let mut count = 0;
        let mut end = FIRST_ADDRESS;
        for (number, block) in self.chains.blocks.iter().enumerate() {
            ensure!(block.start == end, "main block {number} starts at {}, not at {end}", block.start);
            ensure!(
                block.size > 0 && block.size.is_multiple_of(PAGE),
                "main block {number} has {} bytes, not whole pages",
                block.size
            );
            let (mut prev, mut prev_kind, mut length) = (NONE, Kind::Live, 0);
            for (id, segment) in self.chains.walk(block) {
                let start = segment.start;
                ensure!(start == end, "segment {start} does not start where the one before it ends, {end}");
                ensure!(segment.size > 0, "segment {start} is empty");
                ensure!(segment.block as usize == number, "segment {start} names main block {}", segment.block);
                ensure!(segment.prev == prev, "segment {start} does not name the one before it");
                ensure!(
                    !(segment.kind == Kind::Hole && prev_kind == Kind::Hole),
                    "two neighbouring holes meet at {start}"
                );
                match segment.kind {
                    Kind::Hole => walked.holes += 1,
                    Kind::Live => {
                        walked.live += segment.size;
                        walked.mallocs += 1;
                    }
                }
                (prev, prev_kind, end) = (id, segment.kind, segment.end());
                length += 1;
                count += 1;
            }
            ensure!(end == block.start + block.size, "the segments of main block {number} end at {end}");
            ensure!(block.last == prev, "main block {number} does not name its last segment");
            ensure!(block.segments == length, "main block {number} counts {} segments of {length}", block.segments);
            walked.mapped += block.size;
        }
        ensure!(count == self.chains.segments.len(), "{count} segments are in chains, more are stored");
        ensure!(self.chains.segments.verify_vacant(), "the vacant slots are not as many as counted");
        Ok(walked)
    }

    /// Compares the counters with a walk, in which `mallocs` counts live blocks.
    fn verify_counters(&self, walked: &Counters) -> Result<(), String> {
        let counters = &self.counters;
        let live_blocks = counters.mallocs.checked_sub(counters.frees);
        ensure!(live_blocks == Some(walked.mallocs), "{live_blocks:?} live blocks counted, {} walked", walked.mallocs);
        ensure!(
            (counters.mapped, counters.live, counters.holes) == (walked.mapped, walked.live, walked.holes),
            "the counters say {counters:?}, a walk {walked:?}"
        );
        ensure!(counters.peak_live >= counters.live, "the peak of live bytes is below the present");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Options;

    /// P H P H in one main block, P in the next.
    fn heap() -> Heap {
        let mut heap = Heap::new(Options::default());
        heap.append_block(PAGE);
        let [_, second, _] = [100, 200, 300].map(|size| heap.malloc(size).unwrap().unwrap());
        heap.free(second).unwrap();
        heap.append_block(2 * PAGE);
        heap.malloc(2 * PAGE).unwrap().unwrap();
        heap.verify().unwrap();
        heap
    }

    /// Breaks a sound heap and answers what `verify` says.
    fn broken(harm: impl FnOnce(&mut Heap)) -> String {
        let mut heap = heap();
        harm(&mut heap);
        heap.verify().expect_err("verify() notices").to_string()
    }

    #[test]
    fn every_broken_invariant_is_noticed() {
        type Harm = fn(&mut Heap);
        let harms: [(&str, Harm); 16] = [
            ("starts at", |heap| heap.chains.blocks[1].start += 1),
            ("whole pages", |heap| heap.chains.blocks[1].size += 1),
            ("last segment", |heap| heap.chains.blocks[0].last = 0),
            ("counts", |heap| heap.chains.blocks[0].segments += 1),
            ("does not start where", |heap| heap.chains.segments[1].start += 1),
            ("is empty", |heap| heap.chains.segments[1].size = 0),
            ("names main block", |heap| heap.chains.segments[1].block = 1),
            ("the one before", |heap| heap.chains.segments[1].prev = NONE),
            ("neighbouring holes", |heap| heap.chains.segments[2].kind = Kind::Hole),
            // Addresses grow along a chain, so a circle shows where it closes.
            ("does not start where", |heap| heap.chains.segments[3].next = 0),
            ("more are stored", |heap| {
                let first = heap.chains.segments.insert(super::super::segment::Segment::hole(9, 9, 0));
                assert_ne!(first, NONE);
            }),
            ("live blocks counted", |heap| heap.counters.mallocs += 1),
            ("a walk", |heap| heap.counters.live += 1),
            ("a walk", |heap| heap.counters.holes += 1),
            ("peak", |heap| heap.counters.peak_live = 0),
            ("largest hole", |heap| heap.chains.segments[1].node.largest = 9),
        ];
        for (expected, harm) in harms {
            let said = broken(harm);
            assert!(said.contains(expected), "expected {expected:?}, verify() says {said:?}");
        }
    }

    #[test]
    fn an_index_that_forgot_a_segment_is_noticed() {
        for id in 0..5 {
            let said = broken(|heap| heap.index.remove(&mut heap.chains.segments, id));
            assert!(said.contains("the index"), "{said}");
        }
    }
}
