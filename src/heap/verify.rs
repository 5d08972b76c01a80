//! The integrity check: walks the chains for what holds with any engine, and lets the engine check its own invariants. O(n).

use super::Heap;
use super::address::{FIRST_ADDRESS, can_have};
use super::chains::Kind;
use super::counters::Counters;
use super::engine::Engine;
use super::ensure::ensure;
use crate::error::Error;

/// How often all is checked again where other threads have changed something meanwhile.
const TRIES: usize = 3;

impl Heap {
    /// Checks every invariant of the segments, of what finds them and of the counters. While other threads take and free blocks in
    /// fronts of theirs, only what they cannot change is checked. O(n).
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first invariant found broken.
    pub fn verify(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.engine.activity();
            let walked = self.engine.verify(true).and_then(|()| self.walk());
            let checked = walked.and_then(|walked| self.verify_counters(&walked));
            if checked.is_ok() || (before.is_some() && before == self.engine.activity()) {
                return checked.map_err(Error::Corrupt);
            }
            // What was found broken may be the work of a front meanwhile.
        }
        self.engine.verify(false).map_err(Error::Corrupt)
    }

    /// Walks both kinds of chains, which must tile the heap. Returns what it has counted, the live blocks as `mallocs`.
    fn walk(&self) -> Result<Counters, String> {
        let (mut counted, mut end, mut last) = (Counters::new(), FIRST_ADDRESS, None);
        let chain = self.main_chain();
        for block in chain.iter() {
            ensure!(
                block.start == end,
                "the main block {} does not start where the one before it ends, {end}",
                block.start
            );
            ensure!(chain.previous(block) == last, "the main block {} does not lead back", block.start);
            let (sub, mut before) = (chain.sub_chain(block), None);
            for segment in sub.iter() {
                ensure!(segment.start == end && segment.size > 0, "segment {} does not start at {end}", segment.start);
                ensure!(sub.previous(segment) == before, "segment {} does not lead back", segment.start);
                match segment.kind {
                    Kind::Hole => counted.holes += 1,
                    Kind::Live => {
                        counted.live += segment.size;
                        counted.mallocs += 1;
                    }
                }
                (end, before) = (segment.addresses().end, Some(segment));
            }
            ensure!(
                end == block.end && sub.last() == before,
                "a segment reaches past its main block's end, {}",
                block.end
            );
            counted.mapped += block.end - block.start;
            counted.main_blocks += 1;
            last = Some(block);
        }
        ensure!(chain.last() == last && end == self.end(), "the main chain ends at {end}, the heap at {}", self.end());
        ensure!(can_have(end - FIRST_ADDRESS), "the heap ends at {end}, above what a number can be");
        Ok(counted)
    }

    /// Compares the counters with those of a walk.
    fn verify_counters(&self, walked: &Counters) -> Result<(), String> {
        let counters = &self.counters;
        let waiting = &self.engine.waiting();
        let live_blocks = counters.mallocs_with(waiting).checked_sub(counters.frees.saturating_add(waiting.frees));
        ensure!(live_blocks == Some(walked.mallocs), "{live_blocks:?} live blocks counted, {} walked", walked.mallocs);
        let allocated = counters.allocated_with(waiting);
        ensure!(allocated >= walked.live, "{allocated} bytes were ever allocated, but {} are live", walked.live);
        let (live, holes) = (counters.live_without(waiting), counters.holes + waiting.slots);
        ensure!(
            (counters.mapped, counters.main_blocks, live, holes)
                == (walked.mapped, walked.main_blocks, walked.live, walked.holes),
            "the counters say {counters:?}, a walk {walked:?}"
        );
        ensure!(counters.peak_live >= counters.live, "the peak of live bytes is below the present");
        let (main_blocks, grows) = (counters.main_blocks as u64, counters.grows);
        ensure!(main_blocks <= grows, "{main_blocks} main blocks, but the heap has grown {grows} times");
        ensure!(self.engine.total_padding() <= walked.live, "more padding is counted than live bytes");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::{Heap, Options, PAGE};

    #[test]
    fn wrong_counters_are_noticed() {
        type Harm = fn(&mut Heap);
        let harms: [(&str, Harm); 6] = [
            ("a walk", |heap| heap.counters.main_blocks += 1),
            ("live blocks counted", |heap| heap.counters.mallocs += 1),
            ("a walk", |heap| heap.counters.holes += 1),
            ("peak", |heap| heap.counters.peak_live = 0),
            ("ever allocated", |heap| heap.counters.allocated = 99),
            ("grown", |heap| heap.counters.grows = 0),
        ];
        for (expected, harm) in harms {
            let mut heap = Heap::new(Options::default());
            heap.reserve_block(PAGE).unwrap();
            heap.append_block(PAGE, false);
            heap.malloc(100).unwrap();
            heap.verify().unwrap();
            harm(&mut heap);
            let said = heap.verify().expect_err("verify() notices").to_string();
            assert!(said.contains(expected), "expected {expected:?}, verify() says {said:?}");
        }
    }
}
