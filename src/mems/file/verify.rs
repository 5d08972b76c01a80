//! Whether a heap file is sound, without changing it: offline, or while processes use it.
//!
//! A file that is open for reading only is mapped so that nothing that is stored reaches it, so what a dead process has begun is
//! recovered here in private, and the rest is looked at as the next process will find it. (macOS has no such maps: there is no walk in
//! that case.) A durable file that was open when the system stopped returns to its last sync in private, as it does for the next process that
//! opens it. If the sync is damaged, what is found is counted and not checked, since its pages need not be of one time.
//!
//! While processes work, a look is taken between two of their operations: it counts if nobody held the lock before and after it, and no
//! operation has been finished meanwhile. Otherwise another is taken, [`LOOKS`] times at most.
//!
//! Costs: O(extents), or O(n) for a walk over n units; a look maps the file anew.

use super::format::{Entry, LAYOUT, State};
use super::open::header;
use super::slots::Process;
use super::{FileOptions, HeapFile, Opened};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::ledger::layout::{EXTENTS, at};
use crate::heap::ledger::lock::Owner;
use crate::heap::ledger::{Ledger, Summary, put, word};
use crate::mems::{Mems, Options};
use crate::pause::Pause;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

/// The most looks, while processes change the heap.
const LOOKS: u32 = 32;

/// Whether stores to maps of a file that is open for reading only stay in the process.
const IS_PRIVATE: bool = cfg!(any(target_os = "linux", target_os = "android", windows));

/// Whether the pages that are looked at are of one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    OneTime,
    /// All are but those of maps.
    OneTimeButMaps,
    AnyTime,
}

/// A name for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub name: String,
    pub address: u64,
    /// Whether a live block starts there.
    pub is_live: bool,
}

/// A map.
#[derive(Debug, Clone)]
pub(crate) struct MapReport {
    pub name: String,
    pub address: u64,
    /// Whether nothing that was looked at is damaged.
    pub is_sound: bool,
    /// How many entries the map counts; nothing is known of a map whose head is damaged.
    pub entries: u64,
    /// Bytes of all blocks of the map, as it counts them.
    pub bytes: u64,
    /// The most entries; 0: any number.
    pub most_entries: u64,
    /// The most bytes of all blocks; 0: any number.
    pub most_bytes: u64,
}

/// What a heap file is found to be.
#[derive(Debug)]
pub(crate) struct Report {
    pub path: PathBuf,
    pub uuid: [u8; 16],
    pub layout: u32,
    /// What is damaged, in words.
    pub problems: Vec<String>,
    /// What is worth knowing besides, or has been done.
    pub notes: Vec<String>,
    /// Whether the last process has closed it, and what it stored is on the disk.
    pub is_clean: bool,
    /// Whether the heap survives a power failure.
    pub is_durable: bool,
    /// The extents whose entries are sound.
    pub extents: Vec<Entry>,
    pub summary: Summary,
    pub roots: Vec<Root>,
    pub maps: Vec<MapReport>,
    pub processes: Vec<Process>,
}

/// Looks at a heap file. `deep`: walks all of its bookkeeping.
///
/// # Errors
/// [`FileError::NotAHeapFile`], [`FileError::FileVersion`]; [`FileError::FileCorrupt`] if its header cannot be read at all;
/// [`FileError::LockTimeout`] if a process holds the lock all the time, [`FileError::FileInUse`] if others never leave time enough for a
/// look; [`FileError::FileFailed`], [`FileError::FileLost`].
pub(crate) fn verify(path: &Path, deep: bool) -> Result<Report, Error> {
    let options = FileOptions { create: false, read_only: true, ..FileOptions::default() };
    let opened = Opened::to_look_at(path, &options)?;
    for _ in 0..LOOKS {
        if let Some(report) = look(&opened, &options, deep)? {
            return Ok(report);
        }
    }
    let file = HeapFile::look_into(&opened, &options)?;
    let holders = format!("{}, and changes all the time. Try it again, or close it there", file.processes_said());
    Err(FileError::FileInUse { path: file.path_said(), holders }.into())
}

/// One look. `None`: the heap has changed meanwhile.
fn look(opened: &Opened, options: &FileOptions, deep: bool) -> Result<Option<Report>, Error> {
    let file = HeapFile::look_into(opened, options)?;
    let (held, sequence) = (file.wait_for_quiet()?, file.header.sequence());
    let publication = file.header.publication();
    let mut report = file.report();
    let is_there = header(&file.header_map).ok_or_else(|| file.corrupt("its header cannot be mapped"))?;
    let is_stopped = file.returns_to_sync()?;
    let mut heap = Mems::over(Ledger::new(is_there), Options::shared(options.max_size, false)?, Box::new(file));
    let pages = if is_stopped { heap.return_in_private(&mut report)? } else { Pages::OneTime };
    let learned = heap.learn_extents();
    heap.look_at(&mut report, learned, held != 0 && !is_stopped, deep, pages)?;
    fence(Ordering::Acquire);
    // Looked at by another map: what was recovered in private must not be seen.
    let file = HeapFile::look_into(opened, options)?;
    file.check_there()?;
    let is_still = word(file.header.at(at::LOCK)) == held
        && file.header.sequence() == sequence
        && file.header.publication() == publication;
    Ok(is_still.then_some(report))
}

impl HeapFile {
    /// Waits until no living process holds the lock. Returns the lock's word: 0, or the dead one that holds it.
    fn wait_for_quiet(&self) -> Result<u64, Error> {
        let (mut pause, since) = (Pause::default(), Instant::now());
        loop {
            let held = word(self.header.at(at::LOCK));
            let Some(holder) = Owner::of_word(held) else { return Ok(held) };
            if !self.header.has_slot(holder) || self.is_dead(holder) {
                return Ok(held);
            }
            if since.elapsed() >= self.patience {
                return Err(self.timeout(Some(holder)));
            }
            pause.wait();
        }
    }

    /// What the header says of the file and its processes.
    fn report(&self) -> Report {
        let mut report = Report {
            path: self.path.clone(),
            uuid: self.uuid,
            layout: LAYOUT,
            problems: Vec::new(),
            notes: Vec::new(),
            is_clean: false,
            is_durable: self.header.is_durable(),
            extents: Vec::new(),
            summary: Summary::default(),
            roots: Vec::new(),
            maps: Vec::new(),
            processes: self.processes(),
        };
        match State::newest(&self.header) {
            None => report.problems.push("both of its states are damaged".to_owned()),
            Some(state) => {
                report.is_clean = state.is_clean;
                if !self.header.is_durable() && self.has_lost_power().unwrap_or(true) {
                    let said =
                        "it was open when the system stopped, so that some of its pages may be older than others";
                    report.problems.push(said.to_owned());
                }
            }
        }
        if let Some(errno) = self.header.sync_failure() {
            let reason = std::io::Error::from_raw_os_error(errno);
            report
                .notes
                .push(format!("it could not be written to the disk ({reason}): it is unknown what the disk has"));
        }
        let (count, damaged) = (word(self.header.at(at::EXTENT_COUNT)), self.header.damaged_roots());
        if count > EXTENTS as u64 {
            report.problems.push(format!("it is said to have {count} extents, and {EXTENTS} are the most"));
        }
        if damaged > 0 {
            report.problems.push(format!("{damaged} of its roots have names of impossible lengths"));
        }
        report
    }
}

impl Mems {
    /// Looks at what is in the heap, of which all extents are known unless `learned` says why not. `is_held`: a dead process holds the lock.
    /// What `pages` of any time say is counted, and not checked.
    fn look_at(
        &mut self,
        report: &mut Report,
        learned: Result<(), Error>,
        is_held: bool,
        deep: bool,
        pages: Pages,
    ) -> Result<(), Error> {
        let file = self.file()?;
        let is_of_one_time = pages != Pages::AnyTime;
        let (path, has_intent) = (file.path.clone(), file.header.has_intent());
        let has_publication = file.header.publication().is_some();
        for number in 0..self.regions.count() {
            report.extents.push(Entry::read(&path, &file.header, number, report.extents.last().copied())?);
        }
        if is_of_one_time && (is_held || has_intent || has_publication) {
            let what = match (has_intent, has_publication) {
                (true, _) => "an operation that a process has not finished",
                (_, true) => "a change of a map that a process has not finished",
                _ => "a dead process's lock",
            };
            report.notes.push(format!("{what} will be recovered by the next process"));
        }
        let is_whole = learned.map_or_else(|error| place(error).map(Some), |()| Ok(None))?;
        let is_whole = is_whole.map(|place| report.problems.push(place)).is_none() && is_of_one_time;
        if is_whole
            && has_intent
            && IS_PRIVATE
            && let Some(ledger) = self.heap.ledger()
        {
            report.problems.extend(ledger.try_recover().err());
        }
        // An operation that has been recovered may have been one of a change of a map.
        let has_publication = self.file()?.header.publication().is_some();
        let is_settled = is_whole && pages != Pages::OneTimeButMaps && (IS_PRIVATE || !has_intent && !has_publication);
        if is_settled && has_publication {
            self.as_owner(Self::recover_publication)?;
        }
        let Some(ledger) = self.heap.ledger() else { return Ok(()) };
        if is_whole && (IS_PRIVATE || !has_intent) {
            let checked = if deep { ledger.check() } else { ledger.check_counters() };
            report.problems.extend(checked.err());
            let waiting = if deep { ledger.waiting_bytes() } else { 0 };
            if waiting > 0 {
                report.notes.push(format!("{waiting} bytes of freed blocks wait for a sync"));
            }
        }
        report.summary = ledger.summary();
        for (name, address) in self.file()?.roots() {
            let is_live = self.heap.check_block_start(address).is_ok();
            report.roots.push(Root { name: String::from_utf8_lossy(&name).into_owned(), address, is_live });
        }
        self.look_at_maps(report, is_settled, deep);
        self.file()?.check_there()
    }
}

impl Mems {
    /// Looks at all maps; what is in them only if nothing is under way, `is_settled`.
    fn look_at_maps(&self, report: &mut Report, is_settled: bool, deep: bool) {
        for (name, address) in self.map_names() {
            let name = String::from_utf8_lossy(&name).into_owned();
            let stats = self.map_stats(address);
            let problems = if is_settled { self.audit_map(address, deep).problems } else { Vec::new() };
            let is_sound = problems.is_empty() && stats.is_some();
            report.problems.extend(problems.into_iter().map(|problem| format!("the map '{name}': {problem}")));
            let stats = stats.unwrap_or_default();
            report.maps.push(MapReport {
                name,
                address,
                is_sound,
                entries: stats.entries,
                bytes: stats.bytes,
                most_entries: stats.most_entries,
                most_bytes: stats.most_bytes,
            });
        }
    }

    /// Lets a durable heap that was open when the system stopped return to its last sync, in private, so that what is looked at is what the
    /// next process finds. No extents are known yet. Returns of what time the pages are then.
    fn return_in_private(&mut self, report: &mut Report) -> Result<Pages, Error> {
        let header = self.file()?.header();
        let count = word(header.at(at::EXTENT_COUNT));
        let Some(record) = header.last_sync() else {
            let said = "it was open when the system stopped, and the record of its last sync is damaged";
            report.problems.push(said.to_owned());
            return Ok(Pages::AnyTime);
        };
        if IS_PRIVATE {
            put(header.at(at::EXTENT_COUNT), record.extents);
        }
        let is_known = self.learn_extents().map_or_else(|error| place(error).map(|_| false), |()| Ok(true))?;
        let ledger = self.heap.ledger().filter(|ledger| is_known && ledger.has_copy(&record));
        let stopped = "it was open when the system stopped";
        let sync = record.generation;
        match ledger {
            Some(ledger) if IS_PRIVATE => ledger.restore(&record),
            Some(_) => {
                report.notes.push(format!(
                    "{stopped}: opening it for writing brings back sync {sync}, which may have other blocks than those that are found"
                ));
                return Ok(Pages::AnyTime);
            }
            None => {
                report.problems.push(format!("{stopped}, and what its last sync wrote is damaged"));
                if IS_PRIVATE {
                    put(self.file()?.header().at(at::EXTENT_COUNT), count);
                }
                return Ok(Pages::AnyTime);
            }
        }
        self.heap.refresh();
        report.notes.push(format!("{stopped}: opening it for writing brings back sync {sync}, as it is shown here"));
        // A map may need a block for which the file would have to grow.
        let has_maps = self.as_owner(Self::rebuild_maps_as_owner).is_ok();
        Ok(if has_maps { Pages::OneTime } else { Pages::OneTimeButMaps })
    }
}

/// The place of damage, if an error says one.
pub(super) fn place(error: Error) -> Result<String, Error> {
    match error {
        Error::File(FileError::FileCorrupt { place, .. }) => Ok(place),
        other => Err(other),
    }
}
