//! An area: 64 MiB of address space, 1024 chunks, and an upper bound of the holes in each.
//!
//! Chunks are made where a segment starts and dropped when none does any more, so that a block of gigabytes costs no more
//! than a small one. 12.3 KiB.
//!
//! Invariants: a chunk is there if a segment starts in it; `occupied` has a bit for each chunk that is there; a bound is
//! never below what it bounds.

use super::chunk::Chunk;
use super::row::{LargeRow, large};
use std::collections::TryReserveError;

/// Chunks in an area.
pub(super) const CHUNKS: usize = 1024;

/// A value on the heap that was allocated without the risk of an abort.
pub(super) type Boxed<T> = Box<[T; 1]>;

/// Boxes a value.
///
/// # Errors
/// If there is no memory.
pub(super) fn try_box<T>(value: T) -> Result<Boxed<T>, TryReserveError> {
    let mut one = Vec::new();
    one.try_reserve_exact(1)?;
    one.push(value);
    let Ok(boxed) = one.into_boxed_slice().try_into() else { unreachable!("one value was pushed") };
    Ok(boxed)
}

/// The chunks of 64 MiB of address space.
#[derive(Debug)]
pub(super) struct Area {
    chunks: [Option<Boxed<Chunk>>; CHUNKS],
    occupied: [u64; CHUNKS / 64],
    /// An upper bound of the holes that start in each chunk.
    bounds: [LargeRow; CHUNKS / 32],
    /// An upper bound of each row of `bounds`.
    row_bounds: LargeRow,
}

impl Area {
    pub const EMPTY: Self = Self {
        chunks: [const { None }; CHUNKS],
        occupied: [0; CHUNKS / 64],
        bounds: [LargeRow::EMPTY; CHUNKS / 32],
        row_bounds: LargeRow::EMPTY,
    };

    #[inline]
    pub fn chunk(&self, chunk: usize) -> Option<&Chunk> {
        self.chunks[chunk % CHUNKS].as_deref().map(|[chunk]| chunk)
    }

    #[inline]
    pub fn chunk_mut(&mut self, chunk: usize) -> Option<&mut Chunk> {
        self.chunks[chunk % CHUNKS].as_deref_mut().map(|[chunk]| chunk)
    }

    pub fn insert(&mut self, chunk: usize, made: Boxed<Chunk>) {
        self.chunks[chunk % CHUNKS] = Some(made);
        self.occupied[chunk / 64 % 16] |= 1 << (chunk % 64);
    }

    pub fn remove(&mut self, chunk: usize) -> Option<Boxed<Chunk>> {
        self.occupied[chunk / 64 % 16] &= !(1 << (chunk % 64));
        self.chunks[chunk % CHUNKS].take()
    }

    /// The first chunk from `chunk` on.
    pub fn next(&self, chunk: usize) -> Option<usize> {
        let after = self.occupied.get(chunk / 64)? & (!0 << (chunk % 64));
        if after != 0 {
            return Some(chunk / 64 * 64 + after.trailing_zeros() as usize);
        }
        let bits = (chunk / 64 + 1..CHUNKS / 64).find(|&bits| self.occupied[bits] != 0)?;
        Some(bits * 64 + self.occupied[bits].trailing_zeros() as usize)
    }

    /// The last chunk before `chunk`, which is at most [`CHUNKS`].
    pub fn prev(&self, chunk: usize) -> Option<usize> {
        let before = self.occupied.get(chunk / 64).map_or(0, |bits| bits & ((1 << (chunk % 64)) - 1));
        if before != 0 {
            return Some(chunk / 64 * 64 + before.ilog2() as usize);
        }
        let bits = (0..chunk / 64).rev().find(|&bits| self.occupied[bits] != 0)?;
        Some(bits * 64 + self.occupied[bits].ilog2() as usize)
    }

    /// An upper bound of a chunk, saturated.
    pub fn bound(&self, chunk: usize) -> i32 {
        self.bounds[chunk / 32 % 32].get(chunk % 32)
    }

    /// Makes a bound wrong.
    #[cfg(test)]
    pub fn break_bound(&mut self, chunk: usize, bound: i32) {
        self.bounds[chunk / 32 % 32].set(chunk % 32, bound);
    }

    /// An upper bound of all chunks, saturated.
    pub fn max_bound(&self) -> i32 {
        self.row_bounds.max()
    }

    /// Tells that a hole of this size starts in a chunk now. Whether the area's bound may have grown.
    pub fn raise(&mut self, chunk: usize, size: i32) -> bool {
        let row = chunk / 32 % 32;
        if self.bounds[row].get(chunk % 32) < size {
            self.bounds[row].set(chunk % 32, size);
        }
        let grown = self.row_bounds.get(row) < size;
        if grown {
            self.row_bounds.set(row, size);
        }
        grown
    }

    /// The first chunk from `chunk` on, and the window in it, where a hole of at least `size` bytes starts. Lowers the
    /// bounds of what it looked into in vain.
    pub fn search(&mut self, chunk: usize, size: u64) -> Option<(usize, usize)> {
        let least = large(size);
        let row = chunk / 32 % 32;
        let candidates = self.bounds[row].at_least(least) & (!0 << (chunk % 32));
        let found = self.search_row(row, candidates, size);
        if found.is_some() {
            return found;
        }
        let mut rows = self.row_bounds.at_least(least) & (!1 << row);
        while rows != 0 {
            let row = rows.trailing_zeros() as usize % 32;
            let found = self.search_row(row, self.bounds[row].at_least(least), size);
            if found.is_some() {
                return found;
            }
            rows &= rows - 1;
        }
        None
    }

    fn search_row(&mut self, row: usize, mut candidates: u32, size: u64) -> Option<(usize, usize)> {
        while candidates != 0 {
            let lane = candidates.trailing_zeros() as usize % 32;
            let number = row * 32 + lane;
            let mut bound = 0;
            if let Some(chunk) = self.chunk_mut(number) {
                if let Some(window) = search_chunk(chunk, size) {
                    return Some((number, window));
                }
                bound = chunk.max_bound();
            }
            self.bounds[row].set(lane, large(bound));
            candidates &= candidates - 1;
        }
        self.row_bounds.set(row, self.bounds[row].max());
        None
    }
}

/// The first window of a chunk in which a hole of at least `size` bytes starts.
fn search_chunk(chunk: &mut Chunk, size: u64) -> Option<usize> {
    match u16::try_from(size) {
        Ok(u16::MAX) | Err(_) => {
            // The one window whose entry is saturated; if there is none, looking for it lowers the pages' bounds.
            let window = chunk.search_all(u16::MAX)?;
            (chunk.big >= size).then_some(window)
        }
        Ok(size) => chunk.search_all(size),
    }
}
