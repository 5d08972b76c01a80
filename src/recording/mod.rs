//! Recordings: what happened to a heap, as a file that can be read anywhere. `docs/recording.md` draws the format byte for byte.
//!
//! An **event** is an operation (malloc, free, realloc, grow, trim, mark, a refused request), or says what was there when the
//! recording began. Events are kept as **columns**, for most of them one number each; up to 65,536 events are a **chunk**, which is
//! compressed and has checksums. [`Encoder`] appends to columns, and the [`Writer`] compresses and writes them. [`Reader`] reads what a
//! writer has written, and refuses everything else with a [`Fault`].
//!
//! A **trace** is the older format, of text and without addresses: [`TraceReader`], [`TraceWriter`].
//!
//! Nothing here knows heaps, threads or files: it builds for WebAssembly.

mod chunk;
mod columns;
mod decoder;
mod encoder;
mod event;
mod fault;
mod near;
mod reader;
mod stacks;
mod trace;
mod writer;

pub use chunk::Chunk;
pub use decoder::{Columns, Events};
pub use encoder::{Encoder, Full, MOST_EVENTS, MOST_TEXT, cut_mark};
pub use event::{Entry, Event, Flags, Kind};
pub use fault::Fault;
pub use reader::{Part, Reader, Start};
pub use stacks::Stacks;
pub use trace::{Request, TraceReader, TraceWriter};
pub use writer::Writer;

/// How a recording begins. (The byte 0x1a ends the text where a terminal or an old system prints the file.)
const MAGIC: [u8; 6] = *b"MEMS\x1a\0";

/// The most bytes of a header's text.
const MOST_HEADER: usize = 1 << 20;

/// The format that is written, and the newest that is read.
pub const FORMAT: u16 = 1;
