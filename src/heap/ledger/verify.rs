//! Verifying: whether the truth is one, and everything derived is what it should be.
//!
//! Costs: O(n) for n units; O(extents) where nothing is walked.

use super::Ledger;
use super::extent::Extent;
use super::layout::UNIT;
use crate::heap::counters::Counters;

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
        self.check_counters()?;
        for (number, extent) in self.extents.iter().enumerate() {
            let in_extent = |said: String| format!("in extent {number}: {said}");
            extent.verify_bits().map_err(in_extent)?;
            extent.verify_waiting().map_err(in_extent)?;
            extent.verify_occupancy().map_err(in_extent)?;
            extent.verify_rows().map_err(in_extent)?;
        }
        let (sum, counters) = (self.census(), self.header.counters());
        let bytes = |units: u64| units * UNIT;
        for (what, counted, found) in [
            ("bytes in live blocks", counters.live, bytes(sum.units)),
            ("live blocks", counters.mallocs.wrapping_sub(counters.frees), sum.blocks),
            ("holes", counters.holes as u64, sum.holes),
        ] {
            if counted != found {
                return Err(format!("{counted} {what} are counted, and {found} are there"));
            }
        }
        Ok(())
    }

    /// Checks what needs no walk: the counters against each other and the extents, and the largest holes against the rows. For the owner
    /// of the lock, when no operation is under way.
    ///
    /// # Errors
    /// What the first one says that does not hold.
    pub fn check_counters(&self) -> Result<(), String> {
        let counters = self.header.counters();
        let (mapped, extents) = (self.units() * UNIT, self.extents.len());
        if counters.mapped != mapped || counters.main_blocks != extents {
            let (counted, main_blocks) = (counters.mapped, counters.main_blocks);
            return Err(format!(
                "{counted} bytes in {main_blocks} extents are counted, and {mapped} in {extents} are there"
            ));
        }
        let blocks = counters.mallocs.checked_sub(counters.frees);
        let fits = |&blocks: &u64| blocks <= counters.live / UNIT && (blocks == 0) == (counters.live == 0);
        let Some(blocks) =
            blocks.filter(fits).filter(|_| counters.live <= mapped && counters.live.is_multiple_of(UNIT))
        else {
            let Counters { mallocs, frees, live, .. } = counters;
            return Err(format!("{mallocs} mallocs, {frees} frees and {live} live bytes are counted, which cannot be"));
        };
        // A hole is behind a block, or at the beginning of an extent. Blocks that wait for a sync are holes of their own.
        let (holes, free) = (counters.holes as u64, mapped - counters.live);
        let most = if self.header.is_durable() { u64::MAX } else { blocks.saturating_add(extents as u64) };
        if holes > most || holes > free / UNIT || (holes == 0) != (free == 0) {
            return Err(format!("{holes} holes with {free} bytes are counted, which cannot be"));
        }
        let largest: Vec<_> = self.extents.iter().map(Extent::largest).collect();
        self.header.verify_largest(&largest)?;
        check_totals(&counters)?;
        check_peaks(&counters)
    }

    /// What is there, as the counters have it, which may be damaged.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (counters, mapped) = (self.header.counters(), self.units() * UNIT);
        Summary {
            mapped,
            live: counters.live,
            largest_hole: u64::from(self.header.largest()) * UNIT,
            metadata: self.bookkeeping,
            live_blocks: counters.mallocs.wrapping_sub(counters.frees),
            holes: counters.holes as u64,
        }
    }
}

/// What is in a heap. Sizes are bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Bytes in extents.
    pub mapped: u64,
    /// Bytes in live blocks.
    pub live: u64,
    /// The largest hole.
    pub largest_hole: u64,
    /// Bytes of bookkeeping, with the header.
    pub metadata: u64,
    /// How many live blocks there are.
    pub live_blocks: u64,
    /// How many holes there are.
    pub holes: u64,
}

/// The most that a total can be: ten thousand million bytes a second take fourteen years to it.
const MOST: u64 = 1 << 62;

/// Whether the totals of calls are possible, beside live bytes and extents that are right.
pub(super) fn check_totals(counters: &Counters) -> Result<(), String> {
    for (what, total) in [
        ("mallocs", counters.mallocs),
        ("frees", counters.frees),
        ("resizes", counters.resizes),
        ("mallocs taken out of the totals", counters.forgotten),
        ("times that the heap has grown", counters.grows),
        ("bytes ever allocated", counters.allocated),
    ] {
        if total > MOST {
            return Err(format!("{total} {what} are counted, which cannot be"));
        }
    }
    if counters.allocated < counters.live {
        return Err(format!("{} bytes are live, and {} were allocated", counters.live, counters.allocated));
    }
    let (grows, extents) = (counters.grows, counters.main_blocks);
    if grows < extents as u64 {
        return Err(format!("the heap is counted to have grown {grows} times, and has {extents} extents"));
    }
    Ok(())
}

/// Whether the high-water marks are possible.
fn check_peaks(counters: &Counters) -> Result<(), String> {
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
