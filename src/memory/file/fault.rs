//! What happens if there is nothing behind a page of a map: because another program has cut the file, the disk has failed, or a
//! copy-on-write file system is full. The system sends `SIGBUS`, which would end the process. A handler maps zeros there instead, and
//! marks the file as lost: threads continue, and the next call to the heap says what has happened.
//!
//! macOS sends the signal for a store to a map for reading, too: such a map has to be one without write access there, to show what other
//! processes store. The page becomes the process's own then, as pages of private maps do on other systems, and the file is not lost.
//!
//! The handler is installed with the first map and stays. It is only for pages in maps of this library: in all other cases the handler
//! that was there before is called, or what the system would have done happens. A handler that is installed later, and does not call the
//! one before it, takes its place. Windows needs none: no file can be cut while it is mapped.
//!
//! The handler makes only calls that are allowed in handlers (`mmap` is a plain system call on all systems, and what it asks of macOS
//! besides are messages to the kernel, which take no lock of the process), takes no lock, and leaves
//! `errno` alone, since a successful call does not change it.

use super::super::system::page_bytes;
use super::{ranges, system};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};

/// What was there before.
struct Former {
    action: libc::sigaction,
    /// The system's page size.
    page: usize,
}

static FORMER: OnceLock<Former> = OnceLock::new();

static INSTALLED: Once = Once::new();

/// Whether the handler before has been called and was to be called only once.
static IS_SPENT: AtomicBool = AtomicBool::new(false);

/// Installs the handler, once.
pub(super) fn install() {
    INSTALLED.call_once(|| {
        let mut former = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: a place for the answer; nothing changes.
        unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), former.as_mut_ptr()) };
        // SAFETY: zeros, or what the system has filled in: numbers, and the address of a handler as a number.
        let former = unsafe { former.assume_init() };
        let mut own = former;
        own.sa_sigaction = on_fault as *const () as usize;
        // Signals that the handler before wants blocked are so, and calls continue as with it.
        own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | former.sa_flags & (libc::SA_RESTART | libc::SA_NODEFER);
        // The handler finds the one before already there.
        let _ = FORMER.set(Former { action: former, page: page_bytes() });
        // SAFETY: a handler of the kind that the flags say, which stays where it is, since the library is never unloaded.
        unsafe { libc::sigaction(libc::SIGBUS, &raw const own, ptr::null_mut()) };
    });
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(former) = FORMER.get() else { return };
    // SAFETY: the system has filled in what it says of the signal.
    let is_mended = unsafe { fault_address(info) }.is_some_and(|address| mend(address, former.page));
    if !is_mended {
        // SAFETY: what the system has passed to this handler.
        unsafe { pass_on(former, signal, info, context) };
    }
}

/// The address whose page had nothing behind it; `None` if the signal says something else.
///
/// # Safety
/// `info` must be what the system has passed to a handler of `SIGBUS`.
unsafe fn fault_address(info: *mut libc::siginfo_t) -> Option<usize> {
    // SAFETY: the caller vouches for `info`.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
    // Sent by a program, misaligned, and memory that has failed are other codes. Systems other than Linux are not as exact.
    let is_fault = !cfg!(any(target_os = "linux", target_os = "android")) || code == libc::BUS_ADRERR;
    is_fault.then_some(address as usize)
}

/// Maps zeros where an address is in a map of a file, and returns whether that is done.
fn mend(address: usize, page: usize) -> bool {
    let Some((end, file)) = ranges::find(address) else { return false };
    let start = address / page * page;
    // SAFETY: the file lives as long as its maps, and this thread is using one.
    let file = unsafe { &*file };
    // SAFETY: the page lies in a map of a file for reading, which this thread is using, so that it stays there.
    if file.read_only && unsafe { system::own_page(start, page) } {
        return true;
    }
    let zeros = |bytes| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range lies in a map of this library, which this thread is using, so that it stays there. A thread that reads from it finds
        // other bytes, as when another process had stored them.
        unsafe { libc::mmap(start as *mut c_void, bytes, access, flags, -1, 0) != libc::MAP_FAILED }
    };
    file.lost.store(true, Ordering::Release);
    // Each page may take mappings of which a process has only so many. The rest of the map takes none.
    zeros(page) || zeros(end.next_multiple_of(page) - start)
}

/// Does what would have happened without this handler.
///
/// # Safety
/// The arguments must be those that the system has passed to a handler.
unsafe fn pass_on(former: &Former, signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let action = &former.action;
    let is_spent = action.sa_flags & libc::SA_RESETHAND != 0 && IS_SPENT.swap(true, Ordering::Relaxed);
    match action.sa_sigaction {
        // SAFETY: the caller vouches for `info`.
        libc::SIG_IGN if unsafe { is_sent(info) } => {}
        handler if handler != libc::SIG_DFL && handler != libc::SIG_IGN && !is_spent => {
            if action.sa_flags & libc::SA_SIGINFO != 0 {
                type Action = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
                // SAFETY: the flag says that the address is that of such a function.
                let handler = unsafe { std::mem::transmute::<usize, Action>(handler) };
                handler(signal, info, context);
            } else {
                // SAFETY: without the flag the address is that of such a function.
                let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
                handler(signal);
            }
        }
        // The default, and what a system does with a fault that is ignored: the process ends, by the same instruction, or by the signal
        // sent again, which arrives when this handler has returned.
        _ => {
            // SAFETY: zeros are the default action, with nothing blocked. Sending a signal to this thread needs nothing.
            unsafe {
                let default = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                libc::sigaction(signal, &raw const default, ptr::null_mut());
                if is_sent(info) {
                    libc::raise(signal);
                }
            }
        }
    }
}

/// Whether a program has sent the signal.
///
/// # Safety
/// `info` must be what the system has passed to a handler.
unsafe fn is_sent(info: *mut libc::siginfo_t) -> bool {
    // SAFETY: the caller vouches for `info`.
    let code = unsafe { (*info).si_code };
    if cfg!(any(target_os = "linux", target_os = "android")) { code <= 0 } else { code <= 0 || code >= 0x1_0001 }
}
