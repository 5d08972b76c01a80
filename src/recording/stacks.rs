//! The table of stacks: for each number of a stack the text of it. Each part of the table is a chunk, of entries of an id, a length
//! and the text.

use super::chunk::{Chunk, content};
use super::columns::Cursor;
use super::fault::Fault;

/// A part of the table of stacks, decompressed.
#[derive(Debug)]
pub struct Stacks {
    body: Vec<u8>,
    fault: Fault,
}

impl Chunk<'_> {
    /// Decompresses a part of the table of stacks.
    ///
    /// # Errors
    /// If the chunk is damaged or invalid, or there is no memory.
    pub fn stacks(&self) -> Result<Stacks, Fault> {
        if self.header.content != content::STACKS {
            return Err(self.invalid("it has no stacks"));
        }
        Ok(Stacks { body: self.body()?, fault: self.invalid("its stacks are no texts") })
    }
}

impl Stacks {
    /// The stacks, each by its number and its text. After an `Err` there are none.
    pub fn iter(&self) -> impl Iterator<Item = Result<(u32, &str), Fault>> {
        let mut cursor = Cursor(&self.body);
        std::iter::from_fn(move || {
            if cursor.0.is_empty() {
                return None;
            }
            let entry = cursor.short().zip(cursor.text());
            if entry.is_none() {
                cursor = Cursor::default();
            }
            Some(entry.ok_or_else(|| self.fault.clone()))
        })
    }
}
