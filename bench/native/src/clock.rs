//! The clock of the measurements.

use std::time::Duration;

/// The processor time of this thread, which does not run while other programs have the processor: on a machine that is shared, a
/// figure would otherwise contain what they do. Where there is no such clock it is the time of day.
#[cfg(unix)]
#[must_use]
pub fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for the time, and systems with this clock always have it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "a thread has a clock");
    #[allow(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "times are positive, nanoseconds below 10^9"
    )]
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time since this was first called.
#[cfg(not(unix))]
#[must_use]
pub fn processor_time() -> Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(std::time::Instant::now).elapsed()
}
