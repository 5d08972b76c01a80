//! MeMS: memory outside the JavaScript heap, reached through virtual addresses.
//!
//! [`Mems`] is a whole heap. It joins two halves that know nothing of each other:
//!
//! - [`heap`] decides *where*: the main chain, the sub-chains of segments and holes, first fit. It deals in virtual
//!   addresses only, is safe Rust throughout and never touches the memory it hands out.
//! - [`memory`] provides *what stands there*: long mappings, reserved at once and committed page by page as they are
//!   touched. The unsafe code about memory is here.
//!
//! The `node` feature (on by default) adds the Node-API binding, and the `c-abi` feature, which it needs, the functions for
//! C. Both convert arguments and results and decide nothing; both find heaps in the registry of the process. Arrows run
//! downwards only: binding, then registry, then [`Mems`], then the two halves.
//!
//! To follow `malloc` from JavaScript: `src/node/slots.rs` reads the argument, `src/mems.rs` asks the heap for a hole
//! and, where there is none, the memory for pages; `src/heap/mod.rs` takes the hole, through `first_fit.rs` that finds it
//! and `take.rs` that splits it.

#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

mod aligned;
mod batch;
mod blocks;
#[cfg(feature = "c-abi")]
pub mod c;
mod dirty;
mod error;
mod guard;
pub mod heap;
mod hidden;
#[cfg(feature = "c-abi")]
mod lock;
pub mod memory;
mod mems;
#[cfg(feature = "node")]
mod node;
mod realloc;
#[cfg(feature = "c-abi")]
mod registry;
mod slack;
mod stacks;
mod steps;
mod track;

pub use blocks::{Block, Place};
pub use error::Error;
pub use mems::Mems;
pub use realloc::Realloc;
pub use stacks::Stack;
