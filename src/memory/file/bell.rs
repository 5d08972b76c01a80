//! Sleeping until another process says that something has changed.
//!
//! The word that is slept on is in a map of a file, so that a thread of any process can wake those of all others. Linux has a call for
//! that, `futex`, and macOS from version 14.4 on, `os_sync_wait_on_address`. Elsewhere a thread sleeps a millisecond at a time, and looks
//! again; so does one that the system refuses to let sleep on the word.
//!
//! Costs: a system call to sleep, and one to wake; some microseconds between the two.

use crate::table::AtomicU32;
use std::time::Duration;

/// How long a thread sleeps that nobody can wake.
const NAP: Duration = Duration::from_millis(1);

/// Sleeps until a thread of any process calls [`wake`] with the word, for `most` at most; not at all if the word is not `seen` any
/// more. May return early.
pub fn sleep(word: &AtomicU32, seen: u32, most: Duration) {
    if !system::sleep(word, seen, most) {
        std::thread::sleep(most.min(NAP));
    }
}

/// Wakes all threads that sleep on a word. Where they cannot be woken, they look again by themselves.
pub fn wake(word: &AtomicU32) {
    system::wake(word);
}

/// Whether a call that has failed has slept, or found that it need not.
#[cfg(all(not(loom), any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn is_slept() -> bool {
    let error = std::io::Error::last_os_error().raw_os_error();
    matches!(error, Some(libc::EAGAIN | libc::EINTR | libc::ETIMEDOUT))
}

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android")))]
mod system {
    use super::{AtomicU32, Duration, is_slept};

    /// Sleeps on the word. `false`: the system does not do that.
    pub fn sleep(word: &AtomicU32, seen: u32, most: Duration) -> bool {
        let most = libc::timespec {
            tv_sec: libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        // SAFETY: the word is in memory as long as the reference lives, and the kernel only reads it, and the time. Whatever it returns,
        // the caller looks again.
        let slept = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, seen, &raw const most) };
        slept == 0 || is_slept()
    }

    pub fn wake(word: &AtomicU32) {
        // SAFETY: the kernel takes the address as a name, and does not touch what is there.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }
}

#[cfg(all(not(loom), target_os = "macos"))]
mod system {
    use super::{AtomicU32, Duration, is_slept};
    use std::ffi::{c_int, c_void};
    use std::sync::LazyLock;

    type Wait = unsafe extern "C" fn(*mut c_void, u64, usize, u32, u32, u64) -> c_int;
    type Wake = unsafe extern "C" fn(*mut c_void, usize, u32) -> c_int;

    /// The two calls, in versions of the system that have them.
    static CALLS: LazyLock<Option<(Wait, Wake)>> = LazyLock::new(|| {
        let find = |name: &std::ffi::CStr| {
            // SAFETY: the name ends with a zero; RTLD_DEFAULT searches what the process has loaded.
            let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        let wait = find(c"os_sync_wait_on_address_with_timeout")?;
        let wake = find(c"os_sync_wake_by_address_all")?;
        // SAFETY: the system's functions of these names have these types.
        Some(unsafe {
            (std::mem::transmute::<*mut c_void, Wait>(wait), std::mem::transmute::<*mut c_void, Wake>(wake))
        })
    });

    /// Sleeps on the word. `false`: the system does not do that.
    pub fn sleep(word: &AtomicU32, seen: u32, most: Duration) -> bool {
        let Some((wait, _)) = *CALLS else { return false };
        // No time at all would mean for ever.
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX).max(1);
        let (bytes, shared, clock) =
            (size_of::<u32>(), libc::OS_SYNC_WAIT_ON_ADDRESS_SHARED, libc::OS_CLOCK_MACH_ABSOLUTE_TIME);
        // SAFETY: the word is in memory as long as the reference lives, and the system only reads it. Whatever it returns, the caller looks
        // again.
        let slept = unsafe { wait(word.as_ptr().cast(), seen.into(), bytes, shared, clock, most) };
        slept >= 0 || is_slept()
    }

    pub fn wake(word: &AtomicU32) {
        if let Some((_, wake)) = *CALLS {
            // SAFETY: the system takes the address as a name, and does not touch what is there. It fails if nobody sleeps.
            unsafe { wake(word.as_ptr().cast(), size_of::<u32>(), libc::OS_SYNC_WAKE_BY_ADDRESS_SHARED) };
        }
    }
}

/// What the systems do, as loom knows it: without a limit to the time, so that a thread that is never woken is found.
#[cfg(loom)]
mod system {
    use super::{AtomicU32, Duration};
    use loom::sync::{Condvar, Mutex};
    use std::sync::atomic::Ordering;

    loom::lazy_static! {
        static ref ASLEEP: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());
    }

    pub fn sleep(word: &AtomicU32, seen: u32, _most: Duration) -> bool {
        let guard = ASLEEP.0.lock().unwrap();
        if word.load(Ordering::Relaxed) == seen {
            drop(ASLEEP.1.wait(guard));
        }
        true
    }

    pub fn wake(_word: &AtomicU32) {
        let _guard = ASLEEP.0.lock();
        ASLEEP.1.notify_all();
    }
}

#[cfg(not(any(loom, target_os = "linux", target_os = "android", target_os = "macos")))]
mod system {
    use super::{AtomicU32, Duration};

    /// `false`: the system does not sleep on words of several processes.
    pub const fn sleep(_word: &AtomicU32, _seen: u32, _most: Duration) -> bool {
        false
    }

    pub const fn wake(_word: &AtomicU32) {}
}
