//! Coverage-guided programs against the shadow allocator of the property tests. Run: `npm run fuzz`.

#![no_main]

#[path = "../../rust/program.rs"]
mod program;

use libfuzzer_sys::fuzz_target;
use mems::Mems;
use mems::Options;
use mems::heap::UNIT;
use program::{Op, run};

/// Four bytes an operation: what, and a number that picks a block, an offset or a size.
fn decode(bytes: [u8; 4]) -> Op {
    let [what, rest @ ..] = bytes;
    let number = u64::from(u32::from_le_bytes([rest[0], rest[1], rest[2], 0]));
    let pick = usize::from(rest[0]);
    match what % 15 {
        0..=2 => Op::Malloc(number % 64),
        3 | 4 => Op::Malloc(number % 5000),
        5 => Op::Malloc(number % 200_000),
        6 | 7 => Op::Free(pick),
        8 => if pick % 2 == 0 { Op::FreeOldest } else { Op::FreeNewest },
        9 if pick == 0 => Op::Trim,
        9 => Op::FreeInside(pick, number),
        10 => Op::Wild(number),
        11 => Op::MallocAligned(number % 5000 + 1, u32::from(rest[2] % 22)),
        12 | 13 => Op::Realloc(pick, u64::from(u16::from_le_bytes([rest[1], rest[2]]) % 5000) + 1, None),
        _ => Op::Get(pick, number),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[regions, least, flags], program)) = data.split_first_chunk() else { return };
    // Each operation compares the whole heap: longer programs only get slower.
    let program: Vec<Op> = program.as_chunks().0.iter().take(200).copied().map(decode).collect();
    let options = Options::default().with_min_block_size(u64::from(least) * 300 + 1).expect("a size");
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let options = options.with_growing_blocks(flag(0)).with_trim(flag(1));
    // Blocks join within a region only, which the shadow knows nothing of.
    let joins = flag(2) && regions == 0;
    let unit = if flag(3) { UNIT } else { 1 };
    let options = options.with_join_empty_blocks(joins).with_alignment(unit).expect("an alignment");
    let mut mems = Mems::with_reservation(options, usize::from(regions) << 14);
    run(&mut mems, &program);
    mems.finish();
});
