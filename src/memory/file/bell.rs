//! Sleeping until another process says that something has changed.
//!
//! The word that is slept on is in a map of a file, so that a thread of any process can wake those of all others. Linux has a call for
//! that, `futex`; elsewhere a thread sleeps a millisecond at a time, and looks again.
//!
//! Costs: a system call to sleep, and one to wake; some microseconds between the two.

use crate::table::AtomicU32;
use std::time::Duration;

/// Sleeps until a thread of any process calls [`wake`] with the word, for `most` at most; not at all if the word is not `seen` any
/// more. May return early.
#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub fn sleep(word: &AtomicU32, seen: u32, most: Duration) {
    let most = libc::timespec {
        tv_sec: libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: the word is in memory as long as the reference lives, and the kernel only reads it, and the time. Whatever it returns, the
    // caller looks again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, seen, &raw const most) };
}

/// Wakes all threads that sleep on a word.
#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
pub fn wake(word: &AtomicU32) {
    // SAFETY: the kernel takes the address as a name, and does not touch what is there.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Sleeps for a millisecond, or for `most` if that is less.
#[cfg(any(loom, not(any(target_os = "linux", target_os = "android"))))]
pub fn sleep(_word: &AtomicU32, _seen: u32, most: Duration) {
    std::thread::sleep(most.min(Duration::from_millis(1)));
}

/// Does nothing: sleeping threads look again by themselves.
#[cfg(any(loom, not(any(target_os = "linux", target_os = "android"))))]
pub fn wake(_word: &AtomicU32) {}
