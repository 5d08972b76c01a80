//! How a heap file is laid out: each offset of the format, once.
//!
//! ```text
//!  header                                            extent 0                extent 1
//! | constant | states | lock .. counters | slots .. | bookkeeping | data    | bookkeeping | data ...
//! 0          512      1024               4096       HEADER
//! ```
//!
//! All numbers are little-endian. Header, bookkeeping and data begin at multiples of [`PART`], which every supported system can map.
//! `docs/files.md` draws the format byte for byte.

/// Bytes of a unit: blocks start and end at multiples of it.
pub const UNIT: u64 = 16;

/// Units of a granule: one word of starts, one of ends, and one entry of the rows.
pub const GRANULE: u64 = 64;

/// Bytes of a granule's data.
pub const GRANULE_BYTES: u64 = GRANULE * UNIT;

/// What the header, and an extent's bookkeeping and data, are multiples of, in bytes: the largest page of a supported system, and the
/// granularity of mappings on Windows.
pub const PART: u64 = 64 << 10;

/// Bytes of the header.
pub const HEADER: u64 = 256 << 10;

/// The most extents.
pub const EXTENTS: usize = 4096;

/// The most processes that have a file open at a time.
pub const SLOTS: usize = 1024;

/// The most roots.
pub const ROOTS: usize = 256;

/// The longest name of a root, in bytes.
pub const ROOT_NAME: usize = 47;

/// The most bytes of data in an extent: its units are counted by numbers of 31 bits.
pub const MOST_EXTENT: u64 = (1 << 31) / GRANULE * GRANULE * UNIT - PART;

/// Words of eight bytes in a page of memory, and of most disks, 4096 bytes.
pub const PAGE_WORDS: usize = 512;

/// Words of eight bytes in a sector, which every disk writes as a whole, 512 bytes.
pub const SECTOR_WORDS: usize = 64;

/// Offsets in the header, as numbers of words of eight bytes, unless said otherwise.
pub mod at {
    /// The part that never changes, 512 bytes, which `format.rs` reads and writes.
    pub const CONSTANT: usize = 0;
    /// Two states of the file (boot, clean mark), 64 bytes each.
    pub const STATES: usize = 64;
    /// The generation of a state that is known to be on the disk.
    pub const STATE_WRITTEN: usize = 80;
    /// The heap's lock: the owner that holds it, or 0.
    pub const LOCK: usize = 128;
    /// How many operations have been finished.
    pub const SEQUENCE: usize = 136;
    /// The intent: what the operation under way does.
    pub const INTENT: usize = 144;
    /// The publication: which block is about to be referred to, and which is about to be freed. See `publication.rs`.
    pub const PUBLICATION: usize = 152;
    /// Two copies of the counters, 128 bytes each.
    pub const COUNTERS: usize = 160;
    /// How many extents there are.
    pub const EXTENT_COUNT: usize = 192;
    /// What waiting threads sleep on, and whether one may do so: two numbers of four bytes.
    pub const DOORBELL: usize = 200;
    /// Three words of syncs: whether one is under way, how one has failed, and the number of the last that has finished.
    pub const SYNC: usize = 216;
    /// A word for each process slot: how often the slot has been taken.
    pub const GENERATIONS: usize = 512;
    /// Two words for each process slot, for messages: the process's id, and when it opened the file (milliseconds since 1970).
    pub const PROCESSES: usize = 1536;
    /// Eight words for each root: the address, the length of the name with a count of its changes, and the name's bytes.
    pub const ROOTS: usize = 4096;
    /// The largest hole of each extent, in units, as numbers of four bytes; behind them the largest of each 64 of these.
    pub const LARGEST: usize = 8192;
    /// Two records of syncs, a page of the disk each, in heaps that survive a power failure.
    pub const SYNC_RECORDS: usize = 10_752;
    /// Two copies of the roots, which belong to the records.
    pub const SYNC_ROOTS: usize = SYNC_RECORDS + 2 * super::PAGE_WORDS;
    /// Four words for each extent: where it is in the file, its bytes of data, the offset of its first unit, a checksum.
    pub const EXTENT_TABLE: usize = 16_384;
}

const _: () = assert!(at::GENERATIONS + super::layout::SLOTS <= at::PROCESSES);
const _: () = assert!(at::PROCESSES + 2 * SLOTS <= at::ROOTS);
const _: () = assert!(at::ROOTS + 8 * ROOTS <= at::LARGEST);
const _: () = assert!(at::LARGEST + usize::midpoint(EXTENTS, EXTENTS / 64) <= at::SYNC_RECORDS);
const _: () = assert!(at::SYNC_RECORDS.is_multiple_of(PAGE_WORDS));
const _: () = assert!(at::SYNC_ROOTS + 2 * 8 * ROOTS <= at::EXTENT_TABLE);
const _: () = assert!(at::EXTENT_TABLE + 4 * EXTENTS <= HEADER as usize / 8);

/// Levels of rows, or of occupancy, that the largest extent has.
const LEVELS: usize = 5;

/// Where the parts of an extent's bookkeeping are, which follows from the length of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtentLayout {
    /// Granules of data.
    pub granules: u64,
    /// The number of the first entry of each level of rows, and after the last the number of entries of all.
    pub rows: [usize; LEVELS + 1],
    /// How many levels of rows there are.
    pub row_levels: usize,
    /// The number of the first word of each level of occupancy, and after the last the number of words of all.
    pub occupancy: [usize; LEVELS + 1],
    /// How many levels of occupancy there are.
    pub occupancy_levels: usize,
}

impl ExtentLayout {
    /// The layout for `bytes` of data, a multiple of [`PART`] from [`PART`] to [`MOST_EXTENT`].
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        let granules = bytes / GRANULE_BYTES;
        let mut layout =
            Self { granules, rows: [0; LEVELS + 1], row_levels: 0, occupancy: [0; LEVELS + 1], occupancy_levels: 0 };
        // Rows of 64 entries, up to the level that is one row: what is above that is in the header.
        let mut entries = granules as usize;
        loop {
            let level = layout.row_levels;
            layout.rows[level + 1] = layout.rows[level] + entries.next_multiple_of(64);
            layout.row_levels += 1;
            if entries <= 64 {
                break;
            }
            entries = entries.div_ceil(64);
        }
        let mut words = (granules as usize).div_ceil(64);
        loop {
            let level = layout.occupancy_levels;
            layout.occupancy[level + 1] = layout.occupancy[level] + words;
            layout.occupancy_levels += 1;
            if words == 1 {
                break;
            }
            words = words.div_ceil(64);
        }
        layout
    }

    /// Words of starts and ends, which come first.
    #[must_use]
    pub const fn planes(&self) -> usize {
        2 * self.granules as usize
    }

    /// Entries of rows, which come next.
    #[must_use]
    pub const fn row_entries(&self) -> usize {
        self.rows[self.row_levels]
    }

    /// Words of occupancy, which come last.
    #[must_use]
    pub const fn occupancy_words(&self) -> usize {
        self.occupancy[self.occupancy_levels]
    }

    /// Offset of the rows in the bookkeeping, in bytes.
    #[must_use]
    pub const fn rows_at(&self) -> u64 {
        8 * self.planes() as u64
    }

    /// Offset of the occupancy in the bookkeeping, in bytes.
    #[must_use]
    pub const fn occupancy_at(&self) -> u64 {
        self.rows_at() + 4 * self.row_entries() as u64
    }

    /// Bytes of the bookkeeping.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        (self.occupancy_at() + 8 * self.occupancy_words() as u64).next_multiple_of(PART)
    }
}

/// Granules of a group, the part of the bookkeeping that a sync copies as a whole.
pub const GROUP: usize = 256;

/// Where the parts are of what an extent has besides if its heap survives a power failure. It is behind the bookkeeping:
///
/// ```text
/// | waiting | copy 0: starts and ends, waiting, checksums | copy 1 | dirty 0 | dirty 1 |
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurableLayout {
    /// Granules of data: words of waiting blocks.
    pub granules: usize,
    /// Groups of [`GROUP`] granules.
    pub groups: usize,
}

impl DurableLayout {
    /// The layout for `bytes` of data.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        let granules = (bytes / GRANULE_BYTES) as usize;
        Self { granules, groups: granules.div_ceil(GROUP) }
    }

    /// Words of the bits that say which groups have changed.
    #[must_use]
    pub const fn dirty_words(&self) -> usize {
        self.groups.div_ceil(64)
    }

    /// The first of these words, for copy `copy`. They are in sectors of the disk of their own.
    #[must_use]
    pub const fn dirty_at(&self, copy: usize) -> usize {
        (self.copy_at(1) + self.copy_words()).next_multiple_of(SECTOR_WORDS) + copy * self.dirty_words()
    }

    /// The first word of a copy.
    #[must_use]
    pub const fn copy_at(&self, copy: usize) -> usize {
        self.granules.next_multiple_of(PAGE_WORDS) + copy * self.copy_words().next_multiple_of(PAGE_WORDS)
    }

    /// Words of a copy: three for each granule, and a checksum for each group.
    #[must_use]
    pub const fn copy_words(&self) -> usize {
        3 * self.granules + self.groups
    }

    /// Words of all that.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.dirty_at(2)
    }

    /// Bytes of all that, in whole parts.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        (8 * self.words() as u64).next_multiple_of(PART)
    }
}

/// Bytes of an extent that are before its `bytes` of data.
#[must_use]
pub const fn bytes_before(bytes: u64, is_durable: bool) -> u64 {
    let durable = if is_durable { DurableLayout::new(bytes).bytes() } else { 0 };
    ExtentLayout::new(bytes).bytes() + durable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_begin_at_pages_of_the_disk_and_do_not_overlap() {
        for bytes in [PART, 1 << 20, 3 << 20, 255 << 20, MOST_EXTENT] {
            let layout = DurableLayout::new(bytes);
            let [first, second] = [0, 1].map(|copy| layout.copy_at(copy));
            assert!(first.is_multiple_of(PAGE_WORDS) && second.is_multiple_of(PAGE_WORDS), "{layout:?}");
            assert!(layout.granules <= first && first + layout.copy_words() <= second, "{layout:?}");
            assert!(second + layout.copy_words() <= layout.dirty_at(0), "{layout:?}");
            assert!(8 * layout.words() as u64 <= layout.bytes());
            assert!(bytes < 64 << 20 || layout.bytes() * 1000 <= bytes * 56, "{layout:?}");
        }
        assert_eq!(DurableLayout::new(1 << 20).bytes(), PART);
    }

    #[test]
    fn bookkeeping_is_a_fiftieth_of_the_data_once_parts_are_no_matter() {
        for bytes in [64 << 20, 256 << 20, 1 << 30, MOST_EXTENT] {
            let layout = ExtentLayout::new(bytes);
            assert!(layout.bytes() * 1000 <= bytes * 21, "{layout:?}");
        }
        let least = ExtentLayout::new(PART);
        assert_eq!((least.granules, least.row_levels, least.occupancy_levels, least.bytes()), (64, 1, 1, PART));
        let most = ExtentLayout::new(MOST_EXTENT);
        assert!(most.row_levels <= LEVELS && most.occupancy_levels <= LEVELS);
    }
}
