//! Creating, opening and closing heap files.
//!
//! One process at a time opens or closes a file: it holds a byte lock meanwhile. A process that has it open holds another byte, that of
//! its slot, until it ends: however it ends, the system lets go of that.
//!
//! Costs: some dozens of system calls, a few for each extent. Nothing is read but the header.

use super::format::{CONSTANT, Constant, State, corrupt};
use super::syncs::{self, Syncs};
use super::{HeapFile, byte};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::{EXTENTS, HEADER, at};
use crate::heap::ledger::lock::Waits;
use crate::heap::ledger::{Header, Ledger};
use crate::memory::file::{self, File, How, Identity, Refused, SharedMap};
use crate::mems::{Mems, Options};
use crate::page::PAGE;
use crate::system_error::SystemError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What is done with a file that was open when the system stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "node"), allow(dead_code, reason = "only JavaScript chooses"))]
pub(crate) enum OnPowerLoss {
    /// The file is not opened.
    Refuse,
    /// The heap is empty.
    Reset,
    /// What is found is made sound.
    Salvage,
    /// The state of the last sync comes back.
    Restore,
}

/// How a heap file is opened.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct FileOptions {
    /// Whether it is created where there is none.
    pub create: bool,
    pub read_only: bool,
    /// Whether this process has the file for itself.
    pub exclusive: bool,
    /// The most bytes of data that this process lets the file have.
    pub max_size: u64,
    /// The permissions of a new file, as `open(2)` takes them.
    pub mode: u32,
    /// How long a call waits for the lock.
    pub lock_timeout: Duration,
    pub follow_symlinks: bool,
    pub any_file_system: bool,
    /// Whether blocks are cleared as they are freed.
    pub zero_on_free: bool,
    /// Whether the heap has to survive a power failure; a new file is made so.
    pub durable: bool,
    /// How often it is synced, if a thread is to do that.
    pub sync_every: Option<Duration>,
    /// What is done if the file was open when the system stopped. `None`: what suits the file.
    pub on_power_loss: Option<OnPowerLoss>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            exclusive: false,
            max_size: 64 << 30,
            mode: 0o600,
            lock_timeout: Duration::from_secs(5),
            follow_symlinks: false,
            any_file_system: false,
            zero_on_free: false,
            durable: false,
            sync_every: None,
            on_power_loss: None,
        }
    }
}

/// The most that `maxSize` can be, in bytes.
const MOST_SIZE: u64 = 1 << 40;

/// The error for a `maxSize` that no heap file can have.
pub(crate) fn bad_max_size(received: String) -> Error {
    FileError::MaxSize { least: PAGE, most: MOST_SIZE, received }.into()
}

/// A file that has been opened, and not yet looked into: it may be one that this process has open already.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub identity: Identity,
}

impl Opened {
    /// Opens a file, or creates it.
    pub fn new(path: &Path, options: &FileOptions) -> Result<Self, Error> {
        // Before there is a file.
        if !(PAGE..=MOST_SIZE).contains(&options.max_size) {
            return Err(bad_max_size(options.max_size.to_string()));
        }
        let how = How {
            read_only: options.read_only,
            follow_symlinks: options.follow_symlinks,
            any_file_system: options.any_file_system,
            any_owner: false,
        };
        Self::as_said(path, options, how)
    }

    /// Opens a file for looking at it, of any owner and on any file system.
    pub(super) fn to_look_at(path: &Path, options: &FileOptions) -> Result<Self, Error> {
        let how = How { read_only: true, follow_symlinks: true, any_file_system: true, any_owner: true };
        Self::as_said(path, options, how)
    }

    fn as_said(path: &Path, options: &FileOptions, how: How) -> Result<Self, Error> {
        // Another process may remove the file between the two, so that this is tried more than once.
        for _ in 0..8 {
            match File::open(path, how) {
                Err(Refused::System(error))
                    if error.kind() == io::ErrorKind::NotFound && options.create && !options.read_only =>
                {
                    create(path, options)?;
                }
                opened => {
                    let file = opened.map_err(|error| explained(path, "opened", error))?;
                    let identity = file.identity().map_err(|error| failed(path, "opened", &error))?;
                    return Ok(Self { path: path.to_owned(), file: Arc::new(file), identity });
                }
            }
        }
        // Something is at the path, and yet nothing.
        Err(refused(
            path,
            "opened",
            "it is a symbolic link to nothing: create the file at the path that the link names",
        ))
    }
}

/// Fails if no file can be made as the options want it.
fn check_new(path: &Path, options: &FileOptions) -> Result<(), Error> {
    if options.durable && options.zero_on_free {
        return Err(clears_what_comes_back(path, "created"));
    }
    if !options.durable && options.sync_every.is_some() {
        return Err(FileError::NothingToSync { path: path.display().to_string() }.into());
    }
    Ok(())
}

/// The error for a durable file that a heap with `zeroOnFree` would be in; `what` was tried, as in "opened".
pub(super) fn clears_what_comes_back(path: &Path, what: &'static str) -> Error {
    refused(path, what, "it survives a power failure, and zeroOnFree would clear blocks that one brings back")
}

fn create(path: &Path, options: &FileOptions) -> Result<(), Error> {
    check_new(path, options)?;
    let uuid = file::new_uuid().map_err(|error| failed(path, "created", &error))?;
    let boot = file::boot_id().map_err(|error| failed(path, "created", &error))?;
    let created = File::create(path, options.mode, HEADER, options.any_file_system, &mut |file| {
        use std::io::Write;
        let mut file = file;
        file.write_all(&Constant::bytes(uuid, options.durable))?;
        let mut state = [0; 64];
        state[..40].copy_from_slice(&State { boot, is_clean: true, generation: 0 }.bytes());
        file.write_all(&state)?;
        if options.durable { syncs::write_first_record(file) } else { Ok(()) }
    });
    created.map(drop).map_err(|error| not_created(path, HEADER, error))
}

/// Why a file of `needed` bytes is not created.
pub(super) fn not_created(path: &Path, needed: u64, error: Refused) -> Error {
    match error {
        Refused::System(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            let (path, error) = (path.display().to_string(), SystemError::new("fallocate", &error));
            FileError::OutOfSpace { path, size: 0, needed, error }.into()
        }
        other => explained(path, "created", other),
    }
}

pub(super) fn failed(path: &Path, what: &'static str, error: &io::Error) -> Error {
    FileError::failed(path, what, error).into()
}

/// The error for something that is not done to a file.
pub(super) fn refused(path: &Path, what: &'static str, because: &'static str) -> Error {
    FileError::FileRefused { path: path.display().to_string(), what, because }.into()
}

fn explained(path: &Path, what: &'static str, error: Refused) -> Error {
    let because = match error {
        Refused::System(error) => return failed(path, what, &error),
        Refused::Unnamed(error) => return FileError::failed_by(path, what, "link", &error).into(),
        Refused::FileSystem(kind) => return FileError::FileSystem { path: path.display().to_string(), kind }.into(),
        Refused::Symlink => "it is a symbolic link: pass followSymlinks: true if that is meant",
        Refused::Foreign => "it belongs to another user, and others than that user may write to it",
        Refused::NotAFile => "it is no regular file",
    };
    refused(path, what, because)
}

impl HeapFile {
    /// Why the system refuses something.
    pub(super) fn failed(&self, what: &'static str, error: &io::Error) -> Error {
        failed(&self.path, what, error)
    }

    /// Writes zeros.
    pub(super) fn clear(&self, offset: u64, bytes: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        for at in (offset..offset + bytes).step_by(ZEROS.len()) {
            let length = usize::try_from(offset + bytes - at).unwrap_or(usize::MAX).min(ZEROS.len());
            self.file.write_at(at, &ZEROS[..length])?;
        }
        Ok(())
    }

    /// Looks into a file, with its opening lock held: it is a heap file that this process may use.
    pub(super) fn look_into(opened: &Opened, options: &FileOptions) -> Result<Self, Error> {
        let (path, file) = (&opened.path, &opened.file);
        let failed = |error| failed(path, "read", &error);
        let length = file.bytes().map_err(failed)?;
        // So that a cut is noticed.
        let _has_header = file.reaches(HEADER).map_err(failed)?;
        let mut constant = [0; CONSTANT];
        if length < CONSTANT as u64 {
            return Err(FileError::NotAHeapFile { path: path.display().to_string() }.into());
        }
        file.read_at(0, &mut constant).map_err(failed)?;
        let constant = Constant::read(path, &constant)?;
        if length < HEADER {
            return Err(corrupt(path, "it is shorter than its header"));
        }
        if constant.is_for_reading_only && !options.read_only {
            return Err(FileError::ForReadersOnly { path: path.display().to_string() }.into());
        }
        let map = file.map(0, HEADER).map_err(failed)?;
        let unmapped = || corrupt(path, "its header cannot be mapped");
        let (header, shared) = (header(&map).ok_or_else(unmapped)?, header(&map).ok_or_else(unmapped)?);
        Ok(Self {
            syncs: Arc::new(Syncs::new(path.clone(), Arc::clone(file), shared, options.lock_timeout)),
            path: path.clone(),
            file: Arc::clone(file),
            header,
            header_map: map,
            owner: None,
            uuid: constant.uuid,
            boot: file::boot_id().map_err(failed)?,
            patience: options.lock_timeout,
            waits: Waits::default(),
            most: options.max_size,
            last: None,
            is_locked: false,
            lookout: None,
        })
    }

    /// Holds the opening lock while `operation` runs.
    pub(super) fn with_opening<T>(
        file: &File,
        path: &Path,
        patience: Duration,
        operation: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !file.lock_byte(byte::OPENING, patience).map_err(|error| failed(path, "locked", &error))? {
            return Err(FileError::locked(path, "a process that opens or closes it", patience).into());
        }
        let done = operation();
        // Fails only if the file is gone: the lock ends with the file's descriptor then.
        let _unlocked = file.unlock_byte(byte::OPENING);
        done
    }
}

/// The header in a map of it.
pub(super) fn header(map: &Arc<SharedMap>) -> Option<Header> {
    let words = map.words64(0, usize::try_from(HEADER / 8).ok()?)?;
    Header::new(words, map.words32(8 * at::LARGEST, EXTENTS + EXTENTS / 64)?)
}

impl Mems {
    /// The heap in a file that has been opened.
    ///
    /// # Errors
    /// What the file is not, or the process may not: see [`Error`].
    pub(crate) fn in_file(opened: &Opened, options: &FileOptions) -> Result<Self, Error> {
        if options.read_only {
            let file = HeapFile::look_into(opened, options)?;
            // Who only reads can mend nothing.
            if file.has_lost_power()? {
                return Err(file.needs_recovery());
            }
            return Self::build(file, options);
        }
        HeapFile::with_opening(&opened.file, &opened.path, options.lock_timeout, || {
            let mut file = HeapFile::look_into(opened, options)?;
            file.check_options(options)?;
            file.take_slot(options.exclusive)?;
            // Before anything else: what is restored counts as being on the disk.
            file.heal();
            if file.has_lost_power()? {
                return Self::after_power_loss(file, opened, options);
            }
            let mut heap = Self::build(file, options)?;
            heap.file()?.begin()?;
            heap.recover_dead();
            Ok(heap)
        })
    }

    /// The heap of a file that this process may use.
    pub(super) fn build(file: HeapFile, options: &FileOptions) -> Result<Self, Error> {
        let header = header(&file.header_map).ok_or_else(|| corrupt(&file.path, "its header cannot be mapped"))?;
        let mut heap =
            Self::over(Ledger::new(header), Options::shared(options.max_size, options.zero_on_free)?, Box::new(file));
        heap.learn_extents()?;
        heap.heap.refresh();
        Ok(heap)
    }
}
