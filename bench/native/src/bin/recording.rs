//! What recordings cost, by the traces: nanoseconds a call of a heap that does not record, and of one that does; bytes an operation in
//! the file; and nanoseconds an operation to make columns of it, to compress and write them, and to read it, without the heap. Fails above
//! 2 bytes an operation. Times are processor time of the thread that calls.

use mems::recording::{Encoder, Event, Flags, Reader, Writer};
use mems::{Mems, Options};
use mems_bench::clock::processor_time;
use mems_bench::workload::{Op, TRACES, Trace, read};
use std::time::Duration;

/// Policies, and alignments of heaps: 1 is that of the original.
const HEAPS: [(&str, u64); 3] = [("first-fit", 1), ("first-fit", 16), ("segregated", 16)];
/// The most bytes an operation may take.
const MOST: f64 = 2.0;
const REPEATS: usize = 5;
const FLAGS: Flags = Flags::USUAL;

/// The events of a replay.
fn events(trace: &Trace, policy: &str, alignment: u64) -> Vec<Event<'static>> {
    let mut heap = Mems::new(options(policy, alignment));
    let mut live = vec![None; trace.slots];
    let replay = |&op: &Op| match op {
        Op::Malloc(slot, size) | Op::Realloc(slot, size) => {
            let size = u64::from(size);
            let address = heap.malloc(size).expect("there is memory");
            match live[slot as usize].replace(address) {
                None => Event::Malloc { address, size, alignment },
                Some(from) => {
                    heap.free(from).expect("the block is live");
                    Event::Realloc { from, to: address, size, alignment }
                }
            }
        }
        Op::Free(slot) => {
            let address = live[slot as usize].take().expect("a trace frees what is live");
            heap.free(address).expect("the block is live");
            Event::Free { address }
        }
    };
    trace.ops.iter().map(replay).collect()
}

/// The options of a heap.
fn options(policy: &str, alignment: u64) -> Options {
    let options = Options::default().with_policy(policy.parse().expect("there is such a policy"));
    options.with_alignment(alignment).and_then(Options::checked).expect("the options are right")
}

/// Replays a trace on a heap that is kept. Returns the time of its calls, of which there are as many.
fn replay(trace: &Trace, heap: &mut Mems, live: &mut Vec<Option<u64>>) -> (Duration, u64) {
    live.clear();
    live.resize(trace.slots, None);
    let begun = processor_time();
    for op in &trace.ops {
        match *op {
            Op::Malloc(slot, size) | Op::Realloc(slot, size) => {
                let address = heap.malloc(size.into()).expect("there is memory");
                if let Some(old) = live[slot as usize].replace(address) {
                    heap.free(old).expect("the block is live");
                }
            }
            Op::Free(slot) => heap.free(live[slot as usize].take().expect("it is live")).expect("the block is live"),
        }
    }
    let time = processor_time() - begun;
    live.drain(..).flatten().for_each(|address| heap.free(address).expect("the block is live"));
    (time, trace.calls())
}

/// Nanoseconds a call of a heap that does not record, and of one that does.
fn calls(trace: &Trace, options: Options) -> [f64; 2] {
    let path = std::env::temp_dir().join(format!("mems-bench-{}.mems", std::process::id()));
    let mut heaps = [Mems::new(options), Mems::new(options)];
    heaps[1].start_recording(&path, FLAGS).expect("the file can be written");
    let (mut live, mut least) = (Vec::new(), [f64::INFINITY; 2]);
    for _ in 0..REPEATS {
        for (heap, least) in heaps.iter_mut().zip(&mut least) {
            let (time, calls) = replay(trace, heap, &mut live);
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let ns = time.as_secs_f64() * 1e9 / calls as f64;
            *least = least.min(ns);
        }
    }
    heaps[1].stop_recording().expect("the file is written");
    std::fs::remove_file(&path).expect("the file is there");
    least
}

/// What a recording has cost: bytes, and times.
struct Cost {
    bytes: usize,
    push: Duration,
    write: Duration,
    read: Duration,
}

fn record(events: &[Event]) -> Cost {
    let mut cost = Cost { bytes: 0, push: Duration::ZERO, write: Duration::ZERO, read: Duration::ZERO };
    let mut encoder = Encoder::new(FLAGS).expect("there is memory");
    let mut writer = Writer::new(Vec::new(), FLAGS, "{}").expect("a vector takes all");
    let mut rest = events;
    while !rest.is_empty() {
        let (full, begun) = (encoder_filled(&mut encoder, rest), processor_time());
        encoder.clear();
        // Once more, in the cache as it is when a heap is in use.
        let pushed = encoder_filled(&mut encoder, &rest[..full]);
        cost.push += processor_time() - begun;
        assert_eq!(pushed, full, "a chunk has the same room each time");
        let begun = processor_time();
        writer.chunk(&encoder).expect("a vector takes all");
        cost.write += processor_time() - begun;
        encoder.clear();
        rest = &rest[full..];
    }
    let file = writer.end("{}").expect("a vector takes all");
    cost.bytes = file.len();
    let begun = processor_time();
    let reader = Reader::new(&file, false).expect("the file is whole");
    let mut events = events.iter();
    for part in reader.parts() {
        for entry in part.chunk.columns().expect("the chunk is whole").events() {
            assert_eq!(Some(&entry.expect("the chunk is whole").event), events.next());
        }
    }
    cost.read = processor_time() - begun;
    cost
}

/// Pushes events until the encoder is full. Returns their number.
fn encoder_filled(encoder: &mut Encoder, events: &[Event]) -> usize {
    let mut now = 0;
    let is_full = |&event: &Event| {
        let clock = || {
            now += 3000;
            now
        };
        encoder.push(event, 0, 0, clock).is_err()
    };
    events.iter().position(is_full).unwrap_or(events.len())
}

fn main() {
    println!(
        "{:16}{:12}{:>9}{:>12}{:>9}{:>9}{:>8}{:>13}{:>11}{:>10}",
        "trace",
        "policy",
        "alignment",
        "operations",
        "off, ns",
        "on, ns",
        "bytes",
        "columns, ns",
        "write, ns",
        "read, ns"
    );
    let mut is_small = true;
    for name in TRACES {
        let trace = read(name).expect("the traces are in bench/traces");
        for (policy, alignment) in HEAPS {
            let [off, on] = calls(&trace, options(policy, alignment));
            let events = events(&trace, policy, alignment);
            let costs: Vec<_> = (0..REPEATS).map(|_| record(&events)).collect();
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let count = events.len() as f64;
            let least = |time: fn(&Cost) -> Duration| {
                costs.iter().map(time).min().expect("it is repeated").as_secs_f64() * 1e9 / count
            };
            #[allow(clippy::cast_precision_loss, reason = "counts are small")]
            let bytes = costs[0].bytes as f64 / count;
            is_small &= bytes <= MOST;
            println!(
                "{name:16}{policy:12}{alignment:>9}{count:>12}{off:>9.1}{on:>9.1}{bytes:>8.2}{:>13.1}{:>11.1}{:>10.1}",
                least(|cost| cost.push),
                least(|cost| cost.write),
                least(|cost| cost.read)
            );
        }
    }
    if !is_small {
        eprintln!("a recording has more than {MOST} bytes an operation");
        std::process::exit(1);
    }
}
