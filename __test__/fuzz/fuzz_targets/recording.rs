//! Coverage-guided recordings whose checksums are right, so that what is behind these is reached; what can be read is read again from
//! a file that is written of it. Run: `npm run fuzz -- 60 recording`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mems::recording::{Chunk, Encoder, Entry, Fault, Flags, Reader, TraceReader, Writer};

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

/// A file of one chunk, and an end.
fn file(content: u8, codec: u8, [events, operations, length]: [u32; 3], body: &[u8]) -> Vec<u8> {
    let mut file = b"MEMS\x1a\0\x01\0\x03\0\0\0\0\0".to_vec();
    file.extend(crc32(&file[8..14]).to_le_bytes());
    let chunks = [(content, codec, 0, events, operations, length, body), (3, 0, 1, 0, 0, 0, &[][..])];
    for (content, codec, number, events, operations, length, body) in chunks {
        let mut header = vec![content, codec, 0, 0];
        let stored = u32::try_from(body.len()).unwrap();
        for number in [number, stored, length, events, operations, 0, 0, crc32(body)] {
            header.extend(number.to_le_bytes());
        }
        header.extend(crc32(&header).to_le_bytes());
        file.extend(header);
        file.extend(body);
    }
    file
}

/// The events of a file's first chunk.
fn read<T>(file: &[u8], visit: impl FnOnce(Vec<Entry>) -> T) -> Result<Option<T>, Fault> {
    let reader = Reader::new(file, false)?;
    let Some(part) = reader.parts().first() else { return Ok(None) };
    let columns = part.chunk.columns()?;
    let events = columns.events().collect::<Result<_, _>>()?;
    Ok(Some(visit(events)))
}

fuzz_target!(|data: &[u8]| {
    let _ = TraceReader::new(data).collect::<Result<Vec<_>, _>>();
    let Some((&[content, codec, events, operations, low, high], body)) = data.split_first_chunk() else { return };
    // A body that is not compressed has its own length, or the chunk is refused at once.
    let length = if codec % 2 == 0 { body.len() } else { usize::from(u16::from_le_bytes([low, high])) };
    let counts = [u32::from(events), u32::from(operations), u32::try_from(length).unwrap()];
    let file = file(content % 4, codec % 2, counts, body);
    if let Ok(reader) = Reader::new(&file, false) {
        for table in reader.stacks().iter().filter_map(|chunk| Chunk::stacks(chunk).ok()) {
            let _ = table.iter().collect::<Vec<_>>();
        }
    }
    let flags = Flags { clock: true, stacks: true };
    let _ = read(&file, |events| {
        let mut encoder = Encoder::new(flags).unwrap();
        for entry in &events {
            encoder.push(entry.event, entry.thread, entry.stack, || entry.time).unwrap();
        }
        let mut writer = Writer::new(Vec::new(), flags, "").unwrap();
        writer.chunk(&encoder).unwrap();
        let again = writer.end("").unwrap();
        let read = read(&again, |again| assert_eq!(again, events));
        assert!(read.is_ok());
    });
});
