//! Traces: those of the benchmark are read and written as they are, and what is no trace is refused by its line.

use flate2::read::GzDecoder;
use mems::recording::{Fault, Request, TraceReader, TraceWriter};
use proptest::prelude::*;
use std::fs::File;
use std::io::Read;
use std::path::Path;

fn read(text: &str) -> Result<Vec<Request>, Fault> {
    TraceReader::new(text.as_bytes()).collect()
}

fn write(ids: u32, requests: &[Request]) -> String {
    let mut writer = TraceWriter::new(Vec::new(), ids, requests.len() as u64).unwrap();
    for &request in requests {
        writer.push(request).unwrap();
    }
    String::from_utf8(writer.end().unwrap()).unwrap()
}

/// The text of a trace of the benchmark.
fn unpacked(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn the_traces_of_the_benchmark_are_written_as_they_were_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/traces");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let text = unpacked(&path);
            let requests: Vec<_> = TraceReader::new(&text).collect::<Result<_, _>>().unwrap();
            let ids = requests
                .iter()
                .map(|&(Request::Malloc { id, .. } | Request::Realloc { id, .. } | Request::Free { id })| id);
            let written = write(ids.max().unwrap() + 1, &requests);
            // (A comparison by `assert_eq` would print megabytes.)
            let differs =
                written.lines().zip(str::from_utf8(&text).unwrap().lines()).position(|(one, other)| one != other);
            assert!(differs.is_none() && written.len() == text.len(), "{} differs at {differs:?}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 6);
}

#[test]
fn a_trace_may_have_no_head_and_have_comments_and_other_ends_of_lines() {
    let requests =
        vec![Request::Malloc { id: 7, size: 1 }, Request::Realloc { id: 7, size: 2 }, Request::Free { id: 7 }];
    for text in ["a 7 0\nr 7 2\nf 7\n", "# by hand\r\na 7 1\r\n\r\nr 7 2\r\nf 7", "0\n8\n3\n1\na 7 1\nr 7 2\nf 7\n"] {
        assert_eq!(read(text).unwrap(), requests);
    }
    assert_eq!(read("").unwrap(), []);
    assert_eq!(read("0\n0\n0\n1\n").unwrap(), []);
}

#[test]
fn what_is_no_trace_is_refused_by_its_line() {
    for (text, line, part) in [
        ("x", 1, "a ID SIZE"),
        ("MEMS\u{1a}\0", 1, "a ID SIZE"),
        ("a 1", 1, "a ID SIZE"),
        ("a 1 2 3", 1, "a ID SIZE"),
        ("a  1 2", 1, "a ID SIZE"),
        ("a 1 2 ", 1, "a ID SIZE"),
        ("a 1 -2", 1, "a ID SIZE"),
        ("a 1 +2", 1, "a ID SIZE"),
        ("a 1 18446744073709551616", 1, "a ID SIZE"),
        ("aa 1 2", 1, "a ID SIZE"),
        ("a 1 2\nf 1 2", 2, "a ID SIZE"),
        ("a 1 2\n\n# so\nf 2", 4, "is not allocated"),
        ("a 1 2\nf 1\nf 1", 3, "is not allocated"),
        ("r 1 2", 1, "is not allocated"),
        ("a 1 2\na 1 2", 2, "is allocated already"),
        ("a 16777216 2", 1, "the id is too large"),
        ("a 18446744073709551615 2", 1, "the id is too large"),
        ("a 1 9007199254740992", 1, "the size is too large"),
        ("0\n1\na 1 2", 3, "four numbers"),
        ("0\n1\n2\n3\n4\na 1 2", 5, "a number is not an operation"),
        ("a 1 2\n5", 2, "a number is not an operation"),
        ("0x", 1, "not a number"),
    ] {
        let fault = read(text).unwrap_err();
        assert!(
            matches!(fault, Fault::Line { line: at, what } if at == line && what.contains(part)),
            "{text:?}: {fault}"
        );
    }
    assert_eq!(read("0\n1\n2\n1\na 0 1\n").unwrap_err(), Fault::Count { read: 1, named: 2 });
    assert_eq!(read("0\n1\n").unwrap_err(), Fault::Count { read: 0, named: 0 });
    let mut reader = TraceReader::new(b"a 1 2\nx\na 2 2\n");
    assert_eq!(reader.by_ref().count(), 2, "nothing follows a fault");
    assert_eq!(reader.line(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_panic(text in "[arf0-9 \n#\r]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for text in [text.as_bytes(), &bytes] {
            let requests: Result<Vec<_>, _> = TraceReader::new(text).collect();
            if let Ok(requests) = requests {
                prop_assert_eq!(read(&write(1 << 24, &requests)).unwrap(), requests);
            }
        }
    }
}
