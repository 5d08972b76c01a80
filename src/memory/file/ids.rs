//! Numbers that identify: a boot of the system, and a file.

use super::system;
use std::io;

/// A number that is another after each boot of the system, and the same for all its processes, in containers as well: Linux's `boot_id`,
/// macOS's `kern.bootsessionuuid`. On Windows it is made of the time of the boot, to 100 ns, without what the clock was set by since; a
/// start from hibernation, which Windows's fast startup is as well, is no boot.
///
/// # Errors
/// `Unsupported`, or the system's, where it does not say.
pub fn boot_id() -> io::Result<[u8; 16]> {
    system::boot_id()
}

/// A random UUID (version 4).
///
/// # Errors
/// The system's, if it has no random numbers.
pub fn new_uuid() -> io::Result<[u8; 16]> {
    let mut uuid = [0; 16];
    getrandom::fill(&mut uuid).map_err(io::Error::other)?;
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(uuid)
}

/// The number that a UUID's text says.
#[cfg(unix)]
pub(super) fn parse(text: &str) -> io::Result<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|&sign| sign != '-').collect();
    let number = (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
    number.map(u128::to_be_bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
