//! The allocators compared. Each hands out blocks of exact or larger size, one byte aligned or better; none is asked to
//! touch the memory.
//!
//! Those that manage a pool given to them (rlsf, talc) get [`POOL`] bytes of lazily committed memory, so that no
//! allocator's figure contains a system call that another's does not.

mod libc;
mod mems;
mod mimalloc;
mod offset_allocator;
mod rlsf;
mod talc;

pub use self::libc::Libc;
pub use self::mems::{Mems, Segregated, Tidy};
pub use self::mimalloc::Mimalloc;
pub use self::offset_allocator::OffsetAllocator;
pub use self::rlsf::Rlsf;
pub use self::talc::Talc;

use ::mems::heap::Stats;
use memmap2::{MmapMut, MmapOptions};
use std::alloc::Layout;
use std::ptr::NonNull;

const POOL: usize = 16 << 30;

/// An allocator under test.
pub trait Allocator {
    /// The allocator's name in tables.
    const NAME: &'static str;
    /// What stands for a block in calls.
    type Block: Copy;

    fn new() -> Self;
    fn malloc(&mut self, size: usize) -> Self::Block;
    fn free(&mut self, block: Self::Block, size: usize);

    /// The address of the block's bytes, for allocators that hand out memory.
    fn address(&self, _block: Self::Block) -> Option<NonNull<u8>> {
        None
    }

    /// The start of the block in the allocator's own range, for allocators that hand out offsets.
    fn offset(&self, _block: Self::Block) -> Option<u64> {
        None
    }

    /// The allocator's own statistics, if it has any.
    fn stats(&mut self) -> Option<Stats> {
        None
    }
}

/// Lazily committed memory for allocators that manage a pool.
fn pool() -> MmapMut {
    MmapOptions::new().len(POOL).no_reserve_swap().map_anon().expect("there is address space for the pool")
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("a size")
}
