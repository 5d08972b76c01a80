//! Syncs of heaps in files, for JavaScript: `#[napi]` functions.

use super::arguments::id;
use super::failure::{Failure, run};
use super::js_value::as_number;
use crate::error::Error;
use crate::process::registry::{self, Id};
use crate::process::syncs;
use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Result, Task};
use napi_derive::napi;

/// A sync in a thread of Node.js's pool.
pub struct Sync(Id);

impl Task for Sync {
    type Output = std::result::Result<u64, Error>;
    type JsValue = f64;

    fn compute(&mut self) -> Result<Self::Output> {
        Ok(syncs::sync(self.0))
    }

    fn resolve(&mut self, env: Env, synced: Self::Output) -> Result<f64> {
        synced.map(as_number).map_err(|error| Failure::from(error).rejection(env))
    }
}

/// Syncs a heap, while JavaScript continues: a promise of the number of the sync. Throws if the heap is not in a file.
#[napi]
pub fn sync_file(env: Env, heap: Unknown) -> Result<AsyncTask<Sync>> {
    run(env, || {
        let heap = id(env, &heap)?;
        registry::look_at_heap(heap, |heap| heap.file().map(drop))?;
        Ok(AsyncTask::new(Sync(heap)))
    })
}

/// Syncs a heap, and returns the number of the sync.
#[napi]
pub fn sync_file_now(env: Env, heap: Unknown) -> Result<f64> {
    run(env, || Ok(as_number(syncs::sync(id(env, &heap)?)?)))
}
