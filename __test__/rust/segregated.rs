//! Property test of segregated fit: random programs on a heap and on a list of what is live at once.
//!
//! The engine may place a block anywhere. What must hold is that no block overlaps another, that sizes are exact to the byte and
//! contents kept, that every address that is not a live block's start is refused with the right code, and that chains and
//! statistics add up. `verify()` runs after every step, unless `MEMS_VERIFY_EVERY` says that it is to run after every so many:
//! `npm run test:long` runs millions of steps of a release build, in which it would take nearly all of the time.

mod program;

use mems::heap::{FIRST_ADDRESS, MAX_SIZE, PolicyKind, UNIT};
use mems::{Mems, Options};
use program::{Op, code};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A live block: its size, the byte it is filled with, and its alignment.
#[derive(Debug, Clone, Copy)]
struct Block {
    size: u64,
    fill: u8,
    alignment: u64,
}

/// The live blocks by address, which must be those of a heap.
struct Shadow {
    mems: Mems,
    live: BTreeMap<u64, Block>,
}

impl Shadow {
    fn bytes<'a>(&self, start: u64, size: u64) -> &'a mut [u8] {
        let first = self.mems.get(start).expect("the block is live");
        assert_eq!(self.mems.get(start + size - 1).unwrap(), first + size - 1, "a block is physically contiguous");
        // SAFETY: `get` has returned the block's first and last byte, so these bytes are mapped and the block's own; the test is
        // the heap's only user, and no other slice exists while this one is in use.
        unsafe { std::slice::from_raw_parts_mut(first as *mut u8, usize::try_from(size).unwrap()) }
    }

    fn add(&mut self, start: u64, block: Block) {
        assert!((start - FIRST_ADDRESS).is_multiple_of(UNIT), "{start} is not aligned");
        assert!(self.mems.get(start).unwrap().is_multiple_of(block.alignment), "{start} is not aligned as asked");
        let before = self.live.range(..start).next_back().map_or(0, |(start, block)| start + block.size);
        let after = self.live.range(start..).next().map_or(u64::MAX, |next| *next.0);
        assert!(before <= start && start + block.size <= after, "the block at {start} overlaps another");
        let found = self.mems.block_at(start + block.size - 1).unwrap();
        assert_eq!((found.start, found.size), (start, block.size));
        assert!(found.usable >= block.size && start + found.usable <= after);
        self.bytes(start, block.size).fill(block.fill);
        self.live.insert(start, block);
    }

    fn check(&self, start: u64, size: u64, fill: u8) {
        assert!(
            self.bytes(start, size).iter().all(|&byte| byte == fill),
            "a byte of the block at {start} was overwritten"
        );
    }

    /// A live block by position, modulo their number.
    fn pick(&self, pick: usize) -> Option<(u64, Block)> {
        let at = pick.checked_rem(self.live.len())?;
        self.live.iter().nth(at).map(|(&start, &block)| (start, block))
    }

    fn free(&mut self, start: u64) {
        let block = self.live.remove(&start).expect("it is live");
        self.check(start, block.size, block.fill);
        self.mems.free(start).unwrap();
        assert!(matches!(code(self.mems.free(start)), Err("ERR_MEMS_NOT_ALLOCATED" | "ERR_MEMS_OUT_OF_RANGE")));
    }

    /// The code with which an address is refused that is no live block's start.
    fn refusal(&self, address: u64) -> &'static str {
        if address < FIRST_ADDRESS || address >= self.mems.end() {
            return "ERR_MEMS_OUT_OF_RANGE";
        }
        match self.mems.block_at(address) {
            Ok(block) => {
                assert!(self.live.contains_key(&block.start));
                "ERR_MEMS_NOT_BLOCK_START"
            }
            Err(_) => "ERR_MEMS_NOT_ALLOCATED",
        }
    }

    fn step(&mut self, step: usize, op: &Op) {
        let fill = u8::try_from(step % 255 + 1).unwrap();
        match *op {
            Op::Malloc(size) if size == 0 || size > MAX_SIZE => {
                assert_eq!(code(self.mems.malloc(size)), Err("ERR_MEMS_INVALID_SIZE"));
            }
            Op::Malloc(size) => {
                let start = self.mems.malloc(size).unwrap();
                self.add(start, Block { size, fill, alignment: 1 });
            }
            Op::MallocAligned(size, power) => {
                let start = self.mems.malloc_aligned(size, 1 << power).unwrap();
                self.add(start, Block { size, fill, alignment: 1 << power });
            }
            Op::Calloc(count, size) => {
                let start = self.mems.calloc(count, size).unwrap();
                self.check(start, count * size, 0);
                self.add(start, Block { size: count * size, fill, alignment: 1 });
            }
            Op::Realloc(pick, size, power) => {
                let Some((start, block)) = self.pick(pick) else { return };
                let alignment = power.map(|power| 1 << power);
                let moved = self.mems.realloc_aligned(start, size, alignment).unwrap();
                self.live.remove(&start);
                self.check(moved, size.min(block.size), block.fill);
                self.add(moved, Block { size, fill, alignment: alignment.unwrap_or(block.alignment) });
            }
            Op::Free(pick) => {
                if let Some((start, _)) = self.pick(pick) {
                    self.free(start);
                }
            }
            Op::FreeOldest | Op::FreeNewest => {
                let found =
                    if matches!(op, Op::FreeOldest) { self.live.keys().next() } else { self.live.keys().next_back() };
                if let Some(&start) = found {
                    self.free(start);
                }
            }
            Op::FreeInside(pick, offset) => {
                if let Some((start, block)) = self.pick(pick).filter(|found| found.1.size > 1) {
                    let inside = start + 1 + offset % (block.size - 1);
                    assert_eq!(code(self.mems.free(inside)), Err("ERR_MEMS_NOT_BLOCK_START"));
                }
            }
            Op::Wild(address) => {
                if !self.live.contains_key(&address) {
                    assert_eq!(code(self.mems.free(address)), Err(self.refusal(address)), "free({address})");
                }
            }
            Op::Refused(ref sizes) => {
                let sizes: Vec<_> = sizes.iter().copied().chain([MAX_SIZE]).collect();
                let refused = self.mems.malloc_many(&sizes, &mut vec![0; sizes.len()]);
                assert_eq!(code(refused), Err("ERR_MEMS_OUT_OF_MEMORY"));
            }
            Op::Trim => drop(self.mems.trim()),
            Op::Get(pick, offset) => {
                if let Some((start, block)) = self.pick(pick) {
                    let offset = offset % block.size;
                    assert_eq!(self.mems.get(start + offset).unwrap(), self.mems.get(start).unwrap() + offset);
                }
            }
        }
    }

    /// The statistics, which must be those of a walk through the chains.
    fn check_stats(&mut self) {
        let stats = self.mems.stats();
        let lines = self.mems.lines().unwrap();
        let holes: Vec<_> = lines.iter().flat_map(|line| line.split(" <-> ")).filter_map(hole).collect();
        assert_eq!(stats.requested, self.live.values().map(|block| block.size).sum::<u64>());
        assert_eq!(stats.live_blocks, self.live.len() as u64);
        assert_eq!(stats.live + stats.hole_bytes, stats.mapped);
        assert_eq!((stats.holes, stats.hole_bytes), (holes.len() as u64, holes.iter().sum()));
        assert_eq!(stats.largest_hole, holes.iter().copied().max().unwrap_or(0));
        assert!(stats.peak_largest_hole >= stats.largest_hole && stats.peak_metadata >= stats.metadata);
        assert_eq!(stats.mallocs - stats.frees, stats.live_blocks);
    }
}

/// The size of a hole as printStats shows it.
fn hole(segment: &str) -> Option<u64> {
    let (_, addresses) = segment.split_once("<H>[SVA:")?;
    let (start, end) = addresses.trim_end_matches(']').split_once(":EVA:")?;
    Some(end.parse::<u64>().ok()? + 1 - start.parse::<u64>().ok()?)
}

/// After how many steps the whole heap is checked; what a step itself touches is checked in each.
static VERIFY_EVERY: LazyLock<usize> =
    LazyLock::new(|| std::env::var("MEMS_VERIFY_EVERY").map_or(1, |text| text.parse().expect("a number")));

/// The steps of all programs so far.
static STEPS: AtomicUsize = AtomicUsize::new(0);

/// Counts the steps of a program, and says each million, which `--nocapture` shows.
fn count(steps: usize) {
    const MILLION: usize = 1_000_000;
    let before = STEPS.fetch_add(steps, Relaxed);
    if before / MILLION != (before + steps) / MILLION {
        println!("{} million operations", (before + steps) / MILLION);
    }
}

fn run(mems: Mems, program: &[Op]) {
    let mut shadow = Shadow { mems, live: BTreeMap::new() };
    for (step, op) in program.iter().enumerate() {
        shadow.step(step, op);
        if (step + 1).is_multiple_of(*VERIFY_EVERY) {
            shadow.mems.verify().unwrap_or_else(|error| panic!("{error} after step {step}, {op:?}"));
            shadow.check_stats();
        }
    }
    count(program.len());
    while let Some((start, _)) = shadow.pick(0) {
        shadow.free(start);
    }
    shadow.mems.verify().unwrap();
    shadow.check_stats();
    shadow.mems.finish();
}

/// Sizes of every kind: of the small classes, of the larger ones, of about whole pages, of many pages.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1..=64_u64,
        4 => 1..=4096_u64,
        2 => 1..=40_000_u64,
        1 => (1..=8_u64, -2..=2_i64).prop_map(|(pages, more)| (pages * 4096).saturating_add_signed(more)),
        1 => 1..=300_000_u64,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => size().prop_map(Op::Malloc),
        // Many of one size, so that spans fill and grow.
        6 => prop_oneof![Just(24), Just(100), Just(3000)].prop_map(Op::Malloc),
        8 => any::<usize>().prop_map(Op::Free),
        2 => (any::<usize>(), size()).prop_map(|(pick, size)| Op::Realloc(pick, size, None)),
        1 => (any::<usize>(), size(), 0..=16_u32).prop_map(|(pick, size, power)| Op::Realloc(pick, size, Some(power))),
        1 => (size(), 0..=21_u32).prop_map(|(size, power)| Op::MallocAligned(size, power)),
        1 => (1..=100_u64, 1..=100_u64).prop_map(|(count, size)| Op::Calloc(count, size)),
        1 => Just(Op::Trim),
        1 => prop::collection::vec(size(), 1..4).prop_map(Op::Refused),
        1 => Just(Op::FreeOldest),
        1 => Just(Op::FreeNewest),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(pick, offset)| Op::FreeInside(pick, offset)),
        2 => prop_oneof![0..2_000_000_u64, any::<u64>()].prop_map(Op::Wild),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(pick, offset)| Op::Get(pick, offset)),
    ]
}

fn options() -> Options {
    Options::default().with_policy(PolicyKind::Segregated)
}

proptest! {
    #[test]
    fn no_program_confuses_it(
        program in prop::collection::vec(op(), 1..300),
        least in prop_oneof![Just(1), Just(65_536), 1..300_000_u64],
        (grow, trim) in any::<(bool, bool)>(),
    ) {
        let options = options().with_min_block_size(least).unwrap().with_growing_blocks(grow).with_trim(trim);
        run(Mems::new(options.checked().unwrap()), &program);
    }

    /// With regions this small runs of pages end at every turn.
    #[test]
    fn nor_with_many_regions(program in prop::collection::vec(op(), 1..200)) {
        run(Mems::with_reservation(options(), 1), &program);
    }
}
