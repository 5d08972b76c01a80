//! The seam of policies, and **the table** of them: the ways of choosing the hole that serves a request.
//!
//! Splitting, joining and tiling are the map's, and the same for all. To add a policy, write its file and its row in the table.

mod hints;

pub(super) use first_fit::FirstFit;

use super::engine::NoMetadata;
use super::segments::{SegmentMap, Taken};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Which hole serves a request.
pub(super) trait Policy {
    /// The start of the hole from whose front `size` bytes are to be taken. `None`: none is large enough.
    fn choose(&mut self, map: &mut SegmentMap, size: u64) -> Option<u64>;

    /// Chooses a hole and takes `size` bytes from its front.
    fn take(&mut self, map: &mut SegmentMap, size: u64) -> Result<Option<Taken>, NoMetadata> {
        self.reserve()?;
        let Some(hole) = self.choose(map, size) else { return Ok(None) };
        let taken = map.take_at(hole, size)?;
        self.on_hole_removed(hole, size + taken.rest);
        if taken.rest > 0 {
            self.on_hole_added(hole + size, taken.rest);
        }
        self.on_block_taken(hole..hole + size);
        Ok(Some(taken))
    }

    /// Makes room for what the call that follows, and the frees of all live blocks, make this policy record.
    fn reserve(&mut self) -> Result<(), NoMetadata> {
        Ok(())
    }

    /// Records a hole that is new, or that another hole has become.
    fn on_hole_added(&mut self, _start: u64, _size: u64) {}

    /// Records that a hole is gone, or has become another.
    fn on_hole_removed(&mut self, _start: u64, _size: u64) {}

    /// Records that a block was taken for a request.
    fn on_block_taken(&mut self, _block: Range<u64>) {}

    /// Undoes the last [`Policy::on_block_taken`], whose block was given back as if it had never been taken.
    fn on_block_untaken(&mut self) {}

    /// Records that a block was split in two.
    fn on_block_split(&mut self) {}

    /// Records that a block was freed.
    fn on_block_freed(&mut self) {}

    /// Where the next search begins, for policies that continue where the last one ended.
    fn position(&self) -> u64 {
        0
    }

    /// Restores a [`Policy::position`].
    fn go_to(&mut self, _position: u64) {}

    /// Bytes of bookkeeping.
    fn bytes(&self) -> usize {
        0
    }

    /// Checks what the policy keeps against `holes`, the start and size of each hole of the map.
    fn verify(&self, _holes: &mut dyn Iterator<Item = (u64, u64)>) -> Result<(), String> {
        Ok(())
    }
}

/// Makes the enum of names and the enum of policies from the table's rows.
macro_rules! policies {
    (
        $($(#[doc = $doc:literal])+ $kind:ident = $value:literal $name:literal in $file:ident;)+
        engines { $($(#[doc = $engine_doc:literal])+ $engine:ident = $engine_value:literal $engine_name:literal;)* }
    ) => {
        $(mod $file;)+

        /// A policy by name: which hole serves a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[repr(u32)]
        pub enum PolicyKind {
            #[default]
            $($(#[doc = $doc])+ $kind = $value,)+
            $($(#[doc = $engine_doc])+ $engine = $engine_value,)*
        }

        impl PolicyKind {
            /// All policies, the default one first.
            pub const ALL: &[Self] = &[$(Self::$kind,)+ $(Self::$engine,)*];

            /// The names of all policies, in the order of [`PolicyKind::ALL`].
            pub const NAMES: &[&'static str] = &[$($name,)+ $($engine_name,)*];

            /// The names, as error messages list them.
            pub const EXPECTED: &'static str =
                policies!(@expected $($name,)+ $($engine_name,)*);

            /// The name in JavaScript.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                    $(Self::$engine => $engine_name,)*
                }
            }

            /// One line that says what the policy does.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($doc),+),)+
                    $(Self::$engine => concat!($($engine_doc),+),)*
                }
            }
        }

        /// The policy of an engine: one of the table.
        #[allow(clippy::enum_variant_names, reason = "the names that policies have")]
        #[derive(Debug)]
        pub(super) enum Policies {
            $($kind($file::$kind)),+
        }

        impl Policies {
            /// The policy that `kind` names. `None`: it is an engine of its own.
            pub fn new(kind: PolicyKind) -> Option<Self> {
                match kind {
                    $(PolicyKind::$kind => Some(Self::$kind($file::$kind::default())),)+
                    $(PolicyKind::$engine => None,)*
                }
            }
        }

        policies!(@dispatch $($kind)+);
    };
    (@expected $first:literal, $($name:literal,)*) => {
        concat!("one of '", $first, "'" $(, ", '", $name, "'")*)
    };
    (@dispatch $($kind:ident)+) => {
        policies! {
            @methods ($($kind)+);
            mut choose(map: &mut SegmentMap, size: u64) -> Option<u64>;
            mut take(map: &mut SegmentMap, size: u64) -> Result<Option<Taken>, NoMetadata>;
            mut reserve() -> Result<(), NoMetadata>;
            mut on_hole_added(start: u64, size: u64) -> ();
            mut on_hole_removed(start: u64, size: u64) -> ();
            mut on_block_taken(block: Range<u64>) -> ();
            mut on_block_untaken() -> ();
            mut on_block_split() -> ();
            mut on_block_freed() -> ();
            mut go_to(position: u64) -> ();
        }
    };
    (@methods $kinds:tt; $(mut $method:ident($($arg:ident: $type:ty),*) -> $to:ty;)+) => {
        impl Policy for Policies {
            $(policies!(@method $kinds; $method(self $(, $arg: $type)*) -> $to);)+

            fn position(&self) -> u64 {
                policies!(@match $kinds; self, policy => policy.position())
            }

            fn bytes(&self) -> usize {
                policies!(@match $kinds; self, policy => policy.bytes())
            }

            fn verify(&self, holes: &mut dyn Iterator<Item = (u64, u64)>) -> Result<(), String> {
                policies!(@match $kinds; self, policy => policy.verify(holes))
            }
        }
    };
    (@method $kinds:tt; $method:ident($self:ident $(, $arg:ident: $type:ty)*) -> $to:ty) => {
        fn $method(&mut $self $(, $arg: $type)*) -> $to {
            policies!(@match $kinds; $self, policy => policy.$method($($arg),*))
        }
    };
    (@match ($($kind:ident)+); $self:ident, $policy:ident => $call:expr) => {
        match $self {
            $(Self::$kind($policy) => $call,)+
        }
    };
}

policies! {
    /// The lowest hole that is large enough.
    FirstFit = 1 "first-fit" in first_fit;
    /// The first hole that is large enough from where the last search ended, once round.
    NextFit = 2 "next-fit" in next_fit;
    /// The smallest hole that is large enough, the lowest of several.
    BestFit = 3 "best-fit" in best_fit;
    /// The largest hole, the lowest of several.
    WorstFit = 4 "worst-fit" in worst_fit;
    engines {
        /// Blocks of powers of two, split in halves that are joined again.
        Buddy = 5 "buddy";
        /// Size classes: a small block gets a slot in a span of equal slots, a large one gets whole pages.
        Segregated = 6 "segregated";
    }
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
