//! Maps, for JavaScript: raw callbacks, most of which are called often. The first argument is the number of a map that this thread has
//! opened (`open_maps.rs`).
//!
//! Keys and values are copied before a lock is taken, since nothing of the runtime is called while one is held.
//!
//! Costs: some 100 ns of Node-API for a call, beside those of `mems/map/`.

use super::callback::callback;
use super::failure::Failure;
use super::js_value::{Answer, BigInt, Value, as_number, check};
use super::object::Made;
use super::open_maps::{self, Open, with};
use super::{arguments, events};
use crate::error::Error;
use crate::map_error::MapError;
use crate::mems::map::layout::{ENCODING_SHIFT, Kind, MOST_KEY, TEXT_KEY};
use crate::mems::map::{self, Got, Leased, Map, MapOptions, New, Room, Taken};
use crate::process::registry::{self, Handle};
use napi::{Env, ValueType, sys};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The next lease's token: no two of a process are alike.
static TOKENS: AtomicU64 = AtomicU64::new(1);

/// Bytes of keys that are read without an allocation.
const SHORT: usize = 256;

/// Calls `operation` with the bytes of a key, and [`TEXT_KEY`] if it is a string.
fn with_key<T>(value: Value, operation: impl FnOnce(&[u8], u32) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut short = [0; SHORT];
    if let Some(length) = value.copy_text(&mut short) {
        // A text that is cut leaves less than four bytes, beside the zero at its end.
        if length + 4 < SHORT {
            return operation(&short[..length], TEXT_KEY);
        }
    }
    let (bytes, is_text) = match bytes_of(value, MOST_KEY) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let expected = "a string, a Buffer or a Uint8Array";
            return Err(Failure::ArgumentType { name: "key", expected, received: value.described() });
        }
        Err(length) => {
            return Err(Error::from(MapError::KeyTooLong { bytes: length, most: MOST_KEY }).into());
        }
    };
    operation(&bytes, if is_text { TEXT_KEY } else { 0 })
}

/// The bytes of a string or `Uint8Array`, and whether it is a string. `Ok(None)`: the value is neither. `Err`: it is longer than `most`, or
/// than there is memory for.
fn bytes_of(value: Value, most: usize) -> Result<Option<(Vec<u8>, bool)>, usize> {
    let mut bytes = Vec::new();
    if let Some(length) = value.text_bytes() {
        if length > most || bytes.try_reserve_exact(length + 1).is_err() {
            return Err(length);
        }
        bytes.resize(length + 1, 0);
        let copied = value.copy_text(&mut bytes).unwrap_or(0);
        bytes.truncate(copied);
        return Ok(Some((bytes, true)));
    }
    let Some((start, length)) = value.bytes() else { return Ok(None) };
    if length > most || bytes.try_reserve_exact(length).is_err() {
        return Err(length);
    }
    // SAFETY: there is room for `length` bytes, and as many are readable at `start`, since no JavaScript has run on this thread since the
    // pointer was read. Other threads may write there: they are reached by pointer only.
    unsafe {
        start.copy_to_nonoverlapping(bytes.as_mut_ptr(), length);
        bytes.set_len(length);
    }
    Ok(Some((bytes, false)))
}

/// The bytes of a value that is to be set, or compared. `name` is for the message.
fn value_bytes(name: &'static str, value: Value) -> Result<Vec<u8>, Failure> {
    match bytes_of(value, map::layout::MOST_VALUE) {
        Ok(Some((bytes, _))) => Ok(bytes),
        Ok(None) => Err(Failure::ArgumentType {
            name,
            expected: "a string, a Buffer or a Uint8Array",
            received: value.described(),
        }),
        Err(bytes) => {
            let (bytes, most) = (bytes as u64, map::layout::MOST_VALUE as u64);
            Err(Error::from(MapError::TooLarge { bytes, most }).into())
        }
    }
}

/// A limit; `None` for undefined.
fn limit(name: &'static str, value: Value) -> Result<Option<u64>, Failure> {
    if value.kind() == ValueType::Undefined { Ok(None) } else { arguments::length(name, value).map(Some) }
}

/// The entry that is to be in a map that a thread has opened. `key` has its bytes, and [`TEXT_KEY`] if it is a string.
fn entry<'call>(open: &Open, key: (&'call [u8], u32), value: &'call [u8], ttl: Value) -> New<'call> {
    let (key, text) = key;
    New { key, value, flags: text | u32::from(open.encoding) << ENCODING_SHIFT, expiry: expiry(ttl) }
}

/// A time to live in milliseconds, as the time when that is over; 0: never.
fn expiry(value: Value) -> u64 {
    map::expiry_of(value.number().and_then(arguments::whole).unwrap_or(0))
}

callback! {
    /// `mapOpen(heap, name, encoding, maxBytes, maxEntries, shards, checksum): number`
    map_open, |heap, name, encoding, most_bytes, most_entries, shards, checksum| {
        let id = arguments::heap(heap)?;
        let named = match bytes_of(name, MOST_KEY) {
            Ok(Some((bytes, true))) if !bytes.contains(&0) => bytes,
            Ok(_) => {
                let (expected, received) = ("a string without zeros", name.described());
                return Err(Failure::ArgumentType { name: "name", expected, received });
            }
            Err(bytes) => return Err(Error::from(MapError::Name { bytes, most: map::MOST_NAME }).into()),
        };
        let encoding = encoding.number().and_then(arguments::whole).and_then(|code| u8::try_from(code).ok()).unwrap_or(0);
        let options = MapOptions {
            most_bytes: limit("options.maxBytes", most_bytes)?,
            most_entries: limit("options.maxEntries", most_entries)?,
            shards: match shards.number().and_then(arguments::whole) {
                Some(count) if count.is_power_of_two() && count <= 4096 => Some(count.trailing_zeros()),
                _ if shards.kind() == ValueType::Undefined => None,
                _ => {
                    let expected = "a power of two from 1 to 4096";
                    return Err(Failure::ArgumentType { name: "options.shards", expected, received: shards.described() });
                }
            },
            checksums: checksum.boolean().unwrap_or(false),
        };
        let mut handle = Handle::new(id)?;
        let opened = events::around(heap.env(), id, || Map::open(&mut handle, &named, &options));
        let map = opened?;
        // From the first step on the handle has the id of the heap that the call began in.
        open_maps::number_of(Open { number: 0, id: handle.id, heap: handle, name: named, encoding, map, leases: Vec::new() })
    }
}

/// What `mapGet` returns for a value with another encoding than the map's: this many times the encoding's number plus one, above its length.
const ABOVE: f64 = 4_294_967_296.0;

/// The number that stands for the encoding of counters.
const COUNTER: u32 = 511;

callback! {
    /// `mapGet(map, key, into, isUse): number`
    ///
    /// Copies the value to `into`, which may be null if `isUse` is false, if there is room, and returns its length; -1 without a value. To the length of one that is encoded
    /// in another way than the map's 2^32 times the encoding's number plus one is added.
    map_get, |map, key, into, is_use| {
        let taken = if is_use.boolean().unwrap_or(true) { Taken::Used } else { Taken::Seen };
        with_key(key, |bytes, _| {
            let (start, length) = match into.bytes() {
                Some(found) => found,
                None if taken == Taken::Seen && into.kind() == ValueType::Null => (ptr::null_mut(), 0),
                None => {
                    let (expected, received) = ("a Buffer or a Uint8Array", into.described());
                    return Err(Failure::ArgumentType { name: "into", expected, received });
                }
            };
            // SAFETY: as many bytes are writable there until JavaScript runs on this thread, which is after the call: none, if there is no array.
            // Other threads may write there: they are reached by pointer only.
            let room = unsafe { Room::at(start, length) };
            with(map, |open| match open.map.get(&mut open.heap, bytes, room, taken)? {
                Got::Missing => Ok(-1.0),
                Got::Found(length, flags) => {
                    let encoding = flags >> ENCODING_SHIFT & 0xff;
                    let length = as_number(length as u64);
                    Ok(match Kind::of(flags) {
                        Kind::Counter => ABOVE.mul_add(f64::from(COUNTER + 1), length),
                        _ if encoding == u32::from(open.encoding) => length,
                        _ => ABOVE.mul_add(f64::from(encoding + 1), length),
                    })
                }
            })
        })
    }
}

callback! {
    /// `mapSet(map, key, value, ttl): undefined`
    map_set, |map, key, value, ttl| {
        let value = value_bytes("value", value)?;
        with_key(key, |bytes, text| changing(map, |open| {
            let new = entry(open, (bytes, text), &value, ttl);
            if open.map.set(&mut open.heap, &new)? {
                ring(open);
            }
            Ok(())
        }))
    }
}

callback! {
    /// `mapCompareAndSet(map, key, expected, value, ttl): boolean`
    map_compare_and_set, |map, key, expected, value, ttl| {
        let value = value_bytes("value", value)?;
        let expected = match expected.kind() {
            ValueType::Undefined => None,
            _ => Some(value_bytes("expected", expected)?),
        };
        with_key(key, |bytes, text| changing(map, |open| {
            let new = entry(open, (bytes, text), &value, ttl);
            let set = open.map.compare_and_set(&mut open.heap, expected.as_deref(), &new)?;
            if set == Some(true) {
                ring(open);
            }
            Ok(set.is_some())
        }))
    }
}

callback! {
    /// `mapIncrement(map, key, by, ttl): bigint`
    map_increment, |map, key, by, ttl| {
        let by = signed(by)?;
        with_key(key, |bytes, text| changing(map, |open| {
            let (sum, is_awaited) = open.map.increment(&mut open.heap, bytes, by, text, expiry(ttl))?;
            if is_awaited {
                ring(open);
            }
            Ok(Signed(sum))
        }))
    }
}

callback! {
    /// `mapDelete(map, key): boolean`
    map_delete, |map, key| {
        with_key(key, |bytes, _| with(map, |open| Ok(open.map.delete(&mut open.heap, bytes)?)))
    }
}

callback! {
    /// `mapClear(map): undefined`
    map_clear, |map| {
        with(map, |open| {
            for number in 0..open.map.shard_count() {
                while open.map.clear_some(&mut open.heap, number)? {}
            }
            Ok(())
        })
    }
}

callback! {
    /// `mapList(map, shard, hasValues): { numbers, bytes }`
    ///
    /// The entries of a shard: three numbers for each, the lengths of key and value, and its flags; and the bytes of all, one after another.
    map_list, |map, shard, has_values| {
        let env = map.env();
        let (number, has_values) = (arguments::length("shard", shard)?, has_values.boolean().unwrap_or(false));
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let listed = with(map, |open| Ok(open.map.list(&mut open.heap, number, has_values)?))?;
        let (mut numbers, mut bytes) = (Vec::new(), Vec::new());
        for one in listed {
            numbers.extend([one.key.len() as u64, one.value.len() as u64, u64::from(one.flags)].map(as_number));
            bytes.extend(one.key);
            bytes.extend(one.value);
        }
        let env = Env::from_raw(env);
        let mut made = Made::new(&env);
        made.set(c"numbers", &numbers[..])?;
        made.set(c"bytes", &bytes[..])?;
        // SAFETY: the environment is that of the running callback.
        unsafe { made.make(env.raw()) }
    }
}

callback! {
    /// `mapLease(map, key, milliseconds): 0 | number | [word: bigint, seen: number]`
    ///
    /// 0: there is a value. A number: the caller makes it, and gives this token back. Else another makes it: the word changes when that has
    /// come to something.
    map_lease, |map, key, milliseconds| {
        let env = map.env();
        let milliseconds = arguments::length("options.lease", milliseconds)?;
        let leased = with_key(key, |bytes, text| changing(map, |open| {
            open.leases.try_reserve(1).map_err(|_| Error::OutOfMetadata { size: 0 })?;
            let token = TOKENS.fetch_add(1, Ordering::Relaxed);
            let leased = open.map.lease(&mut open.heap, bytes, text, token, milliseconds)?;
            if let Leased::Granted(lease) = leased {
                open.leases.push((bytes.to_vec(), lease));
            }
            Ok(leased)
        }))?;
        // SAFETY: the environment is that of the running callback.
        unsafe {
            match leased {
                Leased::Value => 0.0.make(env),
                Leased::Granted(lease) => as_number(lease.token()).make(env),
                Leased::Held { word, seen } => (word, u64::from(seen)).make(env),
            }
        }
    }
}

callback! {
    /// `mapSetLeased(map, key, value, ttl, token): boolean`
    ///
    /// Sets the value that was made with the lease of a token, if nobody has set or removed one since, and returns whether it has.
    map_set_leased, |map, key, value, ttl, token| {
        let (value, token) = (value_bytes("value", value)?, arguments::length("token", token)?);
        with_key(key, |bytes, text| changing(map, |open| {
            let new = entry(open, (bytes, text), &value, ttl);
            let lease = open.leases.iter().find(|(_, lease)| lease.token() == token).map(|&(_, lease)| lease);
            let is_set = match lease {
                Some(lease) => open.map.set_leased(&mut open.heap, lease, &new)?,
                None => false,
            };
            if is_set {
                ring(open);
            }
            Ok(is_set)
        }))
    }
}

callback! {
    /// `mapGiveBack(map, key, token): undefined`
    ///
    /// Ends a lease, whose value has been set, or is not to come.
    map_give_back, |map, key, token| {
        let token = arguments::length("token", token)?;
        with_key(key, |bytes, _| with(map, |open| {
            open.leases.retain(|(_, lease)| lease.token() != token);
            if open.map.give_back(&mut open.heap, bytes, token)? {
                ring(open);
            }
            Ok(())
        }))
    }
}

callback! {
    /// `mapStats(map): Float64Array`, in the order of [`map::MapStats`].
    map_stats, |map| {
        let env = map.env();
        let stats = with(map, |open| Ok(open.map.stats(&mut open.heap)?))?;
        let numbers = [
            stats.entries,
            stats.bytes,
            stats.most_bytes,
            stats.most_entries,
            stats.evictions,
            stats.expirations,
            stats.shards,
            stats.slots,
        ];
        // SAFETY: the environment is that of the running callback.
        unsafe { (&numbers.map(as_number)[..]).make(env) }
    }
}

callback! {
    /// `mapNames(heap): string[]`
    map_names, |heap| {
        let env = heap.env();
        let names = registry::look_at_heap(arguments::heap(heap)?, |heap| Ok(heap.map_names()))?;
        let names: Vec<_> = names.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        let names: Vec<_> = names.iter().map(|name| &**name).collect();
        // SAFETY: the environment is that of the running callback.
        unsafe { (&names[..]).make(env) }
    }
}

/// [`with`], for what may let the heap grow: those who listen are told when the map is no longer held.
fn changing<T>(map: Value, operation: impl FnOnce(&mut Open) -> Result<T, Failure>) -> Result<T, Failure> {
    let heap = with(map, |open| Ok(open.id))?;
    events::around(map.env(), heap, || with(map, operation))
}

/// Wakes those who wait for values.
fn ring(open: &Open) {
    // Threads of a heap in memory look again by themselves.
    let _rung = registry::look_at_heap(open.id, |heap| if heap.is_in_file() { heap.ring() } else { Ok(()) });
}

/// A whole number from -2^63 to 2^63 - 1, as a number or BigInt.
fn signed(value: Value) -> Result<i64, Failure> {
    let refused = || Failure::ArgumentType {
        name: "by",
        expected: "a BigInt from -2^63 to 2^63 - 1, or a safe integer",
        received: value.described(),
    };
    if let BigInt::Not = value.bigint() {
        let number = value.number().filter(|number| number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0);
        #[allow(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        return number.map(|number| number as i64).ok_or_else(refused);
    }
    let (mut number, mut lossless) = (0, false);
    // SAFETY: the value is one of the running call.
    check(unsafe { sys::napi_get_value_bigint_int64(value.env(), value.raw(), &raw mut number, &raw mut lossless) })?;
    if lossless { Ok(number) } else { Err(refused()) }
}

/// A BigInt with a sign.
struct Signed(i64);

impl Answer for Signed {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`.
        check(unsafe { sys::napi_create_bigint_int64(env, self.0, &raw mut raw) })?;
        Ok(raw)
    }
}
