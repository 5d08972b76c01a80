//! The text of `printStats`, in the seed's format.

use super::chains::Kind;
use super::{Heap, PAGE};
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

/// One line, which `write` fills.
fn line(write: impl FnOnce(&mut Line) -> fmt::Result) -> Result<String, fmt::Error> {
    let mut line = Line::default();
    write(&mut line)?;
    Ok(line.0)
}

impl Heap {
    /// The lines that `printStats` prints: one for each main block with its sub-chain, then the totals. O(n).
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
        let chain = self.main_chain();
        for block in chain.iter() {
            let mut length = 0;
            lines.push(line(|out| {
                write!(out, "MAIN[{}:{}] -> ", block.start, block.end - 1)?;
                for segment in chain.sub_chain(block).iter() {
                    let kind = match segment.kind {
                        Kind::Live => 'P',
                        Kind::Hole => 'H',
                    };
                    write!(out, "<{kind}>[SVA:{}:EVA:{}] <-> ", segment.start, segment.addresses().end - 1)?;
                    length += 1;
                }
                out.write_str("<NULL>")
            })?);
            lengths.push(length);
        }
        lines.push(format!("Page used: {}", counters.mapped / PAGE));
        lines.push(format!("Space unused: {}", counters.mapped - self.live_bytes()));
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
