//! A table of atomic numbers in memory that others can reach as well. (A file of its own, so that bookkeeping that knows nothing of
//! memory can use it.)
//!
//! Invariant: the numbers stay where they are, and can be read and written, as long as the table lives.

use std::any::Any;
use std::collections::TryReserveError;
use std::fmt;
use std::ops::Deref;
use std::ptr;

/// The fences between atomic numbers.
#[cfg(all(loom, feature = "c-abi"))]
pub use loom::sync::atomic::fence;
/// The atomic numbers of tables: under loom, which tries all interleavings of a test, its own.
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};
#[cfg(all(not(loom), feature = "c-abi"))]
pub use std::sync::atomic::fence;
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// The elements of a table: atomic numbers, of which any bytes are a value.
///
/// # Safety
/// Any bytes in memory that are aligned for the type must be a value of it.
pub unsafe trait Number: Sync + 'static {}

// SAFETY: any byte is a value. (Loom's numbers are no bytes; no memory is made into a table under loom.)
unsafe impl Number for AtomicU8 {}
// SAFETY: any four bytes are a value.
unsafe impl Number for AtomicU32 {}
// SAFETY: any eight bytes are a value.
unsafe impl Number for AtomicU64 {}

/// The numbers, and what keeps them.
pub struct Table<N: Number> {
    numbers: &'static [N],
    /// What keeps the numbers there. It is dropped with the table.
    _owner: Option<Box<dyn Any + Send + Sync>>,
}

impl<N: Number> Table<N> {
    /// A table without numbers.
    pub const EMPTY: Self = Self { numbers: &[], _owner: None };

    /// A table of the `length` numbers at `first`, which `owner` keeps.
    ///
    /// # Safety
    /// As long as `owner` lives, the numbers must be readable, writable and aligned, and nobody may reach them but by atomic
    /// operations, or as JavaScript does.
    pub unsafe fn new(first: *mut u8, length: usize, owner: Box<dyn Any + Send + Sync>) -> Self {
        // SAFETY: the caller vouches for the numbers, and for all others that reach them; any bytes are numbers. Only `deref` hands
        // the slice out, for no longer than the table lives, and the table keeps the owner.
        let numbers = unsafe { std::slice::from_raw_parts(first.cast::<N>(), length) };
        Self { numbers, _owner: Some(owner) }
    }
}

#[cfg(test)]
impl<N: Number> Table<N> {
    /// A table of numbers that stay for good, and that a test may reach by others ways too.
    pub fn of_static(numbers: &'static [N]) -> Self {
        Self { numbers, _owner: None }
    }

    /// The numbers of a table that [`Table::of_static`] has made.
    #[cfg(loom)]
    pub fn forever(&self) -> &'static [N] {
        assert!(self._owner.is_none());
        self.numbers
    }
}

impl Table<AtomicU8> {
    /// A table of `length` zeros, in memory of its own.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn zeros(length: usize) -> Result<Self, TryReserveError> {
        let mut zeros = Vec::new();
        zeros.try_reserve_exact(length)?;
        zeros.resize_with(length, AtomicU8::default);
        let numbers: &'static [AtomicU8] = Vec::leak(zeros);
        Ok(Self { numbers, _owner: Some(Box::new(Leaked(numbers))) })
    }
}

/// Numbers that are freed when this is dropped.
struct Leaked(&'static [AtomicU8]);

impl Drop for Leaked {
    fn drop(&mut self) {
        // SAFETY: `Table::zeros` has leaked a vector of exactly these numbers. Only its table has them, hands them out for no longer
        // than it lives, and drops this at its end.
        drop(unsafe { Box::from_raw(ptr::from_ref(self.0).cast_mut()) });
    }
}

impl<N: Number> Deref for Table<N> {
    type Target = [N];

    #[inline]
    fn deref(&self) -> &[N] {
        self.numbers
    }
}

impl<N: Number> fmt::Debug for Table<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a table of {} numbers", self.numbers.len())
    }
}
