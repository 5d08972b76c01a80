//! What is called rarely: starting and ending heaps, statistics, checks. `#[napi]` functions.

use super::failure::run;
use super::value::Value;
use super::{convert, owner, trace, window};
use crate::Block;
use crate::heap::{self, Options, Setting};
use crate::registry;
use crate::registry::Id;
use napi::bindgen_prelude::{BigUint64Array, Float64Array, FromNapiValue, Function, Unknown};
use napi::{Either, Env, JsValue, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::sync::Arc;

/// Starts the default heap. The argument is the options object or undefined.
#[napi]
pub fn init(env: Env, options: Unknown) -> Result<()> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let options = unsafe { Value::new(env.raw(), options.raw()) };
        Ok(registry::init(convert::init_options(options, Options::default())?)?)
    })
}

/// Makes a heap and answers its id. The argument is the options object or undefined.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "2^37 heaps are never made")]
pub fn open(env: Env, options: Unknown) -> Result<f64> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let options = unsafe { Value::new(env.raw(), options.raw()) };
        let (options, owned) = convert::heap_options(options, Options::roomy())?;
        if !owned {
            return Ok(registry::open(options)? as f64);
        }
        // SAFETY: `env` is this call's own.
        unsafe { owner::reserve(env.raw()) }?;
        let heap = registry::open(options)?;
        owner::own(heap);
        Ok(heap as f64)
    })
}

/// An open heap, as `Heap.list()` shows it.
#[napi(object)]
pub struct Listed {
    /// What `attach` takes; 0 for the default heap.
    pub id: f64,
    /// Bytes in main blocks.
    pub mapped: f64,
    /// Bytes in live blocks.
    pub live: f64,
    /// The names of its options, and as many values.
    pub options: Vec<String>,
    /// The values of its options: numbers of bytes, or flags.
    pub settings: Vec<Either<bool, f64>>,
}

/// All open heaps.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "ids and bytes are below 2^53")]
pub fn heaps(env: Env) -> Result<Vec<Listed>> {
    run(env, || {
        let mut list = Vec::new();
        for id in registry::ids()? {
            let shown = registry::with_heap(id, |heap| {
                let (mapped, live) = (heap.heap().mapped(), heap.heap().live_bytes());
                Ok((*heap.options(), mapped as f64, live as f64))
            });
            // A heap that has been closed meanwhile, or that a panic has left, has nothing to show.
            let Ok((options, mapped, live)) = shown else { continue };
            let (options, settings) = options.settings().map(|(name, value)| (name.to_owned(), setting(value))).unzip();
            list.push(Listed { id: id as f64, mapped, live, options, settings });
        }
        Ok(list)
    })
}

#[allow(clippy::cast_precision_loss, reason = "sizes are below 2^53")]
fn setting(value: Setting) -> Either<bool, f64> {
    match value {
        Setting::Flag(flag) => Either::A(flag),
        Setting::Bytes(bytes) => Either::B(bytes as f64),
    }
}

/// Ends a heap made by `open`; answers whether it was open.
#[napi]
pub fn close(env: Env, heap: f64) -> Result<bool> {
    run(env, || Ok(registry::close(id(heap))?))
}

/// Throws unless a heap is open.
#[napi]
pub fn attach(env: Env, heap: f64) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(heap), |_| Ok(()))?))
}

/// A heap's id, as heap.js keeps it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is no id names no heap")]
fn id(heap: f64) -> Id {
    // Else a negative one, or NaN, would be the default heap's.
    if heap >= 0.0 { heap as Id } else { Id::MAX }
}

/// Ends the default heap.
#[napi]
pub fn finish(env: Env) -> Result<()> {
    run(env, || Ok(registry::finish()?))
}

/// Allocates a block of each of `sizes` and writes their addresses.
#[napi]
pub fn malloc_many(env: Env, heap: Unknown, sizes: &[u64], mut addresses: BigUint64Array) -> Result<()> {
    run(env, || {
        // SAFETY: heap.js made the array for this call and shares it with nobody before it returns.
        let addresses = unsafe { addresses.as_mut() };
        // SAFETY: the value is this call's own argument.
        let heap = unsafe { Value::new(env.raw(), heap.raw()) };
        let id = convert::heap(heap)?;
        let stack = trace::stack(id, heap)?;
        Ok(registry::with_heap(id, |heap| {
            heap.malloc_many(sizes, addresses)?;
            for &address in addresses.iter() {
                trace::note_malloc(heap, address, stack.clone());
            }
            Ok(())
        })?)
    })
}

/// Frees the blocks that start at `addresses`.
#[napi]
pub fn free_many(env: Env, heap: Unknown, addresses: &[u64]) -> Result<()> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let heap = unsafe { Value::new(env.raw(), heap.raw()) };
        let id = convert::heap(heap)?;
        let stack = trace::stack(id, heap)?;
        Ok(registry::with_heap(id, |heap| {
            heap.free_many(addresses).map_err(|error| heap.explain(error))?;
            if let Some(stack) = stack {
                for &address in addresses {
                    heap.track_free(address, stack.clone());
                }
            }
            Ok(())
        })?)
    })
}

/// Says which files' frames are MeMS's own.
#[napi]
pub fn hide_frames(paths: Vec<String>) {
    trace::hide(paths);
}

/// Where blocks were allocated; see `allocations`.
#[napi(object)]
pub struct Allocated {
    /// First address.
    pub address: f64,
    /// Bytes that were asked for.
    pub size: f64,
    /// The stack of the call; empty if it is not known.
    pub stack: String,
}

/// Live blocks from an address on, at most so many, with where they were allocated.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn allocations(env: Env, heap: f64, address: f64, most: u32) -> Result<Vec<Allocated>> {
    run(env, || {
        Ok(registry::with_heap(id(heap), |heap| {
            let blocks = heap.allocations(cursor(address)).take(most as usize);
            let entry = |(block, stack): (Block, Option<&Arc<str>>)| Allocated {
                address: block.start as f64,
                size: block.size as f64,
                stack: stack.map_or_else(String::new, ToString::to_string),
            };
            Ok(blocks.map(entry).collect())
        })?)
    })
}

/// Gives whole free pages back to the system; answers the bytes.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "below the bytes mapped, which are below 2^53")]
pub fn trim(env: Env, heap: f64) -> Result<f64> {
    run(env, || Ok(registry::with_heap(id(heap), |heap| Ok(heap.trim()))? as f64))
}

/// Walks a heap and throws if an invariant is broken.
#[napi]
pub fn verify(env: Env, heap: f64) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(heap), |heap| heap.verify())?))
}

/// The lines that `printStats` prints, all of this moment, as a function that answers the next one, or null after the
/// last. They wait outside the JavaScript heap, which may be too small for all of them at once.
#[napi]
pub fn stats_lines(env: &Env, heap: f64) -> Result<Function<'_, (), Option<String>>> {
    let lines = RefCell::new(run(*env, || Ok(registry::with_heap(id(heap), |heap| heap.lines())?))?.into_iter());
    env.create_function_from_closure("nextLine", move |_| Ok(lines.borrow_mut().next()))
}

/// Statistics of one moment; sizes in bytes.
#[napi(object)]
pub struct Stats {
    /// Sizes now.
    pub bytes: Bytes,
    /// Numbers of things now.
    pub counts: Counts,
    /// High-water marks.
    pub peak: Peak,
    /// Successful calls since `init`.
    pub totals: Totals,
}

/// Sizes in bytes.
#[napi(object)]
pub struct Bytes {
    /// In main blocks.
    pub mapped: f64,
    /// In live blocks.
    pub live: f64,
    /// In live blocks, and asked for.
    pub requested: f64,
    /// In live blocks, freed but not to be handed out yet.
    pub quarantined: f64,
    /// In holes: mapped - live.
    pub holes: f64,
    /// The largest hole.
    pub largest_hole: f64,
    /// The heap's own bookkeeping.
    pub metadata: f64,
    /// In main blocks, and in memory.
    pub resident: Option<f64>,
}

/// Numbers of things.
#[napi(object)]
pub struct Counts {
    /// Pages of 4096 bytes in main blocks.
    pub pages: f64,
    /// Main blocks.
    pub main_blocks: f64,
    /// Live blocks.
    pub live: f64,
    /// Holes.
    pub holes: f64,
}

/// High-water marks in bytes.
#[napi(object)]
pub struct Peak {
    /// Of the bytes in main blocks.
    pub mapped: f64,
    /// Of the bytes in live blocks.
    pub live: f64,
    /// Of the bytes in holes.
    pub holes: f64,
    /// Of the largest hole.
    pub largest_hole: f64,
    /// Of the heap's own bookkeeping.
    pub metadata: f64,
}

/// Numbers of successful calls.
#[napi(object)]
pub struct Totals {
    /// Of `malloc`.
    pub malloc: f64,
    /// Of `free`.
    pub free: f64,
}

#[allow(clippy::cast_precision_loss, reason = "exact below 2^53, which neither bytes nor calls reach")]
impl From<(heap::Stats, Option<u64>)> for Stats {
    fn from((stats, resident): (heap::Stats, Option<u64>)) -> Self {
        Self {
            bytes: Bytes {
                mapped: stats.mapped as f64,
                live: stats.live as f64,
                requested: stats.requested as f64,
                quarantined: stats.quarantined as f64,
                holes: stats.hole_bytes as f64,
                largest_hole: stats.largest_hole as f64,
                metadata: stats.metadata as f64,
                resident: resident.map(|bytes| bytes as f64),
            },
            counts: Counts {
                pages: (stats.mapped / heap::PAGE) as f64,
                main_blocks: stats.main_blocks as f64,
                live: stats.live_blocks as f64,
                holes: stats.holes as f64,
            },
            peak: Peak {
                mapped: stats.peak_mapped as f64,
                live: stats.peak_live as f64,
                holes: stats.peak_hole_bytes as f64,
                largest_hole: stats.peak_largest_hole as f64,
                metadata: stats.peak_metadata as f64,
            },
            totals: Totals { malloc: stats.mallocs as f64, free: stats.frees as f64 },
        }
    }
}

/// Statistics of a heap. The system is asked about its pages after the lock is gone: that takes longer.
#[napi]
pub fn stats(env: Env, heap: f64) -> Result<Stats> {
    run(env, || {
        let (stats, spans) = registry::with_heap(id(heap), |heap| Ok((heap.stats(), heap.spans())))?;
        let resident = spans.iter().try_fold(0, |sum, span| Some(sum + span.resident()?));
        Ok((stats, resident).into())
    })
}

/// The buffer round an address, and where in it the address lies.
#[napi(object)]
pub struct Window<'a> {
    /// An external `SharedArrayBuffer` or `ArrayBuffer` over a window of the region.
    pub buffer: Unknown<'a>,
    /// The offset of the window in it: there are bytes before that mean nothing.
    pub start: f64,
    /// The offset of the address in it.
    pub offset: f64,
}

/// A new buffer over the window round a virtual address inside a live block or, if `length` is not 0, over so many bytes
/// from there. Internal: it may reach past the block.
#[napi]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "views.js has compared the length with the block's"
)]
pub fn window(env: Env, heap: f64, address: Unknown, length: f64) -> Result<Window> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let address = convert::address(id(heap), unsafe { Value::new(env.raw(), address.raw()) })?;
        let (span, range) = registry::with_heap(id(heap), |heap| {
            let span = heap.span(address, length as u64)?;
            let (mapping, offset) = (span.mapping(), span.offset());
            let range = if length == 0.0 {
                window::around(mapping, offset, heap.place(address)?.used)
            } else {
                (offset, span.bytes())
            };
            // While the heap cannot end.
            mapping.promise(range.0 + range.1);
            Ok((span, range))
        })?;
        let (mapping, offset) = (span.mapping(), span.offset());
        // SAFETY: `env` is this call's own.
        let (buffer, start) = unsafe { window::buffer(env.raw(), Arc::clone(mapping), range) }?;
        // SAFETY: `buffer` is a value of `env`, just made.
        let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
        Ok(Window { buffer, start: start as f64, offset: (start + offset - range.0) as f64 })
    })
}

/// The first main block at an address or after it, as its first address and the one after its last; nothing at the chain's
/// end.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn main_block(env: Env, heap: f64, address: f64) -> Result<Option<Vec<f64>>> {
    run(env, || {
        let block = registry::with_heap(id(heap), |heap| Ok(heap.heap().main_block(cursor(address))))?;
        Ok(block.map(|block| vec![block.start as f64, block.end as f64]))
    })
}

/// Writes segments from the one that holds `address` on, those that start before `end`, as many as fit: for each its first
/// address, its length and 1 for a hole, 0 for a live block. Answers their number.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn segments(env: Env, heap: f64, address: f64, end: f64, mut out: Float64Array) -> Result<u32> {
    run(env, || {
        // SAFETY: chains.js made the array for this call and shares it with nobody before it returns.
        let out = unsafe { out.as_mut() };
        Ok(registry::with_heap(id(heap), |heap| {
            let segments = heap.heap().segments(cursor(address)).take_while(|segment| segment.start < cursor(end));
            let mut count = 0;
            for (out, segment) in out.as_chunks_mut::<3>().0.iter_mut().zip(segments) {
                let is_hole = segment.kind == heap::Kind::Hole;
                *out = [segment.start as f64, segment.size as f64, f64::from(u8::from(is_hole))];
                count += 1;
            }
            Ok(count)
        })?)
    })
}

/// Where chains.js has come to.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an address that this file answered")]
fn cursor(address: f64) -> u64 {
    address as u64
}

/// From now on buffers are refused as Electron refuses them, for tests of what works there.
#[cfg(feature = "test-hooks")]
#[napi]
pub fn refuse_buffers() {
    window::REFUSE.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Panics with the default heap locked, for tests of what becomes of a panic.
#[cfg(feature = "test-hooks")]
#[napi]
pub fn panic_with_the_heap_locked(env: Env) -> Result<()> {
    run(env, || Ok(registry::with_heap(registry::DEFAULT_ID, |_| panic!("a panic on purpose"))?))
}
