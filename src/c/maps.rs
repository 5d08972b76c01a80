//! Maps, for C: opening them, and their entries. What a caller has of a map is opaque to it, and for one thread at a time.
//!
//! Keys and values are read where the caller has them, while the heap's lock is held.

use super::failure::Failure;
use super::{MapOptions, Theirs, put, status, text};
use crate::mems::map::layout::{ENCODING_SHIFT, TEXT_KEY};
use crate::mems::map::{Got, Map, New, Room, Taken, expiry_of};
use std::ffi::{c_char, c_int, c_void};
use std::process;
use std::{ptr, slice};

/// What [`mems_map_get`] says of the length of a value that is not there, `MEMS_MISSING`.
const MISSING: u64 = u64::MAX;

/// A map that is open, `mems_map`.
pub struct OpenMap {
    heap: Theirs,
    map: Map,
    /// What entries have in their flags that are set here, beside whether their keys are text.
    flags: u32,
    /// Whether keys that could be text are none.
    has_binary_keys: bool,
    /// The process that has opened it.
    process: u32,
}

impl OpenMap {
    /// What a new entry has in its flags.
    fn flags(&self, key: &[u8]) -> u32 {
        let is_text = !self.has_binary_keys && str::from_utf8(key).is_ok();
        self.flags | if is_text { TEXT_KEY } else { 0 }
    }
}

/// Opens the map of a name, which is made if there is none. Returns null on failure.
///
/// # Safety
/// `name` must be null or point to a string that ends with a zero byte; `options` must be null or point to a [`MapOptions`], aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_map_open(heap: u64, name: *const c_char, options: *const MapOptions) -> *mut OpenMap {
    super::call(ptr::null_mut(), || {
        // SAFETY: by this function's own contract.
        let name = unsafe { text("name", name) }?;
        // SAFETY: the caller vouches for a pointer that is not null; a copy is read, so nobody can change it later.
        let given = if options.is_null() { MapOptions::default() } else { unsafe { options.read_unaligned() } };
        let checked = given.checked()?;
        let mut heap = Theirs::new(heap)?;
        let map = Map::open(&mut heap, name.as_bytes(), &checked)?;
        let (flags, has_binary_keys) = (given.encoding << ENCODING_SHIFT, given.binary_keys > 0);
        Ok(Box::into_raw(Box::new(OpenMap { heap, map, flags, has_binary_keys, process: process::id() })))
    })
}

/// Copies the value of a key, if there is room for all of it.
///
/// # Safety
/// `map` must be null, which is refused, or what [`mems_map_open`] has returned, not closed, and not in use by another thread; `key` valid
/// for reading `key_bytes`; `into` valid for writing `room` bytes; `length` null, which is refused, or valid for writing a number of 64
/// bits, aligned or not. `key` and `into` may be null if they have no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_map_get(
    map: *mut OpenMap,
    key: *const c_void,
    key_bytes: u64,
    into: *mut c_void,
    room: u64,
    length: *mut u64,
) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let (open, key) = unsafe { (opened(map)?, bytes("key", key, key_bytes)?) };
        if length.is_null() {
            return Err(Failure::Null("length"));
        }
        let room = if into.is_null() && room != 0 { return Err(Failure::Null("into")) } else { length_of(room)? };
        // SAFETY: the caller vouches for `room` bytes at `into`, which the call has for itself.
        let room = unsafe { Room::at(into.cast(), room) };
        let found = match open.map.get(&mut open.heap, key, room, Taken::Used)? {
            Got::Missing => MISSING,
            Got::Found(bytes, _) => bytes as u64,
        };
        // SAFETY: `length` is not null, so the caller vouches for it.
        unsafe { put("length", length, found) }
    })
}

/// Sets the value of a key.
///
/// # Safety
/// As of [`mems_map_get`]; `value` must be valid for reading `value_bytes`, and may be null if there are none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_map_set(
    map: *mut OpenMap,
    key: *const c_void,
    key_bytes: u64,
    value: *const c_void,
    value_bytes: u64,
    ttl: u64,
) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let (open, key) = unsafe { (opened(map)?, bytes("key", key, key_bytes)?) };
        // SAFETY: by this function's own contract.
        let value = unsafe { bytes("value", value, value_bytes)? };
        let new = New { key, value, flags: open.flags(key), expiry: expiry_of(ttl) };
        if open.map.set(&mut open.heap, &new)? {
            // The value is set, whatever comes of waking those that wait for it: they look again by themselves.
            let _rung = open.heap.look(|heap| if heap.is_in_file() { heap.ring() } else { Ok(()) });
        }
        Ok(())
    })
}

/// Removes a key.
///
/// # Safety
/// As of [`mems_map_get`]; `removed` must be null, which is ignored, or valid for writing a `c_int`, aligned or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_map_delete(
    map: *mut OpenMap,
    key: *const c_void,
    key_bytes: u64,
    removed: *mut c_int,
) -> c_int {
    status(|| {
        // SAFETY: by this function's own contract.
        let (open, key) = unsafe { (opened(map)?, bytes("key", key, key_bytes)?) };
        let was_there = open.map.delete(&mut open.heap, key)?;
        if !removed.is_null() {
            // SAFETY: `removed` is not null, so the caller vouches for it.
            unsafe { removed.write_unaligned(c_int::from(was_there)) };
        }
        Ok(())
    })
}

/// Ends the use of a map, which stays. Does nothing if `map` is null.
///
/// # Safety
/// `map` must be null or what [`mems_map_open`] has returned, not closed, and not in use by another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mems_map_close(map: *mut OpenMap) -> c_int {
    status(|| {
        if map.is_null() {
            return Ok(());
        }
        // SAFETY: the caller vouches for what `mems_map_open` has made, of which nothing else is used any more.
        let open = unsafe { Box::from_raw(map) };
        if !open.map.is_current() && open.process != process::id() {
            // A child of fork does not have the memory of the heap: something else may be there, which must not be given back.
            std::mem::forget(open);
        }
        Ok(())
    })
}

/// The map behind a pointer.
///
/// # Safety
/// `map` must be null, or what [`mems_map_open`] has returned, not closed, and not in use elsewhere.
unsafe fn opened<'call>(map: *mut OpenMap) -> Result<&'call mut OpenMap, Failure> {
    // SAFETY: the caller vouches for a pointer that is not null.
    unsafe { map.as_mut() }.ok_or(Failure::Null("map"))
}

/// Bytes of the caller.
///
/// # Safety
/// `start` must be valid for reading `length` bytes for as long as the call runs.
unsafe fn bytes<'call>(name: &'static str, start: *const c_void, length: u64) -> Result<&'call [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if start.is_null() {
        return Err(Failure::Null(name));
    }
    // SAFETY: it is not null, so the caller vouches for it.
    Ok(unsafe { slice::from_raw_parts(start.cast(), length_of(length)?) })
}

/// A number of bytes that can be in memory.
fn length_of(length: u64) -> Result<usize, Failure> {
    let length = usize::try_from(length).ok().filter(|&length| isize::try_from(length).is_ok());
    length.ok_or(Failure::Argument("No memory has so many bytes"))
}
