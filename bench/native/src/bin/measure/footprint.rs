//! How much memory the recorded traces take with each allocator, one line of JSON for each trace and allocator.
//!
//! Each replay has a process of its own, which writes every byte of every block it gets. What it needs for the replay
//! itself is in two vectors that are resident before the allocator is made and stay until the end, so that what the
//! process gains from that moment on is due to the allocator: blocks, what is lost between them, and its bookkeeping.
//!
//! Only anonymous pages are counted: code that is paged in as it first runs is no memory that was allocated. They are read
//! from `/proc/self/statm` after every block of a page or more and every [`PERIOD`] operations, so that fewer than that many
//! small blocks can be missed. (`VmHWM` would need no reading in between, but Linux advances it from counters that lag by
//! up to 128 KiB a processor, much for the smaller traces. Linux before 6.16 reads `statm` from such counters too.)
//! Without `/proc` residence is null.
//!
//! `MEMS_BENCH=quick` takes two traces.

use mems_bench::contenders::{Allocator, Libc, Mems, Mimalloc, OffsetAllocator, Rlsf, Segregated, Talc, Tidy};
use mems_bench::workload::{Op, Trace, read, traces};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Most operations between two looks at the process, and at the allocator's own statistics.
const PERIOD: usize = 16;

/// A block as large as this is looked at by itself.
const PAGE: usize = 4096;

type Replay = fn(&[u8], usize) -> Footprint;

/// An allocator that replays, by name, and an environment variable for its process.
struct Contender {
    name: &'static str,
    replay: Replay,
    setting: Option<(&'static str, &'static str)>,
}

const CONTENDERS: [Contender; 9] = [
    contender::<Mems>(),
    contender::<Mems<Tidy>>(),
    contender::<Mems<Segregated>>(),
    contender::<Libc>(),
    contender::<Mimalloc>(),
    // mimalloc asks for huge pages, in which one byte in use makes 2 MiB resident.
    Contender {
        name: "mimalloc, no huge pages",
        setting: Some(("MIMALLOC_ALLOW_THP", "0")),
        ..contender::<Mimalloc>()
    },
    contender::<Rlsf>(),
    contender::<Talc>(),
    contender::<OffsetAllocator>(),
];

const fn contender<A: Allocator>() -> Contender {
    Contender { name: A::NAME, replay: replay::<A>, setting: None }
}

/// What a replay took, in bytes; `None` where that cannot be known.
#[derive(Default)]
struct Footprint {
    /// The most that was resident at once, above the state before the allocator was made.
    resident: Option<u64>,
    /// The most that main blocks had.
    mapped: Option<u64>,
    /// The most that bookkeeping had allocated.
    metadata: Option<u64>,
    /// The highest end of a block in the allocator's range.
    reach: Option<u64>,
}

/// The anonymous resident pages of this process.
pub struct Residence {
    statm: Option<File>,
}

impl Residence {
    pub fn open() -> Self {
        Self { statm: File::open("/proc/self/statm").ok() }
    }

    /// Bytes resident now. Allocates nothing.
    pub fn bytes(&mut self) -> Option<u64> {
        let file = self.statm.as_mut()?;
        let mut text = [0; 128];
        file.rewind().ok()?;
        let length = file.read(&mut text).ok()?;
        let mut pages =
            str::from_utf8(&text[..length]).ok()?.split(' ').skip(1).map_while(|word| word.parse::<u64>().ok());
        let (resident, shared) = (pages.next()?, pages.next()?);
        Some((resident - shared) * mems::memory::page_bytes() as u64)
    }
}

/// Replays operations (as [`write_ops`] writes them) on an allocator, and leaves what the trace leaves.
fn replay<A: Allocator>(ops: &[u8], slots: usize) -> Footprint {
    let mut residence = Residence::open();
    let mut live = Vec::with_capacity(slots);
    // One by one, as a vector of zeros may be pages that nothing has touched.
    live.extend((0..slots).map(|_| black_box(None::<(A::Block, usize)>)));
    let before = residence.bytes();
    let mut footprint = Footprint { resident: before.map(|_| 0), ..Footprint::default() };
    let mut allocator = A::new();
    for (at, op) in ops.chunks_exact(8).enumerate() {
        let number = |from: usize| u32::from_ne_bytes(op[from..from + 4].try_into().expect("four bytes")) as usize;
        let (slot, size) = (number(0), number(4));
        let new = (size > 0).then(|| (allocator.malloc(size), size));
        if let Some((block, size)) = new {
            if let Some(bytes) = allocator.address(block) {
                // SAFETY: the allocator handed out these bytes, and nobody else has them.
                unsafe { bytes.write_bytes(0xa5, size) };
            }
            let reach = allocator.offset(block).map(|start| start + size as u64);
            footprint.reach = footprint.reach.max(reach);
        }
        // Before the old block of a realloc is freed: for a moment there are both.
        if size >= PAGE || at % PERIOD == 0 {
            footprint.see(before, residence.bytes());
            footprint.ask(&mut allocator);
        }
        if let Some((block, size)) = std::mem::replace(&mut live[slot], new) {
            allocator.free(block, size);
        }
    }
    footprint.ask(&mut allocator);
    footprint
}

impl Footprint {
    fn see(&mut self, before: Option<u64>, now: Option<u64>) {
        if let (Some(before), Some(now)) = (before, now) {
            self.resident = self.resident.max(Some(now.saturating_sub(before)));
        }
    }

    fn ask<A: Allocator>(&mut self, allocator: &mut A) {
        if let Some(stats) = allocator.stats() {
            self.mapped = self.mapped.max(Some(stats.mapped));
            self.metadata = self.metadata.max(Some(stats.metadata));
        }
    }
}

/// Writes a trace as pairs of slot and size, which a replay reads without parsing; size 0 is a free.
fn write_ops(trace: &Trace, path: &Path) -> std::io::Result<()> {
    let pairs = trace.ops.iter().map(|&op| match op {
        Op::Malloc(slot, size) | Op::Realloc(slot, size) => [slot, size],
        Op::Free(slot) => [slot, 0],
    });
    let bytes: Vec<u8> = pairs.flatten().flat_map(u32::to_ne_bytes).collect();
    File::create(path)?.write_all(&bytes)
}

/// The process of one replay: prints its figures as the inside of a JSON object.
fn child(name: &str, ops: &Path, slots: &str) {
    let contender = CONTENDERS.into_iter().find(|contender| contender.name == name).expect("a contender");
    let ops = std::fs::read(ops).expect("the parent wrote the operations");
    let footprint = (contender.replay)(&ops, slots.parse().expect("a number of slots"));
    let json = |bytes: Option<u64>| bytes.map_or("null".to_owned(), |bytes| bytes.to_string());
    println!(
        r#""resident": {}, "mapped": {}, "metadata": {}, "reach": {}"#,
        json(footprint.resident.filter(|_| name != OffsetAllocator::NAME)),
        json(footprint.mapped),
        json(footprint.metadata),
        json(footprint.reach)
    );
}

/// Replays a trace on a contender in a process of its own and returns what that prints.
fn measure(contender: &Contender, trace: &Trace, ops: &Path) -> String {
    let name = contender.name;
    let own = std::env::current_exe().expect("a program knows where it is");
    let slots = trace.slots.to_string();
    let mut command = Command::new(own);
    command.args(["footprint", name, &slots]).arg(ops).envs(contender.setting);
    let output = command.output().expect("the process starts");
    assert!(output.status.success(), "{name} on {}: {}", trace.name, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("figures are text")
}

pub fn run(arguments: &[String]) {
    if let [name, slots, ops] = arguments {
        return child(name, Path::new(ops), slots);
    }
    let ops = PathBuf::from(format!("{}.ops", std::env::current_exe().expect("a program knows where it is").display()));
    for name in traces() {
        let trace = read(name).expect("the traces are in bench/traces");
        write_ops(&trace, &ops).expect("the folder of the program is writable");
        let live = trace.peak_live();
        for contender in &CONTENDERS {
            let figures = measure(contender, &trace, &ops);
            println!(r#"{{"trace": "{name}", "name": "{}", "live": {live}, {}}}"#, contender.name, figures.trim());
        }
    }
    std::fs::remove_file(&ops).expect("the file was made above");
}
