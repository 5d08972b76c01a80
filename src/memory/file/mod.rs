//! Files that heaps are in: all that such a heap asks of the system, and nothing about what the file holds.
//!
//! - `mod.rs`: a file that is open. `create.rs`: a new file, which nobody sees before it is complete.
//! - `locks.rs`: locks on bytes far behind the file's end, which the system takes back when a process dies.
//! - `maps.rs`: parts of the file as memory. `ranges.rs`: where these are, `fault.rs`: what happens if the file is cut.
//! - `bell.rs`: sleeping until another process wakes those that sleep.
//! - `ids.rs`: what identifies a boot of the system, and a file.
//! - `kinds.rs`: file systems that cannot be used. `system/`: system calls.
//!
//! | | Linux | macOS | Windows |
//! |---|---|---|---|
//! | owner of a byte's lock | the open file description | the open file description | the handle |
//! | room on the disk | `fallocate`, else zeros | `F_PREALLOCATE` and zeros | `SetEndOfFile` |
//! | to disk | `fdatasync` | `msync`, `F_FULLFSYNC` | `FlushViewOfFile`, `FlushFileBuffers` |
//! | a file that is cut under a map | zeros (`fault.rs`) | zeros (`fault.rs`) | the system does not let it be cut |
//! | maps of a file open for reading only | private, stores stay in the process | shared; a page becomes private by a store (`fault.rs`) | private |
//!
//! A child of `fork` has no map of a file, where the system can do that, and must let go of the file itself ([`File::forget`]): its copy
//! of the descriptor would keep the parent's locks after the parent's death. A program that the child runs has no copy.

#[cfg(feature = "c-abi")]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript calls it"))]
pub(crate) mod bell;
mod create;
#[cfg(unix)]
mod fault;
mod ids;
#[cfg(unix)]
mod kinds;
mod locks;
mod maps;
mod ranges;
#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;
#[cfg(all(test, not(loom)))]
mod tests;

pub use ids::{boot_id, new_uuid};
pub use maps::SharedMap;
pub(super) use maps::View;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Offsets and lengths of maps are multiples of this many bytes: of every system's page size, and of Windows' granularity.
pub const UNIT: u64 = 64 << 10;

/// The number of an error with which the next [`File::sync`] of the process fails; 0: none.
#[cfg(feature = "test-hooks")]
pub static FAILING: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

/// How a file is opened.
#[allow(clippy::struct_excessive_bools, reason = "four independent choices of the caller")]
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// For reading only: no lock can be taken, and stores to maps do not reach the file.
    pub read_only: bool,
    /// A path that is a symbolic link is followed.
    pub follow_symlinks: bool,
    /// A file of another owner may be one that others may write.
    pub any_owner: bool,
    /// The file may be on any file system, whatever becomes of it there.
    pub any_file_system: bool,
}

/// Why a file is not opened or created.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The file is complete, and the system does not give it its name.
    #[error(transparent)]
    Unnamed(io::Error),
    /// The path is a symbolic link.
    #[error("it is a symbolic link")]
    Symlink,
    /// The file has another owner than the process, and more than its owner may write it.
    #[error("it belongs to another user, and others may write it")]
    Foreign,
    /// The path is a directory, a device or the like.
    #[error("it is no regular file")]
    NotAFile,
    /// The file is on a file system of this kind, where maps or locks are not shared by all.
    #[error("it is on a file system of the kind {0}")]
    FileSystem(&'static str),
}

/// What two paths have in common if, and only if, they lead to the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device; on Windows the volume's serial number.
    pub device: u64,
    /// The number of the file on its device.
    pub inode: u64,
}

/// A file that is open. Its locks are released with it, however the process ends.
#[derive(Debug)]
pub struct File {
    handle: std::fs::File,
    read_only: bool,
    /// Whether a page of a map had nothing behind it.
    lost: AtomicBool,
    /// The greatest length that has been seen.
    seen: AtomicU64,
    /// How often it was written to disk.
    #[cfg(test)]
    pub syncs: std::sync::atomic::AtomicUsize,
    /// What it was each time, unless that is too much.
    #[cfg(test)]
    pub synced: std::sync::Mutex<Vec<Vec<u8>>>,
    /// How many bytes [`File::write_at`] has written.
    #[cfg(test)]
    pub written: std::sync::atomic::AtomicU64,
}

impl File {
    /// Opens a file that exists. Programs that the process runs do not inherit it.
    ///
    /// # Errors
    /// [`Refused`]. On Windows no file is [`Refused::Foreign`]: what others may do is not a matter of a few bits there.
    pub fn open(path: &Path, how: How) -> Result<Self, Refused> {
        let handle = system::open(path, how)?;
        Ok(Self {
            handle,
            read_only: how.read_only,
            lost: AtomicBool::new(false),
            seen: AtomicU64::new(0),
            #[cfg(test)]
            syncs: 0.into(),
            #[cfg(test)]
            synced: Vec::new().into(),
            #[cfg(test)]
            written: 0.into(),
        })
    }

    /// Whether the file is open for reading only.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether another program has cut the file, or its disk has failed, while a map of it was used: zeros were read then, and the
    /// file does not get what was stored. Never true on Windows.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The identity of the file, which no other file has.
    ///
    /// # Errors
    /// The system's.
    pub fn identity(&self) -> io::Result<Identity> {
        system::identity(&self.handle)
    }

    /// The file's length now.
    ///
    /// # Errors
    /// The system's.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.handle.metadata()?.len())
    }

    /// Whether the file has `end` bytes, or has had as many since it was opened: who cuts it later is noticed where a map of it is used
    /// ([`File::is_lost`]), and asking the system each time takes longer than a map.
    ///
    /// # Errors
    /// The system's.
    pub fn reaches(&self, end: u64) -> io::Result<bool> {
        if end > self.seen.load(Ordering::Relaxed) {
            self.seen.fetch_max(self.bytes()?, Ordering::Relaxed);
        }
        Ok(end <= self.seen.load(Ordering::Relaxed))
    }

    /// Whether the file is lost ([`File::is_lost`]), or has fewer bytes than [`File::reaches`] has seen, though nobody has met that yet.
    ///
    /// # Errors
    /// The system's.
    pub fn is_cut(&self) -> io::Result<bool> {
        Ok(self.is_lost() || self.bytes()? < self.seen.load(Ordering::Relaxed))
    }

    /// Reads all of `to` from `offset`.
    ///
    /// # Errors
    /// The system's, or that the file ends before.
    pub fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        system::read_at(&self.handle, offset, to)
    }

    /// Writes all of `from` to `offset`.
    ///
    /// # Errors
    /// The system's. A part may have been written.
    pub fn write_at(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.written.fetch_add(from.len() as u64, Ordering::Relaxed);
        system::write_at(&self.handle, offset, from)
    }

    /// Lengthens the file to `offset + bytes`, if it is shorter, and has the system find room for this range, so that no store to it can
    /// meet a full disk. (Copy-on-write file systems cannot promise that: btrfs does for files made by [`File::create`], ZFS does not.)
    /// What is new reads as zeros. Nobody else may change the file's length meanwhile. Takes 0.5 s for a gigabyte of `tmpfs`; where
    /// the system cannot find room without writing (`ENOTSUP`), as long as writing zeros does.
    ///
    /// # Errors
    /// The system's, as with a full disk, a quota or a limit of the process; the file has the length then that it had before.
    pub fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        allocate(&self.handle, offset, bytes)
    }

    /// Writes to disk what the file holds, what was stored in maps of it as well: those of this process certainly, those of others where
    /// the system does not distinguish them (Linux and macOS).
    ///
    /// # Errors
    /// The system's. What the disk holds is not known then, even if a later call succeeds.
    pub fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.keep_synced();
        #[cfg(feature = "test-hooks")]
        match FAILING.swap(0, Ordering::Relaxed) {
            0 => {}
            errno => return Err(io::Error::from_raw_os_error(errno)),
        }
        if self.read_only { Ok(()) } else { system::sync(self) }
    }

    #[cfg(test)]
    fn keep_synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let length = self.bytes().unwrap_or(0);
        if length < 4 << 20 {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            self.read_at(0, &mut bytes).expect("it is read");
            self.synced.lock().expect("no test has failed").push(bytes);
        }
    }

    /// Maps a part of the file as words that all processes share; it starts and ends at multiples of [`UNIT`].
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file is shorter, `InvalidInput` if the part starts or ends elsewhere or is empty.
    pub fn map(self: &Arc<Self>, offset: u64, bytes: u64) -> io::Result<Arc<SharedMap>> {
        SharedMap::new(self, offset, bytes).map(Arc::new)
    }

    /// Lets go of the file in a child of `fork`, which must use neither it nor its maps any more: the locks are the parent's, and are
    /// released when that has died. Only calls that a child of a process with several threads may make.
    pub fn forget(&self) {
        system::forget(&self.handle);
    }
}

/// [`File::allocate`].
fn allocate(file: &std::fs::File, offset: u64, bytes: u64) -> io::Result<()> {
    let before = file.metadata()?.len();
    let end = offset.checked_add(bytes).filter(|&end| i64::try_from(end).is_ok());
    let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
    if bytes == 0 {
        return Ok(());
    }
    let done = system::allocate(file, before, offset..end);
    if done.is_err() {
        // A part may be there. Nothing can be done if this fails.
        let _ = file.set_len(before);
    }
    done
}

/// Writes zeros to a range.
fn write_zeros(file: &std::fs::File, range: std::ops::Range<u64>) -> io::Result<()> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(ZEROS.len());
        system::write_at(file, at, &ZEROS[..length])?;
        at += length as u64;
    }
    Ok(())
}
