//! What a call leaves for JavaScript to read: a text, and a list of doubles, each until the next call that leaves one.
//!
//! JavaScript reads both from the module's memory, by their place and length, right after the call. Memory that has grown meanwhile
//! has another buffer, so each read makes its view anew.

use crate::error::Error;
use std::cell::RefCell;
use std::fmt::{Display, Write};

/// What a failed call returns.
pub const FAILED: f64 = -1.0;

thread_local! {
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
    static NUMBERS: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// Leaves a text.
pub fn leave_text(write: impl FnOnce(&mut String)) {
    TEXT.with_borrow_mut(|text| {
        text.clear();
        write(text);
    });
}

/// Leaves numbers, and returns how many there are.
pub fn leave_numbers(write: impl FnOnce(&mut Vec<f64>)) -> u32 {
    NUMBERS.with_borrow_mut(|numbers| {
        numbers.clear();
        write(numbers);
        u32::try_from(numbers.len()).unwrap_or(u32::MAX)
    })
}

/// Leaves an error as its code, a line break and its message.
pub fn fail(error: &Error) -> f64 {
    fail_with(error.code(), error)
}

/// Leaves an error that the library does not have.
pub fn fail_with(code: &str, message: impl Display) -> f64 {
    leave_text(|text| write!(text, "{code}\n{message}").unwrap_or_default());
    FAILED
}

/// Has panics leave their messages, since all that JavaScript sees of one is that the module has ended.
#[unsafe(no_mangle)]
pub extern "C" fn start() {
    std::panic::set_hook(Box::new(|panic| {
        TEXT.with(|text| {
            if let Ok(mut text) = text.try_borrow_mut() {
                text.clear();
                write!(text, "{panic}").unwrap_or_default();
            }
        });
    }));
}

/// The place of the text.
#[unsafe(no_mangle)]
pub extern "C" fn text_place() -> *const u8 {
    TEXT.with_borrow(|text| text.as_ptr())
}

/// The length of the text in bytes, as UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn text_length() -> usize {
    TEXT.with_borrow(String::len)
}

/// The place of the numbers.
#[unsafe(no_mangle)]
pub extern "C" fn numbers_place() -> *const f64 {
    NUMBERS.with_borrow(Vec::as_ptr)
}
