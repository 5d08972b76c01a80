//! Tables: numbers in a mapping, for bookkeeping that JavaScript may be shown.
//!
//! ```text
//!  the mapping  | words ... | a word (WORD) | bytes of the table (LEAD) ... |
//! ```
//!
//! Costs: two system calls to make them. The system gives memory page by page, as it is touched.

use super::budget::budget;
use super::mapping::Mapping;
use super::system;
use crate::table::{AtomicU8, AtomicU32, Table};
use std::sync::Arc;

/// Bytes of the mapping before the table of bytes: a table of words.
pub const LEAD: usize = 16_384;

/// Where the word is that belongs to the table of bytes.
const WORD: usize = 16_256;

/// Tables in one mapping.
#[derive(Debug)]
pub struct Tables {
    /// Zeros, at the beginning of the mapping.
    pub words: Table<AtomicU32>,
    /// A zero, [`WORD`] bytes from the beginning of the mapping.
    pub word: Table<AtomicU32>,
    /// Zeros, [`LEAD`] bytes from the beginning of the mapping.
    pub bytes: Table<AtomicU8>,
    /// The mapping that all tables are in.
    pub mapping: Arc<Mapping>,
}

/// Makes a table of words, zeros at the beginning of a mapping of [`LEAD`] bytes, which is returned as well. `None`: the system has no
/// room for it, or regions need the mappings that are left.
#[must_use]
pub fn words(dont_fork: bool) -> Option<(Table<AtomicU32>, Arc<Mapping>)> {
    let Tables { words, mapping, .. } = tables(0, dont_fork)?;
    Some((words, mapping))
}

/// Makes all tables, that of bytes with `bytes` bytes. `None`: the system has no room for them, or regions need the mappings that
/// are left.
#[must_use]
pub fn tables(bytes: usize, dont_fork: bool) -> Option<Tables> {
    let whole = bytes.checked_add(LEAD)?;
    // What the budget has left is there: the system is not asked about so little.
    if !budget().has_mappings_to_spare() || !budget().has_left(whole) {
        return None;
    }
    let mapping = system::has_room_in_limit(whole.saturating_add(budget().headroom()))
        .then(|| Mapping::reserve_anywhere(whole, dont_fork).ok())
        .flatten()?;
    let mapping = Arc::new(mapping);
    mapping.promise(whole);
    let owner = || Box::new(Arc::clone(&mapping));
    let (first, words) = (mapping.base(), WORD / size_of::<AtomicU32>());
    // SAFETY: the mapping has as many bytes, whole pages of zeros, stays as it is while a table holds it, and is used otherwise only
    // by buffers over it. A mapping begins at a page.
    let (words, word, bytes) = unsafe {
        (
            Table::new(first, words, owner()),
            Table::new(first.wrapping_add(WORD), 1, owner()),
            Table::new(first.wrapping_add(LEAD), bytes, owner()),
        )
    };
    Some(Tables { words, word, bytes, mapping })
}
