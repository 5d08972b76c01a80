//! The C ABI: the heaps of the process as C functions, for FFI libraries and for programs in C. Decides nothing.
//!
//! The functions are exported from the addon itself, so a program that loads it once more from JavaScript, with `bun:ffi` for
//! example, has the same heaps as JavaScript: both ask the registry. `include/mems.h` is the documentation; a test compares it
//! with this folder, declaration by declaration.
//!
//! - `failure.rs`: from Rust errors and panics to codes and messages, the last of them kept for each thread.
//! - `types.rs`: the structs. `recording.rs`: recordings. `files.rs`: heaps in files. `maps.rs`: maps.
//!
//! Invariants: every body runs inside [`call`], so no panic unwinds into a caller. No caller's memory is touched, and no
//! block's bytes are, while a lock is held, except where `maps.rs` sets a value. No block is at virtual address 0: it stands for a failure, as NULL does in C.
//!
//! The `unsafe` of each `no_mangle` is sound for one reason: the name begins with `mems_`, and nothing else in a process
//! that has loaded this library may define such names.

mod failure;
mod files;
mod maps;
mod recording;
mod types;

pub use failure::{Code, mems_last_error, mems_last_error_message};
pub use files::{
    mems_heap_delete_root, mems_heap_free_from, mems_heap_malloc_into, mems_heap_open_file, mems_heap_replace,
    mems_heap_root, mems_heap_set_root,
};
pub use maps::{OpenMap, mems_map_close, mems_map_delete, mems_map_get, mems_map_open, mems_map_set};
pub use recording::{mems_heap_mark, mems_heap_record, mems_heap_snapshot, mems_heap_stop_recording};
pub use types::{Block, FileOptions, MapOptions, Options, Stats};

use crate::error::Error;
use crate::mems::access::Access;
use crate::mems::{Mems, purge, realloc, steps};
use crate::process::recordings;
use crate::process::registry::{self, DEFAULT_ID, Handle};
use failure::{Failure, call};
use std::ffi::{CStr, c_char, c_int, c_void};

/// Starts the default heap with its default options.
#[unsafe(no_mangle)]
pub extern "C" fn mems_init() -> c_int {
    status(|| {
        registry::init(crate::mems::Options::default())?;
        // There is no warning in C, and the heap is there all the same.
        let _failed = recordings::record_by_environment(&mut Theirs(Handle::DEFAULT));
        Ok(())
    })
}

/// Ends the default heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_finish() -> c_int {
    status(|| Ok(registry::finish()?))
}

/// [`mems_heap_malloc`] in the default heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_malloc(size: u64) -> u64 {
    mems_heap_malloc(DEFAULT_ID, size)
}

/// [`mems_heap_free`] in the default heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_free(address: u64) -> c_int {
    mems_heap_free(DEFAULT_ID, address)
}

/// [`mems_heap_get`] in the default heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_get(address: u64) -> *mut c_void {
    mems_heap_get(DEFAULT_ID, address)
}

/// Makes a heap and returns its id; 0 on failure, which is the default heap's id and never that of a new one.
///
/// # Safety
/// `options` must be null or point to an [`Options`], aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_open(options: *const Options) -> u64 {
    call(0, || {
        // SAFETY: the caller vouches for a pointer that is not null; a copy is read, so nobody can change it later.
        let given = if options.is_null() { Options::default() } else { unsafe { options.read_unaligned() } };
        Ok(registry::open(given.checked()?)?)
    })
}

/// Ends a heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_close(heap: u64) -> c_int {
    status(|| match heap {
        DEFAULT_ID => Err(Failure::Argument("The default heap cannot be closed. Call mems_finish()")),
        _ if crate::process::files::close(heap)? => Ok(()),
        // The error of any call says whether the heap was closed or never existed.
        _ => Ok(registry::with_heap(heap, |_| Err(Error::Closed))?),
    })
}

/// A heap that C names by its id: not one that only another thread knows, which works without atomic operations.
struct Theirs(Handle);

impl Theirs {
    fn new(heap: u64) -> Result<Self, Error> {
        Handle::new(heap).map(Self)
    }

    /// [`Handle::look`].
    fn look<T>(&self, mut operation: impl FnMut(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let id = self.0.id;
        self.0.look(|heap| if heap.is_known_here() { operation(heap) } else { Err(Error::NotPublished { id }) })
    }
}

impl Access for Theirs {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let id = self.0.id;
        let known = |heap: &mut Mems| if heap.is_known_here() { step(heap) } else { Err(Error::NotPublished { id }) };
        Access::with(&mut self.0, known)
    }

    fn look<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let id = self.0.id;
        let known = |heap: &mut Mems| if heap.is_known_here() { step(heap) } else { Err(Error::NotPublished { id }) };
        Access::look(&mut self.0, known)
    }

    fn give_way(&mut self) {
        self.0.give_way();
    }
}

/// Calls `allocated`, and once more if a quarantine can be emptied for it. Returns the address, or 0 on failure.
fn allocate(heap: u64, allocated: impl FnMut(&mut Mems) -> Result<u64, Error>) -> u64 {
    call(0, || Ok(steps::allocate(&mut Theirs::new(heap)?, allocated)?))
}

/// Allocates a block.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_malloc(heap: u64, size: u64) -> u64 {
    allocate(heap, |heap| heap.malloc(size).inspect(|&made| heap.forget_stacks(made)))
}

/// Allocates a block whose physical address is a multiple of `alignment`.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_aligned(heap: u64, size: u64, alignment: u64) -> u64 {
    allocate(heap, |heap| heap.malloc_aligned(size, alignment).inspect(|&made| heap.forget_stacks(made)))
}

/// Allocates a block of zeros.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_calloc(heap: u64, count: u64, size: u64) -> u64 {
    call(0, || {
        let (address, used) = steps::allocate(&mut Theirs::new(heap)?, |heap| {
            heap.start_calloc(count, size).inspect(|&(made, _)| heap.forget_stacks(made))
        })?;
        if let Some(used) = used {
            used.clear();
        }
        Ok(address)
    })
}

/// Resizes a block.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_realloc(heap: u64, address: u64, size: u64) -> u64 {
    if address == 0 {
        return mems_heap_malloc(heap, size);
    }
    let start = |heap: &mut Mems| {
        let moved = heap.start_realloc(address, size)?;
        if moved.address != address {
            heap.forget_stacks(moved.address);
        }
        Ok(moved)
    };
    call(0, || Ok(realloc::realloc(&mut Theirs::new(heap)?, address, start, |heap| heap.forget_stacks(address))?))
}

/// Frees a block. Does nothing if the address is 0.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_free(heap: u64, address: u64) -> c_int {
    if address == 0 {
        return Code::Ok as c_int;
    }
    // No stack is known for a block that C frees.
    status(|| Ok(steps::free(&mut Theirs::new(heap)?, address, |heap| heap.forget_stacks(address))?))
}

/// The physical address of the byte at a virtual address.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_get(heap: u64, address: u64) -> *mut c_void {
    let physical = call(0, || Ok(Theirs::new(heap)?.look(|heap| heap.get(address))?));
    #[allow(clippy::cast_possible_truncation, reason = "it was made of an address of this process")]
    std::ptr::with_exposed_provenance_mut(physical as usize)
}

/// The live block round an address.
///
/// # Safety
/// `block` must be null, which is refused, or valid for writing a [`Block`], aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_block(heap: u64, address: u64, block: *mut Block) -> c_int {
    status(|| {
        let found = Theirs::new(heap)?.look(|heap| heap.block_at(address))?;
        // SAFETY: by this function's own contract.
        unsafe { put("block", block, found.into()) }
    })
}

/// Statistics of a heap.
///
/// # Safety
/// `stats` must be null, which is refused, or valid for writing a [`Stats`], aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_stats(heap: u64, stats: *mut Stats) -> c_int {
    status(|| {
        let found = Theirs::new(heap)?.with(|heap| Ok(heap.stats()))?;
        // SAFETY: by this function's own contract.
        unsafe { put("stats", stats, found.into()) }
    })
}

/// Gives whole free pages back to the system.
///
/// # Safety
/// `bytes` must be null, which is ignored, or valid for writing a number of 64 bits, aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_heap_trim(heap: u64, bytes: *mut u64) -> c_int {
    status(|| {
        let given_back = purge::trim(&mut Theirs::new(heap)?)?;
        if !bytes.is_null() {
            // SAFETY: `bytes` is not null, so the caller vouches for it.
            unsafe { bytes.write_unaligned(given_back) };
        }
        Ok(())
    })
}

/// Checks every invariant of a heap.
#[unsafe(no_mangle)]
pub extern "C" fn mems_heap_verify(heap: u64) -> c_int {
    status(|| Ok(Theirs::new(heap)?.with(|heap| heap.verify())?))
}

/// The package's version, a string that lasts.
#[unsafe(no_mangle)]
pub extern "C" fn mems_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Runs the body of a function that returns a code.
fn status(body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    call(None, || body().map(Some)).map_or_else(|| mems_last_error(), |()| Code::Ok as c_int)
}

/// A string of the caller.
///
/// # Safety
/// `text` must be null or point to a string that ends with a zero byte.
unsafe fn text<'call>(name: &'static str, text: *const c_char) -> Result<&'call str, Failure> {
    if text.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: it is not null, so the caller vouches for it, for as long as the call runs.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Failure::Argument("paths, names and texts must be UTF-8"))
}

/// Writes a result to the place that the caller gives for it.
///
/// # Safety
/// `place` must be null or valid for writing a `T`, aligned or not.
unsafe fn put<T>(name: &'static str, place: *mut T, answer: T) -> Result<(), Failure> {
    if place.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: `place` is not null, so the caller vouches for it.
    unsafe { place.write_unaligned(answer) };
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What a child of `fork` finds wrong with the heaps: a bit for each.
    fn child(kept: u64, copied: u64, block: u64) -> c_int {
        let mut wrong = 0;
        // The memory of these heaps is not there: touching it would end the child.
        if mems_heap_malloc(kept, 8) != 0 || mems_last_error() != Code::Closed as c_int {
            wrong |= 1;
        }
        if mems_heap_malloc(DEFAULT_ID, 8) != 0 || mems_last_error() != Code::NotInitialized as c_int {
            wrong |= 2;
        }
        if mems_heap_free(copied, block) != 0 || mems_heap_malloc(copied, 8) == 0 {
            wrong |= 4;
        }
        if mems_init() != 0 || mems_malloc(8) != 1000 {
            wrong |= 8;
        }
        // SAFETY: a null pointer stands for the default options.
        let new = unsafe { mems_heap_open(std::ptr::null()) };
        if new == 0 || mems_heap_malloc(new, 8) == 0 || mems_heap_close(new) != 0 {
            wrong |= 16;
        }
        wrong
    }

    #[test]
    fn a_child_has_no_heap_whose_memory_it_does_not_have() {
        let options = crate::mems::Options::roomy();
        let kept = registry::open(options.assuming_dont_fork(true)).unwrap();
        let copied = registry::open(options).unwrap();
        let blocks = [kept, copied].map(|heap| mems_heap_malloc(heap, 100));
        registry::init(crate::mems::Options::default().with_dont_fork(true)).unwrap();
        mems_malloc(8);
        // SAFETY: the child calls functions that may be called there, and ends.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let wrong = child(kept, copied, blocks[1]);
            // SAFETY: it ends the child, whose other threads are not there to be unwound.
            unsafe { libc::_exit(wrong) };
        }
        assert!(pid > 0);
        let mut status = 0;
        // SAFETY: a place for the status of a child of ours.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert_eq!(status, 0, "signal {}, bits {}", status & 127, status >> 8);
        for (heap, block) in [kept, copied].into_iter().zip(blocks) {
            assert_eq!(mems_heap_free(heap, block), 0, "this process has all of them");
            assert_eq!(mems_heap_close(heap), 0);
        }
        registry::finish().unwrap();
    }
}
