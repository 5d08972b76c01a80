//! Waiting for words of a heap in a file without sleeping: one thread for each open file, the *lookout*, sleeps on the bell (`bell.rs`) for
//! all that wait this way in the process, looks at their words when it wakes, and puts what has ended into the inboxes of those that wait.
//!
//! - A wait has a ticket, by which its owner can end it (when its time is over, say). It ends once: by news in the inbox, or by its owner.
//! - The thread starts with the first wait. It stays for a while when nobody waits any more, without a cost to those who ring, so that a
//!   program that waits again and again does not start a thread each time; then it ends, as it does when the heap ends.
//! - No thread of the process waits for the lookout but one that closes the heap, and the lookout takes no lock but those of this file.
//! - Inboxes have room for the news of each wait before it begins, so that the lookout needs no memory.
//!
//! Costs: O(waits) for each ring of the bell. A process may change a word and die before it rings, so the lookout looks without a ring as
//! well: after 50 ms, and 10 µs more for each wait, which is a thousandth of the time that looking takes.

use super::HeapFile;
use super::bell::{Bell, LOOK, Waited, Word};
use crate::error::Error;
use crate::file_error::FileError;
use crate::memory::file::File;
use crate::mems::Mems;
use crate::system_error::SystemError;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How much longer the lookout sleeps without a ring for each wait that it looks after.
const LOOK_EACH: Duration = Duration::from_micros(10);

/// How long the thread stays when nobody waits.
const STAY: Duration = Duration::from_secs(1);

/// Bytes of the thread's stack: room for a handler of signals of the program's.
const STACK: usize = 256 << 10;

/// What a wait is known by, in the whole process.
pub(crate) type Ticket = u64;

/// How a wait has ended that its owner has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The word has changed.
    Changed,
    /// The heap has ended.
    Closed,
    /// Another program has cut the file off.
    Lost,
}

/// Where an owner of waits finds which have ended.
pub(crate) struct Inbox {
    news: Mutex<News>,
    /// Has the owner look into its inbox, soon and in its own thread. Takes no lock of this file.
    call: Box<dyn Fn() + Send + Sync>,
}

/// Invariant: there is room for the news of all waits that have not ended.
#[derive(Debug, Default)]
struct News {
    ended: VecDeque<(Ticket, Ended)>,
    waiting: usize,
    /// Whether the owner has been called, and has not found the inbox empty since.
    is_called: bool,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").field("news", &self.news).finish_non_exhaustive()
    }
}

/// Locks what a panic of another thread leaves sound in any case.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// An inbox whose owner is called by `call`.
    pub fn new(call: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { news: Mutex::default(), call }
    }

    /// The next wait that has ended. `None`: none has, and the owner is called again when one does.
    pub fn take(&self) -> Option<(Ticket, Ended)> {
        let mut news = locked(&self.news);
        let next = news.ended.pop_front();
        news.is_called = next.is_some();
        next
    }

    /// Makes room for one more wait.
    fn begin(&self) -> Result<(), Error> {
        let mut news = locked(&self.news);
        let room = news.waiting + 1;
        news.ended.try_reserve(room).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        news.waiting = room;
        Ok(())
    }

    /// Forgets a wait that its owner ends.
    fn forget(&self) {
        let mut news = locked(&self.news);
        news.waiting = news.waiting.saturating_sub(1);
    }

    /// Puts in how a wait has ended.
    fn put(&self, ticket: Ticket, how: Ended) {
        let mut news = locked(&self.news);
        news.waiting = news.waiting.saturating_sub(1);
        news.ended.push_back((ticket, how));
        let is_called = std::mem::replace(&mut news.is_called, true);
        drop(news);
        if !is_called {
            (self.call)();
        }
    }
}

/// A wait that has not ended, or that its owner has ended and that is not yet dropped from the list.
#[derive(Debug)]
struct Wait {
    ticket: Ticket,
    expected: u32,
    /// The word, and who waits for it. `None`: the wait has ended.
    of: Option<(Word, Arc<Inbox>)>,
}

/// What the lookout and those that wait share.
#[derive(Debug, Default)]
struct State {
    /// The waits, in order of their tickets.
    waits: Vec<Wait>,
    /// How many of them have not ended.
    count: usize,
    /// Whether the thread runs, and will look at the waits again.
    is_running: bool,
    thread: Option<JoinHandle<()>>,
}

impl State {
    /// Drops the waits that have ended, and ends those of which `end` says how.
    fn end_those(&mut self, mut end: impl FnMut(&Word, u32) -> Option<Ended>) {
        self.waits.retain(|wait| {
            let Some((word, inbox)) = &wait.of else { return false };
            let how = end(word, wait.expected);
            let stays = how.is_none();
            if let Some(how) = how {
                inbox.put(wait.ticket, how);
            }
            stays
        });
        self.count = self.waits.len();
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Lookout {
    state: Mutex<State>,
    bell: Bell,
    file: Arc<File>,
    /// The path of the file, for messages.
    path: String,
    /// Whether the heap has ended.
    is_closed: AtomicBool,
}

impl Lookout {
    /// Begins to wait while a word is `expected`: `inbox` gets how that has ended. `None`: the word is another.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`FileError::FileFailed`] if the system starts no thread; [`Error::OutOfMetadata`].
    pub fn begin(self: &Arc<Self>, word: Word, expected: u32, inbox: &Arc<Inbox>) -> Result<Option<Ticket>, Error> {
        static TICKETS: AtomicU64 = AtomicU64::new(1);
        let mut state = locked(&self.state);
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        if word.differs(expected) {
            return Ok(None);
        }
        state.waits.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
        // The lookout may sleep already. In this order a change of the word is seen here, or rings.
        self.bell.request();
        if word.differs(expected) {
            return Ok(None);
        }
        inbox.begin()?;
        if !state.is_running {
            state.thread = Some(self.started().inspect_err(|_| inbox.forget())?);
            state.is_running = true;
        }
        // Drawn within the lock, so that later waits of the list have higher tickets.
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        state.waits.push(Wait { ticket, expected, of: Some((word, Arc::clone(inbox))) });
        state.count += 1;
        Ok(Some(ticket))
    }

    /// Ends a wait, since its owner does not want to wait any longer: returns whether the word has changed. `None`: the wait has ended
    /// already, and the inbox says how.
    pub fn end(&self, ticket: Ticket) -> Option<Waited> {
        let mut state = locked(&self.state);
        let at = state.waits.binary_search_by_key(&ticket, |wait| wait.ticket).ok()?;
        let wait = &mut state.waits[at];
        let (word, inbox) = wait.of.take()?;
        inbox.forget();
        let has_changed = word.differs(wait.expected) && !self.file.is_lost();
        state.count -= 1;
        // One walk for as many waits as have ended.
        if state.waits.len() > 2 * state.count + 16 {
            state.waits.retain(|wait| wait.of.is_some());
        }
        Some(if has_changed { Waited::Changed } else { Waited::TimedOut })
    }

    /// The error of a wait that has ended in another way than by a change.
    pub fn error(&self, how: &Ended) -> Option<Error> {
        match how {
            Ended::Changed => None,
            Ended::Closed => Some(Error::Closed),
            Ended::Lost => Some(FileError::FileLost { path: self.path.clone() }.into()),
        }
    }

    /// Ends all waits, since the heap ends, and the thread, which has no map of the file any more when this returns.
    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let thread = {
            let mut state = locked(&self.state);
            state.end_those(|word, expected| {
                let has_changed = word.differs(expected) && !self.file.is_lost();
                Some(if has_changed { Ended::Changed } else { Ended::Closed })
            });
            state.thread.take()
        };
        self.bell.ring_for_all();
        // Where a file is lost, other memory is in the place of the bell, and the thread is left to find out by itself.
        if let Some(thread) = thread
            && !self.file.is_lost()
        {
            // A panic of the thread has been reported by the panic itself.
            let _ended = thread.join();
        }
    }

    fn started(self: &Arc<Self>) -> Result<JoinHandle<()>, Error> {
        let lookout = Arc::clone(self);
        let thread = thread::Builder::new().name("mems-lookout".to_owned()).stack_size(STACK);
        thread.spawn(move || lookout.keep()).map_err(|error| {
            let (path, error) = (self.path.clone(), SystemError::new("clone", &error));
            FileError::FileFailed { path, what: "waited for", error }.into()
        })
    }

    /// What the thread does.
    fn keep(&self) {
        let mut idle_since = None;
        loop {
            let rung = self.bell.rung();
            let Some(most) = self.look(&mut idle_since) else { return };
            self.sleep(rung, most);
        }
    }

    /// Looks at all words. Returns how long the thread may sleep before it looks again, and `None` if it ends.
    fn look(&self, idle_since: &mut Option<Instant>) -> Option<Duration> {
        let mut state = locked(&self.state);
        if state.count != 0 {
            // Before the words are read: see `bell.rs`.
            self.bell.request();
        }
        state.end_those(|word, expected| {
            // Reading the word may be what shows that the file is lost.
            let has_changed = word.differs(expected);
            if self.file.is_lost() { Some(Ended::Lost) } else { has_changed.then_some(Ended::Changed) }
        });
        let most = if let Ok(count @ 1..) = u32::try_from(state.count) {
            *idle_since = None;
            LOOK + LOOK_EACH * count
        } else {
            STAY.saturating_sub(idle_since.get_or_insert_with(Instant::now).elapsed())
        };
        let ends = most.is_zero() || self.is_closed.load(Ordering::SeqCst);
        state.is_running = !ends;
        (!ends).then_some(most)
    }

    /// Sleeps until the bell is rung, if it has not been since it returned `rung`, or the heap ends, or a time is over.
    fn sleep(&self, rung: u32, most: Duration) {
        let begun = Instant::now();
        while self.bell.rung() == rung && !self.is_closed.load(Ordering::SeqCst) {
            let left = most.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            self.bell.sleep(rung, left);
        }
    }
}

impl HeapFile {
    /// Ends all waits of the lookout, and the lookout, since the heap ends.
    pub(in crate::mems) fn end_waits(&self) {
        if let Some(lookout) = &self.lookout {
            lookout.close();
        }
    }
}

impl Mems {
    /// The word at an address, as [`Mems::word`] returns it, and who can look after it.
    ///
    /// # Errors
    /// The errors of [`Mems::word`].
    pub(crate) fn lookout(&mut self, address: u64) -> Result<(Word, Arc<Lookout>), Error> {
        let word = self.word(address)?;
        let file = self.file.as_mut().ok_or(FileError::NotInFile)?;
        if let Some(lookout) = &file.lookout {
            return Ok((word, Arc::clone(lookout)));
        }
        let lookout = Arc::new(Lookout {
            state: Mutex::default(),
            bell: file.bell()?,
            file: Arc::clone(&file.file),
            path: file.path_said(),
            is_closed: AtomicBool::new(false),
        });
        file.lookout = Some(Arc::clone(&lookout));
        Ok((word, lookout))
    }
}
