//! From Rust errors and panics to codes and messages, in one place.
//!
//! The last failure of a thread is kept in thread-local memory of a fixed length: reporting a failure allocates nothing, which
//! could fail as well, and needs no destructor when the thread ends.

use crate::error::Error;
use crate::file_error::FileError;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What went wrong, `mems_error`. A value never changes its meaning; new ones are added at the end.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Nothing.
    Ok = 0,
    /// An argument that is NULL and must not be, or a reserved field that is not zero.
    InvalidArgument = 1,
    /// `ERR_MEMS_INVALID_SIZE`.
    InvalidSize = 2,
    /// `ERR_MEMS_INVALID_ALIGNMENT`.
    InvalidAlignment = 3,
    /// `ERR_MEMS_NOT_INITIALIZED`.
    NotInitialized = 4,
    /// `ERR_MEMS_ALREADY_INITIALIZED`.
    AlreadyInitialized = 5,
    /// `ERR_MEMS_CLOSED`.
    Closed = 6,
    /// `ERR_MEMS_OUT_OF_MEMORY`.
    OutOfMemory = 7,
    /// `ERR_MEMS_OUT_OF_RANGE`.
    OutOfRange = 8,
    /// `ERR_MEMS_NOT_ALLOCATED`.
    NotAllocated = 9,
    /// `ERR_MEMS_NOT_BLOCK_START`.
    NotBlockStart = 10,
    /// `ERR_MEMS_OUT_OF_BLOCK`.
    OutOfBlock = 11,
    /// `ERR_MEMS_CORRUPT`.
    Corrupt = 12,
    /// `ERR_MEMS_INTERNAL`.
    Internal = 13,
    /// `ERR_MEMS_OVERFLOW`.
    Overflow = 14,
    /// `ERR_MEMS_WRITE_AFTER_FREE`.
    WriteAfterFree = 15,
    /// `ERR_MEMS_LOCK_LIMIT`.
    LockLimit = 16,
    /// `ERR_MEMS_UNKNOWN_HEAP`.
    UnknownHeap = 17,
    /// `ERR_MEMS_RECORDING`.
    Recording = 18,
    /// Any error of a heap file that has no code of its own here.
    File = 19,
    /// `ERR_MEMS_OUT_OF_SPACE`.
    OutOfSpace = 20,
    /// `ERR_MEMS_LOCK_TIMEOUT`.
    LockTimeout = 21,
    /// `ERR_MEMS_READ_ONLY`.
    ReadOnly = 22,
    /// Any error of a map.
    Map = 23,
}

/// Why a call from C failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The heap refused.
    Mems(Error),
    /// An argument that is not valid.
    Argument(&'static str),
    /// An argument that must not be NULL.
    Null(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Mems(error)
    }
}

impl Failure {
    const fn code(&self) -> Code {
        match self {
            Self::Argument(_) | Self::Null(_) => Code::InvalidArgument,
            // Without a wildcard: an error that is new in Rust must be given a code here.
            Self::Mems(error) => match error {
                Error::NotInitialized => Code::NotInitialized,
                Error::AlreadyInitialized { .. } => Code::AlreadyInitialized,
                Error::InvalidSize { .. } | Error::MaxSizeBelowPage { .. } | Error::File(FileError::MaxSize { .. }) => {
                    Code::InvalidSize
                }
                Error::PolicyOption { .. } => Code::InvalidArgument,
                Error::InvalidAlignment { .. } => Code::InvalidAlignment,
                Error::OutOfBlock { .. } => Code::OutOfBlock,
                Error::Closed | Error::Finished => Code::Closed,
                Error::UnknownHeap { .. } | Error::NotPublished { .. } => Code::UnknownHeap,
                Error::OutOfRange { .. } => Code::OutOfRange,
                Error::NotAllocated { .. }
                | Error::FreedBefore { .. }
                | Error::GivenTwice { .. }
                | Error::File(FileError::EmptyWord { .. }) => Code::NotAllocated,
                Error::Overflow { .. } => Code::Overflow,
                Error::WriteAfterFree { .. } => Code::WriteAfterFree,
                Error::LockLimit { .. } => Code::LockLimit,
                Error::NotBlockStart { .. } => Code::NotBlockStart,
                Error::OutOfMemory { .. }
                | Error::LimitReached { .. }
                | Error::TooManyMappings { .. }
                | Error::TooManyHeaps { .. }
                | Error::OutOfMetadata { .. }
                | Error::OutOfText
                | Error::File(FileError::NoExtent { .. }) => Code::OutOfMemory,
                Error::AlreadyRecording
                | Error::NotRecording
                | Error::RecordingFailed { .. }
                | Error::RecordedInto { .. }
                | Error::File(FileError::NotRecordable { .. } | FileError::IsHeapFile { .. }) => Code::Recording,
                Error::File(FileError::OutOfSpace { .. }) => Code::OutOfSpace,
                Error::File(FileError::LockTimeout { .. }) => Code::LockTimeout,
                Error::File(FileError::ReadOnly { .. }) => Code::ReadOnly,
                Error::File(_) => Code::File,
                Error::Map(_) => Code::Map,
                Error::Corrupt(_) => Code::Corrupt,
                Error::Poisoned => Code::Internal,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Messages for C where the usual text names functions of JavaScript.
            Self::Mems(Error::NotInitialized) => {
                f.write_str("The default heap is not initialized. Call mems_init() first")
            }
            Self::Mems(Error::Closed) => f.write_str("The heap is closed. Make another with mems_heap_open()"),
            Self::Mems(Error::UnknownHeap { id }) => write!(
                f,
                "No heap of this process has had the id {id}. Make one with mems_heap_open(). Ids of other processes are not \
                 valid here"
            ),
            Self::Mems(Error::Finished) => f.write_str(
                "The block no longer exists: mems_finish() has ended the default heap that it was in",
            ),
            Self::Mems(Error::AlreadyRecording) => {
                f.write_str("The heap is being recorded already. Call mems_heap_stop_recording() first")
            }
            Self::Mems(Error::NotRecording) => {
                f.write_str("The heap is not being recorded. Call mems_heap_record() first")
            }
            Self::Mems(Error::Poisoned) => f.write_str(
                "An internal error has left the heap in an unknown state. End it with mems_finish() or mems_heap_close(). \
                 This is a bug in MeMS, please report it",
            ),
            Self::Mems(error) => error.fmt(f),
            Self::Argument(text) => f.write_str(text),
            Self::Null(name) => write!(f, "{name} must not be NULL"),
        }
    }
}

/// Bytes of a message, with the zero that ends it. Longer ones are cut.
const ROOM: usize = 512;

/// A failure as C sees it. Behind `length` there are only zeros.
struct Last {
    code: Code,
    length: usize,
    text: [u8; ROOM],
}

impl Last {
    const NONE: Self = Self { code: Code::Ok, length: 0, text: [0; ROOM] };

    fn new(code: Code, message: &dyn fmt::Display) -> Self {
        let mut last = Self { code, ..Self::NONE };
        // An error means that the text was cut.
        let _ = write!(last, "{message}");
        last
    }
}

impl Write for Last {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut fits = text.len().min(ROOM - 1 - self.length);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.text[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

thread_local! {
    static LAST: UnsafeCell<Last> = const { UnsafeCell::new(Last::NONE) };
}

/// Keeps a failure as the thread's last one.
fn keep(code: Code, message: &dyn fmt::Display) {
    let last = Last::new(code, message);
    // SAFETY: only this thread reaches its own, and no reference into it is ever made: C has a pointer, whose text it knows
    // to be gone with the next failure.
    LAST.with(|place| unsafe { place.get().write(last) });
}

/// Runs the body of a function of the C ABI. If it fails or panics, the failure becomes the thread's last one, and `failed` is
/// returned.
pub(super) fn call<T>(failed: T, body: impl FnOnce() -> Result<T, Failure>) -> T {
    // Nothing that the body uses survives an unwinding but a heap, whose lock is poisoned.
    let body = AssertUnwindSafe(|| body().map_err(|failure| keep(failure.code(), &failure)));
    match catch_unwind(body) {
        Ok(Ok(answer)) => answer,
        Ok(Err(())) => failed,
        Err(payload) => {
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref().map(String::as_str)).unwrap_or_default();
            keep(Code::Internal, &format_args!("Internal error. This is a bug in MeMS, please report it: {text}"));
            failed
        }
    }
}

/// The code of the calling thread's last failure.
#[unsafe(no_mangle)]
pub extern "C" fn mems_last_error() -> c_int {
    // SAFETY: as in `keep`.
    LAST.with(|last| unsafe { (*last.get()).code }) as c_int
}

/// The message of the calling thread's last failure.
#[unsafe(no_mangle)]
pub extern "C" fn mems_last_error_message() -> *const c_char {
    // SAFETY: as in `keep`; it stays where it is while the thread lives, and its last byte is always zero.
    LAST.with(|last| unsafe { (&raw const (*last.get()).text).cast() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::registry;
    use std::ffi::CStr;

    fn message() -> &'static str {
        // SAFETY: a string that ends with a zero; the tests below are done with it before the next failure.
        unsafe { CStr::from_ptr(mems_last_error_message()) }.to_str().unwrap()
    }

    #[test]
    fn a_panic_becomes_a_code() {
        assert_eq!(call(7, || panic!("on {}", "purpose")), 7);
        assert_eq!(mems_last_error(), Code::Internal as c_int);
        assert!(message().ends_with("please report it: on purpose"), "{}", message());
    }

    #[test]
    fn a_heap_that_a_panic_left_can_only_be_closed() {
        let heap = registry::open(crate::mems::Options::default()).unwrap();
        call((), || Ok(registry::with_heap(heap, |_| panic!("with the heap locked"))?));
        assert_eq!(mems_last_error(), Code::Internal as c_int);
        assert_eq!(super::super::mems_heap_malloc(heap, 8), 0);
        assert_eq!(mems_last_error(), Code::Internal as c_int);
        assert!(message().contains("mems_heap_close()"), "{}", message());
        assert_eq!(super::super::mems_heap_close(heap), 0);
        assert_eq!(super::super::mems_heap_malloc(heap, 8), 0);
        assert_eq!(mems_last_error(), Code::Closed as c_int);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "é".repeat(ROOM);
        call((), || Err(Error::Corrupt(long.clone()).into()));
        assert_eq!(mems_last_error(), Code::Corrupt as c_int);
        assert!(message().len() >= ROOM - 2, "{}", message().len());
        assert!(message().ends_with('é'));
        call((), || Err(Failure::Null("stats")));
        assert_eq!(message(), "stats must not be NULL");
    }
}
