//! A new file. It is made under a name of its own in the same folder, and gets its name when it is complete and on the disk: so nobody
//! ever sees a part of it, and of several processes that make it at a time one succeeds.
//!
//! A process that is killed meanwhile leaves a file `.mems-UUID.new`. Who makes such a file locks a byte of it as long as that lasts. So the
//! next process that makes a file in the folder knows those whose makers are dead, and removes them. (Not where the system has no such locks.)
//!
//! Costs: O(names in the folder), and what the disk takes.

use super::locks::BASE;
use super::{File, How, Refused, allocate, ids, system};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the names of new files begin and end with; between the two are 32 hexadecimal digits.
const PREFIX: &str = ".mems-";
const SUFFIX: &str = ".new";

/// The offset of the byte that is locked while a file is made: none of those that heaps use.
const MAKING: u64 = BASE + (1 << 20);

/// How often a new file is made, if others remove it.
const ATTEMPTS: usize = 8;

/// A file that is removed when this is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // If the system refuses, nothing can be done.
        let _ = fs::remove_file(&self.0);
    }
}

impl File {
    /// Makes a file at `path` with the permissions `mode`, less the process's `umask` (on Windows those of the folder), and `bytes`
    /// that the system has found room for, zeros until `fill` writes to them. The file and its folder are on the disk then. Returns
    /// false if something is at `path` already, perhaps made meanwhile by another process: that is as it was then.
    ///
    /// # Errors
    /// The system's, or that of `fill`; [`Refused::FileSystem`], unless `any_file_system`. Nothing is at `path` then, and no other file
    /// is left, except if only the last step failed, by which the file's name gets to the disk.
    pub fn create(
        path: &Path,
        mode: u32,
        bytes: u64,
        any_file_system: bool,
        fill: &mut dyn FnMut(&fs::File) -> io::Result<()>,
    ) -> Result<bool, Refused> {
        if path.symlink_metadata().is_ok() {
            return Ok(false);
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        remove_stale(folder);
        for _ in 0..ATTEMPTS {
            let name = folder.join(format!("{PREFIX}{:032x}{SUFFIX}", u128::from_be_bytes(ids::new_uuid()?)));
            let new = system::create_new(&name, mode)?;
            let temporary = Temporary(name);
            if !any_file_system {
                system::check_file_system(&new, false)?;
            }
            // Another process may have taken the file for a dead one's before it was locked, and removes it.
            if matches!(system::lock(&new, MAKING), Ok(false)) {
                continue;
            }
            system::dont_copy_on_write(&new);
            allocate(&new, 0, bytes)?;
            fill(&new)?;
            new.sync_all()?;
            // Windows removes no name while this is open. Elsewhere it is locked until it has its own.
            let _kept = Some(new).filter(|_| cfg!(not(windows)));
            match fs::hard_link(&temporary.0, path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                // The file was removed, as a dead process's, before it was locked. (A folder that is gone refuses the next.)
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if has_no_links(&error) => match system::rename_to_new(&temporary.0, path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(_) => return Err(Refused::Unnamed(error)),
                },
                Err(error) => return Err(error.into()),
            }
            drop(temporary);
            system::sync_folder(folder)?;
            return Ok(true);
        }
        Err(Refused::System(io::ErrorKind::NotFound.into()))
    }
}

/// Removes the files that dead processes have left in a folder. What the system refuses is left.
fn remove_stale(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        let is_one = id.is_some_and(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if !is_one || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // A file that nobody has locked is a dead process's. Or it has just been made: its maker cannot lock it now, and makes another.
        let how = How { any_file_system: true, ..How::default() };
        if let Ok(stale) = system::open(&entry.path(), how)
            && matches!(system::lock(&stale, MAKING), Ok(true))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether an error of linking a file may mean that its file system has no hard links, as FAT has none.
fn has_no_links(error: &io::Error) -> bool {
    /// `ERROR_INVALID_FUNCTION`, which Windows returns there.
    const INVALID_FUNCTION: i32 = 1;
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
        || cfg!(windows) && error.raw_os_error() == Some(INVALID_FUNCTION)
}
