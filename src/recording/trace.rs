//! Traces: what a program has asked of an allocator, as lines of text without addresses. `bench/traces/README.md` describes them.
//!
//! Four lines of head (any number, the number of ids, the number of operations, any number), then an operation a line: `a ID SIZE`
//! (malloc), `r ID SIZE` (realloc), `f ID` (free). Size 0 means 1, and an id is used again after its free. A reader takes a trace
//! without a head as well, ignores lines that are empty or begin with `#`, and takes lines that end as on Windows.
//!
//! Invariant: what a reader returns can be replayed: a block that is freed or resized is live, and one that is allocated is not.

use super::fault::Fault;
use std::io::{Result as Written, Write};

/// Ids are below this, since who replays a trace has a table of them.
const MOST_IDS: u32 = 1 << 24;
/// Sizes are at most this: what every number in JavaScript holds.
const MOST_SIZE: u64 = (1 << 53) - 1;
const HEAD: usize = 4;

/// An operation of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A malloc.
    Malloc {
        /// What stands for the block until it is freed.
        id: u32,
        /// Size asked for, at least 1.
        size: u64,
    },
    /// A realloc.
    Realloc {
        /// What stands for the block.
        id: u32,
        /// Size asked for, at least 1.
        size: u64,
    },
    /// A free.
    Free {
        /// What stood for the block.
        id: u32,
    },
}

/// Reads a trace, from all of its text.
#[derive(Debug)]
pub struct TraceReader<'a> {
    rest: &'a [u8],
    line: u64,
    head: [u64; HEAD],
    head_lines: usize,
    read: u64,
    /// By id, whether its block is live.
    live: Vec<bool>,
    is_done: bool,
}

impl<'a> TraceReader<'a> {
    /// Begins to read. Nothing is looked at before the first operation is asked for.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { rest: text, line: 0, head: [0; HEAD], head_lines: 0, read: 0, live: Vec::new(), is_done: false }
    }

    /// The number of the line that was read last, from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    const fn fault(&self, what: &'static str) -> Fault {
        Fault::Line { line: self.line, what }
    }

    /// The next operation; `None` at the end of the text.
    fn request(&mut self) -> Result<Option<Request>, Fault> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|&byte| byte == b'\n').unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            self.line += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match line.first() {
                None | Some(b'#') => (),
                Some(b'0'..=b'9') => self.read_head(line)?,
                Some(_) => return self.read_request(line).map(Some),
            }
        }
        if self.head_lines != 0 && (self.head_lines < HEAD || self.head[2] != self.read) {
            return Err(Fault::Count { read: self.read, named: self.head[2] });
        }
        Ok(None)
    }

    fn read_head(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.read != 0 || self.head_lines == HEAD {
            return Err(self.fault("a number is not an operation"));
        }
        self.head[self.head_lines] = number(line).ok_or_else(|| self.fault("it is not a number"))?;
        self.head_lines += 1;
        Ok(())
    }

    fn read_request(&mut self, line: &[u8]) -> Result<Request, Fault> {
        if !matches!(self.head_lines, 0 | HEAD) {
            return Err(self.fault("the head has four numbers"));
        }
        let no_request = || self.fault("an operation is \"a ID SIZE\", \"r ID SIZE\" or \"f ID\"");
        let mut words = line.split(|&byte| byte == b' ');
        let kind = words.next();
        let mut numbers = words.map(|word| number(word).ok_or_else(no_request));
        let id = numbers.next().ok_or_else(no_request)??;
        let size = numbers.next().transpose()?;
        if numbers.next().is_some() {
            return Err(no_request());
        }
        let id = u32::try_from(id).ok().filter(|&id| id < MOST_IDS).ok_or_else(|| self.fault("the id is too large"))?;
        if size > Some(MOST_SIZE) {
            return Err(self.fault("the size is too large"));
        }
        let request = match (kind, size.map(|size| size.max(1))) {
            (Some(b"a"), Some(size)) => Request::Malloc { id, size },
            (Some(b"r"), Some(size)) => Request::Realloc { id, size },
            (Some(b"f"), None) => Request::Free { id },
            _ => return Err(no_request()),
        };
        self.note(id, request)?;
        self.read += 1;
        Ok(request)
    }

    /// Records which ids have live blocks.
    fn note(&mut self, id: u32, request: Request) -> Result<(), Fault> {
        let at = id as usize;
        if at >= self.live.len() {
            let more = (at + 1).next_power_of_two() - self.live.len();
            self.live.try_reserve(more).map_err(|_| Fault::Memory)?;
            self.live.resize(self.live.len() + more, false);
        }
        match (request, self.live[at]) {
            (Request::Malloc { .. }, true) => return Err(self.fault("the block is allocated already")),
            (Request::Realloc { .. } | Request::Free { .. }, false) => {
                return Err(self.fault("the block is not allocated"));
            }
            _ => self.live[at] = !matches!(request, Request::Free { .. }),
        }
        Ok(())
    }
}

impl Iterator for TraceReader<'_> {
    type Item = Result<Request, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let request = self.request().transpose();
        // A fault is the last item.
        self.is_done = !matches!(request, Some(Ok(_)));
        request
    }
}

/// A number of decimal digits alone.
fn number(digits: &[u8]) -> Option<u64> {
    let digit = |number: u64, &digit: &u8| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

/// Writes a trace. What is written is not checked.
pub struct TraceWriter<W: Write> {
    to: W,
}

impl<W: Write> TraceWriter<W> {
    /// Writes the head. `ids` is above all ids.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(mut to: W, ids: u32, operations: u64) -> Written<Self> {
        write!(to, "0\n{ids}\n{operations}\n1\n")?;
        Ok(Self { to })
    }

    /// Writes an operation.
    ///
    /// # Errors
    /// If writing fails.
    pub fn push(&mut self, request: Request) -> Written<()> {
        match request {
            Request::Malloc { id, size } => writeln!(self.to, "a {id} {size}"),
            Request::Realloc { id, size } => writeln!(self.to, "r {id} {size}"),
            Request::Free { id } => writeln!(self.to, "f {id}"),
        }
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// If writing fails.
    pub fn end(mut self) -> Written<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}
