//! What a recording is made of: events, and the numbers that stand for their kinds.
//!
//! Invariant: the numbers of [`Kind`] are part of the format, and never change their meaning.

/// What happened to a heap, or what was there when the recording began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A main block that was there when the recording began.
    Main {
        /// First address.
        address: u64,
        /// Length.
        bytes: u64,
    },
    /// A live block that was there when the recording began.
    Block {
        /// First address.
        address: u64,
        /// Size that was asked for.
        size: u64,
        /// Alignment that was asked for.
        alignment: u64,
    },
    /// A malloc that has succeeded.
    Malloc {
        /// The address returned.
        address: u64,
        /// Size asked for.
        size: u64,
        /// Alignment asked for.
        alignment: u64,
    },
    /// A free that has succeeded.
    Free {
        /// The address of the block.
        address: u64,
    },
    /// A realloc that has succeeded.
    Realloc {
        /// The address of the block before.
        from: u64,
        /// The address returned.
        to: u64,
        /// Size asked for.
        size: u64,
        /// Alignment asked for.
        alignment: u64,
    },
    /// A malloc for which there was no room.
    RefusedMalloc {
        /// Size asked for.
        size: u64,
        /// Alignment asked for.
        alignment: u64,
    },
    /// A realloc for which there was no room.
    RefusedRealloc {
        /// The address of the block.
        from: u64,
        /// Size asked for.
        size: u64,
    },
    /// A main block was appended, or the last one has grown.
    Grow {
        /// The first new address.
        address: u64,
        /// New bytes.
        bytes: u64,
    },
    /// A call began to give free pages back to the system. (What waits in caches returns to its spans then.)
    Trim {
        /// Bytes given back, as far as they are known: a recorder writes 0.
        bytes: u64,
    },
    /// A text that the program has put between its operations.
    Mark(&'a str),
}

impl Event<'_> {
    /// Whether the event is an operation. The others describe what was there when the recording began.
    #[inline]
    #[must_use]
    pub const fn is_operation(&self) -> bool {
        self.kind().is_operation()
    }

    /// The event's kind.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Main { .. } => Kind::Main,
            Self::Block { .. } => Kind::Block,
            Self::Malloc { .. } => Kind::Malloc,
            Self::Free { .. } => Kind::Free,
            Self::Realloc { .. } => Kind::Realloc,
            Self::RefusedMalloc { .. } => Kind::RefusedMalloc,
            Self::RefusedRealloc { .. } => Kind::RefusedRealloc,
            Self::Grow { .. } => Kind::Grow,
            Self::Trim { .. } => Kind::Trim,
            Self::Mark(_) => Kind::Mark,
        }
    }
}

/// An event's kind, as the number that a recording has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Event::Main`].
    Main = 0,
    /// [`Event::Block`].
    Block = 1,
    /// [`Event::Malloc`].
    Malloc = 2,
    /// [`Event::Free`].
    Free = 3,
    /// [`Event::Realloc`].
    Realloc = 4,
    /// [`Event::RefusedMalloc`].
    RefusedMalloc = 5,
    /// [`Event::RefusedRealloc`].
    RefusedRealloc = 6,
    /// [`Event::Grow`].
    Grow = 7,
    /// [`Event::Trim`].
    Trim = 8,
    /// [`Event::Mark`].
    Mark = 9,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Main,
        Self::Block,
        Self::Malloc,
        Self::Free,
        Self::Realloc,
        Self::RefusedMalloc,
        Self::RefusedRealloc,
        Self::Grow,
        Self::Trim,
        Self::Mark,
    ];

    /// The kind that a number stands for.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether events of this kind are operations.
    #[inline]
    #[must_use]
    pub const fn is_operation(self) -> bool {
        !matches!(self, Self::Main | Self::Block)
    }
}

/// An event, and what is known about the call that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What happened.
    pub event: Event<'a>,
    /// The number of the thread that has made the call, as the recorder counts threads.
    pub thread: u32,
    /// The number of the stack of the call in the table of stacks; 0 if it was not recorded.
    pub stack: u32,
    /// When, in nanoseconds since the recording began: the clock was last read at most 126 events before. 0 without a clock.
    pub time: u64,
}

/// What a recording has about each call, besides what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// A time.
    pub clock: bool,
    /// A stack.
    pub stacks: bool,
}

impl Flags {
    /// What a recorder writes unless it is told otherwise.
    pub const USUAL: Self = Self { clock: true, stacks: false };

    pub(super) const fn bits(self) -> u16 {
        self.clock as u16 | (self.stacks as u16) << 1
    }

    /// The flags of a file. Bits without a meaning are ignored.
    pub(super) const fn of_bits(bits: u16) -> Self {
        Self { clock: bits & 1 != 0, stacks: bits & 2 != 0 }
    }
}
