//! Files on Linux, macOS and the BSDs.

use super::{How, Identity, Refused, kinds, write_zeros};
use crate::memory::system::{self, Map};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::{self, NonNull};

/// Opens a file that exists, and checks what it is.
pub fn open(path: &Path, how: How) -> Result<File, Refused> {
    // Opening a pipe would wait for somebody at its other end, and a terminal could become that of the process.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | if how.follow_symlinks { 0 } else { libc::O_NOFOLLOW };
    let file = OpenOptions::new().read(true).write(!how.read_only).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        // On FreeBSD a symbolic link is one too many.
        Some(libc::ELOOP | libc::EMLINK) if !how.follow_symlinks && path.is_symlink() => Refused::Symlink,
        Some(libc::EISDIR | libc::ENXIO) => Refused::NotAFile,
        _ => Refused::System(error),
    })?;
    let said = file.metadata()?;
    if !said.is_file() {
        return Err(Refused::NotAFile);
    }
    // SAFETY: a call that only returns a number.
    let user = unsafe { libc::geteuid() };
    if !how.any_owner && said.uid() != user && said.mode() & 0o022 != 0 {
        return Err(Refused::Foreign);
    }
    if !how.any_file_system {
        check_file_system(&file, how.read_only)?;
    }
    Ok(file)
}

/// Refuses file systems that cannot be used.
pub fn check_file_system(file: &File, read_only: bool) -> Result<(), Refused> {
    kinds::refused(file, read_only).map_or(Ok(()), |kind| Err(Refused::FileSystem(kind)))
}

/// Creates a file with a new name.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(mode).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Renames a file, unless something has the new name.
pub fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    let [from, to] = [from, to].map(|path| CString::new(path.as_os_str().as_bytes()));
    let (from, to) = (from?, to?);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // By its number, since the oldest C library that this runs with has no such function.
    // SAFETY: paths that end with a zero, and numbers.
    let status = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    #[cfg(target_vendor = "apple")]
    // SAFETY: paths that end with a zero, and a number.
    let status = unsafe { libc::renamex_np(from.as_ptr(), to.as_ptr(), libc::RENAME_EXCL) };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    let status: i32 = {
        let _ = (from, to);
        return Err(io::ErrorKind::Unsupported.into());
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Keeps an empty file from being copied on write, where the file system is one that can be told so. What is stored after a full disk was
/// met would be lost else.
pub fn dont_copy_on_write(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if kinds::is_btrfs(file) {
        /// `FS_NOCOW_FL` of `linux/fs.h`.
        const NO_COPY_ON_WRITE: libc::c_long = 0x0080_0000;
        let mut flags: libc::c_long = 0;
        // SAFETY: a descriptor that is open, and a place for the flags. The calls read and write an `int`, whatever their numbers say; a
        // `long` has room for it, and on little-endian systems its first bytes are the flags.
        unsafe {
            if libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) == 0 {
                flags |= NO_COPY_ON_WRITE;
                libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const flags);
            }
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = file;
}

/// Writes a folder to disk, so that the names in it last. A folder that the process may not read, or whose file system has no such call,
/// is left to the system.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let Ok(folder) = File::open(path) else { return Ok(()) };
    match folder.sync_all() {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP | libc::ENOSYS)) => Ok(()),
        done => done,
    }
}

pub fn identity(file: &File) -> io::Result<Identity> {
    let said = file.metadata()?;
    Ok(Identity { device: said.dev(), inode: said.ino() })
}

pub fn read_at(file: &File, offset: u64, to: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(to, offset)
}

pub fn write_at(file: &File, offset: u64, from: &[u8]) -> io::Result<()> {
    file.write_all_at(from, offset)
}

/// Finds room for a range, which is not empty, of a file whose length was `before`.
pub fn allocate(file: &File, before: u64, range: Range<u64>) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    #[allow(clippy::useless_conversion, reason = "it has another type on other systems")]
    let most = u64::from(limit.rlim_cur);
    // Beyond the limit a call would end the process, by SIGXFSZ.
    if known && limit.rlim_cur != libc::RLIM_INFINITY && range.end > most {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    // A timer's signals would interrupt the call each time before it has finished.
    crate::memory::without_signals(|| find_room(file, before, range))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn find_room(file: &File, before: u64, range: Range<u64>) -> io::Result<()> {
    let too_large = |_| io::Error::from_raw_os_error(libc::EFBIG);
    let start = libc::off_t::try_from(range.start).map_err(too_large)?;
    let bytes = libc::off_t::try_from(range.end - range.start).map_err(too_large)?;
    loop {
        // Not `posix_fallocate`, which where the file system has no such call writes to what others may be writing to, or (musl) fails.
        // SAFETY: a descriptor that is open, and numbers.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, start, bytes) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return write_zeros(file, range.start.max(before)..range.end),
            _ => return Err(error),
        }
    }
}

#[cfg(target_vendor = "apple")]
fn find_room(file: &File, before: u64, range: Range<u64>) -> io::Result<()> {
    let new = range.start.max(before)..range.end;
    if new.is_empty() {
        return Ok(());
    }
    let mut store = libc::fstore_t {
        fst_flags: libc::F_ALLOCATEALL,
        fst_posmode: libc::F_PEOFPOSMODE,
        fst_offset: 0,
        fst_length: libc::off_t::try_from(range.end - before).map_err(|_| io::ErrorKind::FileTooLarge)?,
        fst_bytesalloc: 0,
    };
    // A full disk is found out before anything is written.
    // SAFETY: a descriptor that is open, and a place for the answer.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PREALLOCATE, &raw mut store) } == -1 {
        let error = io::Error::last_os_error();
        // Any other error may mean that the disk has not so much room: zeros would fill it.
        if !matches!(error.raw_os_error(), Some(libc::ENOTSUP | libc::EOPNOTSUPP | libc::ENOSYS)) {
            return Err(error);
        }
    }
    write_zeros(file, before..range.end)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn find_room(file: &File, before: u64, range: Range<u64>) -> io::Result<()> {
    write_zeros(file, range.start.max(before)..range.end)
}

/// Writes all that the file holds to disk.
pub fn sync(file: &super::File) -> io::Result<()> {
    // Linux finds what was stored in maps by itself. Elsewhere it has to be told.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    for (start, bytes) in super::ranges::of(file) {
        // SAFETY: this reads and writes nothing that a thread can see; if the range is no longer mapped, it fails.
        let failed = unsafe { libc::msync(start as *mut std::ffi::c_void, bytes, libc::MS_SYNC) } != 0;
        if failed {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::ENOMEM) {
                return Err(error);
            }
        }
    }
    // On macOS this is F_FULLFSYNC.
    file.handle.sync_data()
}

/// Lets a descriptor lead to nothing, so that it holds no lock any more, and keeps its number.
pub fn forget(file: &File) {
    // SAFETY: the calls take a path that ends with a zero, and descriptors that are open. If there is no such file, nothing changes.
    unsafe {
        let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if nothing >= 0 {
            libc::dup2(nothing, file.as_raw_fd());
            libc::fcntl(file.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
            libc::close(nothing);
        }
    }
}

/// The commands for locks of open file descriptions, to take or release one, and to ask.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const LOCK: (i32, i32) = (libc::F_OFD_SETLK, libc::F_OFD_GETLK);

/// An exclusive lock, none, and that offsets count from the file's start, in the type of the fields.
#[allow(
    clippy::cast_possible_truncation,
    clippy::unnecessary_cast,
    reason = "small numbers, of another type on other systems"
)]
const EXCLUSIVE: libc::c_short = libc::F_WRLCK as libc::c_short;
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "as above")]
const NONE: libc::c_short = libc::F_UNLCK as libc::c_short;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
#[allow(clippy::cast_possible_truncation, reason = "as above")]
const FROM_START: libc::c_short = libc::SEEK_SET as libc::c_short;

/// Calls with the lock of a byte, and returns what the call has left.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn call_lock(file: &File, command: i32, kind: libc::c_short, offset: u64) -> io::Result<libc::flock> {
    // SAFETY: numbers, which may all be zero.
    let mut lock: libc::flock = unsafe { MaybeUninit::zeroed().assume_init() };
    (lock.l_type, lock.l_whence) = (kind, FROM_START);
    lock.l_start = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::Unsupported)?;
    lock.l_len = 1;
    // SAFETY: a descriptor that is open, and a lock that the call may fill in.
    if unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(lock)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
const LOCK: (i32, i32) = (0, 0);

/// Locks of processes are no use: any descriptor of the file that is closed releases them.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn call_lock(_file: &File, _command: i32, _kind: libc::c_short, _offset: u64) -> io::Result<libc::flock> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn lock(file: &File, offset: u64) -> io::Result<bool> {
    match call_lock(file, LOCK.0, EXCLUSIVE, offset) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn unlock(file: &File, offset: u64) -> io::Result<()> {
    call_lock(file, LOCK.0, NONE, offset).map(|_| ())
}

pub fn is_locked(file: &File, offset: u64) -> io::Result<bool> {
    let found = call_lock(file, LOCK.1, EXCLUSIVE, offset)?;
    Ok(found.l_type != NONE)
}

/// Maps a part of a file: shared; or, if it is open for reading only, so that stores stay in the process, where the system still shows
/// what others store.
///
/// # Safety
/// With an address, the range must be one of the caller's, which is replaced.
unsafe fn map_at(at: *mut u8, file: &File, read_only: bool, offset: u64, bytes: usize) -> io::Result<NonNull<u8>> {
    let both = libc::PROT_READ | libc::PROT_WRITE;
    let (access, kind) = match (read_only, cfg!(any(target_os = "linux", target_os = "android"))) {
        (false, _) => (both, libc::MAP_SHARED),
        // Not counted as memory.
        (true, true) => (both, libc::MAP_PRIVATE | system::NO_RESERVE),
        // Elsewhere a private map may show what was there when it was made. A store ends in a fault: see `own_page`.
        (true, false) => (libc::PROT_READ, libc::MAP_SHARED),
    };
    let kind = if at.is_null() { kind } else { kind | libc::MAP_FIXED };
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: a new map, which replaces only what the caller vouches for.
    let start = unsafe { libc::mmap(at.cast(), bytes, access, kind, file.as_raw_fd(), offset) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Maps a part of a file anywhere; children of `fork` do not get it.
pub fn map(file: &File, read_only: bool, offset: u64, bytes: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: no address.
    let start = unsafe { map_at(ptr::null_mut(), file, read_only, offset, bytes) }?;
    // SAFETY: the map just made; it changes nothing in this process.
    unsafe { system::dont_fork(start.as_ptr(), bytes) };
    #[cfg(target_vendor = "apple")]
    // SAFETY: minherit changes what children get of the map just made, and nothing in this process.
    unsafe {
        libc::minherit(start.as_ptr().cast(), bytes, libc::VM_INHERIT_NONE)
    };
    Ok(start)
}

/// Unmaps what [`map`] has mapped.
///
/// # Safety
/// Nobody may reach it again, and it must not be unmapped twice.
pub unsafe fn unmap(start: *mut u8, bytes: usize) {
    // SAFETY: the caller vouches for the range. If the system refuses, it stays.
    unsafe { libc::munmap(start.cast(), bytes) };
}

/// Maps `front` bytes, and a part of a file behind them, from an address that is `place.1` above a multiple of `place.0`.
pub fn map_behind(
    front: usize,
    file: &File,
    read_only: bool,
    part: (u64, usize),
    place: (usize, usize),
) -> io::Result<Map> {
    let all = front.checked_add(part.1).ok_or(io::ErrorKind::OutOfMemory)?;
    let map = system::map(all, place.0, place.1)?;
    // SAFETY: the range is the end of the map just made, whole pages of it.
    let view = unsafe { map_at(map.as_mut_ptr().wrapping_add(front), file, read_only, part.0, part.1) };
    view.map(|_| ()).inspect_err(|_| {
        // SAFETY: the map just made, of which nobody knows.
        unsafe { system::unmap(&map, map.len()) };
    })?;
    Ok(map)
}

/// Nothing: a view is a part of its map, and is unmapped with it.
///
/// # Safety
/// None is needed.
pub const unsafe fn unmap_view(_start: *mut u8) {}

/// Maps zeros of the process over a range in one step, and returns whether that is done.
///
/// # Safety
/// The range must be a map of the caller's, whole pages.
pub unsafe fn cover(start: *mut u8, bytes: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | system::NO_RESERVE;
    // SAFETY: the caller vouches for the range.
    let map = unsafe { libc::mmap(start.cast(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    map != libc::MAP_FAILED
}

/// Makes a page of a map for reading the process's own, with what is there, so that it can be stored to. Returns false if nothing is behind
/// the page. Handlers can call this.
///
/// # Safety
/// The page must be one of a map of the caller's, and stay there.
#[cfg(target_vendor = "apple")]
pub unsafe fn own_page(start: usize, bytes: usize) -> bool {
    use libc::{VM_PROT_READ, VM_PROT_WRITE, c_int, mach_port_t};
    unsafe extern "C" {
        /// The process, to the kernel.
        static mach_task_self_: mach_port_t;
        fn mach_vm_read_overwrite(task: mach_port_t, from: u64, bytes: u64, to: u64, read: *mut u64) -> c_int;
        fn mach_vm_protect(task: mach_port_t, from: u64, bytes: u64, is_most: c_int, access: c_int) -> c_int;
    }
    /// `VM_PROT_COPY` of `mach/vm_prot.h`: what is stored goes to a copy of the page.
    const COPY: c_int = 0x10;
    let (mut byte, mut read) = (0_u8, 0);
    let (from, to) = (start as u64, &raw mut byte as u64);
    // SAFETY: the kernel reads a byte of the page, or returns an error, and has places for the byte and for how many it has read. The access to
    // the page changes for the better only.
    unsafe {
        let task = mach_task_self_;
        mach_vm_read_overwrite(task, from, 1, to, &raw mut read) == 0
            && mach_vm_protect(task, from, bytes as u64, 0, VM_PROT_READ | VM_PROT_WRITE | COPY) == 0
    }
}

/// Nothing, where maps for reading are private. Returns false.
///
/// # Safety
/// None is needed.
#[cfg(not(target_vendor = "apple"))]
pub const unsafe fn own_page(_start: usize, _bytes: usize) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn boot_id() -> io::Result<[u8; 16]> {
    super::ids::parse(&std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?)
}

#[cfg(target_vendor = "apple")]
pub fn boot_id() -> io::Result<[u8; 16]> {
    let (mut text, mut length) = ([0_u8; 64], 64_usize);
    let name = c"kern.bootsessionuuid".as_ptr();
    // SAFETY: a name that ends with a zero, and a place for as many bytes as the length says.
    if unsafe { libc::sysctlbyname(name, text.as_mut_ptr().cast(), &raw mut length, ptr::null_mut(), 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let text = std::str::from_utf8(&text[..length.min(text.len())]).map_err(|_| io::ErrorKind::InvalidData)?;
    super::ids::parse(text.trim_end_matches('\0'))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn boot_id() -> io::Result<[u8; 16]> {
    Err(io::ErrorKind::Unsupported.into())
}
