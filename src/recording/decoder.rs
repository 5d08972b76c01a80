//! The events of a chunk, read from its columns.
//!
//! Invariant: what no encoder writes is a fault, never a panic: columns that end too early or too late, numbers out of range, unknown
//! kinds.
//!
//! Cost: some 30 ns an event.

use super::chunk::{Chunk, content};
use super::columns::{Cursor, KIND_BITS, NEW_ALIGNMENT, NEW_THREAD, RECENT, TIME_EVERY, UNALIGNED, id};
use super::encoder::MOST_EVENTS;
use super::event::{Entry, Event, Kind};
use super::fault::Fault;
use super::near::Near;
use std::ops::Range;

/// The columns of a chunk, decompressed.
#[derive(Debug)]
pub struct Columns {
    body: Vec<u8>,
    /// Where the columns are in the body, by their ids; empty where there is none.
    places: [Range<usize>; id::LAST as usize + 1],
    fault: Fault,
    events: u32,
    operations: u32,
}

impl Chunk<'_> {
    /// Decompresses the columns of a chunk of events.
    ///
    /// # Errors
    /// If the chunk is damaged or invalid, or there is no memory.
    pub fn columns(&self) -> Result<Columns, Fault> {
        if self.header.content != content::EVENTS {
            return Err(self.invalid("it has no events"));
        }
        if self.events() as usize > MOST_EVENTS {
            return Err(self.invalid("it has too many events"));
        }
        let body = self.body()?;
        let places = places(&body).ok_or_else(|| self.invalid("its columns do not fill it"))?;
        let fault = self.invalid("its columns do not have as many values as it has events");
        Ok(Columns { body, places, fault, events: self.events(), operations: self.operations() })
    }
}

/// Where the columns of a body are: each is an id, a length, and as many bytes.
fn places(body: &[u8]) -> Option<[Range<usize>; id::LAST as usize + 1]> {
    let mut places = [const { 0..0 }; id::LAST as usize + 1];
    let mut cursor = Cursor(body);
    while let Some(id) = cursor.byte() {
        let length = usize::try_from(cursor.number()?).ok()?;
        let start = body.len() - cursor.0.len();
        cursor.0 = cursor.0.get(length..)?;
        if let Some(place) = places.get_mut(usize::from(id)) {
            if *place != (0..0) {
                return None;
            }
            *place = start..start + length;
        }
    }
    Some(places)
}

impl Columns {
    /// The number of events.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.events as usize
    }

    /// The number of events that are marks.
    #[must_use]
    pub fn marks(&self) -> usize {
        let kinds = &self.body[self.places[usize::from(id::KIND)].clone()];
        kinds.iter().filter(|&bits| bits & KIND_BITS == Kind::Mark as u8).count()
    }

    /// The events, in their order. After an `Err` there are none.
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        let column = |id: u8| Cursor(&self.body[self.places[usize::from(id)].clone()]);
        Events {
            columns: self,
            kinds: column(id::KIND),
            sizes: column(id::SIZE),
            addresses: column(id::ADDRESS),
            freed: column(id::FREED),
            alignments: column(id::ALIGNMENT),
            threads: column(id::THREAD),
            stacks: column(id::STACK),
            times: column(id::TIME),
            texts: column(id::TEXT),
            has: Has {
                stacks: !self.places[usize::from(id::STACK)].is_empty(),
                times: !self.places[usize::from(id::TIME)].is_empty(),
            },
            read: 0,
            operations: 0,
            near: Near::new(),
            alignment: 0,
            thread: 0,
            time: 0,
        }
    }
}

/// Which of the columns a chunk has that not every one has.
#[derive(Debug, Clone)]
struct Has {
    stacks: bool,
    times: bool,
}

/// The events of a chunk, one by one.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    columns: &'a Columns,
    kinds: Cursor<'a>,
    sizes: Cursor<'a>,
    addresses: Cursor<'a>,
    freed: Cursor<'a>,
    alignments: Cursor<'a>,
    threads: Cursor<'a>,
    stacks: Cursor<'a>,
    times: Cursor<'a>,
    texts: Cursor<'a>,
    has: Has,
    read: u32,
    operations: u32,
    near: Near,
    alignment: u64,
    thread: u32,
    time: u64,
}

impl<'a> Events<'a> {
    /// The next event; `None` if the columns have no value for it.
    fn entry(&mut self) -> Option<Entry<'a>> {
        let bits = self.kinds.byte()?;
        if bits & NEW_ALIGNMENT != 0 {
            self.alignment = self.alignments.number()?;
        }
        if bits & UNALIGNED != 0 {
            self.near.set_unaligned();
        }
        let alignment = self.alignment;
        let (kind, is_recent) = (Kind::of(bits & KIND_BITS)?, bits & RECENT != 0);
        if is_recent && !matches!(kind, Kind::Free | Kind::Realloc | Kind::RefusedRealloc) {
            return None;
        }
        let event = match kind {
            Kind::Main => Event::Main { address: self.address()?, bytes: self.sizes.number()? },
            Kind::Grow => Event::Grow { address: self.address()?, bytes: self.sizes.number()? },
            Kind::Block => Event::Block { address: self.address()?, size: self.sizes.number()?, alignment },
            Kind::Malloc => {
                let size = self.sizes.number()?;
                Event::Malloc { address: self.block(size)?, size, alignment }
            }
            Kind::Free => Event::Free { address: self.freed(is_recent)? },
            Kind::Realloc => {
                let (from, size) = (self.freed(is_recent)?, self.sizes.number()?);
                Event::Realloc { from, to: self.block(size)?, size, alignment }
            }
            Kind::RefusedMalloc => Event::RefusedMalloc { size: self.sizes.number()?, alignment },
            Kind::RefusedRealloc => Event::RefusedRealloc { from: self.freed(is_recent)?, size: self.sizes.number()? },
            Kind::Trim => Event::Trim { bytes: self.sizes.number()? },
            Kind::Mark => Event::Mark(self.texts.text()?),
        };
        if bits & NEW_THREAD != 0 {
            self.thread = self.threads.short()?;
        }
        let stack = if self.has.stacks { self.stacks.short()? } else { 0 };
        if self.has.times && (self.read as usize).is_multiple_of(TIME_EVERY) {
            self.time = self.time.wrapping_add(self.times.number()?);
        }
        self.operations += u32::from(event.is_operation());
        Some(Entry { event, thread: self.thread, stack, time: self.time })
    }

    fn address(&mut self) -> Option<u64> {
        let address = self.near.last().wrapping_add(self.near.difference(self.addresses.number()?));
        self.near.set(address);
        Some(address)
    }

    fn block(&mut self, size: u64) -> Option<u64> {
        let address = self.near.of_class(size).wrapping_add(self.near.difference(self.addresses.number()?));
        self.near.set_block(address, size);
        Some(address)
    }

    fn freed(&mut self, is_recent: bool) -> Option<u64> {
        let number = self.freed.number()?;
        if is_recent {
            return self.near.free_recent(number);
        }
        let address = self.near.last().wrapping_add(self.near.difference(number));
        self.near.set(address);
        Some(address)
    }

    /// Whether all columns have been read to their ends, and have the operations that the chunk's header says.
    fn is_done(&self) -> bool {
        let columns = [
            self.kinds,
            self.sizes,
            self.addresses,
            self.freed,
            self.alignments,
            self.threads,
            self.stacks,
            self.times,
            self.texts,
        ];
        columns.iter().all(|column| column.0.is_empty()) && self.operations == self.columns.operations
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Entry<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.read < self.columns.events {
            if let Some(entry) = self.entry() {
                self.read += 1;
                return Some(Ok(entry));
            }
        } else if self.read > self.columns.events || self.is_done() {
            return None;
        }
        // A fault is the last item.
        self.read = self.columns.events + 1;
        Some(Err(self.columns.fault.clone()))
    }
}
