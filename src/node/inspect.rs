//! What a heap looks like: statistics, printStats, main blocks and segments, checks. `#[napi]` functions, called rarely.

use super::arguments::{self, argument, id};
use super::events;
use super::failure::{Failure, run};
use super::js_value::as_number;
use super::object::Made;
use crate::heap::{self, Group, HoleBytes};
use crate::mems::{Mems, holes};
use crate::process::registry::{self, Handle};
use napi::bindgen_prelude::{Function, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::cell::RefCell;

/// Walks a heap and throws if an invariant is broken.
#[napi]
pub fn verify(env: Env, heap: Unknown) -> Result<()> {
    run(env, || Ok(registry::with_heap(id(env, &heap)?, |heap| heap.verify())?))
}

/// The lines that `printStats` prints, all of one moment, as a function that returns the next line, or null after the
/// last. The lines are kept outside the JavaScript heap, which may be too small for all of them at once.
#[napi]
pub fn stats_lines<'env>(env: &'env Env, heap: Unknown) -> Result<Function<'env, (), Option<String>>> {
    let lines =
        RefCell::new(run(*env, || Ok(registry::with_heap(id(*env, &heap)?, |heap| heap.lines())?))?.into_iter());
    env.create_function_from_closure("nextLine", move |_| Ok(lines.borrow_mut().next()))
}

/// Statistics of a heap: an object for each group, made from the group's rows of the table (`heap/stats.rs`). The second argument
/// is the options object or undefined: with `resident` the system is asked about the heap's pages, after the lock is released,
/// since that takes longer.
#[napi]
pub fn stats<'env>(env: &'env Env, heap: Unknown, options: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let heap = id(*env, &heap)?;
        let resident = arguments::resident(argument(*env, &options))?;
        let spans = |heap: &Mems| if resident { heap.spans() } else { Vec::new() };
        let (stats, spans) = registry::with_heap(heap, |heap| Ok((heap.stats(), spans(heap))))?;
        let resident = spans.iter().try_fold(0, |sum, span| Some(sum + span.resident()?)).filter(|_| resident);
        let mut made = Made::new(env);
        for group in Group::ALL {
            let mut object = Made::new(env);
            for row in heap::Stats::ALL.iter().filter(|row| row.group == group) {
                object.set(row.name, as_number((row.of)(&stats)))?;
            }
            match (group, resident) {
                // Bytes of main blocks that are in memory.
                (Group::Bytes, Some(bytes)) => object.set(c"resident", as_number(bytes))?,
                // Pages of 4096 bytes in main blocks.
                (Group::Counts, _) => object.set(c"pages", as_number(stats.mapped / heap::PAGE))?,
                _ => (),
            }
            made.set(group.name(), object)?;
        }
        // Who reads statistics hears of what other threads have done.
        events::say(env.raw(), heap, false);
        made.finished()
    })
}

/// The share of hole bytes that are in holes smaller than `size`, from 0 to 1.
#[napi]
pub fn unusable(env: Env, heap: Unknown, size: Unknown) -> Result<f64> {
    run(env, || {
        let mut sums = [(arguments::size("size", argument(env, &size))?, HoleBytes::default())];
        holes::hole_bytes(&mut Handle::new(id(env, &heap)?)?, &mut sums)?;
        Ok(sums[0].1.unusable())
    })
}

/// [`unusable`] for several sizes, a `BigUint64Array`, in one walk.
#[napi]
pub fn unusable_shares(env: Env, heap: Unknown, sizes: Unknown) -> Result<Vec<f64>> {
    run(env, || {
        let sizes = arguments::words("sizes", argument(env, &sizes))?;
        let mut sums = arguments::room_for(sizes.len())?;
        sums.extend(sizes.into_iter().map(|size| (size, HoleBytes::default())));
        holes::hole_bytes(&mut Handle::new(id(env, &heap)?)?, &mut sums)?;
        let mut shares = arguments::room_for(sums.len())?;
        shares.extend(sums.into_iter().map(|(_, sum)| sum.unusable()));
        Ok(shares)
    })
}

/// How many holes a list in order of address would look at to place a block of `size` bytes now. The third argument is the options
/// object or undefined, as `malloc` takes it.
#[napi]
pub fn looked_at(env: Env, heap: Unknown, size: Unknown, options: Unknown) -> Result<f64> {
    run(env, || {
        let (heap, bytes) = (id(env, &heap)?, arguments::size("size", argument(env, &size))?);
        let alignment = arguments::alignment(argument(env, &options), "lookedAt()")?.unwrap_or(1);
        Ok(as_number(registry::with_heap(heap, |heap| heap.looked_at(bytes, alignment))?))
    })
}

/// The first main block that starts at or after an address, as its first address and the one after its last; nothing at the
/// chain's end.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn main_block(env: Env, heap: Unknown, address: Unknown) -> Result<Option<Vec<f64>>> {
    run(env, || {
        let address = arguments::length("address", argument(env, &address))?;
        let block = registry::with_heap(id(env, &heap)?, |heap| Ok(heap.heap().main_chain().first_from(address)))?;
        Ok(block.map(|block| vec![block.start as f64, block.end as f64]))
    })
}

/// The span of slots that holds an address, as its first address, the one after its last, and the bytes of a slot; nothing if there
/// is none.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "addresses are below 2^53")]
pub fn span_at(env: Env, heap: Unknown, address: Unknown) -> Result<Option<Vec<f64>>> {
    run(env, || {
        let address = arguments::length("address", argument(env, &address))?;
        let span = registry::with_heap(id(env, &heap)?, |heap| Ok(heap.heap().span_at(address)))?;
        Ok(span.map(|(span, slot)| vec![span.start as f64, span.end as f64, slot as f64]))
    })
}

/// The most segments that one call of `segments` reads: other threads wait meanwhile.
const SEGMENTS: usize = 1024;

/// Writes the segments from the one that holds `address` to the last that starts before `end` to `out`, a `Float64Array`: as many
/// as fit, and at most [`SEGMENTS`]. For each it writes the first address, the length, and 1 for a hole or 0 for a live block.
/// Returns the number of segments.
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
