//! `mallocMany` and `freeMany`: many blocks in one call. `#[napi]` functions, whose cost is small beside that of the blocks.

use super::arguments::{self, argument};
use super::failure::{Failure, run};
use super::{events, stacks};
use crate::mems::{Mems, batch};
use crate::process::registry::Handle;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result};
use napi_derive::napi;

/// Allocates a block of each of `sizes`, a `BigUint64Array`, and writes their addresses to `addresses`, another one of the same
/// length.
#[napi]
pub fn malloc_many(env: Env, heap: Unknown, sizes: Unknown, addresses: Unknown) -> Result<()> {
    run(env, || {
        let heap = argument(env, &heap);
        let id = arguments::heap(heap)?;
        // The stack comes first, since capturing it runs JavaScript, which may move the arrays' memory.
        let stack = stacks::stack(id, heap)?;
        let sizes = arguments::words("sizes", argument(env, &sizes))?;
        let addresses = argument(env, &addresses);
        let (to, _) = addresses.words().filter(|&(_, length)| length == sizes.len()).ok_or_else(|| {
            let expected = "a BigUint64Array as long as \"sizes\"";
            Failure::ArgumentType { name: "addresses", expected, received: addresses.described() }
        })?;
        let mut made = arguments::room_for(sizes.len())?;
        made.resize(sizes.len(), 0);
        let note = |heap: &mut Mems, address| stacks::note_malloc(heap, address, stack.as_ref());
        let mut found = Handle::new(id)?;
        Ok(events::around(env.raw(), id, || {
            batch::malloc_many(&mut found, &sizes, &mut made, note).map(|()| {
                // SAFETY: there is room for as many words at `to`, and no JavaScript has run on this thread since the pointer was
                // read. Another thread may write there: it is reached by pointer only.
                unsafe { made.as_ptr().copy_to(to, made.len()) };
            })
        })?)
    })
}

/// Frees the blocks that start at `addresses`, a `BigUint64Array`.
#[napi]
pub fn free_many(env: Env, heap: Unknown, addresses: Unknown) -> Result<()> {
    run(env, || {
        let heap = argument(env, &heap);
        let id = arguments::heap(heap)?;
        // The stack comes first, as in `malloc_many`.
        let stack = stacks::stack(id, heap)?;
        let addresses = arguments::words("addresses", argument(env, &addresses))?;
        let note = |heap: &mut Mems, address| stacks::note_free(heap, address, stack.as_ref());
        let mut found = Handle::new(id)?;
        let freed = events::around(env.raw(), id, || batch::free_many(&mut found, &addresses, note));
        Ok(freed.map_err(|error| stacks::explained(id, error))?)
    })
}
