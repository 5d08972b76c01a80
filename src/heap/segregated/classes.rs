//! Size classes: what sizes slots have, and how many pages their spans.
//!
//! Steps of 16 bytes up to 128, eight a doubling up to 1 KiB, four a doubling up to 32 KiB: rounding a size up to its class costs at
//! most 15 bytes, a ninth, a fifth. Two more classes, of 1152 and 4608 bytes, are for what programs ask for most often beyond 1 KiB:
//! that or a page, and a header. (More classes lose less to rounding, and more to spans that are half empty: of the ways that
//! were measured on recorded traces this one mapped least.)
//!
//! A span is as many pages as lose little at its end, and may be twice as long, and so on up to 16 KiB or four slots: the more of
//! a class there is, the longer its new spans.

use crate::heap::PAGE;

/// The largest size that has a class.
pub(super) const MOST: u64 = 32 << 10;

/// Sizes are multiples of this.
pub(super) const UNIT: u64 = 16;

/// Number of classes.
pub(super) const CLASSES: usize = 8 + 3 * 8 + 5 * 4 + 2;

/// Lengths that spans of a class may have.
pub(super) const LENGTHS: usize = 4;

/// Most slots of a span.
pub(super) const SLOTS: u64 = 256;

/// Bytes that a span may have, and more only if it would be fewer than four slots.
const SPAN: u64 = 16 << 10;

/// A size class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// Bytes of a slot.
    pub size: u64,
    /// `units * reciprocal >> 31` is the number of the slot at an offset of `units` units in a span.
    pub reciprocal: u32,
    /// Pages of a span, from the shortest on.
    pub pages: [u64; LENGTHS],
}

/// All classes, by size.
pub(super) static CLASS: [Class; CLASSES] = classes();

/// The class of each number of units.
static CLASS_OF: [u8; (MOST / UNIT) as usize + 1] = class_of();

/// The class of a size, which is from 1 to [`MOST`].
#[inline]
pub(super) fn class_for(size: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "at most `MOST`")]
    let units = size.div_ceil(UNIT) as usize;
    usize::from(CLASS_OF[units])
}

/// The class of slots that hold `size` bytes, and whose size is a multiple of `alignment`, a power of two. `None`: such a block gets
/// whole pages.
#[inline]
pub(super) fn class_aligned(size: u64, alignment: u64) -> Option<usize> {
    if size > MOST || alignment > PAGE {
        return None;
    }
    if alignment <= UNIT {
        return Some(class_for(size));
    }
    (class_for(size)..CLASSES).find(|&class| CLASS[class].size.is_multiple_of(alignment))
}

impl Class {
    /// Slots of a span of the length numbered `length`.
    pub const fn slots(&self, length: usize) -> u64 {
        self.pages[length] * PAGE / self.size
    }

    /// Bytes behind the last slot of a span of the length numbered `length`.
    pub const fn tail(&self, length: usize) -> u64 {
        self.pages[length] * PAGE % self.size
    }
}

const fn classes() -> [Class; CLASSES] {
    let mut all = [Class { size: 0, reciprocal: 0, pages: [0; LENGTHS] }; CLASSES];
    let (mut class, mut size) = (0, 0_u64);
    while class < CLASSES {
        // The power of two below the new size, or that size.
        let octave = 1 << (if size == 0 { 0 } else { size.ilog2() });
        let has_eighth = octave == 1 << 10 || octave == PAGE;
        size += if size < 128 {
            UNIT
        } else if size < 1 << 10 || (has_eighth && size < octave / 4 * 5) {
            octave / 8
        } else {
            octave / 4
        };
        all[class] = Class { size, reciprocal: reciprocal(size), pages: pages(size) };
        class += 1;
    }
    assert!(size == MOST);
    all
}

#[allow(clippy::cast_possible_truncation, reason = "2^31 + 1 at most")]
const fn reciprocal(size: u64) -> u32 {
    ((1 << 31) / (size / UNIT) + 1) as u32
}

const fn pages(size: u64) -> [u64; LENGTHS] {
    // What may be lost at the end, in thousandths: large slots are few to a span.
    let may_lose = if size > 512 { 125 } else { 40 };
    let mut pages = size.div_ceil(PAGE);
    while pages * PAGE % size * 1000 > may_lose * pages * PAGE {
        pages += 1;
    }
    let most = if 4 * size > SPAN { 4 * size } else { SPAN };
    let mut lengths = [pages; LENGTHS];
    let mut length = 1;
    while length < LENGTHS {
        let twice = 2 * lengths[length - 1];
        let fits = twice * PAGE <= most && twice * PAGE / size <= SLOTS;
        lengths[length] = if fits { twice } else { lengths[length - 1] };
        length += 1;
    }
    lengths
}

#[allow(clippy::cast_possible_truncation, reason = "there are fewer classes")]
const fn class_of() -> [u8; (MOST / UNIT) as usize + 1] {
    let mut table = [0; (MOST / UNIT) as usize + 1];
    let (classes, mut class, mut unit) = (classes(), 0, 1);
    while unit < table.len() {
        if unit as u64 * UNIT > classes[class].size {
            class += 1;
        }
        table[unit] = class as u8;
        unit += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_smallest_class_that_holds_it() {
        for size in 1..=MOST {
            let class = class_for(size);
            assert!(CLASS[class].size >= size && (class == 0 || CLASS[class - 1].size < size), "{size}");
        }
        assert_eq!(CLASS.map(|class| class.size)[..12], [16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192]);
        assert_eq!(CLASS.map(|class| class.size)[31..38], [1024, 1152, 1280, 1536, 1792, 2048, 2560]);
    }

    #[test]
    fn slots_fit_their_spans_and_are_found_in_them() {
        for class in &CLASS {
            for length in 0..LENGTHS {
                let slots = class.slots(length);
                assert!((1..=SLOTS).contains(&slots) && class.tail(length) < class.size, "{class:?}");
                assert!(class.tail(length) * 8 <= class.pages[length] * PAGE, "{class:?}");
                for unit in 0..class.pages[length] * PAGE / UNIT {
                    assert_eq!((unit * u64::from(class.reciprocal)) >> 31, unit / (class.size / UNIT), "{class:?}");
                }
            }
        }
    }

    #[test]
    fn an_aligned_class_has_multiples_of_the_alignment() {
        assert_eq!(class_aligned(40, 64).map(|class| CLASS[class].size), Some(64));
        assert_eq!(class_aligned(100, 4096).map(|class| CLASS[class].size), Some(4096));
        assert_eq!(class_aligned(MOST, 4096).map(|class| CLASS[class].size), Some(MOST));
        assert_eq!(class_aligned(MOST + 1, 16), None);
    }
}
