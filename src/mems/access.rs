//! How a call gets at its heap, again and again: who has it for himself as he likes, all others under its lock (`process/`).

use crate::error::Error;
use crate::mems::Mems;

/// How the steps of one call get at the heap.
pub(crate) trait Access {
    /// One step.
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error>;

    /// Lets those go first who wait for the heap.
    fn give_way(&mut self) {}
}

/// For who has the heap for himself.
impl Access for Mems {
    fn with<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        step(self)
    }
}
