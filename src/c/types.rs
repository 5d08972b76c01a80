//! The structs of the C ABI. Their layouts never change: what is reserved is where they grow.

use super::failure::Failure;
use crate::heap;
use crate::heap::PolicyKind;
use crate::mems::{self, block};

/// Options of a heap, `mems_options`. All zeros are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What addresses and sizes are multiples of, in bytes: 1 or 16; 0 for 16.
    pub alignment: u64,
    /// Least length of a new main block in bytes; 0 for 65536.
    pub min_block_size: u64,
    /// Most bytes of all main blocks; 0 for no limit.
    pub max_size: u64,
    /// Whether main blocks grow with the heap: above 0 yes, below no; 0 for yes.
    pub growing_blocks: i32,
    /// Whether empty main blocks are joined; likewise.
    pub join_empty_blocks: i32,
    /// Whether free pages go back by themselves; likewise.
    pub auto_trim: i32,
    /// Whether writes past a block's end and to freed blocks are looked for: above 0 yes.
    pub hardened: i32,
    /// Whether blocks are cleared as they are freed: above 0 yes.
    pub zero_on_free: i32,
    /// Whether main blocks are kept in memory: above 0 yes.
    pub lock_memory: i32,
    /// Which hole serves a request, `mems_policy`; 0 for the default.
    pub policy: u32,
    /// Zeros.
    pub reserved: [u32; 3],
}

impl Options {
    /// The heap's own options.
    pub(super) fn checked(self) -> Result<mems::Options, Failure> {
        // A later version's option, or a struct that was not cleared: ignoring it would do what nobody asked for.
        if self.reserved != [0; 3] {
            return Err(Failure::Argument("the reserved fields of mems_options must be zero"));
        }
        let mut options = mems::Options::roomy();
        if self.policy != 0 {
            let policy = PolicyKind::from_value(self.policy);
            options = options.with_policy(policy.ok_or(Failure::Argument("policy is none of mems_policy"))?);
        }
        if self.alignment != 0 {
            options = options.with_alignment(self.alignment)?;
        }
        if self.min_block_size != 0 {
            options = options.with_min_block_size(self.min_block_size)?;
        }
        if self.max_size != 0 {
            options = options.with_max_size(self.max_size)?;
        }
        // On by default, unless the policy has it otherwise.
        if self.join_empty_blocks != 0 {
            options = options.with_join_empty_blocks(self.join_empty_blocks > 0);
        }
        // The first two are on by default, the others off.
        Ok(options
            .with_growing_blocks(self.growing_blocks >= 0)
            .with_trim(self.auto_trim >= 0)
            .with_hardened(self.hardened > 0)
            .with_zero_on_free(self.zero_on_free > 0)
            .with_lock(self.lock_memory > 0)
            .checked()?)
    }
}

/// A live block, `mems_block`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Block {
    /// First virtual address.
    pub start: u64,
    /// Bytes that were asked for.
    pub size: u64,
    /// Bytes that it has.
    pub usable: u64,
}

impl From<block::Block> for Block {
    fn from(block: block::Block) -> Self {
        Self { start: block.start, size: block.size, usable: block.usable }
    }
}

/// Statistics of one moment, `mems_stats`: those of [`heap::Stats`].
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in main blocks.
    pub mapped: u64,
    /// Bytes in live blocks.
    pub live: u64,
    /// Bytes in live blocks that were asked for.
    pub requested: u64,
    /// Bytes in holes.
    pub hole_bytes: u64,
    /// The largest hole, in bytes.
    pub largest_hole: u64,
    /// Bytes of bookkeeping.
    pub metadata: u64,
    /// Main blocks.
    pub main_blocks: u64,
    /// Live blocks.
    pub live_blocks: u64,
    /// Holes.
    pub holes: u64,
    /// High-water mark of `mapped`.
    pub peak_mapped: u64,
    /// High-water mark of `live`.
    pub peak_live: u64,
    /// High-water mark of `hole_bytes`.
    pub peak_hole_bytes: u64,
    /// High-water mark of `largest_hole`.
    pub peak_largest_hole: u64,
    /// High-water mark of `metadata`.
    pub peak_metadata: u64,
    /// Successful calls of malloc.
    pub mallocs: u64,
    /// Successful calls of free.
    pub frees: u64,
    /// Bytes in quarantine, neither live nor holes.
    pub quarantined: u64,
    /// Blocks in quarantine.
    pub quarantined_blocks: u64,
    /// Zeros.
    pub reserved: [u64; 6],
}

impl From<heap::Stats> for Stats {
    fn from(stats: heap::Stats) -> Self {
        Self {
            mapped: stats.mapped,
            live: stats.live,
            requested: stats.requested,
            hole_bytes: stats.hole_bytes,
            largest_hole: stats.largest_hole,
            metadata: stats.metadata,
            main_blocks: stats.main_blocks as u64,
            live_blocks: stats.live_blocks,
            holes: stats.holes as u64,
            peak_mapped: stats.peak_mapped,
            peak_live: stats.peak_live,
            peak_hole_bytes: stats.peak_hole_bytes,
            peak_largest_hole: stats.peak_largest_hole,
            peak_metadata: stats.peak_metadata,
            mallocs: stats.mallocs,
            frees: stats.frees,
            quarantined: stats.quarantined,
            quarantined_blocks: stats.quarantined_blocks,
            reserved: [0; 6],
        }
    }
}

const _: () = assert!(size_of::<Options>() == 64 && size_of::<Block>() == 24 && size_of::<Stats>() == 192);
