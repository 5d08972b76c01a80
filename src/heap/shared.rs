//! Heaps whose bookkeeping is shared with other processes, by the ledger: what only they do.
//!
//! The counters of such a heap are in the ledger. Here is a copy, which is right from [`Heap::refresh`] on as long as the caller owns the
//! ledger's lock: each operation changes both alike.
//!
//! A *word* is eight bytes of a live block, at a multiple of eight, in which programs keep an address. A call that allocates or frees
//! can store one in the same operation: whenever a process dies, both have happened or neither.
//!
//! Costs: those of the ledger's operations.

use super::address::{address_of, offset_in, offset_of};
use super::engines::AnyEngine;
use super::ledger::publication::Noted;
use super::ledger::{Ledger, Note, Word};
use super::options::Options;
use super::{Heap, is_size};
use crate::error::Error;
use crate::file_error::FileError;
use std::ops::Range;

/// The bytes of a word.
const WORD: u64 = 8;

/// The error for an address at which there is no word.
#[cold]
fn not_a_word(address: u64) -> Error {
    FileError::NotAWord { address: address.to_string(), bytes: WORD }.into()
}

impl Heap {
    /// A heap with the segments and counters of a ledger.
    #[must_use]
    pub fn shared(ledger: Ledger) -> Self {
        let counters = ledger.counters();
        Self { options: Options::shared(), engine: AnyEngine::Ledger(ledger), counters }
    }

    /// The ledger, in heaps that have one.
    #[inline]
    pub fn ledger(&mut self) -> Option<&mut Ledger> {
        self.engine.ledger()
    }

    /// Reads the counters again, which other processes may have changed. For the owner of the ledger's lock.
    #[inline]
    pub fn refresh(&mut self) {
        if let Some(ledger) = self.engine.ledger() {
            self.counters = ledger.counters();
        }
    }

    /// [`Heap::malloc_aligned`], with the block's address stored in the word at `into` by the same operation.
    ///
    /// # Errors
    /// [`Error::InvalidSize`]; [`FileError::NotAWord`] if `into` is no word. Nothing has changed then.
    pub fn malloc_into(&mut self, size: u64, alignment: u64, into: u64) -> Result<Option<u64>, Error> {
        if !is_size(size) {
            return Err(Error::InvalidSize { size: size.to_string() });
        }
        let word = Some(Word { offset: self.word(into)?, address_of });
        let taken = self.engine.ledger().and_then(|ledger| ledger.take(size, alignment, word));
        taken.map(|taken| self.record_taken(taken, size, |_| Ok(()))).transpose()
    }

    /// [`Heap::malloc_aligned`], with the block's address noted as the publication's new one by the same operation. `None`: no hole is large
    /// enough, or the heap has no ledger.
    ///
    /// # Errors
    /// [`Error::InvalidSize`]. Nothing has changed then.
    pub fn malloc_noted_as_new(&mut self, size: u64, alignment: u64) -> Result<Option<u64>, Error> {
        if !is_size(size) {
            return Err(Error::InvalidSize { size: size.to_string() });
        }
        let word = Some(Word { offset: Noted::New.offset(), address_of });
        let taken = self.engine.ledger().and_then(|ledger| ledger.take(size, alignment, word));
        taken.map(|taken| self.record_taken(taken, size, |_| Ok(()))).transpose()
    }

    /// Frees the block that starts at `address`, and clears a word of the publication by the same operation. Returns `false`, and clears
    /// nothing, if no live block starts there.
    pub fn free_noted(&mut self, address: u64, noted: Noted) -> bool {
        let note = Some(Note { offset: noted.offset(), value: 0 });
        let Some(offset) = offset_of(address) else { return false };
        let freed = self.engine.ledger().and_then(|ledger| ledger.release(offset, note));
        self.refresh();
        freed.is_some()
    }

    /// Frees the block whose address is in the word at `word`, and stores `address` there by the same operation; 0 for none.
    /// If the word was 0, `address` is stored, and nothing is freed; if it was `address`, nothing changes. Returns the addresses of the block
    /// that was freed.
    ///
    /// # Errors
    /// [`FileError::NotAWord`]; the errors of [`Heap::free`] for `address`, and for the address in the word;
    /// [`FileError::WordInBlock`] if the word is in the block that would be freed. Nothing has changed then.
    pub fn replace(&mut self, word: u64, address: u64) -> Result<Option<Range<u64>>, Error> {
        let offset = self.word(word)?;
        if address != 0 {
            self.check_block_start(address)?;
        }
        let Some(ledger) = self.engine.ledger() else { return Err(not_a_word(word)) };
        let old = ledger.data_word(offset).unwrap_or(0);
        if old == address {
            return Ok(None);
        }
        if old == 0 {
            ledger.put_word(Note { offset, value: address });
            return Ok(None);
        }
        let block = self.check_block_start(old)?;
        if block.contains(&word) {
            return Err(FileError::WordInBlock { word, start: block.start, end: block.end }.into());
        }
        let note = Some(Note { offset, value: address });
        let freed = self.engine.ledger().and_then(|ledger| ledger.release(offset_in(old), note));
        if freed.is_none() {
            return Err(self.refusal(old));
        }
        self.refresh();
        Ok(Some(block))
    }

    /// What is in the word at an address; 0 for no address.
    ///
    /// # Errors
    /// [`FileError::NotAWord`].
    pub fn word_value(&mut self, word: u64) -> Result<u64, Error> {
        let offset = self.word(word)?;
        Ok(self.engine.ledger().and_then(|ledger| ledger.data_word(offset)).unwrap_or(0))
    }

    /// The offset of the word at an address.
    fn word(&mut self, address: u64) -> Result<u64, Error> {
        let offset =
            offset_of(address).filter(|&offset| self.engine.ledger().is_some_and(|ledger| ledger.has_word(offset)));
        offset.ok_or_else(|| not_a_word(address))
    }

    /// Recovers what a dead owner of the lock has left behind, and reads the counters again.
    pub fn recover(&mut self) {
        if let Some(ledger) = self.engine.ledger() {
            ledger.recover();
        }
        self.refresh();
    }

    /// Appends the extent that the ledger knows and has not published yet.
    pub fn publish(&mut self) {
        if let Some(ledger) = self.engine.ledger() {
            ledger.publish();
        }
        self.refresh();
    }
}
