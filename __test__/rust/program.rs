//! Programs for property tests and fuzzing: a list of operations, run on a heap and on a naive shadow at once.
//!
//! The shadow keeps main blocks as plain vectors and searches them from the front: too slow to use, too simple to be
//! wrong. Every live block is filled with bytes of its own, which are compared before it is freed, so that an overlap
//! or a lost page shows as well.

#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use mems::Options;
use mems::heap::{FIRST_ADDRESS, MAX_SIZE, PAGE, PolicyKind};
use mems::memory::page_bytes;
use mems::{Error, Mems};
use std::fmt::Write;

/// One step of a program. Blocks are picked by position among the live ones, modulo their number.
#[derive(Debug, Clone)]
pub enum Op {
    Malloc(u64),
    /// A size, and the power of two that the address is to be a multiple of.
    MallocAligned(u64, u32),
    /// A count and a size, whose product is small.
    Calloc(u64, u64),
    /// Another size and, if there is one, the power of two that the address is to be a multiple of from then on.
    Realloc(usize, u64, Option<u32>),
    Free(usize),
    FreeOldest,
    FreeNewest,
    /// Frees an address inside a block, past its start: must be refused.
    FreeInside(usize, u64),
    /// Frees or gets an address that may be anything: must be refused or not exactly as the shadow does.
    Wild(u64),
    Get(usize, u64),
    /// Mallocs of these sizes and of one that is too large for any system, all in one call: must be refused and change nothing.
    Refused(Vec<u64>),
    /// Gives free pages back: nothing but the contents of holes may change.
    Trim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    start: u64,
    size: u64,
    live: bool,
}

impl Segment {
    fn end(self) -> u64 {
        self.start + self.size
    }
}

/// Whether a main block is one hole.
fn is_empty(block: &[Segment]) -> bool {
    matches!(block, [Segment { live: false, .. }])
}

/// The naive heap.
#[derive(Debug, Default)]
pub struct Shadow {
    blocks: Vec<Vec<Segment>>,
    least: u64,
    joins: bool,
    unit: u64,
    grows: bool,
    policy: PolicyKind,
    /// The address after the block that was taken last.
    rover: u64,
}

/// The linear models of the policies: which of the holes, in order of address, serves a request.
fn choose(policy: PolicyKind, holes: &[Segment], size: u64, rover: u64) -> Option<Segment> {
    let fits = |hole: &&Segment| hole.size >= size;
    let mut all = holes.iter().filter(fits);
    match policy {
        PolicyKind::FirstFit => all.next(),
        PolicyKind::NextFit => all.clone().find(|hole| hole.end() > rover).or_else(|| all.next()),
        PolicyKind::BestFit | PolicyKind::Buddy => all.min_by_key(|hole| hole.size),
        // The first of several, where `max_by_key` has the last.
        PolicyKind::WorstFit => all.rev().max_by_key(|hole| hole.size),
        PolicyKind::Segregated => unreachable!("it has a shadow of its own"),
    }
    .copied()
}

impl Shadow {
    pub fn new(options: Options) -> Self {
        Self {
            blocks: Vec::new(),
            least: options.min_block_size(),
            joins: options.join_empty_blocks(),
            unit: options.alignment(),
            grows: options.growing_blocks(),
            policy: options.policy(),
            rover: 0,
        }
    }

    fn end(&self) -> u64 {
        self.blocks.last().map_or(FIRST_ADDRESS, |block| block.last().unwrap().end())
    }

    pub fn malloc(&mut self, size: u64) -> u64 {
        self.malloc_aligned(size, 1)
    }

    fn is_buddy(&self) -> bool {
        self.policy == PolicyKind::Buddy
    }

    /// The length of a hole that has room.
    fn room_for(&self, size: u64, alignment: u64) -> u64 {
        if self.is_buddy() {
            size.max(alignment).max(self.unit).next_power_of_two()
        } else {
            size + alignment.saturating_sub(self.unit)
        }
    }

    fn malloc_aligned(&mut self, size: u64, alignment: u64) -> u64 {
        let size = size.next_multiple_of(self.unit);
        let room = self.room_for(size, alignment);
        let holes: Vec<_> = self.blocks.iter().flatten().filter(|segment| !segment.live).copied().collect();
        if let Some(hole) = choose(self.policy, &holes, room, self.rover) {
            let block = self.blocks.iter_mut().find(|block| block.contains(&hole)).unwrap();
            let at = block.iter().position(|&segment| segment == hole).unwrap();
            if self.policy == PolicyKind::Buddy {
                block.splice(at..=at, halved(Segment { live: true, ..hole }, room));
                return hole.start;
            }
            let start = (hole.start - FIRST_ADDRESS).next_multiple_of(alignment) + FIRST_ADDRESS;
            let parts = [
                Segment { start: hole.start, size: start - hole.start, live: false },
                Segment { start, size, live: true },
                Segment { start: start + size, size: hole.end() - start - size, live: false },
            ];
            block.splice(at..=at, parts.into_iter().filter(|part| part.size > 0));
            self.rover = start + size;
            return start;
        }
        let least = if self.grows { self.least.max((self.end() - FIRST_ADDRESS) / 8) } else { self.least };
        let bytes = room.max(least).div_ceil(PAGE) * PAGE;
        let bytes = if self.is_buddy() { bytes.next_power_of_two() } else { bytes };
        if let Some(last) = self.blocks.last_mut().filter(|last| self.joins && is_empty(last)) {
            last[0].size = bytes;
            return self.malloc_aligned(size, alignment);
        }
        self.blocks.push(vec![Segment { start: self.end(), size: bytes, live: false }]);
        self.malloc_aligned(size, alignment)
    }

    /// Resizes a block in place if that is possible. Returns whether it was.
    fn resize(&mut self, address: u64, size: u64) -> bool {
        let size = size.next_multiple_of(self.unit);
        for block in &mut self.blocks {
            let Some(at) = block.iter().position(|segment| segment.start == address) else { continue };
            if self.policy == PolicyKind::Buddy {
                let room = size.max(self.unit).next_power_of_two();
                let fits = size <= block[at].size;
                if fits {
                    block.splice(at..=at, halved(block[at], room));
                }
                return fits;
            }
            let after = block.get(at + 1).filter(|next| !next.live).map_or(0, |next| next.size);
            let room = block[at].size + after;
            if size > room {
                return false;
            }
            if after > 0 {
                block.remove(at + 1);
            }
            block[at].size = size;
            if size < room {
                block.insert(at + 1, Segment { start: address + size, size: room - size, live: false });
            }
            return true;
        }
        panic!("no block starts at {address}");
    }

    fn find(&self, address: u64) -> Result<Segment, &'static str> {
        let segments = || self.blocks.iter().flatten();
        match segments().find(|segment| (segment.start..segment.end()).contains(&address)) {
            None => Err("ERR_MEMS_OUT_OF_RANGE"),
            Some(segment) if !segment.live => Err("ERR_MEMS_NOT_ALLOCATED"),
            Some(segment) => Ok(*segment),
        }
    }

    pub fn free(&mut self, address: u64) -> Result<u64, &'static str> {
        let found = self.find(address)?;
        if found.start != address {
            return Err("ERR_MEMS_NOT_BLOCK_START");
        }
        for block in &mut self.blocks {
            if let Some(at) = block.iter().position(|segment| segment.start == address) {
                block[at].live = false;
                if self.policy == PolicyKind::Buddy {
                    join_buddies(block, at);
                    continue;
                }
                if at + 1 < block.len() && !block[at + 1].live {
                    block[at].size += block.remove(at + 1).size;
                }
                if at > 0 && !block[at - 1].live {
                    block[at - 1].size += block.remove(at).size;
                }
            }
        }
        if self.joins {
            self.join();
        }
        Ok(found.size)
    }

    fn join(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        for block in blocks {
            match self.blocks.last_mut().filter(|last| is_empty(last) && is_empty(&block)) {
                Some(last) => last[0].size += block[0].size,
                None => self.blocks.push(block),
            }
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let holes = || self.blocks.iter().flatten().filter(|segment| !segment.live);
        let pages = (self.end() - FIRST_ADDRESS) / PAGE;
        let mut lines = vec!["MeMS Stats:".to_owned()];
        for block in &self.blocks {
            let mut line = format!("MAIN[{}:{}] -> ", block[0].start, block.last().unwrap().end() - 1);
            for segment in block {
                let kind = if segment.live { "P" } else { "H" };
                write!(line, "<{kind}>[SVA:{}:EVA:{}] <-> ", segment.start, segment.end() - 1).unwrap();
            }
            lines.push(line + "<NULL>");
        }
        let lengths: Vec<_> = self.blocks.iter().map(|block| block.len().to_string()).collect();
        lines.push(format!("Page used: {pages}"));
        lines.push(format!("Space unused: {}", holes().map(|hole| hole.size).sum::<u64>()));
        lines.push(format!("Main Chain Length: {}", self.blocks.len()));
        lines.push(format!("Sub-chain Length array: {}", lengths.join(" ")));
        lines
    }

    /// The bytes of whole pages inside holes.
    fn trimmable(&self) -> u64 {
        let holes = self.blocks.iter().flatten().filter(|segment| !segment.live);
        let whole = |hole: &Segment| {
            let (start, end) = (hole.start - FIRST_ADDRESS, hole.end() - FIRST_ADDRESS);
            (end / PAGE * PAGE).saturating_sub(start.next_multiple_of(PAGE))
        };
        holes.map(whole).sum()
    }

    /// The statistics must say what the shadow counts.
    fn check_stats(&self, mems: &mut Mems, requested: u64) {
        let stats = mems.stats();
        let all = || self.blocks.iter().flatten();
        let live: u64 = all().filter(|segment| segment.live).map(|segment| segment.size).sum();
        assert_eq!(stats.live, live);
        assert_eq!(stats.requested, requested);
        assert_eq!(stats.live + stats.hole_bytes, stats.mapped);
        assert_eq!(stats.mapped, self.end() - FIRST_ADDRESS);
        assert_eq!(stats.largest_hole, all().filter(|s| !s.live).map(|s| s.size).max().unwrap_or(0));
        assert_eq!(stats.holes, all().filter(|segment| !segment.live).count() as u64);
        assert_eq!(stats.live_blocks, all().filter(|segment| segment.live).count() as u64);
        assert_eq!(stats.mallocs - stats.frees, stats.live_blocks);
        assert!(stats.peak_live >= stats.live);
        assert!(stats.peak_hole_bytes >= stats.hole_bytes && stats.peak_largest_hole >= stats.largest_hole);
        assert!(stats.peak_metadata >= stats.metadata);
    }
}

/// What becomes of a block that is split in halves until the first has `size` bytes: that, and a hole for each other half.
fn halved(block: Segment, size: u64) -> Vec<Segment> {
    let mut parts = vec![Segment { size, ..block }];
    while parts.last().unwrap().end() < block.end() {
        let start = parts.last().unwrap().end();
        parts.push(Segment { start, size: start - block.start, live: false });
    }
    parts
}

/// Joins a hole with its buddy as long as that is a hole.
fn join_buddies(block: &mut Vec<Segment>, mut at: usize) {
    loop {
        let (main, hole) = (block[0].start, block[at]);
        let buddy = main + ((hole.start - main) ^ hole.size);
        let Some(other) = block.iter().position(|&segment| segment == Segment { start: buddy, ..hole }) else { return };
        at = at.min(other);
        block[at].size += block.remove(at + 1).size;
    }
}

/// A live block, and the byte it is filled with.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: u64,
    size: u64,
    fill: u8,
    alignment: u64,
}

impl Block {
    fn bytes<'a>(self, mems: &Mems) -> &'a mut [u8] {
        let first = usize::try_from(mems.get(self.start).expect("the block is live")).unwrap();
        let last = mems.get(self.start + self.size - 1).expect("its last byte is live");
        assert_eq!(last, (first as u64) + self.size - 1, "a block is physically contiguous");
        // SAFETY: `get` returned the block's first and last byte, so these bytes are mapped and the block's own; the
        // program is the heap's only user, and no other slice exists while this one is in use.
        unsafe { std::slice::from_raw_parts_mut(first as *mut u8, usize::try_from(self.size).unwrap()) }
    }

    fn check(self, mems: &Mems) {
        let foreign = self.bytes(mems).iter().position(|&byte| byte != self.fill);
        assert_eq!(foreign, None, "a byte of {self:?} was overwritten");
    }
}

/// Runs a program and compares everything that is returned.
pub fn run(mems: &mut Mems, program: &[Op]) {
    let mut shadow = Shadow::new(*mems.options());
    let mut live: Vec<Block> = Vec::new();
    for (step, op) in program.iter().enumerate() {
        match *op {
            Op::Malloc(size) if size == 0 || size > MAX_SIZE => {
                assert_eq!(code(mems.malloc(size)), Err("ERR_MEMS_INVALID_SIZE"));
            }
            Op::Malloc(size) => {
                let start = mems.malloc(size).expect("there is memory");
                assert_eq!(start, shadow.malloc(size), "malloc({size}) at step {step}");
                let block = Block { start, size, fill: u8::try_from(step % 255 + 1).unwrap(), alignment: 1 };
                block.bytes(mems).fill(block.fill);
                live.push(block);
            }
            Op::MallocAligned(size, power) => {
                let (alignment, fill) = (1 << power, u8::try_from(step % 255 + 1).unwrap());
                let start = mems.malloc_aligned(size, alignment).expect("there is memory");
                assert_eq!(start, shadow.malloc_aligned(size, alignment), "malloc({size}, {alignment}) at step {step}");
                assert!(mems.get(start).unwrap().is_multiple_of(alignment), "{start} is not aligned to {alignment}");
                let block = Block { start, size, fill, alignment };
                block.bytes(mems).fill(fill);
                live.push(block);
            }
            Op::Calloc(count, size) => {
                let start = mems.calloc(count, size).expect("there is memory");
                let block = Block { start, size: count * size, fill: 0, alignment: 1 };
                assert_eq!(start, shadow.malloc(block.size), "calloc({count}, {size}) at step {step}");
                block.check(mems);
                live.push(block);
            }
            Op::Realloc(pick, size, power) => {
                if let Some(at) = pick.checked_rem(live.len()) {
                    realloc(mems, &mut shadow, &mut live[at], size, power.map(|power| 1 << power));
                }
            }
            Op::Free(pick) => free(mems, &mut shadow, &mut live, pick),
            Op::FreeOldest => free(mems, &mut shadow, &mut live, 0),
            Op::FreeNewest => {
                let newest = live.len().saturating_sub(1);
                free(mems, &mut shadow, &mut live, newest);
            }
            Op::FreeInside(pick, offset) => {
                if let Some(block) = pick.checked_rem(live.len()).map(|at| live[at]).filter(|block| block.size > 1) {
                    let address = block.start + 1 + offset % (block.size - 1);
                    assert_eq!(code(mems.free(address)), Err("ERR_MEMS_NOT_BLOCK_START"));
                }
            }
            Op::Wild(address) => {
                let expected = shadow.find(address).map(|_| ());
                assert_eq!(code(mems.get(address)).map(|_| ()), expected, "get({address}) at step {step}");
                if shadow.find(address).map(|segment| segment.start) != Ok(address) {
                    assert_eq!(code(mems.free(address)), shadow.free(address).map(|_| ()), "free({address})");
                }
            }
            Op::Refused(ref sizes) => {
                let sizes: Vec<_> = sizes.iter().copied().chain([MAX_SIZE]).collect();
                let refused = mems.malloc_many(&sizes, &mut vec![0; sizes.len()]);
                assert_eq!(code(refused), Err("ERR_MEMS_OUT_OF_MEMORY"));
            }
            Op::Trim => {
                let bytes = mems.trim();
                // With larger pages, what is whole depends on where a region begins.
                if page_bytes() as u64 == PAGE {
                    assert_eq!(bytes, shadow.trimmable(), "trim() at step {step}");
                }
            }
            Op::Get(pick, offset) => {
                if let Some(at) = pick.checked_rem(live.len()) {
                    let Block { start, size, .. } = live[at];
                    let offset = offset % size;
                    assert_eq!(mems.get(start + offset).unwrap(), mems.get(start).unwrap() + offset);
                }
            }
        }
        assert_eq!(mems.lines().unwrap(), shadow.lines(), "after step {step}, {op:?}");
        shadow.check_stats(mems, live.iter().map(|block| block.size).sum());
    }
    mems.verify().unwrap();
    for block in live {
        block.check(mems);
    }
}

fn realloc(mems: &mut Mems, shadow: &mut Shadow, block: &mut Block, size: u64, wanted: Option<u64>) {
    let start = mems.realloc_aligned(block.start, size, wanted).expect("there is memory");
    let alignment = wanted.unwrap_or(block.alignment);
    let kept = Block { start, size: block.size.min(size), alignment, ..*block };
    let is_aligned = (block.start - FIRST_ADDRESS).is_multiple_of(alignment);
    if is_aligned && shadow.resize(block.start, size) {
        assert_eq!(start, block.start, "it could stay");
    } else {
        assert_eq!(start, shadow.malloc_aligned(size, alignment));
        shadow.free(block.start).unwrap();
    }
    assert!(mems.get(start).unwrap().is_multiple_of(alignment), "{start} is not aligned to {alignment}");
    kept.check(mems);
    *block = Block { size, ..kept };
    block.bytes(mems).fill(block.fill);
    let found = mems.block_at(start + size - 1).unwrap();
    assert_eq!((found.start, found.size), (start, size));
}

fn free(mems: &mut Mems, shadow: &mut Shadow, live: &mut Vec<Block>, pick: usize) {
    let Some(at) = pick.checked_rem(live.len()) else { return };
    let block = live.remove(at);
    block.check(mems);
    mems.free(block.start).unwrap();
    let freed = shadow.free(block.start).unwrap();
    let exact = freed == block.size.next_multiple_of(shadow.unit);
    assert!(exact || shadow.is_buddy() && freed >= block.size, "{freed} bytes of {block:?} were freed");
    let again = code(mems.free(block.start));
    assert!(matches!(again, Err("ERR_MEMS_NOT_ALLOCATED")), "freeing twice gave {again:?}");
}

pub fn code<T>(result: Result<T, Error>) -> Result<T, &'static str> {
    result.map_err(|error| error.code())
}
