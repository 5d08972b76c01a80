//! Recording what the calls of a heap do: beginning, ending, marks, snapshots. `#[napi]` functions, called rarely.

use super::arguments::{self, argument, id};
use super::failure::{Failure, run};
use super::js_value::{Value, as_number};
use super::object::Made;
use crate::mems::{Recorded, recorder};
use crate::process::recordings;
use crate::process::registry::{self, Handle};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::path::PathBuf;

/// The path that an argument is.
fn path(value: Value) -> std::result::Result<PathBuf, Failure> {
    arguments::path("path", value)
}

/// Begins to record a heap into the file at a path. The third argument is the options object or undefined. Returns whether the
/// recording ends with the process.
#[napi]
pub fn record(env: Env, heap: Unknown, file: Unknown, options: Unknown) -> Result<bool> {
    run(env, || {
        let (heap, path) = (id(env, &heap)?, path(argument(env, &file))?);
        let flags = arguments::record_options(argument(env, &options))?;
        Ok(recordings::record(&mut Handle::new(heap)?, &path, flags)?)
    })
}

/// Begins to record the default heap if the environment variable `MEMS_RECORD` has a path. Returns `false` if a recording has begun that
/// does not end with the process.
#[napi]
pub fn record_by_environment(env: Env) -> Result<bool> {
    run(env, || Ok(recordings::record_by_environment(&mut Handle::DEFAULT.clone())?))
}

/// Ends the recording of a heap. Returns an object of what the file has.
#[napi]
pub fn stop_recording<'env>(env: &'env Env, heap: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let Recorded { operations, missing, bytes } = recorder::stop(&mut Handle::new(id(*env, &heap)?)?)?;
        let mut made = Made::new(env);
        made.set(c"operations", as_number(operations))?;
        made.set(c"missing", as_number(missing))?;
        made.set(c"bytes", as_number(bytes))?;
        made.finished()
    })
}

/// Ends all recordings of the process, as it ends. What cannot be written is left.
#[napi]
pub fn stop_recordings(env: Env) -> Result<()> {
    run(env, || {
        recordings::stop_all();
        Ok(())
    })
}

/// Whether a heap is being recorded. `false` of one that has ended.
#[napi]
pub fn is_recording(env: Env, heap: Unknown) -> Result<bool> {
    run(env, || Ok(registry::with_heap(id(env, &heap)?, |heap| Ok(heap.is_recording())).unwrap_or(false)))
}

/// Puts a text between the operations that are recorded.
#[napi]
pub fn mark(env: Env, heap: Unknown, text: Unknown) -> Result<()> {
    run(env, || {
        let (heap, value) = (id(env, &heap)?, argument(env, &text));
        let text = value.long_string().ok_or_else(|| Failure::ArgumentType {
            name: "text",
            expected: "a string",
            received: value.described(),
        })?;
        Ok(registry::with_heap(heap, |heap| heap.mark_recording(&text))?)
    })
}

/// Writes what is in a heap now as a recording of no operations. Returns the bytes of the file.
#[napi]
pub fn snapshot(env: Env, heap: Unknown, file: Unknown) -> Result<f64> {
    run(env, || {
        let (heap, path) = (id(env, &heap)?, path(argument(env, &file))?);
        Ok(as_number(recordings::snapshot(&mut Handle::new(heap)?, &path)?))
    })
}

/// Throws if a heap of the process is being recorded into the file at a path, so that it must not be replaced.
#[napi]
pub fn check_not_recorded_into(env: Env, file: Unknown) -> Result<()> {
    run(env, || Ok(recordings::check_not_recorded_into(&path(argument(env, &file))?)?))
}
