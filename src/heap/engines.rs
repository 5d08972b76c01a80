//! **The table** of engines, and which of them a heap gets.
//!
//! To add an engine, write its file and its row, and say in [`AnyEngine::new`] which options choose it.

use super::Options;
use super::buddy::Buddy;
use super::engine::{Appended, Engine, Freed, NoMetadata, Released, Resized, Taken, Truncated, Waiting, with_methods};
use super::fit::Fit;
#[cfg(feature = "c-abi")]
use super::ledger::Ledger;
use super::policy::{Policies, PolicyKind};
use super::segments::{Joined, Segment};
use super::segregated::Segregated;
use std::ops::Range;

/// Makes the enum of all engines from the table's rows.
macro_rules! engines {
    (
        $engines:tt;
        mut { $($(#[$of_mut:meta])* fn $mut:ident(&mut $self_mut:ident $(, $arg:ident: $type:ty)*) $(-> $to:ty)?;)+ }
        shared { $($(#[$of_ref:meta])* fn $ref:ident(&$self_ref:ident $(, $arg_ref:ident: $type_ref:ty)*) -> $to_ref:ty;)+ }
    ) => {
        engines!(@enum $engines);

        impl Engine for AnyEngine {
            $(
                #[inline(always)]
                #[allow(clippy::inline_always, reason = "a match, and what is called")]
                fn $mut(&mut $self_mut $(, $arg: $type)*) $(-> $to)? {
                    engines!(@match $engines; $self_mut, engine => engine.$mut($($arg),*))
                }
            )+
            $(
                #[inline(always)]
                #[allow(clippy::inline_always, reason = "a match, and what is called")]
                fn $ref(&$self_ref $(, $arg_ref: $type_ref)*) -> $to_ref {
                    engines!(@match $engines; $self_ref, engine => engine.$ref($($arg_ref),*))
                }
            )+
        }
    };
    (@enum ($($engine:ident)+)) => {
        /// The engine of a heap: one of the table. No `dyn`: a match costs malloc and free two instructions.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "a heap has one of them, and a box would cost each call a load")]
        pub(super) enum AnyEngine {
            $($engine($engine)),+
        }
    };
    (@match ($($kind:ident)+); $self:ident, $engine:ident => $call:expr) => {
        match $self {
            $(Self::$kind($engine) => $call,)+
        }
    };
}

#[cfg(feature = "c-abi")]
with_methods!(engines (Fit Buddy Segregated Ledger));
// Where no heap is in a file, as in a browser, the ledger is left out.
#[cfg(not(feature = "c-abi"))]
with_methods!(engines (Fit Buddy Segregated));

impl AnyEngine {
    /// The engine, if it is the one that caches free slots.
    #[inline]
    pub fn segregated(&mut self) -> Option<&mut Segregated> {
        match self {
            Self::Segregated(engine) => Some(engine),
            _ => None,
        }
    }

    /// The engine, if it is the one whose bookkeeping is shared.
    #[cfg(feature = "c-abi")]
    #[inline]
    pub fn ledger(&mut self) -> Option<&mut Ledger> {
        match self {
            Self::Ledger(engine) => Some(engine),
            _ => None,
        }
    }

    /// The engine of a heap with these options, in memory of its own.
    pub fn new(options: &Options) -> Self {
        if let Some(policy) = Policies::new(options.policy()) {
            return Self::Fit(Fit::new(policy, options));
        }
        if options.policy() == PolicyKind::Segregated {
            return Self::Segregated(Segregated::new());
        }
        debug_assert_eq!(options.policy(), PolicyKind::Buddy);
        Self::Buddy(Buddy::new(options.alignment()))
    }
}
