//! A recording of calls that JavaScript describes, and the sum of the addresses in it: for `npm run check:wasm`.

use crate::recording::{Encoder, Event, Fault, Flags, Reader, Writer};
use std::cell::RefCell;

thread_local! {
    static EVENTS: RefCell<Encoder> = RefCell::new(Encoder::new(Flags::default()).expect("there is memory"));
    /// The bytes of the last recording.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn record(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push(event, 0, 0, || 0)).expect("a chunk has room for all calls");
}

/// Panics, for the test of what a panic leaves.
#[unsafe(no_mangle)]
pub extern "C" fn panic_on_purpose() {
    panic!("on purpose");
}

/// Records that a call of malloc has returned an address.
#[unsafe(no_mangle)]
pub extern "C" fn record_malloc(address: u64, size: u64) {
    record(Event::Malloc { address, size, alignment: 1 });
}

/// Records that a block was freed.
#[unsafe(no_mangle)]
pub extern "C" fn record_free(address: u64) {
    record(Event::Free { address });
}

/// Ends the recording, so that the next begins. Returns the number of its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn end_recording() -> usize {
    let write = || {
        let mut writer = Writer::new(Vec::new(), Flags::default(), "{}")?;
        EVENTS.with_borrow(|events| writer.chunk(events))?;
        writer.end("{}")
    };
    let bytes: std::io::Result<_> = write();
    EVENTS.with_borrow_mut(Encoder::clear);
    BYTES.set(bytes.unwrap_or_default());
    BYTES.with_borrow(Vec::len)
}

/// The place of the recording's bytes, until the next one ends.
#[unsafe(no_mangle)]
pub extern "C" fn recording_bytes() -> *const u8 {
    BYTES.with_borrow(Vec::as_ptr)
}

/// Reads the recording. Returns the sum of its addresses, those of frees subtracted, or 0 if it cannot be read.
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_recording() -> u64 {
    let add = |sum: u64, event: Event| match event {
        Event::Malloc { address, .. } => sum.wrapping_add(address),
        Event::Free { address } => sum.wrapping_sub(address),
        _ => sum,
    };
    BYTES
        .with_borrow(|bytes| {
            let reader = Reader::new(bytes, false)?;
            reader.parts().iter().try_fold(0, |sum, part| {
                let columns = part.chunk.columns()?;
                columns.events().try_fold(sum, |sum, entry| Ok::<_, Fault>(add(sum, entry?.event)))
            })
        })
        .unwrap_or(0_u64)
}
