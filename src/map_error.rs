//! Everything that can go wrong with a map, beside what can go wrong in any heap (`error.rs`). A call that fails has set nothing.

use thiserror::Error;

/// Why a call on a map failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MapError {
    /// A name that no map can have.
    #[error("The name of a map must have 1 to {most} bytes. Received {bytes}")]
    Name {
        /// Bytes of the name.
        bytes: usize,
        /// The limit.
        most: usize,
    },

    /// A key that is too long.
    #[error("A key of a map has at most {most} bytes. Received {bytes}")]
    KeyTooLong {
        /// Bytes of the key.
        bytes: usize,
        /// The limit.
        most: usize,
    },

    /// A value that is too long, or an entry for which a map has no room, whatever it evicts.
    #[error("The entry has {bytes} bytes, and there is room for {most}")]
    TooLarge {
        /// Bytes of the entry.
        bytes: u64,
        /// The most that there is room for.
        most: u64,
    },

    /// A value that is no counter, to which something was to be added.
    #[error("The value of the key is no counter: increment() is for keys that it has made itself")]
    NotACounter,

    /// A sum that no counter can have.
    #[error("The sum is beyond what a counter can have: from -2^63 to 2^63 - 1")]
    CounterOverflow,
}

impl MapError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "ERR_MEMS_MAP_NAME",
            Self::KeyTooLong { .. } => "ERR_MEMS_KEY_TOO_LONG",
            Self::TooLarge { .. } => "ERR_MEMS_TOO_LARGE",
            Self::NotACounter => "ERR_MEMS_NOT_A_COUNTER",
            Self::CounterOverflow => "ERR_OUT_OF_RANGE",
        }
    }
}
