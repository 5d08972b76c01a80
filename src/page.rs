//! The page of MeMS, the unit of main blocks, whatever the system's page size is. (Of its own, so that errors can name it and
//! stand below everything else.)

/// Bytes in a page.
pub const PAGE: u64 = 4096;
