//! The workloads: recorded traces and random churn.

use crate::clock::processor_time;
use crate::contenders::Allocator;
pub use crate::quick::is_quick;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// One operation on a slot.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    Malloc(u32, u32),
    Realloc(u32, u32),
    Free(u32),
}

/// A recorded trace; the format is described in `bench/traces/README.md`.
#[derive(Debug)]
pub struct Trace {
    pub name: &'static str,
    pub slots: usize,
    pub ops: Vec<Op>,
}

/// The traces of `bench/traces`.
pub const TRACES: [&str; 6] = ["gcc-cc1", "git-log", "node", "python-default", "redis", "sqlite3"];

/// The traces that a quick run replays.
pub const QUICK_TRACES: [&str; 2] = ["gcc-cc1", "sqlite3"];

/// The traces of this run.
pub fn traces() -> impl Iterator<Item = &'static str> {
    TRACES.into_iter().filter(|name| !is_quick() || QUICK_TRACES.contains(name))
}

/// Reads a trace.
///
/// # Errors
/// The error of reading the file, or `InvalidData`.
pub fn read(name: &'static str) -> io::Result<Trace> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../traces/{name}.rep.gz"));
    let mut text = String::new();
    GzDecoder::new(File::open(file)?).read_to_string(&mut text)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a trace");
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u32>().ok()).ok_or_else(invalid);
    let mut lines = text.lines();
    let slots = number(lines.nth(1))? as usize;
    let mut ops = Vec::with_capacity(number(lines.next())? as usize);
    for line in lines.skip(1) {
        let mut words = line.split(' ');
        let kind = words.next();
        let slot = number(words.next())?;
        ops.push(match kind {
            Some("a") => Op::Malloc(slot, number(words.next())?.max(1)),
            Some("r") => Op::Realloc(slot, number(words.next())?.max(1)),
            Some("f") => Op::Free(slot),
            _ => return Err(invalid()),
        });
    }
    Ok(Trace { name, slots, ops })
}

impl Trace {
    /// Calls of malloc and free that a replay makes; a realloc is one of each.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ops.iter().map(|op| if matches!(op, Op::Realloc(..)) { 2 } else { 1 }).sum()
    }

    /// Replays the trace with an allocator, and frees what the trace has left. Returns the time of the replay alone. `touch` is called with
    /// every new block.
    pub fn replay<A: Allocator>(&self, allocator: &mut A, mut touch: impl FnMut(&A, A::Block, usize)) -> Duration {
        let mut live: Vec<Option<(A::Block, usize)>> = vec![None; self.slots];
        let begun = processor_time();
        for &op in &self.ops {
            match op {
                Op::Malloc(slot, size) | Op::Realloc(slot, size) => {
                    let block = allocator.malloc(size as usize);
                    touch(allocator, block, size as usize);
                    if let Some((old, size)) = live[slot as usize].replace((block, size as usize)) {
                        allocator.free(old, size);
                    }
                }
                Op::Free(slot) => {
                    let (block, size) = live[slot as usize].take().expect("a trace frees what is live");
                    allocator.free(block, size);
                }
            }
        }
        let spent = processor_time() - begun;
        for (block, size) in live.into_iter().flatten() {
            allocator.free(block, size);
        }
        spent
    }

    /// The most bytes that are live at once.
    #[must_use]
    pub fn peak_live(&self) -> u64 {
        let mut sizes = vec![0_u64; self.slots];
        let (mut live, mut peak) = (0, 0);
        for &op in &self.ops {
            let (slot, size) = match op {
                Op::Malloc(slot, size) | Op::Realloc(slot, size) => (slot, size),
                Op::Free(slot) => (slot, 0),
            };
            let old = std::mem::replace(&mut sizes[slot as usize], u64::from(size));
            live = live + u64::from(size) - old;
            peak = peak.max(live);
        }
        peak
    }
}

/// How large the blocks of a churn are.
#[derive(Debug, Clone, Copy)]
pub enum Sizes {
    /// 24 bytes.
    Tiny,
    /// Uniform from 16 to 272 bytes.
    Small,
    /// Heavy-tailed: most are tiny, some reach 64 KiB.
    HeavyTail,
}

/// A churn to measure.
#[derive(Debug, Clone, Copy)]
pub struct ChurnPlan {
    pub name: &'static str,
    pub sizes: Sizes,
    /// Live blocks.
    pub live: usize,
    /// Whether a quick run takes it.
    pub quick: bool,
}

const fn plan(name: &'static str, sizes: Sizes, live: usize, quick: bool) -> ChurnPlan {
    ChurnPlan { name, sizes, live, quick }
}

/// All churns.
const CHURNS: [ChurnPlan; 9] = [
    plan("24 B, 100k live", Sizes::Tiny, 100_000, false),
    plan("16-272 B, 1k live", Sizes::Small, 1_000, true),
    plan("16-272 B, 10k live", Sizes::Small, 10_000, false),
    plan("16-272 B, 100k live", Sizes::Small, 100_000, true),
    plan("16-272 B, 1M live", Sizes::Small, 1_000_000, false),
    plan("16-272 B, 10M live", Sizes::Small, 10_000_000, false),
    plan("heavy tail, 1k live", Sizes::HeavyTail, 1_000, false),
    plan("heavy tail, 100k live", Sizes::HeavyTail, 100_000, false),
    plan("heavy tail, 1M live", Sizes::HeavyTail, 1_000_000, false),
];

/// The churns of this run.
pub fn churns() -> impl Iterator<Item = ChurnPlan> {
    CHURNS.into_iter().filter(|churn| churn.quick || !is_quick())
}

/// A fixed number of live blocks, of which a random one is replaced at each step.
pub struct Churn<A: Allocator> {
    allocator: A,
    live: Vec<(A::Block, usize)>,
    sizes: Sizes,
    state: u64,
}

impl<A: Allocator> Churn<A> {
    /// Allocates `count` blocks and replaces each twice on average, so that measuring begins in a steady state.
    #[must_use]
    pub fn new(count: usize, sizes: Sizes) -> Self {
        let live = Vec::with_capacity(count);
        let mut churn = Self { allocator: A::new(), live, sizes, state: 0x9e37_79b9_7f4a_7c15 };
        for _ in 0..count {
            let size = churn.size();
            let block = churn.allocator.malloc(size);
            churn.live.push((block, size));
        }
        churn.run(2 * count as u64);
        churn
    }

    /// Replaces `steps` blocks: as many calls of free and of malloc.
    pub fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            #[allow(clippy::cast_possible_truncation, reason = "below the number of live blocks")]
            let at = (self.random() % self.live.len() as u64) as usize;
            let (block, size) = self.live[at];
            self.allocator.free(block, size);
            let size = self.size();
            self.live[at] = (self.allocator.malloc(size), size);
        }
    }

    /// The allocator, for its statistics.
    pub fn allocator(&mut self) -> &mut A {
        &mut self.allocator
    }

    /// Xorshift (Marsaglia, 2003): quick enough not to show.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    #[allow(clippy::cast_possible_truncation, reason = "sizes are at most 64 KiB")]
    fn size(&mut self) -> usize {
        let random = self.random();
        match self.sizes {
            Sizes::Tiny => 24,
            Sizes::Small => (16 + random % 257) as usize,
            // 16 bytes doubled as often as a fair coin falls heads, at most 12 times, and a uniform part on top.
            Sizes::HeavyTail => {
                let scale = 16_u64 << (random >> 32).trailing_zeros().min(11);
                (scale + (random & 0xffff) % scale) as usize
            }
        }
    }
}
