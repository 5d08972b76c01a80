//! What a search would have cost with a list: how many holes a list in order of address looks at to place a request.
//!
//! The index finds a hole without looking at those before it. Lessons and recordings compare policies by what the plain list of
//! their textbooks does, so it is counted here, by walking the chains: on request, and never in a call that allocates.
//!
//! Costs: O(n) for n segments with first and next fit; O(1) with the policies that look at every hole.

use super::engine::Engine;
use super::{Heap, PolicyKind};

impl Heap {
    /// How many holes a list in order of address would look at to place `size` bytes at `alignment` now, as
    /// [`Heap::malloc_aligned`] takes them: up to the hole that the policy chooses, or all of them if none is large enough.
    /// Nothing changes.
    #[must_use]
    pub fn looked_at(&self, size: u64, alignment: u64) -> u64 {
        let room = self.engine.room_for(size, alignment);
        match self.options.policy() {
            PolicyKind::FirstFit => self.looked_at_from(0, room),
            PolicyKind::NextFit => self.looked_at_from(self.engine.position(), room),
            // A slot, or a run of pages, is taken without going through a list.
            PolicyKind::Segregated => 1,
            // Which of all holes is the smallest, or the largest, shows when the last has been looked at.
            _ => self.holes(),
        }
    }

    /// How many holes a search for `room` bytes looks at that begins with the hole that holds the offset `from`, or the first
    /// after it, and goes once round.
    fn looked_at_from(&self, from: u64, room: u64) -> u64 {
        let end = self.engine.end();
        let (mut looked, mut at) = (0, if from < end { from } else { 0 });
        while looked < self.holes() {
            let segment = self.engine.segment_at(at);
            if segment.is_hole {
                looked += 1;
                if segment.end - segment.start >= room {
                    break;
                }
            }
            at = if segment.end < end { segment.end } else { 0 };
        }
        looked
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::{FIRST_ADDRESS, Heap, Kind, Options, PAGE, PolicyKind};
    use proptest::prelude::*;
    use std::ops::Range;

    /// A search by a list: the hole that it chooses of `holes` (start, size), and how many it looks at. `rover` is where the
    /// last search ended.
    fn search(policy: PolicyKind, holes: &[Range<u64>], rover: u64, size: u64) -> (Option<u64>, usize) {
        let size_of = |hole: &Range<u64>| hole.end - hole.start;
        let large: Vec<_> = holes.iter().filter(|hole| size_of(hole) >= size).collect();
        let first = match policy {
            PolicyKind::FirstFit => 0,
            PolicyKind::NextFit => holes.iter().position(|hole| hole.end > rover).unwrap_or(0),
            PolicyKind::WorstFit => {
                let worst = large.iter().rev().max_by_key(|hole| size_of(hole));
                return (worst.map(|hole| hole.start), holes.len());
            }
            PolicyKind::Segregated => unreachable!("it goes through no list"),
            PolicyKind::BestFit | PolicyKind::Buddy => {
                return (large.iter().min_by_key(|hole| size_of(hole)).map(|hole| hole.start), holes.len());
            }
        };
        let mut round = holes.iter().cycle().skip(first).take(holes.len());
        match round.position(|hole| size_of(hole) >= size) {
            Some(before) => (Some(holes[(first + before) % holes.len()].start), before + 1),
            None => (None, holes.len()),
        }
    }

    /// The policies that a list has.
    fn lists() -> impl Iterator<Item = PolicyKind> {
        PolicyKind::ALL.iter().copied().filter(|&policy| policy != PolicyKind::Segregated)
    }

    fn holes_of(heap: &Heap) -> Vec<Range<u64>> {
        heap.segments(0).filter(|segment| segment.kind == Kind::Hole).map(|hole| hole.addresses()).collect()
    }

    #[derive(Debug, Clone, Copy)]
    enum Op {
        Malloc(u64, u64),
        Free(usize),
        Append(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (1..300_u64, prop_oneof![4 => Just(1), 1 => Just(64)]).prop_map(|(size, align)| Op::Malloc(size, align)),
            4 => any::<usize>().prop_map(Op::Free),
            1 => (1..3_u64).prop_map(|pages| Op::Append(pages * PAGE)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The list chooses the holes that the heap takes, and its looks are those that are counted.
        #[test]
        fn as_many_as_a_list_looks_at(ops in prop::collection::vec(op(), 1..120)) {
            for policy in lists() {
                let (mut heap, mut live, mut rover) = (Heap::new(Options::default().with_policy(policy)), Vec::new(), 0);
                for &op in &ops {
                    match op {
                        Op::Malloc(size, alignment) => {
                            let holes = holes_of(&heap);
                            let looked = heap.looked_at(size, alignment);
                            let (hole, expected) = search(policy, &holes, rover, heap.room_for(size, alignment));
                            prop_assert_eq!(looked, expected as u64, "{} of {} among {:?}", policy, size, holes);
                            let taken = heap.malloc_aligned(size, alignment, |_| Ok(())).unwrap();
                            prop_assert_eq!(taken, hole.map(|hole| {
                                let front = hole - FIRST_ADDRESS;
                                front.next_multiple_of(alignment) + FIRST_ADDRESS
                            }));
                            if let Some(address) = taken {
                                live.push(address);
                                rover = heap.segment_at(address).unwrap().addresses().end;
                            }
                        }
                        Op::Free(which) if !live.is_empty() => {
                            heap.free(live.swap_remove(which % live.len())).unwrap();
                        }
                        Op::Free(_) => (),
                        Op::Append(bytes) => {
                            heap.reserve_block(bytes).unwrap();
                            heap.append_block(bytes, false);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn none_in_an_empty_heap_and_all_where_nothing_fits() {
        for policy in lists() {
            let mut heap = Heap::new(Options::default().with_policy(policy));
            assert_eq!(heap.looked_at(8, 1), 0);
            for _ in 0..3 {
                heap.reserve_block(PAGE).unwrap();
                heap.append_block(PAGE, false);
            }
            assert_eq!(heap.looked_at(PAGE + 1, 1), 3);
            let first = heap.looked_at(8, 1);
            assert_eq!(first, if matches!(policy, PolicyKind::FirstFit | PolicyKind::NextFit) { 1 } else { 3 });
        }
    }
}
