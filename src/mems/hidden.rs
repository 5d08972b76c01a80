//! Hidden blocks: freed, but not to be handed out yet. To the heap below they are live, to all callers they are free.
//!
//! A hardened heap keeps freed blocks in a quarantine. And what takes long is done to a freed block without the heap's lock:
//! clearing it, giving its pages back, checking whether it was written to. Until that is done the block is hidden.
//!
//! Invariants: a block is in `queue` at most once, and then in `blocks`; a block in `blocks` alone is being worked on by the call
//! that freed it, or by the call that needs its room in quarantine. The sums are over `blocks` and over `queue`.

use std::collections::{HashMap, TryReserveError, VecDeque};
use std::ops::Range;

/// Most blocks in quarantine.
const BLOCKS: usize = 1 << 16;

/// Most bytes in quarantine, unless a single call frees more, or larger blocks have yet to be looked at.
pub(crate) const BYTES: u64 = 32 << 20;

/// A hidden block.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The whole length of the block.
    length: u64,
    /// How many bytes of the block were not requested.
    padding: u64,
    /// How many bytes of the block, from its start, have been checked since it became the oldest in quarantine.
    checked: u64,
}

/// The hidden blocks of one heap, by their starts.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    blocks: HashMap<u64, Entry>,
    /// The starts of the blocks in quarantine, the oldest first.
    queue: VecDeque<u64>,
    bytes: u64,
    queued_bytes: u64,
    padding: u64,
}

impl Hidden {
    /// The addresses of the hidden block that starts at an address.
    pub fn get(&self, start: u64) -> Option<Range<u64>> {
        self.blocks.get(&start).map(|entry| start..start + entry.length)
    }

    /// Whether no block is hidden.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Number of hidden blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether no block is in quarantine.
    pub fn is_quarantine_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes in hidden blocks.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes in hidden blocks that were requested.
    pub const fn requested(&self) -> u64 {
        self.bytes - self.padding
    }

    /// All blocks in quarantine, the oldest first.
    pub fn quarantined(&self) -> impl Iterator<Item = Range<u64>> {
        self.queue.iter().filter_map(|&start| self.get(start))
    }

    /// Makes room for `blocks` more hidden blocks.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn reserve(&mut self, blocks: usize) -> Result<(), TryReserveError> {
        self.blocks.try_reserve(blocks)?;
        // Blocks that are only hidden need room, too: they may go into quarantine.
        self.queue.try_reserve((self.blocks.len() + blocks).saturating_sub(self.queue.len()))
    }

    /// Hides a block, for which there is room. `padding`: how many bytes of it were not requested.
    pub fn hide(&mut self, block: Range<u64>, padding: u64) {
        let length = block.end - block.start;
        let before = self.blocks.insert(block.start, Entry { length, padding, checked: 0 });
        debug_assert!(before.is_none(), "it is hidden once");
        self.bytes += length;
        self.padding += padding;
    }

    /// Puts a hidden block in quarantine, behind all others.
    pub fn queue(&mut self, start: u64) {
        let entry = self.blocks.get(&start).expect("it is hidden");
        self.queued_bytes += entry.length;
        self.queue.push_back(start);
    }

    /// The oldest block in quarantine, if `blocks` more, of `bytes` in sum, are too many.
    pub fn surplus(&self, blocks: usize, bytes: u64) -> Option<Range<u64>> {
        let full = self.queue.len() + blocks > BLOCKS || self.queued_bytes.saturating_add(bytes) > BYTES;
        self.get(*self.queue.front().filter(|_| full)?)
    }

    /// Takes the oldest block out of quarantine. It stays hidden.
    pub fn next(&mut self) -> Option<Range<u64>> {
        let start = self.queue.pop_front()?;
        let block = self.get(start).expect("what is in quarantine is hidden");
        self.queued_bytes -= block.end - block.start;
        Some(block)
    }

    /// Puts the block that [`Hidden::next`] has returned last back as the oldest in quarantine, after its first `checked` bytes
    /// have been checked.
    pub fn put_back(&mut self, start: u64, checked: u64) {
        let entry = self.blocks.get_mut(&start).expect("it is hidden");
        entry.checked = checked;
        self.queued_bytes += entry.length;
        self.queue.push_front(start);
    }

    /// How many bytes of a hidden block, from its start, have been checked.
    pub fn checked(&self, start: u64) -> u64 {
        self.blocks.get(&start).map_or(0, |entry| entry.checked)
    }

    /// Ends the hiding of a block that is not in quarantine.
    pub fn show(&mut self, start: u64) {
        let entry = self.blocks.remove(&start).expect("it is hidden");
        self.bytes -= entry.length;
        self.padding -= entry.padding;
    }

    /// Bytes of bookkeeping.
    pub fn metadata(&self) -> usize {
        self.blocks.capacity() * (size_of::<(u64, Entry)>() + 1) + self.queue.capacity() * size_of::<u64>()
    }
}
