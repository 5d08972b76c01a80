//! The heaps of a page, and the calls on them. A heap grows as one with memory does (`src/mems/mod.rs`), and has all the room that
//! its limit leaves.

use crate::error::Error;
use crate::heap::{FIRST_ADDRESS, Heap, Kind, MAX_SIZE, Options, PAGE, PolicyKind, is_size};
use crate::results::{FAILED, fail, fail_with, leave_numbers, leave_text};
use std::cell::RefCell;

/// What the length of a region, which is all that such a heap may have, is a multiple of: as in `memory/regions.rs`.
const REGIONS: u64 = 64 << 10;

/// The most bytes of a heap: places in its bookkeeping are counted in `usize`, which has 32 bits in WebAssembly.
const MOST: u64 = 1 << 32;

/// A heap, and the most bytes that its main blocks may have.
struct Limited {
    heap: Heap,
    limit: u64,
}

thread_local! {
    /// Heaps by number. The places of closed ones are used again.
    static HEAPS: RefCell<Vec<Option<Limited>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `call` with the heap of a number.
fn with<T>(heap: u32, call: impl FnOnce(&mut Limited) -> Result<T, Error>) -> Result<T, Error> {
    HEAPS.with_borrow_mut(|heaps| {
        let found = heaps.get_mut(heap as usize).and_then(Option::as_mut);
        call(found.ok_or(Error::Closed)?)
    })
}

/// A double as the whole number from 0 that it is, if it is one that JavaScript has exactly.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be exact"
)]
fn whole(number: f64) -> Option<u64> {
    let is_whole = number >= 0.0 && number <= MAX_SIZE as f64 && number.fract() == 0.0;
    is_whole.then_some(number as u64)
}

/// An address, a size or a count as a double.
#[allow(clippy::cast_precision_loss, reason = "addresses and sizes are below 2^53")]
const fn double(number: u64) -> f64 {
    number as f64
}

fn size_of(number: f64) -> Result<u64, Error> {
    whole(number).filter(|&size| is_size(size)).ok_or_else(|| Error::InvalidSize { size: number.to_string() })
}

/// An address; one that no heap can have is in none of its main blocks.
fn address_of(heap: &Heap, number: f64) -> Result<u64, Error> {
    let none = || Error::OutOfRange { address: number.to_string(), start: FIRST_ADDRESS, end: heap.end() };
    whole(number).ok_or_else(none)
}

/// A result as JavaScript gets it.
fn returned(result: Result<f64, Error>) -> f64 {
    result.unwrap_or_else(|error| fail(&error))
}

/// Allocates, as a heap with memory does.
fn allocate(limited: &mut Limited, size: u64) -> Result<u64, Error> {
    match try_allocate(limited, size) {
        // What the caches give back may be enough.
        Err(Error::LimitReached { .. }) if limited.heap.release_cached() => try_allocate(limited, size),
        done => done,
    }
}

fn try_allocate(Limited { heap, limit }: &mut Limited, size: u64) -> Result<u64, Error> {
    let whole = size.next_multiple_of(heap.options().rounding());
    if let Some(address) = heap.malloc(whole)? {
        return Ok(address);
    }
    if heap.release_spare()
        && let Some(address) = heap.malloc_aligned(whole, 1, |_| Ok(()))?
    {
        return Ok(address);
    }
    let (room, left) = (heap.room_for(whole, 1), (*limit / PAGE * PAGE).saturating_sub(heap.mapped()));
    let region = limit.next_multiple_of(REGIONS);
    let bytes = heap.bytes_to_append(room, left, |missing| heap.mapped() + missing <= region);
    let bytes = bytes.map_err(|block| {
        let available = left.max(heap.stats().largest_hole);
        Error::LimitReached { size, block, limit: *limit, available }
    })?;
    heap.reserve_block(bytes).map_err(|_| Error::OutOfMetadata { size })?;
    let hole = heap.append_block(bytes, false);
    let address = heap.malloc_in_new_block(hole, whole, 1, |_| Ok(()))?;
    address.ok_or_else(|| Error::Corrupt(format!("{whole} bytes do not fit a new main block")))
}

/// Leaves the names of all policies, one a line. The number of a policy is that of its line, from 1.
#[unsafe(no_mangle)]
pub extern "C" fn policies() {
    let mut kinds = PolicyKind::ALL.to_vec();
    kinds.sort_by_key(|kind| kind.value());
    leave_text(|text| *text = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("\n"));
}

/// Opens a heap, and returns its number. Sizes are bytes; `is_growing` and `is_joining` are 1 for the options `growingBlocks` and
/// `joinEmptyBlocks`. A limit above [`MOST`] is refused.
#[unsafe(no_mangle)]
pub extern "C" fn open(
    policy: u32,
    alignment: f64,
    min_block_size: f64,
    limit: f64,
    is_growing: u32,
    is_joining: u32,
) -> f64 {
    if limit > double(MOST) {
        return fail_with("ERR_MEMS_INVALID_SIZE", format_args!("The maxSize must be at most {MOST} bytes in WebAssembly"));
    }
    let make = || {
        let policy = PolicyKind::from_value(policy).unwrap_or_default();
        let invalid = || Error::InvalidAlignment { alignment: alignment.to_string(), expected: "1 or 16" };
        let options = Options::default()
            .with_policy(policy)
            .with_alignment(whole(alignment).ok_or_else(invalid)?)?
            .with_min_block_size(size_of(min_block_size)?)?
            .with_growing_blocks(is_growing != 0)
            .with_join_empty_blocks(is_joining != 0);
        options.check()?;
        let limit = size_of(limit)?;
        if limit < PAGE { Err(Error::MaxSizeBelowPage { bytes: limit }) } else { Ok((options, limit)) }
    };
    let opened = make().map(|(options, limit)| {
        let opened = Limited { heap: Heap::new(options), limit };
        HEAPS.with_borrow_mut(|heaps| {
            let at = heaps.iter().position(Option::is_none).unwrap_or_else(|| {
                heaps.push(None);
                heaps.len() - 1
            });
            heaps[at] = Some(opened);
            double(at as u64)
        })
    });
    returned(opened)
}

/// Closes a heap.
#[unsafe(no_mangle)]
pub extern "C" fn close(heap: u32) {
    HEAPS.with_borrow_mut(|heaps| {
        if let Some(place) = heaps.get_mut(heap as usize) {
            *place = None;
        }
    });
}

/// Allocates. Returns the address, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(heap: u32, size: f64) -> f64 {
    returned(with(heap, |heap| allocate(heap, size_of(size)?).map(double)))
}

/// Frees the block that starts at an address. Returns 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn free(heap: u32, address: f64) -> f64 {
    returned(with(heap, |Limited { heap, .. }| heap.free(address_of(heap, address)?).map(|_| 0.0)))
}

/// How many bytes after the first of the heap the byte at an address inside of a live block is, or -1: its physical address, counted
/// from that of the first page.
#[unsafe(no_mangle)]
pub extern "C" fn get(heap: u32, address: f64) -> f64 {
    let offset = with(heap, |Limited { heap, .. }| {
        let address = address_of(heap, address)?;
        // The library finds the block as well, to return why there is none.
        heap.find(address).map(|_| double(address - FIRST_ADDRESS))
    });
    returned(offset)
}

/// The bytes that the block that starts at an address has, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn usable_size(heap: u32, address: f64) -> f64 {
    let size = with(heap, |Limited { heap, .. }| {
        let block = heap.check_block_start(address_of(heap, address)?)?;
        Ok(double(block.end - block.start))
    });
    returned(size)
}

/// How many holes a list in order of address would look at for a request, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn looked_at(heap: u32, size: f64) -> f64 {
    let looked = with(heap, |Limited { heap, .. }| {
        let size = size_of(size)?.next_multiple_of(heap.options().rounding());
        Ok(double(heap.looked_at(size, 1)))
    });
    returned(looked)
}

/// Leaves the segments of all main blocks, three numbers each, and returns how many numbers these are: 2 for a main block, which
/// comes before its segments, 1 for a live block, 0 for a hole; its address; its size.
#[unsafe(no_mangle)]
pub extern "C" fn walk(heap: u32) -> u32 {
    let walked = with(heap, |Limited { heap, .. }| {
        Ok(leave_numbers(|numbers| {
            let chain = heap.main_chain();
            for block in chain.iter() {
                numbers.extend([2.0, double(block.start), double(block.end - block.start)]);
                for segment in chain.sub_chain(block).iter() {
                    let kind = if segment.kind == Kind::Live { 1.0 } else { 0.0 };
                    numbers.extend([kind, double(segment.start), double(segment.size)]);
                }
            }
        }))
    });
    walked.unwrap_or(0)
}

/// Leaves seven statistics: bytes mapped, live, in holes, in the largest hole; main blocks, live blocks, holes.
#[unsafe(no_mangle)]
pub extern "C" fn stats(heap: u32) -> u32 {
    let counted = with(heap, |Limited { heap, .. }| {
        let stats = heap.stats();
        let bytes = [stats.mapped, stats.live, stats.hole_bytes, stats.largest_hole];
        let counts = [stats.main_blocks, stats.live_blocks, stats.holes];
        Ok(leave_numbers(|numbers| numbers.extend(bytes.into_iter().chain(counts).map(double))))
    });
    counted.unwrap_or(0)
}

/// Leaves the lines of `printStats`. Returns 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn lines(heap: u32) -> f64 {
    let lines = with(heap, |Limited { heap, .. }| heap.lines().map_err(|_| Error::OutOfText));
    returned(lines.map(|lines| {
        leave_text(|text| *text = lines.join("\n"));
        0.0
    }))
}

/// Checks every invariant of a heap. Returns 0, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn verify(heap: u32) -> f64 {
    let checked = with(heap, |Limited { heap, .. }| heap.verify());
    checked.map_or_else(|error| fail(&error), |()| 0.0)
}

const _: () = assert!(FAILED < 0.0, "no address is below 0");
