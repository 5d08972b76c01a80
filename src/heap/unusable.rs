//! Which holes a request cannot use: the share of hole bytes in holes that are smaller than it.
//!
//! External fragmentation compares the largest hole with all of them, and so it is close to 1 in every heap that has lived for a
//! while. How much of what is free a request of a given size could use says more.
//!
//! Costs: O(n) for n segments, walked in parts, so that nobody waits long for the heap.

use super::{Heap, Kind};

/// Most segments that a part of a walk looks at.
const PART: usize = 1 << 14;

/// Bytes in holes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HoleBytes {
    /// Bytes in holes that are smaller than the size.
    pub smaller: u64,
    /// Bytes in all holes.
    pub all: u64,
}

impl HoleBytes {
    /// The share of hole bytes that a request of the size cannot use, from 0 to 1; 0 if there is no hole.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "bytes of a heap are below 2^53")]
    pub fn unusable(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.smaller as f64 / self.all as f64 }
    }
}

impl Heap {
    /// Adds the holes from `address` on to the sums, each of a size, until it has looked at enough segments for one part of a walk.
    /// Returns where the next part begins; `None`: this was the last.
    pub fn add_holes(&self, address: u64, sums: &mut [(u64, HoleBytes)]) -> Option<u64> {
        let mut segments = self.segments(address);
        for segment in segments.by_ref().take(PART).filter(|segment| segment.kind == Kind::Hole) {
            for (size, sum) in &mut *sums {
                sum.all += segment.size;
                sum.smaller += if segment.size < *size { segment.size } else { 0 };
            }
        }
        segments.next().map(|segment| segment.start)
    }
}

#[cfg(test)]
mod tests {
    use super::HoleBytes;
    use crate::heap::{Heap, Options, PAGE, PolicyKind};
    use proptest::prelude::*;

    fn walk(heap: &Heap, size: u64) -> HoleBytes {
        let (mut sums, mut from) = ([(size, HoleBytes::default()), (7, HoleBytes::default())], Some(0));
        while let Some(address) = from {
            from = heap.add_holes(address, &mut sums);
        }
        assert_eq!(sums[0].1.all, sums[1].1.all);
        sums[0].1
    }

    #[test]
    fn a_heap_without_a_hole_has_none_that_is_too_small() {
        assert_eq!(walk(&Heap::new(Options::default()), 1024), HoleBytes { smaller: 0, all: 0 });
        assert!(HoleBytes::default().unusable().abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn all_hole_bytes_are_counted(sizes in prop::collection::vec(1..3000_u64, 1..60), keep in any::<u64>()) {
            for &policy in PolicyKind::ALL {
                let mut heap = Heap::new(Options::default().with_policy(policy));
                let mut blocks = Vec::new();
                for &size in &sizes {
                    if let Some(block) = heap.malloc(size).unwrap() {
                        blocks.push(block);
                        continue;
                    }
                    let bytes = heap.room_for(size, 1).next_multiple_of(PAGE).next_power_of_two();
                    heap.reserve_block(bytes).unwrap();
                    heap.append_block(bytes, false);
                    blocks.push(heap.malloc(size).unwrap().expect("there is room"));
                }
                for (number, block) in blocks.into_iter().enumerate() {
                    if keep >> (number % 64) & 1 == 0 {
                        heap.free(block).unwrap();
                    }
                }
                let stats = heap.stats();
                prop_assert_eq!(walk(&heap, 0), HoleBytes { smaller: 0, all: stats.hole_bytes });
                prop_assert_eq!(walk(&heap, u64::MAX), HoleBytes { smaller: stats.hole_bytes, all: stats.hole_bytes });
                let largest = walk(&heap, stats.largest_hole);
                prop_assert!(stats.holes == 0 || largest.all - largest.smaller >= stats.largest_hole);
            }
        }
    }
}
