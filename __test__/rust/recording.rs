//! Recordings: what is written is read; what is not a whole recording is refused, byte for byte and bit for bit.

use mems::recording::{
    Chunk, Encoder, Entry, Event, Fault, Flags, Full, MOST_EVENTS, MOST_TEXT, Reader, Stacks, Writer,
};
use proptest::prelude::*;

/// An event that owns its text.
#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Plain(Event<'static>),
    Mark(String),
}

impl Owned {
    fn of(event: Event<'_>) -> Self {
        match event {
            Event::Mark(text) => Self::Mark(text.to_owned()),
            Event::Main { address, bytes } => Self::Plain(Event::Main { address, bytes }),
            Event::Block { address, size, alignment } => Self::Plain(Event::Block { address, size, alignment }),
            Event::Malloc { address, size, alignment } => Self::Plain(Event::Malloc { address, size, alignment }),
            Event::Free { address } => Self::Plain(Event::Free { address }),
            Event::Realloc { from, to, size, alignment } => Self::Plain(Event::Realloc { from, to, size, alignment }),
            Event::RefusedMalloc { size, alignment } => Self::Plain(Event::RefusedMalloc { size, alignment }),
            Event::RefusedRealloc { from, size } => Self::Plain(Event::RefusedRealloc { from, size }),
            Event::Grow { address, bytes } => Self::Plain(Event::Grow { address, bytes }),
            Event::Trim { bytes } => Self::Plain(Event::Trim { bytes }),
        }
    }

    fn event(&self) -> Event<'_> {
        match self {
            Self::Plain(event) => *event,
            Self::Mark(text) => Event::Mark(text),
        }
    }
}

/// An event with its thread, its stack, and the time that the clock would show.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    event: Owned,
    thread: u32,
    stack: u32,
    time: u64,
}

impl Item {
    fn of(entry: Entry<'_>) -> Self {
        let Entry { event, thread, stack, time } = entry;
        Self { event: Owned::of(event), thread, stack, time }
    }

    fn push_to(&self, encoder: &mut Encoder) -> Result<(), Full> {
        encoder.push(self.event.event(), self.thread, self.stack, || self.time)
    }
}

/// Numbers of all lengths.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, bits)| number >> bits)
}

/// Addresses, most of them as an aligned heap has them.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![40 => (0..1000_u64).prop_map(|unit| 1000 + 16 * unit), 1 => number()]
}

fn event() -> impl Strategy<Value = Owned> {
    (0..10, address(), number(), number(), address(), ".{0,9}").prop_map(
        |(kind, address, size, alignment, from, text)| {
            Owned::Plain(match kind {
                0 => Event::Main { address, bytes: size },
                1 => Event::Block { address, size, alignment },
                2 => Event::Malloc { address, size, alignment },
                3 => Event::Free { address },
                4 => Event::Realloc { from, to: address, size, alignment },
                5 => Event::RefusedMalloc { size, alignment },
                6 => Event::RefusedRealloc { from, size },
                7 => Event::Grow { address, bytes: size },
                8 => Event::Trim { bytes: size },
                _ => return Owned::Mark(text),
            })
        },
    )
}

fn items(most: usize) -> impl Strategy<Value = Vec<Item>> {
    let thread = prop_oneof![4 => Just(0), 1 => any::<u32>()];
    let item = (event(), thread, any::<u32>(), number()).prop_map(|(event, thread, stack, time)| Item {
        event,
        thread,
        stack,
        time,
    });
    prop::collection::vec(item, 0..most)
}

const ALL: Flags = Flags { clock: true, stacks: true };

/// Writes chunks, each of these items.
fn write(flags: Flags, chunks: &[Vec<Item>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), flags, r#"{"version":"2.0.0"}"#).unwrap();
    let mut encoder = Encoder::new(flags).unwrap();
    for items in chunks {
        for item in items {
            item.push_to(&mut encoder).unwrap();
        }
        writer.chunk(&encoder).unwrap();
        encoder.clear();
    }
    writer.end("{}").unwrap()
}

/// What a chunk's items are when they are read: the clock is read for one in 64.
fn expected(flags: Flags, items: &[Item]) -> Vec<Item> {
    let time = |index: usize| if flags.clock { items[index / 64 * 64].time } else { 0 };
    let item = |(index, item): (usize, &Item)| Item {
        stack: if flags.stacks { item.stack } else { 0 },
        time: time(index),
        ..item.clone()
    };
    items.iter().enumerate().map(item).collect()
}

fn read(reader: &Reader) -> Result<Vec<Vec<Item>>, Fault> {
    let chunk =
        |part: &mems::recording::Part| part.chunk.columns()?.events().map(|entry| Ok(Item::of(entry?))).collect();
    reader.parts().iter().map(chunk).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(clock: bool, stacks: bool, chunks in prop::collection::vec(items(200), 0..4)) {
        let flags = Flags { clock, stacks };
        let bytes = write(flags, &chunks);
        let reader = Reader::new(&bytes, false).unwrap();
        prop_assert_eq!(reader.header(), r#"{"version":"2.0.0"}"#);
        prop_assert_eq!(reader.flags(), flags);
        prop_assert_eq!(reader.stats(), Some("{}"));
        prop_assert_eq!(reader.missing(), 0);
        let chunks: Vec<_> = chunks.iter().filter(|items| !items.is_empty()).map(|items| expected(flags, items)).collect();
        let operations = chunks.iter().flatten().filter(|item| item.event.event().is_operation()).count();
        prop_assert_eq!(reader.operations(), operations as u64);
        prop_assert_eq!(read(&reader).unwrap(), chunks);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), partial: bool, like in 0..19_usize) {
        let begin = write(ALL, &[]);
        bytes.splice(0..0, begin[..like].iter().copied());
        if let Ok(reader) = Reader::new(&bytes, partial) {
            prop_assert!(partial);
            prop_assert!(reader.parts().is_empty());
        }
    }
}

proptest! {
    // Each case has tens of thousands of events.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_encoder_is_full_without_a_change(items in items(50)) {
        prop_assume!(!items.is_empty());
        let mut encoder = Encoder::new(ALL).unwrap();
        let mut pushed = Vec::new();
        for item in items.iter().cycle().take(MOST_EVENTS + 1) {
            if item.push_to(&mut encoder).is_err() {
                break;
            }
            pushed.push(item.clone());
        }
        prop_assert!(encoder.events() == pushed.len() && pushed.len() <= MOST_EVENTS);
        // Even if all that is pushed takes the most that it can, more than a thousand fit.
        prop_assert!(pushed.len() > 1500);
        let mut writer = Writer::new(Vec::new(), ALL, "{}").unwrap();
        writer.chunk(&encoder).unwrap();
        let bytes = writer.end("").unwrap();
        let reader = Reader::new(&bytes, false).unwrap();
        prop_assert_eq!(read(&reader).unwrap(), [expected(ALL, &pushed)]);
    }
}

/// The CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

const fn malloc(address: u64, size: u64) -> Event<'static> {
    Event::Malloc { address, size, alignment: 16 }
}

/// A file of three small chunks of events, of which the second is compressed, a table of stacks, and operations that are missing.
fn small_file() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), ALL, r#"{"policy":"first-fit"}"#).unwrap();
    let mut encoder = Encoder::new(ALL).unwrap();
    encoder.push(Event::Main { address: 1000, bytes: 4096 }, 0, 0, || 5).unwrap();
    encoder.push(malloc(1000, 100), 0, 1, || unreachable!()).unwrap();
    writer.chunk(&encoder).unwrap();
    encoder.clear();
    for _ in 0..40 {
        encoder.push(malloc(1104, 100), 1, 2, || 1000).unwrap();
        encoder.push(Event::Free { address: 1104 }, 1, 2, || 2000).unwrap();
    }
    writer.missing(3);
    writer.chunk(&encoder).unwrap();
    encoder.clear();
    encoder.push(Event::Mark("end"), 0, 0, || 9000).unwrap();
    writer.chunk(&encoder).unwrap();
    writer.stack(1, "at first (a.js:1:1)").unwrap();
    writer.stack(2, "at second (a.js:2:1)").unwrap();
    writer.missing(4);
    writer.missing(5);
    writer.end(r#"{"live":1}"#).unwrap()
}

/// The length of its last chunk.
const END: usize = 40 + r#"{"live":1}"#.len();

/// Where the chunks of events begin.
fn places(reader: &Reader) -> Vec<usize> {
    reader.parts().iter().map(|part| usize::try_from(part.chunk.at()).unwrap()).collect()
}

#[test]
fn missing_operations_are_counted_where_they_are_missing() {
    let bytes = small_file();
    let reader = Reader::new(&bytes, false).unwrap();
    assert_eq!(reader.parts().iter().map(|part| part.missing).collect::<Vec<_>>(), [0, 3, 0]);
    assert_eq!((reader.missing_at_end(), reader.missing(), reader.operations()), (9, 12, 82));
    assert_eq!(reader.parts().iter().map(|part| part.chunk.events()).collect::<Vec<_>>(), [2, 80, 1]);
    let tables: Vec<_> = reader.stacks().iter().map(Chunk::stacks).collect::<Result<_, _>>().unwrap();
    let stacks: Vec<_> = tables.iter().flat_map(Stacks::iter).collect::<Result<_, _>>().unwrap();
    assert_eq!(stacks, [(1, "at first (a.js:1:1)"), (2, "at second (a.js:2:1)")]);
}

#[test]
fn an_empty_recording_is_a_recording() {
    let bytes = write(Flags::default(), &[vec![]]);
    let reader = Reader::new(&bytes, false).unwrap();
    assert_eq!((reader.parts().len(), reader.operations(), reader.missing(), reader.stats()), (0, 0, 0, Some("{}")));
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let mut encoder = Encoder::new(Flags::default()).unwrap();
    let text = format!("a{}", "é".repeat(MOST_TEXT));
    encoder.push(Event::Mark(&text), 0, 0, || 0).unwrap();
    let flags = Flags { stacks: true, ..Flags::default() };
    let mut writer = Writer::new(Vec::new(), flags, "{}").unwrap();
    writer.chunk(&encoder).unwrap();
    let stack = "é\n".repeat(100_000);
    for id in 0..20 {
        writer.stack(id, &stack).unwrap();
    }
    let bytes = writer.end("{}").unwrap();
    let reader = Reader::new(&bytes, false).unwrap();
    let columns = reader.parts()[0].chunk.columns().unwrap();
    let entry = columns.events().next().unwrap().unwrap();
    assert_eq!(entry.event, Event::Mark(&text[..MOST_TEXT - 1]));
    let tables: Vec<_> = reader.stacks().iter().map(Chunk::stacks).collect::<Result<_, _>>().unwrap();
    let stacks: Vec<_> = tables.iter().flat_map(Stacks::iter).collect::<Result<_, _>>().unwrap();
    assert_eq!(stacks, (0..20).map(|id| (id, &stack[..65_535])).collect::<Vec<_>>());
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_read_up_to_there() {
    let bytes = small_file();
    let whole = Reader::new(&bytes, false).unwrap();
    let chunks = read(&whole).unwrap();
    let starts = places(&whole);
    let ends: Vec<_> =
        whole.parts().iter().map(|part| usize::try_from(part.chunk.at()).unwrap() + part.chunk.length()).collect();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        let fault = Reader::new(cut, false).unwrap_err();
        if length == 0 {
            assert_eq!(fault, Fault::NotRecording);
            continue;
        }
        let at = length as u64;
        if length < starts[0] {
            assert_eq!(fault, Fault::CutOffStart { at });
            assert_eq!(Reader::new(cut, true).unwrap_err(), fault);
            continue;
        }
        assert!(matches!(fault, Fault::CutOff { at: there, .. } if there == at), "{fault} at {at}");
        let reader = Reader::new(cut, true).unwrap();
        let before = ends.iter().filter(|&&end| end <= length).count();
        assert_eq!(read(&reader).unwrap(), chunks[..before]);
        assert_eq!(reader.stats(), None);
        // What is missing is known from the headers of the chunks that are whole; the last of them, of stacks, is before the end.
        let missing = if length >= bytes.len() - END { 12 } else { [0, 0, 3, 3][before] };
        assert_eq!(reader.missing(), missing, "cut at {length}");
    }
}

#[test]
fn a_file_with_any_bit_flipped_is_refused_and_never_read_wrongly() {
    let bytes = small_file();
    let whole = Reader::new(&bytes, false).unwrap();
    let chunks = read(&whole).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let fault = Reader::new(&flipped, false).unwrap_err();
        let Ok(reader) = Reader::new(&flipped, true) else {
            assert!(bit / 8 < places(&whole)[0], "{fault}");
            continue;
        };
        let read = read(&reader).unwrap();
        assert!(read.iter().all(|items| chunks.contains(items)), "bit {bit}");
        // A damaged body is left out, and its operations are missing; after a damaged header nothing is read.
        if reader.stats().is_some() {
            assert_eq!(reader.operations() + reader.missing(), whole.operations() + whole.missing(), "bit {bit}");
        }
    }
}

#[test]
fn a_newer_format_is_refused_whatever_follows() {
    let mut bytes = small_file();
    bytes[6] = 2;
    assert_eq!(Reader::new(&bytes, true).unwrap_err(), Fault::Newer { format: 2, newest: 1 });
    bytes.truncate(18);
    assert_eq!(Reader::new(&bytes, true).unwrap_err(), Fault::Newer { format: 2, newest: 1 });
}

#[test]
fn chunks_that_are_lost_repeated_or_swapped_are_found() {
    let bytes = small_file();
    let whole = Reader::new(&bytes, false).unwrap();
    let [first, second, third] = places(&whole)[..] else { panic!() };
    let lost = [&bytes[..second], &bytes[third..]].concat();
    let repeated = [&bytes[..second], &bytes[first..]].concat();
    let swapped = [&bytes[..first], &bytes[second..third], &bytes[first..second], &bytes[third..]].concat();
    for (bytes, chunk, at) in [(lost, 1, second), (repeated, 1, second), (swapped, 0, first)] {
        assert_eq!(Reader::new(&bytes, false).unwrap_err(), Fault::Damaged { chunk, at: at as u64 });
    }
    let followed = [&bytes[..], b"x"].concat();
    assert!(matches!(Reader::new(&followed, false).unwrap_err(), Fault::Invalid { what: "bytes follow the end", .. }));
    assert_eq!(Reader::new(&followed, true).unwrap().operations(), 82);
}

/// A chunk, by the description in `docs/recording.md` rather than by the writer.
fn chunk(content: u8, codec: u8, number: u32, events: u32, length: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![content, codec, 0, 0];
    let stored = u32::try_from(body.len()).unwrap();
    for number in [number, stored, length, events, events, 0, 0, crc32(body)] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(crc32(&bytes).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A file that begins as others do, of these chunks and an end.
fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let end = chunk(3, 0, u32::try_from(chunks.len()).unwrap(), 0, 2, b"{}");
    let begin = write(Flags::default(), &[]);
    [&begin[..begin.len() - end.len()], &chunks.concat(), &end].concat()
}

/// A body of these columns.
fn body(columns: &[(u8, &[u8])]) -> Vec<u8> {
    columns.iter().flat_map(|(id, bytes)| [&[*id, u8::try_from(bytes.len()).unwrap()], *bytes].concat()).collect()
}

fn plain(number: u32, events: u32, columns: &[(u8, &[u8])]) -> Vec<u8> {
    let body = body(columns);
    chunk(1, 0, number, events, u32::try_from(body.len()).unwrap(), &body)
}

#[test]
fn columns_and_chunks_of_unknown_ids_are_skipped() {
    let columns: [(u8, &[u8]); 5] = [(10, b"new"), (1, &[0x12, 3]), (2, &[100]), (3, &[0]), (5, &[16])];
    let columns = [&columns[..], &[(4, &[0][..]), (255, b"newer")]].concat();
    let bytes = file(&[chunk(77, 0, 0, 0, 3, b"???"), plain(1, 2, &columns)]);
    let reader = Reader::new(&bytes, false).unwrap();
    let entry = |event| Entry { event, thread: 0, stack: 0, time: 0 };
    let columns = reader.parts()[0].chunk.columns().unwrap();
    let events: Vec<_> = columns.events().collect::<Result<_, _>>().unwrap();
    assert_eq!(events, [entry(malloc(1000, 100)), entry(Event::Free { address: 1000 })]);
}

#[test]
fn chunks_that_no_writer_writes_are_refused() {
    let mut bomb = vec![1, 0, 0, 0xff, 0xff];
    bomb.resize(5 + 65_535, 0);
    for bytes in [
        // Columns with a value less or more than there are events, a kind and a bit without meaning, a column twice.
        plain(0, 2, &[(1, &[3]), (4, &[2])]),
        plain(0, 1, &[(1, &[3]), (4, &[2, 2])]),
        plain(0, 1, &[(1, &[3])]),
        plain(0, 1, &[(1, &[3]), (4, &[0x80])]),
        plain(0, 1, &[(1, &[10])]),
        plain(0, 1, &[(1, &[0x83]), (4, &[2])]),
        plain(0, 1, &[(1, &[9]), (9, &[1, 0xff])]),
        plain(0, 1, &[(1, &[0x28]), (2, &[1]), (6, &[0xff, 0xff, 0xff, 0xff, 0x7f])]),
        plain(0, 1, &[(1, &[3]), (1, &[3]), (4, &[2])]),
        // Bodies without columns, without a length, with lengths that are longer, and with an empty column.
        chunk(1, 0, 0, 1, 0, &[]),
        chunk(1, 0, 0, 1, 1, &[1]),
        chunk(1, 0, 0, 1, 3, &[1, 2, 3]),
        chunk(1, 0, 0, 1, 6, &[1, 0xff, 0xff, 0xff, 0xff, 0xf]),
        chunk(1, 0, 0, 1, 12, &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 3]),
        chunk(1, 0, 0, 1, 2, &[1, 0]),
        // Other lengths than the header says, an unknown codec, no deflate, deflate with more behind it, and gigabytes.
        chunk(1, 0, 0, 1, 5, &[0]),
        chunk(1, 2, 0, 1, 1, &[0]),
        chunk(1, 1, 0, 1, 1, &[0xff; 9]),
        chunk(1, 1, 0, 1, 1, &[3, 0, 3, 0]),
        chunk(1, 1, 0, 1, 10, &bomb),
        chunk(1, 1, 0, 1, u32::MAX, &bomb),
        chunk(1, 0, 0, u32::MAX, 1, &[0]),
    ] {
        let bytes = file(&[bytes]);
        let reader = Reader::new(&bytes, false).unwrap();
        let fault = read(&reader).unwrap_err();
        assert!(matches!(fault, Fault::Invalid { chunk: 0, .. }), "{fault}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_makes_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), codec in 0..2_u8, length in 0..70_u32, events in 0..9_u32, content in 1..4_u8) {
        let bytes = file(&[chunk(content, codec, 0, events, length, &bytes)]);
        if let Ok(reader) = Reader::new(&bytes, false) {
            let _ = read(&reader);
            let tables: Vec<_> = reader.stacks().iter().filter_map(|chunk| chunk.stacks().ok()).collect();
            for table in &tables {
                let _ = table.iter().collect::<Vec<_>>();
            }
        }
    }

    #[test]
    fn no_columns_make_a_reader_panic(columns in prop::collection::vec((1..11_u8, prop::collection::vec(any::<u8>(), 0..9)), 0..9), kinds in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut columns: Vec<_> = columns.iter().map(|(id, bytes)| (*id, &bytes[..])).filter(|&(id, _)| id != 1).collect();
        columns.push((1, &kinds));
        let bytes = file(&[plain(0, u32::try_from(kinds.len()).unwrap(), &columns)]);
        let _ = read(&Reader::new(&bytes, false).unwrap());
    }
}

/// The bytes of a file, field by field, as `docs/recording.md` shows them.
fn dump(bytes: &[u8], fields: &[(usize, &str)]) -> String {
    let (mut at, mut lines) = (0, String::new());
    for &(length, meaning) in fields {
        for (row, bytes) in bytes[at..at + length].chunks(8).enumerate() {
            let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let meaning = if row == 0 { meaning } else { "" };
            lines += format!("{:04x}  {:23}  {meaning}", at + 8 * row, hex.join(" ")).trim_end();
            lines += "\n";
        }
        at += length;
    }
    assert_eq!(at, bytes.len(), "all bytes are shown");
    lines
}

#[test]
fn the_document_shows_a_small_file_byte_for_byte() {
    let flags = Flags { clock: true, ..Flags::default() };
    let mut writer = Writer::new(Vec::new(), flags, r#"{"mems":"2.0.0"}"#).unwrap();
    let mut encoder = Encoder::new(flags).unwrap();
    encoder.push(malloc(1000, 300), 0, 0, || 5000).unwrap();
    encoder.push(malloc(1300, 20), 0, 0, || unreachable!()).unwrap();
    encoder.push(Event::Free { address: 1000 }, 1, 0, || unreachable!()).unwrap();
    writer.chunk(&encoder).unwrap();
    writer.missing(7);
    let bytes = writer.end("{}").unwrap();
    let header = |content, number, stored, events, missing| {
        [
            (1, content),
            (1, "codec: as it is"),
            (2, "reserved"),
            (4, number),
            (4, stored),
            (4, "bytes, decompressed"),
            (4, events),
            (4, "of these, operations"),
            (8, missing),
            (4, "CRC-32 of the body"),
            (4, "CRC-32 of the 36 bytes before"),
        ]
    };
    let start = [
        (6, "\"MEMS\", 0x1a, 0"),
        (2, "format 1"),
        (2, "flags: clock"),
        (4, "16 bytes of header"),
        (4, "CRC-32 of flags, length and header"),
        (16, r#"{"mems":"2.0.0"}"#),
    ];
    let body = [
        (2, "column 1, kinds: 3 bytes"),
        (3, "malloc with a new alignment; malloc, unaligned from here on; free of a recent block by a new thread"),
        (2, "column 2, sizes: 3 bytes"),
        (3, "300, 20"),
        (2, "column 3, addresses: 3 bytes"),
        (3, "zigzag((1000 - 1000) / 16), zigzag(1300 - 1000)"),
        (2, "column 4, freed: 1 byte"),
        (1, "one block was made since"),
        (2, "column 5, alignments: 1 byte"),
        (1, "16"),
        (2, "column 6, threads: 1 byte"),
        (1, "1"),
        (2, "column 8, times: 2 bytes"),
        (2, "5000"),
    ];
    let events = header("events", "chunk 0", "28 bytes of body", "3 events", "no operations are missing before");
    let end = header("end", "chunk 1", "2 bytes of body", "no events", "7 operations are missing before");
    let fields = [&start[..], &events, &body, &end, &[(2, "{}: the statistics")]].concat();
    let shown = dump(&bytes, &fields);
    let document = include_str!("../../docs/recording.md").replace("\r\n", "\n");
    assert!(document.contains(&shown), "docs/recording.md has to have:\n{shown}");
}

/// A disk that is full after some bytes.
struct Disk(usize);

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = bytes.len().min(self.0);
        self.0 -= written;
        if written == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(written) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_disk_is_returned() {
    let full = |result: std::io::Result<()>| assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    full(Writer::new(Disk(10), ALL, "{}").map(drop));
    let mut encoder = Encoder::new(ALL).unwrap();
    encoder.push(malloc(1000, 1), 0, 0, || 0).unwrap();
    let mut writer = Writer::new(Disk(60), ALL, "{}").unwrap();
    full(writer.chunk(&encoder));
    full(writer.end("{}").map(drop));
}
