//! Recording: what the calls of a heap do is noted under its lock, in the order in which it happens (`events.rs`), and written to a file
//! by a thread (`output.rs`). The format is that of `recording/`. Here is how a recording begins and ends.
//!
//! A heap that records is not `plain`: each of its calls looks at more, and ends in `Mems::record_malloc`, `record_free` or another of
//! `events.rs`. A heap that does not record pays nothing. Fronts rest meanwhile (`Mems::rest_fronts`), since what JavaScript does
//! without a call is not seen here.
//!
//! What a recording says: sizes and addresses as programs have them. A realloc that moves its block is a malloc and a free. Blocks
//! that were taken back, as a call has failed, are not in it, except where other threads have used the heap in between: then they
//! are mallocs and frees. A batch that is refused is one refused request for the sum of its sizes.
//!
//! A heap with the same options that does the same again returns each address once more, with two exceptions: the recording began
//! with blocks there, whose order is not known; or a batch was refused, if only until a quarantine had been emptied. Where several
//! threads use a heap, there are more: what a call does in several steps is recorded at one of them (a large block that is cleared, a
//! quarantine, a batch of thousands), and another thread may come in between.
//!
//! Costs: some 10 ns a call, and a clock's reading for one in 64; in the thread that writes, 20 to 60 ns; O(n) for the start of a recording of a heap with n blocks.

mod events;
mod log;
mod output;
mod sites;
mod texts;
mod threads;

pub(crate) use output::FileId;
pub use output::Recorded;

use self::log::Log;
use self::output::Output;
use self::sites::Sites;
use self::threads::Threads;
use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Kind, Stats};
use crate::mems::access::Access;
use crate::mems::stacks::IN_USE;
use crate::mems::{Mems, Options};
use crate::recording::{Encoder, Event, Flags};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Nanoseconds after which a log is written that is not full, if the clock is read.
const OFTEN: u64 = 1_000_000_000;

/// A request that was refused.
#[derive(Debug)]
struct Refused {
    event: Event<'static>,
    thread: u32,
    /// Whether no other call has failed since.
    is_of_last_failure: bool,
}

/// How many recordings have begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A heap that records.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Different for each recording.
    id: u64,
    log: Log,
    output: Output,
    watch: Watch,
    threads: Threads,
    /// The bytes of the heap's main blocks at the last event.
    mapped: u64,
    /// A request that was refused, and its thread, which is recorded before the next event: the call may still try again.
    refused: Option<Refused>,
    has_failed: bool,
    /// Whether fronts of other threads rest, each until its thread makes a call.
    fronts_rest: bool,
    /// Whether the next event is not all that is to be done: a request was refused, the log is due, or the recording has failed.
    /// (Fronts are of no concern: a thread that is known at once has made a call, and has no front any more.)
    is_busy: bool,
    /// The stacks of calls, if they are recorded.
    sites: Sites,
    flags: Flags,
    path: Box<Path>,
    /// The file at `path` when it was made; `None` if the system did not say.
    #[cfg_attr(not(feature = "c-abi"), allow(dead_code, reason = "a heap alone has no others to ask"))]
    file: Option<FileId>,
}

/// When a recording began, and when its log is to be written at the latest: in nanoseconds since then.
#[derive(Debug)]
struct Watch {
    begun: Instant,
    due: u64,
    is_due: bool,
}

impl Watch {
    /// The nanoseconds since the recording began. From time to time the log is due.
    fn read(&mut self) -> u64 {
        let time = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if time > self.due {
            self.due = time + OFTEN;
            self.is_due = true;
        }
        time
    }
}

fn failed(path: &Path, reason: &io::Error) -> Error {
    Error::RecordingFailed { path: path.display().to_string(), reason: reason.to_string() }
}

impl Recorder {
    /// The number of the thread that runs, if nothing else is to be done and it is seen at once.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
    fn quick_thread(&self) -> Option<u32> {
        if self.is_busy { None } else { self.threads.quick() }
    }

    /// Records an operation. Returns `true` if the recording ends, because of the disk.
    fn push(&mut self, event: Event<'_>) -> bool {
        if self.has_failed {
            return false;
        }
        let thread = self.threads.current();
        if self.watch.is_due {
            self.hand_over();
        }
        if let Some(Refused { event, thread, .. }) = self.refused.take() {
            self.push_to_a_group(event, thread);
        }
        self.push_to_a_group(event, thread);
        self.has_failed
    }

    fn push_to_a_group(&mut self, event: Event<'_>, thread: u32) {
        // The clock is read only where a group begins.
        if self.log.begin_group(|| self.watch.read()).and_then(|()| self.log.push(event, thread)).is_err() {
            self.hand_over();
            // There is room in an empty log for every event.
            let _ = self.log.begin_group(|| self.watch.read()).and_then(|()| self.log.push(event, thread));
        }
        // A log that is due is handed over at the next event, so that this one's stack can still be set in it.
        self.is_busy = self.watch.is_due || self.has_failed;
    }

    /// Keeps a request that was refused until the next event. Returns `true` if the recording ends, because of the disk.
    fn set_refused(&mut self, size: u64, alignment: u64) -> bool {
        let is_over = self.push_refused();
        let event = Event::RefusedMalloc { size, alignment };
        self.refused = Some(Refused { event, thread: self.threads.current(), is_of_last_failure: true });
        self.is_busy = true;
        is_over
    }

    /// Records the request that was refused before, if there is one. Returns `true` if the recording ends, because of the disk.
    fn push_refused(&mut self) -> bool {
        match self.refused.take() {
            Some(Refused { event, thread, .. }) if !self.has_failed => {
                self.push_to_a_group(event, thread);
                self.has_failed
            }
            _ => false,
        }
    }

    #[cold]
    fn hand_over(&mut self) {
        let is_due = std::mem::take(&mut self.watch.is_due);
        self.has_failed |= !self.output.hand_over(&mut self.log, &mut self.sites, is_due);
    }
}

/// A recording that has been stopped, and has to be written to its end, without the heap's lock.
#[derive(Debug)]
#[must_use = "the end has to be written"]
pub(crate) struct Stopped {
    recorder: Box<Recorder>,
    stats: Stats,
}

impl Stopped {
    /// Writes the end of the file.
    ///
    /// # Errors
    /// [`Error::RecordingFailed`].
    pub fn finish(self) -> Result<Recorded, Error> {
        let Recorder { log, output, sites, path, has_failed, .. } = *self.recorder;
        if has_failed {
            return Err(failed(&path, &output.failure()));
        }
        output.end(log, sites, texts::stats(&self.stats).into()).map_err(|error| failed(&path, &error))
    }
}

/// Begins to record what the calls of a heap do, and what `flags` say about each, into a file; one that is there is replaced.
///
/// # Errors
/// [`Error::AlreadyRecording`], [`Error::RecordingFailed`], [`Error::OutOfMetadata`]; `FileError::NotRecordable` for a heap in a file.
pub(crate) fn record(heap: &mut impl Access, path: &Path, flags: Flags) -> Result<(), Error> {
    let (options, failed_before) = heap.with(|heap| {
        // Before the file is replaced, which may be the one of the recording that runs.
        heap.check_recordable()?;
        Ok((*heap.options(), heap.take_recorder()))
    })?;
    if let Some(failed_before) = failed_before {
        failed_before.finish()?;
    }
    let created = Output::create(path, flags, &texts::header(&options));
    let (output, log) = created.map_err(|error| failed(path, &error))?;
    let recorder = Box::new(Recorder {
        id: BEGUN.fetch_add(1, Relaxed),
        log,
        output,
        watch: Watch { begun: Instant::now(), due: OFTEN, is_due: false },
        threads: Threads::new(),
        mapped: 0,
        refused: None,
        has_failed: false,
        fronts_rest: false,
        is_busy: false,
        sites: Sites::default(),
        flags,
        path: path.into(),
        file: FileId::of(path),
    });
    heap.with(|heap| heap.install_recorder(recorder))
}

/// Ends the recording of a heap, and waits until the file is written.
///
/// # Errors
/// [`Error::NotRecording`], [`Error::RecordingFailed`].
pub(crate) fn stop(heap: &mut impl Access) -> Result<Recorded, Error> {
    heap.with(|heap| heap.take_recorder().ok_or(Error::NotRecording))?.finish()
}

/// Why the recording of a heap has ended, because of the disk, though it was not stopped yet: its path, and the error that the call
/// which stops it returns.
#[cfg(feature = "node")]
pub(crate) fn failure(heap: &Mems) -> Option<(String, Error)> {
    let Recorder { output, path, .. } = heap.recorder.as_deref()?;
    let (path, reason) = (path.display().to_string(), output.reason()?.to_owned());
    Some((path.clone(), Error::RecordingFailed { path, reason }))
}

/// Writes a recording of no operations: the blocks and main blocks that are there now. Returns the file's bytes.
///
/// # Errors
/// [`Error::RecordingFailed`], [`Error::OutOfMetadata`].
pub(crate) fn snapshot(heap: &mut impl Access, path: &Path) -> Result<u64, Error> {
    let (options, start, stats): (Options, _, _) =
        heap.with(|heap| Ok((*heap.options(), heap.present(Flags::default())?, heap.stats())))?;
    let (header, stats) = (texts::header(&options), texts::stats(&stats));
    output::write_snapshot(path, &header, &start, &stats).map_err(|error| failed(path, &error))
}

impl Mems {
    /// Begins to record what calls do, into a file; one that is there is replaced. O(n) for a heap with n blocks.
    ///
    /// # Errors
    /// [`Error::AlreadyRecording`], [`Error::RecordingFailed`], [`Error::OutOfMetadata`]; an error of a heap file.
    pub fn start_recording(&mut self, path: &Path, flags: Flags) -> Result<(), Error> {
        record(self, path, flags)
    }

    /// Ends the recording, and waits until the file is written.
    ///
    /// # Errors
    /// [`Error::NotRecording`], [`Error::RecordingFailed`].
    pub fn stop_recording(&mut self) -> Result<Recorded, Error> {
        stop(self)
    }

    /// Writes a recording of no operations: what is there now. Returns the file's bytes.
    ///
    /// # Errors
    /// [`Error::RecordingFailed`], [`Error::OutOfMetadata`].
    pub fn snapshot(&mut self, path: &Path) -> Result<u64, Error> {
        snapshot(self, path)
    }

    /// Whether what calls do is being recorded. `false` after a failure of the disk as well.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.recording().is_some()
    }

    /// Which recording there is; `None` if what calls do is not being recorded.
    pub(crate) fn recording(&self) -> Option<u64> {
        self.recorder.as_ref().filter(|recorder| !recorder.has_failed).map(|recorder| recorder.id)
    }

    /// Whether what calls do is being recorded into a file.
    #[cfg_attr(not(feature = "c-abi"), allow(dead_code, reason = "a heap alone has no others to ask"))]
    pub(crate) fn records_into(&self, file: &FileId) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| !recorder.has_failed && recorder.file.as_ref() == Some(file))
    }

    fn check_recordable(&self) -> Result<(), Error> {
        #[cfg(feature = "c-abi")]
        if let Ok(file) = self.file() {
            let path = file.path().display().to_string();
            return Err(crate::file_error::FileError::NotRecordable { path }.into());
        }
        if self.is_recording() { Err(Error::AlreadyRecording) } else { Ok(()) }
    }

    fn install_recorder(&mut self, mut recorder: Box<Recorder>) -> Result<(), Error> {
        self.check_recordable()?;
        self.rest_fronts();
        recorder.output.start(self.present(recorder.flags)?);
        recorder.mapped = self.heap.mapped();
        recorder.fronts_rest = self.heap.has_fronts();
        if recorder.flags.stacks {
            IN_USE.store(true, Relaxed);
        }
        self.recorder = Some(recorder);
        self.settle_ways();
        Ok(())
    }

    /// Ends the recording: no call is recorded any more.
    pub(crate) fn take_recorder(&mut self) -> Option<Stopped> {
        let mut recorder = self.recorder.take()?;
        recorder.push_refused();
        self.wake_fronts();
        self.settle_ways();
        Some(Stopped { recorder, stats: self.stats() })
    }

    /// Forgets the recording, in a child of `fork`: the thread that writes is in the parent.
    #[cfg(feature = "c-abi")]
    pub(crate) fn forget_recording(&mut self) {
        std::mem::forget(self.recorder.take());
        self.settle_ways();
    }

    /// The main blocks and live blocks that are there, as the first events of a recording. O(n).
    fn present(&self, flags: Flags) -> Result<Vec<Encoder>, Error> {
        let mut chunks = Vec::new();
        for block in self.heap.main_chain().iter() {
            add(&mut chunks, flags, Event::Main { address: block.start, bytes: block.end - block.start })?;
        }
        for segment in self.heap.segments(FIRST_ADDRESS).filter(|segment| segment.kind == Kind::Live) {
            // What is live and no block is hidden.
            let Ok(block) = self.block_at(segment.start) else { continue };
            let alignment = self.aligned.get(block.start);
            add(&mut chunks, flags, Event::Block { address: block.start, size: block.size, alignment })?;
        }
        Ok(chunks)
    }
}

/// Adds an event to the last of `chunks`, or to a new one.
fn add(chunks: &mut Vec<Encoder>, flags: Flags, event: Event<'_>) -> Result<(), Error> {
    let no_memory = |_| Error::OutOfMetadata { size: 0 };
    if let Some(last) = chunks.last_mut()
        && last.push(event, 0, 0, || 0).is_ok()
    {
        return Ok(());
    }
    chunks.try_reserve(1).map_err(no_memory)?;
    let mut chunk = Encoder::new(flags).map_err(no_memory)?;
    // There is room in an empty chunk for every event.
    let _ = chunk.push(event, 0, 0, || 0);
    chunks.push(chunk);
    Ok(())
}
