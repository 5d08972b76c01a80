//! An area: 64 MiB of address space, 1024 chunks, and an upper bound of the holes in each.
//!
//! Chunks are made where a segment starts and dropped when none does any more, so that a block of gigabytes costs no more than
//! a small one. An area takes 12.5 KiB.
//!
//! Invariants: a chunk is there if a segment starts in it; `occupied` has exactly the chunks that are there; `bordered` has
//! exactly those in which a main block starts; a bound is never below what it bounds.

use super::bits::BitSet;
use super::chunk::Chunk;
use super::maxima::Level;
use super::row::{BroadRow, broad};
use std::collections::TryReserveError;

/// Chunks in an area.
pub(in crate::heap) const CHUNKS: usize = 1024;

/// A value on the heap that was allocated without the risk of an abort.
pub(in crate::heap) type Boxed<T> = Box<[T; 1]>;

/// Boxes a value.
///
/// # Errors
/// If there is no memory.
pub(in crate::heap) fn try_box<T>(value: T) -> Result<Boxed<T>, TryReserveError> {
    let mut one = Vec::new();
    one.try_reserve_exact(1)?;
    one.push(value);
    let Ok(boxed) = one.into_boxed_slice().try_into() else { unreachable!("one value was pushed") };
    Ok(boxed)
}

/// Some of an area's chunks.
pub(in crate::heap) type ChunkSet = BitSet<[u64; CHUNKS / 64]>;

/// The chunks of 64 MiB of address space.
#[derive(Debug)]
pub(in crate::heap) struct Area {
    chunks: [Option<Boxed<Chunk>>; CHUNKS],
    occupied: ChunkSet,
    bordered: ChunkSet,
    /// An upper bound of the holes that start in each chunk.
    bounds: Level<[BroadRow; CHUNKS / 32], [BroadRow; 1]>,
}

impl Area {
    /// An area without chunks.
    pub const EMPTY: Self = Self {
        chunks: [const { None }; CHUNKS],
        occupied: BitSet::EMPTY,
        bordered: BitSet::EMPTY,
        bounds: Level::EMPTY,
    };

    /// The chunk of a number, which is taken modulo [`CHUNKS`].
    #[inline]
    pub fn chunk(&self, chunk: usize) -> Option<&Chunk> {
        self.chunks[chunk % CHUNKS].as_deref().map(|[chunk]| chunk)
    }

    /// The chunk of a number, to be changed.
    #[inline]
    pub fn chunk_mut(&mut self, chunk: usize) -> Option<&mut Chunk> {
        self.chunks[chunk % CHUNKS].as_deref_mut().map(|[chunk]| chunk)
    }

    /// Stores `made` as the chunk of the number `chunk`.
    pub fn insert(&mut self, chunk: usize, made: Boxed<Chunk>) {
        self.chunks[chunk % CHUNKS] = Some(made);
        self.occupied.set(chunk % CHUNKS, true);
    }

    /// Removes the chunk of a number, and returns it.
    pub fn remove(&mut self, chunk: usize) -> Option<Boxed<Chunk>> {
        self.occupied.set(chunk % CHUNKS, false);
        self.chunks[chunk % CHUNKS].take()
    }

    /// The chunks that are there.
    pub fn occupied(&self) -> &ChunkSet {
        &self.occupied
    }

    /// The chunks in which a main block starts.
    pub fn bordered(&self) -> &ChunkSet {
        &self.bordered
    }

    /// Records whether a main block starts in a chunk. Returns whether one starts in the area.
    pub fn set_bordered(&mut self, chunk: usize, bordered: bool) -> bool {
        self.bordered.set(chunk % CHUNKS, bordered);
        !self.bordered.is_empty()
    }

    /// An upper bound of the holes that start in a chunk, saturated.
    pub fn chunk_bound(&self, chunk: usize) -> i32 {
        self.bounds.get(chunk % CHUNKS)
    }

    /// An upper bound of the holes that start in a row of 32 chunks, saturated.
    pub fn row_bound(&self, row: usize) -> i32 {
        self.bounds.top(row)
    }

    /// An upper bound of all holes that start in the area, saturated.
    pub fn bound(&self) -> i32 {
        self.bounds.max()
    }

    /// Records that a hole of `size` bytes starts in a chunk now. Returns whether the area's bound may have grown.
    pub fn raise(&mut self, chunk: usize, size: i32) -> bool {
        self.bounds.raise(chunk % CHUNKS, size)
    }

    /// The first chunk from `chunk` on, and the line in it, where a hole of at least `size` bytes starts. Lowers the bounds of
    /// chunks in which there is none.
    pub fn search_from(&mut self, chunk: usize, size: u64) -> Option<(usize, usize)> {
        let chunks = &mut self.chunks;
        self.bounds.search_from(chunk % CHUNKS, broad(size), |number| {
            let Some([chunk]) = chunks[number % CHUNKS].as_deref_mut() else { return Err(0) };
            chunk.search(size).map(|line| (number, line)).ok_or_else(|| broad(chunk.bound()))
        })
    }

    /// Makes a bound wrong.
    #[cfg(test)]
    pub fn break_bound(&mut self, chunk: usize, bound: i32) {
        self.bounds.lower(chunk, bound);
    }
}
