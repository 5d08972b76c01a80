//! The allocators compared. Each hands out blocks of exact or larger size, one byte aligned or better; none is asked to
//! touch the memory.
//!
//! Those that manage a pool given to them (rlsf, talc) get [`POOL`] bytes of lazily committed memory, so that no
//! allocator's figure contains a system call that another's does not.

use crate::workload::is_quick;
use memmap2::{MmapMut, MmapOptions};
use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

const POOL: usize = 16 << 30;

/// An allocator under test.
pub trait Allocator {
    /// Its name in tables.
    const NAME: &'static str;
    /// What it answers and takes back.
    type Block: Copy;

    fn new() -> Self;
    fn malloc(&mut self, size: usize) -> Self::Block;
    fn free(&mut self, block: Self::Block, size: usize);

    /// Where the block's bytes stand, for those that hand out memory.
    fn address(&self, _block: Self::Block) -> Option<NonNull<u8>> {
        None
    }

    /// Where the block starts in the allocator's own range, for those that hand out places in one.
    fn offset(&self, _block: Self::Block) -> Option<u64> {
        None
    }

    /// The allocator's own statistics, for those that have them.
    fn stats(&mut self) -> Option<mems::heap::Stats> {
        None
    }
}

/// Exact first fit with virtual addresses, memory behind them included. `TIDY`: with the options joinEmptyBlocks and trim.
pub struct Mems<const TIDY: bool = false>(mems::Mems);

impl<const TIDY: bool> Allocator for Mems<TIDY> {
    const NAME: &'static str = if TIDY { "mems, joining and trimming" } else { "mems" };
    type Block = u64;

    fn new() -> Self {
        let options = mems::Options::default().with_join_empty_blocks(TIDY).with_trim(TIDY);
        Self(mems::Mems::new(options))
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> u64 {
        self.0.malloc(size as u64).expect("there is memory")
    }

    #[inline]
    fn free(&mut self, block: u64, _size: usize) {
        self.0.free(block).expect("the block is live");
    }

    fn address(&self, block: u64) -> Option<NonNull<u8>> {
        NonNull::new(self.0.get(block).expect("the block is live") as *mut u8)
    }

    fn offset(&self, block: u64) -> Option<u64> {
        Some(block - mems::heap::FIRST_ADDRESS)
    }

    fn stats(&mut self) -> Option<mems::heap::Stats> {
        Some(self.0.stats())
    }
}

/// The C library's allocator.
pub struct Libc;

impl Allocator for Libc {
    const NAME: &'static str = "libc";
    type Block = NonNull<u8>;

    fn new() -> Self {
        Self
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> NonNull<u8> {
        // SAFETY: malloc takes any size.
        NonNull::new(unsafe { libc::malloc(size) }.cast()).expect("there is memory")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, _size: usize) {
        // SAFETY: the workloads free each block of `malloc` once.
        unsafe { libc::free(block.as_ptr().cast()) };
    }

    fn address(&self, block: NonNull<u8>) -> Option<NonNull<u8>> {
        Some(block)
    }
}

/// mimalloc, through its own functions (not as the global allocator).
pub struct Mimalloc;

impl Allocator for Mimalloc {
    const NAME: &'static str = "mimalloc";
    type Block = NonNull<u8>;

    fn new() -> Self {
        Self
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> NonNull<u8> {
        // SAFETY: mi_malloc takes any size.
        NonNull::new(unsafe { libmimalloc_sys::mi_malloc(size) }.cast()).expect("there is memory")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, _size: usize) {
        // SAFETY: the workloads free each block of `malloc` once.
        unsafe { libmimalloc_sys::mi_free(block.as_ptr().cast()) };
    }

    fn address(&self, block: NonNull<u8>) -> Option<NonNull<u8>> {
        Some(block)
    }
}

/// Two-level segregated fit over a pool.
pub struct Rlsf {
    tlsf: rlsf::Tlsf<'static, u32, u32, 32, 32>,
    _pool: MmapMut,
}

fn pool() -> MmapMut {
    MmapOptions::new().len(POOL).no_reserve_swap().map_anon().expect("there is address space for the pool")
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("a size")
}

impl Allocator for Rlsf {
    const NAME: &'static str = "rlsf";
    type Block = NonNull<u8>;

    fn new() -> Self {
        let mut pool = pool();
        let bytes = pool.as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the map is moved into the allocator beside its user, its bytes stay where they are and are reached
        // through the allocator alone; fields drop in order, the allocator first.
        let bytes: &'static mut [MaybeUninit<u8>] = unsafe { std::slice::from_raw_parts_mut(bytes, POOL) };
        let mut tlsf = rlsf::Tlsf::new();
        tlsf.insert_free_block(bytes);
        Self { tlsf, _pool: pool }
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> NonNull<u8> {
        self.tlsf.allocate(layout(size)).expect("the pool is large enough")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, _size: usize) {
        // SAFETY: the workloads free each block of `malloc` once; the alignment is the one it was made with.
        unsafe { self.tlsf.deallocate(block, 1) };
    }

    fn address(&self, block: NonNull<u8>) -> Option<NonNull<u8>> {
        Some(block)
    }
}

/// Binned free lists with boundary tags over a pool.
pub struct Talc {
    talc: talc::base::Talc<talc::source::Manual, talc::base::binning::DefaultBinning>,
    _pool: MmapMut,
}

impl Allocator for Talc {
    const NAME: &'static str = "talc";
    type Block = NonNull<u8>;

    fn new() -> Self {
        let mut pool = pool();
        let mut talc = talc::base::Talc::new(talc::source::Manual);
        // SAFETY: as for rlsf: the pool lives as long as the allocator and is reached through it alone.
        unsafe { talc.claim(pool.as_mut_ptr(), POOL) }.expect("the pool is large enough");
        Self { talc, _pool: pool }
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> NonNull<u8> {
        // SAFETY: the layout's size is not 0.
        unsafe { self.talc.allocate(layout(size)) }.expect("the pool is large enough")
    }

    #[inline]
    fn free(&mut self, block: NonNull<u8>, size: usize) {
        // SAFETY: the workloads free each block of `malloc` once, with the size it was made with.
        unsafe { self.talc.deallocate(block.as_ptr(), layout(size)) };
    }

    fn address(&self, block: NonNull<u8>) -> Option<NonNull<u8>> {
        Some(block)
    }
}

/// Offsets without memory: the closest relative, as it too keeps its bookkeeping apart.
pub struct OffsetAllocator(offset_allocator::Allocator<u32>);

impl Allocator for OffsetAllocator {
    const NAME: &'static str = "offset-allocator";
    type Block = offset_allocator::Allocation<u32>;

    fn new() -> Self {
        // A churn of 10 million blocks has more than 14 million blocks and holes. Making the nodes takes longer than a
        // replay, so that a quick run, whose workloads are small, makes fewer.
        let nodes = if is_quick() { 1 << 20 } else { 24 << 20 };
        // The range is the most that 32-bit offsets reach.
        Self(offset_allocator::Allocator::with_max_allocs(u32::MAX, nodes))
    }

    #[inline]
    fn malloc(&mut self, size: usize) -> Self::Block {
        self.0.allocate(u32::try_from(size).expect("a size")).expect("the range is large enough")
    }

    #[inline]
    fn free(&mut self, block: Self::Block, _size: usize) {
        self.0.free(block);
    }

    fn offset(&self, block: Self::Block) -> Option<u64> {
        Some(block.offset.into())
    }
}
