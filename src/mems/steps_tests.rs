//! What other calls find, and may do, between two steps of a call.

use super::{allocate, free, make_room};
use crate::error::Error;
use crate::heap::{PAGE, PolicyKind};
use crate::memory::STEP;
use crate::mems::Mems;
use crate::mems::Options;
use crate::mems::access::Access;
use crate::mems::purge::trim;
use crate::mems::realloc::realloc;

const MIB: u64 = 1 << 20;

/// Whether the system charges what is mapped, touched or not.
const CHARGED: bool = cfg!(windows);

/// A heap that lets another caller in after each step.
struct Watched<F: FnMut(&mut Mems, usize)> {
    heap: Mems,
    /// What the other caller does, given how many steps there have been.
    between: F,
    steps: usize,
    /// Whether the memory is measured, which takes long for a terabyte on some systems.
    measures: bool,
    /// The most bytes in memory that one step has given back.
    most: u64,
}

impl<F: FnMut(&mut Mems, usize)> Watched<F> {
    fn new(heap: Mems, between: F) -> Self {
        Self { heap, between, steps: 0, measures: true, most: 0 }
    }

    /// A heap whose memory is not measured.
    fn unmeasured(heap: Mems, between: F) -> Self {
        Self { measures: false, ..Self::new(heap, between) }
    }

    fn resident(&self) -> Option<u64> {
        if self.measures { resident(&self.heap) } else { None }
    }
}

impl<F: FnMut(&mut Mems, usize)> Access for Watched<F> {
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        let before = self.resident();
        let done = step(&mut self.heap);
        if let (Some(before), Some(after)) = (before, self.resident()) {
            self.most = self.most.max(before.saturating_sub(after));
        }
        self.steps += 1;
        (self.between)(&mut self.heap, self.steps);
        done
    }
}

/// Bytes that are in memory, where the system says so.
fn resident(heap: &Mems) -> Option<u64> {
    heap.spans().iter().map(crate::memory::Span::resident).sum()
}

/// The error of a request that finds no room.
fn full() -> Error {
    Error::OutOfMetadata { size: 1 }
}

fn write(heap: &Mems, address: u64, bytes: u64, byte: u8) {
    heap.span(address, bytes).unwrap().fill(byte);
}

fn all(heap: &Mems, address: u64, bytes: u64, byte: u8) -> bool {
    heap.span(address, bytes).unwrap().first_other(0..usize::try_from(bytes).unwrap(), byte, false).is_none()
}

/// An empty heap with these options.
fn heap(options: Options) -> Mems {
    Mems::new(options)
}

#[test]
fn pages_are_given_back_a_few_at_a_time_and_others_get_in_between() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let bytes = 64 * MIB;
        for by_itself in [true, false] {
            let mut mems = heap(Options::roomy().with_policy(policy).with_trim(by_itself));
            let block = mems.malloc(bytes).unwrap();
            write(&mems, block, bytes, 1);
            let kept = mems.malloc(100).unwrap();
            write(&mems, kept, 100, 2);
            let mut taken = Vec::new();
            let mut watched = Watched::new(mems, |heap, step| {
                // Blocks from the hole that is being given back, before and behind the place that has been reached.
                if step > 1 && taken.len() < 5 {
                    let block = heap.malloc(3 * MIB).unwrap();
                    write(heap, block, 3 * MIB, 7);
                    taken.push(block);
                }
            });
            free(&mut watched, block, |_| ()).unwrap();
            if !by_itself {
                trim(&mut watched).unwrap();
            }
            assert!(watched.steps as u64 >= bytes / STEP, "{} steps", watched.steps);
            assert!(watched.most <= STEP + PAGE, "{} bytes went back in one step", watched.most);
            let mems = watched.heap;
            mems.verify().unwrap();
            assert_eq!(taken.len(), 5);
            for block in taken {
                assert!(all(&mems, block, 3 * MIB, 7), "what was handed out meanwhile is untouched");
            }
            assert!(all(&mems, kept, 100, 2));
            if let Some(resident) = resident(&mems) {
                assert!(resident < 20 * MIB, "{resident} bytes are in memory still");
            }
        }
    }
}

#[test]
fn a_step_is_short_however_many_holes_and_blocks_there_are() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let mut mems = heap(Options::roomy().with_policy(policy).with_trim(false));
        let blocks: Vec<_> = (0..700).map(|_| mems.malloc(8 * PAGE).unwrap()).collect();
        for &block in &blocks {
            write(&mems, block, 8 * PAGE, 1);
        }
        for block in blocks.iter().step_by(2) {
            mems.free(*block).unwrap();
        }
        let mut watched = Watched::new(mems, |_, _| ());
        let bytes = trim(&mut watched).unwrap();
        assert!(bytes >= 350 * 8 * PAGE, "{bytes}");
        assert!(watched.most <= STEP + PAGE, "{}", watched.most);
        let large = watched.heap.malloc(if CHARGED { 1 << 30 } else { 1 << 40 }).unwrap();
        let mut watched = Watched::unmeasured(watched.heap, |_, _| ());
        trim(&mut watched).unwrap();
        assert!(watched.steps < 1000, "{} steps: a block without holes is passed over", watched.steps);
        watched.heap.free(large).unwrap();
        let mut watched = Watched::unmeasured(watched.heap, |_, _| ());
        trim(&mut watched).unwrap();
        assert!(watched.steps < 70_000, "{} steps: an untouched terabyte is given back in large ones", watched.steps);
    }
}

#[test]
fn a_large_block_is_hidden_while_it_is_cleared_or_filled() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        for options in
            [Options::roomy().with_policy(policy).with_zero_on_free(true), Options::default().with_zero_on_free(true)]
                .into_iter()
                .chain([
                    Options::roomy().with_policy(policy).with_hardened(true),
                    Options::roomy().with_policy(policy).with_hardened(true).with_zero_on_free(true),
                ])
        {
            let mut mems = heap(options);
            let block = mems.malloc(4 * MIB).unwrap();
            write(&mems, block, 4 * MIB, 1);
            let before = mems.stats();
            let mut seen = 0;
            let mut told = 0;
            let mut watched = Watched::new(mems, |heap, _| {
                if !heap.owns(block) && heap.heap().find(block).is_ok() {
                    seen += 1;
                    // A second free is refused, and so is whatever else is done with the address.
                    assert!(matches!(heap.free(block), Err(Error::NotAllocated { .. })));
                    assert!(matches!(heap.free_many(&[block]), Err(Error::NotAllocated { .. })));
                    assert!(matches!(heap.get(block + 1), Err(Error::NotAllocated { .. })));
                    assert!(matches!(heap.place(block), Err(Error::NotAllocated { .. })));
                    assert!(matches!(heap.realloc(block, 10), Err(Error::NotAllocated { .. })));
                    let other = heap.malloc(4 * MIB).unwrap();
                    assert_ne!(other, block, "it is not handed out");
                    let stats = heap.stats();
                    assert_eq!(stats.live + stats.quarantined + stats.hole_bytes, stats.mapped);
                    assert_eq!(stats.mallocs - stats.frees, stats.live_blocks);
                    assert_eq!((stats.live_blocks, stats.quarantined_blocks), (1, 1));
                    assert_eq!((stats.live, stats.requested), (before.live, before.requested));
                    heap.verify().unwrap();
                    heap.discard(other).unwrap();
                }
            });
            free(&mut watched, block, |_| told += 1).unwrap();
            let mut mems = watched.heap;
            assert!(seen > 0, "{options}: between two steps it was hidden");
            assert_eq!(told, 1);
            assert!(!mems.owns(block));
            let _none = make_room(&mut mems, full());
            let stats = mems.stats();
            assert_eq!((stats.live, stats.requested, stats.quarantined, stats.live_blocks), (0, 0, 0, 0));
            mems.verify().unwrap();
            let again = mems.malloc(4 * MIB - PAGE).unwrap();
            assert_eq!(again, block);
            if options.zero_on_free() {
                assert!(all(&mems, again, 4 * MIB - PAGE, 0));
            }
        }
    }
}

#[test]
fn other_blocks_are_what_they_were_while_one_is_hidden() {
    let mut mems = heap(Options::roomy().with_policy(PolicyKind::FirstFit).with_zero_on_free(true));
    let large = mems.malloc(4 * MIB).unwrap();
    let [resized, moved, shrunk] = [1, 1, 3 * MIB + 1].map(|size| mems.malloc(size).unwrap());
    write(&mems, moved, 16, 7);
    mems.malloc(16).unwrap();
    let mut seen = 0;
    let mut watched = Watched::new(mems, |heap, _| {
        if heap.stats().quarantined_blocks == 0 || seen > 0 {
            return;
        }
        seen += 1;
        // Padding belongs to its block.
        assert_eq!(heap.block_at(resized).unwrap().usable, 16);
        assert!(heap.get(resized + 15).is_ok() && heap.span(resized, 16).is_ok());
        assert_eq!(heap.realloc(resized, 2), Ok(resized));
        let longer = heap.realloc(moved, 100).unwrap();
        assert!(longer != moved && all(heap, longer, 16, 7));
        assert_eq!(heap.realloc(shrunk, 5), Ok(shrunk));
    });
    free(&mut watched, large, |_| ()).unwrap();
    let mut mems = watched.heap;
    assert_eq!(seen, 1);
    assert_eq!(mems.stats().requested, 2 + 100 + 5 + 16);
    mems.verify().unwrap();
}

#[test]
fn the_end_that_a_block_loses_is_hidden_while_it_is_cleared() {
    for options in [Options::roomy().with_policy(PolicyKind::FirstFit), Options::default()] {
        let mut mems = heap(options.with_zero_on_free(true));
        let block = mems.malloc(8 * MIB).unwrap();
        write(&mems, block, 8 * MIB, 1);
        let before = mems.stats();
        let tail = block + 1008;
        let mut seen = 0;
        let mut watched = Watched::new(mems, |heap, _| {
            seen += usize::from(heap.heap().find(tail).is_ok_and(|found| found.start == tail) && !heap.owns(tail));
            assert!(heap.free(tail).is_err());
        });
        let moved = realloc(&mut watched, block, |heap| heap.start_realloc(block, 1001), |_| ()).unwrap();
        assert_eq!(moved, block);
        let mut mems = watched.heap;
        assert!(seen > 0 || options.alignment() == 1, "between two steps it was hidden");
        mems.verify().unwrap();
        let stats = mems.stats();
        assert_eq!((stats.mallocs, stats.frees, stats.live_blocks), (before.mallocs, before.frees, 1));
        assert_eq!((stats.requested, stats.quarantined), (1001, 0));
        assert!(all(&mems, block, 1001, 1));
        let rest = mems.malloc(4 * MIB).unwrap();
        assert!(rest < block + 8 * MIB && all(&mems, rest, 4 * MIB, 0));
    }
}

#[test]
fn a_write_to_a_large_freed_block_is_found_wherever_it_is() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let size = 3 * MIB;
        for at in [0, 1, 5000, MIB + 77, size - 1] {
            let mut mems = heap(Options::roomy().with_policy(policy).with_hardened(true));
            let block = mems.malloc(size).unwrap();
            write(&mems, block, size, 1);
            let bytes = mems.span(block, size).unwrap();
            mems.free(block).unwrap();
            mems.verify().unwrap();
            let offset = usize::try_from(at).unwrap();
            bytes.part(offset..offset + 1).fill(0x55);
            let found = |error: Result<(), Error>| matches!(error, Err(Error::WriteAfterFree { at: found, .. }) if found == block + at);
            assert!(found(mems.verify()), "at {at}");
            // The freed block has to leave quarantine for this one, without the lock.
            let large = mems.malloc(40 * MIB).unwrap();
            let mut watched = Watched::new(mems, |_, _| ());
            let mut told = 0;
            assert!(found(free(&mut watched, large, |_| told += 1)), "at {at}");
            assert_eq!(told, 0);
            assert!(watched.heap.owns(large), "it is live still");
            free(&mut watched, large, |_| told += 1).unwrap();
            assert_eq!(told, 1);
            watched.heap.verify().unwrap();
        }
    }
}

#[test]
fn a_realloc_that_fails_counts_as_no_call() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        for zero in [false, true] {
            let mut mems = heap(Options::roomy().with_policy(policy).with_hardened(true).with_zero_on_free(zero));
            let first = mems.malloc(3 * MIB).unwrap();
            let bytes = mems.span(first, 1).unwrap();
            mems.free(first).unwrap();
            bytes.fill(0x55);
            // The first block has to leave quarantine for this one.
            let block = mems.malloc(40 * MIB).unwrap();
            let before = mems.stats();
            assert!(matches!(mems.realloc(block, 2 * MIB), Err(Error::WriteAfterFree { .. })));
            let after = mems.stats();
            assert_eq!((after.mallocs, after.frees, after.live), (before.mallocs, before.frees, before.live));
            mems.realloc(block, 2 * MIB).unwrap();
            mems.verify().unwrap();
        }
    }
}

#[test]
fn many_blocks_leave_quarantine_a_few_at_a_time() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let mut mems = heap(Options::roomy().with_policy(policy).with_hardened(true));
        let blocks: Vec<_> = (0..700).map(|_| mems.malloc(40_000).unwrap()).collect();
        for block in blocks {
            mems.free(block).unwrap();
        }
        let large = mems.malloc(33 * MIB).unwrap();
        let mut most = 0;
        let mut left = mems.stats().quarantined_blocks;
        let mut watched = Watched::new(mems, |heap, _| {
            let now = heap.stats().quarantined_blocks;
            most = most.max(left.saturating_sub(now));
            left = now;
        });
        free(&mut watched, large, |_| ()).unwrap();
        let mut mems = watched.heap;
        assert!((1..150).contains(&most), "{most} of 700 blocks left in one step");
        // A free of a small block does little work, whatever waits.
        let large = mems.malloc(33 * MIB).unwrap();
        let blocks: Vec<_> = (0..700).map(|_| mems.malloc(40_000).unwrap()).collect();
        let small: Vec<_> = (0..9).map(|_| mems.malloc(16).unwrap()).collect();
        for block in blocks {
            mems.free(block).unwrap();
        }
        // As if this block had been freed while those were.
        let whole = mems.check_before_free(large).unwrap();
        mems.hidden.reserve(1).unwrap();
        mems.detain(large, whole);
        let mut before = mems.stats().quarantined_blocks;
        for block in small {
            mems.free(block).unwrap();
            let now = mems.stats().quarantined_blocks;
            // Two steps, as the first does not know what the call may still do.
            assert!(before - now.min(before) < 300, "{} blocks left for one", before - now);
            before = now;
        }
    }
}

#[test]
fn a_large_block_is_looked_at_piece_by_piece_by_the_frees_that_follow() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let piece = super::PIECE;
        // The last byte of a piece, another byte, or none.
        for written in [None, Some(piece - 1), Some(3 * piece - 1), Some(3 * piece + 99)] {
            let mut mems = heap(Options::roomy().with_policy(policy).with_hardened(true));
            let large = mems.malloc(3 * piece + 100).unwrap();
            let small: Vec<_> = (0..4).map(|_| mems.malloc(16).unwrap()).collect();
            mems.free(large).unwrap();
            let end = mems.hidden.get(large).unwrap().end;
            if let Some(at) = written {
                mems.regions.fill(large + at, 1, 1);
            }
            for (number, &block) in small.iter().enumerate() {
                let number = number as u64;
                let freed = mems.free(block);
                let found = written.is_some_and(|at| at / piece == number);
                let due = Error::WriteAfterFree { start: large, end, at: large + written.unwrap_or(0) };
                assert_eq!(freed, if found { Err(due) } else { Ok(()) }, "{written:?}, free {number}");
                let waits = mems.hidden.get(large).is_some();
                assert_eq!(waits, number < 3 && !found, "{written:?}, free {number}");
                if written.is_none() {
                    mems.verify().unwrap();
                }
                if found {
                    break;
                }
            }
            // A call that frees many bytes checks many.
            let [first, second] = [5, 6].map(|pieces| mems.malloc(pieces * piece).unwrap());
            mems.free(first).unwrap();
            mems.free(second).unwrap();
            assert!(mems.hidden.get(first).is_none(), "{written:?}");
        }
    }
}

#[test]
fn a_heap_that_ends_between_two_steps_has_freed_the_block() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        /// A heap that has ended after some steps.
        struct Ends {
            heap: Option<Mems>,
            steps: usize,
        }
        impl Access for Ends {
            fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
                let done = step(self.heap.as_mut().ok_or(Error::Closed)?);
                self.steps -= 1;
                if self.steps == 0 {
                    self.heap = None;
                }
                done
            }
        }
        for options in [
            Options::roomy().with_policy(policy),
            Options::roomy().with_policy(policy).with_zero_on_free(true),
            Options::roomy().with_policy(policy).with_hardened(true),
        ] {
            for steps in 1..4 {
                let mut mems = heap(options);
                let block = mems.malloc(64 * MIB).unwrap();
                write(&mems, block, 64 * MIB, 1);
                let mut told = false;
                let freed = free(&mut Ends { heap: Some(mems), steps }, block, |_| told = true);
                assert_eq!(freed, if told { Ok(()) } else { Err(Error::Closed) }, "{options} after {steps} steps");
            }
        }
    }
}

#[test]
fn a_malloc_that_empties_the_quarantine_lets_others_in() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let options = Options::roomy().with_policy(policy).with_hardened(true).with_max_size(64 * MIB).unwrap();
        let mut mems = heap(options);
        let (kept, freed) = (mems.malloc(100).unwrap(), mems.malloc(40 * MIB).unwrap());
        free(&mut mems, freed, |_| ()).unwrap();
        // A write, so that the block has to be read before it leaves.
        mems.regions.fill(freed + 20 * MIB, 1, 1);
        let mut alone = 0;
        let mut watched = Watched::unmeasured(mems, |heap, _| {
            // The block has left quarantine and is not free yet: it is being checked, and others get in.
            if heap.stats().quarantined >= 40 * MIB && heap.hidden.is_quarantine_empty() {
                alone += 1;
                assert!(matches!(heap.get(freed), Err(Error::NotAllocated { .. })));
                heap.block_at(kept).unwrap();
            }
        });
        let small = allocate(&mut watched, |heap| heap.malloc(100)).unwrap();
        assert_eq!(watched.steps, 1, "there is room");
        let large = allocate(&mut watched, |heap| heap.malloc(40 * MIB)).unwrap();
        let mut mems = watched.heap;
        assert!(alone > 0, "it is read with the heap unlocked");
        // A malloc cannot report the write.
        let told = free(&mut mems, small, |_| ());
        assert!(matches!(told, Err(Error::WriteAfterFree { start, .. }) if start == freed), "{told:?}");
        for block in [small, kept, large] {
            free(&mut mems, block, |_| ()).unwrap();
        }
        mems.verify().unwrap();
        // A request that can never succeed empties the quarantine as well, and changes nothing else.
        let refused = allocate(&mut mems, |heap| heap.malloc(65 * MIB));
        assert!(matches!(refused, Err(Error::LimitReached { .. })), "{refused:?}");
        assert_eq!((mems.stats().quarantined, mems.stats().live), (0, 0));
        mems.verify().unwrap();
    }
}

#[test]
fn what_was_never_touched_stays_so() {
    for policy in [PolicyKind::FirstFit, PolicyKind::Segregated] {
        let bytes = if CHARGED { 1 << 30 } else { 1 << 36 };
        for options in [
            Options::roomy().with_policy(policy),
            Options::roomy().with_policy(policy).with_hardened(true),
            Options::roomy().with_policy(policy).with_zero_on_free(true),
        ] {
            let mut mems = heap(options.with_trim(false));
            let Some(_) = resident(&mems) else { return };
            let block = mems.malloc(bytes).unwrap();
            write(&mems, block + bytes / 2, MIB, 3);
            let moved = {
                mems.malloc(16).unwrap();
                mems.realloc(block, bytes + MIB).unwrap()
            };
            assert_ne!(moved, block);
            assert!(all(&mems, moved + bytes / 2, MIB, 3));
            mems.realloc(moved, 2 * MIB).unwrap();
            let zeros = mems.calloc(1, bytes / 2).unwrap();
            mems.free(zeros).unwrap();
            mems.verify().unwrap();
            if cfg!(any(target_os = "linux", target_os = "android")) {
                let resident = resident(&mems).unwrap();
                assert!(resident < 16 * MIB, "{resident} bytes are in memory");
            }
        }
    }
}

#[test]
fn a_copy_that_leaves_untouched_pages_out_is_a_copy() {
    let size = 9 * MIB;
    let mut mems = heap(Options::default());
    let (from, to) = (mems.malloc(size + 13).unwrap() + 13, mems.malloc(size).unwrap());
    write(&mems, to, size, 9);
    for (at, length) in [(0, 1), (MIB + 5, 3 * MIB), (6 * MIB, 1), (7 * MIB - 3, 100), (size - 1, 1)] {
        write(&mems, from + at, length, 4);
    }
    let [target, source] = [to, from].map(|address| mems.span(address, size).unwrap());
    target.copy_from(&source);
    assert_eq!(target.compare(&source), std::cmp::Ordering::Equal);
    // Where the two overlap nothing is left out.
    let shifted = mems.span(from - 13, size).unwrap();
    let mut before = vec![0; usize::try_from(size).unwrap()];
    // SAFETY: the vector has as many bytes as the span, and nothing else uses it.
    unsafe { source.read(before.as_mut_ptr()) };
    shifted.copy_from(&source);
    let mut after = vec![0; before.len()];
    // SAFETY: the vector has as many bytes as the span, and nothing else uses it.
    unsafe { shifted.read(after.as_mut_ptr()) };
    assert!(before == after);
}
