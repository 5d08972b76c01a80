//! Heaps in files, for JavaScript: opening them, roots, and words that are stored with a call. `#[napi]` functions.

use super::arguments::{self, argument, id};
use super::events;
use super::failure::{Failure, run};
use super::js_value::{BigInt, Value, as_number};
use super::object::Made;
use super::owner::{self, AtEnd};
use crate::heap::FIRST_ADDRESS;
use crate::heap::ledger::Summary;
use crate::mems::file::{self, FileOptions, MapReport, Process, Report};
use crate::mems::steps;
use crate::process::files;
use crate::process::registry::{self, Handle};
use napi::bindgen_prelude::{BigInt as Address, Object, Unknown};
use napi::{Env, Result, ValueType};
use napi_derive::napi;

/// Opens the heap in a file, or creates it, and returns its id. The second argument is the options object or undefined; the third says
/// whether the heap is closed once when the thread ends, as for worker threads: the end of the process needs no closing.
#[napi]
pub fn open_file(env: Env, path: Unknown, options: Unknown, closes: Unknown) -> Result<f64> {
    run(env, || {
        let path = arguments::path("path", argument(env, &path))?;
        let options = arguments::file_options(argument(env, &options), FileOptions::default())?;
        let closes = argument(env, &closes).boolean() == Some(true);
        if closes {
            // SAFETY: `env` is this call's own.
            unsafe { owner::reserve(env.raw()) }?;
        }
        let heap = files::open(&path, &options)?;
        if closes {
            owner::own(heap, AtEnd::CloseFile);
        }
        Ok(as_number(heap))
    })
}

/// What a heap has of its file: `{ path, uuid, processes }`, the processes as three numbers each: slot, process id, and when it opened
/// the file, in milliseconds since 1970.
#[napi]
pub fn file_of<'env>(env: &'env Env, heap: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let (path, uuid, processes) = registry::look_at_heap(id(*env, &heap)?, |heap| {
            let file = heap.file()?;
            Ok((file.path().to_string_lossy().into_owned(), file.uuid(), file.processes()))
        })?;
        let mut made = Made::new(env);
        made.set(c"path", &path[..])?;
        made.set(c"uuid", &uuid_text(uuid)[..])?;
        made.set(c"processes", &numbers_of(&processes)[..])?;
        made.finished()
    })
}

/// Whether a heap is in a file.
#[napi]
pub fn is_in_file(env: Env, heap: Unknown) -> Result<bool> {
    run(env, || Ok(registry::look_at_heap(id(env, &heap)?, |heap| Ok(heap.is_in_file()))?))
}

/// Looks at a heap file. The second argument is the options object or undefined.
#[napi]
pub fn verify_file<'env>(env: &'env Env, path: Unknown, options: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let path = arguments::path("path", argument(*env, &path))?;
        let deep = arguments::verify_options(argument(*env, &options))?;
        shown(env, &file::verify(&path, deep)?)
    })
}

/// Repairs a heap file. The second argument is the options object or undefined.
#[napi]
pub fn repair_file<'env>(env: &'env Env, path: Unknown, options: Unknown) -> Result<Object<'env>> {
    run(*env, || {
        let path = arguments::path("path", argument(*env, &path))?;
        let into = arguments::repair_options(argument(*env, &options))?;
        let into = into.map(|into| arguments::path("options.into", into)).transpose()?;
        shown(env, &files::repair(&path, into.as_deref())?)
    })
}

/// A report as an object: lists of numbers for extents (address, bytes), roots (address, whether it is live; the names are apart),
/// maps (see [`map_numbers`]; the names are apart), processes (see [`file_of`]) and the summary.
fn shown<'env>(env: &'env Env, report: &Report) -> std::result::Result<Object<'env>, Failure> {
    let [problems, notes] =
        [&report.problems, &report.notes].map(|texts| texts.iter().map(|text| &text[..]).collect::<Vec<_>>());
    let names: Vec<_> = report.roots.iter().map(|root| &root.name[..]).collect();
    let roots: Vec<_> =
        report.roots.iter().flat_map(|root| [as_number(root.address), f64::from(u8::from(root.is_live))]).collect();
    let extents: Vec<_> = report
        .extents
        .iter()
        .flat_map(|extent| [as_number(FIRST_ADDRESS + extent.first), as_number(extent.bytes)])
        .collect();
    let Summary { mapped, live, largest_hole, metadata, live_blocks, holes } = report.summary;
    let summary =
        [mapped, live, mapped.saturating_sub(live), largest_hole, metadata, live_blocks, holes].map(as_number);
    let mut made = Made::new(env);
    made.set(c"path", &report.path.to_string_lossy()[..])?;
    made.set(c"uuid", &uuid_text(report.uuid)[..])?;
    made.set(c"layout", f64::from(report.layout))?;
    made.set(c"sound", report.problems.is_empty())?;
    made.set(c"problems", &problems[..])?;
    made.set(c"notes", &notes[..])?;
    made.set(c"clean", report.is_clean)?;
    made.set(c"durable", report.is_durable)?;
    made.set(c"extents", &extents[..])?;
    made.set(c"summary", &summary[..])?;
    made.set(c"names", &names[..])?;
    made.set(c"roots", &roots[..])?;
    made.set(c"mapNames", &report.maps.iter().map(|map| &map.name[..]).collect::<Vec<_>>()[..])?;
    made.set(c"maps", &report.maps.iter().flat_map(map_numbers).collect::<Vec<_>>()[..])?;
    made.set(c"processes", &numbers_of(&report.processes)[..])?;
    made.finished()
}

/// Six numbers for a map: its address, whether it is sound, its entries and bytes, and the limits of both; 0: no limit.
fn map_numbers(map: &MapReport) -> [f64; 6] {
    let is_sound = u64::from(map.is_sound);
    [map.address, is_sound, map.entries, map.bytes, map.most_entries, map.most_bytes].map(as_number)
}

/// Three numbers for each process: slot, process id, and when it opened the file.
fn numbers_of(processes: &[Process]) -> Vec<f64> {
    let numbers = |process: &Process| [process.slot as u64, process.id, process.since].map(as_number);
    processes.iter().flat_map(numbers).collect()
}

/// The usual text of a uuid: 8, 4, 4, 4 and 12 digits.
fn uuid_text(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// The address of a root, or null.
#[napi]
pub fn root(env: Env, heap: Unknown, name: Unknown) -> Result<Option<Address>> {
    run(env, || {
        let name = name_of(argument(env, &name))?;
        let root = registry::look_at_heap(id(env, &heap)?, |heap| Ok(heap.file()?.root(name.as_bytes())))?;
        Ok(root.map(Address::from))
    })
}

/// The names of all roots and their addresses.
#[napi]
pub fn roots<'env>(env: &'env Env, heap: Unknown) -> Result<Vec<Object<'env>>> {
    run(*env, || {
        let roots = registry::look_at_heap(id(*env, &heap)?, |heap| Ok(heap.file()?.roots()))?;
        let shown = roots.into_iter().map(|(name, address)| {
            let mut made = Made::new(env);
            made.set(c"name", &String::from_utf8_lossy(&name)[..])?;
            made.set(c"address", as_number(address))?;
            made.finished()
        });
        shown.collect::<std::result::Result<_, Failure>>()
    })
}

/// Lets a name stand for the block that starts at an address.
#[napi]
pub fn set_root(env: Env, heap: Unknown, name: Unknown, address: Unknown) -> Result<()> {
    run(env, || {
        let (heap, name) = (id(env, &heap)?, name_of(argument(env, &name))?);
        let address = arguments::address(heap, argument(env, &address))?;
        Ok(registry::with_heap(heap, |heap| heap.set_root(name.as_bytes(), address))?)
    })
}

/// Forgets a name; returns whether it stood for an address.
#[napi]
pub fn delete_root(env: Env, heap: Unknown, name: Unknown) -> Result<bool> {
    run(env, || {
        let name = name_of(argument(env, &name))?;
        Ok(registry::with_heap(id(env, &heap)?, |heap| heap.delete_root(name.as_bytes()))?)
    })
}

/// Allocates a block whose address is stored in the word at `into` by the same operation.
#[napi]
pub fn malloc_into(env: Env, heap: Unknown, size: Unknown, alignment: Unknown, into: Unknown) -> Result<Address> {
    run(env, || {
        let heap = id(env, &heap)?;
        let size = arguments::size("size", argument(env, &size))?;
        let alignment = match argument(env, &alignment) {
            none if none.kind() == ValueType::Undefined => 1,
            given => arguments::power("options.alignment", given)?,
        };
        let into = arguments::word_address("options.into", argument(env, &into))?;
        let mut found = Handle::new(heap)?;
        let made = events::around(env.raw(), heap, || {
            steps::allocate(&mut found, |heap| heap.malloc_into(size, alignment, into))
        })?;
        Ok(Address::from(made))
    })
}

/// Frees the block whose address is in the word at `word`, and clears the word by the same operation.
#[napi]
pub fn free_from(env: Env, heap: Unknown, word: Unknown) -> Result<()> {
    run(env, || {
        let heap = id(env, &heap)?;
        let word = arguments::word_address("from", argument(env, &word))?;
        Ok(registry::with_heap(heap, |heap| heap.free_from_word(word))?)
    })
}

/// Stores an address, or 0, in the word at `word`, and frees the block whose address was there, by one operation.
#[napi]
pub fn replace(env: Env, heap: Unknown, word: Unknown, address: Unknown) -> Result<()> {
    run(env, || {
        let heap = id(env, &heap)?;
        let (word, value) = (arguments::word_address("word", argument(env, &word))?, argument(env, &address));
        let is_none = value.number() == Some(0.0) || matches!(value.bigint(), BigInt::Fits(0));
        let address = if is_none { 0 } else { arguments::address(heap, value)? };
        Ok(registry::with_heap(heap, |heap| heap.replace(word, address))?)
    })
}

/// The name of a root.
fn name_of(value: Value) -> std::result::Result<String, Failure> {
    let given = value.long_string().filter(|text| !text.contains('\0'));
    let expected = "a string without a zero byte";
    given.ok_or_else(|| Failure::ArgumentType { name: "name", expected, received: value.described() })
}
