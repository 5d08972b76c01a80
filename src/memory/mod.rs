//! Mappings: the memory behind the virtual addresses. The only place with system calls and unsafe code about memory.
//!
//! - `mapping.rs`: one long reservation, committed by the system page by page as it is touched.
//! - `regions.rs`: the few mappings of a heap, and the arithmetic from virtual to physical.
//! - `span.rs`: bytes of a mapping, and copying, filling and comparing them.
//! - `unix.rs`, `windows.rs`: what differs between systems.

mod mapping;
mod regions;
mod span;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub use mapping::Mapping;
pub use regions::{Refused, Regions, Room};
pub use span::Span;
pub use system::page_bytes;
