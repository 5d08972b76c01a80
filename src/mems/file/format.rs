//! What a heap file says of itself: the constant part of the header, the two states, and the table of extents.
//!
//! ```text
//!  constant, 512 bytes                                                 states, 64 bytes each
//! | magic 8 | layout 4 | needed 4 | harmless 4 | byte order 4 | uuid 16 | checksum 4 | 0 ... |  boot 16 | clean 8 | generation 8 | checksum 4 |
//! ```
//!
//! - *needed*: bits of features that a program must know to open the file at all: 1, the heap survives a power failure. *harmless*: bits of features that a program that only
//!   reads need not know.
//! - A state says in which run of the system the file was used last, and whether it was closed cleanly: everything that was stored is on
//!   the disk then. The newer of the two whose checksum is right counts, so that a torn write of one leaves the other.
//!
//! All numbers are little-endian; checksums are CRC-32 of what is before them, of an entry's number too where there are several.

use crate::checksum::checksum;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::{self, EXTENTS, HEADER, MOST_EXTENT, PART, at};
use crate::heap::ledger::{DURABLE, Header, put, word};
use std::path::Path;

/// What a heap file begins with.
pub(crate) const MAGIC: [u8; 8] = *b"MeMSHeap";

/// The version of the layout that is written, and the only one that is read.
pub const LAYOUT: u32 = 1;

/// A number whose bytes show their order.
const ORDER: u32 = 0x0102_0304;

/// Bytes of the constant part.
pub const CONSTANT: usize = 512;

/// Where the checksum of the constant part is: everything before it is checked.
const CONSTANT_SUM: usize = 40;

/// The constant part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constant {
    /// What no other file has.
    pub uuid: [u8; 16],
    /// Whether the file has features that programs must know that change it.
    pub is_for_reading_only: bool,
    /// Whether the heap survives a power failure.
    pub is_durable: bool,
}

impl Constant {
    /// The bytes of the constant part of a new file.
    pub fn bytes(uuid: [u8; 16], is_durable: bool) -> [u8; CONSTANT] {
        let mut bytes = [0; CONSTANT];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&LAYOUT.to_le_bytes());
        bytes[12..16].copy_from_slice(&(if is_durable { DURABLE } else { 0 }).to_le_bytes());
        bytes[20..24].copy_from_slice(&ORDER.to_le_bytes());
        bytes[24..40].copy_from_slice(&uuid);
        let sum = checksum([&bytes[..CONSTANT_SUM]]);
        bytes[CONSTANT_SUM..CONSTANT_SUM + 4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the constant part.
    ///
    /// # Errors
    /// [`FileError::NotAHeapFile`], [`FileError::FileVersion`], [`FileError::FileCorrupt`].
    pub fn read(path: &Path, bytes: &[u8; CONSTANT]) -> Result<Self, Error> {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..8] != MAGIC {
            return Err(FileError::NotAHeapFile { path: path.display().to_string() }.into());
        }
        // A newer layout may have its checksum elsewhere.
        let (layout, needed, harmless) = (number(8), number(12), number(16));
        let unknown = needed & !DURABLE;
        if layout != LAYOUT || unknown != 0 {
            let found = format!("{layout}{}", if unknown == 0 { "" } else { " with features that this version lacks" });
            return Err(FileError::FileVersion { path: path.display().to_string(), found, supported: LAYOUT }.into());
        }
        let sum = checksum([&bytes[..CONSTANT_SUM]]);
        if number(CONSTANT_SUM) != sum || number(20) != ORDER {
            return Err(corrupt(path, "the constant part of its header is damaged"));
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[24..40]);
        Ok(Self { uuid, is_for_reading_only: harmless != 0, is_durable: needed & DURABLE != 0 })
    }
}

/// The error of a damaged file.
pub fn corrupt(path: &Path, place: impl Into<String>) -> Error {
    FileError::FileCorrupt { path: path.display().to_string(), place: place.into() }.into()
}

/// How a file was used last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The run of the system.
    pub boot: [u8; 16],
    /// Whether all processes have closed it, and what they have stored is on the disk.
    pub is_clean: bool,
    /// How many states there have been.
    pub generation: u64,
}

/// Words of a state.
const STATE: usize = 8;

impl State {
    fn words(self) -> [u64; 5] {
        let [low, high] = [0, 8].map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.boot[at..at + 8]);
            u64::from_le_bytes(bytes)
        });
        let words = [low, high, u64::from(self.is_clean), self.generation];
        let bytes = words.map(u64::to_le_bytes);
        let sum = checksum(bytes.iter().map(|bytes| &bytes[..]));
        [words[0], words[1], words[2], words[3], u64::from(sum)]
    }

    /// The bytes of a state.
    pub fn bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn of_words(words: [u64; 5]) -> Option<Self> {
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&words[0].to_le_bytes());
        boot[8..].copy_from_slice(&words[1].to_le_bytes());
        let state = Self { boot, is_clean: words[2] == 1, generation: words[3] };
        (state.words() == words).then_some(state)
    }

    /// The newest state of a file. `None`: neither is sound.
    pub fn newest(header: &Header) -> Option<Self> {
        let states = [0, 1].map(|number| {
            let first = at::STATES + STATE * number;
            Self::of_words(std::array::from_fn(|at| word(header.at(first + at))))
        });
        states.into_iter().flatten().max_by_key(|state| state.generation)
    }

    /// Writes the next state over the older one.
    pub fn write(header: &Header, boot: [u8; 16], is_clean: bool) {
        let generation = Self::newest(header).map_or(1, |state| state.generation.wrapping_add(1));
        let first = at::STATES + STATE * (generation % 2) as usize;
        for (number, value) in (Self { boot, is_clean, generation }).words().into_iter().enumerate() {
            put(header.at(first + number), value);
        }
    }
}

/// Where an extent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The offset of its bookkeeping in the file.
    pub offset: u64,
    /// Bytes of its data, which is behind the bookkeeping.
    pub bytes: u64,
    /// Bytes of data in the extents before.
    pub first: u64,
    /// Whether the heap survives a power failure, for which an extent has more bookkeeping.
    pub is_durable: bool,
}

impl Entry {
    /// The extent that follows `before`, or the first.
    pub fn following(before: Option<Self>, bytes: u64, is_durable: bool) -> Self {
        match before {
            Some(before) => Self { offset: before.end(), bytes, first: before.first + before.bytes, is_durable },
            None => Self { offset: HEADER, bytes, first: 0, is_durable },
        }
    }

    /// The offset of the data in the file.
    pub const fn data(&self) -> u64 {
        self.offset + layout::bytes_before(self.bytes, self.is_durable)
    }

    /// The offset in the file after the extent.
    pub const fn end(&self) -> u64 {
        self.data() + self.bytes
    }

    fn sum(&self, number: usize) -> u64 {
        let words = [number as u64, self.offset, self.bytes, self.first].map(u64::to_le_bytes);
        u64::from(checksum(words.iter().map(|bytes| &bytes[..])))
    }

    /// The words of the entry of extent `number`.
    pub fn words(&self, number: usize) -> [u64; 4] {
        [self.offset, self.bytes, self.first, self.sum(number)]
    }

    /// Writes the entry of extent `number`.
    pub fn write(&self, header: &Header, number: usize) {
        let first = at::EXTENT_TABLE + 4 * number;
        for (at, value) in self.words(number).into_iter().enumerate() {
            put(header.at(first + at), value);
        }
    }

    /// Reads the entry of extent `number`, which has to follow `before`.
    ///
    /// # Errors
    /// [`FileError::FileCorrupt`].
    pub fn read(path: &Path, header: &Header, number: usize, before: Option<Self>) -> Result<Self, Error> {
        let damaged = || corrupt(path, format!("entry {number} of its table of extents is damaged"));
        Self::whole(header, number)
            .filter(|entry| *entry == Self::following(before, entry.bytes, entry.is_durable))
            .ok_or_else(damaged)
    }

    /// The entry of extent `number`, if its checksum is right and its length can be one.
    fn whole(header: &Header, number: usize) -> Option<Self> {
        debug_assert!(number < EXTENTS);
        let first = at::EXTENT_TABLE + 4 * number;
        let [offset, bytes, start, sum] = std::array::from_fn(|at| word(header.at(first + at)));
        let entry = Self { offset, bytes, first: start, is_durable: header.is_durable() };
        (sum == entry.sum(number) && Self::is_length(bytes)).then_some(entry)
    }

    /// Whether an extent can have so many bytes of data.
    fn is_length(bytes: u64) -> bool {
        (PART..=MOST_EXTENT).contains(&bytes) && bytes.is_multiple_of(PART)
    }

    /// What the entry of extent `number` has been, which is damaged, by those before and behind it. `None`: they do not say.
    pub fn between(header: &Header, number: usize, before: Option<Self>) -> Option<Self> {
        let behind = if number + 1 < EXTENTS { Self::whole(header, number + 1)? } else { return None };
        let bytes = behind.first.checked_sub(before.map_or(0, |before| before.first + before.bytes))?;
        let entry = Self::is_length(bytes).then(|| Self::following(before, bytes, behind.is_durable))?;
        (behind == Self::following(Some(entry), behind.bytes, behind.is_durable)).then_some(entry)
    }

    /// Removes the entry of extent `number`.
    pub fn clear(header: &Header, number: usize) {
        for at in 0..4 {
            put(header.at(at::EXTENT_TABLE + 4 * number + at), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{AtomicU32, AtomicU64, Table};

    #[test]
    fn any_changed_bit_of_the_constant_part_is_noticed() {
        let bytes = Constant::bytes([7; 16], true);
        let path = Path::new("a.mems");
        let expected = Constant { uuid: [7; 16], is_for_reading_only: false, is_durable: true };
        assert_eq!(Constant::read(path, &bytes).unwrap(), expected);
        for bit in 0..8 * (CONSTANT_SUM + 4) {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Constant::read(path, &bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_changed_word_of_a_state_is_no_state() {
        let state = State { boot: [9; 16], is_clean: true, generation: 3 };
        let words = state.words();
        assert_eq!(State::of_words(words), Some(state));
        for number in 0..words.len() {
            let mut words = words;
            words[number] ^= 1 << 20;
            assert_eq!(State::of_words(words), None);
        }
    }

    /// A header in memory, of zeros.
    fn header() -> Header {
        let words: Vec<_> = (0..HEADER / 8).map(|_| AtomicU64::new(0)).collect();
        let largest: Vec<_> = (0..EXTENTS + EXTENTS / 64).map(|_| AtomicU32::new(0)).collect();
        Header::new(Table::of_static(words.leak()), Table::of_static(largest.leak())).unwrap()
    }

    #[test]
    fn a_damaged_entry_follows_from_its_neighbours() {
        let (header, path, mut entries) = (header(), Path::new("a.mems"), Vec::new());
        for bytes in [1 << 20, 3 << 20, PART, 6 << 20] {
            entries.push(Entry::following(entries.last().copied(), bytes, false));
        }
        for (number, entry) in entries.iter().enumerate() {
            entry.write(&header, number);
        }
        for (number, entry) in entries.iter().enumerate() {
            let before = number.checked_sub(1).map(|before| entries[before]);
            Entry::clear(&header, number);
            assert!(Entry::read(path, &header, number, before).is_err());
            let is_last = number + 1 == entries.len();
            assert_eq!(Entry::between(&header, number, before), (!is_last).then_some(*entry));
            // What is before it ends behind its successor: they are not of one table.
            let other = Entry::following(None, 32 << 20, false);
            assert_eq!(Entry::between(&header, number, Some(other)), None);
            entry.write(&header, number);
            assert_eq!(Entry::read(path, &header, number, before).unwrap(), *entry);
        }
        assert_eq!(Entry::between(&header, EXTENTS - 1, None), None);
    }

    #[test]
    fn an_extent_follows_the_one_before() {
        let first = Entry::following(None, 1 << 20, false);
        assert_eq!((first.offset, first.data(), first.first), (HEADER, HEADER + PART, 0));
        let second = Entry::following(Some(first), PART, false);
        assert_eq!((second.offset, second.first), (HEADER + PART + (1 << 20), 1 << 20));
        let durable = Entry::following(None, 1 << 20, true);
        assert_eq!(durable.data(), HEADER + 2 * PART);
    }
}
