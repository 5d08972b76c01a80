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
use crate::heap::ledger::layout::{EXTENTS, HEADER, SLOTS, at};
use crate::heap::ledger::lock::Waits;
use crate::heap::ledger::{Header, Ledger, put, word};
use crate::memory::file::{self, File, How, Identity, Refused, SharedMap};
use crate::mems::{Mems, Options};
use crate::page::PAGE;
use crate::system_error::SystemError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// A process that has a file open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub slot: usize,
    /// The process's id, in its own namespace.
    pub id: u64,
    /// When it opened the file, in milliseconds since 1970.
    pub since: u64,
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

fn create(path: &Path, options: &FileOptions) -> Result<(), Error> {
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
            let (path, supported) = (path.display().to_string(), super::format::LAYOUT);
            let found = format!("{supported} with features that only readers need not know");
            return Err(FileError::FileVersion { path, found, supported }.into());
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

    /// Whether the file was in use when the system stopped. A process that has the file open and sees another boot id, as in a container that
    /// has a boot id of its own, shows that the system has not stopped: its lock would have ended.
    pub(super) fn has_lost_power(&self) -> Result<bool, Error> {
        let state = State::newest(&self.header).ok_or_else(|| corrupt(&self.path, "both of its states are damaged"))?;
        Ok(!state.is_clean && state.boot != self.boot && !self.is_used_by_others()?)
    }

    /// Whether a slot is another process's that has opened the file and is done with that. What the header says of slots is not looked at.
    fn is_used_by_others(&self) -> Result<bool, Error> {
        let own = self.owner.map(|owner| owner.slot);
        let is_locked = |byte| self.file.is_byte_locked(byte).map_err(|error| self.failed("locked", &error));
        for slot in (0..SLOTS).filter(|&slot| Some(slot) != own) {
            if is_locked(slot as u64)? {
                // A process that is opening the file may be about to restore it. (Who has a slot holds the opening lock itself.)
                return Ok(own.is_some() || !is_locked(byte::OPENING)?);
            }
        }
        Ok(false)
    }

    /// Says that the file is in use, on the disk as well, before anything is stored in it: the system may write other pages first, and a
    /// file that was in use when the power failed would look as if it had been closed. A file that was in use when the system stopped stays so.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let is_written = |state: &State| word(self.header.at(at::STATE_WRITTEN)) == state.generation;
        match State::newest(&self.header) {
            Some(state) if state.is_clean => self.begin_anew(),
            // A process that died as it waited for the disk has left a state that the disk may not have.
            Some(state) if !is_written(&state) => self.write_state(),
            _ => Ok(()),
        }
    }

    /// Says that the file is in use in this run of the system, whatever it was: what it holds is sound.
    pub(super) fn begin_anew(&self) -> Result<(), Error> {
        State::write(&self.header, self.boot, false);
        self.write_state()
    }

    /// Writes the newest state to the disk, and notes that it is there.
    fn write_state(&self) -> Result<(), Error> {
        self.syncs.flush()?;
        let generation = State::newest(&self.header).map_or(0, |state| state.generation);
        put(self.header.at(at::STATE_WRITTEN), generation);
        Ok(())
    }

    /// Takes a process slot.
    fn take_slot(&mut self, exclusive: bool) -> Result<(), Error> {
        let failed = |error| failed(&self.path, "locked", &error);
        if exclusive {
            if self.has_others() || !self.file.try_lock_byte(byte::EXCLUSIVE).map_err(failed)? {
                return Err(self.in_use());
            }
        } else if self.file.is_byte_locked(byte::EXCLUSIVE).map_err(failed)? {
            return Err(self.in_use());
        }
        for slot in 0..SLOTS {
            if self.file.try_lock_byte(slot as u64).map_err(failed)? {
                self.owner = Some(self.header.take_slot(slot));
                let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
                put(self.header.at(at::PROCESSES + 2 * slot), u64::from(std::process::id()));
                put(self.header.at(at::PROCESSES + 2 * slot + 1), u64::try_from(since).unwrap_or(0));
                return Ok(());
            }
        }
        Err(FileError::TooManyProcesses { path: self.path_said(), most: SLOTS }.into())
    }

    /// The id of the process that has taken a slot last, in its namespace.
    pub(super) fn process_id(&self, slot: usize) -> u64 {
        word(self.header.at(at::PROCESSES + 2 * slot))
    }

    /// The processes that have the file open for writing. O(1024) and a system call for each slot that has been taken.
    pub fn processes(&self) -> Vec<Process> {
        let is_there = |slot: &usize| {
            let is_own = self.owner.is_some_and(|owner| owner.slot == *slot);
            self.process_id(*slot) != 0 && (is_own || matches!(self.file.is_byte_locked(*slot as u64), Ok(true)))
        };
        let process = |slot| Process {
            slot,
            id: self.process_id(slot),
            since: word(self.header.at(at::PROCESSES + 2 * slot + 1)),
        };
        (0..SLOTS).filter(is_there).map(process).collect()
    }

    pub(super) fn processes_said(&self) -> String {
        let all = self.processes();
        let ids: Vec<_> = all.iter().map(|process| format!("process {}", process.id)).collect();
        if ids.is_empty() { "another process".to_owned() } else { ids.join(", ") }
    }

    /// The error for a file that others use.
    pub(super) fn in_use(&self) -> Error {
        FileError::FileInUse { path: self.path_said(), holders: self.processes_said() }.into()
    }

    /// Whether other processes have the file open.
    pub(super) fn has_others(&self) -> bool {
        let own = self.owner.map(|owner| owner.slot);
        self.processes().iter().any(|process| Some(process.slot) != own)
    }

    /// Holds the opening lock while `operation` runs.
    pub(super) fn with_opening<T>(
        file: &File,
        path: &Path,
        patience: Duration,
        operation: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !file.lock_byte(byte::OPENING, patience).map_err(|error| failed(path, "locked", &error))? {
            let (path, seconds) = (path.display().to_string(), patience.as_secs_f64().to_string());
            return Err(FileError::LockTimeout {
                path,
                holder: "a process that opens or closes it".to_owned(),
                seconds,
            }
            .into());
        }
        let done = operation();
        // Fails only if the file is gone: the lock ends with the file's descriptor then.
        let _unlocked = file.unlock_byte(byte::OPENING);
        done
    }

    /// Writes the file to disk before it is closed: before others that open it have to wait for that, and before the maps of its data end,
    /// since systems other than Linux do not know later what was stored in them. (On Linux the last process writes what all have stored.)
    /// Returns false if the system refuses.
    pub fn write_back(&self) -> bool {
        let is_for_others = cfg!(any(target_os = "linux", target_os = "android")) && self.has_others();
        self.is_read_only() || is_for_others || self.syncs.flush().is_ok()
    }

    /// The end of this process's use: the last process to close a file says that it is clean, when everything is on the disk.
    /// `is_written`: what [`HeapFile::write_back`] has returned.
    pub fn close(&self, is_written: bool, ledger: Option<&mut Ledger>) {
        let Some(owner) = self.owner else { return };
        let ended = Self::with_opening(&self.file, &self.path, self.patience, || {
            put(self.header.at(at::PROCESSES + 2 * owner.slot), 0);
            if is_written && !self.has_others() && !self.file.is_lost() && !self.header.has_intent() {
                self.sync_alone(ledger)?;
                State::write(&self.header, self.boot, true);
                self.syncs.flush()?;
            }
            Ok(())
        });
        // Not closed cleanly is what a process that ends without closing leaves, too.
        let _ = ended;
        let _unlocked = self.file.unlock_byte(owner.slot as u64);
        // Views may keep the file open for long. A process that has not locked this byte changes nothing here.
        let _unlocked = self.file.unlock_byte(byte::EXCLUSIVE);
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
                return Err(FileError::NeedsRecovery { path: file.path_said() }.into());
            }
            return Self::build(file, options);
        }
        HeapFile::with_opening(&opened.file, &opened.path, options.lock_timeout, || {
            let mut file = HeapFile::look_into(opened, options)?;
            file.check_options(options)?;
            file.take_slot(options.exclusive)?;
            if !file.has_lost_power()? {
                file.heal();
            }
            if file.has_lost_power()? {
                return Self::after_power_loss(file, opened, options);
            }
            let heap = Self::build(file, options)?;
            heap.file()?.begin()?;
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
