//! Locks on bytes of a file that others hold for long: no test can make a thousand processes, or stop one at the right moment, but a second
//! descriptor of the file holds locks as they would.

use super::open::{FileOptions, Opened};
use super::{byte, layout};
use crate::error::Error;
use crate::file_error::FileError;
use crate::memory::file::{File, How, new_uuid};
use crate::mems::Mems;
use std::path::PathBuf;
use std::time::Duration;

/// A heap file without blocks, which is removed with this, and a descriptor of somebody else.
struct Shared {
    path: PathBuf,
    others: File,
}

const OPTIONS: fn() -> FileOptions =
    || FileOptions { lock_timeout: Duration::from_millis(30), ..FileOptions::default() };

impl Shared {
    fn new() -> Self {
        let name = format!("mems-test-{:032x}.mems", u128::from_be_bytes(new_uuid().expect("random numbers")));
        let path = std::env::temp_dir().join(name);
        drop(open(&path).expect("it is created"));
        let others = File::open(&path, How::default()).expect("it is opened");
        Self { path, others }
    }

    fn hold(&self, byte: u64) {
        assert!(self.others.try_lock_byte(byte).expect("the system agrees"), "nobody has the lock");
    }

    fn release(&self, byte: u64) {
        self.others.unlock_byte(byte).expect("the system agrees");
    }

    fn open(&self) -> Result<Mems, Error> {
        open(&self.path)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &std::path::Path) -> Result<Mems, Error> {
    Mems::in_file(&Opened::new(path, &OPTIONS())?, &OPTIONS())
}

/// A call, as the registry makes it.
fn malloc(mems: &mut Mems, size: u64) -> Result<u64, Error> {
    mems.enter_file()?;
    let made = mems.malloc(size);
    mems.leave_file();
    made
}

fn is_timeout<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::File(FileError::LockTimeout { .. })))
}

#[test]
fn no_more_processes_than_there_are_slots_open_a_file() {
    let shared = Shared::new();
    for slot in 0..layout::SLOTS as u64 {
        shared.hold(slot);
    }
    let refused = shared.open();
    assert!(matches!(refused, Err(Error::File(FileError::TooManyProcesses { .. }))));
    shared.release(700);
    let mut mems = shared.open().expect("there is a slot");
    assert_eq!(malloc(&mut mems, 8).expect("there is room"), 1000);
}

#[test]
fn who_needs_an_extent_waits_for_the_process_that_adds_one_and_others_do_not() {
    let shared = Shared::new();
    let (mut first, mut second) = (shared.open().expect("it is sound"), shared.open().expect("it is sound"));
    malloc(&mut first, 8).expect("there is room");
    shared.hold(byte::GROWTH);
    assert!(is_timeout(&malloc(&mut first, 8 << 20)));
    // The call that was refused has left the lock.
    malloc(&mut second, 8).expect("a hole is large enough");
    malloc(&mut first, 8).expect("a hole is large enough");
    shared.release(byte::GROWTH);
    malloc(&mut first, 8 << 20).expect("there is room");
    malloc(&mut second, 8 << 20).expect("there is room");
    first.enter_file().expect("nobody has the lock");
    assert_eq!(first.stats().live_blocks, 5);
    first.leave_file();
}

#[test]
fn a_file_that_another_process_opens_is_waited_for() {
    let shared = Shared::new();
    shared.hold(byte::OPENING);
    assert!(is_timeout(&shared.open()));
    shared.release(byte::OPENING);
    shared.open().expect("nobody has the lock");
}
