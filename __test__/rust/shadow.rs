//! Property test: random programs give the same addresses, text, statistics and errors as a naive shadow allocator.
//!
//! proptest prints the shortest failing program and keeps its seed in `shadow.proptest-regressions`, to be run first the
//! next time. `PROPTEST_CASES` sets the number of programs (256).

mod program;

use mems::Mems;
use mems::Options;
use mems::heap::{PAGE, PolicyKind, UNIT};
use program::{Op, run};
use proptest::prelude::*;

/// Sizes of every kind: tiny, below a page, about whole pages, many pages.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1..=64_u64,
        4 => 1..=PAGE,
        1 => (1..=8_u64, -2..=2_i64).prop_map(|(pages, more)| (pages * PAGE).saturating_add_signed(more)),
        1 => 1..=20 * PAGE,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => size().prop_map(Op::Malloc),
        6 => any::<usize>().prop_map(Op::Free),
        2 => (any::<usize>(), size()).prop_map(|(pick, size)| Op::Realloc(pick, size, None)),
        1 => (any::<usize>(), size(), 0..=12_u32).prop_map(|(pick, size, power)| Op::Realloc(pick, size, Some(power))),
        1 => (size(), prop_oneof![6 => 0..=12_u32, 1 => 13..=21_u32]).prop_map(|(size, power)| Op::MallocAligned(size, power)),
        1 => (1..=100_u64, 1..=100_u64).prop_map(|(count, size)| Op::Calloc(count, size)),
        1 => Just(Op::Trim),
        1 => prop::collection::vec(size(), 1..4).prop_map(Op::Refused),
        1 => Just(Op::FreeOldest),
        1 => Just(Op::FreeNewest),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(pick, offset)| Op::FreeInside(pick, offset)),
        1 => prop_oneof![0..200_000_u64, any::<u64>()].prop_map(Op::Wild),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(pick, offset)| Op::Get(pick, offset)),
        1 => prop_oneof![Just(0), Just(1 << 53), Just(u64::MAX)].prop_map(Op::Malloc),
    ]
}

/// The largest power of two that blocks are aligned to.
fn limit_alignments(program: &mut [Op], most: u32) {
    for op in program {
        if let Op::MallocAligned(_, power) | Op::Realloc(_, _, Some(power)) = op {
            *power = (*power).min(most);
        }
    }
}

/// Runs a program with a policy and some options: addresses, chains and counters are those of the policy's linear model.
fn run_policy(policy: PolicyKind, mut program: Vec<Op>, least: u64, flags: [bool; 4]) {
    let [aligned, grow, join, trim] = flags;
    let options = Options::default().with_min_block_size(least).unwrap().with_growing_blocks(grow).with_trim(trim);
    let options = options.with_alignment(if aligned { UNIT } else { 1 }).unwrap().with_policy(policy);
    let is_buddy = policy == PolicyKind::Buddy;
    if is_buddy {
        limit_alignments(&mut program, 12);
    }
    let mut mems = Mems::new(options.with_join_empty_blocks(join && !is_buddy).checked().unwrap());
    run(&mut mems, &program);
    mems.finish();
}

/// A property test for each policy of the table: a new one fails to compile in `choose`, and is missed by the last test here.
macro_rules! policies {
    ($($test:ident $policy:ident;)+) => {
        proptest! {
            $(
                #[test]
                fn $test(
                    program in prop::collection::vec(op(), 1..300),
                    least in prop_oneof![4 => Just(1), 1 => 1..300_000_u64],
                    flags in any::<[bool; 4]>(),
                ) {
                    run_policy(PolicyKind::$policy, program, least, flags);
                }
            )+
        }

        #[test]
        fn every_policy_has_a_model() {
            // Segregated fit has a test of its own.
            assert_eq!(PolicyKind::ALL, [$(PolicyKind::$policy,)+ PolicyKind::Segregated]);
        }
    };
}

policies! {
    first_fit_is_its_model FirstFit;
    next_fit_is_its_model NextFit;
    best_fit_is_its_model BestFit;
    worst_fit_is_its_model WorstFit;
    buddy_is_its_model Buddy;
}

proptest! {
    #[test]
    fn a_program_runs_as_on_the_shadow(program in prop::collection::vec(op(), 1..300)) {
        let mut mems = Mems::new(Options::default());
        run(&mut mems, &program);
        mems.finish();
    }

    /// With regions this small nearly every main block begins a new one: nothing but physical addresses may change.
    #[test]
    fn many_regions_change_no_virtual_address(program in prop::collection::vec(op(), 1..200)) {
        let mut mems = Mems::with_reservation(Options::default(), 1);
        run(&mut mems, &program);
        mems.finish();
    }

    #[test]
    fn so_it_does_with_larger_main_blocks(
        program in prop::collection::vec(op(), 1..200),
        least in 1..300_000_u64,
    ) {
        let mut mems = Mems::new(Options::default().with_min_block_size(least).unwrap());
        run(&mut mems, &program);
        mems.finish();
    }

    #[test]
    fn so_it_does_with_empty_blocks_joined(
        program in prop::collection::vec(op(), 1..300),
        least in prop_oneof![Just(1), 1..300_000_u64],
    ) {
        let options = Options::default().with_min_block_size(least).unwrap().with_join_empty_blocks(true);
        let mut mems = Mems::new(options);
        run(&mut mems, &program);
        mems.finish();
    }

    /// The options that a practitioner wants, and those in between.
    #[test]
    fn so_it_does_with_rounded_sizes_and_growing_blocks(
        program in prop::collection::vec(op(), 1..300),
        unit in prop_oneof![Just(1), Just(UNIT)],
        (grow, join, trim) in any::<(bool, bool, bool)>(),
    ) {
        let options = Options::default().with_alignment(unit).unwrap().with_growing_blocks(grow);
        let mut mems = Mems::new(options.with_join_empty_blocks(join).with_trim(trim));
        run(&mut mems, &program);
        mems.finish();
    }

    /// Large blocks, so that pages are given back now and then: no address and no byte of a live block may change.
    #[test]
    fn giving_pages_back_changes_nothing_else(
        program in prop::collection::vec(op(), 1..300),
        large in prop::collection::vec(1..600 * PAGE, 1..20),
        join in any::<bool>(),
    ) {
        let mut mems = Mems::new(Options::default().with_trim(true).with_join_empty_blocks(join));
        let mut mixed: Vec<_> = large.into_iter().flat_map(|size| [Op::Malloc(size), Op::FreeOldest]).collect();
        mixed.extend(program);
        run(&mut mems, &mixed);
        mems.finish();
    }
}
