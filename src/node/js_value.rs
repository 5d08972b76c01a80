//! A JavaScript value for the length of one call: safe methods over Node-API's reading functions.
//!
//! BigInts are read by the plain calls rather than napi's own type, which allocates.

use super::failure::Failure;
use napi::{ValueType, sys};
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

/// Bytes, a count or an address as JavaScript has it.
#[allow(clippy::cast_precision_loss, reason = "exact below 2^53, which none of them reaches")]
pub(super) const fn as_number(value: u64) -> f64 {
    value as f64
}

/// `Err` for any status but ok.
pub(super) fn check(status: sys::napi_status) -> Result<(), Failure> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Failure::Napi(status)) }
}

/// A value of the running call.
///
/// Invariant: `raw` is a live value of `env`, and this is `env`'s thread, for as long as `'call` lasts.
#[derive(Clone, Copy)]
pub(super) struct Value<'call> {
    env: sys::napi_env,
    raw: sys::napi_value,
    call: PhantomData<&'call ()>,
}

/// A value, read as a BigInt.
pub(super) enum BigInt {
    /// The value is no BigInt.
    Not,
    /// A BigInt from 0 to 2^64 - 1.
    Fits(u64),
    /// A BigInt below or above that.
    Beyond,
}

impl<'call> Value<'call> {
    /// Makes a JavaScript number.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback, and the lifetime chosen must end with it.
    pub unsafe fn of_number(env: sys::napi_env, number: f64) -> Result<Self, Failure> {
        // SAFETY: the caller vouches for `env`, of which the value is made.
        unsafe { number.make(env).map(|raw| Self::new(env, raw)) }
    }

    /// Wraps a value for the length of the call it belongs to.
    ///
    /// # Safety
    /// `raw` must be a live value of `env` on `env`'s thread for all of the lifetime chosen.
    pub unsafe fn new(env: sys::napi_env, raw: sys::napi_value) -> Self {
        Self { env, raw, call: PhantomData }
    }

    /// The first `N` arguments of a call, `undefined` where there are fewer, and the number of arguments given.
    ///
    /// # Safety
    /// `env` and `info` must be those of the running callback, and the lifetime chosen must end with it.
    pub unsafe fn arguments<const N: usize>(
        env: sys::napi_env,
        info: sys::napi_callback_info,
    ) -> Result<([Self; N], usize), Failure> {
        let (mut count, mut raw, nothing) = (N, [ptr::null_mut(); N], ptr::null_mut());
        // SAFETY: the caller vouches for `env` and `info`; `count` says for how many arguments there is room.
        check(unsafe { sys::napi_get_cb_info(env, info, &raw mut count, raw.as_mut_ptr(), nothing, ptr::null_mut()) })?;
        // SAFETY: an argument lives as long as its callback runs.
        Ok((raw.map(|raw| unsafe { Self::new(env, raw) }), count))
    }

    /// The value's type.
    pub fn kind(self) -> ValueType {
        let mut kind = -1;
        // SAFETY: by this type's invariant.
        unsafe { sys::napi_typeof(self.env, self.raw, &raw mut kind) };
        ValueType::from(kind)
    }

    /// The value as a number, if it is one.
    pub fn number(self) -> Option<f64> {
        let mut number = 0.0;
        // SAFETY: by this type's invariant; for another type the call returns a status.
        let status = unsafe { sys::napi_get_value_double(self.env, self.raw, &raw mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// The value as a boolean, if it is one.
    pub fn boolean(self) -> Option<bool> {
        let mut value = false;
        // SAFETY: by this type's invariant; for another type the call returns a status.
        let status = unsafe { sys::napi_get_value_bool(self.env, self.raw, &raw mut value) };
        (status == sys::Status::napi_ok).then_some(value)
    }

    /// The value as a BigInt, if it is one.
    pub fn bigint(self) -> BigInt {
        let (mut number, mut lossless) = (0, false);
        // SAFETY: by this type's invariant; for another type the call returns a status.
        let status =
            unsafe { sys::napi_get_value_bigint_uint64(self.env, self.raw, &raw mut number, &raw mut lossless) };
        match status {
            sys::Status::napi_ok if lossless => BigInt::Fits(number),
            sys::Status::napi_ok => BigInt::Beyond,
            _ => BigInt::Not,
        }
    }

    /// The address of a `Uint8Array`'s bytes, and their number. They stay there while the call lasts, unless JavaScript runs
    /// meanwhile.
    pub fn bytes(self) -> Option<(*mut u8, usize)> {
        match self.typed_array()? {
            (sys::TypedarrayType::uint8_array, data, length) => Some((data.cast(), length)),
            _ => None,
        }
    }

    /// A typed array's kind, the address of its elements, and their number.
    fn typed_array(self) -> Option<(sys::napi_typedarray_type, *mut c_void, usize)> {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: by this type's invariant; for another type the call returns a status.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.raw,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        (status == sys::Status::napi_ok).then_some((kind, data, length))
    }

    /// The address of a `Float64Array`'s elements, and their number. They stay there as [`Value::bytes`] says.
    pub fn doubles(self) -> Option<(*mut f64, usize)> {
        match self.typed_array()? {
            (sys::TypedarrayType::float64_array, data, length) => Some((data.cast(), length)),
            _ => None,
        }
    }

    /// The address of a `BigUint64Array`'s elements, and their number. They stay there as [`Value::bytes`] says.
    pub fn words(self) -> Option<(*mut u64, usize)> {
        /// The kind's number in Node-API from version 6 on; runtimes give it to addons of older versions as well.
        const BIGUINT64_ARRAY: sys::napi_typedarray_type = 10;
        match self.typed_array()? {
            (BIGUINT64_ARRAY, data, length) => Some((data.cast(), length)),
            _ => None,
        }
    }

    /// The value itself.
    pub const fn raw(self) -> sys::napi_value {
        self.raw
    }

    /// The environment that the value belongs to.
    pub const fn env(self) -> sys::napi_env {
        self.env
    }

    /// Copies the value's text, as UTF-8 and with a zero behind it, if it is a string; what there is no room for is cut off. Returns the
    /// bytes without the zero.
    #[inline]
    pub fn copy_text(self, room: &mut [u8]) -> Option<usize> {
        let (data, mut length) = (room.as_mut_ptr().cast(), 0);
        // SAFETY: by this type's invariant; for another type the call returns a status, and at most as many bytes are written as there
        // is room for.
        let status = unsafe { sys::napi_get_value_string_utf8(self.env, self.raw, data, room.len(), &raw mut length) };
        (status == sys::Status::napi_ok).then_some(length)
    }

    /// How many bytes the value's text has as UTF-8, if it is a string.
    pub fn text_bytes(self) -> Option<usize> {
        let mut length = 0;
        // SAFETY: by this type's invariant; for another type the call returns a status, and nothing is written.
        let status =
            unsafe { sys::napi_get_value_string_utf8(self.env, self.raw, ptr::null_mut(), 0, &raw mut length) };
        (status == sys::Status::napi_ok).then_some(length)
    }

    /// The value's text if it is a string, cut after 64 KiB.
    pub fn long_string(self) -> Option<String> {
        const MOST: usize = 64 << 10;
        let mut short = [0_u8; 2048];
        let read = |room: &mut [u8]| {
            let mut length = 0;
            let data = room.as_mut_ptr().cast();
            // SAFETY: by this type's invariant; for another type the call returns a status, and at most as many
            // bytes are written as there is room for.
            let status =
                unsafe { sys::napi_get_value_string_utf8(self.env, self.raw, data, room.len(), &raw mut length) };
            (status == sys::Status::napi_ok).then_some(length)
        };
        let length = read(&mut short)?;
        // A text that is cut may leave three bytes of a character unwritten, beside the zero at its end.
        if length + 4 < short.len() {
            return Some(String::from_utf8_lossy(&short[..length]).into_owned());
        }
        let mut long = Vec::new();
        long.try_reserve_exact(MOST).ok()?;
        long.resize(MOST, 0);
        let length = read(&mut long)?;
        Some(String::from_utf8_lossy(&long[..length]).into_owned())
    }

    /// A string, number, BigInt or boolean as JavaScript prints it, cut after 80 bytes. Not for other types: printing an
    /// object runs its code.
    pub fn text(self) -> Result<String, Failure> {
        let mut words = 0;
        // SAFETY: by this type's invariant; without a place for words the call returns their number, and another type
        // is reported by the status.
        unsafe {
            sys::napi_get_value_bigint_words(self.env, self.raw, ptr::null_mut(), &raw mut words, ptr::null_mut())
        };
        if words > 4 {
            // Printing a long BigInt takes time that grows with the square of its length.
            return Ok(format!("a BigInt of {} bits", words * 64));
        }
        let (mut string, mut length) = (ptr::null_mut(), 0);
        let mut bytes = [0_u8; 80];
        // SAFETY: by this type's invariant; `string` is the string made by the first call, and the second writes at
        // most the given number of bytes.
        unsafe {
            check(sys::napi_coerce_to_string(self.env, self.raw, &raw mut string))?;
            let room = bytes.as_mut_ptr().cast();
            check(sys::napi_get_value_string_utf8(self.env, string, room, bytes.len(), &raw mut length))?;
        }
        let cut = if length == bytes.len() - 1 { "..." } else { "" };
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned() + cut)
    }

    /// The value's text if it is a string, cut after 80 bytes.
    pub fn string(self) -> Result<Option<String>, Failure> {
        if self.kind() == ValueType::String { self.text().map(Some) } else { Ok(None) }
    }

    /// The value's type in words, and its text where that is short, for "Received ...".
    pub fn described(self) -> String {
        let kind = self.kind();
        let name = kind.to_string().to_lowercase();
        match kind {
            ValueType::Undefined | ValueType::Null => name,
            ValueType::Boolean | ValueType::Number | ValueType::BigInt | ValueType::String => {
                self.text().map_or_else(|_| format!("type {name}"), |text| format!("type {name} ({text})"))
            }
            _ => format!("type {name}"),
        }
    }

    /// A property of an object.
    pub fn property(self, name: &CStr) -> Result<Self, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: by this type's invariant; a value that is no object is reported by the status. What is read lives in the
        // same handle scope, so it lasts as long as this value.
        unsafe {
            check(sys::napi_get_named_property(self.env, self.raw, name.as_ptr(), &raw mut raw))?;
            Ok(Self::new(self.env, raw))
        }
    }

    /// The first two elements of an array.
    pub fn pair(self) -> Option<[Self; 2]> {
        let element = |at| {
            let mut raw = ptr::null_mut();
            // SAFETY: by this type's invariant; a value that is no object is reported by the status. What is read lives in the
            // same handle scope, so it lasts as long as this value.
            unsafe {
                check(sys::napi_get_element(self.env, self.raw, at, &raw mut raw)).ok()?;
                Some(Self::new(self.env, raw))
            }
        };
        let mut is_array = false;
        // SAFETY: by this type's invariant; any value can be asked about.
        unsafe { sys::napi_is_array(self.env, self.raw, &raw mut is_array) };
        if is_array { Some([element(0)?, element(1)?]) } else { None }
    }

    /// The names of the object's own enumerable properties that are no symbols, in no particular order. An exception of a Proxy's
    /// trap is passed on.
    pub fn own_names(self) -> Result<Names<'call>, Failure> {
        let filter = sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols;
        let (own, as_numbers) = (sys::KeyCollectionMode::own_only, sys::KeyConversion::keep_numbers);
        let (mut list, mut count) = (ptr::null_mut(), 0);
        // SAFETY: by this type's invariant; `list` is the array made by the first call. Names that are numbers stay numbers,
        // so that an object of millions of them makes no strings.
        unsafe {
            check(sys::napi_get_all_property_names(self.env, self.raw, own, filter, as_numbers, &raw mut list))?;
            check(sys::napi_get_array_length(self.env, list, &raw mut count))?;
            Ok(Names { list: Self::new(self.env, list), next: 0, count })
        }
    }

    /// Whether the value is an object with elements or bytes rather than named properties: an array, typed array, `DataView` or
    /// `ArrayBuffer`.
    pub fn is_list(self) -> bool {
        let is = |question: unsafe fn(sys::napi_env, sys::napi_value, *mut bool) -> sys::napi_status| {
            let mut answer = false;
            // SAFETY: by this type's invariant; any value can be asked about.
            unsafe { question(self.env, self.raw, &raw mut answer) };
            answer
        };
        is(sys::napi_is_array)
            || is(sys::napi_is_typedarray)
            || is(sys::napi_is_dataview)
            || is(sys::napi_is_arraybuffer)
    }
}

/// Names of properties, read one by one.
pub(super) struct Names<'call> {
    list: Value<'call>,
    next: u32,
    count: u32,
}

impl Iterator for Names<'_> {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let mut raw = ptr::null_mut();
        // SAFETY: `list` is an array of its environment with more elements than `next`, which live in the handle scope of the
        // running call as the array itself does.
        let name = unsafe {
            check(sys::napi_get_element(self.list.env, self.list.raw, self.next, &raw mut raw))
                .and_then(|()| Value::new(self.list.env, raw).text())
        };
        self.next += 1;
        Some(name)
    }
}

/// What a callback returns.
pub(super) trait Answer {
    /// Makes the JavaScript value.
    ///
    /// # Safety
    /// `env` must be the environment of the running callback.
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure>;
}

/// A BigInt.
impl Answer for u64 {
    #[inline]
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`.
        check(unsafe { sys::napi_create_bigint_uint64(env, self, &raw mut raw) })?;
        Ok(raw)
    }
}

/// A number.
impl Answer for f64 {
    #[inline]
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`.
        check(unsafe { sys::napi_create_double(env, self, &raw mut raw) })?;
        Ok(raw)
    }
}

/// An address and the id of its heap: an array of a BigInt and a number.
impl Answer for (u64, u64) {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut array = ptr::null_mut();
        #[allow(clippy::cast_precision_loss, reason = "ids are below 2^53")]
        let (address, heap) = (self.0, self.1 as f64);
        // SAFETY: the caller vouches for `env`, of which all values are made.
        unsafe {
            check(sys::napi_create_array_with_length(env, 2, &raw mut array))?;
            check(sys::napi_set_element(env, array, 0, address.make(env)?))?;
            check(sys::napi_set_element(env, array, 1, heap.make(env)?))?;
        }
        Ok(array)
    }
}

/// A boolean.
impl Answer for bool {
    unsafe fn make(self, env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        let mut raw = ptr::null_mut();
        // SAFETY: the caller vouches for `env`.
        check(unsafe { sys::napi_get_boolean(env, self, &raw mut raw) })?;
        Ok(raw)
    }
}

/// `undefined`: null stands for it, and saves the call that would make one.
impl Answer for () {
    #[inline]
    unsafe fn make(self, _env: sys::napi_env) -> Result<sys::napi_value, Failure> {
        Ok(ptr::null_mut())
    }
}

/// A value that has been made already.
impl Answer for sys::napi_value {
    unsafe fn make(self, _env: sys::napi_env) -> Result<Self, Failure> {
        Ok(self)
    }
}
