//! Main blocks that a heap appends for requests that no hole serves.
//!
//! What can fail comes first, what changes something last: a request that is refused has changed nothing.
//!
//! Costs: a system call where a new region is reserved, and O(log n) for the bookkeeping.

use crate::error::Error;
use crate::heap::{PAGE, is_size};
use crate::memory::{Tables, tables};
use crate::mems::block::Sizes;
use crate::mems::{EngineTables, Mems};

impl Mems {
    /// Makes room for a block at `alignment`, and allocates it there.
    #[cold]
    pub(crate) fn allocate_in_new_block(&mut self, sizes: Sizes, alignment: u64) -> Result<u64, Error> {
        // Where the engine rounds sizes up it takes longer ones than a program may ask for. No hole is large enough for one.
        if !is_size(sizes.asked) {
            return Err(Error::InvalidSize { size: sizes.asked.to_string() });
        }
        #[cfg(feature = "c-abi")]
        if self.is_in_file() {
            let room = self.heap.room_for(sizes.whole, alignment);
            return self.allocate_in_new_extent(room, sizes.asked, |heap| {
                heap.heap.malloc_aligned(sizes.whole, alignment, |_| Ok(()))
            });
        }
        if self.heap.release_spare() {
            let note = |address| self.padding.set(address, sizes.padding);
            if let Some(address) = self.heap.malloc_aligned(sizes.whole, alignment, note)? {
                return Ok(address);
            }
        }
        let before = self.heap.mark();
        match self.try_in_new_block(sizes, alignment) {
            Err(refused) => {
                self.empty_front();
                self.go_back(&before, 0);
                // What the front and the caches have just given back may be enough.
                let note = |address| self.padding.set(address, sizes.padding);
                self.heap.malloc_aligned(sizes.whole, alignment, note)?.ok_or(refused)
            }
            made => made,
        }
    }

    /// [`Mems::allocate_in_new_block`], which leaves the main block behind if it fails.
    fn try_in_new_block(&mut self, Sizes { asked, whole, padding }: Sizes, alignment: u64) -> Result<u64, Error> {
        let hole = self.append_block(self.heap.room_for(whole, alignment), asked)?;
        let note = |address| self.padding.set(address, padding);
        let address = self.heap.malloc_in_new_block(hole, whole, alignment, note)?;
        address.ok_or_else(|| Error::Corrupt(format!("{whole} bytes do not fit a new main block")))
    }

    /// Appends a main block with `needed` bytes of room, for a request of `size`, and returns the address of its hole. What can fail
    /// comes first, what changes something last.
    #[cold]
    fn append_block(&mut self, needed: u64, size: u64) -> Result<u64, Error> {
        let left = self.room_left();
        let bytes = self.heap.bytes_to_append(needed, left, |missing| self.regions.has_room(missing));
        let bytes = bytes.map_err(|block| {
            let available = left.max(self.heap.stats().largest_hole);
            Error::LimitReached { size, block, limit: self.options().max_size(), available }
        })?;
        let room = self.regions.find_room(bytes).map_err(|refused| {
            // A block below the least length of main blocks is no easier to have.
            let new_block = if refused.available < self.options().min_block_size() { 0 } else { refused.available };
            let available = new_block.max(self.heap.stats().largest_hole);
            match refused.most_mappings {
                None => Error::OutOfMemory { size, block: bytes, available },
                Some(most) => Error::TooManyMappings { size, most, available },
            }
        })?;
        // Before the bookkeeping is made, which must not stay without a main block. What is locked may: it is locked again.
        if self.options().lock() {
            self.regions.lock(&room).map_err(|limit| Error::LockLimit { bytes, limit })?;
        }
        if self.heap.needs_table(bytes) {
            self.make_tables(self.regions.first_bytes().unwrap_or(room.region_bytes()));
        }
        self.heap.reserve_block(bytes).map_err(|_| Error::OutOfMetadata { size })?;
        let border = room.begins_region();
        self.regions.carve(room);
        if border {
            self.heap.limit_fronts(self.regions.end_of_first());
        }
        self.events.grow(bytes);
        Ok(self.heap.append_block(bytes, border))
    }

    /// Makes the engine's tables, in a heap whose first region has `bytes`, if the engine takes any and there is room.
    #[cold]
    pub(super) fn make_tables(&mut self, bytes: usize) {
        if let Some(bytes) = self.heap.takes_table(bytes as u64)
            && let Some(Tables { words, word, bytes, mapping }) = tables(bytes, self.options().dont_fork())
        {
            self.heap.set_table(bytes, word);
            self.tables = Some(EngineTables { mapping, words: Some(words) });
        }
    }

    /// Bytes that main blocks may still get.
    fn room_left(&self) -> u64 {
        (self.options().max_size() / PAGE * PAGE).saturating_sub(self.heap.mapped())
    }
}
