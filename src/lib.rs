//! MeMS: memory outside the JavaScript heap, reached through virtual addresses.
//!
//! [`Mems`] is a whole heap (`mems/`). It joins two halves that know nothing of each other:
//!
//! - [`heap`] decides *where*: the main chain, the sub-chains of segments and holes, the policy. It deals in virtual
//!   addresses only, is safe Rust throughout and never touches the memory it hands out.
//! - [`memory`] provides *what is there*: long mappings, reserved at once and committed page by page as they are
//!   touched. The unsafe code about memory is here.
//!
//! [`recording`], on the same floor, is the format of recordings of what happens to heaps.
//!
//! The `node` feature (on by default) adds the Node-API binding, and the `c-abi` feature, which it needs, the functions for
//! C. Both convert arguments and results and decide nothing; both find heaps in the registry of the process (`process/`).
//! Arrows run downwards only: binding, then process, then [`Mems`], then the two halves.
//!
//! To follow `malloc` from JavaScript: `node/hot.rs` reads the argument, `process/registry.rs` finds and locks the heap,
//! `mems/mod.rs` asks it for an address and, where no hole is large enough, the memory for pages; `heap/mod.rs` has the hole
//! found and taken.

#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

#[cfg(feature = "c-abi")]
pub mod c;
mod checksum;
mod error;
mod file_error;
pub mod heap;
mod map_error;
pub mod memory;
mod mems;
#[cfg(feature = "node")]
mod node;
mod page;
#[cfg(any(feature = "c-abi", test))]
mod pause;
#[cfg(feature = "c-abi")]
mod process;
pub mod recording;
mod system_error;
mod table;

pub use error::Error;
pub use file_error::FileError;
pub use map_error::MapError;
pub use mems::{Access, Block, Choice, Mems, Options, Place, Realloc, Recorded, Setting, Stack};
pub use system_error::SystemError;
