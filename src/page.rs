//! The page of MeMS, the unit of main blocks, whatever the system's page size is. (A file of its own, so that `error.rs`, below
//! everything else, can use it.)

/// Bytes in a page.
pub const PAGE: u64 = 4096;
