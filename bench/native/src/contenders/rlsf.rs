//! rlsf.

use super::{Allocator, POOL, layout, pool};
use memmap2::MmapMut;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Two-level segregated fit over a pool.
pub struct Rlsf {
    tlsf: rlsf::Tlsf<'static, u32, u32, 32, 32>,
    _pool: MmapMut,
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
