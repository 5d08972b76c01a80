//! Many blocks in one call: all of them, or none and nothing changed.
//!
//! The addresses are those that as many single calls return, unless another thread allocates meanwhile (and after the quarantine
//! has been emptied, if a hardened heap is full).
//!
//! So that no thread waits long for the lock, a step under it makes or frees at most [`STEP`] blocks, and waiting threads go first
//! between two steps. A call that fails takes its own blocks back; if other threads have used the heap meanwhile, the main blocks
//! that were appended stay, and so do high-water marks. Addresses are checked before the first block is freed: one whose block
//! another thread frees after that is refused at the end, when the other blocks are free.
//!
//! Costs: k times those of a single call. `free_many` sorts the addresses first, O(k log k): that finds an address given twice,
//! and frees neighbours one after the other, whose bookkeeping is in the cache then.

use crate::error::Error;
use crate::heap::Mark;
use crate::mems::Mems;
use crate::mems::access::Access;
use crate::mems::events::count_refusal;
use crate::mems::steps::{self, Left};

/// Most blocks that one step under the lock makes or frees: about a millisecond's worth. Fewer in tests, where the heap is
/// verified after each.
const STEP: usize = if cfg!(test) { 64 } else { 4096 };

/// Allocates a block of each of `sizes`, in order, and writes their addresses to `addresses`, which is as long. Calls `made`
/// for each block, with the heap locked.
///
/// # Errors
/// The errors of [`Mems::malloc`]; no block has been allocated then.
pub(crate) fn malloc_many(
    heap: &mut impl Access,
    sizes: &[u64],
    addresses: &mut [u64],
    mut made: impl FnMut(&mut Mems, u64),
) -> Result<(), Error> {
    try_malloc_many(heap, sizes, addresses, &mut made).or_else(|refused| {
        let tried = steps::make_room(heap, refused).and_then(|()| try_malloc_many(heap, sizes, addresses, &mut made));
        tried.inspect_err(|refused| count_refusal(heap, refused))
    })
}

/// [`malloc_many`] for the blocks that can be allocated without emptying the quarantine.
fn try_malloc_many(
    heap: &mut impl Access,
    all: &[u64],
    addresses: &mut [u64],
    made: &mut impl FnMut(&mut Mems, u64),
) -> Result<(), Error> {
    let mut before = None;
    let (mut done, mut own) = (0, 0);
    // `made` has been called for `told` blocks; `earlier` blocks were made before `recording` began.
    let (mut told, mut recording, mut earlier) = (0, None, 0);
    for sizes in all.chunks(STEP) {
        let tried = heap.with(|heap| {
            let before = before.get_or_insert_with(|| heap.heap.mark());
            if heap.recording() != recording {
                (recording, earlier) = (heap.recording(), done);
            }
            let (count, tried) = heap.malloc_some(sizes, &mut addresses[done..]);
            let done = done + count;
            if tried.is_ok() {
                // In a recording all at once, when nothing can be refused any more: a batch that is refused has made no block.
                if recording.is_none() || done == all.len() {
                    for (at, &address) in addresses[..done].iter().enumerate().skip(told) {
                        if recording.is_some() && at >= earlier {
                            heap.record_malloc(&Ok(address), all[at], 1);
                        }
                        made(heap, address);
                    }
                    told = done;
                }
            } else {
                own += heap.take_back_some(&addresses[done - count..done]);
                // If no other step came before, all is undone without releasing the lock.
                heap.go_back(before, own);
                if recording.is_some() {
                    heap.record_refused_batch(&tried, all);
                }
            }
            tried
        });
        if let Err(refused) = tried {
            if let Some(before) = before.filter(|_| done > 0) {
                take_back(heap, &addresses[..done], &before, own);
            }
            return Err(refused);
        }
        done += sizes.len();
        if done < addresses.len() {
            heap.give_way();
        }
    }
    Ok(())
}

/// Takes back the blocks of a call that has failed; `own` of them have been taken back already. If the heap has ended meanwhile,
/// the blocks are gone with it.
fn take_back(heap: &mut impl Access, addresses: &[u64], before: &Mark, mut own: u64) {
    for addresses in addresses.chunks(STEP) {
        let _ended = heap.with(|heap| {
            own += heap.take_back_some(addresses);
            Ok(())
        });
        heap.give_way();
    }
    let _ended = heap.with(|heap| {
        heap.go_back(before, own);
        Ok(())
    });
}

/// Frees the blocks that start at `addresses`. Calls `freed` for each, with the heap locked.
///
/// # Errors
/// The errors of [`Mems::free`] for the first address that is not the start of a live block, [`Error::GivenTwice`],
/// [`Error::Overflow`], [`Error::WriteAfterFree`], [`Error::OutOfMetadata`] without memory for a sorted copy: no block has been
/// freed then. Also [`Error::NotAllocated`] for a block that another thread frees during the call.
pub(crate) fn free_many(
    heap: &mut impl Access,
    addresses: &[u64],
    mut freed: impl FnMut(&mut Mems, u64),
) -> Result<(), Error> {
    let mut sorted = Vec::new();
    sorted.try_reserve_exact(addresses.len()).map_err(|_| Error::OutOfMetadata { size: 0 })?;
    sorted.extend_from_slice(addresses);
    sorted.sort_unstable();
    if heap.with(|heap| Ok(heap.options().hardened()))? {
        // Freed blocks wait in quarantine in the order in which they were given.
        let bytes = check(heap, addresses, addresses, &sorted)?;
        steps::make_way(heap, addresses.len(), bytes)?;
        return free_all(heap, addresses, freed);
    }
    if addresses.len() > STEP {
        check(heap, addresses, &sorted, &sorted)?;
        return free_all(heap, &sorted, freed);
    }
    // In one step under the lock, so that no other thread comes between the check and the frees.
    let (done, left) = heap.with(|heap| {
        check(heap, addresses, &sorted, &sorted)?;
        Ok(heap.free_some(&sorted, &mut freed))
    })?;
    if let Ok(left) = left
        && done == sorted.len()
    {
        return steps::finish_free(heap, 0, left, |_| ());
    }
    free_all(heap, &sorted[done..], freed)
}

/// Checks that each of `addresses` can be freed, in the order of `order`; `sorted` has all of them, too. In a hardened heap, returns
/// how many bytes the blocks have.
fn check(heap: &mut impl Access, addresses: &[u64], order: &[u64], sorted: &[u64]) -> Result<u64, Error> {
    let checked = check_in_steps(heap, order);
    if checked.is_err() && order.as_ptr() != addresses.as_ptr() {
        // The error has to name the first in the order given.
        check_in_steps(heap, addresses)?;
    }
    let bytes = checked?;
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(Error::GivenTwice { address: twice[0] }),
        None => Ok(bytes),
    }
}

fn check_in_steps(heap: &mut impl Access, addresses: &[u64]) -> Result<u64, Error> {
    let mut bytes = 0;
    for addresses in addresses.chunks(STEP) {
        heap.with(|heap| {
            for &address in addresses {
                if !heap.can_plainly_be_freed(address) {
                    bytes += heap.check_before_free(address)?;
                }
            }
            Ok(())
        })?;
        heap.give_way();
    }
    Ok(bytes)
}

/// Frees blocks that have been checked. Returns the error of the first block that another thread has freed since. If a write to a
/// freed block is found, it is kept for the next call to report, since this call may have freed blocks already.
fn free_all(heap: &mut impl Access, addresses: &[u64], mut freed: impl FnMut(&mut Mems, u64)) -> Result<(), Error> {
    let (mut rest, mut refused, mut late) = (addresses, Ok(()), None);
    while !rest.is_empty() {
        let some = &rest[..rest.len().min(STEP)];
        let (done, left) = match heap.with(|heap| Ok(heap.free_some(some, &mut freed))) {
            Ok(some) => some,
            // The heap has ended in between, and all blocks with it.
            Err(Error::Closed | Error::Finished | Error::NotInitialized) => break,
            Err(error) => return Err(error),
        };
        rest = &rest[done..];
        let tried = match left {
            Ok(Left::Block) => steps::free(heap, rest[0], |heap| freed(heap, rest[0])),
            Ok(left) => {
                steps::finish_free(heap, 0, left, |_| ())?;
                heap.give_way();
                continue;
            }
            Err(error) => Err(error),
        };
        match tried {
            // The write was to a block that left quarantine; the block to be freed is still live.
            Err(write @ Error::WriteAfterFree { .. }) => _ = late.get_or_insert(write),
            tried => {
                refused = refused.and(tried);
                rest = &rest[1..];
            }
        }
    }
    if refused.is_err() || late.is_some() {
        // A step that ended early has not asked whether pages are due.
        steps::finish_free(heap, 0, Left::Pages, |_| ())?;
    }
    if let Some(write) = late {
        let _ended = heap.with(|heap| heap.keep_write(write));
    }
    refused
}

impl Mems {
    /// Allocates a block of each of `sizes`, in order, and writes their addresses to `addresses`, which must be as long.
    ///
    /// # Errors
    /// The errors of [`Mems::malloc`]; nothing has changed then.
    ///
    /// # Panics
    /// If the two slices differ in length.
    pub fn malloc_many(&mut self, sizes: &[u64], addresses: &mut [u64]) -> Result<(), Error> {
        assert_eq!(sizes.len(), addresses.len(), "an address for each size");
        malloc_many(self, sizes, addresses, |_, _| ())
    }

    /// Frees the blocks that start at `addresses`.
    ///
    /// # Errors
    /// The errors of [`Mems::free`] for the first address that is not the start of a live block; [`Error::GivenTwice`];
    /// [`Error::OutOfMetadata`] without memory for a sorted copy. Nothing has changed then.
    pub fn free_many(&mut self, addresses: &[u64]) -> Result<(), Error> {
        free_many(self, addresses, |_, _| ())
    }

    /// Allocates blocks until one cannot be allocated. Returns their number, and why there are no more.
    fn malloc_some(&mut self, sizes: &[u64], addresses: &mut [u64]) -> (usize, Result<(), Error>) {
        let mut done = 0;
        let tried = sizes.iter().zip(addresses).try_for_each(|(&size, address)| {
            *address = self.malloc_unrecorded(size)?;
            done += 1;
            Ok(())
        });
        (done, tried)
    }

    /// Frees as many of the blocks as one step may. Returns their number, and why there are no more, or what is left to do.
    fn free_some(&mut self, addresses: &[u64], freed: &mut impl FnMut(&mut Self, u64)) -> (usize, Result<Left, Error>) {
        let mut all = Left::Nothing;
        for (done, &address) in addresses.iter().enumerate() {
            match self.start_free(address) {
                Ok(Left::Nothing) => {}
                Ok(Left::Pages) => all = Left::Pages,
                blocked => return (done, blocked),
            }
            freed(self, address);
        }
        (addresses.len(), Ok(all))
    }

    /// Takes back blocks that were not returned to a caller, as if they had never been made, except those that are gone: another
    /// thread may have guessed an address, and freed it. Returns how many were taken back.
    pub(crate) fn take_back_some(&mut self, addresses: &[u64]) -> u64 {
        let mut taken = 0;
        for &address in addresses {
            self.forget_stacks(address);
            if let Ok((_, whole)) = self.starting(address)
                && self.discard(address).is_ok()
            {
                self.heap.forget_pair(whole);
                taken += 1;
            }
        }
        taken
    }

    /// Restores the counters and main blocks of `before` after `own` blocks were taken back, unless other calls have changed the
    /// heap since. Holes are as they were then: a maximal run of free bytes in a main block is one hole, whatever the order of
    /// frees.
    pub(crate) fn go_back(&mut self, before: &Mark, own: u64) {
        if !self.heap.is_as_at(before, own) {
            return;
        }
        self.empty_front();
        self.heap.release_cached();
        while self.heap.end() > before.end() {
            let Some(bytes) = self.heap.truncate(before.end()) else { return };
            self.regions.uncarve(bytes);
        }
        self.heap.restore(before);
        self.record_shrinking();
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
