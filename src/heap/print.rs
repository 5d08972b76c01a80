//! The text of `printStats`, in the seed's format.

use super::{FIRST_ADDRESS, Heap, Kind, PAGE};
use std::fmt::{self, Write};

/// The longest line, in bytes. JavaScript engines have strings of at most 2^28 - 16 to 2^30 characters.
const LONGEST: usize = (1 << 28) - 16;

/// A line that reports failure to grow instead of aborting the process.
#[derive(Default)]
struct Line(String);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

/// Fills one line by `write`.
fn line(write: impl FnOnce(&mut Line) -> fmt::Result) -> Result<String, fmt::Error> {
    let mut line = Line::default();
    write(&mut line)?;
    Ok(line.0)
}

impl Heap {
    /// The lines that `printStats` prints: one a main block with its sub-chain, then the totals. O(n).
    ///
    /// # Errors
    /// [`fmt::Error`] if the system has no memory for the text, or a line would be longer than a JavaScript string.
    pub fn lines(&self) -> Result<Vec<String>, fmt::Error> {
        let counters = &self.counters;
        let mut lines = Vec::new();
        let mut lengths: Vec<usize> = Vec::new();
        lines.try_reserve(counters.main_blocks + 5).map_err(|_| fmt::Error)?;
        lengths.try_reserve(counters.main_blocks).map_err(|_| fmt::Error)?;
        lines.push("MeMS Stats:".to_owned());
        let mut segments = self.segments.walk(0).peekable();
        while let Some(&(first, ..)) = segments.peek() {
            // The end of a main block stands at the head of its line: its sub-chain is written behind it.
            let mut chain = Line::default();
            let (mut block_end, mut length) = (first, 0);
            while let Some((start, end, hole)) =
                segments.next_if(|next| next.0 == first || !self.segments.is_block_start(next.0))
            {
                let kind = match Kind::of(hole) {
                    Kind::Live => 'P',
                    Kind::Hole => 'H',
                };
                write!(chain, "<{kind}>[SVA:{}:EVA:{}] <-> ", FIRST_ADDRESS + start, FIRST_ADDRESS + end - 1)?;
                (block_end, length) = (end, length + 1);
            }
            lines.push(line(|out| {
                write!(out, "MAIN[{}:{}] -> ", FIRST_ADDRESS + first, FIRST_ADDRESS + block_end - 1)?;
                out.write_str(&chain.0)?;
                out.write_str("<NULL>")
            })?);
            lengths.push(length);
        }
        lines.push(format!("Page used: {}", counters.mapped / PAGE));
        lines.push(format!("Space unused: {}", counters.mapped - counters.live));
        lines.push(format!("Main Chain Length: {}", counters.main_blocks));
        lines.push(line(|out| {
            out.write_str("Sub-chain Length array:")?;
            if lengths.is_empty() {
                out.write_char(' ')?;
            }
            lengths.iter().try_for_each(|length| write!(out, " {length}"))
        })?);
        Ok(lines)
    }
}
