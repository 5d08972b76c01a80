//! CRC-32 as of zlib, gzip and PNG, for recordings and heap files. (A dozen lines, so no library of its own: what is checked is some
//! kilobytes at a time.)

/// The remainders of all bytes.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xedb8_8320 } else { remainder >> 1 };
            bit += 1;
        }
        table[byte as usize] = remainder;
        byte += 1;
    }
    table
};

/// The checksum of bytes that come in pieces.
pub(crate) fn checksum<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let bytes = pieces.into_iter().flatten();
    !bytes.fold(!0, |sum: u32, &byte| TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(checksum([&b""[..]]), 0);
        assert_eq!(checksum([&b"123456789"[..]]), 0xcbf4_3926);
        assert_eq!(checksum([&b"1234"[..], b"", b"56789"]), 0xcbf4_3926);
    }
}
