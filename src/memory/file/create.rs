//! A new file. It is made under a name of its own in the same folder, and gets its name when it is complete and on the disk: so nobody
//! ever sees a part of it, and of several processes that make it at a time one succeeds.
//!
//! A process that is killed meanwhile leaves a file `.mems-UUID.new`, which nobody needs.

use super::{File, Refused, allocate, ids, system};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
        let name = folder.join(format!(".mems-{:032x}.new", u128::from_be_bytes(ids::new_uuid()?)));
        let new = system::create_new(&name, mode)?;
        let temporary = Temporary(name);
        if !any_file_system {
            system::check_file_system(&new, false)?;
        }
        system::dont_copy_on_write(&new);
        allocate(&new, 0, bytes)?;
        fill(&new)?;
        new.sync_all()?;
        // Windows removes no name while this is open.
        drop(new);
        match fs::hard_link(&temporary.0, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) if has_no_links(&error) => match system::rename_to_new(&temporary.0, path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                Err(_) => return Err(Refused::Unnamed(error)),
            },
            Err(error) => return Err(error.into()),
        }
        drop(temporary);
        system::sync_folder(folder)?;
        Ok(true)
    }
}

/// Whether an error of linking a file may mean that its file system has no hard links, as FAT has none.
fn has_no_links(error: &io::Error) -> bool {
    /// `ERROR_INVALID_FUNCTION`, which Windows returns there.
    const INVALID_FUNCTION: i32 = 1;
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
        || cfg!(windows) && error.raw_os_error() == Some(INVALID_FUNCTION)
}
