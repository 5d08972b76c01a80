//! The options of a heap with memory: the options of placement (`heap/options.rs`), which decide about addresses, and those of
//! memory, which do not. The defaults are the seed's. **The table** of all options is below.
//!
//! Options from JavaScript (`node/arguments.rs`) and from C (`c/types.rs`) are read by the table, and `Heap.options` is written
//! from it. A test compares the typings, the C header and the README with it.
//!
//! To add an option, add a field, the two methods that read and set it, and a row. Describe it in `index.d.ts` and README's
//! table. For C, add a field where `mems_options` has reserved ones, and describe it in `include/mems.h`.

use crate::error::Error;
use crate::heap::{self, PAGE, PolicyKind, is_size};
use std::ffi::CStr;
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
    /// Whether `dont_fork` was set by the program, rather than assumed.
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
    /// What a program wants in a heap of its own, unlike the seed's: [`heap::Options::roomy`], and free pages that are given back.
    #[must_use]
    pub fn roomy() -> Self {
        Self { placement: heap::Options::roomy(), trim: true, ..Self::default() }
    }

    /// The options of a heap in a file, of at most `bytes` of data.
    ///
    /// # Errors
    /// [`Error::MaxSizeBelowPage`].
    #[cfg(feature = "c-abi")]
    pub(crate) fn shared(bytes: u64, zero_on_free: bool) -> Result<Self, Error> {
        let placement = heap::Options::shared();
        Self { placement, zero_on_free, dont_fork: true, ..Self::default() }.with_max_size(bytes)
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

    /// [`heap::Options::or_first_fit`].
    #[must_use]
    pub fn or_first_fit(self) -> Self {
        Self { placement: self.placement.or_first_fit(), ..self }
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

    /// [`heap::Options::with_alignment`], which decides about physical addresses, too.
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

    /// [`heap::Options::rounding`].
    #[must_use]
    pub const fn rounding(&self) -> u64 {
        self.placement.rounding()
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

    /// Whether malloc and free depend on no option: no size is rounded up, no block has a canary, and freed blocks are not cleared.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.placement.rounding() == 1 && !self.zero_on_free && !self.hardened
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

    /// These options with canaries and a quarantine, or not. With them sizes are rounded up to [`heap::UNIT`], and made longer.
    #[must_use]
    pub const fn with_hardened(self, hardened: bool) -> Self {
        let placement = if hardened { self.placement.with_unit() } else { self.placement };
        Self { placement, hardened, ..self }
    }

    /// Whether overflows and writes to freed blocks are detected.
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

    /// [`Options::with_dont_fork`], unless the program has set the option. Options that differ only in what was assumed are the
    /// same.
    #[must_use]
    pub const fn assuming_dont_fork(self, dont_fork: bool) -> Self {
        if self.dont_fork_said { self } else { Self { dont_fork, ..self } }
    }

    /// Whether children made by `fork` do not get the memory.
    #[must_use]
    pub const fn dont_fork(&self) -> bool {
        self.dont_fork
    }

    /// The options of a running heap, to be compared with these: `dontFork` counts only if these options set it.
    #[must_use]
    pub const fn as_asked(&self, running: &Self) -> Self {
        let running = *running;
        let dont_fork = if self.dont_fork_said { running.dont_fork } else { self.dont_fork };
        Self { dont_fork, dont_fork_said: self.dont_fork_said, ..running }
    }

    /// These options with free pages given back to the system once they are many, or not. No address changes.
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

/// How an option is read and set; its kind says which values it has.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Whether something is done.
    Flag(fn(&Options) -> bool, fn(Options, bool) -> Options),
    /// A number of bytes, from 1 to [`heap::MAX_SIZE`]; `u64::MAX` stands for no limit.
    Size(fn(&Options) -> u64, fn(Options, u64) -> Result<Options, Error>),
    /// What sizes and addresses are multiples of, in bytes.
    Alignment(fn(&Options) -> u64, fn(Options, u64) -> Result<Options, Error>),
    /// One of the policies.
    Policy(fn(&Options) -> PolicyKind, fn(Options, PolicyKind) -> Options),
}

/// A row of the table: an option.
#[derive(Debug)]
pub struct Choice {
    /// The name in JavaScript.
    pub name: &'static str,
    /// The name, for Node-API.
    pub key: &'static CStr,
    /// The name in messages.
    pub path: &'static str,
    /// How the option is read and set.
    pub access: Access,
}

/// Makes the list of options from the table's rows: a name, and how the option is read and set.
macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:literal: $kind:ident($get:expr, $set:expr);)+) => {
        impl Options {
            /// The rows of the table, in the order in which they are to be set.
            pub const ALL: &[Choice] = &[$(
                Choice {
                    name: $name,
                    key: match CStr::from_bytes_with_nul(concat!($name, "\0").as_bytes()) {
                        Ok(key) => key,
                        Err(_) => panic!("a name has no zero in it"),
                    },
                    path: concat!("options.", $name),
                    access: Access::$kind($get, $set),
                },
            )+];
        }
    };
}

options! {
    /// Which hole serves a request. It comes first, since it decides the defaults of others.
    "policy": Policy(Options::policy, Options::with_policy);
    /// What sizes are rounded up to a multiple of: 1 or [`heap::UNIT`]. It comes before `hardened`, which needs the latter.
    "alignment": Alignment(Options::alignment, Options::with_alignment);
    /// Most bytes that main blocks may have in sum, from a page.
    "maxSize": Size(Options::max_size, Options::with_max_size);
    /// Least length of a new main block.
    "minBlockSize": Size(Options::min_block_size, Options::with_min_block_size);
    /// Whether neighbouring main blocks that are wholly free become one.
    "joinEmptyBlocks": Flag(Options::join_empty_blocks, Options::with_join_empty_blocks);
    /// Whether free pages are given back to the system without a call.
    "autoTrim": Flag(Options::trim, Options::with_trim);
    /// Whether a new main block has at least an eighth of the heap's length.
    "growingBlocks": Flag(Options::growing_blocks, Options::with_growing_blocks);
    /// Whether overflows and writes to freed blocks are detected.
    "hardened": Flag(Options::hardened, Options::with_hardened);
    /// Whether it is noted where blocks are allocated and freed. Not in C, which has no stacks.
    "trackAllocations": Flag(Options::track_allocations, Options::with_track_allocations);
    /// Whether blocks are cleared as they are freed.
    "zeroOnFree": Flag(Options::zero_on_free, Options::with_zero_on_free);
    /// Whether main blocks are kept in memory.
    "lockMemory": Flag(Options::lock, Options::with_lock);
    /// Whether children made by `fork` do not get the memory. Not in C, where children continue to use it.
    "dontFork": Flag(Options::dont_fork, Options::with_dont_fork);
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

impl Choice {
    /// The value that `options` have. `None`: no limit.
    fn setting(&self, options: &Options) -> Option<Setting> {
        match self.access {
            Access::Flag(get, _) => Some(Setting::Flag(get(options))),
            Access::Size(get, _) | Access::Alignment(get, _) => {
                Some(get(options)).filter(|&bytes| bytes < u64::MAX).map(Setting::Bytes)
            }
            Access::Policy(get, _) => Some(Setting::Word(get(options).name())),
        }
    }
}

impl Options {
    /// All options and their values, except limits that are not set.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Choice, Setting)> {
        Self::ALL.iter().filter_map(|choice| Some((choice, choice.setting(self)?)))
    }
}

/// Options as a JavaScript object literal, for messages: the least length of main blocks, whatever differs from the defaults of
/// `init()`, and `dontFork` if the program has set it.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        let mut separator = "{ ";
        for (choice, setting) in self.settings() {
            let said = match choice.name {
                "minBlockSize" => true,
                "dontFork" => self.dont_fork_said,
                _ => choice.setting(&usual) != Some(setting),
            };
            if said {
                write!(f, "{separator}{}: {setting}", choice.name)?;
                separator = ", ";
            }
        }
        write!(f, " }}")
    }
}
