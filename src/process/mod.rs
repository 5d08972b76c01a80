//! What all threads of a process share: its heaps, each behind a lock, found by their ids.
//!
//! - `registry.rs`: the default heap and those that programs make. `slots.rs`: where they are.
//! - `id.rs`: the ids of heaps.
//! - `lock.rs`: the lock of a heap.
//! - `fork.rs`: what happens to heaps in a child of `fork`. `exit.rs`: what happens to recordings when the process exits.

pub(crate) mod exit;
mod fork;
mod id;
mod lock;
pub(crate) mod registry;
mod slots;
