//! Where files are mapped in this process: a table that a signal handler can read, in whatever state the process is.
//!
//! Each entry has a version, which is odd while the entry changes. A reader that finds it odd, or another one after reading, passes by:
//! nobody can be using a map that is being entered or left.
//!
//! Costs: an entry is found in O(1) usually, a range by looking at all entries that were ever used. 2 MiB of address space.

use super::File;
use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, fence};

/// The most maps at a time: more than Linux lets a process have.
const MOST: usize = 1 << 16;

#[derive(Debug)]
struct Entry {
    version: AtomicU32,
    start: AtomicUsize,
    /// 0 if the entry is vacant.
    end: AtomicUsize,
    /// The file, which lives as long as the entry.
    file: AtomicPtr<File>,
}

static ENTRIES: [Entry; MOST] = [const {
    Entry {
        version: AtomicU32::new(0),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        file: AtomicPtr::new(ptr::null_mut()),
    }
}; MOST];

/// One more than the highest index that was ever used.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Where to look for a vacant entry first.
static VACANT: AtomicUsize = AtomicUsize::new(0);

impl Entry {
    /// Fills in a vacant entry; false if it is not vacant.
    fn enter(&self, start: usize, end: usize, file: &File) -> bool {
        let version = self.version.load(Acquire);
        if !version.is_multiple_of(2)
            || self.end.load(Relaxed) != 0
            || self.version.compare_exchange(version, version.wrapping_add(1), Acquire, Relaxed).is_err()
        {
            return false;
        }
        self.set(version, start, end, ptr::from_ref(file).cast_mut());
        true
    }

    /// Vacates an entry.
    fn leave(&self) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        self.set(version, 0, 0, ptr::null_mut());
    }

    /// Sets what an entry says, whose version was `version` and is odd now.
    fn set(&self, version: u32, start: usize, end: usize, file: *mut File) {
        fence(Release);
        self.start.store(start, Relaxed);
        self.file.store(file, Relaxed);
        self.end.store(end, Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// What the entry says: start, end and file. `None` while it changes, and if it is vacant.
    fn get(&self) -> Option<(usize, usize, *const File)> {
        let version = self.version.load(Acquire);
        let said = (self.start.load(Relaxed), self.end.load(Relaxed), self.file.load(Relaxed).cast_const());
        fence(Acquire);
        (version.is_multiple_of(2) && self.version.load(Relaxed) == version && said.1 != 0).then_some(said)
    }
}

/// A range in the table, for as long as this lives.
#[derive(Debug)]
pub(super) struct Watch {
    index: usize,
    ended: AtomicBool,
    /// Keeps what the entry refers to.
    _file: Arc<File>,
}

impl Watch {
    /// Enters `bytes` at `start`, a map of `file`.
    pub fn new(file: &Arc<File>, start: *const u8, bytes: usize) -> io::Result<Self> {
        let start = start as usize;
        let first = VACANT.load(Relaxed).min(MOST - 1);
        let mut indexes = (first..MOST).chain(0..first);
        let index = indexes.find(|&index| ENTRIES[index].enter(start, start + bytes, file));
        let index = index.ok_or(io::ErrorKind::OutOfMemory)?;
        VACANT.store(index + 1, Relaxed);
        USED.fetch_max(index + 1, Release);
        Ok(Self { index, ended: AtomicBool::new(false), _file: Arc::clone(file) })
    }

    /// Takes the range out of the table, before it is unmapped or after it has become other memory.
    pub fn end(&self) {
        if !self.ended.swap(true, Relaxed) {
            ENTRIES[self.index].leave();
            VACANT.fetch_min(self.index, Relaxed);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// All ranges at the moment.
fn all() -> impl Iterator<Item = (usize, usize, *const File)> {
    ENTRIES[..USED.load(Acquire)].iter().filter_map(Entry::get)
}

/// The end of the map in which an address lies, and its file; `None` if it lies in none. Can be called by signal handlers.
#[cfg(unix)]
pub(super) fn find(address: usize) -> Option<(usize, *const File)> {
    all().find(|(start, end, _)| (*start..*end).contains(&address)).map(|(_, end, file)| (end, file))
}

/// The maps of a file at the moment: addresses and lengths.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn of(file: &File) -> impl Iterator<Item = (usize, usize)> {
    let wanted = ptr::from_ref(file);
    all().filter(move |(.., file)| *file == wanted).map(|(start, end, _)| (start, end - start))
}
