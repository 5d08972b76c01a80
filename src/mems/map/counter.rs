//! Counters: entries whose value is a number that calls add to.
//!
//! The lock may be released between the look at a counter and its change, so that it is looked at again then.
//!
//! Costs: those of a set (`write.rs`).

use super::Map;
use super::layout::Kind;
use super::write::{New, Spot};
use crate::error::Error;
use crate::map_error::MapError;
use crate::mems::access::Access;

/// What the value of a key is, the number that it may be, and when it expires, in milliseconds since 1970 (0: never). `None`: there is none.
fn value_of(spot: &Spot) -> Option<(Kind, Option<i64>, u64)> {
    spot.value().map(|entry| (entry.kind(), entry.number(), entry.expiry()))
}

impl Map {
    /// Adds to the counter of a key, and returns the sum, and whether somebody may be waiting for a value. Where there is none it begins at 0, and lives as long as `begun` says, as a time in
    /// milliseconds since 1970; 0: for ever.
    ///
    /// # Errors
    /// [`MapError::NotACounter`], [`MapError::CounterOverflow`]; the errors of [`Map::set`].
    pub fn increment(
        &mut self,
        heap: &mut impl Access,
        key: &[u8],
        by: i64,
        text_key: u32,
        begun: u64,
    ) -> Result<(i64, bool), Error> {
        heap.with(|heap| {
            loop {
                self.learn_for_change(heap)?;
                let before = self.spot(heap, key)?.as_ref().and_then(value_of);
                let (number, expiry) = match before {
                    None => (0, begun),
                    Some((Kind::Counter, number, expiry)) => {
                        (number.ok_or_else(|| heap.damaged("a counter in a map is no number"))?, expiry)
                    }
                    Some(_) => return Err(MapError::NotACounter.into()),
                };
                let sum = number.checked_add(by).ok_or(MapError::CounterOverflow)?;
                let new = New { key, value: &sum.to_le_bytes(), flags: Kind::Counter as u32 | text_key, expiry };
                if let Some(is_awaited) = self.put(heap, &new, |spot| value_of(spot) == before)? {
                    return Ok((sum, is_awaited));
                }
            }
        })
    }
}
