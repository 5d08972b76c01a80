//! Time per call of each recorded trace replayed once, in a process of its own, as the program that was recorded ran: one
//! line of JSON for each trace and allocator, `{ trace, name, ns, spread }`, medians over some rounds.
//!
//! Criterion measures the same replay again and again: by then the processor has seen it all before, and the allocators have
//! the memory.
//!
//! `MEMS_BENCH=quick` takes two traces and few rounds.

use mems_bench::contenders::{Allocator, Libc, Mems, Mimalloc, OffsetAllocator, Rlsf, Segregated, Talc};
use mems_bench::workload::{TRACES, Trace, is_quick, read, traces};
use std::process::Command;
use std::time::Duration;

type Replay = fn(&Trace) -> Duration;

/// The allocators that replay, by name.
const CONTENDERS: [(&str, Replay); 7] = [
    contender::<Libc>(),
    contender::<Mems>(),
    contender::<Mems<Segregated>>(),
    contender::<Mimalloc>(),
    contender::<Rlsf>(),
    contender::<Talc>(),
    contender::<OffsetAllocator>(),
];

const fn contender<A: Allocator>() -> (&'static str, Replay) {
    (A::NAME, |trace| trace.replay(&mut A::new(), |_, _, _| ()))
}

/// The process of one replay: prints nanoseconds a call.
fn child(name: &str, trace: &str) {
    let (_, replay) = CONTENDERS.into_iter().find(|contender| contender.0 == name).expect("a contender");
    let trace = TRACES.into_iter().find(|known| *known == trace).expect("a trace");
    let trace = read(trace).expect("the traces are in bench/traces");
    #[allow(clippy::cast_precision_loss, reason = "some millions")]
    let calls = trace.calls() as f64;
    println!("{}", replay(&trace).as_secs_f64() * 1e9 / calls);
}

/// Replays in a process of its own and returns nanoseconds a call.
fn measure(name: &str, trace: &str) -> f64 {
    let own = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(own).args(["once", name, trace]).output().expect("the process starts");
    assert!(output.status.success(), "{name} on {trace}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("figures are text");
    text.trim().parse().expect("a number")
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

pub fn run(arguments: &[String]) {
    if let [name, trace] = arguments {
        return child(name, trace);
    }
    let rounds = if is_quick() { 3 } else { 9 };
    for trace in traces() {
        // In turns, so that a change of the machine's speed affects all of them.
        let measured: Vec<_> = (0..rounds).map(|_| CONTENDERS.map(|(name, _)| measure(name, trace))).collect();
        for (at, (name, _)) in CONTENDERS.iter().enumerate() {
            let own = || measured.iter().map(|round| round[at]);
            let ns = median(own());
            let spread = median(own().map(|value| (value - ns).abs()));
            println!(r#"{{"trace": "{trace}", "name": "{name}", "ns": {ns:.2}, "spread": {spread:.2}}}"#);
        }
    }
}
