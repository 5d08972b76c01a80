//! Parts of a file as memory: what is stored there is in the file, and in all other maps of it, at once.
//!
//! Invariants: a map stays where it is, readable and writable, as long as its [`SharedMap`] or [`View`] lives, whatever becomes of the file
//! (`fault.rs`), and it keeps the file open. A map of a file that is open for reading only shows what others store, except in pages that
//! this process has stored to (not so on macOS: see `mod.rs`).
//!
//! Children of `fork` have no shared maps, on Linux and macOS: a store to one there ends the child. So a heap that is in a file has ended
//! in a child, and must drop none of its maps there, either: other memory may be where they were.
//!
//! Costs: three system calls for a map, and one when it is dropped.

#[cfg(unix)]
use super::fault;
use super::ranges::Watch;
use super::{File, UNIT, system};
use crate::memory::system::Map;
use crate::table::{AtomicU32, AtomicU64, Number, Table};
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

/// A part of a file as words.
#[derive(Debug)]
pub struct SharedMap {
    start: NonNull<u8>,
    bytes: usize,
    watch: Watch,
}

// SAFETY: the memory belongs to no thread, and is reached through tables of atomic numbers only.
unsafe impl Send for SharedMap {}
// SAFETY: a `SharedMap` itself never changes; its memory is reached through tables of atomic numbers only.
unsafe impl Sync for SharedMap {}

impl SharedMap {
    /// [`File::map`].
    pub(super) fn new(file: &Arc<File>, offset: u64, bytes: u64) -> io::Result<Self> {
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        check(file, offset, bytes)?;
        let start = system::map(&file.handle, file.read_only, offset, bytes)?;
        let watch = Watch::new(file, start.as_ptr(), bytes).inspect_err(|_| {
            // SAFETY: the map just made, of which nobody knows.
            unsafe { system::unmap(start.as_ptr(), bytes) };
        })?;
        Ok(Self { start, bytes, watch })
    }

    /// The map's length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A table of `count` words of 64 bits from `byte_offset`, which keeps the map; `None` if they are not all in the map, or not aligned.
    #[must_use]
    pub fn words64(self: &Arc<Self>, byte_offset: usize, count: usize) -> Option<Table<AtomicU64>> {
        self.table(byte_offset, count)
    }

    /// A table of `count` words of 32 bits from `byte_offset`, which keeps the map; `None` if they are not all in the map, or not aligned.
    #[must_use]
    pub fn words32(self: &Arc<Self>, byte_offset: usize, count: usize) -> Option<Table<AtomicU32>> {
        self.table(byte_offset, count)
    }

    fn table<N: Number>(self: &Arc<Self>, byte_offset: usize, count: usize) -> Option<Table<N>> {
        let end = count.checked_mul(size_of::<N>())?.checked_add(byte_offset)?;
        if end > self.bytes || !byte_offset.is_multiple_of(align_of::<N>()) {
            return None;
        }
        let first = self.start.as_ptr().wrapping_add(byte_offset);
        // SAFETY: the numbers lie in the map, which starts at a page and which the table keeps. In this process they are reached through
        // such tables only; what other processes store are bytes like any others.
        Some(unsafe { Table::new(first, count, Box::new(Arc::clone(self))) })
    }
}

impl Drop for SharedMap {
    fn drop(&mut self) {
        self.watch.end();
        // SAFETY: the map that `new` has made; all tables that reach it are gone.
        unsafe { system::unmap(self.start.as_ptr(), self.bytes) };
    }
}

/// A part of a file that is mapped behind the front of a [`Mapping`](crate::memory::Mapping).
#[derive(Debug)]
pub struct View {
    start: NonNull<u8>,
    bytes: usize,
    watch: Watch,
}

// SAFETY: the memory belongs to no thread, and a `View` only says where it is.
unsafe impl Send for View {}
// SAFETY: a `View` has nothing that a thread could change through a reference, except the watch, which is atomic.
unsafe impl Sync for View {}

impl View {
    /// Maps `front` bytes of memory that nobody uses, and behind them a part of a file, from an address that is `residue` above a multiple of
    /// `alignment`, a power of two. All are multiples of [`UNIT`].
    pub fn behind(
        front: usize,
        file: &Arc<File>,
        part: (u64, usize),
        alignment: usize,
        residue: usize,
    ) -> io::Result<(Map, Self)> {
        let (offset, bytes) = part;
        check(file, offset, bytes)?;
        let map = system::map_behind(front, &file.handle, file.read_only, part, (alignment, residue))?;
        let start = map.as_mut_ptr().wrapping_add(front);
        let watch = Watch::new(file, start, bytes);
        let view = watch.and_then(|watch| {
            let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
            Ok(Self { start, bytes, watch })
        });
        match view {
            Ok(view) => Ok((map, view)),
            Err(error) => {
                // SAFETY: the maps just made, of which nobody knows.
                unsafe {
                    system::unmap_view(start);
                    crate::memory::system::unmap(&map, map.len());
                }
                Err(error)
            }
        }
    }

    /// Replaces the map by zeros of this process, so that nothing that is stored there any more reaches the file, and returns whether that
    /// is done: Windows cannot do it, and other systems only if they have room. The memory stays readable and writable throughout.
    pub fn leave_file(&self) -> bool {
        // SAFETY: the range is a map of ours, and only becomes other memory, as if another process had stored zeros.
        let done = unsafe { system::cover(self.start.as_ptr(), self.bytes) };
        if done {
            self.watch.end();
        }
        done
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.watch.end();
        // SAFETY: the view that `behind` has made, which nobody reaches any more.
        unsafe { system::unmap_view(self.start.as_ptr()) };
    }
}

/// Checks that a part of a file can be mapped, and has what happens if it is cut watched.
fn check(file: &File, offset: u64, bytes: usize) -> io::Result<()> {
    if bytes == 0 || !offset.is_multiple_of(UNIT) || !(bytes as u64).is_multiple_of(UNIT) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let end = offset.checked_add(bytes as u64).ok_or(io::ErrorKind::InvalidInput)?;
    if !file.reaches(end)? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    #[cfg(unix)]
    fault::install();
    Ok(())
}
