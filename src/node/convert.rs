//! The arguments of MeMS: sizes, addresses and options.

use super::failure::Failure;
use super::value::{BigInt, Value};
use crate::heap::{FIRST_ADDRESS, Options, is_size};
use crate::{Error, Mems};
use napi::ValueType;

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

/// A number that is a whole size.
fn whole(number: f64) -> Option<u64> {
    // The cast saturates, drops fractions and makes NaN 0: only a whole number survives the way back.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared just below")]
    let size = number as u64;
    #[allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "inexact above 2^53, which is refused anyway")]
    let same = size as f64 == number;
    same.then_some(size)
}

/// An address given by JavaScript.
pub(super) enum Given {
    /// One that may be an address.
    Address(u64),
    /// A BigInt outside 0..2^64, in decimal: never an address.
    Beyond(String),
}

/// An address: a BigInt.
pub(super) fn address(value: Value) -> Result<Given, Failure> {
    match value.bigint() {
        BigInt::Fits(address) => Ok(Given::Address(address)),
        BigInt::Beyond => Ok(Given::Beyond(value.text()?)),
        BigInt::Not => Err(Failure::ArgumentType {
            name: "address",
            expected: "a BigInt, as malloc() returns (1000n, or BigInt(1000))",
            received: value.described(),
        }),
    }
}

impl Given {
    /// The address, or the refusal of one that no heap can have.
    pub(super) fn within(self, heap: &Mems) -> Result<u64, Error> {
        match self {
            Self::Address(address) => Ok(address),
            Self::Beyond(address) => Err(Error::OutOfRange { address, start: FIRST_ADDRESS, end: heap.end() }),
        }
    }
}

/// The options of `init`. A misspelt one is refused rather than ignored.
pub(super) fn options(value: Value) -> Result<Options, Failure> {
    match value.kind() {
        ValueType::Undefined => return Ok(Options::default()),
        ValueType::Object if !value.is_array() => {}
        _ => {
            let received = value.described();
            return Err(Failure::ArgumentType { name: "options", expected: "an object", received });
        }
    }
    let known = ["joinEmptyBlocks", "minBlockSize", "trim"];
    if let Some(name) = value.property_names()?.into_iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::UnknownOption { name, known: known.join(", ") });
    }
    let mut options = Options::default();
    let least = value.property(c"minBlockSize")?;
    if least.kind() != ValueType::Undefined {
        options = options.with_min_block_size(size("options.minBlockSize", least)?)?;
    }
    let flag = |key, name| -> Result<bool, Failure> {
        let flag = value.property(key)?;
        match flag.boolean() {
            Some(flag) => Ok(flag),
            None if flag.kind() == ValueType::Undefined => Ok(false),
            None => Err(Failure::ArgumentType { name, expected: "a boolean", received: flag.described() }),
        }
    };
    options = options.with_join_empty_blocks(flag(c"joinEmptyBlocks", "options.joinEmptyBlocks")?);
    options = options.with_trim(flag(c"trim", "options.trim")?);
    Ok(options)
}
