//! The texts of a recording: its header and its last statistics, as JSON; and names.
//!
//! Both are written from the tables of options and of statistics. Names of these need no escapes, so no library is needed.

use crate::heap::{Group, Stats};
use crate::mems::{Options, Setting};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// The name of the thread that writes.
pub(super) const THREAD: &str = "mems-recording";

/// The header: the version of MeMS, the platform, the time, and the heap's options as `new Heap()` takes them.
pub(super) fn header(options: &Options) -> String {
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut text = format!(
        "{{\"mems\":\"{}\",\"platform\":\"{}-{}\",\"time\":{milliseconds},\"options\":{{",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let mut separator = "";
    for (choice, setting) in options.settings() {
        // Writing to a string does not fail.
        let _ = match setting {
            Setting::Word(word) => write!(text, "{separator}\"{}\":\"{word}\"", choice.name),
            other => write!(text, "{separator}\"{}\":{other}", choice.name),
        };
        separator = ",";
    }
    text + "}}"
}

/// Statistics, in the groups and by the names that JavaScript has.
pub(super) fn stats(stats: &Stats) -> String {
    let mut text = String::from("{");
    for (number, group) in Group::ALL.into_iter().enumerate() {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(text, "{separator}\"{}\":{{", group.name().to_string_lossy());
        let rows = Stats::ALL.iter().filter(|row| row.group == group);
        for (number, row) in rows.enumerate() {
            let separator = if number == 0 { "" } else { "," };
            let _ = write!(text, "{separator}\"{}\":{}", row.name.to_string_lossy(), (row.of)(stats));
        }
        text.push('}');
    }
    text + "}"
}
