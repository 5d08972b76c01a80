//! Mappings: the memory behind the virtual addresses. System calls, and unsafe code about memory, are only here.
//!
//! - `budget.rs`: the address space of the process, and how much of it heaps may reserve.
//! - `mapping.rs`: one long reservation, committed by the system page by page as it is touched.
//! - `regions.rs`: the few mappings of a heap, and the arithmetic from virtual to physical.
//! - `span.rs`: bytes of a mapping, and copying, filling and comparing them.
//! - `table.rs`: mappings for bookkeeping.
//! - `pagemap.rs`: which of them may hold something.
//! - `file/`: files that heaps are in, which other processes share.
//! - `system/unix.rs`, `system/windows.rs`: all other system calls, with a file for each system.
//!
//! | | Linux | macOS, BSD | Windows |
//! |---|---|---|---|
//! | a new region | up to 1 TiB, not counted | up to 1 TiB, not counted | up to 64 MiB, then as much again: charged |
//! | the limits | `RLIMIT_AS`, `vm.max_map_count` | `RLIMIT_AS` | what can be committed |
//! | a page | 4 KiB; arm64 up to 64 | 4 KiB; Apple Silicon 16 | 4 KiB, addresses at 64 |
//! | giving pages back | `MADV_DONTNEED` | a new map over the old | zeros, `MEM_RESET` |
//! | the end of an ended heap | unmapped | unmapped | no longer charged |
//! | resident | `mincore` | `mincore` | `QueryWorkingSetEx` |
//! | untouched | `pagemap` | not known | not known |
//! | locking | `mlock`, no core dumps | `mlock` | `VirtualLock`, a larger working set |

mod budget;
pub mod file;
mod mapping;
mod pagemap;
mod regions;
mod span;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
mod table;

pub use budget::reserved;
pub use mapping::{ALIGNMENT, Mapping};
#[cfg(feature = "c-abi")]
pub(crate) use regions::Epoch;
pub use regions::{Refused, Regions, Room};
pub use span::{LARGE, STEP, Span, step};
pub use system::page_bytes;
#[cfg(feature = "node")]
pub use system::{exported, library_path};
pub use table::{LEAD, Tables, tables, words};

/// Registers a function that is called when the process exits, unless it is killed; it must not unwind. Returns whether the system has
/// such functions that can wait for threads.
#[cfg(feature = "c-abi")]
pub(crate) fn at_exit(action: extern "C" fn()) -> bool {
    system::at_exit(action)
}

/// Calls `action`, and lets threads that it starts take no signals.
pub(crate) fn without_signals<T>(action: impl FnOnce() -> T) -> T {
    system::without_signals(action)
}

/// Registers functions that are called whenever the process forks (`system/unix.rs`), once all that is measured only once has
/// been measured.
#[cfg(feature = "c-abi")]
pub(crate) fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    budget::budget();
    system::at_fork(before, in_parent, in_child);
}
