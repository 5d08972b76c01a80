//! The options of placement, chosen when a heap is made: all that decides about addresses. The defaults are the seed's.

use super::{MAX_SIZE, PAGE, PolicyKind, is_size};
use crate::error::Error;

/// The alignment of a heap that rounds sizes up, in bytes: what C's malloc promises on 64-bit systems.
pub const UNIT: u64 = 16;

/// Options of placement. Two heaps with equal ones behave alike, address for address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    policy: PolicyKind,
    min_block_size: u64,
    join_empty_blocks: bool,
    alignment: u64,
    growing_blocks: bool,
    is_shared: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: PolicyKind::FirstFit,
            min_block_size: PAGE,
            join_empty_blocks: false,
            alignment: 1,
            growing_blocks: false,
            is_shared: false,
        }
    }
}

impl Options {
    /// What a program wants in a heap of its own, unlike the seed's: the quickest policy, everything aligned, and few main blocks.
    #[must_use]
    pub const fn roomy() -> Self {
        Self {
            policy: PolicyKind::Segregated,
            min_block_size: 16 * PAGE,
            join_empty_blocks: true,
            alignment: UNIT,
            growing_blocks: true,
            is_shared: false,
        }
    }

    /// The options of a heap whose bookkeeping is shared: first fit in units of [`UNIT`], in main blocks that grow with the heap.
    #[cfg(feature = "c-abi")]
    #[must_use]
    pub(crate) const fn shared() -> Self {
        Self {
            policy: PolicyKind::FirstFit,
            min_block_size: 1 << 20,
            join_empty_blocks: false,
            is_shared: true,
            ..Self::roomy()
        }
    }

    /// These options with another policy: which hole serves a request. With `PolicyKind::Buddy` empty main blocks are not joined;
    /// with `PolicyKind::Segregated` they are, and addresses are multiples of [`UNIT`].
    #[must_use]
    pub const fn with_policy(self, policy: PolicyKind) -> Self {
        match policy {
            PolicyKind::Buddy => Self { policy, join_empty_blocks: false, ..self },
            PolicyKind::Segregated => Self { policy, join_empty_blocks: true, alignment: UNIT, ..self },
            _ => Self { policy, ..self },
        }
    }

    /// These options, with first fit if they ask for something that their policy cannot do.
    #[must_use]
    pub fn or_first_fit(self) -> Self {
        if self.check().is_ok() { self } else { self.with_policy(PolicyKind::FirstFit) }
    }

    /// Which hole serves a request.
    #[must_use]
    pub const fn policy(&self) -> PolicyKind {
        self.policy
    }

    /// These options with main blocks of at least `bytes`, rounded up to whole pages.
    ///
    /// # Errors
    /// [`Error::InvalidSize`] for 0 or a size above [`MAX_SIZE`](super::MAX_SIZE).
    pub fn with_min_block_size(self, bytes: u64) -> Result<Self, Error> {
        if !is_size(bytes) {
            return Err(Error::InvalidSize { size: bytes.to_string() });
        }
        Ok(Self { min_block_size: bytes.next_multiple_of(PAGE), ..self })
    }

    /// Least length of a new main block in bytes, a multiple of [`PAGE`].
    #[must_use]
    pub const fn min_block_size(&self) -> u64 {
        self.min_block_size
    }

    /// These options with every address, counted from the heap's first, a multiple of `bytes`, and every size rounded up to a
    /// multiple. `bytes` is 1, as in the seed, or [`UNIT`].
    ///
    /// # Errors
    /// [`Error::InvalidAlignment`] for any other number.
    pub fn with_alignment(self, bytes: u64) -> Result<Self, Error> {
        if bytes == 1 || bytes == UNIT {
            Ok(Self { alignment: bytes, ..self })
        } else {
            Err(Error::InvalidAlignment { alignment: bytes.to_string(), expected: "1 or 16" })
        }
    }

    /// These options with the alignment [`UNIT`].
    #[must_use]
    pub(crate) const fn with_unit(self) -> Self {
        Self { alignment: UNIT, ..self }
    }

    /// What addresses and sizes are multiples of, in bytes.
    #[must_use]
    pub const fn alignment(&self) -> u64 {
        self.alignment
    }

    /// What sizes are rounded up to multiples of before the engine sees them: the alignment, unless the engine rounds by itself.
    #[must_use]
    pub const fn rounding(&self) -> u64 {
        if self.is_shared || matches!(self.policy, PolicyKind::Segregated) { 1 } else { self.alignment }
    }

    /// The largest size that a request can have after rounding: [`MAX_SIZE`], and what rounding adds.
    #[must_use]
    pub const fn most(&self) -> u64 {
        if self.alignment == 1 { MAX_SIZE } else { MAX_SIZE + 2 * UNIT }
    }

    /// Whether live blocks are exactly as long as was requested, or no other length of theirs is known.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.is_shared || self.alignment == 1 && !matches!(self.policy, PolicyKind::Buddy | PolicyKind::Segregated)
    }

    /// These options with new main blocks of at least an eighth of the heap, or not: there are fewer of them, as a request can
    /// never use space of two.
    #[must_use]
    pub const fn with_growing_blocks(self, growing: bool) -> Self {
        Self { growing_blocks: growing, ..self }
    }

    /// Whether main blocks grow with the heap.
    #[must_use]
    pub const fn growing_blocks(&self) -> bool {
        self.growing_blocks
    }

    /// These options with neighbouring wholly free main blocks joined, or not. Joined blocks serve larger requests, so
    /// addresses may differ from the default heap's.
    #[must_use]
    pub const fn with_join_empty_blocks(self, join: bool) -> Self {
        Self { join_empty_blocks: join, ..self }
    }

    /// Whether neighbouring wholly free main blocks are joined.
    #[must_use]
    pub const fn join_empty_blocks(&self) -> bool {
        self.join_empty_blocks
    }

    /// Refuses options that make no sense with the policy.
    ///
    /// # Errors
    /// [`Error::PolicyOption`].
    pub fn check(&self) -> Result<(), Error> {
        if self.join_empty_blocks && self.policy == PolicyKind::Buddy {
            let because = "two main blocks together are not a power of two";
            return Err(Error::PolicyOption { policy: self.policy.name(), option: "joinEmptyBlocks", because });
        }
        if self.alignment == 1 && self.policy == PolicyKind::Segregated {
            let because = "its size classes are multiples of 16 bytes";
            return Err(Error::PolicyOption { policy: self.policy.name(), option: "alignment", because });
        }
        if !self.join_empty_blocks && self.policy == PolicyKind::Segregated {
            let because = "its runs of pages are joined always, across main blocks as well";
            return Err(Error::PolicyOption { policy: self.policy.name(), option: "joinEmptyBlocks", because });
        }
        Ok(())
    }
}
