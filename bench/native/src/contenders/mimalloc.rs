//! mimalloc.

use super::Allocator;
use std::ptr::NonNull;

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
