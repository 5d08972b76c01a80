//! Occupancy: which granules have a start or an end, so that scans over long blocks and holes skip what lies between.
//!
//! Costs: a word a level, of which there are two for a megabyte and four for 256.

use super::extent::Extent;
use super::words::{bit, put, word};
use crate::table::AtomicU64;

impl Extent {
    /// The words of a level.
    #[inline]
    fn occupied(&self, level: usize) -> &[AtomicU64] {
        &self.occupancy[self.layout.occupancy[level]..self.layout.occupancy[level + 1]]
    }

    /// The first granule after `granule` that is occupied.
    pub(super) fn next_occupied(&self, granule: u64) -> Option<u64> {
        let behind = |number: u64| !(bit(number) | (bit(number) - 1));
        self.occupied_beside(granule, behind, |word| u64::from(word.trailing_zeros()))
    }

    /// The last granule before `granule` that is occupied.
    pub(super) fn previous_occupied(&self, granule: u64) -> Option<u64> {
        let before = |number: u64| bit(number) - 1;
        self.occupied_beside(granule, before, |word| 63 - u64::from(word.leading_zeros()))
    }

    /// The granule beside `granule` that is occupied: of the entries that `side` leaves of a word, each time the bit that `choose` takes.
    #[inline]
    fn occupied_beside(
        &self,
        granule: u64,
        side: impl Fn(u64) -> u64,
        choose: impl Fn(u64) -> u64 + Copy,
    ) -> Option<u64> {
        let mut number = granule;
        for level in 0..self.layout.occupancy_levels {
            // Behind the extent's last granule, as where its end is asked about, there may be no word.
            let here = self.occupied(level).get((number / 64) as usize).map_or(0, word) & side(number);
            if here != 0
                && let Some(found) = self.occupied_under(level, number / 64, here, choose)
            {
                return Some(found);
            }
            number /= 64;
        }
        None
    }

    /// The granule under the entries `here` of word number `at` of `level`, each time the bit that `choose` takes. An entry can lead to
    /// an empty word, as readers without the lock meet one while it is cleared, and the bit above it is still set: the next entry counts.
    fn occupied_under(&self, level: usize, at: u64, mut here: u64, choose: impl Fn(u64) -> u64 + Copy) -> Option<u64> {
        while here != 0 {
            let found = at * 64 + choose(here);
            if level == 0 {
                return (found < self.layout.granules).then_some(found);
            }
            let below = self.occupied(level - 1).get(found as usize).map_or(0, word);
            let under = self.occupied_under(level - 1, found, below, choose);
            if under.is_some() {
                return under;
            }
            here &= !bit(found);
        }
        None
    }

    /// Says that a granule is occupied.
    #[inline]
    pub(super) fn occupy(&self, granule: u64) {
        let mut number = granule;
        for level in 0..self.layout.occupancy_levels {
            let at = &self.occupied(level)[(number / 64) as usize];
            let here = word(at);
            if here & bit(number) != 0 {
                return;
            }
            put(at, here | bit(number));
            number /= 64;
        }
    }

    /// Says that a granule is not occupied if it has no bits.
    #[inline]
    pub(super) fn vacate_if_empty(&self, granule: u64) {
        if !self.has_bits(granule) {
            self.vacate(granule);
        }
    }

    fn vacate(&self, granule: u64) {
        let mut number = granule;
        for level in 0..self.layout.occupancy_levels {
            let at = &self.occupied(level)[(number / 64) as usize];
            let here = word(at) & !bit(number);
            put(at, here);
            if here != 0 {
                return;
            }
            number /= 64;
        }
    }

    /// Sets the bit of a granule, and those above it, to what the bits below say, whatever they were.
    pub(super) fn mend_occupancy(&self, granule: u64) {
        let (mut number, mut any) = (granule, self.has_bits(granule));
        for level in 0..self.layout.occupancy_levels {
            let at = &self.occupied(level)[(number / 64) as usize];
            let here = if any { word(at) | bit(number) } else { word(at) & !bit(number) };
            put(at, here);
            any = here != 0;
            number /= 64;
        }
    }

    /// Derives all words from the starts and ends.
    pub(super) fn rebuild_occupancy(&self) {
        for level in 0..self.layout.occupancy_levels {
            for (number, at) in self.occupied(level).iter().enumerate() {
                put(at, self.occupancy_of(level, number as u64));
            }
        }
    }

    /// What a word of a level should be, given the level below.
    pub(super) fn occupancy_of(&self, level: usize, number: u64) -> u64 {
        let below = |entry: u64| match level {
            0 => entry < self.layout.granules && self.has_bits(entry),
            _ => self.occupied(level - 1).get(entry as usize).is_some_and(|at| word(at) != 0),
        };
        (0..64).filter(|&entry| below(number * 64 + entry)).fold(0, |all, entry| all | bit(entry))
    }

    /// Whether all words are what the starts and ends say.
    pub(super) fn verify_occupancy(&self) -> Result<(), String> {
        for level in 0..self.layout.occupancy_levels {
            for (number, at) in self.occupied(level).iter().enumerate() {
                let (is, should) = (word(at), self.occupancy_of(level, number as u64));
                if is != should {
                    return Err(format!("word {number} of level {level} of the occupancy is {is:#x}, not {should:#x}"));
                }
            }
        }
        Ok(())
    }
}
