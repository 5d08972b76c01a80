//! Recording: what the calls of a heap do is noted under its lock, in the order in which it happens (`events.rs`), and written to a file
//! by a thread (`output.rs`). The format is that of `recording/`. Here is how a recording begins and ends.
//!
//! A heap that records is not `plain`: each of its calls takes the way that looks at everything, which ends in `Mems::record`. A
//! heap that does not record pays nothing. Fronts rest meanwhile (`Mems::rest_fronts`), since what JavaScript does without a
//! call is not seen here.
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

pub use output::Recorded;

use self::log::Log;
use self::output::Output;
use self::sites::Sites;
use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Kind, Stats};
use crate::mems::access::Access;
use crate::mems::stacks::IN_USE;
use crate::mems::{Mems, Options};
use crate::recording::{Encoder, Event, Flags};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Nanoseconds after which a log is written that is not full, if the clock is read.
const OFTEN: u64 = 1_000_000_000;

/// A heap that records.
#[derive(Debug)]
pub(super) struct Recorder {
    log: Log,
    output: Output,
    begun: Instant,
    /// When the log is to be written at the latest, in nanoseconds since the recording began, and whether it is time.
    due: u64,
    is_due: bool,
    /// The threads that have made calls, by [`thread_key`]: their numbers are their places.
    threads: Vec<usize>,
    /// The thread that has made the last call; before the first, none that there can be.
    last: Caller,
    /// The bytes of the heap's main blocks at the last event.
    mapped: u64,
    /// A request that was refused, and its thread, which is recorded before the next event: the call may still try again.
    refused: Option<(Event<'static>, u32)>,
    has_failed: bool,
    /// Whether the next event is not all that is to be done: a request was refused, the log is due, or the recording has failed.
    is_busy: bool,
    /// The stacks of calls, if they are recorded.
    sites: Sites,
    flags: Flags,
    path: Box<Path>,
}

/// How many threads have been given keys, and how many of those have ended.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// What distinguishes a thread from all others, also those that have ended.
struct Key(usize);

impl Drop for Key {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Relaxed);
    }
}

/// The key of the thread that runs.
fn thread_key() -> usize {
    thread_local! {
        static KEY: Key = Key(1 + BEGUN.fetch_add(1, Relaxed));
    }
    // A thread that is ending has no such memory any more.
    KEY.try_with(|key| key.0).unwrap_or(0)
}

/// Frames of two threads that are alive are never as near as this: between their stacks are a page that is none, and what the system
/// keeps of a thread. (A stack without such a page, or one that threads take turns at, may lend its last calls to the thread before.)
const NEAR: usize = 2048;

/// Where the frame of the function is that calls this one.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
fn frame() -> usize {
    let on_stack = 0_u8;
    std::ptr::from_ref(&on_stack).addr()
}

/// The thread that has made a call.
#[derive(Debug)]
struct Caller {
    number: u32,
    key: usize,
    /// Where a frame of it was, and how many threads had ended then: after that a new thread may have the stack.
    frame: usize,
    ended: usize,
}

fn failed(path: &Path, reason: &io::Error) -> Error {
    Error::RecordingFailed { path: path.display().to_string(), reason: reason.to_string() }
}

impl Recorder {
    /// The number of the thread that runs, if nothing else is to be done, and it is seen at once that it has made the last call too.
    /// (To ask the system for it takes longer than to note an event, and calls of one thread are mostly made at the same depth.)
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `Log::push_malloc`")]
    fn quick_thread(&self) -> Option<u32> {
        let is_near = self.last.frame.abs_diff(frame()) < NEAR && self.last.ended == ENDED.load(Relaxed);
        (is_near && !self.is_busy).then_some(self.last.number)
    }

    /// The number of the thread that runs.
    fn thread(&mut self) -> u32 {
        // Before the key: a thread that ends afterwards is not the one that runs.
        let (frame, ended, key) = (frame(), ENDED.load(Relaxed), thread_key());
        let number = if self.last.key == key { self.last.number } else { self.number_of(key) };
        self.last = Caller { number, key, frame, ended };
        number
    }

    fn number_of(&mut self, key: usize) -> u32 {
        let place = self.threads.iter().rposition(|&other| other == key).or_else(|| {
            self.threads.try_reserve(1).ok()?;
            self.threads.push(key);
            Some(self.threads.len() - 1)
        });
        // Without memory for one more, it is not distinguished from the last.
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(self.last.number)
    }

    /// Records an operation. Returns `true` if the recording ends, because of the disk.
    fn push(&mut self, event: Event<'_>) -> bool {
        if self.has_failed {
            return false;
        }
        let thread = self.thread();
        if self.is_due {
            self.hand_over();
        }
        if let Some((refused, thread)) = self.refused.take() {
            self.push_to_a_group(refused, thread);
        }
        self.push_to_a_group(event, thread);
        self.has_failed
    }

    fn push_to_a_group(&mut self, event: Event<'_>, thread: u32) {
        // The clock is read only where a group begins.
        let (begun, mut time) = (self.begun, 0);
        let mut now = || {
            time = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            time
        };
        if self.log.begin_group(&mut now).and_then(|()| self.log.push(event, thread)).is_err() {
            self.hand_over();
            // There is room in an empty log for every event.
            let _ = self.log.begin_group(&mut now).and_then(|()| self.log.push(event, thread));
        }
        // The event comes first, so that its stack can be set in the log that it is in.
        if time > self.due {
            self.due = time + OFTEN;
            self.is_due = true;
        }
        self.is_busy = self.is_due || self.has_failed;
    }

    /// Keeps a request that was refused until the next event. Returns `true` if the recording ends, because of the disk.
    fn set_refused(&mut self, size: u64, alignment: u64) -> bool {
        let is_over = self.push_refused();
        self.refused = Some((Event::RefusedMalloc { size, alignment }, self.thread()));
        self.is_busy = true;
        is_over
    }

    /// Records the request that was refused before, if there is one. Returns `true` if the recording ends, because of the disk.
    fn push_refused(&mut self) -> bool {
        match self.refused.take() {
            Some((refused, thread)) if !self.has_failed => {
                self.push_to_a_group(refused, thread);
                self.has_failed
            }
            _ => false,
        }
    }

    #[cold]
    fn hand_over(&mut self) {
        let is_due = std::mem::take(&mut self.is_due);
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
/// [`Error::AlreadyRecording`], [`Error::RecordingFailed`], [`Error::OutOfMetadata`].
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
        log,
        output,
        begun: Instant::now(),
        due: OFTEN,
        is_due: false,
        threads: Vec::new(),
        last: Caller { number: 0, key: usize::MAX, frame: 0, ended: 0 },
        mapped: 0,
        refused: None,
        has_failed: false,
        is_busy: false,
        sites: Sites::default(),
        flags,
        path: path.into(),
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
    /// [`Error::AlreadyRecording`], [`Error::RecordingFailed`], [`Error::OutOfMetadata`].
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
        self.recorder.as_ref().is_some_and(|recorder| !recorder.has_failed)
    }

    fn check_recordable(&self) -> Result<(), Error> {
        if self.is_recording() { Err(Error::AlreadyRecording) } else { Ok(()) }
    }

    fn install_recorder(&mut self, mut recorder: Box<Recorder>) -> Result<(), Error> {
        self.check_recordable()?;
        self.rest_fronts();
        recorder.output.start(self.present(recorder.flags)?);
        recorder.mapped = self.heap.mapped();
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
