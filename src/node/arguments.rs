//! The arguments of MeMS: sizes, addresses and options.

use super::failure::Failure;
use super::js_value::{BigInt, Value};
use crate::error::Error;
use crate::file_error::FileError;
use crate::heap::{FIRST_ADDRESS, MAX_ADDRESS, PolicyKind, is_size};
use crate::mems::file::{FileOptions, OnPowerLoss, bad_max_size};
use crate::mems::{Access, Choice, Mems, Options};
use crate::process::registry;
use crate::process::registry::Id;
use crate::recording::Flags;
use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, ValueType};
use std::ffi::CStr;
use std::path::PathBuf;
use std::time::Duration;

const SIZE: &str = "of type number or bigint, a whole number of bytes";

/// A size in bytes: a number or a BigInt, whole, from 1 to 2^53 - 1. `name` is for the message.
pub(super) fn size(name: &'static str, value: Value) -> Result<u64, Failure> {
    let size = match value.number() {
        Some(number) => whole(number),
        None => match value.bigint() {
            BigInt::Fits(size) => Some(size),
            BigInt::Beyond => None,
            BigInt::Not => {
                return Err(Failure::ArgumentType { name, expected: SIZE, received: value.described() });
            }
        },
    };
    match size {
        Some(size) if is_size(size) => Ok(size),
        _ => Err(Error::InvalidSize { size: value.text()? }.into()),
    }
}

/// A number as a size in bytes: whole, from 1 to 2^53 - 1.
#[inline]
pub(super) fn number_as_size(number: f64) -> Option<u64> {
    whole(number).filter(|&size| is_size(size))
}

/// A number that is whole and not negative.
#[inline]
pub(super) fn whole(number: f64) -> Option<u64> {
    // The cast saturates, drops fractions and makes NaN 0: only a whole number is the same when it is cast back.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared just below")]
    let size = number as u64;
    #[allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "inexact above 2^53, which is refused anyway")]
    let same = size as f64 == number;
    same.then_some(size)
}

/// An address: a BigInt from 0 to 2^64 - 1, or a number that is whole and from 0 to 2^53 - 1. Other BigInts and numbers are
/// refused with the same error as an address that is not in the heap.
#[inline]
pub(super) fn address(heap: Id, value: Value) -> Result<u64, Failure> {
    match value.bigint() {
        BigInt::Fits(address) => Ok(address),
        BigInt::Beyond => Err(beyond(heap, value)),
        BigInt::Not => match value.number() {
            Some(number) => number_as_address(number).ok_or_else(|| beyond(heap, value)),
            None => Err(no_address("address", value)),
        },
    }
}

/// A number as an address. One above [`MAX_ADDRESS`] may have been rounded, and is no heap's in any case.
fn number_as_address(number: f64) -> Option<u64> {
    whole(number).filter(|&address| address <= MAX_ADDRESS)
}

#[cold]
fn beyond(heap: Id, value: Value) -> Failure {
    let refuse = |address| {
        let refused =
            |heap: &mut Mems| Err::<(), _>(Error::OutOfRange { address, start: FIRST_ADDRESS, end: heap.end() });
        registry::with_heap(heap, refused).expect_err("it is refused").into()
    };
    value.text().map_or_else(|failure| failure, refuse)
}

#[cold]
fn no_address(name: &'static str, value: Value) -> Failure {
    let expected = "a BigInt or a number, as malloc() returns";
    Failure::ArgumentType { name, expected, received: value.described() }
}

/// The address of a word, as [`address`] reads addresses. `name` is for the message.
pub(super) fn word_address(name: &'static str, value: Value) -> Result<u64, Failure> {
    let address = match value.bigint() {
        BigInt::Fits(address) => Some(address),
        BigInt::Beyond => None,
        BigInt::Not => number_as_address(value.number().ok_or_else(|| no_address(name, value))?),
    };
    address.map_or_else(|| Err(Error::from(FileError::NotAWord { address: value.text()?, bytes: 8 }).into()), Ok)
}

/// A path. `name` is for the message.
pub(super) fn path(name: &'static str, value: Value) -> Result<PathBuf, Failure> {
    let text = value.long_string().filter(|text| !text.is_empty() && !text.contains('\0'));
    text.map(PathBuf::from).ok_or_else(|| Failure::ArgumentType {
        name,
        expected: "a path, or a file: URL, without a zero byte",
        received: value.described(),
    })
}

/// An argument of the running call of a `#[napi]` function.
pub(super) fn argument<'call>(env: Env, value: &Unknown<'call>) -> Value<'call> {
    // SAFETY: napi makes an `Unknown` of a call's argument, which lives as long as the call runs, on its thread.
    unsafe { Value::new(env.raw(), value.raw()) }
}

/// The id of the heap that such a call is for.
pub(super) fn id(env: Env, value: &Unknown) -> Result<Id, Failure> {
    heap(argument(env, value))
}

/// The id of a heap, as heap.js keeps it.
pub(super) fn heap(value: Value) -> Result<Id, Failure> {
    // A value that is no id names no heap.
    value.number().and_then(whole).ok_or_else(|| Error::UnknownHeap { id: Id::MAX }.into())
}

/// A number of bytes or other things, which may be 0. `name` is for the message.
pub(super) fn length(name: &'static str, value: Value) -> Result<u64, Failure> {
    if value.number() == Some(0.0) || matches!(value.bigint(), BigInt::Fits(0)) {
        return Ok(0);
    }
    size(name, value).map_err(|failure| match failure {
        Failure::Mems(Error::InvalidSize { size }) => Failure::Length { name, received: size },
        other => other,
    })
}

/// A time in milliseconds, at least `least`. `name` is for the message.
fn milliseconds(least: u64, name: &'static str, value: Value) -> Result<Duration, Failure> {
    let expected = "of type number or bigint, a whole number of milliseconds";
    let time = length(name, value).map_err(|failure| match failure {
        Failure::ArgumentType { name, received, .. } => Failure::ArgumentType { name, expected, received },
        Failure::Length { name, received } => Failure::Time { name, least, received },
        other => other,
    })?;
    if time < least {
        Err(Failure::Time { name, least, received: value.text()? })
    } else {
        Ok(Duration::from_millis(time))
    }
}

/// The elements of a `BigUint64Array`, copied: another thread may write to a shared one meanwhile.
pub(super) fn words(name: &'static str, value: Value) -> Result<Vec<u64>, Failure> {
    let expected = "a BigUint64Array";
    let (from, length) =
        value.words().ok_or_else(|| Failure::ArgumentType { name, expected, received: value.described() })?;
    let mut words = room_for(length)?;
    words.resize(length, 0);
    // SAFETY: the array has as many words there, since no JavaScript has run since the pointer was read; they are reached by
    // pointer only.
    unsafe { from.copy_to(words.as_mut_ptr(), length) };
    Ok(words)
}

/// An empty vector with room for `length` elements.
pub(super) fn room_for<T>(length: usize) -> Result<Vec<T>, Failure> {
    let mut room = Vec::new();
    room.try_reserve_exact(length).map_err(|_| Error::OutOfMetadata { size: 0 })?;
    Ok(room)
}

/// The value of a byte, from 0 to 255.
pub(super) fn byte(name: &'static str, value: Value) -> Result<u8, Failure> {
    let byte = value.number().and_then(whole).and_then(|number| u8::try_from(number).ok());
    let expected = "a whole number from 0 to 255";
    byte.ok_or_else(|| Failure::ArgumentType { name, expected, received: value.described() })
}

/// The alignment among the options of `malloc` or `realloc`, if they have one. A value that is no object is ignored:
/// `sizes.map(malloc)` passes a position here, which the seed ignored.
pub(super) fn alignment(value: Value, function: &'static str) -> Result<Option<u64>, Failure> {
    if value.kind() != ValueType::Object {
        return Ok(None);
    }
    // JavaScript reads the others, and passes them on only to have them refused.
    let known: &[&CStr] = match function {
        "malloc()" => &[c"alignment", c"into"],
        "allocate()" => &[c"alignment", c"shared"],
        _ => &[c"alignment"],
    };
    let given = Record::new(value, function, known)?;
    if given.get(c"into")?.is_some() {
        return Err(Error::from(FileError::NotInFile).into());
    }
    let given = given.get(c"alignment")?;
    given.map(|value| power("options.alignment", value)).transpose()
}

/// The names of the options of `init`: those of the table.
const INIT: [&CStr; Options::ALL.len()] = {
    let mut names = [c""; Options::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Options::ALL[at].key;
        at += 1;
    }
    names
};

/// The names of the options of a new heap: those of `init`, `owner`, and some that belong to the heap's object in JavaScript. They are
/// read by `lib/addresses.js` and `lib/watches.js`, and mean nothing to the addon.
const HEAP: [&CStr; INIT.len() + 4] = {
    let mut names = [c""; INIT.len() + 4];
    let (theirs, others) = names.split_at_mut(INIT.len());
    theirs.copy_from_slice(&INIT);
    others.copy_from_slice(&[c"owner", c"addresses", c"snapshotNearLimit", c"warnUnusable"]);
    names
};

/// The options of a new heap, over `defaults`, and whether the heap ends with its thread.
pub(super) fn heap_options(value: Value, defaults: Options) -> Result<(Options, bool), Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok((defaults, false));
    }
    let given = Record::new(value, "new Heap()", &HEAP)?;
    Ok((given.over(defaults)?, given.is_owned()?))
}

/// The options of `Heap.open`, over `defaults`.
pub(super) fn file_options(value: Value, defaults: FileOptions) -> Result<FileOptions, Failure> {
    const KNOWN: &[&CStr] = &[
        c"create",
        c"readOnly",
        c"exclusive",
        c"maxSize",
        c"mode",
        c"lockTimeout",
        c"followSymlinks",
        c"anyFileSystem",
        c"zeroOnFree",
        c"durable",
        c"syncEvery",
        c"onPowerLoss",
        c"addresses",
    ];
    if value.kind() == ValueType::Undefined {
        return Ok(defaults);
    }
    let given = Record::new(value, "Heap.open()", KNOWN)?;
    let mut options = defaults;
    for (key, name, place) in [
        (c"create", "options.create", &mut options.create),
        (c"readOnly", "options.readOnly", &mut options.read_only),
        (c"exclusive", "options.exclusive", &mut options.exclusive),
        (c"followSymlinks", "options.followSymlinks", &mut options.follow_symlinks),
        (c"anyFileSystem", "options.anyFileSystem", &mut options.any_file_system),
        (c"zeroOnFree", "options.zeroOnFree", &mut options.zero_on_free),
        (c"durable", "options.durable", &mut options.durable),
    ] {
        if let Some(value) = given.get(key)? {
            *place = flag(name, value)?;
        }
    }
    if let Some(value) = given.get(c"maxSize")? {
        options.max_size = size("options.maxSize", value).map_err(|failure| match failure {
            Failure::Mems(Error::InvalidSize { size }) => bad_max_size(size).into(),
            other => other,
        })?;
    }
    if let Some(value) = given.get(c"mode")? {
        // The owner of a file that nobody may read or write could not open it.
        let expected = "a whole number from 0o600 to 0o777";
        let mode = value.number().and_then(whole).and_then(|mode| u32::try_from(mode).ok());
        let mode = mode.filter(|mode| (0o600..=0o777).contains(mode));
        let refused = || Failure::ArgumentType { name: "options.mode", expected, received: value.described() };
        options.mode = mode.ok_or_else(refused)?;
    }
    if let Some(value) = given.get(c"lockTimeout")? {
        options.lock_timeout = milliseconds(0, "options.lockTimeout", value)?;
    }
    if let Some(value) = given.get(c"syncEvery")? {
        options.sync_every = Some(milliseconds(1, "options.syncEvery", value)?);
    }
    let expected = "'refuse', 'reset', 'salvage' or 'restore'";
    let chosen =
        given.choice(c"onPowerLoss", "options.onPowerLoss", expected, &["refuse", "reset", "salvage", "restore"])?;
    options.on_power_loss = chosen
        .map(|chosen| [OnPowerLoss::Refuse, OnPowerLoss::Reset, OnPowerLoss::Salvage, OnPowerLoss::Restore][chosen]);
    Ok(options)
}

/// Whether `Heap.verify` walks all of a file.
pub(super) fn verify_options(value: Value) -> Result<bool, Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok(false);
    }
    let deep = Record::new(value, "Heap.verify()", &[c"deep", c"addresses"])?.get(c"deep")?;
    deep.map_or(Ok(false), |value| flag("options.deep", value))
}

/// The path of the file that `Heap.repair` makes, if it makes one.
pub(super) fn repair_options(value: Value<'_>) -> Result<Option<Value<'_>>, Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok(None);
    }
    Record::new(value, "Heap.repair()", &[c"into", c"addresses"])?.get(c"into")
}

/// The options of `init` over `defaults`.
pub(super) fn init_options(value: Value, defaults: Options) -> Result<Options, Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok(defaults);
    }
    Record::new(value, "init()", &INIT)?.over(defaults)
}

/// What `leaks` lists, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    ByAddress,
    /// The largest blocks first.
    BySize,
    /// The blocks of the largest site first.
    BySite,
    /// Sites, the largest first.
    Sites,
}

/// The options of `leaks`: what is listed, and the most entries.
pub(super) fn leaks_options(value: Value) -> Result<(Listing, u64), Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok((Listing::ByAddress, u64::MAX));
    }
    let given = Record::new(value, "leaks()", &[c"by", c"limit", c"order"])?;
    let limit = given.get(c"limit")?.map(|limit| length("options.limit", limit)).transpose()?.unwrap_or(u64::MAX);
    let by_site = given.choice(c"by", "options.by", "'block' or 'site'", &["block", "site"])? == Some(1);
    if by_site {
        given.choice(c"order", "options.order", "'size', where they are by site", &["size"])?;
        return Ok((Listing::Sites, limit));
    }
    let order = given.choice(c"order", "options.order", "'address', 'size' or 'site'", &["address", "size", "site"])?;
    let listing = match order {
        Some(2) => Listing::BySite,
        Some(1) => Listing::BySize,
        _ => Listing::ByAddress,
    };
    Ok((listing, limit))
}

/// What is recorded besides the operations.
pub(super) fn record_options(value: Value) -> Result<Flags, Failure> {
    if value.kind() == ValueType::Undefined {
        return Ok(Flags::USUAL);
    }
    let given = Record::new(value, "record()", &[c"clock", c"stacks"])?;
    Ok(Flags {
        clock: given.get(c"clock")?.map_or(Ok(true), |value| flag("options.clock", value))?,
        stacks: given.get(c"stacks")?.map_or(Ok(false), |value| flag("options.stacks", value))?,
    })
}

/// Whether `stats` asks the system about pages. A value that is no object is ignored, as by `malloc`.
pub(super) fn resident(value: Value) -> Result<bool, Failure> {
    if value.kind() != ValueType::Object {
        return Ok(false);
    }
    let given = Record::new(value, "stats()", &[c"resident"])?.get(c"resident")?;
    given.map_or(Ok(false), |value| flag("options.resident", value))
}

/// An object of options. A misspelt option is refused rather than ignored. Only the object's own enumerable properties are
/// options, not what it inherits, from a polluted `Object.prototype` for example.
struct Record<'call> {
    object: Value<'call>,
    known: &'static [&'static CStr],
    /// Which of `known` the object has, a bit for each.
    given: u32,
}

impl<'call> Record<'call> {
    fn new(value: Value<'call>, function: &'static str, known: &'static [&'static CStr]) -> Result<Self, Failure> {
        if value.kind() != ValueType::Object || value.is_list() {
            let received = value.described();
            return Err(Failure::ArgumentType { name: "options", expected: "an object", received });
        }
        let mut given = 0;
        for name in value.own_names()? {
            let name = name?;
            let Some(index) = known.iter().position(|known| known.to_bytes() == name.as_bytes()) else {
                // The first unknown name is refused at once: there may be millions.
                let mut known: Vec<_> = known.iter().map(|known| known.to_string_lossy()).collect();
                known.sort_unstable();
                let known = known.join(", ");
                return Err(Failure::UnknownOption { name, function, known });
            };
            given |= 1 << index;
        }
        Ok(Self { object: value, known, given })
    }

    /// The options of the table, over `defaults`. The policy is first fit if none is given and the one of `defaults` cannot do what
    /// the other options ask for.
    fn over(&self, defaults: Options) -> Result<Options, Failure> {
        let mut options = defaults;
        // The policy comes first in the table.
        let mut has_policy = false;
        for Choice { key, path, access, .. } in Options::ALL {
            let Some(value) = self.get(key)? else { continue };
            options = match access {
                Access::Flag(_, set) => set(options, flag(path, value)?),
                Access::Size(_, set) => set(options, size(path, value)?)?,
                Access::Alignment(_, set) => set(options, power(path, value)?)?,
                Access::Policy(_, set) => {
                    has_policy = true;
                    set(options, PolicyKind::ALL[word(path, value, PolicyKind::EXPECTED, PolicyKind::NAMES)?])
                }
            };
            if !has_policy {
                options = options.or_first_fit();
            }
        }
        Ok(options.checked()?)
    }

    /// Whether the option `owner` says that a heap ends with its thread.
    fn is_owned(&self) -> Result<bool, Failure> {
        let owner = self.choice(c"owner", "options.owner", "'process' or 'thread'", &["process", "thread"])?;
        Ok(owner == Some(1))
    }

    /// An option, unless it is undefined.
    fn get(&self, key: &CStr) -> Result<Option<Value<'call>>, Failure> {
        let is_given =
            self.known.iter().position(|&known| known == key).is_some_and(|index| self.given >> index & 1 == 1);
        if !is_given {
            return Ok(None);
        }
        let value = self.object.property(key)?;
        Ok((value.kind() != ValueType::Undefined).then_some(value))
    }

    /// The position in `words` of an option's value. `expected` is for the message.
    fn choice(
        &self,
        key: &CStr,
        name: &'static str,
        expected: &'static str,
        words: &[&str],
    ) -> Result<Option<usize>, Failure> {
        self.get(key)?.map(|value| word(name, value, expected, words)).transpose()
    }
}

/// The position in `words` of a value.
fn word(name: &'static str, value: Value, expected: &'static str, words: &[&str]) -> Result<usize, Failure> {
    let word = value.string()?.and_then(|given| words.iter().position(|&word| word == given));
    word.ok_or_else(|| Failure::ArgumentType { name, expected, received: value.described() })
}

/// A number that has to be a power of two, which the caller checks.
pub(super) fn power(name: &'static str, value: Value) -> Result<u64, Failure> {
    let Some(number) = value.number() else {
        return Err(Failure::ArgumentType { name, expected: "of type number", received: value.described() });
    };
    // A number that is not whole is no power of two either.
    match whole(number) {
        Some(number) => Ok(number),
        None => Err(Error::InvalidAlignment { alignment: value.text()?, expected: "a power of two" }.into()),
    }
}

/// `true` or `false`.
pub(super) fn flag(name: &'static str, value: Value) -> Result<bool, Failure> {
    let received = || Failure::ArgumentType { name, expected: "a boolean", received: value.described() };
    value.boolean().ok_or_else(received)
}
