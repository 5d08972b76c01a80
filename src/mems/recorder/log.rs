//! What calls have done, as words: all that a recorder notes while it holds a heap's lock. The thread that writes the recording makes
//! columns of them.
//!
//! An event is a word with its kind, its first address, and bits that say what comes behind: its other numbers, and then, where they
//! are not those of the event before, the alignment and the thread; and the stack, if stacks are recorded. Texts of marks are kept
//! apart. Events are noted in groups of 64: where a group begins, there is room for all its events, and a word with the time if
//! there is a clock. So an event is noted without a look at either.
//!
//! Invariants: the memory is reserved at once and never grows; while `left` events of a group may be noted, there is room for as many,
//! of [`MOST_WORDS`] each; a push that returns [`Full`] has changed nothing. A log begins with alignment and thread 0, so that each can
//! be read by itself.
//!
//! Costs: two words for a malloc and one for a free.

use crate::recording::{Entry, Event, Flags, Full, Kind, cut_mark};

/// Words of a log: some 11,000 events of a program that frees what it allocates. Several logs of this length stay in a processor's
/// second cache. `WORDS` is a power of two, so that a place modulo `WORDS` needs no check of bounds.
const WORDS: usize = 16 << 10;
/// Bytes of a log's texts.
const TEXTS: usize = 16 << 10;
/// The most words of an event: the first, two more numbers, alignment, thread and stack.
const MOST_WORDS: usize = 6;
/// Events of a group: as many as there are to one of a recording's times.
const GROUP: u32 = 64;

/// The bits of a first word that are its kind.
const KIND: u64 = 0b1111;
/// The kind of a word that is no event, but the time, which is where addresses are.
const TIME: u64 = KIND;
const NEW_ALIGNMENT: u64 = 1 << 4;
const NEW_THREAD: u64 = 1 << 5;
/// Where the address begins. Addresses are below 2^53, and times below 2^58: nine years.
const ADDRESS: u32 = 6;

/// Operations that are being noted.
#[derive(Debug)]
pub(super) struct Log {
    words: Box<[u64; WORDS]>,
    /// How many of the words say something.
    used: usize,
    texts: String,
    has_stacks: bool,
    has_clock: bool,
    /// Events that there is room for, before the next group is begun.
    left: u32,
    /// Events of all groups that were begun.
    begun: u32,
    /// The alignment and the thread of the last event.
    alignment: u64,
    thread: u32,
    /// The thread whose events need no word for a thread or a stack: the last one's. A number that no thread has if stacks are recorded.
    quick: u64,
}

/// No memory for a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoMemory;

impl Log {
    /// An empty log, with all the memory it will ever have: 128 KiB for words, and 16 KiB for texts.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(flags: Flags) -> Result<Self, NoMemory> {
        let words = bytemuck::allocation::try_zeroed_box().map_err(|()| NoMemory)?;
        let mut texts = String::new();
        texts.try_reserve_exact(TEXTS).map_err(|_| NoMemory)?;
        let (has_stacks, has_clock) = (flags.stacks, flags.clock);
        let mut log =
            Self { words, used: 0, texts, has_stacks, has_clock, left: 0, begun: 0, alignment: 0, thread: 0, quick: 0 };
        log.clear();
        Ok(log)
    }

    /// Notes a malloc, if that can be done at once.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "programs make it by the million")]
    pub fn push_malloc(&mut self, address: u64, size: u64, alignment: u64, thread: u32) -> bool {
        if self.left == 0 || u64::from(thread) != self.quick || alignment != self.alignment {
            return false;
        }
        debug_assert!(self.used + 2 <= WORDS, "the group has room");
        self.words[self.used % WORDS] = address << ADDRESS | Kind::Malloc as u64;
        self.words[(self.used + 1) % WORDS] = size;
        self.used += 2;
        self.left -= 1;
        true
    }

    /// Notes a free, if that can be done at once.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as `push_malloc`")]
    pub fn push_free(&mut self, address: u64, thread: u32) -> bool {
        if self.left == 0 || u64::from(thread) != self.quick {
            return false;
        }
        debug_assert!(self.used < WORDS, "the group has room");
        self.words[self.used % WORDS] = address << ADDRESS | Kind::Free as u64;
        self.used += 1;
        self.left -= 1;
        true
    }

    /// Makes a thread the one of the last event.
    fn set_thread(&mut self, thread: u32) {
        self.thread = thread;
        self.quick = if self.has_stacks { u64::MAX } else { thread.into() };
    }

    /// Notes an operation of a thread, with no stack.
    ///
    /// # Errors
    /// [`Full`], and nothing has changed: a group has to be begun, or for a mark there is no room in this log.
    pub fn push(&mut self, event: Event<'_>, thread: u32) -> Result<(), Full> {
        if self.left == 0 {
            return Err(Full);
        }
        let (address, numbers, alignment) = match event {
            Event::Main { address, bytes } | Event::Grow { address, bytes } => (address, [Some(bytes), None], None),
            Event::Block { address, size, alignment } | Event::Malloc { address, size, alignment } => {
                (address, [Some(size), None], Some(alignment))
            }
            Event::Free { address } => (address, [None; 2], None),
            Event::Realloc { from, to, size, alignment } => (from, [Some(size), Some(to)], Some(alignment)),
            Event::RefusedMalloc { size, alignment } => (0, [Some(size), None], Some(alignment)),
            Event::RefusedRealloc { from, size } => (from, [Some(size), None], None),
            Event::Trim { bytes } => (0, [Some(bytes), None], None),
            Event::Mark(text) => (self.push_text(text)?, [None; 2], None),
        };
        let new_alignment = alignment.filter(|&alignment| alignment != self.alignment);
        let new_thread = (thread != self.thread).then_some(thread);
        let bits = if new_alignment.is_some() { NEW_ALIGNMENT } else { 0 };
        let bits = if new_thread.is_some() { bits | NEW_THREAD } else { bits };
        self.alignment = new_alignment.unwrap_or(self.alignment);
        self.set_thread(thread);
        let first = address << ADDRESS | bits | event.kind() as u64;
        let stack = self.has_stacks.then_some(0);
        let words = [Some(first), numbers[0], numbers[1], new_alignment, new_thread.map(u64::from), stack];
        debug_assert!(self.used + MOST_WORDS <= WORDS, "the group has room");
        for word in words.into_iter().flatten() {
            self.words[self.used % WORDS] = word;
            self.used += 1;
        }
        self.left -= 1;
        Ok(())
    }

    /// Makes room for the next events, if there is none. `now` returns the nanoseconds since the recording began; it is not called
    /// without a clock.
    ///
    /// # Errors
    /// [`Full`], and nothing has changed.
    pub fn begin_group(&mut self, now: impl FnOnce() -> u64) -> Result<(), Full> {
        if self.left > 0 {
            return Ok(());
        }
        if self.used + 1 + GROUP as usize * MOST_WORDS > WORDS {
            return Err(Full);
        }
        if self.has_clock {
            self.words[self.used] = now() << ADDRESS | TIME;
            self.used += 1;
        }
        (self.left, self.begun) = (GROUP, self.begun + GROUP);
        Ok(())
    }

    /// Keeps a mark's text. Returns its length in bytes.
    #[cold]
    fn push_text(&mut self, text: &str) -> Result<u64, Full> {
        let text = cut_mark(text);
        if self.texts.len() + text.len() > TEXTS {
            return Err(Full);
        }
        self.texts.push_str(text);
        Ok(text.len() as u64)
    }

    /// Gives the last event the stack that is known by now. Nothing happens unless stacks are recorded.
    pub fn set_last_stack(&mut self, stack: u32) {
        if self.has_stacks
            && let Some(last) = self.words[..self.used].last_mut()
        {
            *last = u64::from(stack);
        }
    }

    /// The number of events.
    pub const fn events(&self) -> u32 {
        self.begun - self.left
    }

    /// Forgets the events. The memory stays.
    pub fn clear(&mut self) {
        self.texts.clear();
        (self.used, self.left, self.begun, self.alignment) = (0, 0, 0, 0);
        self.set_thread(0);
    }

    /// The events, in the order in which they were noted.
    pub fn entries(&self) -> Entries<'_> {
        Entries {
            words: &self.words[..self.used],
            texts: &self.texts,
            has_stacks: self.has_stacks,
            alignment: 0,
            thread: 0,
            time: 0,
        }
    }
}

/// The events of a [`Log`], one by one.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    words: &'a [u64],
    texts: &'a str,
    has_stacks: bool,
    alignment: u64,
    thread: u32,
    time: u64,
}

impl<'a> Entries<'a> {
    #[inline]
    fn word(&mut self) -> Option<u64> {
        let (&word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    #[inline]
    fn short(&mut self) -> Option<u32> {
        u32::try_from(self.word()?).ok()
    }

    /// The next first word of an event.
    #[inline]
    fn first(&mut self) -> Option<u64> {
        let mut first = self.word()?;
        while first & KIND == TIME {
            self.time = first >> ADDRESS;
            first = self.word()?;
        }
        Some(first)
    }

    fn text(&mut self, bytes: u64) -> Option<&'a str> {
        let (text, rest) = self.texts.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.texts = rest;
        Some(text)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let first = self.first()?;
        #[allow(clippy::cast_possible_truncation, reason = "four bits")]
        let (kind, address) = (Kind::of((first & KIND) as u8)?, first >> ADDRESS);
        let size = if matches!(kind, Kind::Free | Kind::Mark) { 0 } else { self.word()? };
        let to = if kind == Kind::Realloc { self.word()? } else { 0 };
        if first & NEW_ALIGNMENT != 0 {
            self.alignment = self.word()?;
        }
        if first & NEW_THREAD != 0 {
            self.thread = self.short()?;
        }
        let stack = if self.has_stacks { self.short()? } else { 0 };
        let alignment = self.alignment;
        let event = match kind {
            Kind::Main => Event::Main { address, bytes: size },
            Kind::Block => Event::Block { address, size, alignment },
            Kind::Malloc => Event::Malloc { address, size, alignment },
            Kind::Free => Event::Free { address },
            Kind::Realloc => Event::Realloc { from: address, to, size, alignment },
            Kind::RefusedMalloc => Event::RefusedMalloc { size, alignment },
            Kind::RefusedRealloc => Event::RefusedRealloc { from: address, size },
            Kind::Grow => Event::Grow { address, bytes: size },
            Kind::Trim => Event::Trim { bytes: size },
            Kind::Mark => Event::Mark(self.text(address)?),
        };
        Some(Entry { event, thread: self.thread, stack, time: self.time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An event by numbers, so that there is nothing in it to be borrowed.
    fn event(kind: u8, address: u64, size: u64, alignment: u64, text: &str) -> Event<'_> {
        match Kind::of(kind).unwrap() {
            Kind::Main => Event::Main { address, bytes: size },
            Kind::Block => Event::Block { address, size, alignment },
            Kind::Malloc => Event::Malloc { address, size, alignment },
            Kind::Free => Event::Free { address },
            Kind::Realloc => Event::Realloc { from: address, to: size >> 11, size, alignment },
            Kind::RefusedMalloc => Event::RefusedMalloc { size, alignment },
            Kind::RefusedRealloc => Event::RefusedRealloc { from: address, size },
            Kind::Grow => Event::Grow { address, bytes: size },
            Kind::Trim => Event::Trim { bytes: size },
            Kind::Mark => Event::Mark(text),
        }
    }

    proptest! {
        #[test]
        fn events_are_read_as_they_were_noted(
            events in prop::collection::vec((0..10_u8, 0..1_u64 << 53, any::<u64>(), 0..3_u32, ".{0,20}", 0..3_u32, any::<u32>()), 0..300),
            clock: bool,
            stacks: bool,
            quick: bool,
        ) {
            let mut log = Log::new(Flags { clock, stacks }).unwrap();
            for round in 0..2 {
                let mut expected = Vec::new();
                let mut time = 0;
                for (place, (kind, address, size, alignment, text, thread, stack)) in events.iter().enumerate() {
                    let event = event(*kind, *address, *size, 1 << alignment, text);
                    if place % 64 == 0 {
                        prop_assert_eq!(log.push(event, *thread), Err(Full));
                        time = if clock { place as u64 + 1 } else { 0 };
                    }
                    log.begin_group(|| place as u64 + 1).unwrap();
                    let is_noted = quick && match event {
                        Event::Malloc { address, size, alignment } => log.push_malloc(address, size, alignment, *thread),
                        Event::Free { address } => log.push_free(address, *thread),
                        _ => false,
                    };
                    if !is_noted {
                        log.push(event, *thread).unwrap();
                    }
                    log.set_last_stack(*stack);
                    expected.push(Entry { event, thread: *thread, stack: if stacks { *stack } else { 0 }, time });
                }
                prop_assert_eq!(log.entries().collect::<Vec<_>>(), expected, "round {}", round);
                prop_assert_eq!(log.events() as usize, events.len());
                log.clear();
                prop_assert_eq!(log.entries().next(), None);
            }
        }
    }

    #[test]
    fn a_log_that_is_full_stays_as_it_is_and_never_grows() {
        for flags in [Flags::default(), Flags { clock: true, stacks: true }] {
            let mut log = Log::new(flags).unwrap();
            let reserved = log.texts.capacity();
            let mut pushed = 0;
            while log.begin_group(|| 1).is_ok() {
                log.push(Event::Malloc { address: pushed, size: 8, alignment: 1 + pushed % 2 }, 0).unwrap();
                pushed += 1;
            }
            assert_eq!(log.entries().count() as u64, pushed);
            assert_eq!(log.push(Event::Mark("a"), 0), Err(Full));
            assert!(log.entries().count() as u64 == pushed && log.texts.is_empty());

            log.clear();
            let text = "é".repeat(crate::recording::MOST_TEXT);
            log.begin_group(|| 1).unwrap();
            let marks = (0..100).take_while(|_| log.push(Event::Mark(&text), 0).is_ok()).count();
            assert_eq!((marks, log.entries().count()), (4, 4), "a text is cut");
            assert!(log.push(Event::Mark(""), 0).is_ok());
            assert_eq!(log.texts.capacity(), reserved);
        }
    }

    #[test]
    fn a_group_has_room_for_the_longest_events_wherever_it_begins() {
        for (clock, short) in [false, true].into_iter().flat_map(|clock| (0..5 * 64).map(move |short| (clock, short))) {
            let mut log = Log::new(Flags { clock, stacks: true }).unwrap();
            let mut expected = Vec::new();
            while log.begin_group(|| 1).is_ok() {
                let number = expected.len() as u64;
                let longest = Event::Realloc { from: number, to: number + 1, size: 8, alignment: 1 + number % 2 };
                let event = if number < short { Event::Free { address: number } } else { longest };
                log.push(event, if number.is_multiple_of(2) { 1 } else { 2 }).unwrap();
                expected.push(event);
            }
            assert!(log.entries().map(|entry| entry.event).eq(expected));
        }
    }
}
