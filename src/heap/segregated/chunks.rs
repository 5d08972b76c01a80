//! Tables whose chunks are made where something is kept in them, all zeros.

use crate::heap::segments::{Boxed, try_box};
use std::collections::TryReserveError;
use std::ops::RangeInclusive;

/// The chunks of a table.
pub(super) type Chunks<T, const N: usize> = Vec<Option<Boxed<[T; N]>>>;

/// Makes sure that the chunks of these numbers are there, and counts those that are new in `made`.
///
/// # Errors
/// If there is no memory; nothing has changed then that can be seen.
pub(super) fn reserve<T: Copy + Default, const N: usize>(
    chunks: &mut Chunks<T, N>,
    made: &mut usize,
    numbers: RangeInclusive<usize>,
) -> Result<(), TryReserveError> {
    let missing = (numbers.end() + 1).saturating_sub(chunks.len());
    chunks.try_reserve(missing)?;
    chunks.resize_with(chunks.len() + missing, || None);
    for chunk in &mut chunks[numbers] {
        if chunk.is_none() {
            *chunk = Some(try_box([T::default(); N])?);
            *made += 1;
        }
    }
    Ok(())
}
