//! Where a recording goes: a thread that compresses and writes chunks, so that no call waits for a disk.
//!
//! Invariants: at most [`CHUNKS`] chunks wait. If the disk is slower than the program, whole chunks are dropped, and counted. The
//! first failure of the disk ends the recording; the call that stops it returns why.
//!
//! Costs: handing over a chunk is a swap of two boxes; 10 MB of address space for the chunks, of which memory is used as they fill.

use super::sites::{Site, Sites};
use super::texts;
use crate::memory::without_signals;
use crate::recording::{Encoder, Flags, Writer};
use std::collections::TryReserveError;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Chunks that may wait for the disk, with the one that is being filled.
const CHUNKS: usize = 8;

/// What the thread is told to do.
enum Message {
    /// Write what was there when the recording began.
    Start(Vec<Encoder>),
    /// Write a chunk.
    Chunk(Part),
    /// Write the end of the file: the last chunk, and the statistics.
    End(Part, Box<str>),
}

/// A chunk, and what is written before it.
struct Part {
    chunk: Box<Encoder>,
    /// Operations that are missing before it.
    missing: u64,
    /// Stacks that are new in it.
    sites: Vec<Site>,
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

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Output {
    to: SyncSender<Message>,
    /// Chunks that have been written, to be filled again.
    spare: Receiver<Box<Encoder>>,
    failed: Arc<AtomicBool>,
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

/// The body of the thread.
fn write(mut writer: Writer<Target>, from: &Receiver<Message>, spare: &Sender<Box<Encoder>>) -> io::Result<Recorded> {
    let mut recorded = Recorded::default();
    let mut part = |writer: &mut Writer<Target>, part: &Part| {
        writer.missing(part.missing);
        recorded.missing += part.missing;
        recorded.operations += u64::from(part.chunk.operations());
        part.sites.iter().try_for_each(|(number, stack)| writer.stack(*number, stack))?;
        writer.chunk(&part.chunk)?;
        writer.flush()
    };
    for message in from {
        match message {
            Message::Start(chunks) => {
                chunks.iter().try_for_each(|chunk| writer.chunk(chunk))?;
                writer.flush()?;
            }
            Message::Chunk(mut full) => {
                part(&mut writer, &full)?;
                full.chunk.clear();
                // Nobody waits for it if the recording has been dropped.
                let _gone = spare.send(full.chunk);
            }
            Message::End(last, stats) => {
                part(&mut writer, &last)?;
                let bytes = end(writer, &stats)?;
                return Ok(Recorded { bytes, ..recorded });
            }
        }
    }
    // The heap has been dropped without an end: what is there can be read in part.
    Ok(recorded)
}

impl Output {
    /// Creates a file, and begins to write it. Returns the first chunk to be filled as well.
    ///
    /// # Errors
    /// An error of the file system, or there is no memory, or no thread.
    pub fn create(path: &Path, flags: Flags, header: &str) -> io::Result<(Self, Box<Encoder>)> {
        let chunk = || Encoder::new(flags).map(Box::new);
        let chunks: Result<Vec<_>, TryReserveError> = (1..CHUNKS).map(|_| chunk()).collect();
        let (first, chunks) = (chunk().map_err(no_memory)?, chunks.map_err(no_memory)?);
        let writer = create(path, flags, header)?;
        // Room for all chunks, for the start and the end: to send never waits.
        let (to, from) = sync_channel(CHUNKS + 2);
        let (give_back, spare) = channel();
        for chunk in chunks {
            give_back.send(chunk).map_err(no_memory)?;
        }
        let failed = Arc::new(AtomicBool::new(false));
        let is_failed = Arc::clone(&failed);
        let body = move || write(writer, &from, &give_back).inspect_err(|_| is_failed.store(true, Ordering::Relaxed));
        let thread = without_signals(|| Builder::new().name(texts::THREAD.into()).spawn(body))?;
        Ok((Self { to, spare, failed, missing: 0, thread }, first))
    }

    /// Writes what was there when the recording began.
    pub fn start(&self, chunks: Vec<Encoder>) {
        // The thread has not failed unless it has returned: that is found at the next chunk.
        let _failed = self.to.try_send(Message::Start(chunks));
    }

    /// Takes a full chunk, and puts an empty one in its place: the same one if no other is free, and its operations are missing then.
    /// Returns `false` if the recording has ended, because of the disk.
    pub fn hand_over(&mut self, full: &mut Box<Encoder>, sites: &mut Sites) -> bool {
        if self.failed.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(empty) = self.spare.try_recv() else {
            self.missing += u64::from(full.operations());
            full.clear();
            return true;
        };
        let chunk = std::mem::replace(full, empty);
        let part = Part { chunk, missing: std::mem::take(&mut self.missing), sites: sites.take_new() };
        self.to.try_send(Message::Chunk(part)).is_ok()
    }

    /// Ends the file, and waits until it is written.
    ///
    /// # Errors
    /// The first error of the file system.
    pub fn end(self, chunk: Box<Encoder>, mut sites: Sites, stats: Box<str>) -> io::Result<Recorded> {
        // If the thread has failed, what it returns says why.
        let _failed =
            self.to.try_send(Message::End(Part { chunk, missing: self.missing, sites: sites.take_new() }, stats));
        drop(self.to);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes it has panicked")))
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
