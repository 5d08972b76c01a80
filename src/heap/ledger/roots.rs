//! Roots: names for addresses, by which a program finds its data again.
//!
//! A root is eight words of the header: the address, the length of its name, and the name. A length of 0 says that there is no root:
//! storing the length is what makes one, and clearing it what removes it. So a death leaves a root as it was or as it is to be, and
//! there is nothing to recover.
//!
//! The length is the lowest byte of its word. The rest counts how often the word has changed, so that readers, who have no lock, notice
//! that another root has come to the place of the one that they were reading.
//!
//! Costs: O(256) to find one.

use super::header::Header;
use super::layout::{ROOT_NAME, ROOTS, at};
use super::words::{put, word};

/// Why a root was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The name is empty, or longer than [`ROOT_NAME`] bytes.
    Name,
    /// There are [`ROOTS`] roots.
    TooMany,
}

/// Words of a root: address, length, six of the name.
const WORDS: usize = 8;

/// The bits of the length in its word.
const LENGTH: u64 = 0xff;

impl Header {
    /// The first word of a root.
    const fn root(number: usize) -> usize {
        at::ROOTS + WORDS * number
    }

    /// The name of a root and its address, if there is one, as they were at one moment. A damaged length is no root.
    fn root_at(&self, number: usize) -> Option<(Vec<u8>, u64)> {
        let first = Self::root(number);
        loop {
            let before = word(self.at(first + 1));
            let length = usize::try_from(before & LENGTH).ok().filter(|length| (1..=ROOT_NAME).contains(length))?;
            let address = word(self.at(first));
            let mut name: Vec<u8> = (2..WORDS).flat_map(|at| word(self.at(first + at)).to_le_bytes()).collect();
            name.truncate(length);
            if word(self.at(first + 1)) == before {
                return Some((name, address));
            }
        }
    }

    /// How many roots have a length that no name has, and so are none.
    #[must_use]
    pub fn damaged_roots(&self) -> usize {
        let is_damaged = |&number: &usize| word(self.at(Self::root(number) + 1)) & LENGTH > ROOT_NAME as u64;
        (0..ROOTS).filter(is_damaged).count()
    }

    /// Removes the roots that are damaged, and those of addresses that `is_live` refuses. Returns the names of the latter. For the owner
    /// of the lock.
    pub fn mend_roots(&self, is_live: impl Fn(u64) -> bool) -> Vec<Vec<u8>> {
        let mut dropped = Vec::new();
        for number in 0..ROOTS {
            match self.root_at(number) {
                Some((_, address)) if is_live(address) => {}
                Some((name, _)) => {
                    self.put_root_length(number, 0);
                    dropped.push(name);
                }
                None if word(self.at(Self::root(number) + 1)) & LENGTH != 0 => self.put_root_length(number, 0),
                None => {}
            }
        }
        dropped
    }

    /// Sets the length of a root's name.
    fn put_root_length(&self, number: usize, length: usize) {
        let at = self.at(Self::root(number) + 1);
        put(at, (word(at) & !LENGTH).wrapping_add(LENGTH + 1) | length as u64);
    }

    fn find_root(&self, name: &[u8]) -> Option<(usize, u64)> {
        (0..ROOTS).find_map(|number| {
            let (known, address) = self.root_at(number)?;
            (known == name).then_some((number, address))
        })
    }

    /// The address that a name stands for.
    #[must_use]
    pub fn root_address(&self, name: &[u8]) -> Option<u64> {
        self.find_root(name).map(|(_, address)| address)
    }

    /// All names and their addresses, in the order of their places.
    #[must_use]
    pub fn all_roots(&self) -> Vec<(Vec<u8>, u64)> {
        (0..ROOTS).filter_map(|number| self.root_at(number)).collect()
    }

    /// Lets a name stand for an address. For the owner of the lock.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn set_root(&self, name: &[u8], address: u64) -> Result<(), Refused> {
        if name.is_empty() || name.len() > ROOT_NAME {
            return Err(Refused::Name);
        }
        if let Some((number, _)) = self.find_root(name) {
            put(self.at(Self::root(number)), address);
            return Ok(());
        }
        let number = (0..ROOTS).find(|&number| self.root_at(number).is_none()).ok_or(Refused::TooMany)?;
        let first = Self::root(number);
        // A reader that has begun to read the place begins anew, and a damaged length lets no half-written name be one.
        self.put_root_length(number, 0);
        put(self.at(first), address);
        let mut padded = [0; 8 * (WORDS - 2)];
        padded[..name.len()].copy_from_slice(name);
        for (number, bytes) in padded.as_chunks().0.iter().enumerate() {
            put(self.at(first + 2 + number), u64::from_le_bytes(*bytes));
        }
        self.put_root_length(number, name.len());
        Ok(())
    }

    /// Forgets a name. Returns whether it stood for an address. For the owner of the lock.
    #[must_use]
    pub fn delete_root(&self, name: &[u8]) -> bool {
        let Some((number, _)) = self.find_root(name) else { return false };
        self.put_root_length(number, 0);
        true
    }
}
