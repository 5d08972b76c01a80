//! Mappings of files, as regions and spans use them.

use super::{File, How, UNIT, new_uuid};
use crate::memory::mapping::Mapping;
use crate::memory::span::{LARGE, Span};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// A file of 16 MiB, each of whose bytes is 1, and its path, which is removed with this.
struct Sample(Arc<File>, PathBuf);

const BYTES: usize = 16 << 20;

impl Sample {
    fn new() -> Self {
        let name = format!("mems-test-{:032x}", u128::from_be_bytes(new_uuid().expect("random numbers")));
        let path = std::env::temp_dir().join(name);
        let contents = vec![1; BYTES];
        let made = File::create(&path, 0o600, BYTES as u64, false, &mut |mut file| file.write_all(&contents));
        assert!(made.expect("the system agrees"));
        Self(Arc::new(File::open(&path, How::default()).expect("it is opened")), path)
    }

    fn mapping(&self) -> Arc<Mapping> {
        Arc::new(Mapping::of_file(&self.0, 0, BYTES, 0, true).expect("it is mapped"))
    }

    fn is_all(&self, byte: u8) -> bool {
        let mut read = vec![0; BYTES];
        self.0.read_at(0, &mut read).expect("they are there");
        read.iter().all(|&other| other == byte)
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.1);
    }
}

fn whole(mapping: &Arc<Mapping>) -> Span {
    Span::new(Arc::clone(mapping), 0, BYTES)
}

#[test]
fn nothing_of_a_file_is_given_back() {
    let sample = Sample::new();
    let mapping = sample.mapping();
    assert_eq!(mapping.decommit(0..BYTES), 0);
    whole(&mapping).abandon();
    assert!(sample.is_all(1));
}

#[test]
fn pages_that_this_process_has_not_touched_are_not_taken_for_zeros() {
    let sample = Sample::new();
    let mapping = sample.mapping();
    let copy = Arc::new(Mapping::reserve(BYTES, 0, false).expect("there is room"));
    whole(&copy).copy_from(&whole(&mapping));
    assert_eq!(whole(&copy).first_other(0..BYTES, 1, false), None, "all of it is copied");
    let untouched = sample.mapping();
    assert_eq!(whole(&untouched).first_other(0..BYTES, 0, true), Some(0), "all of it is read");
    whole(&sample.mapping()).clear();
    assert!(sample.is_all(0), "all of it is cleared, in the file as well");
    const { assert!(BYTES >= LARGE) };
}

#[cfg(unix)]
#[test]
fn an_ended_heap_leaves_the_file_as_it_is() {
    let sample = Sample::new();
    let mapping = sample.mapping();
    let other = sample.mapping();
    mapping.promise(BYTES - 100);
    mapping.empty(1 << 16);
    assert_eq!(whole(&mapping).first_other(0..BYTES, 0, false), None, "zeros, not only as far as was used");
    whole(&mapping).fill(9);
    mapping.shrink(1 << 16);
    assert!(sample.is_all(1), "stores no longer reach the file");
    assert_eq!(whole(&other).first_other(0..BYTES, 1, false), None);
    // Another that is ended, of which no buffer was promised anything.
    other.shrink(1 << 16);
    Span::new(Arc::clone(&other), 0, 1 << 16).fill(9);
    assert!(sample.is_all(1));
}

/// Names in a folder that a test has for itself, and removes.
#[cfg(any(target_os = "linux", target_os = "macos", windows))]
#[test]
fn what_a_dead_process_has_left_of_a_new_file_is_removed_and_nothing_else() {
    let folder = std::env::temp_dir().join(format!("mems-test-{:032x}", u128::from_be_bytes(new_uuid().unwrap())));
    fs::create_dir(&folder).unwrap();
    let name = |number: u8| folder.join(format!(".mems-{number:032x}.new"));
    fs::write(name(1), "left").unwrap();
    // A process that was killed after the file had got its name has left another name of it.
    let made = |path: &std::path::Path| File::create(path, 0o600, UNIT, false, &mut |_| Ok(()));
    assert!(made(&folder.join("first.mems")).unwrap());
    fs::hard_link(folder.join("first.mems"), name(2)).unwrap();
    fs::create_dir(name(3)).unwrap();
    fs::write(folder.join(".mems-1.new"), "no name of ours").unwrap();
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let path = folder.join("second.mems");
    let made_within = File::create(&path, 0o600, UNIT, false, &mut |_| {
        // While this one is made, another thread, or process, makes one in the same folder.
        assert_eq!(names().len(), 4, "{:?}", names());
        assert!(made(&folder.join("third.mems")).unwrap());
        assert_eq!(names().len(), 5, "{:?}", names());
        Ok(())
    });
    assert!(made_within.unwrap());
    let directory = name(3).file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names(), [&directory[..], ".mems-1.new", "first.mems", "second.mems", "third.mems"]);
    fs::remove_dir_all(&folder).unwrap();
}

#[cfg(unix)]
#[test]
fn the_range_of_an_ended_map_is_watched_no_more() {
    let sample = Sample::new();
    let mapping = sample.mapping();
    let at = mapping.base() as usize + BYTES - 1;
    assert!(super::ranges::find(at).is_some() && super::ranges::find(at + 1).is_none());
    assert!(super::ranges::find(mapping.base() as usize - 1).is_none(), "the front is no file's");
    mapping.empty(0);
    assert!(super::ranges::find(at).is_none());
    let map = sample.0.map(UNIT, UNIT).expect("it is mapped");
    let at = std::ptr::from_ref(&map.words64(0, 1).expect("it is in it")[0]) as usize;
    assert!(super::ranges::find(at).is_some_and(|(end, _)| end == at + (1 << 16)));
}

/// Many threads enter and leave maps while others look for theirs.
#[cfg(unix)]
#[test]
fn a_range_is_found_while_others_come_and_go() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let sample = Sample::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop([(); 8].map(|()| sample.0.map(UNIT, UNIT).expect("it is mapped")));
                }
            });
        }
        let own = Arc::new(File::open(&sample.1, How::default()).expect("it is opened"));
        for _ in 0..2000 {
            let map = own.map(0, 2 * UNIT).expect("it is mapped");
            let start = std::ptr::from_ref(&map.words64(0, 1).expect("it is in it")[0]) as usize;
            for at in [start, start + (2 << 16) - 1] {
                let (end, file) = super::ranges::find(at).expect("it is there");
                assert_eq!((end, file), (start + (2 << 16), Arc::as_ptr(&own)));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
