//! Worst fit: the largest hole, the lowest of several.
//!
//! Costs: O(log n) amortized, base 32: the tree of maxima knows how large the largest is.

use super::Policy;
use crate::heap::segments::SegmentMap;

/// Worst fit, which remembers nothing.
#[derive(Debug, Default)]
pub(in crate::heap) struct WorstFit;

impl Policy for WorstFit {
    fn choose(&mut self, map: &mut SegmentMap, size: u64) -> Option<u64> {
        let largest = map.largest_hole();
        if largest < size { None } else { map.next_hole(0, largest) }
    }
}
