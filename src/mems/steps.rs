//! Calls in steps: what takes long is done in several steps, so that no thread waits long for the heap's lock.
//!
//! A step under the lock takes at most a millisecond or two. Giving pages back to the system is done step by step, and waiting
//! threads go first between two steps. Clearing or checking a large block, and giving its pages back, is done without the lock:
//! the block is hidden before (`hidden.rs`), so that it is not handed out, and a second `free` finds it freed.
//!
//! Invariant: a step under the lock leaves a sound heap behind, whatever other calls do before the next step; each step looks
//! anew at all that it works on. The heap may even end in between.

use crate::error::Error;
use crate::memory::Span;
use crate::mems::Mems;
use crate::mems::access::Access;
use crate::mems::events::count_refusal;
use crate::mems::hardened::{self, PIECE, Way, is_large};
use crate::mems::purge::give_pages_back;
use std::ops::Range;

/// What is left to do after the first step of a `free`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what is left has to be done"]
pub(crate) enum Left {
    /// Nothing.
    Nothing,
    /// The block is free; pages are to be given back.
    Pages,
    /// The block is not free yet: freeing it takes longer.
    Block,
}

/// What a step of freeing a block leaves to do without the lock.
enum Step {
    /// Nothing.
    Done,
    /// Nothing, but there are more steps.
    Again,
    /// The block is hidden, and has to be cleared.
    Clear(Span),
    /// The block is hidden, and has to be filled.
    Fill(Span),
    /// Another block has been taken out of quarantine, and has to be checked.
    Check(Suspect),
}

/// A large block that leaves quarantine once all of its bytes have been checked.
struct Suspect {
    block: Range<u64>,
    bytes: Span,
    /// How many bytes have been checked, from the block's start.
    checked: u64,
    /// Whether the block is cleared when it leaves.
    clear: bool,
}

/// Does what is left after [`Mems::start_free`]. Calls `freed`, with the heap locked, when the block has been freed.
///
/// # Errors
/// The errors of [`Mems::free`].
#[cold]
pub(crate) fn finish_free(
    heap: &mut impl Access,
    address: u64,
    left: Left,
    freed: impl FnOnce(&mut Mems),
) -> Result<(), Error> {
    match left {
        Left::Nothing => return Ok(()),
        Left::Pages => {}
        Left::Block => free_block(heap, address, freed)?,
    }
    give_pages_back(heap);
    Ok(())
}

/// Frees a block.
///
/// # Errors
/// The errors of [`Mems::free`].
pub(crate) fn free(heap: &mut impl Access, address: u64, freed: impl FnOnce(&mut Mems)) -> Result<(), Error> {
    let mut freed = Some(freed);
    let left = heap.with(|heap| {
        let left = heap.start_free(address)?;
        if left != Left::Block
            && let Some(freed) = freed.take()
        {
            freed(heap);
        }
        Ok(left)
    })?;
    finish_free(heap, address, left, |heap| {
        if let Some(freed) = freed {
            freed(heap);
        }
    })
}

/// Frees a block that takes more than a step.
fn free_block(heap: &mut impl Access, address: u64, freed: impl FnOnce(&mut Mems)) -> Result<(), Error> {
    let (mut freed, mut spent) = (Some(freed), 0);
    loop {
        let step = heap.with(|heap| {
            let step = heap.free_step(address, spent)?;
            // From here on the block is free to all other callers.
            if !matches!(step, Step::Again | Step::Check(..))
                && let Some(freed) = freed.take()
            {
                freed(heap);
            }
            Ok(step)
        })?;
        match step {
            Step::Done => return Ok(()),
            Step::Again => {
                spent += PIECE;
                heap.give_way();
            }
            Step::Check(suspect) => spent += look_at(heap, &suspect, PIECE)?,
            Step::Fill(bytes) => {
                hardened::fill_freed(&bytes);
                settle(&heap.with(|heap| {
                    heap.hidden.queue(address);
                    Ok(())
                }));
                return Ok(());
            }
            Step::Clear(bytes) => {
                bytes.clear();
                settle(&heap.with(|heap| heap.show(address)));
                return Ok(());
            }
        }
    }
}

/// Checks the next `most` bytes of a block that leaves quarantine. The block is free if these were its last bytes, and back in
/// quarantine if not. Returns how many bytes were checked.
///
/// # Errors
/// [`Error::WriteAfterFree`]; the block is free then.
fn look_at(heap: &mut impl Access, suspect: &Suspect, most: u64) -> Result<u64, Error> {
    let Suspect { block, bytes, checked, clear } = suspect;
    let (start, length) = (block.start, block.end - block.start);
    let stop = length.min(checked.saturating_add(most));
    let found = hardened::check_fill(block, bytes, *checked..stop);
    if found.is_ok() && stop < length {
        heap.with(|heap| {
            heap.hidden.put_back(start, stop);
            Ok(())
        })?;
        return Ok(stop - checked);
    }
    if *clear {
        bytes.clear();
    }
    heap.with(|heap| heap.show(start))?;
    found?;
    Ok(stop - checked)
}

/// Makes room in quarantine for `blocks` blocks, of `bytes` in sum, that are freed next: all the room that they need, or what
/// checking as many bytes of large blocks, at least [`PIECE`], makes; a step in which small blocks leave counts as a [`PIECE`].
///
/// # Errors
/// [`Error::WriteAfterFree`] for a write that has not been reported yet, or to a block that leaves.
pub(crate) fn make_way(heap: &mut impl Access, blocks: usize, bytes: u64) -> Result<(), Error> {
    let mut spent = 0;
    while spent < bytes.max(PIECE) {
        let step = heap.with(|heap| {
            heap.tell_of_write()?;
            heap.way_step(blocks, bytes)
        })?;
        match step {
            None => break,
            Some(Step::Check(suspect)) => spent += look_at(heap, &suspect, PIECE)?,
            Some(_) => {
                spent += PIECE;
                heap.give_way();
            }
        }
    }
    Ok(())
}

/// Calls `allocate` with the heap locked. If it finds no room, the blocks in quarantine are freed, and it is called once more.
///
/// # Errors
/// What `allocate` returns; [`Error::Closed`] or [`Error::Finished`] if the heap has ended in between.
pub(crate) fn allocate<T>(
    heap: &mut impl Access,
    mut allocate: impl FnMut(&mut Mems) -> Result<T, Error>,
) -> Result<T, Error> {
    heap.with(&mut allocate).or_else(|refused| {
        let allocated = make_room(heap, refused).and_then(|()| {
            let allocated = heap.with(allocate);
            // Blocks that left quarantine may have completed pages.
            give_pages_back(heap);
            allocated
        });
        allocated.inspect_err(|refused| count_refusal(heap, refused))
    })
}

/// Frees the blocks in quarantine for a request that was `refused` for want of room. A write to one of them is kept for the next
/// `free` or `verify` to report.
///
/// # Errors
/// `refused`, if that is an error other than a want of room, or if no block was in quarantine.
pub(crate) fn make_room(heap: &mut impl Access, refused: Error) -> Result<(), Error> {
    if !refused.is_no_room() || heap.with(|heap| Ok(heap.hidden.is_quarantine_empty()))? {
        return Err(refused);
    }
    loop {
        // Room for this many bytes leaves no block in quarantine.
        let step = heap.with(|heap| {
            heap.way_step(0, u64::MAX).or_else(|found| heap.keep_write(found).map(|()| Some(Step::Again)))
        })?;
        match step {
            None => return Ok(()),
            Some(Step::Check(suspect)) => {
                let looked = look_at(heap, &suspect, u64::MAX).map(drop);
                looked.or_else(|found| heap.with(|heap| heap.keep_write(found)))?;
            }
            Some(_) => heap.give_way(),
        }
    }
}

/// The end of a call whose work is done: it does not matter if the heap, and the block with it, has ended meanwhile.
pub(crate) const fn settle(_ended: &Result<(), Error>) {}

impl Mems {
    /// The next step of freeing a block that takes more than one step. `spent`: how many bytes of blocks that leave quarantine the
    /// call has checked so far, or the equivalent in other work.
    fn free_step(&mut self, address: u64, spent: u64) -> Result<Step, Error> {
        if !self.options().hardened() {
            let (_, whole) = self.starting(address)?;
            self.hidden.reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
            self.hide(address, whole);
            self.record_free(address);
            return Ok(Step::Clear(self.bytes(address, whole)));
        }
        let whole = self.ready_for_quarantine(address)?;
        if spent < whole.max(PIECE)
            && let Some(step) = self.way_step(1, whole)?
        {
            return Ok(step);
        }
        if is_large(whole) {
            self.hide(address, whole);
            self.record_free(address);
            return Ok(Step::Fill(self.bytes(address, whole)));
        }
        self.detain(address, whole);
        self.record_free(address);
        Ok(Step::Done)
    }

    /// The next step of making room in quarantine for `blocks` blocks, of `bytes` in sum; `None` if there is room.
    fn way_step(&mut self, blocks: usize, bytes: u64) -> Result<Option<Step>, Error> {
        Ok(match self.make_way(blocks, bytes)? {
            Way::Free => None,
            Way::Busy => Some(Step::Again),
            Way::Large => {
                let block = self.hidden.next().expect("one has to leave");
                let (bytes, checked) =
                    (self.bytes(block.start, block.end - block.start), self.hidden.checked(block.start));
                Some(Step::Check(Suspect { block, bytes, checked, clear: self.options().zero_on_free() }))
            }
        })
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
