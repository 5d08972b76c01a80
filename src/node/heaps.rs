//! Starting, ending and listing heaps, and giving their free pages back. `#[napi]` functions, called rarely.

use super::arguments::{self, argument, id};
use super::events;
use super::failure::{Failure, run};
use super::object::Made;
use super::open_maps;
use super::owner::{self, AtEnd};
use crate::error::Error;
use crate::heap::PolicyKind;
use crate::mems::purge;
use crate::mems::{Mems, Options, Setting};
use crate::process::files;
use crate::process::registry::{self, Handle, Id};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

/// Starts the default heap. The argument is the options object or undefined. Returns `false` if the heap is running already.
#[napi]
pub fn init(env: Env, options: Unknown) -> Result<bool> {
    run(env, || {
        Ok(registry::init(arguments::init_options(
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
            arguments::heap_options(argument(env, &options), Options::roomy().assuming_dont_fork(true))?;
        let is_private = options.placement().policy() == PolicyKind::Segregated;
        if !owned && !is_private {
            return Ok(registry::open(options)? as f64);
        }
        // SAFETY: `env` is this call's own.
        unsafe { owner::reserve(env.raw()) }?;
        let heap = registry::open(options)?;
        if is_private {
            registry::with_heap(heap, |heap| {
                heap.keep_private();
                Ok(())
            })?;
        }
        owner::own(heap, if owned { AtEnd::Close } else { AtEnd::Leave });
        Ok(heap as f64)
    })
}

/// An open heap, as `Heap.list()` shows it: its id, which is 0 for the default heap, its bytes and its options.
#[allow(clippy::cast_precision_loss, reason = "ids and bytes are below 2^53")]
fn shown(env: &Env, id: Id) -> std::result::Result<Object<'_>, Failure> {
    let (options, mapped, live, path) = registry::with_heap(id, |heap| {
        let path = heap.file().ok().map(|file| file.path().to_string_lossy().into_owned());
        Ok((*heap.options(), heap.heap().mapped(), heap.live_bytes(), path))
    })?;
    let (mut heap, mut bytes, mut chosen) = (Made::new(env), Made::new(env), Made::new(env));
    bytes.set(c"mapped", mapped as f64)?;
    bytes.set(c"live", live as f64)?;
    for (choice, setting) in options.settings() {
        match setting {
            Setting::Flag(flag) => chosen.set(choice.key, flag)?,
            Setting::Bytes(bytes) => chosen.set(choice.key, bytes as f64)?,
            Setting::Word(word) => chosen.set(choice.key, word)?,
        }
    }
    heap.set(c"id", id as f64)?;
    if let Some(path) = path {
        heap.set(c"path", &path[..])?;
    }
    heap.set(c"bytes", bytes)?;
    heap.set(c"options", chosen)?;
    heap.finished()
}

/// All open heaps.
#[napi]
pub fn heaps(env: &Env) -> Result<Vec<Object<'_>>> {
    run(*env, || {
        // A heap that has been closed meanwhile, or that a panic has poisoned, is left out.
        let list = registry::ids()?.into_iter().map(|id| shown(env, id));
        list.filter(|shown| !matches!(shown, Err(Failure::Mems(_)))).collect::<std::result::Result<_, _>>()
    })
}

/// An open heap as `heaps` lists it.
#[napi]
pub fn heap_entry<'env>(env: &'env Env, heap: Unknown) -> Result<Object<'env>> {
    run(*env, || shown(env, id(*env, &heap)?))
}

/// Ends a heap made by `open`; returns whether it was open. One that is in a file ends when it has been closed as often as it was opened.
#[napi]
pub fn close(env: Env, heap: Unknown) -> Result<bool> {
    run(env, || {
        let id = id(env, &heap)?;
        let closed = files::close(id)?;
        owner::disown_file(id);
        open_maps::let_go_of_ended();
        Ok(closed)
    })
}

/// Throws unless a heap is open that this thread may use. Returns 0 for one in memory, 1 for one in a file, 2 if that is open for reading only.
#[napi]
pub fn attach(env: Env, heap: Unknown) -> Result<u32> {
    run(env, || {
        let id = id(env, &heap)?;
        let kind = |heap: &mut Mems| u32::from(heap.is_in_file()) + u32::from(heap.check_writable().is_err());
        Ok(registry::look_at_heap(id, |heap| {
            if heap.is_known_here() { Ok(kind(heap)) } else { Err(Error::NotPublished { id }) }
        })?)
    })
}

/// Ends the default heap.
#[napi]
pub fn finish(env: Env) -> Result<()> {
    run(env, || {
        registry::finish()?;
        open_maps::let_go_of_ended();
        Ok(())
    })
}

/// Gives whole free pages back to the system; returns the bytes.
#[napi]
#[allow(clippy::cast_precision_loss, reason = "below the bytes mapped, which are below 2^53")]
pub fn trim(env: Env, heap: Unknown) -> Result<f64> {
    run(env, || {
        let id = id(env, &heap)?;
        let mut found = Handle::new(id)?;
        Ok(events::around(env.raw(), id, || purge::trim(&mut found))? as f64)
    })
}
