//! The disk of the tests of power failures, and how the power fails.
//!
//! A *disk* has the memory's sectors, each as of some moment: a sector gets to the disk before any store, at random, and at a flush all
//! do, in any order.

use super::tests::Memory;
use crate::table::{AtomicU32, AtomicU64};
use std::sync::atomic::Ordering::Relaxed;

const SECTOR: usize = super::layout::SECTOR_WORDS;

/// A random number generator: xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }
}

/// What survives.
pub struct Disk {
    words: Vec<&'static AtomicU64>,
    numbers: Vec<&'static AtomicU32>,
    written: Vec<u64>,
    written_numbers: Vec<u32>,
    random: Random,
    /// How many sectors are written before the power fails in a flush.
    pub left: u64,
}

/// Why a sync does not finish.
pub enum Failed {
    /// The power has failed in a flush.
    Power,
    /// The process has died before a flush.
    Death,
}

impl Disk {
    pub fn new(memory: &Memory, seed: u64) -> Self {
        let words: Vec<_> = memory.all().collect();
        let numbers: Vec<_> = memory.all_numbers().collect();
        let mut disk = Self {
            written: vec![0; words.len()],
            written_numbers: vec![0; numbers.len()],
            words,
            numbers,
            random: Random(seed | 1),
            left: u64::MAX,
        };
        for sector in 0..disk.sectors() {
            disk.write(sector);
        }
        disk
    }

    /// Sectors of words, and behind them those of numbers.
    fn sectors(&self) -> usize {
        self.words.len().div_ceil(SECTOR) + self.numbers.len().div_ceil(2 * SECTOR)
    }

    /// Writes a sector as it is now.
    fn write(&mut self, sector: usize) {
        let first = sector * SECTOR;
        if first < self.words.len() {
            for at in first..self.words.len().min(first + SECTOR) {
                self.written[at] = self.words[at].load(Relaxed);
            }
        } else {
            let first = 2 * SECTOR * (sector - self.words.len().div_ceil(SECTOR));
            for at in first..self.numbers.len().min(first + 2 * SECTOR) {
                self.written_numbers[at] = self.numbers[at].load(Relaxed);
            }
        }
    }

    /// Writes some sector, now and then.
    pub fn write_back(&mut self) {
        if self.random.below(8) == 0 {
            let sector = self.random.below(self.sectors() as u64) as usize;
            self.write(sector);
        }
    }

    pub fn flush(&mut self) -> Result<(), Failed> {
        let mut sectors: Vec<_> = (0..self.sectors()).collect();
        for at in (1..sectors.len()).rev() {
            sectors.swap(at, self.random.below(at as u64 + 1) as usize);
        }
        for sector in sectors {
            self.left = self.left.checked_sub(1).ok_or(Failed::Power)?;
            self.write(sector);
        }
        Ok(())
    }

    /// The memory becomes what the disk has.
    pub fn restart(&self) {
        self.words.iter().zip(&self.written).for_each(|(word, &value)| word.store(value, Relaxed));
        self.numbers.iter().zip(&self.written_numbers).for_each(|(number, &value)| number.store(value, Relaxed));
    }
}
