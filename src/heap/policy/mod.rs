//! The table of policies: the ways of choosing the hole that serves a request.

use std::fmt;
use std::str::FromStr;

/// Makes [`PolicyKind`] of the table's rows.
macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $kind:ident = $value:literal $first:literal;)+) => {
        /// A policy by name: which hole serves a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[repr(u32)]
        pub enum PolicyKind {
            #[default]
            $($(#[doc = $doc])+ $kind = $value,)+
        }

        impl PolicyKind {
            /// All policies, the default one first.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The names of all policies, in the order of [`PolicyKind::ALL`].
            pub const NAMES: &[&'static str] = &[$($first),+];

            /// What messages say of the names.
            pub const EXPECTED: &'static str = concat!("one of" $(, " '", $first, "'")+);

            /// The name, as JavaScript has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $first,)+
                }
            }

            /// One line that says what the policy does.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($doc),+),)+
                }
            }
        }
    };
}

policies! {
    /// The lowest hole that is large enough.
    FirstFit = 1 "first-fit";
}

impl PolicyKind {
    /// The policy's value in C's `mems_policy`.
    #[must_use]
    pub const fn value(self) -> u32 {
        self as u32
    }

    /// The policy of a value of C's `mems_policy`.
    #[must_use]
    pub fn from_value(value: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.value() == value)
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no policy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPolicy;

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name).ok_or(UnknownPolicy)
    }
}
