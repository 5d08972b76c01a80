//! A fixed workload whose instructions are counted: `instructions TRACE [REPLAYS]` replays a trace on MeMS, once by default.
//! With 0 it only reads the trace; the difference is what the heap takes.

use mems_bench::contenders::{Allocator, Mems};
use mems_bench::workload::{TRACES, read};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(&name) = TRACES.iter().find(|&&trace| trace == name) else {
        eprintln!("usage: instructions {} [REPLAYS]", TRACES.join("|"));
        std::process::exit(2);
    };
    let replays = arguments.next().map_or(1, |number| number.parse().expect("a number of replays"));
    let trace = read(name).expect("the traces are in bench/traces");
    for _ in 0..replays {
        trace.replay(&mut <Mems>::new(), |_, _, _| ());
    }
    println!("{}", trace.calls());
}
