//! How a call in several steps reaches its heap: directly if the caller owns it, else under its lock (`process/`).

use crate::error::Error;
use crate::mems::Mems;

/// How the steps of one call reach the heap.
pub(crate) trait Access {
    /// Runs one step.
    fn with<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error>;

    /// Runs one step that looks at blocks that stay live meanwhile, and changes nothing: in a heap file without the file's lock.
    #[cfg(feature = "c-abi")]
    fn look<T>(&mut self, step: impl FnOnce(&mut Mems) -> Result<T, Error>) -> Result<T, Error> {
        self.with(step)
    }

    /// Lets threads that wait for the heap go first.
    fn give_way(&mut self) {}
}

/// For callers that own the heap.
impl Access for Mems {
    fn with<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        step(self)
    }
}
