//! What happens to the heaps when the process forks.
//!
//! A child has the thread that forked and no other. A lock that another thread held at the time would stay taken for ever. So
//! before a fork the forking thread takes all locks, in a fixed order: that of the list of files, the lock of the vacant slots, the
//! default heap's, and then those of the slots by number. Another thread may hold the first and one more, in this order, and no other
//! two at a time, so there is no deadlock. Parent and child release them.
//!
//! The memory of heaps made from JavaScript is not in the child, on Linux: copying its page tables is what makes a fork of a
//! large process slow, and children of Node.js run another program at once. In the child such heaps have ended: a call
//! fails before it touches memory that is not there. Heaps in files have ended in the child as well, on all systems: who shares the file
//! is the parent, and the child lets go of the parent's locks. It can open the file anew.
//!
//! Costs: O(slots made) a fork, some nanoseconds each.

use super::file_list::{FILES, OpenFile};
use super::lock::Held;
use super::slots::{DEFAULT, SLOTS, Slot, VACANT};
use crate::memory;
use crate::mems::Mems;
use std::cell::RefCell;
use std::sync::{MutexGuard, Once, OnceLock, PoisonError};

/// All locks, held.
struct All {
    heaps: Vec<Held<'static, Slot>>,
    files: MutexGuard<'static, Vec<OpenFile>>,
    _vacant: MutexGuard<'static, (Vec<usize>, usize)>,
}

thread_local! {
    /// The locks that this thread holds while it forks.
    static HELD: RefCell<Option<All>> = const { RefCell::new(None) };
}

/// Registers the handlers for `fork`.
pub(super) fn mind() {
    static MINDED: Once = Once::new();
    MINDED.call_once(|| memory::at_fork(before, in_parent, in_child));
}

extern "C" fn before() {
    let files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let vacant = VACANT.lock().unwrap_or_else(PoisonError::into_inner);
    // While the lock of the vacant slots is held, there are no more of them. All memory is taken before the first heap's lock is: the
    // allocator of the process may itself be a heap of MeMS. Without memory no heap's lock is taken, since a fork cannot be refused.
    let slots = || std::iter::once(&DEFAULT).chain(SLOTS.iter().filter_map(OnceLock::get).flatten());
    let mut heaps = Vec::new();
    if heaps.try_reserve_exact(slots().count()).is_ok() {
        heaps.extend(slots().map(|slot| slot.hold()));
    }
    let all = All { heaps, files, _vacant: vacant };
    // A thread that is ending has no thread-local storage any more. The locks are released at once then.
    let _ = HELD.try_with(|held| held.replace(Some(all)));
}

extern "C" fn in_parent() {
    let _ = HELD.try_with(RefCell::take);
}

extern "C" fn in_child() {
    let Some(mut all) = HELD.try_with(RefCell::take).ok().flatten() else { return };
    // The threads that sync them are not here, and may have had locks of what they share with these.
    all.files.drain(..).for_each(std::mem::forget);
    for held in &mut all.heaps {
        held.recover(|slot| {
            let gone = slot.heap.take_if(|heap| {
                let has_no_memory = cfg!(any(target_os = "linux", target_os = "android")) && heap.options().dont_fork();
                has_no_memory || heap.is_in_file()
            });
            if let Some(heap) = &mut slot.heap {
                heap.forget_recording();
            }
            gone.map(Mems::forget).is_some()
        });
    }
}
