//! Recordings, for the command `mems`: a file's bytes in, columns out, a chunk at a time, so that a recording of any length takes the
//! memory of one chunk. `#[napi]` functions, which keep nothing from one call to the next.
//!
//! Cost: a pass over the bytes for [`read_recording`], and some 50 ns an event for [`recording_chunk`], whose columns take 3 MiB for
//! 65,536 events.

use super::arguments::argument;
use super::arguments::{self, room_for};
use super::failure::{Failure, run};
use super::js_value::{Value, as_number};
use super::object::Made;
use crate::recording::{Chunk, Entry, Event, Fault, Part, Reader, Stacks};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

/// Numbers of `read_recording` for a chunk of events: where it is, its bytes, events, operations, and the operations missing before.
const CHUNK: usize = 5;

/// What a recording has, from all bytes of its file: the texts of its header and of its statistics, JSON, the latter undefined if it
/// was cut off; whether it has times and stacks; where its chunks of events are ([`CHUNK`] numbers each), and those of
/// the table of stacks (a place and bytes each); the number of its
/// operations, and of those that are missing, anywhere and after the last chunk. `partial`: what is damaged is left out.
#[napi]
pub fn read_recording<'env>(env: &'env Env, bytes: Unknown, partial: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let partial = arguments::flag("partial", argument(*env, &partial))?;
        let bytes = all("bytes", argument(*env, &bytes))?;
        let reader = Reader::new(&bytes, partial)?;
        let mut chunks = room_for(reader.parts().len())?;
        chunks.extend(reader.parts().iter().map(numbers_of));
        let mut stacks = room_for(reader.stacks().len())?;
        stacks.extend(reader.stacks().iter().map(|chunk| [as_number(chunk.at()), as_number(chunk.length() as u64)]));

        let mut made = Made::new(env);
        made.set(c"header", reader.header())?;
        if let Some(stats) = reader.stats() {
            made.set(c"stats", stats)?;
        }
        made.set(c"clock", reader.flags().clock)?;
        made.set(c"stacks", reader.flags().stacks)?;
        made.set(c"chunks", chunks.as_flattened())?;
        made.set(c"tables", stacks.as_flattened())?;
        made.set(c"operations", as_number(reader.operations()))?;
        made.set(c"missing", as_number(reader.missing()))?;
        made.set(c"missingAtEnd", as_number(reader.missing_at_end()))?;
        made.finished()
    })
}

fn numbers_of(part: &Part) -> [f64; CHUNK] {
    let Part { chunk, missing } = part;
    let numbers = [chunk.at(), chunk.length() as u64, chunk.events().into(), chunk.operations().into(), *missing];
    numbers.map(as_number)
}

/// The events of the chunk that has `length` bytes from `offset` in a file's bytes, as columns: for each event its kind, a number of
/// `Kind` (`recording/event.rs`), and its `address`, `size`, `from`, `alignment`, `thread`, `stack` and `time`, 0 where it has none. Main blocks have their
/// length as `size`, marks their position in `texts`. A free has its block as `from`.
#[napi]
pub fn recording_chunk<'env>(env: &'env Env, bytes: Unknown, offset: Unknown, length: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let (bytes, at) = some(argument(*env, &bytes), argument(*env, &offset), argument(*env, &length))?;
        let columns = Chunk::read(&bytes, at)?.columns()?;
        let mut made = Made::new(env);
        Columns::of(&columns)?.give_to(&mut made)?;
        made.finished()
    })
}

/// The stacks of the part of the table that has `length` bytes from `offset` in a file's bytes: their numbers and their texts.
#[napi]
pub fn recording_stacks<'env>(
    env: &'env Env,
    bytes: Unknown,
    offset: Unknown,
    length: Unknown,
) -> Result<Object<'env>> {
    run(*env, || {
        let (bytes, at) = some(argument(*env, &bytes), argument(*env, &offset), argument(*env, &length))?;
        let stacks: Stacks = Chunk::read(&bytes, at)?.stacks()?;
        let (mut ids, mut texts) = (Vec::new(), Vec::new());
        for stack in stacks.iter() {
            let (id, text) = stack?;
            ids.try_reserve(1).and_then(|()| texts.try_reserve(1)).map_err(|_| Fault::Memory)?;
            ids.push(id);
            texts.push(text);
        }
        let mut made = Made::new(env);
        made.set(c"stack", &ids[..])?;
        made.set(c"texts", &texts[..])?;
        made.finished()
    })
}

/// The columns that JavaScript gets of a chunk.
struct Columns<'chunk> {
    kind: Vec<u8>,
    address: Vec<f64>,
    size: Vec<f64>,
    from: Vec<f64>,
    alignment: Vec<f64>,
    thread: Vec<u32>,
    stack: Vec<u32>,
    time: Vec<f64>,
    texts: Vec<&'chunk str>,
}

impl<'chunk> Columns<'chunk> {
    fn of(chunk: &'chunk crate::recording::Columns) -> std::result::Result<Self, Failure> {
        let (count, marks) = (chunk.count(), chunk.marks());
        let mut columns = Self {
            kind: room_for(count)?,
            address: room_for(count)?,
            size: room_for(count)?,
            from: room_for(count)?,
            alignment: room_for(count)?,
            thread: room_for(count)?,
            stack: room_for(count)?,
            time: room_for(count)?,
            texts: room_for(marks)?,
        };
        chunk.events().try_for_each(|entry| entry.map(|entry| columns.push(entry)))?;
        Ok(columns)
    }

    /// Appends an event. There is room for it.
    fn push(&mut self, entry: Entry<'chunk>) {
        let Entry { event, thread, stack, time } = entry;
        let (address, size, from, alignment) = match event {
            Event::Main { address, bytes } | Event::Grow { address, bytes } => (address, bytes, 0, 0),
            Event::Block { address, size, alignment } | Event::Malloc { address, size, alignment } => {
                (address, size, 0, alignment)
            }
            Event::Free { address } => (0, 0, address, 0),
            Event::Realloc { from, to, size, alignment } => (to, size, from, alignment),
            Event::RefusedMalloc { size, alignment } => (0, size, 0, alignment),
            Event::RefusedRealloc { from, size } => (0, size, from, 0),
            Event::Trim { bytes } => (0, bytes, 0, 0),
            Event::Mark(text) => {
                self.texts.push(text);
                (0, self.texts.len() as u64 - 1, 0, 0)
            }
        };
        self.kind.push(event.kind() as u8);
        self.address.push(as_number(address));
        self.size.push(as_number(size));
        self.from.push(as_number(from));
        self.alignment.push(as_number(alignment));
        self.thread.push(thread);
        self.stack.push(stack);
        self.time.push(as_number(time));
    }

    fn give_to(&self, made: &mut Made) -> std::result::Result<(), Failure> {
        made.set(c"kind", &self.kind[..])?;
        made.set(c"address", &self.address[..])?;
        made.set(c"size", &self.size[..])?;
        made.set(c"from", &self.from[..])?;
        made.set(c"alignment", &self.alignment[..])?;
        made.set(c"thread", &self.thread[..])?;
        made.set(c"stack", &self.stack[..])?;
        made.set(c"time", &self.time[..])?;
        made.set(c"texts", &self.texts[..])
    }
}

/// All bytes of a `Uint8Array`, copied: another thread may write to a shared one meanwhile.
fn all(name: &'static str, value: Value) -> std::result::Result<Vec<u8>, Failure> {
    copied(name, value, 0, u64::MAX).map(|(bytes, _)| bytes)
}

/// Some bytes of the `Uint8Array` "bytes", copied, and where they begin. Where there are fewer, those that there are.
fn some(bytes: Value, offset: Value, length: Value) -> std::result::Result<(Vec<u8>, u64), Failure> {
    let offset = arguments::length("offset", offset)?;
    copied("bytes", bytes, offset, arguments::length("length", length)?)
}

fn copied(name: &'static str, value: Value, offset: u64, length: u64) -> std::result::Result<(Vec<u8>, u64), Failure> {
    let (from, there) = value.bytes().ok_or_else(|| {
        let expected = "a Uint8Array";
        Failure::ArgumentType { name, expected, received: value.described() }
    })?;
    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(there);
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(there - offset);
    let mut bytes = room_for(length)?;
    bytes.resize(length, 0);
    if length > 0 {
        // SAFETY: the array has as many bytes from the offset on, since no JavaScript has run since the pointer was read; they are
        // reached by pointer only.
        unsafe { from.add(offset).copy_to(bytes.as_mut_ptr(), length) };
    }
    Ok((bytes, offset as u64))
}
