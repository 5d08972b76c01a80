//! Where a recording goes: a thread that makes chunks of logs, compresses and writes them, so that no call waits for a disk.
//!
//! Invariants: at most [`LOGS`] logs wait. If the thread is slower than the program, whole logs are dropped, and counted. The first
//! failure of the disk ends the recording; the call that stops it returns why.
//!
//! Costs: handing over a log is a swap of pointers. The logs are 7 MB, which are all touched when a recording begins unless the system
//! provides memory that is zero already; those that were used last are used first. In the thread, 20 to 75 ns an event.

use super::log::{Log, NoMemory};
use super::sites::{Site, Sites};
use super::texts;
use crate::memory::without_signals;
use crate::recording::{Encoder, Entry, Flags, Writer};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

/// Logs that may wait for the thread, with the one that is being filled.
const LOGS: usize = 48;

/// What the thread is told to do.
enum Message {
    /// Write what was there when the recording began.
    Start(Vec<Encoder>),
    /// Write what happened.
    Log(Part),
    /// Write the end of the file: the last log, and the statistics.
    End(Part, Box<str>),
}

/// A log, and what is written before it.
struct Part {
    log: Log,
    /// Operations that are missing before it.
    missing: u64,
    /// Stacks that are new in it.
    sites: Vec<Site>,
    /// Whether it is to be written at once, though the chunk is not full.
    is_due: bool,
}

/// What a recording holds when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Operations in the file.
    pub operations: u64,
    /// Operations that are not in the file, as the disk was too slow.
    pub missing: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Which file a path leads to, whatever names and links the file has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileId(
    /// The numbers of the device and of the file.
    #[cfg(unix)]
    (u64, u64),
    /// The path without links, since the standard library does not show the numbers here.
    #[cfg(not(unix))]
    std::path::PathBuf,
);

impl FileId {
    /// The file that a path leads to; `None` if nothing that can be overwritten is there.
    pub fn of(path: &Path) -> Option<Self> {
        let is = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        #[cfg(unix)]
        return Some(Self((std::os::unix::fs::MetadataExt::dev(&is), std::os::unix::fs::MetadataExt::ino(&is))));
        #[cfg(not(unix))]
        return fs::canonicalize(path).ok().map(Self);
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Output {
    to: SyncSender<Message>,
    /// Logs that have been read, and those of them that wait to be filled again.
    spare: Receiver<Log>,
    free: Vec<Log>,
    failed: Arc<OnceLock<String>>,
    missing: u64,
    thread: JoinHandle<io::Result<Recorded>>,
}

/// A writer that counts bytes.
struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// What is written to: chunks are large, and the little that is between them is gathered.
type Target = Counted<BufWriter<File>>;

/// Creates a file. One that is there is removed first, not emptied: another recording may still be written to it.
fn open(path: &Path) -> io::Result<File> {
    let Ok(there) = fs::symlink_metadata(path) else { return File::create_new(path) };
    let kind = there.file_type();
    if kind.is_file() {
        fs::remove_file(path)?;
        return File::create_new(path);
    }
    #[cfg(unix)]
    if std::os::unix::fs::FileTypeExt::is_fifo(&kind) {
        return Err(io::Error::other("it is a FIFO, for whose reader calls would wait"));
    }
    File::create(path)
}

fn create(path: &Path, flags: Flags, header: &str) -> io::Result<Writer<Target>> {
    let mut writer = Writer::new(Counted { to: BufWriter::new(open(path)?), bytes: 0 }, flags, header)?;
    writer.flush()?;
    Ok(writer)
}

/// Writes a recording that has ended. Returns its bytes.
fn end(writer: Writer<Target>, stats: &str) -> io::Result<u64> {
    let mut target = writer.end(stats)?;
    target.flush()?;
    Ok(target.bytes)
}

fn no_memory<T>(_: T) -> io::Error {
    io::ErrorKind::OutOfMemory.into()
}

/// Writes a recording of no operations: `start` is what is there.
///
/// # Errors
/// An error of the file system.
pub(super) fn write_snapshot(path: &Path, header: &str, start: &[Encoder], stats: &str) -> io::Result<u64> {
    let mut writer = create(path, Flags::default(), header)?;
    start.iter().try_for_each(|chunk| writer.chunk(chunk))?;
    end(writer, stats)
}

/// What the thread has: where it writes to, and the columns that it fills.
struct Writing {
    writer: Writer<Target>,
    encoder: Encoder,
    recorded: Recorded,
}

impl Writing {
    fn write_start(&mut self, chunks: &[Encoder]) -> io::Result<()> {
        chunks.iter().try_for_each(|chunk| self.writer.chunk(chunk))?;
        self.writer.flush()
    }

    /// Makes columns of a log, and writes each chunk that is full.
    fn write(&mut self, Part { log, missing, sites, is_due }: &Part) -> io::Result<()> {
        if *missing > 0 {
            self.write_chunk()?;
            self.writer.missing(*missing);
            self.recorded.missing += missing;
        }
        self.recorded.operations += u64::from(log.events());
        sites.iter().try_for_each(|(number, stack)| self.writer.stack(*number, stack))?;
        for Entry { event, thread, stack, time } in log.entries() {
            if self.encoder.push(event, thread, stack, || time).is_err() {
                self.write_chunk()?;
                // There is room in an empty chunk for every event.
                let _ = self.encoder.push(event, thread, stack, || time);
            }
        }
        if *is_due { self.write_chunk() } else { Ok(()) }
    }

    /// Writes the chunk, so that it is there if the process is killed.
    fn write_chunk(&mut self) -> io::Result<()> {
        self.writer.chunk(&self.encoder)?;
        self.encoder.clear();
        self.writer.flush()
    }

    /// The body of the thread.
    fn run(mut self, from: &Receiver<Message>, spare: &Sender<Log>) -> io::Result<Recorded> {
        for message in from {
            match message {
                Message::Start(chunks) => self.write_start(&chunks)?,
                Message::Log(mut part) => {
                    self.write(&part)?;
                    part.log.clear();
                    // Nobody waits for it if the recording has been dropped.
                    let _gone = spare.send(part.log);
                }
                Message::End(last, stats) => {
                    self.write(&last)?;
                    let bytes = end(self.writer, &stats)?;
                    return Ok(Recorded { bytes, ..self.recorded });
                }
            }
        }
        // The heap has been dropped without an end: what is there can be read in part.
        self.write_chunk()?;
        Ok(self.recorded)
    }
}

impl Output {
    /// Creates a file, and begins to write it. Returns the first log to be filled as well.
    ///
    /// # Errors
    /// An error of the file system, or there is no memory, or no thread.
    pub fn create(path: &Path, flags: Flags, header: &str) -> io::Result<(Self, Log)> {
        let log = || Log::new(flags);
        let free: Result<Vec<_>, NoMemory> = (1..LOGS).map(|_| log()).collect();
        let (first, free) = (log().map_err(no_memory)?, free.map_err(no_memory)?);
        let encoder = Encoder::new(flags).map_err(no_memory)?;
        let writing = Writing { writer: create(path, flags, header)?, encoder, recorded: Recorded::default() };
        // Room for all logs, for the start and the end: to send never waits.
        let (to, from) = sync_channel(LOGS + 2);
        let (give_back, spare) = channel();
        let failed = Arc::new(OnceLock::new());
        let reason = Arc::clone(&failed);
        let body = move || writing.run(&from, &give_back).inspect_err(|error| _ = reason.set(error.to_string()));
        let thread = without_signals(|| Builder::new().name(texts::THREAD.into()).spawn(body))?;
        Ok((Self { to, spare, free, failed, missing: 0, thread }, first))
    }

    /// Writes what was there when the recording began.
    pub fn start(&self, chunks: Vec<Encoder>) {
        // The thread has not failed unless it has returned: that is found at the next log.
        let _failed = self.to.try_send(Message::Start(chunks));
    }

    /// Takes a full log, and puts an empty one in its place: itself if no other is free, and its operations are missing then.
    /// `is_due`: it is to be written at once. Returns `false` if the recording has ended, because of the disk.
    pub fn hand_over(&mut self, full: &mut Log, sites: &mut Sites, is_due: bool) -> bool {
        if self.failed.get().is_some() {
            return false;
        }
        self.free.extend(self.spare.try_iter());
        let Some(empty) = self.free.pop() else {
            self.missing += u64::from(full.events());
            full.clear();
            return true;
        };
        let log = std::mem::replace(full, empty);
        let part = Part { log, missing: std::mem::take(&mut self.missing), sites: sites.take_new(), is_due };
        self.to.try_send(Message::Log(part)).is_ok()
    }

    /// Ends the file, and waits until it is written.
    ///
    /// # Errors
    /// The first error of the file system.
    pub fn end(self, log: Log, mut sites: Sites, stats: Box<str>) -> io::Result<Recorded> {
        // If the thread has failed, what it returns says why.
        let last = Part { log, missing: self.missing, sites: sites.take_new(), is_due: true };
        let _failed = self.to.try_send(Message::End(last, stats));
        drop(self.to);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes it has panicked")))
    }

    /// What has ended the recording, as soon as the thread knows.
    #[cfg(feature = "node")]
    pub fn reason(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// What has ended the recording before it was stopped.
    pub fn failure(self) -> io::Error {
        drop(self.to);
        match self.thread.join() {
            Ok(Err(error)) => error,
            _ => io::Error::other("the thread that writes it has ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Event, Reader};

    fn fill(log: &mut Log, addresses: std::ops::Range<u64>) {
        for address in addresses {
            log.begin_group(|| 0).unwrap();
            log.push(Event::Free { address }, 0).unwrap();
        }
    }

    #[test]
    fn operations_of_logs_for_which_there_is_no_place_are_counted_where_they_are_missing() {
        let path = std::env::temp_dir().join(format!("mems-missing-{}.mems", std::process::id()));
        let flags = Flags::USUAL;
        let (mut output, mut log) = Output::create(&path, flags, "{}").unwrap();
        let mut sites = Sites::default();
        fill(&mut log, 0..3);
        assert!(output.hand_over(&mut log, &mut sites, false));

        // All other logs wait.
        let waiting = std::mem::take(&mut output.free);
        let (_, nothing) = channel();
        let spare = std::mem::replace(&mut output.spare, nothing);
        for addresses in [3..7, 7..12] {
            fill(&mut log, addresses);
            assert!(output.hand_over(&mut log, &mut sites, false));
            assert_eq!(log.events(), 0, "the log is used again");
        }
        (output.free, output.spare) = (waiting, spare);
        fill(&mut log, 12..13);
        assert!(output.hand_over(&mut log, &mut sites, false));
        fill(&mut log, 13..14);
        let recorded = output.end(log, sites, "{}".into()).unwrap();

        let file = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let bytes = file.len() as u64;
        assert_eq!(recorded, Recorded { operations: 5, missing: 9, bytes });
        let reader = Reader::new(&file, false).unwrap();
        let parts: Vec<_> = reader.parts().iter().map(|part| (part.missing, part.chunk.events())).collect();
        assert_eq!(parts, [(0, 3), (9, 2)]);
    }
}
