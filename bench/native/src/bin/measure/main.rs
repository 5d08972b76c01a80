//! The native measurements of `npm run bench`, as one program, so that the peers and Criterion are linked once:
//! `measure times|once|footprint|metadata|small`. All but the first print lines of JSON.

mod footprint;
mod metadata;
mod once;
mod small;
mod times;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // More arguments are for a process that one of these starts.
    match arguments.split_first() {
        Some((what, [])) if what == "times" => times::run(),
        Some((what, [])) if what == "metadata" => metadata::run(),
        Some((what, [])) if what == "small" => small::run(),
        Some((what, rest)) if what == "once" => once::run(rest),
        Some((what, rest)) if what == "footprint" => footprint::run(rest),
        _ => {
            eprintln!("usage: measure times|once|footprint|metadata|small");
            std::process::exit(2);
        }
    }
}
