//! What can be chosen when a heap with memory is made: the options of placement (`heap/options.rs`), which decide about
//! addresses, and those of memory, which do not. The defaults are the seed's.

use crate::error::Error;
use crate::heap::{self, PAGE, PolicyKind, is_size};
use std::fmt;

/// Options of a heap. Two heaps with equal options behave alike, address for address.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    placement: heap::Options,
    trim: bool,
    max_size: u64,
    hardened: bool,
    track_allocations: bool,
    zero_on_free: bool,
    lock: bool,
    dont_fork: bool,
    /// Whether somebody has said so.
    dont_fork_said: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            placement: heap::Options::default(),
            trim: false,
            max_size: u64::MAX,
            hardened: false,
            track_allocations: false,
            zero_on_free: false,
            lock: false,
            dont_fork: false,
            dont_fork_said: false,
        }
    }
}

impl Options {
    /// What a program wants of a heap of its own, rather than the seed's: [`heap::Options::roomy`], and memory that goes back.
    #[must_use]
    pub fn roomy() -> Self {
        Self { placement: heap::Options::roomy(), trim: true, ..Self::default() }
    }

    /// The options of placement.
    #[must_use]
    pub const fn placement(&self) -> &heap::Options {
        &self.placement
    }

    /// [`heap::Options::with_policy`].
    #[must_use]
    pub const fn with_policy(self, policy: PolicyKind) -> Self {
        Self { placement: self.placement.with_policy(policy), ..self }
    }

    /// [`heap::Options::policy`].
    #[must_use]
    pub const fn policy(&self) -> PolicyKind {
        self.placement.policy()
    }

    /// [`heap::Options::with_min_block_size`].
    ///
    /// # Errors
    /// [`Error::InvalidSize`].
    pub fn with_min_block_size(self, bytes: u64) -> Result<Self, Error> {
        Ok(Self { placement: self.placement.with_min_block_size(bytes)?, ..self })
    }

    /// [`heap::Options::min_block_size`].
    #[must_use]
    pub const fn min_block_size(&self) -> u64 {
        self.placement.min_block_size()
    }

    /// [`heap::Options::with_alignment`]. It decides about physical addresses, too.
    ///
    /// # Errors
    /// [`Error::InvalidAlignment`].
    pub fn with_alignment(self, bytes: u64) -> Result<Self, Error> {
        Ok(Self { placement: self.placement.with_alignment(bytes)?, ..self })
    }

    /// [`heap::Options::alignment`].
    #[must_use]
    pub const fn alignment(&self) -> u64 {
        self.placement.alignment()
    }

    /// [`heap::Options::with_growing_blocks`].
    #[must_use]
    pub const fn with_growing_blocks(self, growing: bool) -> Self {
        Self { placement: self.placement.with_growing_blocks(growing), ..self }
    }

    /// [`heap::Options::growing_blocks`].
    #[must_use]
    pub const fn growing_blocks(&self) -> bool {
        self.placement.growing_blocks()
    }

    /// [`heap::Options::with_join_empty_blocks`].
    #[must_use]
    pub const fn with_join_empty_blocks(self, join: bool) -> Self {
        Self { placement: self.placement.with_join_empty_blocks(join), ..self }
    }

    /// [`heap::Options::join_empty_blocks`].
    #[must_use]
    pub const fn join_empty_blocks(&self) -> bool {
        self.placement.join_empty_blocks()
    }

    /// These options if they make sense together.
    ///
    /// # Errors
    /// [`Error::PolicyOption`].
    pub fn checked(self) -> Result<Self, Error> {
        self.placement.check().map(|()| self)
    }

    /// Whether malloc and free need look at no option: addresses and sizes are exact, and nothing is done to freed blocks.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.alignment() == 1 && !self.trim && !self.zero_on_free
    }

    /// These options with main blocks of at most `bytes` in sum, rounded down to whole pages.
    ///
    /// # Errors
    /// [`Error::InvalidSize`] for 0 or a size above [`heap::MAX_SIZE`]; [`Error::MaxSizeBelowPage`] for one that leaves no page.
    pub fn with_max_size(self, bytes: u64) -> Result<Self, Error> {
        if !is_size(bytes) {
            return Err(Error::InvalidSize { size: bytes.to_string() });
        }
        if bytes < PAGE {
            return Err(Error::MaxSizeBelowPage { bytes });
        }
        Ok(Self { max_size: bytes, ..self })
    }

    /// Most bytes that main blocks may have in sum; `u64::MAX` without a limit.
    #[must_use]
    pub const fn max_size(&self) -> u64 {
        self.max_size
    }

    /// These options with canaries and a quarantine, or not. Sizes are rounded up to [`heap::UNIT`] then, and more.
    #[must_use]
    pub const fn with_hardened(self, hardened: bool) -> Self {
        let placement = if hardened { self.placement.with_unit() } else { self.placement };
        Self { placement, hardened, ..self }
    }

    /// Whether overflows and writes to freed blocks are looked for.
    #[must_use]
    pub const fn hardened(&self) -> bool {
        self.hardened
    }

    /// These options with a note for each block of where it was allocated and freed, or not. No address changes.
    #[must_use]
    pub const fn with_track_allocations(self, track: bool) -> Self {
        Self { track_allocations: track, ..self }
    }

    /// Whether it is noted where blocks are allocated and freed.
    #[must_use]
    pub const fn track_allocations(&self) -> bool {
        self.track_allocations
    }

    /// These options with blocks cleared as they are freed, or not. No address changes.
    #[must_use]
    pub const fn with_zero_on_free(self, zero: bool) -> Self {
        Self { zero_on_free: zero, ..self }
    }

    /// Whether blocks are cleared as they are freed.
    #[must_use]
    pub const fn zero_on_free(&self) -> bool {
        self.zero_on_free
    }

    /// These options with main blocks kept in memory and out of core dumps, or not. No address changes.
    #[must_use]
    pub const fn with_lock(self, lock: bool) -> Self {
        Self { lock, ..self }
    }

    /// Whether main blocks are kept in memory.
    #[must_use]
    pub const fn lock(&self) -> bool {
        self.lock
    }

    /// These options with memory that children made by `fork` do not get, or with memory that they do. No address changes.
    #[must_use]
    pub const fn with_dont_fork(self, dont_fork: bool) -> Self {
        Self { dont_fork, dont_fork_said: true, ..self }
    }

    /// [`Options::with_dont_fork`] unless somebody has said so or otherwise: a heap of other options that nobody has said is
    /// the same heap.
    #[must_use]
    pub const fn assuming_dont_fork(self, dont_fork: bool) -> Self {
        if self.dont_fork_said { self } else { Self { dont_fork, ..self } }
    }

    /// Whether children made by `fork` do not get the memory.
    #[must_use]
    pub const fn dont_fork(&self) -> bool {
        self.dont_fork
    }

    /// The options of a running heap as one that asks for these would have said them.
    #[must_use]
    pub const fn as_asked(&self, running: &Self) -> Self {
        let running = *running;
        let dont_fork = if self.dont_fork_said { running.dont_fork } else { self.dont_fork };
        Self { dont_fork, dont_fork_said: self.dont_fork_said, ..running }
    }

    /// These options with free pages given back to the system as they come to much, or not. No address changes.
    #[must_use]
    pub const fn with_trim(self, trim: bool) -> Self {
        Self { trim, ..self }
    }

    /// Whether free pages are given back to the system without being asked.
    #[must_use]
    pub const fn trim(&self) -> bool {
        self.trim
    }
}

/// The value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Whether something is done.
    Flag(bool),
    /// A number of bytes.
    Bytes(u64),
    /// One of some words.
    Word(&'static str),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Word(word) => write!(f, "'{word}'"),
        }
    }
}

impl Options {
    /// All options by the names that JavaScript has for them. Without a limit `maxSize` is not among them.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, Setting)> {
        let limit = (self.max_size < u64::MAX).then_some(("maxSize", Setting::Bytes(self.max_size)));
        let sizes = [("minBlockSize", self.min_block_size()), ("alignment", self.alignment())];
        let flags = [
            ("joinEmptyBlocks", self.join_empty_blocks()),
            ("autoTrim", self.trim),
            ("growingBlocks", self.growing_blocks()),
            ("hardened", self.hardened),
            ("trackAllocations", self.track_allocations),
            ("zeroOnFree", self.zero_on_free),
            ("lockMemory", self.lock),
            ("dontFork", self.dont_fork),
        ];
        let policy = ("policy", Setting::Word(self.policy().name()));
        let sizes = sizes.map(|(name, bytes)| (name, Setting::Bytes(bytes)));
        let flags = flags.map(|(name, flag)| (name, Setting::Flag(flag)));
        sizes.into_iter().chain(limit).chain(flags).chain([policy])
    }
}

/// Options as a JavaScript object literal, for messages: the least length of main blocks, what is not as `init()` has it, and
/// `dontFork` if somebody has said so.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual: Vec<_> = Self::default().settings().collect();
        let mut separator = "{ ";
        let said = |setting: &(&str, Setting)| match setting.0 {
            "minBlockSize" => true,
            "dontFork" => self.dont_fork_said,
            _ => !usual.contains(setting),
        };
        for setting in self.settings().filter(said) {
            write!(f, "{separator}{}: {}", setting.0, setting.1)?;
            separator = ", ";
        }
        write!(f, " }}")
    }
}
