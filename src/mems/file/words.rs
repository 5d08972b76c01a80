//! Words and roots of heaps in files: addresses that are kept in the file, and stored in the same operation as what they are of.
//!
//! Costs: those of malloc and free; O(256) for a root.

use super::HeapFile;
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::{ROOT_NAME, ROOTS};
use crate::heap::ledger::roots::Refused;
use crate::mems::Mems;

impl Mems {
    /// Allocates `size` bytes at a multiple of `alignment`, and stores the address in the word at `into` in the same operation.
    ///
    /// # Errors
    /// The errors of [`Mems::malloc_aligned`]; [`FileError::NotInFile`], [`FileError::NotAWord`]. Nothing has changed then.
    pub(crate) fn malloc_into(&mut self, size: u64, alignment: u64, into: u64) -> Result<u64, Error> {
        self.file()?.check_writable()?;
        self.check_alignment(alignment)?;
        self.allocate_in_file(size, alignment, |heap| heap.malloc_into(size, alignment, into))
    }

    /// Frees the block whose address is in the word at `word`, and stores `address` there in the same operation; 0 for none.
    ///
    /// # Errors
    /// The errors of [`Heap::replace`](crate::heap::Heap::replace); [`FileError::NotInFile`]. Nothing has changed then.
    pub(crate) fn replace(&mut self, word: u64, address: u64) -> Result<(), Error> {
        self.file()?.check_writable()?;
        let freed = self.heap.replace(word, address)?;
        // Not before: a death in between would leave the word with a block whose contents are gone.
        if self.options().zero_on_free()
            && let Some(block) = freed
        {
            self.regions.fill(block.start, 0, block.end - block.start);
        }
        Ok(())
    }

    /// Frees the block whose address is in the word at `word`, and clears the word in the same operation.
    ///
    /// # Errors
    /// The errors of [`Mems::replace`]; [`FileError::EmptyWord`].
    pub(crate) fn free_from_word(&mut self, word: u64) -> Result<(), Error> {
        self.file()?.check_writable()?;
        if self.heap.word_value(word)? == 0 {
            return Err(FileError::EmptyWord { word }.into());
        }
        self.replace(word, 0)
    }

    /// Lets a name stand for an address.
    ///
    /// # Errors
    /// [`FileError::NotInFile`], [`FileError::ReadOnly`], [`FileError::RootName`], [`FileError::TooManyRoots`]; the errors of
    /// [`Mems::free`] if no live block starts at `address`.
    pub(crate) fn set_root(&mut self, name: &[u8], address: u64) -> Result<(), Error> {
        self.file()?.check_writable()?;
        self.heap.check_block_start(address)?;
        let file = self.file()?;
        file.header.set_root(name, address).map_err(|refused| match refused {
            Refused::Name => FileError::RootName { bytes: name.len(), most: ROOT_NAME }.into(),
            Refused::TooMany => FileError::TooManyRoots { most: ROOTS, maps: file.maps().len() }.into(),
        })
    }

    /// Forgets a name. Returns whether it stood for an address.
    ///
    /// # Errors
    /// [`FileError::NotInFile`], [`FileError::ReadOnly`].
    pub(crate) fn delete_root(&mut self, name: &[u8]) -> Result<bool, Error> {
        self.file()?.check_writable()?;
        Ok(self.file()?.header.delete_root(name))
    }
}

impl HeapFile {
    /// The address that a name stands for.
    pub fn root(&self, name: &[u8]) -> Option<u64> {
        self.header.root_address(name)
    }

    /// All names and their addresses, without those of maps.
    pub fn roots(&self) -> Vec<(Vec<u8>, u64)> {
        let mut roots = self.header.all_roots();
        roots.retain(|(name, _)| name.first() != Some(&0));
        roots
    }

    /// The names of all maps, and the addresses of their blocks.
    pub fn maps(&self) -> Vec<(Vec<u8>, u64)> {
        let roots = self.header.all_roots().into_iter();
        roots.filter_map(|(name, address)| Some((name.strip_prefix(&[0])?.to_vec(), address))).collect()
    }

    /// Whether a name stands for an address.
    pub fn has_root_of(&self, address: u64) -> bool {
        self.header.all_roots().iter().any(|&(_, known)| known == address)
    }
}
