//! Files on Windows.
//!
//! A view of a file cannot replace a part of other memory, as a map can on other systems. So for a view behind a front, room for both is
//! looked for, and each is mapped there; if another thread has taken the room meanwhile, elsewhere. A section is made for each view, which
//! keeps it.
//!
//! As long as a view is there, Windows neither cuts the file nor removes it.

use super::{How, Identity, Refused};
use crate::memory::system::Map;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr::{self, NonNull};
use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemTimeOfDayInformation};
use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_INVALID_ADDRESS, ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_OPEN_REPARSE_POINT, FILE_REMOTE_PROTOCOL_INFO,
    FileRemoteProtocolInfo, GetFileInformationByHandle, GetFileInformationByHandleEx, LOCKFILE_EXCLUSIVE_LOCK,
    LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, MoveFileExW, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_COPY, FILE_MAP_READ, FILE_MAP_WRITE, FlushViewOfFile, MEM_COMMIT, MEM_RELEASE,
    MEM_RESERVE, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFileEx, PAGE_NOACCESS, PAGE_READWRITE, PAGE_WRITECOPY,
    UnmapViewOfFile, VirtualAlloc, VirtualFree,
};

/// How often room for a view behind a front is looked for.
const ATTEMPTS: usize = 32;

/// Opens a file that exists, and checks what it is.
pub fn open(path: &Path, how: How) -> Result<File, Refused> {
    let flags = if how.follow_symlinks { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let file = OpenOptions::new().read(true).write(!how.read_only).custom_flags(flags).open(path);
    let file = file.map_err(|error| if path.is_dir() { Refused::NotAFile } else { Refused::System(error) })?;
    let said = file.metadata()?;
    if said.file_type().is_symlink() {
        return Err(Refused::Symlink);
    }
    if said.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 && !how.any_file_system {
        // A file that is elsewhere, and fetched when it is read.
        return Err(Refused::FileSystem("reparse point"));
    }
    if !said.is_file() {
        return Err(Refused::NotAFile);
    }
    if !how.any_file_system {
        check_file_system(&file, how.read_only)?;
    }
    Ok(file)
}

/// Refuses files of other machines.
pub fn check_file_system(file: &File, _read_only: bool) -> Result<(), Refused> {
    /// `WNNC_NET_SMB` and `WNNC_NET_9P` of `wnnc.h`.
    const SMB: u32 = 0x0002_0000;
    const PLAN_9: u32 = 0x0048_0000;
    // SAFETY: numbers, which may all be zero.
    let mut said: FILE_REMOTE_PROTOCOL_INFO = unsafe { std::mem::zeroed() };
    #[allow(clippy::cast_possible_truncation, reason = "some hundred bytes")]
    let length = size_of::<FILE_REMOTE_PROTOCOL_INFO>() as u32;
    // SAFETY: a handle that is open, and a place that has `length` bytes.
    let is_remote = unsafe {
        GetFileInformationByHandleEx(handle(file), FileRemoteProtocolInfo, (&raw mut said).cast(), length) != 0
    };
    match said.Protocol {
        _ if !is_remote => Ok(()),
        SMB => Err(Refused::FileSystem("smb")),
        PLAN_9 => Err(Refused::FileSystem("9p")),
        _ => Err(Refused::FileSystem("network")),
    }
}

/// Creates a file with a new name. What others may do with it is a matter of its folder.
pub fn create_new(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Renames a file, unless something has the new name.
pub fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    let [from, to] = [from, to].map(|path| path.as_os_str().encode_wide().chain([0]).collect::<Vec<u16>>());
    // SAFETY: paths that end with a zero, and a number.
    if unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), 0) } == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Nothing: NTFS writes where the file is.
pub const fn dont_copy_on_write(_file: &File) {}

/// Nothing: Windows has no such call, and NTFS keeps a journal of names.
#[allow(clippy::unnecessary_wraps, reason = "as on other systems")]
pub const fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn handle(file: &File) -> HANDLE {
    file.as_raw_handle()
}

/// The upper and the lower half of a number.
#[allow(clippy::cast_possible_truncation, reason = "each half has 32 bits")]
const fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

pub fn identity(file: &File) -> io::Result<Identity> {
    // SAFETY: numbers, which may all be zero.
    let mut said: BY_HANDLE_FILE_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: a handle that is open, and a place for the answer.
    if unsafe { GetFileInformationByHandle(handle(file), &raw mut said) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let inode = u64::from(said.nFileIndexHigh) << 32 | u64::from(said.nFileIndexLow);
    Ok(Identity { device: said.dwVolumeSerialNumber.into(), inode })
}

pub fn read_at(file: &File, mut offset: u64, mut to: &mut [u8]) -> io::Result<()> {
    while !to.is_empty() {
        match file.seek_read(to, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                to = &mut to[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

pub fn write_at(file: &File, mut offset: u64, mut from: &[u8]) -> io::Result<()> {
    while !from.is_empty() {
        match file.seek_write(from, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                from = &from[written..];
                offset += written as u64;
            }
        }
    }
    Ok(())
}

/// Finds room for a range of a file whose length was `before`: a file that is not sparse has room for all of its length.
pub fn allocate(file: &File, before: u64, range: Range<u64>) -> io::Result<()> {
    if range.end > before { file.set_len(range.end) } else { Ok(()) }
}

/// Writes all that the file holds to disk.
pub fn sync(file: &super::File) -> io::Result<()> {
    for (start, bytes) in super::ranges::of(file) {
        // SAFETY: this changes nothing that a thread can see; if the view is no longer there, it fails.
        if unsafe { FlushViewOfFile(start as *const c_void, bytes) } == 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(ERROR_INVALID_ADDRESS.cast_signed()) {
                return Err(error);
            }
        }
    }
    file.handle.sync_data()
}

/// Nothing forks on Windows.
pub const fn forget(_file: &File) {}

/// The place of a lock, as calls want it.
fn place(offset: u64) -> OVERLAPPED {
    // SAFETY: numbers and a handle, which may all be zero.
    let mut place: OVERLAPPED = unsafe { std::mem::zeroed() };
    (place.Anonymous.Anonymous.OffsetHigh, place.Anonymous.Anonymous.Offset) = halves(offset);
    place
}

/// Takes a lock on a byte without waiting, and returns whether that is done.
fn take(file: &File, offset: u64, flags: u32) -> io::Result<bool> {
    let mut place = place(offset);
    // SAFETY: a handle that is open, whose calls wait until they are done, and a place that outlives this one.
    if unsafe { LockFileEx(handle(file), flags | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &raw mut place) } != 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    let code = error.raw_os_error().map(i32::cast_unsigned);
    if matches!(code, Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING)) { Ok(false) } else { Err(error) }
}

pub fn lock(file: &File, offset: u64) -> io::Result<bool> {
    take(file, offset, LOCKFILE_EXCLUSIVE_LOCK)
}

pub fn unlock(file: &File, offset: u64) -> io::Result<()> {
    let mut place = place(offset);
    // SAFETY: a handle that is open, and a place that outlives the call.
    if unsafe { UnlockFileEx(handle(file), 0, 1, 0, &raw mut place) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

pub fn is_locked(file: &File, offset: u64) -> io::Result<bool> {
    // Shared, so that two who ask at a time do not take each other for the holder.
    let is_free = take(file, offset, 0)?;
    if is_free {
        unlock(file, offset)?;
    }
    Ok(!is_free)
}

/// Maps a part of a file at an address, or anywhere if that is null.
fn map_at(at: *const u8, file: &File, read_only: bool, offset: u64, bytes: usize) -> io::Result<NonNull<u8>> {
    let (protection, access) =
        if read_only { (PAGE_WRITECOPY, FILE_MAP_COPY) } else { (PAGE_READWRITE, FILE_MAP_READ | FILE_MAP_WRITE) };
    let (end, offset) = (halves(offset + bytes as u64), halves(offset));
    // SAFETY: a handle that is open; no attributes and no name.
    let section = unsafe { CreateFileMappingW(handle(file), ptr::null(), protection, end.0, end.1, ptr::null()) };
    if section.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new view, which replaces nothing.
    let view = unsafe { MapViewOfFileEx(section, access, offset.0, offset.1, bytes, at.cast()) };
    let view = NonNull::new(view.Value.cast()).ok_or_else(io::Error::last_os_error);
    // SAFETY: the section just made, which the view keeps.
    unsafe { CloseHandle(section) };
    view
}

/// Maps a part of a file anywhere.
pub fn map(file: &File, read_only: bool, offset: u64, bytes: usize) -> io::Result<NonNull<u8>> {
    map_at(ptr::null(), file, read_only, offset, bytes)
}

/// Unmaps what [`map`] has mapped.
///
/// # Safety
/// Nobody may reach it again, and it must not be unmapped twice.
pub unsafe fn unmap(start: *mut u8, _bytes: usize) {
    // SAFETY: the caller vouches for the view.
    unsafe { unmap_view(start) };
}

/// Maps `front` bytes, and a part of a file behind them, from an address that is `place.1` above a multiple of `place.0`.
pub fn map_behind(
    front: usize,
    file: &File,
    read_only: bool,
    part: (u64, usize),
    place: (usize, usize),
) -> io::Result<Map> {
    let (alignment, residue) = place;
    let bytes = front.checked_add(part.1).ok_or(io::ErrorKind::OutOfMemory)?;
    let all = bytes.checked_add(alignment).ok_or(io::ErrorKind::OutOfMemory)?;
    let mut last = io::ErrorKind::OutOfMemory.into();
    for _ in 0..ATTEMPTS {
        // SAFETY: a new range, at an address that the system chooses.
        let room = unsafe { VirtualAlloc(ptr::null(), all, MEM_RESERVE, PAGE_NOACCESS) };
        if room.is_null() {
            return Err(io::Error::last_os_error());
        }
        let start = room.cast::<u8>().wrapping_add(residue.wrapping_sub(room as usize) % alignment);
        // SAFETY: the range just reserved, of which nobody knows.
        unsafe { VirtualFree(room, 0, MEM_RELEASE) };
        // SAFETY: a new range, which replaces nothing: if it is no longer free, the call fails.
        let reserved = unsafe { VirtualAlloc(start.cast(), front, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) };
        let Some(reserved) = NonNull::new(reserved.cast::<u8>()) else { continue };
        match map_at(start.wrapping_add(front), file, read_only, part.0, part.1) {
            Ok(_) => return Ok(Map::before_view(reserved, bytes)),
            Err(error) => last = error,
        }
        // SAFETY: the range just reserved, of which nobody knows.
        unsafe { VirtualFree(reserved.as_ptr().cast(), 0, MEM_RELEASE) };
        if last.raw_os_error() != Some(ERROR_INVALID_ADDRESS.cast_signed()) {
            break;
        }
    }
    Err(last)
}

/// Unmaps a view.
///
/// # Safety
/// Nobody may reach it again, and it must not be unmapped twice.
pub unsafe fn unmap_view(start: *mut u8) {
    // SAFETY: the caller vouches for the view. If the system refuses, it stays.
    unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: start.cast() }) };
}

/// Nothing: memory cannot become other memory in one step. Returns false.
///
/// # Safety
/// None is needed.
pub const unsafe fn cover(_start: *mut u8, _bytes: usize) -> bool {
    false
}

pub fn boot_id() -> io::Result<[u8; 16]> {
    /// `SYSTEM_TIMEOFDAY_INFORMATION` of `winternl.h`, whose fields have names in other places only.
    #[repr(C)]
    #[derive(Default)]
    struct TimeOfDay {
        boot_time: i64,
        current_time: i64,
        time_zone_bias: i64,
        time_zone_id: u32,
        reserved: u32,
        /// By how much the clock was set since the boot; the time of the boot was changed by as much.
        boot_time_bias: i64,
        sleep_time_bias: i64,
    }
    let mut said = TimeOfDay::default();
    let (place, mut length) = ((&raw mut said).cast::<c_void>(), 0);
    // SAFETY: a place for 48 bytes, which the call may fill in.
    let status = unsafe { NtQuerySystemInformation(SystemTimeOfDayInformation, place, 48, &raw mut length) };
    if status < 0 || said.boot_time == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut id = *b"\0\0\0\0\0\0\0\0 started";
    id[..8].copy_from_slice(&said.boot_time.wrapping_sub(said.boot_time_bias).to_be_bytes());
    Ok(id)
}
