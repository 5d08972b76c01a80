//! Time per call of malloc and free, measured by Criterion, which keeps the results in the folder that `CRITERION_HOME` names.
//! `npm run bench` makes tables of them.
//!
//! `MEMS_BENCH=quick` measures a part in a short time.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use mems_bench::clock::processor_time;
use mems_bench::contenders::{Allocator, Libc, Mems, Mimalloc, OffsetAllocator, Rlsf, Segregated, Talc};
use mems_bench::workload::{Churn, ChurnPlan, Trace, churns, is_quick, read, traces};
use std::time::Duration;

fn trace<A: Allocator>(group: &mut BenchmarkGroup<WallTime>, trace: &Trace) {
    // One allocator for all replays: libc and mimalloc keep their memory from one to the next, and so may the others.
    let mut allocator = None;
    group.bench_function(BenchmarkId::new(A::NAME, trace.name), |bencher| {
        let allocator = allocator.get_or_insert_with(A::new);
        bencher.iter_custom(|rounds| (0..rounds).map(|_| trace.replay(allocator, |_, _, _| ())).sum::<Duration>());
    });
}

fn churn<A: Allocator>(group: &mut BenchmarkGroup<WallTime>, plan: ChurnPlan) {
    // Steps in one iteration: long enough for the clock.
    const STEPS: u64 = 1000;
    let mut state = None;
    group.throughput(Throughput::Elements(2 * STEPS));
    group.bench_function(BenchmarkId::new(A::NAME, plan.name), |bencher| {
        let churn = state.get_or_insert_with(|| Churn::<A>::new(plan.live, plan.sizes));
        bencher.iter_custom(|rounds| {
            let begun = processor_time();
            churn.run(rounds * STEPS);
            processor_time() - begun
        });
    });
}

macro_rules! all {
    ($function:ident($($argument:expr),*)) => {
        $function::<Libc>($($argument),*);
        $function::<Mems>($($argument),*);
        $function::<Mems<Segregated>>($($argument),*);
        $function::<Mimalloc>($($argument),*);
        $function::<Rlsf>($($argument),*);
        $function::<Talc>($($argument),*);
        $function::<OffsetAllocator>($($argument),*);
    };
}

pub fn run() {
    // What Criterion computes after each, by default of 100,000 resamplings, takes a second: as long as the rest of a quick run.
    let (samples, time, resamples) = if is_quick() { (10, 150, 1000) } else { (15, 1500, 100_000) };
    let mut criterion = Criterion::default()
        .sample_size(samples)
        .nresamples(resamples)
        .warm_up_time(Duration::from_millis(time / 3))
        .measurement_time(Duration::from_millis(time))
        .without_plots();

    let mut group = criterion.benchmark_group("trace");
    for name in traces() {
        let recorded = read(name).expect("the traces are in bench/traces");
        group.throughput(Throughput::Elements(recorded.calls()));
        all!(trace(&mut group, &recorded));
    }
    group.finish();

    let mut group = criterion.benchmark_group("churn");
    for plan in churns() {
        all!(churn(&mut group, plan));
    }
    group.finish();
    criterion.final_summary();
}
