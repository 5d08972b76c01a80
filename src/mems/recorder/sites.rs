//! The sites of a recording: the stacks of calls, and the numbers that stand for them in its events.
//!
//! Invariants: a number stands for one stack in the whole recording, and 0 for none; `new` are the stacks whose texts have not been
//! handed to the writer yet.
//!
//! Cost: O(1) for a stack.

use crate::mems::Stack;
use std::collections::HashMap;

/// Most stacks of a recording. Calls at others have none.
const MOST: usize = 1 << 16;

/// A stack that is new, and its number.
pub(super) type Site = (u32, Stack);

/// Numbers of stacks.
#[derive(Debug, Default)]
pub(super) struct Sites {
    numbers: HashMap<Stack, u32>,
    new: Vec<Site>,
}

impl Sites {
    /// The number of a stack. 0 if there are too many, or there is no memory for one more.
    pub fn number(&mut self, stack: &Stack) -> u32 {
        if let Some(&number) = self.numbers.get(stack) {
            return number;
        }
        let known = self.numbers.len();
        if known >= MOST || self.numbers.try_reserve(1).is_err() || self.new.try_reserve(1).is_err() {
            return 0;
        }
        #[allow(clippy::cast_possible_truncation, reason = "at most `MOST`")]
        let number = known as u32 + 1;
        self.numbers.insert(stack.clone(), number);
        self.new.push((number, stack.clone()));
        number
    }

    /// Takes the stacks that are new.
    pub fn take_new(&mut self) -> Vec<Site> {
        std::mem::take(&mut self.new)
    }
}
