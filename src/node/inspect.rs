//! What a heap looks like: statistics, printStats, main blocks and segments, checks. `#[napi]` functions, called rarely.

use super::arguments;
use super::failure::{Failure, run};
use super::heaps::{argument, id};
use super::js_value::Value;
use crate::heap;
use crate::mems::Mems;
use crate::process::registry;
use napi::bindgen_prelude::{Function, Unknown};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use std::cell::RefCell;

/// Walks a heap and throws if an invariant is broken.
#[napi]
pub fn verify(env: Env, heap: Unknown) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(env, &heap)?, |heap| heap.verify())?))
}

/// The lines that `printStats` prints, all of this moment, as a function that returns the next one, or null after the
/// last. They wait outside the JavaScript heap, which may be too small for all of them at once.
#[napi]
pub fn stats_lines<'env>(env: &'env Env, heap: Unknown) -> Result<Function<'env, (), Option<String>>> {
    let lines =
        RefCell::new(run(*env, || Ok(registry::with_heap(id(*env, &heap)?, |heap| heap.lines())?))?.into_iter());
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
    /// In blocks that are freed but not to be handed out yet.
    pub quarantined: f64,
    /// In holes: mapped - live - quarantined.
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
    /// Blocks that are freed but not to be handed out yet.
    pub quarantined: f64,
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
                quarantined: stats.quarantined_blocks as f64,
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

/// Statistics of a heap. The second argument is the options object or undefined: with `resident` the system is asked about the
/// heap's pages, after the lock is gone, since that takes longer.
#[napi]
pub fn stats(env: Env, heap: Unknown, options: Unknown) -> Result<Stats> {
    run(env, || {
        let heap = id(env, &heap)?;
        // SAFETY: the value is this call's own argument.
        let resident = arguments::resident(unsafe { Value::new(env.raw(), options.raw()) })?;
        let spans = |heap: &Mems| if resident { heap.spans() } else { Vec::new() };
        let (stats, spans) = registry::with_heap(heap, |heap| Ok((heap.stats(), spans(heap))))?;
        let resident = spans.iter().try_fold(0, |sum, span| Some(sum + span.resident()?)).filter(|_| resident);
        Ok((stats, resident).into())
    })
}

/// The first main block at an address or after it, as its first address and the one after its last; nothing at the chain's
/// end.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn main_block(env: Env, heap: Unknown, address: Unknown) -> Result<Option<Vec<f64>>> {
    run(env, || {
        let address = arguments::length("address", argument(env, &address))?;
        let block = registry::with_heap(id(env, &heap)?, |heap| Ok(heap.heap().main_chain().first_from(address)))?;
        Ok(block.map(|block| vec![block.start as f64, block.end as f64]))
    })
}

/// Most segments that one call of `segments` reads: other threads wait meanwhile.
const SEGMENTS: usize = 1024;

/// Writes segments from the one that holds `address` on, those that start before `end`, as many as fit into `out`, a
/// `Float64Array`, and no more than [`SEGMENTS`]: for each its first address, its length and 1 for a hole, 0 for a live block.
/// Returns their number.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn segments(env: Env, heap: Unknown, address: Unknown, end: Unknown, out: Unknown) -> Result<u32> {
    run(env, || {
        let address = arguments::length("address", argument(env, &address))?;
        let end = arguments::length("end", argument(env, &end))?;
        let (to, length) = argument(env, &out).doubles().ok_or_else(|| Failure::ArgumentType {
            name: "out",
            expected: "a Float64Array",
            received: argument(env, &out).described(),
        })?;
        let most = (length / 3).min(SEGMENTS);
        let mut read = arguments::room_for(most)?;
        registry::with_heap(id(env, &heap)?, |heap| {
            let segments = heap.heap().segments(address).take_while(|segment| segment.start < end).take(most);
            read.extend(segments.map(|segment| {
                let is_hole = segment.kind == heap::Kind::Hole;
                [segment.start as f64, segment.size as f64, f64::from(u8::from(is_hole))]
            }));
            Ok(())
        })?;
        // SAFETY: there is room for as many triplets at `to`, and no JavaScript has run on this thread since the pointer was
        // read. Another thread may write there: it is reached by pointer only.
        unsafe { read.as_flattened().as_ptr().copy_to(to, 3 * read.len()) };
        #[allow(clippy::cast_possible_truncation, reason = "at most SEGMENTS")]
        Ok(read.len() as u32)
    })
}
