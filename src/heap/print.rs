//! The text of `printStats`, in the seed's format.

use super::{Heap, Kind, PAGE};
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
        let stats = self.stats();
        let mut lines = Vec::new();
        lines.try_reserve(stats.main_blocks + 5).map_err(|_| fmt::Error)?;
        lines.push("MeMS Stats:".to_owned());
        for block in &self.chains.blocks {
            lines.push(line(|out| {
                write!(out, "MAIN[{}:{}] -> ", block.start, block.start + block.size - 1)?;
                for (_, segment) in self.chains.walk(block) {
                    let kind = match segment.kind {
                        Kind::Live => 'P',
                        Kind::Hole => 'H',
                    };
                    write!(out, "<{kind}>[SVA:{}:EVA:{}] <-> ", segment.start, segment.end() - 1)?;
                }
                out.write_str("<NULL>")
            })?);
        }
        lines.push(format!("Page used: {}", stats.mapped / PAGE));
        lines.push(format!("Space unused: {}", stats.hole_bytes));
        lines.push(format!("Main Chain Length: {}", stats.main_blocks));
        lines.push(line(|out| {
            out.write_str("Sub-chain Length array:")?;
            if self.chains.blocks.is_empty() {
                out.write_char(' ')?;
            }
            self.chains.blocks.iter().try_for_each(|block| write!(out, " {}", block.segments))
        })?);
        Ok(lines)
    }
}
