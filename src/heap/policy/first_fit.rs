//! First fit: the lowest hole that is large enough, the policy of the original.
//!
//! Where a malloc had to search, it makes the bound of its page exact at once: that page is being used up.
//!
//! Costs: O(log n) amortized, base 32; O(1) where a hint knows the line.

use super::Policy;
use super::hints::Hints;
use crate::heap::engine::NoMetadata;
use crate::heap::segments::{LINE, Line, SegmentMap, Taken, narrow};

/// First fit, and what it remembers of sizes asked for lately.
#[derive(Debug, Default)]
pub(in crate::heap) struct FirstFit {
    hints: Hints,
}

/// Where the lowest hole that is large enough starts.
#[derive(Debug, Clone, Copy)]
struct Found {
    line: u64,
    /// What is stored for that line.
    word: Line,
    /// Whether it was found by a search: no hint knew the line.
    searched: bool,
}

impl FirstFit {
    /// The first line in which a hole of at least `size` bytes starts.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "on every malloc's way: what it returns would go through memory")]
    fn find(&mut self, map: &mut SegmentMap, size: u64) -> Option<Found> {
        let Some(size) = u16::try_from(size).ok().filter(|&size| size < u16::MAX) else {
            return map.search_wide(size).map(|line| Found { line, word: map.line(line), searched: true });
        };
        let from = if let Some(line) = self.hints.get(size) {
            if let Some((word, largest)) = map.line_and_largest(line)
                && largest >= size
            {
                return Some(Found { line, word, searched: false });
            }
            line
        } else {
            self.hints.bound(size)
        };
        let (line, word) = map.search_from(from, size)?;
        self.hints.set(size, line);
        Some(Found { line, word, searched: true })
    }
}

impl Policy for FirstFit {
    fn choose(&mut self, map: &mut SegmentMap, size: u64) -> Option<u64> {
        let found = self.find(map, size)?;
        map.hole_in_line(found.line, 0, size)
    }

    /// Chooses and takes in one step: the hole's line has just been read to see whether the hole is large enough.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "on every malloc's way")]
    fn take(&mut self, map: &mut SegmentMap, size: u64) -> Result<Option<Taken>, NoMetadata> {
        let Some(Found { line, word, searched }) = self.find(map, size) else { return Ok(None) };
        Ok(Some(map.take_in(line, word, size, searched)?))
    }

    #[inline]
    fn on_hole_added(&mut self, start: u64, size: u64) {
        self.hints.lower(narrow(size), start / LINE);
    }

    fn verify(&self, holes: &mut dyn Iterator<Item = (u64, u64)>) -> Result<(), String> {
        for (start, size) in holes {
            let skipping = self.hints.iter().find(|&(least, line)| start / LINE < line && size >= u64::from(least));
            if let Some(hint) = skipping {
                return Err(format!("the hint {hint:?} skips the hole at {start}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_hint_is_noticed() {
        let mut policy = FirstFit::default();
        policy.hints.set(1000, 8);
        assert!(policy.verify(&mut [(1000, 999), (1024, 1000)].into_iter()).is_ok());
        let said = policy.verify(&mut [(1000, 1000)].into_iter()).unwrap_err();
        assert!(said.contains("skips the hole at 1000"), "{said}");
    }
}
