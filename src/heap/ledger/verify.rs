//! Verifying: whether the truth is one, and everything derived is what it should be.
//!
//! Costs: O(n) for n units.

use super::Ledger;
use super::layout::UNIT;
use super::rebuild::Census;

impl Ledger {
    /// Checks every invariant. For the owner of the lock, when no operation is under way.
    ///
    /// # Errors
    /// What the first one says that does not hold.
    pub fn check(&self) -> Result<(), String> {
        match self.header.intent() {
            Ok(None) => {}
            Ok(Some((intent, _))) => return Err(format!("an operation is under way: {intent:?}")),
            Err(kind) => return Err(format!("an operation of the unknown kind {kind} is under way")),
        }
        let (mut sum, mut largest) = (Census::default(), Vec::new());
        for (number, extent) in self.extents.iter().enumerate() {
            let in_extent = |said: String| format!("in extent {number}: {said}");
            extent.verify_bits().map_err(in_extent)?;
            extent.verify_occupancy().map_err(in_extent)?;
            extent.verify_rows().map_err(in_extent)?;
            let census = extent.census();
            largest.push(extent.largest());
            sum.blocks += census.blocks;
            sum.units += census.units;
            sum.holes += census.holes;
            sum.largest_hole = sum.largest_hole.max(census.largest_hole);
        }
        self.header.verify_largest(&largest)?;
        let counters = self.header.counters();
        let bytes = |units: u64| units * UNIT;
        for (what, counted, found) in [
            ("bytes in live blocks", counters.live, bytes(sum.units)),
            ("live blocks", counters.mallocs.wrapping_sub(counters.frees), sum.blocks),
            ("holes", counters.holes as u64, sum.holes),
            ("bytes in extents", counters.mapped, bytes(self.units())),
            ("extents", counters.main_blocks as u64, self.extents.len() as u64),
        ] {
            if counted != found {
                return Err(format!("{counted} {what} are counted, and {found} are there"));
            }
        }
        if counters.allocated < counters.live {
            return Err(format!("{} bytes are live, and {} were allocated", counters.live, counters.allocated));
        }
        for (what, peak, now) in [
            ("live bytes", counters.peak_live, counters.live),
            ("bytes in holes", counters.peak_hole_bytes, 0),
            ("the largest hole", counters.peak_largest_hole, 0),
        ] {
            if peak < now || peak > counters.mapped {
                return Err(format!("the high-water mark of {what} is {peak}, which cannot be"));
            }
        }
        Ok(())
    }
}
