//! The structs of the C ABI. Their layouts never change: they grow into their reserved fields.

use super::failure::Failure;
use crate::heap;
use crate::heap::PolicyKind;
use crate::mems::{self, Access, Choice, block, file, map};
use std::time::Duration;

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
    /// Whether main blocks grow with the heap: above 0 yes, below no; 0 for yes. The next two are read in the same way.
    pub growing_blocks: i32,
    /// Whether empty main blocks are joined.
    pub join_empty_blocks: i32,
    /// Whether free pages are given back without a call.
    pub auto_trim: i32,
    /// Whether writes past a block's end and to freed blocks are detected: above 0 yes.
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
    /// The heap's own options. The policy is first fit if none is given and the default one cannot do what other fields ask for.
    pub(super) fn checked(self) -> Result<mems::Options, Failure> {
        // This is an option of a later version, or a struct that was not cleared: ignoring it would hide the mistake.
        if self.reserved.iter().any(|&field| field != 0) {
            return Err(Failure::Argument("The reserved fields of mems_options must be zero"));
        }
        let mut options = mems::Options::roomy();
        for Choice { name, access, .. } in mems::Options::ALL {
            let Some(value) = self.field(name).filter(|&value| value != 0) else { continue };
            // A number that is too large is no size either.
            let bytes = u64::try_from(value).unwrap_or(u64::MAX);
            options = match access {
                Access::Flag(_, set) => set(options, value > 0),
                Access::Size(_, set) | Access::Alignment(_, set) => set(options, bytes)?,
                Access::Policy(_, set) => {
                    let policy = u32::try_from(value).ok().and_then(PolicyKind::from_value);
                    set(options, policy.ok_or(Failure::Argument("The policy must be a value of mems_policy"))?)
                }
            };
            if self.policy == 0 {
                options = options.or_first_fit();
            }
        }
        Ok(options.checked()?)
    }

    /// The field of an option by its name in JavaScript: 0 stands for the default. `None`: C has no such option.
    fn field(&self, name: &str) -> Option<i128> {
        Some(match name {
            "alignment" => self.alignment.into(),
            "minBlockSize" => self.min_block_size.into(),
            "maxSize" => self.max_size.into(),
            "growingBlocks" => self.growing_blocks.into(),
            "joinEmptyBlocks" => self.join_empty_blocks.into(),
            "autoTrim" => self.auto_trim.into(),
            "hardened" => self.hardened.into(),
            "zeroOnFree" => self.zero_on_free.into(),
            "lockMemory" => self.lock_memory.into(),
            "policy" => self.policy.into(),
            _ => return None,
        })
    }
}

/// How a heap file is opened, `mems_file_options`. All zeros are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct FileOptions {
    /// Most bytes of data that this process lets the file have; 0 for 64 GiB.
    pub max_size: u64,
    /// Milliseconds that a call waits for another process; 0 for 5000.
    pub lock_timeout: u64,
    /// The permissions of a new file; 0 for 0600.
    pub mode: u32,
    /// Whether a file is created where there is none: above 0 yes, below no; 0 for yes.
    pub create: i32,
    /// Whether it is opened for reading only: above 0 yes. The next are read in the same way.
    pub read_only: i32,
    /// Whether this process has the file for itself.
    pub exclusive: i32,
    /// Whether a path that is a symbolic link is followed.
    pub follow_symlinks: i32,
    /// Whether the file may be on any file system.
    pub any_file_system: i32,
    /// Whether blocks are cleared as they are freed.
    pub zero_on_free: i32,
    /// Zeros.
    pub reserved: [u32; 5],
}

impl FileOptions {
    /// The options of the heap.
    pub(super) fn checked(self) -> Result<file::FileOptions, Failure> {
        if self.reserved.iter().any(|&field| field != 0) {
            return Err(Failure::Argument("The reserved fields of mems_file_options must be zero"));
        }
        let mut options = file::FileOptions {
            create: self.create >= 0,
            read_only: self.read_only > 0,
            exclusive: self.exclusive > 0,
            follow_symlinks: self.follow_symlinks > 0,
            any_file_system: self.any_file_system > 0,
            zero_on_free: self.zero_on_free > 0,
            ..file::FileOptions::default()
        };
        if self.max_size != 0 {
            options.max_size = self.max_size;
        }
        if self.lock_timeout != 0 {
            options.lock_timeout = Duration::from_millis(self.lock_timeout);
        }
        if self.mode != 0 && !(0o600..=0o777).contains(&self.mode) {
            return Err(Failure::Argument("The mode must be from 0600 to 0777, or 0"));
        }
        if self.mode != 0 {
            options.mode = self.mode;
        }
        Ok(options)
    }
}

/// What a map is opened with, `mems_map_options`. All zeros are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct MapOptions {
    /// Most bytes of all blocks of the map; 0: as the map has it; all bits set: any number.
    pub max_bytes: u64,
    /// Most entries, in the same way.
    pub max_entries: u64,
    /// Parts of a new map, a power of two from 1 to 4096; 0 for 256.
    pub shards: u32,
    /// Whether the entries of a new map have checksums: above 0 yes.
    pub checksums: i32,
    /// What values are that are set: 0 bytes, 1 text, 2 JSON, up to 255.
    pub encoding: u32,
    /// Whether keys that are set are bytes, and no text: above 0 yes.
    pub binary_keys: i32,
    /// Zeros.
    pub reserved: [u32; 8],
}

impl MapOptions {
    /// The options of the map.
    pub(super) fn checked(self) -> Result<map::MapOptions, Failure> {
        if self.reserved.iter().any(|&field| field != 0) {
            return Err(Failure::Argument("The reserved fields of mems_map_options must be zero"));
        }
        if self.encoding > 255 {
            return Err(Failure::Argument("The encoding must be from 0 to 255"));
        }
        let shards = match self.shards {
            0 => None,
            count if count.is_power_of_two() && count <= 4096 => Some(count.trailing_zeros()),
            _ => return Err(Failure::Argument("The number of shards must be a power of two from 1 to 4096")),
        };
        let limit = |given| match given {
            0 => None,
            u64::MAX => Some(0),
            given => Some(given),
        };
        Ok(map::MapOptions {
            most_bytes: limit(self.max_bytes),
            most_entries: limit(self.max_entries),
            shards,
            checksums: self.checksums > 0,
        })
    }
}

/// A live block, `mems_block`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Block {
    /// First virtual address.
    pub start: u64,
    /// Bytes that were requested.
    pub size: u64,
    /// Bytes that the block has.
    pub usable: u64,
}

impl From<block::Block> for Block {
    fn from(block: block::Block) -> Self {
        Self { start: block.start, size: block.size, usable: block.usable }
    }
}

/// Statistics of one moment, `mems_stats`: the statistics of the table as they lie in memory, and room for more.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The statistics of the table.
    pub found: heap::Stats,
    /// Zeros.
    pub reserved: [u64; 24 - heap::Stats::ALL.len()],
}

impl From<heap::Stats> for Stats {
    fn from(found: heap::Stats) -> Self {
        Self { found, ..Self::default() }
    }
}

const _: () = assert!(size_of::<FileOptions>() == 64 && size_of::<MapOptions>() == 64);
const _: () = assert!(size_of::<Options>() == 64 && size_of::<Block>() == 24 && size_of::<Stats>() == 192);
