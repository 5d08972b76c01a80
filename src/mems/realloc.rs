//! Giving a block another size: in place where what follows it allows that, else as a new block, to which its bytes are copied.
//!
//! A realloc is done in two steps, so that a caller that holds a lock can copy or clear without it: `start_realloc` makes room, or
//! splits off the end that is to be cleared, and returns a [`Realloc`], which says what is left to do. Whatever fails, fails
//! before the block is touched: notes that need memory are taken first, and restored if the heap refuses.
//!
//! Amortized O(log n) for n segments, besides the bytes that are copied or cleared.

use crate::error::Error;
use crate::heap::{Mark, Resized};
use crate::memory::Span;
#[cfg(feature = "node")]
use crate::mems::Made;
use crate::mems::Mems;
use crate::mems::access::Access;
use crate::mems::block::{Block, Sizes};
use crate::mems::hardened::is_large;
use crate::mems::purge::give_pages_back;
use crate::mems::steps::{allocate, free, settle};

/// A realloc half done: the new block is there and the old one still is, if there are two.
#[derive(Debug)]
#[must_use = "the bytes are to be copied, and the old block is to be freed"]
pub struct Realloc {
    /// The address of the block that has the new size.
    pub address: u64,
    /// The new bytes and the old ones, which are to be copied; then the old block is to be freed. `None`: it was resized
    /// in place.
    pub copy: Option<(Span, Span)>,
    /// The end that the block has lost, if it has to be cleared first: a hidden block, and its bytes.
    pub(crate) tail: Option<(u64, Span)>,
    /// Whether pages are to be given back.
    pub(crate) pages: bool,
    /// If the block moves: the state of the heap before the new block was made.
    pub(crate) before: Option<Mark>,
}

/// Resizes the block at `old`. `start` is the first step, which is tried a second time if a quarantine can be emptied for it. If
/// the block has moved, its bytes are copied without the lock, however many they are, and the old block is freed; `freed` is
/// called then, with the heap locked. Returns the new address.
///
/// # Errors
/// The errors of `start`; the errors of [`Mems::free`], with the new block taken back; [`Error::Closed`] or [`Error::Finished`] if the heap
/// has ended in between.
pub(crate) fn realloc(
    heap: &mut impl Access,
    old: u64,
    start: impl FnMut(&mut Mems) -> Result<Realloc, Error>,
    freed: impl FnOnce(&mut Mems),
) -> Result<u64, Error> {
    let moved = allocate(heap, start)?;
    let Realloc { address, copy, tail, mut pages, before } = moved;
    if let Some((to, from)) = copy {
        to.copy_from(&from);
        // Another thread may have freed the old block meanwhile.
        free(heap, old, freed).inspect_err(|_| take_back(heap, address, before.as_ref()))?;
        return Ok(address);
    }
    if let Some((tail, bytes)) = tail {
        bytes.clear();
        // A heap that has ended meanwhile has given the pages back.
        pages = heap.with(|heap| heap.free_tail(tail)).unwrap_or(false);
    }
    if pages {
        give_pages_back(heap);
    }
    Ok(address)
}

/// Takes back a block that was not returned to a caller, since what it was made for has failed: it counts as no call. If no other
/// call has changed the heap since, the heap is as it was `before`.
fn take_back(heap: &mut impl Access, address: u64, before: Option<&Mark>) {
    let taken_back = |heap: &mut Mems, bytes| {
        heap.heap.forget_pair(bytes);
        if let Some(before) = before {
            heap.go_back(before, 1);
        }
    };
    let hidden = heap.with(|heap| {
        heap.forget_stacks(address);
        // Another thread may have guessed the address, and freed it.
        let Ok((_, whole)) = heap.starting(address) else { return Ok(None) };
        heap.record_free(address);
        if heap.options().zero_on_free() && is_large(whole) && heap.hidden.reserve(1).is_ok() {
            heap.hide(address, whole);
            return Ok(Some((heap.bytes(address, whole), whole)));
        }
        heap.discard(address)?;
        taken_back(heap, whole);
        Ok(None)
    });
    if let Ok(Some((bytes, whole))) = hidden {
        bytes.clear();
        settle(&heap.with(|heap| {
            heap.show(address)?;
            taken_back(heap, whole);
            Ok(())
        }));
    }
    give_pages_back(heap);
}

impl Mems {
    /// Resizes the block that starts at `address` to `size` bytes, in place if what follows it allows, else as a new block
    /// to which the caller copies. The block keeps the alignment that it was allocated with. Amortized O(log n).
    ///
    /// # Errors
    /// The errors of [`Mems::free`] and [`Mems::malloc`]; nothing has changed then.
    pub fn start_realloc(&mut self, address: u64, size: u64) -> Result<Realloc, Error> {
        self.start_realloc_aligned(address, size, None)
    }

    /// [`Mems::start_realloc`] for a block whose physical address has to be a multiple of `alignment` from now on, if an alignment
    /// is given.
    ///
    /// # Errors
    /// The errors of [`Mems::free`] and [`Mems::malloc_aligned`]; nothing has changed then.
    pub fn start_realloc_aligned(&mut self, address: u64, size: u64, alignment: Option<u64>) -> Result<Realloc, Error> {
        #[cfg(feature = "c-abi")]
        self.check_writable()?;
        let (block, whole) = self.starting(address)?;
        let sizes = self.sizes(size)?;
        let alignment = alignment.unwrap_or_else(|| self.aligned.get(address));
        self.check_alignment(alignment)?;
        // A hardened heap always moves the block, so that uses of the old address are detected.
        let is_noted = alignment > self.options().alignment();
        let stays = self.is_aligned(address, alignment) && (!is_noted || self.heap.can_mark_noted(address));
        if self.options().hardened() || !stays {
            return self.start_move(block, size, alignment);
        }
        if alignment > self.options().alignment() {
            self.aligned.reserve().map_err(|_| Error::OutOfMetadata { size })?;
        }
        if self.options().zero_on_free() && is_large(whole.saturating_sub(self.heap.room_for(sizes.whole, 1))) {
            return match self.start_shrink(block, sizes)? {
                Some(shrunk) => {
                    self.note_alignment(address, alignment);
                    self.record_resize(address, size, alignment);
                    Ok(shrunk)
                }
                None => self.start_move(block, size, alignment),
            };
        }
        let padding = self.padding.get(address);
        // The note comes first, since it can fail.
        self.padding.set(address, sizes.padding).map_err(|_| Error::OutOfMetadata { size })?;
        self.padding.forget(padding);
        let resized = self.heap.resize(address, sizes.whole);
        if !matches!(resized, Ok(Resized::InPlace { .. })) {
            // The block is as it was.
            let restored = self.padding.set(address, padding);
            debug_assert!(restored.is_ok(), "there is a place for it, since there was");
            self.padding.forget(sizes.padding);
        }
        match resized? {
            Resized::InPlace { freed } => {
                self.note_use(address, address + sizes.whole + self.heap.padding(address));
                self.note_alignment(address, alignment);
                if self.options().zero_on_free() {
                    // Clear what the block has lost, and the padding that it has kept.
                    self.regions.fill(address + size, 0, whole.saturating_sub(size));
                }
                self.record_resize(address, size, alignment);
                let pages = freed.is_some_and(|freed| self.note_freed(&freed));
                Ok(Realloc { address, copy: None, tail: None, pages, before: None })
            }
            Resized::NoRoom => self.start_move(block, size, alignment),
        }
    }

    /// Shortens a block. The end that it loses is hidden until it has been cleared, and is freed by [`Mems::free_tail`] then.
    /// `None`: the heap's engine does not split live blocks, and nothing has changed.
    fn start_shrink(&mut self, block: Block, sizes: Sizes) -> Result<Option<Realloc>, Error> {
        let failed = |_| Error::OutOfMetadata { size: sizes.asked };
        let (address, tail) = (block.start, block.start + sizes.whole);
        self.hidden.reserve(1).map_err(failed)?;
        let padding = self.padding.get(address);
        self.padding.set(address, sizes.padding).map_err(failed)?;
        self.padding.forget(padding);
        let split = self.heap.split(address, sizes.whole);
        if !matches!(split, Ok(true)) {
            let restored = self.padding.set(address, padding);
            debug_assert!(restored.is_ok(), "there is a place for it, since there was");
            self.padding.forget(sizes.padding);
            return split.map(|_| None);
        }
        // Whatever was noted there before: noting no padding needs no memory.
        let noted = self.padding.set(tail, 0);
        debug_assert!(noted.is_ok(), "it needs no memory");
        let length = block.start + block.usable - tail;
        self.hide(tail, length);
        Ok(Some(Realloc {
            address,
            copy: None,
            tail: Some((tail, self.bytes(tail, length))),
            pages: false,
            before: None,
        }))
    }

    /// Frees the end that [`Mems::start_realloc`] has split off a block, and that has been cleared. Returns whether pages are
    /// to be given back now.
    pub(crate) fn free_tail(&mut self, tail: u64) -> Result<bool, Error> {
        self.end_hiding(tail);
        let freed = self.heap.free_tail(tail)?;
        Ok(self.note_freed(&freed))
    }

    /// Allocates `size` bytes, aligned to `alignment`, to which the block `old` moves.
    fn start_move(&mut self, old: Block, size: u64, alignment: u64) -> Result<Realloc, Error> {
        let before = Some(self.heap.mark());
        let address = self.malloc_aligned(size, alignment)?;
        let bytes = old.usable.min(size);
        let copy = Some((self.bytes(address, bytes), self.bytes(old.start, bytes)));
        Ok(Realloc { address, copy, tail: None, pages: false, before })
    }

    /// Moves the slot that starts at `address` to another of `size` bytes, in a heap whose blocks need nothing else done: most calls
    /// of realloc that move a block do. Returns the new block. `None`: nothing has changed, and [`realloc`] knows all cases.
    /// O(size).
    #[cfg(feature = "node")]
    pub(crate) fn move_slot(&mut self, address: u64, size: u64) -> Option<Made> {
        if !self.plain || size == 0 {
            return None;
        }
        let (old, is_kept) = self.heap.slot_at(address, size)?;
        if is_kept {
            return None;
        }
        let made = match self.heap.malloc_at_hand(size) {
            Some(address) => Made::InPlace(address),
            None => self.malloc_with_growth(size).ok()?,
        };
        let (Made::InPlace(moved) | Made::WithGrowth(moved)) = made;
        self.regions.copy(moved, address, old.min(size));
        if self.free(address).is_err() {
            // Another thread's front has freed it meanwhile.
            self.take_back_some(&[moved]);
            return None;
        }
        Some(made)
    }

    /// Resizes the block that starts at `address` to `size` bytes, keeping what it holds, and returns its address, which
    /// may be another. Amortized O(log n), and O(size) where the block moves.
    ///
    /// # Errors
    /// The errors of [`Mems::start_realloc`].
    pub fn realloc(&mut self, address: u64, size: u64) -> Result<u64, Error> {
        self.realloc_aligned(address, size, None)
    }

    /// [`Mems::realloc`] for a block whose physical address has to be a multiple of `alignment` from now on, if an alignment is
    /// given.
    ///
    /// # Errors
    /// The errors of [`Mems::start_realloc_aligned`].
    pub fn realloc_aligned(&mut self, address: u64, size: u64, alignment: Option<u64>) -> Result<u64, Error> {
        realloc(self, address, |heap| heap.start_realloc_aligned(address, size, alignment), |_| ())
    }
}
