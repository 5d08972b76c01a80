//! `src/heap` by itself, as WebAssembly: the heaps of the lesson page. No memory is behind their addresses.
//!
//! The interface is that of C, without pointers as arguments. Heaps are named by numbers (`heaps.rs`). Addresses and sizes are
//! doubles, as JavaScript has numbers: they are below 2^53. What is longer than a number is left in one of two places until the
//! next call (`results.rs`): a text, or a list of doubles. A call that fails returns -1 and leaves a text, the library's own code and
//! message. A panic leaves its message there as well, before the module ends.
//!
//! With the feature `recording`, `src/recording` is part of it: `npm run check:wasm` reads a recording of the calls.

#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![allow(dead_code, reason = "a heap has more than is called here")]

#[cfg(feature = "recording")]
#[path = "../../src/checksum.rs"]
mod checksum;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/file_error.rs"]
mod file_error;
#[path = "../../src/heap/mod.rs"]
mod heap;
mod heaps;
#[path = "../../src/map_error.rs"]
mod map_error;
#[path = "../../src/page.rs"]
mod page;
#[cfg(feature = "recording")]
mod recorded;
#[cfg(feature = "recording")]
#[path = "../../src/recording/mod.rs"]
mod recording;
mod results;
#[path = "../../src/system_error.rs"]
mod system_error;
#[path = "../../src/table.rs"]
mod table;
