//! Mending a heap file, or saving what is sound of it into another one. Alone: no other process may have it open for writing.
//!
//! What is trusted are the constant part of the header, the table of extents, and the starts and ends of blocks. All else is derived anew.
//! An entry of the table that is damaged follows from its neighbours, if these are sound; otherwise the extents from there on are lost,
//! since nothing says where they are. What a dead process has begun is recovered first, unless the system has stopped since: then the
//! pages of the file need not be of one time. A durable file returns to its last sync in that case, as it does when it is opened; if the sync is
//! damaged, what is found is kept.
//!
//! Costs: O(n) for n units; a copy reads and writes all of the file.

use super::format::{Constant, Entry, State};
use super::open::{failed, header, not_created, refused};
use super::verify::{Report, place, verify};
use super::{FileOptions, HeapFile, Opened, byte};
use crate::error::Error;
use crate::heap::ledger::layout::{EXTENTS, ExtentLayout, HEADER, ROOTS, SLOTS, at};
use crate::heap::ledger::{Ledger, Rebuilt, put, word};
use crate::memory::file::{self, File};
use crate::mems::{Mems, Options};
use std::io::{self, Write};
use std::path::Path;

/// Bytes that are copied at a time.
const STEP: u64 = 1 << 20;

/// Mends the heap file at `path`; or, with `into`, leaves it as it is, and makes a sound file there with the same blocks at the same
/// addresses and the same roots. The report is of the file that is sound then; its notes say what was done.
///
/// # Errors
/// [`FileInUse`](crate::FileError::FileInUse) if a process has it open; [`FileCorrupt`](crate::FileError::FileCorrupt) if the constant part of its header is damaged; the errors
/// of opening it, or of creating the other.
pub(crate) fn repair(path: &Path, into: Option<&Path>) -> Result<Report, Error> {
    let begun = match into {
        Some(into) => Some(copy(path, into)?),
        None => bring_back(path)?,
    };
    mend(into.unwrap_or(path), begun)
}

/// What is known of a file before it is mended.
struct Begun {
    /// What is damaged in the file, or in the one that it is a copy of.
    found: Vec<String>,
    /// What has been done.
    notes: Vec<String>,
    /// Whether its pages are all of one time.
    is_of_one_time: bool,
}

impl Begun {
    /// Lets the durable file at `path` return to its last sync by opening it, and closes it. If the sync is damaged, what is found stays.
    fn bring_back(&mut self, path: &Path) -> Result<(), Error> {
        let options = FileOptions { create: false, exclusive: true, ..FileOptions::default() };
        let opened = Opened::new(path, &options)?;
        let file = HeapFile::look_into(&opened, &options)?;
        let sync = file.header.records().next().map_or(0, |record| record.generation);
        // An entry of the table that is damaged would keep the sync from coming back.
        let mended = HeapFile::with_opening(&opened.file, &opened.path, options.lock_timeout, || {
            file.check_alone()?;
            file.mend_table()
        });
        self.notes.extend(mended?);
        let note = match Mems::in_file(&opened, &options) {
            Ok(heap) => {
                heap.finish();
                self.is_of_one_time = true;
                format!("its last sync, {sync}, was brought back, since it was open when the system stopped")
            }
            Err(error) => {
                self.is_of_one_time = false;
                format!("its last sync could not be brought back, since {}: what was found was kept", place(error)?)
            }
        };
        self.notes.push(note);
        Ok(())
    }
}

/// Lets a durable file that was open when the system stopped return to its last sync, before it is mended in place. Returns what is known of it
/// then. `None`: the file stays as it is.
fn bring_back(path: &Path) -> Result<Option<Begun>, Error> {
    let options = FileOptions { create: false, ..FileOptions::default() };
    let opened = Opened::new(path, &options)?;
    let file = HeapFile::look_into(&opened, &options)?;
    file.check_alone()?;
    if !file.opens_at_sync()? {
        return Ok(None);
    }
    let mut begun = Begun { found: verify(path, true)?.problems, notes: Vec::new(), is_of_one_time: false };
    begun.bring_back(path)?;
    Ok(Some(begun))
}

/// Mends a file in place.
fn mend(path: &Path, begun: Option<Begun>) -> Result<Report, Error> {
    let options = FileOptions { create: false, ..FileOptions::default() };
    let opened = Opened::new(path, &options)?;
    HeapFile::with_opening(&opened.file, &opened.path, options.lock_timeout, || {
        let file = HeapFile::look_into(&opened, &options)?;
        file.check_alone()?;
        file.heal();
        // Nobody else takes a slot while the opening lock is held.
        let Begun { found, mut notes, is_of_one_time } = match begun {
            Some(begun) => begun,
            None => {
                Begun { found: verify(path, true)?.problems, notes: Vec::new(), is_of_one_time: file.is_of_one_time() }
            }
        };
        // A file that is half mended when the power fails must not look as if it had been closed.
        file.begin()?;
        notes.extend(file.mend_table()?);
        put(file.header.at(at::LOCK), 0);
        let words = header(&file.header_map).ok_or_else(|| file.corrupt("its header cannot be mapped"))?;
        let mut heap = Mems::over(Ledger::new(words), Options::shared(options.max_size, false)?, Box::new(file));
        heap.learn_extents()?;
        heap.mend_heap(is_of_one_time, &mut notes)?;
        heap.file()?.check_there()?;
        // What is mended is on the disk before the file says that it is.
        heap.sync_anew()?;
        let file = heap.file()?;
        State::write(&file.header, file.boot, true);
        file.syncs.flush()?;
        let mut report = verify(path, true)?;
        if found.is_empty() && notes.is_empty() {
            notes.push("nothing was damaged".to_owned());
        }
        report.notes = found.into_iter().map(|problem| format!("found that {problem}")).chain(notes).collect();
        Ok(report)
    })
}

impl HeapFile {
    /// Fails if another process has the file open for writing.
    fn check_alone(&self) -> Result<(), Error> {
        let refused = |error| failed(&self.path, "locked", &error);
        // What the header says of slots may be damaged, so the system is asked about each.
        for byte in (0..SLOTS as u64).chain([byte::EXCLUSIVE]) {
            if self.file.is_byte_locked(byte).map_err(refused)? {
                return Err(self.in_use());
            }
        }
        Ok(())
    }

    /// Whether the next process that opens the file returns to its last sync.
    fn opens_at_sync(&self) -> Result<bool, Error> {
        let has_failed = self.header.is_durable() && self.header.sync_failure().is_some();
        Ok(has_failed || self.returns_to_sync()?)
    }

    /// Whether all pages of the file are of one time: the system has not stopped while it was open.
    fn is_of_one_time(&self) -> bool {
        State::newest(&self.header).is_some_and(|state| state.is_clean || state.boot == self.boot)
    }

    /// The extents that are all there, whatever their number is said to be, and what there is to say of the others.
    fn sound_entries(&self) -> Result<(Vec<Entry>, Vec<String>), Error> {
        let length = self.file.bytes().map_err(|error| self.failed("read", &error))?;
        let (mut entries, mut notes) = (Vec::new(), Vec::new());
        let said = word(self.header.at(at::EXTENT_COUNT));
        let mut why = "the entries of the table of extents behind them are damaged";
        for number in 0..EXTENTS {
            let last = entries.last().copied();
            let read = Entry::read(&self.path, &self.header, number, last).ok();
            let is_mended = read.is_none();
            let Some(entry) = read.or_else(|| Entry::between(&self.header, number, last)) else { break };
            if entry.end() > length {
                why = "the file ends before the others do";
                break;
            }
            if is_mended {
                notes.push(format!("entry {number} of the table of extents was made anew, from those around it"));
            }
            entries.push(entry);
        }
        let there = entries.len() as u64;
        if there < said {
            notes.push(format!("{there} of {said} extents were kept, since {why}: the blocks in the others are lost"));
        } else if there > said {
            notes.push(format!("{said} extents were counted, and {there} are there"));
        }
        Ok((entries, notes))
    }

    /// Leaves the extents in the table that are all there.
    pub(super) fn mend_table(&self) -> Result<Vec<String>, Error> {
        let (entries, notes) = self.sound_entries()?;
        for (number, entry) in entries.iter().enumerate() {
            entry.write(&self.header, number);
        }
        // The entries of others would look as if their extents were there, when the file grows to where they were.
        for number in entries.len()..EXTENTS {
            Entry::clear(&self.header, number);
        }
        put(self.header.at(at::EXTENT_COUNT), entries.len() as u64);
        Ok(notes)
    }

    /// Whether any bit of an extent is set.
    fn has_bits(&self, entry: &Entry) -> io::Result<bool> {
        let mut offset = entry.offset;
        let end = offset + 8 * ExtentLayout::new(entry.bytes).planes() as u64;
        let mut bytes = Vec::new();
        while offset < end {
            bytes.resize(usize::try_from(STEP.min(end - offset)).unwrap_or(0), 0);
            self.file.read_at(offset, &mut bytes)?;
            if bytes.iter().any(|&byte| byte != 0) {
                return Ok(true);
            }
            offset += bytes.len() as u64;
        }
        Ok(false)
    }

    /// The header of a copy with these extents: their entries, and what is kept of this header. `with_syncs`: the records of syncs are.
    fn header_of_copy(&self, uuid: [u8; 16], entries: &[Entry], with_syncs: bool) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(HEADER).unwrap_or(0)];
        let constant = Constant::bytes(uuid, self.header.is_durable());
        bytes[..constant.len()].copy_from_slice(&constant);
        let mut put =
            |number: usize, value: u64| bytes[8 * number..8 * number + 8].copy_from_slice(&value.to_le_bytes());
        let kept = (at::SEQUENCE..at::EXTENT_COUNT).chain(at::ROOTS..at::ROOTS + 8 * ROOTS);
        let syncs = (at::SYNC_RECORDS..at::EXTENT_TABLE).filter(|_| with_syncs);
        for number in kept.chain(syncs) {
            put(number, word(self.header.at(number)));
        }
        put(at::EXTENT_COUNT, entries.len() as u64);
        for (number, entry) in entries.iter().enumerate() {
            for (at, value) in entry.words(number).into_iter().enumerate() {
                put(at::EXTENT_TABLE + 4 * number + at, value);
            }
        }
        // The state is of no run of the system: until the copy is mended, it cannot be opened.
        let state = State { boot: [0; 16], is_clean: false, generation: 0 }.bytes();
        bytes[8 * at::STATES..8 * at::STATES + state.len()].copy_from_slice(&state);
        bytes
    }
}

impl Mems {
    /// Mends what is in the heap, all of whose extents are known.
    pub(super) fn mend_heap(&mut self, is_recoverable: bool, notes: &mut Vec<String>) -> Result<(), Error> {
        let Some(ledger) = self.heap.ledger() else { return Ok(()) };
        if ledger.header().has_intent() {
            let is_recovered = is_recoverable && ledger.try_recover().is_ok();
            notes.push(format!(
                "an operation that a process had not finished was {}",
                if is_recovered { "recovered" } else { "dropped" }
            ));
        }
        let Rebuilt { strays, has_new_totals } = ledger.rebuild();
        if strays > 0 {
            notes.push(format!("{strays} starts or ends were removed that belonged to no block"));
        }
        if has_new_totals {
            let said = "the totals of calls and the high-water marks were made anew, from the blocks that are there";
            notes.push(said.to_owned());
        }
        self.heap.refresh();
        let heap = &self.heap;
        let dropped = self.file()?.header.mend_roots(|address| heap.check_block_start(address).is_ok());
        for name in dropped {
            let (what, name) = name.strip_prefix(&[0]).map_or(("root", &name[..]), |name| ("map", name));
            let name = String::from_utf8_lossy(name);
            notes.push(format!("the {what} '{name}' was dropped, since no live block starts at its address"));
        }
        // Blocks of maps are freed, as the owner of the lock does.
        self.as_owner(|heap| heap.mend_maps(is_recoverable, notes))
    }
}

/// Copies what is sound of the file at `path` into a new one, which returns to its last sync if the file would.
fn copy(path: &Path, into: &Path) -> Result<Begun, Error> {
    let options = FileOptions { create: false, read_only: true, ..FileOptions::default() };
    let opened = Opened::to_look_at(path, &options)?;
    let from = HeapFile::look_into(&opened, &options)?;
    from.check_alone()?;
    let (found, sequence) = (verify(path, true)?.problems, from.header.sequence());
    let (mut entries, mut notes) = from.sound_entries()?;
    let unreadable = |error| from.failed("read", &error);
    let (before, opens_at_sync) = (entries.len(), from.opens_at_sync()?);
    let needed = from.header.records().next().filter(|_| opens_at_sync).map_or(0, |record| record.extents);
    // What follows the last block takes no room in the copy.
    while let Some(last) = entries.last()
        && entries.len() as u64 > needed
        && !from.has_bits(last).map_err(unreadable)?
    {
        entries.pop();
    }
    if entries.len() < before {
        notes.push(format!("{} extents at the end have no blocks, and were left out", before - entries.len()));
    }
    let end = entries.last().map_or(HEADER, Entry::end);
    let uuid = file::new_uuid().map_err(|error| failed(into, "created", &error))?;
    let header = from.header_of_copy(uuid, &entries, opens_at_sync);
    let mut has_changed = None;
    let created = File::create(into, options.mode, end, options.any_file_system, &mut |new| {
        let mut new = new;
        new.write_all(&header)?;
        let mut bytes = Vec::new();
        for offset in (HEADER..end).step_by(usize::try_from(STEP).unwrap_or(1)) {
            bytes.resize(usize::try_from(STEP.min(end - offset)).unwrap_or(0), 0);
            from.file.read_at(offset, &mut bytes)?;
            new.write_all(&bytes)?;
        }
        // A process that has opened it meanwhile may have changed it.
        has_changed = from.check_alone().err().or_else(|| (from.header.sequence() != sequence).then(|| from.in_use()));
        if has_changed.is_some() { Err(io::Error::other("it is in use")) } else { Ok(()) }
    });
    match created {
        Ok(true) => {
            let mut begun = Begun { found, notes, is_of_one_time: from.is_of_one_time() };
            if opens_at_sync {
                begun.bring_back(into)?;
            }
            Ok(begun)
        }
        Ok(false) => Err(refused(into, "created", "there is something already: pass the path of nothing")),
        Err(_) if has_changed.is_some() => Err(has_changed.unwrap_or_else(|| from.in_use())),
        Err(error) => Err(not_created(into, end, error)),
    }
}
