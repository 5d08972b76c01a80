//! Heaps in files, for C: opening them, roots, and words that are stored with a call.

use super::failure::Failure;
use super::{FileOptions, Theirs, allocate, put, status, text};
use crate::mems::access::Access;
use crate::process::files;
use std::ffi::{c_char, c_int};
use std::path::Path;

/// Opens the heap in a file, or creates it.
///
/// # Safety
/// `path` must be null or point to a string that ends with a zero byte; `options` must be null or point to a [`FileOptions`], aligned or
/// not; `heap` must be null, which is refused, or valid for writing a number of 64 bits, aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_open_file(
    path: *const c_char,
    options: *const FileOptions,
    heap: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let path = Path::new(unsafe { text("path", path) }?);
        // SAFETY: the caller vouches for a pointer that is not null; a copy is read, so nobody can change it later.
        let given = if options.is_null() { FileOptions::default() } else { unsafe { options.read_unaligned() } };
        if heap.is_null() {
            return Err(Failure::Null("heap"));
        }
        let opened = files::open(path, &given.checked()?)?;
        // SAFETY: `heap` is not null, so the caller vouches for it.
        unsafe { put("heap", heap, opened) }
    })
}

/// The address that a name stands for.
///
/// # Safety
/// `name` must be null or point to a string that ends with a zero byte; `address` must be null, which is refused, or valid for writing a
/// number of 64 bits, aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_root(heap: u64, name: *const c_char, address: *mut u64) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let name = unsafe { text("name", name) }?;
        let found = Theirs::new(heap)?.look(|heap| Ok(heap.file()?.root(name.as_bytes())))?;
        // SAFETY: by this function's own contract.
        unsafe { put("address", address, found.unwrap_or(0)) }
    })
}

/// Lets a name stand for the block that starts at an address.
///
/// # Safety
/// `name` must be null or point to a string that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_set_root(heap: u64, name: *const c_char, address: u64) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let name = unsafe { text("name", name) }?;
        Ok(Theirs::new(heap)?.with(|heap| heap.set_root(name.as_bytes(), address))?)
    })
}

/// Forgets a name.
///
/// # Safety
/// `name` must be null or point to a string that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_delete_root(heap: u64, name: *const c_char) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let name = unsafe { text("name", name) }?;
        Ok(Theirs::new(heap)?.with(|heap| heap.delete_root(name.as_bytes())).map(drop)?)
    })
}

/// Allocates a block whose address is stored in a word by the same operation.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_malloc_into(heap: u64, size: u64, alignment: u64, into: u64) -> u64 {
    allocate(heap, |heap| heap.malloc_into(size, alignment, into))
}

/// Frees the block whose address is in a word, and clears the word by the same operation.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_free_from(heap: u64, word: u64) -> c_int {
    status(|| Ok(Theirs::new(heap)?.with(|heap| heap.free_from_word(word))?))
}

/// Stores an address in a word, and frees the block whose address was there, by one operation.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_replace(heap: u64, word: u64, address: u64) -> c_int {
    status(|| Ok(Theirs::new(heap)?.with(|heap| heap.replace(word, address))?))
}
