//! What is called rarely: starting and ending the heap, statistics, checks. `#[napi]` functions.

use super::failure::run;
use super::value::Value;
use super::{convert, registry, window};
use crate::heap;
use napi::bindgen_prelude::{BigUint64Array, FromNapiValue, Unknown};
use napi::{Env, JsValue, Result};
use napi_derive::napi;

/// Starts the default heap. The argument is the options object or undefined.
#[napi]
pub fn init(env: Env, options: Unknown) -> Result<()> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let options = unsafe { Value::new(env.raw(), options.raw()) };
        Ok(registry::init(convert::options(options)?)?)
    })
}

/// Ends the default heap.
#[napi]
pub fn finish(env: Env) -> Result<()> {
    run(env, || Ok(registry::finish()?))
}

/// Allocates a block of each of `sizes` and writes their addresses.
#[napi]
pub fn malloc_many(env: Env, sizes: &[u64], mut addresses: BigUint64Array) -> Result<()> {
    run(env, || {
        // SAFETY: index.js made the array for this call and shares it with nobody before it returns.
        let addresses = unsafe { addresses.as_mut() };
        Ok(registry::with(|heap| heap.malloc_many(sizes, addresses))?)
    })
}

/// Frees the blocks that start at `addresses`.
#[napi]
pub fn free_many(env: Env, addresses: &[u64]) -> Result<()> {
    run(env, || Ok(registry::with(|heap| heap.free_many(addresses))?))
}

/// Gives whole free pages back to the system; answers the bytes.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "below the bytes mapped, which are below 2^53")]
pub fn trim(env: Env) -> Result<f64> {
    run(env, || Ok(registry::with(|heap| Ok(heap.trim()))? as f64))
}

/// Walks the default heap and throws if an invariant is broken.
#[napi]
pub fn verify(env: Env) -> Result<()> {
    run(env, || Ok(registry::with(|heap| heap.verify())?))
}

/// The lines that `printStats` prints.
#[napi]
pub fn stats_lines(env: Env) -> Result<Vec<String>> {
    run(env, || Ok(registry::with(|heap| heap.lines())?))
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
    /// In holes: mapped - live.
    pub holes: f64,
    /// The largest hole.
    pub largest_hole: f64,
    /// The heap's own bookkeeping.
    pub metadata: f64,
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
impl From<heap::Stats> for Stats {
    fn from(stats: heap::Stats) -> Self {
        Self {
            bytes: Bytes {
                mapped: stats.mapped as f64,
                live: stats.live as f64,
                holes: stats.hole_bytes as f64,
                largest_hole: stats.largest_hole as f64,
                metadata: stats.metadata as f64,
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

/// Statistics of the default heap.
#[napi]
pub fn stats(env: Env) -> Result<Stats> {
    run(env, || Ok(registry::with(|heap| Ok(heap.stats()))?.into()))
}

/// The buffer round an address, and where in it the address lies.
#[napi(object)]
pub struct Window<'a> {
    /// An external `SharedArrayBuffer` or `ArrayBuffer` over a window of the region.
    pub buffer: Unknown<'a>,
    /// The offset of the address in it.
    pub offset: f64,
}

/// A new buffer round a virtual address inside a live block. Internal: it reaches past the block.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "an offset in a window is below 2^32")]
pub fn window(env: Env, address: Unknown) -> Result<Window> {
    run(env, || {
        // SAFETY: the value is this call's own argument.
        let given = convert::address(unsafe { Value::new(env.raw(), address.raw()) })?;
        let (mapping, offset) = registry::with(|heap| heap.locate(given.within(heap)?))?;
        let span = window::around(&mapping, offset);
        // SAFETY: `env` is this call's own.
        let buffer = unsafe { window::buffer(env.raw(), mapping, span) }?;
        // SAFETY: `buffer` is a value of `env`, just made.
        let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
        Ok(Window { buffer, offset: (offset - span.0) as f64 })
    })
}

/// Panics with the default heap locked, for tests of what becomes of a panic.
#[cfg(feature = "test-hooks")]
#[napi]
pub fn panic_with_the_heap_locked(env: Env) -> Result<()> {
    run(env, || Ok(registry::with(|_| panic!("a panic on purpose"))?))
}
