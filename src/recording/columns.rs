//! Columns of numbers as varints (LEB128: seven bits a byte, the lowest first, a set eighth bit where another byte follows).
//!
//! Invariant: a [`Column`] never grows beyond the memory that it was made with.

use std::collections::TryReserveError;

/// The ids of the columns. A reader skips the columns whose ids it does not know.
pub(super) mod id {
    /// A byte for each event: its kind, and which of [`NEW_ALIGNMENT`](super::NEW_ALIGNMENT), [`NEW_THREAD`](super::NEW_THREAD),
    /// [`UNALIGNED`](super::UNALIGNED) and [`RECENT`](super::RECENT) is so.
    pub const KIND: u8 = 1;
    /// Sizes that were asked for, and lengths of main blocks.
    pub const SIZE: u8 = 2;
    /// Where blocks are that are new, or were there at the beginning: differences.
    pub const ADDRESS: u8 = 3;
    /// Which blocks are freed, or resized: how many blocks were made since, or where they are, as differences.
    pub const FREED: u8 = 4;
    /// Alignments, where they change.
    pub const ALIGNMENT: u8 = 5;
    /// Threads, where they change.
    pub const THREAD: u8 = 6;
    /// A stack for each event.
    pub const STACK: u8 = 7;
    /// A time for each [`TIME_EVERY`](super::TIME_EVERY) events: differences.
    pub const TIME: u8 = 8;
    /// Texts of marks: the length in bytes, and then the bytes, UTF-8.
    pub const TEXT: u8 = 9;
    /// The highest id.
    pub const LAST: u8 = TEXT;
}

/// The bits of a byte of the column of kinds that are the kind.
pub(super) const KIND_BITS: u8 = 0b1111;
/// Set for an event whose alignment is the next of its column; it is the last one's otherwise.
pub(super) const NEW_ALIGNMENT: u8 = 1 << 4;
/// Set for an event whose thread is the next of its column; it is the last one's otherwise.
pub(super) const NEW_THREAD: u8 = 1 << 5;
/// Set for the first event of a chunk from which on differences of addresses are in bytes. Before, they are in units
/// of 16 bytes.
pub(super) const UNALIGNED: u8 = 1 << 6;
/// Set for an event that frees or resizes a block which is given by how many blocks have been made since.
pub(super) const RECENT: u8 = 1 << 7;
/// There is a time for one event in this many.
pub(super) const TIME_EVERY: usize = 64;
/// The most bytes that a number takes.
pub(super) const LONGEST: usize = 10;

/// A number's bytes, and how many of them there are.
pub(super) const fn varint(mut number: u64) -> ([u8; LONGEST], usize) {
    let (mut bytes, mut length) = ([0; LONGEST], 1);
    while number >= 0x80 {
        bytes[length - 1] = number.to_le_bytes()[0] | 0x80;
        number >>= 7;
        length += 1;
    }
    bytes[length - 1] = number.to_le_bytes()[0];
    (bytes, length)
}

/// Numbers that are appended one by one.
#[derive(Debug)]
pub(super) struct Column {
    bytes: Vec<u8>,
    most: usize,
}

impl Column {
    /// A column for nothing.
    pub const EMPTY: Self = Self { bytes: Vec::new(), most: 0 };

    pub fn new(most: usize) -> Result<Self, TryReserveError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(most)?;
        Ok(Self { bytes, most })
    }

    /// Numbers that surely fit.
    #[inline]
    pub const fn room(&self) -> usize {
        (self.most - self.bytes.len()) / LONGEST
    }

    /// Bytes that fit.
    pub const fn bytes_left(&self) -> usize {
        self.most - self.bytes.len()
    }

    /// Appends a number. The caller has seen that there is [`Column::room`].
    #[inline]
    pub fn push(&mut self, number: u64) {
        debug_assert!(self.room() > 0);
        if number >> 28 != 0 {
            return self.push_long(number);
        }
        // Four groups of seven bits, each in a byte, without a branch on their number: it is hard to predict.
        #[allow(clippy::cast_possible_truncation, reason = "28 bits")]
        let number = number as u32;
        let spread = number & 0x7f | (number & 0x3f80) << 1 | (number & 0x1f_c000) << 2 | (number & 0xfe0_0000) << 3;
        let length = (38 - (number | 1).leading_zeros()) / 7;
        let more = 0x0080_8080 & ((1 << (8 * (length - 1))) - 1);
        let end = self.bytes.len() + length as usize;
        self.bytes.extend_from_slice(&(spread | more).to_le_bytes());
        self.bytes.truncate(end);
    }

    #[cold]
    fn push_long(&mut self, number: u64) {
        let (bytes, length) = varint(number);
        self.bytes.extend_from_slice(&bytes[..length]);
    }

    /// Appends a byte. The caller has seen that it fits.
    #[inline]
    pub fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Appends a text with its length. The caller has seen that [`LONGEST`] more bytes than the text has fit.
    pub fn push_text(&mut self, text: &str) {
        self.push(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    pub const fn length(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Numbers that are read one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// The next number; `None` if the bytes end before, or it has more than 64 bits.
    #[inline]
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.byte()?);
            let bits = byte & 0x7f;
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The next number, if it has no more than 32 bits.
    #[inline]
    pub fn short(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// The next text.
    pub fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(numbers in prop::collection::vec(any::<u64>().prop_flat_map(|number| (0..64_u32).prop_map(move |bits| number >> bits)), 0..100)) {
            let mut column = Column::new(numbers.len() * LONGEST).unwrap();
            for &number in &numbers {
                column.push(number);
            }
            let mut cursor = Cursor(column.bytes());
            for &number in &numbers {
                prop_assert_eq!(cursor.number(), Some(number));
            }
            prop_assert!(cursor.0.is_empty());
        }
    }

    #[test]
    fn numbers_take_the_bytes_that_docs_say() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (0x3fff, &[0xff, 0x7f]),
            (0x4000, &[0x80, 0x80, 1]),
            ((1 << 28) - 1, &[0xff, 0xff, 0xff, 0x7f]),
            (1 << 28, &[0x80, 0x80, 0x80, 0x80, 1]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut column = Column::new(LONGEST).unwrap();
            column.push(number);
            assert_eq!(column.bytes(), bytes);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert_eq!(Cursor(bytes).number(), None);
        }
        assert_eq!(Cursor(&[2, b'a']).text(), None);
        assert_eq!(Cursor(&[1, 0xff]).text(), None);
        assert_eq!(Cursor(&[0xff, 0xff, 0xff, 0xff, 0x7f]).short(), None);
    }
}
