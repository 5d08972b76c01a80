//! The C library's allocator.

use super::Allocator;
use std::ptr::NonNull;

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
