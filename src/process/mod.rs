//! What all threads of a process share: its heaps, each behind a lock, found by their ids.
//!
//! - `registry.rs`: the default heap and those that programs make. `slots.rs`: where they are.
//! - `files.rs`: those that are in files. `file_list.rs`: which they are.
//! - `syncs.rs`: how those get to the disk that survive a power failure.
//! - `id.rs`: the ids of heaps.
//! - `lock.rs`: the lock of a heap.
//! - `fork.rs`: what happens to heaps in a child of `fork`.
//! - `recordings.rs`: recordings that the environment asks for, and what happens to all when the process exits.

mod file_list;
pub(crate) mod files;
mod fork;
mod id;
mod lock;
pub(crate) mod recordings;
pub(crate) mod registry;
mod slots;
pub(crate) mod syncs;
