//! Locks on single bytes of a file, far behind its end: nobody reads or writes there. The system knows who holds one, and releases it
//! when the holder has died, whatever it died of, and whatever its process id looks like from elsewhere.
//!
//! A lock belongs to the [`File`], not to the process: two of them for one path exclude each other in one process as well, and a file that
//! another part of the process opens and closes releases none.
//!
//! Costs: a system call each.

use super::{File, system};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The offset of the byte with the number 0.
pub(super) const BASE: u64 = 1 << 62;

/// The shortest and the longest time between two attempts.
const NAPS: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

impl File {
    /// Takes the exclusive lock on a byte, unless somebody else has it, and returns whether that is done. A byte that this `File` holds
    /// must not be taken again: systems differ there.
    ///
    /// # Errors
    /// The system's; there are no such locks on files that are open for reading only, nor where the system has none
    /// (`Unsupported`: FreeBSD and its relatives).
    pub fn try_lock_byte(&self, byte: u64) -> io::Result<bool> {
        system::lock(&self.handle, offset(byte)?)
    }

    /// [`File::try_lock_byte`] again and again, until it is done or `patience` has passed.
    ///
    /// # Errors
    /// As [`File::try_lock_byte`].
    pub fn lock_byte(&self, byte: u64, patience: Duration) -> io::Result<bool> {
        let (mut nap, start) = (NAPS.0, Instant::now());
        while !self.try_lock_byte(byte)? {
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            thread::sleep(nap.min(left));
            nap = (nap * 2).min(NAPS.1);
        }
        Ok(true)
    }

    /// Releases the lock on a byte, which this `File` has.
    ///
    /// # Errors
    /// The system's.
    pub fn unlock_byte(&self, byte: u64) -> io::Result<()> {
        system::unlock(&self.handle, offset(byte)?)
    }

    /// Whether somebody else has the lock on a byte. On Windows this takes it for a moment, shared with others who ask, in which
    /// [`File::try_lock_byte`] of somebody else fails.
    ///
    /// # Errors
    /// As [`File::try_lock_byte`], but a file that is open for reading only can be asked.
    pub fn is_byte_locked(&self, byte: u64) -> io::Result<bool> {
        system::is_locked(&self.handle, offset(byte)?)
    }
}

/// The byte's offset in the file.
fn offset(byte: u64) -> io::Result<u64> {
    if byte < BASE { Ok(BASE + byte) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
