//! What is at an address. Four questions, each of which costs less than the next:
//!
//! - [`Heap::is_live_start`]: does a live block start there? [`Heap::is_live`]: does a live block hold it?
//! - [`Heap::location_of`]: what are the addresses of the live block that holds it? ([`Heap::find`] returns an error that says why
//!   there is none; [`Heap::check_block_start`] is for callers that need a block's start.)
//! - [`Heap::segment_at`]: which segment holds it, live or not? That is the truth, as the chains have it.
//!
//! `Mems::block_at` adds what a heap with memory knows of a block: whether it is hidden, and its canary.
//!
//! Costs: O(1).

use super::Heap;
use super::address::{FIRST_ADDRESS, address_of, addresses_of, offset_in, offset_of};
use super::chains::{Kind, Segment};
use super::engine::Engine;
use super::engines::AnyEngine;
use crate::error::Error;
use std::ops::Range;

impl Heap {
    /// Whether a live block holds `address`, which may be any address inside it. O(1), and less than finding where it ends.
    #[inline]
    #[must_use]
    pub fn is_live(&self, address: u64) -> bool {
        let offset = address.wrapping_sub(FIRST_ADDRESS);
        offset < self.engine.end() && self.engine.is_live(offset)
    }

    /// Whether a live block starts at `address`. O(1), and less than finding where it ends.
    #[inline]
    #[must_use]
    pub fn is_live_start(&self, address: u64) -> bool {
        offset_of(address).is_some_and(|start| self.engine.is_live_start(start))
    }

    /// The span that holds `address`, in engines that cut pages into slots: its addresses, and the bytes of a slot. O(1).
    #[must_use]
    pub fn span_at(&self, address: u64) -> Option<(Range<u64>, u64)> {
        let AnyEngine::Segregated(engine) = &self.engine else { return None };
        let (span, slot) = engine.span_at(offset_of(address)?)?;
        Some((addresses_of(span.start, span.end), slot))
    }

    /// The addresses of the live block that starts at `address`: whether [`Heap::free`] would succeed. O(1).
    ///
    /// # Errors
    /// The errors of [`Heap::free`].
    pub fn check_block_start(&self, address: u64) -> Result<Range<u64>, Error> {
        self.location_of(address).filter(|block| block.start == address).ok_or_else(|| self.refusal(address))
    }

    /// The addresses of the live block that holds `address`, which may be any address inside it. O(1).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NotAllocated`].
    #[inline]
    pub fn find(&self, address: u64) -> Result<Range<u64>, Error> {
        self.location_of(address).ok_or_else(|| self.refusal(address))
    }

    /// The addresses of the live block that holds `address`, as [`Heap::find`] finds them, without saying why there is none.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "else it is returned by way of memory, and views wait for it")]
    pub(crate) fn location_of(&self, address: u64) -> Option<Range<u64>> {
        let offset = address.wrapping_sub(FIRST_ADDRESS);
        if offset >= self.engine.end() {
            return None;
        }
        let (start, end) = self.engine.location_of(offset);
        (end != 0).then_some(addresses_of(start, end))
    }

    /// Why an address is refused: it is in no main block, in a hole, or inside a live block where a start is wanted.
    #[cold]
    pub(crate) fn refusal(&self, address: u64) -> Error {
        let Some(segment) = self.segment_at(address) else {
            return Error::OutOfRange { address: address.to_string(), start: FIRST_ADDRESS, end: self.end() };
        };
        let Range { start, end } = segment.addresses();
        match segment.kind {
            // A block that starts there now was made by another thread's front after the address was looked at.
            Kind::Live if start == address => Error::NotAllocated { address, start, end },
            Kind::Hole => Error::NotAllocated { address, start, end },
            Kind::Live => Error::NotBlockStart { address, start, end },
        }
    }

    /// How many bytes of the live block that starts at `address` were not requested: what the engine has rounded its size up by.
    #[inline]
    #[must_use]
    pub fn padding(&self, address: u64) -> u64 {
        self.engine.padding(offset_in(address))
    }

    /// The segment that holds `address`. `None`: no main block has it. O(1).
    #[must_use]
    pub fn segment_at(&self, address: u64) -> Option<Segment> {
        let offset = offset_of(address).filter(|&offset| offset < self.engine.end())?;
        let segment = self.engine.segment_at(offset);
        let kind = if segment.is_hole { Kind::Hole } else { Kind::Live };
        Some(Segment { start: address_of(segment.start), size: segment.end - segment.start, kind })
    }
}
