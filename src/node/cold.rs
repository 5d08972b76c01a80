//! What is called rarely: starting and ending heaps, statistics, checks. `#[napi]` functions.

use super::failure::{Failure, run};
use super::value::Value;
use super::{convert, owner, trace, watch, window};
use crate::heap::{self, Options, Setting};
use crate::registry::{self, Handle, Id};
use crate::steps;
use crate::{Mems, batch};
use napi::bindgen_prelude::{Either3, FromNapiValue, Function, Unknown};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::sync::Arc;

/// An argument of the running call.
pub(super) fn argument<'call>(env: Env, value: &Unknown<'call>) -> Value<'call> {
    // SAFETY: napi makes an `Unknown` of a call's argument, which lives as long as the call runs, on its thread.
    unsafe { Value::new(env.raw(), value.raw()) }
}

/// The id of the heap that a call is for.
pub(super) fn id(env: Env, heap: &Unknown) -> std::result::Result<Id, Failure> {
    convert::heap(argument(env, heap))
}

/// Starts the default heap. The argument is the options object or undefined.
#[napi]
pub fn init(env: Env, options: Unknown) -> Result<()> {
    run(env, || {
        Ok(registry::init(convert::init_options(
            argument(env, &options),
            Options::default().assuming_dont_fork(true),
        )?)?)
    })
}

/// Makes a heap and returns its id. The argument is the options object or undefined.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "2^37 heaps are never made")]
pub fn open(env: Env, options: Unknown) -> Result<f64> {
    run(env, || {
        let (options, owned) =
            convert::heap_options(argument(env, &options), Options::roomy().assuming_dont_fork(true))?;
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
    /// The values of its options: numbers of bytes, flags or words.
    pub settings: Vec<Either3<bool, f64, String>>,
}

/// All open heaps.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "ids and bytes are below 2^53")]
pub fn heaps(env: Env) -> Result<Vec<Listed>> {
    run(env, || {
        let mut list = Vec::new();
        for id in registry::ids()? {
            let shown = registry::with_heap(id, |heap| {
                let (mapped, live) = (heap.heap().mapped(), heap.live_bytes());
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
fn setting(value: Setting) -> Either3<bool, f64, String> {
    match value {
        Setting::Flag(flag) => Either3::A(flag),
        Setting::Bytes(bytes) => Either3::B(bytes as f64),
        Setting::Word(word) => Either3::C(word.to_owned()),
    }
}

/// Ends a heap made by `open`; returns whether it was open.
#[napi]
pub fn close(env: Env, heap: Unknown) -> Result<bool> {
    run(env, || Ok(registry::close(id(env, &heap)?)?))
}

/// Throws unless a heap is open.
#[napi]
pub fn attach(env: Env, heap: Unknown) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(env, &heap)?, |_| Ok(()))?))
}

/// Ends the default heap.
#[napi]
pub fn finish(env: Env) -> Result<()> {
    run(env, || Ok(registry::finish()?))
}

/// Allocates a block of each of `sizes`, a `BigUint64Array`, and writes their addresses to `addresses`, another as long.
#[napi]
pub fn malloc_many(env: Env, heap: Unknown, sizes: Unknown, addresses: Unknown) -> Result<()> {
    run(env, || {
        let heap = argument(env, &heap);
        let id = convert::heap(heap)?;
        // First, since it runs JavaScript, which may move the arrays' memory.
        let stack = trace::stack(id, heap)?;
        let sizes = convert::words("sizes", argument(env, &sizes))?;
        let addresses = argument(env, &addresses);
        let (to, _) = addresses.words().filter(|&(_, length)| length == sizes.len()).ok_or_else(|| {
            let expected = "a BigUint64Array as long as \"sizes\"";
            Failure::ArgumentType { name: "addresses", expected, received: addresses.described() }
        })?;
        let mut made = convert::room_for(sizes.len())?;
        made.resize(sizes.len(), 0);
        let note = |heap: &mut Mems, address| trace::note_malloc(heap, address, stack.as_ref());
        batch::malloc_many(&mut Handle::new(id)?, &sizes, &mut made, note)?;
        // SAFETY: there is room for as many words at `to`, and no JavaScript has run on this thread since the pointer was
        // read. Another thread may write there: it is reached by pointer only.
        unsafe { made.as_ptr().copy_to(to, made.len()) };
        Ok(())
    })
}

/// Frees the blocks that start at `addresses`, a `BigUint64Array`.
#[napi]
pub fn free_many(env: Env, heap: Unknown, addresses: Unknown) -> Result<()> {
    run(env, || {
        let heap = argument(env, &heap);
        let id = convert::heap(heap)?;
        // First, as in `malloc_many`.
        let stack = trace::stack(id, heap)?;
        let addresses = convert::words("addresses", argument(env, &addresses))?;
        let note = |heap: &mut Mems, address| trace::note_free(heap, address, stack.as_ref());
        let freed = batch::free_many(&mut Handle::new(id)?, &addresses, note);
        Ok(freed.map_err(|error| trace::explained(id, error))?)
    })
}

/// Gives whole free pages back to the system; answers the bytes.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "below the bytes mapped, which are below 2^53")]
pub fn trim(env: Env, heap: Unknown) -> Result<f64> {
    run(env, || Ok(steps::trim(&mut Handle::new(id(env, &heap)?)?)? as f64))
}

/// Walks a heap and throws if an invariant is broken.
#[napi]
pub fn verify(env: Env, heap: Unknown) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(env, &heap)?, |heap| heap.verify())?))
}

/// The lines that `printStats` prints, all of this moment, as a function that answers the next one, or null after the
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
        let resident = convert::resident(unsafe { Value::new(env.raw(), options.raw()) })?;
        let spans = |heap: &Mems| if resident { heap.spans() } else { Vec::new() };
        let (stats, spans) = registry::with_heap(heap, |heap| Ok((heap.stats(), spans(heap))))?;
        let resident = spans.iter().try_fold(0, |sum, span| Some(sum + span.resident()?)).filter(|_| resident);
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
    /// The lowest name that a window of the heap can have: those below are of heaps that have ended.
    pub first_name: f64,
}

/// A new buffer over the window round a virtual address inside a live block or, if `length` is not 0, over so many bytes
/// from there: a `SharedArrayBuffer` if `shared` says so and the runtime can make one. Internal: it may reach past the block.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "offsets and names are below 2^53")]
pub fn window<'env>(
    env: Env,
    heap: Unknown,
    address: Unknown,
    length: Unknown,
    shared: Unknown,
) -> Result<Window<'env>> {
    run(env, || {
        let id = id(env, &heap)?;
        let address = convert::address(id, argument(env, &address))?;
        let length = convert::length("length", argument(env, &length))?;
        // Unless told so, it makes the kind that everything takes.
        let shared = argument(env, &shared).boolean().unwrap_or(false);
        let (span, range, first) = registry::with_heap(id, |heap| {
            let span = heap.span(address, length)?;
            let (mapping, offset) = (span.mapping(), span.offset());
            let range = if length == 0 {
                window::around(mapping, offset, heap.place(address)?.used)
            } else {
                (offset, span.bytes())
            };
            // While the heap cannot end.
            mapping.promise(range.0 + range.1);
            // Of a heap's mappings the first is the oldest.
            let first = heap.spans().first().map_or(0, |span| window::first_name(span.mapping().serial()));
            Ok((span, range, first))
        })?;
        let (mapping, offset) = (span.mapping(), span.offset());
        // SAFETY: `env` is this call's own.
        let (buffer, start) = unsafe { window::buffer(env.raw(), Arc::clone(mapping), range, shared) }?;
        // SAFETY: `buffer` is a value of `env`, just made.
        let buffer = unsafe { Unknown::from_napi_value(env.raw(), buffer) }?;
        let offset = (start + offset - range.0) as f64;
        Ok(Window { buffer, start: start as f64, offset, first_name: first as f64 })
    })
}

/// Says that this thread, a worker, ends before the process does.
#[napi]
pub fn thread_ends() {
    watch::thread_ends();
}

/// Whether this runtime can make a `SharedArrayBuffer` over native memory.
#[napi]
#[must_use]
pub fn can_share() -> bool {
    window::can_share()
}

/// The first main block at an address or after it, as its first address and the one after its last; nothing at the chain's
/// end.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn main_block(env: Env, heap: Unknown, address: Unknown) -> Result<Option<Vec<f64>>> {
    run(env, || {
        let address = convert::length("address", argument(env, &address))?;
        let block = registry::with_heap(id(env, &heap)?, |heap| Ok(heap.heap().main_block(address)))?;
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
        let address = convert::length("address", argument(env, &address))?;
        let end = convert::length("end", argument(env, &end))?;
        let (to, length) = argument(env, &out).doubles().ok_or_else(|| Failure::ArgumentType {
            name: "out",
            expected: "a Float64Array",
            received: argument(env, &out).described(),
        })?;
        let most = (length / 3).min(SEGMENTS);
        let mut read = convert::room_for(most)?;
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
