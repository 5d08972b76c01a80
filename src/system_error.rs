//! An error of the system, kept as text and numbers: [`std::io::Error`] can be neither copied nor compared.

use std::io;

/// Why the system refuses a call, in the words of Node.js: a name, a number, and the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemError {
    /// The name of the error, as in `EACCES`; `UNKNOWN` if it has none here.
    pub name: &'static str,
    /// The system's number of the error, if the system has said one.
    pub number: Option<i32>,
    /// What the system says.
    pub text: String,
    /// The call that was refused, as in `open`.
    pub call: &'static str,
}

impl SystemError {
    /// What is kept of the error of a call.
    #[must_use]
    pub fn new(call: &'static str, error: &io::Error) -> Self {
        let number = error.raw_os_error();
        let whole = error.to_string();
        // The number is kept apart.
        let text = whole.split(" (os error").next().unwrap_or_default().to_owned();
        Self { name: name_of(error), number, text, call }
    }
}

/// Names of errors that calls on files have.
#[cfg(unix)]
const NAMES: &[(i32, &str)] = &[
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::EINTR, "EINTR"),
    (libc::EIO, "EIO"),
    (libc::ENXIO, "ENXIO"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::EXDEV, "EXDEV"),
    (libc::ENODEV, "ENODEV"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EISDIR, "EISDIR"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENFILE, "ENFILE"),
    (libc::EMFILE, "EMFILE"),
    (libc::ETXTBSY, "ETXTBSY"),
    (libc::EFBIG, "EFBIG"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::EROFS, "EROFS"),
    (libc::EMLINK, "EMLINK"),
    (libc::EDEADLK, "EDEADLK"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENOLCK, "ENOLCK"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ELOOP, "ELOOP"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::ESTALE, "ESTALE"),
    (libc::EDQUOT, "EDQUOT"),
];

/// Names of errors that calls on files have, where [`io::ErrorKind`] has no word for them.
#[cfg(windows)]
const NAMES: &[(i32, &str)] = {
    use windows_sys::Win32::Foundation as windows;
    &[
        (windows::ERROR_TOO_MANY_OPEN_FILES.cast_signed(), "EMFILE"),
        (windows::ERROR_CRC.cast_signed(), "EIO"),
        (windows::ERROR_GEN_FAILURE.cast_signed(), "EIO"),
        (windows::ERROR_SHARING_VIOLATION.cast_signed(), "EBUSY"),
        (windows::ERROR_LOCK_VIOLATION.cast_signed(), "EBUSY"),
        (windows::ERROR_IO_DEVICE.cast_signed(), "EIO"),
        (windows::ERROR_DISK_CORRUPT.cast_signed(), "EIO"),
    ]
};

#[cfg(not(any(unix, windows)))]
const NAMES: &[(i32, &str)] = &[];

/// The name of an error.
fn name_of(error: &io::Error) -> &'static str {
    let number = error.raw_os_error();
    NAMES.iter().find(|(known, _)| Some(*known) == number).map_or_else(|| name_of_kind(error.kind()), |(_, name)| name)
}

/// The name of a kind of error, where the system's number says nothing.
const fn name_of_kind(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::AlreadyExists => "EEXIST",
        io::ErrorKind::NotADirectory => "ENOTDIR",
        io::ErrorKind::IsADirectory => "EISDIR",
        io::ErrorKind::StorageFull => "ENOSPC",
        io::ErrorKind::QuotaExceeded => "EDQUOT",
        io::ErrorKind::FileTooLarge => "EFBIG",
        io::ErrorKind::ReadOnlyFilesystem => "EROFS",
        io::ErrorKind::ResourceBusy => "EBUSY",
        io::ErrorKind::InvalidInput => "EINVAL",
        io::ErrorKind::InvalidFilename => "ENAMETOOLONG",
        io::ErrorKind::OutOfMemory => "ENOMEM",
        io::ErrorKind::Unsupported => "ENOTSUP",
        io::ErrorKind::Interrupted => "EINTR",
        io::ErrorKind::UnexpectedEof => "EOF",
        _ => "UNKNOWN",
    }
}
